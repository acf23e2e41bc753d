"""One person or two: what of two codes belongs to who somebody is, compared number by number.

How much each number counts, and from where on two are one, is learned on pairs of engine photos (recipe ``verifier``).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.facefield.codes import LOOK, SHAPE, FaceCodes, block

SHAPE_BLOCKS = ("identity", "femininity")
LOOK_BLOCKS = ("grades", "skin", "eyes")
WIDTH = sum(SHAPE[name] for name in SHAPE_BLOCKS) + sum(LOOK[name] for name in LOOK_BLOCKS)
DIRECTIONS = 48


class Verifier(nn.Module):
    """Descriptions of two heads to the chance that they are one person's."""

    middle: Tensor
    spread: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("middle", torch.zeros(WIDTH))
        self.register_buffer("spread", torch.ones(WIDTH))
        self.project = nn.Linear(WIDTH, DIRECTIONS, bias=False)
        self.weight = nn.Parameter(torch.zeros(WIDTH))
        self.slope = nn.Parameter(torch.tensor(4.0))
        self.offset = nn.Parameter(torch.tensor(-1.0))

    @staticmethod
    def describe(codes: FaceCodes, shape: Tensor, look: Tensor) -> Tensor:
        """(N, WIDTH) the scores of z_s and z_a that stay with a person."""
        shape_scores, look_scores = codes.shape.scores_of(shape), codes.look.scores_of(look)
        parts = [shape_scores[:, block(SHAPE, name)] for name in SHAPE_BLOCKS]
        return torch.cat(parts + [look_scores[:, block(LOOK, name)] for name in LOOK_BLOCKS], 1)

    @torch.no_grad()
    def settle(self, descriptions: Tensor) -> None:
        """What is usual among people (N, WIDTH), and how far they differ."""
        self.middle.copy_(descriptions.mean(0))
        self.spread.copy_(descriptions.std(0).clamp_min(1e-3))

    def point(self, descriptions: Tensor) -> Tensor:
        """Directions (N, DIRECTIONS) of length one: near for one person."""
        standard = (descriptions - self.middle) / self.spread
        return F.normalize(self.project(standard * self.weight.exp()), dim=1)

    def logit(self, first: Tensor, second: Tensor) -> Tensor:
        """How much speaks for one person (N) of descriptions (N, WIDTH)."""
        near = (self.point(first) * self.point(second)).sum(1)
        return self.slope.exp() * 0.1 * near + self.offset

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Chance (N) that two are one person."""
        return torch.sigmoid(self.logit(first, second))
