"""Shapes that prints are made of, as signed distances (negative inside) in the unit of their coordinates, and repeats."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from core.engine import random


@dataclass(frozen=True)
class Design:
    """What a print is drawn from: seeds (N), palettes (N, 5, 3) and the tile's coordinates (T, T, 2) in 0..1."""

    seeds: Tensor
    palette: Tensor
    grid: Tensor

    def uniform(self, name: str, low: float = 0.0, high: float = 1.0) -> Tensor:
        """A number of each design, by name."""
        return low + (high - low) * random.uniform(self.seeds, random.stream("print " + name))

    def whole(self, name: str, low: int, high: int) -> Tensor:
        """A whole number from low to high."""
        return torch.floor(self.uniform(name, low, high + 0.999))

    def even(self, name: str, low: int, high: int) -> Tensor:
        """Twice a whole number."""
        return 2 * self.whole(name, low, high)

    def colour(self, at: int) -> Tensor:
        """One colour of the palettes, (N, 3, 1, 1)."""
        return self.palette[:, at, :, None, None]

    def ground(self) -> Tensor:
        """The first colour all over."""
        size = self.grid.shape[0]
        return self.colour(0).expand(-1, 3, size, size)

    def noise(self, name: str, cells: int) -> Tensor:
        """Periodic smooth noise (N, T, T) about 0, deviation near 1."""
        lattice = torch.arange(cells * cells, device=self.seeds.device).reshape(cells, cells)
        raw = random.normal(self.seeds[:, None, None], lattice, random.stream("print noise " + name))
        raw = torch.nn.functional.pad(raw[:, None], (2, 2, 2, 2), mode="circular")
        size = self.grid.shape[0]
        margin = round(2 * size / cells)
        grown = torch.nn.functional.interpolate(
            raw, size=(size + 2 * margin, size + 2 * margin), mode="bicubic", align_corners=False
        )
        return 1.3 * grown[:, 0, margin : margin + size, margin : margin + size]


def mix(below: Tensor, above: Tensor, share: Tensor) -> Tensor:
    """Colours (N, 3, T, T) by a share (N, T, T)."""
    return below + (above - below) * share[:, None]


@dataclass(frozen=True)
class Repeat:
    """One motif per cell of a periodic lattice: where a pixel is within its motif, each (N, T, T)."""

    x: Tensor
    y: Tensor
    word: Tensor
    """The hash of the cell: what makes one motif differ from the next."""

    def uniform(self, use: str) -> Tensor:
        """A number of this motif, 0..1."""
        return random.uniform(self.word, random.stream(use))


def repeat(seeds: Tensor, grid: Tensor, cells: Tensor, jitter: float, turn: float) -> Repeat:
    """Cells (N, even) across a tile with coordinates (T, T, 2) in 0..1; every other row is shifted by half a cell."""
    wide = cells[:, None, None]
    y = grid[None, ..., 1] * wide
    row = torch.floor(y)
    x = grid[None, ..., 0] * wide + 0.5 * torch.remainder(row, 2)
    column = torch.remainder(torch.floor(x), wide)
    word = random.hash_words(seeds[:, None, None], column.long(), row.long(), random.stream("cell"))
    x, y = x - torch.floor(x) - 0.5, y - row - 0.5
    x = x - jitter * (random.uniform(word, 1) - 0.5)
    y = y - jitter * (random.uniform(word, 2) - 0.5)
    angle = (random.uniform(word, 3) - 0.5) * (2 * math.pi * turn)
    cos, sin = torch.cos(angle), torch.sin(angle)
    return Repeat(x * cos - y * sin, x * sin + y * cos, word)


def cover(distance: Tensor, pixel: Tensor | float) -> Tensor:
    """How much of a pixel (its width in the distance's unit) lies inside."""
    return (0.5 - distance / pixel).clamp(0, 1)


def star(x: Tensor, y: Tensor, radius: Tensor | float, points: int = 5, depth: float = 0.45) -> Tensor:
    """A star whose inner corners lie at ``depth`` of its radius."""
    part = math.pi / points
    angle = torch.remainder(torch.atan2(x, -y) + part, 2 * part) - part
    far = torch.sqrt(x * x + y * y + 1e-12)
    px, py = far * torch.cos(angle), far * torch.sin(angle).abs()
    inner_x, inner_y = depth * math.cos(part), depth * math.sin(part)
    # the edge from the tip (1, 0) to the inner corner, outward normal
    edge_x, edge_y = inner_x - 1.0, inner_y
    length = math.hypot(edge_x, edge_y)
    return ((px - radius) * inner_y - py * (inner_x - 1.0)) / length


def blossom(x: Tensor, y: Tensor, radius: Tensor | float, petals: Tensor | int) -> Tensor:
    """A flower with rounded petals."""
    angle = torch.atan2(y, x)
    far = torch.sqrt(x * x + y * y + 1e-12)
    return (far - radius * (0.66 + 0.34 * torch.cos(angle * petals).abs().sqrt())) * 0.8


