import pytest
import torch

from pinnlab.training.objective import LeastSquares, gram_matrix


class Circle(LeastSquares):
    """Residuals x^2 + y^2 - 5 and x y - 2: zero at (1, 2)."""

    count = 2

    def residuals(self, theta):
        return torch.stack([theta @ theta - 5, theta[0] * theta[1] - 2])

    def jacobian(self, theta):
        return self.residuals(theta), torch.stack([2 * theta, theta.flip(0)])


THETA = torch.tensor([3.0, 1.0], dtype=torch.float64)


def test_value_and_gradient_are_the_sum_of_squares_and_twice_its_half():
    # r = (5, 1), J = [[6, 2], [1, 3]]: loss 26, gradient 2 J'r = 2 (31, 13).
    loss, gradient = Circle().value_and_gradient(THETA)
    assert float(loss) == 26
    assert gradient.tolist() == [62, 26]
    assert not loss.requires_grad
    assert not THETA.requires_grad


def test_normal_equations_by_hand():
    r, g, gram = Circle().normal_equations(THETA)
    assert r.tolist() == [5, 1]
    assert g.tolist() == [31, 13]
    assert gram.tolist() == [[37, 15], [15, 13]]


@pytest.mark.parametrize(("n", "p", "blocks"), [(7, 5, 4), (3, 10, 4), (4, 1, 4), (6, 6, 1), (5, 9, 2)])
def test_the_gram_matrix_by_blocks_is_the_whole_product(n, p, blocks):
    m = torch.rand(n, p, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(gram_matrix(m, blocks), m.T @ m, rtol=1e-14, atol=1e-14)


def test_an_objective_is_one_term_unless_it_says_otherwise():
    losses, gradients = Circle().losses_and_gradients(THETA)
    assert Circle().terms == 1
    assert losses.tolist() == [26]
    assert gradients.tolist() == [[62, 26]]


def test_an_objective_names_residuals_by_number_and_knows_no_shapes_unless_it_says_otherwise():
    assert Circle().describe(1) == "residual 1"
    assert Circle().shapes == ()
    ((r, block),) = Circle().blocks(THETA)
    assert torch.equal(r, Circle().residuals(THETA))
    assert torch.equal(block, Circle().jacobian(THETA)[1])
