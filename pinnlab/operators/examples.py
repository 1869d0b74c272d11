"""Data as batches of examples on a device."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from pinnlab.datasets.data import OperatorData
from pinnlab.datasets.samples import Samples, StoredSamples, blocks
from pinnlab.operators.layout import Layout
from pinnlab.operators.pairs import Batch, Pairs

# Arrays in memory are kept on a GPU where they take at most this share of what is free there.
RESIDENT_SHARE = 0.25
# Examples of each sample that normalisation looks at: neighbouring frames tell much the same.
LOOKED_AT = 16


class Examples:
    """All examples that some samples hold, numbered from 0: first those of the first sample.

    Arrays in memory are kept on the device where they fit; of a file each batch reads what it needs.

    Args:
        data: The samples.
        layout: Of the training data.
        pairs: What an example is.
        device: Where batches are to be.

    Raises:
        ValueError: If the samples are too short for an example.
    """

    def __init__(self, data: OperatorData, layout: Layout, pairs: Pairs, device: torch.device) -> None:
        self._layout = layout
        self._pairs = pairs
        self._device = device
        self._each = pairs.count(layout)
        self._samples = len(data)
        self._inputs = _resident(data.inputs, device)
        self._outputs = _resident(data.outputs, device)
        self._times = torch.tensor(layout.times or (0.0,), dtype=layout.torch_dtype)

    def __len__(self) -> int:
        """Number of examples."""
        return self._samples * self._each

    def batch(self, numbers: Tensor) -> Batch:
        """The examples of these numbers `(batch,)`, on the processor."""
        samples = numbers // self._each
        frames = self._pairs.frames(numbers % self._each, self._layout)
        return Batch(
            _rows(self._inputs, samples).to(self._device),
            _frames(self._outputs, samples, frames).to(self._device),
            self._times[frames].to(self._device),
            self._layout,
        )

    def looked_at(self, size: int) -> Iterator[Batch]:
        """Batches of at most `size` examples from all samples, evenly spread over each."""
        count = min(self._each, LOOKED_AT)
        which = torch.from_numpy(np.linspace(0, self._each - 1, count).round().astype(np.int64))
        numbers = (torch.arange(self._samples)[:, None] * self._each + which).reshape(-1)
        for part in numbers.split(size):
            yield self.batch(part)


def digest(data: OperatorData) -> str:
    """SHA-256 of all values and what they mean; reads a file as a whole."""
    found = hashlib.sha256(repr(Layout.of(data)).encode())
    for samples in (data.inputs, data.outputs):
        found.update(repr(tuple(samples.shape)).encode())
        for block in blocks(samples):
            found.update(np.ascontiguousarray(samples[block]).data)
    return found.hexdigest()


def as_tensor(values: np.ndarray) -> Tensor:
    """Of the same memory where it may be written to, which torch insists on."""
    return torch.from_numpy(np.require(values, requirements=["C", "W"]))


def _resident(samples: Samples, device: torch.device) -> Tensor | StoredSamples:
    if isinstance(samples, StoredSamples):
        return samples
    values = as_tensor(samples)
    if device.type == "cuda" and values.nbytes > RESIDENT_SHARE * torch.cuda.mem_get_info(device)[0]:
        return values
    return values.to(device)


def _rows(values: Tensor | StoredSamples, samples: Tensor) -> Tensor:
    if isinstance(values, StoredSamples):
        return as_tensor(values[samples.numpy()])
    return values[samples.to(values.device)]


def _frames(values: Tensor | StoredSamples, samples: Tensor, frames: Tensor) -> Tensor:
    """Frames `frames (batch, m)` of samples `(batch,)`."""
    if isinstance(values, StoredSamples):
        rows = torch.arange(len(samples))
        return as_tensor(values[samples.numpy()])[rows[:, None], frames]
    return values[samples[:, None].to(values.device), frames.to(values.device)]
