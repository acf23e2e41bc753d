"""What is fitted or plugged in, by seed: kitchens, fridges, screens, lamps, radiators, storehouse racks, plants, small things."""

from __future__ import annotations

import numpy as np

from core.engine import patterns, prospects
from core.engine.dice import Dice
from core.engine.kits import PAINTS, WOODS, Kit
from core.engine.solids import Solid, box, cushion, cylinder, join, picture, put, stretch, tilt, turned, without_boxes


def clutter(kit: Kit, dice: Dice, wide: float, deep: float, high: float) -> list[Solid]:
    """Small things on a surface: mugs, bowls, books, bottles."""
    found: list[Solid] = []
    for at in range(dice.whole("things", 1, 4)):
        own = dice.child("thing", at)
        x, z = own.uniform("x", -0.4, 0.4) * wide, own.uniform("z", 0.2, 0.8) * deep
        kind, tone = own.pick("kind", ("mug", "books", "bottle", "bowl")), kit.bright(own.whole("tone", 0, 3))
        if kind == "books":
            size = (own.uniform("w", 0.14, 0.22), 0.035, own.uniform("d", 0.18, 0.26))
            stack = [
                box(size, (0, 0.018 + 0.036 * level, 0), kit.bright(own.whole(f"t{level}", 0, 3)))
                for level in range(own.whole("n", 1, 3))
            ]
            found.append(
                put(
                    join([put(one, yaw_degrees=own.uniform(f"y{i}", -20, 20)) for i, one in enumerate(stack)]),
                    (x, high, z),
                )
            )
        elif kind == "mug":
            found.append(put(cylinder(0.042, 0.1, tone, 10), (x, high, z)))
        elif kind == "bottle":
            found.append(
                put(
                    turned([(0.035, 0), (0.037, 0.15), (0.03, 0.19), (0.012, 0.23), (0.012, 0.28)], 9, tone),
                    (x, high, z),
                )
            )
        else:
            found.append(
                put(
                    turned([(0.04, 0), (0.1, 0.04), (0.13, 0.085), (0.115, 0.08), (0.03, 0.03)], 12, tone), (x, high, z)
                )
            )
    return [without_boxes(one) for one in found]


def television(kit: Kit, dice: Dice, wide: float) -> Solid:
    """A television or monitor on its foot, standing at height 0."""
    high, dark = (
        wide * 0.58,
        kit.own("casing", lambda own: patterns.plain(own, np.array([0.06, 0.06, 0.07], np.float32)), 0.5, 1.0),
    )
    lit = kit.own(f"screen {dice.whole('which', 0, 1)}", prospects.screen, (wide - 0.03, high - 0.03), 0.5, 0.75)
    casing = box((wide, high, 0.04), (0, high / 2 + 0.1, 0.15), dark)
    shown = picture(wide - 0.03, high - 0.03, (0, high / 2 + 0.1, 0.172), lit)
    return join(
        [
            casing,
            shown,
            box((wide * 0.3, 0.02, 0.2), (0, 0.01, 0.15), dark),
            box((0.05, 0.1, 0.03), (0, 0.06, 0.15), dark),
        ]
    )


def radiator(kit: Kit) -> Solid:
    """A panel under a window."""
    return join(
        [
            box((1.0, 0.55, 0.09), (0, 0.4, 0.07), kit.paint("radiator")),
            *(box((0.03, 0.5, 0.02), (-0.46 + 0.092 * at, 0.4, 0.12), kit.paint("radiator")) for at in range(11)),
        ]
    )


def worktop_run(kit: Kit, dice: Dice, wide: float) -> Solid:
    """A kitchen along a wall: base units, worktop, splash tiles, wall units, hood, tap and hob."""
    columns = max(2, round(wide / 0.6))
    tone = WOODS if dice.chance("wooden", 0.35) else PAINTS
    front = kit.own(
        "kitchen front", lambda own: prospects.fronts(own, patterns.colour(own, "tone", tone), 2, 1), (1.2, 0.8), 0.5
    )
    top = kit.of(
        "worktop",
        patterns.concrete if dice.chance("stone", 0.5) else patterns.wood,
        ((0.3, 0.3, 0.3), (0.7, 0.68, 0.64), (0.55, 0.38, 0.22)),
        0.9,
        0.8,
    )
    splash = kit.of("splash", patterns.tiles, ((0.88, 0.88, 0.86), (0.55, 0.68, 0.68), (0.75, 0.7, 0.6)), 0.9, 0.8)
    parts = [
        box((wide, 0.8, 0.56), (0, 0.48, 0.28), kit.paint("unit"), {"front": front}, step=0.3),
        box((wide, 0.1, 0.5), (0, 0.05, 0.25), kit.metal()),
    ]
    parts.append(box((wide + 0.02, 0.04, 0.62), (0, 0.9, 0.31), top, step=0.3))
    parts.append(without_boxes(put(picture(wide, 0.52, (0, 1.18, 0), splash, 0.3), (0, 0, 0.008))))
    gap = dice.whole("hood", 0, columns - 1)
    width = wide / columns
    for at in range(columns):
        x = (at - (columns - 1) / 2) * width
        if at == gap:
            hood = kit.metal()
            parts += [
                box((width * 0.95, 0.08, 0.48), (x, 1.5, 0.24), hood),
                box((0.25, 0.8, 0.25), (x, 1.9, 0.13), hood),
            ]
            dark = kit.own(
                "casing", lambda own: patterns.plain(own, np.array([0.06, 0.06, 0.07], np.float32)), 0.5, 1.0
            )
            parts.append(without_boxes(box((width * 0.9, 0.012, 0.5), (x, 0.925, 0.31), dark)))
            parts.append(without_boxes(put(cylinder(0.1, 0.13, hood), (x - 0.1, 0.93, 0.4))))
        else:
            parts.append(
                box((width - 0.005, 0.7, 0.34), (x, 1.8, 0.17), kit.paint("unit"), {"front": front}, step=0.35)
            )
    return join([*parts, *clutter(kit, dice, wide, 0.5, 0.92), *clutter(kit, dice.child("more"), wide, 0.5, 0.92)])


