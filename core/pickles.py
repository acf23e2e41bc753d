"""Pickle files of others read without executing anything: tensors, numbers, texts and plain containers, or a refusal.

What a file calls for is looked up in a fixed table of our own rebuilders; whatever is not in it is refused by name.
Objects saved with their source (StyleGAN2-ADA's persistent classes) become records of their state, the source is dropped.
"""

from __future__ import annotations

import collections
import io
import pickle
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
"""First number of a file that torch.save wrote before zip archives."""
STORAGE_TYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
    "UntypedStorage": torch.uint8,
}
NUMBER_FORMATS = {"f8": "d", "f4": "f", "f2": "e", "i8": "q", "i4": "i", "i2": "h", "i1": "b", "u1": "B", "b1": "?"}
MALFORMED = (
    pickle.UnpicklingError,
    AssertionError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    OverflowError,
    RecursionError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)


class PickleRefused(ValueError):
    """The file asks for something that is not rebuilt here, or is not a whole pickle; the message says which."""


@dataclass(frozen=True)
class SavedModule:
    """A module of a persistent class: the name of its class and its state, nothing of its code."""

    class_name: str
    state: dict[str, Any]

    def children(self) -> dict[str, SavedModule]:
        """Modules inside, in order."""
        held = self.state.get("_modules") or {}
        return {name: child for name, child in held.items() if isinstance(child, SavedModule)}

    def tensors(self, prefix: str = "", depth: int = 0) -> dict[str, Tensor]:
        """Parameters and buffers by dotted name, as ``state_dict`` has them."""
        if depth > 64:
            raise PickleRefused("The file's modules lie in each other more than 64 deep, which no network does.")
        found = {}
        for kind in ("_parameters", "_buffers"):
            for name, value in (self.state.get(kind) or {}).items():
                if isinstance(value, Tensor):
                    found[f"{prefix}{name}"] = value
        for name, child in self.children().items():
            found.update(child.tensors(f"{prefix}{name}.", depth + 1))
        return found


def read_pickle(path: Path) -> Any:
    """What a pickle file holds, rebuilt from the fixed table only."""
    try:
        with path.open("rb") as opened:
            return _Reader(opened, REBUILT).load()
    except PickleRefused as refused:
        raise PickleRefused(f"{path.name} was not read: {refused}") from refused
    except OSError as error:
        raise PickleRefused(f"{path.name} cannot be read ({error.strerror}).") from error
    except MALFORMED as error:
        raise PickleRefused(f"{path.name} is not a whole pickle file ({type(error).__name__}: {error}).") from error


class _Call:
    """A function of ours as the pickle sees it: it can be called, and nothing about it can be changed."""

    __slots__ = ("_function",)
    _function: Callable[..., Any]

    def __init__(self, function: Callable[..., Any]) -> None:
        object.__setattr__(self, "_function", function)

    def __call__(self, *given: Any) -> Any:
        return self._function(*given)

    def __setattr__(self, name: str, value: Any) -> None:
        raise PickleRefused("it tries to change what rebuilds it.")


class _StorageType:
    """Stands for a class of torch storages."""

    __slots__ = ("dtype",)
    dtype: torch.dtype

    def __init__(self, dtype: torch.dtype) -> None:
        object.__setattr__(self, "dtype", dtype)

    def __setattr__(self, name: str, value: Any) -> None:
        raise PickleRefused("it tries to change what rebuilds it.")


class _NumberType:
    """Stands for a numpy dtype; its state says the byte order."""

    __slots__ = ("code", "order")

    def __init__(self, code: str) -> None:
        self.code, self.order = code, "<"

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = ">" if state[1] == ">" else "<"


class _Reader(pickle.Unpickler):
    """An unpickler whose every name comes from one table."""

    def __init__(self, file: Any, table: dict[tuple[str, str], Any], most_numbers: int = 0) -> None:
        super().__init__(file)
        self.table = table
        self.storages: dict[str, Tensor] = {}
        self.most_numbers = most_numbers

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        """The rebuilder of this name, or a refusal that says it."""
        try:
            return self.table[module_name, global_name]
        except KeyError:
            wanted = f"{module_name}.{global_name}"[:200]
            raise PickleRefused(f"it asks for {wanted!r}, which is no tensor and no plain container.") from None

    def persistent_load(self, pid: Any, /) -> Tensor:
        """A storage of a file that torch.save wrote; its numbers follow behind the pickle."""
        if not (isinstance(pid, tuple) and len(pid) >= 5 and pid[0] == "storage" and isinstance(pid[1], _StorageType)):
            raise PickleRefused("it refers to an object outside the file.")
        key, count = pid[2], pid[4]
        if key not in self.storages:
            if not isinstance(count, int) or not 0 <= count <= self.most_numbers:
                raise PickleRefused("it holds a tensor of more numbers than bytes.")
            self.most_numbers -= count
            self.storages[key] = torch.empty(count, dtype=pid[1].dtype)
        return self.storages[key]


