"""Partial derivatives of a network by truncated Taylor series, pushed through ordinary torch modules."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor

Orders = tuple[int, ...]
Network = Callable[[Any], Any]

HIGHEST_ORDER = 6


class Series:
    """u(x + s v) = sum_k coefficients[k] s^k, at n points and along a bundle of directions v at once.

    `coefficients[k]` has shape (m_k, n, width): m_0 = 1 (the value does not depend on the direction) and
    m_1 >= m_2 >= ..., since directions are sorted so that those which need a high order come first.
    An axis of length 1 where n is meant is a constant over the points.
    Coefficients beyond the stored ones are exact zeros, up to the truncation `order = len(reach)`;
    `reach[k - 1]` is m_k.  To a module a series looks like a tensor of shape (n, width).
    """

    def __init__(self, coefficients: Sequence[Tensor], reach: tuple[int, ...]) -> None:
        self.coefficients = tuple(coefficients)
        self.reach = reach

    @property
    def order(self) -> int:
        """The truncation order."""
        return len(self.reach)

    @property
    def shape(self) -> torch.Size:
        """(n, width), as a module sees it."""
        return self.coefficients[0].shape[1:]

    @classmethod
    def __torch_function__(
        cls, func: Callable, types: object, args: tuple = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        rule = RULES.get(func)
        if rule is None:
            name = getattr(func, "__name__", repr(func))
            raise NotImplementedError(
                f"Series: no Taylor rule for {name}; write the network with operations that have one "
                f"({', '.join(sorted({f.__name__.strip('_') for f in RULES}))}), "
                "or add a rule to RULES in pinnlab/numerics/taylor.py"
            )
        return rule(*args, **(kwargs or {}))

    def __add__(self, other: Series | Tensor | float) -> Series:
        return add(self, other)

    __radd__ = __add__

    def __neg__(self) -> Series:
        return self._each(torch.neg)

    def __sub__(self, other: Series | Tensor | float) -> Series:
        return add(self, -other)

    def __rsub__(self, other: Series | Tensor | float) -> Series:
        return add(-self, other)

    def __mul__(self, other: Series | Tensor | float) -> Series:
        return multiply(self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Tensor | float) -> Series:
        return divide(self, other)

    def __matmul__(self, matrix: Tensor) -> Series:
        return self._each(lambda c: c @ matrix)

    def __getitem__(self, index: tuple) -> Series:
        if not (isinstance(index, tuple) and len(index) == 2 and index[0] in (Ellipsis, slice(None))):
            raise NotImplementedError(f"Series: index {index!r} is not of the form [:, columns]")
        columns = index[1]
        if isinstance(columns, int):
            raise NotImplementedError(f"Series: column {columns} would lose its axis; use a slice of length 1")
        return self._each(lambda c: c[..., columns])

    def _each(self, act: Callable[[Tensor], Tensor]) -> Series:
        """Apply a linear map of the columns to every coefficient."""
        return Series([act(c) for c in self.coefficients], self.reach)


def add(x: Any, y: Any, *, alpha: float = 1) -> Series:
    """The sum x + alpha y, where at least one of the two is a series."""
    if not isinstance(x, Series):
        x, y, alpha = y * alpha, x, 1
    if alpha != 1:
        y = y * alpha
    if not isinstance(y, Series):
        return Series([x.coefficients[0] + y, *x.coefficients[1:]], x.reach)
    a, b = (x, y) if len(x.coefficients) >= len(y.coefficients) else (y, x)
    low = [p + q for p, q in zip(a.coefficients, b.coefficients, strict=False)]
    return Series([*low, *a.coefficients[len(low) :]], x.reach)


def multiply(x: Any, y: Any) -> Series:
    """The truncated Cauchy product, or a multiple."""
    if not isinstance(x, Series):
        x, y = y, x
    if not isinstance(y, Series):
        return x._each(lambda c: c * y)
    a, b = x.coefficients, y.coefficients
    top = min(len(a) + len(b) - 2, x.order)
    return Series([_cauchy(a, b, k, x.reach) for k in range(top + 1)], x.reach)


def divide(x: Any, y: Any) -> Series:
    """The quotient x / y, where y is a number, a tensor or a series: from x = (x / y) y, order by order."""
    if not isinstance(y, Series):
        return x._each(lambda c: c / y)
    if not isinstance(x, Series):
        x = Series([x + torch.zeros_like(y.coefficients[0])], y.reach)
    b = y.coefficients
    quotient: list[Tensor] = []
    for k in range(x.order + 1):
        m = x.reach[k - 1] if k else 1
        known = [_cut(quotient[k - j], m) * _cut(b[j], m) for j in range(1, min(k, len(b) - 1) + 1)]
        rest = [_cut(x.coefficients[k], m)] if k < len(x.coefficients) else []
        quotient.append(_total([*rest, *(-z for z in known)], b[0]) / b[0])
    return Series(quotient, x.reach)


def linear(x: Series, weight: Tensor, bias: Tensor | None = None) -> Series:
    """The layer x W' + b: the bias enters the value only."""
    head, *rest = x.coefficients
    apply = torch.nn.functional.linear
    return Series([apply(head, weight, bias), *(apply(c, weight) for c in rest)], x.reach)


