"""Regions given by a mesh: read from a file of any format that meshio knows, or made from arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import sympy as sp

from pinnlab.domain.base import Domain
from pinnlab.meshing.locating import Membership
from pinnlab.meshing.mesh import Mesh
from pinnlab.meshing.quality import facet_normals, simplex_volumes, simplices
from pinnlab.meshing.reading import read_mesh
from pinnlab.meshing.refine import refined_to
from pinnlab.meshing.soundness import sound


@dataclass(frozen=True, init=False, eq=False, repr=False)
class MeshDomain(Domain):
    """The region that the straight-sided cells of a mesh fill: lines, triangles, quadrilaterals or tetrahedra.

    The groups of facets in the file (physical groups of gmsh, named sets of cells, groups of MED, numbers of Medit or
    SU2) are the pieces of its boundary; facets of the boundary in no group are the piece "boundary".  Groups that lie
    inside are not pieces.  Two such domains are equal if coordinates, vertices, cells and pieces are.

    Args:
        path: The file; its suffix tells the format.
        coordinates: One symbol for each dimension of the cells.  Where the file has more coordinates, as gmsh writes
            three in the plane, these must be constant and are dropped.
        groups: The groups that become pieces, or the name of one; all if not said.  A facet may be in one of them only.

    Raises:
        ValueError: If the file is missing, damaged, of an unknown format, or without cells of that dimension; if it
            mixes kinds of cells, or its cells are curved, flat, inverted, overlapping or in several parts.  Each
            message names the place and the remedy.
    """

    variables: tuple[sp.Symbol, ...]
    cells: Mesh
    origin: str

    def __init__(
        self, path: str | Path, coordinates: Iterable[sp.Symbol], groups: str | Iterable[str] | None = None
    ) -> None:
        variables = _checked(coordinates)
        groups = (groups,) if isinstance(groups, str) else groups
        self._set(read_mesh(path, len(variables), groups), variables, Path(path).name)

    @classmethod
    def from_mesh(cls, mesh: Mesh, coordinates: Iterable[sp.Symbol]) -> MeshDomain:
        """The region that a mesh fills, after the checks that a file goes through.

        Raises:
            ValueError: If the mesh has another dimension, or is not fit for solving.
        """
        variables = _checked(coordinates)
        if mesh.dim != len(variables):
            raise ValueError(
                f"MeshDomain: {len(variables)} coordinates for a mesh of dimension {mesh.dim}; give {mesh.dim}"
            )
        domain = cls.__new__(cls)
        try:
            domain._set(sound(mesh.points, mesh.cells, mesh.kind, mesh.pieces), variables, "")
        except ValueError as error:
            raise ValueError(f"MeshDomain: {error}") from None
        return domain

    def _set(self, mesh: Mesh, variables: tuple[sp.Symbol, ...], origin: str) -> None:
        object.__setattr__(self, "variables", variables)
        object.__setattr__(self, "cells", mesh)
        object.__setattr__(self, "origin", origin)

    def __repr__(self) -> str:
        origin = f"{self.origin!r}, " if self.origin else ""
        names = ", ".join(map(str, self.variables))
        return f"MeshDomain({origin}({names}): {len(self.cells.cells)} {self.cells.kind} cells)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, MeshDomain):
            return NotImplemented
        return self.variables == other.variables and self._digest == other._digest

    def __hash__(self) -> int:
        return hash((self.variables, self._digest))

    @property
    def coordinates(self) -> tuple[sp.Symbol, ...]:
        """The coordinates, in the order of the columns of points."""
        return self.variables

    @property
    def pieces(self) -> tuple[str, ...]:
        """The names of the groups of facets on the boundary, and "boundary" if some are in no group."""
        return tuple(self.cells.pieces)

    def contains(self, points: np.ndarray) -> np.ndarray:
        """Whether each of `points (n, dim)` lies in a closed cell."""
        return self._membership(points)

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw n points `(n, dim)`, uniform by volume."""
        parts = self._parts
        which = rng.choice(len(parts), n, p=self._shares)
        return _within(parts[which], rng)

    def sample_piece(self, piece: str, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw n points `(n, dim)` on a piece, uniform by area, with the outward normals of its facets."""
        if piece not in self.cells.pieces:
            raise ValueError(f"{self} has no piece {piece!r}; its pieces are {', '.join(self.pieces)}")
        facets = self.cells.pieces[piece]
        normals, areas = facet_normals(self.cells, facets)
        which = rng.choice(len(facets), n, p=areas / areas.sum())
        return _within(self.cells.points[facets[which]], rng), normals[which]

    def mesh(self, size: float) -> Mesh:
        """The mesh of the file, refined as a whole until no edge is longer than `size`.

        Raises:
            ValueError: If the size is not positive, or asks for more than 20 million vertices.
        """
        return refined_to(self.cells, size)

    @cached_property
    def _membership(self) -> Membership:
        return Membership.of(self.cells)

    @cached_property
    def _parts(self) -> np.ndarray:
        """The corners `(k, dim + 1, dim)` of the simplices that the cells consist of."""
        return self.cells.points[simplices(self.cells)]

    @cached_property
    def _shares(self) -> np.ndarray:
        """The share of each simplex in the volume, `(k,)`."""
        volumes = simplex_volumes(self._parts)
        return volumes / volumes.sum()

    @cached_property
    def _digest(self) -> bytes:
        mesh = self.cells
        named = [(name.encode(), facets) for name, facets in sorted(mesh.pieces.items())]
        digest = hashlib.sha256(mesh.kind.encode())
        for name, values in ((b"points", mesh.points), (b"cells", mesh.cells), *named):
            # The shape keeps one array from running into the next.
            digest.update(name + repr(values.shape).encode() + values.tobytes())
        return digest.digest()


def _checked(coordinates: Iterable[sp.Symbol]) -> tuple[sp.Symbol, ...]:
    variables = (coordinates,) if isinstance(coordinates, sp.Symbol) else tuple(coordinates)
    for c in variables:
        if not isinstance(c, sp.Symbol):
            raise ValueError(f"MeshDomain: {c!r} is not a coordinate; make it with sympy.symbols")
    if not 1 <= len(variables) <= 3 or len(set(variables)) < len(variables):
        raise ValueError(f"MeshDomain: coordinates {variables} must be one to three different symbols")
    return variables


def _within(corners: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A point in each simplex with `corners (n, k, dim)`, uniform by volume."""
    weights = rng.dirichlet(np.ones(corners.shape[1]), len(corners))
    return np.einsum("nk,nkd->nd", weights, corners)
