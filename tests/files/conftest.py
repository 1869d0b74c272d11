import dataclasses
import hashlib
import json

import numpy as np
import pytest
import torch

from pinnlab.files import hdf5
from pinnlab.files.contents import Contents, mesh_axes
from pinnlab.meshing.cells import CELL_KINDS, Cells


@pytest.fixture
def everything():
    """Contents that use every field: a plane with time, scalars in two precisions and a vector."""
    rng = np.random.default_rng(0)
    axes = {"t": np.array([0.0, 0.5, 1.5]), "y": np.linspace(0, 1, 4), "x": np.linspace(-1, 1, 5)}
    fields = {
        "u": rng.standard_normal((3, 4, 5)),
        "w": rng.standard_normal((3, 4, 5)).astype(np.float32),
        "flow": rng.standard_normal((3, 4, 5, 3)),
    }
    problem = json.dumps({"name": "vorticity ω", "text": "x" * 200_000})
    return Contents(
        axes,
        "t",
        fields,
        bounds={"u_error_bound": np.array([0.0, 1e-9, 2e-9]), "w_error_bound": np.array(1e-3)},
        title="Vorticity ω",
        problem_json=problem,
        problem_sha256=hashlib.sha256(problem.encode()).hexdigest(),
        problem_latex=r"\omega_t = \nu \Delta \omega",
        parameters={"nu": 0.01, "Re": 100.0},
        solver_json='{"points": 64}',
        history={"step": np.arange(1, 5), "seconds": np.arange(4) / 7, "loss": np.array([1.0, np.inf, 2, 3])},
        metrics={"relative L2": 1e-6, "max": np.nan},
        provenance={
            "created": "2024-01-01T00:00:00+00:00",
            "software": "pinnlab 0",
            "packages": "p" * 100_000,
        },
        units={"t": "s", "u": "1/s"},
        long_names={"u": "vorticity"},
        deviations={"u_std": rng.random((3, 4, 5)), "w_std": rng.random((3, 4, 5)).astype(np.float32)},
    )


@pytest.fixture
def simple_contents():
    """A function of the numbers of steps and of points that makes one field on a line."""
    return line


def line(steps=3, points=8):
    axes = {"t": np.arange(steps) / 2, "x": np.linspace(0, 1, points)}
    return Contents(axes, "t", {"u": np.random.default_rng(0).standard_normal((steps, points))})


CORNERS = {
    "line": ([[0.0], [1], [3]], [[0, 1], [1, 2]]),
    "triangle": ([[0.0, 0], [2, 0], [1, 1], [0, 2]], [[0, 1, 2], [0, 2, 3]]),
    "quad": ([[0.0, 0], [1, 0], [1, 1], [0, 1], [3, 0], [3, 1]], [[0, 1, 2, 3], [1, 4, 5, 2]]),
    "tetra": ([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, -2]], [[0, 1, 2, 3], [0, 2, 1, 4]]),
    "hexahedron": (
        [[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]],
        [list(range(8))],
    ),
}
# The ends of the edges whose middles are nodes, in the order of VTK; the quadrilateral has its centre last.
MIDDLES = {
    "line3": [(0, 1)],
    "triangle6": [(0, 1), (1, 2), (2, 0)],
    "quad9": [(0, 1), (1, 2), (2, 3), (3, 0), (0, 1, 2, 3)],
    "tetra10": [(0, 1), (1, 2), (2, 0), (0, 3), (1, 3), (2, 3)],
}


@pytest.fixture
def mesh_contents():
    """A function of a kind of cell and a number of steps (0: steady) that makes fields on a mesh of one or two cells.

    `u` is a quadratic polynomial of the place, changing in time; `flow` is a vector of random numbers.
    """
    return meshed


def meshed(kind="triangle6", steps=3):
    cells = joined(kind)
    axes = mesh_axes(cells, "t" if steps else None, 0.1 + 0.3 * np.arange(steps) ** 2)
    shape = tuple(map(len, axes.values()))
    growth = 1 + np.arange(steps)[:, None] if steps else 1.0
    flow = np.random.default_rng(0).standard_normal((*shape, 3))
    fields = {"u": growth * polynomial(cells.nodes), "flow": flow}
    spread = {"u_std": np.abs(fields["u"]) / 10}
    return Contents(axes, "t" if steps else None, fields, units={"node_x": "m"}, mesh=cells, deviations=spread)


def polynomial(places):
    """1 + x + 2 y - z + x^2 - x y + 3 z^2, with zero for the coordinates that there are not."""
    x, y, z = np.pad(places, ((0, 0), (0, 3 - places.shape[1]))).T
    return 1 + x + 2 * y - z + x**2 - x * y + 3 * z**2


def joined(kind):
    nodes, cells = CORNERS[CELL_KINDS[kind].linear]
    nodes, found = list(map(tuple, nodes)), []
    for cell in cells:
        corners = [nodes[n] for n in cell]
        middles = [tuple(np.mean([corners[n] for n in ends], axis=0)) for ends in MIDDLES.get(kind, [])]
        nodes += [place for place in middles if place not in nodes]
        found.append([nodes.index(place) for place in (*corners, *middles)])
    dim = CELL_KINDS[kind].dim
    return Cells(np.array(nodes), np.array(found), kind, {"wall": np.arange(dim)[None]})


@pytest.fixture
def written(tmp_path, everything):
    """A file that holds `everything`."""
    path = tmp_path / "a.hdf"
    hdf5.write(path, everything)
    return path


@pytest.fixture
def assert_identical():
    """A function that compares two states: values bit for bit, and types."""
    return compare


def compare(a, b):
    assert type(a) is type(b)
    if dataclasses.is_dataclass(a):
        for f in dataclasses.fields(a):
            compare(getattr(a, f.name), getattr(b, f.name))
    elif isinstance(a, torch.Tensor):
        assert (a.dtype, a.shape, a.requires_grad) == (b.dtype, b.shape, b.requires_grad)
        assert torch.equal(a.detach(), b.detach())
    elif isinstance(a, (np.ndarray, np.generic)):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
    elif isinstance(a, np.random.Generator):
        assert str(a.bit_generator.state) == str(b.bit_generator.state)
    elif isinstance(a, torch.Generator):
        assert torch.equal(a.get_state(), b.get_state())
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for left, right in zip(a, b, strict=True):
            compare(left, right)
    elif isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            compare(a[key], b[key])
    else:
        assert a == b or (a != a and b != b)