def tanh(x: Series) -> Series:
    """Solve y' = (1 - y^2) x'."""
    return _solve_autonomous(x, torch.tanh(x.coefficients[0]), offset=1.0, slope=0.0, curvature=-1.0)


def sigmoid(x: Series) -> Series:
    """Solve y' = (y - y^2) x'."""
    return _solve_autonomous(x, torch.sigmoid(x.coefficients[0]), offset=0.0, slope=1.0, curvature=-1.0)


def exp(x: Series) -> Series:
    """Solve y' = y x'."""
    y = [torch.exp(x.coefficients[0])]
    for k in range(1, x.order + 1):
        y.append(_driven(x, y, k))
    return Series(y, x.reach)


def sin_and_cos(x: Series) -> tuple[Series, Series]:
    """Solve s' = c x' and c' = -s x'."""
    s, c = [torch.sin(x.coefficients[0])], [torch.cos(x.coefficients[0])]
    for k in range(1, x.order + 1):
        next_s, next_c = _driven(x, c, k), -_driven(x, s, k)
        s.append(next_s)
        c.append(next_c)
    return Series(s, x.reach), Series(c, x.reach)


def silu(x: Series, inplace: bool = False) -> Series:
    """The swish x sigmoid(x)."""
    return multiply(x, sigmoid(x))


def cat(parts: Sequence[Any], dim: int = 0) -> Series:
    """Join columns; plain tensors (n, width) count as constants along every direction."""
    if dim not in (-1, 1):
        raise NotImplementedError(f"Series: torch.cat over dim {dim} mixes points; only columns (dim -1) can be joined")
    reach = next(p.reach for p in parts if isinstance(p, Series))
    series = [p if isinstance(p, Series) else Series([p[None]], reach) for p in parts]
    top = max(len(p.coefficients) for p in series)
    return Series([_columns(series, k, reach) for k in range(top)], reach)


def _columns(parts: Sequence[Series], k: int, reach: tuple[int, ...]) -> Tensor:
    """The k-th coefficients side by side, zeros where a part has none."""
    m = reach[k - 1] if k else 1
    rows = max(p.coefficients[k].shape[1] for p in parts if k < len(p.coefficients))
    blocks = []
    for p in parts:
        like = p.coefficients[0]
        block = p.coefficients[k] if k < len(p.coefficients) else like.new_zeros(m, rows, like.shape[-1])
        blocks.append(block.expand(m, rows, -1))
    return torch.cat(blocks, dim=-1)


def _cut(c: Tensor, m: int) -> Tensor:
    """The first m directions; not a slice where all are meant, since the gradient of a slice is not free."""
    return c if len(c) <= m else c[:m]


def _total(terms: Sequence[Tensor], like: Tensor) -> Tensor:
    if not terms:
        return torch.zeros_like(like)
    result = terms[0]
    for term in terms[1:]:
        result = result + term
    return result


