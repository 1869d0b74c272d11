"""What is told of problems, solutions and files."""

from __future__ import annotations

from dataclasses import replace

import h5py
import numpy as np
import pytest

from pinnlab import Etdrk4, ExactField, refine, solve
from pinnlab.catalog import load
from pinnlab.commands.inspection import (
    describe_check,
    describe_file,
    describe_forms,
    describe_problem,
    describe_solution,
)
from pinnlab.commands.text import file_lines
from pinnlab.reference import CrossCheck, error_against


@pytest.fixture(scope="module")
def advection():
    return solve(load("advection"), Etdrk4(points=16, steps=10, snapshots=5))


def test_the_forms_of_burgers_are_those_of_the_textbook():
    forms = describe_forms(load("burgers").with_parameters(nu=3))
    assert forms["Pointwise"] == {
        "residuals": ["u*u_x + u_t - 3*u_xx"], "derivatives": ["u", "u_x", "u_xx", "u_t"], "linear": False,
    }  # fmt: skip
    assert forms["LinearSplit"] == {"linear": ["u_t - 3*u_xx"], "nonlinear": ["u*u_x"], "forcing": ["0"]}
    assert forms["BalanceLaw"]["flux"] == [["u(t, x)**2/2 - 3*Derivative(u(t, x), x)"]]
    assert forms["Advective"] == {"velocity": {"u": ["u"]}, "rest": {"u": "-3*u_xx"}}


def test_a_form_that_does_not_exist_is_told_with_the_reason():
    forms = describe_forms(load("wave"))
    assert forms["BalanceLaw"].startswith("no: ")
    assert "second order in time" in forms["BalanceLaw"]


def test_a_problem_is_told_with_its_conditions_and_parameters():
    data = describe_problem(load("heat"))
    assert data["sha256"] == load("heat").sha256
    assert {tuple(c["on"]) for c in data["conditions"]} == {("initial",), ("left", "right")}
    assert isinstance(data["exact_solution"], list)
    assert describe_problem(load("burgers"))["exact_solution"] == "a function"
    assert describe_problem(load("lorenz"))["exact_solution"] == "none"


def test_a_solution_is_told_with_its_errors_where_they_are_known(advection):
    data = describe_solution(advection)
    assert data["steps"] == 5
    assert data["bound"] is None
    assert data["errors"] == error_against(advection.field, ExactField.of(advection.problem))
    assert data["last"]["time"] == advection.problem.interval.end
    assert "seconds" not in data["last"]


def test_a_bound_is_told_with_what_was_asked_for():
    solution = refine(load("advection"), Etdrk4(points=16, steps=10, snapshots=5), 1e-3)
    bound = describe_solution(solution)["bound"]
    assert bound["metrics"]["relative_l2"] == solution.error_bound
    assert (bound["requested"], bound["reached"]) == (1e-3, True)
    check = describe_check(CrossCheck(solution, solution, 3 * solution.error_bound))
    assert check["agrees"] is False
    assert check["allowed"] == 2 * solution.error_bound


def test_a_file_is_told_with_axes_and_shapes(advection, tmp_path):
    advection.to_hdf5(tmp_path / "a.hdf", (4, 6))
    data = describe_file(tmp_path / "a.hdf")
    assert data["problem"] == "advection"
    assert data["solver"] == {"type": "Etdrk4", "points": 16, "steps": 10, "snapshots": 5}
    assert data["axes"]["t"] == {"nodes": 4, "from": 0.0, "to": advection.problem.interval.end}
    assert data["fields"] == {"u": {"shape": [4, 6], "dtype": "float64"}}
    assert data["deviations"] == {}
    assert data["history"]["rows"] == 5
    assert data["provenance"]["status"] == "done"


def test_a_standard_deviation_is_told_with_its_scores_and_its_shape_in_files(advection, polynomials, tmp_path):
    assert describe_solution(advection)["calibration"] == {}
    random = replace(advection, field=polynomials(advection.problem, 2))
    told = describe_solution(random)["calibration"]
    assert list(told) == ["coverage_90", "crps", "relative_deviation"]
    assert all(isinstance(v, float) for v in told.values())
    random.to_hdf5(tmp_path / "a.hdf", (4, 6))
    data = describe_file(tmp_path / "a.hdf")
    assert data["fields"] == {"u": {"shape": [4, 6], "dtype": "float64"}}
    assert data["deviations"] == {"u_std": {"shape": [4, 6], "dtype": "float64"}}
    assert "deviation u_std: 4 × 6, float64" in file_lines(data)


def test_the_last_value_of_a_column_is_the_last_that_was_recorded(tmp_path, advection):
    holes = {**advection.history, "relative_l2": np.array([0.5, 0.25, np.nan, np.nan, np.nan])}
    replace(advection, history=holes).to_hdf5(tmp_path / "a.hdf", (4, 6))
    assert describe_file(tmp_path / "a.hdf")["history"]["last"]["relative_l2"] == 0.25


def test_a_checkpoint_and_a_foreign_file_are_told_as_what_they_are(tmp_path):
    solve(load("advection"), Etdrk4(points=16, steps=10, snapshots=5), checkpoint=tmp_path / "c")
    with pytest.raises(ValueError, match="this is the checkpoint of a run and no result"):
        describe_file(tmp_path / "c")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["temperature"] = [1.0]
    with pytest.raises(ValueError, match="not written by pinnlab; keys found: temperature"):
        describe_file(tmp_path / "other.h5")
    with pytest.raises(FileNotFoundError, match="no such file"):
        describe_file(tmp_path / "none.hdf")
