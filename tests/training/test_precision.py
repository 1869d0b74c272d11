"""Types in which layers compute."""

from __future__ import annotations

import pytest
import torch

from pinnlab.training.precision import Autocast, Full

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("precision", "dtype"),
    [(Full(), torch.float32), (Autocast(), torch.bfloat16), (Autocast(torch.float16), torch.float16)],
)
def test_products_are_of_the_type_asked_for_inside_the_context_only(precision, dtype):
    a = torch.ones(2, 2)
    with precision.context(CPU):
        assert (a @ a).dtype == dtype
    assert (a @ a).dtype == torch.float32


def test_only_autocast_may_scale_the_loss():
    assert Full().loss_scale == 1
    assert Autocast(torch.float16, 1024.0).loss_scale == 1024


@pytest.mark.parametrize(
    ("make", "message"),
    [(lambda: Autocast(torch.float64), "dtype = torch.float64"), (lambda: Autocast(loss_scale=0.0), "loss_scale = 0")],
)
def test_settings_that_mean_nothing_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
