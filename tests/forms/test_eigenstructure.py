from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from pinnlab.forms.eigenstructure import Eigenstructure
from pinnlab.forms.evaluate import Program

rho, m, n, E, h = sp.symbols("rho m n E h", real=True)
GAMMA = sp.Rational(7, 5)
PRESSURE = (GAMMA - 1) * (E - m**2 / (2 * rho))
EULER = [m, m**2 / rho + PRESSURE, (E + PRESSURE) * m / rho]
PRESSURE_2D = (GAMMA - 1) * (E - (m**2 + n**2) / (2 * rho))
EULER_2D = [n, m * n / rho, n**2 / rho + PRESSURE_2D, (E + PRESSURE_2D) * n / rho]
SHALLOW = [m, m**2 / h + sp.Float("9.81") * h**2 / 2]


def numbers(expressions, states, values):
    return np.array([complex(v) for v in Program(expressions, states)(*map(complex, values))])


def test_the_speeds_of_a_gas_are_those_of_flow_and_sound():
    # Density 2, velocity 3, pressure 5: E = 5/0.4 + 9 = 21.5 and c = √(1.4·5/2) = √3.5.
    waves = Eigenstructure.of(EULER, (rho, m, E))
    speeds = numbers(waves.values, (rho, m, E), (2, 6, 21.5))
    np.testing.assert_allclose(sorted(speeds.real), [3 - np.sqrt(3.5), 3, 3 + np.sqrt(3.5)], rtol=1e-14)
    contact = int(np.argmin(abs(speeds - 3)))
    assert [k for k, flat in enumerate(waves.degenerate) if flat] == [contact]


def test_shallow_water_has_no_contact_and_the_speed_of_gravity_waves():
    waves = Eigenstructure.of(SHALLOW, (h, m))
    speeds = numbers(waves.values, (h, m), (4, 2))
    np.testing.assert_allclose(sorted(speeds.real), [0.5 - np.sqrt(39.24), 0.5 + np.sqrt(39.24)], rtol=1e-14)
    assert waves.degenerate == (False, False)


CASES = {
    "euler": (EULER, (rho, m, E)),
    "euler in two dimensions": (EULER_2D, (rho, m, n, E)),
    "shallow water": (SHALLOW, (h, m)),
    "shallow water across": ([m, m**2 / h + h**2 / 2, m * n / h], (h, m, n)),
    "sound": ([m, 4 * h], (h, m)),
    "barotropic": ([m, m**2 / h + h**GAMMA], (h, m)),
    "nothing moves": ([sp.S.Zero, h], (h, m)),
}


@pytest.mark.parametrize("name", list(CASES)[:-1])
def test_vectors_are_eigenvectors_and_a_basis(name):
    flux, states = CASES[name]
    waves = Eigenstructure.of(flux, states)
    size = len(states)
    for values in np.random.default_rng(1).uniform(0.5, 2.0, (5, size)):
        values[-1] += 5 * (name.startswith("euler"))  # energy enough for a positive pressure
        a = numbers([e for row in waves.jacobian for e in row], states, values).reshape(size, size)
        r = numbers([e for v in waves.vectors for e in v], states, values).reshape(size, size).T
        speeds = numbers(waves.values, states, values)
        np.testing.assert_allclose(a @ r, r * speeds, rtol=0, atol=1e-10 * np.abs(a).max() * np.abs(r).max())
        assert np.linalg.cond(r / np.linalg.norm(r, axis=0)) < 1e3


def test_a_gas_at_rest_has_a_full_basis():
    waves = Eigenstructure.of(EULER_2D, (rho, m, n, E))
    for momenta in ((0, 0), (0, 1), (1, 0), (1, 1)):
        r = numbers([e for v in waves.vectors for e in v], (rho, m, n, E), (1, *momenta, 5)).reshape(4, 4)
        assert abs(np.linalg.det(r / np.linalg.norm(r, axis=1)[:, None])) > 1e-3
    assert waves.degenerate.count(True) == 2


def test_a_defective_jacobian_has_speeds_but_no_vectors():
    waves = Eigenstructure.of(*CASES["nothing moves"])
    assert waves.values == (0, 0)
    assert waves.vectors is None


def test_a_cubic_without_rational_roots_is_left_to_numbers():
    waves = Eigenstructure.of([m, n, rho * m + n + rho], (rho, m, n))
    assert waves.values is None
    assert waves.vectors is None


def test_a_single_unknown_travels_with_the_slope_of_its_flux():
    convex, linear = Eigenstructure.of([h**2 / 2], (h,)), Eigenstructure.of([3 * h], (h,))
    assert convex.values == (h,)
    assert linear.values == (3,)
    assert (convex.degenerate, linear.degenerate) == ((False,), (True,))
