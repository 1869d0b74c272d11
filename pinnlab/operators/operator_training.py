"""The steps of a training: one epoch each."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from pinnlab.datasets.data import OperatorData
from pinnlab.errors import SolveFailed
from pinnlab.networks.operator import OperatorNetwork
from pinnlab.operators.examples import Examples
from pinnlab.operators.layout import Layout
from pinnlab.operators.normalisation import Scaling
from pinnlab.operators.normalised import NormalisedNetwork
from pinnlab.operators.operator_learning import OperatorLearning
from pinnlab.operators.pairs import Batch, Stage
from pinnlab.operators.trained import TrainedOperator, signature_of
from pinnlab.solver import Iteration, Status
from pinnlab.training.adam_w import AdamWState
from pinnlab.training.flat_module import FlatModule
from pinnlab.training.optimizer import generator_of_step
from pinnlab.training.ranks import Ranks

# Samples whose examples are looked at together for the normalisation.
TOGETHER = 64
# A training whose least relative error is above this has gone astray: an untrained network is off by about 1.
HOPELESS = 10.0


@dataclass(eq=False)
class LearningState:
    """Epochs done, the parameters `(P,)`, buffers and moments, and the best of them so far.

    Attributes:
        epoch: Epochs done.
        theta: The parameters.
        buffers: What modules keep besides.
        moments: Of the optimiser.
        best_epoch: After how many epochs the error on the validation data was least.
        best_error: That error; infinite before the first.
        best_theta: The parameters then.
        best_buffers: The buffers then.
    """

    epoch: int
    theta: Tensor
    buffers: dict[str, Tensor]
    moments: AdamWState
    best_epoch: int
    best_error: float
    best_theta: Tensor
    best_buffers: dict[str, Tensor]


class OperatorTraining(Iteration[LearningState]):
    """A training of some settings on some data.

    Args:
        learning: The settings.
        data: To train on; normalisation sees nothing else.
        validation: To choose the epoch by; None to keep the last one.
        seed: Of weights, order and draws.
        ranks: The processes that share each batch.
    """

    def __init__(
        self,
        learning: OperatorLearning,
        data: OperatorData,
        validation: OperatorData | None,
        seed: int,
        ranks: Ranks,
    ) -> None:
        self.ranks = ranks
        self._learning = learning
        self._seed = seed
        self._validation = validation
        self.layout = Layout.of(data)
        for augmentation in learning.augmentations:
            augmentation.require_fits(self.layout, data.axes)
        self._loss = learning.loss.on(data.axes, data.periodic)
        self._examples = Examples(data, self.layout, learning.pairs, ranks.device)
        if len(self._examples) < ranks.size or learning.batch < ranks.size:
            raise ValueError(
                f"{ranks.size} ranks share batches of {learning.batch} of {len(self._examples)} examples; start fewer"
            )
        self._inputs, self._outputs = self._scalings()
        generator = torch.Generator().manual_seed(seed)
        network = learning.network.build(signature_of(learning.pairs, self.layout), generator)
        self._positions = self.layout.positions(data.axes).to(ranks.device)
        network.to(ranks.device).informed_by(self._told(), learning.pairs.answered_at(self._positions, self.layout))
        self._flat = FlatModule(network)
        self._network = network

    @property
    def parameters(self) -> int:
        """The number of trainable real parameters."""
        return len(self._flat.vector)

    @property
    def batches(self) -> int:
        """Batches of an epoch."""
        return self._learning.batches or self._batches_in_all

    @property
    def _batches_in_all(self) -> int:
        return -(-len(self._examples) // self._learning.batch)

    def init(self, seed: int) -> LearningState:
        """The state before the first epoch; the weights are those drawn when this was made."""
        theta, buffers = self.ranks.agreed(self._flat.vector).clone(), self._flat.buffers()
        best = theta.clone(), {name: value.clone() for name, value in buffers.items()}
        return LearningState(0, theta, buffers, self._learning.optimizer.start(theta), 0, float("inf"), *best)

    def status(self, state: LearningState) -> Status:  # noqa: D102
        return Status.DONE if state.epoch >= self._learning.epochs else Status.RUNNING

    def step(self, state: LearningState) -> tuple[LearningState, dict[str, float]]:
        """One epoch; reports the mean loss of its batches, the last learning rate and the error on validation data."""
        self._flat.load(state.theta, state.buffers)
        self._learning.growth.apply(self._network, state.epoch)
        self._network.train()
        moments = state.moments.copied()
        stage = Stage(state.epoch, generator_of_step(self._seed, 2 * state.epoch + 2))
        total = torch.zeros((), device=self.ranks.device, dtype=torch.float64)
        with _own_random_numbers(self.ranks.device, stage.generator):
            for number, examples in enumerate(self._batches(state.epoch)):
                loss = self._gradient(examples, stage)
                factor = self._factor(state.epoch + number / self.batches)
                self._learning.optimizer.advance(self._flat.vector, self._flat.gradient, moments, factor)
                total += loss
        if bool(torch.isfinite(total)) and not bool(torch.isfinite(self._flat.vector).all()):
            raise SolveFailed(f"the parameters became non-finite in epoch {state.epoch + 1}")
        buffers = {name: self.ranks.agreed(value) for name, value in self._flat.buffers().items()}
        done = state.epoch + 1
        new = replace(state, epoch=done, theta=self._flat.vector.clone(), buffers=buffers, moments=moments)
        scalars = {
            "loss": float(total) / self.batches,
            "learning_rate": factor * self._learning.optimizer.learning_rate,
        }
        return self._judged(new, scalars)

    def operator(self, state: LearningState) -> TrainedOperator:
        """The best operator of a state, with weights of its own."""
        network = copy.deepcopy(self._network)
        FlatModule(network).load(state.best_theta, state.best_buffers)
        for parameter in network.parameters():
            parameter.grad = None
        return self._with(network.eval(), state.best_epoch)

    def _with(self, network: OperatorNetwork, epoch: int) -> TrainedOperator:
        settings = self._learning.network, network, self._learning.pairs, self.layout, self._inputs, self._outputs
        return TrainedOperator(*settings, seed=self._seed, epoch=epoch)

    def _scalings(self) -> tuple[Scaling, Scaling]:
        """Of what goes into the network and of what comes out, from examples of the training data."""
        normalisation = self._learning.normalisation

        def sides(side: int) -> Iterator[Tensor]:
            for batch in self._examples.looked_at(TOGETHER):
                yield self._learning.pairs.example(batch)[side]

        device, dtype = self.ranks.device, self.layout.torch_dtype
        inputs, outputs = (normalisation.fit(sides(side)).to(device, dtype) for side in (0, 1))
        return inputs, outputs

    def _told(self) -> Iterator[tuple[Tensor, Tensor]]:
        """What the network is given and what it is to answer in examples of the training data."""
        for batch in self._examples.looked_at(TOGETHER):
            inputs, outputs = self._learning.pairs.example(batch)
            yield self._inputs.encode(inputs), self._outputs.encode(outputs)

    def _batches(self, epoch: int) -> Iterator[Tensor]:
        """The numbers of the examples of each batch of an epoch: all in one random order, then in the next."""
        order, drawn = torch.empty(0), -1
        for taken in range(epoch * self.batches, (epoch + 1) * self.batches):
            rounds, place = divmod(taken, self._batches_in_all)
            if rounds != drawn:
                order = torch.randperm(len(self._examples), generator=generator_of_step(self._seed, 2 * rounds + 1))
                drawn = rounds
            first = place * self._learning.batch
            yield order[first : first + self._learning.batch]

    def _factor(self, epoch: float) -> float:
        return self._learning.optimizer.schedule.factor(epoch, self._learning.epochs)

    def _gradient(self, numbers: Tensor, stage: Stage) -> Tensor:
        """Leave the gradient of a batch's loss in the flat module; returns the loss, on every rank."""
        batch = self._examples.batch(numbers)
        for augmentation in self._learning.augmentations:
            batch = augmentation(batch, stage.generator)
        # Every rank draws for the whole batch, so that what is drawn does not depend on their number.
        share = self.ranks.share(len(numbers))
        mine = Batch(batch.inputs[share], batch.outputs[share], batch.times[share], self.layout)
        precision = self._learning.precision
        self._flat.gradient.zero_()
        loss = torch.zeros((), device=self.ranks.device, dtype=batch.inputs.dtype)
        if len(mine.inputs):
            network = NormalisedNetwork(self._network, self._inputs, self._outputs, self._positions)
            with precision.context(self.ranks.device):
                part = self._learning.pairs.loss(network, mine, self._loss.of_samples(mine.inputs), stage)
            loss = part * (len(mine.inputs) / len(numbers))
            (loss * precision.loss_scale).backward()
        if precision.loss_scale != 1:
            self._flat.gradient.div_(precision.loss_scale)
        if self.ranks.size > 1:
            self._flat.gradient.copy_(self.ranks.summed(self._flat.gradient))
        return self.ranks.summed(loss.detach())

    def _judged(self, state: LearningState, scalars: dict[str, float]) -> tuple[LearningState, dict[str, float]]:
        """The state with the best epoch so far; scalars with the error on the validation data."""
        if not np.isfinite(scalars["loss"]):
            return state, scalars
        if self._validation is None:
            return _best(state, state.best_error), scalars
        errors = self._with(self._network, state.epoch).errors(self._validation)
        error = self.ranks.agreed_number(float(errors.mean()))
        # A rollout of an untrained network may overflow: then this epoch has no error, and is not the best one.
        if np.isfinite(error):
            scalars["validation"] = error
        return _best(state, error) if error < state.best_error else state, scalars


