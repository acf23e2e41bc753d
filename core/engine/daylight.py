"""Light of places: what each corner of the still surfaces gets from lamps, windows and sky (kept once), sun shadows, the sky."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.camera import look_at, normalise
from core.engine.dice import Dice
from core.engine.grain import fractal
from core.engine.solids import Floats, Solid
from core.ops import shelter
from core.ops.rasterise import draw_triangles

_RAYS = 18
_SUN_METRES = 400.0
"""The sun stands this far away for its shadows: near enough to float32, far enough to be parallel."""


@dataclass(frozen=True)
class Lamp:
    """A lamp or a window: place, colour with strength, radius, and which way it shines (None: all)."""

    place: tuple[float, float, float]
    colour: tuple[float, float, float]
    radius: float
    towards: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class Light:
    """Light of a place: ambient from above and from below, lamps, the sun (direction towards it) and the sky's look."""

    above: tuple[float, float, float]
    below: tuple[float, float, float]
    lamps: tuple[Lamp, ...] = ()
    sun: tuple[float, float, float] | None = None
    sun_colour: tuple[float, float, float] = (0.0, 0.0, 0.0)
    reach: float = 1.6
    """How near something must be to darken what is beside it, metres."""
    shadow_radius: float = 6.0
    """How far from the middle the sun's shadows are kept, metres."""


def _directions() -> Tensor:
    """Evenly spread directions about +z, denser towards it as a matt surface counts them (Malley's method)."""
    at = torch.arange(_RAYS) + 0.5
    radius, angle = torch.sqrt(at / _RAYS), at * math.pi * (3 - math.sqrt(5.0))
    return torch.stack((radius * torch.cos(angle), radius * torch.sin(angle), torch.sqrt(1 - radius**2)), 1)


def _frames(normals: Tensor) -> tuple[Tensor, Tensor]:
    """Two directions across each normal."""
    side = torch.where((normals[:, 1:2].abs() < 0.9), normals.new_tensor([0.0, 1, 0]), normals.new_tensor([1.0, 0, 0]))
    first = normalise(torch.linalg.cross(side, normals, dim=-1))
    return first, torch.linalg.cross(normals, first, dim=-1)


def openness(points: Tensor, normals: Tensor, boxes: Tensor, reach: float) -> Tensor:
    """Share (V) of what each point could see within ``reach`` that is free of boxes: ambient occlusion."""
    first, second = _frames(normals)
    axes = torch.stack((first, second, normals), 1)
    return shelter.openness(points + 0.012 * normals, axes, boxes, _directions(), reach)


def _lamp_points(lamp: Lamp) -> Tensor:
    """Four places spread over a lamp."""
    spread = torch.tensor([[1.0, 1, 1], [-1, -1, 1], [-1, 1, -1], [1, -1, -1]]) / math.sqrt(3)
    return torch.tensor(lamp.place) + lamp.radius * spread


def lamp_light(points: Tensor, normals: Tensor, boxes: Tensor, lamps: tuple[Lamp, ...]) -> Tensor:
    """Light (V, 3) of lamps, with soft shadows of boxes."""
    if not lamps:
        return torch.zeros_like(points)
    spots = torch.cat([_lamp_points(lamp) for lamp in lamps])
    origin = points + 0.03 * normals
    way = spots[None] - origin[:, None]
    seen = shelter.sight(origin, spots, boxes)
    far = way.norm(dim=-1)
    faces = ((way * normals[:, None]).sum(-1) / far).clamp_min(0)
    total = torch.zeros_like(points)
    for index, lamp in enumerate(lamps):
        own = slice(4 * index, 4 * index + 4)
        strength = faces[:, own] / (far[:, own] ** 2 + lamp.radius**2 + 0.15)
        if lamp.towards is not None:
            strength = strength * (-(way[:, own] / far[:, own, None]) @ points.new_tensor(lamp.towards)).clamp_min(0)
        total += (strength * seen[:, own]).mean(1, keepdim=True) * points.new_tensor(lamp.colour)
    return total


def bake(solid: Solid, light: Light) -> Tensor:
    """Light (V, 3) at the corners of still surfaces: sky or bounced light less what is near, and lamps."""
    points, normals, boxes = (
        torch.from_numpy(np.ascontiguousarray(v)) for v in (solid.points, solid.normals, solid.boxes)
    )
    large = boxes[(boxes[:, 3:6] > 0.16).sum(1) >= 2]
    free = openness(points, normals, boxes[(boxes[:, 3:6] > 0.05).sum(1) >= 2], light.reach)
    lamps = lamp_light(points, normals, large, light.lamps)
    return ambient(normals, light) * free[:, None] ** 0.9 + lamps


