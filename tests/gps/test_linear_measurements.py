"""Conditions and observed values as rows over functions."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
import torch

from pinnlab import Box, Condition, D, Observations, Problem, SolveFailed, UnsupportedProblem, dirichlet, initial, robin
from pinnlab.gps.linear_measurements import conditions_at, observed, require_linear_conditions
from pinnlab.numerics.exponential_solutions import ExponentialSolutions

CPU = torch.device("cpu")
t, x = sp.symbols("t x", real=True)
u = sp.Function("u")(t, x)


def problem(*conditions):
    return Problem("line", [D(u, t) - D(u, x, 2)], [u], Box({t: (0, 1), x: (0, 2)}), [initial(u, x), *conditions], t)


def plane():
    """e^{x - 2}: one at the right end, with any rate in time of zero."""
    corners = torch.tensor([0.0, 0.0], dtype=torch.float64), torch.tensor([1.0, 2.0], dtype=torch.float64)
    one = torch.ones(1, 1, 1, dtype=torch.complex128)
    return ExponentialSolutions(torch.tensor([[0, 1]], dtype=torch.complex128), one, torch.tensor([0]), *corners)


def test_a_mixed_condition_by_hand():
    """2 u + 3 n·∇u = 5 t on the right: (2 + 3) e^{x - 2} = 5 t; on the left (2 - 3) e^{-2}."""
    line = problem(robin(u, 2, 3, 5 * t))
    found = {m.name.split("'")[1]: m for m in conditions_at(line, 8, np.random.default_rng(0), CPU)}
    rows = {side: m.rows(plane().row)[:, 0] for side, m in found.items()}
    torch.testing.assert_close(rows["right"], torch.full((8,), 5.0, dtype=torch.float64))
    torch.testing.assert_close(rows["left"], torch.full((8,), -np.exp(-2.0), dtype=torch.float64))
    torch.testing.assert_close(found["left"].values, 5 * found["left"].points[:, 0])
    torch.testing.assert_close(found["initial"].values, found["initial"].points[:, 1])
    assert found["left"].noise is None


def test_some_of_the_measurements_are_chosen():
    line = problem(dirichlet(u, x))
    m = conditions_at(line, 8, np.random.default_rng(0), CPU)[0]
    few = m.chosen(torch.tensor([1, 5]))
    torch.testing.assert_close(few.rows(plane().row), m.rows(plane().row)[[1, 5]])
    torch.testing.assert_close(few.values, m.values[[1, 5]])


def test_observed_values_keep_their_noise():
    o = Observations([[0.1, 0.2], [0.3, 0.4]], [1.0, 2.0], noise=[0.1, 0.2])
    (m,) = observed(problem(dirichlet(u, x)), [o], CPU)
    assert m.values.tolist() == [1.0, 2.0]
    assert m.noise.tolist() == [0.1, 0.2]
    torch.testing.assert_close(m.rows(plane().row)[:, 0], torch.exp(m.points[:, 1] - 2))


def test_observations_that_contradict_each_other_are_refused_with_the_place():
    line = problem(dirichlet(u, x))
    twice = [Observations([[0.5, 1.0]], [v], noise=1e-3) for v in (1.0, 1.2)]
    with pytest.raises(ValueError, match=r"u was observed twice at \[0.5, 1.0\], as 1 and 1.2"):
        observed(line, twice, CPU)
    near = [Observations([[0.5, 1.0]], [v], noise=1e-3) for v in (1.0, 1.002)]
    assert len(observed(line, near, CPU)) == 2


def test_nonlinear_conditions_and_bad_data_are_refused():
    with pytest.raises(UnsupportedProblem, match="nonlinear"):
        require_linear_conditions(problem(Condition(D(u, x) - u**2, ["left", "right"])))
    line = problem(dirichlet(u, x + t * sp.log(sp.Rational(1, 2) - t)))
    with pytest.raises(SolveFailed, match="check its data there"):
        conditions_at(line, 4, np.random.default_rng(0), CPU)
