"""Lines for people."""

from __future__ import annotations

from pinnlab.catalog import load
from pinnlab.commands.inspection import describe_problem
from pinnlab.commands.text import call, mesh_lines, problem_lines, solution_lines

SOLUTION = {
    "problem": "heat", "solver": {"type": "Etdrk4", "points": [64, 32], "steps": 400}, "status": "running",
    "seconds": 1.234, "steps": 1, "device": "cpu", "dtype": "float64", "note": "", "last": {"loss": 0.5, "odd": None},
    "learned": {}, "bound": None, "errors": None, "calibration": {}, "verify": None,
    "out": None,
}  # fmt: skip


def test_settings_are_written_as_in_python():
    assert call({"type": "A", "b": {"type": "B"}, "n": [1], "s": "x", "e": []}) == "A(b=B(), n=(1,), s='x', e=())"


def test_a_solution_without_extras_is_three_lines():
    assert solution_lines(SOLUTION) == [
        "heat by Etdrk4(points=(64, 32), steps=400)",
        "stopped by its budget after 1.23 s and 1 step, cpu, float64",
        "last step: loss 0.5",
    ]


def test_a_note_follows_the_status():
    assert solution_lines(SOLUTION | {"note": "it stalled"})[2] == "note: it stalled"


def test_a_bound_an_error_and_a_check_have_a_line_each():
    bound = {"metrics": {"relative_l2": 2e-7}, "space": 1e-7, "time": 1e-8, "requested": 1e-6, "reached": True}
    check = {"solver": {"type": "B"}, "first_bound": 2e-7, "second_bound": 3e-7, "difference": 1e-8}
    lines = solution_lines(SOLUTION | {"bound": bound, "errors": {"max_error": 1e-9}, "verify": check, "out": "f.hdf"})
    assert lines[3:] == [
        "error bound: relative_l2 ≤ 2.0e-07 (of relative_l2 space 1.0e-07, time 1.0e-08; asked for 1.0e-06)",
        "error against the exact solution: max_error 1.00e-09",
        "checked by B(): bounds 2.0e-07 and 3.0e-07, difference 1.0e-08",
        "written to f.hdf",
    ]


def test_scores_of_a_standard_deviation_have_a_line():
    scores = {"coverage_90": 0.91, "crps": 1.234e-5, "relative_deviation": "n/a: reason"}
    line = "standard deviation: coverage_90 0.91, crps 1.23e-05, relative_deviation n/a: reason"
    assert solution_lines(SOLUTION | {"calibration": scores})[3:] == [line]


def test_what_was_learned_is_told_with_its_error():
    learned = {"nu": {"value": 0.0031831, "standard_error": 1.24e-05, "lower": 0.0031588, "upper": 0.0032074}}
    line = "learned nu = 0.0031831 ± 1.2e-05 (95 % between 0.0031588 and 0.0032074)"
    assert solution_lines(SOLUTION | {"learned": learned})[3:] == [line]


def test_a_problem_is_told_with_forms_and_solvers():
    problem = load("navier_stokes_vorticity")
    lines = problem_lines(problem, describe_problem(problem) | {"support": {"etdrk4": "yes", "pinn": "no: reason"}})
    assert "  BalanceLaw" in lines
    assert "    linear: no" in lines
    assert any(line.startswith("  Advective: no: ") for line in lines)
    assert any(line.startswith("parameter nu = 1/100") for line in lines)
    assert lines[-2:] == ["  etdrk4: yes", "  pinn: no: reason"]


def test_a_mesh_is_told_with_cells_extent_and_pieces():
    mesh = {
        "kind": "triangle6",
        "cells": 12345,
        "coordinates": {"x": {"from": 0.0, "to": 2.2}, "y": {"from": -1.0, "to": 0.41}},
        "pieces": {"inlet": 7, "walls": 20},
    }
    assert mesh_lines(mesh) == [
        "mesh: 12,345 triangle6 cells, x from 0 to 2.2, y from -1 to 0.41",
        "pieces of its boundary: inlet (7 facets), walls (20 facets)",
    ]
    assert mesh_lines(mesh | {"pieces": {}})[1] == "pieces of its boundary: none"
