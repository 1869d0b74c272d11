"""What a declaration must satisfy, checked when it is made: each message names object, term and remedy."""

from __future__ import annotations

import difflib
import itertools
import warnings
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from pinnlab.condition import Condition
from pinnlab.domain.base import Domain
from pinnlab.domain.box import SIDES, Box
from pinnlab.errors import IncompatibleData
from pinnlab.symbols import (
    Expr,
    Normal,
    NormalDerivative,
    OutwardFlux,
    Parameter,
    Rate,
    UnknownFunction,
    applied_functions,
    unknown_functions_of,
    with_values,
)

if TYPE_CHECKING:
    from pinnlab.problem import Problem

# Smaller jumps are rounding in the data, not a corner.
CORNER_TOLERANCE = 1e-6


def check(problem: Problem) -> None:
    """Raise ValueError for a declaration that makes no sense; warn of data that disagree at corners."""
    _check_shape(problem)
    _check_symbols(problem)
    _check_pieces(problem)
    _check_initial_conditions(problem)
    _check_boundary_conditions(problem)
    _warn_of_corners(problem)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The phrase " (did you mean 'x'?)" where a known name is close, else nothing."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else ""


def derivative_order(expression: Expr, unknown: Expr, coordinate: sp.Symbol) -> int:
    """The highest order of differentiation of an unknown along one coordinate, with derivatives nested."""
    if expression == unknown:
        return 0
    inner = max((derivative_order(a, unknown, coordinate) for a in expression.args), default=-1)
    if isinstance(expression, sp.Derivative):
        if inner < 0:
            return -1
        return inner + sum(int(n) for s, n in expression.variable_count if s == coordinate)
    if isinstance(expression, NormalDerivative | Rate | OutwardFlux):
        return inner
    return inner


def order_in(problem: Problem, unknown: Expr, coordinate: sp.Symbol) -> int:
    """The highest order in which any equation differentiates an unknown along a coordinate."""
    return max(0, *(derivative_order(e, unknown, coordinate) for e in problem.equations))


def condition_unknowns(condition: Condition) -> frozenset[Expr]:
    """The unknowns that a condition speaks of."""
    return frozenset(applied_functions(condition.residual))


def _check_shape(problem: Problem) -> None:
    who = f"problem {problem.name!r}"
    if not isinstance(problem.domain, Domain):
        raise ValueError(f"{who}: domain must be a Box or another Domain, got {problem.domain!r}")
    if not problem.equations or not problem.unknowns:
        raise ValueError(f"{who}: give at least one equation and one unknown")
    for u in problem.unknowns:
        if not isinstance(u, AppliedUndef):
            raise ValueError(f"{who}: unknown {u} must be a function of the coordinates, sympy.Function('u')(t, x)")
    if len({u.func.__name__ for u in problem.unknowns}) < len(problem.unknowns):
        raise ValueError(f"{who}: two unknowns have the same name in {problem.unknowns}")
    if len(problem.equations) != len(problem.unknowns):
        raise ValueError(
            f"{who}: {len(problem.equations)} equations for {len(problem.unknowns)} unknowns "
            f"{tuple(map(str, problem.unknowns))}; declare one equation for each unknown"
        )
    domain = problem.domain.coordinates
    if problem.time is not None and problem.time not in domain:
        raise ValueError(f"{who}: time {problem.time} is not a coordinate of {problem.domain}")
    if isinstance(problem.domain, Box) and problem.time in problem.domain.periodic:
        raise ValueError(f"{who}: time {problem.time} cannot be periodic; take it out of periodic=")
    if problem.interval is not None and problem.time != problem.interval.time:
        raise ValueError(f"{who}: its domain has a time interval; say time={problem.interval.time}")
    for u in problem.unknowns:
        if set(u.args) != set(domain):
            raise ValueError(
                f"{who}: unknown {u} depends on {u.args}, but the domain has the coordinates {domain}; "
                f"declare {u.func.__name__}{tuple(problem.coordinates)}"
            )


