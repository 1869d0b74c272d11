"""The settings of a training of operators."""

from __future__ import annotations

from dataclasses import dataclass, field

from pinnlab.admissible import require_counts
from pinnlab.networks.operator import OperatorArchitecture
from pinnlab.operators.augmentation import Augmentation
from pinnlab.operators.growth import FullSize, Growth
from pinnlab.operators.normalisation import Normalisation, UnitGaussian
from pinnlab.operators.pairs import Pairs, SolutionMap
from pinnlab.training.adam_w import AdamW
from pinnlab.training.precision import Full, Precision
from pinnlab.training.relative_loss import OperatorLoss, RelativeL2


@dataclass(frozen=True)
class OperatorLearning:
    """How an operator is learned from data.

    The weights minimise the mean of `loss` over the examples that `pairs` makes of the samples, by mini-batches.

    Args:
        network: The settings of an operator network, such as `Fno(modes=16, width=64)`, or `Given(module)`.
        pairs: What the network maps to what.
        loss: Of predictions and truths in the units of the data.
        normalisation: Of the network's inputs and outputs, fitted to the training data alone.
        optimizer: With its schedule.
        epochs: In all.
        batch: Examples per step; what is left at the end of the data is a smaller batch.
        batches: Per epoch; None for as many as go through all examples once.  Fewer mean more frequent looks at the
            validation data, where a trajectory holds hundreds of examples.
        augmentations: Symmetries of the family, applied one after the other.
        growth: What of the network is in use in each epoch.
        precision: In which the layers compute.

    Raises:
        ValueError: If a part is of another kind, or a number no positive whole number.
    """

    network: OperatorArchitecture
    pairs: Pairs = field(default_factory=SolutionMap)
    loss: OperatorLoss = field(default_factory=RelativeL2)
    normalisation: Normalisation = field(default_factory=UnitGaussian)
    optimizer: AdamW = field(default_factory=AdamW)
    epochs: int = 500
    batch: int = 20
    batches: int | None = None
    augmentations: tuple[Augmentation, ...] = ()
    growth: Growth = field(default_factory=FullSize)
    precision: Precision = field(default_factory=Full)

    def __post_init__(self) -> None:
        parts = {
            "network": (OperatorArchitecture, "the settings of one, such as Fno()"),
            "pairs": (Pairs, "pairs such as SolutionMap()"),
            "loss": (OperatorLoss, "a loss such as RelativeL2()"),
            "normalisation": (Normalisation, "one such as UnitGaussian()"),
            "optimizer": (AdamW, "AdamW(…)"),
            "growth": (Growth, "FullSize() or IncrementalModes(…)"),
            "precision": (Precision, "Full() or Autocast(…)"),
        }
        for name, (kind, remedy) in parts.items():
            if not isinstance(getattr(self, name), kind):
                raise ValueError(f"OperatorLearning: {name} = {getattr(self, name)!r}; give {remedy}")
        self.pairs.require_architecture(self.network)
        object.__setattr__(self, "augmentations", tuple(self.augmentations))
        if not all(isinstance(a, Augmentation) for a in self.augmentations):
            raise ValueError(f"OperatorLearning: augmentations = {self.augmentations!r}; give such as PeriodicShift()")
        require_counts(self, epochs=self.epochs, batch=self.batch)
        if self.batches is not None:
            require_counts(self, batches=self.batches)
