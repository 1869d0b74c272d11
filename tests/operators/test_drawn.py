"""What is drawn in place of what stands for it."""

import numpy as np
import pytest
import scipy.stats
import sympy as sp

from pinnlab import Box, D, Family, Problem, TimeInterval, initial, parameter
from pinnlab.operators.drawn import inputs_on_grid, placeholders, undrawn, with_drawn
from pinnlab.random_functions import TravellingSines

t, x = sp.symbols("t x", real=True)


def wave_family():
    u, u0, c = sp.Function("u")(t, x), parameter("u0", sp.sin(sp.pi * x / 8)), parameter("c", 1)
    domain = TimeInterval(t, 1, 2) * Box({x: (0, 16)}, periodic=[x])
    problem = Problem("transport", [D(u, t) + c * D(u, x)], [u], domain, [initial(u, u0)], time=t)
    return Family(problem, {c: scipy.stats.uniform(1, 2), u0: TravellingSines(t, {x: (0, 16)})})


def test_inputs_are_constant_channels_and_functions_at_the_initial_time():
    family, axis = wave_family(), np.arange(8) * 2.0
    drawn = [family.draw(i) for i in range(2)]
    channels = inputs_on_grid(family, drawn, [axis])
    assert channels.shape == (2, 2, 8)
    np.testing.assert_array_equal(channels[1, 0], np.full(8, drawn[1]["c"]))
    expected = [float(drawn[1]["u0"].subs({t: 1, x: a})) for a in axis]
    np.testing.assert_allclose(channels[1, 1], expected, atol=1e-12)


def test_placeholders_give_way_to_what_was_drawn_with_its_derivatives():
    family = wave_family()
    held = placeholders(family, family.draw(0))
    expression = 2 * held["u0"].diff(x) + held["c"]
    assert len(undrawn(expression)) == 2
    found = with_drawn(expression, {"c": 3.0, "u0": t * x**3})
    assert sp.simplify(found - (6 * t * x**2 + 3)) == 0
    assert sp.simplify(with_drawn(held["u0"].xreplace({t: sp.Integer(2)}), {"c": 3.0, "u0": t * x**3}) - 2 * x**3) == 0


def test_a_number_is_free_of_coordinates_and_has_its_first_value_for_the_time_being():
    family = wave_family()
    held = placeholders(family, {**family.draw(0), "c": 1.25})
    assert held["c"].free_symbols == set()
    assert float(held["c"]) == 1.25
    with pytest.raises(ValueError, match="c is a number in one member of the family and the function x"):
        with_drawn(held["c"], {"c": x, "u0": x})