def _load_storage(content: Any) -> Tensor:
    """A storage nested as bytes, as torch.save laid it out before zip archives: headers, the object, the numbers."""
    if not isinstance(content, bytes):
        raise PickleRefused("a storage in it is not bytes.")
    stream = io.BytesIO(content)
    headers = [_Reader(stream, {}).load() for _ in range(3)]
    if headers[0] != LEGACY_MAGIC:
        raise PickleRefused("a storage in it has another layout than torch.save's.")
    reader = _Reader(stream, STORAGES, most_numbers=len(content))
    storage = reader.load()
    keys = _Reader(stream, {}).load()
    for key in keys:
        (count,) = struct.unpack("<q", stream.read(8))
        target = reader.storages[key]
        raw = stream.read(count * target.element_size())
        if count != target.numel() or len(raw) != count * target.element_size():
            raise PickleRefused("a storage in it is cut short.")
        if count:
            target.copy_(torch.frombuffer(bytearray(raw), dtype=target.dtype))
    if not isinstance(storage, Tensor):
        raise PickleRefused("a storage in it is none.")
    return storage


def _rebuild_tensor(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> Tensor:
    """A view of a storage, inside its bounds."""
    numbers = (offset, *size, *stride)
    if not isinstance(storage, Tensor) or not all(isinstance(n, int) and 0 <= n < 2**31 for n in numbers):
        raise PickleRefused("a tensor in it has no sound shape.")
    if len(size) != len(stride) or len(size) > 8:
        raise PickleRefused("a tensor in it has no sound shape.")
    count, last = 1, offset
    for length, step in zip(size, stride, strict=True):
        count *= length
        last += max(length - 1, 0) * step
    if count > storage.numel() or (count and last >= storage.numel()):
        raise PickleRefused("a tensor in it reaches outside its storage.")
    return torch.as_strided(storage, size, stride, offset).clone()


def _rebuild_parameter(tensor: Any, *_: Any) -> Tensor:
    if not isinstance(tensor, Tensor):
        raise PickleRefused("a parameter in it is no tensor.")
    return tensor


def _rebuild_module(described: Any) -> SavedModule:
    """A persistent object of StyleGAN2-ADA: what it is called and its state; ``module_src`` is never looked at."""
    if not isinstance(described, dict) or described.get("type") != "class":
        raise PickleRefused("a saved object in it is not described as a class.")
    name, state = described.get("class_name"), described.get("state")
    if not isinstance(name, str) or not isinstance(state, dict):
        raise PickleRefused("a saved object in it lacks its name or state.")
    return SavedModule(name[:100], state)


def _rebuild_number(kind: Any, content: Any) -> float | int:
    """A numpy scalar as a Python number."""
    if not isinstance(kind, _NumberType) or kind.code not in NUMBER_FORMATS or not isinstance(content, bytes):
        raise PickleRefused("a number in it is of no known kind.")
    return struct.unpack(kind.order + NUMBER_FORMATS[kind.code], content)[0]


def _make_number_type(code: Any, *_: Any) -> _NumberType:
    if code not in NUMBER_FORMATS:
        raise PickleRefused(f"numbers in it are of the unknown kind {str(code)[:20]!r}.")
    return _NumberType(code)


STORAGES: dict[tuple[str, str], Any] = {
    **{("torch", name): _StorageType(dtype) for name, dtype in STORAGE_TYPES.items()},
    ("torch.storage", "UntypedStorage"): _StorageType(torch.uint8),
}
REBUILT: dict[tuple[str, str], Any] = {
    ("builtins", "set"): set,
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("dnnlib.util", "EasyDict"): dict,
    ("dnnlib", "EasyDict"): dict,
    ("torch._utils", "_rebuild_tensor_v2"): _Call(_rebuild_tensor),
    ("torch._utils", "_rebuild_parameter"): _Call(_rebuild_parameter),
    ("torch.storage", "_load_from_bytes"): _Call(_load_storage),
    ("torch_utils.persistence", "_reconstruct_persistent_obj"): _Call(_rebuild_module),
    ("numpy", "dtype"): _Call(_make_number_type),
    ("numpy.core.multiarray", "scalar"): _Call(_rebuild_number),
    ("numpy._core.multiarray", "scalar"): _Call(_rebuild_number),
}
"""Every name a file may ask for, and what it gets."""
