"""Sliced Wasserstein distance between two sets of pictures (Karras 2018, section 5): how alike their textures are.

Patches of every level of a Laplacian pyramid are compared along random directions; it needs no trained network. The
coarsest level is 8 pixels wide, so that a patch there is nearly the whole picture.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

PATCH, PATCHES, DIRECTIONS, COARSEST = 7, 64, 256, 8


def sliced_distance(ours: Tensor, theirs: Tensor) -> dict[int, float]:
    """Distance by resolution of the level, times 1000; N x 3 x H x W each, seeded by the caller."""
    distances = {}
    for one, other in zip(pyramid(ours), pyramid(theirs), strict=True):
        count = min(len(one), len(other))
        first, second = describe(one[:count]), describe(other[:count])
        directions = F.normalize(torch.randn(first.shape[1], DIRECTIONS), dim=0)
        gap = (first @ directions).sort(dim=0).values - (second @ directions).sort(dim=0).values
        distances[one.shape[2]] = float(gap.abs().mean()) * 1000
    return distances


def pyramid(pictures: Tensor) -> list[Tensor]:
    """Laplacian levels from fine to coarse; the last is the small picture itself."""
    levels = []
    while pictures.shape[2] > COARSEST:
        smaller = F.avg_pool2d(pictures, 2)
        levels.append(pictures - F.interpolate(smaller, scale_factor=2, mode="bilinear", align_corners=False))
        pictures = smaller
    return [*levels, pictures]


def describe(level: Tensor) -> Tensor:
    """Random patches as rows."""
    count, channels, height, width = level.shape
    rows = torch.randint(height - PATCH + 1, (count, PATCHES))
    columns = torch.randint(width - PATCH + 1, (count, PATCHES))
    patches = level.unfold(2, PATCH, 1).unfold(3, PATCH, 1)
    picked = patches[torch.arange(count)[:, None], :, rows, columns].reshape(-1, channels, PATCH * PATCH)
    return picked.flatten(1)
