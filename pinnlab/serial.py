"""Declarations to JSON and back by a walk over an explicit list of node types; nothing is ever evaluated."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.functions.elementary.piecewise import ExprCondPair

from pinnlab.condition import Condition
from pinnlab.domain.base import Domain
from pinnlab.domain.box import Box
from pinnlab.domain.combination import Combination, Difference, Intersection, Union
from pinnlab.domain.evolution import Evolution, TimeInterval
from pinnlab.domain.mesh_domain import MeshDomain
from pinnlab.domain.shape import Shape
from pinnlab.domain.shapes import Ball, Disk, Polygon
from pinnlab.known import Holder, Known
from pinnlab.meshing.packed import pack, unpack
from pinnlab.random_functions import Cosines, Series, Waves
from pinnlab.symbols import Normal, NormalDerivative, OutwardFlux, Parameter, Rate, UnknownFunction, unknown_function

SCHEMA = 1
MAX_DEPTH = 200
MAX_NODES = 200_000
# Limits on numbers, or ten characters such as 9**9**9 would fill the memory when the tree is next rebuilt.
MAX_DIGITS = 400
MAX_EXPONENT = 1000
MAX_NAME = 200
# Derivatives of series.
MAX_DERIVATIVE = 20

_FUNCTIONS: dict[str, Any] = {
    f.__name__: f
    for f in (
        *(sp.sin, sp.cos, sp.tan, sp.asin, sp.acos, sp.atan, sp.atan2, sp.sinc),
        *(sp.sinh, sp.cosh, sp.tanh, sp.sech, sp.csch, sp.coth, sp.asinh, sp.acosh, sp.atanh),
        *(sp.exp, sp.log, sp.erf, sp.erfc, sp.Abs, sp.sign, sp.Heaviside, sp.Max, sp.Min, sp.floor),
        *(sp.besselj, sp.bessely, sp.gamma, NormalDerivative, OutwardFlux, Rate),
        *(sp.StrictLessThan, sp.LessThan, sp.StrictGreaterThan, sp.GreaterThan, sp.And, sp.Or, sp.Not),
    )
}
_CONSTANTS = {
    "pi": sp.pi,
    "E": sp.E,
    "I": sp.I,
    "true": sp.true,
    "false": sp.false,
    "GoldenRatio": sp.GoldenRatio,
}
_CONSTANT_NAMES = {value: name for name, value in _CONSTANTS.items()}
_ASSUMPTIONS = ("real", "positive", "negative", "nonnegative", "nonpositive", "nonzero", "integer")
_OPERATIONS = {"Add": sp.Add, "Mul": sp.Mul, "Pow": sp.Pow}


def encode(e: Any) -> Any:
    """A sympy expression as nested JSON lists `[node type, …]`.

    Raises:
        ValueError: If the expression holds a node type that has no place in a declaration.
    """
    if e in _CONSTANT_NAMES:
        return ["Constant", _CONSTANT_NAMES[e]]
    if isinstance(e, sp.Integer):
        return ["Integer", str(int(e))]
    if isinstance(e, sp.Rational):
        return ["Rational", str(e.p), str(e.q)]
    if isinstance(e, sp.Float):
        mantissa = e._mpf_
        return ["Float", int(mantissa[0]), str(int(mantissa[1])), int(mantissa[2]), int(e._prec)]
    if isinstance(e, Parameter):
        return ["Parameter", e.name]
    if isinstance(e, Normal):
        return ["Normal", encode(e.coordinate)]
    if isinstance(e, sp.Symbol):
        assumptions = _assumptions(e.assumptions0)
        if sp.Symbol(e.name, **dict.fromkeys(assumptions, True)) != e:
            raise ValueError(f"symbol {e} cannot be stored with its assumptions; make it with real=True")
        return ["Symbol", e.name, *assumptions]
    if isinstance(e, sp.Derivative):
        return ["Derivative", encode(e.expr), *([encode(s), int(n)] for s, n in e.variable_count)]
    if isinstance(e, AppliedUndef):
        assumptions = _assumptions(e.func._kwargs)
        if sp.Function(e.func.__name__, **dict.fromkeys(assumptions, True)) != e.func:
            raise ValueError(f"function {e} cannot be stored with its assumptions; make it with real=True or none")
        return ["Function", e.func.__name__, assumptions, *map(encode, e.args)]
    if isinstance(e, UnknownFunction):
        return ["UnknownFunction", e.name, [list(b) for b in e.bounds], *map(encode, e.arguments)]
    if isinstance(e, sp.Piecewise):
        return ["Piecewise", *([encode(a.expr), encode(a.cond)] for a in e.args)]
    if isinstance(e, Known) and isinstance(e.args[0].held, Series):
        return ["Series", *_encoded_series(e.args[0]), list(e.orders), *map(encode, e.arguments)]
    name = type(e).__name__
    if name in _OPERATIONS or name in _FUNCTIONS:
        return [name, *map(encode, e.args)]
    raise ValueError(f"{e} cannot be stored: {name} is not a node type of pinnlab declarations")


class Decoder:
    """Rebuilds expressions from JSON nodes, with limits on depth and size."""

    def __init__(self, parameters: dict[str, Parameter] | None = None) -> None:
        self.parameters = parameters or {}
        self._nodes = 0
        # Functions that are known from the same series are equal, and can cancel.
        self._series: dict[str, Holder] = {}

    def __call__(self, node: Any, depth: int = 0) -> Any:
        """The expression that a node stands for.

        Raises:
            ValueError: If the node is malformed, unknown, too deep, or the text holds too many of them.
        """
        self._nodes += 1
        if depth > MAX_DEPTH or self._nodes > MAX_NODES:
            raise ValueError(f"problem JSON: nested deeper than {MAX_DEPTH} levels or over {MAX_NODES} nodes")
        if not (isinstance(node, list) and node and isinstance(node[0], str)):
            raise ValueError(f"problem JSON: expected a node such as ['Symbol', 'x'], found {_short(node)}")
        kind, *rest = node
        try:
            return self._build(kind, rest, lambda n: self(n, depth + 1))
        except (TypeError, LookupError, AttributeError, ArithmeticError, ValueError) as error:
            if str(error).startswith("problem JSON: "):
                raise
            raise ValueError(
                f"problem JSON: malformed node {kind[:40]!r} ({' '.join(str(error).split())[:200]})"
            ) from error

    def _build(self, kind: str, rest: list[Any], sub: Callable[[Any], Any]) -> Any:
        if kind == "Constant":
            return _CONSTANTS[rest[0]]
        if kind == "Integer":
            return sp.Integer(_integer(rest[0]))
        if kind == "Rational":
            return sp.Rational(_integer(rest[0]), _integer(rest[1]))
        if kind == "Float":
            return _float(*rest)
        if kind == "Parameter":
            return self.parameters[rest[0]]
        if kind == "Normal":
            return Normal(sub(rest[0]))
        if kind == "Symbol":
            return sp.Symbol(_identifier(rest[0]), **_checked_assumptions(rest[1:]))
        if kind == "Derivative":
            expression, counts = rest[0], rest[1:]
            if not counts:
                raise ValueError("problem JSON: a derivative without a variable")
            return sp.Derivative(sub(expression), *((sub(s), _order(n)) for s, n in counts))
        if kind == "Function":
            kind_of = sp.Function(_identifier(rest[0]), **_checked_assumptions(rest[1]))
            return kind_of(*map(sub, rest[2:]))
        if kind == "UnknownFunction":
            bounds = [(float(a), float(b)) for a, b in rest[1]]
            return unknown_function(_identifier(rest[0]), *map(sub, rest[2:]), bounds=bounds)
        if kind == "Series":
            return self._known(rest[:4], rest[4], [sub(a) for a in rest[5:]])
        if kind == "Piecewise":
            return sp.Piecewise(*(ExprCondPair(sub(a), sub(c)) for a, c in rest), evaluate=False)
        if kind in _OPERATIONS:
            return _bounded(_OPERATIONS[kind](*map(sub, rest), evaluate=False))
        if kind in _FUNCTIONS:
            return _bounded(_FUNCTIONS[kind](*map(sub, rest), evaluate=False))
        raise ValueError(f"problem JSON: unknown node type {kind[:40]!r}")

    def _known(self, described: list[Any], orders: Any, arguments: list[Any]) -> Known:
        key = json.dumps(described)
        if key not in self._series:
            self._series[key] = _decoded_series(*described)
        holder = self._series[key]
        if not isinstance(orders, list) or any(type(n) is not int or not 0 <= n <= MAX_DERIVATIVE for n in orders):
            raise ValueError(f"problem JSON: {_short(orders)} are not orders of differentiation")
        if not len(orders) == len(arguments) == len(described[1]):
            raise ValueError(f"problem JSON: the series {holder.name} needs an order and an argument per coordinate")
        return Known(holder, sp.Integer(0), sp.Tuple(*map(sp.Integer, orders)), *arguments)


_BASES = {kind.__name__: kind for kind in (Cosines, Waves)}


def _encoded_series(holder: Holder) -> list[Any]:
    """Name, bases, shape and coefficients of a function known as a series."""
    series = holder.held
    assert isinstance(series, Series)  # the caller has looked
    for basis in series.bases:
        if type(basis) not in _BASES.values():
            raise ValueError(f"{holder.name} cannot be stored: {type(basis).__name__} is not a basis of declarations")
    bases = [[type(b).__name__, b.lower, b.upper] for b in series.bases]
    return [holder.name, bases, list(series.coefficients.shape), series.coefficients.ravel().tolist()]


def _decoded_series(name: Any, bases: Any, shape: Any, coefficients: Any) -> Holder:
    found = tuple(_BASES[kind](float(a), float(b)) for kind, a, b in bases)
    if len(found) != len(shape) or not all(b.lower < b.upper for b in found):
        raise ValueError(f"problem JSON: the bases {_short(bases)} of a series do not fit its shape {_short(shape)}")
    values = np.array(coefficients, float).reshape(shape)
    odd = [type(b) is not Waves or n % 2 == 1 for b, n in zip(found, shape, strict=True)]
    if not np.isfinite(values).all() or not values.size or not all(odd):
        raise ValueError(f"problem JSON: the coefficients of the series {_short(name)} are not finite, or too few")
    return Holder(_identifier(name), Series(found, values))


def encode_domain(domain: Domain) -> Any:
    """A domain as JSON."""
    if isinstance(domain, Box):
        bounds = [[encode(c), a, b] for c, (a, b) in domain.bounds.items()]
        return {"type": "Box", "bounds": bounds, "periodic": sorted(c.name for c in domain.periodic)}
    if isinstance(domain, Evolution):
        i = domain.interval
        interval = [encode(i.time), i.start, i.end]
        return {"type": "Evolution", "interval": interval, "region": encode_domain(domain.region)}
    if isinstance(domain, MeshDomain):
        return {
            "type": "MeshDomain",
            "coordinates": [encode(c) for c in domain.coordinates],
            "mesh": pack(domain.cells),
        }
    if isinstance(domain, Disk | Ball):
        centre = [[encode(c), v] for c, v in domain.centre.items()]
        return {"type": type(domain).__name__, "centre": centre, "radius": domain.radius, "name": domain.name}
    if isinstance(domain, Polygon):
        coordinates = [encode(c) for c in domain.coordinates]
        vertices = [list(v) for v in domain.vertices]
        return {"type": "Polygon", "coordinates": coordinates, "vertices": vertices, "names": list(domain.names)}
    if isinstance(domain, Combination):
        return {"type": type(domain).__name__, "operands": [encode_domain(o) for o in domain.operands]}
    raise ValueError(f"a {type(domain).__name__} cannot be stored as JSON")


def decode_domain(node: Any, decode: Decoder) -> Domain:
    """The domain that JSON stands for."""
    kind = node["type"]
    if kind == "Box":
        bounds = {decode(c): (a, b) for c, a, b in node["bounds"]}
        return Box(bounds, [c for c in bounds if c.name in set(node["periodic"])])
    if kind == "Evolution":
        time, start, end = node["interval"]
        return TimeInterval(decode(time), start, end) * decode_domain(node["region"], decode)
    if kind == "MeshDomain":
        return MeshDomain.from_mesh(unpack(node["mesh"]), [decode(c) for c in node["coordinates"]])
    if kind in _SHAPES:
        return _decoded_shape(kind, node, decode)
    raise ValueError(f"problem JSON: unknown domain {_short(kind)}")


_SHAPES = {k.__name__: k for k in (Disk, Ball, Polygon, Difference, Union, Intersection)}


def _decoded_shape(kind: str, node: Any, decode: Decoder, depth: int = 0) -> Shape:
    if depth > MAX_DEPTH:
        raise ValueError(f"problem JSON: shapes nested deeper than {MAX_DEPTH} levels")
    if kind == "Box":
        return decode_domain(node, decode)  # type: ignore[return-value]
    if kind in ("Disk", "Ball"):
        centre = {decode(c): float(v) for c, v in node["centre"]}
        return _SHAPES[kind](centre, float(node["radius"]), _identifier(node["name"]))  # type: ignore[arg-type]
    if kind == "Polygon":
        names = [_identifier(n) for n in node["names"]]
        return Polygon([decode(c) for c in node["coordinates"]], node["vertices"], names=names)
    if kind not in _SHAPES:
        raise ValueError(f"problem JSON: unknown shape {_short(kind)}")
    operands = [_decoded_shape(o["type"], o, decode, depth + 1) for o in node["operands"]]
    return _SHAPES[kind](*operands)  # type: ignore[arg-type]


def encode_parameter(p: Parameter) -> Any:
    """A parameter with its value or its guess."""
    return {
        "name": p.name,
        "value": None if p.value is None else encode(p.value),
        "guess": p.guess,
        "bounds": None if p.bounds is None else list(p.bounds),
    }


def decode_parameter(node: Any, decode: Decoder) -> Parameter:
    """The parameter that JSON stands for."""
    value = None if node["value"] is None else decode(node["value"])
    bounds = None if node["bounds"] is None else (float(node["bounds"][0]), float(node["bounds"][1]))
    guess = None if node["guess"] is None else float(node["guess"])
    if (value is None) == (guess is None):
        raise ValueError(f"problem JSON: parameter {_short(node['name'])} needs either a value or a guess")
    return Parameter(_identifier(node["name"]), value, guess, bounds)


def encode_condition(c: Condition) -> Any:
    """A condition as JSON."""
    return {"residual": encode(c.residual), "on": None if c.on is None else list(c.on)}


def decode_condition(node: Any, decode: Decoder) -> Condition:
    """The condition that JSON stands for."""
    on = node["on"]
    if on is not None and not (isinstance(on, list) and all(isinstance(name, str) for name in on)):
        raise ValueError(f"problem JSON: 'on' must be a list of names, found {_short(on)}")
    return Condition(decode(node["residual"]), on)


def parse(text: str) -> dict[str, Any]:
    """JSON text to a dictionary of the current schema.

    Raises:
        ValueError: If it is not JSON, too deep, or of another schema.
    """
    try:
        data = json.loads(text)
    except RecursionError:
        raise ValueError("problem JSON: nested too deeply to be a declaration") from None
    except ValueError as error:
        raise ValueError(f"problem JSON: not JSON ({error})") from None
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        raise ValueError(f"problem JSON: expected an object with schema {SCHEMA}, as Problem.to_json writes it")
    return data


def canonical(node: Any) -> Any:
    """The node with the arguments of sums and products in a fixed order, for hashing."""
    if isinstance(node, dict):
        return {k: canonical(v) for k, v in node.items()}
    if isinstance(node, list):
        items = [canonical(v) for v in node]
        if items and items[0] in ("Add", "Mul"):
            return [items[0], *sorted(items[1:], key=json.dumps)]
        return items
    return node


def _short(value: Any) -> str:
    text = repr(value) if not isinstance(value, list | dict) else f"a {type(value).__name__} of {len(value)}"
    return text[:60]


def _integer(text: Any) -> int:
    if not isinstance(text, str) or len(text) > MAX_DIGITS or not text.removeprefix("-").isdecimal():
        raise ValueError(f"problem JSON: {_short(text)} is not an integer in quotes of at most {MAX_DIGITS} digits")
    return int(text)


def _order(n: Any) -> int:
    if type(n) is not int or not 1 <= n <= 20:
        raise ValueError(f"problem JSON: {_short(n)} is not an order of differentiation")
    return n


def _float(sign: Any, mantissa: Any, exponent: Any, precision: Any) -> sp.Float:
    limits = {(0, 1): sign, (-10_000, 10_000): exponent, (1, 1400): precision}
    if not all(type(n) is int and low <= n <= high for (low, high), n in limits.items()):
        raise ValueError("problem JSON: a floating-point number out of range")
    if _integer(mantissa) == 0:
        return sp.Float(0, precision=precision)
    return sp.Float((sign, _integer(mantissa), exponent, _integer(mantissa).bit_length()), precision=precision)


def _identifier(name: Any) -> str:
    # Names such as "\\nu" or "u_{x}" are printed and stored, never executed; a slash would part a path in a file.
    if not isinstance(name, str) or not 1 <= len(name) <= MAX_NAME or not name.isprintable() or "/" in name:
        raise ValueError(
            f"problem JSON: {_short(name)} is not a name of 1 to {MAX_NAME} printable characters without '/'"
        )
    return name


def _assumptions(given: Mapping[str, bool | None]) -> list[str]:
    return [k for k in _ASSUMPTIONS if given.get(k)]


def _checked_assumptions(names: Any) -> dict[str, bool]:
    if not isinstance(names, list) or not all(n in _ASSUMPTIONS for n in names):
        raise ValueError(f"problem JSON: unknown assumptions {_short(names)}")
    return dict.fromkeys(names, True)


def _bounded(e: Any) -> Any:
    """The expression, unless it is a power or a number that would take for ever to work out."""
    if isinstance(e, sp.Pow) and e.exp.is_number and not _exponent(e) <= MAX_EXPONENT:
        raise ValueError(f"problem JSON: an exponent beyond {MAX_EXPONENT}")
    if isinstance(e, sp.Pow | sp.exp | sp.gamma | sp.sinh | sp.cosh) and e.is_number:
        size = abs(sp.N(e))
        if size.is_number and size != 0 and not -MAX_DIGITS < sp.log(size, 10).evalf() < MAX_DIGITS:
            raise ValueError(f"problem JSON: a number beyond {MAX_DIGITS} digits")
    return e


def _exponent(e: Any) -> float:
    """The exponent that powers of powers of numbers amount to."""
    own = abs(complex(sp.N(e.exp))) if isinstance(e, sp.Pow) and e.exp.is_number else 1.0
    return max(1.0, own) * max((_exponent(a) for a in e.args if a.is_number), default=1.0)
