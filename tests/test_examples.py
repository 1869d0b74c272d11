"""Every example runs, and a number that it computes is the right one."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import h5py
import pytest

from pinnlab import ExactField
from pinnlab.catalog import load as load_problem

EXAMPLES = Path(__file__).parents[1] / "examples"


def load(name: str):
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_small_network_reaches_three_digits_on_burgers_and_leaves_its_files(tmp_path):
    assert load("01_burgers_two_ways").main(tmp_path) < 2e-3
    assert {f.name for f in tmp_path.iterdir()} == {"reference.hdf", "pinn.hdf", "panel.png"}


def test_the_true_error_of_a_manufactured_solution_is_within_its_bound():
    ratio, middle = load("02_your_own_pde").main()
    assert 0.01 <= ratio <= 1
    assert middle == pytest.approx(0.102425, abs=1e-6)


def test_three_readers_see_the_same_number(tmp_path):
    largest = load("03_open_the_file").main(tmp_path)
    with h5py.File(tmp_path / "burgers_periodic.hdf") as file:
        assert file["u"].shape == (51, 201)
    assert set(largest.values()) == {largest["h5py"]}
    exact = ExactField.of(load_problem("burgers_periodic")).on_grid((51, 201)).values["u"][-1].max()
    assert largest["h5py"] == pytest.approx(exact, rel=1e-9)


def test_a_third_of_one_gyre_is_carried_over_to_the_other(tmp_path):
    # 513 of the 1640 particles.
    assert load("04_double_gyre").main(tmp_path) == pytest.approx(513 / 1640, abs=2 / 1640)
    assert {f.name for f in tmp_path.iterdir()} == {"double_gyre.png"}


def test_windows_follow_a_chaotic_trajectory():
    assert load("05_chaos_in_windows").main() < 1e-6


def test_noisy_values_tell_a_coefficient_and_an_end_that_is_not_known(tmp_path):
    loss, end = load("06_noisy_values").main(tmp_path)
    assert loss == pytest.approx(9, abs=1.2)
    assert end == pytest.approx(0.4, abs=0.06)
    with h5py.File(tmp_path / "bar.hdf") as file:
        assert file["u_std"].shape == file["u"].shape
        assert 0.005 < file["u_std"][-1] < 0.05


def test_an_operator_answers_for_members_that_it_has_not_seen(tmp_path):
    assert load("07_learn_an_operator").main(tmp_path) < 6e-3
    assert {f.name for f in tmp_path.iterdir()} == {"heat.hdf", "operator"}


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("[0-9]*.py")), ids=lambda path: path.stem)
def test_an_example_is_at_most_sixty_lines(path):
    assert len(path.read_text().splitlines()) <= 60
