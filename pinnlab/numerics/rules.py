"""What a Taylor series does under each function of torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from pinnlab.numerics import elementary, series
from pinnlab.numerics.series import Series

_functional = torch.nn.functional

_METHODS: dict[str, Callable[..., Any]] = {
    "tanh": elementary.tanh,
    "sigmoid": elementary.sigmoid,
    "exp": elementary.exp,
    "sin": elementary.sin,
    "cos": elementary.cos,
    "tan": elementary.tan,
    "sinh": elementary.sinh,
    "cosh": elementary.cosh,
    "log": elementary.log,
    "atan": elementary.atan,
    "arctan": elementary.atan,
    "erf": elementary.erf,
    "sqrt": elementary.sqrt,
    "rsqrt": elementary.rsqrt,
    "square": elementary.square,
    "reciprocal": elementary.reciprocal,
    "pow": elementary.power,
    "neg": Series.__neg__,
    "add": series.add,
    "sub": series.subtract,
    "mul": series.multiply,
    "multiply": series.multiply,
    "div": series.divide,
    "true_divide": series.divide,
    "matmul": series.matmul,
    "mm": series.matmul,
    "sum": series.sum_columns,
    "mean": series.mean_columns,
    "split": series.split,
    "chunk": series.chunk,
    "unbind": series.unbind,
    "unsqueeze": series.unsqueeze,
}

RULES: dict[Callable[..., Any], Callable[..., Any]] = {
    _functional.linear: series.linear,
    _functional.silu: elementary.silu,
    _functional.gelu: elementary.gelu,
    _functional.softplus: elementary.softplus,
    _functional.layer_norm: elementary.layer_norm,
    _functional.tanh: elementary.tanh,
    _functional.sigmoid: elementary.sigmoid,
    torch.special.erf: elementary.erf,
    Tensor.__rsub__: lambda x, y: series.add(-x, y),
    Tensor.__matmul__: series.matmul,
    Tensor.__pow__: elementary.power,
    torch.cat: series.cat,
    torch.stack: series.stack,
    **{getattr(torch, name): rule for name, rule in _METHODS.items()},
    **{getattr(Tensor, name): rule for name, rule in _METHODS.items()},
}
"""Function of torch, or method of tensors, to its rule."""
