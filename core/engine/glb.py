"""Characters and still meshes as GLB: 130 named morph targets, 16-bit and sparse; animations of them.

A morph target is what its controller alone does at 1. Viewers add targets, so eyes turn along the chord of their arc and
lids are not kept out of the eye as ``Character.vertices`` keeps them; the seal of closed lips is left to the viewer.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.engine.character import MATERIALS, Character
from core.engine.controllers import NAMES
from core.engine.gltf import TRIANGLES, VERTICES, Document
from core.engine.portray import paint_iris
from core.engine.skin import to_srgb
from core.engine.stage import NECK_METRES

UNIT_METRES = 0.5
"""Displacements are stored in 32,767ths of this: 15 micrometres."""
SMALLEST_METRES, SMALLEST_TILT = 25e-6, 0.02
"""Displacements and changes of normals that are left out."""
_EYE_REACH = 0.9
"""Sine of the widest angle that the eye's picture shows."""
_EYE_PIXELS = 256

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Surface:
    """One kind of surface in the file: the character's materials that it holds, and how rough it is."""

    name: str
    holds: tuple[str, ...]
    rough: float


_SURFACES = (
    _Surface("skin", ("skin",), 0.62),
    _Surface("mouth", ("mouth", "gums", "tongue"), 0.4),
    _Surface("teeth", ("teeth",), 0.25),
    _Surface("eyes", ("eye_left", "eye_right"), 0.08),
    _Surface("hair", ("hair", "horn"), 0.5),
    _Surface("cloth", ("cloth",), 0.95),
)


def write_character(character: Character, path: Path) -> None:
    """A character at rest with its controllers as morph targets ``mesh.extras.targetNames``."""
    document, _ = _build(character)
    document.write(path)


def write_animation(
    character: Character,
    track: npt.NDArray[np.floating] | Tensor,
    frames_per_second: float,
    path: Path,
    turn_degrees: npt.NDArray[np.floating] | Tensor | None = None,
) -> None:
    """The same with a track (frames, 130) that plays, and head turns (frames, 3: yaw, pitch, roll) if given."""
    weights = np.asarray(track, dtype=np.float64)
    if weights.ndim != 2 or weights.shape[1] != len(NAMES) or len(weights) < 1:
        raise ValueError(f"A track is frames x {len(NAMES)} controllers, not {weights.shape}.")
    if not frames_per_second > 0:
        raise ValueError(f"A track wants a positive number of frames a second, not {frames_per_second}.")
    document, nodes = _build(character)
    times = document.add_values((np.arange(len(weights)) / frames_per_second).astype(np.float32), bounds=True)
    played = np.rint(weights.clip(0, 1) * 65535).astype(np.uint16).reshape(-1)
    samplers = [{"input": times, "output": document.add_values(played, normalised=True), "interpolation": "LINEAR"}]
    channels = [{"sampler": 0, "target": {"node": nodes["face"], "path": "weights"}}]
    if turn_degrees is not None:
        turns = np.asarray(turn_degrees, dtype=np.float64)
        if turns.shape != (len(weights), 3):
            raise ValueError(f"Turns are yaw, pitch, roll for {len(weights)} frames, not {turns.shape}.")
        output = document.add_values(quaternions(turns).astype(np.float32))
        samplers.append({"input": times, "output": output, "interpolation": "LINEAR"})
        channels.append({"sampler": 1, "target": {"node": nodes["head"], "path": "rotation"}})
    document.add("animations", {"name": "track", "samplers": samplers, "channels": channels})
    document.write(path)


def write_mesh(
    path: Path,
    vertices: npt.NDArray[np.floating],
    triangles: npt.NDArray[np.integer],
    colours: npt.NDArray[np.floating] | None = None,
    normals: npt.NDArray[np.floating] | None = None,
) -> None:
    """A still mesh: vertices (V, 3) in metres, triangles (F, 3), linear colours and normals (V, 3) where known."""
    if len(vertices) == 0 or len(triangles) == 0:
        raise ValueError(f"A mesh wants vertices and triangles, not {len(vertices)} and {len(triangles)}.")
    document = Document()
    material = document.add("materials", _material(_Surface("surface", (), 0.8)))
    attributes = _attributes(document, np.asarray(vertices, dtype=np.float64), normals, colours)
    primitive = {"attributes": attributes, "indices": _add_triangles(document, triangles), "material": material}
    mesh = document.add("meshes", {"name": path.stem, "primitives": [primitive]})
    document.add("nodes", {"name": path.stem, "mesh": mesh})
    document.add("scenes", {"nodes": [0]})
    document.content["scene"] = 0
    document.write(path)


