"""Blocks of a U-Net (Ronneberger 2015): down-sampling that keeps its features, and up-sampling that takes them back."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ConvBlock(nn.Module):
    """Two 3 x 3 convolutions, each normalised in groups and activated; the first may halve the picture."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.first_norm = nn.GroupNorm(_groups(outputs), outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.second_norm = nn.GroupNorm(_groups(outputs), outputs)

    def forward(self, x: Tensor) -> Tensor:
        """N x inputs x H x W to N x outputs x H/stride x W/stride."""
        x = F.silu(self.first_norm(self.first(x)))
        return F.silu(self.second_norm(self.second(x)))


class UpBlock(nn.Module):
    """Raises features to the size of those kept on the way down, joins both, and mixes them."""

    def __init__(self, inputs: int, kept: int, outputs: int) -> None:
        super().__init__()
        self.mix = ConvBlock(inputs + kept, outputs)

    def forward(self, x: Tensor, kept: Tensor) -> Tensor:
        """Features of any smaller size to those of ``kept``'s size."""
        raised = F.interpolate(x, size=kept.shape[2:], mode="nearest")
        return self.mix(torch.cat((raised, kept), dim=1))


class UNet(nn.Module):
    """Pictures to maps of the same size."""

    def __init__(self, inputs: int, outputs: int, widths: Sequence[int] = (32, 64, 128, 256, 256)) -> None:
        """``widths``: of the full size, then of each halving; the last is the middle block's."""
        super().__init__()
        if len(widths) < 2:
            raise ValueError(f"A U-Net has at least two sizes of features, not {len(widths)}.")
        pairs = list(itertools.pairwise(widths))
        self.enter = ConvBlock(inputs, widths[0])
        self.down = nn.ModuleList(ConvBlock(wide, narrow, stride=2) for wide, narrow in pairs)
        self.up = nn.ModuleList(UpBlock(narrow, wide, wide) for wide, narrow in reversed(pairs))
        self.leave = nn.Conv2d(widths[0], outputs, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """N x inputs x H x W to N x outputs x H x W."""
        return self.leave(self.features(pictures)[-1])

    def features(self, pictures: Tensor) -> list[Tensor]:
        """What each up-sampling block gives, from the middle outwards, for heads at several sizes."""
        kept = [self.enter(pictures)]
        for block in self.down:
            kept.append(block(kept[-1]))
        found = [kept.pop()]
        for block in self.up:
            found.append(block(found[-1], kept.pop()))
        return found


def _groups(channels: int) -> int:
    """At most eight groups that divide the channels."""
    return next(groups for groups in (8, 4, 2, 1) if channels % groups == 0)
