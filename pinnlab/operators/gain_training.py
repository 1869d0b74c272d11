"""Training of a gain: rollouts that predict and correct, along trajectories whose readings are drawn anew."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from pinnlab.admissible import require_counts, require_whole
from pinnlab.datasets.data import OperatorData
from pinnlab.errors import SolveFailed
from pinnlab.networks.fno import Fno
from pinnlab.networks.operator import OperatorArchitecture
from pinnlab.networks.position_channels import NoPositions
from pinnlab.operators.assimilation import assimilate
from pinnlab.operators.corrections import Correction, LowRank
from pinnlab.operators.examples import digest
from pinnlab.operators.forecasts import Forecast, KnownForecast, identity_of
from pinnlab.operators.layout import ROUNDING, Layout
from pinnlab.operators.learned_gain import Estimate, Gain, TrainedGain, gain_signature
from pinnlab.operators.normalisation import UnitGaussian
from pinnlab.operators.operator_training import LearningState, no_best_epoch
from pinnlab.operators.origins import require_unseen
from pinnlab.operators.sensors import SensorArray, Sensors
from pinnlab.run import Keeper, Limits, Reached, Run, require_run_seed
from pinnlab.settings import describe
from pinnlab.solve import resolve_device
from pinnlab.solver import Iteration, Status
from pinnlab.training.adam_w import AdamW
from pinnlab.training.flat_module import FlatModule
from pinnlab.training.optimizer import generator_of_step
from pinnlab.training.relative_loss import OperatorLoss, RelativeL2

# Of the readings and guesses of the validation data, which are the same in every epoch.
HELD = 2**40
# Estimates may be larger than all training data by this factor.
ROOM = 1.5


@dataclass(frozen=True)
class GainLearning:
    """How the gain of an assimilation is learned.

    An epoch follows `batch` trajectories, drawn at random, from guesses drawn among all states of all trajectories:
    correct, forecast, correct, …, for `cycles` cycles.  After every `window` of them the weights take a step along the
    gradient of the mean, over the window, of the logarithm of the loss, since errors fall by orders of magnitude on the
    way.  Gradients go through corrections and forecasts of one window, not into the one before.

    Args:
        network: Of the gain.  `NoPositions()` suits equations that are the same everywhere; sensors are told by a mask.
        correction: What becomes of its answer: `LowRank(…)` or `Direct()`.
        memory: Channels that the gain hands on from one cycle to the next; 0 for none.
        loss: Of estimates and truths after a correction.
        optimizer: With its schedule.
        epochs: In all.
        batch: Trajectories per epoch.
        cycles: Of an epoch; a trajectory that is longer is entered at a random frame.
        window: Cycles per step of the optimiser.
        every: Epochs between two looks at the validation data.

    Raises:
        ValueError: If a part is of another kind, a number out of its range, or a window longer than an epoch.
    """

    network: OperatorArchitecture = field(default_factory=lambda: Fno(12, 32, 3, positions=NoPositions()))
    correction: Correction = field(default_factory=LowRank)
    memory: int = 0
    loss: OperatorLoss = field(default_factory=RelativeL2)
    optimizer: AdamW = field(default_factory=lambda: AdamW(2e-3, largest_norm=1.0))
    epochs: int = 100
    batch: int = 32
    cycles: int = 32
    window: int = 4
    every: int = 5

    def __post_init__(self) -> None:
        parts = {"network": OperatorArchitecture, "correction": Correction, "loss": OperatorLoss, "optimizer": AdamW}
        for name, kind in parts.items():
            if not isinstance(getattr(self, name), kind):
                raise ValueError(f"GainLearning: {name} = {getattr(self, name)!r}; give a {kind.__name__}")
        require_counts(
            self, epochs=self.epochs, batch=self.batch, cycles=self.cycles, window=self.window, every=self.every
        )
        require_whole(self, 0, memory=self.memory)
        if self.window > self.cycles:
            raise ValueError(f"GainLearning: window = {self.window} is longer than {self.cycles} cycles")


class GainTraining(Iteration[LearningState]):
    """A training of some settings on some trajectories; one step is one epoch.

    Args:
        learning: The settings.
        data: Trajectories with one frame per cycle.
        forecast: The model.
        sensors: On the grid of the data.
        validation: Trajectories to choose the epoch by; None to keep the last one.
        seed: Of weights and draws.
        device: Where to compute.
    """

    def __init__(
        self,
        learning: GainLearning,
        data: OperatorData,
        forecast: Forecast,
        sensors: SensorArray,
        validation: OperatorData | None,
        seed: int,
        device: torch.device,
    ) -> None:
        if data.frames < learning.cycles:
            raise ValueError(
                f"train_gain: {learning.cycles} cycles need as many frames, and the data have {data.frames}; give "
                "longer trajectories, or fewer cycles"
            )
        self._learning, self._forecast, self._seed, self._device = learning, forecast, seed, device
        learning.correction.require_fits(sensors)
        layout = Layout.of(data)
        layout.step  # noqa: B018 - refuses frames that are not equally far apart
        dtype = layout.torch_dtype
        self._truth = torch.from_numpy(np.asarray(data.outputs)).to(device)
        self._held = None if validation is None else self._fixed(validation, sensors)
        scaling = UnitGaussian().fit([self._truth.flatten(0, 1)]).to(device, dtype)
        signature = gain_signature(len(layout.output_names), learning.memory, learning.correction, data.signature)
        network = learning.network.build(signature, torch.Generator().manual_seed(seed)).to(device)
        self._flat = FlatModule(network)
        positions = layout.positions(data.axes).to(device)
        largest = ROOM * float(scaling.encode(self._truth.flatten(0, 1)).abs().max())
        self._gain = Gain(network, learning.correction, sensors, scaling, positions, learning.memory, largest)
        self._method = TrainedGain(learning.network, signature, self._gain, forecast)

    def init(self, seed: int) -> LearningState:
        """The state before the first epoch; the weights are those drawn when this was made."""
        theta, buffers = self._flat.vector.clone(), self._flat.buffers()
        best = theta.clone(), {name: value.clone() for name, value in buffers.items()}
        return LearningState(0, theta, buffers, self._learning.optimizer.start(theta), 0, float("inf"), *best)

    def status(self, state: LearningState) -> Status:  # noqa: D102
        return Status.DONE if state.epoch >= self._learning.epochs else Status.RUNNING

    def step(self, state: LearningState) -> tuple[LearningState, dict[str, float]]:
        """One epoch; reports the mean logarithmic loss, the last window's loss and the error on validation data."""
        learning = self._learning
        self._flat.load(state.theta, state.buffers)
        self._gain.network.train()
        moments = state.moments.copied()
        generator = generator_of_step(self._seed, state.epoch + 1)
        truth, guess = self._drawn(generator)
        readings = self._gain.sensors.observe(truth, generator)
        estimate, total = self._gain.start(guess), 0.0
        # Long rollouts of an untrained gain run away and teach nothing.
        last = min(learning.cycles, learning.window * (state.epoch + 1))
        windows = range(0, last, learning.window)
        for number, first in enumerate(windows):
            cycles = range(first, min(first + learning.window, last))
            estimate, loss = self._window(estimate, readings, truth, cycles)
            if not bool(torch.isfinite(self._flat.gradient).all()):
                raise SolveFailed(f"the gradient became non-finite in epoch {state.epoch + 1}")
            factor = learning.optimizer.schedule.factor(state.epoch + number / len(windows), learning.epochs)
            learning.optimizer.advance(self._flat.vector, self._flat.gradient, moments, factor)
            total += loss
        new = replace(
            state,
            epoch=state.epoch + 1,
            theta=self._flat.vector.clone(),
            buffers=self._flat.buffers(),
            moments=moments,
        )
        scalars = {"loss": total / len(windows), "last": float(np.exp(loss))}
        return self._judged(new, scalars)

    def trained(self, state: LearningState) -> TrainedGain:
        """The best gain of a state, with weights of its own."""
        network = copy.deepcopy(self._gain.network)
        FlatModule(network).load(state.best_theta, state.best_buffers)
        for parameter in network.parameters():
            parameter.grad = None
        gain = replace(self._gain, network=network.eval())
        return replace(self._method, gain=gain, epoch=state.best_epoch)

    def _window(self, estimate: Estimate, readings: Tensor, truth: Tensor, cycles: range) -> tuple[Estimate, float]:
        """Leave the gradient of a window's loss in the flat module; returns the last estimate, without gradient."""
        self._flat.gradient.zero_()
        losses = []
        for cycle in cycles:
            if cycle:
                estimate = self._gain.advanced(estimate, self._forecast)
            estimate = self._gain.corrected(estimate, readings[:, cycle])
            losses.append(self._learning.loss(estimate.field, truth[:, cycle]).log())
        loss = torch.stack(losses).mean()
        loss.backward()
        return estimate.detached(), float(loss.detach())

    def _drawn(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Trajectories `(batch, cycles, channels, *grid)` and guesses `(batch, channels, *grid)`."""
        n, frames = self._truth.shape[:2]
        size, cycles = self._learning.batch, self._learning.cycles
        sample = torch.randint(n, (size,), generator=generator)
        first = torch.randint(frames - cycles + 1, (size,), generator=generator)
        truth = self._truth[sample[:, None], first[:, None] + torch.arange(cycles)]
        return truth, random_states(self._truth, (size,), generator)

    def _fixed(self, data: OperatorData, sensors: SensorArray) -> tuple[Tensor, Tensor, Tensor]:
        """Truth, readings and guesses of the validation data."""
        truth = torch.from_numpy(np.asarray(data.outputs)).to(self._device)
        generator = generator_of_step(self._seed, HELD)
        return truth, sensors.observe(truth, generator), random_states(self._truth, (len(truth), 1), generator)

    def _judged(self, state: LearningState, scalars: dict[str, float]) -> tuple[LearningState, dict[str, float]]:
        """The state with the best epoch so far; scalars with the error on the validation data."""
        if self._held is None:
            return _with_best(state, state.epoch, state.best_error, state.theta, state.buffers), scalars
        if state.epoch % self._learning.every and state.epoch < self._learning.epochs:
            return state, scalars
        return self._looked(state, scalars)

    def judged_once(self, state: LearningState) -> tuple[LearningState, dict[str, float]]:
        """The state, judged now if it was never before, and the error on the validation data if it is a number."""
        if self._held is None or state.best_epoch or not state.epoch:
            return state, {}
        self._flat.load(state.theta, state.buffers)
        return self._looked(state, {})

    def _looked(self, state: LearningState, scalars: dict[str, float]) -> tuple[LearningState, dict[str, float]]:
        """As `_judged`, whatever the epoch."""
        assert self._held is not None
        truth, readings, guesses = self._held
        self._gain.network.eval()
        error = float(assimilate(self._method, guesses, readings).errors(truth).mean())
        if np.isfinite(error):
            scalars["validation"] = error
        best = state.epoch, error, state.theta, state.buffers
        return _with_best(state, *best) if error < state.best_error else state, scalars


def _with_best(
    state: LearningState, epoch: int, error: float, theta: Tensor, buffers: dict[str, Tensor]
) -> LearningState:
    return replace(state, best_epoch=epoch, best_error=error, best_theta=theta, best_buffers=buffers)


def random_states(truth: Tensor, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """States `(*shape, channels, *grid)` of trajectories `(n, frames, channels, *grid)`, each equally likely."""
    pool = truth.flatten(0, 1)
    return pool[torch.randint(len(pool), shape, generator=generator).to(pool.device)]


def train_gain(
    data: OperatorData,
    learning: GainLearning,
    forecast: Forecast,
    sensors: Sensors,
    *,
    validation: OperatorData | None,
    seed: int = 0,
    device: str = "auto",
    max_epochs: int | None = None,
    max_seconds: float | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
) -> TrainedGain:
    """Learn the gain for a forecast model and sensors; keep the weights of the epoch that is best on validation data.

    Never give test data as `validation`.

    Args:
        data: Trajectories of the truth, with one frame per cycle; only their outputs are used.
        learning: The settings.
        forecast: From one frame to the next; gradients flow through it.
        sensors: The noise is in units of the deviation of `data`.
        validation: Other trajectories; None to keep the last epoch.
        seed: Of weights and draws.
        device: "auto", "cpu", "cuda", …; the forecast must work there.
        max_epochs: Budget in epochs, those before a resumption counted in.
        max_seconds: Budget in seconds of training, likewise.
        checkpoint: File that holds the state of the training; it takes a `KnownForecast`.
        resume: Go on from `checkpoint` if that file exists.

    Raises:
        ValueError: If data, sensors and settings do not fit, validation data are on another grid or share trajectories
            with `data`, the forecast answers on another grid or is known to go on by another time, a checkpoint is
                asked for and the forecast does not say
            which it is, or the checkpoint is of another training.
    """
    require_run_seed("train_gain", seed)
    limits = Limits(max_epochs, max_seconds)
    limits.require_sensible("train_gain", "max_epochs")
    if resume and checkpoint is None:
        raise ValueError("train_gain: resume=True needs checkpoint=FILE")
    if validation is not None:
        _require_validation(data, validation)
    chosen = resolve_device(device)
    _require_forecast(forecast, data, chosen)
    training = GainTraining(learning, data, forecast, sensors.on(data), validation, seed, chosen)
    run = Run(training, training.init(seed))
    keeper = None
    if checkpoint is not None:
        settings = json.dumps([describe(learning), repr(sensors)])
        held = None if validation is None else digest(validation)
        known = {"learning": settings, "forecast": identity_of(forecast)}
        if known["forecast"] is None:
            raise ValueError(
                "train_gain: a checkpoint is of one forecast, and this one does not say which it is; give "
                "KnownForecast(a name, forecast), or what solver_forecast(…) or operator_forecast(…) returns"
            )
        keeper = Keeper(checkpoint, {"seed": seed, **known, "data": digest(data), "validation": held})
        if resume:
            keeper.restore(run)
    run.proceed(limits, keeper, (), _seen)
    # A budget may end before the first look; the checkpoint is that of before, so that a resumption is not changed.
    run.state, scalars = training.judged_once(run.state)
    if scalars:
        run.rows[-1] |= scalars
    failure = no_best_epoch(run.state)
    if failure and run.status is not Status.DIVERGED:
        run.status, run.failure = Status.DIVERGED, failure
    found = training.trained(run.state)
    return replace(found, status=run.status, seconds=run.seconds, history=run.columns(), failure=run.failure)


def _require_validation(data: OperatorData, validation: OperatorData) -> None:
    Layout.of(data).require_same_meaning(validation)
    if not len(validation):
        raise ValueError("train_gain: there are no samples in validation; give some, or None to keep the last epoch")
    if validation.grid != data.grid:
        raise ValueError(
            f"train_gain: validation is on {validation.grid} nodes and the data on {data.grid}; a gain is learned for "
            "one grid, so give both on the same"
        )
    steps = Layout.of(data).step, Layout.of(validation).step
    if not _same(*steps, data):
        raise ValueError(
            f"train_gain: frames of the data are {steps[0]:.6g} apart and those of validation {steps[1]:.6g}; give "
            "both with one frame per cycle"
        )
    require_unseen("train_gain", data, validation)


def _require_forecast(forecast: Forecast, data: OperatorData, device: torch.device) -> None:
    if not len(data):
        raise ValueError("train_gain: there are no samples in the data")
    step = Layout.of(data).step
    cycle = forecast.cycle if isinstance(forecast, KnownForecast) else None
    if cycle is not None and not _same(step, cycle, data):
        raise ValueError(
            f"train_gain: the forecast goes on by {cycle:.6g}, and frames of the data are {step:.6g} apart; give data "
            "with one frame per cycle"
        )
    state = torch.from_numpy(np.asarray(data.outputs[:1])[:, 0]).to(device)
    with torch.no_grad():
        later = forecast(state)
    if later.shape != state.shape:
        raise ValueError(
            f"train_gain: the forecast of fields {tuple(state.shape)} has the shape {tuple(later.shape)}; give one "
            "that answers on the grid of the data"
        )


def _same(step: float, other: float, data: OperatorData) -> bool:
    """Whether steps are equal up to the rounding of the times of some data."""
    return abs(step - other) <= ROUNDING * float(np.abs(data.times).max())


def _seen(step: int, seconds: float, scalars: Mapping[str, float], state: LearningState) -> Reached:
    return Reached(step, seconds, scalars)
