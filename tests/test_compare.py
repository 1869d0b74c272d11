"""Comparisons: what is told, and what is not told because it is not known."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
import sympy as sp

from pinnlab import (
    Box,
    Chebyshev,
    Collocation,
    D,
    Etdrk4,
    FiniteDifferences,
    MethodOfLines,
    Problem,
    SolveFailed,
    Status,
    UnsupportedProblem,
    compare,
    initial,
    parameter,
    reference,
    solve,
)
from pinnlab.calibration import SCORES
from pinnlab.compare import LEVELS, Comparison, ErrorMonitor, Row
from pinnlab.field import ExactField, Field
from pinnlab.integral import Integral
from pinnlab.known import known
from pinnlab.metrics import METRICS, relative_l2
from pinnlab.solution import ErrorBound, Solution
from pinnlab.solve import Progress
from pinnlab.solver import CPU, Method, Solver

t, x = sp.symbols("t x", real=True)
u = sp.Function("u")(t)
rate = parameter("rate", 2)
DECAY = Problem("decay", [D(u, t) + rate * u], [u], Box({t: (0, 1)}), [initial(u, 1)], t, reference=sp.exp(-rate * t))


@dataclass(frozen=True)
class Scaled(Field):
    """The exact solution times a number."""

    problem: Problem
    factor: float
    inner: Field

    def __call__(self, points):
        return self.factor * self.inner(points)

    def derivative(self, orders):
        return replace(self, inner=self.inner.derivative(orders))


@dataclass
class State:
    steps: int


@dataclass(frozen=True)
class Halving(Solver):
    """Its relative error is 1/2, 1/4, … after each step."""

    steps: int = 8
    fails_at: int = 99

    def compile(self, problem, device=CPU):
        return HalvingMethod(self, problem)


@dataclass(frozen=True)
class HalvingMethod(Method[State]):
    solver: Halving
    problem: Problem

    def init(self, seed):
        return State(0)

    def step(self, state):
        if state.steps + 1 == self.solver.fails_at:
            raise SolveFailed("it fell over")
        return State(state.steps + 1), {}

    def status(self, state):
        return Status.DONE if state.steps == self.solver.steps else Status.RUNNING

    def field(self, state):
        return Scaled(self.problem, 1 + 0.5**state.steps, ExactField.of(DECAY))


def with_error(error, bound=None, problem=DECAY):
    """A solution with a known relative error, and a bound of its own if it is to be a reference."""
    metrics = {m.__name__: bound for m in METRICS}
    kept = None if bound is None else ErrorBound(metrics, bound, 0.0, np.zeros(1), {"u": np.zeros(1)}, bound)
    field = Scaled(problem, 1 + error, ExactField.of(DECAY))
    return Solution(problem, Halving(), field, Status.DONE, 1.5, bound=kept)


def row(value, bound, name="a", reason=""):
    return Row("p", name, {}, 0, "relative_l2", value, bound, "done", reason, 1.0, "cpu", "float64", {}, None)


@pytest.mark.parametrize(
    ("value", "bound", "text"),
    [
        (2e-3, 1e-6, "2.00e-03"),
        (9.9e-7, 1e-6, "≤ 1.0e-06"),
        (1e-6, 1e-6, "≤ 1.0e-06"),
        (1.01e-6, 1e-6, "1.01e-06"),
        (3e-16, 0.0, "3.00e-16"),
        (0.0, 0.0, "0.00e+00"),
    ],
)
def test_no_error_is_told_below_the_bound_of_the_reference(value, bound, text):
    assert row(value, bound).text == text


def test_a_row_without_value_tells_the_reason():
    assert row(None, 0.0, reason="needs a periodic box").text == "n/a: needs a periodic box"


@pytest.mark.parametrize(
    ("first", "second", "bound", "expected"),
    [
        (1e-3, 1e-2, 1e-6, True),
        (1e-2, 1e-3, 1e-6, False),
        (1.0e-6, 1.9e-6, 1e-6, None),
        (1.9e-6, 1.0e-6, 1e-6, None),
        # The true errors may be 2.1e-6 and 1.2e-6.
        (1.1e-6, 2.2e-6, 1e-6, None),
        (1e-3, 1e-3, 0.0, None),
        (None, 1e-3, 0.0, None),
        (1e-3, None, 0.0, None),
    ],
)
def test_no_rank_within_the_bound(first, second, bound, expected):
    found = Comparison(DECAY, (row(first, bound), row(second, bound, "b")), {}, ExactField.of(DECAY), "", {})
    assert found.ranks("a", "b") is expected


def test_rows_hold_all_that_a_reader_needs():
    found = compare(DECAY, {"good": with_error(1e-4), "bad": Halving(steps=3)}, seed=7, device="cpu")
    rows = json.loads(found.to_json())
    keys = {"problem", "solver", "settings", "seed", "metric", "value", "bound", "status", "seconds", "device", "dtype"}
    assert all(keys <= set(r) for r in rows)
    assert [(r["solver"], r["metric"]) for r in rows] == [
        (name, m.__name__) for name in ("good", "bad") for m in METRICS
    ]
    good, bad = rows[0], rows[3]
    assert good["value"] == pytest.approx(1e-4, rel=1e-9)
    assert (good["problem"], good["bound"], good["status"], good["seconds"]) == ("decay", 0.0, "done", 1.5)
    assert (good["device"], good["dtype"], good["text"]) == ("cpu", "float64", "1.00e-04")
    assert (good["parameters"], good["end"]) == ({"rate": 2.0}, 1.0)
    assert bad["value"] == pytest.approx(1 / 8, rel=1e-9)
    assert bad["settings"] == {"type": "Halving", "steps": 3, "fails_at": 99}
    assert bad["seed"] == 7
    assert found.truth_name == "exact solution"
    assert found.ranks("good", "bad") is True


def test_max_error_and_relative_errors_are_measured_by_their_own_bounds():
    truth = with_error(0.0, bound=1e-3)
    truth = replace(truth, bound=replace(truth.bound, metrics={"relative_l2": 1e-3, "max_error": 1e-9}))
    found = compare(DECAY, {"a": with_error(1e-5)}, reference=truth, metrics=METRICS[:2])
    assert [r.text for r in found.rows] == ["≤ 1.0e-03", "1.00e-05"]
    assert "1.0e-03" in found.truth_name


def test_a_refusal_has_its_reason_and_does_not_stop_the_others(shipped):
    problem = shipped["poisson_1d"]
    found = compare(problem, {"etd": Etdrk4(), "cheb": Collocation(Chebyshev(24))}, device="cpu")
    refused = [r for r in found.rows if r.solver == "etd"]
    assert len(refused) == len(METRICS)
    assert all(r.status == "n/a" and r.value is None and r.seconds is None for r in refused)
    assert refused[0].text.startswith("n/a: Etdrk4 on 'poisson_1d'")
    assert refused[0].settings["type"] == "Etdrk4"
    assert set(found.solutions) == set(found.times_to_error) == {"cheb"}
    assert found.ranks("etd", "cheb") is None
    assert json.loads(found.to_json())[0]["value"] is None


def test_a_diverged_solver_has_no_value_but_its_reason():
    found = compare(DECAY, {"falls": Halving(fails_at=4), "stands": Halving()}, device="cpu")
    (first, *_) = (r for r in found.rows if r.solver == "falls")
    assert (first.status, first.value, first.text) == ("diverged", None, "n/a: it fell over")
    assert first.seconds is not None
    assert found.solutions["falls"].status is Status.DIVERGED
    assert found.ranks("falls", "stands") is None


def test_an_answer_that_is_not_finite_has_no_value():
    found = compare(DECAY, {"a": with_error(math.nan)})
    assert found.rows[0].text == "n/a: the answer is not finite"
    assert "NaN" not in found.to_json()


def test_a_reference_that_diverged_is_refused():
    failed = replace(with_error(0.0), status=Status.DIVERGED, failure="it fell over")
    with pytest.raises(SolveFailed, match="it fell over"):
        compare(DECAY, {"a": Halving()}, reference=failed)


def test_a_field_may_be_the_truth():
    found = compare(DECAY, {"a": with_error(0.0)}, reference=with_error(1.0).field)
    assert found.truth_name == "the given field"
    assert found.rows[0].value == pytest.approx(0.5)


def test_without_exact_solution_the_truth_is_a_reference_with_its_bound(shipped):
    problem = shipped["kuramoto_sivashinsky"]
    found = compare(problem, {"coarse": Etdrk4(points=32, steps=30)}, rtol=1e-3, device="cpu")
    bound = found.rows[0].bound
    assert 0 < bound <= 1e-3
    assert found.rows[0].value > bound
    assert found.truth_name.startswith("Etdrk4 (relative L2 bound ")


def test_without_any_truth_nothing_can_be_compared():
    w = sp.Function("w")(t, x)
    box = Box({t: (0, 1), x: (0, 1)}, periodic=[x])
    problem = Problem("mixed", [D(D(w, t), x, 2) - D(w, t) + w], [w], box, [initial(w, 0)], t)
    with pytest.raises(UnsupportedProblem, match="no classical solver takes 'mixed'"):
        compare(problem, {"a": Halving()})


def test_times_to_error_are_the_first_times_below_each_level():
    times = (0.5, 1.0, 2.0, 4.0)
    history = {"seconds": np.array(times), "relative_l2": np.array([0.3, 0.05, np.nan, 2e-3])}
    found = compare(DECAY, {"a": replace(with_error(5e-4), history=history, seconds=8.0)})
    assert found.times_to_error["a"] == {1e-1: 1.0, 1e-2: 4.0, 1e-3: 8.0}


def test_times_to_error_leave_out_levels_below_the_bound():
    found = compare(DECAY, {"a": with_error(0.0)}, reference=with_error(0.0, bound=5e-3))
    assert found.times_to_error["a"] == {1e-1: 1.5, 1e-2: 1.5}
    assert compare(DECAY, {"a": with_error(0.0)}).times_to_error["a"] == dict.fromkeys(LEVELS, 1.5)


def test_the_error_is_watched_at_growing_intervals_and_changes_no_answer():
    monitor = ErrorMonitor(ExactField.of(DECAY))
    field = with_error(0.25).field
    told = [monitor(Progress(k, s, {}, lambda: field)) for k, s in enumerate((1.0, 1.01, 1.1, 3.0, 3.1))]
    assert [m is not None for m in told] == [True, False, False, True, False]
    assert told[0]["relative_l2"] == pytest.approx(0.25)
    found = compare(DECAY, {"a": Halving()}, device="cpu")
    alone = solve(DECAY, Halving(), device="cpu")
    points = np.linspace(0, 1, 9)[:, None]
    np.testing.assert_array_equal(found.solutions["a"].field(points), alone.field(points))
    assert "relative_l2" in found.solutions["a"].history


def test_what_is_known_up_to_a_constant_is_not_watched_at_points(shipped):
    problem = shipped["navier_stokes_vorticity"]
    truth = solve(problem, Etdrk4(points=32, steps=4), device="cpu").field
    shifted = replace(truth, values=truth.values + np.array([0.0, 5.0])[:, None, None, None])
    told = ErrorMonitor(truth)(Progress(1, 1.0, {}, lambda: shifted))
    assert told["relative_l2"] < 1e-12


def test_further_monitors_belong_to_one_solver():
    seen = []
    compare(DECAY, {"a": Halving(2), "b": Halving(3)}, monitors={"b": [lambda p: seen.append(p.step)]}, device="cpu")
    assert seen == [1, 2, 3]


def test_a_budget_holds_for_each_solver():
    found = compare(DECAY, {"a": Halving(10**9, fails_at=0)}, max_seconds=0.02, device="cpu")
    assert found.rows[0].status == "running"
    assert found.rows[0].value is not None


def test_tables_have_a_line_for_each_solver(shipped):
    from rich.console import Console

    problem = shipped["heat"]
    lines = MethodOfLines(FiniteDifferences(32), snapshots=10)
    found = compare(problem, {"lines [fd]": lines, "etd": Etdrk4()}, device="cpu", metrics=[relative_l2])
    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(found.table(), found.times_table())
    text = console.export_text()
    value = next(r for r in found.rows if r.solver == "lines [fd]").text
    assert value in text
    assert "lines [fd]" in text
    assert "periodic along every axis" in " ".join(text.split())
    assert "1e-01" in text


def test_notes_are_told_below_the_table_and_in_json():
    noted = replace(with_error(1e-3), note="training [stalled]")
    found = compare(DECAY, {"a": noted, "b": with_error(1e-2)})
    assert str(found.table().caption).replace("\\", "") == "a: training [stalled]"
    assert {r["solver"]: r["note"] for r in json.loads(found.to_json())} == {"a": "training [stalled]", "b": ""}


def test_a_reference_solution_may_be_compared_itself(shipped):
    problem = shipped["advection"]
    truth = reference(problem, 1e-3)
    found = compare(problem, {"itself": truth}, reference=truth)
    assert found.rows[0].value == 0
    assert found.rows[0].text.startswith("≤ ")


def random_decay(polynomials, error=0.1, deviation=0.3):
    """Polynomials about exp(-2 t) whose value at the start is known well, and everywhere else less."""
    near = Scaled(DECAY, 1 + error, ExactField.of(DECAY))
    places = np.linspace(0, 1, 6)[:, None]
    data = [Integral("u", p[None], np.ones(1), v, deviation) for p, v in zip(places, near(places)[:, 0], strict=True)]
    return Solution(DECAY, Halving(), polynomials(DECAY, 5).given(data), Status.DONE, 2.0)


def test_standard_deviations_are_scored_and_other_solvers_have_no_such_rows(polynomials):
    found = compare(DECAY, {"gp": random_decay(polynomials), "net": with_error(1e-3)})
    scores = {r.metric: r for r in found.rows if r.solver == "gp"}
    assert set(SCORES) < set(scores)
    assert not {r.metric for r in found.rows if r.solver == "net"} & set(SCORES)
    assert 0.5 < scores["coverage_90"].value <= 1
    assert scores["coverage_90"].text == f"{scores['coverage_90'].value:.3f}"
    assert scores["crps"].value < scores["relative_l2"].value
    assert json.loads(found.to_json())[3]["metric"] == "coverage_90"
    assert len(found.tables()) == 3
    (shown,) = found.calibration_table().columns[0].cells
    assert shown == "gp"
    assert [c.header for c in found.table().columns][1:4] == ["relative\nl2", "max\nerror", "relative\nh1"]
    plain = compare(DECAY, {"net": with_error(1e-3)})
    assert plain.calibration_table() is None
    assert len(plain.tables()) == 2


def test_a_coverage_that_the_reference_leaves_open_tells_why(polynomials):
    found = compare(DECAY, {"gp": random_decay(polynomials, 0.0, 1e-3)}, reference=with_error(0.0, bound=0.5))
    open_ = next(r for r in found.rows if r.metric == "coverage_90")
    assert open_.value is None
    assert open_.text.startswith("n/a: the reference's own bound 5.0e-01 leaves it open between 0.00 and 1.00")
    table = found.calibration_table()
    assert [list(c.cells) for c in table.columns][1] == ["n/a"]
    assert [c.header for c in table.columns] == ["solver", "coverage_90", "crps / rms of truth", "relative_deviation"]
    calibrated, reason = table.caption.splitlines()
    assert calibrated == "calibrated: coverage_90 near 0.9, relative_deviation near relative_l2"
    assert reason.startswith("gp: coverage_90 n/a: the reference's own bound")
    assert next(r for r in found.rows if r.metric == "crps").text == "≤ 5.0e-01"


def test_a_failed_run_has_no_scores(polynomials):
    fallen = replace(random_decay(polynomials), status=Status.DIVERGED, failure="it fell over")
    assert not {r.metric for r in compare(DECAY, {"gp": fallen}).rows} & set(SCORES)


def test_a_problem_without_a_digest_is_compared_with_its_own_reference():
    class One:
        def derivative(self, orders):
            return lambda points: np.full((len(points), 1), float(not any(orders)))

    source = known("one", One(), 0, t)
    problem = Problem("driven", [D(u, t) - source], [u], Box({t: (0, 1)}), [initial(u, 1)], t)
    found = compare(problem, {"halving": Halving(3)}, reference=with_error(0.0, 1e-9, problem))
    value = next(r for r in found.rows if r.metric == "relative_l2").value
    assert value == pytest.approx(1 / 8)