def _check_symbols(problem: Problem) -> None:
    who, unknowns = f"problem {problem.name!r}", set(problem.unknowns)
    coordinates = set(problem.coordinates)
    labelled = [(f"equation {i}", e) for i, e in enumerate(problem.equations)]
    labelled += [(f"condition on {', '.join(problem.pieces_of(c))}", c.residual) for c in problem.conditions]
    labelled += [(f"conserved {k!r}", e) for k, e in problem.conserved.items()]
    for label, e in labelled:
        value = with_values(e)
        # The expression itself is not printed: sympy cannot print a product with nan.
        for bad in (sp.nan, sp.zoo, sp.oo, -sp.oo):
            if value.has(bad):
                raise ValueError(f"{who}, {label}: it holds {bad}, which is not finite; check its coefficients")
        for f in sorted(applied_functions(e) - unknowns, key=str):
            hint = did_you_mean(f.func.__name__, (u.func.__name__ for u in unknowns))
            raise ValueError(f"{who}, {label}: {f} is not among the unknowns {tuple(map(str, unknowns))}{hint}")
        for s in sorted(value.free_symbols - coordinates, key=str):
            if isinstance(s, Parameter) or (isinstance(s, Normal) and label.startswith("condition")):
                continue
            if s.name in {c.name for c in coordinates}:
                raise ValueError(
                    f"{who}, {label}: this {s} is not the coordinate {s}, because their assumptions differ; "
                    f"make {s} once, by sympy.Symbol({s.name!r}, real=True), and use it everywhere"
                )
            hint = did_you_mean(s.name, (c.name for c in coordinates))
            raise ValueError(
                f"{who}, {label}: {s} is neither a coordinate nor a parameter{hint}; "
                f"make it a constant with parameter({s.name!r}, value)"
            )
    for name, group in itertools.groupby(problem.parameters, key=lambda p: p.name):
        if len(list(group)) > 1:
            raise ValueError(f"{who}: parameter {name!r} occurs with two different values")
    _check_unknown_functions(problem)
    for i, e in enumerate(problem.equations):
        if not applied_functions(e):
            raise ValueError(f"{who}, equation {i}: {e} holds no unknown")
    for u in problem.unknowns:
        if not any(e.has(u) for e in problem.equations):
            raise ValueError(f"{who}: unknown {u} occurs in no equation")


def _check_unknown_functions(problem: Problem) -> None:
    who = f"problem {problem.name!r}"
    first: dict[str, UnknownFunction] = {}
    for e in (*problem.equations, *(c.residual for c in problem.conditions)):
        for f in sorted(unknown_functions_of(e), key=str):
            other = first.setdefault(f.name, f)
            if other.bounds != f.bounds:
                raise ValueError(
                    f"{who}: the unknown function {f.name!r} occurs as {other} and as {f} with other arguments or "
                    "bounds; give both the same number of arguments and the same bounds, or two names"
                )
    for name in first:
        if name in {*(c.name for c in problem.coordinates), *problem.names, *(p.name for p in problem.parameters)}:
            raise ValueError(f"{who}: the unknown function {name!r} has the name of something else; rename it")


def _check_pieces(problem: Problem) -> None:
    known = problem.spacetime.pieces
    periodic = _periodic_sides(problem.region)
    for c in problem.conditions:
        if not condition_unknowns(c):
            raise ValueError(f"problem {problem.name!r}: condition {c} holds no unknown")
        if c.on is None and not problem.region.pieces:
            raise ValueError(f"problem {problem.name!r}: condition {c}, but its domain has no boundary; drop it")
        for piece in problem.pieces_of(c):
            if piece in periodic:
                raise ValueError(
                    f"problem {problem.name!r}: condition {c}, but the domain is periodic along "
                    f"{periodic[piece]} and has no side {piece!r}; drop the condition or take "
                    f"{periodic[piece]} out of periodic="
                )
            if piece == "initial" and problem.time is None:
                raise ValueError(
                    f"problem {problem.name!r}: condition {c} is an initial one, and the problem has no time; pass "
                    f"time={problem.coordinates[0]} to Problem, or whichever coordinate is the time"
                )
            if piece not in known:
                raise ValueError(
                    f"problem {problem.name!r}: condition {c}, but there is no piece "
                    f"{piece!r}{did_you_mean(piece, known)}; the pieces are {', '.join(known)}"
                )


