"""A street between houses by seed, and the choice among places in the open."""

from __future__ import annotations

from core.engine import patterns
from core.engine.cars import parked_car
from core.engine.dice import Dice
from core.engine.greenery import bin_or_box, sign_post, street_lamp, tree
from core.engine.grounds import BAY_METRES, Ground, close_view, draw_weather, house
from core.engine.kits import Kit
from core.engine.materials import Stock
from core.engine.places import Lane, Place
from core.engine.solids import box, join, put, without_boxes
from core.engine.squares import build_parking, build_square

KINDS = ("street", "square", "parking")


def build_open(kind: str, dice: Dice) -> Place:
    """A place in the open of this kind."""
    ground = Ground(Kit(dice.child("kit"), Stock()), dice)
    if kind == "street":
        return _street(ground)
    return build_square(ground) if kind == "square" else build_parking(ground)


def _street(ground: Ground) -> Place:
    """A street along z: road, pavements, houses on both sides, parked cars, trees, lamps."""
    kit, dice = ground.kit, ground.dice
    start, end = -24.0, 96.0
    half, walk = dice.uniform("road", 3.1, 4.0), dice.uniform("pavement", 2.4, 4.0)
    parking = 2.1 if dice.chance("parked", 0.8) else 0.0
    kerb = half + parking
    ground.floor((-kerb, start, kerb, end), 0.0, ground.asphalt(), 1.3)
    for at in range(int((end - start) / 6)):
        ground.floor((-0.07, start + 6 * at, 0.07, start + 6 * at + 3), 0.006, ground.white(), 1.2)
    stone = kit.of("kerb", patterns.concrete, ((0.6, 0.59, 0.57),), 1.2)
    for side in (-1, 1):
        low, high = sorted((side * kerb, side * (kerb + walk)))
        ground.floor((low, start, high, end), 0.12, ground.paving(), 1.2)
        ground.parts.append(
            without_boxes(
                box(
                    (0.16, 0.13, end - start),
                    (side * (kerb + 0.0), 0.065, (start + end) / 2),
                    stone,
                    skip="bottom back front",
                    step=1.3,
                )
            )
        )
        _row_of_houses(ground, side, kerb + walk, start, end)
        _line_pavement(ground, side, kerb, (start, end), parking > 0)
    close_view(ground, 118.0, ground.lawn(), rows=1)
    for z, yaw in ((end + 4, 180.0), (start - 4, 0.0)):
        ground.parts.append(put(house(kit, dice.child("end", int(z)), 10, 3), (0, 0, z), yaw))
    lanes = (Lane(-half / 2, start, end, 1), Lane(half / 2, start, end, -1))
    if dice.chance("right hand", 0.5):
        lanes = (Lane(half / 2, start, end, 1), Lane(-half / 2, start, end, -1))
    inner, outer = kerb + 0.75, kerb + walk - 0.55
    free = ((inner, start + 14, outer, 40.0), (-outer, start + 14, -inner, 40.0))
    corner = ((kerb + walk - 0.4, dice.uniform("mast", 3.6, 5.5), 0.0), (-1.5, 0.2, 9.0))
    ground.watch += [
        (0.0, 1.5, 30.0),
        (0.0, 1.4, 14.0),
        (kerb + walk, 2.2, 12.0),
        (-kerb - walk, 2.0, 16.0),
        (0.0, 1.5, -10.0),
    ]
    return Place(
        "street",
        join(ground.parts),
        kit.stock,
        draw_weather(dice, 42.0),
        free,
        tuple(ground.watch),
        corner,
        lanes,
        free,
        outdoors=True,
    )


def _row_of_houses(ground: Ground, side: int, edge: float, start: float, end: float) -> None:
    z, number = start, 0
    while z < end:
        own = ground.dice.child(f"row {side}", number)
        bays = own.whole("bays", 2, 5)
        wide = bays * BAY_METRES
        if own.chance("gap", 0.12):
            ground.parts.append(put(tree(ground.kit, own, 120), (side * (edge + 4), 0.0, z + 2.5)))
            z += 5.0
        piece = house(ground.kit, own, bays, own.whole("storeys", 2, 4))
        back = edge + (own.uniform("back", 0.2, 0.9) if own.chance("set back", 0.3) else 0.0)
        ground.parts.append(put(piece, (side * back, 0.1, z + wide / 2), -90.0 * side))
        z, number = z + wide, number + 1


def _line_pavement(ground: Ground, side: int, kerb: float, reach: tuple[float, float], parking: bool) -> None:
    """Cars at the kerb; trees, lamps, bins on the pavement."""
    kit = ground.kit
    for at in range(int((reach[1] - reach[0]) / 6.0)):
        own = ground.dice.child(f"kerb {side}", at)
        z = reach[0] + 6.0 * at + 3.0
        if parking and own.chance("car", 0.6):
            ground.parts.append(
                put(parked_car(kit, own), (side * (kerb - 1.05), 0, z), 0.0 if own.chance("turned", 0.5) else 180.0)
            )
        x = side * (kerb + 0.38)
        if at % 3 == 0 and ground.dice.chance("trees", 0.6):
            ground.parts.append(put(tree(kit, own), (x, 0.12, z + 2.4)))
        elif at % 4 == 1:
            ground.parts.append(put(street_lamp(kit), (x, 0.12, z + 2.2), -90.0 * side))
        elif own.chance("thing", 0.5):
            piece = sign_post(kit, own) if own.chance("sign", 0.4) else bin_or_box(kit, own)
            ground.parts.append(put(piece, (x, 0.12, z + 2.2), own.pick("yaw", (0.0, 180.0))))
