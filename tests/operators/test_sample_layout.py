"""Nodes and times of samples."""

import numpy as np
import pytest
import sympy as sp

from pinnlab import Box, D, Problem, dirichlet, initial
from pinnlab.operators.sample_layout import layout_of_samples

t, x, y = sp.symbols("t x y", real=True)
u = sp.Function("u")(t, x, y)
BOX = Box({t: (1, 3), x: (0, 2), y: (0, 1)}, periodic=[x])
HEAT = Problem("heat", [D(u, t) - D(u, x, 2) - D(u, y, 2)], [u], BOX, [initial(u, 0), dirichlet(u, 0)], t)


def test_a_period_is_without_its_upper_end_and_the_last_time_is_taken():
    found = layout_of_samples(HEAT, ("a",), (4, 3), None)
    np.testing.assert_allclose(found.axes[0], [0, 0.5, 1, 1.5])
    np.testing.assert_allclose(found.axes[1], [0, 0.5, 1])
    assert found.times.tolist() == [3.0]
    assert (found.coordinates, found.periodic, found.output_names) == (("x", "y"), (True, False), ("u",))


@pytest.mark.parametrize("nodes", [4, np.int64(4), [4, 4], np.array([4, 4])])
def test_one_number_of_nodes_is_for_all_coordinates(nodes):
    assert [len(a) for a in layout_of_samples(HEAT, (), nodes, (1, 2.5)).axes] == [4, 4]


@pytest.mark.parametrize("nodes", [1, 8.0, True, (8,), (8, 1), "88", None])
def test_nodes_are_two_or_more_along_each_coordinate(nodes):
    with pytest.raises(ValueError, match="two or more along each of its 2 coordinates"):
        layout_of_samples(HEAT, (), nodes, None)


@pytest.mark.parametrize("times", [(), 2.0, (0.5, 2), (2, 3.5), (2, 2), (2, 1.5), (2, np.nan), [[1.5, 2]], "ab"])
def test_times_are_increasing_and_in_the_interval(times):
    with pytest.raises(ValueError, match="one or more, increasing, from 1 to 3"):
        layout_of_samples(HEAT, (), 4, times)


def test_steady_problems_have_no_times():
    w = sp.Function("w")(x)
    steady = Problem("rod", [D(w, x, 2)], [w], Box({x: (0, 1)}), [dirichlet(w, 0)])
    assert not len(layout_of_samples(steady, (), 4, None).times)
    with pytest.raises(ValueError, match="it is steady and has no times"):
        layout_of_samples(steady, (), 4, (1.0,))
