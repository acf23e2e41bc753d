"""Reading a photo directly: eyes with their brows, the mouth and the whole face, each looked at from near by.

The way through the virtual picture (networks.py) reads anything a converter has learned to redraw. Where labelled photos
exist, a network that reads them as they are loses nothing on the way. Squares are laid by landmarks, so that an eye is always
where an eye is expected; both eyes share one network, the left one mirrored (Zhang 2017 reads gaze from eyes and face so).
Landmarks err by what a face does; where dense points were found, squares are laid by these and looked at again.
Looking and understanding are two things: patches are asked where dense points of the face lie, which is soon learned from
pictures, and solver.py says which expression puts them there; what else was seen it is given as a hint.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.expression.config import ReaderConfig
from core.expression.solver import Solver
from core.face.align import LEFT_EYE, RIGHT_EYE
from core.locator import Locator, point_out
from core.resnet import ResNet

PATCHES = ("right", "left", "mouth", "whole")
EYE_SIDE, MOUTH_SIDE, WHOLE_SIDE = 1.0, 1.3, 2.6
"""Sides of squares in units of the face."""
EYE_RISE, WHOLE_FALL = 0.17, 0.42
"""How far an eye's square lies above the eye, and the whole face's below the middle of the eyes."""
NOSE_BASE, EYES_TO_NOSE = 33, 1.3
"""A head that is turned away has its eyes close to each other, but not to the base of its nose."""
FURTHEST = 0.2
"""How many faces what squares are laid by may be moved after a first look."""
MIXED, JOINED = 192, 512
HUSHED, HUSHED_SLOPE = 0.02, 0.1
"""Nobody who reads says quite nothing of a face at rest, and it moves by many such whispers: below this a controller
rests."""
SIDES = (EYE_SIDE / WHOLE_SIDE, EYE_SIDE / WHOLE_SIDE, MOUTH_SIDE / WHOLE_SIDE)
SHARPER = 0.6
"""How much of a heat map's own spread, in logarithms, is taken for doubt at first."""


def lay_squares(landmarks: Tensor) -> Tensor:
    """(N, 4, 4) middle, side and roll in radians of each patch's square around faces with 68 landmarks (N, 68, 2)."""
    return lay_by(anchors_of(landmarks))


def anchors_of(landmarks: Tensor) -> Tensor:
    """What squares are laid by, (N, 4, 2): the middles of right eye, left eye and mouth, and the base of the nose."""
    parts = (landmarks[:, RIGHT_EYE], landmarks[:, LEFT_EYE], landmarks[:, 48:], landmarks[:, NOSE_BASE, None])
    return torch.stack([part.mean(1) for part in parts], 1)


def mirror_anchors(anchors: Tensor) -> Tensor:
    """Those of a mirrored picture whose left edge was the right one at 0."""
    return anchors[:, [1, 0, 2, 3]] * anchors.new_tensor([-1.0, 1.0])


def lay_by(anchors: Tensor) -> Tensor:
    """(N, 4, 4) squares by ``anchors_of``."""
    right, left, mouth, nose = anchors.unbind(1)
    middle, across = (right + left) / 2, left - right
    roll = torch.atan2(across[:, 1], across[:, 0])
    unit = torch.maximum(across.norm(dim=1), EYES_TO_NOSE * (nose - middle).norm(dim=1))
    unit = unit.clamp_min(1e-3)
    down = torch.stack((-roll.sin(), roll.cos()), 1) * unit[:, None]
    centres = (right - EYE_RISE * down, left - EYE_RISE * down, mouth, middle + WHOLE_FALL * down)
    sides = (EYE_SIDE, EYE_SIDE, MOUTH_SIDE, WHOLE_SIDE)
    squares = [
        torch.cat((centre, (unit * side)[:, None], roll[:, None]), 1)
        for centre, side in zip(centres, sides, strict=True)
    ]
    return torch.stack(squares, 1)


def away_from(anchors: Tensor, found: Tensor) -> Tensor:
    """(N, 4, 2) how far anchors that were found lie from those that squares were laid by, in units of the face and as it is
    rolled: no further than anyone errs who still sees the face."""
    away = torch.view_as_complex((found - anchors).contiguous()) / _axes(lay_by(anchors)[:, -1], WHOLE_SIDE)
    return torch.view_as_real(away).clamp(-FURTHEST, FURTHEST)


def moved_by(anchors: Tensor, away: Tensor) -> Tensor:
    """Anchors so far away from these: the way back of ``away_from``."""
    steps = torch.view_as_complex(away.contiguous()) * _axes(lay_by(anchors)[:, -1], WHOLE_SIDE)
    return anchors + torch.view_as_real(steps)


def in_picture(places: Tensor, squares: Tensor) -> Tensor:
    """Places (N, K, 2) in [-1, 1] of squares (N, 4), as pixels of the picture."""
    steps = torch.view_as_complex(places.contiguous()) * _axes(squares, 2.0)
    return squares[:, None, :2] + torch.view_as_real(steps)


def _axes(squares: Tensor, parts: float) -> Tensor:
    """(N, 1) a step to the right of squares as a complex number, so many to a side."""
    return torch.polar(squares[:, 2:3] / parts, squares[:, 3:])


def tell_squares(squares: Tensor) -> Tensor:
    """(N, 6) where the patches lie in the whole face's square, in its half sides, x to the right and y down."""
    whole = squares[:, 3:]
    away = squares[:, :3, :2] - whole[..., :2]
    cosine, sine = whole[..., 3].cos(), whole[..., 3].sin()
    across = away[..., 0] * cosine + away[..., 1] * sine
    down = away[..., 1] * cosine - away[..., 0] * sine
    return (torch.stack((across, down), 2) / (whole[..., 2:3] / 2)).flatten(1)


