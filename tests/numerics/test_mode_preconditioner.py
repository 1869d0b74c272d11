"""Inverses of operators that are diagonal in the modes of some axes."""

import numpy as np
import pytest
import torch

from pinnlab.numerics.axis_basis import EndFunctional
from pinnlab.numerics.modal_axis import ConstrainedModes, LegendreModes, TrigonometricModes
from pinnlab.numerics.mode_preconditioner import DenseAxis, DiagonalAxis, LinearTerm, ModePreconditioner

CPU = torch.device("cpu")
CIRCLE = TrigonometricModes(0.0, 2 * np.pi, 7)
DIAGONAL = DiagonalAxis(CIRCLE.frequencies, CIRCLE.to_complex)
ONE = np.ones(())


def test_on_a_circle_it_divides_by_the_symbol():
    # u' - u'' of cos x is -sin x + cos x; coefficients are ordered 1, cos, sin.
    terms = [LinearTerm(0, 0, (1,), ONE), LinearTerm(0, 0, (2,), -ONE)]
    operator = ModePreconditioner([DIAGONAL], terms, 1, CPU)
    cosine = torch.zeros(1, 1, 7, dtype=torch.float64)
    cosine[0, 0, 1] = 1
    image = operator.forward(cosine)
    np.testing.assert_allclose(image[0, 0], [0, 1, -1, 0, 0, 0, 0], atol=1e-14)
    np.testing.assert_allclose(operator.inverse(image), cosine, atol=1e-14)


def test_what_it_takes_to_zero_is_left_out_of_the_inverse():
    operator = ModePreconditioner([DIAGONAL], [LinearTerm(0, 0, (2,), ONE)], 1, CPU)
    given = torch.ones(1, 1, 7, dtype=torch.float64)
    found = operator.inverse(given)
    assert float(found[0, 0, 0]) == 0
    np.testing.assert_allclose(operator.forward(found)[0, 0, 1:], 1, atol=1e-14)


def dense(n):
    line = LegendreModes(0.0, 1.0, n)
    basis = ConstrainedModes.of(line, [EndFunctional(0.0, (1.0,))])
    functions = {k: basis.functions(line.nodes, k)[None] for k in (0, 1)}
    return line, functions, line.projection(basis.free)


def test_an_initial_value_problem_in_time_and_modes_of_space_is_solved_to_rounding():
    # u_t = u_xx + e^-t cos 2x, u = 0 at t = 0: u = (e^-t - e^-4t) / 3 cos 2x; time is the second axis here.
    line, functions, tests = dense(20)
    terms = [LinearTerm(0, 0, (0, 1), np.ones(len(line.nodes))), LinearTerm(0, 0, (2, 0), -np.ones(len(line.nodes)))]
    operator = ModePreconditioner([DIAGONAL, DenseAxis(functions, tests)], terms, 1, CPU)
    force = torch.zeros(2, 1, 7, tests.shape[0], dtype=torch.float64)
    force[:, 0, 3] = torch.tensor([[1.0], [2.0]]) * torch.from_numpy(tests @ np.exp(-line.nodes))
    found = operator.inverse(force)
    exact = (np.exp(-line.nodes) - np.exp(-4 * line.nodes)) / 3
    values = found[:, 0, 3].numpy() @ functions[0][0].T
    np.testing.assert_allclose(values, [exact, 2 * exact], atol=1e-12)
    assert float(found[:, 0, [0, 1, 2, 4, 5, 6]].abs().max()) < 1e-13


def test_systems_and_varying_coefficients():
    # u' = v + 2t, v' = 2 t u with u = v = 0 at 0, whose coefficient 2t varies: forward and back are inverse.
    line, functions, tests = dense(12)
    both = {k: np.broadcast_to(f, (2, *f.shape[1:])) for k, f in functions.items()}
    ones = np.ones(len(line.nodes))
    terms = [
        *(LinearTerm(i, i, (1,), ones) for i in range(2)),
        LinearTerm(0, 1, (0,), -ones),
        LinearTerm(1, 0, (0,), -2 * line.nodes),
    ]
    operator = ModePreconditioner([DenseAxis(both, tests)], terms, 2, CPU)
    given = torch.randn(3, 2, 11, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    np.testing.assert_allclose(operator.inverse(operator.forward(given)), given, atol=1e-11)
    # A by hand: products of u' - v with the tests.
    values = given.numpy() @ functions[0][0].T
    slopes = given.numpy() @ functions[1][0].T
    np.testing.assert_allclose(operator.forward(given)[:, 0], (slopes[:, 0] - values[:, 1]) @ tests.T, atol=1e-11)


def test_matrices_that_do_not_fit_are_refused():
    huge = DenseAxis({0: np.zeros((1, 8000, 8000))}, np.zeros((8000, 8000)))
    with pytest.raises(ValueError, match="fewer modes"):
        ModePreconditioner([huge], [], 1, CPU)
