"""Result files in the formats of other programs: XDMF, VTU, NetCDF, CSV and xarray.

Every function reads a file that `hdf5.write` made and returns the files that it wrote; an existing target is
replaced only by a complete file.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as Xml

import numpy as np

from pinnlab.files import hdf5
from pinnlab.files.atomic import replacing
from pinnlab.files.contents import CELLS, COMPONENT, MESH, NODE, Contents
from pinnlab.files.xdmf import refuse_other_letters
from pinnlab.files.xdmf import to_xdmf as to_xdmf
from pinnlab.meshing.cells import Cells

if TYPE_CHECKING:
    import xarray

LATTICE = ("vertex", "line", "quad", "hexahedron")
# The corners of a cell of the grid in the order of VTK, as steps along x, y and z.
CORNERS: dict[int, list[tuple[int, ...]]] = {
    0: [(0,)],
    1: [(0,), (1,)],
    2: [(0, 0), (1, 0), (1, 1), (0, 1)],
    3: [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1)],
}
# The dimensions of a mesh in NetCDF.
CELL, CORNER = "cell", "corner"
LARGEST_NETCDF = 2**32 - 4


def to_vtu(path: str | os.PathLike[str], target: str | os.PathLike[str]) -> list[Path]:
    """Write unstructured VTK grids through meshio: the cells of the mesh, or those between the points of the grid.

    A steady problem makes the one file `target`. An evolution makes `<stem>_0000.vtu` and so on beside
    `target`, and last `<stem>.pvd`, which lists them with their times.

    Args:
        path: The HDF5 file, on a mesh or with at most three axes of space.
        target: The `.vtu` file, or the `.pvd` file of an evolution; the suffix is set as needed.

    Raises:
        ValueError: If there are more than three axes of space.
    """
    contents = hdf5.read(path)
    if len(contents.space) > 3:
        raise ValueError(f"{path}: VTU has three coordinates and this file has the axes {contents.space}; use to_csv")
    points, cells = _lattice(contents) if contents.mesh is None else _unstructured(contents.mesh)
    target = Path(target)
    if contents.time is None:
        return [_write_vtu(target.with_suffix(".vtu"), contents, None, points, cells)]
    times = contents.axes[contents.time]
    digits = max(4, len(str(len(times) - 1)))
    written = [
        _write_vtu(target.with_name(f"{target.stem}_{n:0{digits}d}.vtu"), contents, n, points, cells)
        for n in range(len(times))
    ]
    root = Xml.Element("VTKFile", type="Collection", version="0.1", byte_order="LittleEndian")
    collection = Xml.SubElement(root, "Collection")
    for time, step in zip(times.tolist(), written, strict=True):
        Xml.SubElement(collection, "DataSet", timestep=repr(time), part="0", file=step.name)
    Xml.indent(root)
    with replacing(target.with_suffix(".pvd")) as temporary:
        Xml.ElementTree(root).write(temporary, encoding="utf-8", xml_declaration=True)
    return [*written, target.with_suffix(".pvd")]


def to_netcdf(path: str | os.PathLike[str], target: str | os.PathLike[str]) -> list[Path]:
    """Write a NetCDF 3 file (64-bit offsets) with the axes, fields, deviations, bounds, labels and the texts of the
    problem.

    Cells of a mesh follow UGRID 1.0: the variable `mesh` names the places of the nodes, and `cells` holds the nodes of
    each cell from 0.

    Raises:
        ValueError: If a field has 4 GiB or more, which the format cannot hold, or a name is not ASCII, which
            its readers spell differently.
    """
    from scipy.io import netcdf_file

    contents = hdf5.read(path)
    for name, values in contents.arrays.items():
        if values.nbytes > LARGEST_NETCDF:
            raise ValueError(
                f"{path}: {name} has {values.nbytes} bytes, too many for NetCDF 3; xarray opens the HDF5 file"
            )
    refuse_other_letters(path, "NetCDF 3", (*contents.axes, *contents.arrays))
    with replacing(target) as temporary, netcdf_file(temporary, "w", mmap=False, version=2) as file:
        for name, text in _attributes(contents).items():
            setattr(file, name, text.encode())
        variables = _variables(contents)
        sizes = {n: size for dimensions, v in variables.values() for n, size in zip(dimensions, v.shape, strict=True)}
        if contents.components is not None:
            sizes[COMPONENT] = contents.components
        for name, size in sizes.items():
            file.createDimension(name, size)
        for name, (dimensions, values) in variables.items():
            variable = file.createVariable(name, values.dtype, dimensions)
            variable[...] = values
            for key, label in _labels(contents, name).items():
                setattr(variable, key, label.encode() if isinstance(label, str) else label)
    return [Path(target)]


def to_csv(path: str | os.PathLike[str], target: str | os.PathLike[str]) -> list[Path]:
    """Write one row for each point of the grid: coordinates, fields, deviations, bounds; the last axis varies fastest.

    On a mesh there is one row for each node, in their order, at each time.

    A vector `v` makes the columns `v_0`, `v_1`, ... Numbers are the shortest that give the same float64 back.

    Raises:
        ValueError: If two columns would have one name.
    """
    contents = hdf5.read(path)
    columns = list(zip(contents.axes, np.meshgrid(*contents.axes.values(), indexing="ij"), strict=True))
    if contents.mesh is not None:
        # Places instead of the numbers of the nodes, which are those of the rows.
        nodes = zip(contents.mesh.coordinates, contents.mesh.nodes.T, strict=True)
        columns[-1:] = [(name, np.broadcast_to(place, contents.grid)) for name, place in nodes]
    for name, values in contents.arrays.items():
        if values.ndim > len(contents.grid):
            columns += [(f"{name}_{k}", values[..., k]) for k in range(values.shape[-1])]
        else:
            columns.append((name, values))
    trailing = (1,) * (len(contents.grid) - 1)
    for name, bound in contents.bounds.items():
        along = bound.reshape(-1, *trailing) if bound.ndim else bound
        columns.append((name, np.broadcast_to(along, contents.grid)))
    header = [name for name, _ in columns]
    twice = {name for name in header if header.count(name) > 1}
    if twice:
        raise ValueError(f"{path}: two columns would be called {', '.join(sorted(twice))}; rename a field")
    with replacing(target) as temporary, open(temporary, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(header)
        for n in range(contents.grid[0]):
            writer.writerows(zip(*(values[n].ravel().tolist() for _, values in columns), strict=True))
    return [Path(target)]


def to_xarray(contents: Contents) -> xarray.Dataset:
    """The axes, fields, deviations and bounds as an xarray data set that shares the memory of `contents`.

    On a mesh the places of the nodes are coordinates too, and `cells` holds the nodes of each cell from 0.

    Raises:
        ValueError: If xarray is not installed; the message says how to install it.
    """
    try:
        import xarray
    except ModuleNotFoundError as error:
        raise ValueError('to_xarray needs xarray, which is not installed: pip install "pinnlab-pde[xarray]"') from error
    variables = {
        name: (dimensions, values, _labels(contents, name))
        for name, (dimensions, values) in _variables(contents).items()
    }
    coordinates = {name: variables.pop(name) for name in (*contents.axes, *contents.places)}
    return xarray.Dataset(variables, coordinates, _attributes(contents))


def _variables(contents: Contents) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    axes = tuple(contents.axes)
    found: dict[str, tuple[tuple[str, ...], np.ndarray]] = {
        name: ((name,), values) for name, values in contents.axes.items()
    }
    for name, values in contents.arrays.items():
        found[name] = ((*axes, COMPONENT)[: values.ndim], values)
    for name, values in contents.bounds.items():
        found[name] = (axes[: values.ndim], values)
    if contents.mesh is not None:
        # NetCDF 3 has no integers of 64 bits.
        found[NODE] = ((NODE,), contents.axes[NODE].astype(np.int32))
        found |= {name: ((NODE,), place) for name, place in contents.places.items()}
        found[CELLS] = ((CELL, CORNER), contents.mesh.connectivity.astype(np.int32))
        found[MESH] = ((), np.array(0, np.int32))
    return found


def _labels(contents: Contents, name: str) -> dict[str, str | np.int32]:
    """The attributes of a variable."""
    if contents.mesh is not None and name == MESH:
        role = {1: "edge", 2: "face", 3: "volume"}[contents.mesh.dim]
        return {
            "cf_role": "mesh_topology",
            "topology_dimension": np.int32(contents.mesh.dim),
            "node_coordinates": " ".join(contents.places),
            f"{role}_node_connectivity": CELLS,
            "cell_type": contents.mesh.kind,
        }
    if contents.mesh is not None and name == CELLS:
        return {"long_name": "nodes of each cell", "start_index": np.int32(0)}
    told: dict[str, str | np.int32] = {"units": contents.unit(name), "long_name": contents.long_name(name)}
    if contents.ancillary(name):
        told["ancillary_variables"] = contents.ancillary(name)
    if contents.mesh is not None and name in contents.arrays:
        told |= {"mesh": MESH, "location": NODE}
    return told


def _attributes(contents: Contents) -> dict[str, str]:
    return {
        "Conventions": "CF-1.11",
        "title": contents.title,
        "problem_json": contents.problem_json,
        "problem_sha256": contents.problem_sha256,
        "problem_latex": contents.problem_latex,
        "solver_json": contents.solver_json,
    }


def _unstructured(mesh: Cells) -> tuple[np.ndarray, tuple[str, np.ndarray]]:
    """Points (n, 3) of a mesh and its cells."""
    return np.pad(mesh.nodes, ((0, 0), (0, 3 - mesh.dim))), (mesh.kind, mesh.connectivity)


def _lattice(contents: Contents) -> tuple[np.ndarray, tuple[str, np.ndarray]]:
    """Points (n, 3) of the grid, x fastest, and cells along all axes of two points or more."""
    axes = [contents.axes[name] for name in contents.space]
    sizes = [len(values) for values in axes]
    points = np.zeros((int(np.prod(sizes)), 3))
    for n, values in enumerate(np.meshgrid(*axes, indexing="ij")):
        points[:, len(axes) - 1 - n] = values.ravel()
    numbers = np.arange(len(points)).reshape([size for size in sizes if size > 1] or [1])
    dimension = sum(size > 1 for size in sizes)
    corners = []
    for steps in CORNERS[dimension]:
        window = tuple(slice(step, step - 1 or None) for step in reversed(steps))
        corners.append(numbers[window].ravel() if dimension else numbers)
    return points, (LATTICE[dimension], np.stack(corners, axis=1))


def _write_vtu(
    target: Path, contents: Contents, step: int | None, points: np.ndarray, cells: tuple[str, np.ndarray]
) -> Path:
    import meshio

    data = {}
    for name, values in contents.arrays.items():
        now = values if step is None else values[step]
        vector = values.ndim > len(contents.grid)
        data[name] = now.reshape(len(points), values.shape[-1]) if vector else now.reshape(len(points))
    with replacing(target) as temporary:
        meshio.write(temporary, meshio.Mesh(points, [cells], point_data=data), file_format="vtu")
    return target
