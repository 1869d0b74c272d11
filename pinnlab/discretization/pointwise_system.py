"""Expressions of jets at the nodes of a tensor grid: systems of equations and their sparse Jacobians."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sparse
import sympy as sp
from scipy.sparse import csc_array, csr_array

from pinnlab.discretization.collocation import Collocated
from pinnlab.forms.evaluate import Program
from pinnlab.forms.jet import Jet, jet_symbols
from pinnlab.symbols import Expr


@dataclass(frozen=True)
class PointwiseSystem:
    """Expressions of jets collocated at the free nodes of their states, with their sparse Jacobian.

    Args:
        grid: The states and their boundary conditions.
        expressions: One per state.
    """

    grid: Collocated
    expressions: tuple[Expr, ...]

    @cached_property
    def _jets(self) -> tuple[Jet, ...]:
        return tuple(s.jet for s in jet_symbols(*self.expressions))

    @cached_property
    def _matrices(self) -> list[tuple[csr_array, csr_array]]:
        return [self.grid.jet_matrix(j) for j in self._jets]

    @cached_property
    def _stacked(self) -> tuple[csr_array, csr_array]:
        """The matrices of all jets, one below the other: one product with them costs little more than one with each."""
        values, data = zip(*self._matrices, strict=True)
        return sparse.vstack(values, format="csr"), sparse.vstack(data, format="csr")

    @cached_property
    def _arguments(self) -> list[sp.Symbol]:
        return [*self.grid.problem.coordinates, *(j.symbol for j in self._jets)]

    def lower(self) -> tuple[Program, Program]:
        """Compile the expressions and their partials, so that what cannot be evaluated is refused at once.

        Raises:
            UnsupportedProblem: If a function has no numerical counterpart.
        """
        return self._program, self._partial_program

    @cached_property
    def _program(self) -> Program:
        return Program(self.expressions, self._arguments)

    @cached_property
    def _partials(self) -> list[tuple[int, int]]:
        """(expression, jet) pairs with a derivative that does not vanish."""
        return [(i, j) for i, e in enumerate(self.expressions) for j, jet in enumerate(self._jets)
                if sp.diff(e, jet.symbol) != 0]  # fmt: skip

    @cached_property
    def _partial_program(self) -> Program:
        return Program([sp.diff(self.expressions[i], self._jets[j].symbol) for i, j in self._partials], self._arguments)

    @cached_property
    def _free(self) -> list[np.ndarray]:
        return [self.grid.free_nodes(i) for i in range(len(self.expressions))]

    @cached_property
    def _rows(self) -> list[csr_array]:
        """For each pair in `_partials` the jet's matrix at the free nodes of the expression's state."""
        return [self._matrices[j][0][self._free[i]] for i, j in self._partials]

    def _values(self, t: float, y: np.ndarray) -> list[np.ndarray]:
        time = [] if self.grid.problem.time is None else [np.full(self.grid.n, t)]
        return [*time, *self.grid.nodes.T, *self._jet_values(t, y)]

    def _jet_values(self, t: float, y: np.ndarray) -> np.ndarray:
        """The jets at all nodes, `(jets, n)`."""
        if not self._jets:
            return np.zeros((0, self.grid.n))
        by_values, by_data = self._stacked
        values = by_values @ y
        if by_data.shape[1]:
            values += by_data @ self.grid.data(t)
        return values.reshape(len(self._jets), self.grid.n)

    def __call__(self, t: float, y: np.ndarray) -> np.ndarray:
        """The expressions at the free nodes, stacked like y."""
        values = self._program(*self._values(t, y))
        spread = (np.full(len(f), v) if np.ndim(v) == 0 else v[f] for v, f in zip(values, self._free, strict=True))
        return np.concatenate(list(spread))

    def jacobian(self, t: float, y: np.ndarray) -> csc_array:
        """Their derivative by y, `(len(y), len(y))`."""
        values = self._partial_program(*self._values(t, y))
        blocks: list[csr_array | None] = [None] * len(self.expressions)
        for (i, _), v, rows in zip(self._partials, values, self._rows, strict=True):
            scaled = sparse.diags_array(np.broadcast_to(v, self.grid.n)[self._free[i]]) @ rows
            blocks[i] = scaled if blocks[i] is None else blocks[i] + scaled
        filled = [csr_array((len(f), len(y))) if b is None else b for b, f in zip(blocks, self._free, strict=True)]
        return csc_array(sparse.vstack(filled, format="csc"))
