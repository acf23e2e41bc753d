"""Solid shapes that characters wear: swept locks, lofted bodies, leaf-like ears; plain NumPy, made once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Solid:
    """A closed or open smooth mesh: metres in head space, linear colours, the way its fibres run (or zeros)."""

    vertices: Array
    triangles: npt.NDArray[np.int64]
    colours: Array
    fibres: Array


def join(solids: Sequence[Solid]) -> Solid:
    """Several as one."""
    starts = np.cumsum([0] + [len(solid.vertices) for solid in solids[:-1]])
    return Solid(
        np.concatenate([solid.vertices for solid in solids]),
        np.concatenate([solid.triangles + start for solid, start in zip(solids, starts, strict=True)]),
        np.concatenate([solid.colours for solid in solids]),
        np.concatenate([solid.fibres for solid in solids]),
    )


def mirrored(solid: Solid) -> Solid:
    """The same on the other side, still facing outward."""
    flip = np.array([-1.0, 1.0, 1.0])
    return Solid(solid.vertices * flip, solid.triangles[:, ::-1].copy(), solid.colours, solid.fibres * flip)


def spline(knots: Sequence[Sequence[float]] | Array, count: int) -> Array:
    """``count`` places (count, D) along a Catmull-Rom curve through the knots (K, D), evenly in the parameter."""
    given = np.asarray(knots, dtype=np.float64)
    padded = np.concatenate((2 * given[:1] - given[1:2], given, 2 * given[-1:] - given[-2:-1]))
    at = np.linspace(0, len(given) - 1 - 1e-9, count)
    number = at.astype(int)
    t = (at - number)[:, None]
    before, first, second, after = (padded[number + step] for step in range(4))
    return 0.5 * (
        2 * first
        + (second - before) * t
        + (2 * before - 5 * first + 4 * second - after) * t**2
        + (3 * first - before - 3 * second + after) * t**3
    )


def unit(vectors: Array) -> Array:
    """Vectors of length one along the last axis."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


def grid_triangles(rows: int, columns: int, closed: bool) -> npt.NDArray[np.int64]:
    """Two triangles a cell of rows x columns vertices, counter-clockwise seen from where columns run right, rows up."""
    row, column = np.meshgrid(np.arange(rows - 1), np.arange(columns if closed else columns - 1), indexing="ij")
    first = row * columns + column
    right = row * columns + (column + 1) % columns
    up, far = first + columns, right + columns
    return np.concatenate(
        (np.stack((first, right, far), -1).reshape(-1, 3), np.stack((first, far, up), -1).reshape(-1, 3))
    )


def loft(rings: Array, colour: Array) -> Solid:
    """A skin over rings (R, S, 3), each running counter-clockwise seen from the end that the rings go to."""
    count, sides = rings.shape[:2]
    fibres = unit(np.gradient(rings, axis=0)).reshape(-1, 3)
    tint = np.broadcast_to(colour, (count, sides, 3)).reshape(-1, 3)
    return Solid(rings.reshape(-1, 3), grid_triangles(count, sides, closed=True), tint.copy(), fibres)


@dataclass(frozen=True)
class Lock:
    """A tapered swept shape: its path (K, 3), half width and half thickness (K,) across and along ``outward`` (K, 3)."""

    path: Array
    width: Array
    thickness: Array
    outward: Array


def sweep(lock: Lock, colour: Array, sides: int = 8) -> Solid:
    """The lock as a solid; ``colour`` (3,) or (K, 1, 3) along it. Ends are closed where the lock tapers to nothing."""
    along = unit(np.gradient(lock.path, axis=0))
    out = unit(lock.outward - (lock.outward * along).sum(-1, keepdims=True) * along)
    across = np.cross(along, out)
    angle = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    rings = (
        lock.path[:, None]
        + np.cos(angle)[None, :, None] * (across * lock.width[:, None])[:, None]
        - np.sin(angle)[None, :, None] * (out * lock.thickness[:, None])[:, None]
    )
    solid = loft(rings, colour)
    fibres = np.repeat(along, sides, axis=0)
    return Solid(solid.vertices, solid.triangles, solid.colours, fibres)


def ball(centre: Sequence[float], radii: Sequence[float], colour: Sequence[float], rings: int = 14) -> Solid:
    """An ellipsoid."""
    height = np.linspace(-np.pi / 2, np.pi / 2, rings)[:, None, None]
    angle = np.linspace(0, 2 * np.pi, 2 * rings, endpoint=False)[None, :, None]
    place = np.concatenate(
        (np.cos(height) * np.sin(angle), np.sin(height) + 0 * angle, np.cos(height) * np.cos(angle)), -1
    )
    return loft(place * np.asarray(radii) + np.asarray(centre), np.asarray(colour, dtype=np.float64))


def outward_normals(vertices: Array, triangles: npt.NDArray[np.int64]) -> Array:
    """Area-weighted unit normals (V, 3); vertices at one place share theirs, so that closed tips stay smooth."""
    corner = vertices[triangles]
    face = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    _, same = np.unique(np.round(vertices, 7), axis=0, return_inverse=True)
    same = same.reshape(-1)
    total = np.zeros((same.max() + 1, 3))
    for place in range(3):
        np.add.at(total, same[triangles[:, place]], face)
    return unit(total[same])
