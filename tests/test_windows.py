"""Windows of time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

from pinnlab import (
    AdaptiveWindows,
    Box,
    D,
    EqualWindows,
    Fresh,
    GivenWindows,
    LastLayer,
    LevenbergMarquardt,
    Mlp,
    Pinn,
    Problem,
    Siren,
    Sobol,
    UnsupportedProblem,
    Warm,
    dirichlet,
    initial,
    initial_rate,
    solve,
)
from pinnlab.condition import Condition
from pinnlab.field import ExactField
from pinnlab.pinns.field import PinnField
from pinnlab.solver import Status
from pinnlab.windowed_method import WindowedMethod
from pinnlab.windows import Windows

t, x = sp.symbols("t x", real=True)
y = sp.Function("y")(t)
u = sp.Function("u")(t, x)
z = sp.Symbol("z", real=True)
v = sp.Function("v")(t, x, z)

DECAY = Problem(
    name="decay",
    equations=[D(y, t) + y * sp.cos(t)],
    unknowns=[y],
    domain=Box({t: (0, 4)}),
    conditions=[initial(y, 1)],
    time=t,
    reference=sp.exp(-sp.sin(t)),
)
ADVECTION = Problem(
    name="advection",
    equations=[D(u, t) + 3 * D(u, x)],
    unknowns=[u],
    domain=Box({t: (0, 1), x: (0, 2 * sp.pi)}, periodic=[x]),
    conditions=[initial(u, sp.exp(sp.cos(x)))],
    time=t,
    reference=sp.exp(sp.cos(x - 3 * t)),
)
STRING = Problem(
    name="string",
    equations=[D(u, t, 2) - D(u, x, 2)],
    unknowns=[u],
    domain=Box({t: (0, 2), x: (0, 2 * sp.pi)}, periodic=[x]),
    conditions=[initial(u, sp.sin(x)), initial_rate(u, sp.cos(2 * x))],
    time=t,
    reference=sp.sin(x) * sp.cos(t) + sp.cos(2 * x) * sp.sin(2 * t) / 2,
)


PLATE = Problem(
    name="plate",
    equations=[D(v, t) - D(v, x, 2) - D(v, z, 2)],
    unknowns=[v],
    domain=Box({t: (0, 1), x: (0, 1), z: (0, 1)}),
    conditions=[initial(v, sp.sin(sp.pi * x) * sp.sin(sp.pi * z)), dirichlet(v, 0)],
    time=t,
)


def features(windows: Windows | None, width: int = 40) -> Pinn:
    return Pinn(
        network=Siren(width, depth=1, first_frequency=3.0),
        sampler=Sobol(4 * width),
        optimizer=LastLayer(),
        windows=windows,
    )


def waves(windows: Windows | None) -> Pinn:
    return Pinn(
        network=Siren(200, depth=1, first_frequency=8.0), sampler=Sobol(1000), optimizer=LastLayer(), windows=windows
    )


def error(problem: Problem, pinn: Pinn, seed: int = 0) -> float:
    solution = solve(problem, pinn, seed=seed)
    assert solution.status is Status.DONE, solution.failure
    points = problem.spacetime.sample(500, np.random.default_rng(0))
    exact = ExactField.of(problem)
    assert exact is not None
    return float(np.abs(solution.field(points) - exact(points)).max())


@pytest.mark.parametrize("windows", [EqualWindows(3), EqualWindows(4, overlap=0.0, beginning=Fresh())])
def test_an_ode_is_followed_through_windows(windows: Windows) -> None:
    assert error(DECAY, features(windows)) < 1e-9


def test_an_evolution_is_followed_through_windows() -> None:
    assert error(ADVECTION, waves(EqualWindows(4))) < 1e-6


def test_an_equation_of_second_order_hands_over_values_and_rates() -> None:
    assert error(STRING, waves(EqualWindows(2))) < 1e-8


def test_the_next_window_begins_exactly_where_the_last_one_ends() -> None:
    method = waves(EqualWindows(3)).compile(ADVECTION)
    state = method.init(0)
    while method.status(state) is Status.RUNNING:
        state, _ = method.step(state)
    field = method.field(state)
    points = np.column_stack([np.full(50, 1 / 3), np.linspace(0, 6, 50)])
    before, after = (field.fields[i] for i in (0, 1))
    later = np.array([[0.005, 0.0]])
    np.testing.assert_array_equal(before(points), after(points))
    assert not np.array_equal(before(points + later), after(points + later))


def test_each_window_asks_each_one_before_it_the_same_number_of_times(monkeypatch: pytest.MonkeyPatch) -> None:
    # Conditions that are built in on the four sides of a square ask for the initial data on all sides and corners.
    tiny = Pinn(Mlp(2, 1), sampler=Sobol(8), optimizer=LevenbergMarquardt(steps=1), windows=EqualWindows(4))
    method = tiny.compile(PLATE)
    state = method.init(0)
    while method.status(state) is Status.RUNNING:
        state, _ = method.step(state)
    asked, ask = [0], PinnField.__call__

    def counted(field: PinnField, points: np.ndarray) -> np.ndarray:
        asked[0] += 1
        return ask(field, points)

    monkeypatch.setattr(PinnField, "__call__", counted)
    counts = []
    for i, part in enumerate(method.field(state).fields):
        before = asked[0]
        part(np.random.default_rng(i).random((3, 3)))
        counts.append(asked[0] - before)
    # A chain without memory would have 1, 6, 36, 216.
    assert counts[:2] == [1, 6]
    assert counts[3] - counts[2] <= 6


def test_a_resumed_run_equals_one_without_interruption(tmp_path: Path) -> None:
    pinn = replace(features(EqualWindows(3)), optimizer=LevenbergMarquardt(steps=5), network=Mlp(6, 1))
    whole = solve(DECAY, pinn, seed=3)
    solve(DECAY, pinn, seed=3, max_steps=8, checkpoint=tmp_path / "run")
    resumed = solve(DECAY, pinn, seed=3, checkpoint=tmp_path / "run", resume=True)
    points = np.linspace(0, 4, 50)[:, None]
    np.testing.assert_array_equal(whole.field(points), resumed.field(points))
    np.testing.assert_array_equal(whole.history["loss"], resumed.history["loss"])
    assert resumed.history["window"].tolist() == [1.0] * 5 + [2.0] * 5 + [3.0] * 5


def test_finished_windows_keep_no_points() -> None:
    method = features(EqualWindows(3)).compile(DECAY)
    state = method.init(0)
    while method.status(state) is Status.RUNNING:
        state, _ = method.step(state)
    assert isinstance(method, WindowedMethod)
    assert [s.interior.size for s in state.finished] == [0, 0, 0]
    assert all(not part._last for _, _, part in method._methods)


def test_warm_windows_take_the_network_over_and_fresh_ones_do_not() -> None:
    pinn = replace(features(None), optimizer=LevenbergMarquardt(steps=3), network=Mlp(6, 1))
    taken = {}
    for beginning in (Warm(), Fresh()):
        method = replace(pinn, windows=EqualWindows(2, beginning=beginning)).compile(DECAY)
        state = method.init(0)
        for _ in range(3):
            state, _ = method.step(state)
        taken[type(beginning)] = bool((state.inner.theta == state.finished[0].theta).all())
    assert taken == {Warm: True, Fresh: False}


def test_windows_adapt_to_what_training_can_do() -> None:
    # Twelve features are too few for the whole of time.
    pinn = features(AdaptiveWindows(4.0, loss=1e-12, shortest=0.05), width=12)
    solution = solve(DECAY, pinn)
    assert solution.status is Status.DONE
    assert solution.history["window_length"].tolist()[0] == 4.0
    assert solution.history["window_length"].min() < 4.0
    assert len(set(solution.history["window_start"])) > 1
    points = np.linspace(0, 4, 50)[:, None]
    np.testing.assert_allclose(solution.field(points)[:, 0], np.exp(-np.sin(points[:, 0])), atol=1e-4)


def test_after_a_success_at_the_first_try_windows_grow() -> None:
    windows = AdaptiveWindows(1.0, growth=2.0)
    assert windows.next(7.0, 1.0, 1) == 2.0
    assert windows.next(7.0, 0.5, 2) == 0.5
    assert windows.shorter(1.0) == 0.5
    assert windows.shorter(0.015) is None


def test_a_window_that_never_succeeds_ends_the_run_and_good_ones_are_kept() -> None:
    # The solution of y' = y² leaves every bound at t = 1.
    blow_up = replace(DECAY, name="blow_up", equations=[D(y, t) - y**2], reference=1 / (1 - t))
    pinn = features(AdaptiveWindows(0.2, loss=1e-10, shortest=0.02))
    solution = solve(blow_up, pinn)
    assert solution.status is Status.DIVERGED
    assert "did not succeed" in solution.failure
    assert "is kept" in solution.failure
    reached = solution.field.reached
    assert reached is not None
    assert 0.5 < reached < 1.0
    points = np.linspace(0, reached, 20)[:, None]
    np.testing.assert_allclose(solution.field(points)[:, 0], 1 / (1 - points[:, 0]), rtol=1e-3)


def test_windows_may_end_at_given_times() -> None:
    for ends in ((1.0, 3.5), (1.0, 3.5, 4.0)):
        solution = solve(DECAY, features(GivenWindows(ends)))
        assert solution.status is Status.DONE
        assert solution.field.edges == (0.0, 1.0, 3.5, 4.0)  # type: ignore[attr-defined]


def test_the_last_window_ends_with_the_interval() -> None:
    solution = solve(DECAY, features(AdaptiveWindows(3.0, loss=1e-6, growth=1.0)))
    assert solution.status is Status.DONE
    assert solution.field.edges[-1] == 4.0  # type: ignore[attr-defined]
    assert solution.field.reached is None


def test_a_window_that_the_end_of_time_cuts_is_halved_from_its_own_length() -> None:
    # Grown to 3, the second window has but 1 left; nothing succeeds on it.
    late = sp.Heaviside(t - 3.2) * sp.sin(500 * t)
    stiff = replace(DECAY, name="stiff", equations=[D(y, t) + y * sp.cos(t) - late])
    pinn = replace(features(AdaptiveWindows(3.0, loss=1e-6, shortest=0.1, growth=3.0)), sampler=Sobol(64))
    solution = solve(stiff, pinn)
    assert solution.status is Status.DIVERGED
    lengths = solution.history["window_length"][solution.history["window"] == 2]
    np.testing.assert_allclose(sorted(set(lengths), reverse=True)[:2], [1.0, 0.5])


def test_more_windows_of_a_problem_in_space_than_can_ask_one_another_are_refused() -> None:
    with pytest.raises(UnsupportedProblem, match=r"100 windows; each asks all before it .* takes 80 at most; give few"):
        waves(EqualWindows(100)).compile(ADVECTION)
    assert features(EqualWindows(100)).compile(DECAY).status is not None


def test_windows_that_become_too_many_on_the_way_end_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pinnlab.windowed_method.LONGEST_CHAIN", 2)
    solution = solve(ADVECTION, replace(waves(AdaptiveWindows(0.25, loss=1.0, growth=1.0)), network=Siren(20, 1)))
    assert solution.status is Status.DIVERGED
    assert "give longer ones" in solution.failure


def test_a_steady_problem_is_refused() -> None:
    steady = Problem(
        name="steady",
        equations=[D(u, x, 2) + D(u, t, 2)],
        unknowns=[u],
        domain=Box({t: (0, 1), x: (0, 1)}),
        conditions=[Condition(u)],
    )
    with pytest.raises(UnsupportedProblem, match="a steady problem has no time to cut"):
        features(EqualWindows(2)).compile(steady)


def test_initial_conditions_that_give_no_value_are_refused() -> None:
    odd = replace(DECAY, conditions=[Condition(y**2 - 1, "initial")])
    with pytest.raises(UnsupportedProblem, match="gives no value"):
        features(EqualWindows(2)).compile(odd)


def test_settings_that_make_no_sense_are_refused() -> None:
    for settings, message in (
        (lambda: EqualWindows(0), "count"),
        (lambda: EqualWindows(overlap=-0.1), "overlap"),
        (lambda: AdaptiveWindows(0.0), "length"),
        (lambda: AdaptiveWindows(1.0, growth=0.5), "growth"),
        (lambda: AdaptiveWindows(1.0, shortest=2.0), "shortest"),
        (lambda: GivenWindows(()), "increasing times"),
        (lambda: GivenWindows(3), "give a tuple of increasing times"),  # type: ignore[arg-type]
        (lambda: GivenWindows((1.0, 1.0)), "increasing times"),
        (lambda: features(GivenWindows((1.0, 5.0))).compile(DECAY), "not all after 0 and until 4"),
        (lambda: Pinn(windows=3), "windows must be"),  # type: ignore[arg-type]
        (lambda: EqualWindows(beginning="warm"), "beginning must be"),  # type: ignore[arg-type]
    ):
        with pytest.raises(ValueError, match=message):
            settings()


def test_the_first_window_is_no_longer_than_the_interval() -> None:
    assert AdaptiveWindows(9.0).first(1.0, 5.0) == 4.0
