"""Functions of one coordinate: conditions at the ends, orthonormality, derivatives, too few nodes."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pinnlab.numerics.axis_basis import AxisBasis, EndFunctional, Segment, nodes_for
from pinnlab.numerics.line_spectrum import LineSpectrum

VALUE_AT = [EndFunctional(0.0, (1.0,)), EndFunctional(2.0, (1.0,))]


def basis(functionals, n=60, top=20.0, segment=Segment(0.0, 2.0)):  # noqa: B008
    spectrum = LineSpectrum.harmonics(segment.low, segment.length, top, segment.periodic)
    return AxisBasis.of(spectrum, segment, segment.nodes(n), functionals)


def test_fejer_weights_of_three_nodes_are_the_ones_worked_out_by_hand():
    # On [-1, 1] with nodes -sqrt(3)/2, 0, sqrt(3)/2: 4/9, 10/9, 4/9.
    expected = torch.tensor([4.0, 10.0, 4.0], dtype=torch.float64) / 9
    assert torch.allclose(Segment(-1.0, 1.0).weights(3), expected, atol=1e-15)


@given(st.integers(1, 12), st.floats(-3, 3), st.floats(0.1, 5))
@settings(max_examples=20, deadline=None)
def test_the_quadrature_is_exact_for_polynomials_of_degree_less_than_its_nodes(n, low, length):
    segment = Segment(low, low + length)
    s = (segment.nodes(n) - low) / length
    for degree in range(n):
        assert float(segment.weights(n) @ s**degree) == pytest.approx(length / (degree + 1), rel=1e-12)


def test_a_circle_has_even_nodes_of_equal_weight_and_no_ends():
    circle = Segment(1.0, 3.0, periodic=True)
    assert circle.nodes(4).tolist() == [1.0, 1.5, 2.0, 2.5]
    assert circle.weights(4).tolist() == [0.5] * 4
    nodes, weights = circle.with_ends(circle.nodes(4))
    assert len(nodes) == 4
    assert torch.equal(weights, circle.weights(4))


def test_ends_are_added_to_the_nodes_of_an_interval():
    segment = Segment(0.0, 2.0)
    nodes, weights = segment.with_ends(segment.nodes(5))
    assert nodes[[0, -1]].tolist() == [0.0, 2.0]
    assert len(nodes) == 7
    assert float(weights[0]) == float(weights[-1]) == pytest.approx(0.4)


ROBIN = [EndFunctional(0.0, (2.0, -3.0)), EndFunctional(2.0, (0.0, 1.0))]
START = [EndFunctional(0.0, (1.0,)), EndFunctional(0.0, (0.0, 1.0))]
CLAMPED = [*START, EndFunctional(2.0, (1.0,)), EndFunctional(2.0, (0.0, 1.0))]


@pytest.mark.parametrize("functionals", [VALUE_AT, ROBIN, START, START[:1], CLAMPED], ids=len)
def test_lifting_functions_meet_one_condition_each_and_all_others_none(functionals):
    b = basis(functionals)
    x = [torch.tensor([f.x], dtype=torch.float64) for f in functionals]
    met = [
        sum(c * b.functions(at, p)[0] for p, c in enumerate(f.coefficients))
        for f, at in zip(functionals, x, strict=True)
    ]
    expected = torch.eye(len(functionals), b.count, dtype=torch.float64)
    # Rounding in proportion to the weights that nearly cancel, times the largest frequency of a slope.
    rounding = 1e-15 * 20 * 20 * torch.linalg.vector_norm(b.mixing, dim=0)
    assert bool(((torch.stack(met) - expected).abs() < rounding).all())


@pytest.mark.parametrize("functionals", [[], VALUE_AT, ROBIN, START], ids=["none", "values", "robin", "start"])
def test_the_others_are_orthonormal_on_the_nodes(functionals):
    b = basis(functionals)
    q = b.functions(b.nodes)[:, b.lifts :]
    gram = q.T @ (b.segment.weights(60)[:, None] * q)
    assert torch.allclose(gram, torch.eye(b.count - b.lifts, dtype=torch.float64), atol=1e-9)


def test_the_highest_derivative_is_the_identity_in_the_right_coordinates():
    b = basis(VALUE_AT)
    shift = (math.pi / 2) ** 2
    highest = b.tests @ (b.functions(b.nodes, 2) - shift * b.functions(b.nodes))[:, b.lifts :] @ b.triangle
    assert torch.allclose(highest, torch.eye(len(highest), dtype=torch.float64), atol=1e-9)


def test_the_solution_operator_of_a_self_adjoint_problem_is_negative_and_symmetric():
    b = basis(VALUE_AT)
    operator = b.tests @ b.functions(b.nodes)[:, b.lifts :] @ b.triangle
    assert torch.allclose(operator, operator.T, atol=1e-8)
    # The slowest function with zero ends is sin(pi x / 2), with u'' - (pi/2)^2 u = -2 (pi/2)^2 u.
    assert float(torch.linalg.eigvalsh(operator).min()) == pytest.approx(-1 / (2 * (math.pi / 2) ** 2), rel=1e-6)


def test_constants_are_kept_where_slopes_are_prescribed_at_both_ends():
    b = basis([EndFunctional(0.0, (0.0, 1.0)), EndFunctional(2.0, (0.0, 1.0))])
    x, w = b.segment.with_ends(b.nodes)
    coefficients = b.fitting(x, w) @ torch.ones_like(x)
    assert torch.allclose(b.functions(x) @ coefficients, torch.ones_like(x), atol=1e-9)


def test_derivatives_of_a_fit_have_the_digits_of_the_function():
    b = basis(VALUE_AT, n=80, top=50.0)
    x, w = b.segment.with_ends(b.nodes)
    coefficients, fresh = b.fitting(x, w) @ torch.exp(torch.sin(x)), torch.linspace(0, 2, 37, dtype=torch.float64)
    second = (torch.cos(fresh) ** 2 - torch.sin(fresh)) * torch.exp(torch.sin(fresh))
    assert float((b.functions(fresh, 2) @ coefficients - second).abs().max()) < 1e-6


def test_too_few_nodes_are_refused_with_the_number_that_does():
    with pytest.raises(ValueError, match=r"12 nodes are too few for frequencies up to 20\.94.*54 nodes or more"):
        basis(VALUE_AT, n=12)
    assert nodes_for(LineSpectrum.harmonics(0.0, 2.0, 20.0), Segment(0.0, 2.0)) == 54
    basis(VALUE_AT, n=54)


def test_a_condition_that_is_said_twice_is_refused():
    with pytest.raises(ValueError, match="2 conditions at the ends depend on one another"):
        basis([EndFunctional(0.0, (1.0,)), EndFunctional(0.0, (3.0,))])


def test_a_basis_moves_to_a_device_as_a_whole():
    b = basis(VALUE_AT)
    moved, x = b.on(torch.device("cpu")), torch.linspace(0, 2, 5, dtype=torch.float64)
    assert torch.equal(moved.functions(x, 1), b.functions(x, 1))
    assert {v.device.type for v in (b.on(torch.device("meta")).mixing, b.on(torch.device("meta")).tests)} == {"meta"}
