"""A box around any region."""

from __future__ import annotations

import numpy as np

from pinnlab.domain.base import Domain
from pinnlab.domain.mesh_domain import MeshDomain
from pinnlab.domain.shape import Shape

# Points that show how far a region reaches of which nothing else is known.
SAMPLES = 2_000


def bounding_box(region: Domain) -> tuple[np.ndarray, np.ndarray]:
    """The lower and the upper corner `(dim,)` of a box around a region.

    Exact of a shape and of a mesh; of any other domain it is that of points drawn in it and on its pieces, which is
    smaller by a little.
    """
    if isinstance(region, Shape):
        return region.lower, region.upper
    if isinstance(region, MeshDomain):
        corners = region.cells.points[np.unique(region.cells.cells)]
        return corners.min(axis=0), corners.max(axis=0)
    rng = np.random.default_rng(0)
    drawn = [region.sample(SAMPLES, rng), *(region.sample_piece(p, SAMPLES, rng)[0] for p in region.pieces)]
    points = np.concatenate(drawn)
    return points.min(axis=0), points.max(axis=0)
