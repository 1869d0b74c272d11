"""Which linear algebra suits a prior on a domain."""

from __future__ import annotations

from pinnlab.domain.box import Box
from pinnlab.gps.gram import Dense
from pinnlab.gps.kronecker import Kronecker
from pinnlab.gps.prior import Prior
from pinnlab.gps.system import Algebra
from pinnlab.gps.weight_space import SpectralFeatures, WeightSpace
from pinnlab.problem import Problem


def suitable(problem: Problem, prior: Prior) -> Algebra:
    """`Dense` for rough kernels; for smooth ones `WeightSpace`, or `Kronecker` where it is too large, on a box."""
    if not prior.is_smooth:
        return Dense()
    space = WeightSpace()
    features = SpectralFeatures(problem, space.lines(problem, prior), prior.amplitudes)
    several = isinstance(problem.region, Box) and len(problem.coordinates) > 1
    return Kronecker() if features.count > space.most and several else space
