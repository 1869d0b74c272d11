"""Fourier neural operators whose weights are factorised tensors."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pinnlab.admissible import require_numbers
from pinnlab.networks.drawn_layers import normal
from pinnlab.networks.fno import FourierNetwork, fourier_settings, require_fourier
from pinnlab.networks.operator import OperatorArchitecture, Signature
from pinnlab.networks.position_channels import Coordinates, PositionChannels
from pinnlab.networks.spectral_convolution import ModeMixing, lowest, mixed


class TuckerMixing(ModeMixing):
    """Y_k = X_k W_k with W in Tucker form [1]: W_{k_1...k_d,io} = sum G_{r_1...r_d,ab} U_{k_1 r_1} ... A_ia B_bo.

    The core G is complex, the factors U, A and B are real, which is no restriction at full rank.  Channels are reduced
    by A before the modes are mixed and raised by B after it, so that W itself is never formed.

    Args:
        inputs: Channels in.
        outputs: Channels out.
        modes: Per axis.
        rank: The share of each of W's sizes that the core keeps, to the power d + 2: about the share of its entries.
        generator: Of the weights; W has about the variance that dense weights have.
        dtype: Real.

    Attributes:
        core: (*ranks of modes, rank of inputs, rank of outputs, 2).
        factors: U, (count, rank) for each axis.
        reduction: A, (inputs, rank of inputs).
        expansion: B, (rank of outputs, outputs).

    [1] J. Kossaifi, N. Kovachki, K. Azizzadenesheli, A. Anandkumar, TMLR 2024, arXiv:2310.00120.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        modes: tuple[int, ...],
        rank: float,
        generator: torch.Generator,
        dtype: torch.dtype,
    ) -> None:
        super().__init__()
        self.modes = modes
        counts = (*(2 * m - 1 for m in modes[:-1]), modes[-1])
        ranks = tucker_ranks((*counts, inputs, outputs), rank)
        self.core = torch.nn.Parameter(normal((*ranks, 2), math.sqrt(0.5 / inputs), generator, dtype))
        self.factors = torch.nn.ParameterList(
            normal((n, r), 1 / math.sqrt(r), generator, dtype) for n, r in zip(counts, ranks[:-2], strict=True)
        )
        self.reduction = torch.nn.Parameter(normal((inputs, ranks[-2]), 1 / math.sqrt(ranks[-2]), generator, dtype))
        self.expansion = torch.nn.Parameter(normal((ranks[-1], outputs), 1 / math.sqrt(ranks[-1]), generator, dtype))

    def forward(self, coefficients: Tensor, modes: tuple[int, ...]) -> Tensor:
        """Y_k = ((X_k A) G_k) B with G_k the core at the modes."""
        core: Tensor = self.core
        axes = len(self.modes)
        for factor, kept in reversed(list(zip(self.factors, lowest(self.modes, modes), strict=True))):
            # The contracted axis comes out in front, and the next one has moved to its place.
            core = torch.tensordot(factor[kept], core, dims=([1], [axes - 1]))
        matrices = torch.view_as_complex(core.contiguous())
        reduced = coefficients @ self.reduction.to(coefficients.dtype)
        return mixed(reduced, matrices) @ self.expansion.to(coefficients.dtype)

    def clear_beyond(self, modes: tuple[int, ...]) -> None:
        """Set the rows of U to zero where a wave number is not below `modes`."""
        with torch.no_grad():
            for factor, kept in zip(self.factors, lowest(self.modes, modes), strict=True):
                rows = factor[kept].clone()
                factor.zero_()
                factor[kept] = rows


def tucker_ranks(sizes: tuple[int, ...], rank: float) -> tuple[int, ...]:
    """Ranks whose product is about the share `rank` of the product of sizes, in proportion to them."""
    share = rank ** (1 / len(sizes))
    return tuple(max(1, round(share * size)) for size in sizes)


@dataclass(frozen=True)
class Tfno(OperatorArchitecture):
    """The tensorised Fourier neural operator [1]: `Fno` with weights in Tucker form, of fewer parameters.

    It trains on fewer data than the dense network, of which it is a special case; where data are plenty, `Fno` is as
    good and faster.

    Args:
        modes: m per axis, or one number for all.
        width: Channels between the layers.
        depth: Fourier layers.
        rank: The core's share of the entries of dense weights, in (0, 1]; factors come on top.
        padding: For axes that are not periodic: continuation by zeros, as a share of the length, from 0 to 1.
        positions: Appended to the input functions; `NoPositions()` where the equation is the same everywhere.

    Raises:
        ValueError: If a number is out of its range; on building, if the grid carries fewer modes.

    [1] J. Kossaifi, N. Kovachki, K. Azizzadenesheli, A. Anandkumar, TMLR 2024, arXiv:2310.00120.
    """

    modes: int | tuple[int, ...] = 12
    width: int = 32
    depth: int = 4
    rank: float = 0.1
    padding: float = 0.0
    positions: PositionChannels = field(default_factory=Coordinates)

    def __post_init__(self) -> None:
        require_fourier(self, self.modes, self.width, self.depth, self.padding, self.positions)
        require_numbers(self, rank=self.rank)
        if not 0 < self.rank <= 1:
            raise ValueError(f"Tfno: rank = {self.rank}; give a share of the dense weights in (0, 1]")

    def build(self, signature: Signature, generator: torch.Generator) -> FourierNetwork:
        """A fresh network on the generator's device; equal generators give equal weights."""
        settings = fourier_settings(self, self.modes, signature, self.width, self.depth, self.padding, self.positions)
        return FourierNetwork(settings, signature, self._mixing, generator)

    def _mixing(
        self, inputs: int, outputs: int, modes: tuple[int, ...], generator: torch.Generator, dtype: torch.dtype
    ) -> TuckerMixing:
        return TuckerMixing(inputs, outputs, modes, self.rank, generator, dtype)
