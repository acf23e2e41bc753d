"""The materials of one place: their tiles in one table with ever smaller copies (Williams 1983), looked up per pixel."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from core.engine.grain import SIDE, Tile

_LEVELS = SIDE.bit_length()
_STARTS = [4 * (SIDE * SIDE - (SIDE >> level) ** 2) // 3 for level in range(_LEVELS + 1)]
"""Where each smaller copy begins in a material's part of the table."""


@dataclass
class Stock:
    """Collects the materials of a place; ``add`` gives the number that solids refer to."""

    tiles: list[Tile] = field(default_factory=list)
    spans: list[tuple[float, float]] = field(default_factory=list)
    glows: list[float] = field(default_factory=list)
    glosses: list[float] = field(default_factory=list)
    named: dict[str, int] = field(default_factory=dict)

    def add(self, tile: Tile, span_metres: float | tuple[float, float], glow: float = 0.0, gloss: float = 0.0) -> int:
        """A tile this wide and high in the world; ``glow`` is light of its own, ``gloss`` how much it mirrors the sky."""
        assert tile.shape == (SIDE, SIDE, 3), tile.shape
        self.tiles.append(tile)
        self.spans.append(span_metres if isinstance(span_metres, tuple) else (span_metres, span_metres))
        self.glows.append(glow)
        self.glosses.append(gloss)
        return len(self.tiles) - 1

    def table(self) -> Table:
        """All tiles ready for looking up."""
        texels = torch.empty(len(self.tiles), _STARTS[_LEVELS], 3)
        for number, tile in enumerate(self.tiles):  # one at a time stays in the processor's cache
            shown = torch.from_numpy(np.ascontiguousarray(tile, np.float32)).clamp(0, 1)
            # sRGB to linear light as a cubic (a fit, error under 1/255)
            level = (shown * 0.305306011).add_(0.682171111).mul_(shown).add_(0.012522878).mul_(shown)
            for copy in range(_LEVELS):
                texels[number, _STARTS[copy] : _STARTS[copy + 1]] = level.reshape(-1, 3)
                if copy < _LEVELS - 1:
                    rows = level[::2] + level[1::2]
                    level = (rows[:, ::2] + rows[:, 1::2]).mul_(0.25)
        rate = torch.tensor(self.spans, dtype=torch.float32)
        return Table(
            texels.reshape(-1, 3),
            SIDE / rate,
            torch.tensor(self.glows, dtype=torch.float32),
            torch.tensor(self.glosses, dtype=torch.float32),
        )


@dataclass(frozen=True)
class Table:
    """Texels of all materials (linear light), texels per metre (M, 2), glow (M,) and gloss (M,)."""

    texels: Tensor
    rate: Tensor
    glow: Tensor
    gloss: Tensor

    def look_up(self, material: Tensor, places: Tensor, footprint_metres: Tensor) -> Tensor:
        """Linear colour (P, 3) of materials (P, int) at places (P, 2, metres) seen through pixels this large (P)."""
        rate = self.rate[material]
        texel = places * rate
        level = torch.log2(footprint_metres * rate.amax(1)).round_().clamp_(0, _LEVELS - 1).to(torch.int32)
        shrink = torch.exp2(-level.to(torch.float32))
        at = texel * shrink[:, None] - 0.5
        low = at.floor()
        share = at - low
        side = torch.bitwise_right_shift(torch.full_like(level, SIDE), level)
        mask = side - 1
        corner = low.to(torch.int32)
        left, lower = corner[:, 0] & mask, corner[:, 1] & mask
        right, upper = (left + 1) & mask, (lower + 1) & mask
        starts = torch.tensor(_STARTS[:_LEVELS], dtype=torch.int32)
        start = material.to(torch.int32) * _STARTS[_LEVELS] + starts[level]
        below, above = start + lower * side, start + upper * side
        across, up = share[:, :1], share[:, 1:]
        taps = [self.texels.index_select(0, row + column) for row in (below, above) for column in (left, right)]
        bottom = torch.lerp(taps[0], taps[1], across)
        return torch.lerp(bottom, torch.lerp(taps[2], taps[3], across), up)
