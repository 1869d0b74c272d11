"""A residual and its derivative by every jet, as one program: what Newton's method asks of an equation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import sympy as sp
import torch
from torch import Tensor

from pinnlab.forms.evaluate import Program
from pinnlab.forms.jet import Jet, JetSymbol, jet_symbols
from pinnlab.symbols import Expr, Normal, Parameter

CARRIED = sp.Dummy("carried", real=True)
"""Stands for a value that is given point by point, such as the state at the end of the last window of time."""


@dataclass(frozen=True)
class Linearized:
    """One residual r(x, n, u, u_x, …) with its partial derivatives.

    Attributes:
        residual: In jets, coordinates, components of the normal and `CARRIED`.
        coordinates: Time first, then space.
        space: The coordinates of space.
        parameters: Unknown parameters, numbers that are found with the answer.
    """

    residual: Expr
    coordinates: tuple[sp.Symbol, ...]
    space: tuple[sp.Symbol, ...]
    parameters: tuple[Parameter, ...] = ()

    @cached_property
    def symbols(self) -> tuple[JetSymbol, ...]:
        """The jets that occur, sorted."""
        return jet_symbols(self.residual)

    @property
    def jets(self) -> tuple[Jet, ...]:
        """The jets that occur, sorted."""
        return tuple(s.jet for s in self.symbols)

    @cached_property
    def partials(self) -> tuple[Expr, ...]:
        """The derivative of the residual by each jet, then by each parameter."""
        return tuple(sp.diff(self.residual, s) for s in (*self.symbols, *self.parameters))

    @property
    def is_linear(self) -> bool:
        """Whether the residual is affine in the jets and parameters."""
        return not jet_symbols(*self.partials) and not any(p.has(*self.parameters) for p in self.partials)

    @cached_property
    def program(self) -> Program:
        """The residual and its partials as functions of jets, coordinates, normal, `CARRIED` and parameters.

        Raises:
            UnsupportedProblem: If a function has no numerical counterpart.
        """
        arguments = [*self.symbols, *self.coordinates, *(Normal(c) for c in self.space), CARRIED, *self.parameters]
        return Program([self.residual, *self.partials], arguments)

    @cached_property
    def _residual_program(self) -> Program:
        return Program([self.residual], self.program.arguments)

    def values(
        self, jets: Sequence[Tensor], points: Tensor, normals: Tensor, carried: Tensor, numbers: Sequence[Tensor] = ()
    ) -> Tensor:
        """The residual (n,) from one column (n,) per jet, `points (n, dim)`, `normals (n, space)`, `carried (n,)`.

        `numbers` are the values () of the parameters.
        """
        return _columns(self._residual_program(*jets, *points.T, *normals.T, carried, *numbers), points)[0]

    def values_and_partials(
        self, jets: Sequence[Tensor], points: Tensor, normals: Tensor, carried: Tensor, numbers: Sequence[Tensor] = ()
    ) -> tuple[Tensor, list[Tensor]]:
        """The residual (n,), and its derivative by each jet, then by each parameter (n,)."""
        first, *rest = _columns(self.program(*jets, *points.T, *normals.T, carried, *numbers), points)
        return first, rest


def _columns(found: Sequence[Tensor | float], points: Tensor) -> list[Tensor]:
    return [torch.as_tensor(c, dtype=points.dtype, device=points.device).expand(len(points)) for c in found]
