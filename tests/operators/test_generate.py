"""Data for operators."""

import multiprocessing
import os
import resource
import signal
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import h5py
import numpy as np
import pytest
import sympy as sp
import torch
from scipy import stats

from pinnlab import Box, D, Family, Problem, TimeInterval, dirichlet, initial, parameter
from pinnlab.errors import SolveFailed
from pinnlab.files import well
from pinnlab.operators import batched
from pinnlab.operators.batched import resampled
from pinnlab.operators.generate import generate
from pinnlab.random_functions import NeumannField, PeriodicField, TwoPhase
from pinnlab.solve import solve
from pinnlab.solvers.etdrk4 import Etdrk4
from pinnlab.solvers.finite_element import FiniteElement

t, x, y = sp.symbols("t x y", real=True)


class Uniform:
    def rvs(self, *, random_state: np.random.Generator) -> float:
        """One draw."""
        return float(random_state.uniform(0.05, 0.2))


def burgers(modes: int = 8) -> Family:
    u, u0 = sp.Function("u")(t, x), parameter("u0", sp.sin(2 * sp.pi * x))
    law = D(u, t) + D(u**2 / 2, x) - sp.Rational(1, 20) * D(u, x, 2)
    domain = TimeInterval(t, 0, 1) * Box({x: (0, 1)}, periodic=[x])
    problem = Problem("burgers", [law], [u], domain, [initial(u, u0)], time=t)
    return Family(problem, {u0: PeriodicField({x: (0, 1)}, alpha=2, tau=5, sigma=25, modes=modes)})


def heat() -> Family:
    u, u0, k = sp.Function("u")(t, x), parameter("u0", sp.sin(2 * sp.pi * x)), parameter("k", 0.1)
    domain = TimeInterval(t, 0, 1) * Box({x: (0, 1)}, periodic=[x])
    problem = Problem("heat", [D(u, t) - k * D(u, x, 2)], [u], domain, [initial(u, u0)], time=t)
    return Family(problem, {k: Uniform(), u0: PeriodicField({x: (0, 1)}, alpha=2, tau=5, modes=3)})


def darcy(modes: int = 8) -> Family:
    u, a = sp.Function("u")(x, y), parameter("a", 3)
    balance = -D(a * D(u, x), x) - D(a * D(u, y), y) - 1
    problem = Problem("darcy", [balance], [u], Box({x: (0, 1), y: (0, 1)}), [dirichlet(u, 0)])
    return Family(problem, {a: TwoPhase(NeumannField({x: (0, 1), y: (0, 1)}, alpha=2, tau=3, modes=modes))})


QUICK = Etdrk4(points=64, steps=40)
COARSE = FiniteElement(degree=1, cells=4)


def test_batched_answers_are_those_of_single_solves():
    family = burgers()
    data = generate(family, 3, QUICK, nodes=32, times=(0.0, 0.5, 1.0), seed=4, device="cpu")
    assert data.outputs.shape == (3, 3, 1, 32)
    nodes = np.arange(32) / 32
    for i in range(3):
        field = solve(family.member(i, 4), QUICK, device="cpu").field
        for k, t in enumerate((0.0, 0.5, 1.0)):
            alone = field(np.column_stack([np.full(32, t), nodes]))[:, 0]
            np.testing.assert_allclose(data.outputs[i, k, 0], alone, atol=1e-12)
    np.testing.assert_allclose(data.inputs[:, 0], data.outputs[:, 0, 0], atol=1e-12)


def test_bounds_are_above_the_error_and_not_far():
    family = burgers()
    data = generate(family, 4, QUICK, nodes=32, device="cpu")
    best = generate(family, 4, Etdrk4(points=128, steps=640), nodes=32, device="cpu")
    errors = np.linalg.norm((data.outputs - best.outputs).reshape(4, -1), axis=1)
    errors /= np.linalg.norm(best.outputs.reshape(4, -1), axis=1)
    assert np.all(errors > 1e-10)
    assert np.all(data.bounds >= errors)
    assert np.all(data.bounds < 1e3 * errors)


