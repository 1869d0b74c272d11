import numpy as np
import pytest

from pinnlab.numerics.neighbours import nearest


def heard(points, count, periodic):
    numbers, exist = nearest(np.asarray(points, float), count, periodic)
    return [set(row[there]) for row, there in zip(numbers, exist, strict=True)]


def test_neighbours_on_a_line_by_hand():
    line = [[0.0], [0.1], [0.3], [0.9]]
    assert heard(line, 1, (False,)) == [{1}, {0}, {1}, {2}]
    # Around the end 0.9 is 0.1 away from 0, as 0.1 is.
    assert heard(line, 1, (True,)) == [{1, 3}, {0}, {1}, {0}]


def test_both_ends_of_a_period_are_one_place():
    assert heard([[0.0], [1.0], [0.4]], 1, (True,)) == [{1}, {0}, {0, 1}]
    assert heard([[-0.05], [0.05], [0.5]], 1, (True,)) == [{1}, {0}, {0, 1}]


def test_all_points_at_the_distance_of_the_last_neighbour_are_heard():
    # The middle of a square of 3 * 3 nodes has four nearest, a corner two and then one.
    x = np.stack(np.meshgrid([0.0, 0.5, 1.0], [0.0, 0.5, 1.0], indexing="ij"), -1).reshape(-1, 2)
    assert heard(x, 1, (False, False))[4] == {1, 3, 5, 7}
    assert heard(x, 5, (False, False))[4] == {0, 1, 2, 3, 5, 6, 7, 8}
    assert heard(x, 3, (False, False))[0] == {1, 3, 4}


def test_only_some_axes_may_be_periodic():
    points = [[0.05, 0.05], [0.95, 0.05], [0.05, 0.95], [0.5, 0.5]]
    assert heard(points, 1, (True, False))[:3] == [{1}, {0}, {3}]


def test_rows_are_filled_up_with_the_point_itself():
    numbers, exist = nearest(np.array([[0.0], [0.1], [0.3], [0.9]]), 1, (True,))
    assert numbers.tolist() == [[1, 3], [0, 1], [1, 2], [0, 3]]
    assert exist.tolist() == [[True, True], [True, False], [True, False], [True, False]]


def test_neighbours_of_many_points_are_those_of_all_distances():
    points = np.random.default_rng(0).random((200, 3))
    shifts = points[:, None] - points
    shifts[..., :2] -= np.round(shifts[..., :2])
    order = np.linalg.norm(shifts, axis=-1).argsort(1)
    assert heard(points, 7, (True, True, False)) == [set(row[1:8]) for row in order]


def test_what_has_no_such_neighbours_is_refused():
    with pytest.raises(ValueError, match="3 neighbours of each of 3 points; give at least 1 and at most 2"):
        nearest(np.zeros((3, 1)), 3, (False,))
    with pytest.raises(ValueError, match="not finite"):
        nearest(np.array([[0.0], [np.nan]]), 1, (False,))
