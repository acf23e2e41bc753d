"""Simple bodies of triangles that places are built from: panels, boxes, cushions, turned shapes; y is up, metres.

Large faces are cut into steps: light is kept at corners, and the rasteriser leaves out what reaches behind the camera.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
"""float32; wider to the type checker, which sees numbers times arrays so."""
Vector = Sequence[float] | Floats


@dataclass(frozen=True)
class Solid:
    """Triangles with normals, places on their material in metres, and the boxes that they fill (for light and paths)."""

    points: Floats
    normals: Floats
    places: Floats
    triangles: npt.NDArray[np.int32]
    materials: npt.NDArray[np.int32]
    boxes: Floats
    """(K, 7): centre, half sizes, yaw in radians."""


def join(solids: Sequence[Solid]) -> Solid:
    """One body of many."""
    counts = np.cumsum([0, *(len(solid.points) for solid in solids)])
    return Solid(
        np.concatenate([solid.points for solid in solids]),
        np.concatenate([solid.normals for solid in solids]),
        np.concatenate([solid.places for solid in solids]),
        np.concatenate([solid.triangles + start for solid, start in zip(solids, counts, strict=False)]).astype(
            np.int32
        ),
        np.concatenate([solid.materials for solid in solids]),
        np.concatenate([solid.boxes for solid in solids]),
    )


def turn_about_y(yaw_radians: float) -> Floats:
    """3 x 3; a positive angle turns +z towards +x."""
    cos, sin = np.cos(yaw_radians), np.sin(yaw_radians)
    return np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]], dtype=np.float32)


def put(solid: Solid, offset: Vector = (0, 0, 0), yaw_degrees: float = 0.0) -> Solid:
    """The body turned about the upright axis, then moved."""
    yaw, shift = np.deg2rad(yaw_degrees), np.asarray(offset, dtype=np.float32)
    rotation = turn_about_y(yaw).T
    boxes = solid.boxes.copy()
    boxes[:, :3] = boxes[:, :3] @ rotation + shift
    boxes[:, 6] += yaw
    return replace(solid, points=solid.points @ rotation + shift, normals=solid.normals @ rotation, boxes=boxes)


def tilt(solid: Solid, degrees: float, axis: int = 0) -> Solid:
    """The body turned about x (0) or z (2); its boxes become one around it."""
    angle = np.deg2rad(degrees)
    cos, sin = np.cos(angle), np.sin(angle)
    rotation = np.eye(3, dtype=np.float32)
    first, second = [at for at in range(3) if at != axis]
    rotation[first, first] = rotation[second, second] = cos
    rotation[first, second], rotation[second, first] = -sin, sin
    points = solid.points @ rotation.T
    boxes = box_around(points) * np.array([1, 1, 1, 0.6, 0.75, 0.6, 1], np.float32) if len(solid.boxes) else solid.boxes
    return replace(solid, points=points, normals=solid.normals @ rotation.T, boxes=boxes)


def stretch(solid: Solid, factors: Vector) -> Solid:
    """The body longer or shorter along the axes."""
    scale = np.asarray(factors, dtype=np.float32)
    normals = solid.normals / scale
    normals /= np.linalg.norm(normals, axis=1, keepdims=True).clip(1e-9)
    boxes = solid.boxes.copy()
    boxes[:, :3] *= scale
    boxes[:, 3:6] *= scale
    return replace(solid, points=solid.points * scale, normals=normals, boxes=boxes)


def without_boxes(solid: Solid) -> Solid:
    """The body as something that takes up no room (a picture on a wall, a rug)."""
    return replace(solid, boxes=np.zeros((0, 7), np.float32))


def box_around(points: Floats) -> Floats:
    """(1, 7): the upright box around points."""
    low, high = points.min(0), points.max(0)
    return np.concatenate(((low + high) / 2, (high - low) / 2, [0.0]))[None].astype(np.float32)


def panel(origin: Vector, across: Vector, along: Vector, material: int, step: float = 0.5) -> Solid:
    """A flat four-sided face; its front is where across x along points."""
    start, first, second = (np.asarray(value, dtype=np.float32) for value in (origin, across, along))
    wide, high = float(np.linalg.norm(first)), float(np.linalg.norm(second))
    columns, rows = max(1, round(wide / step)), max(1, round(high / step))
    u, v = (np.linspace(0, 1, count + 1, dtype=np.float32) for count in (columns, rows))
    grid = np.stack(np.meshgrid(u, v, indexing="xy"), -1).reshape(-1, 2)
    points = start + grid[:, :1] * first + grid[:, 1:] * second
    front = np.cross(first, second)
    normals = np.broadcast_to((front / np.linalg.norm(front).clip(1e-12)).astype(np.float32), points.shape)
    places = grid * np.array([wide, high], np.float32)
    triangles = _lattice(columns, rows)
    return Solid(points, normals, places, triangles, np.full(len(triangles), material, np.int32), _NO_BOX)


_NO_BOX = np.zeros((0, 7), np.float32)


@functools.lru_cache(maxsize=256)
def _lattice(columns: int, rows: int) -> npt.NDArray[np.int32]:
    """Triangles of a grid of (rows + 1) x (columns + 1) points."""
    corner = (np.arange(rows)[:, None] * (columns + 1) + np.arange(columns)[None]).ravel()
    other = corner + columns + 1
    quads = np.stack((corner, corner + 1, other + 1, corner, other + 1, other), 1)
    return quads.reshape(-1, 3).astype(np.int32)


_FACES = {
    "front": ((-1, -1, 1), (2, 0, 0), (0, 2, 0)),
    "back": ((1, -1, -1), (-2, 0, 0), (0, 2, 0)),
    "right": ((1, -1, 1), (0, 0, -2), (0, 2, 0)),
    "left": ((-1, -1, -1), (0, 0, 2), (0, 2, 0)),
    "top": ((-1, 1, 1), (2, 0, 0), (0, 0, -2)),
    "bottom": ((-1, -1, -1), (2, 0, 0), (0, 0, 2)),
}


def box(
    size: Vector, middle: Vector, material: int, faces: dict[str, int] | None = None, skip: str = "", step: float = 0.5
) -> Solid:
    """A box by sizes and middle; ``faces`` gives some (front is +z) their own material, ``skip`` leaves some out."""
    half, centre = np.asarray(size, dtype=np.float32) / 2, np.asarray(middle, dtype=np.float32)
    cuts = tuple(max(1, round(float(2 * length) / step)) for length in half)
    unit, face, lengths = _unit_box((cuts[0], cuts[1], cuts[2]), skip)
    number = np.array([(faces or {}).get(name, material) for name in _FACES], np.int32)
    filled = np.concatenate((centre, half, [0.0]))[None].astype(np.float32)
    points = unit.points * half + centre
    return Solid(points, unit.normals, unit.places * half[lengths], unit.triangles, number[face], filled)


@functools.lru_cache(maxsize=512)
def _unit_box(cuts: tuple[int, int, int], skip: str) -> tuple[Solid, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """A box from -1 to 1 cut this often along its axes; the face of each triangle; the axes of each point's place."""
    parts, faces, lengths = [], [], []
    for number, (name, (corner, across, along)) in enumerate(_FACES.items()):
        if name in skip:
            continue
        first, second = int(np.argmax(np.abs(across))), int(np.argmax(np.abs(along)))
        columns, rows = cuts[first], cuts[second]
        u, v = (np.linspace(0, 1, count + 1, dtype=np.float32) for count in (columns, rows))
        grid = np.stack(np.meshgrid(u, v, indexing="xy"), -1).reshape(-1, 2)
        points = (
            np.array(corner, np.float32)
            + grid[:, :1] * np.array(across, np.float32)
            + grid[:, 1:] * np.array(along, np.float32)
        )
        normals = np.broadcast_to(np.cross(across, along).astype(np.float32) / 4, points.shape)
        triangles = _lattice(columns, rows)
        parts.append(Solid(points, normals, grid * 2, triangles, np.zeros(len(triangles), np.int32), _NO_BOX))
        faces.append(np.full(len(triangles), number))
        lengths.append(np.broadcast_to(np.array([first, second]), (len(points), 2)))
    return join(parts), np.concatenate(faces), np.concatenate(lengths)