def test_a_random_number_is_a_constant_channel():
    family = heat()
    data = generate(family, 2, QUICK, nodes=16, device="cpu", seed=1)
    assert data.input_names == ("k", "u0")
    for i in range(2):
        k = family.draw(i, 1)["k"]
        np.testing.assert_array_equal(data.inputs[i, 0], np.full(16, k))
        # Every wave e^{2πimx} falls by the factor e^{-4π²m²k} in one unit of time.
        decay = np.exp(-4 * np.pi**2 * np.arange(9) ** 2 * k)
        exact = np.fft.irfft(np.fft.rfft(data.inputs[i, 1]) * decay, 16)
        np.testing.assert_allclose(data.outputs[i, 0, 0], exact, atol=1e-10)


def test_other_processes_solve_problems_with_drawn_coefficients():
    data = generate(darcy(), 3, FiniteElement(degree=1, cells=8), nodes=9)
    assert data.outputs.shape == (3, 1, 1, 9, 9)
    assert set(np.unique(data.inputs)) == {4.0, 12.0}
    # With a constant coefficient a the largest value is 0.0737/a.
    assert np.all((data.outputs.max(axis=(1, 2, 3, 4)) > 0.07 / 12) & (data.outputs.max(axis=(1, 2, 3, 4)) < 0.08 / 4))
    assert np.all((data.bounds > 0) & (data.bounds < 0.5))


def test_a_part_of_the_sample_is_the_same_in_every_order(tmp_path):
    whole = generate(burgers(), 5, QUICK, nodes=32, device="cpu", out=tmp_path / "a.hdf")
    short = generate(burgers(), 2, QUICK, nodes=32, device="cpu")
    np.testing.assert_allclose(whole.outputs[:2], short.outputs, atol=1e-13)
    assert [p.name for p in tmp_path.iterdir()] == ["a.hdf"]


def test_a_file_made_from_something_else_is_neither_used_nor_replaced(tmp_path):
    generate(burgers(), 2, QUICK, nodes=32, device="cpu", out=tmp_path / "a.hdf")
    before = (tmp_path / "a.hdf").read_bytes()
    with pytest.raises(ValueError, match="made with other distributions"):
        generate(burgers(modes=7), 2, QUICK, nodes=32, device="cpu", out=tmp_path / "a.hdf")
    assert len(generate(burgers(), 2, QUICK, nodes=32, device="cpu", out=tmp_path / "a.hdf")) == 2
    assert (tmp_path / "a.hdf").read_bytes() == before


