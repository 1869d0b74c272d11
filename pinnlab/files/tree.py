"""Plain data of a solver state as JSON and tensors, and back into the types of a fresh state."""

from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

NUMBERS = {"int", "float", "numpy_scalar"}
PLAIN = (bool, int, str, type(None))
ORIGIN = "the checkpoint is of another solver, other settings or another problem"
BIT_GENERATORS: Mapping[str, type[np.random.BitGenerator]] = {
    "MT19937": np.random.MT19937,
    "PCG64": np.random.PCG64,
    "PCG64DXSM": np.random.PCG64DXSM,
    "Philox": np.random.Philox,
    "SFC64": np.random.SFC64,
}
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
NUMPY_DTYPES = frozenset(("bool", *INTEGERS, "float16", "float32", "float64"))
COMPLEX = {torch.complex64: torch.float32, torch.complex128: torch.float64}

Json = dict[str, Any] | int | str | bool | None


class Encoder:
    """Turns a state into a JSON tree; its arrays are collected in `tensors` under their paths."""

    def __init__(self) -> None:
        self.tensors: dict[str, torch.Tensor] = {}

    def encode(self, value: object, path: str) -> Json:
        """The node of `value`, which lies at `path`.

        Raises:
            TypeError: If a value is of a type that a checkpoint cannot hold.
        """
        kind = type(value)
        if kind in PLAIN:
            return typing.cast(Json, value)
        if kind is float:
            return {"float": repr(value)}
        if kind in (list, tuple):
            items = typing.cast(Sequence[object], value)
            return {kind.__name__: [self.encode(item, f"{path}[{n}]") for n, item in enumerate(items)]}
        if kind is dict:
            return {"dict": [self._entry(key, item, path) for key, item in typing.cast(dict, value).items()]}
        if kind is np.ndarray:
            return {"numpy": self._array(typing.cast(np.ndarray, value), path)}
        if isinstance(value, np.generic):
            return {"numpy_scalar": self._array(np.asarray(value), path)}
        if kind is torch.Tensor:
            return self._torch(typing.cast(torch.Tensor, value), path)
        if kind is np.random.Generator:
            return self._generator(typing.cast(np.random.Generator, value).bit_generator, path)
        if kind is torch.Generator:
            return {"torch_generator": self._tensor(typing.cast(torch.Generator, value).get_state(), path)}
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = {
                f.name: self.encode(getattr(value, f.name), f"{path}.{f.name}") for f in dataclasses.fields(value)
            }
            return {"dataclass": kind.__qualname__, "fields": fields}
        raise TypeError(
            f"{path}: {kind.__name__} cannot be checkpointed; keep it out of the state, or hold its "
            "arrays, numbers and "
            "texts instead"
        )

    def _entry(self, key: object, item: object, path: str) -> list[Any]:
        if type(key) not in (str, int):
            raise TypeError(f"{path}: the key {key!r:.80} cannot be checkpointed; use texts or integers for keys")
        return [key, self.encode(item, f"{path}[{json.dumps(key)}]")]

    def _generator(self, bits: np.random.BitGenerator, path: str) -> dict[str, Any]:
        seed = bits.seed_seq
        if type(bits).__name__ not in BIT_GENERATORS or not isinstance(seed, np.random.SeedSequence):
            raise TypeError(
                f"{path}: a generator on {type(bits).__name__} cannot be checkpointed; use "
                "numpy.random.default_rng(seed)"
            )
        # The seed too: the children that a generator spawns come from it and not from the state.
        return {"generator": self.encode(bits.state, path), "seed": self.encode(seed.state, f"{path}.seed")}

    def _array(self, array: np.ndarray, path: str) -> dict[str, Any]:
        is_complex = array.dtype in (np.complex64, np.complex128)
        if not is_complex and array.dtype.name not in NUMPY_DTYPES:
            raise TypeError(
                f"{path}: an array of the type {array.dtype} cannot be checkpointed; use numbers or booleans"
            )
        native = array.astype(array.dtype.newbyteorder("="), copy=False)
        order = _order(native.strides)
        contiguous = np.array(native.transpose(order), order="C")
        return self._tensor(torch.from_numpy(contiguous), path, order)

    def _torch(self, tensor: torch.Tensor, path: str) -> dict[str, Any]:
        if tensor.layout is not torch.strided or tensor.is_quantized:
            raise TypeError(f"{path}: a tensor of the layout {tensor.layout} cannot be checkpointed; make it dense")
        order = _order(tensor.stride())
        kept = self._tensor(tensor.detach().cpu().resolve_conj().resolve_neg().permute(order), path, order)
        where = {"accelerator": True} if tensor.device.type != "cpu" else {}
        gradient = {"gradient": True} if tensor.requires_grad else {}
        return {"torch": kept, **where, **gradient}

    def _tensor(self, tensor: torch.Tensor, path: str, order: Sequence[int] = ()) -> dict[str, Any]:
        is_complex = tensor.dtype in COMPLEX
        real = torch.view_as_real(tensor.contiguous()) if is_complex else tensor
        self.tensors[path] = real.contiguous().clone()
        node: dict[str, Any] = {"tensor": path}
        if is_complex:
            node["complex"] = True
        if list(order) != sorted(order):
            node["order"] = list(order)
        return node


