import pytest
import torch

from pinnlab.networks.operator import Signature, uniform_grid
from pinnlab.networks.position_channels import Coordinates, NoPositions, require_positions

MIXED = Signature(1, 1, (4, 3), 2, (True, False), torch.float64)
GRID = uniform_grid(MIXED.grid, MIXED.periodic, torch.float64)


def test_periodic_axes_are_told_by_cosine_and_sine():
    values = Coordinates()(GRID, MIXED.periodic)
    assert values.shape == (4, 3, Coordinates().count(MIXED)) == (4, 3, 3)
    # The node 1/4, 1/2.
    torch.testing.assert_close(values[1, 1], torch.tensor([0.0, 1.0, 0.5], dtype=torch.float64))


def test_no_positions_are_no_channels():
    assert NoPositions()(GRID, MIXED.periodic).shape == (4, 3, NoPositions().count(MIXED)) == (4, 3, 0)


def test_they_compare_by_what_they_are():
    assert Coordinates() == Coordinates() != NoPositions()


@pytest.mark.parametrize("positions", [Coordinates, None, True])
def test_what_tells_no_place_is_refused(positions):
    with pytest.raises(ValueError, match=r"Signature: positions = .*; give Coordinates\(\) or NoPositions\(\)"):
        require_positions(MIXED, positions)
