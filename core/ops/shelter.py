"""What upright boxes hide from points: openness of the near surroundings (ambient occlusion), and sight of lamps.

A box is (centre, half sizes, yaw in radians). C++ on CPU, plain PyTorch as reference and elsewhere. No gradients flow.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from core.ops import build

_TOUCH = 2e-3
"""A box that a ray only grazes does not count."""


def openness(
    points: Tensor, axes: Tensor, boxes: Tensor, rays: Tensor, reach: float, reference: bool = False
) -> Tensor:
    """(V,): mean over rays (R, 3, along each point's axes (V, 3, 3)) of the root of the free share of ``reach``."""
    assert axes.shape[1:] == (3, 3), axes.shape
    held = [value.detach().to(torch.float32).contiguous() for value in (points, axes, boxes, rays)]
    if reference or not _compiled(points):
        return _openness(held[0], held[1], held[2], held[3], reach)
    free = held[0].new_empty(len(points))
    build.call(
        "shelter",
        "shelter_openness",
        *held[:2],
        len(points),
        held[2],
        len(boxes),
        held[3],
        len(rays),
        float(reach),
        free,
    )
    return free


def sight(points: Tensor, spots: Tensor, boxes: Tensor, reference: bool = False) -> Tensor:
    """(V, S): 1 where no box stands between a point and a spot; what stands right at the spot does not count."""
    held = [value.detach().to(torch.float32).contiguous() for value in (points, spots, boxes)]
    if reference or not _compiled(points):
        return _sight(held[0], held[1], held[2])
    seen = held[0].new_empty(len(points), len(spots))
    build.call("shelter", "shelter_sight", held[0], len(points), held[1], len(spots), held[2], len(boxes), seen)
    return seen


def _compiled(points: Tensor) -> bool:
    return points.device.type == "cpu" and build.available("shelter", "cpu")


def _into_box(vectors: Tensor, box: Tensor) -> Tensor:
    """World vectors along the box's own axes."""
    cos, sin = math.cos(float(box[6])), math.sin(float(box[6]))
    return vectors @ vectors.new_tensor([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])


def _cross(origin: Tensor, way: Tensor, box: Tensor) -> tuple[Tensor, Tensor]:
    """Where rays enter and leave a box, in ray lengths; origin and way along the box's axes."""
    inverse = 1 / torch.where(way.abs() < 1e-6, torch.full_like(way, 1e-6), way)
    one, two = (-box[3:6] - origin) * inverse, (box[3:6] - origin) * inverse
    return torch.minimum(one, two).amax(-1), torch.maximum(one, two).amin(-1)


def _openness(points: Tensor, axes: Tensor, boxes: Tensor, rays: Tensor, reach: float) -> Tensor:
    world = torch.einsum("ra,vak->vrk", rays, axes)
    met = points.new_full(world.shape[:2], reach)
    for box in boxes:
        enter, leave = _cross(_into_box(points - box[:3], box)[:, None], _into_box(world, box), box)
        enter = enter.clamp_min(0)
        met = torch.where(leave > enter + _TOUCH, torch.minimum(met, enter), met)
    return (met / reach).sqrt().mean(1)


def _sight(points: Tensor, spots: Tensor, boxes: Tensor) -> Tensor:
    way = spots[None] - points[:, None]
    seen = points.new_ones(way.shape[:2])
    for box in boxes:
        enter, leave = _cross(_into_box(points - box[:3], box)[:, None], _into_box(way, box), box)
        seen = torch.where((leave > enter.clamp_min(0)) & (enter < 0.93), torch.zeros_like(seen), seen)
    return seen
