"""Taylor coefficients of elementary functions of a series, and their gradients in one pass."""

from __future__ import annotations

import abc
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pinnlab.numerics.series import Reach, Series, accumulated, cut, divide, driven, multiply, weighted

# The recurrences are those of A. Griewank, A. Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, ch. 13.


def tanh(x: Series) -> Series:
    """Solve y' = (1 - y^2) x'."""
    return _applied(_TANH, x)


def sigmoid(x: Series) -> Series:
    """Solve y' = (y - y^2) x'."""
    return _applied(_SIGMOID, x)


def exp(x: Series) -> Series:
    """Solve y' = y x'."""
    return _applied(_EXP, x)


def sin(x: Series) -> Series:
    """Solve s' = c x' and c' = -s x' for s."""
    return _applied(_SIN, x)


def cos(x: Series) -> Series:
    """Solve c' = -s x' and s' = c x' for c."""
    return _applied(_COS, x)


def sinh(x: Series) -> Series:
    """(exp x - exp -x) / 2 by s' = c x' and c' = s x'."""
    return _applied(_SINH, x)


def cosh(x: Series) -> Series:
    """(exp x + exp -x) / 2 by c' = s x' and s' = c x'."""
    return _applied(_COSH, x)


def tan(x: Series) -> Series:
    """Solve y' = (1 + y^2) x'."""
    return _applied(_TAN, x)


def log(x: Series) -> Series:
    """Solve y' = x' / x."""
    return _integrated(torch.log(x.coefficients[0]), divide(1.0, x), x)


def atan(x: Series) -> Series:
    """Solve y' = x' / (1 + x^2)."""
    return _integrated(torch.atan(x.coefficients[0]), divide(1.0, multiply(x, x) + 1.0), x)


def erf(x: Series) -> Series:
    """Solve y' = 2 / sqrt(pi) exp(-x^2) x'."""
    slope = exp(-multiply(x, x)) * (2 / math.sqrt(math.pi))
    return _integrated(torch.erf(x.coefficients[0]), slope, x)


def softplus(x: Series, beta: float = 1.0, threshold: float = 20.0) -> Series:
    """log(1 + exp(beta x)) / beta by y' = sigmoid(beta x) x'."""
    value = torch.nn.functional.softplus(x.coefficients[0], beta, threshold)
    return _integrated(value, sigmoid(x * beta), x)


def silu(x: Series, inplace: bool = False) -> Series:
    """The swish x sigmoid(x)."""
    return multiply(x, sigmoid(x))


def gelu(x: Series, approximate: str = "none") -> Series:
    """X Phi(x) with the normal distribution Phi, or its approximation by tanh, as torch.nn.functional.gelu."""
    if approximate == "none":
        return multiply(x, (erf(x * math.sqrt(0.5)) + 1.0) * 0.5)
    inner = (x + multiply(multiply(x, x), x) * 0.044715) * math.sqrt(2 / math.pi)
    return multiply(x, (tanh(inner) + 1.0) * 0.5)


def sqrt(x: Series) -> Series:
    """The root, by y y = x."""
    return power(x, 0.5)


def rsqrt(x: Series) -> Series:
    """The inverse root."""
    return power(x, -0.5)


def square(x: Series) -> Series:
    """The product x x."""
    return multiply(x, x)


def reciprocal(x: Series) -> Series:
    """The quotient 1 / x."""
    return divide(1.0, x)


def power(x: Series, exponent: Any) -> Series:
    """x^p for a number p: by products for integers, else by x y' = p y x' (x > 0).

    Raises:
        NotImplementedError: If the exponent is no number.
    """
    if not isinstance(exponent, int | float):
        raise NotImplementedError("Series: an exponent must be a number; write x ** y as exp(y * log(x))")
    if exponent == int(exponent):
        n = int(exponent)
        return _integer_power(x, n) if n >= 0 else divide(1.0, _integer_power(x, -n))
    a = x.coefficients
    y = [torch.pow(a[0], exponent)]
    for k in range(1, x.order + 1):
        m = x.reach[k - 1]
        js = range(1, min(k, len(a) - 1) + 1)
        terms = [(cut(a[j], m), cut(y[k - j], m), ((exponent + 1) * j - k) / k) for j in js]
        y.append(weighted(terms, a[0]) / a[0])
    return Series(y, x.reach)


