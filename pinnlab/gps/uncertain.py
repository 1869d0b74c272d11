"""Conditions that are not taken at their word."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pinnlab.admissible import is_number
from pinnlab.lint import did_you_mean
from pinnlab.problem import Problem


@dataclass(frozen=True)
class Uncertain:
    """The data of all conditions on a piece of the boundary are known up to a standard deviation only.

    Errors at different points are taken as independent, so that the deviation is for each point of the placement.

    Args:
        piece: The name of a side, a piece of a shape or "initial".
        deviation: In the units of the data, positive; inf, the default, leaves the conditions out: what holds on the
            piece is then found from observations elsewhere, as far as they tell.
    """

    piece: str
    deviation: float = math.inf

    def __post_init__(self) -> None:
        if not (is_number(self.deviation) and self.deviation > 0):
            raise ValueError(
                f"Uncertain({self.piece!r}): deviation = {self.deviation!r}; give a positive number, or leave it out "
                "for conditions that hold exactly"
            )


def deviation_on(uncertain: Sequence[Uncertain], piece: str) -> float:
    """The standard deviation of the data on a piece; 0 where they are exact."""
    return next((u.deviation for u in uncertain if u.piece == piece), 0.0)


def require_pieces(uncertain: Sequence[Uncertain], observed: bool, problem: Problem) -> None:
    """Refuse pieces without conditions, pieces named twice, and pieces left out with nothing to find them from.

    Raises:
        ValueError: If there is one.
    """
    pieces = sorted({p for c in problem.conditions for p in problem.pieces_of(c)})
    for one in uncertain:
        if one.piece not in pieces:
            raise ValueError(
                f"Uncertain on {problem.name!r}: there is no condition on {one.piece!r}"
                f"{did_you_mean(one.piece, pieces)}; there are conditions on {', '.join(pieces) or 'nothing'}"
            )
    if len({u.piece for u in uncertain}) < len(uncertain):
        raise ValueError(f"Uncertain on {problem.name!r}: a piece is named twice; give each once")
    for one in uncertain:
        if one.deviation == math.inf and not observed:
            raise ValueError(
                f"Uncertain on {problem.name!r}: the conditions on {one.piece!r} are left out, and there are no "
                "observations to find them from; give observations=, or a deviation"
            )
