"""Rates of change of averages over cells: fluxes through faces, sources inside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pinnlab.discretization.cells import Cells, Side, as_column, stacked
from pinnlab.forms.evaluate import Program
from pinnlab.forms.hyperbolic import Hyperbolic
from pinnlab.forms.jet import jet_symbols
from pinnlab.numerics.frames import Frame, frame_of
from pinnlab.numerics.riemann import FaceStates, RiemannSolver, Waves
from pinnlab.numerics.weno import Reconstruction, share_within_bound
from pinnlab.symbols import Expr

# Gauss-Legendre nodes and weights on [0, 1], exact for polynomials of degree 5.
_GAUSS = (0.5 - np.sqrt(0.15), 0.5, 0.5 + np.sqrt(0.15))
_SHARES = (5 / 18, 8 / 18, 5 / 18)
# Reconstructed states near a vacuum may have speeds this many times those of the averages around.
FASTER = 2.0
# Where the speed of a single wave need not be monotone in the state, its range between two states is sought here.
_BETWEEN = 0.5 - 0.5 * np.cos(np.pi * np.arange(9) / 8)
Frames = tuple[Frame | None, ...]
# For each axis the flux f through the lower and the upper side `(2, unknowns, [n_other])`.
Leaving = tuple[np.ndarray, ...]


@dataclass(frozen=True, eq=False)
class CellBalance:
    """d/dt of the averages of u_t + div f(u) + div g(u, ∇u) + s(u) = 0.

    States are `(unknowns, n_1, …)`.  Where reconstructed values are inadmissible, so that a speed or a flux is not a
    real number, the average of the cell takes their place.

    Speeds at a face are those of the two states and of their mean; of a single unknown, those of nine states between
    where f'' may change its sign.  The waves of systems are so assumed to be genuinely nonlinear or degenerate.

    Where a side prescribes what leaves and the flux holds first derivatives, transport and diffusion share it: f of the
    state inside, and the rest.

    Attributes:
        cells: Where.
        law: What.
        reconstruction: From averages to values at faces.
        riemann: From values at faces to fluxes.
    """

    cells: Cells
    law: Hyperbolic
    reconstruction: Reconstruction
    riemann: RiemannSolver

    # -- the parts of the rate -----------------------------------------------------------------------------

    def rate(self, t: float, u: np.ndarray, frames: Frames, leaving: Leaving | None = None) -> np.ndarray:
        """Of transport and sources; `leaving` is transport's part of prescribed fluxes, by default that of now."""
        out = np.zeros_like(u)
        faces: np.ndarray | None = None
        for axis, frame in enumerate(frames):
            if self._has_fluxes or self._source_needs_edges:
                flux, faces = self._transport(t, u, axis, frame)
                self._prescribe(t, flux, axis, None if leaving is None else leaving[axis])
                out -= np.diff(flux, axis=-1).swapaxes(axis + 1, -1) / self.cells.widths[axis]
        if self.law.has_sources:
            out -= self._source(t, u, faces)
        return out

    def frames(self, t: float, u: np.ndarray) -> Frames:
        """Left and right eigenvectors at the faces between averages, for each axis; None for a single unknown."""
        return tuple(self._frame(t, u, axis) for axis in range(len(self.cells.shape)))

    def leaving(self, t: float, u: np.ndarray, frames: Frames) -> Leaving | None:
        """Transport's part of prescribed fluxes; None where diffusion has no part in any of them."""
        if not any((side.crossing & self._diffuses[a]).any() for a in range(len(frames)) for side, *_ in self._ends(a)):
            return None
        fluxes = (self._transport(t, u, axis, frame)[0] for axis, frame in enumerate(frames))
        return tuple(np.stack([flux[..., 0], flux[..., -1]]) for flux in fluxes)

    @cached_property
    def is_idle(self) -> bool:
        """Whether the rate is always zero."""
        return not (self._has_fluxes or self.law.has_sources)

    # -- what limits a step --------------------------------------------------------------------------------

    def transport_limit(self, t: float, u: np.ndarray) -> np.ndarray:
        """Σ max |λ| / h + |∂s/∂u| in each cell `(n_1, …)`: the reciprocal of the time in which a cell is crossed."""
        total = np.zeros(self.cells.shape)
        for axis, h in enumerate(self.cells.widths):
            if self.law.is_transporting:
                total += np.moveaxis(self._fastest(t, u, axis), -1, axis) / h
        if any(self._source_slopes):
            total += self._norm(self._slopes(*self.cells.points(t), *u), len(u))
        return total

    def _fastest(self, t: float, u: np.ndarray, axis: int) -> np.ndarray:
        """The largest |λ| in each cell and in the states beyond the sides `([n_other,] n)`, the axis last."""
        inner = np.moveaxis(u, axis + 1, -1)
        fastest = np.abs(self._speeds(axis, self.cells.middles(axis, t), inner)).max(axis=0)
        padded = np.concatenate([inner[..., -1:], inner, inner[..., :1]], axis=-1)
        for side, place, _ in self._ends(axis):
            padded[..., place] = side.outside(inner[..., place], t)
        points = self.cells.faces(axis, t)
        if self._is_bending[axis]:
            below, above = padded[:, None, ..., :-1], padded[:, None, ..., 1:]
            states = below + _BETWEEN.reshape(-1, *[1] * (inner.ndim - 1)) * (above - below)
            between = np.abs(self._speeds(axis, points, states)).max(axis=(0, 1))
            return np.maximum(fastest, np.maximum(between[..., :-1], between[..., 1:]))
        if self._ends(axis):
            states = np.concatenate([padded[..., :1], inner, padded[..., -1:]], axis=-1)[..., [0, -1]]
            ends = [np.broadcast_to(p, (*padded.shape[1:-1], self.cells.shape[axis] + 1))[..., [0, -1]] for p in points]
            beyond = np.abs(self._speeds(axis, ends, states)).max(axis=0)
            fastest[..., [0, -1]] = np.maximum(fastest[..., [0, -1]], beyond)
        return fastest

    # -- transport -----------------------------------------------------------------------------------------

    def _transport(self, t: float, u: np.ndarray, axis: int, frame: Frame | None) -> tuple[np.ndarray, np.ndarray]:
        """The flux through the faces `(unknowns, [n_other,] n + 1)` and the values there `(2, …, n + 1)`."""
        ghosts = self.reconstruction.ghosts
        padded = self.cells.padded(u, axis, ghosts, t)
        averages = padded[..., ghosts:-ghosts]
        faces = self.reconstruction.faces(padded, frame)
        self._bound_below(faces, averages)
        points = self.cells.faces(axis, t)
        at = self._face_states(t, faces, axis, points)
        doubtful = self._doubtful(t, averages, at, axis)
        if doubtful.any():
            faces[1, ..., :-1] = np.where(doubtful, averages, faces[1, ..., :-1])
            faces[0, ..., 1:] = np.where(doubtful, averages, faces[0, ..., 1:])
            at = self._face_states(t, faces, axis, points)
        return self.riemann.flux(at, self._waves(axis, points, at, frame)), faces

    def _prescribe(self, t: float, flux: np.ndarray, axis: int, leaving: np.ndarray | None) -> None:
        """Put in what the sides prescribe; what they share with diffusion is `leaving`, or stays as it is."""
        for side, place, outward in self._ends(axis):
            if side.crossing.any():
                here = flux[..., place]
                data = outward * side.data(t) / as_column(self._mass, here.ndim)
                shared = here if leaving is None else leaving[place]
                data = np.where(as_column(self._diffuses[axis], here.ndim), shared, data)
                flux[..., place] = np.where(as_column(side.crossing, here.ndim), data, here)

    def _ends(self, axis: int) -> list[tuple[Side, int, int]]:
        return self.cells.ends(axis)

    def _bound_below(self, faces: np.ndarray, averages: np.ndarray) -> None:
        """Draw all values at the ends of a cell to the averages, alike, where an unknown would become negative."""
        for k in np.flatnonzero(self.law.bounded_below):
            ends = np.stack([faces[1, k, ..., :-1], faces[0, k, ..., 1:]])
            if (ends < 0).any():
                theta = share_within_bound(averages[k], ends, 0.0)
                faces[1, ..., :-1] = averages + theta * (faces[1, ..., :-1] - averages)
                faces[0, ..., 1:] = averages + theta * (faces[0, ..., 1:] - averages)

    def _doubtful(self, t: float, averages: np.ndarray, at: FaceStates, axis: int) -> np.ndarray:
        """Cells with inadmissible values at an end `([n_other,] n)`: fluxes or speeds that are no numbers or too large.

        Near a vacuum quotients of reconstructed unknowns, such as velocities, are without bound: there the speeds must
        not be larger than `FASTER` times those at the averages of the cell and of its neighbours.
        """
        sound = np.isfinite(at.slowest + at.fastest) & np.isfinite(at.fluxes).all(axis=(0, 1))
        doubtful = ~(sound[..., 1:] & sound[..., :-1])
        if len(averages) > 1 and any(self.law.bounded_below):
            speeds = np.abs(self._speeds(axis, self.cells.middles(axis, t), averages)).max(axis=0)
            padded = np.concatenate([speeds[..., :1], speeds, speeds[..., -1:]], axis=-1)
            largest = FASTER * np.maximum(np.maximum(padded[..., :-2], padded[..., 2:]), speeds)
            doubtful |= (at.sides[0][..., 1:] > largest) | (at.sides[1][..., :-1] > largest)
        return doubtful

    def _face_states(self, t: float, faces: np.ndarray, axis: int, points: Sequence[np.ndarray]) -> FaceStates:
        if self.cells.sides[axis] is None:
            faces[0, ..., 0], faces[1, ..., -1] = faces[0, ..., -1], faces[1, ..., 0]
        for side, place, outward in self.cells.ends(axis):
            out, inside = (0, 1) if outward < 0 else (1, 0)
            faces[out, ..., place] = side.outside(faces[inside, ..., place], t)
        columns = self._fluxes[axis](*points, *faces.swapaxes(0, 1))
        fluxes = stacked(columns, faces[:, 0].shape).swapaxes(0, 1)
        states = np.empty((faces.shape[1], 3, *faces.shape[2:]))
        states[:, :2] = faces.swapaxes(0, 1)
        states[:, 2] = 0.5 * (faces[0] + faces[1])
        speeds = self._speeds(axis, points, states)
        sides = np.abs(speeds[:, :2]).max(axis=0)
        if self._is_bending[axis]:
            shares = _BETWEEN.reshape(-1, *[1] * (faces.ndim - 2))
            between = faces[0][:, None] + shares * (faces[1] - faces[0])[:, None]
            speeds = self._speeds(axis, points, between)
        return FaceStates(faces, fluxes, speeds.min(axis=(0, 1)), speeds.max(axis=(0, 1)), sides)

    def _speeds(self, axis: int, points: Sequence[np.ndarray], states: np.ndarray) -> np.ndarray:
        """Eigenvalues `(unknowns, …)` at `states (unknowns, …)`."""
        program = self._wave_speeds[axis]
        if program is not None:
            return stacked(program(*points, *states), states.shape[1:])
        size = len(states)
        entries = stacked(self._jacobians[axis](*points, *states), states.shape[1:])
        matrices = np.moveaxis(entries.reshape(size, size, *states.shape[1:]), (0, 1), (-2, -1))
        sound = np.isfinite(matrices).all(axis=(-2, -1))
        roots = np.linalg.eigvals(np.where(sound[..., None, None], matrices, 0.0))
        real = np.abs(roots.imag) <= 1e-6 * (1 + np.abs(roots).max(axis=-1, keepdims=True))
        return np.moveaxis(np.where(sound[..., None] & real, roots.real, np.nan), -1, 0)

    def _frame(self, t: float, u: np.ndarray, axis: int) -> Frame | None:
        program = self._vectors[axis]
        if program is None:
            return None
        padded = self.cells.padded(u, axis, 1, t)
        between = 0.5 * (padded[..., 1:] + padded[..., :-1])
        columns = stacked(program(*self.cells.faces(axis, t), *between), between.shape[1:])
        return frame_of(columns.reshape(len(u), len(u), *between.shape[1:]))

    def _waves(self, axis: int, points: Sequence[np.ndarray], at: FaceStates, frame: Frame | None) -> Waves | None:
        if not self.riemann.resolves_contacts:
            return None
        degenerate = np.array(self.law.waves[axis].degenerate)
        if frame is None:
            one = np.ones((1, *at.slowest.shape))
            frame = (one[None], one[None])
        return Waves(self._speeds(axis, points, at.states.mean(axis=0)), *frame, degenerate)

    # -- sources -------------------------------------------------------------------------------------------

    def _source(self, t: float, u: np.ndarray, faces: np.ndarray | None) -> np.ndarray:
        if not self._source_holds_states:
            return self.cells.averaged_smoothly(self._forcing, t)
        if faces is None or len(self.cells.shape) > 1:
            return stacked(self._sources(*self.cells.points(t), *u), u.shape[1:])
        (centres,), (h,) = self.cells.centres, self.cells.widths
        out = np.zeros_like(u)
        low, high = faces[1, :, :-1], faces[0, :, 1:]
        for node, share in zip(_GAUSS, _SHARES, strict=True):
            # The parabola with these values at both ends and this average.
            s = node - 0.5
            inside = u + (high - low) * s + 3 * (low + high - 2 * u) * (s**2 - 1 / 12)
            out += share * stacked(self._sources(t, centres + s * h, *inside), u.shape[1:])
        return out

    @cached_property
    def _forcing(self) -> Program:
        """Sources that do not depend on the states, as functions of time and space."""
        return Program(self.law.source, self.law.coordinates)

    @cached_property
    def _source_holds_states(self) -> bool:
        return bool(jet_symbols(*self.law.source))

    @cached_property
    def _source_needs_edges(self) -> bool:
        return self._source_holds_states and len(self.cells.shape) == 1

    @cached_property
    def _source_slopes(self) -> tuple[Expr, ...]:
        return tuple(s.diff(u) for s in self.law.source for u in self.law.states)

    # -- programs and places -------------------------------------------------------------------------------

    def lower(self) -> None:
        """Compile every expression that the declaration holds; its waves are found when they are first needed.

        Raises:
            UnsupportedProblem: If one has no numerical counterpart.
        """
        self._fluxes, self._jacobians, self._sources, self._slopes  # noqa: B018

    def _program(self, expressions: Sequence[Expr]) -> Program:
        return Program(list(expressions), (*self.law.coordinates, *self.law.states))

    @cached_property
    def _fluxes(self) -> tuple[Program, ...]:
        return tuple(self._program(f) for f in self.law.flux)

    @cached_property
    def _jacobians(self) -> tuple[Program, ...]:
        return tuple(self._program([f.diff(u) for f in flux for u in self.law.states]) for flux in self.law.flux)

    @cached_property
    def _wave_speeds(self) -> tuple[Program | None, ...]:
        return tuple(None if w.values is None else self._program(w.values) for w in self.law.waves)

    @cached_property
    def _vectors(self) -> tuple[Program | None, ...]:
        """Of the right eigenvectors row by row; None where there is a single unknown, or they are not known."""
        found = (None if len(self.law.states) == 1 else w.vectors for w in self.law.waves)
        return tuple(None if vectors is None else self._program([e for v in vectors for e in v]) for vectors in found)

    @cached_property
    def _sources(self) -> Program:
        return self._program(self.law.source)

    @cached_property
    def _slopes(self) -> Program:
        return self._program(self._source_slopes)

    @cached_property
    def _is_bending(self) -> tuple[bool, ...]:
        """For each axis whether f'' of a single unknown may change its sign."""
        if len(self.law.states) > 1:
            return (False,) * len(self.law.flux)
        (state,) = self.law.states
        second = [f.diff(state, 2) for (f,) in self.law.flux]
        return tuple(bool(s.has(state) and not (s.is_nonnegative or s.is_nonpositive)) for s in second)

    @cached_property
    def _diffuses(self) -> tuple[np.ndarray, ...]:
        """For each axis which fluxes hold first derivatives `(unknowns,)`."""
        return tuple(np.array(self.law.diffuses(axis)) for axis in range(len(self.cells.shape)))

    @cached_property
    def _has_fluxes(self) -> bool:
        """Whether anything is transported, or enters through a side without diffusion."""
        sides = ((side, a) for a in range(len(self.cells.shape)) for side, *_ in self._ends(a))
        return self.law.is_transporting or any((side.crossing & ~self._diffuses[a]).any() for side, a in sides)

    @cached_property
    def _mass(self) -> np.ndarray:
        return np.array([float(m) for m in self.law.mass])

    @staticmethod
    def _norm(entries: Sequence[np.ndarray], size: int) -> np.ndarray:
        """The largest row sum of |entries|, given row by row."""
        rows = [sum(np.abs(e) for e in entries[i * size : (i + 1) * size]) for i in range(size)]
        return np.max(np.stack(np.broadcast_arrays(*rows)), axis=0)
