"""Fourier neural operators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.functional import gelu

from pinnlab.admissible import is_whole, require_counts, require_numbers
from pinnlab.networks.drawn_layers import linear
from pinnlab.networks.operator import OperatorArchitecture, OperatorNetwork, Signature
from pinnlab.networks.position_channels import Coordinates, PositionChannels, require_positions
from pinnlab.networks.spectral_convolution import (
    DenseMixing,
    ModeMixing,
    SpectralConvolution,
    TruncatedTransform,
    carried_modes,
    require_carried,
)

Mixer = Callable[[int, int, tuple[int, ...], torch.Generator, torch.dtype], ModeMixing]
"""Inputs, outputs, modes, generator and dtype to the weights of one spectral convolution."""


@dataclass(frozen=True)
class FourierSettings:
    """What all networks of Fourier layers have in common.

    Attributes:
        modes: Per axis.
        width: Channels between the layers.
        depth: Fourier layers.
        padding: Continuation by zeros of axes that are not periodic, as a share of the length.
        positions: Appended to the input functions.
    """

    modes: tuple[int, ...]
    width: int
    depth: int
    padding: float
    positions: PositionChannels


class FourierNetwork(OperatorNetwork):
    """v_0 = lift(input, positions), v_{l+1} = gelu(F^-1(R_l F v_l) + W_l v_l + b_l), output = project(v_depth) [1].

    The last layer has no gelu.  lift and project act point by point and have one hidden layer, of width and of 2 width
    units.  The network can be called on any grid: on a coarser one, that carries fewer modes, without the higher ones.

    Attributes:
        active: Modes in use per axis, see `activate_modes`.

    [1] Z. Li et al., ICLR 2021, arXiv:2010.08895, Eq. 2-5.
    """

    def __init__(
        self, settings: FourierSettings, signature: Signature, mixer: Mixer, generator: torch.Generator
    ) -> None:
        super().__init__()
        width, dtype = settings.width, signature.dtype
        self.settings = settings
        self.periodic = signature.periodic
        self.active = settings.modes
        channels = signature.inputs + settings.positions.count(signature)
        self.lift = torch.nn.Sequential(
            linear(channels, width, generator, dtype), torch.nn.GELU(), linear(width, width, generator, dtype)
        )
        self.spectral = torch.nn.ModuleList(
            SpectralConvolution(mixer(width, width, settings.modes, generator, dtype)) for _ in range(settings.depth)
        )
        self.skips = torch.nn.ModuleList(linear(width, width, generator, dtype) for _ in range(settings.depth))
        self.project = torch.nn.Sequential(
            linear(width, 2 * width, generator, dtype),
            torch.nn.GELU(),
            linear(2 * width, signature.outputs, generator, dtype),
        )

    def forward(self, values: Tensor, positions: Tensor) -> Tensor:
        """The answer `(batch, outputs, *grid)`.

        Raises:
            ValueError: If the grid is of another dimension than in training, or has an axis of fewer than 3 nodes.
        """
        grid = tuple(values.shape[2:])
        if len(grid) != len(self.periodic) or min(grid) < 3:
            raise ValueError(
                f"Fourier network: values on a grid of {grid} nodes; it was built for {len(self.periodic)} axes, and "
                "an axis needs at least 3 nodes"
            )
        transform = self._transform(grid, values)
        places = self.settings.positions(positions.to(values), self.periodic)
        x = torch.cat([values.movedim(1, -1), places.expand(len(values), *places.shape)], dim=-1)
        x = self.lift(x)
        for number, (spectral, skip) in enumerate(zip(self.spectral, self.skips, strict=True), 1):
            x = spectral(x, transform) + skip(x)
            if number < len(self.skips):
                x = gelu(x)
        return self.project(x).movedim(-1, 1)

    def _transform(self, grid: tuple[int, ...], like: Tensor) -> TruncatedTransform:
        carried = carried_modes(grid, self.periodic, self.settings.padding)
        modes = tuple(min(a, c) for a, c in zip(self.active, carried, strict=True))
        return TruncatedTransform(grid, self.periodic, self.settings.padding, modes, next(self.parameters()))

    def activate_modes(self, modes: int) -> None:
        """Use only the first modes of each axis, all where there are no more: incremental training [1].

        The weights of the others become zero.  So raising the number does not change the function; lowering it forgets;
        and a network saved at any stage is the same function when it is loaded with all of its modes.

        Raises:
            ValueError: If `modes` is not a positive whole number.

        [1] R. J. George, J. Zhao, J. Kossaifi, Z. Li, A. Anandkumar, TMLR 2024, arXiv:2211.15188.
        """
        require_counts(self, modes=modes)
        active = tuple(min(modes, m) for m in self.settings.modes)
        for module in self.modules():
            if isinstance(module, ModeMixing):
                module.clear_beyond(active)
        self.active = active


def activate_modes(network: torch.nn.Module, modes: int) -> None:
    """`FourierNetwork.activate_modes` of every Fourier network inside a module, wrapped or not.

    Raises:
        ValueError: If there is none.
    """
    found = [module for module in network.modules() if isinstance(module, FourierNetwork)]
    if not found:
        raise ValueError(f"activate_modes: {type(network).__name__} has no Fourier modes; train it with all at once")
    for module in found:
        module.activate_modes(modes)


def fourier_settings(
    owner: object,
    modes: int | tuple[int, ...],
    signature: Signature,
    width: int,
    depth: int,
    padding: float,
    positions: PositionChannels,
) -> FourierSettings:
    """Settings for one signature, with modes for each axis.

    Raises:
        ValueError: If the grid does not fit the modes.
    """
    axes = len(signature.grid)
    if axes != signature.dimension:
        raise ValueError(
            f"{type(owner).__name__}: {signature.grid} values in {signature.dimension} dimensions are no grid; "
            "give values on a grid or take a network for point clouds"
        )
    each = modes if isinstance(modes, tuple) else (modes,) * axes
    if len(each) != axes:
        raise ValueError(f"{type(owner).__name__}: modes = {modes} on a grid of {axes} axes; give one for each")
    require_carried(owner, each, carried_modes(signature.grid, signature.periodic, padding), signature.grid)
    return FourierSettings(each, width, depth, padding, positions)


def require_fourier(
    owner: object, modes: int | tuple[int, ...], width: int, depth: int, padding: float, positions: PositionChannels
) -> None:
    """Refuse settings that no grid fits.

    Raises:
        ValueError: If a count is not a positive whole number, padding not in [0, 1], or positions are no such object.
    """
    require_counts(owner, width=width, depth=depth)
    each = modes if isinstance(modes, tuple) else (modes,)
    if not each or any(not is_whole(m) or m < 1 for m in each):
        raise ValueError(f"{type(owner).__name__}: modes = {modes!r}; give a positive whole number, or one per axis")
    require_numbers(owner, padding=padding)
    if not 0 <= padding <= 1:
        raise ValueError(f"{type(owner).__name__}: padding = {padding}; give a share of the length from 0 to 1")
    require_positions(owner, positions)


@dataclass(frozen=True)
class Fno(OperatorArchitecture):
    """The Fourier neural operator [1] on equispaced grids of one to three dimensions.

    See `FourierNetwork` for the formula and `TruncatedTransform` for the modes: wave numbers below `modes` in magnitude
    are mixed.  Good values: in one dimension modes 16 and width 64, in two 12 and 32 [1].  Not for grids that are
    stretched, nor for point clouds.  Shocks need many modes.

    Args:
        modes: m per axis, or one number for all.
        width: Channels between the layers.
        depth: Fourier layers.
        padding: For axes that are not periodic: continuation by zeros, as a share of the length, from 0 to 1.
        positions: Appended to the input functions; `NoPositions()` where the equation is the same everywhere.

    Raises:
        ValueError: If a number is out of its range; on building, if the grid carries fewer modes.

    [1] Z. Li, N. Kovachki, K. Azizzadenesheli, B. Liu, K. Bhattacharya, A. Stuart, A. Anandkumar, ICLR 2021,
        arXiv:2010.08895.
    """

    modes: int | tuple[int, ...] = 12
    width: int = 32
    depth: int = 4
    padding: float = 0.0
    positions: PositionChannels = field(default_factory=Coordinates)

    def __post_init__(self) -> None:
        require_fourier(self, self.modes, self.width, self.depth, self.padding, self.positions)

    def build(self, signature: Signature, generator: torch.Generator) -> FourierNetwork:
        """A fresh network on the generator's device; equal generators give equal weights."""
        settings = fourier_settings(self, self.modes, signature, self.width, self.depth, self.padding, self.positions)
        return FourierNetwork(settings, signature, DenseMixing, generator)
