"""The one loop: clock, budgets, monitors, the non-finite guard, and checkpoints."""

from __future__ import annotations

import math
import re
import sys
import time
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import numpy as np
import pytest
import sympy as sp
import torch

from pinnlab import Box, D, Problem, SolveFailed, UnsupportedProblem, dirichlet, initial
from pinnlab.domain.base import Domain
from pinnlab.field import Field
from pinnlab.files import checkpoint as files
from pinnlab.solve import Interrupted, Progress, resolve_device, solve
from pinnlab.solver import CPU, Method, Solver, Status
from pinnlab.training.ranks import Ranks

t = sp.Symbol("t", real=True)
u = sp.Function("u")(t)
PROBLEM = Problem("decay", [D(u, t) + u], [u], Box({t: (0, 1)}), [initial(u, 1)], time=t)


@dataclass(frozen=True)
class Constant(Field):
    problem: Problem
    value: float

    def __call__(self, points):
        return np.full((len(points), 1), self.value)

    def derivative(self, orders):
        return replace(self, value=0.0)


@dataclass
class WalkState:
    steps: int
    value: float
    rng: np.random.Generator


@dataclass(frozen=True)
class Walk(Solver):
    """A random walk: everything that the loop may see of a solver, and nothing else."""

    steps: int = 6
    nan_at: int = 0
    fails_at: int = 0
    only_cpu: bool = False

    def compile(self, problem, device=CPU):
        if self.only_cpu and device.type != "cpu":
            raise UnsupportedProblem(f"Walk on {problem.name!r} runs on the CPU only")
        return WalkMethod(self, problem, device)


@dataclass(frozen=True)
class WalkMethod(Method[WalkState]):
    solver: Walk
    problem: Problem
    device: torch.device

    def init(self, seed):
        return WalkState(0, 1.0, np.random.default_rng(seed))

    def step(self, state):
        following = state.steps + 1
        if following == self.solver.fails_at:
            raise SolveFailed("the walk has no road")
        rng = np.random.default_rng()
        rng.bit_generator.state = state.rng.bit_generator.state
        value = math.nan if following == self.solver.nan_at else state.value + rng.standard_normal()
        return WalkState(following, value, rng), {"value": value}

    def status(self, state):
        return Status.DONE if state.steps >= self.solver.steps else Status.RUNNING

    def field(self, state):
        return Constant(self.problem, state.value)

    def note(self, state):
        return f"walked {state.steps} steps"


def run(solver=None, **keywords):
    return solve(PROBLEM, Walk() if solver is None else solver, **({"device": "cpu"} | keywords))


def fake_clock(monkeypatch, tick):
    """A clock that moves on by `tick` whenever the loop looks at it."""
    clock = iter(range(0, 10_000, tick))
    fake = SimpleNamespace(perf_counter=lambda: float(next(clock)), monotonic=time.monotonic)
    monkeypatch.setattr(sys.modules["pinnlab.run"], "time", fake)
    return clock


def value(solution):
    return float(solution.field(np.zeros((1, 1)))[0, 0])


def test_a_solve_runs_until_its_method_is_done():
    solution = run()
    assert solution.status is Status.DONE
    assert list(solution.history["step"]) == [1, 2, 3, 4, 5, 6]
    assert value(solution) == solution.history["value"][-1]
    assert (solution.seed, solution.device, solution.dtype, solution.failure) == (0, "cpu", "float64", "")
    assert solution.problem is PROBLEM
    assert solution.solver == Walk()


def test_a_solution_has_the_note_of_its_method_at_the_end():
    assert run(Walk(steps=3)).note == "walked 3 steps"
    assert Method.note(WalkMethod(Walk(), PROBLEM, CPU), None) == ""


def test_seconds_grow_and_do_not_count_monitors(monkeypatch):
    clock = fake_clock(monkeypatch, 7)
    solution = run(Walk(steps=3), monitors=[lambda progress: {"clock": float(next(clock))}])
    assert list(solution.history["seconds"]) == [7, 14, 21]
    assert solution.seconds == 21


def test_a_budget_of_steps_stops_a_run_that_is_not_done():
    solution = run(max_steps=2)
    assert solution.status is Status.RUNNING
    assert list(solution.history["step"]) == [1, 2]
    assert solution.checked() is solution
    untouched = run(max_steps=0)
    assert (untouched.status, untouched.history, value(untouched)) == (Status.RUNNING, {}, 1.0)


