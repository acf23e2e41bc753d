"""Distances of neighbouring frames made to agree: first their scales, then, where both see the same, the pixels."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from core.depth.warp import look, move, points_of, sample

AGREE = 0.2
"""Pixels whose logarithms differ by less than this show the same surface."""
BLEND = 0.6
"""How much of a pixel's distance comes from the frame before, where both show the same."""
LOOSE = 0.02
"""How weakly each frame's own scale is held to, against agreeing with its neighbours."""


def agreement(metres: Tensor, neighbour: Tensor, pose: Tensor, calibration: Tensor) -> tuple[Tensor, Tensor]:
    """Logarithm (N, H, W) of the neighbour's distance over ours at the same points, and where both see them.

    ``metres`` and ``neighbour`` (N, H, W); ``pose`` of the neighbour in our coordinates.
    """
    points = move(points_of(metres, calibration), pose)
    pixels = look(points, calibration)
    height, width = metres.shape[1:]
    inside = (pixels > 0.5).all(3) & (pixels[..., 0] < width - 0.5) & (pixels[..., 1] < height - 0.5)
    there = sample(neighbour[:, None], pixels)[:, 0]
    ahead = points[..., 2]
    return (there.clamp_min(1e-3) / ahead.clamp_min(1e-3)).log(), inside & (ahead > 1e-3)


def scale_steps(metres: Tensor, poses: Tensor, calibration: Tensor, wanted: Tensor) -> Tensor:
    """Median logarithm (T - 1) of each next frame's distances over the frame's own, over the wanted pixels (T, H, W).

    ``poses`` (T - 1, 4, 4): of each next camera in the frame's coordinates, in the frame's own scale.
    """
    apart, both = agreement(metres[:-1], metres[1:], poses, calibration.expand(len(poses), 3, 3))
    counted = both & wanted[:-1]
    steps = [one[there].median() if int(there.sum()) > 50 else one.new_zeros(()) for one, there in zip(apart, counted)]  # noqa: B905 - one each
    return torch.stack(steps) if steps else metres.new_zeros(0)


def even_scales(steps: Tensor) -> Tensor:
    """Logarithms (T) to add to the frames so that neighbours agree, their sum 0: what all say together is kept.

    Least squares of x[t + 1] - x[t] = -step and, weakly, x[t] = 0.
    """
    count = len(steps) + 1
    normal = np.eye(count) * LOOSE
    towards = np.zeros(count)
    for at, step in enumerate(steps.double().tolist()):
        normal[at, at] += 1
        normal[at + 1, at + 1] += 1
        normal[at, at + 1] -= 1
        normal[at + 1, at] -= 1
        towards[at] += step
        towards[at + 1] -= step
    found = np.linalg.solve(normal, towards)
    return torch.from_numpy(found - found.mean()).float()


def blend_along(metres: Tensor, poses: Tensor, calibration: Tensor, wanted: Tensor) -> Tensor:
    """Distances (T, H, W) in which each frame has taken over from both sides what its neighbours saw.

    ``poses`` (T - 1, 4, 4): of each next camera in the frame's coordinates. Moving pixels are left as they are.
    """
    count = len(metres)
    if count < 2:
        return metres
    onwards, backwards = metres.log(), metres.log()
    back = torch.linalg.inv(poses)
    lens = calibration.expand(1, 3, 3)
    for at in range(1, count):
        onwards[at] = _take_over(onwards[at], onwards[at - 1], back[at - 1], lens, wanted[at])
    for at in range(count - 2, -1, -1):
        backwards[at] = _take_over(backwards[at], backwards[at + 1], poses[at], lens, wanted[at])
    return ((onwards + backwards) / 2).exp()


def _take_over(own: Tensor, neighbour: Tensor, pose: Tensor, lens: Tensor, wanted: Tensor) -> Tensor:
    apart, both = agreement(own.exp()[None], neighbour.exp()[None], pose[None], lens)
    same = both[0] & wanted & (apart[0].abs() < AGREE)
    return torch.where(same, own + BLEND * apart[0], own)
