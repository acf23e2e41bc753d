"""What the depth room lowers: distance against truth, pictures rebuilt from neighbours, smoothness, and the camera's way."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from core.depth.warp import move, points_of
from core.losses import dissimilarity


class Views(NamedTuple):
    """How two cameras stand: the second's pose in the first's coordinates, and the lens of both."""

    pose: Tensor
    calibration: Tensor


def distance_error(found: Tensor, true: Tensor, views: Views, plain: bool = False) -> Tensor:
    """(a) Pixels with their true and with their read distance, both moved into the neighbour camera's coordinates.

    The mean squared difference over pixels that have a true distance (0: none), or the plain mean difference. Differences
    count as shares of the true distance: in metres the far walls would own the loss.
    """
    known = true > 0
    own = move(points_of(true, views.calibration), views.pose)
    other = move(points_of(found, views.calibration), views.pose)
    apart = (other - own) / true.clamp_min(1e-3)[..., None]
    error = apart.abs().sum(3) if plain else apart.square().sum(3)
    return mean_over(error.clamp_max(10.0), known)


def log_error(found: Tensor, true: Tensor) -> Tensor:
    """Mean absolute difference of logarithms where there is a true distance: near and far count alike (Eigen 2014)."""
    known = true > 0
    return mean_over((found.log() - true.clamp_min(1e-3).log()).abs(), known)


def slope_error(found: Tensor, true: Tensor, sizes: int = 3) -> Tensor:
    """Slopes of the logarithm of distance against the true ones at several sizes, so that edges stand where they are
    (Li 2018, "MegaDepth", eq. 3)."""
    known = (true > 0).float()
    apart = (found.log() - true.clamp_min(1e-3).log()) * known
    total = found.new_zeros(())
    for size in range(sizes):
        at, there = apart[:, :: 2**size, :: 2**size], known[:, :: 2**size, :: 2**size]
        across = mean_over((at[:, :, 1:] - at[:, :, :-1]).abs(), there[:, :, 1:] * there[:, :, :-1])
        along = mean_over((at[:, 1:] - at[:, :-1]).abs(), there[:, 1:] * there[:, :-1])
        total = total + across + along
    return total / sizes


def sky_error(found: Tensor, true: Tensor, metres: float = 100.0) -> Tensor:
    """How much nearer than ``metres`` (in logarithms) a pixel without any true distance is read: it is sky."""
    return ((metres / found).log().clamp_min(0) * (true <= 0)).mean()


def photometric_error(rebuilt: Tensor, picture: Tensor, share: float = 0.85, plain: bool = False) -> Tensor:
    """(b) a/2 (1 - SSIM) + (1 - a) L1 of the rebuilt and the real picture, per pixel N x H x W (Godard 2017, eq. 2).

    ``plain``: the L1 difference alone.
    """
    difference = (rebuilt - picture).abs().mean(1) / 2
    if plain:
        return difference
    return share * dissimilarity(rebuilt, picture).mean(1) + (1 - share) * difference


def roughness(distance: Tensor, picture: Tensor) -> Tensor:
    """(d) Slopes of inverse distance over its mean, weighed down where the picture has an edge (Godard 2017, eq. 3)."""
    inverse = 1 / distance
    inverse = inverse / inverse.mean((1, 2), keepdim=True)
    across = (inverse[:, :, 1:] - inverse[:, :, :-1]).abs()
    along = (inverse[:, 1:] - inverse[:, :-1]).abs()
    edge_across = (picture[..., 1:] - picture[..., :-1]).abs().mean(1) / 2
    edge_along = (picture[:, :, 1:] - picture[:, :, :-1]).abs().mean(1) / 2
    return (across * torch.exp(-10 * edge_across)).mean() + (along * torch.exp(-10 * edge_along)).mean()


def motion_error(found: Tensor, true: Tensor, distance: Tensor, calibration: Tensor) -> Tensor:
    """How many pixels the picture moves wrongly when the camera is moved as read and not as it was.

    Turn and way apart, so that one cannot hide the other; ``distance`` is the true one, 0 where there is none.
    """
    focal = calibration[:, 0, 0]
    known = (distance > 0).float()
    near = ((known / distance.clamp_min(0.1)).sum((1, 2)) / known.sum((1, 2)).clamp_min(1)).clamp(0.02, 2.0)
    turned = (found[:, :3, :3] - true[:, :3, :3]).square().sum((1, 2)).add(1e-12).sqrt() / 2**0.5
    gone = (found[:, :3, 3] - true[:, :3, 3]).square().sum(1).add(1e-12).sqrt()
    return (turned * focal + gone * near * focal).mean()


def mean_over(values: Tensor, wanted: Tensor) -> Tensor:
    """Mean of values where wanted; 0 where nothing is."""
    wanted = wanted.float()
    return (values * wanted).sum() / wanted.sum().clamp_min(1.0)


def shrink(pictures: Tensor, halvings: int) -> Tensor:
    """Pictures N x C x H x W at a half, a quarter ... of their size."""
    return F.avg_pool2d(pictures, 2**halvings) if halvings else pictures
