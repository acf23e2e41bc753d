"""Which furniture stands where in a room of each kind, by seed."""

from __future__ import annotations

from collections.abc import Callable

from core.engine import fittings, furniture, patterns
from core.engine.dice import Dice
from core.engine.kits import CLOTHS, Kit
from core.engine.places import Free
from core.engine.shells import Room
from core.engine.solids import Solid, join, panel, put, without_boxes

Piece = Callable[[Kit, Dice], Solid]


def _television_set(kit: Kit, dice: Dice) -> Solid:
    return join([furniture.cupboard(kit, dice, 1.5, 0.5), put(fittings.television(kit, dice, 1.1), (0, 0.5, 0.05))])


_ALONG: dict[str, tuple[tuple[float, Piece], ...]] = {
    "living_room": (
        (2.3, lambda kit, dice: furniture.sofa(kit, dice, 3 if dice.chance("three", 0.5) else 2)),
        (1.2, furniture.bookshelf),
        (1.6, _television_set),
        (1.0, lambda kit, dice: furniture.sofa(kit, dice, 1)),
        (0.6, fittings.plant),
        (0.5, fittings.lamp),
        (1.2, lambda kit, dice: furniture.cupboard(kit, dice, 1.1, 0.9)),
    ),
    "bedroom": (
        (2.0, furniture.bed),
        (1.6, lambda kit, dice: furniture.cupboard(kit, dice, 1.5, 2.0, 0.58)),
        (1.5, furniture.desk),
        (0.6, lambda kit, dice: furniture.cupboard(kit, dice, 0.5, 0.5, 0.4)),
        (0.6, fittings.plant),
        (1.2, furniture.bookshelf),
    ),
    "office": (
        (1.9, furniture.desk),
        (1.9, furniture.desk),
        (1.3, furniture.bookshelf),
        (1.1, lambda kit, dice: furniture.cupboard(kit, dice, 1.0, 1.3)),
        (0.6, fittings.plant),
        (1.9, furniture.desk),
    ),
    "kitchen": (
        (0.8, fittings.fridge),
        (1.3, lambda kit, dice: furniture.cupboard(kit, dice, 1.2, 0.9)),
        (0.6, fittings.plant),
        (1.2, furniture.bookshelf),
    ),
}  # fmt: skip


def _line_walls(room: Room, kind: str, first: int = 0) -> None:
    """Pieces along each wall until it is full; what is tall keeps out of windows."""
    pieces = _ALONG[kind]
    number = room.dice.whole("first piece", 0, len(pieces) - 1)
    for side in range(first, 4):
        dice, length = room.dice.child("line", side), room.length(side)
        at = -length / 2 + (0.75 if side else 0.25)
        while True:
            wide, make = pieces[number % len(pieces)]
            own = dice.child("piece", number)
            number += 1
            gap = own.uniform("gap", 0.05, 0.5)
            if at + gap + wide > length / 2 - (1.1 if side != 3 else 0.75):
                break
            piece = make(room.kit, own)
            tall = float(piece.points[:, 1].max())
            if not (room.sides[side] and tall > 1.25):
                room.against(side, piece, at + gap + wide / 2, 0.03)
                at += gap + wide
            else:
                at += gap + 0.3


def _free(room: Room, margin: float) -> tuple[Free, ...]:
    return ((-room.wide / 2 + margin, -room.deep / 2 + margin, room.wide / 2 - margin, room.deep / 2 - margin),)


def _lay_rug(room: Room, x: float, z: float) -> None:
    wide, deep = room.dice.uniform("rug wide", 1.4, 2.4), room.dice.uniform("rug deep", 1.2, 1.8)
    cloth = room.kit.own("rug", lambda own: patterns.rug(own, patterns.colour(own, "rug", CLOTHS, 0.15)), (wide, deep))
    room.parts.append(
        without_boxes(panel((x - wide / 2, 0.012, z + deep / 2), (wide, 0, 0), (0, 0, -deep), cloth, 0.25))
    )


def _furnish_living(room: Room) -> tuple[Free, ...]:
    _line_walls(room, "living_room")
    x, z = room.dice.uniform("tx", -0.5, 0.5), room.dice.uniform("tz", -0.5, 0.5)
    if room.dice.chance("rug", 0.75):
        _lay_rug(room, x, z)
    low = furniture.table(room.kit, room.dice.child("low table"), room.dice.uniform("tw", 0.7, 1.1), 0.55, 0.42)
    room.parts.append(put(low, (x, 0, z), room.dice.uniform("tyaw", -15, 15)))
    room.watch.append((x, 0.5, z))
    return _free(room, 1.0)


def _furnish_bedroom(room: Room) -> tuple[Free, ...]:
    _line_walls(room, "bedroom")
    if room.dice.chance("rug", 0.5):
        _lay_rug(room, 0.3, 0.3)
    return _free(room, 0.9)


