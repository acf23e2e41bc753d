"""Seamless tiles of building and furnishing materials: paint, wood, bricks, tiles, cloth, ground. Colours are display values."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from core.engine.dice import Dice
from core.engine.grain import SIDE, Tile, cells, cloud, cover, fractal, grid, mix, tint

Colour = npt.NDArray[np.floating[Any]]
"""Three display values."""


def colour(dice: Dice, name: str, options: tuple[tuple[float, float, float], ...], spread: float = 0.05) -> Colour:
    """One of some colours, a little changed."""
    base = np.asarray(dice.pick(name, options), np.float32)
    shift = np.array([dice.normal(f"{name}/{at}") for at in range(3)], np.float32) * spread * 0.4
    return np.clip(base * (1 + dice.normal(f"{name}/value") * spread) + shift, 0.02, 0.97).astype(np.float32)


def plaster(dice: Dice, base: Colour) -> Tile:
    """Painted wall: roller grain, faint marks."""
    rough = dice.uniform("rough", 0.008, 0.03)
    value = 1 + 0.015 * fractal(dice, "stain", 2) + rough * cloud(dice, "fine", 128) + rough * cloud(dice, "roller", 64)
    marks = np.clip(cloud(dice, "scuff", 8, 32) - 2.1, 0, 1) * 0.10
    return tint(base, value - marks)


def wallpaper(dice: Dice, base: Colour) -> Tile:
    """Printed paper: stripes, sprigs or diamonds in a second colour."""
    across, up = grid()
    second = np.clip(base * dice.uniform("contrast", 0.72, 1.18), 0, 0.97).astype(np.float32)
    count = dice.pick("count", (4, 6, 8))
    kind = dice.pick("kind", ("stripes", "sprigs", "diamonds"))
    if kind == "stripes":
        inside = cover(np.abs(np.mod(across * count, 1) - 0.5) - 0.24, count * 1.5 / SIDE)
    else:
        u, v = np.mod(across * count, 1) - 0.5, np.mod(up * count + 0.5 * np.floor(across * count), 1) - 0.5
        if kind == "diamonds":
            inside = cover(np.abs(np.abs(u) + np.abs(v) - 0.4) - 0.06, count * 1.5 / SIDE)
        else:
            angle, far = np.arctan2(v, u), np.hypot(u, v)
            inside = cover(far - 0.26 * (0.65 + 0.35 * np.cos(5 * angle)), count * 1.5 / SIDE)
    value = 1 + 0.02 * cloud(dice, "paper", 128) + 0.015 * fractal(dice, "stain", 2)
    return mix(base, second, inside) * value[..., None]


def planks(dice: Dice, base: Colour) -> Tile:
    """Boards side by side along the tile's columns, with grain, joints and a tone of their own."""
    across, up = grid()
    rows = dice.pick("rows", (6, 8, 10, 12))
    row = np.floor(up * rows).astype(np.int64)
    shift = cells(dice, "shift", row)
    board = np.floor(across * 2 + shift * 2).astype(np.int64) % 2
    name = row * 7 + board
    tone = 1 + dice.uniform("spread", 0.06, 0.2) * (cells(dice, "tone", name) - 0.5)
    stretched = fractal(dice, "grain", 4, 64, octaves=3)
    rings = np.sin(up * rows * 9 + 2.2 * fractal(dice, "ring", 2, 16, 2) + 6 * cells(dice, "phase", name))
    value = tone * (1 + 0.055 * stretched + 0.035 * rings + 0.02 * cloud(dice, "pore", 64, 256))
    seam = cover(0.5 - np.abs(np.mod(up * rows, 1) - 0.5) - 0.02, rows * 1.5 / SIDE)
    ends = cover(0.5 - np.abs(np.mod(across * 2 + shift * 2, 1) - 0.5) - 0.004, 3 / SIDE)
    warm = base * (1 + 0.05 * (cells(dice, "warm", name)[..., None] - 0.5) * np.array([1, 0, -1.4], np.float32))
    return (warm * (value * (1 - 0.55 * np.maximum(seam, ends)))[..., None]).astype(np.float32)


def wood(dice: Dice, base: Colour) -> Tile:
    """A veneer or a solid board: long grain with rings."""
    _, up = grid()
    wave = 1.6 * fractal(dice, "wave", 1, 4, 3)
    rings = np.sin(2 * np.pi * (3 * up + 0.35 * wave))
    strength = dice.uniform("strength", 0.03, 0.1)
    value = 1 + strength * rings + 0.05 * fractal(dice, "grain", 4, 128, 2) + 0.025 * cloud(dice, "pore", 32, 256)
    return tint(base, value)


