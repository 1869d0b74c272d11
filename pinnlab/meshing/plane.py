"""Triangles that fill a region of the plane whose boundary is known exactly as segments and arcs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy  # its submodules load when they are first used

from pinnlab.meshing.curves import Curve, enclosed_area, extent, merged
from pinnlab.meshing.mesh import Mesh
from pinnlab.meshing.quality import facet_keys, simplex_volumes
from pinnlab.meshing.spacing import GROWTH, Spacing
from pinnlab.meshing.structured import MAX_VERTICES, check_size

# Interior vertices keep this distance from the boundary, in edges.
CLEARANCE = 0.6
SMOOTHING = 5
# With more triangles than this a coarser mesh is made and subdivided.
TRIANGULATED = 3_000
# How often boundary edges may be halved until the triangulation has them all.
ROUNDS = 12
# The ratio of two lattices, where edges grow.
STEP = 1.25


def plane_mesh(curves: Sequence[Curve], size: float) -> Mesh:
    """Triangles inside a closed boundary; the ends of curves are vertices and all boundary vertices lie on the curves.

    Edges are at most about `size` long, shorter near arcs (16 around a circle), short curves and narrow gaps, and grow
    smoothly from there.  Interior vertices begin as a hexagonal lattice, are moved to the centroids of the triangles
    around them [1] and joined by a Delaunay triangulation; a boundary edge that is missing from it is halved on the
    exact curve.  The result depends on the arguments alone.

    Args:
        curves: The boundary, travelled with the region on the left.
        size: Longest edge, > 0.

    Raises:
        ValueError: If the size is not positive, is too small for the memory, or the boundary does not close.

    [1] Q. Du, V. Faber, M. Gunzburger, Centroidal Voronoi tessellations, SIAM Review, 1999.
    """
    check_size(size)
    # A triangulation from scratch costs a hundred times a subdivision.
    triangles_wanted = 4 / math.sqrt(3) * abs(enclosed_area(curves)) / size**2
    if triangles_wanted / 2 > MAX_VERTICES:
        raise ValueError(f"mesh: edges of {size:g} ask for {triangles_wanted / 2:.2g} vertices; take a larger size")
    halvings = max(0, math.ceil(math.log(triangles_wanted / TRIANGULATED, 4)))
    spacing = Spacing.along(curves, size * 2**halvings)
    rim = Rim.of(curves, spacing)
    inner = _lattice(rim, spacing)
    rim, inner, triangles = _triangulate(rim, inner)
    for _ in range(SMOOTHING):
        inner = _centred(rim, inner, triangles, spacing)
        rim, inner, triangles = _triangulate(rim, inner)
    for _ in range(halvings):
        rim, inner, triangles = _subdivided(rim, inner, triangles)
    points = np.concatenate([rim.points, inner])
    return _assembled(curves, rim, points, triangles)


@dataclass(frozen=True, eq=False)
class Rim:
    """The boundary as a polygon.

    Attributes:
        curves: The exact boundary.
        points: Its vertices `(n, 2)`.
        edges: Vertices of each edge `(e, 2)`, with the region on the left.
        owner: The number of the curve of each edge, `(e,)`.
        span: The fractions of that curve's length where the edge begins and ends, `(e, 2)`.
    """

    curves: Sequence[Curve]
    points: np.ndarray
    edges: np.ndarray
    owner: np.ndarray
    span: np.ndarray

    @classmethod
    def of(cls, curves: Sequence[Curve], spacing: Spacing) -> Rim:
        """The boundary with vertices one edge apart."""
        fractions = [spacing.divide(c) for c in curves]
        owner = np.repeat(np.arange(len(curves)), [len(f) - 1 for f in fractions])
        span = np.concatenate([np.stack([f[:-1], f[1:]], axis=1) for f in fractions])
        return cls._of_spans(curves, owner, span)

    @classmethod
    def _of_spans(cls, curves: Sequence[Curve], owner: np.ndarray, span: np.ndarray) -> Rim:
        ends = np.empty((len(span), 2, 2))
        for i, curve in enumerate(curves):
            own = owner == i
            ends[own] = curve.at(span[own].ravel()).reshape(-1, 2, 2)
        points, number = merged(ends.reshape(-1, 2), 1e-7 * extent(curves))
        edges = number.reshape(-1, 2)
        surplus = np.bincount(edges[:, 1], minlength=len(points)) - np.bincount(edges[:, 0], minlength=len(points))
        if surplus.any():
            where = points[np.flatnonzero(surplus)[0]]
            raise ValueError(
                f"mesh: the boundary does not close at ({where[0]:g}, {where[1]:g}); two shapes nearly touch there, "
                "move them clearly apart or together"
            )
        return cls(curves, points, edges, owner, span)

    @property
    def lengths(self) -> np.ndarray:
        """The lengths `(e,)` of its edges."""
        return np.asarray(np.linalg.norm(np.diff(self.points[self.edges], axis=1)[:, 0], axis=1))

    def halved(self, chosen: np.ndarray) -> Rim:
        """The boundary with the chosen edges halved on the exact curve."""
        middle = self.span[chosen].mean(axis=1)
        first = np.stack([self.span[chosen][:, 0], middle], axis=1)
        second = np.stack([middle, self.span[chosen][:, 1]], axis=1)
        owner = np.concatenate([self.owner[~chosen], self.owner[chosen], self.owner[chosen]])
        return Rim._of_spans(self.curves, owner, np.concatenate([self.span[~chosen], first, second]))

    def clear(self, points: np.ndarray, distance: np.ndarray) -> np.ndarray:
        """Whether each of `points (n, 2)` is farther than `distance (n,)` from the polygon."""
        pieces = 4
        s = (np.arange(pieces) / pieces)[:, None, None]
        a, b = self.points[self.edges[:, 0]], self.points[self.edges[:, 1]]
        tree = scipy.spatial.cKDTree(((1 - s) * a + s * b).reshape(-1, 2))
        apart, _ = tree.query(points, distance_upper_bound=float(distance.max(initial=0.0)) * 1.01)
        return np.asarray(apart > distance)


def _lattice(rim: Rim, spacing: Spacing) -> np.ndarray:
    """Vertices of hexagonal lattices, each where its spacing is nearest to the one asked for, inside the boundary."""
    lower, upper = rim.points.min(axis=0), rim.points.max(axis=0)
    levels = math.ceil(math.log(spacing.size / spacing.shortest) / math.log(STEP) - 1e-9)
    kept = np.empty((0, 2))
    for k in range(levels + 1):
        h = spacing.size * STEP**-k
        points = _hexagonal(lower, upper, h, spacing)
        wanted = spacing(points)
        # The nearest lattice in the geometric sense.
        points, wanted = _select(points, wanted, (wanted >= h / STEP**0.5) & (wanted < h * STEP**0.5))
        points, wanted = _select(points, wanted, rim.clear(points, CLEARANCE * wanted))
        if len(kept) and len(points):
            apart, _ = scipy.spatial.cKDTree(kept).query(points)
            points, wanted = _select(points, wanted, apart > 0.75 * wanted)
        kept = np.concatenate([kept, points])
    return kept[_inside(rim, kept)]


def _select(points: np.ndarray, values: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return points[chosen], values[chosen]


def _hexagonal(lower: np.ndarray, upper: np.ndarray, h: float, spacing: Spacing) -> np.ndarray:
    """Vertices of equilateral triangles with edges h, where edges of that length may be asked for."""
    if spacing.groups and h < spacing.size * 0.99:
        source = np.concatenate([tree.data for tree, shortest in spacing.groups if shortest < h * STEP])
        reach = 1.2 * h / GROWTH + 2 * h
        lower = np.maximum(lower, source.min(axis=0) - reach)
        upper = np.minimum(upper, source.max(axis=0) + reach)
    columns, rows = (int(n) for n in np.ceil((upper - lower) / (h * np.array([1.0, 0.75**0.5]))))
    if columns * rows > MAX_VERTICES:
        raise ValueError(f"mesh: edges of {h:g} ask for {columns}×{rows} vertices; take a larger size")
    j, i = np.meshgrid(np.arange(rows + 1), np.arange(columns + 2), indexing="ij")
    x = lower[0] + h * (i - 0.5 * (j % 2))
    y = lower[1] + 0.75**0.5 * h * j
    return np.stack([x.ravel(), y.ravel()], axis=1)


def _inside(rim: Rim, points: np.ndarray) -> np.ndarray:
    """Whether each point is enclosed by the polygon: a ray to the right crosses its edges an odd number of times."""
    order = np.argsort(points[:, 1], kind="stable")
    y = points[order, 1]
    odd = np.zeros(len(points), dtype=bool)
    for a, b in rim.points[rim.edges]:
        if a[1] == b[1]:
            continue
        first, last = np.searchsorted(y, sorted((a[1], b[1])))
        rows = order[first:last]
        at = a[0] + (points[rows, 1] - a[1]) * (b[0] - a[0]) / (b[1] - a[1])
        odd[rows] ^= points[rows, 0] < at
    return odd


def _triangulate(rim: Rim, inner: np.ndarray) -> tuple[Rim, np.ndarray, np.ndarray]:
    """The Delaunay triangles inside the boundary, once all of its edges are among theirs."""
    for _ in range(ROUNDS):
        points = np.concatenate([rim.points, inner])
        triangles = _counterclockwise(points, scipy.spatial.Delaunay(points).simplices.astype(np.int64))
        sides = facet_keys(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), len(points))
        missing = ~np.isin(facet_keys(rim.edges, len(points)), sides)
        if not missing.any():
            return rim, inner, triangles[_enclosed(triangles, rim, len(points))]
        rim = rim.halved(missing)
        inner = inner[rim.clear(inner, np.full(len(inner), 0.5 * float(rim.lengths.min())))]
    where = rim.points[rim.edges[missing][0]].mean(axis=0)
    raise ValueError(
        f"mesh: the boundary near ({where[0]:g}, {where[1]:g}) cannot be resolved; two shapes nearly touch or meet at "
        "a very small angle there, change the geometry a little"
    )


def _subdivided(rim: Rim, inner: np.ndarray, triangles: np.ndarray) -> tuple[Rim, np.ndarray, np.ndarray]:
    """Every triangle in four, the midpoints of boundary edges on the exact curves."""
    coarse = np.concatenate([rim.points, inner])
    finer = rim.halved(np.ones(len(rim.edges), bool))
    sides = triangles[:, [[0, 1], [1, 2], [2, 0]]]
    keys, first, side = np.unique(facet_keys(sides.reshape(-1, 2), len(coarse)), return_index=True, return_inverse=True)
    ends = sides.reshape(-1, 2)[first]
    middles = coarse[ends].mean(axis=1)
    # Old vertices of the boundary, then its new ones, found by their places on the curves.
    tree = scipy.spatial.cKDTree(finer.points)
    new_number = np.empty(len(coarse) + len(keys), dtype=np.int64)
    _, new_number[: len(rim.points)] = tree.query(rim.points)
    on_rim = np.searchsorted(keys, facet_keys(rim.edges, len(coarse)))
    exact = np.empty((len(rim.edges), 2))
    for i, curve in enumerate(rim.curves):
        exact[rim.owner == i] = curve.at(rim.span[rim.owner == i].mean(axis=1))
    _, new_number[len(coarse) + on_rim] = tree.query(exact)
    within = np.ones(len(keys), bool)
    within[on_rim] = False
    start = len(finer.points)
    new_number[len(rim.points) : len(coarse)] = np.arange(start, start + len(inner))
    new_number[len(coarse) + np.flatnonzero(within)] = np.arange(start + len(inner), start + len(inner) + within.sum())
    corners, m = new_number[triangles], new_number[len(coarse) + side.reshape(-1, 3)]
    (a, b, c), (ab, bc, ca) = corners.T, m.T
    split = np.concatenate([np.stack(t, axis=1) for t in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))])
    return finer, np.concatenate([inner, middles[within]]), split


def _counterclockwise(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    turned = simplex_volumes(points[triangles]) < 0
    triangles[turned, 1:] = triangles[turned, :0:-1]
    return triangles


def _enclosed(triangles: np.ndarray, rim: Rim, vertices: int) -> np.ndarray:
    """Whether each triangle `(m, 3)` can be reached from the left of the boundary without crossing it."""
    sides = triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    owner = np.repeat(np.arange(len(triangles)), 3)
    keys = facet_keys(sides, vertices)
    rims = facet_keys(rim.edges, vertices)
    order = np.argsort(keys, kind="stable")
    same = (keys[order][1:] == keys[order][:-1]) & ~np.isin(keys[order][1:], rims)
    a, b = owner[order][1:][same], owner[order][:-1][same]
    links = scipy.sparse.coo_matrix((np.ones(len(a)), (a, b)), shape=(len(triangles),) * 2)
    _, component = scipy.sparse.csgraph.connected_components(links, directed=False)
    directed = rim.edges[:, 0] * vertices + rim.edges[:, 1]
    left = np.isin(sides[:, 0] * vertices + sides[:, 1], directed)
    return np.asarray(np.isin(component, component[owner[left]]))


def _centred(rim: Rim, inner: np.ndarray, triangles: np.ndarray, spacing: Spacing) -> np.ndarray:
    """Interior vertices moved to the weighted mean of the centroids of the triangles around them."""
    points = np.concatenate([rim.points, inner])
    corners = points[triangles]
    centroids = corners.mean(axis=1)
    weights = np.abs(simplex_volumes(corners)) / spacing(centroids) ** 2
    total = np.bincount(triangles.ravel(), np.repeat(weights, 3), minlength=len(points))
    mean = np.stack(
        [np.bincount(triangles.ravel(), np.repeat(weights * c, 3), minlength=len(points)) for c in centroids.T],
        axis=1,
    )
    used = total[len(rim.points) :] > 0
    return mean[len(rim.points) :][used] / total[len(rim.points) :][used][:, None]


def _assembled(curves: Sequence[Curve], rim: Rim, points: np.ndarray, triangles: np.ndarray) -> Mesh:
    names = dict.fromkeys(c.piece for c in curves)
    chosen = np.array([curves[i].piece for i in rim.owner])
    used, cells = np.unique(triangles, return_inverse=True)
    number = np.full(len(points), -1)
    number[used] = np.arange(len(used))
    pieces = {name: number[rim.edges[chosen == name]] for name in names}
    return Mesh(points[used], cells.reshape(-1, 3), "triangle", pieces)
