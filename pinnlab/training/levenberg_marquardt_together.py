"""Levenberg-Marquardt for many members at once: each keeps its own damping and accepts its own steps."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.errors import SolveFailed
from pinnlab.training.batched import BatchedLeastSquares
from pinnlab.training.levenberg_marquardt import (
    GeodesicAcceleration,
    LevenbergMarquardt,
    LevenbergMarquardtState,
    NoCorrection,
    next_damping,
)
from pinnlab.training.local_model import Exact
from pinnlab.training.objective import gram_matrix
from pinnlab.training.refusals import finite_norm, require_double, require_finite_loss, require_memory
from pinnlab.training.together import Outcome, Together


@dataclass(frozen=True, eq=False)
class _Models:
    """|r + J d|^2 of K members near theta, with the smaller Gram matrix: J'J where N >= P, JJ' else.

    Attributes:
        residuals: (K, N).
        jacobian: (K, N, P).
        gradient: J'r (K, P).
        gram: (K, q, q), q the smaller of N and P.
    """

    residuals: Tensor
    jacobian: Tensor
    gradient: Tensor
    gram: Tensor

    @classmethod
    def at(cls, objective: BatchedLeastSquares, thetas: Tensor) -> _Models:
        r, jacobian = objective.jacobians(thetas)
        short = jacobian.shape[1] < jacobian.shape[2]
        return cls(r, jacobian, _pulled(jacobian, r), gram_matrix(jacobian.mT if short else jacobian))

    def select(self, members: Sequence[int]) -> _Models:
        """The models of some members."""
        if len(members) == len(self.gram):
            return self
        index = torch.tensor(list(members), device=self.gram.device)
        parts = (a.index_select(0, index) for a in (self.residuals, self.jacobian, self.gradient, self.gram))
        return _Models(*parts)

    def factors(self, dampings: Tensor) -> tuple[Tensor, Tensor]:
        """Cholesky factors of the damped Gram matrices, and which of them exist (K,)."""
        shifted = self.gram.clone()
        shifted.diagonal(dim1=1, dim2=2).add_(dampings[:, None])
        factors, failures = torch.linalg.cholesky_ex(shifted)
        return factors, failures == 0

    def damped_inverse(self, factors: Tensor, vectors: Tensor) -> Tensor:
        """(J'J + damping I)^{-1} J' v for each member's v (N,)."""
        if self.gram.shape[1] == self.jacobian.shape[2]:
            pulled = self.gradient if vectors is self.residuals else _pulled(self.jacobian, vectors)
            return torch.cholesky_solve(pulled[..., None], factors)[..., 0]
        return _pulled(self.jacobian, torch.cholesky_solve(vectors[..., None], factors)[..., 0])


@dataclass(frozen=True, eq=False)
class _Tries:
    """What one damping gave each of some members.

    Attributes:
        thetas: After the step (K, P).
        losses: There.
        predicted: Decreases.
        usable: Whether the step may be taken if its loss is smaller.
        factored: Whether the damped Gram matrix was positive definite.
    """

    thetas: Tensor
    losses: list[float]
    predicted: list[float]
    usable: list[bool]
    factored: list[bool]


@dataclass(frozen=True)
class LevenbergMarquardtTogether(Together[LevenbergMarquardtState]):
    """The step of `LevenbergMarquardt` for K members: Jacobians, Gram matrices and Cholesky factors in one batch.

    A member that has accepted its step waits while the others try larger dampings.  The Jacobians (K, N, P) are kept.

    Raises:
        ValueError: If the model is not `Exact()`, or the correction neither `GeodesicAcceleration()` nor
            `NoCorrection()`.
    """

    settings: LevenbergMarquardt

    def __post_init__(self) -> None:
        model, correction = self.settings.model, self.settings.correction
        if not isinstance(model, Exact):
            raise ValueError(
                f"LevenbergMarquardt with {type(model).__name__} steps one member at a time; train members together "
                "with model=Exact(), or call solve for each"
            )
        if not isinstance(correction, GeodesicAcceleration | NoCorrection):
            raise ValueError(
                f"LevenbergMarquardt with {type(correction).__name__} steps one member at a time; train members "
                "together with GeodesicAcceleration() or NoCorrection(), or call solve for each"
            )

    def key(self, state: LevenbergMarquardtState) -> Hashable:
        """Nothing: dampings and counts may differ."""
        return None

    def step(
        self, objective: BatchedLeastSquares, thetas: Tensor, states: Sequence[LevenbergMarquardtState]
    ) -> list[Outcome[LevenbergMarquardtState]]:
        """One step of each member, accepted or not.

        Raises:
            ValueError: If the parameters are not float64, or the models take more memory than they may.
        """
        settings = self.settings
        require_double(settings, thetas)
        thetas = thetas.detach()
        self.require_fits(len(thetas), thetas.shape[1], objective.count)
        models = _Models.at(objective, thetas)
        losses = torch.square(models.residuals).sum(1).tolist()
        outcomes: dict[int, Outcome[LevenbergMarquardtState]] = {}
        norms: dict[int, float] = {}
        for k, state in enumerate(states):
            try:
                require_finite_loss(settings, objective.member(k), thetas[k], losses[k])
                norms[k] = finite_norm(settings, models.gradient[k])
            except SolveFailed as error:
                outcomes[k] = Outcome(thetas[k], state, failure=str(error))
        smallest = torch.finfo(thetas.dtype).eps * models.gram.diagonal(dim1=1, dim2=2).amax(1)
        dampings = [max(s.damping, least, 1e-300) for s, least in zip(states, smallest.tolist(), strict=True)]
        singular = [0] * len(states)
        for rejected in range(settings.tries):
            pending = [k for k in range(len(states)) if k not in outcomes]
            if not pending:
                break
            tried = self._try(objective.select(pending), models.select(pending), thetas, pending, dampings)
            for i, k in enumerate(pending):
                singular[k] += not tried.factored[i]
                if tried.usable[i] and tried.losses[i] < losses[k]:
                    ratio = (losses[k] - tried.losses[i]) / tried.predicted[i]
                    scalars = {"gradient": norms[k], "loss": tried.losses[i], "damping": dampings[k]}
                    scalars |= {"ratio": ratio, "rejected": float(rejected)}
                    new = LevenbergMarquardtState(next_damping(dampings[k], ratio), states[k].taken + 1, 0)
                    outcomes[k] = Outcome(tried.thetas[i], new, scalars)
                else:
                    dampings[k] *= 4
        for k in range(len(states)):
            if k not in outcomes:
                outcomes[k] = self._stalled(thetas[k], states[k], losses[k], norms[k], dampings[k], singular[k])
        return [outcomes[k] for k in range(len(states))]

    def _try(
        self,
        objective: BatchedLeastSquares,
        models: _Models,
        every: Tensor,
        members: Sequence[int],
        every_damping: Sequence[float],
    ) -> _Tries:
        thetas = every[list(members)]
        dampings = thetas.new_tensor([every_damping[k] for k in members])
        factors, factored = models.factors(dampings)
        straight = -models.damped_inverse(factors, models.residuals)
        predicted = dampings * torch.square(straight).sum(1) - (straight * models.gradient).sum(1)
        steps, trusted = self._corrected(objective, models, thetas, factors, straight)
        with torch.no_grad():
            losses = torch.square(objective.residuals(thetas + steps)).sum(1)
        usable = factored & trusted & (predicted > 0)
        return _Tries(thetas + steps, losses.tolist(), predicted.tolist(), usable.tolist(), factored.tolist())

    def _corrected(
        self, objective: BatchedLeastSquares, models: _Models, thetas: Tensor, factors: Tensor, straight: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The steps after the correction, and which of them may be trusted."""
        correction = self.settings.correction
        if not isinstance(correction, GeodesicAcceleration):
            return straight, torch.ones(len(thetas), dtype=torch.bool, device=thetas.device)
        with torch.no_grad():
            ahead = objective.residuals(thetas + correction.probe * straight)
            behind = objective.residuals(thetas - correction.probe * straight)
        bend = (ahead - 2 * models.residuals + behind) / correction.probe**2
        acceleration = -models.damped_inverse(factors, bend)
        trusted = 2 * acceleration.norm(dim=1) <= correction.limit * straight.norm(dim=1)
        return straight + acceleration / 2, trusted

    def _stalled(
        self, theta: Tensor, state: LevenbergMarquardtState, loss: float, norm: float, damping: float, singular: int
    ) -> Outcome[LevenbergMarquardtState]:
        """A member none of whose tries was accepted."""
        tries = self.settings.tries
        if singular == tries:
            return Outcome(
                theta,
                state,
                failure=f"LevenbergMarquardt: the Gram matrix plus damping is not positive definite for any damping up "
                f"to {damping / 4:.1e}; give a larger damping, fewer parameters or more points",
            )
        scalars = {"gradient": norm, "loss": loss, "damping": damping / 4, "ratio": 0.0, "rejected": float(tries)}
        return Outcome(theta.clone(), LevenbergMarquardtState(damping, state.taken + 1, state.stalls + 1), scalars)

    def require_fits(self, members: int, parameters: int, residuals: int) -> None:  # noqa: D102
        model = self.settings.model
        if isinstance(model, Exact):
            gram, jacobian = min(residuals, parameters) ** 2, residuals * parameters
            # As for one member: the smaller Gram matrix, a shifted copy, its factor and a strip; and the Jacobian.
            # Members that try again are copied when the first has accepted its step.
            numbers = members * (4.0 * gram + jacobian) + (members - 1.0) * (gram + jacobian)
            what = f"the models of {members} members of {parameters:,} parameters and {residuals:,} residuals each"
            remedy = "train fewer members together, take fewer points or a smaller network, or raise memory"
            require_memory(model, what, numbers, model.memory, remedy)


def _pulled(jacobian: Tensor, vectors: Tensor) -> Tensor:
    """J' v for each member."""
    return (jacobian.mT @ vectors[..., None])[..., 0]
