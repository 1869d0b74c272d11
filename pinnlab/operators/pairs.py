"""What a network is trained to map to what, and how its answers become the answer of the operator."""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pinnlab.admissible import require_counts
from pinnlab.networks.operator import OperatorArchitecture, Signature
from pinnlab.operators.layout import ROUNDING, Layout, equal_step, same_times, told
from pinnlab.training.relative_loss import OperatorLoss

# A network with its normalisation: values (batch, channels, *grid) to values (batch, channels, *grid).
Network = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Batch:
    """Examples for training.

    Attributes:
        inputs: Of the operator, `(batch, c_in, *grid)`.
        outputs: Of the operator at the frames that `Pairs.frames` asked for, `(batch, m, c_out, *grid)`.
        times: Of these frames, `(batch, m)`; zero for steady problems.
        layout: What the channels mean.
    """

    inputs: Tensor
    outputs: Tensor
    times: Tensor
    layout: Layout


@dataclass(frozen=True, eq=False)
class Stage:
    """Where the training is.

    Attributes:
        epoch: From 0.
        generator: Of what a loss draws; the same on all ranks.
    """

    epoch: int
    generator: torch.Generator


class Pairs(abc.ABC):
    """Frozen settings.

    A sample has as many examples as there are frames to begin with; the network has channels in and out which are
    made of those of the operator, of several frames, and of numbers such as the lead time.
    """

    @property
    @abc.abstractmethod
    def given(self) -> int:
        """The frames that a prediction starts from, besides the inputs."""

    @abc.abstractmethod
    def channels(self, layout: Layout) -> tuple[int, int]:
        """Of the network: in and out."""

    @abc.abstractmethod
    def count(self, layout: Layout) -> int:
        """The examples in one sample.

        Raises:
            ValueError: If there is none, or the frames are not at the times that it needs.
        """

    @abc.abstractmethod
    def frames(self, which: Tensor, layout: Layout) -> Tensor:
        """The numbers `(batch, m)` of the frames that examples `which (batch,)` of their samples need."""

    @abc.abstractmethod
    def example(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """What the network is given and what it should answer, for the first of its calls."""

    def signature(self, layout: Layout) -> Signature:
        """What a network is built for that is to learn these pairs."""
        grid = layout.grid
        return Signature(*self.channels(layout), grid, len(layout.coordinates), layout.periodic, layout.torch_dtype)

    def require_architecture(self, architecture: OperatorArchitecture) -> None:
        """Refuse what cannot learn these pairs: nothing, most of the time.

        Raises:
            ValueError: If it cannot.
        """
        return None

    def answered_at(self, nodes: Tensor, layout: Layout) -> Tensor:
        """The positions of what `example` says that the network should answer, from those of the nodes of space."""
        return nodes

    def loss(self, network: Network, batch: Batch, criterion: OperatorLoss, stage: Stage) -> Tensor:
        """The loss `()` of a batch."""
        given, wanted = self.example(batch)
        return criterion(network(given), wanted)

    @abc.abstractmethod
    def predict(
        self, network: Network, inputs: Tensor, start: Tensor, times: Sequence[float], layout: Layout
    ) -> Tensor:
        """The operator's answer `(batch, frames, c_out, *grid)` at these times.

        Args:
            network: The trained one.
            inputs: Of the operator, `(batch, c_in, *grid)`.
            start: The first frames, `(batch, given, c_out, *grid)`; they are the first ones of the answer too.
            times: Of all frames, those of `start` counted in; empty for steady problems.
            layout: Of the training data.

        Raises:
            ValueError: If it cannot answer at these times.
        """

    def at(self, network: Network, inputs: Tensor, places: Tensor, layout: Layout) -> Tensor:
        """The operator's answer `(batch, m, c_out)` at places `(m, dimension)`, of time and space scaled to [0, 1].

        Raises:
            ValueError: If it answers on grids only.
        """
        raise ValueError(
            f"{type(self).__name__} answers on grids, at its frames; train a DeepOnet on SpaceTime() for other points"
        )


@dataclass(frozen=True)
class SolutionMap(Pairs):
    """The inputs to all frames at once, as channels: for steady problems, and for few frames."""

    @property
    def given(self) -> int:  # noqa: D102
        return 0

    def channels(self, layout: Layout) -> tuple[int, int]:  # noqa: D102
        return len(layout.input_names), layout.frames * len(layout.output_names)

    def count(self, layout: Layout) -> int:  # noqa: D102
        return 1

    def frames(self, which: Tensor, layout: Layout) -> Tensor:  # noqa: D102
        return torch.arange(layout.frames).expand(len(which), -1)

    def example(self, batch: Batch) -> tuple[Tensor, Tensor]:  # noqa: D102
        return batch.inputs, batch.outputs.flatten(1, 2)

    def predict(  # noqa: D102
        self, network: Network, inputs: Tensor, start: Tensor, times: Sequence[float], layout: Layout
    ) -> Tensor:
        if not same_times(times, layout.times):
            raise ValueError(
                f"SolutionMap: it was trained for the times {told(layout.times)} and cannot answer at {told(times)}; "
                "OneStep() and AllToAll() can"
            )
        return network(inputs).unflatten(1, (layout.frames, len(layout.output_names)))


@dataclass(frozen=True)
class _Conditioned:
    """Pairs between frames, on which the inputs that do not change in time act as further channels.

    Attributes:
        conditions: Names of the inputs that the network is given besides frames, such as coefficients; None for all but
            those that are called like an output.  Initial values under another name, such as u0, should be left out:
            at later times they are of no use, and a network that looks at them is none that steps.
    """

    conditions: tuple[str, ...] | None = field(default=None, kw_only=True)

    def condition_numbers(self, layout: Layout) -> list[int]:
        """The channels among the inputs.

        Raises:
            ValueError: If there is no input of a name.
        """
        if self.conditions is None:
            return [i for i, name in enumerate(layout.input_names) if name not in layout.output_names]
        for name in self.conditions:
            if name not in layout.input_names:
                raise ValueError(
                    f"{type(self).__name__}: there is no input {name!r} among {', '.join(layout.input_names)}"
                )
        return [layout.input_names.index(name) for name in self.conditions]


@dataclass(frozen=True)
class Bundled(_Conditioned, Pairs):
    """The last `history` frames to the next `together` frames at once: temporal bundling.

    A prediction is a rollout: the frames found take the place of those given.  Fewer calls mean fewer errors fed back.

    Args:
        together: Frames per call of the network.
        history: Frames that it is given.

    Raises:
        ValueError: If a number is no positive whole number.

    Source: J. Brandstetter, D. Worrall, M. Welling, ICLR 2022, section 3.1 (there both are 25).
    """

    together: int = 5
    history: int = 1

    def __post_init__(self) -> None:
        require_counts(self, together=self.together, history=self.history)

    @property
    def given(self) -> int:  # noqa: D102
        return self.history

    def channels(self, layout: Layout) -> tuple[int, int]:  # noqa: D102
        c = len(layout.output_names)
        return self.history * c + len(self.condition_numbers(layout)), self.together * c

    def count(self, layout: Layout) -> int:  # noqa: D102
        return self.starts(layout, 1)

    def starts(self, layout: Layout, calls: int) -> int:
        """The number of frames from which `calls` calls in a row can be compared with the truth.

        Raises:
            ValueError: If there is none.
        """
        needed = self.history + calls * self.together
        if layout.frames < needed:
            raise ValueError(
                f"{type(self).__name__}: {calls} call{'s' * (calls > 1)} of the network need{'s' * (calls == 1)} "
                f"{needed} frames, and the data have {layout.frames}; ask for fewer, or give more frames"
            )
        equal_step(layout.times)
        return layout.frames - needed + 1

    def frames(self, which: Tensor, layout: Layout) -> Tensor:  # noqa: D102
        return self.window(which, 1)

    def window(self, which: Tensor, calls: int) -> Tensor:
        """The numbers `(batch, m)` of the frames of so many calls in a row."""
        return which[:, None] + torch.arange(self.history + calls * self.together)

    def example(self, batch: Batch) -> tuple[Tensor, Tensor]:  # noqa: D102
        return self.seen(batch.outputs[:, : self.history], batch.inputs, batch.layout), self.target(batch, 0)

    def seen(self, state: Tensor, inputs: Tensor, layout: Layout) -> Tensor:
        """What the network is given: the last frames `(batch, history, c_out, *grid)` and the conditions."""
        return torch.cat([state.flatten(1, 2), inputs[:, self.condition_numbers(layout)]], dim=1)

    def target(self, batch: Batch, call: int) -> Tensor:
        """The true frames of a call, as channels."""
        first = self.history + call * self.together
        return batch.outputs[:, first : first + self.together].flatten(1, 2)

    def following(self, state: Tensor, answer: Tensor) -> Tensor:
        """The last frames after an answer of the network."""
        new = answer.unflatten(1, (self.together, state.shape[2]))
        return torch.cat([state, new], dim=1)[:, -self.history :]

    def predict(  # noqa: D102
        self, network: Network, inputs: Tensor, start: Tensor, times: Sequence[float], layout: Layout
    ) -> Tensor:
        if len(times) > self.history and abs(equal_step(times) - layout.step) > ROUNDING * layout.step:
            raise ValueError(
                f"{type(self).__name__}: it was trained for steps of {layout.step:.6g} and cannot take those of "
                f"{equal_step(times):.6g}; AllToAll() can"
            )
        found, state = [start], start
        for _ in range(-((self.history - len(times)) // self.together)):
            answer = network(self.seen(state, inputs, layout))
            found.append(answer.unflatten(1, (self.together, start.shape[2])))
            state = self.following(state, answer)
        return torch.cat(found, dim=1)[:, : len(times)]


@dataclass(frozen=True)
class OneStep(Bundled):
    """The last `history` frames to the next one.

    Args:
        history: Frames that the network is given; 1 for an autonomous equation of first order in time.
    """

    together: int = field(default=1, init=False, repr=False)


@dataclass(frozen=True)
class AllToAll(_Conditioned, Pairs):
    """Each frame to each later one, with the lead time as a channel: of m frames m (m − 1) / 2 examples.

    By the semi-group property of autonomous equations every such pair is an example of one map (u, τ) ↦ u(τ).  The
    answer is found by one call for each time, from the first frame; times may be any between those of training.

    Source: M. Herde et al., arXiv 2405.19101 (2024), all2all training.
    """

    @property
    def given(self) -> int:  # noqa: D102
        return 1

    def channels(self, layout: Layout) -> tuple[int, int]:  # noqa: D102
        c = len(layout.output_names)
        return c + len(self.condition_numbers(layout)) + 1, c

    def count(self, layout: Layout) -> int:  # noqa: D102
        if layout.frames < 2:
            raise ValueError("AllToAll: the data have one frame and no pair of two; train on SolutionMap()")
        return layout.frames * (layout.frames - 1) // 2

    def frames(self, which: Tensor, layout: Layout) -> Tensor:  # noqa: D102
        return torch.triu_indices(layout.frames, layout.frames, 1)[:, which].T

    def example(self, batch: Batch) -> tuple[Tensor, Tensor]:  # noqa: D102
        lead = batch.times[:, 1] - batch.times[:, 0]
        return self._seen(batch.outputs[:, 0], batch.inputs, lead, batch.layout), batch.outputs[:, 1]

    def _seen(self, frame: Tensor, inputs: Tensor, lead: Tensor, layout: Layout) -> Tensor:
        constant = lead.to(frame).reshape(-1, *[1] * (frame.ndim - 1)).expand(-1, 1, *frame.shape[2:])
        return torch.cat([frame, inputs[:, self.condition_numbers(layout)], constant], dim=1)

    def predict(  # noqa: D102
        self, network: Network, inputs: Tensor, start: Tensor, times: Sequence[float], layout: Layout
    ) -> Tensor:
        longest = layout.times[-1] - layout.times[0]
        if times[-1] - times[0] > longest * (1 + ROUNDING):
            raise ValueError(
                f"AllToAll: it was trained for lead times up to {longest:.6g}, and {times[-1] - times[0]:.6g} is asked "
                "for; go on from the last frame found"
            )
        found = [start]
        for t in times[1:]:
            lead = torch.full((len(start),), t - times[0], dtype=start.dtype, device=start.device)
            found.append(network(self._seen(start[:, 0], inputs, lead, layout))[:, None])
        return torch.cat(found, dim=1)
