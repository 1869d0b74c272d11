"""An operator that was trained: it answers, says how far off it is, and is kept in a folder."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import os
import statistics
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from pinnlab.admissible import require_counts
from pinnlab.datasets.data import OperatorData
from pinnlab.datasets.origin import Origin
from pinnlab.datasets.samples import require_finite
from pinnlab.errors import SolveFailed
from pinnlab.networks.operator import OperatorArchitecture, OperatorNetwork, Signature
from pinnlab.operators.examples import as_tensor
from pinnlab.operators.layout import Layout
from pinnlab.operators.normalisation import Scaling
from pinnlab.operators.normalised import NormalisedNetwork
from pinnlab.operators.origins import doubts
from pinnlab.operators.pairs import AllToAll, Pairs
from pinnlab.operators.trained_family import TrainedFamily
from pinnlab.solver import Status
from pinnlab.training.relative_loss import relative_errors

if TYPE_CHECKING:
    from pinnlab.operators.operator_solver import OperatorSolver

CPU = torch.device("cpu")


@dataclass(frozen=True, eq=False)
class TrainedOperator:
    """A map of functions to functions, learned from data.

    Attributes:
        architecture: The settings of its network.
        network: That, with the weights found.
        pairs: What the network maps to what.
        layout: What the channels mean, and the box.
        inputs: The scaling of the network's inputs.
        outputs: The scaling of its outputs.
        status: DONE, RUNNING if the training was stopped by its budget, or DIVERGED.
        seconds: That the training took.
        seed: Of the training.
        epoch: Whose weights these are, counted from 1; the best on the validation data, 0 for untrained ones.
        history: One number per epoch: step, seconds, loss, validation, …
        failure: Why the training diverged, if it did.
        family: What the data are members of, if the training was told; `solver` needs it.
        origin: Of all samples that the training saw, to train on or to choose the epoch by, if these say it.
    """

    architecture: OperatorArchitecture
    network: OperatorNetwork
    pairs: Pairs
    layout: Layout
    inputs: Scaling
    outputs: Scaling
    status: Status = Status.DONE
    seconds: float = 0.0
    seed: int = 0
    epoch: int = 0
    history: Mapping[str, np.ndarray] = field(default_factory=dict, repr=False)
    failure: str = ""
    family: TrainedFamily | None = None
    origin: Origin | None = None

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return next(self.network.parameters()).device

    @property
    def given(self) -> int:
        """The frames that an answer starts from, besides the inputs."""
        return self.pairs.given

    def checked(self) -> TrainedOperator:
        """The same.

        Raises:
            SolveFailed: If its training diverged.
        """
        if self.status is Status.DIVERGED:
            raise SolveFailed(
                f"training of {type(self.architecture).__name__} failed: {self.failure}; lower the learning rate"
            )
        return self

    def solver(self) -> OperatorSolver:
        """This operator as a solver of any member of its family, as `OperatorSolver(self)`.

        Raises:
            ValueError: If the training was not told of the family.
            UnsupportedProblem: If its frames are too few for a function of time.
        """
        from pinnlab.operators.operator_solver import OperatorSolver

        return OperatorSolver(self).of_time()

    def __call__(
        self,
        inputs: np.ndarray,
        axes: Sequence[np.ndarray],
        *,
        start: np.ndarray | None = None,
        times: Sequence[float] | None = None,
        batch: int = 64,
    ) -> np.ndarray:
        """The answers `(n, frames, c_out, *grid)` to inputs `(n, c_in, *grid)`.

        Args:
            inputs: Functions on the grid; numbers are constant channels.
            axes: The nodes along each coordinate, in the units of the training data and on its box.
            start: The first frames `(n, given, c_out, *grid)`, if the operator steps in time: those of the answer too.
            times: Of all frames of the answer, those of `start` counted in; None for those of the training data.
            batch: Samples that are answered together.

        Raises:
            ValueError: If shapes do not fit, a sample holds NaN or infinity, frames are missing, the batch is no
                positive whole number, or the operator cannot answer at these times or on this grid.
        """
        require_counts(self, batch=batch)
        positions = self.layout.positions(axes).to(self.device)
        grid = tuple(len(nodes) for nodes in axes)
        values = self._typed("inputs", inputs, (len(self.layout.input_names), *grid))
        shape = (self.given, len(self.layout.output_names), *grid)
        if start is None and self.given:
            raise ValueError(
                f"the operator steps in time from {self.given} frame{'s' * (self.given > 1)}; give them as start="
            )
        first = values.new_zeros((len(values), *shape)) if start is None else self._typed("start", start, shape)
        if len(first) != len(values):
            raise ValueError(f"inputs of {len(values)} samples and start of {len(first)}; give as many of both")
        wanted = self.layout.times if times is None else tuple(float(t) for t in times)
        normalised = NormalisedNetwork(self.network, self.inputs, self.outputs, positions)
        return _answers(normalised, self.pairs, self.layout, values, first, wanted, batch).numpy()

    def at(self, inputs: np.ndarray, axes: Sequence[np.ndarray], points: np.ndarray, *, batch: int = 64) -> np.ndarray:
        """The answers `(n, m, c_out)` at free points, such as those of receivers, to inputs `(n, c_in, *grid)`.

        For operators trained on `SpaceTime()`.

        Args:
            inputs: Functions on the grid; numbers are constant channels.
            axes: The nodes of the inputs along each coordinate.
            points: `(m, 1 + d)` with the columns t and space, or `(m, d)` of steady problems, in the units of the
                training data, between their first and last frame and in their box.
            batch: Samples that are answered together.

        Raises:
            ValueError: If the operator answers on grids only, shapes do not fit, points are outside of where the
                training data were, or the batch is no positive whole number.
        """
        require_counts(self, batch=batch)
        nodes, places = (p.to(self.device) for p in (self.layout.positions(axes), self.layout.places(points)))
        values = self._typed("inputs", inputs, (len(self.layout.input_names), *(len(a) for a in axes)))
        network = NormalisedNetwork(self.network, self.inputs, self.outputs, nodes)
        parts = [values.new_zeros((0, len(places), len(self.layout.output_names)))]
        with _evaluating(self.network):
            for some in values.split(batch):
                parts.append(self.pairs.at(network, some.to(self.device), places, self.layout).cpu())
        return torch.cat(parts).numpy()

    def rollout(
        self,
        start: np.ndarray,
        axes: Sequence[np.ndarray],
        frames: int,
        *,
        inputs: np.ndarray | None = None,
        batch: int = 64,
    ) -> np.ndarray:
        """`frames` frames `(n, frames, c_out, *grid)` that begin with `start (n, given, c_out, *grid)`.

        There may be more than in training: they are as far apart.

        Args:
            start: The first frames.
            axes: The nodes along each coordinate.
            frames: Of the answer, those of `start` counted in.
            inputs: Of the operator, `(n, c_in, *grid)`; None if the network is given frames alone.
            batch: Samples that are answered together.

        Raises:
            ValueError: If the operator does not step in time, needs inputs, or shapes do not fit.
        """
        if not self.given:
            raise ValueError(f"{type(self.pairs).__name__} does not step in time; call the operator itself")
        grid = tuple(len(nodes) for nodes in axes)
        c = len(self.layout.output_names)
        conditions = self.pairs.channels(self.layout)[0] - self.given * c - isinstance(self.pairs, AllToAll)
        if inputs is None and conditions:
            raise ValueError(f"the network is given {conditions} of the inputs too; give them as inputs=")
        if inputs is None:
            inputs = np.zeros((len(start), len(self.layout.input_names), *grid))
        times = [self.layout.times[0] + self.layout.step * i for i in range(frames)]
        return self(inputs, axes, start=start, times=times, batch=batch)

    def predict(self, data: OperatorData, *, batch: int = 64) -> np.ndarray:
        """The answers `(n, frames, c_out, *grid)` on some data, at their times and on their grid.

        Of their outputs only the first frames are used that the answers start from.

        Raises:
            ValueError: If the data mean something else than those of the training, or the batch is no positive whole
                number.
        """
        require_counts(self, batch=batch)
        self.layout.require_same_meaning(data)
        parts = [np.zeros((0, *data.outputs.shape[1:]), self.layout.dtype)]
        for first in range(0, len(data), batch):
            inputs, outputs = (np.asarray(a[first : first + batch]) for a in (data.inputs, data.outputs))
            parts.append(
                self(inputs, data.axes, start=outputs[:, : self.given], times=data.times.tolist(), batch=batch)
            )
        return np.concatenate(parts)

    def errors(self, data: OperatorData, *, batch: int = 64) -> np.ndarray:
        """The relative L2 error of each sample `(n,)`: over all frames, nodes and outputs together.

        Frames that the answers start from do not count.  An error below the sample's own bound, `data.bounds`, is
        known to be at most about that bound, and no more.

        Raises:
            ValueError: As of `predict`.
        """
        require_counts(self, batch=batch)
        found = [np.zeros(0)]
        for first in range(0, len(data), batch):
            part = data[first : first + batch]
            answers, truths = (as_tensor(np.asarray(a)) for a in (self.predict(part, batch=batch), part.outputs))
            found.append(relative_errors(answers[:, self.given :].double(), truths[:, self.given :].double()).numpy())
        return np.concatenate(found)

    def evaluate(self, data: OperatorData, *, batch: int = 64) -> dict[str, float]:
        """Of the errors on some data: mean, median and largest, and the largest bound of the data's own (or NaN).

        Warns where the data are known to be of another family than those of the training, or among these.

        Raises:
            ValueError: If there are no samples, the truth of one is zero everywhere, or as of `predict`.
        """
        if not len(data):
            raise ValueError("evaluate: there are no samples in the data; give one or more")
        errors = self.errors(data, batch=batch)
        suspects = np.flatnonzero(~np.isfinite(errors)).tolist()
        zero = [i for i in suspects if not np.asarray(data.outputs[i : i + 1])[:, self.given :].any()]
        if zero:
            shown = ", ".join(map(str, zero[:10])) + (", …" if len(zero) > 10 else "")
            raise ValueError(
                f"evaluate: the truth of {len(zero)} of {len(data)} samples is zero everywhere, number {shown}, so "
                "that they have no relative error; leave them out"
            )
        for doubt in doubts(self.origin, data):
            warnings.warn(f"evaluate: {doubt}", stacklevel=2)
        return {
            "relative_l2": float(errors.mean()),
            "median": float(np.median(errors)),
            "largest": float(errors.max()),
            "bound": float(data.bounds.max()),
        }

    def seconds_per_query(self, data: OperatorData, *, batch: int = 1, repeats: int = 5) -> float:
        """The median time of answering one of `batch` samples of the data at once, transfers counted in.

        One call before the first that is timed is not.

        Raises:
            ValueError: If there are no samples, or batch or repeats are no positive whole numbers.
        """
        require_counts(self, batch=batch, repeats=repeats)
        if not len(data):
            raise ValueError("seconds_per_query: there are no samples in the data; give one or more")
        part = data[:batch]
        inputs, start = np.asarray(part.inputs), np.asarray(part.outputs)[:, : self.given]
        found = []
        for _ in range(repeats + 1):
            begin = time.perf_counter()
            # The answer is a numpy array, which is there only when the device has finished.
            self(inputs, part.axes, start=start, times=part.times.tolist(), batch=batch)
            found.append((time.perf_counter() - begin) / len(part))
        return statistics.median(found[1:])

    def to(self, device: str | torch.device) -> TrainedOperator:
        """The same operator on another device; this one stays where it is."""
        there = torch.device(device)
        inputs, outputs = (scaling.to(there, self.layout.torch_dtype) for scaling in (self.inputs, self.outputs))
        network = copy.deepcopy(self.network).to(there)
        return dataclasses.replace(self, network=network, inputs=inputs, outputs=outputs)

    def save(self, directory: str | os.PathLike[str]) -> None:
        """Write settings.json and weights.safetensors to a folder, which is made if it is not there.

        Raises:
            FileNotFoundError: If the folder that is to hold it does not exist.
        """
        from pinnlab.operators.operator_folder import write

        write(self, directory)

    @staticmethod
    def load(
        directory: str | os.PathLike[str], *, network: OperatorArchitecture | None = None, device: torch.device = CPU
    ) -> TrainedOperator:
        """What `save` wrote; nothing in the folder is executed.

        Args:
            directory: The folder.
            network: The architecture, if it is not one of pinnlab's own, such as `Given(module)`.
            device: Where it is to compute.

        Raises:
            FileNotFoundError: If a file is missing.
            ValueError: If a file is damaged, the two do not belong together, or the architecture is not known.
        """
        from pinnlab.operators.operator_folder import read

        return read(directory, network, device)

    def _typed(self, name: str, values: np.ndarray, shape: tuple[int, ...]) -> Tensor:
        given = np.asarray(values, dtype=self.layout.dtype)
        if given.shape[1:] != shape:
            raise ValueError(f"{name} have the shape {given.shape}, and it must be (n, {', '.join(map(str, shape))})")
        require_finite(name, given)
        return as_tensor(given)


def signature_of(pairs: Pairs, layout: Layout) -> Signature:
    """What a network is built for that is to learn these pairs."""
    return pairs.signature(layout)


def _answers(
    network: NormalisedNetwork,
    pairs: Pairs,
    layout: Layout,
    inputs: Tensor,
    start: Tensor,
    times: Sequence[float],
    batch: int,
) -> Tensor:
    """Answers on the processor, found batch by batch in evaluation mode."""
    device = network.positions.device
    parts = [inputs.new_zeros((0, len(times) or 1, *start.shape[2:]))]
    with _evaluating(network.network):
        for some, first in zip(inputs.split(batch), start.split(batch), strict=True):
            parts.append(pairs.predict(network, some.to(device), first.to(device), times, layout).cpu())
    return torch.cat(parts)


@contextlib.contextmanager
def _evaluating(network: OperatorNetwork) -> Iterator[None]:
    """Without gradients and in evaluation mode; afterwards the network is in the mode that it was in."""
    was_training = network.training
    network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        network.train(was_training)
