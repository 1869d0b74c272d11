"""Truncated Taylor series in the shape of tensors, and the arithmetic of their columns."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

Reach = tuple[int, ...]


class Series:
    """u(x + s v) = sum_k coefficients[k] s^k, at n points and along a bundle of directions v at once.

    `coefficients[k]` has shape (m_k, n, width): m_0 = 1 (the value does not depend on the direction) and
    m_1 >= m_2 >= ..., since directions are sorted so that those which need a high order come first.
    An axis of length 1 where n is meant is a constant over the points.
    Coefficients beyond the stored ones are exact zeros, up to the truncation `order = len(reach)`;
    `reach[k - 1]` is m_k.  To a module a series looks like a tensor of shape (n, width), or (n,) for one column
    that was taken out by x[:, i] or unbind; then the coefficients are (m_k, n).
    """

    def __init__(self, coefficients: Sequence[Tensor], reach: Reach) -> None:
        self.coefficients = tuple(coefficients)
        self.reach = reach

    @property
    def order(self) -> int:
        """The truncation order."""
        return len(self.reach)

    @property
    def shape(self) -> torch.Size:
        """(n, width) or (n,), as a module sees it."""
        return self.coefficients[0].shape[1:]

    @property
    def ndim(self) -> int:
        """2 or 1, as a module sees it."""
        return self.coefficients[0].ndim - 1

    @property
    def dtype(self) -> torch.dtype:
        """The floating type of the coefficients."""
        return self.coefficients[0].dtype

    @property
    def device(self) -> torch.device:
        """Where the coefficients live."""
        return self.coefficients[0].device

    @classmethod
    def __torch_function__(
        cls, func: Callable, types: object, args: tuple = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        # Imported here since the rules are written in terms of series.
        from pinnlab.numerics.rules import RULES

        rule = RULES.get(func)
        if rule is None:
            raise NotImplementedError(missing_rule(getattr(func, "__name__", repr(func))))
        return rule(*args, **(kwargs or {}))

    def __getattr__(self, name: str) -> Any:
        """A method of tensors, such as x.tanh(), by its rule."""
        from pinnlab.numerics.rules import RULES

        method = None if name.startswith("__") else getattr(Tensor, name, None)
        rule = None if method is None else RULES.get(method)
        if rule is None:
            raise AttributeError(missing_rule(f"Tensor.{name}"))
        return lambda *args, **kwargs: rule(self, *args, **kwargs)

    def __add__(self, other: Series | Tensor | float) -> Series:
        return add(self, other)

    __radd__ = __add__

    def __neg__(self) -> Series:
        return self.each(torch.neg)

    def __sub__(self, other: Series | Tensor | float) -> Series:
        return add(self, -other)

    def __rsub__(self, other: Series | Tensor | float) -> Series:
        return add(-self, other)

    def __mul__(self, other: Series | Tensor | float) -> Series:
        return multiply(self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Series | Tensor | float) -> Series:
        return divide(self, other)

    def __rtruediv__(self, other: Tensor | float) -> Series:
        return divide(other, self)

    def __pow__(self, exponent: float) -> Series:
        from pinnlab.numerics.elementary import power

        return power(self, exponent)

    def __rpow__(self, base: float) -> Series:
        from pinnlab.numerics.elementary import exp

        if not isinstance(base, int | float) or base <= 0:
            raise NotImplementedError("Series: base ** x needs a positive number as its base; write exp(x * log(base))")
        return exp(multiply(self, math.log(base)))

    def __matmul__(self, matrix: Tensor) -> Series:
        return matmul(self, matrix)

    def __getitem__(self, index: Any) -> Series:
        """Columns: x[:, a:b], x[..., i], x[:, [i, j]]; or a new axis after a single column, x[:, None]."""
        taken = isinstance(index, tuple) and len(index) == 2 and index[0] in (Ellipsis, slice(None))
        if not taken or (self.ndim == 1) != (index[1] is None):
            raise NotImplementedError(f"Series: index {index!r} is not of the form [:, columns]")
        return self.each(lambda c: c[..., index[1]])

    def each(self, act: Callable[[Tensor], Tensor]) -> Series:
        """Apply a linear map of the columns to every coefficient."""
        return Series([act(c) for c in self.coefficients], self.reach)


def missing_rule(name: str) -> str:
    """What to say of an operation that series cannot go through."""
    return (
        f"Series: no Taylor rule for {name}; take derivatives by NestedAutograd() (in Pinn with "
        "differentiation=PerPoint()), or add a rule to RULES in pinnlab/numerics/rules.py"
    )


def add(x: Any, y: Any, *, alpha: float = 1) -> Series:
    """The sum x + alpha y, where at least one of the two is a series."""
    if not isinstance(x, Series):
        x, y, alpha = y * alpha, x, 1
    if alpha != 1:
        y = y * alpha
    _require_like_axes(x, y)
    if not isinstance(y, Series):
        head, rest = x.coefficients[0] + y, x.coefficients[1:]
        return Series([head, *_as_wide(rest, head)], x.reach)
    a, b = (x, y) if len(x.coefficients) >= len(y.coefficients) else (y, x)
    low = [p + q for p, q in zip(a.coefficients, b.coefficients, strict=False)]
    return Series([*low, *_as_wide(a.coefficients[len(low) :], low[0])], x.reach)


def _as_wide(rest: Sequence[Tensor], head: Tensor) -> Sequence[Tensor]:
    """Higher coefficients spread over as many columns as the value has."""
    if head.ndim < 3 or all(c.shape[-1] == head.shape[-1] for c in rest):
        return rest
    return [c.expand(*c.shape[:-1], head.shape[-1]) for c in rest]


def _require_like_axes(x: Series, y: Any) -> None:
    """Refuse what torch would spread over a new axis, which the coefficients' own first axis would be taken for."""
    ndim = y.ndim if isinstance(y, Series | Tensor) else 0
    if ndim > x.ndim or (isinstance(y, Series) and ndim != x.ndim):
        raise NotImplementedError(
            f"Series: shapes {tuple(x.shape)} and {tuple(y.shape)} cannot be combined; keep columns as (n, 1)"
        )


