"""The group `/VTKHDF`, by which ParaView and VTK read the fields of a file where they lie.

Nothing is stored twice: the point data are hard links to the fields at the root of the file, and the
coordinates are virtual data sets that look at the axes there. (A hard link to an axis would give it a second
name, under which HDF5 may report the dimension of a field, and xarray then finds no such dimension.) The
format is "VTKHDF File Format" of the VTK documentation, version 2.3, and 2.7 for grids with uneven axes.

On a mesh VTK wants the values of all steps in one row, which is again a virtual data set; so are the cells. The points
alone are written a second time, since VTK needs three coordinates of each.
"""

from __future__ import annotations

from collections.abc import Sequence

import h5py
import numpy as np

from pinnlab.files.contents import MESH, Contents
from pinnlab.meshing.cells import CELL_KINDS, Cells

GROUP = "VTKHDF"
ULPS = 8


def is_equispaced(values: np.ndarray) -> bool:
    """Whether points (n,) lie at `values[0] + i * spacing`, up to 8 ulps of the largest."""
    even = np.linspace(values[0], values[-1], len(values))
    return bool(np.abs(values - even).max() <= ULPS * np.finfo(np.float64).eps * np.abs(values).max())


def has_grid(points: Sequence[int]) -> bool:
    """Whether VTK has a grid for axes of space with so many points: one to three axes, two points or more on
    each.

    Beside an axis of a single point VTK would take the other axes for components of vectors.
    """
    return 1 <= len(points) <= 3 and min(points) > 1


def link(file: h5py.File, contents: Contents, steps: int) -> None:
    """Add `/VTKHDF` to a file whose root is written; where VTK has no grid or cells for it, add nothing.

    Args:
        file: The file, open for writing.
        contents: What the file holds; the values of its fields and of time are not used.
        steps: The number of time steps in the file, at least one; not used for a steady problem.
    """
    if contents.mesh is not None:
        _link_mesh(file, contents, contents.mesh, steps)
        return
    axes = [contents.axes[name] for name in contents.space]
    if not has_grid([len(values) for values in axes]):
        return
    group = file.create_group(GROUP)
    if all(map(is_equispaced, axes)):
        _write_image(group, axes)
    else:
        _write_rectilinear(group, file, contents.space)
    points = group.create_group("PointData")
    if contents.time is not None and steps == 1:
        # VTK takes one step for none and then stumbles over the axis of time: show it a view without it.
        for name in contents.arrays:
            _look_at(points, name, file[name], file[name].shape[1:])
        return
    for name in contents.arrays:
        points[name] = file[name]
    if contents.time is not None:
        evolution = group.create_group("Steps")
        evolution.attrs["NSteps"] = steps
        _look_at(evolution, "Values", file[contents.time], (steps,))
        offsets = evolution.create_group("PointDataOffsets")
        for name in contents.arrays:
            offsets[name] = np.arange(steps)


def faults(file: h5py.File, contents: Contents) -> list[str]:
    """What is wrong with `/VTKHDF`: missing, or not the same data as the root; empty if nothing is.

    Args:
        file: The file.
        contents: What was read from it; the values of its fields and of time are not used.
    """
    time, space, fields = contents.time, contents.space, tuple(contents.arrays)
    if contents.mesh is None and not has_grid([len(file[name]) for name in space]):
        return []
    if GROUP not in file:
        return [f"the group /{GROUP} is missing, so that ParaView cannot open the file; write the file again"]
    if contents.mesh is not None:
        return _mesh_faults(file, contents, contents.mesh)
    single = time is not None and len(file[time]) == 1
    views = [(f"{GROUP}/PointData/{name}", name) for name in fields] if single else []
    links = [(f"{GROUP}/PointData/{name}", name) for name in fields] if not single else []
    if time is not None and not single:
        views.append((f"{GROUP}/Steps/Values", time))
    if not all(is_equispaced(file[name][...]) for name in space):
        views += [(f"{GROUP}/{letter}Coordinates", name) for letter, name in zip("XYZ", reversed(space), strict=False)]
    broken = [(path, name) for path, name in links if path not in file or file[path] != file[name]]
    broken += [(path, name) for path, name in views if path not in file or not _looks_at(file[path], name)]
    return [_broken(path, name) for path, name in broken]


def _broken(path: str, name: str) -> str:
    return f"/{path} is not the same data as /{name}: the link between them is broken; write the file again"


