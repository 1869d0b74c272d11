"""Jacobians of pointwise residuals with respect to parameters: a general rule, and a fast one for layers."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from pinnlab.admissible import require_counts, require_whole

Rows = Callable[[Tensor, Tensor, Tensor], Tensor]
"""rows(theta (P,), points (n, dim), extras (n, m)) -> (n, k); row i depends on point i and extra i only."""


class RowJacobian(abc.ABC):
    """How the derivative of pointwise rows with respect to theta is computed."""

    chunk: int
    """Points differentiated at once: memory is about chunk * k * P numbers, above the result's own."""

    @abc.abstractmethod
    def write(self, rows: Rows, theta: Tensor, points: Tensor, extras: Tensor, matrix: Tensor) -> Tensor:
        """Write the Jacobian of one chunk into `matrix (n, k, P)`; returns the values (n, k), detached."""

    def squares(
        self, rows: Rows, theta: Tensor, points: Tensor, extras: Tensor, scale: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The sum of (scale rows)^2 over n points () and its gradient (P,), both detached; scale is (n, k)."""
        value, gradient = theta.new_zeros(()), torch.zeros_like(theta)
        for parts in zip(*(a.split(self.chunk) for a in (points, extras, scale)), strict=True):
            part, slope = squares_and_gradient(rows, theta, *parts)
            value += part
            gradient += slope
        return value, gradient


def squares_and_gradient(
    rows: Rows, theta: Tensor, points: Tensor, extras: Tensor, scale: Tensor
) -> tuple[Tensor, Tensor]:
    """The sum of (scale rows)^2 () and its gradient by theta (P,), both detached, by one reverse pass."""
    leaf = theta.detach().clone().requires_grad_(True)
    with torch.enable_grad():
        value = torch.square(rows(leaf, points, extras) * scale).sum()
    (gradient,) = torch.autograd.grad(value, leaf)
    return value.detach(), gradient


@dataclass(frozen=True)
class PerPoint(RowJacobian):
    """Reverse mode at every point, batched by torch.func.vmap: right for any rows and any network."""

    chunk: int = 1000

    def __post_init__(self) -> None:
        require_counts(self, chunk=self.chunk)

    def write(self, rows: Rows, theta: Tensor, points: Tensor, extras: Tensor, matrix: Tensor) -> Tensor:
        """Write d rows / d theta into `matrix (n, k, P)`; returns the values (n, k)."""

        def at_one_point(parameters: Tensor, point: Tensor, extra: Tensor) -> tuple[Tensor, Tensor]:
            values = rows(parameters, point[None], extra[None])[0]
            return values, values

        derivative = torch.func.jacrev(at_one_point, argnums=0, has_aux=True)
        found, values = torch.func.vmap(derivative, in_dims=(None, 0, 0))(theta.detach(), points, extras)
        matrix.copy_(found.detach())
        return values.detach()


@dataclass(frozen=True)
class LayerOuterProducts(RowJacobian):
    """Rows whose parameters enter through linear layers: one reverse pass per row kind, then outer products.

    Point i only touches row i, so the gradient zbar of sum_i rows[i, c] with respect to a layer's output
    z (m, n, out) holds every point's own gradient, and for the layer z = x W' + b

        d rows[i, c] / d W = sum_m zbar[m, i, :] (x) x[m, i, :],    d rows[i, c] / d b = sum_m zbar[m, i, :].

    m counts Taylor coefficients; the bias enters the first only.  Parameters used in another way (an unknown
    coefficient of the equation, the slope of an activation) are differentiated forward, one by one.
    About twice as fast as `PerPoint` on small networks.

    Not for rows that differentiate by torch.autograd.grad or torch.func inside (use Taylor jets there), nor
    for networks with many parameters outside `torch.nn.functional.linear`: both are refused, and `PerPoint`
    takes both.

    Args:
        chunk: Points differentiated at once.
        most_other: Most parameters outside layers, each of which costs one forward pass.
    """

    chunk: int = 2500
    most_other: int = 32

    def __post_init__(self) -> None:
        require_counts(self, chunk=self.chunk)
        require_whole(self, 0, most_other=self.most_other)

    def write(self, rows: Rows, theta: Tensor, points: Tensor, extras: Tensor, matrix: Tensor) -> Tensor:
        """Write d rows / d theta into `matrix (n, k, P)`; returns the values (n, k).

        Raises:
            ValueError: If the parameters act in a way that this rule does not see.
        """
        leaf = theta.detach().requires_grad_(True)
        tape = Tape(leaf, len(points))
        with torch.enable_grad(), tape:
            values = rows(leaf, points, extras)
        in_layers = tape.covered()
        if not in_layers.all():
            matrix[:, :, ~in_layers] = 0
        used_elsewhere = False
        for c in range(values.shape[1]):
            *upstream, outside = torch.autograd.grad(
                values[:, c].sum(), [*tape.outputs, leaf], retain_graph=True, allow_unused=True
            )
            tape.write_outer_products(upstream, matrix[:, c])
            used_elsewhere |= outside is not None
        for j in self._others(values, leaf, in_layers) if used_elsewhere else []:
            tangent = torch.zeros_like(theta)
            tangent[j] = 1
            matrix[:, :, j] = torch.func.jvp(lambda p: rows(p, points, extras), (theta.detach(),), (tangent,))[1]
        return values.detach()

    def _others(self, values: Tensor, leaf: Tensor, in_layers: Tensor) -> list[int]:
        """The parameters that no layer holds and that the rows depend on."""
        # Irregular weights, since the plain sum of a derivative over symmetric points may vanish.
        weights = torch.cos(torch.arange(values.numel(), dtype=values.dtype, device=values.device))
        (slope,) = torch.autograd.grad(values.flatten() @ weights, leaf)
        elsewhere = slope != 0
        others = torch.nonzero(elsewhere)[:, 0].tolist()
        both = int((elsewhere & in_layers).sum())
        if both or len(others) > self.most_other:
            raise ValueError(
                f"LayerOuterProducts: {len(others)} parameters act outside torch.nn.functional.linear "
                f"(allowed: {self.most_other}), {both} of them weights of a layer (allowed: 0); use PerPoint"
            )
        return others


@dataclass(frozen=True)
class LayerCall:
    """One call of a linear layer: where its weight and bias lie in theta, and its input (..., n or 1, in)."""

    weight: slice
    bias: slice | None
    x: Tensor


class Tape(TorchFunctionMode):
    """Watches calls of torch.nn.functional.linear whose weight is a view of `theta`."""

    def __init__(self, theta: Tensor, n: int) -> None:
        super().__init__()
        self.theta = theta
        self.n = n
        self.outputs: list[Tensor] = []
        self._calls: list[LayerCall] = []

    def __torch_function__(
        self, func: Callable, types: object, args: tuple = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is torch.autograd.grad:
            raise ValueError(
                "LayerOuterProducts: the rows call torch.autograd.grad, whose use of weights is not seen; "
                "take derivatives by Taylor jets, or use PerPoint with torch.func.grad"
            )
        if func is not torch.nn.functional.linear:
            return func(*args, **kwargs)
        x, weight, bias = _linear_arguments(*args, **kwargs)
        if not isinstance(x, Tensor):
            with self:
                return type(x).__torch_function__(func, types, (x, weight, bias))
        where = self._slice(weight)
        if where is None:
            return func(x, weight, bias)
        return self._record(x, where, weight, bias)

    def _slice(self, tensor: Tensor) -> slice | None:
        """The entries of theta that `tensor` is a plain view of."""
        if tensor._base is not self.theta or not tensor.is_contiguous():
            return None
        start = tensor.storage_offset() - self.theta.storage_offset()
        return slice(start, start + tensor.numel())

    def _record(self, x: Tensor, where: slice, weight: Tensor, bias: Tensor | None) -> Tensor:
        if torch._C._functorch.is_functorch_wrapped_tensor(x) or x.ndim < 2 or x.shape[-2] not in (1, self.n):
            raise ValueError(
                f"LayerOuterProducts: a layer got an input of shape {tuple(x.shape)} where "
                f"(..., {self.n} points, columns) is expected, or one inside a torch.func transform, "
                "which NestedAutograd is; use PerPoint, as in Pinn(differentiation=PerPoint())"
            )
        bias_where = None if bias is None else self._slice(bias)
        own = bias if bias_where is None or bias is None else bias.detach()
        z = torch.nn.functional.linear(x, weight.detach(), own)
        if z.shape[-2] != self.n:
            z = z.expand(*z.shape[:-2], self.n, z.shape[-1])
        if not z.requires_grad:
            z.requires_grad_(True)
        self.outputs.append(z)
        self._calls.append(LayerCall(where, bias_where, x.detach()))
        return z

    def covered(self) -> Tensor:
        """Which entries of theta a layer holds, (P,).

        Raises:
            ValueError: If two layers hold overlapping but unequal runs of theta.
        """
        mask = torch.zeros(len(self.theta), dtype=torch.bool, device=self.theta.device)
        runs = {(s.start, s.stop) for call in self._calls for s in (call.weight, call.bias) if s is not None}
        for start, stop in runs:
            if mask[start:stop].any():
                raise ValueError("LayerOuterProducts: two layers share a part of their parameters; use PerPoint")
            mask[start:stop] = True
        return mask

    def write_outer_products(self, upstream: Sequence[Tensor | None], matrix: Tensor) -> None:
        """Write the columns of all layers into `matrix (n, P)`, given the gradients at their outputs."""
        pairs: dict[tuple[int, int], list[tuple[Tensor, Tensor]]] = {}
        for call in self._calls:
            pairs.setdefault((call.weight.start, call.weight.stop), [])
            if call.bias is not None:
                matrix[:, call.bias] = 0
        for call, zbar in zip(self._calls, upstream, strict=True):
            if zbar is None:
                continue
            zbar = zbar.reshape(-1, self.n, zbar.shape[-1])
            x = call.x.expand(*call.x.shape[:-2], self.n, -1).reshape(-1, self.n, call.x.shape[-1])
            pairs[call.weight.start, call.weight.stop].append((zbar, x))
            if call.bias is not None:
                matrix[:, call.bias] += zbar.sum(0)
        for (start, stop), found in pairs.items():
            columns = matrix[:, start:stop]
            if not found:
                columns.zero_()
                continue
            left = torch.cat([zbar for zbar, _ in found]).permute(1, 2, 0)
            right = torch.cat([x for _, x in found]).permute(1, 0, 2)
            torch.bmm(left, right, out=columns.unflatten(1, (left.shape[1], right.shape[2])))


def _linear_arguments(input: Any, weight: Tensor, bias: Tensor | None = None) -> tuple[Any, Tensor, Tensor | None]:
    return input, weight, bias
