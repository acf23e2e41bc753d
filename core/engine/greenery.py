"""What stands beside streets and paths, by seed: trees, bushes, lamps, benches, bins, signs."""

from __future__ import annotations

import math

import numpy as np
import torch

from core.engine import patterns, random
from core.engine.dice import Dice
from core.engine.kits import Kit
from core.engine.solids import Solid, box, cylinder, join, put, stretch, turned

_GREENS = ((0.2, 0.32, 0.12), (0.28, 0.36, 0.14), (0.16, 0.28, 0.14), (0.4, 0.38, 0.12))


def tree(kit: Kit, dice: Dice, leaves: int = 300) -> Solid:
    """One of six trees of the place, turned and sized."""
    which = dice.whole("which", 0, 5)
    grown = kit.once(f"tree {which} {leaves}", lambda: _grow(kit, kit.dice.child("tree", which), leaves))
    size = dice.uniform("size", 0.8, 1.2)
    return stretch(put(grown, yaw_degrees=dice.uniform("turn", 0, 360)), (size, size, size))


def _grow(kit: Kit, dice: Dice, leaves: int) -> Solid:
    """A trunk and a crown of small leafy faces."""
    sort = dice.whole("sort", 0, 1)
    bark = kit.of(f"bark {sort}", patterns.bark, ((0.32, 0.25, 0.18), (0.45, 0.4, 0.34), (0.2, 0.16, 0.13)), 0.8)
    green = kit.of(f"leaves {sort}", patterns.leaves, _GREENS, 1.1)
    high = dice.uniform("high", 5.2, 8.5)
    wide = min(dice.uniform("wide", 1.3, 2.4), (high - 2.4) / 2.45)  # one can walk under it
    stem = high - wide * 1.3
    trunk = turned([(0.24, 0), (0.16, 0.4), (0.13, stem), (0.05, stem + wide)], 8, bark)
    seeds = torch.tensor([dice.seed], dtype=torch.int64)
    normal = random.normal(seeds, torch.arange(leaves * 9), random.stream("leaves")).numpy().reshape(leaves, 9)
    outward = normal[:, :3] / np.linalg.norm(normal[:, :3], axis=1, keepdims=True)
    radius = (0.55 + 0.5 * np.clip(np.abs(normal[:, 3:4]), 0, 1)) * np.array([wide, wide * 1.15, wide], np.float32)
    lumps = 1 + 0.22 * np.sin(3 * outward[:, :1] + 5 * outward[:, 1:2] + sort) * np.cos(4 * outward[:, 2:3])
    middle = outward * radius * lumps + np.array([0, high - wide, 0], np.float32)
    facing = outward + 0.6 * normal[:, 3:6]
    first = np.cross(facing, normal[:, 6:9])
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second = np.cross(facing, first)
    second /= np.linalg.norm(second, axis=1, keepdims=True)
    size = (3.3 / leaves**0.5) * wide * (0.8 + 0.25 * np.clip(np.abs(normal[:, 4:5]), 0, 1.5))
    angles = np.arange(5) * 2 * math.pi / 5
    rim = [middle + size * (math.cos(a) * first + math.sin(a) * second) for a in angles]
    points = np.stack(rim, 1).reshape(-1, 3).astype(np.float32)
    places = np.tile(np.stack((np.cos(angles), np.sin(angles)), -1), (leaves, 1)) * np.repeat(size, 5, 0) + np.repeat(
        normal[:, :2], 5, 0
    )
    fan = np.array([[0, 1, 2], [0, 2, 3], [0, 3, 4]])
    triangles = (np.arange(leaves)[:, None, None] * 5 + fan).reshape(-1, 3).astype(np.int32)
    filled = np.array([[0, high - wide, 0, wide * 0.75, wide * 0.8, wide * 0.75, 0]], np.float32)
    crown = Solid(
        points,
        np.repeat(outward, 5, 0).astype(np.float32),
        places.astype(np.float32),
        triangles,
        np.full(len(triangles), green, np.int32),
        filled,
    )
    return join([trunk, crown])


def bush(kit: Kit, dice: Dice) -> Solid:
    """A low tree without a trunk to speak of."""
    crown = tree(kit, dice, 120)
    scale = np.array([0.42, 0.2, 0.42], np.float32)
    return Solid(
        crown.points * scale - np.array([0, 0.18, 0], np.float32),
        crown.normals,
        crown.places * 0.5,
        crown.triangles,
        crown.materials,
        crown.boxes * np.array([0.42, 0.2, 0.42, 0.42, 0.2, 0.42, 1], np.float32),
    )


def street_lamp(kit: Kit) -> Solid:
    """A post with an arm towards +z."""
    metal = kit.metal()
    glass = kit.own("street light", lambda own: patterns.plain(own, np.array([0.9, 0.9, 0.85], np.float32)), 1.0)
    return join(
        [
            turned([(0.09, 0), (0.06, 1.0), (0.045, 5.2)], 8, metal),
            box((0.06, 0.06, 1.2), (0, 5.2, 0.55), metal),
            box((0.22, 0.1, 0.55), (0, 5.15, 1.2), glass),
        ]
    )


def bench(kit: Kit) -> Solid:
    """A bench facing +z."""
    wood, metal = kit.wood("bench"), kit.metal()
    parts = [box((1.7, 0.04, 0.1), (0, 0.44, 0.1 + 0.13 * at), wood) for at in range(3)]
    parts += [box((1.7, 0.1, 0.04), (0, 0.6 + 0.15 * at, 0.02), wood) for at in range(2)]
    return join(
        [
            *parts,
            *(box((0.06, 0.8, 0.05), (x, 0.4, 0.03), metal) for x in (-0.75, 0.75)),
            *(box((0.06, 0.43, 0.4), (x, 0.21, 0.22), metal) for x in (-0.75, 0.75)),
        ]
    )


def bin_or_box(kit: Kit, dice: Dice) -> Solid:
    """A litter bin, post box, bollard or planter."""
    kind, tone = dice.pick("kind", ("bin", "post", "bollard", "planter")), kit.bright(dice.whole("tone", 0, 3))
    if kind == "bin":
        return cylinder(0.25, 0.95, tone)
    if kind == "post":
        return join([box((0.45, 0.6, 0.4), (0, 1.1, 0), tone), box((0.08, 0.8, 0.08), (0, 0.4, 0), kit.metal())])
    if kind == "bollard":
        return turned([(0.09, 0), (0.08, 0.8), (0.1, 0.85), (0.0, 0.95)], 10, kit.metal())
    return join(
        [
            box((1.1, 0.45, 0.6), (0, 0.22, 0), kit.of("planter", patterns.concrete, ((0.6, 0.58, 0.55),), 1.0)),
            put(bush(kit, dice), (0, 0.35, 0)),
        ]
    )


def sign_post(kit: Kit, dice: Dice) -> Solid:
    """A traffic sign facing +z."""
    metal, paint = kit.metal(), kit.bright(dice.whole("tone", 0, 3))
    plate = put(cylinder(0.3, 0.02, paint, 18), (0, 0, 0))
    turned_up = Solid(
        plate.points[:, [0, 2, 1]] + np.array([0, 2.3, 0.05], np.float32),
        plate.normals[:, [0, 2, 1]],
        plate.places,
        plate.triangles,
        plate.materials,
        plate.boxes[:0],
    )
    return join([put(cylinder(0.03, 2.6, metal, 6)), turned_up])
