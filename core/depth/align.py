"""The pose network's answer made exact: the picture is moved until it lies on its neighbour, through the read distances.

Dense direct alignment (Lucas 1981; Engel 2014): robust Gauss-Newton steps on grey levels, coarse to fine, all pairs at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from core.camera import invert_pose
from core.depth.warp import NEAREST, look, points_of, pose_from_vector, sample


@dataclass(frozen=True)
class Alignment:
    """How pictures are laid on each other."""

    sizes: int = 3
    """The finest is the pictures' own, each further one half of it."""
    steps: int = 6
    """Gauss-Newton steps at each size."""
    huber: float = 0.03
    """Difference of grey (of 1) from which a pixel counts ever less: something moves, or is hidden."""
    damping: float = 1e-3
    farthest_metres: float = 150.0
    """Beyond this it is sky, which moves with the camera."""


def align(
    first: Tensor, second: Tensor, metres: Tensor, guess: Tensor, calibration: Tensor, how: Alignment | None = None
) -> Tensor:
    """Poses (N, 4, 4) of second cameras in the first ones' coordinates, better than the guesses.

    Pictures N x 3 x H x W in [-1, 1], ``metres`` (N, H, W) of the first. A pair whose pictures do not come to lie better
    on each other than by the guess keeps the guess.
    """
    how = how or Alignment()
    with torch.no_grad():
        levels = [_level(first, second, metres, calibration, at) for at in range(how.sizes)]
        still = torch.eye(4, dtype=guess.dtype).expand_as(guess)
        found = _better(levels[-1], invert_pose(guess), still, how)  # a camera that stands is a likely one
        for level in reversed(levels):
            for _ in range(how.steps):
                found = _step(level, found, how)
        return invert_pose(_better(levels[0], found, invert_pose(guess), how))


@dataclass(frozen=True)
class _Level:
    """Both pictures at one size."""

    grey: Tensor
    """N x H x W of the first, in 0..1."""
    slopes: Tensor
    """N x 3 x H x W of the second: grey, its slope across, its slope down."""
    points: Tensor
    """N x H x W x 3."""
    wanted: Tensor
    calibration: Tensor


def _level(first: Tensor, second: Tensor, metres: Tensor, calibration: Tensor, halvings: int) -> _Level:
    times = 2**halvings
    grey, other = (_even(F.avg_pool2d(one.mean(1, keepdim=True) / 2 + 0.5, times)) for one in (first, second))
    slope_across = F.pad(other[..., 2:] - other[..., :-2], (1, 1)) / 2
    slope_down = F.pad(other[..., 2:, :] - other[..., :-2, :], (0, 0, 1, 1)) / 2
    lens = calibration.clone()
    lens[:, :2] /= times
    height, width = grey.shape[2:]
    distance = 1 / F.avg_pool2d(1 / metres[:, None], times)[:, 0]
    edge = torch.zeros(height, width, dtype=torch.bool)
    edge[1:-1, 1:-1] = True
    return _Level(
        grey[:, 0],
        torch.cat((other, slope_across, slope_down), 1),
        points_of(distance, lens),
        edge[None] & (distance < Alignment.farthest_metres),
        lens,
    )


def _even(grey: Tensor) -> Tensor:
    """Brought to one mean, as exposures drift."""
    return grey - grey.mean((2, 3), keepdim=True)


def _residual(level: _Level, pose: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Differences, which count, the moved points and what the second picture shows there; ``pose`` moves points."""
    moved = torch.einsum("nij,nhwj->nhwi", pose[:, :3, :3], level.points) + pose[:, None, None, :3, 3]
    pixels = look(moved, level.calibration)
    height, width = level.grey.shape[1:]
    inside = (pixels[..., 0] > 1) & (pixels[..., 1] > 1) & (pixels[..., 0] < width - 1) & (pixels[..., 1] < height - 1)
    there = sample(level.slopes, pixels)
    return there[:, 0] - level.grey, inside & (moved[..., 2] > 10 * NEAREST) & level.wanted, moved, there


def _step(level: _Level, pose: Tensor, how: Alignment) -> Tensor:
    """One robust, damped Gauss-Newton step."""
    apart, counts, moved, there = _residual(level, pose)
    weight = counts * (how.huber / apart.abs().clamp_min(how.huber))
    ahead = moved[..., 2].clamp_min(10 * NEAREST)
    across = there[:, 1] * level.calibration[:, 0, 0, None, None] / ahead
    down = there[:, 2] * level.calibration[:, 1, 1, None, None] / ahead
    x, y = moved[..., 0], moved[..., 1]
    forward = -(across * x + down * y) / ahead
    # slopes of grey by (turn, way) of the moved points
    columns = (
        forward * y - down * ahead,
        across * ahead - forward * x,
        down * x - across * y,
        across,
        down,
        forward,
    )
    slopes = torch.stack(columns, 1).flatten(2)
    weighted = slopes * weight.flatten(1)[:, None]
    normal = (weighted @ slopes.transpose(1, 2)).double()
    towards = (weighted @ apart.flatten(1)[..., None]).double()
    scale = normal.diagonal(dim1=1, dim2=2)
    normal = normal + torch.diag_embed(scale * how.damping + 1e-9 + 1e-6 * scale.amax(1, keepdim=True))
    found = torch.linalg.solve(normal, -towards)[..., 0].clamp(-0.5, 0.5).to(pose.dtype)
    return pose_from_vector(found.nan_to_num()) @ pose


def _better(level: _Level, one: Tensor, other: Tensor, how: Alignment) -> Tensor:
    """Of two poses the one under which the pictures fit, pair by pair."""
    costs = []
    for pose in (one, other):
        apart, counts, _, _ = _residual(level, pose)
        size = apart.abs()
        robust = torch.where(size < how.huber, size.square() / 2, how.huber * (size - how.huber / 2))
        share = counts.float().mean((1, 2))
        mean = (robust * counts).sum((1, 2)) / counts.sum((1, 2)).clamp_min(1)
        costs.append(torch.where(share < 0.3, torch.full_like(mean, 1e3), mean))  # hardly anything is seen by both
    return torch.where((costs[0] <= costs[1])[:, None, None], one, other)
