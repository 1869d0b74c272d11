"""What all operator networks share."""

import pytest
import torch

from pinnlab.networks.fno import Fno
from pinnlab.networks.operator import (
    Signature,
    require_operator_architecture,
    require_places,
    uniform_grid,
)


def test_a_periodic_axis_ends_one_step_before_its_end():
    grid = uniform_grid((4, 3), (True, False), torch.float64)
    assert grid.shape == (4, 3, 2)
    assert grid[:, 0, 0].tolist() == [0, 0.25, 0.5, 0.75]
    assert grid[0, :, 1].tolist() == [0, 0.5, 1]


def test_most_networks_do_not_even_look_at_the_training_outputs():
    network = Fno(2, 3, 1).build(Signature(1, 1, (8,), 1, (True,)), torch.Generator().manual_seed(0))
    examples = iter([(torch.zeros(1, 1, 8), torch.zeros(1, 1, 8))])
    network.informed_by(examples, torch.zeros(8, 1))
    assert len(list(examples)) == 1


def test_positions_of_other_points_than_the_values_are_refused():
    require_places(Fno(), (4, 3), torch.zeros(4, 3, 2), 2)
    for shape in ((4, 3, 1), (12, 2), (3, 4, 2)):
        with pytest.raises(ValueError, match=r"Fno: values at \(4, 3\) points .* give positions \(4, 3, 2\)"):
            require_places(Fno(), (4, 3), torch.zeros(shape), 2)


def test_what_builds_no_operator_network_is_refused():
    require_operator_architecture("owner", Fno())
    for other in (None, Fno, torch.nn.ReLU()):
        with pytest.raises(ValueError, match=r"str: network = .*; give the settings of an operator network"):
            require_operator_architecture("owner", other)
