"""Members of a family as numbers."""

import numpy as np
import pytest
import scipy.stats
import sympy as sp
import torch

from pinnlab import Box, D, Family, Problem, dirichlet, initial, parameter
from pinnlab.forms.operator_form import OperatorForm
from pinnlab.operators.open_members import functions_and_numbers, opened, values_of

t, x = sp.symbols("t x", real=True)
u = sp.Function("u")(t, x)
f, nu = parameter("f", sp.sin(x)), parameter("nu", 0.1)


class Sines:
    def rvs(self, *, random_state):
        return sp.Float(float(random_state.normal())) * sp.sin(x)


PROBLEM = Problem(
    "p",
    [D(u, t) - nu * D(u, x, 2) - f],
    [u],
    Box({t: (0, 1), x: (0, 2)}),
    [initial(u, 2 * f), dirichlet(u, 2 * f + nu * t)],
    t,
)
FAMILY = Family(PROBLEM, {f: Sines(), nu: scipy.stats.uniform(1, 2)})
NODES = (np.linspace(0.1, 0.9, 4), np.linspace(0.2, 1.8, 5))


def members(*samples):
    form = OperatorForm.of(PROBLEM, *functions_and_numbers(FAMILY, samples))
    return opened(form, NODES, samples)


def test_functions_and_numbers_are_told_apart():
    assert functions_and_numbers(FAMILY, [FAMILY.draw(i) for i in range(3)]) == ({"f"}, {"nu"})


def test_inputs_are_evaluated_at_the_nodes_and_data_on_the_sides():
    found = members({"f": sp.sin(x), "nu": 1.5}, {"f": 2 * sp.sin(x), "nu": 2.0})
    np.testing.assert_allclose(found.functions["f"][1, 0], 2 * np.sin(NODES[1]))
    assert found.functions["f"].shape == (2, 1, 5)
    np.testing.assert_allclose(found.numbers["nu"], [1.5, 2.0])
    start, left, right = found.data
    np.testing.assert_allclose(start, 2 * found.functions["f"])
    np.testing.assert_allclose(left[0, :, 0], 1.5 * NODES[0])
    np.testing.assert_allclose(right[1, :, 0], 4 * np.sin(2.0) + 2 * NODES[0])


def test_members_are_chosen_by_their_numbers():
    found = members(*(FAMILY.draw(i) for i in range(4)))
    assert len(found) == 4
    few = found[torch.tensor([2, 0])]
    np.testing.assert_allclose(few.data[0], found.data[0][[2, 0]])
    np.testing.assert_allclose(few.numbers["nu"], found.numbers["nu"][[2, 0]])


def test_values_of_a_member_are_those_that_were_drawn():
    drawn = FAMILY.draw(3)
    found = values_of(FAMILY, FAMILY.member(3))
    assert found["f"] == drawn["f"]
    assert float(found["nu"]) == drawn["nu"]


def test_a_problem_that_differs_in_anything_else_is_refused():
    other = Problem("p", [D(u, t) - nu * D(u, x, 2) - 2 * f], [u], PROBLEM.domain, PROBLEM.conditions, t)
    with pytest.raises(ValueError, match="no member of the family"):
        values_of(FAMILY, other)
    fixed = [initial(u, 2 * f), dirichlet(u, 2 * f)]
    without = Problem("q", [D(u, t) - D(u, x, 2) - f], [u], PROBLEM.domain, fixed, t)
    with pytest.raises(ValueError, match="no member of the family"):
        values_of(FAMILY, without)


def test_inputs_that_are_not_finite_are_refused_with_their_numbers():
    with pytest.raises(ValueError, match=r"members \[1\]"), np.errstate(all="ignore"):
        members({"f": sp.sin(x), "nu": 1.0}, {"f": sp.log(x - 1), "nu": 1.0})


def test_a_function_in_place_of_a_number_is_refused():
    form = OperatorForm.of(PROBLEM, {"f"}, {"nu"})
    with pytest.raises(ValueError, match="nu is a number"):
        opened(form, NODES, [{"f": sp.sin(x), "nu": 1 + x}])
