import pytest
import torch

from pinnlab.networks.given import Given
from pinnlab.networks.operator import Signature, uniform_grid

SIGNATURE = Signature(2, 3, (8,), 1, (True,), torch.float64)
PLACES = uniform_grid((8,), (True,), torch.float64)


def build(module):
    return Given(module).build(SIGNATURE, torch.Generator())


def test_the_answer_is_the_modules_in_the_dtype_of_the_data():
    module = torch.nn.Conv1d(2, 3, 1)
    values = torch.ones(4, 2, 8, dtype=torch.float64)
    expected = module.double()(values)
    torch.testing.assert_close(build(module.float())(values, PLACES), expected)


def test_training_does_not_change_the_users_module():
    module = torch.nn.Conv1d(2, 3, 1)
    before = module.weight.detach().clone()
    network = build(module)
    with torch.no_grad():
        network.module.weight.zero_()
    assert torch.equal(module.weight, before)
    assert module.weight.dtype == torch.float32


def test_an_answer_of_another_shape_is_refused_in_words():
    values = torch.ones(4, 2, 8, dtype=torch.float64)
    with pytest.raises(ValueError, match=r"Conv1d answers \(4, 5, 8\).*it must answer \(4, 3, 8\)"):
        build(torch.nn.Conv1d(2, 5, 1))(values, PLACES)
    with pytest.raises(ValueError, match="answers tuple"):
        build(torch.nn.LSTM(8, 8))(values, PLACES)


@pytest.mark.parametrize("module", [torch.nn.Conv1d, "fno", None])
def test_what_is_no_module_is_refused(module):
    with pytest.raises(ValueError, match=r"no torch.nn.Module"):
        Given(module)
