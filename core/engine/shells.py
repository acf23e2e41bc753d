"""Rooms before they are furnished, by seed: floor, walls with windows and doors, lamps."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from core.engine import fittings, patterns, prospects
from core.engine.daylight import Lamp, Light
from core.engine.dice import Dice
from core.engine.kits import PAINTS, WOODS, Kit
from core.engine.places import Spot
from core.engine.solids import Solid, box, cushion, join, panel, picture, put, wall, without_boxes


@dataclass
class Room:
    """A room while it is built; x and z about 0, the ground at y = 0."""

    kit: Kit
    dice: Dice
    wide: float
    deep: float
    high: float
    parts: list[Solid] = field(default_factory=list)
    watch: list[Spot] = field(default_factory=list)
    lamps: list[Lamp] = field(default_factory=list)
    sides: tuple[bool, bool, bool, bool] = (False, False, False, False)
    """Which walls have windows: back, right, front, left."""

    def length(self, side: int) -> float:
        return self.wide if side % 2 == 0 else self.deep

    def against(self, side: int, piece: Solid, along: float, gap: float = 0.0) -> None:
        """Puts a piece with its back to wall 0 (low z), 1 (high x), 2 (high z) or 3 (low x)."""
        yaw = (0.0, -90.0, 180.0, 90.0)[side]
        back = (self.deep if side % 2 == 0 else self.wide) / 2 - gap
        offset = ((along, 0, -back), (back, 0, along), (-along, 0, back), (-back, 0, -along))[side]
        placed = put(piece, offset, yaw)
        self.parts.append(placed)
        low, high = placed.points.min(0), placed.points.max(0)
        x, y, z = (float(value) for value in (low + high) / 2)
        self.watch.append((x, min(y, 1.5), z))


_WALLS = (
    (0.86, 0.84, 0.79), (0.9, 0.9, 0.88), (0.7, 0.75, 0.74), (0.8, 0.72, 0.6), (0.62, 0.68, 0.75), (0.85, 0.78, 0.74),
    (0.55, 0.6, 0.52), (0.76, 0.76, 0.78), (0.72, 0.5, 0.42),
)  # fmt: skip
_FLOORS = {
    "living_room": ("planks", "carpet", "planks"), "bedroom": ("planks", "carpet"), "office": ("carpet", "carpet", "concrete"),
    "kitchen": ("tiles", "planks", "tiles"), "corridor": ("tiles", "carpet", "planks", "concrete"), "storehouse": ("concrete",),
}  # fmt: skip
_FLOOR_TONES = {
    "planks": WOODS, "carpet": ((0.45, 0.45, 0.47), (0.35, 0.37, 0.42), (0.6, 0.54, 0.46), (0.4, 0.25, 0.22), (0.3, 0.36, 0.33)),
    "tiles": ((0.75, 0.72, 0.67), (0.6, 0.52, 0.44), (0.85, 0.84, 0.82), (0.4, 0.4, 0.41)),
    "concrete": ((0.52, 0.51, 0.49), (0.42, 0.43, 0.44)),
}  # fmt: skip


def raise_shell(room: Room, kind: str) -> Light:
    """Floor, ceiling, walls with windows and a door, lamps; the light that comes of them."""
    kit, dice, wide, deep, high = room.kit, room.dice, room.wide, room.deep, room.high
    floor = dice.pick("floor", _FLOORS[kind])
    span = {"planks": 1.3, "carpet": 1.0, "tiles": 1.2, "concrete": 2.2}[floor]
    ground = kit.of(
        "floor",
        getattr(patterns, floor),
        _FLOOR_TONES[floor],
        span,
        {"planks": 0.7, "tiles": 1.0, "carpet": 0.0, "concrete": 0.5}[floor],
    )
    paper = (
        patterns.bricks
        if kind == "storehouse" and dice.chance("brick", 0.6)
        else patterns.wallpaper
        if kind in ("living_room", "bedroom") and dice.chance("paper", 0.4)
        else patterns.plaster
    )
    tones = _WALLS if paper is not patterns.bricks else ((0.55, 0.3, 0.22), (0.7, 0.66, 0.6))
    sides = [kit.of("wall", paper, tones, 1.2)] * 4
    if dice.chance("accent", 0.35):
        sides[dice.whole("accent side", 0, 3)] = kit.of("accent", patterns.plaster, _WALLS, 1.2)
    ceiling = kit.of("ceiling", patterns.plaster, ((0.92, 0.92, 0.9), (0.86, 0.86, 0.85)), 1.5)
    step = 0.3 if kind != "storehouse" else 0.5
    room.parts.append(without_boxes(panel((-wide / 2, 0, deep / 2), (wide, 0, 0), (0, 0, -deep), ground, step)))
    room.parts.append(without_boxes(panel((-wide / 2, high, -deep / 2), (wide, 0, 0), (0, 0, deep), ceiling, 0.5)))
    slab = np.array(
        [[0, -0.2, 0, wide / 2, 0.2, deep / 2, 0], [0, high + 0.2, 0, wide / 2, 0.2, deep / 2, 0]], np.float32
    )
    room.parts[-1] = replace(room.parts[-1], boxes=slab)
    has_window = [kind not in ("corridor", "storehouse") and dice.chance(f"window {side}", 0.45) for side in range(4)]
    if not any(has_window) and kind not in ("corridor", "storehouse"):
        has_window[dice.whole("window side", 0, 3)] = True
    if kind == "corridor":
        has_window[0] = dice.chance("end window", 0.5)
    room.sides = (has_window[0], has_window[1], has_window[2], has_window[3])
    for side in range(4):
        _raise_wall(room, side, sides[side], has_window[side], kind)
    return _lights(room, kind)


def _raise_wall(room: Room, side: int, material: int, window: bool, kind: str) -> None:
    kit, dice, length = room.kit, room.dice.child("wall", side), room.length(side)
    holes: list[tuple[float, float, float, float]] = []
    if window:
        count = 1 if length < 4 or dice.chance("one", 0.5) else 2
        size = min(dice.uniform("wide", 1.0, 2.2), length / count - 0.7)
        low, top = dice.pick("low", (0.85, 0.9, 0.3)), room.high - dice.uniform("top", 0.25, 0.5)
        for at in range(count):
            middle = (at - (count - 1) / 2) * length / count
            holes.append((middle - size / 2, middle + size / 2, low, top))
    step = 0.35 if kind != "storehouse" else 0.6
    pieces = [wall(length, room.high, holes, material, step)]
    white = kit.own("trim", lambda own: patterns.plain(own, np.array([0.88, 0.87, 0.85], np.float32)), 0.6, 0.3)
    for left, right, low, top in holes:
        pieces.append(_window(kit, dice, (left, right, low, top), white))
        if low > 0.6 and dice.chance("radiator", 0.7):
            pieces.append(put(fittings.radiator(kit), ((left + right) / 2, 0, 0)))
    pieces.append(box((length, 0.09, 0.015), (0, 0.045, 0.0075), white, skip="back bottom", step=0.7))
    doors = kind == "corridor" and side % 2 == 1
    if doors or (not window and dice.chance("door", 0.6 if kind != "storehouse" else 0.3)):
        leaf = kit.own(
            "door", lambda own: prospects.door(own, patterns.colour(own, "tone", (*WOODS, *PAINTS))), (0.86, 2.04), 0.3
        )
        places = [(at + 0.5) * 3.2 - length / 2 for at in range(int(length / 3.2))] if doors else [length / 2 - 0.75]
        for at in places:
            pieces += [picture(0.86, 2.04, (at, 1.02, 0.012), leaf), *_frame(white, at)]
            if doors and room.dice.chance("plates", 0.6):
                sign = kit.own("sign", prospects.poster, (0.25, 0.18))
                pieces.append(picture(0.25, 0.18, (at + 0.75, 1.55, 0.01), sign))
    elif not window and kind not in ("storehouse",):
        for at in range(dice.whole("pictures", 1, 3)):
            _hang(room, dice.child("picture", at), pieces, length, at)
    piece = join(pieces)
    yaw = (0.0, -90.0, 180.0, 90.0)[side]
    back = (room.deep if side % 2 == 0 else room.wide) / 2
    offset = ((0, 0, -back), (back, 0, 0), (0, 0, back), (-back, 0, 0))[side]
    room.parts.append(put(piece, offset, yaw))
    middle = np.asarray(offset) * 0.98
    room.watch.append((float(middle[0]), 1.3, float(middle[2])))


def _frame(material: int, at: float) -> list[Solid]:
    return [without_boxes(box((0.08, 2.1, 0.03), (at + x * 0.47, 1.05, 0.015), material)) for x in (-1, 1)] + [
        without_boxes(box((1.02, 0.08, 0.03), (at, 2.09, 0.015), material))
    ]


def _hang(room: Room, dice: Dice, pieces: list[Solid], length: float, number: int) -> None:
    """A framed picture on the wall."""
    wide, high = min(dice.uniform("wide", 0.35, 0.9), 0.24 * length), dice.uniform("high", 0.35, 0.8)
    name = f"picture {room.dice.whole('pictures seed', 0, 99)} {number} {len(room.watch)}"
    shown = room.kit.own(name, prospects.poster, (wide, high), 0.3)
    dark = room.kit.wood("frame")
    x = ((number + 0.5) / 3 - 0.5 + dice.uniform("x", -0.03, 0.03)) * 0.85 * length
    pieces.append(without_boxes(box((wide + 0.02, high + 0.02, 0.025), (x, 1.55, 0.0125), dark, {"front": shown})))


def _window(kit: Kit, dice: Dice, hole: tuple[float, float, float, float], trim: int) -> Solid:
    """Reveal, bars, sill, curtains, and what is seen far outside."""
    left, right, low, top = hole
    wide, high, x, y = right - left, top - low, (left + right) / 2, (low + top) / 2
    parts = [box((0.05, high, 0.2), (edge, y, -0.1), trim) for edge in (left, right)]
    parts += [box((wide, 0.05, 0.2), (x, top, -0.1), trim), box((wide + 0.16, 0.04, 0.3), (x, low, -0.02), trim)]
    bars = dice.whole("bars", 1, 3)
    parts += [box((0.04, high, 0.04), (left + wide * (at + 1) / (bars + 1), y, -0.15), trim) for at in range(bars)]
    if dice.chance("cross", 0.5):
        parts.append(box((wide, 0.04, 0.04), (x, low + 0.65 * high, -0.15), trim))
    view = kit.own("outlook", prospects.outlook, (22.0, 11.0), 0.0, dice.uniform("bright", 1.1, 1.7))
    far = put(picture(22.0, 11.0, (x, 2.2, -7.0), view, 4.0))
    if dice.chance("curtains", 0.65):
        cloth = kit.cloth("curtain")
        for edge, way in ((left, -1), (right, 1)):
            for fold in range(5):
                parts.append(
                    box(
                        (0.075, high + 0.5, 0.05 + 0.03 * (fold % 2)),
                        (edge + way * (0.02 + 0.07 * fold), y - 0.1, 0.07),
                        cloth,
                    )
                )
    return join([*(without_boxes(part) for part in parts), far])


def _lights(room: Room, kind: str) -> Light:
    """Windows shine in, ceiling lamps hang; the sun may reach in."""
    dice, high = room.dice.child("light"), room.high
    warm = (1.0, dice.uniform("green", 0.86, 0.97), dice.uniform("blue", 0.66, 0.95))
    day = dice.uniform("day", 0.5, 1.0) if any(room.sides) else 0.0
    lamps: list[Lamp] = []
    for side in range(4):
        if room.sides[side]:
            back = (room.deep if side % 2 == 0 else room.wide) / 2
            inward = ((0, 0, 1), (-1, 0, 0), (0, 0, -1), (1, 0, 0))[side]
            place = tuple(-0.93 * back * axis if index != 1 else 1.5 for index, axis in enumerate(inward))
            strength = 3.2 * day
            lamps.append(
                Lamp(
                    (place[0], place[1], place[2]),
                    (0.95 * strength, strength, 1.08 * strength),
                    0.45,
                    (float(inward[0]), 0.0, float(inward[2])),
                )
            )
    glow = room.kit.own(
        "glow", lambda own: patterns.plain(own, np.array([0.97, 0.96, 0.92], np.float32)), 1.0, 0.0, 1.9
    )
    if kind in ("corridor", "storehouse", "office"):
        count = max(2, round(room.deep / (3.0 if kind != "storehouse" else 4.5)))
        for at in range(count):
            z = ((at + 0.5) / count - 0.5) * room.deep
            room.parts.append(without_boxes(box((min(1.2, room.wide * 0.5), 0.05, 0.3), (0, high - 0.04, z), glow)))
        for at in range(min(count, 4)):
            z = ((at + 0.5) / min(count, 4) - 0.5) * room.deep
            strength = (1.6 if kind != "storehouse" else 6.0) * (0.55 + 0.45 * (1 - day))
            lamps.append(
                Lamp((0.0, high - 0.15, z), (warm[0] * strength, warm[1] * strength, warm[2] * strength), 0.35)
            )
    elif dice.chance("lit", 0.75) or day == 0:
        x, z, drop = dice.uniform("x", -0.4, 0.4), dice.uniform("z", -0.4, 0.4), dice.uniform("drop", 0.15, 0.5)
        room.parts.append(without_boxes(cushion((0.36, 0.2, 0.36), (x, high - drop, z), glow, 1.0)))
        strength = dice.uniform("lamp", 1.2, 2.4)
        lamps.append(
            Lamp((x, high - drop - 0.15, z), (warm[0] * strength, warm[1] * strength, warm[2] * strength), 0.2)
        )
    base = dice.uniform("base", 0.26, 0.42)
    above, below = (
        (base * warm[0], base * warm[1], base * (0.3 + 0.7 * warm[2])),
        (0.8 * base * warm[0], 0.74 * base * warm[1], 0.62 * base * warm[2]),
    )
    sun, colour = _let_sun_in(room, dice)
    return Light(above, below, tuple(lamps), sun, colour, 1.4, 0.75 * max(room.wide, room.deep) + 0.5)


def _let_sun_in(room: Room, dice: Dice) -> tuple[tuple[float, float, float] | None, tuple[float, float, float]]:
    """Where the sun stands if it shines through a window, and its colour."""
    open_sides = [side for side in range(4) if room.sides[side]]
    if not open_sides or not dice.chance("sun", 0.5):
        return None, (0.0, 0.0, 0.0)
    way = ((0, 0, -1), (1, 0, 0), (0, 0, 1), (-1, 0, 0))[dice.pick("sun side", open_sides)]
    slant, height = dice.uniform("slant", -0.7, 0.7), dice.uniform("height", 0.45, 1.1)
    return (way[0] + slant * abs(way[2]), height, way[2] + slant * abs(way[0])), (2.6, 2.35, 1.95)
