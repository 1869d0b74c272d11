"""One declaration of a PDE or ODE: equations, domain, conditions and what is known about the answer."""

from __future__ import annotations

import hashlib
import html
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp

from pinnlab import lint, serial
from pinnlab.condition import Condition
from pinnlab.domain.base import Domain
from pinnlab.domain.box import Box
from pinnlab.domain.evolution import Evolution, TimeInterval
from pinnlab.parametric import Parametric
from pinnlab.symbols import (
    Expr,
    NormalDerivative,
    OutwardFlux,
    Parameter,
    Rate,
    UnknownFunction,
    field_name,
    normal,
    parameter,
    parameters_of,
    unknown_functions_of,
    with_coefficients,
    with_values,
)

Reference = Callable[[np.ndarray], np.ndarray] | Mapping[Expr, Expr] | Expr | None


@dataclass(frozen=True)
class Problem:
    """A system of differential equations with everything a solver may need and nothing a solver decides.

    Args:
        name: Identifier used in files and reports; the module name under `problems/`.
        equations: Expressions of `residual = 0`, or `sp.Eq`.  The tree is kept as written: a term inside
            `D(flux, x)` is a flux, the same term multiplied out is a source.
        unknowns: The functions solved for, such as u(t, x), in the order of the columns of values.
        domain: A `Box` over all coordinates, or `TimeInterval(t, 0, 1) * region`.
        conditions: Initial and boundary conditions.
        time: The evolution coordinate, or None for a steady problem.
        reference: Exact solution: an expression (one unknown), a dictionary unknown → expression, or a
            callable from `points (n, dim)` to `values (n, unknowns)`.
        conserved: Named densities whose integral over space does not change in time, such as {"mass": u}.
        citation: Where the problem and its settings come from.

    Raises:
        ValueError: If the declaration does not make sense; the text names object, term and remedy.

    Warns:
        IncompatibleData: If initial and boundary data disagree where they meet.
    """

    name: str
    equations: tuple[Expr, ...]
    unknowns: tuple[Expr, ...]
    domain: Domain
    conditions: tuple[Condition, ...] = ()
    time: sp.Symbol | None = None
    reference: Reference = field(default=None, compare=False, repr=False)
    conserved: Mapping[str, Expr] = field(default_factory=dict)
    citation: str = field(default="", compare=False, repr=False)

    def __post_init__(self) -> None:
        set_ = lambda key, value: object.__setattr__(self, key, value)  # noqa: E731
        set_("equations", tuple(_residual(e) for e in _sequence(self.equations)))
        set_("unknowns", tuple(_sequence(self.unknowns)))
        set_("conditions", tuple(_sequence(self.conditions)))
        set_("conserved", dict(self.conserved))
        lint.check(self)

    def __hash__(self) -> int:
        return hash(self.sha256)

    # -- geometry ------------------------------------------------------------------------------------------

    @cached_property
    def interval(self) -> TimeInterval | None:
        """The interval of time, or None for a steady problem."""
        if isinstance(self.domain, Evolution):
            return self.domain.interval
        if self.time is None or not isinstance(self.domain, Box):
            return None
        return TimeInterval(self.time, *self.domain.bounds[self.time])

    @cached_property
    def region(self) -> Domain:
        """The domain in space alone; a box without axes for an ODE."""
        if isinstance(self.domain, Evolution):
            return self.domain.region
        return self.domain.without(self.time) if isinstance(self.domain, Box) and self.time else self.domain

    @cached_property
    def spacetime(self) -> Domain:
        """The domain over `coordinates`, whose pieces are those that conditions name."""
        return self.region if self.interval is None else self.interval * self.region

    @property
    def coordinates(self) -> tuple[sp.Symbol, ...]:
        """Time first, then space: the order of the columns of points."""
        return self.spacetime.coordinates

    @property
    def space(self) -> tuple[sp.Symbol, ...]:
        """The coordinates of space."""
        return self.region.coordinates

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the unknowns, in the order of the columns of values."""
        return tuple(field_name(u) for u in self.unknowns)

    def pieces_of(self, condition: Condition) -> tuple[str, ...]:
        """The pieces on which a condition is set."""
        return self.region.pieces if condition.on is None else condition.on

    # -- parameters ----------------------------------------------------------------------------------------

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """Every parameter of the equations and conditions, by name."""
        expressions = (*self.equations, *(c.residual for c in self.conditions), *self.conserved.values())
        found = set().union(*(parameters_of(e) for e in expressions))
        return tuple(sorted(found, key=lambda p: p.name))

    @cached_property
    def unknown_functions(self) -> tuple[UnknownFunction, ...]:
        """Every term that is to be learned, one application of each, by name."""
        expressions = (*self.equations, *(c.residual for c in self.conditions))
        found = sorted(set().union(*(unknown_functions_of(e) for e in expressions)), key=str)
        return tuple({f.name: f for f in reversed(found)}[name] for name in sorted({f.name for f in found}))

    def with_parameters(self, **values: Any) -> Problem:
        """The same problem with other values of its parameters.

        Its exact solution is kept where it is given by expressions in which all of them occur, or by a `Parametric`
        that depends on all of them, and the new values are numbers; otherwise it is dropped, since it may be that of
        the old values alone.

        Raises:
            ValueError: If the problem has no parameter of that name.
        """
        known = {p.name: p for p in self.parameters}
        for name in values:
            if name not in known:
                raise ValueError(
                    f"problem {self.name!r} has no parameter {name!r}{lint.did_you_mean(name, known)}; "
                    f"it has {', '.join(known) or 'none'}"
                )
        table = {known[n]: parameter(n, v) for n, v in values.items()}
        return self._mapped(lambda e: e.xreplace(table), reference=self._reference_with(table))

    def _reference_with(self, table: Mapping[Parameter, Parameter]) -> Reference:
        if isinstance(self.reference, Parametric):
            return self.reference.replaced(table)
        exact = _expressions(self.reference, self.unknowns, self.name)
        if exact is None or not set(table) <= set().union(*map(parameters_of, exact)):
            return None
        if not all(new.value is not None and new.value.is_number for new in table.values()):
            return None
        return dict(zip(self.unknowns, (e.xreplace(table) for e in exact), strict=True))

    # -- exact solutions -----------------------------------------------------------------------------------

    @property
    def exact_expressions(self) -> tuple[Expr, ...] | None:
        """The exact solution as one expression per unknown, or None if it is not known in that form."""
        found = _expressions(self.reference, self.unknowns, self.name)
        return None if found is None else tuple(map(with_values, found))

    def manufactured(self, exact: Mapping[Expr, Any] | Any) -> Problem:
        """The same problem with sources, initial and boundary data changed so that `exact` solves it.

        Args:
            exact: One expression of the coordinates, or a dictionary unknown → expression.
        """
        values = _expressions(exact, self.unknowns, self.name)
        if values is None:
            raise ValueError(f"manufactured {self.name!r}: give one expression for each of {self.unknowns}")
        table = dict(zip(self.unknowns, map(sp.sympify, values), strict=True))
        equations = tuple(e - self._at(e, table) for e in self.equations)
        conditions = tuple(Condition(c.residual - self._at(c.residual, table), c.on) for c in self.conditions)
        return replace(
            self,
            name=f"{self.name}_manufactured",
            equations=equations,
            conditions=conditions,
            reference=table,
            conserved={},
        )

    def _at(self, expression: Expr, table: Mapping[Expr, Expr]) -> Expr:
        """An expression with the unknowns and their derivatives replaced by given functions."""
        # A coefficient k(x) that hides in a parameter would be differentiated as a constant.
        expression = with_coefficients(expression)
        for operator in expression.atoms(NormalDerivative, Rate):
            (u,) = operator.args
            if isinstance(operator, Rate):
                value = sp.diff(table[u], self.time)
            else:
                value = sp.Add(*(normal(c) * sp.diff(table[u], c) for c in self.space))
            expression = expression.xreplace({operator: value})
        if expression.has(OutwardFlux):
            raise ValueError(f"manufactured {self.name!r}: write the flux condition {expression} = 0 out in full")
        return expression.xreplace(dict(table)).doit()

    # -- identity and display ------------------------------------------------------------------------------

    def to_json(self) -> str:
        """The declaration as JSON text; a reference that is a callable is left out."""
        exact = self.exact_expressions
        data = self._identity() | {
            "name": self.name,
            "citation": self.citation,
            "reference": None if exact is None else [serial.encode(e) for e in exact],
        }
        return json.dumps(data)

    @staticmethod
    def from_json(text: str) -> Problem:
        """Rebuild a problem from `to_json`.  No code in the text is ever executed.

        Raises:
            ValueError: If the text is not such a declaration.
        """
        data = serial.parse(text)
        try:
            return _decoded(data)
        except (LookupError, TypeError, AttributeError, ArithmeticError, NotImplementedError) as error:
            raise ValueError(f"problem JSON: a part is missing or malformed ({error})") from None
        except RecursionError:
            raise ValueError("problem JSON: nested too deeply to be a declaration") from None

    @cached_property
    def sha256(self) -> str:
        """Identifies the mathematics: equations, unknowns, domain, conditions and parameters."""
        text = json.dumps(serial.canonical(self._identity()), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def _identity(self) -> dict[str, Any]:
        return {
            "schema": serial.SCHEMA,
            "equations": [serial.encode(e) for e in self.equations],
            "unknowns": [serial.encode(u) for u in self.unknowns],
            "domain": serial.encode_domain(self.domain),
            "conditions": [serial.encode_condition(c) for c in self.conditions],
            "time": None if self.time is None else serial.encode(self.time),
            "parameters": [serial.encode_parameter(p) for p in self.parameters],
            "conserved": {k: serial.encode(e) for k, e in self.conserved.items()},
        }

    def _repr_latex_(self) -> str:
        lines = [f"{sp.latex(e)} &= 0" for e in self.equations]
        lines += [
            rf"{sp.latex(c.residual)} &= 0 \quad\text{{on {', '.join(self.pieces_of(c))}}}" for c in self.conditions
        ]
        return "$$\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}$$"

    def _repr_html_(self) -> str:
        equations = "".join(f"<div>$\\displaystyle {sp.latex(e)} = 0$</div>" for e in self.equations)
        rows = "".join(
            f"<tr><td>{html.escape(', '.join(self.pieces_of(c)))}</td><td>${sp.latex(c.residual)} = 0$</td></tr>"
            for c in self.conditions
        )
        values = "".join(
            f"<tr><td>{html.escape(p.name)}</td><td>{html.escape(str(p.value))}</td></tr>" for p in self.parameters
        )
        return (
            f"<h4>{html.escape(self.name)}</h4>{equations}<p>{html.escape(str(self.domain))}</p>"
            f"<table><tr><th>piece</th><th>condition</th></tr>{rows}</table>"
            f"<table><tr><th>parameter</th><th>value</th></tr>{values}</table>"
        )

    def _mapped(self, change: Callable[[Expr], Expr], **fields: Any) -> Problem:
        return replace(
            self,
            equations=tuple(change(e) for e in self.equations),
            conditions=tuple(Condition(change(c.residual), c.on) for c in self.conditions),
            conserved={k: change(e) for k, e in self.conserved.items()},
            **fields,
        )


def _residual(equation: Any) -> Expr:
    if isinstance(equation, sp.Equality):
        return equation.lhs - equation.rhs
    return sp.sympify(equation)


def _sequence(value: Any) -> Sequence[Any]:
    return value if isinstance(value, Sequence) else (value,)


def _expressions(reference: Any, unknowns: Sequence[Expr], name: str) -> tuple[Expr, ...] | None:
    """One expression per unknown, from a dictionary, a sequence or a single expression."""
    if isinstance(reference, Mapping):
        missing = [str(u) for u in unknowns if u not in reference]
        if missing:
            raise ValueError(f"problem {name!r}: the exact solution lacks {', '.join(missing)}")
        return tuple(sp.sympify(reference[u]) for u in unknowns)
    if isinstance(reference, list | tuple):
        reference = tuple(reference)
        if len(reference) != len(unknowns):
            raise ValueError(f"problem {name!r}: {len(reference)} exact expressions for {len(unknowns)} unknowns")
        return tuple(map(sp.sympify, reference))
    if reference is None or (callable(reference) and not isinstance(reference, sp.Basic)):
        return None
    if len(unknowns) != 1:
        raise ValueError(f"problem {name!r}: the exact solution must name each of {', '.join(map(str, unknowns))}")
    return (sp.sympify(reference),)


def _decoded(data: dict[str, Any]) -> Problem:
    plain = serial.Decoder()
    parameters = [serial.decode_parameter(p, plain) for p in data["parameters"]]
    decode = serial.Decoder({p.name: p for p in parameters})
    unknowns = tuple(decode(u) for u in data["unknowns"])
    exact = data["reference"]
    return Problem(
        name=str(data["name"]),
        equations=tuple(decode(e) for e in data["equations"]),
        unknowns=unknowns,
        domain=serial.decode_domain(data["domain"], decode),
        conditions=tuple(serial.decode_condition(c, decode) for c in data["conditions"]),
        time=None if data["time"] is None else decode(data["time"]),
        reference=None if exact is None else dict(zip(unknowns, map(decode, exact), strict=True)),
        conserved={str(k): decode(e) for k, e in data["conserved"].items()},
        citation=str(data["citation"]),
    )
