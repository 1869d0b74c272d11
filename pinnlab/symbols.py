"""The language of declarations: plain sympy, derivatives that stay as written, a few symbols of our own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import sympy as sp
from sympy.core.function import AppliedUndef

Expr: TypeAlias = sp.Expr


class Parameter(sp.Symbol):
    """A named constant of a problem; made by `parameter`.

    Attributes:
        value: Its value as a sympy number or expression of the coordinates; None while it is to be inferred.
        guess: Where inference starts; None for a known parameter.
        bounds: The interval in which an unknown parameter is sought; None if unbounded.
    """

    __slots__ = ("bounds", "guess", "value")
    value: Expr | None
    guess: float | None
    bounds: tuple[float, float] | None

    def __new__(
        cls,
        name: str,
        value: Expr | None,
        guess: float | None = None,
        bounds: tuple[float, float] | None = None,
    ) -> Parameter:
        """The symbol with its value, or with the guess and the bounds of an unknown one."""
        obj = sp.Symbol.__xnew__(cls, name, real=True)
        obj.value, obj.guess, obj.bounds = value, guess, bounds
        return obj

    @property
    def is_unknown(self) -> bool:
        """Whether the value is to be inferred from data."""
        return self.value is None

    def _hashable_content(self) -> tuple[Any, ...]:
        # Sympy sorts equal symbols by comparing this content part by part, which None does not survive.
        parts = (self.value, self.guess, self.bounds)
        own = (sp.Tuple() if part is None else sp.sympify(part) for part in parts)
        return (*super()._hashable_content(), *own)

    def __getnewargs_ex__(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (self.name, self.value, self.guess, self.bounds), {}


def parameter(
    name: str,
    value: Any = None,
    *,
    unknown: bool = False,
    guess: float | None = None,
    bounds: tuple[float, float] | None = None,
) -> Parameter:
    """Name a constant of the problem, or one that is to be inferred from data.

    Args:
        name: How it is called in reports, files and on the command line.
        value: A finite real number, exact sympy number, or an expression of the coordinates (a coefficient,
            forcing or initial function that a `Family` may replace).
        unknown: The value is to be inferred; then `value` stays away and `guess` is needed.
        guess: Where the inference starts.
        bounds: Interval that holds the unknown value.

    Raises:
        ValueError: If the value is not finite, or value, unknown and guess contradict one another.
    """
    if unknown:
        if value is not None or guess is None:
            raise ValueError(f"parameter {name!r}: an unknown parameter has a guess and no value")
        if not math.isfinite(guess):
            raise ValueError(f"parameter {name!r}: the guess must be a finite number, got {guess}")
        if bounds is not None and not bounds[0] < guess < bounds[1]:
            raise ValueError(f"parameter {name!r}: the guess {guess} is outside its bounds {bounds}")
        limits = None if bounds is None else (float(bounds[0]), float(bounds[1]))
        return Parameter(name, None, float(guess), limits)
    if value is None:
        raise ValueError(f"parameter {name!r}: give it a value, or unknown=True with a guess")
    if guess is not None or bounds is not None:
        raise ValueError(f"parameter {name!r}: guess and bounds belong to unknown=True")
    expression = sp.sympify(value) if not isinstance(value, str) else None
    if expression is None or expression.has(sp.nan, sp.zoo, sp.oo, -sp.oo):
        raise ValueError(f"parameter {name!r}: its value must be a finite number or expression, got {value!r}")
    if expression.is_real is False:
        raise ValueError(f"parameter {name!r}: its value must be real, got {value!r}")
    if parameters_of(expression):
        raise ValueError(
            f"parameter {name!r}: its value {expression} holds another parameter; write that one's number, "
            "or the combination where it is used"
        )
    return Parameter(name, expression)


def D(expression: Any, variable: sp.Symbol, n: int = 1) -> Expr:
    """The n-th derivative of an expression, kept unevaluated: `D(u**2 / 2, x)` is a flux, `u*D(u, x)` is not.

    Raises:
        ValueError: If the order is not a positive integer, or the expression does not depend on `variable`.
    """
    if not isinstance(variable, sp.Symbol) or isinstance(variable, Parameter):
        raise ValueError(f"D({expression}, {variable}): the variable must be a coordinate such as x")
    if not isinstance(n, int | sp.Integer) or n < 1:
        raise ValueError(f"D({expression}, {variable}, {n}): the order must be a positive integer")
    expression = sp.sympify(expression)
    if variable not in with_values(expression).free_symbols:
        raise ValueError(
            f"D({expression}, {variable}): the expression does not depend on {variable}; "
            "apply D to a function of it, such as u(t, x)"
        )
    return sp.Derivative(expression, (variable, int(n)))


def grad(expression: Any, space: Sequence[sp.Symbol]) -> tuple[Expr, ...]:
    """The gradient (D(u, x), D(u, y), …) over the given coordinates."""
    return tuple(D(expression, c) for c in space)


def div(components: Sequence[Any], space: Sequence[sp.Symbol]) -> Expr:
    """The divergence D(F, x) + D(G, y) + … of a vector, each component a flux."""
    if len(components) != len(space):
        raise ValueError(f"div: {len(components)} components over {len(space)} coordinates {tuple(space)}")
    return sp.Add(*(D(f, c) for f, c in zip(components, space, strict=True)))


def laplacian(expression: Any, space: Sequence[sp.Symbol]) -> Expr:
    """The Laplacian D(u, x, 2) + D(u, y, 2) + … of an expression."""
    return sp.Add(*(D(expression, c, 2) for c in space))


class Normal(sp.Symbol):
    """One component of the outward unit normal on the boundary; made by `normal`."""

    __slots__ = ("coordinate",)
    coordinate: sp.Symbol

    def __new__(cls, coordinate: sp.Symbol) -> Normal:
        """The component along one coordinate."""
        obj = sp.Symbol.__xnew__(cls, f"n_{coordinate.name}", real=True)
        obj.coordinate = coordinate
        return obj

    def _hashable_content(self) -> tuple[Any, ...]:
        return (*super()._hashable_content(), self.coordinate)

    def __getnewargs_ex__(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (self.coordinate,), {}


def normal(coordinate: sp.Symbol) -> Normal:
    """The component along `coordinate` of the outward unit normal, for use in boundary conditions."""
    return Normal(coordinate)


class NormalDerivative(sp.Function):
    """Outward normal derivative n·∇u of an unknown on the boundary."""

    nargs = 1

    def _latex(self, printer: Any, exp: Any = None) -> str:
        return rf"\partial_n {field_name(self.args[0])}"


class Rate(sp.Function):
    """Time derivative of an unknown at the initial time."""

    nargs = 1

    def _latex(self, printer: Any, exp: Any = None) -> str:
        return rf"\partial_t {field_name(self.args[0])}"


class OutwardFlux(sp.Function):
    """Outward normal component F·n of the flux in the balance law that governs an unknown."""

    nargs = 1

    def _latex(self, printer: Any, exp: Any = None) -> str:
        return rf"F_{{{field_name(self.args[0])}}}\cdot n"


def field_name(unknown: Expr) -> str:
    """The name of an unknown: "u" for u(t, x)."""
    return str(unknown.func.__name__)


def applied_functions(expression: Expr) -> set[AppliedUndef]:
    """Every undefined function that occurs in an expression, such as u(t, x)."""
    return set(expression.atoms(AppliedUndef))


def parameters_of(expression: Expr) -> set[Parameter]:
    """Every parameter that occurs in an expression."""
    return {s for s in expression.free_symbols if isinstance(s, Parameter)}


def with_values(expression: Expr) -> Expr:
    """The expression with every known parameter replaced by its value, derivatives left as written."""
    known = {p: p.value for p in parameters_of(expression) if p.value is not None}
    return expression.xreplace(known) if known else expression


def with_coefficients(expression: Expr) -> Expr:
    """The expression with every parameter that is a function of the coordinates replaced by that function."""
    varying = {p: p.value for p in parameters_of(expression) if p.value is not None and p.value.free_symbols}
    return expression.xreplace(varying) if varying else expression