def tiles(dice: Dice, base: Colour) -> Tile:
    """Square or oblong ceramic in a grid, plain, marbled or chequered."""
    across, up = grid()
    columns = dice.pick("columns", (3, 4, 6))
    rows = columns * dice.pick("oblong", (1, 1, 2))
    row, column = np.floor(up * rows).astype(np.int64), np.floor(across * columns).astype(np.int64)
    name = row * 31 + column
    value = 1 + 0.07 * (cells(dice, "tone", name) - 0.5) + 0.012 * cloud(dice, "fine", 128)
    if dice.chance("chequered", 0.25) and columns % 2 == 0:
        value = value * (1 - dice.uniform("second", 0.25, 0.7) * ((row + column) % 2))
    if dice.chance("marbled", 0.4):
        vein = np.abs(fractal(dice, "vein", 4))
        value = value * (1 - 0.14 * np.exp(-((vein / 0.12) ** 2)) + 0.03 * fractal(dice, "milk", 3))
    joint_width = dice.uniform("joint", 0.012, 0.03)
    u, v = np.mod(across * columns, 1), np.mod(up * rows, 1)
    edge = np.minimum(np.minimum(u, 1 - u), np.minimum(v, 1 - v))
    joint = cover(edge - joint_width, columns * 2 / SIDE)
    grout = np.clip(base * dice.pick("grout", (0.55, 0.75, 1.12)), 0, 0.92).astype(np.float32)
    shine = 1 + 0.06 * cover(v - 0.08, 0.08) - 0.04 * cover(0.92 - v, 0.08)
    return mix(tint(base, value * shine), grout, joint)


def bricks(dice: Dice, base: Colour) -> Tile:
    """Rows of bricks in running bond."""
    across, up = grid()
    rows = 16
    row = np.floor(up * rows).astype(np.int64)
    place = across * 4 + 0.5 * (row % 2)
    name = row * 31 + np.floor(place).astype(np.int64) % 4
    tone = 1 + 0.28 * (cells(dice, "tone", name) - 0.5)
    u, v = np.mod(place, 1), np.mod(up * rows, 1)
    edge = np.minimum(np.minimum(u, 1 - u) * 2.4, np.minimum(v, 1 - v)) + 0.03 * cloud(dice, "edge", 64)
    mortar = cover(edge - 0.1, 0.09)
    value = tone * (1 + 0.07 * fractal(dice, "rough", 32) + 0.05 * fractal(dice, "weather", 2))
    warm = base * (1 + 0.14 * (cells(dice, "hue", name)[..., None] - 0.5) * np.array([1, 0.2, -0.6], np.float32))
    joint = np.full(3, dice.uniform("mortar", 0.45, 0.72), np.float32) * np.array([1, 0.97, 0.92], np.float32)
    return mix(warm * value[..., None], joint * (1 + 0.06 * cloud(dice, "sand", 128))[..., None], mortar)


def slabs(dice: Dice, base: Colour) -> Tile:
    """Paving: flags or setts with worn edges."""
    across, up = grid()
    columns = dice.pick("columns", (3, 4, 8, 12))
    row = np.floor(up * columns).astype(np.int64)
    place = across * columns + (0.5 * (row % 2) if dice.chance("bond", 0.6) and columns % 2 == 0 else 0)
    name = row * 31 + np.floor(place).astype(np.int64) % columns
    u, v = np.mod(place, 1), np.mod(up * columns, 1)
    edge = np.minimum(np.minimum(u, 1 - u), np.minimum(v, 1 - v)) + 0.02 * cloud(dice, "chip", 64)
    joint = cover(edge - 0.035, 0.05)
    value = (1 + 0.2 * (cells(dice, "tone", name) - 0.5)) * (1 + 0.05 * fractal(dice, "rough", 32))
    return tint(base, value * (1 + 0.06 * fractal(dice, "stain", 3)) * (1 - 0.4 * joint))


def asphalt(dice: Dice, base: Colour) -> Tile:
    """Road: stone grain, patches, cracks, oil."""
    value = 1 + 0.11 * cloud(dice, "stone", 256) + 0.06 * cloud(dice, "gravel", 128) + 0.06 * fractal(dice, "patch", 2)
    crack = np.exp(-((fractal(dice, "crack", 3, octaves=5) / 0.035) ** 2)) * np.clip(cloud(dice, "where", 3), 0, 1)
    return tint(base, value * (1 - 0.4 * crack) - 0.06 * np.clip(cloud(dice, "oil", 6) - 1.6, 0, 1))


def concrete(dice: Dice, base: Colour) -> Tile:
    """Cast wall or floor: clouds, pores, stains."""
    pores = np.clip(cloud(dice, "pore", 128) - 2.2, 0, 1)
    streak = 0.04 * fractal(dice, "streak", 16, 2, 2)
    return tint(base, 1 + 0.07 * fractal(dice, "cloud", 3) + 0.03 * cloud(dice, "fine", 256) + streak - 0.25 * pores)


def grass(dice: Dice, base: Colour) -> Tile:
    """Lawn: blades, dry spots."""
    value = (
        1 + 0.17 * cloud(dice, "blade", 128, 64) + 0.16 * cloud(dice, "fine", 256) + 0.08 * fractal(dice, "clump", 4)
    )
    dry = np.clip(0.3 + 0.35 * fractal(dice, "dry", 2), 0, 1)
    return mix(tint(base, value), tint(base * np.array([1.25, 1.05, 0.9], np.float32), value), dry)


