from __future__ import annotations

import numpy as np
import pytest

from pinnlab.numerics.riemann import FaceStates, Hll, Hllem, LaxFriedrichs, Waves


def at(left, right, f_left, f_right, slowest, fastest):
    states, fluxes = (np.array(pair, float)[..., None] for pair in ((left, right), (f_left, f_right)))
    sides = np.full((2, 1), max(abs(slowest), abs(fastest)))
    return FaceStates(states, fluxes, np.array([slowest]), np.array([fastest]), sides)


SOLVERS = [LaxFriedrichs(), Hll()]


@pytest.mark.parametrize("solver", SOLVERS)
def test_equal_states_give_their_flux(solver):
    flux = solver.flux(at([1, 2], [1, 2], [3, 5], [3, 5], -1.0, 2.0), None)
    np.testing.assert_allclose(flux[:, 0], [3, 5], rtol=1e-15)


def test_lax_friedrichs_by_hand():
    # Burgers from 2 to 1: (2 + 1/2)/2 - 2 (1 - 2)/2 = 9/4.
    assert LaxFriedrichs().flux(at([2], [1], [2], [0.5], 1.0, 2.0), None)[0, 0] == 2.25


def test_hll_by_hand_and_upwind_where_all_waves_go_one_way():
    # s_L = -1, s_R = 2: (2·3 + 1·5 - 2 (4 - 1)) / 3 = 5/3.
    assert Hll().flux(at([1], [4], [3], [5], -1.0, 2.0), None)[0, 0] == pytest.approx(5 / 3)
    assert Hll().flux(at([1], [4], [3], [5], 1.0, 2.0), None)[0, 0] == 3
    assert Hll().flux(at([1], [4], [3], [5], -2.0, -1.0), None)[0, 0] == 5
    assert Hll().flux(at([1], [4], [3], [3], 0.0, 0.0), None)[0, 0] == 3


def contact(velocity):
    """A gas with velocity and pressure the same on both sides and densities 1 and 3; its waves at the mean."""
    gamma, p = 1.4, 1.0
    states = [np.array([r, r * velocity, p / (gamma - 1) + r * velocity**2 / 2]) for r in (1.0, 3.0)]
    fluxes = [np.array([s[1], s[1] * velocity + p, (s[2] + p) * velocity]) for s in states]
    sound = [np.sqrt(gamma * p / s[0]) for s in states]
    mean = 0.5 * (states[0] + states[1])
    c, total = np.sqrt(gamma * p / mean[0]), (mean[2] + p) / mean[0]
    right = np.array([[1, 1, 1], [velocity - c, velocity, velocity + c],
                      [total - velocity * c, velocity**2 / 2, total + velocity * c]])  # fmt: skip
    speeds = np.array([velocity - c, velocity, velocity + c])
    waves = Waves(speeds[:, None], np.linalg.inv(right)[..., None], right[..., None], np.array([False, True, False]))
    fan = at(*states, *fluxes, velocity - max(sound), velocity + max(sound))
    return fan, waves, fluxes


def test_hllem_keeps_a_contact_at_rest_exactly_and_hll_does_not():
    fan, waves, fluxes = contact(0.0)
    np.testing.assert_allclose(Hllem().flux(fan, waves)[:, 0], fluxes[0], atol=1e-14)
    assert abs(Hll().flux(fan, None)[0, 0]) > 0.1


def test_hllem_takes_the_upwind_side_of_a_moving_contact():
    for velocity in (0.5, -0.5):
        fan, waves, fluxes = contact(velocity)
        upwind = fluxes[0] if velocity > 0 else fluxes[1]
        np.testing.assert_allclose(Hllem().flux(fan, waves)[:, 0], upwind, rtol=1e-13)


def test_hllem_without_contacts_is_hll_and_without_waves_says_so():
    fan, waves, _ = contact(0.3)
    none = Waves(waves.speeds, waves.left, waves.right, np.zeros(3, bool))
    np.testing.assert_array_equal(Hllem().flux(fan, none), Hll().flux(fan, None))
    with pytest.raises(ValueError, match="use Hll"):
        Hllem().flux(fan, None)