def quaternions(turn_degrees: Array) -> Array:
    """Yaw, pitch, roll (N, 3) as quaternions x, y, z, w (N, 4), in the order of ``head.rotation``, without sudden signs."""
    half = np.deg2rad(turn_degrees) / 2 * [1.0, -1.0, -1.0]  # pitch up and roll left go against the right hand
    (sy, sp, sr), (cy, cp, cr) = np.sin(half).T, np.cos(half).T
    made = np.stack(
        (
            cy * sp * cr + sy * cp * sr,
            sy * cp * cr - cy * sp * sr,
            cy * cp * sr - sy * sp * cr,
            cy * cp * cr + sy * sp * sr,
        ),
        1,
    )
    for place in range(1, len(made)):
        if made[place] @ made[place - 1] < 0:
            made[place] *= -1
    return made


def morph_displacements(character: Character) -> tuple[Tensor, Tensor]:
    """What each controller alone does at 1: displacements and changes of normals, (130, V, 3) both."""
    with torch.no_grad():
        rest = character.vertices(torch.zeros(1, len(NAMES), device=character.rest.device))
        normals = character.normals(rest)
        moved, tilted = [], []
        for pose in torch.eye(len(NAMES), device=character.rest.device).split(10):
            vertices = character.vertices(pose)
            moved.append(vertices - rest)
            tilted.append(character.normals(vertices) - normals)
    return torch.cat(moved).cpu(), torch.cat(tilted).cpu()


def _build(character: Character) -> tuple[Document, dict[str, int]]:
    document = Document()
    document.content["extensionsUsed"] = document.content["extensionsRequired"] = ["KHR_mesh_quantization"]
    moved, tilted = (values.numpy().astype(np.float64) for values in morph_displacements(character))
    moving, still = [], []
    for surface in _SURFACES:
        kinds = torch.tensor([MATERIALS.index(name) for name in surface.holds], device=character.materials.device)
        triangles = character.triangles[torch.isin(character.materials, kinds)].cpu().numpy()
        if not len(triangles):
            continue
        used, faces = np.unique(triangles, return_inverse=True)
        primitive = _primitive(document, character, surface, used, faces.reshape(-1, 3))
        if surface.name == "cloth":
            still.append(primitive)
        else:
            primitive["targets"] = [_target(document, moved[row, used], tilted[row, used]) for row in range(len(NAMES))]
            moving.append(primitive)
    return document, _add_nodes(document, character.name, moving, still)


def _add_nodes(document: Document, name: str, moving: list[Any], still: list[Any]) -> dict[str, int]:
    """The head turns about its neck, above shoulders that stay."""
    face = {"name": "face", "primitives": moving, "extras": {"targetNames": list(NAMES)}, "weights": [0.0] * len(NAMES)}
    size = [UNIT_METRES] * 3
    pivot = [float(value) for value in NECK_METRES]
    nodes = {"face": document.add("nodes", {"name": "face", "mesh": document.add("meshes", face), "scale": size})}
    document.content["nodes"][0]["translation"] = [-value for value in pivot]
    nodes["head"] = document.add("nodes", {"name": "head", "children": [nodes["face"]], "translation": pivot})
    children = [nodes["head"]]
    if still:
        body = document.add("meshes", {"name": "body", "primitives": still})
        children.append(document.add("nodes", {"name": "body", "mesh": body, "scale": size}))
    root = document.add("nodes", {"name": name, "children": children})
    document.add("scenes", {"name": name, "nodes": [root]})
    document.content["scene"] = 0
    return nodes


