"""The open before it is built on, by seed: ground, weather, houses, and what closes the view."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from core.engine import patterns, prospects
from core.engine.daylight import Light
from core.engine.dice import Dice
from core.engine.greenery import tree
from core.engine.kits import BRIGHT, Kit
from core.engine.places import Free, Spot
from core.engine.solids import Solid, box, join, panel, put, without_boxes

STOREY_METRES = 3.0
BAY_METRES = 3.1


@dataclass
class Ground:
    """A place in the open while it is built."""

    kit: Kit
    dice: Dice
    parts: list[Solid] = field(default_factory=list)
    watch: list[Spot] = field(default_factory=list)

    def floor(self, area: Free, high: float, material: int, step: float) -> None:
        """A flat piece of ground."""
        x0, z0, x1, z1 = area
        self.parts.append(without_boxes(panel((x0, high, z1), (x1 - x0, 0, 0), (0, 0, z0 - z1), material, step)))

    def asphalt(self) -> int:
        return self.kit.of(
            "asphalt", patterns.asphalt, ((0.3, 0.3, 0.31), (0.24, 0.24, 0.25), (0.38, 0.37, 0.36)), 2.2, 0.25
        )

    def paving(self) -> int:
        return self.kit.of(
            "paving", patterns.slabs, ((0.58, 0.56, 0.53), (0.5, 0.5, 0.5), (0.62, 0.52, 0.45)), 1.8, 0.2
        )

    def white(self) -> int:
        return self.kit.own("marking", lambda own: patterns.concrete(own, np.array([0.82, 0.82, 0.8], np.float32)), 2.0)

    def lawn(self) -> int:
        return self.kit.of("lawn", patterns.grass, ((0.28, 0.38, 0.14), (0.34, 0.4, 0.18), (0.4, 0.4, 0.2)), 2.4)


def draw_weather(dice: Dice, radius: float) -> Light:
    """Sun or cloud."""
    if dice.chance("cloudy", 0.35):
        return Light((0.78, 0.8, 0.84), (0.34, 0.33, 0.31), reach=2.5, shadow_radius=radius)
    turn, height = dice.uniform("azimuth", 0, 2 * math.pi), dice.uniform("elevation", 0.35, 1.5)
    low = max(0.0, 1 - height)
    colour = (1.25, 1.2 - 0.25 * low, 1.08 - 0.5 * low)
    return Light(
        (0.36, 0.42, 0.54), (0.24, 0.22, 0.19), (), (math.cos(turn), height, math.sin(turn)), colour, 2.5, radius
    )


def house(kit: Kit, dice: Dice, bays: int, storeys: int) -> Solid:
    """A house whose front is at z = 0, facing +z; x about 0."""
    which = dice.whole("which", 0, 4)
    front = kit.own(f"house {which}", prospects.house_wall, (2 * BAY_METRES, 2 * STOREY_METRES))
    wide, high, deep = bays * BAY_METRES, storeys * STOREY_METRES, 9.0
    side = kit.of("gable", patterns.bricks, ((0.5, 0.3, 0.24), (0.62, 0.56, 0.5)), 1.6)
    tiles = kit.of(f"roof {which % 2}", patterns.roof, ((0.5, 0.25, 0.18), (0.3, 0.3, 0.32), (0.4, 0.3, 0.25)), 3.0)
    parts = []
    ground = STOREY_METRES if dice.chance("shop", 0.5) else 0.0
    if ground:
        shop = kit.own(f"shop {dice.whole('sort', 0, 2)}", prospects.shop, (2 * BAY_METRES, STOREY_METRES))
        parts.append(panel((-wide / 2, 0, 0), (wide, 0, 0), (0, ground, 0), shop, 1.2))
        if dice.chance("awning", 0.4):
            cloth = kit.of("awning", patterns.weave, BRIGHT, 1.6)
            parts.append(panel((-wide / 2 + 0.4, 2.35, 1.1), (wide - 0.8, 0, 0), (0, 0.5, -1.1), cloth, 1.2))
    else:
        door = kit.own(
            "house door", lambda own: prospects.door(own, patterns.colour(own, "tone", BRIGHT)), (1.0, 2.2), 0.3
        )
        parts.append(
            without_boxes(box((1.1, 2.25, 0.06), (-wide / 2 + BAY_METRES, 1.12, 0.03), side, {"front": door}, step=1.2))
        )
        parts.append(
            box(
                (1.6, 0.16, 0.5),
                (-wide / 2 + BAY_METRES, 0.08, 0.25),
                kit.of("step", patterns.concrete, ((0.6, 0.6, 0.58),), 1.0),
            )
        )
    parts.append(panel((-wide / 2, ground, 0), (wide, 0, 0), (0, high - ground, 0), front, 1.5))
    parts += [
        panel((x * wide / 2, 0, 0 if x > 0 else -deep), (0, 0, -deep if x > 0 else deep), (0, high, 0), side, 1.6)
        for x in (-1, 1)
    ]
    parts.append(
        without_boxes(
            box(
                (wide + 0.2, 0.25, 0.35),
                (0, high, 0.1),
                kit.own("eaves", lambda own: patterns.plain(own, np.array([0.8, 0.78, 0.72], np.float32)), 0.8),
                step=1.5,
            )
        )
    )
    peak = dice.uniform("pitch", 1.8, 3.6)
    parts.append(panel((-wide / 2 - 0.1, high, 0.3), (wide + 0.2, 0, 0), (0, peak, -deep / 2 - 0.3), tiles, 3.0))
    parts.append(panel((wide / 2 + 0.1, high, -deep), (-wide - 0.2, 0, 0), (0, peak, deep / 2), tiles, 3.0))
    if dice.chance("chimney", 0.5):
        parts.append(
            without_boxes(
                box((0.7, 1.6, 0.7), (dice.uniform("chimney x", -0.3, 0.3) * wide, high + peak, -deep / 2), side)
            )
        )
    solid = join([without_boxes(part) for part in parts])
    filled = np.array([[0, high / 2, -deep / 2, wide / 2, high / 2, deep / 2 - 0.02, 0]], np.float32)
    return Solid(solid.points, solid.normals, solid.places, solid.triangles, solid.materials, filled)


def close_view(ground: Ground, radius: float, base: int, rows: int = 2) -> None:
    """Ground far out, and houses and trees that close the view."""
    ground.floor((-260, -260, 260, 260), -0.09, base, 16.0)
    count = max(8, round(2 * math.pi * radius / (13 if rows > 1 else 26)))
    for at in range(rows * count):
        own = ground.dice.child("far", at)
        angle = 2 * math.pi * (at + own.uniform("angle", -0.2, 0.2)) / count
        away = radius * (1.0 if at < count else own.uniform("away", 1.25, 1.6))
        x, z = away * math.sin(angle), away * math.cos(angle)
        if own.chance("house", 0.55):
            piece = without_boxes(house(ground.kit, own, own.whole("bays", 3, 5), own.whole("storeys", 2, 5)))
            ground.parts.append(put(piece, (x, -0.05, z), math.degrees(angle) + 180))
        else:
            ground.parts.append(without_boxes(put(tree(ground.kit, own, 120), (x * 0.9, -0.05, z * 0.9))))
