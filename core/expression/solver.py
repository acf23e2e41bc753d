"""From where points of a face lie, and how surely, to controllers: the head model read backwards.

Whoever looks at pictures need only learn to point; what these points say of an expression is learned apart, without any
picture, from more people than could ever be drawn (points of Wood 2022, "3D face reconstruction with dense landmarks", whose
fitting is replaced by a network that has done it millions of times).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.engine.controllers import NAMES

BLOCKS = 3
SURE = 4.0
"""Added to the logarithm of doubts: about what one of a fiftieth of half a face has, below zero."""
LEAST_SPREAD = 0.02


class Block(nn.Module):
    """Two layers beside a way past them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.wide, self.back = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """N x width to the same."""
        return x + self.back(F.gelu(self.wide(self.norm(x))))


class Solver(nn.Module):
    """Points in the whole face's square, and doubts, to 130 controllers, which are told as they come: below nothing too."""

    def __init__(self, points: int, width: int) -> None:
        super().__init__()
        self.register_buffer("middle", torch.zeros(points, 2))
        self.register_buffer("spread", torch.ones(points, 2))
        self.first = nn.Linear(3 * points, width)
        self.blocks = nn.Sequential(*(Block(width) for _ in range(BLOCKS)))
        self.norm = nn.LayerNorm(width)
        self.tell = nn.Linear(width, len(NAMES))
        nn.init.zeros_(self.tell.weight)
        nn.init.zeros_(self.tell.bias)

    @torch.no_grad()
    def begin_with(self, points: Tensor) -> None:
        """Points are told from where those of some faces (N, K, 2) lie on average, in shares of how far they stray."""
        self.get_buffer("middle").copy_(points.mean(0))
        self.get_buffer("spread").copy_(points.std(0).clamp_min(LEAST_SPREAD))

    def forward(self, points: Tensor, doubts: Tensor, hint: Tensor | None = None) -> Tensor:
        """(N, K, 2), and logarithms (N, K) of how far each may be off, to (N, 130); ``hint``: N x width of what else is known."""
        placed = (points - self.get_buffer("middle")) / self.get_buffer("spread")
        seen = self.first(torch.cat((placed.flatten(1), doubts + SURE), 1))
        return self.tell(self.norm(self.blocks(seen if hint is None else seen + hint)))