def _periodic_sides(region: Domain) -> dict[str, sp.Symbol]:
    if not isinstance(region, Box):
        return {}
    named = {}
    for i, c in enumerate(region.coordinates):
        if c in region.periodic:
            for side in SIDES[i] if i < len(SIDES) else (f"{c}_lower", f"{c}_upper"):
                named[side] = c
    return named


def _check_initial_conditions(problem: Problem) -> None:
    count: Counter[Expr] = Counter()
    for c in problem.conditions:
        if "initial" in problem.pieces_of(c):
            count.update(condition_unknowns(c))
    if problem.time is None:
        return
    for u in problem.unknowns:
        needed = order_in(problem, u, problem.time)
        if count[u] == needed:
            _check_initial_kinds(problem, u, needed)
            continue
        name = u.func.__name__
        forms = [f"initial({name}, …)", f"initial_rate({name}, …)"][:needed]
        remedy = f"add {' and '.join(forms)}" if count[u] < needed else "remove the surplus"
        raise ValueError(
            f"problem {problem.name!r}: {u} has order {needed} in {problem.time}, so it needs {needed} "
            f"initial condition{'s' * (needed != 1)}, and {count[u]} {'is' if count[u] == 1 else 'are'} "
            f"given; {remedy}"
        )


def _check_initial_kinds(problem: Problem, u: Expr, needed: int) -> None:
    """Refuse initial data that are as many as needed but not of the kinds needed: values and rates."""
    own = [c for c in problem.conditions if "initial" in problem.pieces_of(c) and u in condition_unknowns(c)]
    rates = sum(c.residual.has(Rate) for c in own)
    if needed in (1, 2) and rates != needed - 1 and all(len(condition_unknowns(c)) == 1 for c in own):
        name = u.func.__name__
        forms = [f"initial({name}, …)", f"initial_rate({name}, …)"][:needed]
        raise ValueError(
            f"problem {problem.name!r}: {u} has order {needed} in {problem.time}, and {rates} of its "
            f"{needed} initial condition{'s' * (needed != 1)} prescribe its rate; give {' and '.join(forms)}"
        )


