"""The equations of the Fourier coefficients, by hand."""

import numpy as np
import pytest
import sympy as sp
import torch

from pinnlab import Box, D, Problem, TimeInterval, UnsupportedProblem, initial
from pinnlab.discretization.fourier import FourierSystem
from pinnlab.forms.spectral import SpectralForm

t, x = sp.symbols("t x", real=True)
u = sp.Function("u")(t, x)


def system(law, start, n=16):
    domain = TimeInterval(t, 0, 1) * Box({x: (0, 2 * sp.pi)}, periodic=[x])
    problem = Problem("one", [law], [u], domain, [initial(u, start)], time=t)
    return FourierSystem(problem, SpectralForm.of(problem), (n,), torch.device("cpu"))


def test_the_rate_is_linear_part_plus_products():
    one = system(D(u, t) + u * D(u, x) - 3 * D(u, x, 2), sp.sin(x))
    values = one.initial_values()
    np.testing.assert_allclose(values[0], np.sin(one.nodes[0].numpy()), atol=1e-15)
    rate = one.modes.backward(one.rate(one.modes.forward(values[None]), 0.0))[0, 0].numpy()
    at = one.nodes[0].numpy()
    np.testing.assert_allclose(rate, -np.sin(at) * np.cos(at) - 3 * np.sin(at), atol=1e-13)


def test_products_beyond_the_highest_mode_do_not_come_back_as_others():
    # u u_x = 5/2 sin 10 x, which on 16 nodes looks like -5/2 sin 6 x.
    one = system(D(u, t) + u * D(u, x), sp.sin(5 * x))
    rate = one.rate(one.modes.forward(one.initial_values()[None]), 0.0)
    np.testing.assert_allclose(rate.abs().numpy(), 0, atol=1e-12)
    # Twice the nodes hold it.
    fine = system(D(u, t) + u * D(u, x), sp.sin(5 * x), n=32)
    rate = fine.modes.backward(fine.rate(fine.modes.forward(fine.initial_values()[None]), 0.0))[0, 0]
    np.testing.assert_allclose(rate, -2.5 * np.sin(10 * fine.nodes[0].numpy()), atol=1e-12)


def test_the_symbol_of_a_linear_equation_is_its_multiplier():
    one = system(D(u, t) + 2 * D(u, x) - D(u, x, 2), sp.sin(x))
    k = np.arange(9)
    expected = -2j * k - k**2
    found = one.symbol.values.reshape(-1).numpy()
    # The highest mode of an odd derivative has no sign and is left out.
    np.testing.assert_allclose(found[:-1], expected[:-1], atol=1e-13)
    assert one.nonlinear is None


def test_what_cannot_be_evaluated_is_refused_before_a_step():
    with pytest.raises((UnsupportedProblem, ValueError), match="q"):
        system(D(u, t) - D(u, x, 2), sp.Function("q")(x)).check()
