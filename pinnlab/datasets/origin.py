"""Of which family samples are members, and which ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False)
class Origin:
    """What generated samples were made from.

    Args:
        problem: The name of the declaration, for messages.
        family: Identifies the family: SHA-256 of its declaration and of its distributions.
        members: The seed and the number of each sample, `(n, 2)`; equal ones of one family are the same functions.

    Raises:
        ValueError: If the members are not two whole numbers of 64 bits for each sample.
    """

    problem: str
    family: str
    members: np.ndarray = field(repr=False)

    def __post_init__(self) -> None:
        members = np.asarray(self.members)
        if members.ndim != 2 or members.shape[1] != 2 or members.dtype.kind not in "iu":
            raise ValueError(
                f"Origin: members are {members.dtype} of shape {members.shape}; give the seed and the number of each "
                "sample as whole numbers, (n, 2)"
            )
        if members.max(initial=0) > np.iinfo(np.int64).max:
            raise ValueError(f"Origin: members hold {members.max()}; give numbers below 2**63, which files can hold")
        object.__setattr__(self, "members", members.astype(np.int64))

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.members)

    def __getitem__(self, samples: slice | Sequence[int] | np.ndarray) -> Origin:
        """Of some of the samples."""
        return dataclasses.replace(self, members=self.members[samples])

    def joined(self, other: Origin | None) -> Origin | None:
        """Of these samples and others behind them; None where the others are not known to be of the same family."""
        if other is None or other.family != self.family:
            return None
        return dataclasses.replace(self, members=np.concatenate([self.members, other.members]))

    def common(self, other: Origin) -> int:
        """How many of these samples are among the others, too."""
        if other.family != self.family:
            return 0
        others = set(map(tuple, other.members.tolist()))
        return sum(tuple(m) in others for m in self.members.tolist())
