import dataclasses
import hashlib
import json

import numpy as np
import pytest
import torch

from pinnlab.files import hdf5
from pinnlab.files.contents import Contents


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
    )


@pytest.fixture
def simple_contents():
    """A function of the numbers of steps and of points that makes one field on a line."""
    return line


def line(steps=3, points=8):
    axes = {"t": np.arange(steps) / 2, "x": np.linspace(0, 1, points)}
    return Contents(axes, "t", {"u": np.random.default_rng(0).standard_normal((steps, points))})


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
