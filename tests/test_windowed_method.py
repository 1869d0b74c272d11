"""The problem on one window of time; runs over windows are tested with their settings."""

from __future__ import annotations

import numpy as np
import sympy as sp

from pinnlab import Box, D, Disk, Problem, TimeInterval, dirichlet, initial, initial_rate
from pinnlab.field import ExactField
from pinnlab.forms.boundary import Dirichlet, classify
from pinnlab.forms.evaluate import on_points
from pinnlab.windowed_method import _seed_of, window

t, x, y = sp.symbols("t x y", real=True)
u = sp.Function("u")(t, x)
w = sp.Function("w")(t, x, y)

STRING = Problem(
    name="string",
    equations=[D(u, t, 2) - D(u, x, 2)],
    unknowns=[u],
    domain=Box({t: (0, 2), x: (0, sp.pi)}),
    conditions=[initial(u, sp.sin(x)), initial_rate(u, 0), dirichlet(u, 0)],
    time=t,
    reference=sp.sin(x) * sp.cos(t),
)


def test_it_begins_with_the_values_and_rates_of_the_answer_before_and_keeps_its_walls() -> None:
    part = window(STRING, 0.5, 0.75, ExactField.of(STRING))
    assert part.interval is not None
    assert (part.interval.start, part.interval.end) == (0.5, 0.75)
    rows = {(r.piece, r.time_order): r.value for r in classify(part) if isinstance(r, Dirichlet)}
    assert set(rows) == {("initial", 0), ("initial", 1), ("left", 0), ("right", 0)}
    points = np.array([[0.5, 0.3], [0.5, 2.0]])
    found = on_points([rows["initial", 0], rows["initial", 1]], STRING.coordinates)(points)
    sine = np.sin(points[:, 1])
    np.testing.assert_allclose(found, np.stack([sine * np.cos(0.5), -sine * np.sin(0.5)], axis=1), atol=1e-14)


def test_the_first_window_keeps_the_conditions_of_the_declaration() -> None:
    part = window(STRING, 0.0, 0.5, None)
    assert part.conditions == STRING.conditions
    assert part.reference is None


def test_a_region_that_is_no_box_is_kept() -> None:
    disk = Disk({x: 0, y: 0}, radius=1, name="wall")
    problem = Problem(
        name="cooling",
        equations=[D(w, t) - D(w, x, 2) - D(w, y, 2)],
        unknowns=[w],
        domain=TimeInterval(t, 0, 1) * disk,
        conditions=[initial(w, 1 - x**2 - y**2), dirichlet(w, 0, on="wall")],
        time=t,
    )
    part = window(problem, 0.25, 0.5, None)
    assert part.region == disk
    assert part.interval == TimeInterval(t, 0.25, 0.5)


def test_the_first_try_of_the_first_window_has_the_seed_of_the_run_and_all_others_their_own() -> None:
    assert _seed_of(7, 0, 1) == 7
    others = {_seed_of(seed, i, tries) for seed in (0, 7) for i in range(3) for tries in (1, 2)}
    assert len(others) == 12
