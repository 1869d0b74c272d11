"""Which linear algebra suits a prior on a domain."""

from __future__ import annotations

from pinnlab.domain.box import Box
from pinnlab.gps.gram import Dense
from pinnlab.gps.kronecker import MOST_COORDINATES, Kronecker
from pinnlab.gps.placement import NodeGrid, Placement
from pinnlab.gps.prior import Prior
from pinnlab.gps.spectral_features import SpectralFeatures
from pinnlab.gps.system import Algebra
from pinnlab.gps.weight_space import WeightSpace
from pinnlab.problem import Problem

# Weights from which a problem on a grid is better solved along its axes.
MANY = 1200


def suitable(problem: Problem, prior: Prior, placement: Placement) -> tuple[Algebra, ...]:
    """Ways to solve, the first of which that takes the problem is meant.

    For rough kernels `Dense`; for smooth ones `WeightSpace`, and before it `Kronecker` where there are more than 1,200
    weights on a grid of a box of two coordinates.
    """
    if not prior.is_smooth:
        return (Dense(),)
    space = WeightSpace()
    many = SpectralFeatures(problem, space.lines(problem, prior), prior.amplitudes).count > MANY
    several = isinstance(problem.region, Box) and 1 < len(problem.coordinates) <= MOST_COORDINATES
    return (Kronecker(), space) if many and several and isinstance(placement, NodeGrid) else (space,)
