"""How characters are shown: light, ground, framing and head turn; what a camera sees of them."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core.engine.skin import to_linear

FACE_SHARE, BUST_METRES = 1.6, 0.50
"""A face's picture is the landmarks' box times this."""
_FAR = 4.5
"""Camera distance in picture sides: as a portrait lens of about 110 mm."""


@dataclass(frozen=True)
class StudioLight:
    """A soft surrounding, a key and a rim lamp; linear colours, directions towards the lamps (x right in the picture)."""

    sky: tuple[float, float, float]
    ground: tuple[float, float, float]
    key_way: tuple[float, float, float]
    key: tuple[float, float, float]
    rim_way: tuple[float, float, float]
    rim: tuple[float, float, float]


LIGHTS = {
    "studio": StudioLight(
        sky=(0.40, 0.42, 0.46), ground=(0.26, 0.22, 0.20), key_way=(-0.55, 0.62, 0.75), key=(0.78, 0.74, 0.68),
        rim_way=(0.8, 0.45, -0.6), rim=(0.5, 0.58, 0.7),
    ),
    "warm": StudioLight(
        sky=(0.36, 0.30, 0.30), ground=(0.24, 0.17, 0.13), key_way=(0.75, 0.42, 0.6), key=(0.98, 0.74, 0.46),
        rim_way=(-0.8, 0.5, -0.5), rim=(0.40, 0.36, 0.62),
    ),
    "cool": StudioLight(
        sky=(0.34, 0.42, 0.52), ground=(0.16, 0.20, 0.26), key_way=(-0.35, 0.75, 0.7), key=(0.58, 0.68, 0.80),
        rim_way=(0.8, 0.3, -0.6), rim=(0.75, 0.6, 0.45),
    ),
    "flat": StudioLight(
        sky=(0.62, 0.62, 0.62), ground=(0.48, 0.46, 0.45), key_way=(0.0, 0.45, 0.95), key=(0.36, 0.36, 0.35),
        rim_way=(0.0, 0.8, -0.7), rim=(0.3, 0.3, 0.3),
    ),
    "night": StudioLight(
        sky=(0.12, 0.13, 0.24), ground=(0.10, 0.07, 0.12), key_way=(-0.85, 0.35, 0.55), key=(0.25, 0.50, 0.85),
        rim_way=(0.85, 0.3, -0.35), rim=(1.5, 0.35, 0.75),
    ),
}  # fmt: skip
GROUNDS = {
    "paper": ("#e9e4dc", "#d9d2c8"), "slate": ("#6b7480", "#454d58"), "teal": ("#4f9a96", "#2c6467"),
    "coral": ("#f0a48c", "#d9775f"), "night": ("#262b45", "#12141f"), "white": ("#ffffff", "#ffffff"),
}  # fmt: skip
"""Backgrounds: colour above and below. Any "#rrggbb" is one too; "clear" leaves black where the mask is 0."""
FRAMINGS = ("face", "bust")


@dataclass(frozen=True)
class CharacterStage:
    """How characters are shown."""

    turn: Tensor | None = None
    """(N, 3) yaw to its left, pitch up, roll to its left, degrees, of the head on the still shoulders."""
    light: str | Sequence[str] = "studio"
    """One of LIGHTS, or one for each picture."""
    ground: str | Sequence[str] = "paper"
    """One of GROUNDS, "#rrggbb", or "clear"; or one for each picture."""
    framing: str = "face"
    """"face": the resting landmarks' box times 1.6; "bust": head, ears and shoulders."""


def one_for_each(value: str | Sequence[str], count: int, what: str) -> list[str]:
    names = [value] * count if isinstance(value, str) else list(value)
    if len(names) != count:
        raise ValueError(f"{len(names)} {what}s were given for {count} pictures; give one, or one for each.")
    return names


def read_turn(turn: Tensor | None, controllers: Tensor) -> Tensor:
    if turn is None:
        return controllers.new_zeros(len(controllers), 3)
    if turn.shape != (len(controllers), 3):
        raise ValueError(f"Turns are yaw, pitch, roll for {len(controllers)} pictures, not {tuple(turn.shape)}.")
    return torch.deg2rad(turn.to(controllers))


@functools.lru_cache(maxsize=64)
def paint_ground(name: str, size: int) -> Tensor:
    """A background (3, S, S), 0..1, as it is shown."""
    if name == "clear":
        return torch.zeros(3, size, size)
    if name not in GROUNDS and re.fullmatch("#[0-9a-fA-F]{6}", name) is None:
        raise ValueError(f"There is no ground {name!r}; the grounds are {', '.join(GROUNDS)}, clear, or #rrggbb.")
    above, below = (
        torch.tensor([int(code[place : place + 2], 16) / 255.0 for place in (1, 3, 5)])
        for code in GROUNDS.get(name, (name, name))
    )
    grid = (torch.arange(size) + 0.5) / size
    row, column = torch.meshgrid(grid, grid, indexing="ij")
    share = (0.25 + 0.9 * ((column - 0.5) ** 2 + (row - 0.38) ** 2).sqrt()).clamp(0, 1)
    return above[:, None, None] * (1 - share) + below[:, None, None] * share


@dataclass(frozen=True)
class Frame:
    """What the camera sees: a square of ``side`` metres about ``centre``, from ``_FAR`` sides away."""

    centre: tuple[float, float, float]
    side: float

    def project(self, points: Tensor, size: int) -> Tensor:
        """Points (..., 3) as column, row and depth (..., 3)."""
        far = self.side * _FAR
        depth = far - (points[..., 2] - self.centre[2])
        scale = size / self.side * far / depth
        column = (points[..., 0] - self.centre[0]) * scale + size / 2
        row = size / 2 - (points[..., 1] - self.centre[1]) * scale
        return torch.stack((column, row, depth), -1).contiguous()


def find_frame(rest: Tensor, landmarks: Tensor, framing: str) -> Frame:
    """Where the camera stands; the same whatever the expression, so that a face does not seem to grow when it moves."""
    marks = rest[landmarks]
    low, high = marks.amin(0), marks.amax(0)
    middle = (0.5 * (low + high)).tolist()
    if framing == "face":
        return Frame((0.0, middle[1], middle[2]), FACE_SHARE * float((high - low)[:2].max()))
    if framing == "bust":
        top = float(rest[:, 1].max()) + 0.02
        return Frame((0.0, top - 0.5 * BUST_METRES, middle[2]), BUST_METRES)
    raise ValueError(f"There is no framing {framing!r}; the framings are {', '.join(FRAMINGS)}.")


def colour_of(code: str) -> Tensor:
    """Linear colour (3,) of "#rrggbb"."""
    return to_linear(torch.tensor([int(code[place : place + 2], 16) / 255.0 for place in (1, 3, 5)]))
