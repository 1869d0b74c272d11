"""What a process at scattered points is told: values that conditions prescribe, and rows of values with a variance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from pinnlab.errors import SolveFailed
from pinnlab.forms.linearized import Linearized
from pinnlab.gps.sparse_field import ScatteredValues
from pinnlab.gps.system import Measurements
from pinnlab.numerics.sparse_cholesky import Conditionals, Orders, conditionals
from pinnlab.row_system import Cloud


@dataclass(frozen=True, eq=False)
class KnownValues:
    """Values that conditions of the form a u = b prescribe.

    Attributes:
        which: Unknown and place of each, two arrays `(n,)`.
        values: `(n,)`.
        left: The rows of each cloud that are of another form.
    """

    which: tuple[np.ndarray, np.ndarray]
    values: np.ndarray
    left: tuple[tuple[Linearized, ...], ...]


def distinct(measurements: Measurements) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """All points without repetitions `(N, dim)`, and where those of each cloud and set of observations are."""
    parts = [c.points.cpu().numpy() for c in measurements.clouds]
    parts += [np.asarray(o.points) for o in measurements.observations]
    points, places = np.unique(np.concatenate(parts), axis=0, return_inverse=True)
    return points, tuple(np.split(places.ravel(), np.cumsum([len(p) for p in parts])[:-1]))


def known_values(measurements: Measurements, places: Sequence[np.ndarray]) -> KnownValues:
    """Sort out what is prescribed; of two values at one point, as in a corner, the first counts.

    Raises:
        SolveFailed: If a prescribed value is not finite.
    """
    names, found, left = measurements.problem.names, dict[tuple[int, int], float](), []
    for cloud, place in zip(measurements.clouds, places, strict=False):
        rest = []
        for row in cloud.rows:
            if not _prescribes(row):
                rest.append(row)
                continue
            zero = cloud.points.new_zeros(len(cloud.points))
            residual, (slope,) = row.values_and_partials([zero], cloud.points, cloud.normals, cloud.carried)
            _require_finite(cloud, row, [residual, slope, residual / slope])
            unknown = names.index(row.jets[0].field)
            for at, value in zip(place.tolist(), (-residual / slope).tolist(), strict=True):
                found.setdefault((unknown, at), value)
        left.append(tuple(rest))
    keys = np.array(list(found)).astype(int).reshape(-1, 2)
    return KnownValues((keys[:, 0], keys[:, 1]), np.array(list(found.values()), float), tuple(left))


def _prescribes(row: Linearized) -> bool:
    return len(row.jets) == 1 and row.jets[0].order == 0 and row.is_linear


@dataclass(frozen=True, eq=False)
class Told:
    """Linearised residuals as rows of values in units of their amplitudes, each of variance one.

    Attributes:
        matrix: `(n E, unknowns N)`.
        right: `(n E,)`.
        partials: Of the residuals by value and derivatives `(E, unknowns, 1 + J, n)`.
        factor: Lower triangular `(n, E, E)`: of the covariance that the values leave.
    """

    matrix: csr_array
    right: np.ndarray
    partials: np.ndarray
    factor: np.ndarray


@dataclass(frozen=True, eq=False)
class Station:
    """Residuals at the points of a cloud, and how derivatives there depend on the values nearby.

    Attributes:
        cloud: The points.
        rows: E residuals.
        place: Where its points are among all `(n,)`.
        names: Of the unknowns.
        orders: The J derivatives that occur.
        fine, coarse: Of these derivatives, given more or fewer values.
        prior: Covariance matrix of value and derivatives at a point, `(1 + J, 1 + J)`.
    """

    cloud: Cloud
    rows: tuple[Linearized, ...]
    place: np.ndarray
    names: tuple[str, ...]
    orders: tuple[Orders, ...]
    fine: Conditionals
    coarse: Conditionals
    prior: np.ndarray

    @classmethod
    def of(
        cls,
        cloud: Cloud,
        rows: tuple[Linearized, ...],
        place: np.ndarray,
        values: ScatteredValues,
        names: Sequence[str],
        coarse: int,
    ) -> Station:
        """Find the neighbours of all points, and condition on them."""
        orders = tuple(sorted({j.orders for row in rows for j in row.jets if j.order}))
        points = cloud.points.cpu().numpy()
        both = [
            conditionals(values.points, values.near(points, m), cloud.points, orders, values.covariance)
            for m in (None, coarse)
        ]
        zero = (0,) * points.shape[1]
        prior = _at_a_point(values, (zero, *orders))
        return cls(cloud, rows, place, tuple(names), orders, both[0], both[1], prior)

    @property
    def size(self) -> int:
        """Derivatives of an unknown at all points."""
        return len(self.orders) * len(self.place)

    def residuals(self, values: np.ndarray, jets: np.ndarray) -> np.ndarray:
        """All residuals `(E, n)` for `values (unknowns, N)` and derivatives `(unknowns, J, n)`."""
        cloud, table = self.cloud, self._table(values, jets)
        columns = [
            row.values(self._columns(row, table), cloud.points, cloud.normals, cloud.carried) for row in self.rows
        ]
        return torch.stack(columns).cpu().numpy()

    def linearized(self, values: np.ndarray, jets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The partial derivatives `(E, unknowns, 1 + J, n)`, and what their sum with the jets has to be `(E, n)`.

        Raises:
            SolveFailed: If one is not finite.
        """
        cloud, table = self.cloud, self._table(values, jets)
        partials = np.zeros((len(self.rows), *table.shape))
        aim = np.zeros((len(self.rows), table.shape[2]))
        for e, row in enumerate(self.rows):
            columns = self._columns(row, table)
            residual, slopes = row.values_and_partials(columns, cloud.points, cloud.normals, cloud.carried)
            _require_finite(cloud, row, [residual, *slopes])
            aim[e] = -residual.cpu().numpy()
            for jet, slope in zip(row.jets, slopes, strict=False):
                unknown, at = self._seat(jet.field, jet.orders)
                partials[e, unknown, at] += slope.cpu().numpy()
                aim[e] += slope.cpu().numpy() * table[unknown, at]
        return partials, aim

    def nugget(self, partials: np.ndarray, amplitudes: Sequence[float], share: float) -> np.ndarray:
        """The standard deviation `(E, n)` that residuals are allowed: a share of that under the prior."""
        sized = partials * np.asarray(amplitudes)[:, None, None]
        variance = np.einsum("ekan,ab,ekbn->en", sized, self.prior, sized)
        return share * np.sqrt(np.where(variance > 0, variance, 1.0))

    def told(
        self,
        given: Conditionals,
        linear: tuple[np.ndarray, np.ndarray],
        nugget: np.ndarray,
        amplitudes: Sequence[float],
        count: int,
    ) -> Told:
        """Rows of `count` values for given conditionals, divided by what the fine ones leave undetermined."""
        partials, aim = linear
        sized = partials * np.asarray(amplitudes)[:, None, None]
        left = np.einsum("ekjn,nji->nkei", sized[:, :, 1:], self.fine.factor)
        covariance = np.einsum("nkei,nkfi->nef", left, left)
        covariance += np.einsum("en,ef->nef", nugget**2, np.eye(len(self.rows)))
        factor = np.linalg.cholesky(covariance)
        near = np.einsum("ekjn,njm->nekm", sized[:, :, 1:], given.weights)
        own = sized[:, :, 0].transpose(2, 0, 1)[..., None]
        entries = np.concatenate([own, near], axis=3).reshape(len(self.place), len(self.rows), -1)
        entries = np.linalg.solve(factor, entries)
        columns = np.column_stack([self.place, np.maximum(given.near, 0)])
        unknowns = np.arange(len(self.names))
        columns = np.broadcast_to(
            columns[:, None, None, :] + count * unknowns[:, None],
            (len(self.place), len(self.rows), len(self.names), columns.shape[1]),
        )
        n, width = len(self.place) * len(self.rows), entries.shape[2]
        matrix = csr_array(
            (entries.ravel(), columns.reshape(-1), np.arange(n + 1) * width), shape=(n, count * len(self.names))
        )
        right = np.linalg.solve(factor, aim.T[..., None]).ravel()
        return Told(matrix, right, partials, factor)

    def jets(self, values: np.ndarray, told: Told, left: np.ndarray, amplitudes: Sequence[float]) -> np.ndarray:
        """The means `(unknowns, J, n)` of the derivatives given values, and the equations that miss by `left`."""
        means = np.einsum("njm,knm->kjn", self.fine.weights, values[:, np.maximum(self.fine.near, 0)])
        pull = np.linalg.solve(told.factor.transpose(0, 2, 1), left.reshape(len(self.place), -1, 1))[..., 0]
        covariance = np.einsum("nij,nkj->nik", self.fine.factor, self.fine.factor)
        moved = np.einsum("nij,ekjn,ne->kin", covariance, told.partials[:, :, 1:], pull)
        return np.asarray(means + np.asarray(amplitudes)[:, None, None] ** 2 * moved)

    def _seat(self, name: str, orders: Orders) -> tuple[int, int]:
        return self.names.index(name), 1 + self.orders.index(orders) if any(orders) else 0

    def _table(self, values: np.ndarray, jets: np.ndarray) -> np.ndarray:
        """Values and derivatives `(unknowns, 1 + J, n)` at the points."""
        return np.concatenate([values[:, None, self.place], jets], axis=1)

    def _columns(self, row: Linearized, table: np.ndarray) -> list[Tensor]:
        device = self.cloud.points.device
        return [torch.as_tensor(table[self._seat(j.field, j.orders)], device=device) for j in row.jets]


def _at_a_point(values: ScatteredValues, orders: Sequence[Orders]) -> np.ndarray:
    point = values.points[:1]
    between = values.covariance.between
    return np.array([[float(between(point, point, a, b)) for b in orders] for a in orders])


def _require_finite(cloud: Cloud, row: Linearized, numbers: Sequence[Tensor]) -> None:
    """Refuse a residual or a coefficient that is not finite, with its place."""
    for value in numbers:
        bad = torch.nonzero(~torch.isfinite(value))[:, 0]
        if len(bad):
            place = ", ".join(
                f"{c} = {float(v):.6g}" for c, v in zip(row.coordinates, cloud.points[bad[0]], strict=True)
            )
            raise SolveFailed(
                f"SparseCholesky: the {cloud.name} {row.residual} = 0, or its derivative by an unknown, is "
                f"{float(value[bad[0]])} at {place}; check its data there, or shift the unknown"
            )
