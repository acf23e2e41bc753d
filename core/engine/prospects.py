"""Tiles that show one thing once: posters, book rows, screens, fronts with handles, house walls, views out of windows."""

from __future__ import annotations

import numpy as np

from core.engine.dice import Dice
from core.engine.grain import SIDE, Grey, Tile, cells, cloud, cover, fractal, grid, mix
from core.engine.patterns import Colour, bricks, colour, plain, plaster, wood

_INKS = (
    (0.8, 0.2, 0.15), (0.15, 0.3, 0.6), (0.9, 0.75, 0.2), (0.1, 0.1, 0.12), (0.92, 0.9, 0.85), (0.2, 0.5, 0.35),
    (0.85, 0.5, 0.35), (0.5, 0.65, 0.75), (0.4, 0.2, 0.35),
)  # fmt: skip


def _bar(left: float, right: float, low: float, high: float) -> Grey:
    """Cover of a rectangle given in shares."""
    across, up = grid()
    return cover(np.maximum(np.abs(across - (left + right) / 2) - (right - left) / 2,
                            np.abs(up - (low + high) / 2) - (high - low) / 2))  # fmt: skip


def lines_of_words(dice: Dice, name: str, rows: int) -> Grey:
    """Cover of rows of words too small to read."""
    across, up = grid()
    row = np.floor(up * rows).astype(np.int64)
    letter = cells(dice, name, row * 997 + np.floor(across * rows * 4).astype(np.int64))
    inside = (np.abs(np.mod(up * rows, 1) - 0.5) < 0.24) & (letter > 0.22)
    short = across < 0.55 + 0.4 * cells(dice, f"{name}/short", row)
    return (inside & short).astype(np.float32)


def poster(dice: Dice) -> Tile:
    """A framed picture: landscape, shapes, or a notice with words."""
    across, up = grid()
    first, second, third = (colour(dice, f"ink{at}", _INKS, 0.12) for at in range(3))
    kind = dice.pick("kind", ("landscape", "shapes", "notice", "photo"))
    sheet = mix(first, second, np.clip(up + 0.1 * fractal(dice, "wash", 2), 0, 1))
    if kind == "landscape":
        for at in range(3):
            edge = 0.6 - 0.17 * at + 0.07 * np.roll(fractal(dice, f"hill{at}", 3), 9 * at, 0)[40]
            sheet = mix(sheet, np.clip(third * (0.45 + 0.3 * at), 0, 1), cover(up - edge[None]))
        sun = np.hypot(across - dice.uniform("sun", 0.2, 0.8), up - 0.78) - 0.07
        sheet = mix(sheet, np.array([0.97, 0.93, 0.8], np.float32), cover(sun))
    elif kind == "shapes":
        for at in range(dice.whole("shapes", 3, 8)):
            own = dice.child("shape", at)
            x, y, size = own.uniform("x", 0, 1), own.uniform("y", 0, 1), own.uniform("size", 0.06, 0.3)
            far = (
                np.hypot(across - x, up - y)
                if own.chance("disc", 0.5)
                else np.maximum(abs(across - x), abs(up - y) * 1.6)
            )
            sheet = mix(sheet, colour(own, "ink", _INKS, 0.1), cover(far - size))
    elif kind == "notice":
        sheet = mix(np.array([0.93, 0.92, 0.88], np.float32), first, _bar(0.08, 0.92, 0.62, 0.93))
        sheet = mix(
            sheet,
            np.array([0.15, 0.15, 0.17], np.float32),
            lines_of_words(dice, "words", 24) * _bar(0.1, 0.9, 0.08, 0.56),
        )
    else:
        relief = np.clip(0.5 + 0.25 * fractal(dice, "relief", 3, octaves=5), 0, 1)
        sheet = mix(mix(first * np.float32(0.35), third, relief), second, np.clip(relief * 2 - 1.2, 0, 1))
    frame = 1 - _bar(0.035, 0.965, 0.03, 0.97)
    return mix(sheet, colour(dice, "frame", ((0.1, 0.09, 0.08), (0.85, 0.84, 0.8), (0.45, 0.3, 0.18))), frame)


