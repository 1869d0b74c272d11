"""Drag, lift and pressure of the flow past a cylinder, on a mesh that is graded to it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from _report import shipped

from pinnlab import MeshDomain, MeshField, Problem
from pinnlab.meshing.curves import circle, polygon
from pinnlab.meshing.plane import plane_mesh


def fine_cylinder(parts: int) -> Problem:
    """The shipped channel on a mesh that is graded to the cylinder, whose outline is a polygon.

    Straight edges lose drag with the square of their length, which an even mesh would have to resolve everywhere; here
    each quarter of the circle has at least `parts` edges, and cells grow away from it.
    """
    problem = shipped("navier_stokes_cylinder")
    corners = np.array([(0.0, 0.0), (2.2, 0.0), (2.2, 0.41), (0.0, 0.41)])
    outline = polygon(["bottom", "right", "top", "left"], corners)
    quarters = circle("cylinder", np.array([0.2, 0.2]), 0.05)
    arcs = [a.part(k / parts, (k + 1) / parts) for a in quarters for k in range(parts)]
    # Backwards, since the channel is outside the circle.
    mesh = plane_mesh([*outline, *(a.part(1.0, 0.0) for a in arcs)], 0.04)
    return replace(problem, domain=MeshDomain.from_mesh(mesh, problem.space))


def pressure_drop(field: MeshField) -> float:
    """p(0.15, 0.2) - p(0.25, 0.2)."""
    front, back = field(np.array([[0.15, 0.2], [0.25, 0.2]]))[:, 2]
    return float(front - back)


# A rule of six points, exact up to degree 4: D. A. Dunavant, Int. J. Numer. Methods Engrg. 21 (1985) 1129-1148.
_A, _B = 0.445948490915965, 0.091576213509771
_BARYCENTRIC = np.array([np.roll([1 - 2 * s, s, s], k) for s in (_A, _B) for k in range(3)])
_WEIGHTS = np.repeat([0.223381589678011, 0.109951743655322], 3)


def coefficients(field: MeshField, viscosity: float = 1e-3) -> np.ndarray:
    """Drag and lift: -500 ∫ nu ∇u_i·∇w + (u·∇u_i) w - p ∂_i w with w = 1 on the cylinder, falling to 0 in one cell.

    The residual of the weak form is the reaction at the cylinder, twice as accurate as integrating the stress
    (V. John and G. Matthies, Int. J. Numer. Methods Fluids 37 (2001) 885-903).  500 = 2 / (0.2² 0.1).
    """
    mesh = field.spaces[0].mesh
    hat = np.zeros(len(mesh.points))
    hat[mesh.pieces["cylinder"]] = 1.0
    cells = mesh.cells[hat[mesh.cells].any(axis=1)]
    corners = mesh.points[cells]
    # Gradients of the barycentric coordinates: the rows of the inverse of (1, x, y).
    slopes = np.linalg.inv(np.concatenate([np.ones((len(cells), 3, 1)), corners], axis=2))[:, 1:, :]
    area = 0.5 * np.abs(np.linalg.det(corners[:, 1:] - corners[:, :1]))
    points = np.einsum("qv,cvd->cqd", _BARYCENTRIC, corners)
    w, dw = hat[cells] @ _BARYCENTRIC.T, np.einsum("cdv,cv->cd", slopes, hat[cells])
    flat = points.reshape(-1, 2)
    values = field(flat).reshape(*points.shape[:2], 3)
    gradient = np.stack([field.derivative(o)(flat).reshape(values.shape) for o in ([1, 0], [0, 1])], axis=-1)
    velocity, pressure = values[..., :2], values[..., 2]
    diffusion = viscosity * np.einsum("cqid,cd->cqi", gradient[..., :2, :], dw)
    inertia = np.einsum("cqd,cqid,cq->cqi", velocity, gradient[..., :2, :], w)
    total = diffusion + inertia - pressure[..., None] * dw[:, None, :]
    return -500 * np.einsum("cqi,q,c->i", total, _WEIGHTS, area)
