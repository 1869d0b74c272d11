"""Functions known through their values."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import sympy as sp
import torch

from pinnlab import Box, D, Problem, initial, known
from pinnlab.field import ExactField
from pinnlab.forms.evaluate import on_points
from pinnlab.known import Memory, Remembered

t, x = sp.symbols("t x", real=True)
u = sp.Function("u")(t, x)


def wave() -> ExactField:
    problem = Problem(
        name="wave",
        equations=[D(u, t) + D(u, x)],
        unknowns=[u],
        domain=Box({t: (0, 1), x: (0, 2 * sp.pi)}, periodic=[x]),
        conditions=[initial(u, sp.sin(x))],
        time=t,
        reference=sp.sin(x - t),
    )
    field = ExactField.of(problem)
    assert field is not None
    return field


def test_its_values_and_derivatives_are_those_of_its_source() -> None:
    points = np.array([[0.3, 0.5], [0.9, 2.0]])
    f = known("f", wave(), 0, t, x)
    values = on_points([f, f.diff(t), f.diff(x, 2)], [t, x])(points)
    phase = points[:, 1] - points[:, 0]
    np.testing.assert_allclose(values, np.stack([np.sin(phase), -np.cos(phase), -np.sin(phase)], axis=1), atol=1e-14)


def test_the_chain_rule_holds_for_its_arguments() -> None:
    f = known("f", wave(), 0, t / 2, x**2)
    values = on_points([f.diff(x)], [t, x])(np.array([[0.4, 0.7]]))
    assert values[0, 0] == pytest.approx(2 * 0.7 * np.cos(0.49 - 0.2), abs=1e-14)


def test_at_a_fixed_time_it_is_a_function_of_space_alone() -> None:
    f = known("f", wave(), 0, t, x).subs(t, 0.25)
    assert f.free_symbols == {x}
    assert f.diff(t) == 0
    assert on_points([f], [t, x])(np.array([[0.9, 1.0]]))[0, 0] == pytest.approx(np.sin(0.75), abs=1e-14)


def test_at_fixed_arguments_it_is_a_number() -> None:
    assert float(known("f", wave(), 0, 0.25, sp.Rational(1, 2))) == pytest.approx(np.sin(0.25), abs=1e-15)


def test_it_takes_tensors() -> None:
    f = known("f", wave(), 0, t, x)
    found = f.values(torch.tensor([0.1, 0.2], dtype=torch.float64), torch.tensor([0.5, 0.5], dtype=torch.float64))
    assert isinstance(found, torch.Tensor)
    np.testing.assert_allclose(found.numpy(), np.sin([0.4, 0.3]), atol=1e-15)


def test_two_are_equal_only_if_they_come_from_the_same_object() -> None:
    one = wave()
    assert known("f", one, 0, t, x) == known("f", one, 0, t, x)
    assert known("f", one, 0, t, x) != known("f", wave(), 0, t, x)


class Counted:
    """A function of one coordinate, its derivatives being zero, that counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def derivative(self, orders: Sequence[int]) -> Callable[[np.ndarray], np.ndarray]:
        def values(points: np.ndarray) -> np.ndarray:
            self.asked += 1
            return points * (sum(orders) == 0)

        return values


def test_what_is_remembered_is_asked_for_once_at_the_same_points() -> None:
    counted = Counted()
    source, points = Remembered(counted, Memory()), np.array([[1.0], [2.0]])
    for at in (points, points.copy(), points + 1, points):
        np.testing.assert_array_equal(source.derivative((0,))(at), at)
    assert counted.asked == 2
    np.testing.assert_array_equal(source.derivative((1,))(points), 0 * points)
    np.testing.assert_array_equal(source.derivative((0,))(points.reshape(1, 2)), points.reshape(1, 2))
    assert counted.asked == 4


def test_two_sources_with_one_memory_do_not_mix() -> None:
    memory, points = Memory(), np.array([[0.3, 0.5]])
    for source in (Remembered(wave(), memory), Remembered(Counted(), memory)):
        expected = source.source.derivative((0, 0))(points)
        np.testing.assert_array_equal(source.derivative((0, 0))(points), expected)


def test_values_have_the_shape_of_what_they_are_asked_at() -> None:
    f, grid = known("f", wave(), 0, t, x), np.linspace(0, 1, 6).reshape(2, 3)
    expected = np.sin(grid - 0.5)
    np.testing.assert_allclose(f.values(0.5, grid), expected, atol=1e-12)
    found = f.values(0.5, torch.as_tensor(grid))
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-12)
    assert isinstance(f.values(0.5, 0.25), float)


def test_the_oldest_values_are_let_go() -> None:
    counted, memory = Counted(), Memory(limit=4)
    values = Remembered(counted, memory).derivative((0,))
    asked = []
    for number in (0, 1, 0, 2, 0, 1):
        values(np.full((2, 1), float(number)))
        asked.append(counted.asked)
    assert asked == [1, 2, 2, 3, 3, 4]
    assert memory.size == 4


def test_a_problem_that_holds_one_cannot_be_written() -> None:
    source = wave()
    problem = Problem(
        name="again",
        equations=[D(u, t) + D(u, x)],
        unknowns=[u],
        domain=Box({t: (0, 1), x: (0, 2 * sp.pi)}, periodic=[x]),
        conditions=[initial(u, known("f", source, 0, 1, x))],
        time=t,
    )
    with pytest.raises(ValueError, match="Known is not a node type"):
        problem.to_json()


def test_it_needs_an_argument() -> None:
    with pytest.raises(ValueError, match="an argument for each coordinate"):
        known("f", wave(), 0)
