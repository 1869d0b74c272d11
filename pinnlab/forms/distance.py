"""Formulas that vanish on the pieces of a shape's boundary and grow like the distance from it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import sympy as sp

from pinnlab.domain.shape import BESIDE, Shape
from pinnlab.errors import UnsupportedProblem
from pinnlab.forms.evaluate import on_points
from pinnlab.meshing.curves import Arc, Curve, Segment
from pinnlab.meshing.surfaces import Face, Sphere, Surface
from pinnlab.symbols import Expr

# Points that tell on which side of a line, circle, plane or sphere a region lies.
SAMPLES = 2_000
# A share of the extent below which two points are one.
NEAR = 1e-9
# Every formula vanishes this share of the extent outside: on the boundary itself its inverse is finite, and where two
# pieces meet both count alike.
OUTSIDE = 1e-15


@dataclass(frozen=True)
class _Part:
    """What is left of one line, circle, plane or sphere in the boundary.

    Attributes:
        piece: Its name.
        level: Zero on all of it, prolonged, with the slope one, and positive on the side of the region.
        trimmed: Zero on this part only, with the slope one; None where there is no such formula.
        marks: Points on it `(n, dim)`, none where it meets another part.
    """

    piece: str
    level: Expr
    trimmed: Expr | None
    marks: np.ndarray


def distances(shape: Shape) -> dict[str, tuple[Expr, ...]]:
    """For each piece of a shape formulas of which one vanishes at each of its points, and none elsewhere in the region.

    The derivative of that one along the inward normal is one there.  A line, circle, plane or sphere that nowhere
    enters the region counts as a whole: n·(x - a) or ±(r² - |x - c|²) / (2 r), with all derivatives.  Otherwise it is
    trimmed,

        φ = √(f² + ((√(t² + f⁴) - t) / 2)²),

    with f as above and t positive on the part and negative beyond its ends, in units of the shape's longest side;
    that one has no derivatives at the ends.

    Raises:
        UnsupportedProblem: If a plane or sphere in space would have to be trimmed.

    Formulas of N. Sukumar, A. Srivastava, CMAME 389 (2022) 114333, section 3, after V. L. Rvachev.
    """
    parts = _of_curves(shape) if len(shape.coordinates) == 2 else _of_surfaces(shape)
    inside = shape.sample(SAMPLES, np.random.default_rng(0))
    found: dict[str, list[Expr]] = {}
    for part in parts:
        # Prolonged into the region, or along a piece of another name, it would vanish where nothing is prescribed.
        others = [p.marks for p in parts if p.piece != part.piece]
        level = on_points([part.level], shape.coordinates)
        whole = (level(inside) > 0).all() and all((level(m) > NEAR * shape.extent).all() for m in others)
        formula = part.level if whole else part.trimmed
        if formula is None:
            raise UnsupportedProblem(
                f"the surface {part.piece!r} of {shape} enters the region where it is prolonged, and pinnlab has no "
                "formula for the distance from a part of a surface; use constraints=Soft()"
            )
        formulas = found.setdefault(part.piece, [])
        if formula not in formulas:
            formulas.append(formula)
    return {piece: tuple(formulas) for piece, formulas in found.items()}


def joined(distances: Sequence[Expr]) -> Expr:
    """1 / Σ 1/φ_i, which vanishes where one of the φ_i does, with the slope of that one.

    The R-equivalence of order one.  Not smooth where two of them vanish: its second derivatives grow like 1/r there.
    On the pieces themselves values and first derivatives can be evaluated; higher ones are lost to cancellation.

    A. Biswas, V. Shapiro, Graphical Models 66 (2004) 133-159.
    """
    return distances[0] if len(distances) == 1 else 1 / sp.Add(*_inverses(distances))


def shares(distances: Sequence[Expr]) -> list[Expr]:
    """(1/φ_i) / Σ 1/φ_k: one on piece i, zero on the others, with the sum one everywhere.

    V. L. Rvachev, T. I. Sheiko, V. Shapiro, I. Tsukanov, Comput. Aided Geom. Design 18 (2001) 195-220.
    """
    inverses = _inverses(distances)
    return [inverse / sp.Add(*inverses) for inverse in inverses]


def trimmed(f: Expr, t: Expr, scale: Expr) -> Expr:
    """The distance from the part of f = 0 where t ≥ 0; lengths are measured in `scale`."""
    f, t = f / scale, t / scale
    beyond = (sp.sqrt(t**2 + f**4) - t) / 2
    return scale * sp.sqrt(f**2 + beyond**2)


def _inverses(distances: Sequence[Expr]) -> list[Expr]:
    """1/φ_i, large but finite on the pieces themselves; sums of these have short derivatives, products have not."""
    return [1 / d for d in distances]


# -- the plane ---------------------------------------------------------------------------------------------


def _of_curves(shape: Shape) -> list[_Part]:
    scale, at = number(shape.extent), np.linspace(0, 1, 23)[1:-1]
    parts = []
    for curve in _merged(shape.outline, NEAR * shape.extent):
        level = _level_of_curve(curve, shape)
        parts.append(_Part(curve.piece, level, trimmed(level, _extent_of(curve, shape), scale),
                           curve.at(at)))  # fmt: skip
    return parts


def _merged(curves: Sequence[Curve], near: float) -> list[Curve]:
    """Neighbouring arcs of one circle and one name as one arc: where they meet the boundary is smooth."""
    left = list(curves)
    merged = True
    while merged:
        merged = False
        for a in left:
            b = next((b for b in left if b is not a and _continues(a, b, near)), None)
            if b is not None:
                left = [c for c in left if c is not a and c is not b]
                left.append(_together(a, b))
                merged = True
                break
    return left


def _together(a: Curve, b: Curve) -> Arc:
    assert isinstance(a, Arc)  # no other curve is continued
    assert isinstance(b, Arc)
    return Arc(a.piece, a.centre, a.radius, a.start, a.sweep + b.sweep)


def _continues(a: Curve, b: Curve, near: float) -> bool:
    """Whether b goes on where a ends, on the same circle and under the same name."""
    if not (isinstance(a, Arc) and isinstance(b, Arc) and a.piece == b.piece) or a.sweep * b.sweep < 0:
        return False
    same = math.dist(a.centre, b.centre) + abs(a.radius - b.radius) <= near
    room = abs(a.sweep) + abs(b.sweep) <= 2 * math.pi + NEAR
    return same and room and math.dist(a.at(np.ones(1))[0], b.at(np.zeros(1))[0]) <= near


def _level_of_curve(curve: Curve, shape: Shape) -> Expr:
    if isinstance(curve, Segment):
        return _plane(curve.start, -curve.normals(np.zeros(1))[0], shape)
    assert isinstance(curve, Arc)  # a boundary consists of segments and arcs
    return _round(curve.centre, curve.radius, math.copysign(1.0, curve.sweep), shape)


def _extent_of(curve: Curve, shape: Shape) -> Expr:
    """Positive on the curve and, on its line or circle, negative beyond its ends."""
    if isinstance(curve, Segment):
        middle, length = (curve.start + curve.end) / 2, number(curve.length)
        square = sp.Add(*((c - number(m)) ** 2 for c, m in zip(shape.coordinates, middle, strict=True)))
        return ((length / 2) ** 2 - square) / length
    assert isinstance(curve, Arc)  # as above
    angle = curve.start + curve.sweep / 2
    direction = np.array([math.cos(angle), math.sin(angle)])
    chord = curve.centre + curve.radius * math.cos(curve.sweep / 2) * direction
    return _plane(chord, direction, shape)


# -- space -------------------------------------------------------------------------------------------------


def _of_surfaces(shape: Shape) -> list[_Part]:
    parts, rng = [], np.random.default_rng(0)
    for surface in shape.parts:
        if not isinstance(surface, Surface):
            continue
        points, normals = surface.sample(SAMPLES, rng)
        step = BESIDE * shape.extent * normals
        behind, ahead = shape.level(points - step) < 0, shape.level(points + step) < 0
        marks = points[behind != ahead]
        if len(marks):
            # The region may lie ahead of a surface, as around a ball that was taken out.
            sign = -1.0 if ahead[behind != ahead].mean() > 0.5 else 1.0
            parts.append(_Part(surface.piece, _level_of_surface(surface, sign, shape), None, marks))
    return parts


def _level_of_surface(surface: Surface, sign: float, shape: Shape) -> Expr:
    if isinstance(surface, Sphere):
        return _round(surface.centre, surface.radius, sign, shape)
    assert isinstance(surface, Face)  # a boundary consists of spheres and faces
    inward = np.zeros(3)
    inward[surface.axis] = -sign * surface.sign
    return _plane(surface.lower, inward, shape)


# -- formulas ----------------------------------------------------------------------------------------------


def _plane(through: np.ndarray, inward: np.ndarray, shape: Shape) -> Expr:
    """n·(x - a)."""
    terms = sp.Add(*(number(n) * c for c, n in zip(shape.coordinates, inward, strict=True)))
    return terms - number(float(inward @ through)) + number(OUTSIDE * shape.extent)


def _round(centre: np.ndarray, radius: float, sign: float, shape: Shape) -> Expr:
    """±(r² - |x - c|²) / (2 r): positive within the circle or sphere, or around it."""
    r = number(radius)
    square = sp.Add(*((c - number(m)) ** 2 for c, m in zip(shape.coordinates, centre, strict=True)))
    return number(sign) * (r**2 - square) / (2 * r) + number(OUTSIDE * shape.extent)


def number(value: float) -> Expr:
    """A number as an integer where it is one, so that formulas simplify where they should."""
    return sp.Integer(int(value)) if value == int(value) else sp.Float(value)
