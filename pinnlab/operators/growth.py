"""Networks that grow while they are trained."""

from __future__ import annotations

import abc
from dataclasses import dataclass

from pinnlab.admissible import require_counts
from pinnlab.networks.fno import activate_modes
from pinnlab.networks.operator import OperatorNetwork


class Growth(abc.ABC):
    """Frozen settings: what a network has in use in each epoch."""

    @abc.abstractmethod
    def apply(self, network: OperatorNetwork, epoch: int) -> None:
        """Make it ready for an epoch, counted from 0; a function of the epoch alone, so that training may resume.

        Raises:
            ValueError: If the network cannot grow.
        """


@dataclass(frozen=True)
class FullSize(Growth):
    """Everything from the start."""

    def apply(self, network: OperatorNetwork, epoch: int) -> None:  # noqa: D102
        return


@dataclass(frozen=True)
class IncrementalModes(Growth):
    """Fourier modes `first` per axis, and one more after every `every` epochs, until all are in use.

    Few modes at first act as a regularisation, and make early epochs cheaper.

    Args:
        first: Modes in the first epoch.
        every: Epochs between two modes.

    Raises:
        ValueError: If a number is no positive whole number.

    Source: R. J. George, J. Zhao, J. Kossaifi, Z. Li, A. Anandkumar, TMLR 2024, arXiv 2211.15188; there the training
    itself says when the next mode is due.
    """

    first: int = 4
    every: int = 10

    def __post_init__(self) -> None:
        require_counts(self, first=self.first, every=self.every)

    def apply(self, network: OperatorNetwork, epoch: int) -> None:  # noqa: D102
        activate_modes(network, self.first + epoch // self.every)
