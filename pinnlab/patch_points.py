"""Which patches of a partition a domain enters, and points inside that are enough for each of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from pinnlab.domain.base import Domain
from pinnlab.domain.even_points import farthest_first, grid_inside
from pinnlab.numerics.partition_of_unity import Partition

# Random points in a domain, and on each piece of its boundary, that find what the grid misses.
CANDIDATES, ON_PIECE = 20_000, 2_000


def entered(partition: Partition, region: Domain, counts: Sequence[int]) -> Partition:
    """Without the patches that hold no point of a grid, no random point and no random point of the boundary.

    Args:
        partition: The patches, over the region's bounding box.
        region: What they are to cover.
        counts: Cells of the grid along each coordinate.
    """
    rng = np.random.default_rng(0)
    probes = [grid_inside(region, counts), region.sample(CANDIDATES, rng)]
    probes += [region.sample_piece(piece, ON_PIECE, rng)[0] for piece in region.pieces]
    return partition.touched(torch.as_tensor(np.concatenate(probes)))


def enough_inside(
    domain: Domain, partition: Partition, counts: Sequence[int], least: int, rng: np.random.Generator
) -> np.ndarray:
    """Points `(n, dim)` of a grid, and more where a patch holds few since little of it is in the domain.

    Args:
        domain: What they cover.
        partition: The patches.
        counts: Cells of the grid along each coordinate.
        least: Points wanted under each window; fewer are found where the part inside is tiny.
        rng: Of the random points among which more are chosen, far from one another.
    """
    points = grid_inside(domain, counts)
    patches = range(len(partition.patches))
    missing = [least - int(partition.covers(torch.as_tensor(points), p).sum()) for p in patches]
    if max(missing) <= 0:
        return points
    candidates = domain.sample(CANDIDATES, rng)
    added = [points]
    for patch, n in zip(patches, missing, strict=True):
        within = candidates[partition.covers(torch.as_tensor(candidates), patch).numpy()] if n > 0 else candidates[:0]
        if len(within):
            extent = np.maximum(np.ptp(within, axis=0), np.finfo(float).tiny)
            added.append(within[farthest_first(within / extent, min(n, len(within)))])
    return np.concatenate(added)
