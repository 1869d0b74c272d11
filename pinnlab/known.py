"""Functions known through their values, such as an answer already computed, inside expressions."""

from __future__ import annotations

import functools
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import sympy as sp

from pinnlab.symbols import Expr


class Differentiable(Protocol):
    """What values and derivatives are taken from; every `Field` is one."""

    def derivative(self, orders: Sequence[int]) -> Callable[[np.ndarray], np.ndarray]:
        """The partial derivative of these orders: points (n, dim) to values (n, components)."""
        ...


@dataclass(eq=False)
class Memory:
    """Values found lately, by who was asked and where; the oldest are let go.

    Attributes:
        limit: How many numbers are kept, 32 MB by default.
        found: What is kept, the oldest first.
        size: How many numbers that are.
    """

    limit: int = 2**22
    found: OrderedDict[tuple[object, ...], np.ndarray] = field(default_factory=OrderedDict, repr=False)
    size: int = 0

    def recalled(self, key: tuple[object, ...], values: Callable[[], np.ndarray]) -> np.ndarray:
        """The values under a key, asked for only if they are not kept."""
        if key in self.found:
            self.found.move_to_end(key)
            return self.found[key]
        found = values()
        self.found[key] = found
        self.size += found.size
        while self.size > self.limit:
            self.size -= self.found.popitem(last=False)[1].size
        return found


@dataclass(eq=False)
class Remembered:
    """A source whose values are asked for once at the same points, as in a chain of functions known by one another.

    A built-in condition may ask for a function at many places and for many derivatives, and each of these asks for as
    many of the function before it: without memory the cost of a chain is exponential in its length.

    Attributes:
        source: What the values are of; it must not change.
        memory: Where they are kept; sources may share one.
        derived: The derivatives asked for so far, by their orders.
    """

    source: Differentiable
    memory: Memory
    derived: dict[tuple[int, ...], Callable[[np.ndarray], np.ndarray]] = field(default_factory=dict, repr=False)

    def derivative(self, orders: Sequence[int]) -> Callable[[np.ndarray], np.ndarray]:
        """The partial derivative of these orders."""
        return functools.partial(self._values, tuple(orders))

    def _values(self, orders: tuple[int, ...], points: np.ndarray) -> np.ndarray:
        if orders not in self.derived:
            self.derived[orders] = self.source.derivative(orders)
        digest = hashlib.blake2b(np.ascontiguousarray(points).tobytes()).digest()
        return self.memory.recalled((self, orders, points.shape, digest), lambda: self.derived[orders](points))


class Holder(sp.Atom):
    """Carries an object through sympy; equal to another if both carry the same object.

    Attributes:
        held: The object.
        name: How it is called.
        numbers: Values at single points: sympy asks for each many times, and a chain of windows would for each of
            these ask the whole chain before it.
    """

    __slots__ = ("held", "name", "numbers")
    held: Differentiable
    name: str
    numbers: dict[tuple[object, ...], float]

    def __new__(cls, name: str, held: Differentiable) -> Holder:
        """The atom with what it carries."""
        obj = sp.Atom.__new__(cls)
        obj.held, obj.name, obj.numbers = held, name, {}
        return obj

    def _hashable_content(self) -> tuple[Any, ...]:
        return (self.name, id(self.held))

    def _sympystr(self, printer: Any) -> str:
        return self.name


class Known(sp.Function):
    """A component of a known function, or a partial derivative of it, at some arguments; made by `known`."""

    is_commutative = True

    @property
    def arguments(self) -> tuple[Expr, ...]:
        """Where it is evaluated, one for each coordinate of what it is known from."""
        return tuple(self.args[3:])

    @property
    def orders(self) -> tuple[int, ...]:
        """How often it is differentiated by each argument."""
        return tuple(int(n) for n in self.args[2].args)

    def values(self, *columns: Any) -> Any:
        """The values at arguments given as numbers, numpy arrays or torch tensors of any shape; no gradient by them."""
        # Imported here, or declarations, which may hold such a function, would load it.
        import torch

        like = next((c for c in columns if isinstance(c, torch.Tensor)), None)
        plain = [c.detach().cpu().numpy() if isinstance(c, torch.Tensor) else c for c in columns]
        spread = np.broadcast_arrays(*(np.asarray(c, float) for c in plain))
        points = np.stack([c.ravel() for c in spread], axis=1)
        known = self.args[0].held.derivative(self.orders)
        found = (known(points)[:, int(self.args[1])] if len(points) else np.zeros(0)).reshape(spread[0].shape)
        if like is not None:
            return torch.as_tensor(found, dtype=like.dtype, device=like.device)
        return found if spread[0].ndim else float(found)

    def _eval_is_real(self) -> bool:
        return True

    def _eval_derivative(self, s: sp.Symbol) -> Expr:
        holder, component, _, *arguments = self.args
        terms = []
        for i, a in enumerate(arguments):
            raised = sp.Tuple(*(n + (i == k) for k, n in enumerate(self.orders)))
            terms.append(Known(holder, component, raised, *arguments) * a.diff(s))
        return sp.Add(*terms)

    def _eval_evalf(self, prec: int) -> Expr | None:
        at = [a.evalf(20) for a in self.arguments]
        if not all(a.is_Number for a in at):
            return None
        numbers, key = self.args[0].numbers, tuple(self.args[1:])
        if key not in numbers:
            numbers[key] = self.values(*(float(a) for a in at))
        return sp.Float(numbers[key], 20)

    def _sympystr(self, printer: Any) -> str:
        return f"{self.args[0].name}({', '.join(printer._print(a) for a in self.arguments)})"

    def _latex(self, printer: Any, exp: Any = None) -> str:
        text = rf"{self.args[0].name}\left({', '.join(printer._print(a) for a in self.arguments)}\right)"
        return text if exp is None else rf"\left({text}\right)^{{{exp}}}"


def known(name: str, source: Differentiable, component: int, *arguments: Any) -> Expr:
    """A function known through its values as an expression, to be used in data, coefficients and sources.

        initial(u, known("u1", solution.field, 0, 0.5, x))

    begins where another solution is at t = 0.5.  It is differentiated exactly as far as its source is.  A problem that
    holds one cannot be written to JSON, nor to a file.

    Args:
        name: How it is called in messages.
        source: A field, or anything with `derivative(orders)(points (n, dim)) -> (n, components)`.
        component: Which of its components, from 0.
        arguments: One expression for each of its coordinates, in their order.

    Raises:
        ValueError: If there is no argument, or the component is negative.
    """
    if not arguments or component < 0:
        raise ValueError(
            f"known({name!r}): component {component} at {len(arguments)} arguments; give one from 0 on, and an "
            "argument for each coordinate"
        )
    none = sp.Tuple(*(sp.Integer(0) for _ in arguments))
    return Known(Holder(name, source), sp.Integer(component), none, *map(sp.sympify, arguments))
