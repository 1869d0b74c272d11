"""Training of corrections without data: each is to lower the preconditioned residual as much as it can."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from pinnlab.operators.open_members import OpenMembers
from pinnlab.operators.spectral_correction import ROUNDING, Corrector, chosen, corrector, norm, size_of
from pinnlab.operators.spectral_system import SpectralSystem
from pinnlab.solver import Iteration, Status
from pinnlab.training.adam_w import AdamW, AdamWState
from pinnlab.training.flat_module import FlatModule
from pinnlab.training.optimizer import generator_of_step

# In the logarithm of how far a correction lowers the residual: what is gained beyond this counts no more.
ENOUGH = 1e-3
# Members by which channels are scaled, and on which it is seen whether there is anything to learn.
LOOKED_AT = 32


@dataclass
class SpectralTrainingState:
    """Parameters of the network `(P,)`, and Adam's running means."""

    theta: Tensor
    adam: AdamWState


@dataclass(frozen=True, eq=False)
class SpectralTraining(Iteration[SpectralTrainingState]):
    """Steps of Adam on mini-batches of members.

    The loss is the mean over members and corrections of log(|ρ'|² / |ρ|² + ENOUGH²) / 2, ρ and ρ' the preconditioned
    residuals before and after a correction, whose starting point is where those before it have led and is held fixed.

    Attributes:
        system: The equations.
        pool: The members.
        width: Channels of the network.
        depth: Its layers.
        modes: Functions per axis that its layers change.
        corrections: Per member and step.
        steps: All in all.
        batch: Members per step.
        optimizer: Of the steps.
        seed: Of weights and batches.
    """

    system: SpectralSystem
    pool: OpenMembers
    width: int
    depth: int
    modes: int
    corrections: int
    steps: int
    batch: int
    optimizer: AdamW
    seed: int

    @cached_property
    def corrector(self) -> Corrector:
        """With the parameters of the step taken last."""
        given = self.system.prepared(self.pool[torch.arange(min(LOOKED_AT, len(self.pool)))])
        generator = torch.Generator().manual_seed(self.seed)
        with torch.no_grad():
            return corrector(self.system, given, self.width, self.depth, self.modes, generator)

    @cached_property
    def exact(self) -> bool:
        """Whether the first correction is exact without training."""
        given = self.system.prepared(self.pool[torch.arange(min(LOOKED_AT, len(self.pool)))])
        with torch.no_grad():
            z = -self.system.residual(given, self.system.zero(len(given.value)))
            left = norm(self.system.residual(given, z)) / size_of(self.system, given, z)
        return bool((left < 1e2 * ROUNDING).all())

    @cached_property
    def _flat(self) -> FlatModule:
        return FlatModule(self.corrector.network)

    def init(self, seed: int) -> SpectralTrainingState:
        """The state before the first step; the seed is that of the object."""
        theta = self._flat.vector.clone()
        return SpectralTrainingState(theta, self.optimizer.start(theta))

    def status(self, state: SpectralTrainingState) -> Status:
        """DONE after all steps, or where there is nothing to learn."""
        return Status.DONE if self.exact or state.adam.taken >= self.steps else Status.RUNNING

    def restore(self, state: SpectralTrainingState) -> None:
        """Give the corrector the parameters of a state."""
        self._flat.vector.copy_(state.theta)

    def step(self, state: SpectralTrainingState) -> tuple[SpectralTrainingState, dict[str, float]]:
        """One step of Adam."""
        self.restore(state)
        scalars = self._gradient(state.adam.taken)
        theta, adam = state.theta.clone(), state.adam.copied()
        factor = self.optimizer.schedule.factor(adam.taken, self.steps)
        self.optimizer.advance(theta, self._flat.gradient, adam, factor)
        return SpectralTrainingState(theta, adam), scalars

    def _gradient(self, taken: int) -> dict[str, float]:
        system, correct = self.system, self.corrector
        generator = generator_of_step(self.seed, taken)
        given = system.prepared(self.pool[torch.randint(len(self.pool), (self.batch,), generator=generator)])
        self._flat.gradient.zero_()
        with torch.no_grad():
            z = system.zero(self.batch)
            rho = system.residual(given, z)
        total = 0.0
        for _ in range(self.corrections):
            new = correct(given, z, rho)
            left = system.residual(given, new)
            ratio = norm(left) / norm(rho).clamp_min(1e-300)
            loss = 0.5 * torch.log(ratio.square() + ENOUGH**2).mean() / self.corrections
            loss.backward()
            total += float(loss.detach())
            better = ratio < 1
            z, rho = chosen(better, new, z).detach(), chosen(better, left, rho).detach()
        with torch.no_grad():
            return {"loss": total, "residual": float((norm(rho) / size_of(system, given, z)).mean())}
