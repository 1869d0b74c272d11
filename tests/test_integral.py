"""Integrals over regions: by hand, and what is refused."""

import math

import numpy as np
import pytest
import sympy as sp

from pinnlab import Box, D, Problem, TimeInterval, dirichlet, initial, laplacian
from pinnlab.domain.shapes import Disk
from pinnlab.errors import UnsupportedProblem
from pinnlab.integral import Integral

t, x, y = sp.symbols("t x y", real=True)


def heat(region=None):
    u = sp.Function("u")(t, x, y)
    domain = Box({t: (0, 2), x: (0, 1), y: (-1, 2)}) if region is None else TimeInterval(t, 0, 2) * region
    return Problem("heat", [D(u, t) - laplacian(u, (x, y))], [u], domain, [initial(u, 0), dirichlet(u, 0)], t)


def test_polynomials_over_a_box_are_integrated_exactly_at_the_time_asked_for():
    found = Integral.over_space(heat(), "u", 3.0, time=0.5, nodes=4)
    assert found.points.shape == (16, 3)
    assert set(found.points[:, 0]) == {0.5}
    _, a, b = found.points.T
    # int_0^1 x^3 dx int_-1^2 y^6 dy = 1/4 * 129/7
    assert found.of(a**3 * b**6) == pytest.approx(129 / 28, rel=1e-14)
    assert (found.value, found.deviation) == (3.0, 0.0)


def test_quadratic_functions_over_a_disk_miss_only_what_its_chords_cut_off():
    disk = Integral.over_space(heat(Disk({x: 0, y: 0}, radius=1.0, name="rim")), "u", 0.0, time=0.0)
    _, a, b = disk.points.T
    # Both are too small by the segments between the chords and the circle.
    assert disk.of(np.ones(len(a))) == pytest.approx(math.pi, rel=1e-3)
    assert disk.of(a**2 + b**2) == pytest.approx(math.pi / 2, rel=2e-3)


def test_the_rule_in_a_triangle_integrates_quadratics_exactly(monkeypatch):
    from pinnlab.meshing.mesh import Mesh

    problem = heat(Disk({x: 0, y: 0}, radius=1.0, name="rim"))
    corners = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 1.0]])
    triangle = Mesh(corners, np.array([[0, 1, 2]]), "triangle")
    monkeypatch.setattr(Disk, "mesh", lambda self, size: triangle)
    found = Integral.over_space(problem, "u", 0.0, time=1.0)
    _, a, b = found.points.T
    # Over the triangle of legs 2 and 1: area 1, int x^2 = 2^3 / 12, int x y = 2^2 / 24, int y^2 = 2 / 12.
    for values, wanted in ((1 + 0 * a, 1.0), (a * a, 2 / 3), (a * b, 1 / 6), (b * b, 1 / 6)):
        assert found.of(values) == pytest.approx(wanted, rel=1e-14)


def test_cells_without_a_rule_are_refused(monkeypatch):
    from pinnlab.meshing.mesh import Mesh

    cube = np.array([[i, j, k] for k in (0.0, 1.0) for i, j in ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))])
    monkeypatch.setattr(Disk, "mesh", lambda self, size: Mesh(cube, np.arange(8)[None], "hexahedron"))
    with pytest.raises(UnsupportedProblem, match="hexahedron"):
        Integral.over_space(heat(Disk({x: 0, y: 0}, radius=1.0, name="rim")), "u", 0.0, time=1.0)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"unknown": "v", "time": 0.0}, "has the unknowns u"),
        ({"unknown": "u"}, "needs a time"),
        ({"unknown": "u", "time": 3.0}, "outside of 0 to 2"),
        ({"unknown": "u", "time": 0.0, "nodes": 0}, "at least one"),
        ({"unknown": "u", "time": 0.0, "nodes": 1001}, "1,000,000 points"),
        ({"unknown": "u", "time": 0.0, "deviation": -1.0}, "from 0 on"),
        ({"unknown": "u", "time": 0.0, "value": math.nan}, "value = nan; give a number"),
    ],
)
def test_what_is_no_integral_is_refused_in_words(arguments, text):
    with pytest.raises(ValueError, match=text):
        Integral.over_space(heat(), **{"value": 0.0} | arguments)


def test_a_steady_problem_has_no_time_and_shapes_must_fit():
    u = sp.Function("u")(x)
    problem = Problem("line", [D(u, x, 2)], [u], Box({x: (0, 1)}), [dirichlet(u, 0)])
    assert Integral.over_space(problem, "u", 1.0).points.shape == (64, 1)
    with pytest.raises(ValueError, match="is steady"):
        Integral.over_space(problem, "u", 1.0, time=0.0)
    with pytest.raises(ValueError, match=r"\(n, dim\) and \(n,\)"):
        Integral("u", np.zeros((3, 1)), np.ones(2), 0.0)
