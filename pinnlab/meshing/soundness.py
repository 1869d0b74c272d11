"""Whether a mesh can carry an equation: each defect in one sentence that names the place and the remedy."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import scipy  # its submodules load when they are first used

from pinnlab.meshing.mesh import KINDS, Mesh
from pinnlab.meshing.quality import FACETS, Facets, facet_keys, simplex_volumes, simplices

# The piece of all facets of the boundary that no group names.
REST = "boundary"
# Vertices closer than this, as a fraction of the extent of the mesh, are at one place.
SAME_PLACE = 1e-10
# Cells with less volume than this, as a fraction of the power of their longest side, are flat.
FLAT = 1e-12
# Vertices closer than this to a facet, as a share of its size, lie on it.
ON_FACET = 1e-6
_CORNERS = ((3, 0, 1), (0, 1, 2), (1, 2, 3), (2, 3, 0))


def sound(points: np.ndarray, cells: np.ndarray, kind: str, groups: Mapping[str, np.ndarray]) -> Mesh:
    """The mesh of these cells, once it is fit for solving, with every facet of its boundary in exactly one piece.

    Vertices without a cell are dropped.  If the vertices of all cells run the wrong way round they are turned.  Groups
    that lie inside the mesh altogether, such as interfaces between materials, are not pieces; facets of the boundary in
    no group are the piece "boundary".  Facets turn outwards.

    Args:
        points: Vertices `(n, dim)`.
        cells: The vertices of each cell `(m, k)`.
        kind: "line", "triangle", "quad" or "tetra".
        groups: Name → facets `(f, j)` by their vertices.

    Raises:
        ValueError: For flat, inverted or overlapping cells, vertices at one place or in the middle of a facet, parts
            that do not hang together, facets that belong to no cell or to two groups, groups that are partly inside.
    """
    if kind not in FACETS:
        raise ValueError(f"cells of kind {kind!r} cannot be used; write the mesh with {', '.join(FACETS)} cells")
    mesh = _turned(_without_unused(Mesh(points, cells, kind, groups)))
    _refuse_vertices_at_one_place(mesh)
    facets = Facets.of(mesh)
    _refuse_shared_facets(mesh, facets)
    _refuse_hanging(mesh, facets)
    _refuse_parts(mesh, facets)
    return Mesh(mesh.points, mesh.cells, kind, _pieces(mesh, facets))


def outward(mesh: Mesh) -> Mesh:
    """The mesh with the facets of its pieces in the order in which they turn outwards.

    Raises:
        ValueError: If a piece has a facet that is not on the boundary.
    """
    boundary = Facets.of(mesh).boundary
    keys = facet_keys(boundary, len(mesh.points))
    order = np.argsort(keys)
    pieces = {}
    for name, facets in mesh.pieces.items():
        wanted = facet_keys(facets, len(mesh.points))
        place = order[np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)]
        strange = keys[place] != wanted
        if strange.any():
            where = _place(mesh.points[facets[np.argmax(strange)]].mean(axis=0))
            raise ValueError(f"piece {name!r} has a facet at {where} that is not on the boundary of the mesh")
        pieces[name] = boundary[place]
    return Mesh(mesh.points, mesh.cells, mesh.kind, pieces)


def _place(point: np.ndarray) -> str:
    return "(" + ", ".join(f"{c:.6g}" for c in point) + ")"


def _without_unused(mesh: Mesh) -> Mesh:
    used = np.zeros(len(mesh.points), dtype=bool)
    used[mesh.cells] = True
    if used.all():
        return mesh
    for name, facets in mesh.pieces.items():
        stray = facets[~used[facets].all(axis=1)]
        if len(stray):
            where = _place(mesh.points[stray[0]].mean(axis=0))
            raise ValueError(
                f"group {name!r} has a facet at {where} with a vertex that no cell has; mesh both together"
            )
    number = np.cumsum(used) - 1
    pieces = {name: number[facets] for name, facets in mesh.pieces.items()}
    return Mesh(mesh.points[used], number[mesh.cells], mesh.kind, pieces)


def _turned(mesh: Mesh) -> Mesh:
    """The mesh with cells of positive volume."""
    corners = mesh.points[mesh.cells]
    if mesh.kind == "quad":
        # A quadrilateral is sound if all its corners turn the same way.
        parts = np.stack([simplex_volumes(corners[:, c]) for c in _CORNERS], axis=1)
    else:
        parts = simplex_volumes(mesh.points[simplices(mesh)])[:, None]
    longest = np.ptp(corners, axis=1).max(axis=1)
    flat = np.abs(parts).min(axis=1) <= FLAT * longest**mesh.dim
    if flat.any():
        first = int(np.argmax(flat))
        raise ValueError(
            f"{flat.sum()} of {len(flat)} cells have no volume, the first of them cell {first} at "
            f"{_place(corners[first].mean(axis=0))}; remove or remesh them"
        )
    positive = np.asarray((parts > 0).all(axis=1))
    if positive.all():
        return mesh
    if (parts < 0).all():
        return Mesh(mesh.points, _reversed(mesh), mesh.kind, mesh.pieces)
    folded = np.asarray((parts > 0).any(axis=1)) & ~positive
    if folded.any():
        first = int(np.argmax(folded))
        raise ValueError(
            f"{folded.sum()} of {len(folded)} quadrilaterals are folded or not convex, the first of them cell {first} "
            f"at {_place(corners[first].mean(axis=0))}; move its vertices or cut it into triangles"
        )
    # The fewer are the inverted ones.
    wrong = positive if 2 * positive.sum() < len(positive) else ~positive
    first = int(np.argmax(wrong))
    raise ValueError(
        f"{wrong.sum()} of {len(wrong)} cells are inverted, the first of them cell {first} at "
        f"{_place(corners[first].mean(axis=0))}; remesh there, or list the vertices of all cells the same way round"
    )


def _reversed(mesh: Mesh) -> np.ndarray:
    if mesh.kind == "quad":
        return mesh.cells[:, [0, 3, 2, 1]]
    order = np.arange(KINDS[mesh.kind][0])
    order[-2:] = order[-2:][::-1]
    return mesh.cells[:, order]


def _refuse_vertices_at_one_place(mesh: Mesh) -> None:
    extent = float(np.linalg.norm(np.ptp(mesh.points, axis=0)))
    pairs = scipy.spatial.cKDTree(mesh.points).query_pairs(SAME_PLACE * extent, output_type="ndarray")
    if len(pairs):
        first = pairs[np.argmin(pairs.min(axis=1))]
        raise ValueError(
            f"{len(pairs)} pairs of vertices are at one place, among them {first.min()} and {first.max()} at "
            f"{_place(mesh.points[first[0]])}, so that the cells do not hang together there; merge coincident vertices "
            "before writing the mesh"
        )


def _refuse_shared_facets(mesh: Mesh, facets: Facets) -> None:
    """Cells on the same side of a facet overlap, and so do more than two at one facet."""
    if (facets.count > 2).any():
        first = facets.vertices[np.argmax(facets.count > 2)]
        raise ValueError(
            f"more than two cells meet at the facet {_place(mesh.points[first].mean(axis=0))}: some overlap or occur "
            "twice; remove the surplus cells"
        )
    inner = np.flatnonzero(facets.count == 2)
    base = mesh.points[facets.vertices[inner, 0]]
    normal = _normals(mesh, facets.vertices[inner])
    # Centres of convex cells are on the inner side of their facets.
    first, second = (
        np.sum((mesh.points[mesh.cells[cell[inner]]].mean(axis=1) - base) * normal, axis=1)
        for cell in (facets.first, facets.second)
    )
    overlapping = first * second > 0
    if overlapping.any():
        i = inner[np.argmax(overlapping)]
        raise ValueError(
            f"cells {facets.first[i]} and {facets.second[i]} overlap beside their common facet at "
            f"{_place(mesh.points[facets.vertices[i]].mean(axis=0))}; remesh there"
        )


def _normals(mesh: Mesh, facets: np.ndarray) -> np.ndarray:
    corners = mesh.points[facets]
    if mesh.dim == 1:
        return np.ones((len(facets), 1))
    if mesh.dim == 2:
        along = corners[:, 1] - corners[:, 0]
        return np.stack([along[:, 1], -along[:, 0]], axis=1)
    return np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])


def _refuse_hanging(mesh: Mesh, facets: Facets) -> None:
    """A vertex in the middle of a facet parts the cells on its two sides: both are then boundary, without a gap."""
    if mesh.dim == 1:
        return
    boundary = facets.boundary
    corners = mesh.points[boundary]
    middles = corners.mean(axis=1)
    reach = np.linalg.norm(corners - middles[:, None], axis=2).max(axis=1)
    vertices = np.unique(boundary)
    near = scipy.spatial.cKDTree(mesh.points[vertices]).query_ball_point(middles, reach * (1 + ON_FACET))
    owner = np.repeat(np.arange(len(boundary)), [len(n) for n in near])
    vertex = vertices[np.concatenate(near).astype(np.int64)]
    foreign = (boundary[owner] != vertex[:, None]).all(axis=1)
    owner, vertex = owner[foreign], vertex[foreign]
    # Barycentric coordinates of the foot of the perpendicular on the facet, and the distance from there.
    edges = corners[owner, 1:] - corners[owner, :1]
    gap = mesh.points[vertex] - corners[owner, 0]
    gram = np.einsum("qid,qjd->qij", edges, edges)
    local = np.linalg.solve(gram, np.einsum("qid,qd->qi", edges, gap)[..., None])[..., 0]
    away = np.linalg.norm(gap - np.einsum("qi,qid->qd", local, edges), axis=1)
    inside = (local >= -ON_FACET).all(axis=1) & (local.sum(axis=1) <= 1 + ON_FACET)
    hanging = inside & (away <= ON_FACET * reach[owner])
    if hanging.any():
        first = int(np.argmax(hanging))
        raise ValueError(
            f"vertex {vertex[first]} at {_place(mesh.points[vertex[first]])} hangs in the middle of the facet at "
            f"{_place(middles[owner[first]])}, so that the cells beside it do not hang together; close the refinement"
        )


def _refuse_parts(mesh: Mesh, facets: Facets) -> None:
    inner = facets.count == 2
    links = scipy.sparse.coo_array(
        (np.ones(inner.sum()), (facets.first[inner], facets.second[inner])), shape=(len(mesh.cells),) * 2
    )
    count, part = scipy.sparse.csgraph.connected_components(links, directed=False)
    if count > 1:
        sizes = np.bincount(part)
        smallest = mesh.points[mesh.cells[part == np.argmin(sizes)]].mean(axis=(0, 1))
        raise ValueError(
            f"the mesh is {count} parts that share no facet, the smallest of them {sizes.min()} cells around "
            f"{_place(smallest)}; merge their common vertices or keep one part"
        )


def _pieces(mesh: Mesh, facets: Facets) -> dict[str, np.ndarray]:
    """The facets of the boundary in each group, and those in none, as seen from their cells."""
    boundary = facets.boundary
    edge = facet_keys(boundary, len(mesh.points))
    every = np.sort(facet_keys(facets.vertices, len(mesh.points)))
    order = np.argsort(edge)
    owner = np.full(len(boundary), -1)
    names: list[str] = []
    for name, rows in mesh.pieces.items():
        keys = np.sort(facet_keys(rows, len(mesh.points)))
        keys = keys[np.diff(keys, prepend=-1) > 0]
        _refuse_strays(mesh, name, rows, every)
        place = order[np.minimum(np.searchsorted(edge, keys, sorter=order), len(edge) - 1)]
        outer = edge[place] == keys
        if not outer.any():
            continue
        if not outer.all():
            inside = rows[_among(facet_keys(rows, len(mesh.points)), keys[~outer])]
            raise ValueError(
                f"group {name!r} has {len(inside)} facets inside the mesh, the first of them at "
                f"{_place(mesh.points[inside[0]].mean(axis=0))}, besides those on the boundary; make two groups of it"
            )
        taken = place[owner[place] >= 0]
        if len(taken):
            taken = taken[owner[taken] == owner[taken[0]]]
            raise ValueError(
                f"the groups {names[owner[taken[0]]]!r} and {name!r} share {len(taken)} facets, the first of them at "
                f"{_place(mesh.points[boundary[taken[0]]].mean(axis=0))}; let each facet belong to one group, or "
                f"choose the groups that are to be pieces"
            )
        owner[place] = len(names)
        names.append(name)
    pieces = {name: boundary[owner == i] for i, name in enumerate(names)}
    rest = boundary[owner < 0]
    if len(rest):
        if REST in pieces:
            rest = np.concatenate([pieces[REST], rest])
        pieces[REST] = rest
    return pieces


def _among(keys: np.ndarray, ordered: np.ndarray) -> np.ndarray:
    """Whether each key is among those in order; numpy's own test is slow for keys of facets."""
    place = np.minimum(np.searchsorted(ordered, keys), len(ordered) - 1)
    return np.asarray(ordered[place] == keys)


def _refuse_strays(mesh: Mesh, name: str, rows: np.ndarray, every: np.ndarray) -> None:
    stray = ~_among(facet_keys(rows, len(mesh.points)), every)
    if stray.any():
        where = _place(mesh.points[rows[np.argmax(stray)]].mean(axis=0))
        raise ValueError(
            f"group {name!r} has {stray.sum()} facets that no cell has, the first of them at {where}; "
            "mesh the boundary together with the inside"
        )