def turned(profile: Sequence[tuple[float, float]], sides: int, material: int, smooth: bool = True) -> Solid:
    """A shape turned about the upright axis: (radius, height) from bottom to top; not smooth repeats rings at edges."""
    rings = np.asarray(profile, dtype=np.float32)
    if not smooth:
        rings = np.repeat(rings, 2, axis=0)[1:-1]
    slope = np.gradient(rings, axis=0) if smooth else np.repeat(rings[1::2] - rings[::2], 2, axis=0)
    angle = np.linspace(0, 2 * np.pi, sides + 1, dtype=np.float32)
    cos, sin = np.cos(angle), np.sin(angle)
    radius, height = rings[:, :1], rings[:, 1:]
    points = np.stack((radius * sin, np.broadcast_to(height, (len(rings), sides + 1)), radius * cos), -1)
    out, up = slope[:, 1:], -slope[:, :1]
    normals = np.stack((out * sin, np.broadcast_to(up, (len(rings), sides + 1)), out * cos), -1).reshape(-1, 3)
    normals = normals / np.linalg.norm(normals, axis=1, keepdims=True).clip(1e-9)
    widest = float(rings[:, 0].max())
    length = np.concatenate(([0], np.cumsum(np.linalg.norm(np.diff(rings, axis=0), axis=1))))
    u, v = np.broadcast_arrays(angle[None] * widest, length[:, None])
    triangles = _lattice(sides, len(rings) - 1)
    flat = points.reshape(-1, 3).astype(np.float32)
    places = np.stack((u, v), -1).reshape(-1, 2).astype(np.float32)
    materials = np.full(len(triangles), material, np.int32)
    filled = box_around(flat)
    filled[:, 3:6] *= np.array([0.7, 0.98, 0.7], np.float32)  # a box inside the round, so that it does not shade itself
    return Solid(flat, normals.astype(np.float32), places, triangles, materials, filled)


