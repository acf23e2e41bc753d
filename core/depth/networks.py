"""The distance U-Net and the pose network.

Both speak in terms of one canonical lens: the same pixels behind a lens of twice the focal length are a view from twice as
far, so what is read for the canonical lens is multiplied by focal / canonical (Yin 2023, "Metric3D").
"""

from __future__ import annotations

import itertools
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.depth.config import Config
from core.depth.warp import pose_from_vector
from core.unet import ConvBlock, UpBlock

TYPICAL_METRES = 4.0
"""What an untrained network says of everything."""
SHARPER = 4.0
"""How much louder the difference of two neighbouring frames is than the frames."""
STEP = 0.01
"""Scale of the pose network's answers: radians or metres of a camera between two frames."""


class DistanceNet(nn.Module):
    """A U-Net: four blocks downwards, a middle block, four upwards, each joined with what was kept on the way down."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        widths = (3, *config.features, config.middle)
        self.down = nn.ModuleList(ConvBlock(wide, narrow, 2) for wide, narrow in itertools.pairwise(widths))
        # the last of these is the middle block; going up, block 1 meets feature 4
        pairs = [(config.middle, config.features[3]), *itertools.pairwise(reversed(config.features))]
        self.up = nn.ModuleList(UpBlock(below, kept, kept) for below, kept in pairs)
        self.leave = nn.Conv2d(config.features[0], 4, 3, padding=1)  # four pixels of the picture (Shi 2016)

    def forward(self, pictures: Tensor) -> Tensor:
        """N x 3 x H x W in [-1, 1] (H and W even) to N x H x W natural logarithms of metres behind the canonical lens."""
        kept: list[Tensor] = []
        x = pictures
        for block in self.down:
            x = block(x)
            kept.append(x)
        kept.pop()
        for block in self.up:
            x = block(x, kept.pop())
        told = F.pixel_shuffle(self.leave(x), 2)[:, 0].float() + math.log(TYPICAL_METRES)
        return told.clamp(math.log(self.config.nearest_metres), math.log(self.config.farthest_metres))


class PoseNet(nn.Module):
    """A picture and its neighbour, stacked on channels, through five blocks of shrinking size to the transform between."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        widths = (6, *config.motion)
        self.blocks = nn.ModuleList(ConvBlock(wide, narrow, 2) for wide, narrow in itertools.pairwise(widths))
        self.leave = nn.Conv2d(config.motion[-1], 6, 1)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """N x 3 x H x W each, to N x 6: turn (radians around right, down, forward) and way (metres) of the canonical lens."""
        # the pair stacked on channels, as what both show and how they differ: differences are small and all that counts
        x = torch.cat(((first + second) / 2, (second - first) * SHARPER), dim=1)
        for block in self.blocks:
            x = block(x)
        return self.leave(x).float().mean(dim=(2, 3)) * STEP


def to_metres(told: Tensor, focal: Tensor, config: Config) -> Tensor:
    """Metres along z behind lenses of these focal lengths (N, in pixels of the picture the network saw)."""
    return told.exp() * (focal / config.focal)[:, None, None]


def to_pose(told: Tensor, focal: Tensor, config: Config) -> Tensor:
    """N x 4 x 4 poses of the second camera in the first's coordinates, for lenses of these focal lengths.

    Turning sideways or up moves pixels by focal x angle; going forward stretches them by way / distance, and distance grows
    with the focal length; rolling and going sideways look the same through any lens.
    """
    share = focal / config.focal
    one = torch.ones_like(share)
    return pose_from_vector(told * torch.stack((1 / share, 1 / share, one, one, one, share), dim=1))


def focal_of(calibration: Tensor) -> Tensor:
    """One focal length (N) of calibration matrices (N, 3, 3): the geometric mean of both directions."""
    return (calibration[:, 0, 0] * calibration[:, 1, 1]).sqrt()
