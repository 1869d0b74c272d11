"""Losses of several calls in a row of a network that steps in time."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pinnlab.admissible import require_counts
from pinnlab.operators.layout import Layout
from pinnlab.operators.pairs import Batch, Bundled, Network, OneStep, Pairs, Stage
from pinnlab.training.relative_loss import OperatorLoss


@dataclass(frozen=True)
class _Unrolled(Pairs):
    """Several calls in a row of a network that steps in time."""

    steps: int = 2
    stepping: Bundled = field(default_factory=OneStep)

    def __post_init__(self) -> None:
        require_counts(self, steps=self.steps)
        if not isinstance(self.stepping, Bundled):
            raise ValueError(f"{type(self).__name__}: stepping must be OneStep() or Bundled(), got {self.stepping!r}")

    @property
    @abc.abstractmethod
    def calls(self) -> int:
        """How many frames' worth of truth an example needs, in calls of the network."""

    @property
    def given(self) -> int:
        return self.stepping.given

    def channels(self, layout: Layout) -> tuple[int, int]:
        return self.stepping.channels(layout)

    def count(self, layout: Layout) -> int:
        return self.stepping.starts(layout, self.calls)

    def frames(self, which: Tensor, layout: Layout) -> Tensor:
        return self.stepping.window(which, self.calls)

    def example(self, batch: Batch) -> tuple[Tensor, Tensor]:
        return self.stepping.example(batch)

    def predict(
        self, network: Network, inputs: Tensor, start: Tensor, times: Sequence[float], layout: Layout
    ) -> Tensor:
        return self.stepping.predict(network, inputs, start, times, layout)


@dataclass(frozen=True)
class Rollout(_Unrolled):
    """The mean of the losses of `steps` calls, each of which starts from what the one before has answered.

    Gradients go through all calls, so that time and memory grow with their number.

    Args:
        steps: Calls in a row.
        stepping: `OneStep(…)` or `Bundled(…)`.
    """

    @property
    def calls(self) -> int:  # noqa: D102
        return self.steps

    def loss(self, network: Network, batch: Batch, criterion: OperatorLoss, stage: Stage) -> Tensor:  # noqa: D102
        state, losses = batch.outputs[:, : self.given], []
        for call in range(self.steps):
            answer = network(self.stepping.seen(state, batch.inputs, batch.layout))
            losses.append(criterion(answer, self.stepping.target(batch, call)))
            state = self.stepping.following(state, answer)
        return torch.stack(losses).mean()


@dataclass(frozen=True)
class Pushforward(_Unrolled):
    """The loss of one call that starts from what k calls without gradient have made of the truth.

    The network learns to correct errors of the kind that it makes.  k is drawn for each batch, uniformly from 0 to
    `steps`, and in epoch e (from 0) to at most e, since the errors of an untrained network teach nothing.  With
    `steps` = 1 the expectation is half the sum of the one-step loss and of the stability loss.

    Args:
        steps: The largest k.
        stepping: `OneStep(…)` or `Bundled(…)`.

    Source: J. Brandstetter, D. Worrall, M. Welling, ICLR 2022, section 3.1, the pushforward trick.
    """

    steps: int = 1

    @property
    def calls(self) -> int:  # noqa: D102
        return self.steps + 1

    def loss(self, network: Network, batch: Batch, criterion: OperatorLoss, stage: Stage) -> Tensor:  # noqa: D102
        pushes = int(torch.randint(min(self.steps, stage.epoch) + 1, (), generator=stage.generator))
        state = batch.outputs[:, : self.given]
        with torch.no_grad():
            for _ in range(pushes):
                state = self.stepping.following(state, network(self.stepping.seen(state, batch.inputs, batch.layout)))
        answer = network(self.stepping.seen(state, batch.inputs, batch.layout))
        return criterion(answer, self.stepping.target(batch, pushes))
