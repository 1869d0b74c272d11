"""What one result file holds, as plain arrays and texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from pinnlab.meshing.cells import Cells

BOUND = "_error_bound"
DEVIATION = "_std"
COMPONENT = "component"
ROW = "row"
MESH = "mesh"
NODE = "node"
CELLS = "cells"
GROUPS = ("problem", "solver", "history", "metrics", "provenance")
RESERVED = frozenset({*GROUPS, "VTKHDF", MESH, COMPONENT})
LONGEST_LABEL = 4096


@dataclass(frozen=True, eq=False)
class Contents:
    """Fields on a tensor grid or a mesh, with the problem, the solver and the history that belong to them.

    On a tensor grid every coordinate is an axis.  On a mesh space is the one axis `node`, 0, 1, 2, ..., and `mesh`
    says where each node is and how they are joined to cells; see `mesh_axes`.

    Real arrays of any kind are taken and kept as float64 (float32 fields stay float32).

    Args:
        axes: Coordinate name -> strictly increasing values (n,), in file order: time, then z, y, x. The time
            axis may be empty (a file that is still to be streamed); every other axis has at least one point.
        time: The axis that is time, which must be the first; None for a steady problem.
        fields: Name -> values in the shape of the axes, or with one more trailing axis: the components of a
            vector. All vectors of one file have the same number of components (three of them make a ParaView
            vector).
        bounds: `<field>_error_bound` -> (time,) or (): how far that field is from the truth, at most.
        title: One line for people.
        problem_json: The problem as text; of any length.
        problem_sha256: The identity of the problem, as hexadecimal digits.
        problem_latex: The equations for people.
        parameters: Parameter name -> value.
        solver_json: The settings of the solver as text.
        history: Column -> (rows,), one row for each recorded step.
        metrics: Name -> number.
        provenance: Name -> text; `created` and `software` also become attributes of the file.
        units: Axis or field -> unit, where it is not "1". Of an axis of time, "seconds" and the like make
            xarray read durations; "s" stays a number.
        long_names: Axis or field -> what plots write beside it, where it is not the name itself.
        mesh: Places and cells of the nodes; None on a tensor grid.
        deviations: `<field>_std` -> the standard deviation of that field, in its shape; never negative.

    Raises:
        ValueError: If shapes, names or values contradict the above.
    """

    axes: Mapping[str, np.ndarray]
    time: str | None = None
    fields: Mapping[str, np.ndarray] = field(default_factory=dict)
    bounds: Mapping[str, np.ndarray] = field(default_factory=dict)
    title: str = ""
    problem_json: str = "{}"
    problem_sha256: str = ""
    problem_latex: str = ""
    parameters: Mapping[str, float] = field(default_factory=dict)
    solver_json: str = "{}"
    history: Mapping[str, np.ndarray] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    provenance: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    long_names: Mapping[str, str] = field(default_factory=dict)
    mesh: Cells | None = None
    deviations: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in (*self.axes, *self.fields, *self.deviations, *self.bounds):
            _check_name(name)
        for group in ("parameters", "history", "metrics", "provenance"):
            for name in getattr(self, group):
                _check_key(group, name)
        self._check_axes()
        self._check_mesh()
        self._check_fields()
        self._check_deviations()
        self._check_bounds()
        self._check_history()
        self._check_texts()
        for group in ("parameters", "metrics"):
            numbers = {name: _number(group, name, value) for name, value in getattr(self, group).items()}
            object.__setattr__(self, group, numbers)

    @property
    def grid(self) -> tuple[int, ...]:
        """The number of points along each axis, in file order."""
        return tuple(len(values) for values in self.axes.values())

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """All that has a value at every point and time: the fields, then their standard deviations."""
        return {**self.fields, **self.deviations}

    @property
    def space(self) -> tuple[str, ...]:
        """The names of the axes other than time, in file order: the last one varies fastest."""
        return tuple(name for name in self.axes if name != self.time)

    @property
    def places(self) -> dict[str, np.ndarray]:
        """Where the nodes of a mesh are: `node_x` and so on -> (n,), for each of its coordinates; else nothing."""
        if self.mesh is None:
            return {}
        return {f"{NODE}_{name}": self.mesh.nodes[:, k] for k, name in enumerate(self.mesh.coordinates)}

    @property
    def components(self) -> int | None:
        """How many components the vector fields have; None where all fields are scalars."""
        sizes = [f.shape[-1] for f in self.fields.values() if f.ndim > len(self.axes)]
        return sizes[0] if sizes else None

    def unit(self, name: str) -> str:
        """The unit of an axis or a field; bounds and deviations have the unit of their field."""
        owner = name.removesuffix(BOUND) if name in self.bounds else name
        return self.units.get(owner.removesuffix(DEVIATION) if name in self.deviations else owner, "1")

    def long_name(self, name: str) -> str:
        """What a plot writes beside an axis, a field, a deviation or a bound."""
        if name in self.bounds:
            return f"error bound of {self.long_name(name.removesuffix(BOUND))}"
        if name in self.deviations:
            return f"standard deviation of {self.long_name(name.removesuffix(DEVIATION))}"
        plain = name.removeprefix(f"{NODE}_") if name in self.places else name
        return self.long_names.get(name, plain)

    def ancillary(self, name: str) -> str:
        """What else there is about a field, as the attribute `ancillary_variables` of CF names it; "" if nothing."""
        return " ".join(
            f"{name}{end}" for end in (DEVIATION, BOUND) if f"{name}{end}" in {**self.deviations, **self.bounds}
        )

    def _check_axes(self) -> None:
        if not self.axes:
            raise ValueError("axes: there is none; give at least one coordinate with its values")
        if self.time is not None and self.time != next(iter(self.axes)):
            raise ValueError(f"time={self.time!r} must be the first of the axes {_listed(self.axes)}")
        kept = {name: _real(f"axis {name!r}", values, (np.float64,)) for name, values in self.axes.items()}
        for name, values in kept.items():
            if values.ndim != 1 or (values.size == 0 and name != self.time):
                raise ValueError(f"axis {name!r} has the shape {values.shape}; give a vector with at least one point")
            if not np.isfinite(values).all():
                raise ValueError(f"axis {name!r} holds a value that is not finite; coordinates must be numbers")
            steps = np.diff(values)
            if (steps <= 0).any():
                n = int(np.argmax(steps <= 0))
                raise ValueError(
                    f"axis {name!r} does not increase from entry {n} ({values[n]:g}) to the next "
                    f"({values[n + 1]:g}); "
                    "sort it, and the fields with it"
                )
        object.__setattr__(self, "axes", kept)

    def _check_mesh(self) -> None:
        if self.mesh is None:
            return
        nodes = self.axes.get(NODE)
        if self.space != (NODE,) or not np.array_equal(nodes, np.arange(len(self.mesh.nodes))):  # type: ignore[arg-type]
            raise ValueError(
                f"on a mesh of {len(self.mesh.nodes)} nodes the axis of space is {NODE!r} with 0, 1, 2, ..., and not "
                f"{_listed(self.space)}; see mesh_axes"
            )
        for name in self.mesh.coordinates:
            _check_name(name)
        for name in self.mesh.pieces:
            _check_key("pieces of the mesh", name)
        twice = {*self.arrays, *self.axes} & {*self.places, *self.mesh.coordinates, CELLS}
        if twice:
            raise ValueError(f"the name {min(twice)!r} belongs to the mesh; rename the field or axis")

    def _check_fields(self) -> None:
        kept = {
            name: _real(f"field {name!r}", values, (np.float32, np.float64)) for name, values in self.fields.items()
        }
        for name, values in kept.items():
            if name in self.axes:
                raise ValueError(f"field {name!r} has the name of an axis; rename one of the two")
            if name.endswith(BOUND):
                raise ValueError(f"field {name!r} ends with {BOUND!r}, which marks bounds; rename the field")
            if values.shape[: len(self.grid)] != self.grid or values.ndim > len(self.grid) + 1:
                raise ValueError(
                    f"field {name!r} has the shape {values.shape}; the axes {_listed(self.axes)} ask for "
                    f"{self.grid}, "
                    "or that and one trailing axis of components"
                )
        object.__setattr__(self, "fields", kept)
        sizes = {name: v.shape[-1] for name, v in kept.items() if v.ndim > len(self.grid)}
        if len(set(sizes.values())) > 1 or 0 in sizes.values():
            raise ValueError(
                f"vector fields have {sizes} components; make these numbers equal and positive, or split the "
                "vectors into scalar fields"
            )

    def _check_deviations(self) -> None:
        kept = {
            name: _real(f"deviation {name!r}", values, (np.float32, np.float64))
            for name, values in self.deviations.items()
        }
        for name, values in kept.items():
            owner = self.fields.get(name.removesuffix(DEVIATION)) if name.endswith(DEVIATION) else None
            if owner is None or name in self.fields or name in self.axes:
                raise ValueError(
                    f"deviation {name!r} belongs to no field, or has the name of one or of an axis; name it "
                    f"'<field>{DEVIATION}' with a field of {_listed(self.fields)}"
                )
            if values.shape != owner.shape:
                raise ValueError(f"deviation {name!r} has the shape {values.shape}; its field has {owner.shape}")
            if (values < 0).any():
                raise ValueError(f"deviation {name!r} is negative somewhere ({values.min():g}); give zero or more")
        object.__setattr__(self, "deviations", kept)

    def _check_bounds(self) -> None:
        shapes = {(), *((n,) for n in self.grid[:1] if self.time is not None)}
        kept = {name: _real(f"bound {name!r}", values, (np.float64,)) for name, values in self.bounds.items()}
        for name, values in kept.items():
            if not name.endswith(BOUND) or name.removesuffix(BOUND) not in self.fields:
                raise ValueError(
                    f"bound {name!r} belongs to no field; name it '<field>{BOUND}' with a field of "
                    f"{_listed(self.fields)}"
                )
            if values.shape not in shapes:
                raise ValueError(f"bound {name!r} has the shape {values.shape}; give one of {sorted(shapes)}")
        object.__setattr__(self, "bounds", kept)

    def _check_history(self) -> None:
        kept = {
            name: _real(f"history column {name!r}", values, (np.float64, np.int64))
            for name, values in self.history.items()
        }
        for name, values in kept.items():
            if name == ROW:
                raise ValueError(f"history: {ROW!r} is the name of the row number itself; rename the column")
            if values.ndim != 1:
                raise ValueError(f"history column {name!r} has the shape {values.shape}; give a vector")
        lengths = {name: len(values) for name, values in kept.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"history columns differ in length: {lengths}; give one entry a row in each column")
        object.__setattr__(self, "history", kept)

    def _check_texts(self) -> None:
        known = {*self.axes, *self.fields, *self.places}
        for group in ("units", "long_names"):
            for name in getattr(self, group):
                if name not in known:
                    raise ValueError(f"{group}: {name!r} is neither an axis nor a field; known are {_listed(known)}")
        texts: list[tuple[str, object]] = [
            (name, getattr(self, name)) for name in ("title", "problem_json", "problem_sha256", "problem_latex")
        ]
        texts.append(("solver_json", self.solver_json))
        for group in ("units", "long_names", "provenance"):
            texts += [(f"{group}[{name!r}]", value) for name, value in getattr(self, group).items()]
        for what, value in texts:
            if not isinstance(value, str) or "\0" in value:
                raise ValueError(f"{what} must be a text without NUL characters, got {value!r:.80}")
        labels = [("title", self.title), ("problem_sha256", self.problem_sha256)]
        labels += [(f"units[{name!r}]", value) for name, value in self.units.items()]
        labels += [(f"long_names[{name!r}]", value) for name, value in self.long_names.items()]
        for what, value in labels:
            if len(value.encode()) > LONGEST_LABEL:
                raise ValueError(f"{what} takes {len(value.encode())} bytes; shorten it to {LONGEST_LABEL}")


def mesh_axes(mesh: Cells, time: str | None, times: np.ndarray) -> dict[str, np.ndarray]:
    """The axes of contents on a mesh: time, unless it is None, and the numbers of the nodes."""
    nodes = {NODE: np.arange(len(mesh.nodes))}
    return nodes if time is None else {time: times} | nodes


def _check_name(name: object) -> None:
    _check_key("axes, fields and bounds", name)
    if name in RESERVED:
        raise ValueError(f"the name {name!r} is reserved in the file ({_listed(RESERVED)}); rename the symbol")


def _check_key(group: str, name: object) -> None:
    if not isinstance(name, str) or name in ("", ".", "..") or "/" in name or "\0" in name:
        raise ValueError(f"{group}: the name {name!r} must be a text, not empty, without '/' and NUL characters")


def _number(group: str, name: str, value: object) -> float:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise ValueError(f"{group}[{name!r}] must be a real number, got {value!r:.80}")
    return float(value)


def _real(what: str, values: object, dtypes: tuple[type, ...]) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{what} has the type {array.dtype}; give real numbers (of complex ones, two fields)")
    if array.dtype in dtypes:
        return array
    return array.astype(np.int64 if array.dtype.kind in "iu" and np.int64 in dtypes else np.float64)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(str, sorted(names) if isinstance(names, (set, frozenset)) else names)) or "(none)"
