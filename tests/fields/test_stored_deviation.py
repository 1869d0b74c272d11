"""Deviations from files: never negative, and not differentiated."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from pinnlab import Box, D, Problem, initial
from pinnlab.errors import UnsupportedProblem
from pinnlab.field import ExactField, GridField, Snapshots, stored_axis
from pinnlab.fields.stored_deviation import StoredDeviation

t, x = sp.symbols("t x", real=True)
U = sp.Function("u")(t, x)
PROBLEM = Problem(
    "wave", [D(U, t) - D(U, x)], [U], Box({t: (0, 1), x: (0, 1)}, periodic=[x]), [initial(U, 0)], t, reference=x - t
)


def test_between_nodes_a_dip_below_zero_is_zero():
    nodes = np.linspace(0, 1, 11)
    spike = np.zeros((1, 4, 11))
    spike[:, :, 5] = 1.0
    inner = GridField(PROBLEM, (Snapshots(np.array([0.0, 0.2, 0.4, 0.6])), stored_axis(nodes)), spike)
    places = np.column_stack([np.full(101, 0.1), np.linspace(0, 1, 101)])
    found = StoredDeviation(PROBLEM, inner)
    assert inner(places).min() < -0.05
    assert found(places).min() == 0
    np.testing.assert_array_equal(found(places), np.maximum(inner(places), 0))
    axes = [np.array([0.1]), places[:, 1]]
    np.testing.assert_allclose(found.on_axes(axes).values["u"][0], found(places)[:, 0], atol=1e-14)
    assert found.on_axes(axes).values["u"].min() == 0
    np.testing.assert_allclose(found.at(axes[0], places[:, 1:])[0, 0], found(places)[:, 0], atol=1e-14)
    assert found.reached == 0.6


def test_it_has_no_derivative():
    with pytest.raises(UnsupportedProblem, match=r"field\.derivative\(orders\)\.deviation"):
        StoredDeviation(PROBLEM, ExactField.of(PROBLEM)).derivative([0, 1])
