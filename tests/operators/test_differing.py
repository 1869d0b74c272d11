"""Values of many expressions at once."""

import numpy as np
import pytest
import sympy as sp
import torch

from pinnlab import UnsupportedProblem
from pinnlab.forms.evaluate import evaluate
from pinnlab.known import Known
from pinnlab.operators import differing
from pinnlab.operators.differing import SteadyValues, ValuesInTime, values_on_grid
from pinnlab.random_functions import NeumannField, PeriodicField, TravellingSines, TwoPhase

t, x, y = sp.symbols("t x y", real=True)
AXES = np.linspace(0, 1, 6), np.linspace(0, 1, 5)
X, Y = np.meshgrid(*AXES, indexing="ij")
LINE = np.arange(8) * 2.0
CPU = torch.device("cpu")


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


def test_unlike_expressions_and_numbers_are_each_in_their_place():
    mixed = [x * y, sp.Float(2.5), *draws(PeriodicField({x: (0, 1), y: (0, 1)}, alpha=2, tau=3, modes=2), 1), 3 * x * y]
    values = values_on_grid(mixed, [x, y], AXES)
    np.testing.assert_allclose(values[0], X * Y)
    np.testing.assert_array_equal(values[1], np.full((6, 5), 2.5))
    np.testing.assert_allclose(values[2], alone(mixed[2]), atol=1e-12)
    np.testing.assert_allclose(values[3], 3 * X * Y)


def test_other_coordinates_have_the_values_given():
    found = values_on_grid([2 * t + x, t], [x], (LINE,), {t: 0.5})
    np.testing.assert_array_equal(found, np.stack([1 + LINE, np.full(8, 0.5)]))
    with pytest.raises(UnsupportedProblem):
        values_on_grid([t + x], [x], (LINE,))


def test_forcings_in_time_are_evaluated_together_as_alone():
    forcing, shape = draws(TravellingSines(t, {x: (0, 16)})), draws(PeriodicField({x: (0, 16)}, 2, 1, modes=2))
    unlike = [f + sp.exp(-t) * s if i else f for i, (f, s) in enumerate(zip(forcing, shape, strict=True))]
    values = ValuesInTime.of(unlike, t, [x], (LINE,), CPU)
    assert [len(g.members) for g in values.groups] == [1, 2]
    for at in (0.0, 0.7):
        expected = [evaluate(f, {t: at, x: LINE}) for f in forcing]
        for i in (1, 2):
            expected[i] = expected[i] + np.exp(-at) * evaluate(shape[i], {x: LINE})
        np.testing.assert_allclose(values(at).numpy(), np.stack(expected), atol=1e-12)


def test_values_at_the_same_time_but_for_rounding_are_kept_and_older_ones_let_go():
    values = ValuesInTime.of([t * x], t, [x], (LINE,), CPU)
    assert values(0.1 + 0.2) is values(0.3)
    values(0.4), values(0.5)
    assert list(values.found) == [0.4, 0.5]
    assert len(values.found) == differing.KEPT


def test_steady_values_are_those_given():
    held = torch.ones(2, 3)
    assert SteadyValues(held)(1.5) is held
