from __future__ import annotations

import dataclasses
import json
import math
import pickle
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from pinnlab.files import checkpoint


@dataclass
class Window:
    start: float
    weights: torch.Tensor


@dataclass(frozen=True)
class Best:
    loss: float
    weights: np.ndarray


@dataclass
class State:
    step: int
    loss: float
    name: str
    done: bool
    best: Best | None
    modes: np.ndarray
    weights: torch.Tensor
    rng: np.random.Generator
    draws: torch.Generator
    windows: tuple[Window, ...] = ()
    memory: list[Any] = field(default_factory=list)
    adam: dict[str, Any] = field(default_factory=dict)


def fresh():
    return State(
        0, math.inf, "", False, None, np.zeros((2, 3), complex), torch.zeros(4, dtype=torch.complex128),
        np.random.default_rng(0), torch.Generator().manual_seed(0),
    )  # fmt: skip


def trained():
    state = fresh()
    rng = np.random.default_rng(7)
    state.step, state.loss, state.name, state.done = 12, 0.1 + 0.2, "Burgers ω", True
    state.best = Best(-math.inf, rng.random((2, 2)).astype(np.float32))
    state.modes = rng.random((2, 3)) + 1j * rng.random((2, 3))
    state.weights = torch.from_numpy(rng.random(4) - 1j * rng.random(4))
    state.rng.random(5)
    torch.rand(3, generator=state.draws)
    state.windows = (Window(0.0, torch.arange(3)), Window(0.5, torch.ones(2, dtype=torch.bfloat16)))
    state.memory = [rng.random(3), torch.ones(2, dtype=torch.complex64), (1, None, "a"), {"b": [math.nan]}]
    state.adam = {
        "state": {0: {"step": torch.tensor(3.0), "exp_avg": torch.rand(3, 2)}},
        "lr": 1e-3,
        "big": 3**200,
    }
    return state


def test_a_state_comes_back_bit_for_bit_into_a_fresh_one(tmp_path, assert_identical):
    state, into = trained(), fresh()
    checkpoint.save(tmp_path / "c", state, extra={"history": {"loss": np.array([1.0, 0.5])}, "seconds": 1.5})
    loaded, extra = checkpoint.load(tmp_path / "c", into)
    assert_identical(loaded, state)
    assert_identical(extra, {"history": {"loss": np.array([1.0, 0.5])}, "seconds": 1.5})
    assert_identical(into, fresh())
    assert loaded is not into


def test_generators_go_on_as_if_nothing_had_happened(tmp_path):
    state = trained()
    state.rng.spawn(1)
    checkpoint.save(tmp_path / "c", state)
    loaded, _ = checkpoint.load(tmp_path / "c", fresh())
    np.testing.assert_array_equal(loaded.rng.random(9), state.rng.random(9))
    np.testing.assert_array_equal(loaded.rng.spawn(2)[1].random(9), state.rng.spawn(2)[1].random(9))
    assert torch.equal(torch.rand(9, generator=loaded.draws), torch.rand(9, generator=state.draws))


