"""One compilation for all members of a steady linear family that are solved by finite elements."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import sympy as sp
from scipy.sparse import csr_array

from pinnlab.discretization.finite_elements import FiniteElements
from pinnlab.errors import UnsupportedProblem
from pinnlab.family import Family
from pinnlab.forms.evaluate import on_points
from pinnlab.known import known
from pinnlab.operators.drawn import Draw
from pinnlab.problem import Problem
from pinnlab.solver import Solver, Status
from pinnlab.solvers.finite_element import FiniteElement, NewtonMethod
from pinnlab.symbols import Expr


@dataclass(eq=False)
class Slot:
    """A function of space that is put in anew for each member; NaN until the first one is.

    Values at the same points are found once for each member: load, matrix and checks ask for them one after another.

    Attributes:
        coordinates: Of space.
        asked: Whether values were asked for before anything was put in.
        expression: What was put in.
        found: Orders, points and values asked for since.
    """

    coordinates: tuple[sp.Symbol, ...]
    asked: bool = False
    expression: Expr | None = None
    found: list[tuple[tuple[int, ...], np.ndarray, np.ndarray]] = field(default_factory=list, repr=False)

    def put(self, expression: Expr) -> None:
        """Stand for this expression of the coordinates from now on."""
        self.expression = expression
        self.found.clear()

    def derivative(self, orders: Sequence[int]) -> Callable[[np.ndarray], np.ndarray]:
        """Of what is put in, at the time of the call."""
        return functools.partial(self._values, tuple(orders))

    def _values(self, orders: tuple[int, ...], points: np.ndarray) -> np.ndarray:
        if self.expression is None:
            self.asked = True
            return np.full((len(points), 1), np.nan)
        for told, places, values in self.found:
            if told == orders and np.array_equal(places, points):
                return values
        rows = [(c, n) for c, n in zip(self.coordinates, orders, strict=True) if n]
        values = on_points([self.expression.diff(*rows) if rows else self.expression], self.coordinates)(points)
        self.found.append((orders, points, values))
        return values


@dataclass(frozen=True, eq=False)
class _Resolution:
    """The family at one resolution: its method with slots, and from the nodal values of an unknown to the samples."""

    method: NewtonMethod
    to_samples: tuple[csr_array, ...]

    @staticmethod
    def of(solver: Solver, problem: Problem, points: np.ndarray) -> _Resolution | None:
        """None if the solver's answer is not that of one linear system of finite elements."""
        method = solver.compile(problem)
        if not isinstance(method, NewtonMethod) or not method.system.form.is_linear:
            return None
        if method.system.form.flow is not None:
            return None
        spaces = {id(s): s for s in method.system.spaces}
        matrices = {key: s.interpolation(points) for key, s in spaces.items()}
        return _Resolution(method, tuple(matrices[id(s)] for s in method.system.spaces))

    def answer(self) -> np.ndarray:
        """At the points of the samples `(unknowns, n)`, for what is in the slots."""
        held = self.method.system
        # Mesh and weak form stay; what is assembled is of the member.
        system = FiniteElements(held.form, held.mesh, [s.degree for s in held.spaces])
        method = replace(self.method, system=system)
        state = method.init(0)
        while method.status(state) is Status.RUNNING:
            state, _ = method.step(state)
        values = method.field(state).values
        return np.stack([m @ v[0] for m, v in zip(self.to_samples, values, strict=True)])


@dataclass(frozen=True, eq=False)
class ReusedElements:
    """A family compiled once; of a member only coefficients and loads are evaluated, assembled and solved for.

    Not to be shared by threads: what is drawn for a member stands in it while it is solved.

    Attributes:
        slots: By the name of what is random.
        grid: The shape of a sample.
        fine: Whose answers are kept.
        coarse: Whose answers give the bounds, or None if there are none.
    """

    slots: dict[str, Slot]
    grid: tuple[int, ...]
    fine: _Resolution
    coarse: _Resolution | None

    @staticmethod
    def of(family: Family, solver: Solver, axes: Sequence[np.ndarray], first: Draw) -> ReusedElements | None:
        """Compile, or None if members must be compiled one by one: only functions may be random.

        Args:
            family: The family.
            solver: The settings.
            axes: Of the samples.
            first: What was drawn for one member.
        """
        problem = family.problem
        if not isinstance(solver, FiniteElement) or problem.time is not None:
            return None
        if not all(isinstance(value, sp.Basic) and value.free_symbols for value in first.values()):
            return None
        slots = {name: Slot(tuple(problem.space)) for name in family.things}
        standing = {name: known(name, slot, 0, *problem.space) for name, slot in slots.items()}
        opened = problem.with_parameters(**standing)
        points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
        try:
            fine = _Resolution.of(solver, opened, points)
            lower = solver.coarser(opened)
            coarse = None if lower is None else _Resolution.of(lower, opened, points)
        except UnsupportedProblem:
            # A member may be simpler than what holds any function, and is refused by its own name if not.
            return None
        # A value that was taken into the compiled form would be that of all members.
        if fine is None or (lower is not None and coarse is None) or any(s.asked for s in slots.values()):
            return None
        return ReusedElements(slots, tuple(len(a) for a in axes), fine, coarse)

    def solved(self, draw: Draw) -> tuple[np.ndarray, float]:
        """The answer `(1, unknowns, *grid)` of one member, and the bound of its relative L2 error."""
        for name, slot in self.slots.items():
            slot.put(sp.sympify(draw[name]))
        answer = self.fine.answer()
        apart = np.nan if self.coarse is None else float(np.linalg.norm(answer - self.coarse.answer()))
        return answer.reshape(1, -1, *self.grid), apart / max(float(np.linalg.norm(answer)), 1e-300)
