"""Result files in the formats of other programs: XDMF, VTU, NetCDF, CSV and xarray.

Every function reads a file that `hdf5.write` made and returns the files that it wrote; an existing target is
replaced only by a complete file.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as Xml

import numpy as np

from pinnlab.files import hdf5, reading
from pinnlab.files.atomic import replacing
from pinnlab.files.contents import COMPONENT, Contents

if TYPE_CHECKING:
    import xarray

CELLS = ("vertex", "line", "quad", "hexahedron")
# The corners of a cell of the grid in the order of VTK, as steps along x, y and z.
CORNERS: dict[int, list[tuple[int, ...]]] = {
    0: [(0,)],
    1: [(0,), (1,)],
    2: [(0, 0), (1, 0), (1, 1), (0, 1)],
    3: [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1)],
}
LARGEST_NETCDF = 2**32 - 4


def to_xdmf(path: str | os.PathLike[str], target: str | os.PathLike[str]) -> list[Path]:
    """Write an XDMF 2 description beside an HDF5 file, for ParaView before 5.12 and VisIt; it copies no
    field.

    The description names the HDF5 file relative to its own folder: keep the two together.

    Args:
        path: The HDF5 file, with one to three axes of space.
        target: The `.xdmf` file to write.

    Raises:
        ValueError: If the problem has no axis of space, or more than three; or if a vector has neither one
            nor three components; or if a name is not ASCII or the relative path holds a colon.
    """
    with reading.opened(path) as file:
        names = reading.names(file)
        shapes = {name: reading.numbers(file, name).shape for name in (*names.axes, *names.fields)}
        single = {name: reading.numbers(file, name).dtype.itemsize == 4 for name in names.fields}
        times = reading.values(file[names.time]).tolist() if names.time is not None else []
    space = [name for name in names.axes if name != names.time]
    if not 1 <= len(space) <= 3:
        raise ValueError(
            f"{path}: XDMF needs one to three axes of space and this file has {len(space)}; use to_csv"
        )
    source = os.path.relpath(os.path.realpath(path), os.path.dirname(os.path.realpath(target)))
    if ":" in source:
        raise ValueError(f"{target}: XDMF cannot name {source!r} with its colon; rename the file or folder")
    _refuse_other_letters(path, "XDMF", (source, *shapes))
    root = Xml.Element("Xdmf", Version="2.0")
    domain = Xml.SubElement(root, "Domain")
    if names.time is None:
        _xdmf_grid(domain, source, space, shapes, single, None)
    else:
        series = Xml.SubElement(
            domain, "Grid", Name="evolution", GridType="Collection", CollectionType="Temporal"
        )
        for n, time in enumerate(times):
            grid = _xdmf_grid(series, source, space, shapes, single, n)
            Xml.SubElement(grid, "Time", Value=repr(time))
    Xml.indent(root)
    with replacing(target) as temporary:
        Xml.ElementTree(root).write(temporary, encoding="utf-8", xml_declaration=True)
    return [Path(target)]


def to_vtu(path: str | os.PathLike[str], target: str | os.PathLike[str]) -> list[Path]:
    """Write unstructured VTK grids through meshio: cells between the points of the grid, fields at the
    points.

    A steady problem makes the one file `target`. An evolution makes `<stem>_0000.vtu` and so on beside
    `target`, and last `<stem>.pvd`, which lists them with their times.

    Args:
        path: The HDF5 file, with at most three axes of space.
        target: The `.vtu` file, or the `.pvd` file of an evolution; the suffix is set as needed.

    Raises:
        ValueError: If there are more than three axes of space.
    """
    contents = hdf5.read(path)
    if len(contents.space) > 3:
        raise ValueError(
            f"{path}: VTU has three coordinates and this file has the axes {contents.space}; use to_csv"
        )
    points, cells = _mesh(contents)
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
    """Write a NetCDF 3 file (64-bit offsets) with the axes, fields, bounds, labels and the texts of the
    problem.

    Raises:
        ValueError: If a field has 4 GiB or more, which the format cannot hold, or a name is not ASCII, which
            its readers spell differently.
    """
    from scipy.io import netcdf_file

    contents = hdf5.read(path)
    for name, values in contents.fields.items():
        if values.nbytes > LARGEST_NETCDF:
            raise ValueError(
                f"{path}: {name} has {values.nbytes} bytes, too many for NetCDF 3; xarray opens the HDF5 file"
            )
    _refuse_other_letters(path, "NetCDF 3", (*contents.axes, *contents.fields))
    with replacing(target) as temporary, netcdf_file(temporary, "w", mmap=False, version=2) as file:
        for name, text in _attributes(contents).items():
            setattr(file, name, text.encode())
        sizes = dict(zip(contents.axes, contents.grid, strict=True))
        if contents.components is not None:
            sizes[COMPONENT] = contents.components
        for name, size in sizes.items():
            file.createDimension(name, size)
        for name, (dimensions, values) in _variables(contents).items():
            variable = file.createVariable(name, values.dtype, dimensions)
            variable[...] = values
            variable.units, variable.long_name = (
                contents.unit(name).encode(),
                contents.long_name(name).encode(),
            )
    return [Path(target)]


def to_csv(path: str | os.PathLike[str], target: str | os.PathLike[str]) -> list[Path]:
    """Write one row for each point of the grid: coordinates, fields, bounds; the last axis varies fastest.

    A vector `v` makes the columns `v_0`, `v_1`, ... Numbers are the shortest that give the same float64 back.

    Raises:
        ValueError: If two columns would have one name.
    """
    contents = hdf5.read(path)
    columns: list[tuple[str, np.ndarray]] = []
    for name, values in zip(contents.axes, np.meshgrid(*contents.axes.values(), indexing="ij"), strict=True):
        columns.append((name, values))
    for name, values in contents.fields.items():
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
    """The axes, fields and bounds as an xarray data set that shares the memory of `contents`.

    Raises:
        ValueError: If xarray is not installed; the message says how to install it.
    """
    try:
        import xarray
    except ModuleNotFoundError as error:
        raise ValueError(
            'to_xarray needs xarray, which is not installed: pip install "pinnlab-pde[xarray]"'
        ) from error
    variables = {
        name: (dimensions, values, {"units": contents.unit(name), "long_name": contents.long_name(name)})
        for name, (dimensions, values) in _variables(contents).items()
    }
    coordinates = {name: variables.pop(name) for name in contents.axes}
    return xarray.Dataset(variables, coordinates, _attributes(contents))


def _variables(contents: Contents) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    axes = tuple(contents.axes)
    found: dict[str, tuple[tuple[str, ...], np.ndarray]] = {
        name: ((name,), values) for name, values in contents.axes.items()
    }
    for name, values in contents.fields.items():
        found[name] = ((*axes, COMPONENT)[: values.ndim], values)
    for name, values in contents.bounds.items():
        found[name] = (axes[: values.ndim], values)
    return found


def _attributes(contents: Contents) -> dict[str, str]:
    return {
        "Conventions": "CF-1.11",
        "title": contents.title,
        "problem_json": contents.problem_json,
        "problem_sha256": contents.problem_sha256,
        "problem_latex": contents.problem_latex,
        "solver_json": contents.solver_json,
    }


def _refuse_other_letters(path: str | os.PathLike[str], format_name: str, names: Iterable[str]) -> None:
    for name in names:
        if not name.isascii():
            raise ValueError(
                f"{path}: readers of {format_name} take only names in ASCII, and not {name!r}; rename it, "
                "or open the HDF5 file itself in ParaView or xarray"
            )


def _xdmf_grid(
    parent: Xml.Element,
    source: str,
    space: list[str],
    shapes: dict[str, tuple[int, ...]],
    single: dict[str, bool],
    step: int | None,
) -> Xml.Element:
    sizes = [1] * (3 - len(space)) + [shapes[name][0] for name in space]
    grid = Xml.SubElement(
        parent, "Grid", Name=f"step {step}" if step is not None else "steady", GridType="Uniform"
    )
    Xml.SubElement(grid, "Topology", TopologyType="3DRectMesh", Dimensions=_words(sizes))
    geometry = Xml.SubElement(grid, "Geometry", GeometryType="VXVYVZ")
    for n in range(3):
        if n < len(space):
            _hdf_item(geometry, source, space[-1 - n], [sizes[-1 - n]], 8)
        else:
            Xml.SubElement(geometry, "DataItem", Dimensions="1", NumberType="Float", Precision="8").text = "0"
    for name, is_single in single.items():
        steps = 0 if step is None else 1
        components = list(shapes[name][steps + len(space) :])
        if components not in ([], [1], [3]):
            raise ValueError(
                f"{name} has {components[0]} components; XDMF has vectors of three; use to_vtu or to_csv"
            )
        kind = "Vector" if components == [3] else "Scalar"
        attribute = Xml.SubElement(grid, "Attribute", Name=name, AttributeType=kind, Center="Node")
        counts = [*sizes, *components]
        precision = 4 if is_single else 8
        if step is None:
            _hdf_item(attribute, source, name, counts, precision)
        else:
            rank = len(shapes[name])
            slab = Xml.SubElement(attribute, "DataItem", ItemType="HyperSlab", Dimensions=_words(counts))
            picked = [[step] + [0] * (rank - 1), [1] * rank, [1, *shapes[name][1:]]]
            item = Xml.SubElement(slab, "DataItem", Dimensions=f"3 {rank}", Format="XML")
            item.text = " ".join(map(_words, picked))
            _hdf_item(slab, source, name, list(shapes[name]), precision)
    return grid


def _hdf_item(parent: Xml.Element, source: str, name: str, counts: list[int], precision: int) -> None:
    item = Xml.SubElement(
        parent,
        "DataItem",
        Dimensions=_words(counts),
        NumberType="Float",
        Precision=str(precision),
        Format="HDF",
    )
    item.text = f"{source}:/{name}"


def _words(numbers: list[int]) -> str:
    return " ".join(map(str, numbers))


def _mesh(contents: Contents) -> tuple[np.ndarray, tuple[str, np.ndarray]]:
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
    return points, (CELLS[dimension], np.stack(corners, axis=1))


def _write_vtu(
    target: Path, contents: Contents, step: int | None, points: np.ndarray, cells: tuple[str, np.ndarray]
) -> Path:
    import meshio

    data = {}
    for name, values in contents.fields.items():
        now = values if step is None else values[step]
        vector = values.ndim > len(contents.grid)
        data[name] = now.reshape(len(points), values.shape[-1]) if vector else now.reshape(len(points))
    with replacing(target) as temporary:
        meshio.write(temporary, meshio.Mesh(points, [cells], point_data=data), file_format="vtu")
    return target