def forked(target, *arguments):
    """A process that runs the target with one end of a pipe; the other end is for the caller."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    child = context.Process(target=target, args=(there, *arguments))
    child.start()
    there.close()
    return child, here


def told(pipe, out):
    torch.set_num_threads(1)
    batched.ON_CPU = 128
    generate(burgers(), 120, QUICK, nodes=32, device="cpu", out=out, progress=lambda done, wanted: pipe.send(done))


def test_a_killed_run_goes_on_without_a_lost_or_doubled_sample(tmp_path):
    out = tmp_path / "d.hdf"
    child, pipe = forked(told, out)
    try:
        for _ in range(3):
            pipe.recv()
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.join()
    assert not out.exists()
    with h5py.File(f"{out}.part") as file:
        done = file["pinnlab/done"][:].astype(bool)
        kept = file["t0_fields/u"][:][done]
    assert 3 <= done.sum() < 120
    solved = []
    data = generate(burgers(), 120, QUICK, nodes=32, device="cpu", out=out, progress=lambda k, n: solved.append(k))
    assert solved[-1] == 120
    assert solved[0] > done.sum()
    np.testing.assert_array_equal(data.outputs[:][done][:, :, 0], kept)
    alone = generate(burgers(), 120, QUICK, nodes=32, device="cpu")
    np.testing.assert_allclose(data.outputs[:], alone.outputs, atol=1e-12)
    np.testing.assert_allclose(data.inputs[:], alone.inputs, atol=1e-12)


def told_by_processes(pipe, out):
    def tell(done: int, wanted: int) -> None:
        workers = [p.pid for p in multiprocessing.active_children()]
        pipe.send(workers)

    generate(darcy(2), 60, FiniteElement(degree=2, cells=12), nodes=5, out=out, progress=tell)


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_workers_of_a_killed_run_end_and_do_not_keep_the_file(tmp_path):
    out = tmp_path / "d.hdf"
    child, pipe = forked(told_by_processes, out)
    try:
        workers = pipe.recv()
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.join()
    assert workers
    again = []
    solver = FiniteElement(degree=2, cells=12)
    data = generate(darcy(2), 60, solver, nodes=5, out=out, progress=lambda k, n: again.append(k))
    assert again[0] > 1
    assert again[-1] == len(data) == 60
    assert np.all(np.abs(data.outputs[:]).max(axis=(1, 2, 3, 4)) > 0)
    end = time.monotonic() + 10
    while any(map(alive, workers)):
        assert time.monotonic() < end
        time.sleep(0.1)


def test_what_finished_beside_a_failure_is_kept(tmp_path):
    family, out = burgers(), tmp_path / "d.hdf"
    with pytest.raises(SolveFailed, match="holds NaN or infinity"):
        generate(
            Family(family.problem, {k: Sometimes() for k in family.distributions}),
            8,
            Etdrk4(points=64, steps=40),
            nodes=32,
            device="cpu",
            out=out,
        )
    with h5py.File(f"{out}.part") as file:
        done = file["pinnlab/done"][:].astype(bool)
        assert 0 < done.sum() < 8
        assert np.isfinite(file["t0_fields/u"][:][done]).all()


class Sometimes:
    def rvs(self, *, random_state):
        return (1e30 if random_state.random() < 0.5 else 0.1) * sp.sin(2 * sp.pi * x)


def test_distributions_that_two_draws_do_not_tell_apart_make_another_file(tmp_path):
    u, k = sp.Function("u")(x), parameter("k", 1)
    steady = Problem("line", [k * D(u, x, 2) - 1], [u], Box({x: (0, 1)}), [dirichlet(u, 0)])

    def made(distribution):
        with ThreadPoolExecutor(1) as pool:
            generate(Family(steady, {k: distribution}), 1, COARSE, nodes=4, executor=pool, out=tmp_path / "a.hdf")

    made(Rare(0.0))
    made(Rare(0.0))
    with pytest.raises(ValueError, match="made with other distributions"):
        made(Rare(1e-9))
    (tmp_path / "a.hdf").unlink()
    made(stats.uniform(1, 0))
    made(stats.uniform(1, 0))
    with pytest.raises(ValueError, match="made with other distributions"):
        made(stats.uniform(loc=1, scale=1e-300))


@dataclass(frozen=True)
class Rare:
    rare: float

    def rvs(self, *, random_state):
        return 7.0 if random_state.random() < self.rare else 1.0


def test_only_what_is_missing_is_solved_again(tmp_path):
    out, seen = tmp_path / "d.hdf", []

    def stop(done: int, wanted: int) -> None:
        seen.append(done)
        if len(seen) == 3:
            raise KeyboardInterrupt

    with ThreadPoolExecutor(1) as pool, pytest.raises(KeyboardInterrupt):
        generate(darcy(2), 8, COARSE, nodes=5, executor=pool, out=out, progress=stop)
    again = []
    with ThreadPoolExecutor(1) as pool:
        generate(darcy(2), 8, COARSE, nodes=5, executor=pool, out=out, progress=lambda k, n: again.append(k))
    assert again[0] > seen[-1]
    assert again[-1] == 8


def filling(pipe, out):
    torch.set_num_threads(1)
    batched.ON_CPU = 128
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def fill(done: int, wanted: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))

    try:
        generate(burgers(), 40, QUICK, nodes=32, device="cpu", out=out, progress=fill)
    except OSError as error:
        pipe.send(str(error))


def test_a_full_disk_is_said_in_words_and_the_samples_are_kept(tmp_path):
    out = tmp_path / "d.hdf"
    child, pipe = forked(filling, out)
    said = pipe.recv()
    child.join()
    assert "the disk is full" in said
    assert "goes on from them" in said
    with h5py.File(f"{out}.part") as file:
        assert file["pinnlab/done"][0] == 1
    assert len(generate(burgers(), 40, QUICK, nodes=32, device="cpu", out=out)) == 40


def test_a_solution_that_blows_up_is_refused_with_its_number(tmp_path):
    family = burgers()
    with pytest.raises(SolveFailed, match="sample 0 holds NaN or infinity"):
        generate(
            Family(family.problem, {k: Large() for k in family.distributions}),
            2,
            Etdrk4(points=64, steps=2),
            nodes=32,
            device="cpu",
            out=tmp_path / "d.hdf",
        )


class Broken:
    def rvs(self, *, random_state):
        return sp.log(x - sp.Rational(1, 2))


class Singular:
    """Infinite at a node of the samples, and nowhere where an integral is evaluated."""

    def rvs(self, *, random_state):
        return 1 / (x - sp.Rational(1, 2)) ** 2


@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_a_member_that_fails_first_of_its_task_is_told():
    (a,) = darcy().distributions
    for distribution, says in (
        (Broken(), "sample 0 of 'darcy' ended as diverged"),
        (Singular(), "what is random of sample 0 holds NaN"),
    ):
        with pytest.raises(SolveFailed, match=says), ThreadPoolExecutor(1) as executor:
            generate(Family(darcy().problem, {a: distribution}), 2, COARSE, nodes=5, executor=executor)


class Large:
    def rvs(self, *, random_state):
        return 1e30 * sp.sin(2 * sp.pi * x)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"nodes": (8, 8)}, "two or more along each of its 1"),
        ({"times": (0.5, 2.0)}, "from 0 to 1"),
        ({"times": (0.123,)}, "t = 0.123 is not the time of a step"),
        ({"n": 0}, "positive whole number"),
        ({"seed": -1}, "seed"),
        ({"solver": "etdrk4"}, "settings such as"),
    ],
)
def test_arguments_out_of_range_are_refused_in_words(changes, says):
    given = {"n": 1, "solver": QUICK, "nodes": 8} | changes
    with pytest.raises(ValueError, match=says):
        generate(burgers(), given.pop("n"), given.pop("solver"), **given)


def test_a_steady_family_has_no_times_and_one_for_processes_must_travel():
    class Local:
        def rvs(self, *, random_state):
            return 0.1

    k = parameter("k", 1)
    u = sp.Function("u")(x)
    steady = Problem("line", [k * D(u, x, 2) - 1], [u], Box({x: (0, 1)}), [dirichlet(u, 0)])
    with pytest.raises(ValueError, match="steady and has no times"):
        generate(Family(steady, {k: Uniform()}), 1, FiniteElement(), nodes=4, times=(1.0,))
    with pytest.raises(ValueError, match="define its distributions in a module"):
        generate(Family(steady, {k: Local()}), 1, FiniteElement(), nodes=4)


@pytest.mark.parametrize(("held", "wanted"), [(16, 16), (16, 8), (16, 24), (12, 8), (9, 12)])
def test_interpolation_between_grids_is_exact_for_waves_that_both_hold(held, wanted):
    def wave(n):
        nodes = torch.arange(n, dtype=torch.float64) / n
        return 1 + torch.cos(2 * torch.pi * 2 * nodes) + 0.3 * torch.sin(2 * torch.pi * 3 * nodes)

    torch.testing.assert_close(resampled(wave(held)[None], (wanted,))[0], wave(wanted), atol=1e-13, rtol=0)


def test_a_generated_file_takes_more_samples(tmp_path):
    first = generate(burgers(), 2, QUICK, nodes=32, device="cpu", out=tmp_path / "a.hdf")
    well.append(tmp_path / "a.hdf", generate(burgers(), 3, QUICK, nodes=32, device="cpu", seed=5))
    assert len(well.open(tmp_path / "a.hdf")) == len(first) + 3


def test_a_problem_is_no_family():
    with pytest.raises(ValueError, match=r"give a Family.*got a Problem"):
        generate(burgers().problem, 2, Etdrk4(points=16), nodes=16)


def test_a_finished_file_is_made_longer_by_the_same_call(tmp_path):
    path, counts = tmp_path / "a.hdf", []
    generate(burgers(), 2, QUICK, nodes=32, device="cpu", out=path)
    longer = generate(
        burgers(), 5, QUICK, nodes=32, device="cpu", out=path, progress=lambda done, n: counts.append(done)
    )
    at_once = generate(burgers(), 5, QUICK, nodes=32, device="cpu")
    np.testing.assert_array_equal(longer.inputs[:], at_once.inputs)
    np.testing.assert_allclose(longer.outputs[:], at_once.outputs, rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(longer.origin.members, at_once.origin.members)
    # The first two were not solved again.
    assert min(counts) > 2
    assert max(counts) == 5
    with pytest.raises(ValueError, match="with 5 samples, and 2 are asked for"):
        generate(burgers(), 2, QUICK, nodes=32, device="cpu", out=path)


def test_samples_that_are_solved_badly_are_told_by_their_numbers():
    with pytest.warns(UserWarning, match=r"bounds of 2 of 3 samples are above 10%, up to .*, number 1, 2; give"):
        generate(burgers(), 3, Etdrk4(points=16, steps=3), nodes=32, device="cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        generate(burgers(), 2, QUICK, nodes=32, device="cpu")
