"""On which nodes and at which times the members of a family are sampled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pinnlab.admissible import is_whole
from pinnlab.domain.box import Box
from pinnlab.domain.evolution import TimeInterval
from pinnlab.errors import UnsupportedProblem
from pinnlab.files.well import Layout
from pinnlab.problem import Problem


def layout_of_samples(
    problem: Problem, things: tuple[str, ...], nodes: int | Sequence[int], times: Sequence[float] | None
) -> Layout:
    """What a sample holds, in double precision.

    Args:
        problem: The declaration of the family.
        things: The names of what is random in it.
        nodes: Along each coordinate of space, or along all; a periodic coordinate is without its upper end.
        times: Of the frames; None stands for the last one.  Steady problems have none.

    Raises:
        UnsupportedProblem: If the region of space is no box.
        ValueError: If there are fewer than two nodes along a coordinate, or the times are not increasing in the
            interval of the problem.
    """
    region, who = problem.region, f"generate for {problem.name!r}"
    if not isinstance(region, Box) or not region.bounds:
        raise UnsupportedProblem(f"{who}: samples are on tensor grids, so that space must be a box, not {region}")
    counts = tuple(nodes) if isinstance(nodes, Sequence | np.ndarray) else (nodes,) * len(region.bounds)
    if len(counts) != len(region.bounds) or any(not is_whole(k) or k < 2 for k in counts):
        raise ValueError(
            f"{who}: nodes = {nodes!r}; give two or more along each of its {len(region.bounds)} coordinates"
        )
    periodic = tuple(c in region.periodic for c in region.bounds)
    rows = zip(region.bounds.values(), counts, periodic, strict=True)
    axes = tuple(np.linspace(a, b, int(k) + p)[: int(k)] for (a, b), k, p in rows)
    if problem.interval is None:
        if times is not None:
            raise ValueError(f"{who}: it is steady and has no times; leave times away")
        frames = np.zeros(0)
    else:
        frames = _frames(problem.interval, times, who)
    names = tuple(c.name for c in region.bounds)
    return Layout(axes, frames, things, problem.names, names, periodic, np.dtype(float))


def _frames(interval: TimeInterval, times: Sequence[float] | None, who: str) -> np.ndarray:
    if times is None:
        return np.array([interval.end], float)
    try:
        frames = np.array(times, float)
    except (TypeError, ValueError):
        frames = np.zeros(0)
    # Written so that NaN is outside.
    inside = np.all((interval.start <= frames) & (frames <= interval.end))
    if frames.ndim != 1 or not len(frames) or not inside or np.any(np.diff(frames) <= 0):
        raise ValueError(
            f"{who}: times = {times}; give one or more, increasing, from {interval.start:g} to {interval.end:g}"
        )
    return frames
