"""The mesh of a posed body: skin of trunk, arms, hands and legs, shoes, and what is held or sat on."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from core.engine.limbs import (
    arm_surface,
    grid_faces,
    grid_normals,
    hand_surfaces,
    hip_drop,
    leg_length,
    leg_surface,
    shoe_surface,
    trunk_surface,
)
from core.engine.people import Draws
from core.engine.poses import THINGS, Posed

PARTS = (
    *("nothing", "head", "hair", "trunk", "left arm", "right arm", "left hand", "right hand", "left leg", "right leg"),
    *(
        "shoes",
        "garment front",
        "garment back",
        "left sleeve",
        "right sleeve",
        "collar",
        "left trouser",
        "right trouser",
    ),
    "thing",
)
"""What a pixel of a figure may show; left and right are those of the picture."""
PART = {name: at for at, name in enumerate(PARTS)}


@dataclass(frozen=True)
class Mesh:
    """B meshes of one topology; ``part`` (F,) is the place in PARTS of each triangle."""

    points: Tensor
    normals: Tensor
    rest: Tensor
    """(B, V, 3) places on the skin, centimetres, for its texture; a colour for things."""
    triangles: Tensor
    part: Tensor
    bias: Tensor
    """(B, V) metres added to the depth when layers are compared: negative comes to the front."""


@dataclass(frozen=True)
class Grid:
    """A grid of points (B, R, C, 3) and what it shows."""

    points: Tensor
    part: str
    closed: bool = True
    colour: Tensor | None = None
    """(B, 3) linear, for what is not skin."""
    bias: Tensor | float = 0.0
    """What adds to the depth, one number or (B, R, C)."""


def build_body(posed: Posed) -> Mesh:
    """Everything of a figure but head and garments."""
    grids = [*_skin(posed), *_shoes(posed), *_things(posed)]
    return join_grids(grids)


def join_grids(grids: list[Grid]) -> Mesh:
    """One mesh of many grids."""
    points, normals, rests, biases = [], [], [], []
    layout = tuple((grid.points.shape[1], grid.points.shape[2], grid.closed, grid.part) for grid in grids)
    for grid in grids:
        batch = len(grid.points)
        points.append(grid.points.reshape(batch, -1, 3))
        normals.append(grid_normals(grid.points, grid.closed).reshape(batch, -1, 3))
        count = points[-1].shape[1]
        bias = torch.as_tensor(grid.bias, device=grid.points.device, dtype=torch.float32)
        biases.append(bias.expand(grid.points.shape[:3]).reshape(batch, -1))
        rests.append(points[-1] * 100 if grid.colour is None else grid.colour[:, None].expand(-1, count, -1))
    triangles, part = _faces(layout, str(grids[0].points.device))
    return Mesh(torch.cat(points, 1), torch.cat(normals, 1), torch.cat(rests, 1), triangles, part, torch.cat(biases, 1))


@functools.lru_cache(maxsize=16)
def _faces(layout: tuple[tuple[int, int, bool, str], ...], device: str) -> tuple[Tensor, Tensor]:
    corners, parts, start = [], [], 0
    for rows, columns, closed, part in layout:
        faces = grid_faces(rows, columns, closed) + start
        corners.append(faces)
        parts.append(torch.full((len(faces),), PART[part]))
        start += rows * columns
    return torch.cat(corners).to(torch.int32).to(device), torch.cat(parts).to(device)


def _skin(posed: Posed) -> list[Grid]:
    device, batch = posed.lean.device, len(posed.lean)
    angle = torch.arange(40, device=device) * (2 * math.pi / 40)
    angle = torch.remainder(angle + math.pi, 2 * math.pi) - math.pi
    level = torch.cat((torch.linspace(-0.07, -0.20, 16), torch.linspace(-0.225, -0.80, 24))).to(device)
    level = level.expand(batch, -1)
    none = torch.zeros_like(level)
    behind = 0.008 + 0.082 * ((-0.13 - level) / 0.05).clamp(0, 1)[..., None]
    trunk = trunk_surface(posed, level, angle.expand(batch, level.shape[1], -1), none, 0.0)
    grids = [Grid(trunk, "trunk", bias=behind)]
    round_arm = torch.arange(18, device=device) * (2 * math.pi / 18)
    share = torch.cat((torch.linspace(-1, 0, 6)[:-1], torch.linspace(0, 1.0, 22))).to(device).expand(batch, -1)
    round_leg = torch.arange(28, device=device) * (2 * math.pi / 28)
    drop, length = hip_drop(posed)[:, None], leg_length(posed)[:, None]
    down = torch.cat((torch.linspace(-0.75, 0.6, 12)[:-1] * 0.28, torch.linspace(0.02, 1.0, 24))).to(device)
    down = torch.where(
        torch.arange(len(down), device=device) < 11, drop + down * 0.9, drop + (0.05 + 0.95 * down) * length
    )
    down = torch.sort(down, 1).values
    for side in ("left", "right"):
        arm = arm_surface(posed, side, share, round_arm, torch.zeros_like(share))
        # bare lower arms and hands lie on the cloth, upper arms and legs under it
        forward = 0.085 - 0.06 * ((share - 0.02) / 0.1).clamp(0, 1) - 0.085 * ((share - 0.42) / 0.2).clamp(0, 1)
        grids.append(Grid(arm, f"{side} arm", bias=forward[..., None]))
        away = torch.where(posed.pocketed[side], 0.12, -0.10)[:, None, None]
        grids += [Grid(part, f"{side} hand", bias=away) for part in hand_surfaces(posed, side)]
        leg = leg_surface(posed, side, down, round_leg, torch.zeros_like(down))
        grids.append(Grid(leg, f"{side} leg", bias=0.09))
    return grids


def _shoes(posed: Posed) -> list[Grid]:
    draws = Draws(posed.bodies.seeds)
    dark = draws.chance("dark shoes", 0.55)[:, None]
    colour = torch.where(dark, draws.colour("shoes") * 0.12 + 0.01, draws.colour("shoes", 0.8))
    return [Grid(shoe_surface(posed, side), "shoes", colour=colour) for side in ("left", "right")]


def _things(posed: Posed) -> list[Grid]:
    """Bag, phone and stool; what a figure does not have lies behind the camera."""
    draws, bodies = Draws(posed.bodies.seeds), posed.bodies
    side = (posed.thing_side > 0)[:, None]
    wrist = torch.where(side, posed.arms["right"].joints[2], posed.arms["left"].joints[2])
    along = torch.where(side, posed.hands["right"], posed.hands["left"])
    palm = wrist + along * 0.075
    has = {name: posed.thing == at for at, name in enumerate(THINGS)}
    tint = draws.colour("thing", 0.9)
    bag_low = palm - palm.new_tensor([0.0, 0.40, 0.0]) * bodies.scale[:, None]
    size = torch.stack((draws.uniform("bag wide", 0.15, 0.21), 0.13 + 0 * tint[:, 0], 0.05 + 0 * tint[:, 0]), 1)
    bag = _box(bag_low, size, 0.35 * torch.sign(posed.thing_side))
    handles = _handles(palm, bag_low + palm.new_tensor([0.0, 0.125, 0.0]), size[:, 0])
    phone_size = palm.new_tensor([0.037, 0.075, 0.005]).expand(len(palm), 3)
    phone = _box(palm + palm.new_tensor([0.0, 0.035, 0.02]), phone_size, 0 * posed.lean)
    hips = 0.5 * (posed.legs["left"].joints[0] + posed.legs["right"].joints[0])
    top = hips[:, 1] - 0.105 * bodies.scale
    middle = torch.stack((hips[:, 0], top * 0.5, hips[:, 2] + 0.02), 1)
    stool = _box(middle, torch.stack((0.20 + 0 * top, top * 0.5, 0.19 + 0 * top), 1), 0 * top)
    wood = torch.where(draws.chance("wooden", 0.6)[:, None], tint.new_tensor([0.30, 0.17, 0.09]) + 0 * tint, tint)
    dark = 0.02 + 0.1 * tint
    grids = [
        (bag, has["bag"], tint),
        (handles, has["bag"], tint * 0.8),
        (phone, has["phone"], dark),
        (stool, posed.seated, wood),
    ]
    away = wrist.new_tensor([0.0, 0.0, 500.0])
    return [
        Grid(torch.where(there[:, None, None, None], points, points * 0 + away), "thing", colour=colour, bias=-0.06)
        for points, there, colour in grids
    ]


def _box(middle: Tensor, half: Tensor, yaw: Tensor) -> Tensor:
    """A box with rounded edges (B, 8, 20, 3)."""
    device = middle.device
    angle = torch.arange(20, device=device) * (2 * math.pi / 20)
    sine, cosine = angle.sin(), angle.cos()
    x = torch.sign(sine) * sine.abs().clamp_min(1e-6) ** 0.22
    z = torch.sign(cosine) * cosine.abs().clamp_min(1e-6) ** 0.22
    upper = torch.tensor([(0.0, 1.0), (0.9, 1.0), (0.985, 0.99), (1.0, 0.95)], device=device)
    rows = torch.cat((upper, upper.flip(0) * upper.new_tensor([1.0, -1.0])))
    wide = rows[:, :1]
    x, z = (wide * x)[None] * half[:, None, None, 0], (wide * z)[None] * half[:, None, None, 2]
    y = (rows[:, 1:] + 0 * wide)[None] * half[:, None, None, 1] + 0 * x
    cos, sin = yaw.cos()[:, None, None], yaw.sin()[:, None, None]
    return middle[:, None, None] + torch.stack((x * cos + z * sin, y, z * cos - x * sin), -1)


def _handles(top: Tensor, low: Tensor, wide: Tensor) -> Tensor:
    """A strap from the hand to both ends of a bag (B, 17, 6, 3)."""
    at = torch.linspace(-1, 1, 17, device=top.device)
    line = top[:, None] * (1 - at.abs()[None, :, None] ** 1.4) + low[:, None] * at.abs()[None, :, None] ** 1.4
    aside = torch.zeros_like(line)
    aside[..., 0] = at * 0.75 * wide[:, None]
    line = line + aside
    angle = torch.arange(6, device=top.device) * (2 * math.pi / 6)
    along = F.normalize(torch.roll(line, -1, 1) - line, dim=-1)
    along[:, -1] = along[:, -2]
    ahead = torch.zeros_like(line)
    ahead[..., 2] = 1.0
    across = F.normalize(torch.linalg.cross(along, ahead, dim=-1), dim=-1)
    ring = ahead[:, :, None] * angle.cos()[:, None] * 0.010 + across[:, :, None] * angle.sin()[:, None] * 0.006
    return line[:, :, None] + ring