def subtract(x: Any, y: Any, *, alpha: float = 1) -> Series:
    """The difference x - alpha y."""
    return add(x, -y, alpha=alpha)


def multiply(x: Any, y: Any) -> Series:
    """The truncated Cauchy product, or a multiple."""
    if not isinstance(x, Series):
        x, y = y, x
    _require_like_axes(x, y)
    if not isinstance(y, Series):
        return x.each(lambda c: c * y)
    a, b = x.coefficients, y.coefficients
    top = min(len(a) + len(b) - 2, x.order)
    return Series([cauchy(a, b, k, x.reach) for k in range(top + 1)], x.reach)


def divide(x: Any, y: Any) -> Series:
    """The quotient x / y, where y is a number, a tensor or a series: from x = (x / y) y, order by order."""
    if not isinstance(y, Series):
        _require_like_axes(x, y)
        return x.each(lambda c: c / y)
    if not isinstance(x, Series):
        _require_like_axes(y, x)
        x = Series([x + torch.zeros_like(y.coefficients[0])], y.reach)
    _require_like_axes(x, y)
    b = y.coefficients
    quotient: list[Tensor] = []
    for k in range(x.order + 1):
        m = x.reach[k - 1] if k else 1
        known = [cut(quotient[k - j], m) * cut(b[j], m) for j in range(1, min(k, len(b) - 1) + 1)]
        rest = [cut(x.coefficients[k], m)] if k < len(x.coefficients) else []
        quotient.append(total([*rest, *(-z for z in known)], b[0]) / b[0])
    return Series(quotient, x.reach)


def linear(x: Series, weight: Tensor, bias: Tensor | None = None) -> Series:
    """The layer x W' + b: the bias enters the value only."""
    _require_matrix(x, "torch.nn.functional.linear")
    head, *rest = x.coefficients
    apply = torch.nn.functional.linear
    return Series([apply(head, weight, bias), *(apply(c, weight) for c in rest)], x.reach)


def matmul(x: Any, matrix: Any) -> Series:
    """The product of rows with a constant matrix (in, out)."""
    if not isinstance(x, Series) or isinstance(matrix, Series):
        raise NotImplementedError("Series: a matrix can only be multiplied from the right, as in x @ matrix")
    _require_matrix(x, "torch.matmul")
    return x.each(lambda c: c @ matrix)


def _require_matrix(x: Series, name: str) -> None:
    if x.ndim != 2:
        raise NotImplementedError(f"Series: {name} of a single column without its axis; write x[:, i : i + 1]")


def _require_columns(dim: int | None, name: str) -> None:
    if dim not in (-1, 1):
        raise NotImplementedError(f"Series: {name} over dim {dim} mixes points; only columns (dim -1) can be used")


def cat(tensors: Sequence[Any], dim: int = 0) -> Series:
    """Join columns; plain tensors (n, width) count as constants along every direction."""
    _require_columns(dim, "torch.cat")
    reach = next(p.reach for p in tensors if isinstance(p, Series))
    series = [p if isinstance(p, Series) else Series([p[None]], reach) for p in tensors]
    for p in series:
        _require_matrix(p, "torch.cat")
    top = max(len(p.coefficients) for p in series)
    return Series([_columns(series, k, reach) for k in range(top)], reach)


def stack(tensors: Sequence[Any], dim: int = 0) -> Series:
    """Single columns (n,) side by side."""
    _require_columns(dim, "torch.stack")
    if any(p.ndim != 1 for p in tensors):
        raise NotImplementedError("Series: torch.stack is for single columns (n,); join matrices by torch.cat")
    return cat([p[:, None] for p in tensors], dim=-1)