def no_best_epoch(state: LearningState) -> str:
    """In words that no epoch that was done became the best one; "" if one did, or none was done."""
    if state.best_epoch or not state.epoch:
        return ""
    epochs = f"any of {state.epoch} epochs" if state.epoch > 1 else "the only epoch"
    return f"the error on the validation data was no finite number after {epochs}, and the weights are untrained"


def hopeless(state: LearningState) -> str:
    """In words that the least relative error on the validation data is far above 1; "" if it is not."""
    if not state.best_epoch or state.best_error <= HOPELESS:
        return ""
    return f"the least relative error on the validation data was {state.best_error:.3g}, and that of the answer 0 is 1"


def _best(state: LearningState, error: float) -> LearningState:
    """The state whose present weights are the best so far."""
    best = state.epoch, error, state.theta, state.buffers
    return LearningState(state.epoch, state.theta, state.buffers, state.moments, *best)


@contextlib.contextmanager
def _own_random_numbers(device: torch.device, generator: torch.Generator) -> Iterator[None]:
    """Let what modules of others draw from torch's global generators, as dropout does, follow from one of ours.

    The global generators are as before afterwards.
    """
    devices: Sequence[torch.device] = [device] if device.type == "cuda" else []
    seed = int(torch.randint(2**62, (), generator=generator))
    with torch.random.fork_rng(devices):
        torch.random.set_rng_state(torch.Generator().manual_seed(seed).get_state())
        for used in devices:
            torch.cuda.set_rng_state(torch.Generator(used).manual_seed(seed).get_state(), used)
        yield
