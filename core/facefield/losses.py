"""Losses of the room: geometry from a known depth, pictures along rays, and the identity loss between feature maps."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

NEAR_METRES = 0.02
"""How far from the surface a distance is taught as a number; beyond it only that it is larger."""
BEHIND_METRES = 0.035


def off_surface(distances: Tensor, travels: Tensor, surface: Tensor, softness: float) -> Tensor:
    """How wrong samples' distances (B, R, S) are where the surface's travel (B, R; 0: none) is known.

    Near the surface the way to it along the ray is the distance (a truncated projective distance, Curless 1996); in front
    of it, and where there is none, it is at least ``NEAR_METRES``. Behind nothing is known.
    """
    way = (surface[..., None] - travels).masked_fill(surface[..., None] <= 0, 1.0)
    near = (way.abs() < NEAR_METRES).float()
    free = (way >= NEAR_METRES).float()
    apart = near * (distances - way).abs() + free * F.relu(NEAR_METRES - distances)
    return apart.mean() / softness


def strayed(distances: Tensor, travels: Tensor, surface: Tensor, softness: float) -> Tensor:
    """How much of what lies hidden behind a surface opens up to the outside: a head has no holes within."""
    deep = (surface[..., None] > 0) & (travels - surface[..., None] > BEHIND_METRES)
    deep = deep & (travels - surface[..., None] < 2 * BEHIND_METRES)
    return (F.relu(distances + 0.005) * deep).mean() / softness


def covered(opacity: Tensor, truth: Tensor) -> Tensor:
    """Cross-entropy of rays' opacity (B, R) against whether they meet something."""
    inside = opacity.float().clamp(1e-4, 1 - 1e-4)
    return -(truth * inside.log() + (1 - truth) * (1 - inside).log()).mean()


def colour(drawn: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Mean absolute difference of colours (B, R, 3), by ray."""
    return ((drawn.float() - target).abs().mean(-1) * weight).sum() / weight.sum().clamp_min(1.0)


def kept(read: Tensor, known: Tensor) -> Tensor:
    """The identity loss: squared difference of the feature map read from the feature picture and the real picture's."""
    return (read.float() - known).square().mean()


def gradients(drawn: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of neighbours' differences: edges where edges are."""
    across = (drawn[..., 1:] - drawn[..., :-1]) - (target[..., 1:] - target[..., :-1])
    down = (drawn[..., 1:, :] - drawn[..., :-1, :]) - (target[..., 1:, :] - target[..., :-1, :])
    return across.abs().mean() + down.abs().mean()


def read_off(scores: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Weighted squared error of scores (N, P), by parameter."""
    return ((scores.float() - truth).square() * weight).mean()


def surface_apart(moved: Tensor, truth: Tensor, basis: Tensor) -> Tensor:
    """Root mean square metres between faces that parameters (N, M) stand for, by how they move places (M, 3 V)."""
    apart = ((moved.float() - truth) @ basis).unflatten(1, (-1, 3))
    return apart.square().sum(2).mean(1).add(1e-10).sqrt().mean()


def along(first: Tensor, second: Tensor) -> Tensor:
    """Mean absolute difference."""
    return (first.float() - second).abs().mean()
