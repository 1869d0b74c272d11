"""The contract of network settings, and what all of them share."""

from __future__ import annotations

import copy
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from pinnlab.networks.inputs import Inputs


@runtime_checkable
class Architecture(Protocol):
    """Settings that build a network."""

    def build(self, inputs: Inputs, outputs: int, generator: torch.Generator) -> torch.nn.Module:
        """A freshly initialised module from points `(n, dim)` to `(n, outputs)`."""
        ...


class Headed(torch.nn.Module):
    """A network that ends in a linear layer: values = head(hidden(points)).

    Attributes:
        head: The last layer.
    """

    head: torch.nn.Linear

    def hidden(self, points: Any) -> Any:
        """What the last layer sees, (n, width), at `points (n, dim)`."""
        raise NotImplementedError

    def forward(self, points: Any) -> Any:
        """Values (n, outputs) at `points (n, dim)`; a Taylor series of points gives a series of values."""
        return self.head(self.hidden(points))


class Several(torch.nn.Module):
    """A network of which each block of outputs is a network's own.

    Attributes:
        networks: One for each block.
    """

    networks: torch.nn.ModuleList


def heads(network: torch.nn.Module) -> tuple[torch.nn.Linear, ...]:
    """The linear layers that the outputs of a network come from; none if one of them is not known."""
    if isinstance(network, Headed):
        return (network.head,)
    if not isinstance(network, Several):
        return ()
    parts = [heads(part) for part in network.networks]
    return tuple(head for part in parts for head in part) if all(parts) else ()


def dense(columns: int, units: int) -> torch.nn.Linear:
    """A layer in float64 whose weights are still to be drawn."""
    return torch.nn.utils.skip_init(torch.nn.Linear, columns, units, dtype=torch.float64)


def glorot(network: torch.nn.Module, generator: torch.Generator) -> None:
    """Draw weights from the normal distribution of variance 2 / (fan_in + fan_out), biases zero [1].

    Only matrices and vectors of linear layers are touched, in the order of the network's parameters.

    [1] X. Glorot, Y. Bengio, Proc. AISTATS 9 (2010) 249-256, Eq. 16 (there uniform, of the same variance).
    """
    for layer in network.modules():
        if isinstance(layer, torch.nn.Linear):
            torch.nn.init.xavier_normal_(layer.weight, generator=generator)
            torch.nn.init.zeros_(layer.bias)


def uniform(tensor: Tensor, bound: float, generator: torch.Generator) -> None:
    """Draw entries uniformly from [-bound, bound]."""
    torch.nn.init.uniform_(tensor, -bound, bound, generator=generator)


def require_architecture(owner: object, **values: object) -> None:
    """Refuse what builds no network.

    Raises:
        ValueError: If a value is not an `Architecture`, or a class instead of settings of it.
    """
    for name, value in values.items():
        if isinstance(value, type) or not isinstance(value, Architecture):
            raise ValueError(
                f"{type(owner).__name__}: {name} = {value!r} is no architecture; give settings such as Mlp(40, 4)"
            )


def with_fitted_head(network: Headed, points: Tensor, values: Tensor) -> Headed:
    """A copy of the network whose last layer is the least-squares fit to data: physics-informed initialisation [1].

    Data may be an initial condition spread over time, or a coarse solution.  The least norm is taken where many fits
    are equally good.

    Args:
        network: Any network with a last linear layer; it is not modified.
        points: (n, dim).
        values: (n, outputs).

    Raises:
        ValueError: If the shapes do not fit, or a value is not finite.

    [1] S. Wang, B. Li, Y. Chen, P. Perdikaris, J. Mach. Learn. Res. 25 (2024) 402 (arXiv:2402.00326).
    """
    outputs = network.head.out_features
    if points.ndim != 2 or values.shape != (len(points), outputs) or not torch.isfinite(values).all():
        raise ValueError(
            f"with_fitted_head: points {tuple(points.shape)} and values {tuple(values.shape)}; "
            f"give (n, dim) and finite (n, {outputs})"
        )
    fitted = copy.deepcopy(network)
    with torch.no_grad():
        columns = network.hidden(points)
        ones = torch.ones_like(columns[:, :1])
        # gelsd: features are often nearly dependent.
        solved = torch.linalg.lstsq(
            torch.cat([columns, ones], dim=1).cpu(), values.cpu(), rcond=1e-14, driver="gelsd"
        ).solution.to(columns)
        fitted.head.weight.copy_(solved[:-1].T)
        fitted.head.bias.copy_(solved[-1])
    return fitted
