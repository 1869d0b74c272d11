"""What finite elements refuse before they solve: closed flows that do not balance, and data that are not finite."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import sympy as sp

from pinnlab.errors import SolveFailed, UnsupportedProblem
from pinnlab.forms.evaluate import Program
from pinnlab.forms.weak import WeakForm
from pinnlab.meshing.mesh import Mesh
from pinnlab.numerics.galerkin import Patch, outward_normals
from pinnlab.numerics.reference_element import FACET_KIND
from pinnlab.symbols import Expr

# Largest net inflow, as a share of what goes through the boundary, that counts as balanced on flat pieces.
LEAK = 1e-3
# On curved ones, where the facets enclose a little less than the region does.
CURVED_LEAK = 0.05
# Share of what data of their size could carry through the whole boundary that counts as rounding.
ROUNDING = 1e-12
# Data that change in time are looked at so often.
TIMES = 21
# The degrees of two quadrature rules, whose difference tells how far the second can be trusted.
RULES, VOLUME_RULES = (5, 8), (4, 6)
_FLAT = 1e-9


def require_balance(form: WeakForm, mesh: Mesh) -> None:
    """Refuse a closed flow in which the declared data let more in than out: ∮ g·n = ∫ s for div v = s and v = g.

    The integrals are those of the declared data, not of their interpolation, at 21 times if they depend on time.

    Args:
        form: Of an incompressible flow, whose velocity across the boundary is prescribed all around.
        mesh: Of the region.

    Raises:
        UnsupportedProblem: If ∮ g·n - ∫ s exceeds a thousandth of ∮ |g·n| + ∫ |s|, on curved pieces a twentieth.
    """
    problem, flow = form.problem, form.flow
    assert flow is not None  # asked for by flows alone
    interval = problem.interval
    times: Iterable[float] = (0.0,)
    if interval is not None and problem.time is not None:
        declared = [flow.source, *(e.value for e in form.essential if e.unknown in flow.velocity)]
        changes = any(sp.sympify(e).has(problem.time) for e in declared)
        times = np.linspace(interval.start, interval.end, TIMES) if changes else (interval.start,)
    sides = [_Side(form, mesh, piece) for piece in problem.region.pieces]
    source = _Source(form, mesh)
    for t in times:
        at = () if problem.time is None else (float(t),)
        with np.errstate(all="ignore"):
            found = np.sum([source.flows(at), *(side.flows(at) for side in sides)], axis=0)
        excess, margin = abs(float(found[0])), float(found[1])
        if excess > margin:
            when = "" if problem.time is None else f" at {problem.time} = {t:g}"
            raise UnsupportedProblem(
                f"finite elements on {problem.name!r}: its boundary data and sources leave {excess:.3g} of fluid per "
                f"time{when} nowhere to go or to come from; open a piece with flux(u, 0) for the velocity there, or "
                "correct the data"
            )


class _Side:
    """What goes out through one piece of the boundary."""

    def __init__(self, form: WeakForm, mesh: Mesh, piece: str) -> None:
        assert form.flow is not None
        facets = mesh.pieces[piece]
        self._normals = outward_normals(mesh, facets)
        # A component without a value is one that no normal has a part of.
        given = {e.unknown: e.value for e in form.essential if e.piece == piece}
        values = [given.get(name, sp.S.Zero) for name in form.flow.velocity]
        self._data = Program(values, form.problem.coordinates)
        self._patches = [Patch(FACET_KIND[mesh.kind], mesh.points[facets], (1,), order) for order in RULES]
        flat = float(np.ptp(self._normals, axis=0).max(initial=0.0)) <= _FLAT
        self._share = LEAK if flat else CURVED_LEAK

    def flows(self, at: tuple[float, ...]) -> np.ndarray:
        """∮ g·n, and by how much that may be wrong."""
        coarse, (out, through, size) = (self._integrals(patch, at) for patch in self._patches)
        return np.array([out, self._share * through + abs(out - coarse[0]) + ROUNDING * size])

    def _integrals(self, patch: Patch, at: tuple[float, ...]) -> np.ndarray:
        """∮ g·n, ∮ |g·n| and ∮ |g|."""
        total = np.zeros(3)
        for chunk in patch.chunks():
            values = self._data(*at, *chunk.points)
            out = sum(np.asarray(g) * n[:, None] for g, n in zip(values, self._normals[chunk.part].T, strict=True))
            size = sum(np.abs(np.asarray(g)) + np.zeros(chunk.points.shape[1:]) for g in values)
            total += [chunk.vector(1, [np.asarray(f)]).sum() for f in (out, np.abs(out), size)]
        return total


class _Source:
    """What the continuity equation lets arise inside."""

    def __init__(self, form: WeakForm, mesh: Mesh) -> None:
        assert form.flow is not None
        source = sp.sympify(form.flow.source)
        self._program = Program([source], form.problem.coordinates)
        orders = () if source.is_zero else VOLUME_RULES
        self._patches = [Patch(mesh.kind, mesh.points[mesh.cells], (1,), order) for order in orders]

    def flows(self, at: tuple[float, ...]) -> np.ndarray:
        """-∫ s, and by how much that may be wrong."""
        if not self._patches:
            return np.zeros(2)
        coarse, (total, through) = (self._integrals(patch, at) for patch in self._patches)
        return np.array([-total, LEAK * through + abs(total - coarse[0])])

    def _integrals(self, patch: Patch, at: tuple[float, ...]) -> np.ndarray:
        """∫ s and ∫ |s|."""
        total, rest = np.zeros(2), [0.0] * patch.corners.shape[2]
        for chunk in patch.chunks():
            s = np.asarray(self._program(*at, *chunk.points)[0]) + np.zeros(chunk.points.shape[1:])
            total += [chunk.vector(1, [f, *rest]).sum() for f in (s, np.abs(s))]
        return total


def refuse_values(what: str, expression: Expr, values: np.ndarray, places: np.ndarray) -> None:
    """Raise SolveFailed if one of `values (n,)` at `places (n, dim)` is not finite, with the first such place.

    Args:
        what: The subject of the sentence, such as "the value of u on 'left'".
        expression: What was evaluated.
        values: The numbers.
        places: Where.
    """
    bad = ~np.isfinite(np.broadcast_to(values, len(places)))
    if bad.any():
        place = ", ".join(f"{c:.6g}" for c in places[int(np.argmax(bad))])
        raise SolveFailed(
            f"{what} is not finite at ({place}), where {sp.sympify(expression)} is to be evaluated; "
            "correct the declaration there"
        )
