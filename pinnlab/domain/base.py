"""What every domain promises: coordinates, named boundary pieces, membership and sampling."""

from __future__ import annotations

import abc

import numpy as np
import sympy as sp

from pinnlab.errors import UnsupportedProblem
from pinnlab.meshing.mesh import Mesh


class Domain(abc.ABC):
    """A region whose boundary is made of named pieces.

    Every array of points is `(n, dim)` with its columns in the order of `coordinates`.
    """

    @property
    @abc.abstractmethod
    def coordinates(self) -> tuple[sp.Symbol, ...]:
        """The coordinates, in the order of the columns of points."""

    @property
    @abc.abstractmethod
    def pieces(self) -> tuple[str, ...]:
        """The names of the boundary pieces on which conditions can be set."""

    @abc.abstractmethod
    def contains(self, points: np.ndarray) -> np.ndarray:
        """Whether each of `points (n, dim)` lies in the closed domain, as booleans `(n,)`."""

    @abc.abstractmethod
    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw n points `(n, dim)`, uniform by volume."""

    @abc.abstractmethod
    def sample_piece(self, piece: str, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw n points `(n, dim)` on a piece, uniform by area, with the outward unit normals `(n, dim)`.

        Raises:
            ValueError: If there is no piece of that name.
        """

    def mesh(self, size: float) -> Mesh:
        """A mesh with no edge longer than about `size`; every facet of its boundary belongs to one of `pieces`.

        Raises:
            UnsupportedProblem: If this kind of domain cannot be meshed.
            ValueError: If the size is not positive.
        """
        raise UnsupportedProblem(
            f"{type(self).__name__} cannot be meshed; give a MeshDomain or a combination of shapes"
        )
