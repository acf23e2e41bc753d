"""Squares, parks and car parks by seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from core.engine import patterns, prospects
from core.engine.cars import parked_car
from core.engine.dice import Dice
from core.engine.greenery import bench, bin_or_box, bush, street_lamp, tree
from core.engine.grounds import Ground, close_view, draw_weather
from core.engine.places import Lane, Place
from core.engine.solids import box, cushion, join, panel, put, turned, without_boxes


def build_square(ground: Ground) -> Place:
    """A square or park: lawns and paths, benches, trees, a monument, houses around."""
    kit, dice = ground.kit, ground.dice
    radius, path = dice.uniform("radius", 17, 26), dice.uniform("path", 2.2, 3.4)
    paved = dice.chance("paved", 0.45)
    base = ground.paving() if paved else ground.lawn()
    ground.floor((-radius, -radius, radius, radius), 0.0, base, 1.6)
    across = (
        kit.of("path", patterns.concrete, ((0.66, 0.6, 0.5), (0.58, 0.57, 0.55)), 2.5)
        if not paved
        else kit.of("setts", patterns.slabs, ((0.42, 0.42, 0.43), (0.5, 0.42, 0.38)), 1.0)
    )
    ground.floor((-path / 2, -radius, path / 2, radius), 0.01, across, 1.2)
    ground.floor((-radius, -path / 2, radius, path / 2), 0.012, across, 1.2)
    x, z = 5.2, 5.2
    _raise_centre(ground, x, z)
    ground.watch += [
        (x, 1.5, z),
        (0.0, 1.5, 12.0),
        (12.0, 1.5, 0.0),
        (0.0, 1.5, -12.0),
        (-12.0, 1.6, 0.0),
        (-6.0, 1.2, 8.0),
    ]
    for at in range(dice.whole("pieces", 18, 30)):
        _strew(ground, dice.child("piece", at), path, radius)
    close_view(ground, radius + dice.uniform("beyond", 6, 16), base)
    half = path / 2 - 0.15
    free = ((-half, -radius * 0.75, half, radius * 0.75), (-radius * 0.75, -half, radius * 0.75, half))
    corner = ((-3.5, dice.uniform("mast", 3.6, 5.5), -radius * 0.55), (1.5, 0.3, 2.0))
    return Place(
        "square",
        join(ground.parts),
        kit.stock,
        draw_weather(dice, 30.0),
        free,
        tuple(ground.watch),
        corner,
        (),
        free,
        outdoors=True,
    )


def _raise_centre(ground: Ground, x: float, z: float) -> None:
    """A fountain or a monument."""
    kit, dice = ground.kit, ground.dice
    stone = kit.of("stone", patterns.concrete, ((0.66, 0.63, 0.57), (0.5, 0.5, 0.5)), 1.0)
    if dice.chance("fountain", 0.5):
        water = kit.own("water", lambda own: patterns.leaves(own, np.array([0.25, 0.36, 0.42], np.float32)), 1.4, 1.6)
        rim = put(turned([(2.0, 0), (2.05, 0.5), (1.8, 0.5), (1.8, 0.3)], 22, stone, smooth=False), (x, 0, z))
        ground.parts += [
            without_boxes(rim),
            put(turned([(1.8, 0.36), (0.0, 0.37)], 22, water), (x, 0, z)),
            without_boxes(
                put(turned([(0.35, 0.3), (0.2, 1.2), (0.7, 1.35), (0.05, 1.5), (0.02, 1.9)], 14, stone), (x, 0, z))
            ),
        ]
        filled = np.array([[x, 0.24, z, 1.45, 0.24, 1.45, 0]], np.float32)
        ground.parts.append(replace(rim, boxes=filled, triangles=rim.triangles[:0], materials=rim.materials[:0]))
    else:
        bronze = kit.of("bronze", patterns.metal, ((0.25, 0.33, 0.28), (0.3, 0.22, 0.15)), 0.5, 0.8)
        ground.parts += [
            put(box((1.8, 0.4, 1.8), (0, 0.2, 0), stone), (x, 0, z)),
            put(box((1.1, 1.6, 1.1), (0, 1.2, 0), stone), (x, 0, z)),
            put(cushion((0.7, 1.5, 0.55), (0, 2.75, 0), bronze, 0.9), (x, 0, z)),
            put(cushion((0.32, 0.4, 0.34), (0, 3.65, 0), bronze, 1.0), (x, 0, z)),
        ]


def _strew(ground: Ground, dice: Dice, path: float, radius: float) -> None:
    """A tree, bush, bench, lamp or bin beside a path or on the grass."""
    kind = dice.pick("kind", ("tree", "tree", "bush", "bench", "lamp", "bin", "bed"))
    along, side, on_z = dice.uniform("along", 3.5, radius * 0.9), dice.pick("side", (-1, 1)), dice.chance("on z", 0.5)
    along *= dice.pick("way", (-1, 1))
    aside = side * (
        path / 2
        + (dice.uniform("aside", 0.5, 0.9) if kind in ("bench", "lamp", "bin") else dice.uniform("aside", 1.6, 11.0))
    )
    x, z = (aside, along) if on_z else (along, aside)
    if abs(x - 5.2) < 2.9 and abs(z - 5.2) < 2.9:
        return
    if min(abs(x), abs(z)) < path / 2 + (1.6 if kind == "bed" else 0.3):
        return
    yaw = (-90.0 * side if on_z else (180.0 if side > 0 else 0.0)) % 360
    if kind == "bed":
        soil = ground.kit.of("flowers", patterns.leaves, ((0.6, 0.2, 0.25), (0.65, 0.55, 0.15), (0.45, 0.25, 0.5)), 0.9)
        ground.parts.append(put(cushion((2.6, 0.5, 1.6), (0, 0.08, 0), soil, 0.5, 18), (x, 0, z), yaw))
        return
    make = {
        "tree": tree,
        "bush": bush,
        "bench": lambda kit, _: bench(kit),
        "lamp": lambda kit, _: street_lamp(kit),
        "bin": bin_or_box,
    }[kind]
    ground.parts.append(put(make(ground.kit, dice), (x, 0, z), yaw))
    if kind != "bush":
        ground.watch.append((x, 1.2, z))


def build_parking(ground: Ground) -> Place:
    """A car park: bays with cars, lanes between, lamps, a hall or houses at its edges."""
    kit, dice = ground.kit, ground.dice
    wide, deep = 19.0, 26.0
    ground.floor((-wide, -deep, wide, deep), 0.0, ground.asphalt(), 1.5)
    rows = (-13.0, -7.6, 7.6, 13.0)
    for number, x in enumerate(rows):
        for at in range(17):
            z = -deep + 4.0 + 2.7 * at
            ground.floor((x - 2.4, z - 0.06, x + 2.4, z + 0.06), 0.006, ground.white(), 1.2)
            own = dice.child(f"bay {number}", at)
            if at < 16 and own.chance("car", 0.55):
                ground.parts.append(
                    put(
                        parked_car(kit, own),
                        (x + own.uniform("out", -0.3, 0.3), 0, z + 1.35),
                        own.pick("way", (90.0, -90.0)),
                    )
                )
                ground.watch.append((x, 0.9, z + 1.35))
    for x in (-10.3, 10.3):
        for z in (-14.0, 0.0, 14.0):
            ground.parts.append(put(street_lamp(kit), (x, 0, z), dice.pick("lamp", (90.0, -90.0))))
            if dice.chance(f"tree {x} {z}", 0.5):
                ground.parts.append(put(tree(kit, dice.child("tree", int(x + 50 * z))), (x, 0, z + 5.0)))
    hall = kit.of("hall", patterns.metal, ((0.6, 0.63, 0.66), (0.5, 0.2, 0.18), (0.8, 0.78, 0.72)), 1.2, 0.3)
    entry = kit.own("entry", prospects.shop, (8.0, 4.0), 0.3)
    sign = kit.own("board", prospects.poster, (7.0, 1.6))
    face = join(
        [
            box((40, 7.5, 12), (0, 3.75, -6), hall, step=2.0),
            put(panel((-8, 0, 0.05), (16, 0, 0), (0, 4, 0), entry, 1.5)),
            put(panel((-3.5, 5, 0.08), (7, 0, 0), (0, 1.6, 0), sign, 1.5)),
        ]
    )
    ground.parts.append(put(face, (0, 0, deep + 4), 180.0))
    close_view(ground, 46.0, ground.lawn() if dice.chance("green", 0.5) else ground.paving())
    lane = 2.3
    free = ((-4.6, -deep + 2, 4.6, deep - 3),)
    corner = ((-4.4, dice.uniform("mast", 4.0, 6.0), -12.0), (1.5, 0.0, 1.0))
    ground.watch += [(0.0, 1.5, 20.0), (0.0, 1.5, -20.0)]
    lanes = (Lane(-lane, -deep, deep, 1), Lane(lane, -deep, deep, -1))
    return Place(
        "parking",
        join(ground.parts),
        kit.stock,
        draw_weather(dice, 30.0),
        free,
        tuple(ground.watch),
        corner,
        lanes,
        free,
        outdoors=True,
    )