def _link_mesh(file: h5py.File, contents: Contents, mesh: Cells, steps: int) -> None:
    kind = CELL_KINDS[mesh.kind]
    count, nodes = len(mesh.connectivity), len(mesh.nodes)
    group = file.create_group(GROUP)
    group.attrs["Version"] = [2, 3]
    group.attrs["Type"] = np.bytes_(b"UnstructuredGrid")
    group["NumberOfPoints"], group["NumberOfCells"] = [nodes], [count]
    group["NumberOfConnectivityIds"] = [count * kind.nodes]
    packed = {"compression": "gzip", "shuffle": True}
    group.create_dataset("Points", data=_points(mesh), **packed)
    group.create_dataset("Offsets", data=np.arange(count + 1) * kind.nodes, **packed)
    group.create_dataset("Types", data=np.full(count, kind.vtk, np.uint8), **packed)
    _look_at(group, "Connectivity", file[f"{MESH}/connectivity"], (count * kind.nodes,))
    points = group.create_group("PointData")
    for name in contents.arrays:
        shape = file[name].shape
        if contents.time is None:
            points[name] = file[name]
        else:
            _look_at(points, name, file[name], (shape[0] * shape[1], *shape[2:]))
    if contents.time is None or steps == 1:
        return
    evolution = group.create_group("Steps")
    evolution.attrs["NSteps"] = steps
    _look_at(evolution, "Values", file[contents.time], (steps,))
    evolution["NumberOfParts"] = np.ones(steps, np.int64)
    for name in ("PartOffsets", "PointOffsets"):
        evolution[name] = np.zeros(steps, np.int64)
    for name in ("CellOffsets", "ConnectivityIdOffsets"):
        evolution[name] = np.zeros((steps, 1), np.int64)
    offsets = evolution.create_group("PointDataOffsets")
    for name in contents.arrays:
        offsets[name] = nodes * np.arange(steps)


def _mesh_faults(file: h5py.File, contents: Contents, mesh: Cells) -> list[str]:
    views = [(f"{GROUP}/Connectivity", f"{MESH}/connectivity")]
    if contents.time is not None:
        views += [(f"{GROUP}/PointData/{name}", name) for name in contents.arrays]
        if len(file[contents.time]) > 1:
            views.append((f"{GROUP}/Steps/Values", contents.time))
    links = [(f"{GROUP}/PointData/{name}", name) for name in contents.arrays if contents.time is None]
    broken = [(path, name) for path, name in views if path not in file or not _looks_at(file[path], name)]
    broken += [(path, name) for path, name in links if path not in file or file[path] != file[name]]
    points = f"{GROUP}/Points"
    if points not in file or not np.array_equal(file[points][...], _points(mesh)):
        broken.append((points, next(iter(contents.places))))
    return [_broken(path, name) for path, name in broken]


def _points(mesh: Cells) -> np.ndarray:
    """Three coordinates of each node, `(n, 3)`."""
    return np.pad(mesh.nodes, ((0, 0), (0, 3 - mesh.dim)))


def _write_image(group: h5py.Group, axes: Sequence[np.ndarray]) -> None:
    group.attrs["Version"] = [2, 3]
    group.attrs["Type"] = np.bytes_(b"ImageData")
    along = [*reversed(axes)]
    missing = [0.0] * (3 - len(along))
    group.attrs["WholeExtent"] = [n for values in along for n in (0, len(values) - 1)] + [0, 0] * len(missing)
    group.attrs["Origin"] = [*(values[0] for values in along), *missing]
    spacing = [(values[-1] - values[0]) / (len(values) - 1) for values in along]
    group.attrs["Spacing"] = [*spacing, *(1.0 for _ in missing)]
    group.attrs["Direction"] = np.eye(3).ravel()


def _write_rectilinear(group: h5py.Group, file: h5py.File, space: Sequence[str]) -> None:
    group.attrs["Version"] = [2, 7]
    group.attrs["Type"] = np.bytes_(b"RectilinearGrid")
    sizes = [len(file[name]) for name in reversed(space)] + [1] * (3 - len(space))
    group.attrs["Dimensions"] = sizes
    group.attrs["WholeExtent"] = [n for size in sizes for n in (0, size - 1)]
    for letter, name in zip("XYZ", reversed(space), strict=False):
        _look_at(group, f"{letter}Coordinates", file[name], file[name].shape)
    for letter in "XYZ"[len(space) :]:
        group[f"{letter}Coordinates"] = np.zeros(1)


def _look_at(group: h5py.Group, name: str, source: h5py.Dataset, shape: tuple[int, ...]) -> None:
    """Make `group[name]` a virtual data set: `source` in that shape, or its first entry if that has that shape."""
    whole = h5py.VirtualSource(".", name=source.name, shape=source.shape, dtype=source.dtype)
    view = h5py.VirtualLayout(shape=shape, dtype=source.dtype)
    view[...] = whole[0] if shape == source.shape[1:] else whole
    group.create_virtual_dataset(name, view)


def _looks_at(found: h5py.Dataset, name: str) -> bool:
    sources = found.virtual_sources() if found.is_virtual else []
    return [(source.file_name, source.dset_name) for source in sources] == [(".", f"/{name}")]
