"""What an operator remembers of the family that it was trained for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.datasets.data import OperatorData
from pinnlab.family import Family
from pinnlab.operators.input_distribution import InputDistribution
from pinnlab.operators.layout import Layout
from pinnlab.operators.members import require_same_family
from pinnlab.problem import Problem


@dataclass(frozen=True, eq=False)
class TrainedFamily:
    """The declaration, the nodes of the training data, and how the inputs were distributed on them.

    Attributes:
        problem: The family's; None if it was read back from a folder, and could not be written to it.
        axes: The nodes along each coordinate of space.
        inputs: What is random, in the order of the network's inputs.
    """

    problem: Problem | None
    axes: tuple[np.ndarray, ...] = field(repr=False)
    inputs: InputDistribution = field(repr=False)

    @staticmethod
    def of(family: Family, data: OperatorData, validation: OperatorData | None) -> TrainedFamily:
        """That of some training data.

        Args:
            family: Whose members the data are of.
            data: The training data.
            validation: Says how far a member may be from these.

        Raises:
            ValueError: If the data are not of the family.
        """
        require_same_family(family.problem, family.things, Layout.of(data))
        # On another grid their distances are not comparable.
        judged = validation if validation is not None and validation.grid == data.grid else None
        inputs = InputDistribution.of(family.things, data.inputs, None if judged is None else judged.inputs)
        return TrainedFamily(family.problem, data.axes, inputs)

    def described(self) -> dict[str, Any]:
        """What is written as JSON: the problem, or None where JSON has no words for it."""
        try:
            told = None if self.problem is None else self.problem.to_json()
        except ValueError:
            told = None
        return {"problem": told, "inputs": list(self.inputs.names)}

    def tensors(self) -> dict[str, Tensor]:
        """What is written as arrays."""
        axes = {f"axis_{i}": torch.from_numpy(np.array(a)) for i, a in enumerate(self.axes)}
        return axes | self.inputs.tensors()

    @staticmethod
    def read(described: Mapping[str, Any] | None, tensors: Mapping[str, Tensor]) -> TrainedFamily | None:
        """What `described` and `tensors` gave; None for nothing.

        Raises:
            ValueError: If they are damaged.
        """
        if described is None:
            return None
        told = described.get("problem")
        axes = [v.numpy() for name, v in sorted(tensors.items()) if name.startswith("axis_")]
        inputs = InputDistribution.from_tensors(described["inputs"], tensors)
        return TrainedFamily(None if told is None else Problem.from_json(told), tuple(axes), inputs)