def books(dice: Dice) -> Tile:
    """A filled shelf: backs of books of many colours, gaps dark."""
    across, up = grid()
    width = 0.35 + 1.3 * cells(dice, "width", np.arange(46))
    edges = np.concatenate(([0], np.cumsum(width)))
    edges /= edges[-1]
    which = np.searchsorted(edges, across[0], side="right") - 1
    left, right = edges[which], edges[which + 1]
    tall = 0.68 + 0.27 * cells(dice, "tall", which)
    inks = np.stack(
        [colour(dice.child("back", at), "ink", (*_INKS, (0.3, 0.22, 0.15), (0.75, 0.7, 0.6)), 0.15) for at in range(46)]
    )
    backs = np.broadcast_to(inks[which][None] * np.float32(0.85), (SIDE, SIDE, 3)).copy()
    middle = (across[0] - left) / (right - left)
    round_ = 0.55 + 0.45 * np.clip(4 * middle * (1 - middle), 0, 1) ** 0.5
    title = (np.abs(up - (0.42 + 0.16 * cells(dice, "title", which))[None]) < 0.11) & (np.abs(middle - 0.5) < 0.24)[
        None
    ]
    band = np.abs(up - 0.12) < 0.018
    pale = np.where(inks[which].mean(1) > 0.5, 0.25, 1.6)[None]
    value = np.where(title | band, pale, 1.0) * round_[None] * (1 + 0.05 * cloud(dice, "fine", 128))
    shown = np.clip(backs * value[..., None], 0.02, 0.95)
    gap = cells(dice, "gap", which)[None] < 0.07
    empty = (up > tall[None]) | gap
    return mix(shown.astype(np.float32), np.array([0.06, 0.05, 0.045], np.float32), empty.astype(np.float32))


def screen(dice: Dice) -> Tile:
    """A monitor or television that is on."""
    dark = dice.chance("dark", 0.5)
    ground, ink = (np.array([0.09, 0.1, 0.13], np.float32), np.array([0.6, 0.66, 0.7], np.float32)) if dark else (
        np.array([0.88, 0.9, 0.93], np.float32), np.array([0.2, 0.22, 0.26], np.float32))  # fmt: skip
    if dice.chance("film", 0.35):
        return poster(dice.child("film"))
    sheet = mix(ground, ink, 0.75 * lines_of_words(dice, "code", 40) * _bar(0.22, 0.78, 0.06, 0.9))
    sheet = mix(sheet, np.clip(ground * 1.5, 0, 1), 0.8 * _bar(0.0, 0.18, 0, 1))
    sheet = mix(sheet, colour(dice, "bar", _INKS), _bar(0, 1, 0.94, 1))
    return mix(sheet, colour(dice, "pane", _INKS), 0.8 * _bar(0.82, 0.98, 0.5, 0.86))


def fronts(dice: Dice, base: Colour, columns: int, rows: int) -> Tile:
    """Doors and drawers of a cupboard with gaps and handles."""
    across, up = grid()
    face = wood(dice, base) if dice.chance("wooden", 0.5) else plain(dice, base)
    u, v = np.mod(across * columns, 1), np.mod(up * rows, 1)
    edge = np.minimum(np.minimum(u, 1 - u) / columns, np.minimum(v, 1 - v) / rows)
    inset = 1 - 0.09 * cover(np.abs(edge - 0.05) - 0.006) * dice.pick("inset", (0, 1))
    face = face * (inset * (1 - 0.7 * cover(edge - 0.006)))[..., None]
    side = np.where(np.floor(across * columns) % 2 == 0, 0.86, 0.14)
    tall = columns / rows < 1.3
    bar = np.maximum(np.abs(u - side) / columns - 0.007, np.abs(v - 0.6) / rows - 0.045) if tall else np.maximum(
        np.abs(u - 0.5) / columns - 0.05, np.abs(v - 0.82) / rows - 0.007)  # fmt: skip
    return mix(face, np.full(3, dice.pick("handle", (0.15, 0.62, 0.7)), np.float32), cover(bar))


def door(dice: Dice, base: Colour) -> Tile:
    """An inner or house door."""
    across, up = grid()
    face = (wood(dice, base) if dice.chance("wooden", 0.5) else plain(dice, base))[:, :, :]
    for low, high in ((0.08, 0.46), (0.54, 0.92)):
        far = np.maximum(np.abs(across - 0.5) - 0.33, np.abs(up - (low + high) / 2) - (high - low) / 2)
        face = face * (1 - 0.25 * cover(np.abs(far) - 0.012, 0.015))[..., None]
    handle = np.maximum(np.abs(across - 0.87) - 0.05, np.abs(up - 0.5) - 0.008)
    edge = np.minimum(np.minimum(across, 1 - across), 1 - up)
    face = mix(face, np.array([0.7, 0.68, 0.62], np.float32), cover(handle))
    return mix(face, np.clip(base * np.float32(0.5), 0, 1), cover(edge - 0.01))


def carton(dice: Dice) -> Tile:
    """A side of a parcel with tape and label."""
    base = colour(dice, "board", ((0.68, 0.52, 0.35), (0.6, 0.46, 0.3), (0.74, 0.6, 0.43)))
    face = base * (1 + 0.03 * fractal(dice, "board", 8) + 0.02 * cloud(dice, "flute", 2, 128))[..., None]
    face = mix(face, np.array([0.72, 0.62, 0.45], np.float32), 0.7 * _bar(0, 1, 0.46, 0.54))
    left, low = dice.uniform("left", 0.08, 0.5), dice.uniform("low", 0.08, 0.5)
    label = _bar(left, left + 0.34, low, low + 0.25)
    face = mix(face, np.array([0.92, 0.91, 0.88], np.float32), label)
    return mix(face, np.array([0.1, 0.1, 0.1], np.float32), label * lines_of_words(dice, "label", 36)).astype(
        np.float32
    )