def leaf(x: Tensor, y: Tensor, length: Tensor | float, width: float = 0.32) -> Tensor:
    """A leaf from the origin along x."""
    share = (x / length).clamp(0, 1)
    half = length * width * torch.sin(math.pi * share) * (1 - 0.35 * share)
    return torch.maximum(y.abs() - half, torch.maximum(-x, x - length)) * 0.8


def heart(x: Tensor, y: Tensor, radius: Tensor | float) -> Tensor:
    """A heart, point down."""
    across, up = (x / radius).abs(), -y / radius
    lobe = torch.sqrt((across - 0.46) ** 2 + (up - 0.4) ** 2) - 0.56
    # the flank touches the lobe where it leaves it, and ends at the point below
    flank = torch.maximum((across - up - 1.05) * 0.72, torch.maximum(up - 0.0, across - 0.86))
    return torch.minimum(lobe, flank) * radius


def segment(x: Tensor, y: Tensor, ends: tuple[float, float, float, float]) -> Tensor:
    """Distance to a stroke's middle line."""
    x0, y0, x1, y1 = ends
    dx, dy = x1 - x0, y1 - y0
    along = (((x - x0) * dx + (y - y0) * dy) / max(dx * dx + dy * dy, 1e-9)).clamp(0, 1)
    return torch.sqrt((x - x0 - along * dx) ** 2 + (y - y0 - along * dy) ** 2)


# strokes in a box of width 1 and height 1, y down
_STROKES = {
    "A": "0 1 .5 0;.5 0 1 1;.2 .62 .8 .62",
    "B": "0 0 0 1;0 0 .8 .1;.8 .1 .8 .4;.8 .4 0 .5;0 .5 .95 .6;.95 .6 .9 .95;.9 .95 0 1",
    "C": "1 .12 .4 0;.4 0 0 .35;0 .35 0 .65;0 .65 .4 1;.4 1 1 .88",
    "D": "0 0 0 1;0 0 .6 .05;.6 .05 1 .4;1 .4 1 .6;1 .6 .6 .95;.6 .95 0 1",
    "E": "0 0 0 1;0 0 .9 0;0 .5 .75 .5;0 1 .9 1",
    "H": "0 0 0 1;1 0 1 1;0 .5 1 .5",
    "I": ".5 0 .5 1",
    "K": "0 0 0 1;.95 0 0 .55;.3 .4 1 1",
    "L": "0 0 0 1;0 1 .9 1",
    "M": "0 1 .05 0;.05 0 .5 .65;.5 .65 .95 0;.95 0 1 1",
    "N": "0 1 0 0;0 0 1 1;1 1 1 0",
    "O": ".5 0 1 .3;1 .3 1 .7;1 .7 .5 1;.5 1 0 .7;0 .7 0 .3;0 .3 .5 0",
    "R": "0 1 0 0;0 0 .85 .1;.85 .1 .85 .42;.85 .42 0 .52;.35 .52 1 1",
    "S": "1 .1 .5 0;.5 0 .05 .2;.05 .2 .2 .45;.2 .45 .8 .55;.8 .55 .95 .8;.95 .8 .5 1;.5 1 0 .88",
    "T": "0 0 1 0;.5 0 .5 1",
    "U": "0 0 0 .7;0 .7 .5 1;.5 1 1 .7;1 .7 1 0",
    "V": "0 0 .5 1;.5 1 1 0",
    "W": "0 0 .2 1;.2 1 .5 .3;.5 .3 .8 1;.8 1 1 0",
    "Y": "0 0 .5 .5;1 0 .5 .5;.5 .5 .5 1",
    "Z": "0 0 1 0;1 0 0 1;0 1 1 1",
}
LETTERS = "".join(_STROKES)
WORDS = (
    "NORTH",
    "SUNDAY",
    "WAVES",
    "STUDIO",
    "HELLO",
    "ALOHA",
    "LUNA",
    "WILD",
    "CITY",
    "SOUTH",
    "NEW DAY",
    "ROAD",
    "MAKE",
    "SALT",
)


def glyph(x: Tensor, y: Tensor, letter: str) -> Tensor:
    """Distance to the middle of the strokes of one letter in the unit box; far away for a letter that is not drawn."""
    strokes = [tuple(float(v) for v in stroke.split()) for stroke in _STROKES.get(letter, "9 9 9 9").split(";")]
    found = segment(x, y, strokes[0])  # pyright: ignore[reportArgumentType]
    for stroke in strokes[1:]:
        found = torch.minimum(found, segment(x, y, stroke))  # pyright: ignore[reportArgumentType]
    return found


def word(x: Tensor, y: Tensor, text: str) -> Tensor:
    """Distance to the strokes of a word in the box 0..1 by 0..1, letters side by side."""
    step = 1.0 / len(text)
    found = torch.full_like(x, 9.0)
    for at, letter in enumerate(text):
        # measured in heights, so that strokes are as thick across as down
        found = torch.minimum(found, glyph((x - (at + 0.12) * step) / (step * 0.76), y, letter))
    return found
