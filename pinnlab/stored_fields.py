"""Fields from files, and the values that a file keeps where they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from pinnlab.field import Field, Grid, GridField, Interpolator, Snapshots, file_order, stored_axis
from pinnlab.fields.mesh import MeshField
from pinnlab.fields.nodal import Nodal
from pinnlab.fields.stored_deviation import StoredDeviation
from pinnlab.files.contents import DEVIATION, Contents
from pinnlab.meshing.cells import Cells
from pinnlab.numerics.lagrange import LagrangeSpace
from pinnlab.problem import Problem
from pinnlab.training.estimate import estimates_of


def field_of(problem: Problem, contents: Contents) -> Field:
    """The field of a file, interpolated between its nodes, with its standard deviation if it holds one.

    Raises:
        ValueError: If the stored problem and the stored fields do not belong together.
    """
    _require_fields(problem, contents)
    spread = _deviations(contents)
    deviation = None if not spread else StoredDeviation(problem, _interpolated(problem, contents, spread))
    return _interpolated(problem, contents, contents.fields, deviation)


def values_of(contents: Contents) -> tuple[Problem, Grid | Nodal]:
    """The problem of a file, and the values that it keeps, where they are, without interpolation.

    Raises:
        ValueError: If the stored problem and the stored fields do not belong together.
    """
    problem = Problem.from_json(contents.problem_json)
    _require_fields(problem, contents)
    return problem, _placed(contents, contents.fields)


def deviations_of(contents: Contents) -> Grid | Nodal | None:
    """The standard deviations that a file keeps, by the names of their unknowns; None if it keeps none."""
    spread = _deviations(contents)
    return _placed(contents, spread) if spread else None


def deviations_named(values: Grid | Nodal) -> dict[str, np.ndarray]:
    """Values of a standard deviation under the names that files have for them; rounding below zero is zero."""
    return {f"{name}{DEVIATION}": np.maximum(v, 0.0) for name, v in values.values.items()}


def _deviations(contents: Contents) -> dict[str, np.ndarray]:
    return {name.removesuffix(DEVIATION): values for name, values in contents.deviations.items()}


def _placed(contents: Contents, values: Mapping[str, np.ndarray]) -> Grid | Nodal:
    if contents.mesh is None:
        return Grid(dict(contents.axes), dict(values))
    times = np.zeros(0) if contents.time is None else contents.axes[contents.time]
    return Nodal(contents.mesh, times, dict(values))


def _require_fields(problem: Problem, contents: Contents) -> None:
    """Refuse fields, scalars all of them, that are not those of the problem, on its axes or in its space."""
    axes, expected = tuple(contents.axes), file_order(problem)
    if contents.mesh is not None:
        axes, expected = contents.mesh.coordinates, tuple(c.name for c in problem.space)
    time = None if problem.time is None else problem.time.name
    sound = axes == expected and contents.time == time and set(contents.fields) == set(problem.names)
    if not sound or contents.components is not None:
        raise ValueError(f"the file's fields {tuple(contents.fields)} on {axes} are not those of its problem")
    if contents.deviations and len(contents.deviations) < len(contents.fields):
        raise ValueError(f"the file holds {', '.join(contents.deviations)} and no deviation of the other unknowns")
    if 0 in contents.grid:
        raise ValueError(f"the file holds no time step of {problem.name!r}; give one that was finished")


def _interpolated(
    problem: Problem, contents: Contents, values: Mapping[str, np.ndarray], spread: Field | None = None
) -> Field:
    stored = {name: np.asarray(values[name], float) for name in problem.names}
    if contents.mesh is None:
        return _grid_field(problem, contents, stored, spread)
    return _mesh_field(problem, contents, contents.mesh, stored, spread)


def _grid_field(
    problem: Problem, contents: Contents, stored: Mapping[str, np.ndarray], spread: Field | None
) -> GridField:
    order = [list(contents.axes).index(c.name) for c in problem.coordinates]
    values = np.stack([v.transpose(order) for v in stored.values()])
    kinds: dict[str, Callable[[np.ndarray], Interpolator]] = {c.name: stored_axis for c in problem.coordinates}
    if contents.time is not None:
        kinds[contents.time] = Snapshots
    axes = tuple(kind(contents.axes[name]) for name, kind in kinds.items())
    return GridField(problem, axes, values, learned=estimates_of(contents.metrics), spread=spread)


def _mesh_field(
    problem: Problem, contents: Contents, cells: Cells, stored: Mapping[str, np.ndarray], spread: Field | None
) -> MeshField:
    space = LagrangeSpace(cells.mesh(), cells.degree)
    # The file may number its nodes otherwise than the space does; the cells tell which is which.
    if not np.allclose(
        space.nodes[space.connectivity], cells.nodes[cells.connectivity], rtol=0, atol=1e-9 * np.ptp(cells.nodes)
    ):
        raise ValueError("the file's cells have curved edges, of which this pinnlab knows no finite elements")
    place = np.zeros(space.n, np.int64)
    place[space.connectivity] = cells.connectivity
    steady = contents.time is None
    values = tuple(v[None, place] if steady else v[:, place] for v in stored.values())
    time = None if contents.time is None else Snapshots(contents.axes[contents.time])
    return MeshField(
        problem, (space,) * len(values), values, time, learned=estimates_of(contents.metrics), spread=spread
    )
