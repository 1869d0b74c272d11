"""Rows of K members at once, and their Jacobians: all points in one pass, or torch.func.vmap over the members."""

from __future__ import annotations

import torch
from torch import Tensor

from pinnlab.training.row_jacobian import LayerCall, LayerOuterProducts, PerPoint, RowJacobian, Rows, Tape


def acts_in_layers(rows: Rows, theta: Tensor, points: Tensor, extras: Tensor) -> bool:
    """Whether rows see `theta (P,)` through torch.nn.functional.linear alone, which a run on two points shows.

    Then the points of all members can go through one pass, in which only those layers know of members.
    """
    few = min(2, len(points))
    leaf = theta.detach().clone().requires_grad_(True)
    tape = Tape(leaf, few)
    try:
        with torch.enable_grad(), tape:
            values = rows(leaf, points[:few], extras[:few])
    except ValueError:
        # The tape refuses layers inside transforms, and gradients taken inside the rows.
        return False
    if not values.requires_grad:
        return True
    (outside,) = torch.autograd.grad(values.sum(), leaf, allow_unused=True)
    return outside is None


def stacked_rows(rows: Rows, thetas: Tensor, points: Tensor, extras: Tensor) -> Tensor:
    """The rows (K, n, k) of members with `thetas (K, P)` at points (K, n, dim), for rows that act in layers."""
    with _Stacked(thetas, points.shape[1], detached=False) as tape:
        values = rows(tape.theta, points.flatten(0, 1), extras.flatten(0, 1))
    return values.unflatten(0, points.shape[:2])


def vmapped_rows(rows: Rows, thetas: Tensor, points: Tensor, extras: Tensor) -> Tensor:
    """The same for any rows."""
    found: Tensor = torch.func.vmap(rows)(thetas, points, extras)
    return found


def write_stacked_jacobians(rows: Rows, thetas: Tensor, points: Tensor, extras: Tensor, matrix: Tensor) -> Tensor:
    """Write each member's d rows / d theta into `matrix (K, n, k, P)` by outer products, as `LayerOuterProducts` does.

    Returns the values (K, n, k), detached.
    """
    with torch.enable_grad(), _Stacked(thetas, points.shape[1], detached=True) as tape:
        values = rows(tape.theta, points.flatten(0, 1), extras.flatten(0, 1))
    in_layers = tape.covered()
    if not in_layers.all():
        matrix[..., ~in_layers] = 0
    for c in range(values.shape[1]):
        upstream = torch.autograd.grad(values[:, c].sum(), tape.outputs, retain_graph=True, allow_unused=True)
        block = matrix[:, :, c]
        # A view if nothing lies between one member's rows and the next one's, else a copy.
        whole = block.flatten(0, 1)
        tape.write_outer_products(upstream, whole)
        if whole.data_ptr() != block.data_ptr():
            block.copy_(whole.unflatten(0, block.shape[:2]))
    return values.detach().unflatten(0, points.shape[:2])


def write_vmapped_jacobians(rows: Rows, thetas: Tensor, points: Tensor, extras: Tensor, matrix: Tensor) -> Tensor:
    """The same for any rows, point by point."""

    def at_one_point(theta: Tensor, point: Tensor, extra: Tensor) -> tuple[Tensor, Tensor]:
        values = rows(theta, point[None], extra[None])[0]
        return values, values

    derivative = torch.func.jacrev(at_one_point, argnums=0, has_aux=True)
    of_member = torch.func.vmap(derivative, in_dims=(None, 0, 0))
    found, values = torch.func.vmap(of_member)(thetas.detach(), points, extras)
    matrix.copy_(found.detach())
    return values.detach()


def require_batched(differentiation: RowJacobian) -> None:
    """Refuse rules of differentiation that have no form for many members.

    Raises:
        ValueError: If it is neither `LayerOuterProducts()` nor `PerPoint()`.
    """
    if not isinstance(differentiation, LayerOuterProducts | PerPoint):
        raise ValueError(
            f"{type(differentiation).__name__} differentiates one member at a time; train members together with "
            "LayerOuterProducts() or PerPoint(), or call solve for each"
        )


class _Stacked(Tape):
    """A tape on which the layers send each member's run of points through that member's weights.

    Attributes:
        theta: What the rows are called with: one member's numbers, which tell the layers where their weights lie.
    """

    def __init__(self, thetas: Tensor, n: int, detached: bool) -> None:
        super().__init__(thetas[0].detach().clone().requires_grad_(True), len(thetas) * n)
        self._thetas = thetas.detach() if detached else thetas
        self._detached = detached
        self._points = n

    def _record(self, x: Tensor, where: slice, weight: Tensor, bias: Tensor | None) -> Tensor:
        bias_where = None if bias is None else self._slice(bias)
        weights = self._thetas[:, where].unflatten(1, tuple(weight.shape))
        # (…, K n or 1, in) to (…, K, n or 1, in)
        runs = x.unflatten(-2, (len(weights), self._points)) if x.shape[-2] == self.n else x.unsqueeze(-3)
        z = runs @ weights.mT
        if bias_where is not None:
            z = z + self._thetas[:, None, bias_where]
        elif bias is not None:
            z = z + bias
        if z.shape[-2] != self._points:
            z = z.expand(*z.shape[:-2], self._points, -1)
        z = z.flatten(-3, -2)
        if not self._detached:
            return z
        if not z.requires_grad:
            z.requires_grad_(True)
        self.outputs.append(z)
        self._calls.append(LayerCall(where, bias_where, x.detach()))
        return z