def house_wall(dice: Dice) -> Tile:
    """Two by two bays of a house with windows: repeat it over storeys and bays."""
    across, up = grid()
    warm = ((0.55, 0.28, 0.2), (0.62, 0.4, 0.28), (0.5, 0.36, 0.3))
    pale = (
        (0.85, 0.8, 0.7),
        (0.8, 0.72, 0.6),
        (0.72, 0.75, 0.76),
        (0.86, 0.7, 0.55),
        (0.7, 0.62, 0.52),
        (0.9, 0.88, 0.84),
    )
    of_brick = dice.chance("brick", 0.4)
    face = bricks(dice, colour(dice, "brick", warm)) if of_brick else plaster(dice, colour(dice, "wall", pale))
    face = face * (1 + 0.05 * fractal(dice, "weather", 2, 4, 3))[..., None]
    u, v = np.mod(across * 2, 1), np.mod(up * 2, 1)
    wide, low, high = dice.uniform("wide", 0.2, 0.34), dice.uniform("low", 0.22, 0.34), dice.uniform("high", 0.76, 0.86)
    bay = np.floor(up * 2).astype(np.int64) * 2 + np.floor(across * 2).astype(np.int64)
    window = np.maximum(np.abs(u - 0.5) - wide, np.abs(v - (low + high) / 2) - (high - low) / 2)
    trim = colour(dice, "trim", ((0.92, 0.92, 0.9), (0.35, 0.25, 0.18), (0.25, 0.27, 0.3), (0.8, 0.78, 0.7)))
    face = mix(face, trim, cover(window - 0.045, 0.012))
    sky = (
        0.18 + 0.5 * np.clip((v - low) / (high - low), 0, 1) * cells(dice, "lit", bay) + 0.1 * fractal(dice, "glass", 6)
    )
    glass = np.clip(sky[..., None], 0.04, 1) * np.array([0.55, 0.66, 0.78], np.float32)
    drape = cover(0.1 + 0.12 * cells(dice, "drape", bay) - np.abs(u - 0.5), 0.02) * cells(dice, "drawn", bay)
    glass = mix(glass.astype(np.float32), np.array([0.75, 0.72, 0.66], np.float32), drape * 0.8)
    bars = np.minimum(np.abs(u - 0.5), np.abs(v - (low + (high - low) * 0.6)))
    face = mix(face, mix(glass, trim, cover(bars - 0.014, 0.012)), cover(window, 0.012))
    sill = np.maximum(np.abs(u - 0.5) - wide - 0.07, np.abs(v - low + 0.05) - 0.025)
    shade = cover(np.abs(v - high + 0.02) - 0.03, 0.04) * cover(window, 0.012)
    face = mix(face, trim * np.float32(0.85), cover(sill, 0.012)) * (1 - 0.45 * shade[..., None])
    cornice = cover(np.abs(v - 0.02) - 0.018, 0.012) * dice.pick("cornice", (0, 0.6, 1))
    return mix(face, trim * np.float32(0.8), cornice).astype(np.float32)


def shop(dice: Dice) -> Tile:
    """The ground floor of a house: a door beside shop windows under a sign."""
    across, up = grid()
    frame = colour(
        dice, "frame", ((0.15, 0.25, 0.2), (0.4, 0.12, 0.12), (0.12, 0.16, 0.3), (0.2, 0.2, 0.2), (0.5, 0.4, 0.25))
    )
    face = plain(dice, frame)
    goods = np.clip(0.22 + 0.12 * fractal(dice, "goods", 6), 0.04, 0.8)[..., None] * np.array(
        [1.0, 0.9, 0.72], np.float32
    )
    blocks = cells(dice, "stock", np.floor(across * 14).astype(np.int64) * 7 + np.floor(up * 7).astype(np.int64))
    goods = goods * (0.6 + 0.8 * blocks[..., None])
    for left, right, low in ((0.05, 0.36, 0.14), (0.42, 0.58, 0.02), (0.64, 0.95, 0.14)):
        face = mix(face, goods.astype(np.float32), _bar(left, right, low, 0.7))
    face = mix(face, np.array([0.75, 0.8, 0.85], np.float32), 0.22 * np.clip(fractal(dice, "mirror", 3), 0, 1))
    sign = _bar(0.06, 0.94, 0.77, 0.93)
    face = mix(face, colour(dice, "sign", _INKS), sign)
    letters = cells(dice, "letters", np.floor(across * 60).astype(np.int64)) > 0.35
    word = sign * letters * (np.abs(up - 0.85) < 0.045) * (np.abs(across - 0.5) < dice.uniform("name", 0.12, 0.36))
    return mix(face, np.array([0.95, 0.93, 0.88], np.float32), word.astype(np.float32))