def _furnish_office(room: Room) -> tuple[Free, ...]:
    _line_walls(room, "office")
    if room.wide > 6.2 and room.deep > 6:
        for at, z in enumerate((-0.8, 0.85)):
            piece = furniture.desk(room.kit, room.dice.child("island", at))
            room.parts.append(put(piece, (0.3, 0, z * 0.05), 180.0 if at == 0 else 0.0))
        room.watch.append((0.3, 0.9, 0.0))
    return _free(room, 1.2)


def _furnish_kitchen(room: Room) -> tuple[Free, ...]:
    if room.sides[0]:
        wide = room.wide - 0.5
        low = furniture.cupboard(room.kit, room.dice.child("run"), wide, 0.9, 0.6)
        room.against(0, join([low, *fittings.clutter(room.kit, room.dice.child("run"), wide, 0.6, 0.9)]), 0.0, 0.02)
    else:
        room.against(
            0,
            fittings.worktop_run(room.kit, room.dice.child("run"), room.wide - room.dice.uniform("short", 0.1, 0.9)),
            0.0,
        )
    _line_walls(room, "kitchen", 1)
    dice = room.dice.child("dining")
    wide, deep = dice.uniform("wide", 0.9, 1.5), dice.uniform("deep", 0.75, 0.9)
    parts = [furniture.table(room.kit, dice, wide, deep, 0.75)]
    for side in (-1, 1):
        for at in range(2 if wide > 1.2 else 1):
            own = dice.child(f"chair {side}", at)
            x = (at - 0.5) * 0.62 if wide > 1.2 else 0.0
            chair = put(furniture.chair(room.kit, own), (0, 0, -0.5 - own.uniform("back", 0, 0.25)), 0)
            parts.append(put(put(chair, (x, 0, 0)), (0, 0, deep / 2), 0.0 if side < 0 else 180.0))
    room.parts.append(
        put(join(parts), (dice.uniform("x", -0.2, 0.2), 0, dice.uniform("z", 0.0, 0.5)), dice.pick("yaw", (0.0, 90.0)))
    )
    room.watch.append((0.0, 0.8, 0.4))
    return _free(room, 0.85)


def _furnish_corridor(room: Room) -> tuple[Free, ...]:
    for at in range(room.dice.whole("things", 1, 5)):
        own = room.dice.child("thing", at)
        side, along = (
            own.pick("side", (1, 3)),
            (own.whole("bay", 0, int(room.deep / 3.2) - 1) + 1) * 3.2 - room.deep / 2,
        )
        make = own.pick(
            "make",
            (
                fittings.plant,
                furniture.bookshelf,
                furniture.chair,
                lambda kit, dice: furniture.cupboard(kit, dice, 0.8, 1.0, 0.35),
            ),
        )
        if abs(along) < room.deep / 2 - 0.6:
            room.against(side, make(room.kit, own), along, 0.02)
    room.watch += [(0.0, 1.2, room.deep * 0.5), (0.0, 1.2, -room.deep * 0.5), (0.0, 1.0, room.deep * 0.25)]
    return _free(room, 0.62)


def _furnish_storehouse(room: Room) -> tuple[Free, ...]:
    """Racks in rows with aisles along z."""
    high, rows = room.high - room.dice.uniform("air", 0.8, 1.6), max(2, int((room.wide - 1.0) / 3.2))
    pitch = (room.wide - 0.9) / rows
    free: list[Free] = []
    for row in range(rows + 1):
        x = -room.wide / 2 + 0.05 + row * pitch
        for at in range(int((room.deep - 2.5) / 2.9)):
            own = room.dice.child(f"rack {row}", at)
            if own.chance("there", 0.9):
                piece = fittings.rack(room.kit, own, 2.7, high * (0.6 if own.chance("low", 0.15) else 1.0))
                room.parts.append(put(piece, (x, 0, -room.deep / 2 + 2.4 + 2.9 * at), 90.0))
        if row < rows:
            free.append((x + 1.1, -room.deep / 2 + 0.6, x + pitch - 0.3, room.deep / 2 - 0.8))
            room.watch += [
                (x + 0.8 + pitch / 2 - 0.4, 1.2, room.deep * 0.45),
                (x + 0.8, 1.4, 0.0),
                (x + pitch, 1.6, 2.0),
                (x + 0.8 + pitch / 2 - 0.4, 1.2, -room.deep * 0.45),
            ]
    return tuple(free)


FURNISH: dict[str, Callable[[Room], tuple[Free, ...]]] = {
    "living_room": _furnish_living,
    "bedroom": _furnish_bedroom,
    "office": _furnish_office,
    "kitchen": _furnish_kitchen,
    "corridor": _furnish_corridor,
    "storehouse": _furnish_storehouse,
}
