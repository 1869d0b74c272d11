from __future__ import annotations

import json
import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from pinnlab.files.tree import Decoder, Encoder


def roundtrip(value, into=None):
    """One value as JSON and tensors and back; `into` is what the fresh state has in its place."""
    encoder = Encoder()
    text = json.dumps(encoder.encode(value, "state"), allow_nan=False)
    return Decoder(encoder.tensors, into).decode(json.loads(text), into, "state")


@pytest.mark.parametrize("name", ["MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"])
def test_every_bit_generator_of_numpy_comes_back(name):
    generator = np.random.Generator(getattr(np.random, name)([1, 2, 3]))
    generator.integers(10, size=3, dtype=np.int32)
    loaded = roundtrip(generator)
    np.testing.assert_array_equal(loaded.integers(10, size=9), generator.integers(10, size=9))


@pytest.mark.parametrize(
    "value",
    [
        0, -(2**300), True, None, "", "\U0001f600\n", 0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324, 0.1,
        np.float64(0.1), np.int32(7), np.bool_(True), np.complex128(1 - 2j),
        np.array(3.5), np.zeros((0, 3)), np.arange(3, dtype=np.uint16), np.arange(3, dtype=np.uint64),
        np.array([True, False]), np.ones(2, np.float16),
        np.ones((2, 2), np.complex64), np.arange(3, dtype=">f8"),
        torch.tensor(1.5), torch.zeros(0, 3), torch.ones(2, dtype=torch.bfloat16), torch.tensor(1 + 2j),
        torch.ones(2, requires_grad=True), torch.tensor([1 + 2j]).conj(),
        torch.arange(6).reshape(2, 3)[:, ::2],
        [], (), {}, [[(1,)]], {1: "a", "1": "b", "a.b": {"c": 1}},
    ],
    ids=str,
)  # fmt: skip
def test_every_kind_of_value_comes_back(value, assert_identical):
    loaded = roundtrip(value)
    if isinstance(value, np.ndarray):
        value = value.astype(value.dtype.newbyteorder("="))
    assert_identical(loaded, value.resolve_conj() if isinstance(value, torch.Tensor) else value)
    if isinstance(value, float):
        assert math.copysign(1, loaded) == math.copysign(1, value)


def test_equal_paths_of_different_keys_do_not_mix(assert_identical):
    value = {
        "a": {"b": np.array([1.0])},
        "a.b": np.array([2.0]),
        'a"]["b': np.array([3.0]),
        1: np.array([4.0]),
        "1": 5,
    }
    assert_identical(roundtrip(value), value)


@pytest.mark.parametrize("order", [(1, 0, 2), (2, 1, 0), (2, 0, 1)])
def test_the_order_of_axes_in_memory_is_kept(order):
    array = np.random.default_rng(0).random((2, 3, 4)).transpose(order)
    assert roundtrip(array).strides == array.strides
    tensor = torch.from_numpy(array)
    assert roundtrip(tensor).stride() == tensor.stride()


def test_a_loaded_array_can_be_written_to():
    loaded = roundtrip(np.zeros(3))
    loaded += 1
    assert loaded.tolist() == [1, 1, 1]


def test_empty_arrays_and_none_take_any_shape():
    assert roundtrip(np.ones((4, 3)), into=np.zeros((0, 3))).shape == (4, 3)
    assert roundtrip(None, into=np.zeros(3)) is None
    assert roundtrip([1, 2, 3], into=[0]) == [1, 2, 3]


def test_tensors_go_to_the_device_of_the_fresh_state_and_numbers_stay():
    """The device `meta` stands for an accelerator: tensors move to it as to any other."""
    saved = {"w": torch.ones(3), "moments": [torch.ones(2)], "step": [torch.tensor(1.0)]}
    into = {"w": torch.zeros(3, device="meta"), "moments": [], "step": []}
    loaded = roundtrip(saved, into)
    devices = [loaded["w"].device, loaded["moments"][0].device, loaded["step"][0].device]
    assert [device.type for device in devices] == ["meta", "meta", "cpu"]


@dataclass
class Inner:
    level: int


@dataclass
class Declared:
    inners: list[Inner]


@dataclass
class Unresolved:
    inner: Missing | None  # noqa: F821
    step: int = 0


def test_a_type_is_found_by_annotation_when_there_is_no_instance():
    assert roundtrip(Declared([Inner(3)]), into=Declared([])) == Declared([Inner(3)])


def test_annotations_are_resolved_only_when_needed():
    assert roundtrip(Unresolved(None, 4), into=Unresolved(None)).step == 4
    with pytest.raises(ValueError, match=r"annotations of Unresolved cannot be resolved .*Missing"):
        roundtrip(Unresolved(Inner(1)), into=Unresolved(None))
