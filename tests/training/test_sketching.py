import itertools
import math

import pytest
import scipy.fft
import torch

from pinnlab.training.levenberg_marquardt import LevenbergMarquardt, NoCorrection
from pinnlab.training.local_model import Exact
from pinnlab.training.objective import LeastSquares
from pinnlab.training.sketching import (
    CountSketch,
    Sketched,
    Subspace,
    cosine_transform,
    inverse_cosine_transform,
)

DOUBLE = torch.float64


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE)


class Bent(LeastSquares):
    """tanh(A theta) - b with more rows than parameters, in two blocks."""

    def __init__(self, count=300, size=40, solvable=True):
        self.matrix = normal(count, size) / size**0.5
        self.target = torch.tanh(self.matrix @ normal(size, seed=1)) if solvable else 0.1 * normal(count, seed=2)

    @property
    def count(self):
        return len(self.matrix)

    def residuals(self, theta):
        return (torch.tanh(self.matrix @ theta) - self.target) / self.count**0.5

    def jacobian(self, theta):
        slopes = 1 - torch.tanh(self.matrix @ theta) ** 2
        return self.residuals(theta), slopes[:, None] * self.matrix / self.count**0.5

    def blocks(self, theta):
        r, jacobian = self.jacobian(theta)
        yield from zip(r.split(200), jacobian.split(200), strict=True)


@pytest.mark.parametrize("n", [1, 2, 5, 8, 13])
def test_cosine_transform_equals_scipy_and_its_inverse_is_its_transpose(n):
    x = normal(3, n)
    torch.testing.assert_close(cosine_transform(x), torch.from_numpy(scipy.fft.dct(x.numpy(), norm="ortho", axis=-1)))
    torch.testing.assert_close(inverse_cosine_transform(cosine_transform(x)), x)
    y = normal(3, n, seed=1)
    torch.testing.assert_close((cosine_transform(x) * y).sum(), (x * inverse_cosine_transform(y)).sum())


def test_a_count_sketch_by_hand():
    # Rows 0 and 2 go to bucket 1 with signs + and -, row 1 to bucket 0.
    sketch = CountSketch(2, torch.tensor([[1, 0, 1]]), torch.tensor([[1.0, 1.0, -1.0]], dtype=DOUBLE))
    matrix = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 7.0]], dtype=DOUBLE)
    whole, parts = torch.zeros(2, 2, 2, dtype=DOUBLE)
    sketch.add(matrix, 0, whole)
    assert whole.tolist() == [[3.0, 4.0], [-4.0, -5.0]]
    sketch.add(matrix[:1], 0, parts)
    sketch.add(matrix[1:], 1, parts)
    assert torch.equal(whole, parts)


def test_count_sketches_keep_squares_on_average():
    x, generator = normal(50, 1), torch.Generator().manual_seed(0)
    found = []
    for _ in range(400):
        sketch, out = CountSketch.draw(20, 50, 4, x, generator), torch.zeros(20, 1, dtype=DOUBLE)
        sketch.add(x, 0, out)
        found.append(float(out.square().sum()))
    # One |Sx|^2 / |x|^2 has a standard deviation of about sqrt(2 / 20): 0.016 for the mean of 400.
    assert sum(found) / 400 == pytest.approx(float(x.square().sum()), rel=0.06)


def test_a_subspace_is_orthonormal_and_lift_is_the_transpose_of_restrict():
    subspace = Subspace.draw(7, torch.zeros(12, dtype=DOUBLE), torch.Generator().manual_seed(0))
    basis = torch.stack([subspace.lift(e) for e in torch.eye(7, dtype=DOUBLE)], dim=1)
    torch.testing.assert_close(basis.T @ basis, torch.eye(7, dtype=DOUBLE))
    x = normal(300, 12)
    torch.testing.assert_close(subspace.restrict(x), x @ basis)
    torch.testing.assert_close(subspace.restrict(x[0]), basis.T @ x[0])


def test_a_sketch_of_everything_is_the_exact_model():
    objective, theta = Bent(), torch.zeros(40, dtype=DOUBLE)
    exact = Exact().at(objective, theta, 0)
    model = Sketched(300, 40).at(objective, theta, 0)
    for vector in (None, normal(300, seed=5)):
        a, b = (m.damped_inverse(m.factor(0.1), m.residuals if vector is None else vector) for m in (exact, model))
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)


def test_predicted_decrease_is_that_of_the_sketched_model():
    objective, theta = Bent(), torch.zeros(40, dtype=DOUBLE)
    model = Sketched(60, 15).at(objective, theta, 3)
    step = -model.damped_inverse(model.factor(0.2), model.residuals)
    z = model.subspace.restrict(step)
    torch.testing.assert_close(model.subspace.lift(z), step)
    expected = -2 * step @ model.gradient - z @ model.gram @ z
    assert model.predicted_decrease(step, 0.2) == pytest.approx(float(expected))
    # The damped minimiser of that model over the subspace: its gradient vanishes.
    slope = model.subspace.restrict(model.gradient) + model.gram @ z + 0.2 * z
    assert float(slope.norm()) < 1e-12


def test_every_step_has_its_own_sketch_and_the_same_step_the_same():
    objective, theta = Bent(), torch.zeros(40, dtype=DOUBLE)
    a, b, again = (Sketched(60, 15).at(objective, theta, taken).gram for taken in (0, 1, 0))
    assert torch.equal(a, again)
    assert not torch.allclose(a, b)


@pytest.mark.parametrize("solvable", [True, False])
def test_sketched_steps_reach_the_minimum_of_the_exact_ones(solvable):
    objective, theta = Bent(solvable=solvable), torch.zeros(40, dtype=DOUBLE)

    def loss(model, steps):
        optimizer, found = LevenbergMarquardt(steps, correction=NoCorrection(), model=model), theta
        state, history = optimizer.start(theta), []
        while not optimizer.finished(state):
            found, state, scalars = optimizer.step(objective, found, state)
            history.append(scalars["loss"])
        assert all(b <= a * (1 + 1e-12) for a, b in itertools.pairwise(history))
        return history[-1]

    best = loss(Exact(), 50)
    assert loss(Sketched(60, 20), 150) == pytest.approx(best, rel=1e-6, abs=1e-12)


def test_too_much_memory_is_refused_with_an_estimate():
    numbers = 60 * (40 + 20) + 4 * 20**2
    with pytest.raises(ValueError, match=r"sketch of 60 rows of 40 parameters takes 4\.16e-05 GB.*fewer rows"):
        Sketched(60, 20, memory=8 * numbers - 1).at(Bent(), torch.zeros(40, dtype=DOUBLE), 0)
    assert math.isclose(8e-9 * numbers, 4.16e-05)


@pytest.mark.parametrize("settings", [{"rows": 10, "columns": 20}, {"columns": 0}, {"hashes": 0}])
def test_unusable_settings_are_refused(settings):
    with pytest.raises(ValueError, match="Sketched"):
        Sketched(**settings)
