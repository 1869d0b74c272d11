"""Linear layers and convolutions whose weights come from a generator that is passed in."""

from __future__ import annotations

import math
from typing import TypeVar

import torch

Layer = TypeVar("Layer", torch.nn.Linear, torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d)
Convolution = torch.nn.Conv1d | torch.nn.Conv2d | torch.nn.Conv3d


def linear(inputs: int, outputs: int, generator: torch.Generator, dtype: torch.dtype) -> torch.nn.Linear:
    """A layer on the last axis, with weights and biases uniform in [-1, 1] / sqrt(inputs)."""
    layer = torch.nn.utils.skip_init(torch.nn.Linear, inputs, outputs, dtype=dtype, device=generator.device)
    return _drawn(layer, inputs, generator)


def convolution(
    dimension: int, inputs: int, outputs: int, size: int, generator: torch.Generator, dtype: torch.dtype
) -> Convolution:
    """A convolution of `size` nodes per axis without padding, uniform in [-1, 1] / sqrt(inputs size^dimension)."""
    kind = (torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d)[dimension - 1]
    layer = torch.nn.utils.skip_init(kind, inputs, outputs, size, dtype=dtype, device=generator.device)
    return _drawn(layer, inputs * size**dimension, generator)


def normal(shape: tuple[int, ...], deviation: float, generator: torch.Generator, dtype: torch.dtype) -> torch.Tensor:
    """Independent normal numbers of mean zero, on the generator's device."""
    return deviation * torch.randn(shape, generator=generator, dtype=dtype, device=generator.device)


def _drawn(layer: Layer, fan_in: int, generator: torch.Generator) -> Layer:
    bound = 1 / math.sqrt(fan_in)
    for parameter in layer.parameters():
        torch.nn.init.uniform_(parameter, -bound, bound, generator=generator)
    return layer
