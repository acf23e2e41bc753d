"""A furnished room of one of six kinds by seed."""

from __future__ import annotations

from core.engine.dice import Dice
from core.engine.furnishing import FURNISH
from core.engine.kits import Kit
from core.engine.materials import Stock
from core.engine.places import Place
from core.engine.shells import Room, raise_shell
from core.engine.solids import join

KINDS = ("living_room", "bedroom", "office", "kitchen", "corridor", "storehouse")
_SIZES = {
    "living_room": (4.2, 6.5, 4.0, 6.0, 2.4, 2.9),
    "bedroom": (3.4, 4.8, 3.6, 4.8, 2.35, 2.7),
    "office": (5.5, 9.0, 5.0, 8.0, 2.6, 3.1),
    "kitchen": (3.2, 5.2, 3.4, 5.2, 2.4, 2.8),
    "corridor": (1.7, 2.6, 11.0, 18.0, 2.4, 3.0),
    "storehouse": (7.0, 9.5, 10.0, 14.0, 4.0, 5.2),
}
"""Bounds of width, depth and height in metres."""


def build_room(kind: str, dice: Dice) -> Place:
    """A furnished room of this kind."""
    low_w, high_w, low_d, high_d, low_h, high_h = _SIZES[kind]
    stock = Stock()
    room = Room(
        Kit(dice.child("kit"), stock),
        dice,
        dice.uniform("wide", low_w, high_w),
        dice.uniform("deep", low_d, high_d),
        dice.uniform("high", low_h, high_h),
    )
    light = raise_shell(room, kind)
    free, high_corner = FURNISH[kind](room), room.high - 0.25
    solid = join(room.parts)
    x, z = room.wide / 2 - 0.3, room.deep / 2 - 0.3
    side = -1 if dice.chance("corner", 0.5) else 1
    corner = ((side * x, high_corner, -z), (-side * 0.25 * x, 0.5, 0.35 * z))
    return Place(kind, solid, stock, light, free, tuple(room.watch), corner)