def _check_boundary_conditions(problem: Problem) -> None:
    per_piece: Counter[tuple[Expr, str]] = Counter()
    mixed = False
    for c in problem.conditions:
        speaks_of = condition_unknowns(c)
        mixed |= len(speaks_of) > 1
        for piece, u in itertools.product(problem.pieces_of(c), speaks_of):
            per_piece[u, piece] += 1
    # A condition that couples unknowns, or a system with odd orders, has no count that a rule could give.
    if mixed:
        return
    for u in problem.unknowns:
        for pieces, needed, axis in _boundary_needs(problem, u):
            if needed % 2 == 0:
                for piece in pieces:
                    _require(problem, u, axis, needed // 2, per_piece[u, piece], f"on {piece!r}", piece)
            elif len(problem.unknowns) == 1 and not (needed == 1 and _steers_itself(problem, u, axis)):
                given = sum(per_piece[u, piece] for piece in pieces)
                _require(
                    problem,
                    u,
                    axis,
                    needed,
                    given,
                    f"on {' and '.join(map(repr, pieces))} together",
                    pieces[0],
                )


def _steers_itself(problem: Problem, u: Expr, axis: str) -> bool:
    """Whether u decides which way it travels along an axis, as in u_t + (u²/2)_x = 0.

    Which sides are inflows then depends on the solution and may change in time, so that none, one or both of them
    may need a value.
    """
    (coordinate,) = (c for c in problem.space if str(c) == axis)
    speeds = (sp.diff(with_values(e).doit(), sp.Derivative(u, coordinate)) for e in problem.equations)
    return any(s.has(u) for s in speeds)


def _boundary_needs(problem: Problem, u: Expr) -> list[tuple[tuple[str, ...], int, str]]:
    """Groups of pieces, the order of u across them, and what to call the direction."""
    region = problem.region
    if not isinstance(region, Box):
        order = max(order_in(problem, u, c) for c in problem.space)
        return [((piece,), order, "space") for piece in region.pieces] if order % 2 == 0 else []
    groups = []
    for c in region.coordinates:
        if c not in region.periodic:
            sides = tuple(name for name, (axis, _) in region.sides.items() if axis == c)
            groups.append((sides, order_in(problem, u, c), str(c)))
    return groups


def _require(problem: Problem, u: Expr, axis: str, needed: int, given: int, where: str, piece: str) -> None:
    if given == needed:
        return
    name = u.func.__name__
    if given < needed:
        remedy = f"add one such as dirichlet({name}, 0, on={piece!r}), or make the axis periodic"
    else:
        remedy = "remove the surplus"
    raise ValueError(
        f"problem {problem.name!r}: the order of {u} in {axis} asks for {needed} "
        f"condition{'s' * (needed != 1)} {where}, and {given} {'is' if given == 1 else 'are'} given; {remedy}"
    )


def _warn_of_corners(problem: Problem) -> None:
    """Compare data of u = g conditions where two pieces of a box meet, and across periodic sides."""
    if not isinstance(problem.region, Box) or any(p.is_unknown for p in problem.parameters):
        return
    if problem.unknown_functions:
        return
    data = list(_dirichlet_data(problem))
    for (u, piece, g), (v, other, h) in itertools.combinations(data, 2):
        if u == v and piece != other:
            _warn_of_jump(problem, u, f"{piece!r} and {other!r}", g - h, _meeting(problem, piece, other))
    for u, piece, g in data:
        for c in problem.region.periodic if piece == "initial" else ():
            low, high = problem.region.bounds[c]
            jump = g.subs(c, sp.Float(low)) - g.subs(c, sp.Float(high))
            _warn_of_jump(problem, u, f"the two ends of periodic {c}", jump, {})


def _dirichlet_data(problem: Problem) -> Iterable[tuple[Expr, str, Expr]]:
    for c in problem.conditions:
        u = next(iter(condition_unknowns(c)))
        g = with_values(u - c.residual)
        if not applied_functions(g) and not g.has(Rate, NormalDerivative, OutwardFlux, Normal):
            for piece in problem.pieces_of(c):
                yield u, piece, g


def _meeting(problem: Problem, *pieces: str) -> dict[sp.Symbol, float] | None:
    """The coordinates that are fixed where all pieces meet, or None if they do not."""
    fixed: dict[sp.Symbol, float] = {}
    for piece in pieces:
        if piece == "initial":
            interval = problem.interval
            assert interval is not None  # "initial" was checked to be a piece
            axis, value = interval.time, interval.start
        else:
            axis, value = problem.region.sides[piece]  # type: ignore[attr-defined]
        if fixed.setdefault(axis, value) != value:
            return None
    return fixed


def _warn_of_jump(problem: Problem, u: Expr, where: str, jump: Expr, fixed: dict[sp.Symbol, float] | None) -> None:
    if fixed is None:
        return
    jump = jump.subs({c: sp.Float(v) for c, v in fixed.items()})
    if jump == 0:
        return
    free = [c for c in problem.coordinates if c in jump.free_symbols]
    points = problem.spacetime.sample(5 if free else 1, np.random.default_rng(0))
    columns = {c: points[:, i] for i, c in enumerate(problem.coordinates)}
    sizes = []
    for k in range(len(points)):
        value = sp.N(jump.subs({c: sp.Float(columns[c][k]) for c in free}))
        sizes.append(abs(complex(value)))
    if max(sizes) > CORNER_TOLERANCE:
        warnings.warn(
            f"problem {problem.name!r}: the data of {u} on {where} differ by {max(sizes):.3g} where they "
            "meet; the solution is not smooth there and every method converges slowly",
            IncompatibleData,
            stacklevel=5,
        )
