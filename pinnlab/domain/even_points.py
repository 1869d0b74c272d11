"""Points that cover a domain and its boundary evenly, for collocation."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from pinnlab.domain.base import Domain
from pinnlab.domain.box import Box
from pinnlab.domain.evolution import Evolution
from pinnlab.domain.mesh_domain import MeshDomain
from pinnlab.domain.shape import Shape

# Random points among which an even selection is made, per point selected.
CANDIDATES = 8
# Points that tell the extent of a domain that says nothing of it, and the margin added, as a share of the extent.
PROBES = 20_000
MARGIN = 0.01


def bounding_box(domain: Domain) -> tuple[np.ndarray, np.ndarray]:
    """The lower and upper corner `(dim,)` of a box around a domain.

    For a domain that is no shape, mesh or evolution of one it is found by sampling, with a margin of one per cent.
    """
    if isinstance(domain, Evolution):
        low, high = bounding_box(domain.region)
        return np.r_[domain.interval.start, low], np.r_[domain.interval.end, high]
    if isinstance(domain, Shape):
        return np.asarray(domain.lower, float), np.asarray(domain.upper, float)
    if isinstance(domain, MeshDomain):
        return domain.cells.points.min(axis=0), domain.cells.points.max(axis=0)
    points = domain.sample(PROBES, np.random.default_rng(0))
    low, high = points.min(axis=0), points.max(axis=0)
    return low - MARGIN * (high - low), high + MARGIN * (high - low)


def grid_inside(domain: Domain, counts: Sequence[int]) -> np.ndarray:
    """Those middles of the cells of a grid over the bounding box that lie in the domain, `(n, dim)`.

    Args:
        domain: What they cover.
        counts: Cells along each coordinate, at least 1.
    """
    low, high = bounding_box(domain)
    axes = [a + (b - a) * (np.arange(n) + 0.5) / n for a, b, n in zip(low, high, counts, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
    return points[domain.contains(points)]


def spread_on_piece(domain: Domain, piece: str, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points `(n, dim)` on a piece of the boundary with outward normals, far from one another.

    Of many uniform points one after the other is taken that is farthest from those taken before, with each coordinate
    in units of the domain's extent (T. F. Gonzalez, Theor. Comput. Sci. 38 (1985) 293-306).
    """
    low, high = bounding_box(domain)
    points, normals = domain.sample_piece(piece, CANDIDATES * n, rng)
    taken = farthest_first(points / np.where(high > low, high - low, 1.0), n)
    return points[taken], normals[taken]


def quasi_random_on_piece(
    domain: Domain, piece: str, n: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Points `(n, dim)` on a piece of the boundary with outward normals: scrambled Sobol points on sides of a box.

    On other domains they are independent.  An evolution over a box is a box.
    """
    region = domain.region if isinstance(domain, Evolution) else domain
    points, normals = domain.sample_piece(piece, n, rng)
    free = np.flatnonzero(normals[0] == 0)
    if isinstance(region, Box) and len(free):
        from scipy.stats import qmc

        low, high = bounding_box(domain)
        unit = qmc.Sobol(len(free), scramble=True, rng=rng).random_base2(math.ceil(math.log2(n)))[:n]
        points[:, free] = low[free] + (high - low)[free] * unit
    return points, normals


def farthest_first(points: np.ndarray, n: int) -> np.ndarray:
    """Positions `(n,)` of points taken one by one, each the farthest from all before; the first is the first."""
    taken = np.zeros(n, int)
    distance = np.sum((points - points[0]) ** 2, axis=1)
    for i in range(1, n):
        taken[i] = int(distance.argmax())
        distance = np.minimum(distance, np.sum((points - points[taken[i]]) ** 2, axis=1))
    return taken
