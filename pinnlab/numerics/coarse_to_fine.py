"""An order of scattered points from coarse to fine, and the nearest points that come earlier."""

from __future__ import annotations

import numpy as np

# Each level of the order has about this many times as many points as all before it together.
GROWTH = 2.0
# The smallest cells, in units of the extent: points that are closer come in any order.
FINEST = 1e-13
# Neighbours asked for at once in units of those wanted: about half of the points near one come later than it.
ASKED = 3


def coarse_to_fine(points: np.ndarray) -> np.ndarray:
    """Positions `(n,)` of points in an order in which every beginning covers the whole cloud evenly.

    The space is cut into cells, level by level finer; at each level every cell without a point gets the one nearest
    to its middle.  This takes the place of the maximin order, in which the next point is the one farthest from all
    before it (F. Schäfer, M. Katzfuss, H. Owhadi, SIAM J. Sci. Comput. 43 (2021) A2019-A2046, section 3.1), at a
    cost of n times the number of levels.

    Args:
        points: `(n, d)`.
    """
    low, extent, d = points.min(axis=0), float(np.ptp(points, axis=0).max(initial=0.0)), points.shape[1]
    taken, out = np.zeros(len(points), bool), []
    left, level = np.arange(len(points)), 0
    while len(left) and GROWTH ** (-level / d) > FINEST:
        scaled = (points - low) / (extent * GROWTH ** (-level / d) or 1.0)
        cells = np.floor(scaled)
        code = _codes(cells)
        off = np.square(scaled - cells - 0.5).sum(axis=1)
        inside = left[~np.isin(code[left], code[taken])]
        # Sorted by cells, and in each by the distance from its middle: the first of each cell is taken.
        inside = inside[np.lexsort((off[inside], code[inside]))]
        chosen = inside[np.diff(code[inside], prepend=-1) != 0]
        taken[chosen] = True
        out.append(chosen)
        left, level = left[~taken[left]], level + 1
    return np.concatenate([*out, left])


def _codes(cells: np.ndarray) -> np.ndarray:
    """One whole number for each row, equal where rows are."""
    code = np.zeros(len(cells), np.int64)
    for column in cells.T.astype(np.int64):
        _, index = np.unique(column, return_inverse=True)
        _, code = np.unique(code * (int(index.max(initial=0)) + 1) + index, return_inverse=True)
    return code


def earlier_neighbours(points: np.ndarray, count: int) -> np.ndarray:
    """The nearest earlier points of each point `(n, count)`, nearest first; -1 where there are not so many.

    Args:
        points: `(n, d)` in an order from coarse to fine.
        count: Neighbours wanted.
    """
    from scipy.spatial import cKDTree

    n = len(points)
    out = np.full((n, count), -1)
    head = min(n, 4 * count)
    _all_earlier(points, out, head)
    start = head
    while start < n:
        stop = min(n, 2 * start)
        tree = cKDTree(points[:stop])
        left, asked = np.arange(start, stop), min(ASKED * count, stop)
        while len(left):
            _, near = tree.query(points[left], k=asked)
            earlier = near < left[:, None]
            enough = earlier.sum(axis=1) >= min(count, start)
            # A stable sort moves the earlier ones to the front and keeps them sorted by distance.
            rank = np.argsort(~earlier[enough], axis=1, kind="stable")[:, :count]
            out[left[enough]] = np.take_along_axis(near[enough], rank, axis=1)
            left, asked = left[~enough], min(2 * asked, stop)
        start = stop
    return out


def _all_earlier(points: np.ndarray, out: np.ndarray, head: int) -> None:
    """The neighbours of the first points, by all distances."""
    for i in range(1, head):
        distance = np.square(points[:i] - points[i]).sum(axis=1)
        near = np.argsort(distance, kind="stable")[: out.shape[1]]
        out[i, : len(near)] = near
