"""Runs that are refined, checked and interrupted."""

from __future__ import annotations

import numpy as np
import pytest

from pinnlab import Adam, Etdrk4, Mlp, Pinn, UnsupportedProblem
from pinnlab.catalog import load
from pinnlab.commands.progress import Budget, Display, Silent
from pinnlab.commands.running import Refinement, Run, display
from pinnlab.files import hdf5
from pinnlab.solver import Status


class Interrupting(Display):
    """A display whose monitors interrupt the run at its third step."""

    def monitor(self, label: str, budget: Budget):
        def show(progress):
            if progress.step == 3:
                raise KeyboardInterrupt

        return show


class Recording(Display):
    def __init__(self):
        self.seen = []

    def monitor(self, label: str, budget: Budget):
        return lambda progress: self.seen.append((label, dict(progress.scalars)))


SMALL = Etdrk4(points=16, steps=10, snapshots=5)


def test_json_shows_no_progress():
    with display(True) as screen:
        assert isinstance(screen, Silent)
    with display(False) as screen:
        assert not isinstance(screen, Silent)


def test_an_interrupted_run_says_how_to_go_on_and_goes_on(tmp_path):
    run = Run(load("advection"), SMALL, 0, "cpu", None, Interrupting())
    with pytest.raises(KeyboardInterrupt, match=f"^say the same with --resume to go on from {tmp_path / 'c'}$"):
        run.solved(None, tmp_path / "c", False)
    resumed = Run(load("advection"), SMALL, 0, "cpu", None, Silent()).solved(None, tmp_path / "c", True)
    assert resumed.status is Status.DONE
    assert len(resumed.history["step"]) == 5


def test_what_an_interrupted_run_had_reached_is_in_its_file(tmp_path):
    out = tmp_path / "u.hdf"
    run = Run(load("advection"), SMALL, 0, "cpu", None, Interrupting(), out, (7, 17))
    with pytest.raises(KeyboardInterrupt, match=f"^what it had reached until t = 0.6 is in {out}$"):
        run.solved(None, None, False)
    contents = hdf5.read(out)
    # Three of five snapshots between 0 and 1.
    np.testing.assert_allclose(contents.axes["t"], np.linspace(0, 0.6, 7), atol=1e-15)
    assert len(contents.history["step"]) == 2


def test_what_a_training_had_reached_is_in_its_file_without_a_time(tmp_path):
    out = tmp_path / "u.hdf"
    network = Pinn(network=Mlp(width=4, depth=1), optimizer=Adam(steps=2000, per_step=1))
    run = Run(load("poisson_1d"), network, 0, "cpu", None, Interrupting(), out)
    with pytest.raises(KeyboardInterrupt, match=f"^what it had reached is in {out}$"):
        run.solved(None, None, False)
    assert hdf5.read(out).provenance["status"] == "running"


def test_an_interrupted_run_without_checkpoint_says_that_nothing_was_kept():
    with pytest.raises(KeyboardInterrupt, match="nothing was kept; --checkpoint FILE would keep it"):
        Run(load("advection"), SMALL, 0, "cpu", None, Interrupting()).solved(None, None, False)


def test_the_error_is_shown_where_the_exact_solution_is_known():
    shown = Recording()
    Run(load("advection"), SMALL, 0, "cpu", None, shown).solved(None, None, False)
    assert shown.seen[0][0] == "etdrk4"
    assert "relative_l2" in shown.seen[0][1]


def test_a_named_classical_solver_is_refined_and_watched():
    shown = Recording()
    solution = Refinement(load("advection"), 1e-4, None, shown).run(SMALL)
    assert isinstance(solution.solver, Etdrk4)
    assert solution.error_bound <= 1e-4
    assert {label for label, _ in shown.seen} == {"reference"}


def test_a_network_has_no_error_bound():
    with pytest.raises(ValueError, match="pinn has no resolution to refine"):
        Refinement(load("heat"), 1e-4, None, Silent()).run(Pinn())


def test_a_check_without_second_method_is_refused_before_the_first_has_run():
    shown = Recording()
    with pytest.raises(UnsupportedProblem, match="no second classical solver takes 'navier_stokes_vorticity'"):
        Refinement(load("navier_stokes_vorticity"), 1e-4, None, shown).verified(None)
    assert shown.seen == []


def test_two_methods_are_compared():
    first, check = Refinement(load("heat"), 1e-4, None, Silent()).verified(None)
    assert check.first is first
    assert check.agrees
    assert check.second.settings != first.settings