def test_a_budget_of_seconds_stops_before_the_next_step(monkeypatch):
    fake_clock(monkeypatch, 10)
    solution = run(max_seconds=25)
    assert list(solution.history["step"]) == [1, 2, 3]
    assert solution.status is Status.RUNNING


def test_monitors_see_every_step_and_what_they_return_joins_the_history():
    seen: list[Progress] = []

    def doubled(progress):
        seen.append(progress)
        return {"doubled": 2 * progress.scalars["value"]}

    def late(progress):
        return {"quadrupled": 2 * progress.scalars["doubled"]} if progress.step > 4 else None

    solution = run(monitors=[doubled, late])
    np.testing.assert_array_equal(solution.history["doubled"], 2 * solution.history["value"])
    assert [p.step for p in seen] == [1, 2, 3, 4, 5, 6]
    assert np.isnan(solution.history["quadrupled"][:4]).all()
    np.testing.assert_array_equal(solution.history["quadrupled"][4:], 4 * solution.history["value"][4:])
    # Each field is that of its own step, also when it is asked for after the run.
    fields = [p.field()(np.zeros((1, 1)))[0, 0] for p in seen]
    np.testing.assert_array_equal(fields, solution.history["value"])


def test_monitors_do_not_change_the_answer():
    watched = run(monitors=[lambda progress: {"size": float(np.abs(progress.field()(np.zeros((1, 1)))).max())}])
    assert value(watched) == value(run())


def test_a_non_finite_scalar_stops_the_run_and_keeps_the_last_good_state():
    calls = []
    solution = run(Walk(nan_at=3), monitors=[lambda progress: calls.append(progress.step)])
    assert solution.status is Status.DIVERGED
    assert value(solution) == value(run(max_steps=2))
    assert list(solution.history["step"]) == [1, 2] == calls
    with pytest.raises(SolveFailed, match=r"Walk on 'decay' failed: value became non-finite in step 3"):
        solution.checked()


def test_a_step_that_fails_ends_the_run_with_its_reason():
    solution = run(Walk(fails_at=2))
    assert solution.status is Status.DIVERGED
    assert solution.failure == "the walk has no road"
    assert value(solution) == value(run(max_steps=1))


def test_numpy_does_not_warn_of_what_the_loop_detects(recwarn):
    class Noisy(WalkMethod):
        def step(self, state):
            return state, {"value": float(np.log(np.zeros(1))[0])}

    @dataclass(frozen=True)
    class Warns(Walk):
        def compile(self, problem, device=CPU):
            return Noisy(self, problem, device)

    assert run(Warns()).status is Status.DIVERGED
    assert not recwarn.list


def test_a_resumed_run_equals_an_uncut_one(tmp_path):
    path = tmp_path / "walk.ckpt"
    run(max_steps=2, seed=4, checkpoint=path)
    rest = run(seed=4, checkpoint=path, resume=True)
    whole = run(seed=4)
    assert value(rest) == value(whole)
    for column in ("step", "value"):
        np.testing.assert_array_equal(rest.history[column], whole.history[column])
    assert rest.seconds == rest.history["seconds"][-1]
    assert (np.diff(rest.history["seconds"]) > 0).all()


def test_a_killed_run_leaves_the_checkpoint_of_its_first_step(tmp_path):
    path = tmp_path / "walk.ckpt"

    def kill(progress):
        if progress.step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(checkpoint=path, monitors=[kill])
    assert [f.name for f in tmp_path.iterdir()] == ["walk.ckpt"]
    state, extra = files.load(path, WalkMethod(Walk(), PROBLEM, CPU).init(0))
    assert (state.steps, extra["step"]) == (1, 1)
    assert value(run(checkpoint=path, resume=True)) == value(run())


def test_columns_of_monitors_survive_a_resumption_where_they_were_not_told_at_every_step(tmp_path):
    path = tmp_path / "walk.ckpt"

    def sometimes(progress):
        return {"rare": float(progress.step)} if progress.step in (2, 5) else None

    run(max_steps=3, checkpoint=path, monitors=[sometimes])
    rest = run(checkpoint=path, resume=True, monitors=[sometimes])
    np.testing.assert_array_equal(rest.history["rare"], [math.nan, 2, math.nan, math.nan, 5, math.nan])


