"""Where points of engine people's faces lie in pictures that nobody draws, and which of them each patch is asked for."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
from torch import Tensor

from core.camera import invert_pose, project
from core.engine.head import rotation
from core.engine.moments import draw_alone, draw_moments
from core.engine.people import draw_identities
from core.engine.shots import come_close, draw_shots, place_camera
from core.engine.stage import aim_at, turn_heads
from core.expression.close import WHOLE_SIDE, anchors_of, lay_squares
from training.expression_surface import into_crop, thin_head, vertices

ASKED_SEED, ASKED_PEOPLE = 60_000_000, 4_000
INSIDE = 0.96
"""What lies nearer to a patch's edge is as good as outside."""
OFTEN, MOSTLY = 0.95, 0.9
"""In how many faces an eye's point, or any other, lies inside."""
SIZE = 160
FOUND_OFF = 0.03
"""How far a reader's points are off, in units of the face: who trusts a few of them too much is led astray."""


@dataclass(frozen=True)
class Drawn:
    """Points of N people, in pixels of their pictures."""

    points: Tensor
    """N x K x 2 of ``vertices``."""
    landmarks: Tensor
    """N x 68 x 2."""
    controllers: Tensor


@torch.no_grad()
def draw_points(seeds: Tensor, alone: Tensor, close: bool) -> Drawn:
    """What ``faces`` would show of these seeds; ``alone`` (N): who moves one controller only."""
    head, chosen = thin_head()
    moments, shots = draw_moments(seeds), draw_shots(seeds)
    moved = torch.where(alone[:, None], draw_alone(seeds), moments.controllers)
    turn = rotation(*moments.turn.unbind(1))
    placed = place_camera(come_close(shots) if close else shots, aim_at(turn), moments.body_yaw, SIZE)
    shown = turn_heads(head, head.move(head.shape(draw_identities(seeds)), moved), turn)
    seen = project(shown, invert_pose(placed.pose), placed.calibration)[0]
    return Drawn(seen[:, chosen], seen[:, head.landmarks], moved)


@dataclass(frozen=True)
class Asked:
    """Places among ``vertices`` of the points that patches are asked for: right eye, left eye (its mirror images), mouth, and
    of the whole face those that none of these shows."""

    right: Tensor
    left: Tensor
    mouth: Tensor
    whole: Tensor

    def every(self) -> Tensor:
        """All of them, in the order of patches."""
        return torch.cat((self.right, self.left, self.mouth, self.whole))


@functools.lru_cache(maxsize=1)
def asked_points() -> Asked:
    """Points that nearly always lie inside their patch, on both sides of the face alike."""
    seeds = torch.arange(ASKED_SEED, ASKED_SEED + ASKED_PEOPLE)
    drawn, mirror = draw_points(seeds, seeds % 3 == 2, close=True), vertices()[1]
    squares, nobody = lay_squares(drawn.landmarks), torch.zeros(len(seeds), dtype=torch.bool)
    inside = [
        (into_crop(drawn.points, squares[:, place], nobody).abs().amax(2) < INSIDE).float().mean(0)
        for place in range(4)
    ]
    eye = inside[0] > OFTEN
    mouth = torch.minimum(inside[2], inside[2][mirror]) > MOSTLY
    rest = (torch.minimum(inside[3], inside[3][mirror]) > MOSTLY) & ~(eye | eye[mirror] | mouth)
    right, mouthy, whole = (torch.nonzero(some)[:, 0] for some in (eye, mouth & ~eye & ~eye[mirror], rest))
    return Asked(right, mirror[right], mouthy, whole)


@functools.lru_cache(maxsize=1)
def anchoring() -> Tensor:
    """(K, 4) how far each asked point away from the middle of all of them moves each of ``anchors_of`` away from it, so that
    squares can be laid by what a reader found: least squares, points being ``FOUND_OFF``."""
    seeds = torch.arange(ASKED_SEED, ASKED_SEED + ASKED_PEOPLE)
    drawn = draw_points(seeds, seeds % 3 == 2, close=True)
    points, anchors = drawn.points[:, asked_points().every()].double(), anchors_of(drawn.landmarks).double()
    unit = lay_squares(drawn.landmarks)[:, 3, 2].double()[:, None, None] / WHOLE_SIDE
    middle = points.mean(1, keepdim=True)
    theirs, wanted = (((some - middle) / unit).transpose(1, 2).flatten(0, 1) for some in (points, anchors))
    sure = theirs.T @ theirs + len(theirs) * FOUND_OFF**2 * torch.eye(theirs.shape[1], dtype=torch.float64)
    return torch.linalg.solve(sure, theirs.T @ wanted).float()