@pytest.mark.parametrize(
    ("value", "where"),
    [
        (lambda x: x, "state.memory[0]: function"),
        (torch.nn.Linear(1, 1), "state.memory[0]: Linear"),
        (np.array(["a"]), "state.memory[0]: an array of the type <U1"),
        (np.array([object()]), "state.memory[0]: an array of the type object"),
        (torch.eye(2).to_sparse(), "state.memory[0]: a tensor of the layout torch.sparse_coo"),
        (torch.nn.Parameter(torch.zeros(1)), "state.memory[0]: Parameter"),
        ({"x": {1.5: 0}}, 'state.memory[0]["x"]: the key 1.5'),
        ({1, 2}, "state.memory[0]: set"),
        (Window, "state.memory[0]: type"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_name_and_leaves_the_old_file(tmp_path, value, where):
    checkpoint.save(tmp_path / "c", fresh())
    before = (tmp_path / "c").read_bytes()
    state = fresh()
    state.memory = [value]
    with pytest.raises(TypeError) as caught:
        checkpoint.save(tmp_path / "c", state)
    assert str(caught.value).startswith(where)
    assert (tmp_path / "c").read_bytes() == before
    assert list(tmp_path.iterdir()) == [tmp_path / "c"]


def test_a_dataclass_in_extra_is_refused(tmp_path):
    with pytest.raises(TypeError, match="extra: a dataclass in it"):
        checkpoint.save(tmp_path / "c", fresh(), {"best": [Best(1.0, np.zeros(1))]})


@dataclass
class Other:
    step: int


@dataclass
class Renamed:
    step: int = 0
    losses: float = 0.0


def changed(**values):
    return dataclasses.replace(fresh(), **values)


@pytest.mark.parametrize(
    ("into", "message"),
    [
        (Other(0), "state is a 'State' in the file and it is a Other here"),
        (changed(modes=np.zeros((2, 4), complex)), r"state.modes has the shape \(2, 3\) .* \(2, 4\) here"),
        (changed(modes=np.zeros((2, 3))), "state.modes has the type complex128 in the file and float64 here"),
        (changed(modes=torch.zeros(2, 3)), "state.modes is of the kind numpy in the file and torch here"),
        (changed(weights=torch.zeros(5, dtype=torch.complex128)), r"state.weights has the shape \(4,\)"),
        (changed(step="0"), "state.step is of the kind int in the file and str here"),
        (changed(rng=np.random.Generator(np.random.Philox(0))), "state.rng is a 'PCG64' and Philox here"),
        (changed(adam={"momentum": 0.9}), r"state.adam\['momentum'\] is missing in the file"),
        (changed(best=Window(0.0, torch.zeros(1))), "state.best is a 'Best' in the file and .* Window here"),
    ],
)  # fmt: skip
def test_the_checkpoint_of_another_solver_or_problem_is_refused_by_field(tmp_path, into, message):
    checkpoint.save(tmp_path / "c", trained())
    with pytest.raises(ValueError, match=f"{message}.*; the checkpoint is of another solver"):
        checkpoint.load(tmp_path / "c", into)


def test_missing_and_surplus_fields_are_named(tmp_path):
    state = Renamed()
    checkpoint.save(tmp_path / "c", state)
    with safe_open(tmp_path / "c", "pt") as file:
        tree = file.metadata()["tree"]
    forge(tmp_path / "c", tree.replace('"losses"', '"loss"'))
    with pytest.raises(ValueError, match=r"state.losses is missing in the file"):
        checkpoint.load(tmp_path / "c", Renamed())
    forge(tmp_path / "c", tree.replace('"losses"', '"losses":1,"rate"'))
    with pytest.raises(ValueError, match=r"state.rate is missing in Renamed here"):
        checkpoint.load(tmp_path / "c", Renamed())


def test_numbers_may_change_between_whole_and_real(tmp_path):
    checkpoint.save(tmp_path / "c", Renamed(losses=np.float64(0.5)))
    assert checkpoint.load(tmp_path / "c", Renamed())[0].losses == 0.5


def forge(path, tree, tensors=None):
    """A file with a right checksum and a tree of the forger's choice."""
    tensors = tensors or {}
    digest = checkpoint._digest(tree, tensors)
    save_file(tensors, path, {"format": checkpoint.FORMAT, "tree": tree, "sha256": digest})


@pytest.mark.parametrize(
    "node",
    [
        {"dataclass": "os.system", "fields": {"command": "true"}},
        {"object": "builtins.eval"},
        {"numpy": {"tensor": "not there"}},
        {"numpy": {}},
        {"list": 3},
        {"dict": [["a"]]},
        {"dict": [[["a"], 1]]},
        {"float": "__import__('os')"},
        {"generator": {"dict": [["bit_generator", "Popen"]]}, "seed": {"dict": []}},
        {"generator": 3},
        {},
        [],
        1.5,
    ],
    ids=str,
)
def test_a_forged_tree_is_refused_and_runs_nothing(tmp_path, node):
    forge(tmp_path / "c", json.dumps({"state": {"dict": [["value", node]]}, "extra": {"dict": []}}))
    with pytest.raises(ValueError, match=str(tmp_path / "c")):
        checkpoint.load(tmp_path / "c", {})


@pytest.mark.parametrize("tree", ["", "{", "null", "[]", '{"state": 1}', "[" * 10**6])
def test_a_broken_tree_is_refused(tmp_path, tree):
    forge(tmp_path / "c", tree)
    with pytest.raises(ValueError, match=str(tmp_path / "c")):
        checkpoint.load(tmp_path / "c", 1)


def test_damaged_and_foreign_files_are_refused_with_a_remedy(tmp_path):
    path = tmp_path / "c"
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        checkpoint.load(path, fresh())
    checkpoint.save(path, trained())
    content = path.read_bytes()
    for damaged in (b"", content[:100], content[:-8], pickle.dumps({"a": 1}), b"\xff" * 64):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"no checkpoint, or it is damaged or cut off .* start afresh"):
            checkpoint.load(path, fresh())
    path.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    with pytest.raises(ValueError, match="the checksum of this checkpoint is wrong; use an earlier one"):
        checkpoint.load(path, fresh())
    save_file({"w": torch.zeros(2)}, path)
    with pytest.raises(ValueError, match="not a checkpoint of this pinnlab"):
        checkpoint.load(path, fresh())


def test_the_file_is_plain_safetensors(tmp_path):
    checkpoint.save(tmp_path / "c", trained())
    tensors = load_file(tmp_path / "c")
    assert torch.equal(tensors["state.windows[0].weights"], torch.arange(3))
    assert tensors["state.modes"].shape == (2, 3, 2)


WRITER = """
import itertools, sys
import numpy as np
from pinnlab.files import checkpoint
for n in itertools.count():
    checkpoint.save("c", {"n": n, "a": np.full(50_000, float(n))})
    print(n, flush=True)
"""


def test_kill_9_leaves_a_whole_checkpoint(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", WRITER], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if int(line) >= 20:
            break
    process.send_signal(signal.SIGKILL)
    last = max([20, *map(int, process.stdout)])
    process.wait()
    state, _ = checkpoint.load(tmp_path / "c", {"n": 0, "a": np.zeros(50_000)})
    assert state["n"] in (last, last + 1)
    assert (state["a"] == state["n"]).all()