def ambient(normals: Tensor, light: Light) -> Tensor:
    """Light of an open surface (V, 3) from above and below."""
    up = 0.5 + 0.5 * normals[:, 1:2]
    return up * normals.new_tensor(light.above) + (1 - up) * normals.new_tensor(light.below)


class SunShadow:
    """Depth of a place as the sun sees it."""

    def __init__(self, light: Light, middle: tuple[float, float, float], side: int) -> None:
        assert light.sun is not None
        self.towards = torch.tensor(light.sun) / torch.tensor(light.sun).norm()
        target = torch.tensor(middle)
        up = torch.tensor([0.0, 0, 1]) if abs(float(self.towards[1])) > 0.9 else None
        pose = look_at(target + _SUN_METRES * self.towards, target, up)
        self.rotation, self.eye, self.side = pose[:3, :3], pose[:3, 3], side
        self.focal = 0.5 * side * _SUN_METRES / light.shadow_radius
        self.depth = torch.zeros(side, side)

    def screen(self, points: Tensor) -> Tensor:
        """Points (P, 3) as the sun sees them: column, row, distance."""
        seen = (points - self.eye) @ self.rotation
        flat = seen[:, :2] / seen[:, 2:] * self.focal + self.side / 2
        return torch.cat((flat, seen[:, 2:]), 1)

    def draw(self, points: Tensor, triangles: Tensor) -> Tensor:
        """Distances of the nearest surface (side, side), infinite where none."""
        found = draw_triangles(self.screen(points)[None], triangles, self.side, self.side).depth[0]
        return torch.where(found > 0, found, torch.inf)

    def share(self, points: Tensor, normals: Tensor, depth: Tensor) -> Tensor:
        """How much sun (P) reaches points: four neighbours, weighted (percentage closer: Reeves 1987)."""
        texel = 2 * _SUN_METRES / self.focal
        screen = self.screen(points + (0.6 * texel + 0.01) * normals)
        at = screen[:, :2] - 0.5
        low = at.floor()
        share = at - low
        corner = low.to(torch.int64)
        inside = ((corner >= 0) & (corner < self.side - 1)).all(1)
        corner = corner.clamp_(0, self.side - 2)
        first = corner[:, 1] * self.side + corner[:, 0]
        flat, far = depth.reshape(-1), screen[:, 2] - 0.02
        lit = [(flat[first + step] >= far).to(torch.float32) for step in (0, 1, self.side, self.side + 1)]
        top = torch.lerp(lit[0], lit[1], share[:, 0])
        whole = torch.lerp(top, torch.lerp(lit[2], lit[3], share[:, 0]), share[:, 1])
        return torch.where(inside, whole, 1.0)


class Sky:
    """A sky with clouds, looked up by direction."""

    def __init__(self, dice: Dice, light: Light) -> None:
        self.sun = None if light.sun is None else normalise(torch.tensor(light.sun))
        overcast = self.sun is None
        self.zenith = torch.tensor((0.62, 0.66, 0.7) if overcast else (0.16, 0.33, dice.uniform("blue", 0.62, 0.8)))
        self.horizon = torch.tensor((0.85, 0.86, 0.87) if overcast else (0.72, 0.8, 0.88))
        raw = fractal(dice, "clouds", 3, octaves=6) + (0.2 if overcast else dice.uniform("cover", -1.1, 0.5))
        self.clouds = torch.from_numpy(np.clip(raw * 0.7, 0, 0.92))[None, None]

    def colour(self, directions: Tensor) -> Tensor:
        """Linear light (P, 3) from unit directions (P, 3)."""
        up = directions[:, 1].clamp_min(0.0)
        clear = torch.lerp(self.horizon, self.zenith, (up[:, None] * 1.6).clamp(0, 1).sqrt())
        flat = directions[:, [0, 2]] / (up[:, None] + 0.12)
        # mirrored at its edges, the tile has no seam
        at = (torch.remainder(flat * 0.22, 4) - 2).abs() - 1
        cloud = F.grid_sample(self.clouds, at[None, None], align_corners=False, padding_mode="border")[0, 0, 0]
        white = torch.tensor([0.95, 0.95, 0.96]) * (0.8 + 0.2 * cloud[:, None])
        colour = torch.lerp(clear, white, (cloud * (up * 6).clamp(0, 1))[:, None])
        if self.sun is not None:
            near = (directions @ self.sun).clamp_min(0)
            colour = colour + (0.5 * near**24 + 3.0 * near**900)[:, None] * torch.tensor([1.0, 0.93, 0.8])
        return colour


def middle_of(points: Floats) -> tuple[float, float, float]:
    """The middle of the box around points."""
    low, high = points.min(0), points.max(0)
    x, y, z = ((low + high) / 2).tolist()
    return x, y, z
