"""Samples that know of which family they are members."""

import numpy as np
import pytest

from pinnlab.datasets.origin import Origin


def members(*pairs, family="f"):
    return Origin("heat", family, np.array(pairs))


def test_equal_seeds_and_numbers_of_one_family_are_common():
    some = members((0, 0), (0, 1), (1, 0))
    assert some.common(members((0, 1), (1, 1), (1, 0))) == 2
    assert some.common(members((0, 1), family="g")) == 0
    assert some[1:].common(some[[0]]) == 0


def test_samples_behind_others_keep_their_members_within_one_family():
    joined = members((0, 0)).joined(members((3, 5)))
    assert joined.members.tolist() == [[0, 0], [3, 5]]
    assert len(joined) == 2
    assert members((0, 0)).joined(members((0, 1), family="g")) is None
    assert members((0, 0)).joined(None) is None


def test_members_are_two_whole_numbers_for_each_sample():
    for wrong in ([0, 1], [[0.0, 1.0]], [[0, 1, 2]]):
        with pytest.raises(ValueError, match="the seed and the number of each sample as whole numbers"):
            Origin("heat", "f", np.array(wrong))
    with pytest.raises(ValueError, match="members hold 18446744073709551615; give numbers below"):
        Origin("heat", "f", np.array([[2**64 - 1, 0]], np.uint64))
    assert not len(Origin("heat", "f", np.zeros((0, 2), int)))
