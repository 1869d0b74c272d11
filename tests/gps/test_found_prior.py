"""What the search for a prior remembers, in a checkpoint and back."""

import torch

from pinnlab.files import checkpoint
from pinnlab.gps.assembly import Choice
from pinnlab.gps.found_prior import Found, SpectralGpState


def test_a_state_on_its_way_comes_back_from_a_file_into_a_fresh_one(tmp_path):
    empty = torch.zeros(0, dtype=torch.float64)
    variances = [torch.tensor([0.5, 0.25], dtype=torch.float64)]
    weights = torch.arange(3, dtype=torch.float64)
    choice = Choice((30.0,), variances, (2.0,))
    best = [Found(choice, weights, 1e-7)]
    state = SpectralGpState(3, choice, weights, shaped=True, iteration=4, rounds=2, best=best, remark="coarse")
    checkpoint.save(tmp_path / "run", state)
    back, _ = checkpoint.load(tmp_path / "run", SpectralGpState(3, Choice(), empty))
    assert back.choice.same(choice)
    assert back.best[0].choice.same(choice)
    assert torch.equal(back.best[0].coefficients, weights)
    assert torch.equal(back.coefficients, weights)
    assert (back.shaped, back.iteration, back.rounds, back.remark) == (True, 4, 2, "coarse")
    assert not back.choice.same(Choice((31.0,), variances, (2.0,)))
