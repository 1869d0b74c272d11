"""Expressions that differ in their numbers alone, as one expression and its numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from pinnlab.known import Known
from pinnlab.symbols import Expr

# Keys are nested tuples: NUMBER, (LEAF, expression) or (what makes an expression, keys of its arguments…).
NUMBER: tuple[Any, ...] = ("number",)
LEAF = "leaf"
Parts = tuple[tuple[Any, ...], tuple[float, ...]]


@dataclass(frozen=True)
class Structure:
    """An expression without its numbers: what two expressions have in common that differ in numbers alone.

    Terms and factors are ordered by their own structure.  So all sums of n terms a sin(w t + k x + p) have the same,
    however sympy orders them, which depends on the numbers.  Constant exponents are part of it.
    """

    key: tuple[Any, ...]

    @staticmethod
    def of(expression: Expr) -> tuple[Structure, tuple[float, ...]]:
        """The structure of an expression, and its numbers."""
        key, numbers = _parts(expression)
        return Structure(key), numbers

    def with_symbols(self, symbols: Sequence[sp.Symbol]) -> Expr:
        """The expression with symbols for its numbers, one each."""
        return _joined(self.key, iter(symbols))


def _parts(e: Any) -> Parts:
    if isinstance(e, sp.Expr) and not e.free_symbols:
        return NUMBER, (float(e),)
    if not e.args or isinstance(e, Known):
        return (LEAF, e), ()
    if e.func is sp.Add:
        # A term without a number has the number 1, and a sum without one the number 0.
        terms = [_product(a) for a in e.args if a.free_symbols]
        return _together(sp.Add, sp.Add(*(a for a in e.args if not a.free_symbols)), terms)
    if e.func is sp.Mul:
        return _product(e)
    if e.func is sp.Pow and not e.exp.free_symbols:
        key, numbers = _parts(e.base)
        return (sp.Pow, key, (LEAF, e.exp)), numbers
    parts = [_parts(a) for a in e.args]
    return (e.func, *(key for key, _ in parts)), _numbers(parts)


def _product(e: Expr) -> Parts:
    arguments = sp.Mul.make_args(e)
    number = sp.Mul(*(a for a in arguments if not a.free_symbols))
    return _together(sp.Mul, number, [_parts(a) for a in arguments if a.free_symbols])


def _together(kind: Any, number: Expr, parts: Sequence[Parts]) -> Parts:
    ordered = sorted(parts, key=lambda part: repr(part[0]))
    return (kind, NUMBER, *(key for key, _ in ordered)), (float(number), *_numbers(ordered))


def _numbers(parts: Sequence[Parts]) -> tuple[float, ...]:
    return tuple(n for _, numbers in parts for n in numbers)


def _joined(key: tuple[Any, ...], symbols: Iterator[sp.Symbol]) -> Any:
    if key == NUMBER:
        return next(symbols)
    if key[0] == LEAF:
        return key[1]
    return key[0](*[_joined(k, symbols) for k in key[1:]])
