"""Deep operator networks whose functions of the position are principal components of the training outputs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pinnlab.admissible import require_counts
from pinnlab.networks.activations import Swish
from pinnlab.networks.architecture import Architecture, require_architecture
from pinnlab.networks.deeponet import Sensors
from pinnlab.networks.mlp import Mlp
from pinnlab.networks.operator import OperatorArchitecture, OperatorNetwork, Signature

# Positions that differ by less, in parts of the box, are the same: those of float32 files.
SAME_PLACE = 1e-5


def principal_components(snapshots: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """Mean `(m,)` and components `(rank, m)` of snapshots `(n, m)`, in float64: a proper orthogonal decomposition.

    The components are orthogonal, of falling size; each is as long as the standard deviation of its coefficient, so
    that the n coefficients of the snapshots, in these components, have mean 0 and deviation 1.  Where the snapshots
    span fewer dimensions, the last components are zero.  Of each the largest entry is positive.
    """
    values = snapshots.double()
    mean = values.mean(0)
    _, sizes, directions = torch.linalg.svd(values - mean, full_matrices=False)
    components = directions[:rank] * (sizes[:rank] / math.sqrt(len(values)))[:, None]
    largest = components.gather(1, components.abs().argmax(1, keepdim=True))
    # Singular vectors are unique up to their sign, which would differ from one machine to the next.
    return mean, torch.where(largest < 0, -components, components)


class BranchAndComponents(OperatorNetwork):
    """u(y) = phi_0(y) + sum_k b_k phi_k(y) at the nodes of the training grid, for all outputs together.

    Attributes:
        branch: Values `(batch, inputs, *grid)` to b, `(batch, rank)`.
        mean: phi_0, `(outputs, *grid)`.
        components: phi_k, `(rank, outputs, *grid)`.
        positions: Of the nodes, `(*grid, dimension)`; NaN as long as `informed_by` has not been called.
    """

    mean: Tensor
    components: Tensor
    positions: Tensor

    def __init__(self, settings: PodDeepOnet, signature: Signature, generator: torch.Generator) -> None:
        super().__init__()
        self.branch = Sensors(settings.branch, signature, settings.rank, generator)
        shape, places = (signature.outputs, *signature.grid), (*signature.grid, signature.dimension)
        like = torch.zeros((), dtype=signature.dtype, device=generator.device)
        self.register_buffer("mean", like.new_zeros(shape))
        self.register_buffer("components", like.new_zeros((settings.rank, *shape)))
        self.register_buffer("positions", like.new_full(places, math.nan))

    @property
    def waits_for_examples(self) -> bool:
        """Whether there are no components yet."""
        return bool(self.positions.isnan().any())

    def informed_by(self, examples: Iterator[tuple[Tensor, Tensor]], positions: Tensor) -> None:
        """Take the mean and the principal components of training outputs.

        Raises:
            ValueError: If there are not more of them than components, or these have not so many entries.
        """
        snapshots = torch.cat([outputs.flatten(1) for _, outputs in examples])
        rank, possible = len(self.components), min(len(snapshots) - 1, snapshots.shape[1])
        if possible < rank:
            raise ValueError(
                f"PodDeepOnet: rank = {rank}, and {len(snapshots)} training outputs of {snapshots.shape[1]} values "
                f"have {possible} principal components; give a lower rank or more data"
            )
        mean, components = principal_components(snapshots, rank)
        self.mean.copy_(mean.view_as(self.mean))
        self.components.copy_(components.view_as(self.components))
        self.positions.copy_(positions)

    def forward(self, values: Tensor, positions: Tensor) -> Tensor:
        """The answer `(batch, outputs, *grid)`.

        Raises:
            ValueError: If there are no components yet, or the points are not those of the training.
        """
        coefficients = self.branch(values)
        self._require(positions.to(self.positions))
        return torch.tensordot(coefficients, self.components, dims=1) + self.mean

    def _require(self, positions: Tensor) -> None:
        if positions.shape == self.positions.shape and torch.allclose(positions, self.positions, 0, SAME_PLACE):
            return
        if self.waits_for_examples:
            raise ValueError(
                "PodDeepOnet: it has no components yet; they come from training outputs: give these to informed_by, "
                "or let train(...) do it"
            )
        raise ValueError(
            f"PodDeepOnet: positions of shape {tuple(positions.shape)} are not the {tuple(self.mean.shape[1:])} nodes "
            "of the training, where alone its components are known; take DeepOnet for other points"
        )


@dataclass(frozen=True)
class PodDeepOnet(OperatorArchitecture):
    """The DeepONet whose trunk is a proper orthogonal decomposition [1]: u(y) = phi_0(y) + sum_k b_k(input) phi_k(y).

    phi_0 is the mean and phi_1 ... phi_rank are the principal components of the training outputs, and of nothing else;
    they are fixed before training and kept with the weights.  They are scaled by the deviations of their coefficients,
    so that the branch answers numbers of order one, and are common to all outputs (in [1] each has its own).

    More accurate than `DeepOnet` where a few components hold the outputs; for one grid, where input and output live.

    Args:
        branch: Architecture of the network on sensor values.
        rank: Components; fewer than training samples.

    Raises:
        ValueError: If `rank` is no positive whole number or `branch` no architecture; in training, if there are too few
            samples; when called, on another grid.

    [1] L. Lu, X. Meng, S. Cai, Z. Mao, S. Goswami, Z. Zhang, G. E. Karniadakis, Comput. Methods Appl. Mech. Eng. 393
        (2022) 114778, arXiv:2111.05512, section 3.1.
    """

    branch: Architecture = field(default_factory=lambda: Mlp(width=128, depth=3, activation=Swish()))
    rank: int = 32

    def __post_init__(self) -> None:
        require_architecture(self, branch=self.branch)
        require_counts(self, rank=self.rank)

    def build(self, signature: Signature, generator: torch.Generator) -> BranchAndComponents:
        """A fresh network on the generator's device, without components: see `OperatorNetwork.informed_by`."""
        return BranchAndComponents(self, signature, generator)
