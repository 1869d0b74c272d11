"""Sharing out, adding up, and a run under torchrun; this file is also the program of each of its ranks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sympy as sp
import torch

from pinnlab import Box, D, LevenbergMarquardt, Mlp, Pinn, Problem, Uniform, dirichlet, solve
from pinnlab.training.ranks import ALONE, Alone, Ranks, Team, current, joined

x = sp.Symbol("x", real=True)
u = sp.Function("u")(x)
PROBLEM = Problem("line", [D(u, x, 2) + 1], [u], Box({x: (0, 1)}), [dirichlet(u, 0)])


def slept(progress):
    """A monitor that makes rank 1's clock another than rank 0's."""
    time.sleep(0.01 * current().number)


def losses(folder: Path, **settings):
    solver = Pinn(network=Mlp(width=4, depth=1), sampler=Uniform(points=11), optimizer=LevenbergMarquardt(patience=99))
    found = solve(PROBLEM, solver, monitors=[slept], **settings)
    return {"losses": found.history["loss"].tolist(), "seconds": found.seconds, "files": sorted(os.listdir(folder))}


def main(folder: Path):
    """The program of one rank."""
    number = int(os.environ["RANK"])
    found = {"before": current().size, "first": losses(folder, max_steps=3), "between": current().size}
    found["kept"] = losses(folder, max_steps=4, checkpoint=folder / f"kept{number}")
    found["resumed"] = losses(folder, max_steps=6, checkpoint=folder / "kept0", resume=True)
    found["timed"] = losses(folder, max_seconds=0.15)
    try:
        losses(folder, max_steps=3, seed=number)
    except ValueError as error:
        found["refused"] = str(error)
    with joined():
        ranks = current()
        tenths = torch.tensor([0.1, 1e16, -1.0], dtype=torch.float64) * (1 + 2 * number)
        found["sum"] = ranks.summed(tenths).tolist()
        found["agreed"] = ranks.agreed_number(0.1 + number)
        found["few"] = ranks.spread(1, tenths, lambda t, i: t[i]).tolist()
    (folder / f"{number}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("torchrun")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", __file__, folder]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return [json.loads((folder / f"{i}.json").read_text()) for i in range(2)]


def test_solve_connects_the_processes_of_torchrun_while_it_runs_and_as_often_as_it_is_called(ranks, tmp_path):
    assert [r["before"] for r in ranks] == [r["between"] for r in ranks] == [1, 1]
    alone = losses(tmp_path, max_steps=3)["losses"]
    for found in ranks:
        assert found["first"]["losses"] == pytest.approx(alone, rel=1e-10)


def test_rank_0_alone_writes_the_checkpoint_and_all_resume_from_it(ranks, tmp_path):
    assert ranks[0]["kept"]["files"] == ["kept0"]
    assert "kept1" not in ranks[1]["resumed"]["files"]
    assert [len(r["resumed"]["losses"]) for r in ranks] == [6, 6]
    assert ranks[0]["resumed"]["losses"][:4] == ranks[0]["kept"]["losses"]
    assert ranks[1]["resumed"]["losses"] == ranks[0]["resumed"]["losses"]
    alone = losses(tmp_path, max_steps=6)["losses"]
    assert ranks[0]["resumed"]["losses"] == pytest.approx(alone, rel=1e-9)


def test_the_clock_of_rank_0_stops_all_at_the_same_step(ranks):
    assert ranks[0]["timed"]["seconds"] == ranks[1]["timed"]["seconds"] >= 0.15
    assert len(ranks[0]["timed"]["losses"]) == len(ranks[1]["timed"]["losses"])


def test_runs_that_differ_are_refused_on_every_rank(ranks):
    for found in ranks:
        assert "the ranks differ in problem, solver, seed, budget" in found["refused"]
        assert "without torchrun" in found["refused"]


def test_sums_are_the_same_bits_everywhere_and_rank_0_has_the_say(ranks):
    assert ranks[0]["sum"] == ranks[1]["sum"] == [0.1 + 0.1 * 3, 4e16, -4.0]
    assert [r["agreed"] for r in ranks] == [0.1, 0.1]


def test_with_fewer_rows_than_ranks_each_evaluates_all(ranks):
    assert [r["few"] for r in ranks] == [[0.1], [0.1 * 3]]


@dataclass
class Recorded(Ranks):
    """One rank of several, that notes what it is asked to add up."""

    number: int
    size: int
    parts: list = field(default_factory=list)
    device = torch.device("cpu")

    def entering(self, theta):
        return theta

    def summed(self, part):
        self.parts.append(part)
        return part

    def agreed(self, value):
        return value


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("n", [0, 1, 6, 7, 100])
def test_shares_are_even_and_cover_every_row_once(n, size):
    shares = [Recorded(i, size).share(n) for i in range(size)]
    assert [i for s in shares for i in range(n)[s]] == list(range(n))
    assert max(s.stop - s.start for s in shares) - min(s.stop - s.start for s in shares) <= 1


def test_a_rank_adds_its_rows_in_their_places():
    theta = torch.tensor([10.0])
    ranks = [Recorded(i, 3) for i in range(3)]
    found = [r.spread(5, theta, lambda t, i: (t * torch.arange(5.0)[i])[:, None]) for r in ranks]
    assert [f[:, 0].tolist() for f in found] == [[0, 0, 0, 0, 0], [0, 10, 20, 0, 0], [0, 0, 0, 30, 40]]
    assert all(len(r.parts) == 1 for r in ranks)


def test_one_process_has_nobody_to_talk_to():
    value = torch.tensor([1.0, 2.0])
    assert ALONE.summed(value) is value
    assert ALONE.entering(value) is value
    assert ALONE.agreed(value) is value
    assert ALONE.agreed_number(0.1) == 0.1
    assert current(torch.device("cpu")) == Alone(torch.device("cpu"))
    with joined():
        assert current() == ALONE


def test_a_rank_without_a_cuda_device_of_its_own_is_refused(monkeypatch):
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 1)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setenv("LOCAL_RANK", "1")
    with pytest.raises(ValueError, match="rank 1 of this machine has no CUDA device of its own, of which there are 1"):
        current(torch.device("cuda"))
    assert current(torch.device("cpu")) == Team(torch.device("cpu"), 1, 2)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert current(torch.device("cuda")) == Team(torch.device("cuda", 1), 1, 2)
