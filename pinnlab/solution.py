"""What a solve returns: an answer, how it was obtained, and how far it can be trusted."""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import platform
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pinnlab.errors import SolveFailed
from pinnlab.field import Field, Grid
from pinnlab.fields.nodal import Nodal
from pinnlab.files import hdf5
from pinnlab.files.contents import BOUND, Contents, mesh_axes
from pinnlab.places import default_shape, places_of
from pinnlab.problem import Problem
from pinnlab.settings import describe
from pinnlab.solver import Solver, Status
from pinnlab.stored_fields import deviations_named, field_of
from pinnlab.training.estimate import numbers_of

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

History = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class ErrorBound:
    """A measured bound on the error of a classical solution, from refinement in space and in time separately.

    Attributes:
        metrics: Name of a metric → bound on its value against the true solution.
        space: Share of the relative L2 bound that comes from the resolution in space.
        time: Share that comes from the resolution in time.
        times: Nodes of the bound in time `(nt,)`; empty for a steady problem.
        in_time: Name of an unknown → bound on its largest error up to each of `times`, or over all of them where the
            solution may jump; a scalar array if steady.  Beside a jump it holds at the nodes of comparison.
        requested: The tolerance that was asked for.
    """

    metrics: Mapping[str, float]
    space: float
    time: float
    times: np.ndarray = dataclasses.field(repr=False)
    in_time: Mapping[str, np.ndarray] = dataclasses.field(repr=False)
    requested: float = 0.0

    @property
    def reached(self) -> bool:
        """Whether the bound is within the tolerance that was asked for."""
        return self.metrics["relative_l2"] <= self.requested


@dataclass(frozen=True)
class Solution:
    """An answer with its history.

    Attributes:
        problem: What was solved.
        solver: The settings that solved it; plain data if the solution was read from a file.
        field: The answer as a function.
        status: DONE, DIVERGED, or RUNNING if the budget ended first.
        seconds: Wall time of the solver's own work, monitors and checkpoints excluded.
        history: Column → array; "step", "seconds" and the scalars that the solver reported.
        bound: The error bar, for references.
        seed: The seed of every random draw.
        device: Where it ran.
        dtype: Floating-point type of the arithmetic.
        failure: Why it DIVERGED; the field is then that of the last good state.
        note: What to know of how it ended, such as that training stalled before its budget was spent.
    """

    problem: Problem
    solver: Solver | Mapping[str, Any]
    field: Field = dataclasses.field(repr=False)
    status: Status
    seconds: float
    history: History = dataclasses.field(default_factory=dict, repr=False)
    bound: ErrorBound | None = None
    seed: int = 0
    device: str = "cpu"
    dtype: str = "float64"
    failure: str = ""
    note: str = ""

    @property
    def error_bound(self) -> float | None:
        """Bound on the relative L2 error against the true solution, or None where none was measured."""
        return None if self.bound is None else self.bound.metrics["relative_l2"]

    @property
    def settings(self) -> dict[str, Any]:
        """The solver's settings as plain data."""
        return dict(self.solver) if isinstance(self.solver, Mapping) else describe(self.solver)

    def checked(self) -> Solution:
        """The solution itself, if it may be used.

        Raises:
            SolveFailed: If a monitored value became non-finite.
        """
        if self.status is Status.DIVERGED:
            raise SolveFailed(
                f"{self.settings['type']} on {self.problem.name!r} failed: {self.failure}; if the problem is sound, "
                "smaller steps or a finer resolution may help"
            )
        return self

    # -- files ---------------------------------------------------------------------------------------------

    def on_grid(self, shape: Sequence[int] | None = None) -> Grid:
        """Values on an equispaced grid in file order, (t, z, y, x); a default resolution if no shape is given."""
        return self.field.on_grid(default_shape(self.problem) if shape is None else shape)

    def stored(self, shape: Sequence[int] | None = None) -> Grid | Nodal:
        """Values where a file keeps them, up to the last time that the run reached; see `places_of`.

        Args:
            shape: Nodes per axis in file order, (t, z, y, x), on a box; a default resolution if not said.

        Raises:
            ValueError: If there is a shape and the region is no box.
            UnsupportedProblem: If the region is no box and cannot be meshed.
        """
        return places_of(self.field, shape).of(self.field)

    def contents(self, shape: Sequence[int] | None = None) -> Contents:
        """Everything that a file holds: fields on a grid or a mesh, bounds, problem, solver, history, provenance.

        Args:
            shape: As for `stored`.
        """
        places, problem, spread = places_of(self.field, shape), self.problem, self.field.deviation
        values = places.of(self.field)
        time = None if problem.time is None else problem.time.name
        axes = mesh_axes(values.cells, time, values.times) if isinstance(values, Nodal) else values.axes
        return Contents(
            axes=axes,
            time=time,
            fields=values.values,
            mesh=values.cells if isinstance(values, Nodal) else None,
            bounds=self._bounds(axes.get(time or "")),
            title=f"{problem.name} by {self.settings['type']}",
            problem_json=problem.to_json(),
            problem_sha256=problem.sha256,
            problem_latex=problem._repr_latex_(),
            parameters={
                p.name: float(p.value) for p in problem.parameters if p.value is not None and p.value.is_number
            },
            solver_json=json.dumps(self.settings),
            history=dict(self.history),
            metrics=({} if self.bound is None else _bound_numbers(self.bound)) | numbers_of(self.field.parameters),
            provenance=self._provenance(),
            deviations={} if spread is None else deviations_named(places.of(spread)),
        )

    def to_hdf5(self, path: str | os.PathLike[str], shape: Sequence[int] | None = None) -> None:
        """Write one file that h5py, xarray and ParaView open; it replaces an existing one only when complete.

        Args:
            path: The file, by custom with the suffix .hdf.
            shape: Nodes per axis in file order, (t, z, y, x).
        """
        hdf5.write(path, self.contents(shape))

    @staticmethod
    def from_hdf5(path: str | os.PathLike[str]) -> Solution:
        """Read a solution back; between the nodes of its grid the field is interpolated to sixth order.

        Along an axis of four or five nodes it is interpolated to fourth order.  A finite-element function comes back
        as such, and is interpolated in time only.  Beside a jump that interpolation overshoots, which the stored
        values do not: read those with xarray or h5py.  An error bound is that of the stored values: it does not count
        what the interpolation between them adds.

        Raises:
            ValueError: If the file is no result of pinnlab, is damaged, or has an axis of fewer than four nodes.
        """
        return from_contents(hdf5.read(path))

    def to_xarray(self, shape: Sequence[int] | None = None) -> xarray.Dataset:
        """The fields on a grid as an xarray.Dataset; needs the extra `xarray`."""
        from pinnlab.files.export import to_xarray

        return to_xarray(self.contents(shape))

    def to_vtu(self, path: str | os.PathLike[str], shape: Sequence[int] | None = None) -> None:
        """Write the fields as VTU, one file per time step with a .pvd that lists them.

        Raises:
            ValueError: If the problem has no axis of space, or more than three.
        """
        from pinnlab.files.export import to_vtu

        target = Path(path)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as folder:
            whole = Path(folder) / f"{target.stem}.hdf"
            self.to_hdf5(whole, shape)
            to_vtu(whole, target)

    def plot(self) -> Figure:
        """A matplotlib figure of the fields, and of their standard deviations, up to the time that was reached."""
        from pinnlab.plots import plot_solution

        places, spread = places_of(self.field), self.field.deviation
        deviation = None if spread is None else places.of(spread)
        return plot_solution(self.problem, places.of(self.field), deviation=deviation)

    def _bounds(self, times: np.ndarray | None) -> dict[str, np.ndarray]:
        if self.bound is None:
            return {}
        named = ((f"{name}{BOUND}", values) for name, values in self.bound.in_time.items())
        if times is None:
            return {name: np.asarray(values) for name, values in named}
        return {name: _stepwise_maximum(times, self.bound.times, values) for name, values in named}

    def _provenance(self) -> dict[str, str]:
        import torch

        return {
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "software": f"pinnlab {version()}",
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
            "machine": platform.machine(),
            "status": self.status.value,
            "failure": self.failure,
            "note": self.note,
            "seconds": repr(self.seconds),
            "seed": str(self.seed),
            "device": self.device,
            "dtype": self.dtype,
        }