def unbind(x: Series, dim: int = 0) -> tuple[Series, ...]:
    """Single columns (n,)."""
    _require_columns(dim, "torch.unbind")
    _require_matrix(x, "torch.unbind")
    return tuple(x[:, i] for i in range(x.shape[-1]))


def unsqueeze(x: Series, dim: int) -> Series:
    """A single column (n,) as (n, 1)."""
    _require_columns(dim, "torch.unsqueeze")
    return x[:, None]


def split(x: Series, sizes: int | Sequence[int], dim: int = 0) -> tuple[Series, ...]:
    """Runs of columns, as torch.split."""
    _require_columns(dim, "torch.split")
    _require_matrix(x, "torch.split")
    parts = zip(*(c.split(sizes, dim=-1) for c in x.coefficients), strict=True)
    return tuple(Series(part, x.reach) for part in parts)


def chunk(x: Series, chunks: int, dim: int = 0) -> tuple[Series, ...]:
    """A number of runs of columns, as torch.chunk."""
    return split(x, -(-x.shape[-1] // chunks), dim=dim)


def sum_columns(x: Series, dim: int | None = None, keepdim: bool = False) -> Series:
    """The sum over columns."""
    _require_columns(dim, "torch.sum")
    _require_matrix(x, "torch.sum")
    return x.each(lambda c: c.sum(-1, keepdim=keepdim))


def mean_columns(x: Series, dim: int | None = None, keepdim: bool = False) -> Series:
    """The mean over columns."""
    return sum_columns(x, dim, keepdim) / x.shape[-1]


def _columns(parts: Sequence[Series], k: int, reach: Reach) -> Tensor:
    """The k-th coefficients side by side, zeros where a part has none."""
    m = reach[k - 1] if k else 1
    rows = max(p.coefficients[k].shape[1] for p in parts if k < len(p.coefficients))
    blocks = []
    for p in parts:
        like = p.coefficients[0]
        block = p.coefficients[k] if k < len(p.coefficients) else like.new_zeros(m, rows, like.shape[-1])
        blocks.append(block.expand(m, rows, -1))
    return torch.cat(blocks, dim=-1)


def cut(c: Tensor, m: int) -> Tensor:
    """The first m directions; not a slice where all are meant, since the gradient of a slice is not free."""
    return c if c.shape[0] <= m else c[:m]


def total(terms: Sequence[Tensor], like: Tensor) -> Tensor:
    """The sum of tensors, zeros where there are none."""
    if not terms:
        return torch.zeros_like(like)
    result = terms[0]
    for term in terms[1:]:
        result = result + term
    return result


def cauchy(a: Sequence[Tensor], b: Sequence[Tensor], k: int, reach: Reach) -> Tensor:
    """sum_j a[j] b[k - j] on the directions that reach order k; the symmetric half only if a is b."""
    m = reach[k - 1] if k else 1
    js = [j for j in range(k + 1) if j < len(a) and k - j < len(b)]
    if a is not b:
        return weighted([(cut(a[j], m), cut(b[k - j], m), 1.0) for j in js], a[0])
    # The middle first: it has weight one, and a product of weight one needs no multiplication more.
    halves = sorted((j for j in js if 2 * j <= k), key=lambda j: 2 * j != k)
    return weighted([(cut(a[j], m), cut(a[k - j], m), 1.0 if 2 * j == k else 2.0) for j in halves], a[0])


def driven(x: Sequence[Tensor], w: Sequence[Tensor], k: int, reach: Reach) -> Tensor:
    """The k-th coefficient of y where y' = w x': sum_{j=1..k} (j / k) x[j] w[k - j]."""
    m, top = reach[k - 1], min(k, len(x) - 1)
    js = [j for j in range(top, 0, -1) if k - j < len(w)]
    if not js:
        return torch.zeros_like(w[0])
    first, *rest = js
    result = cut(x[first], m) * cut(w[k - first], m)
    if first != k:
        result = result * (first / k)
    for j in rest:
        result = accumulated(result, cut(x[j], m), cut(w[k - j], m), j / k)
    return result


def accumulated(result: Tensor, a: Tensor, b: Tensor, weight: float) -> Tensor:
    """Result + weight a b, where the result is as large as the product and the caller's own.

    In place where nobody differentiates: fresh memory costs more than the arithmetic.
    """
    if torch.is_grad_enabled() or torch._C._are_functorch_transforms_active():
        return torch.addcmul(result, a, b, value=weight)
    return result.addcmul_(a, b, value=weight)


def weighted(terms: Sequence[tuple[Tensor, Tensor, float]], like: Tensor) -> Tensor:
    """The sum of products a b weight; zeros where there are none."""
    if not terms:
        return torch.zeros_like(like)
    (a, b, weight), *rest = terms
    result = a * b if weight == 1 else (a * b) * weight
    for a, b, weight in rest:
        result = torch.addcmul(result, a, b, value=weight)
    return result