def _primitive(
    document: Document, character: Character, surface: _Surface, used: npt.NDArray[Any], faces: npt.NDArray[Any]
) -> dict[str, Any]:
    at = torch.from_numpy(used).to(character.rest.device)

    def of(values: Tensor) -> Array:
        return values[at].cpu().numpy().astype(np.float64)

    if surface.name == "eyes":
        ways = of(character.fibres)
        attributes = _attributes(document, of(character.rest) / UNIT_METRES, of(character.rest_normals), None)
        place = 0.5 + 0.5 * ways[:, :2] * [1.0, -1.0] / _EYE_REACH
        attributes["TEXCOORD_0"] = document.add_values(place.astype(np.float32), VERTICES)
        material = {**_material(surface), "pbrMetallicRoughness": _eye_paint(document, character, surface.rough)}
        material["name"] = "eyes"
    else:
        sky = of(character.visibility.sky)[:, None] if surface.name not in {"mouth", "teeth"} else 1.0
        colours = of(character.colours)
        shaded = colours * (0.5 + 0.5 * sky) ** (1 - 0.4 * colours)  # creases stay darker without a shadow
        attributes = _attributes(document, of(character.rest) / UNIT_METRES, of(character.rest_normals), shaded)
        material = _material(surface)
    number = document.add("materials", material)
    return {"attributes": attributes, "indices": _add_triangles(document, faces), "material": number}


def _attributes(
    document: Document, vertices: Array, normals: npt.NDArray[Any] | None, colours: npt.NDArray[Any] | None
) -> dict[str, int]:
    attributes = {"POSITION": document.add_values(vertices.astype(np.float32), VERTICES, bounds=True)}
    if normals is not None:
        length = np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
        attributes["NORMAL"] = document.add_values((normals / length).astype(np.float32), VERTICES)
    if colours is not None:
        solid = np.concatenate((np.clip(colours, 0, 1), np.ones((len(colours), 1))), 1)
        packed = np.rint(solid * 65535).astype(np.uint16)
        attributes["COLOR_0"] = document.add_values(packed, VERTICES, normalised=True)
    return attributes


def _add_triangles(document: Document, triangles: npt.NDArray[np.integer]) -> int:
    narrow = np.uint16 if int(np.max(triangles)) < 65535 else np.uint32
    return document.add_values(np.asarray(triangles).astype(narrow).reshape(-1), TRIANGLES)


def _material(surface: _Surface) -> dict[str, Any]:
    paint = {"metallicFactor": 0.0, "roughnessFactor": surface.rough}
    return {"name": surface.name, "pbrMetallicRoughness": paint, "doubleSided": surface.name == "hair"}


def _eye_paint(document: Document, character: Character, rough: float) -> dict[str, Any]:
    """The iris as a picture on the eye."""
    from PIL import Image

    grid = ((torch.arange(_EYE_PIXELS) + 0.5) / _EYE_PIXELS * 2 - 1) * _EYE_REACH
    row, column = torch.meshgrid(-grid, grid, indexing="ij")
    flat = torch.stack((column, row), -1).reshape(-1, 2)
    depth = (1 - flat.square().sum(1)).clamp_min(0.0).sqrt()
    painted = paint_iris(character.eyes, torch.cat((flat, depth[:, None]), 1), 2.0 * _EYE_REACH / _EYE_PIXELS)
    pixels = (to_srgb(painted).clamp(0, 1) * 255).round().to(torch.uint8).reshape(_EYE_PIXELS, _EYE_PIXELS, 3).numpy()
    held = io.BytesIO()
    Image.fromarray(pixels).save(held, "PNG", optimize=True)
    image = document.add(
        "images", {"name": "eye", "mimeType": "image/png", "bufferView": document.add_view(held.getvalue())}
    )
    sampler = document.add("samplers", {"magFilter": 9729, "minFilter": 9987, "wrapS": 33071, "wrapT": 33071})
    texture = document.add("textures", {"source": image, "sampler": sampler})
    return {"baseColorTexture": {"index": texture}, "metallicFactor": 0.0, "roughnessFactor": rough}


def _target(document: Document, moved: Array, tilted: Array) -> dict[str, int]:
    count = len(moved)
    far = np.flatnonzero(np.abs(moved).max(1) > SMALLEST_METRES)
    bent = np.flatnonzero(np.abs(tilted).max(1) > SMALLEST_TILT)
    places = np.rint(moved[far] / UNIT_METRES * 32767).astype(np.int16)
    # a change of normal may reach 2, and is stored in -1..1: what is cut there faces away anyway
    tilts = np.rint(tilted[bent].clip(-1, 1) * 127).astype(np.int8)
    return {
        "POSITION": document.add_sparse(count, far, places, bounds=True),
        "NORMAL": document.add_sparse(count, bent, tilts),
    }
