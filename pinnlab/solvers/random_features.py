"""Random feature method: fixed random functions on overlapping patches, fitted by linear least squares."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from pinnlab.admissible import is_whole, require_counts, require_numbers, require_positive, require_whole
from pinnlab.domain.base import Domain
from pinnlab.domain.box import Box
from pinnlab.domain.even_points import bounding_box, spread_on_piece
from pinnlab.domain.evolution import Evolution, TimeInterval
from pinnlab.errors import SolveFailed, UnsupportedProblem
from pinnlab.forms.boundary import BoundaryRow, Dirichlet, classify
from pinnlab.forms.jet import Jet
from pinnlab.forms.jumps import require_continuous_fluxes
from pinnlab.forms.linearized import CARRIED, Linearized
from pinnlab.forms.pointwise import Pointwise
from pinnlab.numerics.chain_least_squares import ChainSystem
from pinnlab.numerics.partition_of_unity import Partition, WindowAxis
from pinnlab.numerics.patch_space import PatchSpace
from pinnlab.numerics.random_basis import RandomBasis
from pinnlab.patch_field import PatchField
from pinnlab.patch_points import enough_inside, entered
from pinnlab.problem import Problem
from pinnlab.row_system import Cloud, RowSystem, Step, chain_layers
from pinnlab.solver import CPU, Method, Solver, Status, require_known_parameters
from pinnlab.symbols import Expr

# Random features drawn for each function that is kept, and the singular value under which none is kept.
OVERSAMPLING = 2.5
TOLERANCE = 1e-13
# Points on a piece of the boundary, per point along an edge of the grid inside, for each dimension of the piece.
ON_PIECES = 2.0
# Cells per patch of the grid in space that tells which patches meet the domain.
PROBES = 512
# The largest number of coefficients in a window that the default number of patches aims at.
MOST_COEFFICIENTS = 5000
# A step is cut in half until the residual falls, no further than this.
SHORTEST_STEP = 2.0**-10
# Newton's method has arrived when the residual is what the linear model promised, up to this factor.
AS_PROMISED = 1.001
# A linear model that promises less than this reduction has nothing left to say.
NOTHING_TO_GAIN = 0.9
# A residual of more than this share of that of u = 0 is no solution.  The tail does not decide: where little of a patch
# lies in the domain, functions that nearly cancel make it large beside an answer with many digits.
UNRESOLVED = 1e-2
# Beyond this many continuous derivatives the polynomials of the windows lose digits to cancellation.
SMOOTHEST = 12
# Coordinates beyond which the coefficients needed are too many.
MOST_COORDINATES = 4


@dataclass
class RandomFeaturesState:
    """What a run remembers.

    Attributes:
        seed: Of the points.
        directions, shifts, mixing: The random basis, see `RandomBasis`.
        coefficients: One array `(unknowns, patches, q)` per window of time begun; the last may be unfinished.
        iteration: Gauss-Newton steps taken in the last window.
        finished: Whether the last window is solved.
    """

    seed: int
    directions: Tensor
    shifts: Tensor
    mixing: Tensor
    coefficients: list[Tensor]
    iteration: int
    finished: bool


@dataclass(frozen=True)
class RandomFeatures(Solver):
    """Random feature method with a partition of unity [1], also known as local extreme learning machine [2].

        u_i(x) = sum_p w_p(x) sum_j c_ipj phi_j(x in patch p),    phi_j combinations of tanh(k.x + b), k and b random

    The coefficients c minimise the residuals of all equations and conditions at collocation points, each row divided
    by its largest entry: one rectangular least-squares problem if the problem is linear, Gauss-Newton steps with line
    search if not.  Time is one more coordinate, in one or several windows that follow one another.  Derivatives are
    exact, and periodic axes are so exactly.  Principal components replace the raw features [3], which keeps the
    factorisation well conditioned.

    For smooth solutions in one to three coordinates, where it is the shortest way from random numbers to ten digits.
    The cost is rows times coefficients squared.  Not for shocks, singular corners, or more than four coordinates.
    Scalars: "residual", relative to that of u = 0, and "tail", the relative size of what the last tenth of the
    functions contributes.  Both indicate the error and neither bounds it; another seed is the independent check.

    Args:
        features: Functions kept on each patch, fewer where the features run out of independent ones.
        patches: Along each coordinate, in the order of the problem's, or one number for all; None takes as many as
            keep the coefficients of a window at or under 5000.
        scale: Largest slope of a feature across half a patch: 1 for smooth solutions, 2 to 4 for fronts.
        points: Rows of the equations per coefficient, above 1.
        overlap: Zone in which two windows blend, in widths of a patch, in (0, 1).
        smoothness: Continuous derivatives of the windows, from the order of the equations to 12.
        windows: Parts into which the time interval is cut; 1 for a steady problem.
        iterations: Most Gauss-Newton steps in a window.
        memory: Bytes that a window may take; what would take more is refused before it starts.

    [1] J. Chen, X. Chi, W. E, Z. Yang, J. Mach. Learn. 1 (2022) 268-298.
    [2] S. Dong, Z. Li, CMAME 387 (2021) 114129.
    [3] Y. Shang, A. Heinlein, S. Mishra, F. Wang, CMAME 442 (2025) 118011.
    """

    features: int = 300
    patches: int | tuple[int, ...] | None = None
    scale: float = 1.0
    points: float = 2.5
    overlap: float = 0.8
    smoothness: int = 6
    windows: int = 1
    iterations: int = 30
    memory: float = 4e9

    def __post_init__(self) -> None:
        if isinstance(self.patches, list):
            object.__setattr__(self, "patches", tuple(self.patches))
        require_positive(self, scale=self.scale, memory=self.memory)
        require_counts(self, features=self.features, windows=self.windows, iterations=self.iterations)
        require_whole(self, 0, smoothness=self.smoothness)
        require_numbers(self, points=self.points, overlap=self.overlap)
        if not 0 <= self.smoothness <= SMOOTHEST:
            raise ValueError(
                f"RandomFeatures: smoothness = {self.smoothness}; give 0 to {SMOOTHEST}, beyond which the windows "
                "lose digits by cancellation"
            )
        if not 1 < self.points < math.inf:
            raise ValueError(
                f"RandomFeatures: points = {self.points}; fewer points than coefficients leave them undetermined, "
                "give 1.5 to 4 rows per coefficient"
            )
        if not 0 < self.overlap < 1:
            raise ValueError(f"RandomFeatures: overlap = {self.overlap}; give a share of the patch in (0, 1)")
        counts = self.patches if isinstance(self.patches, tuple) else (1 if self.patches is None else self.patches,)
        if not counts or not all(is_whole(n) and n >= 1 for n in counts):
            raise ValueError(
                f"RandomFeatures: patches = {self.patches}; give a whole number, at least 1, along each coordinate"
            )

    def compile(self, problem: Problem, device: torch.device = CPU) -> RandomFeaturesMethod:
        """Lower the problem to rows of residuals with their partial derivatives.

        Raises:
            UnsupportedProblem: If the equations hold a function without numerical counterpart, are of too high an
                order, there are more than four coordinates, windows where there is no time, or the least-squares
                problem would not fit into `memory`.
        """
        require_known_parameters(self, problem)
        require_continuous_fluxes("RandomFeatures", problem)
        method = RandomFeaturesMethod(self, problem, device)
        method.lower()
        return method


@dataclass(frozen=True)
class RandomFeaturesMethod(Method[RandomFeaturesState]):
    """`RandomFeatures` compiled for one problem."""

    solver: RandomFeatures
    problem: Problem
    device: torch.device

    def lower(self) -> None:
        """Compile all residuals and refuse what cannot be represented or would not fit.

        Raises:
            UnsupportedProblem: See `RandomFeatures.compile`.
        """
        who = f"RandomFeatures on {self.problem.name!r}"
        if len(self.problem.coordinates) > MOST_COORDINATES:
            raise UnsupportedProblem(
                f"{who}: {len(self.problem.coordinates)} coordinates, and features resolve {MOST_COORDINATES} at most; "
                "use Pinn"
            )
        if self.solver.windows > 1 and self.problem.interval is None:
            raise UnsupportedProblem(
                f"{who}: windows = {self.solver.windows} cut the time, which a steady problem has not; set windows=1"
            )
        try:
            for row in (rows := [*self._equations, *(r for _, r in self._conditions)]):
                row.program  # noqa: B018 - compiled here, so that the first step cannot fail on it
        except ValueError as error:
            raise UnsupportedProblem(f"{who}: {error}") from None
        order = max((j.order for row in rows for j in row.jets), default=0)
        if order > self.solver.smoothness:
            raise UnsupportedProblem(
                f"{who}: the equations are of order {order} and the windows have {self.solver.smoothness} continuous "
                f"derivatives; set smoothness={order} or more"
            )
        if self.solver.windows > 1:
            self._states  # noqa: B018 - refuses conditions that cannot be handed on
        self._require_room(self.solver.features)

    def _require_room(self, functions: int) -> None:
        """Refuse what would not fit, for a number of functions per patch."""
        counts, unknowns = self.counts, len(self.problem.unknowns)
        layers = chain_layers(Partition(tuple(self._axes(0)), self._patches))
        groups = [layers.count(g) * unknowns * functions for g in range(max(layers) + 1)]
        inside = math.prod(counts) * self._points_along(functions) ** len(counts)
        rows = inside * len(self.problem.equations) + len(self._conditions) * self._on_piece(functions)
        jets = len({j.orders for r in self._equations for j in r.jets}) + 1
        kept = 8.0 * inside * (1 + self.solver.overlap) ** sum(n > 1 for n in counts) * functions * jets
        need = ChainSystem.memory(rows, groups) + kept
        if need > self.solver.memory:
            raise UnsupportedProblem(
                f"RandomFeatures on {self.problem.name!r}: {sum(groups):,} coefficients on {len(self._patches)} "
                f"patches would take about {need / 1e9:.1f} GB, and memory={self.solver.memory:.3g} allows "
                f"{self.solver.memory / 1e9:.1f} GB; lower features, patches or points, or raise memory"
            )

    # -- the contract --------------------------------------------------------------------------------------

    def init(self, seed: int) -> RandomFeaturesState:
        """A random basis and the answer zero."""
        generator, most = torch.Generator(self.device).manual_seed(seed), self.solver.features
        drawn, dim = math.ceil(OVERSAMPLING * most), len(self.problem.coordinates)
        basis = RandomBasis.draw(drawn, dim, self.solver.scale, most, TOLERANCE, generator)
        zero = basis.mixing.new_zeros(len(self.problem.unknowns), len(self._patches), basis.size)
        return RandomFeaturesState(seed, basis.directions, basis.shifts, basis.mixing, [zero], 0, False)

    def step(self, state: RandomFeaturesState) -> tuple[RandomFeaturesState, dict[str, float]]:
        """One Gauss-Newton step in the current window of time; of a linear problem it is the last one there.

        Raises:
            SolveFailed: If data or the residual are not finite, with the place; if no step reduces the residual, or
                too many would be needed; if what is left of the residual is no solution.
        """
        if state.finished:
            # The shape of the last window is a better guess for the next than zero.
            coefficients = [*state.coefficients, state.coefficients[-1]]
            state = replace(state, coefficients=coefficients, iteration=0, finished=False)
        old = state.coefficients[-1]
        # From a first guess that meets no condition even the right way leads uphill, so that the step is taken in full.
        growth = 1.0 if state.iteration else math.inf
        step = self._rows(state).gauss_newton(old, SHORTEST_STEP, growth)
        arrived = self._is_linear or step.after <= AS_PROMISED * step.promised
        hopeless = step.length == 0 and step.promised < NOTHING_TO_GAIN * step.before
        iteration = state.iteration + 1
        done = arrived or (step.promised >= NOTHING_TO_GAIN * step.before and step.after <= step.before)
        self._require_progress(step, hopeless, done, iteration, len(state.coefficients))
        scalars = {
            "residual": step.relative,
            "tail": step.tail,
            "step_length": step.length,
            "window": float(len(state.coefficients)),
        }
        coefficients = [*state.coefficients[:-1], step.coefficients]
        return replace(state, coefficients=coefficients, iteration=iteration, finished=done), scalars

    def _require_progress(self, step: Step, hopeless: bool, done: bool, iteration: int, window: int) -> None:
        """Refuse a step that leads nowhere, and an answer that is none."""
        where = "RandomFeatures:" if self.solver.windows == 1 else f"RandomFeatures: in window {window},"
        if hopeless:
            raise SolveFailed(
                f"{where} no step reduces the residual, {step.relative:.1e} of that of u = 0; raise windows where "
                "there is time, or features or patches"
            )
        if not done and iteration >= self.solver.iterations:
            raise SolveFailed(f"{where} not solved in {iteration} steps; raise iterations, or cut time with windows=")
        if done and step.relative > UNRESOLVED:
            raise SolveFailed(
                f"{where} the residual is {step.relative:.1e} of that of u = 0, and the tail {step.tail:.1e} of the "
                "answer: not resolved, or the conditions contradict each other; raise features, patches or scale"
            )

    def status(self, state: RandomFeaturesState) -> Status:
        """DONE when every window is solved."""
        done = state.finished and len(state.coefficients) == self.solver.windows
        return Status.DONE if done else Status.RUNNING

    def field(self, state: RandomFeaturesState) -> PatchField:
        """The answer in all windows begun."""
        spaces = tuple(self._space(state, w) for w in range(len(state.coefficients)))
        edges = () if self.problem.interval is None else tuple(self._edges)
        orders = (0,) * len(self.problem.coordinates)
        return PatchField(self.problem, spaces, tuple(state.coefficients), edges, orders)

    # -- what holds where ----------------------------------------------------------------------------------

    @cached_property
    def _equations(self) -> list[Linearized]:
        return [self._linearized(r) for r in Pointwise.of(self.problem).residuals]

    @cached_property
    def _conditions(self) -> list[tuple[BoundaryRow, Linearized]]:
        return [(row, self._linearized(row.residual)) for row in classify(self.problem)]

    @cached_property
    def _is_linear(self) -> bool:
        return all(r.is_linear for r in [*self._equations, *(r for _, r in self._conditions)])

    @cached_property
    def _states(self) -> list[Jet]:
        """What is handed from one window to the next: the unknowns and rates that initial conditions give."""
        found = []
        for row, _ in self._conditions:
            if row.piece != "initial":
                continue
            if not isinstance(row, Dirichlet) or row.unknown is None:
                raise UnsupportedProblem(
                    f"RandomFeatures on {self.problem.name!r}: the initial condition {row.residual} = 0 is not of the "
                    "form u = g, so it cannot be handed to a second window; use windows=1"
                )
            found.append(Jet(row.unknown, (row.time_order, *(0 for _ in self.problem.space))))
        return found

    def _linearized(self, residual: Expr) -> Linearized:
        return Linearized(residual, self.problem.coordinates, self.problem.space)

    # -- patches and points --------------------------------------------------------------------------------

    @cached_property
    def counts(self) -> tuple[int, ...]:
        """Patches along each coordinate.

        Raises:
            UnsupportedProblem: If the settings name another number of coordinates than the problem has.
        """
        dim, given = len(self.problem.coordinates), self.solver.patches
        if isinstance(given, tuple) and len(given) != dim:
            raise UnsupportedProblem(
                f"RandomFeatures on {self.problem.name!r}: patches = {given} for the coordinates "
                f"{self.problem.coordinates}; give one number for each"
            )
        if isinstance(given, tuple):
            wanted = given
        else:
            room = MOST_COEFFICIENTS / (self.solver.features * len(self.problem.unknowns))
            wanted = (given or max(1, math.floor(room ** (1 / dim) + 1e-9)),) * dim
        return tuple(max(n, 2) if p else n for n, p in zip(wanted, self._periodic, strict=True))

    @property
    def _periodic(self) -> list[bool]:
        region = self.problem.region
        return [isinstance(region, Box) and c in region.periodic for c in self.problem.coordinates]

    @cached_property
    def _edges(self) -> np.ndarray:
        """The times between which windows lie."""
        interval = self.problem.interval
        return np.array([]) if interval is None else np.linspace(interval.start, interval.end, self.solver.windows + 1)

    def _domain(self, window: int) -> Domain:
        interval = self.problem.interval
        if interval is None:
            return self.problem.region
        return Evolution(TimeInterval(interval.time, *self._edges[window : window + 2]), self.problem.region)

    def _axes(self, window: int) -> list[WindowAxis]:
        low, high = bounding_box(self._domain(window))
        return [
            WindowAxis(float(a), float(b), n, p, self.solver.overlap, self.solver.smoothness)
            for a, b, n, p in zip(low, high, self.counts, self._periodic, strict=True)
        ]

    @cached_property
    def _patches(self) -> tuple[tuple[int, ...], ...]:
        """The patches that meet the domain, the same in every window."""
        axes, region = self._axes(0), self.problem.region
        if isinstance(region, Box):
            return Partition.full(axes).patches
        # At all times the region is the same.
        first = len(axes) - len(self.problem.space)
        along = round(PROBES ** (1 / len(self.problem.space)))
        met = entered(Partition.full(axes[first:]), region, [n * along for n in self.counts[first:]]).patches
        return tuple((*i, *p) for i in Partition.full(axes[:first]).patches for p in met)

    def _space(self, state: RandomFeaturesState, window: int) -> PatchSpace:
        basis = RandomBasis(state.directions, state.shifts, state.mixing)
        return PatchSpace(Partition(tuple(self._axes(window)), self._patches), basis)

    def _points_in(self, functions: int) -> float:
        """Points of the equations in a patch."""
        return self.solver.points * functions * len(self.problem.unknowns) / len(self.problem.equations)

    def _points_along(self, functions: int) -> int:
        """Points of the equations along each axis of a patch."""
        return math.ceil(self._points_in(functions) ** (1 / len(self.counts)))

    def _on_piece(self, functions: int) -> int:
        """Points on a piece of the boundary; one where the boundary is a point."""
        dim = len(self.counts) - 1
        along = self._points_along(functions) * np.prod(self.counts, dtype=float) ** (1 / len(self.counts))
        return math.ceil(ON_PIECES * along**dim) if dim else 1

    # -- rows ----------------------------------------------------------------------------------------------

    @cached_property
    def _last(self) -> list[tuple[tuple[object, ...], RowSystem]]:
        return []

    def _rows(self, state: RandomFeaturesState) -> RowSystem:
        """The rows of the current window, kept while it lasts."""
        key = (state.mixing, state.seed, *state.coefficients[-2:-1])
        if not self._last or not _same(self._last[0][0], key, len(state.coefficients)):
            self._last[:] = [((len(state.coefficients), *key), self._build(state))]
        return self._last[0][1]

    def _build(self, state: RandomFeaturesState) -> RowSystem:
        window = len(state.coefficients) - 1
        domain, rng = self._domain(window), np.random.default_rng([state.seed, window])
        functions = state.mixing.shape[1]
        counts = [n * self._points_along(functions) for n in self.counts]
        partition = Partition(tuple(self._axes(window)), self._patches)
        inside = enough_inside(domain, partition, counts, math.ceil(self._points_in(functions)), rng)
        clouds = [self._cloud("equation", self._equations, inside, np.zeros_like(inside), None)]
        for row, linearized in self._conditions:
            if row.piece == "initial" and window > 0:
                continue
            points, normals = spread_on_piece(domain, row.piece, self._on_piece(functions), rng)
            clouds.append(self._cloud(f"condition on {row.piece!r}", [linearized], points, normals, None))
        for jet in self._states if window > 0 else []:
            points, normals = spread_on_piece(domain, "initial", self._on_piece(functions), rng)
            x = torch.as_tensor(points, device=self.device)
            before = self._space(state, window - 1).evaluate(x, state.coefficients[-2], jet.orders)
            given = before[:, self.problem.names.index(jet.field)]
            rows = [self._linearized(jet.symbol - CARRIED)]
            clouds.append(self._cloud("start of a window", rows, points, normals, given))
        return RowSystem.of(self.problem.names, self._space(state, window), clouds)

    def _cloud(
        self, name: str, rows: Sequence[Linearized], points: np.ndarray, normals: np.ndarray, carried: Tensor | None
    ) -> Cloud:
        x = torch.as_tensor(points, dtype=torch.float64, device=self.device)
        skip = 0 if self.problem.time is None else 1
        n = torch.as_tensor(normals[:, skip:], dtype=torch.float64, device=self.device)
        return Cloud(name, tuple(rows), x, n, x.new_zeros(len(x)) if carried is None else carried)


def _same(old: tuple[object, ...], new: tuple[object, ...], windows: int) -> bool:
    first, *rest = old
    same = (a is b or (isinstance(a, int) and a == b) for a, b in zip(rest, new, strict=False))
    return first == windows and len(rest) == len(new) and all(same)