class Decoder:
    """Turns the tree back into values of the types found in a fresh state.

    Args:
        tensors: The arrays by path.
        into: The fresh state: the source of dataclass types and of the device.
    """

    def __init__(self, tensors: Mapping[str, torch.Tensor], into: object) -> None:
        self._tensors = tensors
        values = list(walk(into))
        self._types = {type(v).__qualname__: type(v) for v in values if dataclasses.is_dataclass(v)}
        devices = [v.device for v in values if type(v) is torch.Tensor]
        accelerators = [device for device in devices if device.type != "cpu"]
        self._device = (accelerators or devices or [torch.device("cpu")])[0]

    def decode(self, node: Any, into: object, path: str) -> Any:
        """The value of a node, made to fit `into`.

        Args:
            node: A node as `Encoder.encode` returns it.
            into: The value at the same place of the fresh state; None where there is none.
            path: The place, for messages.

        Raises:
            ValueError: If the value does not fit.
        """
        if node is None:
            return None
        kind = next(iter(node), "nothing") if isinstance(node, dict) else type(node).__name__
        found = _kind(into)
        if into is not None and found != kind and not {found, kind} <= NUMBERS:
            raise ValueError(f"{path} is of the kind {kind} in the file and {found} here; {ORIGIN}")
        if kind in ("bool", "int", "str"):
            return node
        content = typing.cast(dict[str, Any], node)[kind]
        if kind == "float":
            return float(content)
        if kind in ("list", "tuple"):
            return self._sequence(kind, content, into, path)
        if kind == "dict":
            return self._dict(content, typing.cast(Mapping, into or {}), path)
        if kind == "numpy":
            return self._array(content, typing.cast(np.ndarray | None, into), path)
        if kind == "numpy_scalar":
            return self._tensor(content, path).numpy()[()]
        if kind == "torch":
            return self._torch(node, typing.cast(torch.Tensor | None, into), path)
        if kind == "generator":
            return self._generator(node, typing.cast(np.random.Generator | None, into), path)
        if kind == "torch_generator":
            return self._torch_generator(content, typing.cast(torch.Generator | None, into), path)
        if kind == "dataclass":
            return self._dataclass(node, into, path)
        raise ValueError(f"{path} is of the kind {kind!r:.40}, which this pinnlab does not know; upgrade pinnlab")

    def _sequence(self, kind: str, nodes: list[Any], into: Any, path: str) -> Any:
        like = into if into is not None and len(into) == len(nodes) else [None] * len(nodes)
        items = [self.decode(node, old, f"{path}[{n}]") for n, (node, old) in enumerate(zip(nodes, like, strict=True))]
        return items if kind == "list" else tuple(items)

    def _dict(self, entries: list[Any], into: Mapping, path: str) -> dict:
        missing = [key for key in into if key not in [entry[0] for entry in entries]]
        if missing:
            raise ValueError(f"{path}[{missing[0]!r}] is missing in the file; {ORIGIN}")
        return {key: self.decode(node, into.get(key), f"{path}[{json.dumps(key)}]") for key, node in entries}

    def _dataclass(self, node: dict[str, Any], into: object, path: str) -> object:
        name, nodes = node["dataclass"], node["fields"]
        kind = type(into) if into is not None else self._types.get(name)
        if kind is None:
            # No instance to learn from: an empty list of them, or None.
            kind = _declared_types(self._types.values()).get(name)
        if kind is None or kind.__qualname__ != name:
            here = "no such type is known here" if kind is None else f"it is a {kind.__qualname__} here"
            raise ValueError(f"{path} is a {name!r:.80} in the file and {here}; {ORIGIN}")
        declared = [f.name for f in dataclasses.fields(typing.cast(Any, kind))]
        for field in (*declared, *nodes):
            if field not in nodes or field not in declared:
                where = "the file" if field not in nodes else f"{name} here"
                raise ValueError(f"{path}.{field} is missing in {where}; {ORIGIN}")
        values = {f: self.decode(nodes[f], getattr(into, f, None), f"{path}.{f}") for f in declared}
        # Not through the constructor: it may take other arguments, or compute what is restored here.
        made: object = object.__new__(kind)
        for field, value in values.items():
            object.__setattr__(made, field, value)
        return made

    def _tensor(self, content: dict[str, Any], path: str) -> torch.Tensor:
        tensor = self._tensors[content["tensor"]]
        if content.get("complex"):
            if tensor.dtype not in COMPLEX.values() or tensor.ndim == 0 or tensor.shape[-1] != 2:
                raise ValueError(f"{path}: the pairs of a complex array are damaged; use an earlier checkpoint")
            tensor = torch.view_as_complex(tensor)
        order = content.get("order")
        return tensor if order is None else tensor.permute([order.index(axis) for axis in range(len(order))])

    def _array(self, content: dict[str, Any], into: np.ndarray | None, path: str) -> np.ndarray:
        array = self._tensor(content, path).numpy()
        if into is not None:
            _check_fit(array.shape, str(array.dtype), into.shape, into.dtype.name, path)
        return array

    def _torch(self, node: dict[str, Any], into: torch.Tensor | None, path: str) -> torch.Tensor:
        tensor = self._tensor(node["torch"], path)
        if into is not None:
            _check_fit(tuple(tensor.shape), str(tensor.dtype), tuple(into.shape), str(into.dtype), path)
            device = into.device
        else:
            # Numbers kept on the CPU by choice, such as the step counts of optimisers, stay there.
            stays = tensor.ndim == 0 and not node.get("accelerator")
            device = torch.device("cpu") if stays else self._device
        return tensor.to(device).requires_grad_(bool(node.get("gradient")))

    def _generator(self, node: dict[str, Any], into: np.random.Generator | None, path: str) -> np.random.Generator:
        state = self.decode(node["generator"], None, path)
        name = state["bit_generator"]
        if into is not None and type(into.bit_generator).__name__ != name:
            raise ValueError(f"{path} is a {name!r:.40} and {type(into.bit_generator).__name__} here; {ORIGIN}")
        if name not in BIT_GENERATORS:
            raise ValueError(
                f"{path}: the generator {name!r:.40} is none of {', '.join(BIT_GENERATORS)}; use one of them"
            )
        bits = BIT_GENERATORS[name](np.random.SeedSequence(**self.decode(node["seed"], None, path)))
        bits.state = state
        return np.random.Generator(bits)

    def _torch_generator(self, content: Any, into: torch.Generator | None, path: str) -> torch.Generator:
        generator = torch.Generator(into.device if into is not None else "cpu")
        generator.set_state(self._tensor(content, path))
        return generator


