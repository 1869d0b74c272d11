"""Members of the family that an operator was trained for: which problems they are, and their values of its inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy as sp

from pinnlab.domain.box import Box
from pinnlab.errors import UnsupportedProblem
from pinnlab.operators.drawn import channels_on_grid
from pinnlab.operators.layout import ROUNDING, Layout
from pinnlab.problem import Problem


def require_same_family(problem: Problem, things: Sequence[str], layout: Layout) -> None:
    """Refuse data that are not of members of a family.

    Args:
        problem: Its declaration.
        things: The names of what is random in it.
        layout: Of the data.

    Raises:
        ValueError: If names, box or times differ.
    """
    region = problem.region
    if not isinstance(region, Box) or not region.bounds:
        raise UnsupportedProblem(f"{problem.name!r}: operators work on tensor grids, so that space must be a box")
    expected = {
        "input_names": tuple(things),
        "output_names": problem.names,
        "coordinates": tuple(c.name for c in region.bounds),
        "periodic": tuple(c in region.periodic for c in region.bounds),
    }
    for name, there in expected.items():
        if getattr(layout, name) != there:
            raise ValueError(
                f"family of {problem.name!r}: the data's {name} are {getattr(layout, name)}, and those of the family "
                f"{there}; give the family that the data were made from"
            )
    for c, here, there in zip(region.bounds, layout.box, region.bounds.values(), strict=True):
        if np.abs(np.subtract(here, there)).max() > ROUNDING * (there[1] - there[0]):
            raise ValueError(
                f"family of {problem.name!r}: the data's {c} runs from {here[0]:.6g} to {here[1]:.6g}, and that of the "
                f"family from {there[0]:.6g} to {there[1]:.6g}; nodes must reach both ends"
            )
    interval, times = problem.interval, layout.times
    if (interval is None) != (not times):
        raise ValueError(f"family of {problem.name!r}: of data and family one is steady, and the other is not")
    if interval is not None:
        room = ROUNDING * interval.length
        if times[0] < interval.start - room or times[-1] > interval.end + room:
            raise ValueError(
                f"family of {problem.name!r}: frames from t = {times[0]:.6g} to {times[-1]:.6g} are not within "
                f"{interval.start:.6g} to {interval.end:.6g}"
            )


def values_in(declared: Problem, things: Sequence[str], member: Problem) -> dict[str, Any]:
    """The values of the random parameters of a member, by name.

    Raises:
        UnsupportedProblem: If the problem differs from the declaration in anything else.
    """
    own = {p.name: p.value for p in member.parameters}
    values = {p.name: p.value for p in declared.parameters if p.name in things}
    missing = [name for name in values if own.get(name) is None]
    differs = f"its parameter {missing[0]} is missing or unknown" if missing else ""
    if not missing:
        # With the same values of what is random nothing may be left to tell them apart.
        back, plain = member.with_parameters(**values), declared.with_parameters(**values)
        parts = {"unknowns": "differ", "domain": "differs", "equations": "differ", "conditions": "differ"}
        others = (f"its {part} {verb}" for part, verb in parts.items() if getattr(back, part) != getattr(plain, part))
        differs = next(others, "")
    if differs:
        raise UnsupportedProblem(
            f"{member.name!r} is no member of the family of {declared.name!r}: {differs}, and only the values of "
            f"{', '.join(things)} may; train an operator for its own family"
        )
    return {name: sp.sympify(own[name]) for name in things}


def member_channels(
    declared: Problem, things: Sequence[str], member: Problem, axes: Sequence[np.ndarray]
) -> np.ndarray:
    """The inputs of a member on a grid `(things, *grid)`, as those of the training data were found.

    Raises:
        UnsupportedProblem: If it is no member, or its inputs are not finite at the nodes.
    """
    values = values_in(declared, things, member)
    with np.errstate(all="ignore"):
        channels = channels_on_grid(declared, things, [values], axes)[0]
    for name, channel in zip(things, channels, strict=True):
        if not np.isfinite(channel).all():
            raise UnsupportedProblem(
                f"{member.name!r}: {name} = {values[name]} is NaN or infinite at {int((~np.isfinite(channel)).sum())} "
                f"of {channel.size} nodes; give a finite function"
            )
    return channels
