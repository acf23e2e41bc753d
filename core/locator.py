"""Where points of a picture are, from heat maps: the head of a trunk that draws them, what they say, how far they are off."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.resnet import ConvNorm

LOCATOR_WIDTH = 64
SHARPNESS = 4.0
"""What a heat map's numbers are multiplied by: from nearly even ones, places would hardly move while learning."""
NARROWER = 3.0
"""And what they are multiplied by again where their middle is sought."""
LEAST_VARIANCE = 1e-6


class Locator(nn.Module):
    """Where points of the face are: the mean place under a heat map each, from fine and coarse features together (integral
    regression, Sun 2018)."""

    def __init__(self, channels: Sequence[int], points: int) -> None:
        super().__init__()
        self.join = nn.ModuleList(nn.Conv2d(inputs, LOCATOR_WIDTH, 1) for inputs in channels)
        self.mix = ConvNorm(LOCATOR_WIDTH, LOCATOR_WIDTH, 3)
        self.heat = nn.Conv2d(LOCATOR_WIDTH, points, 1)

    def forward(self, pyramid: Sequence[Tensor]) -> Tensor:
        """Heat maps N x K x H x W before they are made to sum to one, at the finest features' size."""
        fine, *coarse = (join(found) for join, found in zip(self.join, pyramid, strict=True))
        x = F.relu(fine + raise_all(coarse, fine.shape[2], fine.shape[3]))
        return SHARPNESS * self.heat(F.relu(self.mix(x))).float()


def raise_all(coarse: Sequence[Tensor], height: int, width: int) -> Tensor:
    """The sum of features N x C x h x w of several sizes, each made height x width as bilinear interpolation would: as products
    with few numbers, whose way back takes a processor a third of the time."""
    tall = [torch.matmul(stretch(one.shape[2], height, one), one.permute(0, 2, 3, 1).flatten(2)) for one in coarse]
    rows = torch.cat(
        [high.unflatten(2, one.shape[3:] + one.shape[1:2]) for high, one in zip(tall, coarse, strict=True)], 2
    )
    across = torch.cat([stretch(one.shape[3], width, one) for one in coarse], 1)
    return torch.matmul(across, rows).permute(0, 3, 1, 2)


def stretch(cells_now: int, cells_then: int, like: Tensor) -> Tensor:
    """(then, now): what of each cell is in each of those that a row of them is stretched to, by linear interpolation."""
    middles = (torch.arange(cells_then, device=like.device, dtype=torch.float32) + 0.5) * (cells_now / cells_then) - 0.5
    away = middles.clamp(0.0, cells_now - 1.0)[:, None] - torch.arange(cells_now, device=like.device)
    return (1.0 - away.abs()).clamp_min(0.0).to(like.dtype)


def middle_of(heat: Tensor) -> Tensor:
    """Mean places N x K x 2, in [-1, 1], under heat maps N x K x H x W."""
    return point_out(heat)[0]


def point_out(heat: Tensor) -> tuple[Tensor, Tensor]:
    """Heat maps N x K x H x W to the middle of each, N x K x 2 in [-1, 1], and the logarithm N x K of how far it spreads. They
    are made narrower first: the little heat that is left everywhere would draw all middles towards the picture's."""
    share = (NARROWER * heat).flatten(2).softmax(2).unflatten(2, heat.shape[2:])
    across, down = cells(share.shape[3], share), cells(share.shape[2], share)
    columns, rows = share.sum(2), share.sum(3)
    # sums of products, not a matrix product: autocast would take that in half precision
    column, row = (columns * across).sum(2), (rows * down).sum(2)
    spread = (columns * across**2).sum(2) - column**2 + (rows * down**2).sum(2) - row**2
    return torch.stack((column, row), 2), 0.5 * spread.clamp_min(LEAST_VARIANCE).log()


def cells(count: int, like: Tensor) -> Tensor:
    """Middles of so many cells side by side, in [-1, 1]."""
    return (torch.arange(count, device=like.device, dtype=like.dtype) * 2 + 1) / count - 1


def places_error(heat: Tensor, places: Tensor) -> Tensor:
    """(N, K) cross entropy of heat maps N x K x H x W with soft dots at places N x K x 2 in [-1, 1], less what no heat map
    can do without. A dot is a cell wide, and the product of one along rows and one along columns."""
    columns, rows = (_dot(places[..., axis], heat.shape[3 - axis]) for axis in (0, 1))
    likely = ((heat * columns[:, :, None]).sum(3) * rows).sum(2)
    least = sum(-(one * one.clamp_min(1e-9).log()).sum(2) for one in (columns, rows))
    return heat.flatten(2).logsumexp(2) - likely - least


def _dot(places: Tensor, count: int) -> Tensor:
    """(N, K, count): shares of so many cells side by side in a dot at each place."""
    middles = (torch.arange(count, device=places.device, dtype=places.dtype) * 2 + 1) / count - 1
    return (-0.5 * ((middles - places[..., None]) * (count / 2)).square()).softmax(2)
