"""Data and settings in, a trained operator out."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from pinnlab.admissible import is_number
from pinnlab.datasets.data import OperatorData
from pinnlab.datasets.origin import Origin
from pinnlab.datasets.samples import blocks
from pinnlab.family import Family
from pinnlab.operators.examples import digest
from pinnlab.operators.layout import Layout
from pinnlab.operators.operator_learning import OperatorLearning as OperatorLearning
from pinnlab.operators.operator_training import LearningState, OperatorTraining, hopeless, no_best_epoch
from pinnlab.operators.origins import require_members
from pinnlab.operators.trained import TrainedOperator
from pinnlab.operators.trained_family import TrainedFamily
from pinnlab.run import Keeper, Limits, Reached, Run, ranks_agree, require_run_seed
from pinnlab.settings import describe
from pinnlab.solve import resolve_device
from pinnlab.solver import Status
from pinnlab.training.optimizer import generator_of_step
from pinnlab.training.ranks import current, joined


@dataclass(frozen=True)
class Epoch(Reached):
    """What a monitor sees after an epoch.

    Attributes:
        step: Epochs done so far.
        seconds: Seconds of training so far.
        scalars: Loss, learning rate, error on the validation data, and what monitors before this one reported.
        operator: Gives the best operator so far when called.
    """

    operator: Callable[[], TrainedOperator]


# A monitor may return further scalars, which join the history.
EpochMonitor = Callable[[Epoch], Mapping[str, float] | None]


class TrainingInterrupted(KeyboardInterrupt):
    """A training was interrupted from the keyboard after an epoch or more.

    Attributes:
        operator: The best so far; its status is RUNNING.
    """

    def __init__(self, operator: TrainedOperator) -> None:
        super().__init__()
        self.operator = operator


def train(
    data: OperatorData,
    learning: OperatorLearning,
    *,
    validation: float | OperatorData | None = 0.1,
    family: Family | None = None,
    seed: int = 0,
    device: str = "auto",
    max_epochs: int | None = None,
    max_seconds: float | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
    monitors: Sequence[EpochMonitor] = (),
) -> TrainedOperator:
    """Train an operator; keep the weights of the epoch whose error on the validation data is least.

    Never give test data as `validation`: the epoch is chosen by them.  Where epochs are cut short by a budget, the
    schedule of the learning rate is too.

    Under torchrun each rank works on its share of every batch; all must call this with the same arguments, and get the
    same operator up to the order of summation.

    Args:
        data: Samples to train on.
        learning: The settings.
        validation: Data to choose the epoch by, or the share of `data` that is set apart at random for it; None to keep
            the last epoch.
        family: Whose members the samples are, so that the operator can be used as a solver of others, with
            `operator.solver()`; None leaves that out.
        seed: Of weights, of the order of the examples, and of every other draw.
        device: "auto" (CUDA where there is one, else the CPU), "cpu", "cuda", "cuda:1", …
        max_epochs: Budget in epochs, those before a resumption counted in.
        max_seconds: Budget in seconds of training, likewise; the epoch that exceeds it is finished.
        checkpoint: File that holds the state of the training; replaced whole, so it is never half-written.
        resume: Go on from `checkpoint` if that file exists; the answer is then the same as without interruption.
        monitors: Functions called after every epoch.

    Raises:
        ValueError: If data and settings do not fit, the data are known to be of another family, an augmentation is no
            symmetry of it, a validation sample is one of the training, the answer of a sample is zero everywhere where
            a loss is relative to it, the seed, share or a budget is out of range, the checkpoint is damaged or of
            another training, or the ranks differ in what they were asked for.
        TrainingInterrupted: If it is interrupted from the keyboard; it holds what was reached.
    """
    if not isinstance(data, OperatorData) or not isinstance(learning, OperatorLearning):
        raise ValueError(f"train: give OperatorData and OperatorLearning(…), got {type(data).__name__}, {learning!r}")
    if family is not None and not isinstance(family, Family):
        raise ValueError(f"train: family must be the Family of the samples, got a {type(family).__name__}")
    require_run_seed("train", seed)
    limits = Limits(max_epochs, max_seconds)
    limits.require_sensible("train", "max_epochs")
    if resume and checkpoint is None:
        raise ValueError("train: resume=True needs checkpoint=FILE")
    chosen = resolve_device(device)
    given = learning.pairs.given
    part, held = _split(data, validation, seed)
    if learning.loss.relative:
        _require_relative_errors("data", data, given)
    if held is not None:
        _require_relative_errors("validation", held, given)
    if family is not None:
        require_members(family, data)
        for augmentation in learning.augmentations:
            augmentation.require_symmetry_of(family)
    remembered = None if family is None else TrainedFamily.of(family, part, held), _seen(part, held)
    with joined(chosen):
        ranks = current(chosen)
        training = OperatorTraining(learning, part, held, seed, ranks)
        run = Run(training, training.init(seed))
        keeper = None if checkpoint is None else Keeper(checkpoint, _identity(part, held, learning, seed))
        # Rank 0 may still be writing the checkpoint of the call before, which the others are not to read.
        ranks.agreed_number(0)
        if resume and keeper is not None:
            keeper.restore(run)
        told = [repr(Layout.of(part)), len(part), describe(learning), seed, max_epochs, max_seconds, run.step]
        if ranks.size > 1 and not ranks_agree(ranks, told):
            raise ValueError(
                "train: the ranks differ in data, settings, seed, budget or the step of their checkpoint; give all of "
                "them the same and a checkpoint that all can read"
            )

        def seen(step: int, seconds: float, scalars: Mapping[str, float], state: LearningState) -> Epoch:
            return Epoch(step, seconds, scalars, partial(training.operator, state))

        try:
            run.proceed(limits, keeper, monitors, seen)
        except KeyboardInterrupt:
            if not run.step:
                raise
            raise TrainingInterrupted(_reached(training, run, remembered)) from None
        failure = no_best_epoch(run.state)
        if not failure and held is not None and run.status is Status.DONE:
            failure = hopeless(run.state)
        if failure and run.status is not Status.DIVERGED:
            run.status, run.failure = Status.DIVERGED, failure
        return _reached(training, run, remembered)


def _reached(
    training: OperatorTraining, run: Run[LearningState], remembered: tuple[TrainedFamily | None, Origin | None]
) -> TrainedOperator:
    found = replace(training.operator(run.state), family=remembered[0], origin=remembered[1])
    return replace(found, status=run.status, seconds=run.seconds, history=run.columns(), failure=run.failure)


def _seen(data: OperatorData, validation: OperatorData | None) -> Origin | None:
    """Of the samples to train on and of those to choose by, where these are of the same family."""
    if data.origin is None or validation is None:
        return data.origin
    return data.origin.joined(validation.origin) or data.origin


def _split(
    data: OperatorData, validation: float | OperatorData | None, seed: int
) -> tuple[OperatorData, OperatorData | None]:
    """The data to train on and those to choose by."""
    if not len(data):
        raise ValueError("train: there are no samples in the data")
    if isinstance(validation, OperatorData):
        Layout.of(data).require_same_meaning(validation)
        if not len(validation):
            raise ValueError("train: there are no samples in validation; give some, or None to keep the last epoch")
        if data.origin is not None and validation.origin is not None and validation.origin.common(data.origin):
            raise ValueError(
                f"train: {validation.origin.common(data.origin)} of the {len(validation)} samples in validation are "
                "members that are trained on; generate them with another seed, or split one set of data"
            )
        return data, validation
    if validation is None:
        return data, None
    if not (is_number(validation) and 0 < validation < 1):
        raise ValueError(
            f"train: validation = {validation!r}; give a share in (0, 1), OperatorData, or None to keep the last epoch"
        )
    held = max(1, round(validation * len(data)))
    if held == len(data):
        raise ValueError(
            f"train: of {len(data)} sample none is left when {held} is set apart; give more, or validation=None"
        )
    order = torch.randperm(len(data), generator=generator_of_step(seed, 0)).numpy()
    apart = sorted(order[:held])
    return data[sorted(order[held:])], data[apart]


def _require_relative_errors(name: str, data: OperatorData, given: int) -> None:
    """Refuse samples whose answers, the frames after the given ones, are zero everywhere."""
    wrong: list[int] = []
    for block in blocks(data.outputs):
        answers = np.asarray(data.outputs[block])[:, given:]
        # Where no frame is left the examples say so.
        if answers.size:
            wrong += (block.start + np.flatnonzero(~answers.reshape(len(answers), -1).any(axis=1))).tolist()
    if wrong:
        shown = ", ".join(map(str, wrong[:10])) + (", …" if len(wrong) > 10 else "")
        raise ValueError(
            f"{name}: the answers of {len(wrong)} of {len(data)} samples are zero everywhere, number {shown}, so that "
            "they have no relative error; leave them out"
        )


def _identity(
    data: OperatorData, validation: OperatorData | None, learning: OperatorLearning, seed: int
) -> dict[str, object]:
    # The seed first, since what is set apart depends on it.
    return {
        "seed": seed,
        "learning": json.dumps(describe(learning)),
        "data": digest(data),
        "validation": None if validation is None else digest(validation),
    }