def layer_norm(
    x: Series,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Series:
    """(x - mean) / sqrt(variance + eps) over the columns, then weight and bias.

    Raises:
        NotImplementedError: If not all columns are taken together.
    """
    if tuple(normalized_shape) != tuple(x.shape[1:]):
        raise NotImplementedError(f"Series: layer_norm over {tuple(normalized_shape)}; take all columns together")
    centred = x - x.each(lambda c: c.mean(-1, keepdim=True))
    variance = multiply(centred, centred).each(lambda c: c.mean(-1, keepdim=True))
    result = multiply(centred, rsqrt(variance + eps))
    result = result if weight is None else result * weight
    return result if bias is None else result + bias


def _integer_power(x: Series, n: int) -> Series:
    """x^n by squaring."""
    if n == 0:
        return Series([torch.ones_like(x.coefficients[0])], x.reach)
    half = _integer_power(x, n // 2) if n > 1 else None
    if half is None:
        return x
    squared = multiply(half, half)
    return multiply(squared, x) if n % 2 else squared


def _integrated(value: Tensor, slope: Series, x: Series) -> Series:
    """Y with the given value and y' = slope x'."""
    later = [driven(x.coefficients, slope.coefficients, k, x.reach) for k in range(1, x.order + 1)]
    return Series([value, *later], x.reach)


# -- functions whose slope comes for free ------------------------------------------------------------------------


class Recurrence(abc.ABC):
    """y = f(x) and its slope w = f'(x), coefficient by coefficient up to the truncation."""

    @abc.abstractmethod
    def coefficients(self, x: Sequence[Tensor], reach: Reach) -> tuple[list[Tensor], list[Tensor]]:
        """Those of y and of w."""

    @abc.abstractmethod
    def source(self, x: Sequence[Tensor], y: Sequence[Tensor]) -> Sequence[Tensor]:
        """What the slope can be had from: one of the two."""

    @abc.abstractmethod
    def slope(self, source: Sequence[Tensor], reach: Reach) -> list[Tensor]:
        """The coefficients of w once more, from the source."""


@dataclass(frozen=True)
class _Quadratic(Recurrence):
    """w = offset + slope y + curvature y^2."""

    value: Callable[[Tensor], Tensor]
    offset: float
    linear: float
    curvature: float

    def coefficients(self, x: Sequence[Tensor], reach: Reach) -> tuple[list[Tensor], list[Tensor]]:
        y = [self.value(x[0])]
        w = [self._first(y[0])]
        twice = self._twice(y[0])
        for k in range(1, len(reach) + 1):
            y.append(driven(x, w, k, reach))
            w.append(self._next(twice, y, k, reach))
        return y, w

    def source(self, x: Sequence[Tensor], y: Sequence[Tensor]) -> Sequence[Tensor]:
        return y

    def slope(self, source: Sequence[Tensor], reach: Reach) -> list[Tensor]:
        twice = self._twice(source[0])
        return [self._first(source[0]), *(self._next(twice, source, k, reach) for k in range(1, len(reach) + 1))]

    def _first(self, y: Tensor) -> Tensor:
        start = self.linear * y + self.offset if self.linear else y.new_full((), self.offset)
        return torch.addcmul(start, y, y, value=self.curvature)

    def _twice(self, y: Tensor) -> Tensor:
        twice = (2 * self.curvature) * y
        return twice + self.linear if self.linear else twice

    def _next(self, twice: Tensor, y: Sequence[Tensor], k: int, reach: Reach) -> Tensor:
        """The k-th coefficient of w, where twice = slope + 2 curvature y[0]."""
        w, m = twice * y[k], reach[k - 1]
        for j in range(1, k // 2 + 1):
            w = accumulated(w, cut(y[j], m), cut(y[k - j], m), self.curvature if 2 * j == k else 2 * self.curvature)
        return w


class _Exponential(Recurrence):
    """w = y."""

    def coefficients(self, x: Sequence[Tensor], reach: Reach) -> tuple[list[Tensor], list[Tensor]]:
        y = [torch.exp(x[0])]
        for k in range(1, len(reach) + 1):
            y.append(driven(x, y, k, reach))
        return y, y

    def source(self, x: Sequence[Tensor], y: Sequence[Tensor]) -> Sequence[Tensor]:
        return y

    def slope(self, source: Sequence[Tensor], reach: Reach) -> list[Tensor]:
        return list(source)


@dataclass(frozen=True)
class _Pair(Recurrence):
    """y' = w x', w' = sign y x'."""

    value: Callable[[Tensor], Tensor]
    first: Callable[[Tensor], Tensor]
    sign: float

    def coefficients(self, x: Sequence[Tensor], reach: Reach) -> tuple[list[Tensor], list[Tensor]]:
        y, w = [self.value(x[0])], [self.first(x[0])]
        for k in range(1, len(reach) + 1):
            p, q = driven(x, w, k, reach), driven(x, y, k, reach)
            y.append(p)
            w.append(q if self.sign > 0 else -q)
        return y, w

    def source(self, x: Sequence[Tensor], y: Sequence[Tensor]) -> Sequence[Tensor]:
        return x

    def slope(self, source: Sequence[Tensor], reach: Reach) -> list[Tensor]:
        return self.coefficients(source, reach)[1]


_TANH = _Quadratic(torch.tanh, 1.0, 0.0, -1.0)
_SIGMOID = _Quadratic(torch.sigmoid, 0.0, 1.0, -1.0)
_TAN = _Quadratic(torch.tan, 1.0, 0.0, 1.0)
_EXP = _Exponential()
_SIN = _Pair(torch.sin, torch.cos, -1.0)
_COS = _Pair(torch.cos, lambda x: -torch.sin(x), -1.0)
_SINH = _Pair(torch.sinh, torch.cosh, 1.0)
_COSH = _Pair(torch.cosh, torch.sinh, 1.0)


def _applied(recurrence: Recurrence, x: Series) -> Series:
    """The function of a series; in plain reverse mode with the gradient written out."""
    transformed = torch._C._are_functorch_transforms_active()
    if transformed or not torch.is_grad_enabled() or not any(c.requires_grad for c in x.coefficients):
        return Series(recurrence.coefficients(x.coefficients, x.reach)[0], x.reach)
    return Series(_Elementwise.apply(recurrence, x.reach, *x.coefficients), x.reach)


class _Elementwise(torch.autograd.Function):
    """y = f(x) coefficient by coefficient, where dy = w dx as a product of series.

    The adjoint is a correlation with w, which the recurrence has computed already:
    xbar[j] = sum_{k >= j} w[k - j] ybar[k].  Autograd would go through the recurrence itself, at several times
    the number of operations.
    """

    @staticmethod
    def forward(ctx: Any, recurrence: Recurrence, reach: Reach, *x: Tensor) -> tuple[Tensor, ...]:
        y, w = recurrence.coefficients(x, reach)
        source = recurrence.source(x, y)
        ctx.recurrence, ctx.reach, ctx.shapes, ctx.count = recurrence, reach, [c.shape for c in x], len(source)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*source, *w)
        return tuple(y)

    @staticmethod
    def backward(ctx: Any, *ybar: Tensor | None) -> tuple[Tensor | None, ...]:
        source, w = ctx.saved_tensors[: ctx.count], ctx.saved_tensors[ctx.count :]
        if torch.is_grad_enabled():
            # Someone differentiates this gradient again: the slopes must depend on x.
            w = ctx.recurrence.slope(source, ctx.reach)
        wanted = zip(ctx.shapes, ctx.needs_input_grad[2:], strict=True)
        return None, None, *(_adjoint(j, s, w, ybar) if needed else None for j, (s, needed) in enumerate(wanted))


def _adjoint(j: int, shape: torch.Size, w: Sequence[Tensor], ybar: Sequence[Tensor | None]) -> Tensor | None:
    """sum_{k >= j} w[k - j] ybar[k] on the directions of x[j]; for j = 0 summed over all directions."""
    terms = [(w[k - j], y) for k, y in enumerate(ybar) if k >= j and y is not None]
    if j == 0:
        # A sum over directions entry by entry, which needs no memory of its own.
        terms = [pair for a, y in terms for pair in zip(a.split(1), y.split(1), strict=True)]
    if not terms:
        return None
    (a, y), *rest = terms
    result = cut(a, y.shape[0]) * y
    if result.shape[0] < shape[0]:
        result = torch.cat([result, result.new_zeros(shape[0] - result.shape[0], *result.shape[1:])])
    for a, y in rest:
        m = y.shape[0]
        cut(result, m).addcmul_(cut(a, m), y)
    return result if result.shape == shape else result.sum_to_size(shape)