def place_in_patches(points: Tensor, places: Tensor, counts: tuple[int, int, int, int]) -> list[Tensor]:
    """Points N x K x 2 of the whole face's square, those of right eye, left eye, mouth and whole face in a row, as they lie in
    each patch; ``places`` is what ``tell_squares`` says."""
    middles = places.unflatten(1, (3, 2))
    own = []
    for patch, some in enumerate(points.split(counts, 1)):
        if patch < len(SIDES):
            lying = (some - middles[:, patch, None]) / SIDES[patch]
            own.append(lying * lying.new_tensor([-1.0, 1.0]) if PATCHES[patch] == "left" else lying)
        else:
            own.append(some)
    return own


def place_in_whole(own: list[Tensor], places: Tensor) -> Tensor:
    """Points of each patch back in the whole face's square, N x K x 2."""
    middles = places.unflatten(1, (3, 2))
    joined = []
    for patch, some in enumerate(own):
        if patch < len(SIDES):
            straight = some * some.new_tensor([-1.0, 1.0]) if PATCHES[patch] == "left" else some
            joined.append(straight * SIDES[patch] + middles[:, patch, None])
        else:
            joined.append(some)
    return torch.cat(joined, 1)


class Look(nn.Module):
    """One patch to heat maps of its points and ``MIXED`` numbers; where in the patch something is matters, so nothing is
    averaged over places."""

    def __init__(self, size: int, width: int, pooled: bool, points: int) -> None:
        super().__init__()
        self.trunk = ResNet(18, 3, width, pooled)
        self.locate = Locator([width * 2**stage for stage in range(4)], points)
        cells_left = size // (32 if pooled else 16)
        self.mix = nn.Sequential(
            nn.Flatten(), nn.Linear(self.trunk.channels * cells_left**2, MIXED, bias=False), nn.BatchNorm1d(MIXED)
        )

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """N x 3 x S x S in [-1, 1] to N x MIXED, and N x K x H x W."""
        pyramid = self.trunk.pyramid(pictures)
        return F.relu(self.mix(pyramid[-1])), self.locate(pyramid)


@dataclass(frozen=True)
class Looked:
    """What a reader makes of patches."""

    told: Tensor
    """N x 130, a little below nothing where hardly anything is told of."""
    heat: list[Tensor]
    """Of right eye, left eye, mouth and whole face."""
    own: list[Tensor]
    """Points N x K x 2 as they lie in each of these patches."""
    points: Tensor
    """N x K x 2 in the whole face's square."""


class CloseReader(nn.Module):
    """Patches of a photo to 130 controllers in 0..1."""

    def __init__(self, config: ReaderConfig) -> None:
        super().__init__()
        eye, mouth, whole = config.points
        self.eye = Look(config.eye, config.width, False, eye)
        self.mouth = Look(config.mouth, config.width, False, mouth)
        self.whole = Look(config.whole, config.width, True, whole)
        self.join = nn.Sequential(nn.Linear(4 * MIXED + 6, JOINED, bias=False), nn.BatchNorm1d(JOINED), nn.ReLU())
        self.counts = eye, eye, mouth, whole
        self.doubt = nn.Parameter(torch.tensor([SHARPER, 0.0]).repeat(sum(self.counts), 1))
        self.hint = nn.Linear(JOINED, config.solver, bias=False)
        nn.init.zeros_(self.hint.weight)
        self.solver = Solver(sum(self.counts), config.solver)
        self.register_buffer("anchoring", torch.zeros(sum(self.counts), len(PATCHES)))
        """What each point has to do with where each of ``anchors_of`` lies."""

    def look(self, right: Tensor, left: Tensor, mouth: Tensor, whole: Tensor, places: Tensor) -> Looked:
        """All that is seen in patches, the left eye's mirrored; ``places``: what ``tell_squares`` says of them."""
        eyes, eye_heat = self.eye(torch.cat((right, left)))
        (at_mouth, mouth_heat), (at_whole, whole_heat) = self.mouth(mouth), self.whole(whole)
        count = len(right)
        joined = self.join(torch.cat((eyes[:count], eyes[count:], at_mouth, at_whole, places.to(eyes.dtype)), 1))
        heat = [eye_heat[:count], eye_heat[count:], mouth_heat, whole_heat]
        with torch.autocast(right.device.type, enabled=False):
            found = [point_out(one.float()) for one in heat]
            own = [place for place, _ in found]
            points = place_in_whole(own, places)
            doubts = torch.cat([spread for _, spread in found], 1) * self.doubt[:, 0] + self.doubt[:, 1]
        told = self.solver(points, doubts, self.hint(joined))
        return Looked(self.say(told.float()), heat, own, points)

    def forward(
        self, right: Tensor, left: Tensor, mouth: Tensor, whole: Tensor, places: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Patches and what ``tell_squares`` says of them to N x 130, and N x 4 x 2 where in the whole face's square the anchors
        are by which its squares are better laid."""
        looked = self.look(right, left, mouth, whole, places)
        return looked.told.clamp(0.0, 1.0), self.find_anchors(looked.points)

    def find_anchors(self, points: Tensor) -> Tensor:
        """N x 4 x 2 by what was found of the face."""
        middle = points.mean(1, keepdim=True)
        return middle + self.get_buffer("anchoring").T @ (points - middle)

    @staticmethod
    def say(told: Tensor) -> Tensor:
        """What the solver tells, where it hardly tells anything made less than nothing, by a little."""
        return F.leaky_relu((told - HUSHED) / (1.0 - HUSHED), HUSHED_SLOPE)