def outlook(dice: Dice) -> Tile:
    """What stands beyond a window: sky, houses or trees, ground."""
    across, up = grid()
    sky = mix(
        np.array([0.86, 0.9, 0.95], np.float32), np.array([0.55, 0.72, 0.93], np.float32), np.clip(up * 1.4 - 0.5, 0, 1)
    )
    sky = mix(sky, np.array([0.97, 0.97, 0.97], np.float32), np.clip(fractal(dice, "cloud", 3, 6) * 0.5, 0, 0.9))
    far = (
        0.5
        + 0.05 * fractal(dice, "trees", 8, octaves=4)[7]
        + 0.1 * cells(dice, "house", np.floor(across[0] * 7).astype(np.int64))
    )
    green = np.array([0.3, 0.38, 0.24], np.float32) * (1 + 0.3 * fractal(dice, "leaf", 24))[..., None]
    rows = (np.mod(up * 22, 1) > 0.45) & (np.mod(across * 40, 1) > 0.5)
    houses = np.array([0.6, 0.55, 0.5], np.float32) * (1 - 0.35 * rows[..., None])
    town = dice.chance("town", 0.5)
    view = mix(sky, (houses if town else green).astype(np.float32), cover(up - far[None]))
    lawn = np.array([0.42, 0.48, 0.33], np.float32) * (1 + 0.12 * fractal(dice, "lawn", 16))[..., None]
    return mix(view, lawn.astype(np.float32), cover(up - 0.34 - 0.01 * cloud(dice, "edge", 16)))


def face(dice: Dice, skin: Colour, hair: Colour) -> Tile:
    """A head unrolled: the face about the middle column, hair behind and above."""
    across, up = grid()
    x, y = (across - 0.5) * 6.3, (up - 0.5) * 3.1
    sheet = plain(dice, skin)
    red = np.clip(skin * np.array([1.05, 0.72, 0.7], np.float32), 0, 1)
    for side in (-1, 1):
        sheet = mix(sheet, red, 0.35 * np.exp(-(((x - 0.45 * side) / 0.25) ** 2 + ((y + 0.28) / 0.2) ** 2)))
        socket = np.exp(-(((x - 0.36 * side) / 0.24) ** 2 + ((y - 0.1) / 0.13) ** 2))
        sheet = sheet * (1 - 0.28 * socket)[..., None]
        eye = ((x - 0.36 * side) / 0.15) ** 2 + ((y - 0.09) / 0.065) ** 2
        sheet = mix(sheet, np.array([0.8, 0.78, 0.76], np.float32), cover(eye - 1, 0.35))
        iris = np.hypot(x - 0.36 * side, y - 0.09) - 0.062
        sheet = mix(
            sheet, colour(dice, "iris", ((0.22, 0.13, 0.08), (0.25, 0.35, 0.45), (0.3, 0.32, 0.18))), cover(iris, 0.03)
        )
        lid = np.abs(y - 0.16 + 0.5 * (x - 0.36 * side) ** 2) - 0.018
        near = np.abs(x - 0.36 * side) < 0.17
        sheet = sheet * (1 - 0.6 * cover(lid, 0.03) * near)[..., None]
        brow = np.abs(y - 0.27 + 0.4 * (x - 0.33 * side) ** 2) - 0.032
        sheet = mix(sheet, hair, 0.75 * cover(brow, 0.04) * (np.abs(x - 0.37 * side) < 0.22))
    sheet = sheet * (1 - 0.22 * np.exp(-((x / 0.16) ** 2 + ((y + 0.24) / 0.045) ** 2)))[..., None]
    lips = (x / 0.27) ** 2 + ((y + 0.5) / 0.075) ** 2
    sheet = mix(sheet, red * np.float32(0.8), 0.8 * cover(lips - 1, 0.4))
    sheet = sheet * (1 - 0.5 * cover(np.abs(y + 0.495 + 0.1 * x**2) - 0.01, 0.02) * (np.abs(x) < 0.25))[..., None]
    sheet = sheet * (1 - 0.3 * np.clip((-y - 0.75) * 2, 0, 1))[..., None]
    line = (
        0.62
        - 0.5 * np.clip(np.abs(x) - 0.45, 0, 1) ** 0.7 * dice.uniform("sides", 1.2, 2.6)
        + 0.03 * cloud(dice, "edge", 32)
    )
    strands = hair * (1 + 0.3 * fractal(dice, "strand", 64, 6, 2))[..., None]
    return mix(sheet, strands.astype(np.float32), cover(line - y, 0.05)).astype(np.float32)
