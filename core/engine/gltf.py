"""glTF 2.0 binary files, written and read back: views, accessors (sparse ones too) and the two chunks; no meaning.

Khronos Group 2021, glTF 2.0 specification; KHR_mesh_quantization for 16-bit displacements.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_COMPONENTS = {
    np.dtype(np.int8): 5120, np.dtype(np.uint8): 5121, np.dtype(np.int16): 5122, np.dtype(np.uint16): 5123,
    np.dtype(np.uint32): 5125, np.dtype(np.float32): 5126,
}  # fmt: skip
_KINDS = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}
VERTICES, TRIANGLES = 34962, 34963
_MAGIC, _JSON_CHUNK, _BINARY_CHUNK = 0x46546C67, 0x4E4F534A, 0x004E4942


class NotGlb(ValueError):
    """The file is no binary glTF that can be read here."""


class Document:
    """A glTF file in the making. ``content`` is its JSON; add scenes, nodes and meshes to it freely."""

    def __init__(self) -> None:
        self.content: dict[str, Any] = {"asset": {"version": "2.0", "generator": "Likeness"}}
        self._bytes = bytearray()
        self._pools: dict[str, list[tuple[dict[str, Any], npt.NDArray[Any]]]] = {"places": [], "values": []}

    def add(self, kind: str, entry: dict[str, Any]) -> int:
        """One more of ``meshes``, ``nodes``, ...; its number."""
        entries = self.content.setdefault(kind, [])
        entries.append(entry)
        return len(entries) - 1

    def add_view(self, data: bytes, target: int | None = None) -> int:
        """Bytes as a buffer view."""
        self._bytes += b"\0" * (-len(self._bytes) % 4)
        view = {"buffer": 0, "byteOffset": len(self._bytes), "byteLength": len(data)}
        self._bytes += data
        return self.add("bufferViews", view if target is None else {**view, "target": target})

    def add_values(
        self, values: npt.NDArray[Any], target: int | None = None, normalised: bool = False, bounds: bool = False
    ) -> int:
        """An accessor over values (N,) or (N, 2..4)."""
        packed = np.ascontiguousarray(values)
        entry = self._describe(packed, packed.reshape(len(packed), -1).shape[1], len(packed), normalised)
        entry["bufferView"] = self.add_view(packed.tobytes(), target)
        if bounds:
            rows = packed.reshape(len(packed), -1)
            entry["min"], entry["max"] = rows.min(0).tolist(), rows.max(0).tolist()
        return self.add("accessors", entry)

    def add_sparse(self, count: int, places: npt.NDArray[Any], values: npt.NDArray[Any], bounds: bool = False) -> int:
        """A normalised accessor of ``count`` vectors that are zero but at increasing places (M,), where they are (M, 3)."""
        entry = self._describe(values, 3, count, normalised=True)
        if bounds:
            low, high = (values.min(0), values.max(0)) if len(values) else (np.zeros(3), np.zeros(3))
            if len(values) < count:
                low, high = np.minimum(low, 0), np.maximum(high, 0)
            entry["min"], entry["max"] = [int(value) for value in low], [int(value) for value in high]
        if len(places):
            narrow = places.astype(np.uint16 if count <= 65535 else np.uint32)
            indices = {"componentType": _COMPONENTS[narrow.dtype]}
            carried: dict[str, Any] = {}
            entry["sparse"] = {"count": len(places), "indices": indices, "values": carried}
            self._pools["places"].append((indices, narrow))
            self._pools["values"].append((carried, values))
        return self.add("accessors", entry)

    def _describe(self, values: npt.NDArray[Any], width: int, count: int, normalised: bool) -> dict[str, Any]:
        entry: dict[str, Any] = {
            "componentType": _COMPONENTS[values.dtype], "count": count, "type": _KINDS[width],
        }  # fmt: skip
        return {**entry, "normalized": True} if normalised else entry

    def to_bytes(self) -> bytes:
        """The finished file."""
        for pool in self._pools.values():
            for width in (4, 2, 1):
                own = [(entry, values) for entry, values in pool if values.dtype.itemsize == width]
                if own:
                    view = self.add_view(b"".join(values.tobytes() for _, values in own))
                    at = 0
                    for entry, values in own:
                        entry["bufferView"], entry["byteOffset"] = view, at
                        at += values.nbytes
            pool.clear()
        binary = bytes(self._bytes) + b"\0" * (-len(self._bytes) % 4)
        self.content["buffers"] = [{"byteLength": len(binary)}]
        text = json.dumps(self.content, separators=(",", ":"), ensure_ascii=False).encode()
        text += b" " * (-len(text) % 4)
        head = struct.pack("<III", _MAGIC, 2, 12 + 8 + len(text) + 8 + len(binary))
        chunks = struct.pack("<II", len(text), _JSON_CHUNK) + text + struct.pack("<II", len(binary), _BINARY_CHUNK)
        return head + chunks + binary

    def write(self, path: Path) -> None:
        """The finished file on disk, whole or not at all."""
        partial = path.with_name(f".{path.name}.partial")
        partial.write_bytes(self.to_bytes())
        partial.replace(path)


def read_glb(path: Path) -> tuple[dict[str, Any], bytes]:
    """JSON and binary chunk of a file."""
    data = path.read_bytes()
    if len(data) < 28 or struct.unpack_from("<I", data)[0] != _MAGIC:
        raise NotGlb(f"{path.name} is no binary glTF file (GLB).")
    length = struct.unpack_from("<I", data, 12)[0]
    return json.loads(data[20 : 20 + length]), data[28 + length :]


def read_values(content: dict[str, Any], binary: bytes, number: int) -> npt.NDArray[np.float64]:
    """Values (N, C) of an accessor, sparse and normalised ones made plain."""
    entry = content["accessors"][number]
    kind = next(dtype for dtype, code in _COMPONENTS.items() if code == entry["componentType"])
    width = next(count for count, name in _KINDS.items() if name == entry["type"])

    def take(view: dict[str, Any], dtype: np.dtype[Any], count: int) -> npt.NDArray[Any]:
        start = content["bufferViews"][view["bufferView"]]["byteOffset"] + view.get("byteOffset", 0)
        return np.frombuffer(binary, dtype, count, start)

    made = np.zeros((entry["count"], width))
    if "bufferView" in entry:
        made[:] = take(entry, kind, entry["count"] * width).reshape(-1, width)
    if "sparse" in entry:
        sparse = entry["sparse"]
        place = next(dtype for dtype, code in _COMPONENTS.items() if code == sparse["indices"]["componentType"])
        at = take(sparse["indices"], place, sparse["count"])
        made[at] = take(sparse["values"], kind, sparse["count"] * width).reshape(-1, width)
    return made / np.iinfo(kind).max if entry.get("normalized") else made