def test_resuming_counts_the_budget_from_the_start(tmp_path):
    path = tmp_path / "walk.ckpt"
    run(max_steps=2, checkpoint=path)
    assert list(run(max_steps=3, checkpoint=path, resume=True).history["step"]) == [1, 2, 3]


def test_resuming_a_finished_run_returns_at_once(tmp_path):
    path = tmp_path / "walk.ckpt"
    first = run(checkpoint=path)
    calls = []
    again = run(checkpoint=path, resume=True, monitors=[lambda progress: calls.append(progress)])
    assert not calls
    assert (again.status, again.seconds, value(again)) == (Status.DONE, first.seconds, value(first))
    np.testing.assert_array_equal(again.history["value"], first.history["value"])


def test_resuming_without_a_file_starts_afresh(tmp_path):
    path = tmp_path / "walk.ckpt"
    assert value(run(checkpoint=path, resume=True)) == value(run())
    assert path.exists()


def test_a_run_without_resume_replaces_an_old_checkpoint(tmp_path):
    path = tmp_path / "walk.ckpt"
    run(checkpoint=path, seed=1)
    assert value(run(checkpoint=path, seed=2)) == value(run(seed=2))
    assert value(run(checkpoint=path, seed=2, resume=True)) == value(run(seed=2))


def test_resume_needs_a_checkpoint():
    with pytest.raises(ValueError, match="resume=True needs checkpoint=FILE"):
        run(resume=True)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"seed": 1}, "seed"),
        ({"solver": Walk(steps=7)}, "solver"),
        ({"problem": replace(PROBLEM, conditions=(initial(u, 2),))}, "problem"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused_in_one_sentence(tmp_path, change, what):
    path = tmp_path / "walk.ckpt"
    run(max_steps=2, checkpoint=path)
    before = path.read_bytes()
    keywords = {"problem": PROBLEM, "solver": Walk(), "device": "cpu"} | change
    with pytest.raises(ValueError, match=f"it belongs to another {what} ") as refusal:
        solve(**keywords, checkpoint=path, resume=True)
    assert "\n" not in str(refusal.value)
    assert "walk.ckpt" in str(refusal.value)
    assert path.read_bytes() == before


def test_the_name_of_a_problem_does_not_make_it_another_one(tmp_path):
    path = tmp_path / "walk.ckpt"
    run(max_steps=2, checkpoint=path)
    renamed = replace(PROBLEM, name="renamed", citation="moved")
    assert value(solve(renamed, Walk(), checkpoint=path, resume=True, device="cpu")) == value(run())


def test_a_damaged_checkpoint_is_refused(tmp_path):
    path = tmp_path / "walk.ckpt"
    run(max_steps=2, checkpoint=path)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ValueError, match=re.escape(str(path))):
        run(checkpoint=path, resume=True)


def test_a_checkpoint_into_a_folder_that_is_not_there_names_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        run(checkpoint=tmp_path / "nowhere" / "walk.ckpt")


def test_a_failed_run_leaves_the_checkpoint_of_its_last_good_state(tmp_path):
    path = tmp_path / "walk.ckpt"
    run(Walk(nan_at=4), checkpoint=path)
    state, _ = files.load(path, WalkState(0, 1.0, np.random.default_rng(0)))
    assert state.steps == 3
    again = run(Walk(nan_at=4), checkpoint=path, resume=True)
    assert again.status is Status.DIVERGED
    assert list(again.history["step"]) == [1, 2, 3]


def test_auto_falls_back_to_the_cpu_for_solvers_that_run_there_only(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert run(Walk(only_cpu=True), device="auto").device == "cpu"
    assert run(Walk(), device="auto").device == "cuda"


def test_a_device_that_was_asked_for_is_not_exchanged(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(UnsupportedProblem, match="CPU only"):
        run(Walk(only_cpu=True), device="cuda")


@pytest.mark.parametrize(
    ("name", "message"), [("gpu", "not known"), ("cuda:9", "CUDA devices here"), ("cuda", "CUDA devices here")]
)
def test_devices_that_are_not_there_are_refused(monkeypatch, name, message):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: name == "cuda:9")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1 if name == "cuda:9" else 0)
    with pytest.raises(ValueError, match=message):
        resolve_device(name)


