"""Furniture by seed: each piece stands on the ground with its back at z = 0, x about 0, facing +z."""

from __future__ import annotations

from core.engine import patterns, prospects
from core.engine.dice import Dice
from core.engine.fittings import clutter, television
from core.engine.kits import PAINTS, WOODS, Kit
from core.engine.solids import Solid, box, cushion, cylinder, join, put, tilt, without_boxes


def legs(wide: float, deep: float, high: float, material: int, thick: float = 0.05) -> list[Solid]:
    """Four legs under a rectangle whose back is at z = 0."""
    return [
        box((thick, high, thick), (x * (wide / 2 - thick), high / 2, z), material, skip="top bottom")
        for x in (-1, 1)
        for z in (thick, deep - thick)
    ]


def table(kit: Kit, dice: Dice, wide: float, deep: float, high: float) -> Solid:
    """A table, with things on it."""
    wood = kit.wood(dice.pick("wood", ("wood", "second")))
    foot = kit.metal() if dice.chance("metal", 0.4) else wood
    top = box((wide, 0.04, deep), (0, high - 0.02, deep / 2), wood, step=0.3)
    return join([top, *legs(wide, deep, high - 0.04, foot), *clutter(kit, dice, wide, deep, high)])


def chair(kit: Kit, dice: Dice) -> Solid:
    """A dining chair, facing +z."""
    wood, seat = kit.wood("chair"), kit.cloth("chair") if dice.chance("soft", 0.5) else kit.wood("chair")
    back = box((0.42, 0.4, 0.03), (0, 0.72, 0.03), seat)
    posts = [box((0.04, 0.9, 0.04), (x * 0.2, 0.45, 0.03), wood, skip="bottom") for x in (-1, 1)]
    return join(
        [cushion((0.46, 0.07, 0.44), (0, 0.44, 0.24), seat, 0.25), back, *posts, *legs(0.44, 0.44, 0.42, wood, 0.04)]
    )


def office_chair(kit: Kit) -> Solid:
    """A swivel chair."""
    cloth, metal = kit.cloth("office chair"), kit.metal()
    stem = [put(cylinder(0.03, 0.4, metal, 8), (0, 0.08, 0.25))]
    star = [put(box((0.05, 0.05, 0.6), (0, 0.06, 0), metal), (0, 0, 0.25), 72.0 * at) for at in range(3)]
    back = tilt(cushion((0.46, 0.6, 0.09), (0, 0.3, 0), cloth, 0.4), -8)
    return join([cushion((0.5, 0.1, 0.48), (0, 0.48, 0.27), cloth, 0.4), put(back, (0, 0.55, 0.06)), *stem, *star])


def sofa(kit: Kit, dice: Dice, seats: int) -> Solid:
    """A sofa, or an armchair for one."""
    cloth, wide = kit.cloth("sofa"), 0.3 + 0.62 * seats
    parts = [
        box((wide, 0.26, 0.8), (0, 0.21, 0.45), cloth, step=0.3),
        cushion((wide, 0.62, 0.26), (0, 0.5, 0.15), cloth, 0.3, 18),
    ]
    parts += [cushion((0.2, 0.5, 0.86), (side * (wide / 2 - 0.08), 0.36, 0.46), cloth, 0.35) for side in (-1, 1)]
    for at in range(seats):
        x = (at - (seats - 1) / 2) * 0.62
        parts.append(cushion((0.6, 0.2, 0.66), (x, 0.42, 0.5), cloth, 0.35))
        if dice.chance(f"pillow {at}", 0.6):
            pillow = tilt(cushion((0.4, 0.36, 0.15), (0, 0, 0), kit.cloth("pillow"), 0.6), -18)
            parts.append(
                put(pillow, (x + dice.uniform(f"px {at}", -0.1, 0.1), 0.66, 0.34), dice.uniform(f"py {at}", -25, 25))
            )
    return join(parts)


