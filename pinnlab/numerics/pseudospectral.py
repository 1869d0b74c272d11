"""Nonlinear terms of spectral methods: derivatives in Fourier space, products at the nodes, dealiased."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pinnlab.numerics.fourier import FourierModes

# (time, one array per derivative) → one array or number per product.
Products = Callable[..., list[Any]]


@dataclass(frozen=True)
class Contribution:
    """A product's share `factor * ∂^orders(product)` of the rate of one field."""

    field: int
    product: int
    orders: tuple[int, ...]
    factor: float


class PointwiseTerms:
    """N = Σ factor ∂^orders(product), the products taken at the nodes, with the 2/3 rule on the way there and back.

    Each derivative is transformed once and each product once, however many terms share them.

    S. A. Orszag, J. Atmos. Sci. 28 (1971) 1074.

    Args:
        modes: The modes of the box.
        products: The products as a function of time and of the derivatives at the nodes `(batch, n_1, …)`.
        derivatives: Orders of differentiation of its arguments, space only.
        contributions: The terms.
        fields: How many fields have a rate.
    """

    def __init__(
        self,
        modes: FourierModes,
        products: Products,
        derivatives: Sequence[tuple[int, ...]],
        contributions: Sequence[Contribution],
        fields: int,
    ) -> None:
        self._modes, self._products, self._fields = modes, products, fields
        self._filters = [modes.kept * modes.multiplier(orders) for orders in derivatives]
        self._weights: dict[tuple[int, int], Tensor] = {}
        for c in contributions:
            key = c.field, c.product
            weight = modes.kept * c.factor * modes.multiplier(c.orders)
            self._weights[key] = self._weights[key] + weight if key in self._weights else weight

    def __call__(self, sources: Sequence[Tensor], batch: int, t: float) -> Tensor:
        """The modes of N `(batch, fields, modes…)`; for each derivative the modes `(batch, modes…)` of its field."""
        m = self._modes
        nodal: Sequence[Tensor] = ()
        if sources:
            parts = [f * s for f, s in zip(self._filters, sources, strict=True)]
            nodal = m.backward(torch.stack(parts, dim=1)).unbind(dim=1)
        values = [
            torch.as_tensor(p, dtype=torch.float64, device=m.device).expand(batch, *m.shape)
            for p in self._products(t, *nodal)
        ]
        products = m.forward(torch.stack(values, dim=1))
        out = torch.zeros(batch, self._fields, *m.mode_shape, dtype=products.dtype, device=m.device)
        for (field, product), weight in self._weights.items():
            out[:, field].addcmul_(weight, products[:, product])
        return out
