"""Reading a photo directly: eyes with their brows, the mouth and the whole face, each looked at from near by.

The way through the virtual picture (networks.py) reads anything a converter has learned to redraw. Where labelled photos
exist, a network that reads them as they are loses nothing on the way. Squares are laid by landmarks, so that an eye is always
where an eye is expected; both eyes share one network, the left one mirrored (Zhang 2017 reads gaze from eyes and face so).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.engine.controllers import NAMES
from core.expression.config import ReaderConfig
from core.face.align import LEFT_EYE, RIGHT_EYE
from core.resnet import ResNet

PATCHES = ("right", "left", "mouth", "whole")
EYE_SIDE, MOUTH_SIDE, WHOLE_SIDE = 1.0, 1.3, 2.6
"""Sides of squares in units of the face."""
EYE_RISE, WHOLE_FALL = 0.17, 0.42
"""How far an eye's square lies above the eye, and the whole face's below the middle of the eyes."""
NOSE_BASE, EYES_TO_NOSE = 33, 1.3
"""A head that is turned away has its eyes close to each other, but not to the base of its nose."""
MIXED, JOINED = 192, 512
HUSHED, HUSHED_SLOPE = 0.02, 0.1
"""A sigmoid never says nothing at all, and a face at rest moves by many such whispers: below this a controller rests."""


def lay_squares(landmarks: Tensor) -> Tensor:
    """(N, 4, 4) middle, side and roll in radians of each patch's square around faces with 68 landmarks (N, 68, 2)."""
    right, left = landmarks[:, RIGHT_EYE].mean(1), landmarks[:, LEFT_EYE].mean(1)
    middle, across = (right + left) / 2, left - right
    roll = torch.atan2(across[:, 1], across[:, 0])
    unit = torch.maximum(across.norm(dim=1), EYES_TO_NOSE * (landmarks[:, NOSE_BASE] - middle).norm(dim=1))
    unit = unit.clamp_min(1e-3)
    down = torch.stack((-roll.sin(), roll.cos()), 1) * unit[:, None]
    centres = (right - EYE_RISE * down, left - EYE_RISE * down, landmarks[:, 48:].mean(1), middle + WHOLE_FALL * down)
    sides = (EYE_SIDE, EYE_SIDE, MOUTH_SIDE, WHOLE_SIDE)
    squares = [
        torch.cat((centre, (unit * side)[:, None], roll[:, None]), 1)
        for centre, side in zip(centres, sides, strict=True)
    ]
    return torch.stack(squares, 1)


def tell_squares(squares: Tensor) -> Tensor:
    """(N, 6) where the patches lie in the whole face's square, in its half sides, x to the right and y down."""
    whole = squares[:, 3:]
    away = squares[:, :3, :2] - whole[..., :2]
    cosine, sine = whole[..., 3].cos(), whole[..., 3].sin()
    across = away[..., 0] * cosine + away[..., 1] * sine
    down = away[..., 1] * cosine - away[..., 0] * sine
    return (torch.stack((across, down), 2) / (whole[..., 2:3] / 2)).flatten(1)


class Look(nn.Module):
    """One patch to ``MIXED`` numbers; where in the patch something is matters, so nothing is averaged over places."""

    def __init__(self, size: int, width: int, pooled: bool) -> None:
        super().__init__()
        self.trunk = ResNet(18, 3, width, pooled)
        cells = size // (32 if pooled else 16)
        self.mix = nn.Sequential(
            nn.Flatten(), nn.Linear(self.trunk.channels * cells**2, MIXED, bias=False), nn.BatchNorm1d(MIXED)
        )

    def forward(self, pictures: Tensor) -> Tensor:
        """N x 3 x S x S in [-1, 1] to N x MIXED."""
        return F.relu(self.mix(self.trunk(pictures)))


class CloseReader(nn.Module):
    """Patches of a photo to 130 controllers in 0..1."""

    def __init__(self, config: ReaderConfig) -> None:
        super().__init__()
        self.eye = Look(config.eye, config.width, False)
        self.mouth = Look(config.mouth, config.width, False)
        self.whole = Look(config.whole, config.width, True)
        self.join = nn.Sequential(nn.Linear(4 * MIXED + 6, JOINED, bias=False), nn.BatchNorm1d(JOINED), nn.ReLU())
        self.tell = nn.Linear(JOINED, len(NAMES))
        nn.init.constant_(self.tell.bias, -3.0)  # most controllers rest most of the time

    def look(self, right: Tensor, left: Tensor, mouth: Tensor, whole: Tensor, places: Tensor) -> Tensor:
        """All that was seen, N x JOINED; the left eye is given mirrored."""
        eyes = self.eye(torch.cat((right, left))).unflatten(0, (2, -1))
        return self.join(torch.cat((eyes[0], eyes[1], self.mouth(mouth), self.whole(whole), places.to(eyes.dtype)), 1))

    def forward(self, right: Tensor, left: Tensor, mouth: Tensor, whole: Tensor, places: Tensor) -> Tensor:
        """Patches and what ``tell_squares`` says of them to N x 130."""
        return self.say(self.look(right, left, mouth, whole, places)).clamp_min(0.0)

    def say(self, seen: Tensor) -> Tensor:
        """What was seen as controllers up to 1; what is hardly told of is less than nothing here, by a little."""
        told = (self.tell(seen).sigmoid() - HUSHED) / (1.0 - HUSHED)
        return F.leaky_relu(told, HUSHED_SLOPE)