def version() -> str:
    """The version of the installed distribution."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("pinnlab-pde")
    except PackageNotFoundError:
        return "unknown"


def from_contents(contents: Contents) -> Solution:
    """A solution from what a file holds.

    Raises:
        ValueError: If the stored problem and the stored fields do not belong together.
    """
    problem, told = Problem.from_json(contents.problem_json), contents.provenance
    return Solution(
        problem=problem,
        solver=json.loads(contents.solver_json),
        field=field_of(problem, contents),
        status=Status(told.get("status", "done")),
        seconds=float(told.get("seconds", "nan")),
        history=dict(contents.history),
        bound=_stored_bound(problem, contents),
        seed=int(told.get("seed", "0")),
        device=told.get("device", "unknown"),
        dtype=told.get("dtype", "unknown"),
        failure=told.get("failure", ""),
        note=told.get("note", ""),
    )


def _bound_numbers(bound: ErrorBound) -> dict[str, float]:
    shares = {"share_space": bound.space, "share_time": bound.time, "requested": bound.requested}
    return {f"bound_{k}": v for k, v in bound.metrics.items()} | shares


def _stored_bound(problem: Problem, contents: Contents) -> ErrorBound | None:
    numbers = contents.metrics
    metrics = {k.removeprefix("bound_"): v for k, v in numbers.items() if k.startswith("bound_")}
    if not metrics:
        return None
    times = np.zeros(0) if contents.time is None else contents.axes[contents.time]
    in_time = {name: np.asarray(contents.bounds[f"{name}{BOUND}"]) for name in problem.names}
    space, time = (numbers.get(f"share_{kind}", float("nan")) for kind in ("space", "time"))
    return ErrorBound(metrics, space, time, times, in_time, numbers.get("requested", 0.0))


def _stepwise_maximum(times: np.ndarray, nodes: np.ndarray, values: np.ndarray) -> np.ndarray:
    """At each time the larger of the values at the two nodes around it, so that a bound stays one."""
    right = np.clip(np.searchsorted(nodes, times), 0, len(nodes) - 1)
    return np.maximum(values[np.maximum(right - 1, 0)], values[right])
