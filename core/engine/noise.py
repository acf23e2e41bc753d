"""Solid noise: a periodic volume of smooth random values that skin, cloth and backgrounds look up at points in space."""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F
from torch import Tensor

from core.engine import random

SIZE = 64
CHANNELS = 4


@functools.lru_cache(maxsize=4)
def _volume(device: str) -> Tensor:
    """1 x 4 x 65 x 65 x 65, periodic, mean 0 and deviation 1 in each channel."""
    seeds = torch.full((CHANNELS * SIZE**3,), 20, dtype=torch.int64, device=device)
    raw = random.normal(seeds, torch.arange(len(seeds), device=device)).reshape(1, CHANNELS, SIZE, SIZE, SIZE)
    taps = torch.tensor([0.06, 0.25, 0.38, 0.25, 0.06], device=device)
    for axis in (2, 3, 4):
        raw = sum((taps[at] * torch.roll(raw, at - 2, axis) for at in range(5)), torch.zeros_like(raw))
    raw = (raw - raw.mean((2, 3, 4), keepdim=True)) / raw.std((2, 3, 4), keepdim=True)
    for axis in (2, 3, 4):
        raw = torch.cat((raw, raw.narrow(axis, 0, 1)), axis)
    return raw.contiguous()


def sample(points: Tensor, cell: float, channels: int = CHANNELS) -> Tensor:
    """Up to four noises (P, channels) at points (P, 3); ``cell`` is the size of a lattice cell in the points' unit."""
    at = torch.remainder(points / cell, SIZE) * (2.0 / SIZE) - 1.0
    grid = at[None, :, None, None].to(torch.float32)
    found = F.grid_sample(_volume(str(points.device))[:, :channels], grid, mode="bilinear", align_corners=True)
    return found[0, :, :, 0, 0].T


def shift_of(seeds: Tensor) -> Tensor:
    """Where in the volume each seed (B) looks: (B, 3), in lattice cells."""
    return random.uniform(seeds[:, None], torch.arange(3, device=seeds.device), random.stream("noise")) * SIZE
