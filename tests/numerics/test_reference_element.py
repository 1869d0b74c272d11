"""Shape functions and quadrature rules on reference cells."""

import itertools
import math

import numpy as np
import pytest

from pinnlab.numerics.reference_element import CELL_TYPES, ReferenceElement, quadrature

ALL = sorted(CELL_TYPES)


@pytest.mark.parametrize(("kind", "degree"), ALL)
def test_shape_functions_are_one_at_their_node_and_zero_at_the_others(kind, degree):
    element = ReferenceElement(kind, degree)
    np.testing.assert_allclose(element.tabulate(element.nodes), np.eye(len(element.nodes)), atol=1e-14)


@pytest.mark.parametrize(("kind", "degree"), ALL)
def test_shape_functions_and_the_order_of_nodes_are_those_of_scikit_fem(kind, degree):
    import skfem

    name = {"line": "Line", "triangle": "Tri", "quad": "Quad", "tetra": "Tet"}[kind]
    suffix = {("quad", 1): "1", ("quad", 2): "2"}.get((kind, degree), f"P{degree}")
    other = getattr(skfem, f"Element{name}{suffix}")()
    element = ReferenceElement(kind, degree)
    np.testing.assert_allclose(element.nodes, other.doflocs, atol=1e-15)
    points = np.random.default_rng(0).random((5, element.dim)) / 3
    jets = element.jets(points)
    for j in range(len(element.nodes)):
        value, gradient = other.lbasis(points.T, j)
        np.testing.assert_allclose(jets[:, 0, j], value, atol=1e-13)
        np.testing.assert_allclose(jets[:, 1:, j], np.broadcast_to(gradient, (element.dim, 5)).T, atol=1e-13)


def test_second_derivatives_of_the_middle_node_of_a_line():
    # 4 s (1 - s) has the second derivative -8.
    element = ReferenceElement("line", 2)
    assert element.tabulate(np.array([[0.3]]), (2,))[0] == pytest.approx([4, 4, -8])


@pytest.mark.parametrize(("kind", "degree"), ALL)
def test_the_excess_tells_inside_from_outside(kind, degree):
    element = ReferenceElement(kind, degree)
    assert np.all(element.excess(element.nodes) <= 1e-15)
    assert element.excess(element.centre) < 0
    assert element.excess(element.centre + 2 * (element.nodes[0] - element.centre)) > 0.1


@pytest.mark.parametrize(
    ("kind", "order"), [(k, n) for k in ("line", "triangle", "tetra", "quad") for n in range(1, 7)]
)
def test_quadrature_is_exact_up_to_its_order_with_positive_weights(kind, order):
    points, weights = quadrature(kind, order)
    assert np.all(weights > 0)
    dim = points.shape[1]
    for powers in itertools.product(range(order + 1), repeat=dim):
        # Dirichlet's formula: a! b! c! / (dim + a + b + c)! on the simplex, 1/(a + 1) per axis on the square.
        exact = math.prod(map(math.factorial, powers)) / math.factorial(dim + sum(powers))
        if kind in ("line", "quad"):
            exact = math.prod(1 / (p + 1) for p in powers)
        elif sum(powers) > order:
            continue
        assert weights @ np.prod(points**powers, axis=1) == pytest.approx(exact, rel=1e-11)


@pytest.mark.parametrize(("kind", "degree"), [("hexahedron", 1), ("triangle", 3)])
def test_other_elements_are_refused(kind, degree):
    with pytest.raises(ValueError, match="finite element"):
        ReferenceElement(kind, degree)