def bookshelf(kit: Kit, dice: Dice) -> Solid:
    """Shelves with rows of books and things."""
    wide, rows = dice.uniform("wide", 0.7, 1.5), dice.whole("rows", 3, 6)
    wood, deep, gap = kit.wood("shelf"), 0.3, 0.36
    high = rows * gap + 0.05
    parts = [box((0.025, high, deep), (side * wide / 2, high / 2, deep / 2), wood) for side in (-1, 1)]
    parts.append(box((wide, high, 0.02), (0, high / 2, 0.01), wood, skip="back"))
    parts += [box((wide, 0.025, deep), (0, 0.02 + row * gap, deep / 2), wood) for row in range(rows + 1)]
    for row in range(rows):
        own = dice.child("row", row)
        low = 0.033 + row * gap
        if own.chance("things", 0.25):
            parts += clutter(kit, own, wide, deep, low)
            continue
        material = kit.own(f"books {own.whole('which', 0, 1)}", prospects.books, (1.1, 0.33))
        row_wide, row_high = wide * own.uniform("fill", 0.6, 0.97), own.uniform("high", 0.24, 0.3)
        left = -wide / 2 + 0.015 if own.chance("left", 0.5) else wide / 2 - 0.015 - row_wide
        back = own.uniform("depth", 0.17, 0.25)
        parts.append(
            box(
                (row_wide, row_high, back),
                (left + row_wide / 2, low + row_high / 2, back / 2 + 0.02),
                wood,
                {"front": material},
            )
        )
    return join(parts)


def cupboard(kit: Kit, dice: Dice, wide: float, high: float, deep: float = 0.45) -> Solid:
    """A closed cupboard, sideboard or wardrobe."""
    columns, rows = max(1, round(wide / 0.5)), max(1, round(high / 1.1)) if high > 1.2 else dice.whole("rows", 1, 3)
    body = kit.wood("cupboard")
    name = f"front {columns} {rows}"
    tones = WOODS if dice.chance("wooden", 0.5) else PAINTS
    front = kit.own(
        name,
        lambda own: prospects.fronts(own, patterns.colour(own, "tone", tones), columns, rows),
        (wide, high - 0.06),
        0.4,
    )
    shell = box((wide, high - 0.06, deep), (0, high / 2 + 0.03, deep / 2), body, {"front": front}, step=0.3)
    return join([shell, box((wide - 0.06, 0.06, deep - 0.05), (0, 0.03, deep / 2 - 0.02), kit.metal())])


def desk(kit: Kit, dice: Dice) -> Solid:
    """A desk with screens, papers, and a chair before it."""
    wide = dice.uniform("wide", 1.2, 1.8)
    wood, metal = kit.wood("desk"), kit.metal()
    parts = [box((wide, 0.03, 0.75), (0, 0.725, 0.375), wood, step=0.3), *legs(wide, 0.75, 0.71, metal)]
    count = 2 if wide > 1.5 and dice.chance("two", 0.6) else 1
    for at in range(count):
        own = dice.child("screen", at)
        parts.append(
            put(television(kit, own, 0.56), ((at - (count - 1) / 2) * 0.6, 0.74, 0.05), own.uniform("yaw", -12, 12))
        )
    dark = kit.stock.named["casing"]
    parts.append(without_boxes(box((0.42, 0.02, 0.14), (0, 0.75, 0.46), dark)))
    paper = kit.own("paper", prospects.poster, (0.21, 0.297))
    parts.append(
        without_boxes(
            put(box((0.21, 0.01, 0.297), (0, 0.745, 0), paper), (wide * 0.33, 0, 0.45), dice.uniform("sheet", -30, 30))
        )
    )
    parts += clutter(kit, dice, wide, 0.5, 0.74)
    if dice.chance("drawers", 0.6):
        parts.append(put(cupboard(kit, dice, 0.4, 0.6, 0.55), (wide / 2 - 0.3, 0, 0.1)))
    return join(
        [*parts, put(office_chair(kit), (dice.uniform("cx", -0.15, 0.15), 0, 1.2), 180 + dice.uniform("cy", -50, 50))]
    )


def bed(kit: Kit, dice: Dice) -> Solid:
    """A made bed, its head at the wall."""
    wide, wood = dice.uniform("wide", 1.0, 1.8), kit.wood("bed")
    parts = [
        box((wide + 0.08, 0.28, 2.05), (0, 0.2, 1.03), wood, step=0.35),
        box((wide + 0.1, 0.95, 0.06), (0, 0.48, 0.03), wood, step=0.3),
    ]
    parts.append(cushion((wide, 0.24, 2.0), (0, 0.43, 1.03), kit.cloth("sheet"), 0.16, 20))
    parts.append(cushion((wide + 0.1, 0.26, 1.4), (0, 0.46, 1.36), kit.cloth("duvet"), 0.2, 20))
    pillow = tilt(cushion((0.62, 0.16, 0.42), (0, 0, 0), kit.cloth("pillow"), 0.55), -14)
    parts += [put(pillow, (side * wide * 0.25, 0.62, 0.33)) for side in ((-1, 1) if wide > 1.3 else (0,))]
    return join(parts)
