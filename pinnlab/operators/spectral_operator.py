"""Neural spectral method: coefficients to coefficients, trained without data on the norm of the residual."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from pinnlab.admissible import is_whole, require_counts, require_numbers
from pinnlab.errors import SolveFailed
from pinnlab.family import Family
from pinnlab.field import GridField
from pinnlab.forms.operator_form import OperatorForm
from pinnlab.operators.open_members import functions_and_numbers, opened, values_of
from pinnlab.operators.spectral_correction import Corrector, refined
from pinnlab.operators.spectral_system import UNREACHED, SpectralSystem
from pinnlab.operators.spectral_training import SpectralTraining, SpectralTrainingState
from pinnlab.problem import Problem
from pinnlab.run import Keeper, Limits, Reached, Run, require_run_seed
from pinnlab.settings import describe
from pinnlab.solve import resolve_device
from pinnlab.solver import Status
from pinnlab.symbols import with_values
from pinnlab.training.adam_w import AdamW
from pinnlab.training.schedules import Cosine

# Members corrected together in use.
TOGETHER = 32

Monitor = Callable[[Reached], Mapping[str, float] | None]


@dataclass(frozen=True)
class SpectralOperator:
    """From the coefficients of the inputs of a family to those of its solutions, learned from the equations alone.

    As in neural spectral methods [1] the solution is a sum of orthonormal functions, trigonometric along periodic axes
    and polynomial along all others, time among them; initial and boundary conditions hold by construction; the layers
    act on coefficients, nonlinearities on values at nodes; and the loss is the norm of the residual, a sum of squares
    of coefficients by Parseval's identity, without aliasing up to the degree that `padding` allows.

    Two things differ.  The norm is weighted by the inverse of the mean linear part A of the equations,
    |A⁻¹ r(u)|, which is the norm of the error where they are linear with constant coefficients, while that of r is
    worse by the square of the largest frequency.  And the network is asked for corrections: from u and ρ = A⁻¹ r(u) it
    gives w in u ← u - ρ - |ρ| w(ρ / |ρ|, u, inputs), trained so that |A⁻¹ r| falls as much as possible by each, from
    wherever the corrections before it have led.  It is a learned Newton step of float32 in a refinement of float64, so
    that a network of two digits gives many after a few corrections.  A correction that would raise the residual of a
    member is not made.  For linear equations with constant coefficients -ρ is exact, and nothing is left to learn.

    For boxes of any dimension with conditions that are linear in one unknown each, and any pointwise equations whose
    mean linear part determines the solution.  Not for shocks or data with jumps, whose coefficients decay slowly; nor
    where |r| is dominated by strongly varying coefficients of the highest derivative, of which A knows the mean only.

    Args:
        modes: Functions per coordinate, time first: polynomials of lower degree, or along periodic axes frequencies up
            to `modes // 2`; one number or one per coordinate.
        width: Channels of the network.
        depth: Its layers.
        layer_modes: Polynomials, or along periodic axes frequencies, that its layers change.
        corrections: How often it is applied, in training; in use at most twice as often.
        steps: Steps of Adam.
        batch: Members per step.
        members: Members drawn for training, of which each step takes some.
        optimizer: Of the steps.
        padding: Nodes per function; 3/2 for quadratic equations, 2 for cubic ones.

    [1] Y. Du, N. Chalapathi, A. Krishnapriyan, ICLR 2024, arXiv:2312.05225.
    """

    modes: int | tuple[int, ...] = 32
    width: int = 32
    depth: int = 3
    layer_modes: int = 12
    corrections: int = 3
    steps: int = 1000
    batch: int = 16
    members: int = 512
    optimizer: AdamW = field(default_factory=lambda: AdamW(3e-3, 0.0, Cosine(warmup=0.05), largest_norm=1.0))
    padding: float = 1.5

    def __post_init__(self) -> None:
        sizes = self.modes if isinstance(self.modes, tuple) else (self.modes,)
        if not sizes or any(not is_whole(n) or n < 4 for n in sizes):
            raise ValueError(f"SpectralOperator: modes = {self.modes!r}; give whole numbers from 4 on")
        require_counts(self, width=self.width, depth=self.depth, layer_modes=self.layer_modes)
        require_counts(self, corrections=self.corrections, steps=self.steps, batch=self.batch, members=self.members)
        if not isinstance(self.optimizer, AdamW):
            raise ValueError(f"SpectralOperator: optimizer must be AdamW(...), got {self.optimizer!r}")
        require_numbers(self, padding=self.padding)
        if not 1 <= self.padding <= 4:
            raise ValueError(f"SpectralOperator: padding = {self.padding}; give nodes per function, from 1 to 4")

    def counts(self, form: OperatorForm) -> tuple[int, ...]:
        """Functions per coordinate.

        Raises:
            ValueError: If `modes` has not one number per coordinate.
        """
        dim = len(form.periodic)
        sizes = self.modes if isinstance(self.modes, tuple) else (self.modes,) * dim
        if len(sizes) != dim:
            raise ValueError(
                f"SpectralOperator on {form.problem.name!r}: {len(sizes)} modes {sizes} for the {dim} coordinates "
                f"{', '.join(c.name for c in form.problem.coordinates)}"
            )
        return tuple(2 * (n // 2) + 1 if p else n for n, p in zip(sizes, form.periodic, strict=True))


@dataclass(frozen=True)
class SpectralAnswer:
    """The answer for one member.

    Attributes:
        field: Polynomials and trigonometric functions.
        residual: |A⁻¹ r| / |u| over space and time: the relative L2 error where the equations are linear with constant
            coefficients.  Elsewhere, once it is small, the error is at most this times the norm of (A⁻¹ r')⁻¹, of order
            one where A is a good mean of the derivative r'.  What the modes cannot resolve it does not see: compare
            with the answer of an operator with more modes.
        corrections: How many were made.
    """

    field: GridField
    residual: float
    corrections: int


@dataclass(frozen=True, eq=False)
class TrainedSpectralOperator:
    """What `train_without_data` gives: from a member of the family to its solution.

    Attributes:
        family: Whose members it solves.
        settings: With which it was trained.
        corrector: The equations and the network.
        history: By columns: "step", "seconds", "loss", and "residual", the mean over the members of a step of what
            `SpectralAnswer.residual` is.
        seconds: Of training.
        status: RUNNING where a budget has ended it.
        note: What its user should know.
    """

    family: Family
    settings: SpectralOperator
    corrector: Corrector
    history: dict[str, np.ndarray]
    seconds: float
    status: Status
    note: str

    def __call__(self, member: Problem) -> GridField:
        """The solution of one member; see `answers`."""
        return self.answers([member])[0].field

    def answers(self, members: Sequence[Problem], corrections: int | None = None) -> list[SpectralAnswer]:
        """The solutions of some members, with the residual that is left.

        Args:
            members: Problems that differ from the family's in the values of its random parameters alone.
            corrections: At most so many; None stands for twice as many as in training.

        Raises:
            ValueError: If one is no member, or is not solvable since its data lie where the linear part is singular.
        """
        most = 2 * self.settings.corrections if corrections is None else corrections
        out: list[SpectralAnswer] = []
        for i in range(0, len(members), TOGETHER):
            out += self._together(members[i : i + TOGETHER], most)
        return out

    def _together(self, members: Sequence[Problem], most: int) -> list[SpectralAnswer]:
        system = self.corrector.system
        samples = [values_of(self.family, m) for m in members]
        given = system.prepared(opened(system.form, system.nodes, samples))
        found = refined(self.corrector, given, most)
        unreached = system.unreached(given, found.coefficients).tolist()
        values = (given.value + system.to_nodes(found.coefficients)).cpu().numpy()
        for member, share in zip(members, unreached, strict=True):
            if share > UNREACHED:
                raise ValueError(
                    f"{member.name!r}: a share {share:.2g} of its data lies where the linear part of the equations is "
                    "singular, as a mean force on a periodic box does, and cannot be met; take it out of the data"
                )
        rows = zip(members, values, found.residuals.tolist(), found.corrections.tolist(), strict=True)
        return [SpectralAnswer(GridField(m, system.axes, v), r, n) for m, v, r, n in rows]


def train_without_data(
    family: Family,
    settings: SpectralOperator,
    *,
    seed: int = 0,
    device: str = "auto",
    max_steps: int | None = None,
    max_seconds: float | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
    monitors: Sequence[Monitor] = (),
) -> TrainedSpectralOperator:
    """Train an operator for a family of problems on its equations alone.

    Args:
        family: The declaration, and how its random parameters are distributed.
        settings: Of basis, network and training.
        seed: Of members, weights and batches.
        device: "auto" (CUDA where there is one, else the CPU), "cpu", "cuda", …
        max_steps: Training ends after so many steps, those before a resumption counted in.
        max_seconds: And after so many seconds, likewise.
        checkpoint: File that holds the state of the training; replaced whole.
        resume: Go on from `checkpoint` if that file exists; the answer is then the same as without interruption.
        monitors: Functions called after every step.

    Raises:
        UnsupportedProblem: If the equations or conditions are not covered; see `OperatorForm.of`.
        ValueError: If a setting does not fit the problem, or the checkpoint belongs to another run.
        SolveFailed: If the loss is no finite number.
    """
    require_run_seed("train_without_data", seed)
    limits = Limits(max_steps, max_seconds)
    limits.require_sensible("train_without_data")
    if resume and checkpoint is None:
        raise ValueError("train_without_data: resume=True needs checkpoint=FILE")
    training = _training(family, settings, seed, resolve_device(device))
    run: Run[SpectralTrainingState] = Run(training, training.init(seed))
    identity = {"family": _formulas(family), "settings": json.dumps(describe(settings)), "seed": seed}
    keeper = None if checkpoint is None else Keeper(checkpoint, identity)
    if resume and keeper is not None:
        keeper.restore(run)
    run.proceed(limits, keeper, monitors, lambda step, seconds, scalars, _: Reached(step, seconds, scalars))
    if run.status is Status.DIVERGED:
        raise SolveFailed(f"SpectralOperator on {family.problem.name!r}: {run.failure}; lower the learning rate")
    training.restore(run.state)
    return TrainedSpectralOperator(
        family, settings, training.corrector, run.columns(), run.seconds, run.status, _note(training, run)
    )


def _training(family: Family, settings: SpectralOperator, seed: int, device: torch.device) -> SpectralTraining:
    samples = [family.draw(i, seed) for i in range(settings.members)]
    functions, numbers = functions_and_numbers(family, samples)
    form = OperatorForm.of(family.problem, functions, numbers)
    system = SpectralSystem(form, settings.counts(form), settings.padding, device)
    pool = opened(form, system.nodes, samples)
    system.linearise(pool)
    s = settings
    return SpectralTraining(
        system, pool, s.width, s.depth, s.layer_modes, s.corrections, s.steps, s.batch, s.optimizer, seed
    )


def _note(training: SpectralTraining, run: Run[SpectralTrainingState]) -> str:
    if training.exact:
        return "linear with constant coefficients: the first correction is exact, and nothing was trained"
    if run.status is Status.RUNNING:
        return f"training ended after {run.step} of {training.steps} steps, by its budget"
    return ""


def _formulas(family: Family) -> str:
    """The identity of a family; of distributions what they say of themselves."""
    problem = family.problem
    parts = [*problem.equations, *(c.residual for c in problem.conditions)]
    told = [problem.name, str(problem.domain), [str((e, with_values(e))) for e in parts]]
    told += [[p.name, str(describe(d))] for p, d in family.distributions.items()]
    # Objects that do not say what they are print their addresses, which differ from process to process.
    return re.sub(r" at 0x[0-9a-f]+", "", json.dumps(told))
