"""How much of the sky, and of one lamp, each vertex of a still shape sees: soft shadows that are read, not drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from core.engine.light import lamp_axes
from core.ops.rasterise import draw_triangles

DIRECTIONS, MAP_SIZE = 96, 192
_REACH_METRES, _LIFT_METRES, _BIAS_METRES = 0.36, 0.004, 0.003
_RINGS = 4
_SHARPNESS = 14.0
"""Of the lamp's lobe: as a lamp about 30 degrees wide."""


@dataclass(frozen=True)
class Visibility:
    """For V vertices: share of the sky seen (V), weighted as a matt surface does, and what is seen of each way (V, D)."""

    sky: Tensor
    ways: Tensor
    seen: Tensor

    def to(self, device: torch.device | str) -> Visibility:
        """The same on another device."""
        return Visibility(self.sky.to(device), self.ways.to(device), self.seen.to(device))

    def of_lamp(self, towards: Tensor) -> Tensor:
        """How much of lamps at unit directions (N, 3, in the shape's space) each vertex sees: (N, V)."""
        weight = torch.softmax(_SHARPNESS * (towards @ self.ways.T), dim=1)
        return weight @ self.seen.T


def spread_ways(count: int) -> Tensor:
    """Unit directions (count, 3) spread evenly over the sphere (Vogel's spiral)."""
    number = torch.arange(count, dtype=torch.float32)
    height = 1 - 2 * (number + 0.5) / count
    angle = number * (math.pi * (3 - math.sqrt(5.0)))
    flat = (1 - height**2).sqrt()
    return torch.stack((flat * angle.cos(), height, flat * angle.sin()), 1)


def find_visibility(vertices: Tensor, normals: Tensor, triangles: Tensor) -> Visibility:
    """Of vertices (V, 3) with normals: each of many ways is drawn as a depth map and looked up."""
    ways = spread_ways(DIRECTIONS).to(vertices)
    axes = lamp_axes(ways)
    middle = 0.5 * (vertices.amax(0) + vertices.amin(0))
    scale = 0.5 * MAP_SIZE / _REACH_METRES

    def on_map(points: Tensor) -> Tensor:
        local = (points - middle) @ axes.transpose(1, 2)
        flat = local[..., :2] * scale + MAP_SIZE / 2
        return torch.cat((flat, 2.0 - local[..., 2:]), -1).contiguous()

    drawn = draw_triangles(on_map(vertices), triangles, MAP_SIZE, MAP_SIZE)
    wall = torch.where(drawn.number >= 0, drawn.depth, torch.full_like(drawn.depth, 9.0))
    at = on_map(vertices + _LIFT_METRES * normals)
    cell = at[..., :2].long().clamp(0, MAP_SIZE - 1)
    met = wall.flatten(1).gather(1, cell[..., 1] * MAP_SIZE + cell[..., 0])
    seen = spread_over((at[..., 2] < met + _BIAS_METRES).to(vertices.dtype).T.contiguous(), triangles)
    cosine = (normals @ ways.T).clamp_min(0.0)
    sky = (seen * cosine).sum(1) / cosine.sum(1).clamp_min(1e-6)
    return Visibility(sky, ways, seen)


def spread_over(values: Tensor, triangles: Tensor) -> Tensor:
    """Vertex values (V, C) evened out along the edges, some rings far: depth maps are coarse, shadows of the sky are not."""
    first = torch.cat((triangles, triangles[:, [1, 2, 0]])).reshape(-1)
    second = torch.cat((triangles[:, [1, 2, 0]], triangles)).reshape(-1)
    count = torch.bincount(first, minlength=len(values)).clamp_min(1).to(values)[:, None]
    for _ in range(_RINGS):
        total = torch.zeros_like(values).index_add_(0, first, values[second])
        values = 0.4 * values + 0.6 * torch.where(count > 0, total / count, values)
    return values
