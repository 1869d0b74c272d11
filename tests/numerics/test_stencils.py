from __future__ import annotations

import numpy as np

from pinnlab.numerics.stencils import even_widths, stencil_matrix, stencil_weights


def test_stencil_weights_are_the_textbook_ones():
    nodes = np.array([[-2.0, -1, 0, 1, 2], [0, 1, 2, 3, 4]])
    weights = stencil_weights(nodes, np.zeros(2), 2)
    np.testing.assert_allclose(weights[0], [[0, 0, 1, 0, 0], [1, 0, 0, 0, 0]], atol=1e-15)
    np.testing.assert_allclose(weights[1, 0] * 12, [1, -8, 0, 8, -1], atol=1e-13)
    np.testing.assert_allclose(weights[1, 1] * 12, [-25, 48, -36, 16, -3], atol=1e-13)
    np.testing.assert_allclose(weights[2, 0] * 12, [-1, 16, -30, 16, -1], atol=1e-13)
    np.testing.assert_allclose(weights[2, 1] * 12, [35, -104, 114, -56, 11], atol=1e-12)


def test_stencil_weights_on_uneven_nodes_by_hand():
    # Through values at 0, 1, 3 the parabola's slope at 2 and curvature follow from Lagrange's form.
    weights = stencil_weights(np.array([[0.0, 1.0, 3.0]]), np.array([2.0]), 3)[:, 0]
    np.testing.assert_allclose(weights[0], [-1 / 3, 1, 1 / 3], atol=1e-15)
    np.testing.assert_allclose(weights[1], [0, -1 / 2, 1 / 2], atol=1e-15)
    np.testing.assert_allclose(weights[2], [2 / 3, -1, 1 / 3], atol=1e-15)
    np.testing.assert_allclose(weights[3], 0, atol=1e-15)


def test_even_orders_take_one_node_less_where_nodes_are_symmetric_and_one_more_where_not():
    # Fourth-order second derivatives: six nodes near the ends, five where those are symmetric, else seven if they fit.
    assert even_widths(np.arange(9.0), 6).tolist() == [6, 6, 5, 5, 5, 5, 5, 6, 6]
    gap_after_five = np.array([0.0, 1, 2, 3, 4, 5, 7, 8, 9])
    assert even_widths(gap_after_five, 6).tolist() == [6, 6, 5, 5, 7, 7, 6, 6, 6]


def test_a_matrix_of_stencils_has_its_entries_at_its_columns_in_any_order():
    matrix = stencil_matrix(np.array([[1.0, 2], [3, 4]]), np.array([[2, 0], [1, 2]]), 4)
    np.testing.assert_array_equal(matrix.toarray(), [[2, 0, 1, 0], [0, 3, 4, 0]])
    assert matrix.has_sorted_indices