def cylinder(radius: float, height: float, material: int, sides: int = 12) -> Solid:
    """An upright closed cylinder on the ground."""
    return turned([(0, 0), (radius, 0), (radius, height), (0, height)], sides, material, smooth=False)


def cushion(size: Vector, middle: Vector, material: int, roundness: float = 0.45, sides: int = 14) -> Solid:
    """A soft box (superellipsoid: Barr 1981); roundness 1 is an ellipsoid, near 0 a box."""
    rows = max(6, sides // 2 + 1)
    down = np.linspace(-np.pi / 2, np.pi / 2, rows, dtype=np.float32)
    round_ = np.linspace(-np.pi, np.pi, sides + 1, dtype=np.float32)

    def bent(value: Floats, power: float) -> Floats:
        return (np.sign(value) * np.abs(value) ** power).astype(np.float32)

    def shell(power: float) -> Floats:
        flat = bent(np.cos(down), power)[:, None]
        x, z = flat * bent(np.sin(round_), power)[None], flat * bent(np.cos(round_), power)[None]
        y = np.broadcast_to(bent(np.sin(down), power)[:, None], x.shape)
        return np.stack((x, y, z), -1).reshape(-1, 3)

    half, centre = np.asarray(size, np.float32) / 2, np.asarray(middle, np.float32)
    points = shell(roundness) * half + centre
    normals = shell(2 - roundness) / half
    normals = normals / np.linalg.norm(normals, axis=1, keepdims=True).clip(1e-9)
    u = np.broadcast_to(round_[None] * (half[0] + half[2]) / 2, (rows, sides + 1))
    v = np.broadcast_to(down[:, None] * half[1], (rows, sides + 1))
    places = np.stack((u, v), -1).reshape(-1, 2).astype(np.float32)
    triangles = _lattice(sides, rows - 1)
    filled = np.concatenate((centre, half * 0.75, [0.0]))[None].astype(np.float32)
    return Solid(points, normals, places, triangles, np.full(len(triangles), material, np.int32), filled)


def picture(width: float, height: float, middle: Vector, material: int, step: float = 0.5) -> Solid:
    """An upright face looking along +z whose material's tile fits it once if its span is the same."""
    x, y, z = (float(value) for value in middle)
    return panel((x - width / 2, y - height / 2, z), (width, 0, 0), (0, height, 0), material, step)


def wall(
    length: float,
    height: float,
    openings: Sequence[tuple[float, float, float, float]],
    material: int,
    step: float = 0.35,
) -> Solid:
    """An upright wall on the ground, facing +z, x about 0, with rectangular openings (left, right, low, high)."""
    columns = sorted({-length / 2, length / 2, *(edge for hole in openings for edge in hole[:2])})
    rows = sorted({0.0, height, *(edge for hole in openings for edge in hole[2:])})
    parts: list[Solid] = []
    for left, right in itertools.pairwise(columns):
        for low, high in itertools.pairwise(rows):
            middle = ((left + right) / 2, (low + high) / 2)
            if any(a < middle[0] < b and c < middle[1] < d for a, b, c, d in openings):
                continue
            face = panel((left, low, 0), (right - left, 0, 0), (0, high - low, 0), material, step)
            filled = np.array([[*middle, -0.1, (right - left) / 2, (high - low) / 2, 0.1, 0]], np.float32)
            places = face.places + np.array([left, low], np.float32)
            parts.append(replace(face, boxes=filled, places=places))
    return join(parts)