def _order(strides: Sequence[int]) -> list[int]:
    return sorted(range(len(strides)), key=lambda axis: -abs(strides[axis]))


def _kind(value: object) -> str:
    if isinstance(value, np.generic):
        return "numpy_scalar"
    names: dict[type, str] = {
        np.ndarray: "numpy",
        torch.Tensor: "torch",
        np.random.Generator: "generator",
        torch.Generator: "torch_generator",
    }
    if dataclasses.is_dataclass(value):
        return "dataclass"
    return names.get(type(value), type(value).__name__)


def _check_fit(shape: tuple[int, ...], dtype: str, shape_here: tuple[int, ...], dtype_here: str, path: str) -> None:
    if dtype != dtype_here:
        raise ValueError(f"{path} has the type {dtype} in the file and {dtype_here} here; {ORIGIN}")
    if shape != shape_here and 0 not in shape_here:
        raise ValueError(f"{path} has the shape {shape} in the file and {shape_here} here; {ORIGIN}")


def walk(value: object) -> Iterator[object]:
    """A state and everything in it, from the outside in."""
    yield value
    inner: list[object] = []
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        inner = [getattr(value, f.name) for f in dataclasses.fields(value)]
    elif isinstance(value, (list, tuple)):
        inner = list(value)
    elif isinstance(value, dict):
        inner = list(value.values())
    for item in inner:
        yield from walk(item)


def _declared_types(kinds: Iterable[type]) -> dict[str, type]:
    """The dataclasses in the annotations of the fields of `kinds`, at any depth, by name.

    Raises:
        ValueError: If an annotation names what does not exist at run time.
    """
    found: dict[str, type] = {}
    waiting: list[Any] = list(kinds)
    while waiting:
        kind = waiting.pop()
        if isinstance(kind, type) and dataclasses.is_dataclass(kind) and kind.__qualname__ not in found:
            found[kind.__qualname__] = kind
            try:
                waiting += typing.get_type_hints(kind).values()
            except NameError as error:
                raise ValueError(
                    f"the annotations of {kind.__qualname__} cannot be resolved ({error}); define or "
                    "import what they name at the top of its module"
                ) from error
        waiting += typing.get_args(kind)
    return found
