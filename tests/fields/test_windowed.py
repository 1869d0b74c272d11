"""Fields on windows of time as one field."""

from dataclasses import replace

import numpy as np
import sympy as sp

from pinnlab import Box, D, Problem, initial
from pinnlab.field import ExactField, Field
from pinnlab.fields.windowed import WindowedField

t = sp.Symbol("t", real=True)
u = sp.Function("u")(t)
PROBLEM = Problem(
    name="line",
    equations=[D(u, t) - 1],
    unknowns=[u],
    domain=Box({t: (0, 3)}),
    conditions=[initial(u, 0)],
    time=t,
    reference=t,
)


def field(last: float | None = None) -> WindowedField:
    """T, then t² (which is continuous at 1), then 10 t."""
    parts = [ExactField.of(replace(PROBLEM, reference=e)) for e in (t, t**2, 10 * t)]
    fields: tuple[Field, ...] = tuple(p for p in parts if p is not None)
    return WindowedField(PROBLEM, (0.0, 1.0, 2.0, 2.5), fields, last)


def test_each_instant_belongs_to_its_window_and_a_seam_to_the_later_one() -> None:
    values = field()(np.array([[0.5], [1.0], [1.5], [2.0], [2.25]]))
    np.testing.assert_allclose(values[:, 0], [0.5, 1.0, 2.25, 20.0, 22.5])


def test_the_end_is_held_and_its_rate_is_zero() -> None:
    points = np.array([[2.5], [2.75], [3.0]])
    np.testing.assert_allclose(field()(points)[:, 0], 25.0)
    np.testing.assert_allclose(field().derivative((1,))(points)[:, 0], [10.0, 0.0, 0.0])


def test_derivatives_are_taken_window_by_window() -> None:
    np.testing.assert_allclose(field().derivative((1,))(np.array([[0.5], [1.5]]))[:, 0], [1.0, 3.0])
    np.testing.assert_allclose(field().derivative((1,)).derivative((1,))(np.array([[0.5], [1.5]]))[:, 0], [0.0, 2.0])


def test_it_says_how_far_the_answer_goes() -> None:
    assert field(2.0).reached == 2.0
    assert field().reached is None


def test_it_tells_no_deviation_as_windows_take_their_beginning_for_exact() -> None:
    assert field().deviation is None
