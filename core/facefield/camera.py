"""Where a portrait was taken from, as numbers: how the camera is turned about the head, how far it is, through which lens.

The optical axis goes through the portrait's middle. Poses are camera to head; see core/camera.py for axes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from core.camera import Intrinsics, pixel_grid
from core.engine.head import rotation
from core.facefield.render import Rays, rotate

ANCHOR = (0.0, 0.018, 0.02)
"""The place in the head's frame that is followed: what the engine's camera aims at."""
_FRONT = (1.0, -1.0, -1.0)
"""A camera straight in front: its right is the person's left."""
_UNIT = (0.3, 0.2, 0.07, 0.06, 0.08, 0.1, 0.5)
_MIDDLE = (0.0, -0.02, 0.0, 0.0, 0.0, 1.03, 0.7)
"""Spread and mean of the numbers of portraits: yaw, pitch, roll, across, down, log(lens / distance), log(lens)."""


@dataclass(frozen=True)
class Camera:
    """Where one portrait was taken from."""

    yaw_degrees: float = 0.0
    """To the person's left."""
    pitch_degrees: float = 0.0
    """From above."""
    roll_degrees: float = 0.0
    distance_metres: float = 0.8
    """From the head's middle, along the camera's axis."""
    lens: float = 2.4
    """Focal length over the portrait's side."""
    across: float = 0.0
    down: float = 0.0
    """Where the head's middle is in the portrait, each -1..1."""

    def __post_init__(self) -> None:
        values = (self.yaw_degrees, self.pitch_degrees, self.roll_degrees, self.across, self.down)
        if not all(math.isfinite(value) for value in (*values, self.distance_metres, self.lens)):
            raise ValueError(f"A camera's numbers are finite, not {self}.")
        if not 0.05 <= self.distance_metres <= 100 or not 0.1 <= self.lens <= 100:
            raise ValueError(
                f"A camera stands 5 cm to 100 m away with a lens of 0.1 to 100 picture sides, not "
                f"{self.distance_metres} m and {self.lens}."
            )

    def numbers(self) -> Tensor:
        """The camera as the encoder says it (1, 7)."""
        turned = [math.radians(value) for value in (self.yaw_degrees, self.pitch_degrees, self.roll_degrees)]
        last = [self.across, self.down, math.log(self.lens / self.distance_metres), math.log(self.lens)]
        return (torch.tensor([[*turned, *last]]) - torch.tensor(_MIDDLE)) / torch.tensor(_UNIT)

    @classmethod
    def of(cls, numbers: Tensor) -> Camera:
        """The camera of numbers (1, 7)."""
        yaw, pitch, roll, across, down, scale, lens = _plain(numbers.detach().float().cpu())[0].tolist()
        lens = math.exp(min(max(lens, math.log(0.3)), math.log(30.0)))
        distance = min(max(lens / math.exp(scale), 0.1), 50.0)
        return cls(math.degrees(yaw), math.degrees(pitch), math.degrees(roll), distance, lens, across, down)


def _plain(numbers: Tensor) -> Tensor:
    return numbers * numbers.new_tensor(_UNIT) + numbers.new_tensor(_MIDDLE)


def place(numbers: Tensor) -> tuple[Tensor, Tensor]:
    """Numbers (N, 7) to poses (N, 4, 4), camera to head, and lenses (N); with gradients."""
    yaw, pitch, roll, across, down, scale, lens = _plain(numbers).unbind(1)
    lens = lens.clamp(math.log(0.3), math.log(30.0)).exp()
    distance = lens / scale.exp()
    turn = rotation(yaw, pitch, roll) * numbers.new_tensor(_FRONT)
    away = torch.stack((across / 2 / lens, down / 2 / lens, torch.ones_like(lens)), 1) * distance[:, None]
    eye = numbers.new_tensor(ANCHOR) - (turn @ away[..., None])[..., 0]
    top = torch.cat((turn, eye[..., None]), 2)
    last = numbers.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(len(numbers), 1, 4)
    return torch.cat((top, last), 1), lens


def tell(pose: Tensor, calibration: Tensor, squares: Tensor) -> Tensor:
    """Numbers (N, 7) of portraits cut from pictures with known cameras; squares (N, 4): centre, side and roll."""
    side, spin = squares[:, 2], squares[:, 3]
    focal = calibration[:, 0, 0]
    aim = torch.stack(
        ((squares[:, 0] - calibration[:, 0, 2]) / focal, (squares[:, 1] - calibration[:, 1, 2]) / focal), 1
    )
    # the axis is turned to the portrait's middle: exact for the middle, near enough at its edges
    forward = F.normalize(torch.cat((aim, torch.ones_like(focal)[:, None]), 1), dim=1)
    right = torch.stack((spin.cos(), spin.sin(), torch.zeros_like(spin)), 1)
    right = F.normalize(right - (right * forward).sum(1, keepdim=True) * forward, dim=1)
    local = torch.stack((right, torch.linalg.cross(forward, right, dim=1), forward), 2)
    turn = (pose[:, :3, :3] @ local) * pose.new_tensor(_FRONT)
    yaw = torch.atan2(turn[:, 0, 2], turn[:, 2, 2])
    pitch = turn[:, 1, 2].clamp(-1, 1).asin()
    roll = torch.atan2(-turn[:, 1, 0], turn[:, 1, 1])
    lens = focal / side
    away = ((pose[:, :3, :3] @ local).transpose(1, 2) @ (pose.new_tensor(ANCHOR) - pose[:, :3, 3])[..., None])[..., 0]
    shift = away[:, :2] / away[:, 2:] * lens[:, None] * 2
    rows = torch.stack((yaw, pitch, roll, shift[:, 0], shift[:, 1], (lens / away[:, 2]).log(), lens.log()), 1)
    return (rows - rows.new_tensor(_MIDDLE)) / rows.new_tensor(_UNIT)


def intrinsics(lens: float, size: int) -> Intrinsics:
    """The lens for a square picture."""
    return Intrinsics(lens * size, lens * size, size / 2, size / 2, size, size)


def cast_rays(pose: Tensor, lens: Tensor | float, size: int) -> Rays:
    """Rays through every pixel, row by row, of a square picture taken with a pose (4, 4) to the head."""
    places = (pixel_grid(size, size, pose.device) / size * 2 - 1).flatten(0, 1)
    return aim_rays(pose, lens, places)


def aim_rays(pose: Tensor, lens: Tensor | float, places: Tensor) -> Rays:
    """Rays through places (R, 2) in -1..1 of a square picture."""
    local = torch.cat((places / 2 / lens, torch.ones_like(places[:, :1])), 1)
    return Rays(pose[:3, 3], F.normalize(rotate(local, pose[:3, :3]), dim=1), places)