def fridge(kit: Kit, dice: Dice) -> Solid:
    """A tall fridge with notes on its door."""
    high = dice.uniform("high", 1.5, 1.95)
    front = kit.own(
        "fridge",
        lambda own: prospects.fronts(
            own, patterns.colour(own, "tone", ((0.9, 0.9, 0.9), (0.65, 0.66, 0.68), (0.75, 0.3, 0.25))), 1, 2
        ),
        (0.62, high),
        0.8,
    )
    note = kit.own("note", prospects.poster, (0.15, 0.2))
    parts = [box((0.62, high, 0.62), (0, high / 2, 0.31), kit.paint("fridge"), {"front": front}, step=0.35)]
    parts += [
        picture(0.15, 0.2, (dice.uniform(f"nx{at}", -0.2, 0.2), high * 0.55 + 0.22 * at, 0.625), note)
        for at in range(2)
    ]
    return join(parts)


def rack(kit: Kit, dice: Dice, wide: float, high: float) -> Solid:
    """Storehouse shelving filled with cartons, crates and drums."""
    frame = kit.of("rack", patterns.metal, ((0.1, 0.2, 0.5), (0.75, 0.35, 0.1), (0.5, 0.5, 0.5)), 0.5, 0.4)
    beam, deep, rows = (
        kit.of("beam", patterns.metal, ((0.8, 0.4, 0.1), (0.6, 0.6, 0.6)), 0.5, 0.4),
        0.8,
        max(2, int(high / 0.75)),
    )
    gap = high / rows
    parts = [
        box((0.07, high, 0.07), (x, high / 2, z), frame, skip="bottom")
        for x in (-wide / 2, 0.0, wide / 2)
        for z in (0.05, deep - 0.05)
    ]
    for row in range(rows):
        low = 0.1 + row * gap
        parts += [box((wide, 0.08, 0.04), (0, low, z), beam) for z in (0.05, deep - 0.03)]
        parts.append(box((wide, 0.02, deep - 0.1), (0, low + 0.03, deep / 2), kit.wood("pallet")))
        x, at = -wide / 2 + 0.06, 0
        while x < wide / 2 - 0.3:
            own = dice.child(f"carton {row}", at)
            size = own.uniform("w", 0.28, 0.62)
            tall, back = own.uniform("h", 0.2, gap - 0.14), own.uniform("d", 0.45, 0.7)
            if own.chance("there", 0.85) and x + size < wide / 2 - 0.03:
                middle = (x + size / 2, low + 0.04 + tall / 2, 0.06 + back / 2)
                if own.chance("drum", 0.12):
                    parts.append(
                        put(
                            cylinder(size / 2.2, tall, kit.bright(own.whole("tone", 0, 3))),
                            (middle[0], low + 0.04, 0.4),
                        )
                    )
                else:
                    which = own.whole("which", 0, 2)
                    side = (
                        kit.own(f"carton {which}", prospects.carton, (0.45, 0.4))
                        if which < 2
                        else kit.bright(own.whole("tone", 0, 3))
                    )
                    parts.append(box((size, tall, back), middle, side, step=0.7))
            x, at = x + size + own.uniform("gap", 0.01, 0.1), at + 1
    return join(parts)


def lamp(kit: Kit, dice: Dice) -> Solid:
    """A standard lamp with a lit shade."""
    metal, high = kit.metal(), dice.uniform("high", 1.35, 1.7)
    shade = kit.own("shade", lambda own: patterns.weave(own, np.array([0.95, 0.86, 0.68], np.float32)), 0.4, 0.0, 1.1)
    hood = put(turned([(0.2, 0), (0.14, 0.28)], 14, shade), (0, high - 0.1, 0.25))
    return join(
        [
            put(cylinder(0.13, 0.03, metal), (0, 0, 0.25)),
            put(cylinder(0.012, high, metal, 6), (0, 0, 0.25)),
            without_boxes(hood),
        ]
    )


def plant(kit: Kit, dice: Dice) -> Solid:
    """A pot with leaves."""
    pot, leaf = (
        kit.bright(dice.whole("pot", 0, 3)),
        kit.of("leaf", patterns.leaves, ((0.2, 0.4, 0.15), (0.28, 0.42, 0.2)), 0.5),
    )
    high, count = dice.uniform("high", 0.4, 1.1), dice.whole("count", 14, 26)
    parts = [put(turned([(0.11, 0), (0.16, 0.28), (0.13, 0.26)], 12, pot), (0, 0, 0.2))]
    for at in range(count):
        own = dice.child("leaf", at)
        long = high * own.uniform("long", 0.45, 1.0)
        blade = stretch(cushion((0.09, 1.0, 0.02), (0, 0.5, 0), leaf, 1.0, 6), (own.uniform("w", 0.8, 1.6), long, 1))
        bent = put(
            tilt(blade, own.uniform("lean", 8, 62)),
            (0, 0.24 + 0.3 * high * own.share("up"), 0.2),
            own.uniform("yaw", 0, 360),
        )
        parts.append(without_boxes(bent))
    return join(parts)
