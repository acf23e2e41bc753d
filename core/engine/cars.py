"""Cars by seed: lofted bodies with glass, lamps and turning wheels; parked, or driving along a lane."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from core.engine import patterns
from core.engine.dice import Dice
from core.engine.kits import Kit
from core.engine.movers import Mover, hinge, rigid
from core.engine.places import Lane
from core.engine.solids import Floats, Solid, box, cylinder, join, put, tilt

_PAINTS = (
    (0.85, 0.85, 0.85), (0.08, 0.08, 0.09), (0.5, 0.52, 0.55), (0.55, 0.08, 0.08), (0.1, 0.2, 0.42), (0.3, 0.33, 0.36),
    (0.75, 0.7, 0.6), (0.15, 0.32, 0.25), (0.8, 0.45, 0.1),
)  # fmt: skip


@dataclass(frozen=True)
class _Shape:
    """Outline of a car, metres; shares of the length from the back."""

    long: float
    wide: float
    high: float
    belt: float
    bonnet: float
    cabin: tuple[float, float, float, float]
    """Where the rear window starts below and above, and the windscreen above and below."""


_SHAPES = {
    "saloon": _Shape(4.6, 1.8, 1.45, 0.92, 0.8, (0.12, 0.3, 0.56, 0.74)),
    "hatchback": _Shape(4.0, 1.74, 1.5, 0.93, 0.82, (0.02, 0.12, 0.55, 0.74)),
    "estate": _Shape(4.8, 1.85, 1.55, 0.98, 0.86, (0.01, 0.06, 0.56, 0.73)),
    "van": _Shape(5.0, 1.95, 2.05, 1.15, 0.98, (0.004, 0.02, 0.7, 0.86)),
}


def loft(rings: list[Floats], materials: list[int]) -> Solid:
    """Flat faces between rings (K, 3) of points; one material for each of the K - 1 strips along."""
    grid = np.stack(rings).astype(np.float32)
    corners = np.stack((grid[:-1, :-1], grid[:-1, 1:], grid[1:, 1:], grid[1:, :-1]), 2).reshape(-1, 4, 3)
    front = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    length = np.linalg.norm(front, axis=1)
    kept = length > 1e-7
    corners, front = corners[kept], front[kept] / length[kept, None]
    count = len(corners)
    triangles = (np.arange(count)[:, None, None] * 4 + np.array([[0, 1, 2], [0, 2, 3]])).reshape(-1, 3)
    numbers = np.repeat(np.tile(np.array(materials, np.int32), len(rings) - 1)[kept], 2)
    points, none = corners.reshape(-1, 3), np.zeros((0, 7), np.float32)
    normals = np.repeat(front, 4, axis=0).astype(np.float32)
    return Solid(points, normals, points[:, [2, 1]], triangles.astype(np.int32), numbers, none)


_STATIONS = (
    (0.0, 0.8, 0.8), (0.015, 0.95, 0.93), (0.12, 1.0, 1.0), (0.5, 1.0, 1.0), (0.74, 1.0, 0.97), (0.9, 0.97, 0.9),
    (0.985, 0.9, 0.78), (1.0, 0.78, 0.68),
)  # fmt: skip
"""Along the lower body: share of the length from the back, of the width, of the height."""


def _body(shape: _Shape, paint: int, glass: int, dark: int) -> Solid:
    """Lower body and cabin of a car that faces +z."""
    w, bottom = shape.wide / 2, 0.24
    rings = []
    for share, wide, tall in _STATIONS:
        z = (share - 0.5) * shape.long
        belt = shape.belt if share < 0.75 else shape.bonnet + (shape.belt - shape.bonnet) * 0.3
        top, half = bottom + (belt - bottom) * tall, w * wide
        middle = bottom + (top - bottom) * 0.55
        side = [
            (0.0, bottom),
            (half * 0.92, bottom),
            (half, middle - 0.1),
            (half, middle + 0.1),
            (half * 0.95, top - 0.03),
            (half * 0.85, top),
            (0.0, top + 0.02),
        ]
        ring = [(x, y, z) for x, y in side] + [(-x, y, z) for x, y in side[-2::-1]]
        rings.append(np.array(ring, np.float32))
    rings = [
        np.broadcast_to(rings[0].mean(0), rings[0].shape).astype(np.float32),
        *rings,
        np.broadcast_to(rings[-1].mean(0), rings[-1].shape).astype(np.float32),
    ]
    lower = loft(rings, [dark, dark, *([paint] * 8), dark, dark])
    base, top = shape.belt - 0.03, shape.high
    a, b, c, d = ((share - 0.5) * shape.long for share in shape.cabin)
    levels = []
    for z, height, half in (
        (a, base, 0.84),
        (b, top - 0.04, 0.66),
        ((b + c) / 2, top, 0.66),
        (c, top - 0.03, 0.66),
        (d, base, 0.84),
    ):
        half_wide = w * half
        low = w * 0.86
        ring = [
            (low, base, z),
            (low - (low - half_wide) * 0.15, base + (height - base) * 0.12, z),
            (half_wide + 0.02, height - 0.05 * (height > base), z),
            (half_wide * 0.8, height, z),
        ]
        levels.append(np.array(ring + [(-x, y, zz) for x, y, zz in ring[::-1]], np.float32))
    cabin = loft(levels, [paint, glass, paint, paint, paint, glass, paint])
    panes = cabin.materials.copy()
    centre = cabin.points[cabin.triangles].mean(1)
    sloped = (centre[:, 2] < b) | (centre[:, 2] > c)
    panes[sloped & (np.abs(centre[:, 0]) < w * 0.62)] = glass
    return join([lower, Solid(cabin.points, cabin.normals, cabin.places, cabin.triangles, panes, cabin.boxes)])


def build_car(kit: Kit, dice: Dice) -> tuple[Solid, np.ndarray, list[tuple[float, float, float]]]:
    """A car on the ground, facing +z: its solid, the bone of each point (0 body, 1-4 wheels) and the wheels' middles.

    Points of a wheel are about the wheel's own middle.
    """
    shape = _SHAPES[dice.pick("shape", ("saloon", "hatchback", "hatchback", "estate", "van"))]
    which = dice.whole("paint", 0, 4)
    paint = kit.of(f"car paint {which}", patterns.plain, _PAINTS, 1.5, 1.0)
    glass = kit.own("car glass", lambda own: patterns.plain(own, np.array([0.1, 0.12, 0.14], np.float32)), 1.0, 1.6)
    dark = kit.own("rubber", lambda own: patterns.plain(own, np.array([0.11, 0.11, 0.12], np.float32)), 0.5, 0.1)
    rim = kit.metal()
    white = kit.own("head lamp", lambda own: patterns.plain(own, np.array([0.9, 0.9, 0.86], np.float32)), 0.4, 1.0)
    red = kit.own("tail lamp", lambda own: patterns.plain(own, np.array([0.6, 0.05, 0.04], np.float32)), 0.4, 1.0)
    plate = kit.own("plate", lambda own: patterns.plain(own, np.array([0.88, 0.87, 0.8], np.float32)), 0.4)
    z, w = shape.long / 2, shape.wide / 2
    parts = [_body(shape, paint, glass, dark)]
    parts += [box((0.34, 0.13, 0.06), (side * w * 0.62, 0.66, z - 0.06), white, skip="back") for side in (-1, 1)]
    parts += [box((0.26, 0.18, 0.06), (side * w * 0.68, 0.72, -z + 0.04), red, skip="front") for side in (-1, 1)]
    parts += [box((0.46, 0.11, 0.03), (0, 0.5, side * (z - 0.0)), plate) for side in (-1, 1)]
    parts += [
        box((0.16, 0.12, 0.1), (side * (w + 0.05), shape.belt + 0.06, 0.2 * shape.long), paint) for side in (-1, 1)
    ]
    parts.append(box((w * 1.2, 0.14, 0.05), (0, 0.46, z - 0.01), dark))
    body = join(parts)
    radius = 0.32 if shape.high < 1.9 else 0.36
    axles = [(side * (w - 0.1), radius, along * shape.long) for side in (-1, 1) for along in (-0.31, 0.31)]
    wheel = tilt(
        put(
            join([cylinder(radius, 0.22, dark, 14), put(cylinder(radius * 0.6, 0.24, rim, 6), (0, -0.01, 0))]),
            (0, -0.11, 0),
        ),
        90,
        2,
    )
    solid = join([body, *[wheel] * 4])
    filled = np.array(
        [
            [0, 0.22 + shape.belt / 2 - 0.1, 0, w * 0.9, shape.belt / 2 - 0.1, z * 0.95, 0],
            [0, shape.high - 0.3, -0.1, w * 0.62, 0.25, z * 0.45, 0],
        ],
        np.float32,
    )
    bones = np.concatenate((np.zeros(len(body.points), np.int64), np.repeat(np.arange(1, 5), len(wheel.points))))
    return Solid(solid.points, solid.normals, solid.places, solid.triangles, solid.materials, filled), bones, axles


def parked_car(kit: Kit, dice: Dice) -> Solid:
    """A car that stands still, one of seven of the place."""
    which = dice.whole("car", 0, 6)
    return kit.once(f"car {which}", lambda: _park(kit, kit.dice.child("car", which)))


def _park(kit: Kit, dice: Dice) -> Solid:
    solid, bones, axles = build_car(kit, dice)
    shift = np.concatenate((np.zeros((1, 3)), axles)).astype(np.float32)
    return Solid(
        solid.points + shift[bones], solid.normals, solid.places, solid.triangles, solid.materials, solid.boxes
    )


def driving_car(kit: Kit, dice: Dice, lane: Lane, start: float, metres_per_second: float) -> Mover:
    """A car on a lane, at ``start`` at second 0; its speed sways a little."""
    solid, bones, axles = build_car(kit, dice)
    sway, phase = dice.uniform("sway", 0.0, 0.12), dice.uniform("phase", 0, 6.28)
    yaw = 0.0 if lane.direction > 0 else math.pi

    def motion(seconds: float) -> Floats:
        gone = metres_per_second * (seconds + sway * (math.sin(seconds + phase) - math.sin(phase)))
        body = rigid((lane.x, 0.012 * math.sin(5 * seconds + phase), start + lane.direction * gone), yaw)
        wheels = [body @ hinge(axle, -gone / 0.32) for axle in axles]
        return np.stack((body, *wheels)).astype(np.float32)

    half = float(solid.points[:, 2].max())
    return Mover(solid, bones, motion, (half * 0.8, 0.8))
