"""NysNewton-CG: damped Newton steps by preconditioned conjugate gradients, without any matrix."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pinnlab.admissible import require_counts, require_numbers, require_positive, require_seed
from pinnlab.training.nystrom import Nystrom, conjugate_gradients
from pinnlab.training.objective import LeastSquares
from pinnlab.training.optimizer import Optimizer, generator_of_step
from pinnlab.training.refusals import STALLED, finite_norm, require_double, require_finite_loss


@dataclass(frozen=True, eq=False)
class NysNewtonCgState:
    """Steps taken, whether the last found no descent, and the preconditioner's basis (P, rank) and values (rank,)."""

    taken: int
    stalled: bool
    basis: Tensor
    values: Tensor


@dataclass(frozen=True)
class NysNewtonCg(Optimizer[NysNewtonCgState]):
    """Newton's method with (H + damping I) d = -g solved by conjugate gradients under a Nyström preconditioner [1].

    H is the Hessian of the loss, not its Gauss-Newton part; its products with vectors are differentiated twice in
    reverse through one graph, which stays in memory during a step.  Steps are halved until the loss falls by
    `decrease` times the slope.  It needs no P^2 memory: for networks too large for dense methods, after `Adam` or
    `Lbfgs` have brought the loss down; far from a minimum H is indefinite and the steps are short.

    Args:
        steps: Largest number of Newton steps.
        damping: Added to H, in its units: 1e-5 to 1e-1 for losses that are mean squares.
        rank: Products in the sketch, and dimension of the preconditioner.
        refresh: Steps between sketches.
        products: Most products of one step's conjugate gradients.
        tolerance: Relative residual at which they end.
        decrease: Armijo's constant, in (0, 1/2).
        halvings: Most halvings of a step.
        seed: Of the sketches, at least 0.

    [1] P. Rathore, W. Lei, Z. Frangella, L. Lu, M. Udell, ICML 2024, arXiv:2402.01868, Algorithm 4.
    """

    steps: int = 1000
    damping: float = 1e-4
    rank: int = 60
    refresh: int = 20
    products: int = 200
    tolerance: float = 1e-3
    decrease: float = 1e-4
    halvings: int = 30
    seed: int = 0

    def __post_init__(self) -> None:
        require_counts(self, steps=self.steps, rank=self.rank, refresh=self.refresh)
        require_counts(self, products=self.products, halvings=self.halvings)
        require_positive(self, damping=self.damping, tolerance=self.tolerance)
        require_seed(self, self.seed)
        require_numbers(self, decrease=self.decrease)
        if not 0 < self.decrease < 0.5:
            raise ValueError(f"NysNewtonCg: decrease = {self.decrease}; give a number in (0, 1/2)")

    def start(self, theta: Tensor) -> NysNewtonCgState:  # noqa: D102
        return NysNewtonCgState(0, False, theta.new_zeros(len(theta), 0), theta.new_zeros(0))

    def step(
        self, objective: LeastSquares, theta: Tensor, state: NysNewtonCgState
    ) -> tuple[Tensor, NysNewtonCgState, dict[str, float]]:
        """One Newton step, or none if no length lowers the loss.

        Scalars: "loss" of the result, "gradient" its norm before, "products" with H, "length" of the step.

        Raises:
            ValueError: If `theta` is not float64.
            SolveFailed: If the loss at `theta` itself or its gradient is not finite.
        """
        require_double(self, theta)
        theta = theta.detach()
        curvature = _Curvature(objective, theta)
        require_finite_loss(self, objective, theta, curvature.loss)
        slope = finite_norm(self, curvature.gradient)
        preconditioner = Nystrom(state.basis, state.values)
        if state.taken % self.refresh == 0 or not len(state.values):
            generator = generator_of_step(self.seed, state.taken)
            preconditioner = Nystrom.of(curvature.product, self.rank, theta, generator)
        found, used = conjugate_gradients(
            lambda v: curvature.product(v) + self.damping * v,
            -curvature.gradient,
            lambda v: preconditioner.precondition(v, self.damping),
            self.tolerance,
            self.products,
        )
        length, loss = self._search(objective, theta, found, curvature)
        scalars = {
            "loss": loss,
            "gradient": slope,
            "products": float(used),
            "length": length,
        }
        new = NysNewtonCgState(state.taken + 1, not length, preconditioner.basis, preconditioner.values)
        return theta + length * found, new, scalars

    def _search(
        self, objective: LeastSquares, theta: Tensor, direction: Tensor, curvature: _Curvature
    ) -> tuple[float, float]:
        """The first of 1, 1/2, 1/4, ... with Armijo's condition and the loss there; 0 if there is none."""
        slope = float(curvature.gradient @ direction)
        for i in range(self.halvings + 1 if slope < 0 else 0):
            with torch.no_grad():
                trial = float(torch.square(objective.residuals(theta + 0.5**i * direction)).sum())
            if trial < curvature.loss and trial <= curvature.loss + self.decrease * 0.5**i * slope:
                return 0.5**i, trial
        return 0.0, curvature.loss

    def finished(self, state: NysNewtonCgState) -> bool:  # noqa: D102
        return state.taken >= self.steps or state.stalled

    def redrawn(self, state: NysNewtonCgState) -> NysNewtonCgState:  # noqa: D102
        return replace(state, stalled=False)

    def verdict(self, state: NysNewtonCgState) -> str:  # noqa: D102
        return STALLED.format("NysNewtonCg") if state.stalled else ""


class _Curvature:
    """Loss, gradient (P,) and products with the Hessian at one point, from one graph."""

    def __init__(self, objective: LeastSquares, theta: Tensor) -> None:
        self._leaf = theta.clone().requires_grad_(True)
        with torch.enable_grad():
            value = torch.square(objective.residuals(self._leaf)).sum()
            (self._gradient,) = torch.autograd.grad(value, self._leaf, create_graph=True)
        self.loss, self.gradient = float(value.detach()), self._gradient.detach()

    def product(self, vector: Tensor) -> Tensor:
        """The Hessian times `vector (P,)`."""
        (found,) = torch.autograd.grad(self._gradient, self._leaf, vector, retain_graph=True, materialize_grads=True)
        return found
