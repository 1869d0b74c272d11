"""Values of many drawn functions at once."""

import numpy as np
import scipy.stats
import sympy as sp

from pinnlab import Box, D, Family, Problem, TimeInterval, initial, parameter
from pinnlab.known import Known
from pinnlab.operators.drawn import inputs_on_grid, placeholders, values_on_grid, with_drawn
from pinnlab.random_functions import NeumannField, PeriodicField, TravellingSines, TwoPhase

t, x, y = sp.symbols("t x y", real=True)
AXES = np.linspace(0, 1, 6), np.linspace(0, 1, 5)
X, Y = np.meshgrid(*AXES, indexing="ij")


def draws(distribution, n=3):
    return [distribution.rvs(random_state=np.random.default_rng(i)) for i in range(n)]


def alone(expression):
    (atom,) = expression.atoms(Known)
    return atom.args[0].held.derivative(atom.orders)(np.stack([X.ravel(), Y.ravel()], axis=1)).reshape(X.shape)


def test_series_are_evaluated_together_as_alone():
    found = draws(NeumannField({x: (0, 1), y: (0, 1)}, alpha=2, tau=3, modes=4))
    values = values_on_grid([sp.exp(e) + x for e in found], [x, y], AXES)
    np.testing.assert_allclose(values, np.stack([np.exp(alone(e)) + X for e in found]), atol=1e-12)


def test_phases_derivatives_and_fields_of_one_coordinate():
    field = NeumannField({x: (0, 1), y: (0, 1)}, alpha=2, tau=3, modes=4)
    phases = values_on_grid(draws(TwoPhase(field)), [x, y], AXES)
    np.testing.assert_array_equal(phases, np.stack([np.where(alone(e) >= 0, 12.0, 4.0) for e in draws(field)]))
    slopes = values_on_grid([e.diff(y) for e in draws(field)], [x, y], AXES)
    np.testing.assert_allclose(slopes, np.stack([alone(e.diff(y)) for e in draws(field)]), atol=1e-11)
    narrow = draws(PeriodicField({y: (0, 1)}, alpha=2, tau=3, modes=4))
    held = [e.args[0].held.on_grid([AXES[1]]) for e in narrow]
    np.testing.assert_allclose(values_on_grid(narrow, [x, y], AXES), np.stack([np.tile(h, (6, 1)) for h in held]))


def test_unlike_expressions_and_numbers_are_evaluated_one_by_one():
    mixed = [x * y, sp.Float(2.5), *draws(PeriodicField({x: (0, 1), y: (0, 1)}, alpha=2, tau=3, modes=2), 1)]
    values = values_on_grid(mixed, [x, y], AXES)
    np.testing.assert_allclose(values[0], X * Y)
    np.testing.assert_array_equal(values[1], np.full((6, 5), 2.5))
    np.testing.assert_allclose(values[2], alone(mixed[2]), atol=1e-12)


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
    held = placeholders(wave_family())
    found = with_drawn(2 * held["u0"].diff(x) + held["c"], {"c": 3.0, "u0": x**3})
    assert sp.simplify(found - (6 * x**2 + 3)) == 0
