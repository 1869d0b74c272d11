"""Files of samples, told and drawn."""

import dataclasses
import json

import numpy as np
import pytest
from typer.testing import CliRunner

from pinnlab.cli import app
from pinnlab.commands.sample_files import describe_samples, holds_samples, sample_lines
from pinnlab.datasets.data import OperatorData
from pinnlab.datasets.origin import Origin
from pinnlab.files import well

X = np.arange(4) / 4


def pinnlab(*words):
    return CliRunner().invoke(app, [str(w) for w in words])


@pytest.fixture
def file(tmp_path):
    outputs = np.random.default_rng(0).normal(size=(3, 2, 1, 4))
    origin = Origin("heat", "abc", np.array([[7, 0], [7, 1], [8, 0]]))
    names = ["u0"], ["u"], ["x"], [True]
    data = OperatorData(outputs[:, 0], outputs, (X,), [0.0, 0.5], [0.1, 0.2, np.nan], *names, origin)
    well.write(tmp_path / "d.hdf", data)
    return tmp_path / "d.hdf"


def test_info_tells_family_number_grid_times_names_bounds_and_seed(file):
    told = pinnlab("info", file, "--json")
    assert told.exit_code == 0, told.stderr
    found = json.loads(told.stdout)
    assert (found["samples"], found["family"]["problem"], found["seeds"]) == (3, "heat", [7, 8])
    assert (found["inputs"], found["outputs"], found["times"]) == (["u0"], ["u"], [0.0, 0.5])
    assert found["axes"] == {"x": {"nodes": 4, "from": 0.0, "to": 0.75, "periodic": True}}
    assert found["bounds"] == {"known": 2, "median": pytest.approx(0.15), "largest": 0.2}
    lines = pinnlab("info", file).stdout
    for line in (
        "3 samples of an operator",
        "family: of heat, sha256 abc",
        "seed: 7, 8",
        "periodic",
        "times: 2 from 0",
    ):
        assert line in lines
    assert "bounds: of 2 samples, median 1.50e-01, largest 2.00e-01" in lines


def test_checksums_that_are_not_there_are_not_verified(file):
    told = pinnlab("info", file, "--check")
    assert told.exit_code == 2
    assert "hold no checksums to verify" in told.stderr


def test_what_is_not_known_is_said_so(file, tmp_path):
    data = dataclasses.replace(well.open(file).loaded(), origin=None, bounds=[np.nan] * 3)
    well.write(tmp_path / "e.hdf", data)
    lines = sample_lines(describe_samples(tmp_path / "e.hdf"))
    assert "family: the file does not say" in lines
    assert lines[-1] == "bounds: none is known"


def test_one_sample_is_drawn(file, tmp_path):
    told = pinnlab("plot", file, "--sample", 2, "--out", tmp_path / "two.svg")
    assert told.exit_code == 0, told.stderr
    assert "<svg" in (tmp_path / "two.svg").read_text()
    refused = pinnlab("plot", file, "--sample", 3)
    assert refused.exit_code == 2
    assert "sample 3 of 3; give a number from 0 to 2" in refused.stderr


def test_a_time_is_for_solutions_and_a_number_for_samples(file, tmp_path):
    refused = pinnlab("plot", file, "--at", 0.5)
    assert refused.exit_code == 2
    assert "no time can be chosen; leave --at away" in refused.stderr
    assert pinnlab("solve", "poisson_1d", "--rtol", "1e-6", "--out", tmp_path / "h.h5").exit_code == 0
    refused = pinnlab("plot", tmp_path / "h.h5", "--sample", 1)
    assert refused.exit_code == 2
    assert "no samples; leave --sample away" in refused.stderr


def test_other_files_are_no_samples(tmp_path):
    (tmp_path / "a.txt").write_text("no")
    assert not holds_samples(tmp_path / "a.txt")
    assert not holds_samples(tmp_path / "none.hdf")
