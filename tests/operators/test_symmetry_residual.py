"""Residuals of samples before and after augmentations."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from pinnlab import Box, D, Family, Problem, dirichlet, initial, parameter
from pinnlab.datasets.data import OperatorData
from pinnlab.exact import cole_hopf
from pinnlab.forms.point_symmetry import PointSymmetry
from pinnlab.operators.augmentation import PeriodicShift
from pinnlab.operators.covariant import Covariant
from pinnlab.operators.lie_symmetry import LieSymmetry
from pinnlab.operators.symmetry_residual import symmetry_residual

t, x = sp.symbols("t x", real=True)
u = sp.Function("u")(t, x)


class Waves:
    """A distribution of functions, of which only their being functions matters here."""

    def rvs(self, *, random_state):
        return sp.sin(x) * float(random_state.normal())


def burgers(moving=1):
    u0 = parameter("u0", sp.sin(x))
    equation = D(u, t) + moving * D(u**2 / 2, x) - sp.Rational(1, 5) * D(u, x, 2)
    box = Box({t: (0, 1), x: (0, 2 * sp.pi)}, periodic=[x])
    return Family(Problem("burgers", [equation], [u], box, [initial(u, u0)], t), {u0: Waves()})


def exact_burgers(n=3):
    """Solutions from a_i sin x by the Cole-Hopf transform."""
    nodes, times = 2 * np.pi * np.arange(64) / 64, np.linspace(0.01, 1, 100)
    points = np.stack(np.meshgrid(times, nodes, indexing="ij"), axis=-1).reshape(-1, 2)
    sizes = np.linspace(0.5, 1, n)
    outputs = np.stack([cole_hopf(points, 0.2, amplitude=a, wavenumber=1.0).reshape(100, 1, 64) for a in sizes])
    inputs = (sizes[:, None] * np.sin(nodes))[:, None]
    return OperatorData(inputs, outputs, (nodes,), times, [np.nan] * n, ["u0"], ["u"], ["x"], [True])


def test_a_boosted_exact_solution_is_still_one():
    boost = LieSymmetry(PointSymmetry({x: t, u: 1}), 1.0, {"u0": "u"})
    family, data = burgers(), exact_burgers()
    boost.require_symmetry_of(family)
    found = symmetry_residual(family, boost, data)
    assert (found.before < 1e-6).all()
    assert (found.after < 2e-6).all()
    assert "median of 3 samples" in str(found)
    shifted = symmetry_residual(family, PeriodicShift(), data)
    np.testing.assert_allclose(shifted.after, shifted.before, rtol=1e-2)


def test_a_boost_that_is_no_symmetry_is_seen():
    wrong = LieSymmetry(PointSymmetry({x: 2 * t, u: 1}), 1.0, {"u0": "u"})
    with pytest.raises(ValueError, match="is not seen to be a symmetry of 'burgers'"):
        wrong.require_symmetry_of(burgers())
    found = symmetry_residual(burgers(), wrong, exact_burgers())
    assert (found.after > 1e-3).all()


def rod():
    w = sp.Function("u")(x)
    k, f = parameter("k", 1 + x), parameter("f", 1)
    problem = Problem("rod", [-D(k * D(w, x), x) - f], [w], Box({x: (0, 1)}), [dirichlet(w, 0)])
    return Family(problem, {k: Waves(), f: Waves()})


def test_manufactured_diffusion_in_other_coordinates_is_still_diffusion():
    nodes = np.linspace(0, 1, 401)
    k, w = 2 + np.cos(3 * nodes), np.sin(np.pi * nodes)
    source = 3 * np.sin(3 * nodes) * np.pi * np.cos(np.pi * nodes) + k * np.pi**2 * w
    data = OperatorData(
        np.stack([k, source])[None], w[None, None, None], (nodes,), [], [np.nan], ["k", "f"], ["u"], ["x"], [False]
    )
    covariant = Covariant({"x": "k"}, ("f",))
    found = symmetry_residual(rod(), covariant, data)
    assert found.before < 1e-7
    assert found.after < 1e-6
    # A source that is not multiplied with the map's derivative is another one.
    assert symmetry_residual(rod(), Covariant({"x": "k"}, scalars=("f",)), data).after > 1e-2


def test_data_that_are_not_of_the_family_are_refused():
    with pytest.raises(ValueError, match="the data's input_names"):
        symmetry_residual(rod(), PeriodicShift(), exact_burgers())
