"""Settings as text and as data: frozen dataclasses to JSON, and from a line such as `etdrk4:points=128`."""

from __future__ import annotations

import ast
import dataclasses
import enum
import inspect
from collections.abc import Callable, Mapping
from typing import Any


def describe(value: Any) -> Any:
    """Settings as JSON-able data: a dataclass becomes {"type": name, field: …}."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: describe(getattr(value, f.name)) for f in dataclasses.fields(value) if f.repr}
        return {"type": type(value).__name__, **fields}
    if isinstance(value, list | tuple):
        return [describe(v) for v in value]
    if isinstance(value, Mapping):
        return {str(k): describe(v) for k, v in value.items()}
    if isinstance(value, enum.Enum):
        return value.value
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)


def rebuild(described: Any, known: Mapping[str, type]) -> Any:
    """The inverse of `describe` for dataclasses of numbers, texts, tuples and such dataclasses.

    Args:
        described: What `describe` gave, or what JSON made of it; lists become tuples.
        known: Name → dataclass.  Nothing else can be made.

    Raises:
        ValueError: If a name or field is unknown, or the settings are refused.
    """
    if isinstance(described, list | tuple):
        return tuple(rebuild(value, known) for value in described)
    if not isinstance(described, Mapping):
        return described
    if "type" not in described:
        raise ValueError(f"settings {str(described)[:80]}: they do not say their type")
    kind = _lookup(str(described["type"]), known)
    fields = {name: rebuild(value, known) for name, value in described.items() if name != "type"}
    try:
        return kind(**fields)
    except TypeError as error:
        raise ValueError(f"{kind.__name__} rejects these settings: {error}") from None


def parse(text: str, known: Mapping[str, Callable[..., Any]]) -> Any:
    """Settings from one line, such as `etdrk4`, `etdrk4:points=128,steps=400` or `pinn:network=Mlp(width=40)`.

    Args:
        text: A name from `known`, then optionally a colon and fields; values are numbers, names in quotes, lists,
            or calls of what is in `known`.
        known: Name → dataclass, or function that makes one.  Nothing else can be named, and nothing else is executed.

    Raises:
        ValueError: If a name or field is unknown or a value is not of these kinds.
    """
    name, _, fields = text.partition(":")
    kind = _lookup(name.strip(), known)
    try:
        call = ast.parse(f"f({fields})", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(f"{text!r}: expected NAME:field=value,field=value after the name {name!r}") from None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        raise ValueError(f"{text!r}: expected NAME:field=value,field=value")
    if call.args:
        first = next(iter(_fields(kind)), "…")
        raise ValueError(f"{text!r}: name every field of {kind.__name__}, as in {first}=…")
    return _construct(kind, call, known, text)


def _construct(kind: Callable[..., Any], call: ast.Call, known: Mapping[str, Callable[..., Any]], text: str) -> Any:
    from pinnlab.lint import did_you_mean

    kinds = _fields(kind)
    names = list(kinds)
    if len(call.args) > len(names):
        raise ValueError(f"{text!r}: {kind.__name__} has {len(names)} fields, and {len(call.args)} values are given")
    values: dict[str, Any] = {}
    placed = [ast.keyword(name, value) for name, value in zip(names, call.args, strict=False)]
    for keyword in (*placed, *call.keywords):
        if keyword.arg not in names:
            hint = did_you_mean(str(keyword.arg), names)
            raise ValueError(f"{text!r}: {kind.__name__} has no field {keyword.arg!r}{hint}; it has {', '.join(names)}")
        if keyword.arg in values:
            raise ValueError(f"{text!r}: {keyword.arg} of {kind.__name__} is given twice")
        value = _value(keyword.value, known, text)
        if kinds[keyword.arg] in (int, "int") and type(value) is not int:
            raise ValueError(f"{text!r}: {keyword.arg} of {kind.__name__} must be a whole number, got {value!r}")
        values[keyword.arg] = value
    try:
        return kind(**values)
    except TypeError as error:
        raise ValueError(f"{text!r}: {kind.__name__} rejects these settings: {error}") from None


def _fields(kind: Callable[..., Any]) -> dict[str, Any]:
    """Name → annotation of everything that a dataclass, or a function that makes one, can be given."""
    if isinstance(kind, type):
        return {f.name: f.type for f in dataclasses.fields(kind) if f.init}
    return {p.name: p.annotation for p in inspect.signature(kind).parameters.values()}


def _value(node: ast.expr, known: Mapping[str, Callable[..., Any]], text: str) -> Any:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return _construct(_lookup(node.func.id, known), node, known, text)
    if isinstance(node, ast.Name) and node.id in known:
        return _construct(known[node.id], ast.Call(node, [], []), known, text)
    if isinstance(node, ast.List | ast.Tuple):
        return tuple(_value(n, known, text) for n in node.elts)
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError):
        raise ValueError(f"{text!r}: {ast.unparse(node)} is neither a number, a quoted text nor settings") from None


def _lookup(name: str, known: Mapping[str, Callable[..., Any]]) -> Callable[..., Any]:
    from pinnlab.lint import did_you_mean

    if name not in known:
        raise ValueError(f"there is no {name!r}{did_you_mean(name, known)}; known are {', '.join(sorted(known))}")
    return known[name]
