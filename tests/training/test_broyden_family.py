import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pinnlab.training.broyden_family import Bfgs, Broyden, Pair, SelfScaledBfgs, apply_update

DOUBLE = torch.float64
UPDATES = [Bfgs(), SelfScaledBfgs(), Broyden()]


def example(seed, size=5):
    """A positive definite H, and a pair with y's > 0 of a step that is no quasi-Newton step."""
    g = torch.Generator().manual_seed(seed)
    root = torch.randn(size, size, generator=g, dtype=DOUBLE)
    inverse = root @ root.T + 0.1 * torch.eye(size, dtype=DOUBLE)
    s, y = torch.randn(2, size, generator=g, dtype=DOUBLE)
    y = y if float(s @ y) > 0 else -y
    return inverse, Pair(s, y, inverse @ y, float(s @ torch.linalg.solve(inverse, s)))


def updated(update, inverse, pair, vector=None):
    new = inverse.clone()
    vector = pair.y if vector is None else vector
    return new, apply_update(update, new, pair, vector, inverse @ vector)


@pytest.mark.parametrize("update", UPDATES)
@given(st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_the_secant_equation_holds_and_the_matrix_stays_positive_definite(update, seed):
    inverse, pair = example(seed)
    new, _ = updated(update, inverse, pair)
    # The product rounds relative to the sizes of its factors, which cancel where curvature is nearly lost.
    rounding = 1e-12 * float(new.norm() * pair.y.norm())
    torch.testing.assert_close(new @ pair.y, pair.s, rtol=1e-6, atol=rounding + 1e-6 * float(pair.s.norm()))
    assert torch.equal(new, new.T)
    assert float(torch.linalg.eigvalsh(new).min()) > -1e-10 * float(new.norm())


@pytest.mark.parametrize("update", UPDATES)
def test_the_product_returned_is_that_of_the_new_matrix(update):
    inverse, pair = example(3)
    vector = torch.arange(5.0, dtype=DOUBLE)
    new, product = updated(update, inverse, pair, vector)
    torch.testing.assert_close(product, new @ vector, rtol=1e-10, atol=1e-10)


def test_bfgs_is_the_product_form_of_the_textbooks():
    # (I - s y' / y's) H (I - y s' / y's) + s s' / y's: Nocedal and Wright, Eq. 6.17.
    inverse, pair = example(7)
    side = torch.eye(5, dtype=DOUBLE) - torch.outer(pair.s, pair.y) / (pair.s @ pair.y)
    expected = side @ inverse @ side.T + torch.outer(pair.s, pair.s) / (pair.s @ pair.y)
    torch.testing.assert_close(updated(Bfgs(), inverse, pair)[0], expected, rtol=1e-10, atol=1e-10)


def test_bfgs_by_hand():
    # H = I, s = (1, 0), y = (2, 1): y's = 2, I - s y'/2 = [[0, -1/2], [0, 1]],
    # H+ = [[1/4, -1/2], [-1/2, 1]] + [[1/2, 0], [0, 0]].
    s, y = torch.tensor([[1.0, 0.0], [2.0, 1.0]], dtype=DOUBLE)
    new, _ = updated(Bfgs(), torch.eye(2, dtype=DOUBLE), Pair(s, y, y, 1.0))
    torch.testing.assert_close(new, torch.tensor([[0.75, -0.5], [-0.5, 1.0]], dtype=DOUBLE))


def test_factors_of_self_scaled_bfgs_by_hand():
    assert SelfScaledBfgs().factors(4.0, 1.0, 3) == (0.25, 1.0)
    assert SelfScaledBfgs().factors(0.5, 4.0, 3) == (1.0, 1.0)


def test_factors_of_broyden_with_negative_theta_by_hand():
    # b = 2, h = 1: a = 1, c = sqrt(1/2), rho = 1 - c = 0.29289, theta- = -0.70711, (1 - b) / b = -1/2, so
    # theta = -1/2, sigma = 1/2; n = 3: sigma^(-1/2) = 1.41421, tau = min(0.70711, 1/2) = 1/2, phi = 1.5 / 0.5 = 3.
    assert Broyden().factors(2.0, 1.0, 3) == pytest.approx((0.5, 3.0))


def test_factors_of_broyden_with_positive_theta_by_hand():
    # b = 1/2, h = 4: a = 1, rho = min(1, 4 (1 - 0.70711)) = 1, theta = min(1, 1) = 1, sigma = 2;
    # n = 3: tau = min(2^(-1/2), 1) = 0.70711, phi = 0.
    assert Broyden().factors(0.5, 4.0, 3) == pytest.approx((math.sqrt(0.5), 0.0))


def test_factors_of_broyden_where_theta_exceeds_one_by_hand():
    # b = 0.4, h = 3: a = 0.2, c = sqrt(1/6) = 0.40825, rho = 1, theta+ = 1 < (1 - b) / b = 1.5: theta = 1.
    # With h = 2.75 and b = 0.8: a = 1.2, c = 0.73855, rho = 0.71899, theta = min(1.39, 1/4) = 1/4, sigma = 1.3;
    # n = 2: tau = min(1 / 1.3, 4) = 0.76923, phi = 0.75 / 1.3 = 0.57692.
    assert Broyden().factors(0.4, 3.0, 2) == pytest.approx((1 / 1.2, 0.0))
    assert Broyden().factors(0.8, 2.75, 2) == pytest.approx((1 / 1.3, 0.75 / 1.3))


@pytest.mark.parametrize("n", [2, 5, 50])
def test_factors_of_broyden_for_a_step_that_is_far_too_long_by_hand(n):
    # b = 0.1, h = 20: a = 1, rho = min(1, 20 (1 - 0.70711)) = 1, theta = min(1, 9) = 1, sigma = 1 + theta a = 2, so
    # phi = 0 and tau = min(2^(-1 / (n - 1)), 10).
    assert Broyden().factors(0.1, 20.0, n) == pytest.approx((2 ** (-1 / (n - 1)), 0.0))


def test_a_pair_that_h_fits_already_changes_nothing():
    # Hy = s: a = 0, b = h = 1, theta = 0 and all factors are 1.
    assert Broyden().factors(1.0, 1.0, 10) == pytest.approx((1.0, 1.0), abs=1e-7)
    inverse, _ = example(1)
    y = torch.ones(5, dtype=DOUBLE)
    s = inverse @ y
    new, _ = updated(Broyden(), inverse, Pair(s, y, s, float(s @ y)))
    torch.testing.assert_close(new, inverse, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("update", UPDATES)
@given(st.floats(1e-6, 1e6), st.floats(0, 1e12), st.integers(1, 5000))
def test_factors_keep_the_matrix_positive_definite(update, b, a, size):
    tau, phi = update.factors(b, (1 + a) / b, size)
    assert 0 < tau <= 1
    assert 1 + phi * a > 0


@pytest.mark.parametrize("update", UPDATES)
def test_the_update_does_not_depend_on_the_variables_chosen(update):
    # theta = A theta': s' = A^-1 s, y' = A'y, H' = A^-1 H A^-T, and the new matrices are related in the same way.
    inverse, pair = example(11)
    change = torch.randn(5, 5, generator=torch.Generator().manual_seed(5), dtype=DOUBLE)
    back = torch.linalg.inv(change)
    other = back @ inverse @ back.T
    y = change.T @ pair.y
    new, _ = updated(update, other, Pair(back @ pair.s, y, other @ y, pair.sbs))
    expected = back @ updated(update, inverse, pair)[0] @ back.T
    torch.testing.assert_close(new, expected, rtol=1e-8, atol=1e-8 * float(expected.norm()))
