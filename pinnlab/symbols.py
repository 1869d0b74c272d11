"""The language of declarations: plain sympy, derivatives that stay as written, a few symbols of our own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.core.symbol import Str

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


class UnknownFunction(sp.Function):
    """A term of an equation that is still to be learned from data; made by `unknown_function`."""

    is_commutative = True

    @property
    def name(self) -> str:
        """What it is called."""
        return str(self.args[0].name)

    @property
    def bounds(self) -> tuple[tuple[float, float], ...]:
        """The interval in which each argument is expected."""
        return tuple((float(a), float(b)) for a, b in self.args[1].args)

    @property
    def arguments(self) -> tuple[Expr, ...]:
        """What it is a function of."""
        return tuple(self.args[2:])

    def _eval_is_real(self) -> bool:
        return True

    def _eval_derivative(self, s: sp.Symbol) -> Expr:
        return sp.Add(*(UnknownSlope(self, sp.Integer(i)) * a.diff(s) for i, a in enumerate(self.arguments)))

    def _sympystr(self, printer: Any) -> str:
        return f"{self.name}({', '.join(printer._print(a) for a in self.arguments)})"

    def _latex(self, printer: Any, exp: Any = None) -> str:
        text = rf"{self.name}\left({', '.join(printer._print(a) for a in self.arguments)}\right)"
        return text if exp is None else rf"\left({text}\right)^{{{exp}}}"


class UnknownSlope(sp.Function):
    """The derivative of an unknown function by its arguments, numbered from 0, one after the other."""

    is_commutative = True

    def _eval_is_real(self) -> bool:
        return True

    def _eval_derivative(self, s: sp.Symbol) -> Expr:
        term, *order = self.args
        return sp.Add(*(UnknownSlope(term, *order, sp.Integer(i)) * a.diff(s) for i, a in enumerate(term.arguments)))


def unknown_function(name: str, *arguments: Any, bounds: Sequence[tuple[float, float]] | None = None) -> Expr:
    """A term of an equation that is to be learned from data as a function of its arguments.

        D(u, t) + unknown_function("f", u, D(u, x), bounds=[(-1, 1), (-10, 10)])

    is u_t + f(u, u_x) = 0 with f not known.  The same name may be applied to several arguments: it is one function.

    Args:
        name: How it is called in reports and files.
        arguments: Expressions of unknowns, their derivatives and coordinates.
        bounds: The interval in which each argument is expected, (-1, 1) if not said.  The network that stands for the
            function is scaled to it; it is no limit.

    Raises:
        ValueError: If there is no argument, or the bounds are not one finite interval for each.
    """
    if not isinstance(name, str) or not name:
        raise ValueError(f"unknown_function({name!r}): give it a name, such as 'f'")
    if not arguments:
        raise ValueError(f"unknown_function({name!r}): name what it depends on, as in unknown_function({name!r}, u)")
    intervals = [(-1.0, 1.0)] * len(arguments) if bounds is None else [tuple(b) for b in bounds]
    sound = len(intervals) == len(arguments) and all(len(b) == 2 for b in intervals)
    if not sound or not all(math.isfinite(a) and math.isfinite(b) and a < b for a, b in intervals):
        raise ValueError(
            f"unknown_function({name!r}): bounds {bounds} must be one finite interval (lower, upper) for each of its "
            f"{len(arguments)} argument{'s' * (len(arguments) != 1)}"
        )
    limits = sp.Tuple(*(sp.Tuple(sp.Float(a), sp.Float(b)) for a, b in intervals))
    found = [sp.sympify(a) for a in arguments]
    for a in found:
        if a.has(UnknownFunction):
            raise ValueError(f"unknown_function({name!r}): its argument {a} holds another unknown function; join them")
    return UnknownFunction(Str(name), limits, *found)


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


def unknown_functions_of(expression: Expr) -> set[UnknownFunction]:
    """Every application of a function that is still to be learned."""
    return set(expression.atoms(UnknownFunction))


def with_values(expression: Expr) -> Expr:
    """The expression with every known parameter replaced by its value, derivatives left as written."""
    known = {p: p.value for p in parameters_of(expression) if p.value is not None}
    return expression.xreplace(known) if known else expression


def with_coefficients(expression: Expr) -> Expr:
    """The expression with every parameter that is a function of the coordinates replaced by that function."""
    varying = {p: p.value for p in parameters_of(expression) if p.value is not None and p.value.free_symbols}
    return expression.xreplace(varying) if varying else expression
