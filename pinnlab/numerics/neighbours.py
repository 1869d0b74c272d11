"""The nearest neighbours of points in a box, some of whose axes may be periodic."""

from __future__ import annotations

import numpy as np

# Distances that differ by less than this part are equal: nodes of a grid have many neighbours at one distance.
TIE = 1e-4


def nearest(points: np.ndarray, count: int, periodic: tuple[bool, ...]) -> tuple[np.ndarray, np.ndarray]:
    """For each point the others that are no farther than its `count`-th nearest; all of those at that distance.

    So the neighbours do not depend on the order of the points, and on a periodic grid all nodes have the same.

    Args:
        points: (n, dimension), in the box [0, 1] along periodic axes, of which 0 and 1 are one place.
        count: Of neighbours at least, from 1 to n - 1.
        periodic: For each axis whether it is.

    Returns:
        Numbers (n, most), rows filled up with the point itself, and (n, most) whether an entry is a neighbour.

    Raises:
        ValueError: If there are not so many other points, or a coordinate is not finite.
    """
    from scipy.spatial import cKDTree

    n = len(points)
    if not 1 <= count < n:
        raise ValueError(f"{count} neighbours of each of {n} points; give at least 1 and at most {n - 1}")
    if not np.isfinite(points).all():
        raise ValueError("neighbours: a coordinate of the points is not finite")
    wrapped = np.where(periodic, np.mod(points, 1.0), points)
    # A tree takes a period of 0 for none; mod may round up to 1, which is 0.
    wrapped = np.where(np.asarray(periodic) & (wrapped >= 1.0), 0.0, wrapped)
    tree = cKDTree(wrapped, boxsize=np.where(periodic, 1.0, 0.0))
    reach = tree.query(wrapped, count + 1)[0][:, -1] * (1 + TIE)
    found = [sorted(set(near) - {i}) for i, near in enumerate(tree.query_ball_point(wrapped, reach))]
    most = max(map(len, found))
    numbers = np.array([near + [i] * (most - len(near)) for i, near in enumerate(found)], dtype=np.int64)
    return numbers, np.arange(most) < np.array([len(near) for near in found])[:, None]