def leaves(dice: Dice, base: Colour) -> Tile:
    """Foliage: small lit and shadowed leaves."""
    value = 0.85 + 0.32 * cloud(dice, "leaf", 32, 48) + 0.2 * cloud(dice, "small", 96) + 0.12 * cloud(dice, "edge", 256)
    return np.clip(
        mix(tint(base, value), tint(base * np.float32(1.5), value), np.clip(cloud(dice, "lit", 24), 0, 1)), 0.01, 0.95
    )


def bark(dice: Dice, base: Colour) -> Tile:
    """Upright furrows."""
    return tint(base, 1 + 0.25 * fractal(dice, "furrow", 24, 4, 3) + 0.08 * cloud(dice, "fine", 128))


def carpet(dice: Dice, base: Colour) -> Tile:
    """Pile, flecked or with a small repeat."""
    across, up = grid()
    value = 1 + 0.09 * cloud(dice, "pile", 256) + 0.05 * cloud(dice, "tuft", 128) + 0.025 * fractal(dice, "worn", 2)
    if dice.chance("repeat", 0.4):
        count = dice.pick("count", (4, 8))
        value = value * (1 + 0.1 * np.sign(np.sin(2 * np.pi * count * across) * np.sin(2 * np.pi * count * up)))
    return tint(base, value)


def rug(dice: Dice, base: Colour) -> Tile:
    """One whole rug: border, medallions, fringe."""
    across, up = grid()
    second = colour(dice, "second", ((0.85, 0.8, 0.68), (0.16, 0.2, 0.33), (0.7, 0.62, 0.45), (0.3, 0.12, 0.1)))
    third = colour(dice, "third", ((0.75, 0.55, 0.25), (0.5, 0.6, 0.6), (0.9, 0.88, 0.8), (0.1, 0.1, 0.1)))
    x, y = np.abs(across - 0.5) * 2, np.abs(up - 0.5) * 2
    edge = np.maximum(x, y)
    waves = np.sin(x * dice.whole("wx", 9, 22)) * np.sin(y * dice.whole("wy", 9, 22)) + 0.7 * np.cos(
        np.hypot(x, y) * dice.whole("wr", 12, 30)
    )
    body = mix(mix(base, second, cover(0.45 - waves, 0.15)), third, cover(waves + 0.8, 0.15))
    teeth = 0.82 + 0.02 * np.sign(np.sin(40 * np.where(x > y, y, x)))
    body = mix(body, mix(second, third, cover(np.abs(edge - 0.9) - 0.03, 0.02)), cover(teeth - edge, 0.02))
    return body * (1 + 0.08 * cloud(dice, "pile", 256) + 0.04 * fractal(dice, "worn", 3))[..., None]


def weave(dice: Dice, base: Colour) -> Tile:
    """Upholstery, curtains and clothes: thread, sometimes stripes or checks in a second colour."""
    across, up = grid()
    value = (
        1
        + 0.05 * np.sin(2 * np.pi * 64 * across) * np.sin(2 * np.pi * 64 * up)
        + 0.05 * cloud(dice, "thread", 128, 256)
    )
    value = value + 0.05 * fractal(dice, "fold", 4)
    kind = dice.pick("kind", ("plain", "plain", "plain", "stripes", "checks"))
    if kind == "plain":
        return tint(base, value)
    second = np.clip(base * dice.pick("second", (0.45, 0.7, 1.5)) + 0.04, 0, 0.95).astype(np.float32)
    count = dice.pick("count", (4, 8, 12))
    inside = cover(np.abs(np.mod(up * count, 1) - 0.5) - 0.2, count * 1.5 / SIDE)
    if kind == "checks":
        inside = 0.5 * inside + 0.5 * cover(np.abs(np.mod(across * count, 1) - 0.5) - 0.2, count * 1.5 / SIDE)
    return mix(base, second, inside) * value[..., None]


def metal(dice: Dice, base: Colour) -> Tile:
    """Brushed or lacquered sheet."""
    return tint(base, 1 + 0.03 * cloud(dice, "brush", 4, 256) + 0.02 * fractal(dice, "cloud", 3))


def plain(dice: Dice, base: Colour) -> Tile:
    """Paint, plastic or skin, nearly even."""
    return tint(base, 1 + 0.012 * cloud(dice, "fine", 128) + 0.015 * fractal(dice, "cloud", 4))


def roof(dice: Dice, base: Colour) -> Tile:
    """Rows of roof tiles."""
    across, up = grid()
    rows, columns = 12, 16
    row = np.floor(up * rows).astype(np.int64)
    u, v = np.mod(across * columns + 0.5 * (row % 2), 1) - 0.5, np.mod(up * rows, 1)
    name = row * 31 + np.floor(across * columns + 0.5 * (row % 2)).astype(np.int64) % columns
    value = (1 + 0.25 * (cells(dice, "tone", name) - 0.5)) * (0.72 + 0.3 * v) * (1 - 0.35 * np.abs(u) ** 2 * 4 * 0.5)
    return tint(base, (value * (1 + 0.06 * fractal(dice, "moss", 4))).astype(np.float32))
