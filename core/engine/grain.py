"""Seamless grey noise in squares of one size, the stuff that patterns of materials are mixed from."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from core.engine import random
from core.engine.dice import Dice

SIDE = 256
"""Texels of a tile's side."""
_VARIANTS = 3

Grey = npt.NDArray[np.floating[Any]]
"""SIDE x SIDE, float32 (the type checker sees numbers times arrays as wider)."""
Tile = npt.NDArray[np.floating[Any]]
"""SIDE x SIDE x 3, display values 0..1; row 0 is the lowest in the world."""


@functools.lru_cache(maxsize=256)
def _sheet(across: int, down: int, variant: int) -> Grey:
    """Smooth noise with this many cells a side, seamless, mean 0, deviation 1."""
    counters = torch.arange(across * down).reshape(down, across)
    raw = random.normal(torch.tensor([7], dtype=torch.int64), counters, across, down, variant).numpy()
    for axis, cells in ((0, down), (1, across)):
        if cells == SIDE:
            continue
        at = (np.arange(SIDE) + 0.5) * cells / SIDE
        first = np.floor(at).astype(np.int64)
        share = (at - first).astype(np.float32)
        share = share * share * (3 - 2 * share)
        shape = (-1, 1) if axis == 0 else (1, -1)
        low, high = raw.take(first % cells, axis), raw.take((first + 1) % cells, axis)
        raw = low + (high - low) * share.reshape(shape)
    raw = (raw - raw.mean()) / max(float(raw.std()), 1e-6)
    return np.ascontiguousarray(raw, dtype=np.float32)


def cloud(dice: Dice, name: str, across: int, down: int | None = None) -> Grey:
    """Noise of one scale, at a place of its own."""
    sheet = _sheet(across, down or across, dice.whole(f"{name}/variant", 0, _VARIANTS - 1))
    return np.roll(sheet, (dice.whole(f"{name}/row", 0, SIDE - 1), dice.whole(f"{name}/column", 0, SIDE - 1)), (0, 1))


def fractal(dice: Dice, name: str, across: int, down: int | None = None, octaves: int = 4) -> Grey:
    """Noise of several scales, each half as strong as the one before; deviation about 1."""
    whole = np.zeros((SIDE, SIDE), np.float32)
    strength, power = 1.0, 0.0
    for octave in range(octaves):
        columns, rows = across << octave, (down or across) << octave
        if columns > SIDE or rows > SIDE:
            break
        whole += strength * cloud(dice, f"{name}{octave}", columns, rows)
        power += strength * strength
        strength *= 0.55
    return whole / np.float32(max(power, 1e-6) ** 0.5)


@functools.lru_cache(maxsize=1)
def grid() -> tuple[Grey, Grey]:
    """Column and row of texel centres as shares 0..1 of the tile; row grows upwards in the world."""
    at = ((np.arange(SIDE) + 0.5) / SIDE).astype(np.float32)
    across, up = np.meshgrid(at, at, indexing="xy")
    return np.ascontiguousarray(across), np.ascontiguousarray(up)


def cells(dice: Dice, name: str, numbers: npt.NDArray[np.integer]) -> Grey:
    """An even value in [0, 1) for each number of a cell."""
    low, high = int(numbers.min()), int(numbers.max())
    seeds = torch.tensor([dice.seed], dtype=torch.int64)
    values = random.uniform(seeds, torch.arange(low, high + 1), random.stream(name)).numpy()
    return values[numbers - low]


def cover(distance: Grey, soft: float = 1.5 / SIDE) -> Grey:
    """1 inside (negative), 0 outside, over about a texel."""
    return np.clip(0.5 - distance / np.float32(soft), 0, 1)


def mix(first: Tile, second: Tile, share: Grey) -> Tile:
    """From the first to the second colour or tile by a share per texel."""
    return (first + (second - first) * share[..., None]).astype(np.float32)


def tint(colour: Tile, brightness: Grey) -> Tile:
    """A colour, brighter and darker."""
    return (colour * brightness[..., None]).astype(np.float32)
