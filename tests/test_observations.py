"""Data for inverse problems: shapes, identity, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
import sympy as sp

from pinnlab import Box, D, Problem, initial
from pinnlab.observations import Observations, weights
from pinnlab.settings import describe

t = sp.Symbol("t", real=True)
a, b = (sp.Function(n)(t) for n in "ab")
PROBLEM = Problem("pair", [D(a, t) - b, D(b, t) + a], [a, b], Box({t: (0, 1)}), [initial(a, 0), initial(b, 1)], t)
POINTS = np.array([[0.2], [0.5], [0.9]])


def test_one_number_of_noise_serves_all_values():
    found = Observations(POINTS, [[1, 2], [3, 4], [5, 6]], 0.1)
    assert found.noise.shape == (3, 2)
    assert (found.noise == 0.1).all()
    assert found.count == 6
    assert found.columns(PROBLEM) == (0, 1)


def test_noise_may_differ_between_unknowns_and_values():
    values = np.ones((3, 2))
    np.testing.assert_array_equal(Observations(POINTS, values, [1, 2]).noise, [[1, 2]] * 3)
    own = np.arange(1.0, 7.0).reshape(3, 2)
    np.testing.assert_array_equal(Observations(POINTS, values, own).noise, own)


def test_some_of_the_unknowns_in_any_order():
    values = np.ones((3, 2))
    assert Observations(POINTS, values, 1.0, unknowns=(b, "a")).columns(PROBLEM) == (1, 0)
    assert Observations(POINTS, [1, 2, 3], 1.0, unknowns=b).columns(PROBLEM) == (1,)
    assert Observations(POINTS, [1, 2, 3], 1.0, unknowns="b").unknowns == ("b",)


def test_equal_noise_weighs_by_the_slack_alone():
    (found,) = weights([Observations(POINTS, [1, 2, 3], 0.02, "a", slack=0.3)])
    np.testing.assert_allclose(found, 0.3, rtol=1e-14)


def test_weights_go_with_the_inverse_of_the_noise_across_sets():
    # Geometric mean of 1, 1, 1, 4, 4, 4 is 2.
    first, second = weights([Observations(POINTS, [1, 2, 3], 1.0, "a"), Observations(POINTS, [1, 2, 3], 4.0, "b")])
    np.testing.assert_allclose(first, 0.1 * 2 / 1)
    np.testing.assert_allclose(second, 0.1 * 2 / 4)
    assert weights([]) == []


def test_sets_with_different_slacks_are_refused():
    sets = [Observations(POINTS, [1, 2, 3], 1.0, "a", slack=s) for s in (0.1, 0.2)]
    with pytest.raises(ValueError, match=r"the slacks \[0.1, 0.2\]; give all the same"):
        weights(sets)


def test_content_is_identity():
    first, same = (Observations(POINTS, [1, 2, 3], 0.1, "a") for _ in range(2))
    other = Observations(POINTS, [1, 2, 3.5], 0.1, "a")
    assert first == same
    assert hash(first) == hash(same)
    assert len({first, other, Observations(POINTS, [1, 2, 3], 0.1, "b")}) == 3
    assert first != "data"


def test_settings_name_the_data_by_their_hash_and_do_not_hold_them():
    told = json.loads(json.dumps(describe(Observations(POINTS, [1, 2, 3], 0.1, "a"))))
    assert told["count"] == 3
    assert len(told["sha256"]) == 64
    assert told["unknowns"] == ["a"]
    assert "values" not in told


def test_data_cannot_be_changed_afterwards():
    values = np.array([1.0, 2.0, 3.0])
    found = Observations(POINTS, values, 0.1, "a")
    values[0] = 9
    assert found.values[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        found.values[0, 0] = 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((POINTS, [1, 2], 0.1), "points of shape"),
        ((POINTS[:0], [], 0.1), "points of shape"),
        ((POINTS[:, 0], [1, 2, 3], 0.1), "points of shape"),
        ((POINTS, [1, np.nan, 3], 0.1), "values hold nan in row 1, column 0; drop"),
        (([[0.1], [np.inf], [0.3]], [1, 2, 3], 0.1), "points hold inf in row 1"),
        ((POINTS, [1, 2, 3], [0.1, 0.2]), r"noise of shape \(2,\) for values of shape \(3, 1\)"),
        ((POINTS, [1, 2, 3], 0.0), "noise of 0.0; give positive"),
        ((POINTS, [1, 2, 3], 0.1, "a", -1.0), "slack = -1.0; give a positive"),
        ((POINTS, [1, 2, 3], 0.1, ("a", "b")), "1 columns of values for the unknowns"),
    ],
)
def test_bad_data_are_refused(arguments, message):
    with pytest.raises(ValueError, match=f"Observations: {message}"):
        Observations(*arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((POINTS, [1, 2, 3], 0.1, "aa"), r"there is no unknown 'aa' \(did you mean 'a'"),
        ((POINTS, [1, 2, 3], 0.1), "1 columns of values for a, b; name"),
        ((POINTS, np.ones((3, 2)), 0.1, ("a", "a")), "2 columns of values for a, a; name"),
        ((np.ones((3, 2)), [1, 2, 3], 0.1, "a"), "points have 2 columns"),
        ((POINTS + 0.5, [1, 2, 3], 0.1, "a"), r"1 of 3 points lie outside the domain, the first at \[1.4\]; drop"),
    ],
)
def test_data_of_another_problem_are_refused(arguments, message):
    with pytest.raises(ValueError, match=f"Observations of 'pair': {message}"):
        Observations(*arguments).columns(PROBLEM)


def test_noise_may_come_as_flat_as_the_values_of_one_unknown():
    found = Observations(POINTS, [1, 2, 3], [0.1, 0.2, 0.3], "a")
    np.testing.assert_array_equal(found.noise, [[0.1], [0.2], [0.3]])
    np.testing.assert_array_equal(Observations(POINTS, [1, 2, 3], [0.1], "a").noise, [[0.1]] * 3)