def test_auto_is_the_cpu_without_cuda(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto") == torch.device("cpu") == resolve_device("cpu")


def test_nothing_global_changes():
    dtype, threads, state = torch.get_default_dtype(), torch.get_num_threads(), torch.random.get_rng_state()
    run()
    assert (torch.get_default_dtype(), torch.get_num_threads()) == (dtype, threads)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_an_interrupted_run_holds_what_it_had_reached():
    def interrupt(progress):
        if progress.step == 4:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted) as caught:
        solve(PROBLEM, Walk(), monitors=[interrupt])
    reached, whole = caught.value.solution, solve(PROBLEM, Walk(), max_steps=4)
    assert reached.status is Status.RUNNING
    assert reached.history["step"].tolist() == [1, 2, 3]
    point = np.zeros((1, 1))
    np.testing.assert_array_equal(reached.field(point), whole.field(point))
    assert isinstance(caught.value, KeyboardInterrupt)


def test_an_interruption_before_the_first_step_has_nothing_to_hold(monkeypatch):
    def interrupted(self, state):
        raise KeyboardInterrupt

    monkeypatch.setattr(WalkMethod, "step", interrupted)
    with pytest.raises(KeyboardInterrupt) as caught:
        solve(PROBLEM, Walk())
    assert not isinstance(caught.value, Interrupted)


@pytest.mark.parametrize("solver", ["etdrk4", Walk])
def test_what_is_no_solver_is_refused(solver):
    with pytest.raises(ValueError, match="settings of a method"):
        solve(PROBLEM, solver)


@dataclass
class Heard(Ranks):
    """The first of two ranks, and the numbers on which it wants to agree."""

    device = torch.device("cpu")
    number = 0
    size = 2
    numbers: list = field(default_factory=list)

    def entering(self, theta):
        return theta

    def summed(self, part):
        return part

    def agreed(self, value):
        self.numbers.append(float(value))
        return value


class Own:
    """A part of a solver that does not say what it is."""


@dataclass(frozen=True)
class Shared(Walk):
    ranks: Ranks = field(default_factory=Heard, repr=False)
    part: Own = field(default_factory=Own)

    def compile(self, problem, device=CPU):
        method = super().compile(problem, device)
        object.__setattr__(method, "ranks", self.ranks)
        return method


class Segment(Domain):
    """A region that JSON has no words for."""

    coordinates = (sp.Symbol("x", real=True),)
    pieces = ("ends",)

    def contains(self, points):
        return np.abs(points[:, 0]) <= 1

    def sample(self, n, rng):
        return rng.uniform(-1, 1, (n, 1))

    def sample_piece(self, piece, n, rng):
        ends = rng.choice([-1.0, 1.0], (n, 1))
        return ends, ends


def asked(right=1, **settings):
    """What ranks tell one another of a run on a domain of the user's own, with parts that print their addresses."""
    domain = Segment()
    (x,) = domain.coordinates
    v = sp.Function("v")(x)
    problem = Problem("own", [D(v, x, 2) - right], [v], domain, [dirichlet(v, 0)])
    solver = Shared()
    solve(problem, solver, device="cpu", **settings)
    return solver.ranks.numbers[1]


def test_ranks_agree_on_a_run_whose_problem_has_no_json_and_notice_one_that_differs():
    plain = asked(max_steps=1)
    assert asked(max_steps=np.int64(1)) == plain
    others = [asked(2, max_steps=1), asked(max_steps=2), asked(max_steps=1, max_seconds=9), asked(max_steps=1, seed=1)]
    assert len({plain, *others}) == 5


def test_ranks_wait_for_the_first_one_before_they_read_its_checkpoint(tmp_path, monkeypatch):
    solver, file, before = Shared(), tmp_path / "kept", []
    solve(PROBLEM, solver, max_steps=2, checkpoint=file, device="cpu")
    solver.ranks.numbers.clear()
    load = files.load
    monkeypatch.setattr(files, "load", lambda *a: (before.append(len(solver.ranks.numbers)), load(*a))[1])
    solve(PROBLEM, solver, max_steps=3, checkpoint=file, resume=True, device="cpu")
    assert before == [1]


@pytest.mark.parametrize(
    "bad", [{"seed": -1}, {"seed": 1.5}, {"max_seconds": -1}, {"max_steps": -2}, {"max_seconds": math.nan}]
)
def test_seeds_and_budgets_that_mean_nothing_are_refused(bad):
    with pytest.raises(ValueError, match=rf"solve: {next(iter(bad))} = .*; give a"):
        solve(PROBLEM, Walk(), device="cpu", **bad)
