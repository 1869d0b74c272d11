"""XDMF 2 descriptions of result files, for ParaView before 5.12 and VisIt."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as Xml

from pinnlab.files import reading
from pinnlab.files.atomic import replacing
from pinnlab.files.contents import MESH
from pinnlab.files.vtk import GROUP

TOPOLOGIES = {
    "line": "Polyline",
    "line3": "Edge_3",
    "triangle": "Triangle",
    "triangle6": "Tri_6",
    "quad": "Quadrilateral",
    "quad9": "Quad_9",
    "tetra": "Tetrahedron",
    "tetra10": "Tet_10",
    "hexahedron": "Hexahedron",
}
Shape = tuple[int, ...]


@dataclass(frozen=True)
class _Source:
    """What is described: the HDF5 file relative to the description, the shapes of its data sets, single precision."""

    file: str
    space: tuple[str, ...]
    shapes: Mapping[str, Shape]
    single: Mapping[str, bool]
    kind: str | None

    @property
    def points(self) -> Shape:
        """The number of points along each axis of space."""
        return tuple(self.shapes[name][0] for name in self.space)


def to_xdmf(path: str | os.PathLike[str], target: str | os.PathLike[str]) -> list[Path]:
    """Write an XDMF 2 description beside an HDF5 file, for ParaView before 5.12 and VisIt; it copies no field.

    The description names the HDF5 file relative to its own folder: keep the two together.

    Args:
        path: The HDF5 file, on a mesh, or with one to three axes of space.
        target: The `.xdmf` file to write.

    Raises:
        ValueError: If the problem has no axis of space, or more than three; or if a vector has neither one
            nor three components; or if a name is not ASCII or the relative path holds a colon.
    """
    with reading.opened(path) as file:
        names = reading.names(file)
        shapes = {name: reading.numbers(file, name).shape for name in (*names.axes, *names.arrays)}
        single = {name: reading.numbers(file, name).dtype.itemsize == 4 for name in names.arrays}
        times = reading.values(file[names.time]).tolist() if names.time is not None else []
        mesh = reading.mesh(file, names)
        if mesh is not None:
            shapes[f"{MESH}/connectivity"] = mesh.connectivity.shape
    space = tuple(name for name in names.axes if name != names.time)
    if not 1 <= len(space) <= 3:
        raise ValueError(f"{path}: XDMF needs one to three axes of space and this file has {len(space)}; use to_csv")
    relative = os.path.relpath(os.path.realpath(path), os.path.dirname(os.path.realpath(target)))
    if ":" in relative:
        raise ValueError(f"{target}: XDMF cannot name {relative!r} with its colon; rename the file or folder")
    refuse_other_letters(path, "XDMF", (relative, *shapes))
    source = _Source(relative, space, shapes, single, None if mesh is None else mesh.kind)
    root = Xml.Element("Xdmf", Version="2.0")
    domain = Xml.SubElement(root, "Domain")
    if names.time is None:
        _grid(domain, source, None)
    else:
        series = Xml.SubElement(domain, "Grid", Name="evolution", GridType="Collection", CollectionType="Temporal")
        for n, time in enumerate(times):
            Xml.SubElement(_grid(series, source, n), "Time", Value=repr(time))
    Xml.indent(root)
    with replacing(target) as temporary:
        Xml.ElementTree(root).write(temporary, encoding="utf-8", xml_declaration=True)
    return [Path(target)]


def refuse_other_letters(path: str | os.PathLike[str], format_name: str, names: Iterable[str]) -> None:
    """Refuse names that readers of a format spell differently.

    Raises:
        ValueError: If a name is not ASCII.
    """
    for name in names:
        if not name.isascii():
            raise ValueError(
                f"{path}: readers of {format_name} take only names in ASCII, and not {name!r}; rename it, "
                "or open the HDF5 file itself in ParaView or xarray"
            )


def _grid(parent: Xml.Element, source: _Source, step: int | None) -> Xml.Element:
    name = f"step {step}" if step is not None else "steady"
    grid = Xml.SubElement(parent, "Grid", Name=name, GridType="Uniform")
    if source.kind is None:
        counts = _lattice(grid, source)
    else:
        counts = _cells(grid, source, source.kind)
    for field in source.single:
        _attribute(grid, source, field, counts, step)
    return grid


def _lattice(grid: Xml.Element, source: _Source) -> list[int]:
    """The axes of a tensor grid; returns the numbers of its points along z, y and x."""
    sizes = [1] * (3 - len(source.space)) + list(source.points)
    Xml.SubElement(grid, "Topology", TopologyType="3DRectMesh", Dimensions=_words(sizes))
    geometry = Xml.SubElement(grid, "Geometry", GeometryType="VXVYVZ")
    for n in range(3):
        if n < len(source.space):
            _item(geometry, source, source.space[-1 - n], [sizes[-1 - n]])
        else:
            Xml.SubElement(geometry, "DataItem", Dimensions="1", NumberType="Float", Precision="8").text = "0"
    return sizes


def _cells(grid: Xml.Element, source: _Source, kind: str) -> list[int]:
    """The cells of a mesh; returns the number of its nodes."""
    connectivity = f"{MESH}/connectivity"
    count, corners = source.shapes[connectivity]
    topology = Xml.SubElement(grid, "Topology", TopologyType=TOPOLOGIES[kind], NumberOfElements=str(count))
    if kind == "line":
        topology.set("NodesPerElement", str(corners))
    _item(topology, source, connectivity, [count, corners], "Int")
    (nodes,) = source.points
    _item(Xml.SubElement(grid, "Geometry", GeometryType="XYZ"), source, f"{GROUP}/Points", [nodes, 3])
    return [nodes]


def _attribute(grid: Xml.Element, source: _Source, name: str, points: list[int], step: int | None) -> None:
    shape = source.shapes[name]
    components = list(shape[len(source.space) + (step is not None) :])
    if components not in ([], [1], [3]):
        raise ValueError(f"{name} has {components[0]} components; XDMF has vectors of three; use to_vtu or to_csv")
    kind = "Vector" if components == [3] else "Scalar"
    attribute = Xml.SubElement(grid, "Attribute", Name=name, AttributeType=kind, Center="Node")
    counts = [*points, *components]
    if step is None:
        _item(attribute, source, name, counts)
        return
    rank = len(shape)
    slab = Xml.SubElement(attribute, "DataItem", ItemType="HyperSlab", Dimensions=_words(counts))
    picked = [[step] + [0] * (rank - 1), [1] * rank, [1, *shape[1:]]]
    item = Xml.SubElement(slab, "DataItem", Dimensions=f"3 {rank}", Format="XML")
    item.text = " ".join(map(_words, picked))
    _item(slab, source, name, list(shape))


def _item(parent: Xml.Element, source: _Source, name: str, counts: list[int], kind: str = "Float") -> None:
    precision = "4" if source.single.get(name, False) else "8"
    dimensions = _words(counts)
    item = Xml.SubElement(parent, "DataItem", Dimensions=dimensions, NumberType=kind, Precision=precision, Format="HDF")
    item.text = f"{source.file}:/{name}"


def _words(numbers: list[int]) -> str:
    return " ".join(map(str, numbers))