def _cauchy(a: Sequence[Tensor], b: Sequence[Tensor], k: int, reach: tuple[int, ...]) -> Tensor:
    """sum_j a[j] b[k - j] on the directions that reach order k; the symmetric half only if a is b."""
    m = reach[k - 1] if k else 1
    js = [j for j in range(k + 1) if j < len(a) and k - j < len(b)]
    if a is not b:
        return _total([_cut(a[j], m) * _cut(b[k - j], m) for j in js], a[0])
    terms = [2 * (_cut(a[j], m) * _cut(a[k - j], m)) for j in js if 2 * j < k]
    if k % 2 == 0:
        terms.append(torch.square(_cut(a[k // 2], m)))
    return _total(terms, a[0])


def _driven(x: Series, w: Sequence[Tensor], k: int) -> Tensor:
    """The k-th coefficient of y where y' = w x': sum_{j=1..k} (j / k) x[j] w[k - j]."""
    m, top = x.reach[k - 1], min(k, len(x.coefficients) - 1)
    terms = [_cut(x.coefficients[j], m) * _cut(w[k - j], m) for j in range(1, top + 1)]
    return _total([t if j == k else (j / k) * t for j, t in enumerate(terms, start=1)], w[0])


def _solve_autonomous(x: Series, value: Tensor, *, offset: float, slope: float, curvature: float) -> Series:
    """Solve y' = (offset + slope y + curvature y^2) x' from y(0) = value (Griewank, Walther 2008, ch. 13)."""
    y = [value]
    w = [offset + slope * value + curvature * (value * value) if slope else offset + curvature * (value * value)]
    for k in range(1, x.order + 1):
        y.append(_driven(x, w, k))
        if k < x.order:
            square = curvature * _cauchy(y, y, k, x.reach)
            w.append(slope * y[k] + square if slope else square)
    return Series(y, x.reach)


RULES: dict[Callable, Callable[..., Series]] = {
    torch.nn.functional.linear: linear,
    torch.tanh: tanh,
    torch.nn.functional.tanh: tanh,
    torch.sigmoid: sigmoid,
    torch.nn.functional.sigmoid: sigmoid,
    torch.nn.functional.silu: silu,
    torch.exp: exp,
    torch.sin: lambda x: sin_and_cos(x)[0],
    torch.cos: lambda x: sin_and_cos(x)[1],
    torch.square: lambda x: multiply(x, x),
    torch.neg: lambda x: -x,
    torch.cat: cat,
    torch.add: add,
    torch.Tensor.add: add,
    torch.sub: lambda x, y: add(x, -y),
    torch.Tensor.sub: lambda x, y: add(x, -y),
    torch.Tensor.__rsub__: lambda x, y: add(-x, y),
    torch.mul: multiply,
    torch.Tensor.mul: multiply,
    torch.div: divide,
    torch.Tensor.div: divide,
}
"""What a series does under each torch function."""


def _binomial(q: Fraction, k: int) -> Fraction:
    """The binomial coefficient q (q - 1) ... (q - k + 1) / k! of a rational q."""
    return math.prod((Fraction(q - i) for i in range(k)), start=Fraction(1)) / math.factorial(k)


def _multi_indices(dim: int, total: int) -> list[Orders]:
    if dim == 1:
        return [(total,)]
    return [(i, *rest) for i in range(total, -1, -1) for rest in _multi_indices(dim - 1, total - i)]


def direction_weights(orders: Orders) -> dict[Orders, Fraction]:
    """Integer directions v and exact weights with  d^i u = sum_v weights[v] c_d(v),  d = |i|.

    c_d(v) is the d-th Taylor coefficient of s -> u(x + s v).  With gamma of [1], Eq. (13),

        gamma_{i,j} = sum_{0 < k <= i} (-1)^{|i - k|} binom(i, k) binom(d k / |k|, j) (|k| / d)^d

    over directions |j| = d; a direction with common factor g is divided by it and its weight times g^d.

    [1] A. Griewank, J. Utke, A. Walther, Math. Comp. 69 (2000) 1117-1130.
    """
    d = sum(orders)
    weights: dict[Orders, Fraction] = {}
    smaller = [k for k in itertools.product(*(range(i + 1) for i in orders)) if any(k)]
    for j in _multi_indices(len(orders), d):
        gamma = Fraction(0)
        for k in smaller:
            size = sum(k)
            sign = (-1) ** (d - size)
            chosen = math.prod(math.comb(i, q) for i, q in zip(orders, k, strict=True))
            ray = math.prod((_binomial(Fraction(d * q, size), r) for q, r in zip(k, j, strict=True)), start=Fraction(1))
            gamma += sign * chosen * ray * Fraction(size, d) ** d
        if gamma:
            g = math.gcd(*j)
            v = tuple(r // g for r in j)
            weights[v] = weights.get(v, Fraction(0)) + gamma * g**d
    return weights


class JetPlan:
    """Which directions a set of partial derivatives needs, and how they combine; made once, used for ever.

    Args:
        orders: Multi-indices, one per derivative wanted, all of the same length dim; e.g. (0, 2) is u_xx for
            coordinates (t, x).  Total order at most 6: beyond that the weights lose digits in float64.

    Raises:
        ValueError: If `orders` is empty, ragged, negative or beyond order 6.
    """

    def __init__(self, orders: Sequence[Orders]) -> None:
        self.orders: tuple[Orders, ...] = tuple(dict.fromkeys(tuple(o) for o in orders))
        lengths = {len(o) for o in self.orders}
        if len(lengths) != 1 or lengths == {0}:
            raise ValueError(f"JetPlan: orders {list(self.orders)} must be non-empty multi-indices of one length")
        bad = [o for o in self.orders if min(o) < 0 or sum(o) > HIGHEST_ORDER]
        if bad:
            raise ValueError(f"JetPlan: orders {bad} are outside 0..{HIGHEST_ORDER}; write a system of lower order")
        self.dim = lengths.pop()
        weights = {o: direction_weights(o) for o in self.orders if any(o)}
        need: dict[Orders, int] = {}
        for o, by_direction in weights.items():
            for v in by_direction:
                need[v] = max(need.get(v, 0), sum(o))
        self.directions: tuple[Orders, ...] = tuple(sorted(need, key=lambda v: -need[v]))
        top = max(need.values(), default=0)
        self.reach: tuple[int, ...] = tuple(sum(need[v] >= k for v in need) for k in range(1, top + 1))
        self._weights = {
            o: tuple(float(weights[o].get(v, 0)) for v in self.directions[: self.reach[sum(o) - 1]]) for o in weights
        }

    def evaluate(self, network: Network, points: Tensor) -> dict[Orders, Tensor]:
        """The derivatives of `network` at `points (n, dim)`: one tensor (n, outputs) per multi-index.

        Works inside torch.func transforms and under plain autograd, for parameters and for points.

        Raises:
            ValueError: If `points` is not (n, dim).
            NotImplementedError: If the network uses an operation without a Taylor rule.
        """
        if points.ndim != 2 or points.shape[1] != self.dim:
            raise ValueError(f"JetPlan: points of shape {tuple(points.shape)}, wanted (n, {self.dim})")
        seeds = [points.new_tensor(self.directions)[:, None, :]] if self.directions else []
        series = network(Series([points[None], *seeds], self.reach))
        return {o: self._combine(series, o, len(points)) for o in self.orders}

    def _combine(self, series: Series, orders: Orders, n: int) -> Tensor:
        k = sum(orders)
        c = series.coefficients
        if k == 0:
            return c[0][0].expand(n, -1)
        if k >= len(c):
            return torch.zeros_like(c[0][0]).expand(n, -1)
        terms = [w * c[k][i] for i, w in enumerate(self._weights[orders]) if w]
        return _total(terms, c[0][0]).expand(n, -1)


def jets(network: Network, points: Tensor, orders: Sequence[Orders]) -> dict[Orders, Tensor]:
    """Partial derivatives of `network` at `points (n, dim)`, each (n, outputs); see `JetPlan`.

    Not the fastest for one output and order <= 2 (nested autograd needs fewer operations there); it wins for
    higher orders, for systems, and for Jacobians with respect to parameters.
    """
    return JetPlan(orders).evaluate(network, points)
