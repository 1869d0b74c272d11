"""Families and operators from the command line: data, training, evaluation, and what is refused."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from pinnlab.cli import app
from pinnlab.commands.operators import network_of_text
from pinnlab.files import well
from pinnlab.networks.fno import Fno
from pinnlab.operators.trained import TrainedOperator

SOLVER = ("--solver", "etdrk4:points=32,steps=10", "--nodes", "32")


def pinnlab(*words):
    return CliRunner().invoke(app, [str(w) for w in words])


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    file = tmp_path_factory.mktemp("data") / "d.hdf"
    assert pinnlab("data", "burgers", "--n", 12, *SOLVER, "--out", file).exit_code == 0
    return file


def test_data_are_those_of_the_seed_with_their_bounds(samples, tmp_path):
    told = pinnlab("data", "burgers", "--n", 3, *SOLVER, "--out", tmp_path / "e.hdf", "--json")
    assert told.exit_code == 0, told.stderr
    found = json.loads(told.stdout)
    assert (found["samples"], found["inputs"], found["outputs"], found["nodes"]) == (3, ["u0"], ["u"], [32])
    assert 0 < found["median_bound"] <= found["largest_bound"]
    more, fewer = well.open(samples).loaded(), well.open(tmp_path / "e.hdf").loaded()
    assert (more.inputs[:3] == fewer.inputs).all()
    assert (more.outputs[:3] == fewer.outputs).all()


def test_an_operator_is_trained_and_evaluated(samples, tmp_path):
    words = ("train", "burgers", "--network", "fno:modes=4,width=8", "--data", samples, "--out", tmp_path / "m")
    trained = pinnlab(*words, "--epochs", 3, "--learning-rate", 2e-3, "--json")
    assert trained.exit_code == 0, trained.stderr
    assert json.loads(trained.stdout)["validation_relative_l2"] > 0
    told = pinnlab("evaluate", tmp_path / "m", "--data", samples, "--json")
    assert told.exit_code == 0, told.stderr
    assert "samples are members that the operator has seen in training" in told.stderr
    found = json.loads(told.stdout)
    assert 0 < found["median"] <= found["largest"]
    # Of the one-cycle schedule, which is passed on as it was given.
    rates = TrainedOperator.load(tmp_path / "m").history["learning_rate"]
    assert 0 < rates.max() <= 2e-3
    refused = pinnlab(*words, "--learning-rate", -1)
    assert refused.exit_code == 2
    assert "learning_rate = -1" in refused.stderr
    assert found["seconds_per_query"] > 0
    assert "relative l2: " in pinnlab("evaluate", tmp_path / "m", "--data", samples).stdout


def test_a_file_of_samples_is_made_longer_and_bad_ones_are_counted(tmp_path):
    out = tmp_path / "d.hdf"
    words = ("data", "burgers", "--solver", "etdrk4:points=16,steps=2", "--nodes", 16, "--out", out)
    assert pinnlab(*words, "--n", 2).exit_code == 0
    told = pinnlab(*words, "--n", 5, "--json")
    found = json.loads(told.stdout)
    assert found["samples"] == 5 == len(well.open(out))
    assert found["bounds_above_10_percent"] == np.count_nonzero(well.open(out).bounds > 0.1)
    fewer = pinnlab(*words, "--n", 3)
    assert fewer.exit_code == 2
    assert "with 5 samples, and 3 are asked for" in fewer.stderr


def test_a_picture_of_the_typical_sample_is_drawn(samples, tmp_path):
    words = ("train", "burgers", "--network", "fno:modes=2,width=4,depth=1", "--data", samples, "--out", tmp_path / "m")
    assert pinnlab(*words, "--epochs", 1).exit_code == 0
    drawn = tmp_path / "d.png"
    told = pinnlab("evaluate", tmp_path / "m", "--data", samples, "--figure", drawn, "--json")
    assert told.exit_code == 0, told.stderr
    assert json.loads(told.stdout)["figure"] == str(drawn)
    assert drawn.read_bytes().startswith(b"\x89PNG")
    refused = pinnlab("evaluate", tmp_path / "m", "--data", samples, "--figure", tmp_path / "d.bmp")
    assert refused.exit_code != 0
    assert "a picture has one of the suffixes .png, .pdf, .svg" in refused.stderr


def test_a_network_is_named_with_its_fields():
    assert network_of_text("fno:modes=4,width=8") == Fno(4, 8)
    with pytest.raises(ValueError, match="did you mean 'unet'"):
        network_of_text("unett")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("data", "burgerss", "--out", "d.hdf"), "did you mean 'burgers'"),
        (("data", "burgers", "--out", "d.hdf", "--nodes", "a"), "--nodes a: give numbers"),
        (("data", "burgers", "--out", "no/d.hdf"), "does not exist; create it first"),
        (("train", "burgers", "--data", "none.hdf", "--out", "m"), "none.hdf"),
        (("evaluate", "none", "--data", "none.hdf"), "there is no such file"),
    ],
)
def test_a_request_that_cannot_be_met_is_one_sentence(tmp_path, monkeypatch, words, told):
    monkeypatch.chdir(tmp_path)
    result = pinnlab(*words)
    assert result.exit_code == 2
    assert told in result.stderr.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_samples_of_another_family_are_refused(samples, tmp_path):
    result = pinnlab("train", "heat", "--data", samples, "--out", tmp_path / "m")
    assert result.exit_code == 2
    assert "k of heat is not among them" in result.stderr
