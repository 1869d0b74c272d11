"""One compilation for all members of a steady linear family."""

import numpy as np
import pytest
import sympy as sp

from pinnlab import Box, D, Family, Problem, dirichlet, neumann, parameter
from pinnlab.errors import SolveFailed
from pinnlab.operators.reused import ReusedElements, Slot
from pinnlab.random_functions import NeumannField, TwoPhase
from pinnlab.solve import solve
from pinnlab.solvers.etdrk4 import Etdrk4
from pinnlab.solvers.finite_element import FiniteElement

x, y = sp.symbols("x y", real=True)
SQUARE = {x: (0, 1), y: (0, 1)}
AXES = (np.linspace(0, 1, 6), np.linspace(0, 1, 5))
POINTS = np.stack(np.meshgrid(*AXES, indexing="ij"), axis=-1).reshape(-1, 2)
FIELD = NeumannField(SQUARE, alpha=2, tau=3, modes=6)


def darcy(**more):
    u, a = sp.Function("u")(x, y), parameter("a", 3)
    balance = -D(a * D(u, x), x) - D(a * D(u, y), y) - 1
    return Family(Problem("darcy", [balance], [u], Box(SQUARE), [dirichlet(u, 0)]), {a: TwoPhase(FIELD), **more})


def all_random():
    """Coefficient, source, values and flux on the boundary."""
    u = sp.Function("u")(x, y)
    a, f, g, q = (parameter(name, 1) for name in "afgq")
    balance = -D(a * D(u, x), x) - D(a * D(u, y), y) - f
    sides = [dirichlet(u, g, on=["left", "bottom"]), neumann(u, q, on=["right", "top"])]
    problem = Problem("all_random", [balance], [u], Box(SQUARE), sides)
    return Family(problem, {a: TwoPhase(FIELD), f: FIELD, g: FIELD, q: FIELD})


@pytest.mark.parametrize("family", [darcy(), all_random()], ids=lambda f: f.problem.name)
@pytest.mark.parametrize("solver", [FiniteElement(degree=1, cells=8), FiniteElement(degree=2, cells=5)], ids=repr)
def test_answers_and_bounds_are_those_of_members_compiled_one_by_one(family, solver):
    reused = ReusedElements.of(family, solver, AXES, family.draw(0))
    for i in (0, 1, 2, 0):
        member = family.member(i)
        fine, coarse = (solve(member, s, device="cpu").field(POINTS).T for s in (solver, solver.coarser(member)))
        answer, bound = reused.solved(family.draw(i))
        assert answer.shape == (1, 1, 6, 5)
        np.testing.assert_allclose(answer.reshape(fine.shape), fine, rtol=1e-11, atol=1e-13)
        assert bound == pytest.approx(np.linalg.norm(fine - coarse) / np.linalg.norm(fine), rel=1e-9)


def test_a_slot_asks_once_for_values_at_the_same_points_and_anew_for_the_next_member():
    class Counted:
        asked = 0

        def derivative(self, orders):
            def values(points):
                self.asked += 1
                return points[:, :1] ** 2

            return values

    from pinnlab.known import known

    counted, slot = Counted(), Slot((x, y))
    assert np.isnan(slot.derivative((0, 0))(POINTS)).all()
    assert slot.asked
    slot.put(known("c", counted, 0, x, y))
    for _ in range(3):
        np.testing.assert_array_equal(slot.derivative((0, 0))(POINTS), POINTS[:, :1] ** 2)
    assert counted.asked == 1
    slot.put(x**3 * y)
    np.testing.assert_allclose(slot.derivative((2, 1))(POINTS), 6 * POINTS[:, :1])
    np.testing.assert_allclose(slot.derivative((0, 0))(POINTS)[:, 0], POINTS[:, 0] ** 3 * POINTS[:, 1])


class Number:
    def rvs(self, *, random_state):
        return float(random_state.uniform(1, 2))


def test_what_may_differ_in_structure_is_left_to_be_compiled_one_by_one():
    family, quick = darcy(), FiniteElement(degree=1, cells=4)
    assert ReusedElements.of(family, Etdrk4(points=8), AXES, family.draw(0)) is None
    u, k = sp.Function("u")(x, y), parameter("k", 1)

    def of(equation, conditions, distribution):
        found = Family(Problem("other", [equation], [u], Box(SQUARE), conditions), {k: distribution})
        return ReusedElements.of(found, quick, AXES, found.draw(0))

    zero, balance = [dirichlet(u, 0)], -D(u, x, 2) - D(u, y, 2)
    # A function in place of k would need derivatives that are not there.
    assert of(k * balance - 1, zero, Number()) is None
    assert of(balance + u**3 - k, zero, FIELD) is None
    assert of(balance - k, zero, FIELD) is not None
    # The value at one point would be compiled into the form, and be that of all members.
    line, f = sp.Function("u")(x), parameter("f", x)
    ends = [dirichlet(line, f, on="left"), dirichlet(line, 0, on="right")]
    found = Family(Problem("line", [D(line, x, 2) - 1], [line], Box({x: (0, 1)}), ends), {f: Line()})
    assert ReusedElements.of(found, quick, AXES[:1], found.draw(0)) is not None


class Line:
    def rvs(self, *, random_state):
        return float(random_state.uniform(1, 2)) * (1 + x)


class Broken:
    def rvs(self, *, random_state):
        return sp.log(x - sp.Rational(1, 2))


def test_coefficients_that_are_not_finite_are_refused_with_their_place():
    u, a = sp.Function("u")(x, y), parameter("a", 3)
    balance = -D(a * D(u, x), x) - D(a * D(u, y), y) - 1
    family = Family(Problem("log", [balance], [u], Box(SQUARE), [dirichlet(u, 0)]), {a: Broken()})
    reused = ReusedElements.of(family, FiniteElement(degree=1, cells=4), AXES, family.draw(0))
    with pytest.raises(SolveFailed, match=r"is not finite at \(0\."):
        reused.solved(family.draw(0))
