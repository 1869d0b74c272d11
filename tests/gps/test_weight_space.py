"""Priors that become weights, and what is refused."""

import numpy as np
import pytest
import sympy as sp
import torch

from pinnlab import Box, D, Problem, dirichlet
from pinnlab.errors import UnsupportedProblem
from pinnlab.gps.placement import NodeGrid
from pinnlab.gps.prior import Prior
from pinnlab.gps.system import Measurements, clouds_of
from pinnlab.gps.weight_space import WeightSpace
from pinnlab.numerics.kernels import Matern, SquaredExponential
from pinnlab.numerics.line_spectrum import LineSpectrum

x = sp.Symbol("x", real=True)
u = sp.Function("u")(x)
CPU = torch.device("cpu")
POISSON = Problem(
    name="line", equations=[D(u, x, 2) + sp.sin(x)], unknowns=[u], domain=Box({x: (0, 1)}),
    conditions=[dirichlet(u, 0)],
)  # fmt: skip


def system(of, prior, placement, algebra):
    return algebra.system(Measurements(of, prior, clouds_of(of, placement, 0, CPU), 1e-6), placement, CPU)


def test_features_of_a_kernel_have_its_covariance():
    kernel, at = SquaredExponential(0.2), torch.linspace(0, 1, 9, dtype=torch.float64)
    found = WeightSpace().features(POISSON, Prior((kernel,), (3.0,)))
    (rows,) = found.rows(at[:, None], (0,))
    np.testing.assert_allclose(rows @ rows.T, 9 * kernel.covariance(at[:, None] - at), atol=1e-12)


def test_too_many_weights_are_refused_with_ways_out():
    with pytest.raises(UnsupportedProblem, match=r"weights, more than 10.*SparseCholesky"):
        system(POISSON, Prior((LineSpectrum.harmonics(0.0, 1.0, 100.0),), (1.0,)), NodeGrid(5), WeightSpace(10))


def test_memory_is_estimated_before_it_is_taken():
    with pytest.raises(ValueError, match="least-squares problem takes"):
        system(
            POISSON, Prior((LineSpectrum.harmonics(0.0, 1.0, 100.0),), (1.0,)), NodeGrid(50),
            WeightSpace(memory=1e4),
        )  # fmt: skip


def test_rough_kernels_are_refused():
    with pytest.raises(UnsupportedProblem, match="Dense"):
        WeightSpace().require_prior(POISSON, Prior((Matern(0.1, smoothness=2.5),), (1.0,)))
