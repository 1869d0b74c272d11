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
        filters = [modes.kept * modes.multiplier(orders) for orders in derivatives]
        self._filters = torch.stack(filters) if filters else None
        self._weights: dict[tuple[int, int], Tensor] = {}
        for c in contributions:
            key = c.field, c.product
            weight = modes.kept * c.factor * modes.multiplier(c.orders)
            self._weights[key] = self._weights[key] + weight if key in self._weights else weight
        # Where every field has one product, its own, a single multiplication does for all.
        own = [(i, i) for i in range(fields)]
        self._own = torch.stack([self._weights[k] for k in own]) if sorted(self._weights) == own else None

    def __call__(self, sources: Tensor, t: float) -> Tensor:
        """The modes of N `(batch, fields, modes…)` from those to be differentiated, `(batch, derivatives, modes…)`."""
        m = self._modes
        nodal = () if self._filters is None else m.backward(self._filters * sources).unbind(dim=1)
        products = m.forward(torch.stack([self._nodal(p, len(sources)) for p in self._products(t, *nodal)], dim=1))
        if self._own is not None:
            return self._own * products
        out = torch.zeros(len(sources), self._fields, *m.mode_shape, dtype=products.dtype, device=m.device)
        for (field, product), weight in self._weights.items():
            out[:, field].addcmul_(weight, products[:, product])
        return out

    def _nodal(self, product: Tensor | float, batch: int) -> Tensor:
        """A product's values `(batch, n_1, …)`, also where it is a number, or the same for all of the batch."""
        values = torch.as_tensor(product, dtype=torch.float64, device=self._modes.device)
        return values.expand(batch, *self._modes.shape)
