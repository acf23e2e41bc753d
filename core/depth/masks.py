"""Static masks (c): pixels that stay as they are over the frames, whose photometric error would teach that all is far away.

Two kinds. *Plain*: a pixel is masked if it differs from the same pixel of every other frame by at most a set value (0).
*Vote*: several pixel-wise losses are weighted to one number; a frame counts as the same where that number is under a limit;
a pixel is masked where the share of such frames is over a ratio.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

KINDS = ("vote", "plain", "none")
MOST = 6.0
"""Units of difference beyond which a pixel counts no more: one that something passes by is not worth a whole window."""
BINS = 16
"""Bins of intensity over which a pixel is a distribution."""


@dataclass(frozen=True)
class MaskRule:
    """How a static mask is found."""

    kind: str = "vote"
    difference: float = 0.0
    """Plain: largest difference of grey levels (of 255) that is none."""
    squared: float = 1.0
    absolute: float = 1.0
    huber: float = 1.0
    entropy: float = 1.0
    """Vote: weights of the losses. Each is 1 for pixels that differ by about ``unit``."""
    unit: float = 4.0
    """Grey levels (of 255) at which each loss is about 1 where the picture is flat: grain."""
    shift: float = 1.0
    """Pixels; where the picture slopes, each loss is about 1 for what this shift changes there."""
    limit: float = 0.3
    """Vote: weighted mean of the losses under which a frame counts as the same."""
    ratio: float = 0.5
    """Vote: share of the frames that must be the same."""
    window: int = 31
    """Vote: side of the square over which losses are averaged, weighted by the picture's slopes: of a plain wall alone
    nobody can say whether it moves, so its surroundings decide."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"There is no static mask {self.kind!r}; choose one of {', '.join(KINDS)}.")
        weights = (self.squared, self.absolute, self.huber, self.entropy)
        if min(*weights, self.shift) < 0 or sum(weights) <= 0 or self.unit <= 0:
            raise ValueError(f"A vote wants losses with weights of 0 or more, one over 0, unlike {self}.")
        if not 0 <= self.ratio < 1 or self.window < 1 or self.window % 2 == 0 or self.difference < 0:
            raise ValueError(f"A ratio is in 0..1 (not 1) and a window is odd, unlike {self}.")


def static_mask(picture: Tensor, others: Tensor, rule: MaskRule | None = None) -> Tensor:
    """N x H x W bool of pictures N x 3 x H x W in [-1, 1], told from others N x K x 3 x H x W of the same camera."""
    rule = rule or MaskRule()
    if rule.kind == "none" or others.shape[1] == 0:
        return torch.zeros(picture.shape[0], *picture.shape[2:], dtype=torch.bool, device=picture.device)
    if rule.kind == "plain":
        levels = (others - picture[:, None]).abs().amax(2) * 127.5
        return (levels <= rule.difference + 1e-3).all(1)
    return (_same(picture, others, rule)).float().mean(1) > rule.ratio


def _same(picture: Tensor, others: Tensor, rule: MaskRule) -> Tensor:
    """N x K x H x W bool: the frame counts as the same at the pixel."""
    number, weight = difference_number(picture, others, rule), slopes(picture) + 1.0
    pooled = F.avg_pool2d(number * weight[:, None], rule.window, 1, rule.window // 2)
    return pooled / F.avg_pool2d(weight, rule.window, 1, rule.window // 2)[:, None] < rule.limit


def slopes(picture: Tensor) -> Tensor:
    """How steep grey levels (of 255) are per pixel, N x H x W."""
    grey = F.pad(picture.mean(1, keepdim=True) * 127.5, (1, 1, 1, 1), mode="replicate")
    across = (grey[..., 1:-1, 2:] - grey[..., 1:-1, :-2]) / 2
    along = (grey[..., 2:, 1:-1] - grey[..., :-2, 1:-1]) / 2
    return (across.square() + along.square()).sqrt()[:, 0]


def difference_number(picture: Tensor, others: Tensor, rule: MaskRule) -> Tensor:
    """The losses weighted to one number per frame and pixel, N x K x H x W; 0 where pixels are equal."""
    unit = rule.unit + rule.shift * slopes(picture)[:, None, None]
    apart = ((others - picture[:, None]).abs() * 127.5 / unit).clamp_max(MOST)
    total = apart.new_zeros(apart.shape[:2] + apart.shape[3:])
    if rule.squared:
        total = total + rule.squared * apart.square().mean(2)
    if rule.absolute:
        total = total + rule.absolute * apart.mean(2)
    if rule.huber:
        total = total + rule.huber * torch.where(apart < 1, apart.square() / 2, apart - 0.5).mean(2)
    if rule.entropy:
        total = total + rule.entropy * _cross_entropy(picture, others)
    return total / (rule.squared + rule.absolute + rule.huber + rule.entropy)


def _cross_entropy(picture: Tensor, others: Tensor) -> Tensor:
    """Cross entropy of intensities as distributions over bins, less what it is for equal ones, N x K x H x W."""
    own = _spread(picture.mean(1)).clamp_min(1e-3)
    elsewhere = _spread(others.mean(2)).clamp_min(1e-3)
    own = (own / own.sum(-1, keepdim=True))[:, None]
    elsewhere = elsewhere / elsewhere.sum(-1, keepdim=True)
    return (own * (own.log() - elsewhere.log())).sum(-1)


def _spread(intensity: Tensor) -> Tensor:
    """Intensities in [-1, 1] as smooth distributions over bins (the last dimension)."""
    bins = torch.linspace(-1, 1, BINS, device=intensity.device)
    return torch.exp(-((intensity[..., None] - bins) * (BINS / 2)).square() / 2)
