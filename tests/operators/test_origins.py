"""Families that are told apart by what their samples were made from."""

import dataclasses

import numpy as np
import pytest
import scipy.stats
import sympy as sp

from pinnlab.networks.fno import Fno
from pinnlab.operators.learning import OperatorLearning, train
from pinnlab.operators.origins import digest_of_distributions, doubts, origin_of, require_members


def known(heated, seed=0, n=60):
    """The data, as if `generate` had made them."""
    data = heated.exact(heated.family, n, heated.data.times, seed=seed)
    return dataclasses.replace(data, origin=origin_of(heated.family, n, seed))


def wider(family):
    """The same declaration with another range of the number."""
    u0, k = family.distributions
    return dataclasses.replace(family, distributions={u0: family.distributions[u0], k: scipy.stats.uniform(0.2, 6.0)})


def test_members_are_numbered_from_zero(heated):
    assert origin_of(heated.family, 2, 5).members.tolist() == [[5, 0], [5, 1]]


def test_seeds_that_files_cannot_hold_are_refused(heated):
    assert origin_of(heated.family, 1, 2**63 - 1).members[0, 0] == 2**63 - 1
    with pytest.raises(ValueError, match=r"seed = 9223372036854775808; give one below 2\*\*63"):
        origin_of(heated.family, 1, 2**63)


def test_declaration_and_distributions_tell_families_apart(heated, spectral):
    same, other = (origin_of(f, 1, 0).family for f in (dataclasses.replace(heated.family), wider(heated.family)))
    assert origin_of(heated.family, 9, 4).family == same != other
    assert digest_of_distributions(heated.family) != digest_of_distributions(wider(heated.family))
    assert origin_of(spectral.poisson(), 1, 0).family != same


def test_samples_of_another_family_are_no_members(heated):
    data = known(heated)
    require_members(heated.family, data)
    require_members(wider(heated.family), heated.data)  # these do not say what they are
    with pytest.raises(ValueError, match="generated from another family, of 'heat'"):
        require_members(wider(heated.family), data)
    with pytest.raises(ValueError, match="give the family that the data were made from"):
        train(data, OperatorLearning(Fno(2, 2, 1), epochs=1), family=wider(heated.family), device="cpu")


def test_validation_samples_are_not_trained_on(heated):
    data, learning = known(heated, n=8), OperatorLearning(Fno(2, 2, 1), epochs=1)
    with pytest.raises(ValueError, match="3 of the 3 samples in validation are members that are trained on"):
        train(data, learning, validation=known(heated, n=3), device="cpu")
    other = train(data, learning, validation=known(heated, n=3, seed=1), device="cpu")
    assert len(other.origin) == 11


def test_what_was_seen_in_training_or_is_of_another_family_is_said_by_evaluate(heated, tmp_path):
    operator = train(known(heated), OperatorLearning(Fno(2, 2, 1), epochs=1), device="cpu")
    operator.save(tmp_path / "model")
    back = type(operator).load(tmp_path / "model")
    for found in (operator, back):
        # Those that choose the epoch are seen, too.
        with pytest.warns(UserWarning, match="evaluate: 60 of the 60 samples are members that the operator has seen"):
            found.evaluate(known(heated))
        strangers = dataclasses.replace(known(heated, n=4), origin=origin_of(wider(heated.family), 4, 1))
        with pytest.warns(UserWarning, match="the samples are of another family"):
            found.evaluate(strangers)
        assert doubts(found.origin, known(heated, seed=1)) == []
        assert doubts(found.origin, heated.data) == []
    assert doubts(None, known(heated)) == []
    np.testing.assert_array_equal(operator.errors(heated.data), back.errors(heated.data))


class Plain:
    """A distribution that says nothing but its address."""

    def __init__(self, size, wave=None):
        self.size, self.wave = size, wave

    def rvs(self, *, random_state):
        number = self.size * float(random_state.normal())
        return number if self.wave is None else number * self.wave


def test_distributions_that_say_nothing_are_told_apart_by_what_they_draw(heated):
    u0, k = heated.family.distributions
    x = heated.family.problem.space[0]

    sine = sp.sin(2 * sp.pi * x)

    def told(size, rate, wave=sine):
        chosen = {u0: Plain(size, wave), k: Plain(rate)}
        return digest_of_distributions(dataclasses.replace(heated.family, distributions=chosen))

    assert told(1.0, 2.0) == told(1.0, 2.0) == told(1.0 + 1e-14, 2.0)
    others = told(1.0, 2.0), told(3.0, 2.0), told(1.0, 2.1), told(1.0, 2.0, sp.cos(2 * sp.pi * x)), told(-1.0, 2.0)
    assert len(set(others)) == 5
