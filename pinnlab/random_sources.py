"""Distributions of localised functions: pulses at random places."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import sympy as sp

from pinnlab.admissible import require_positive
from pinnlab.symbols import Expr


@dataclass(frozen=True)
class GaussianPulse:
    """exp(−|x − X|² / (2 w²)), of height 1, around a place X that is uniform on a box.

    As the initial pressure of a wave equation it is the sound source of [1], whose place is the parameter.  Its Fourier
    transform falls to 1 % at the wave number 3 / w, and data need some three nodes per width w.

    Args:
        places: Coordinate → (lower, upper) of the places; keep these a few widths away from walls if the pulse is not
            to be cut off there.
        width: w > 0, the standard deviation.

    Raises:
        ValueError: If there is no coordinate, a range is empty or not finite, or the width not positive.

    [1] N. Borrel-Jensen, S. Goswami, A. P. Engsig-Karup, G. E. Karniadakis, C.-H. Jeong, Proc. Natl. Acad. Sci. 121
        (2024) e2312159120, arXiv:2308.05141.
    """

    places: Mapping[sp.Symbol, tuple[float, float]]
    width: float

    def __post_init__(self) -> None:
        if not self.places or not all(
            math.isfinite(a) and math.isfinite(b) and a <= b for a, b in self.places.values()
        ):
            raise ValueError(
                f"GaussianPulse: places {self.places}; give (lower, upper) for each coordinate, finite and in order"
            )
        require_positive(self, width=self.width)

    def rvs(self, *, random_state: np.random.Generator) -> Expr:
        """One draw."""
        return self.at({x: float(random_state.uniform(a, b)) for x, (a, b) in self.places.items()})

    def at(self, place: Mapping[sp.Symbol, float]) -> Expr:
        """The pulse around a place, one number for each coordinate.

        Raises:
            ValueError: If the place has other coordinates.
        """
        if set(place) != set(self.places):
            raise ValueError(
                f"GaussianPulse: place {place}; give a number for each of {', '.join(map(str, self.places))}"
            )
        square = sp.Add(*((x - sp.Float(place[x])) ** 2 for x in self.places))
        return sp.exp(-square / sp.Float(2 * self.width**2))
