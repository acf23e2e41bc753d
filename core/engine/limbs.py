"""Surfaces of a posed body as grids of points: trunk, arms, legs, hands and shoes, the skin itself or any ease outside it.

An angle round a limb starts at its front and grows outwards (away from the other limb); round the trunk it grows to +x.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from core.engine.bodies import CROTCH_LEVEL, HIP_LEVEL, WAIST_LEVEL, radius_along
from core.engine.poses import Limb, Posed
from core.engine.wear import grid_triangles

LEG_TOP_LEVEL = -0.50
"""Where a leg's grid begins, above the hip."""
_BEND_METRES = {"arm": 0.045, "leg": 0.075}


def follow(limb: Limb, along: Tensor, part: str) -> tuple[Tensor, Tensor, Tensor]:
    """Places, outer and front directions (B, R, 3) at metres ``along`` (B, R) a limb, its middle joint rounded."""
    start, middle, end = limb.joints
    one, two = middle - start, end - middle
    first = one.norm(dim=-1)[:, None]
    one, two = F.normalize(one, dim=-1)[:, None], F.normalize(two, dim=-1)[:, None]
    half = _BEND_METRES[part]
    share = ((along - first + half) / (2 * half)).clamp(0, 1)[..., None]
    straight = start[:, None] + one * torch.minimum(along, first - half)[..., None]
    rounded = one * (2 * share * (1 - share) + share**2) * half + two * share**2 * half
    beyond = two * (along - first - half).clamp_min(0)[..., None]
    tangent = F.normalize(one * (1 - share) + two * share, dim=-1)
    front = limb.upper[:, None, 2] * (1 - share) + limb.lower[:, None, 2] * share
    front = F.normalize(front - (front * tangent).sum(-1, keepdim=True) * tangent, dim=-1)
    side = limb.upper[:, None, 0] * (1 - share) + limb.lower[:, None, 0] * share
    outer = torch.linalg.cross(tangent, front, dim=-1)
    outer = outer * torch.sign((outer * side).sum(-1, keepdim=True))
    return straight + rounded + beyond, outer, front


def tube(centre: Tensor, outer: Tensor, front: Tensor, radius: Tensor, angle: Tensor) -> Tensor:
    """Rings (B, R, C, 3) of radius (B, R or B, R, C) about a line; angles (C,) or (B, R, C)."""
    wide = radius if radius.dim() == 3 else radius[..., None]
    return (
        centre[:, :, None]
        + (wide * angle.sin())[..., None] * outer[:, :, None]
        + (wide * angle.cos())[..., None] * front[:, :, None]
    )


def arm_surface(posed: Posed, side: str, share: Tensor, angle: Tensor, ease: Tensor) -> Tensor:
    """The arm (B, R, C, 3) at shares (B, R) from shoulder 0 to wrist 1; below 0 a dome closes it (-1 its top)."""
    bodies = posed.bodies
    length = (bodies.upper_arm + bodies.fore_arm)[:, None]
    radius = radius_along("arm", share) * bodies.arm_girth[:, None] + ease
    dome = (-share).clamp(0, 1)
    turned = dome * (math.pi / 2)
    along = torch.where(share < 0, -0.72 * radius * turned.sin(), share.clamp_min(0) * length)
    radius = radius * torch.where(share < 0, turned.cos().clamp_min(0.02), torch.ones_like(share))
    return tube(*follow(posed.arms[side], along, "arm"), radius, angle)


def leg_radius(posed: Posed, along: Tensor) -> Tensor:
    """Mean radius (B, R) at metres along from the hip joint."""
    hip, knee, ankle = posed.legs["left"].joints
    length = ((knee - hip).norm(dim=-1) + (ankle - knee).norm(dim=-1))[:, None]
    heavier = 1 + 0.08 * posed.bodies.femininity[:, None] * torch.exp(-((along / (0.35 * length)) ** 2))
    return radius_along("leg", along / length) * posed.bodies.leg_girth[:, None] * heavier


def leg_length(posed: Posed) -> Tensor:
    """Hip joint to ankle (B,)."""
    hip, knee, ankle = posed.legs["left"].joints
    return (knee - hip).norm(dim=-1) + (ankle - knee).norm(dim=-1)


def hip_drop(posed: Posed) -> Tensor:
    """Metres from the top of a leg's grid to the hip joint (B,)."""
    return (LEG_TOP_LEVEL - HIP_LEVEL) * posed.bodies.scale * posed.bodies.trunk_share


def trunk_surface(posed: Posed, level: Tensor, angle: Tensor, ease: Tensor, bridged: float) -> Tensor:
    """The trunk (B, R, C, 3) at levels (B, R), angles (B, R, C)."""
    return posed.bend(posed.bodies.ring(level, angle, ease, bridged), level)


def leg_surface(posed: Posed, side: str, down: Tensor, angle: Tensor, ease: Tensor) -> Tensor:
    """One leg (B, R, C, 3) from the waist: ``down`` (B, R) metres below the grid's top; angles (C,).

    Above the crotch a leg is half of the trunk, closed along the body's middle; below it is round.
    """
    bodies, out = posed.bodies, -1.0 if side == "left" else 1.0
    drop = hip_drop(posed)[:, None]
    along = down - drop
    centre, outer, front = follow(posed.legs[side], along, "leg")
    radius = leg_radius(posed, along.clamp_min(0.0)) + ease
    calf = torch.exp(-((((along / leg_length(posed)[:, None]) - 0.66) / 0.13) ** 2)) * 0.012
    round_leg = tube(centre - front * calf[..., None], outer, front, radius, angle)
    level = LEG_TOP_LEVEL - down / (bodies.scale * bodies.trunk_share)[:, None]
    level = level.clamp_min(CROTCH_LEVEL - 0.05)
    # from -60 to 240 degrees the leg is the trunk's outside, the rest runs through its middle
    degrees = torch.rad2deg(angle)
    degrees = torch.where(degrees < -60.0, degrees + 360.0, degrees)
    outside = torch.deg2rad(((degrees + 60.0) * 0.6).clamp(0, 180.0)) * out
    half = bodies.ring(level, outside.expand(*level.shape, len(angle)), ease, 0.6)
    inner = ((degrees - 240.0) / 60.0).clamp(0, 1)
    at_back = (bodies.ring(level, torch.full_like(level, math.pi)[..., None], ease, 0.6), 1 - inner)
    at_front = (bodies.ring(level, torch.zeros_like(level)[..., None], ease, 0.6), inner)
    through = at_back[0] * at_back[1][:, None] + at_front[0] * at_front[1][:, None]
    middle = torch.where((inner > 0)[:, None], through, half)
    middle = posed.bend(middle, level)
    crotch = (LEG_TOP_LEVEL - CROTCH_LEVEL) * (bodies.scale * bodies.trunk_share)[:, None]
    share = ((down - crotch + 0.035) / 0.09).clamp(0, 1)
    share = torch.where(posed.seated[:, None], ((down - crotch + 0.17) / 0.20).clamp(0, 1), share)
    share = (share * share * (3 - 2 * share))[..., None, None]
    return middle * (1 - share) + round_leg * share


def both_legs(posed: Posed, down: Tensor, angle: Tensor, ease: Tensor) -> Tensor:
    """What spans both legs, as a skirt does (B, R, C, 3): the hull of the two, from the waist; angles (B, R, C)."""
    bodies = posed.bodies
    along = down - hip_drop(posed)[:, None]
    radius = leg_radius(posed, along.clamp_min(0.0)) + ease
    legs = {side: follow(posed.legs[side], along, "leg") for side in ("left", "right")}
    front = F.normalize(legs["left"][2] + legs["right"][2], dim=-1)[:, :, None]
    across = legs["right"][0] - legs["left"][0]
    across = F.normalize(across - (across * front[:, :, 0]).sum(-1, keepdim=True) * front[:, :, 0], dim=-1)[:, :, None]
    way = angle.sin()[..., None] * across + angle.cos()[..., None] * front
    reach = [(legs[side][0][:, :, None] * way).sum(-1) for side in ("left", "right")]
    share = torch.sigmoid((reach[1] - reach[0]) * 60.0)[..., None]
    centre = legs["left"][0][:, :, None] * (1 - share) + legs["right"][0][:, :, None] * share
    hull = centre + way * radius[..., None, None]
    level = (LEG_TOP_LEVEL - down / (bodies.scale * bodies.trunk_share)[:, None]).clamp_min(CROTCH_LEVEL - 0.06)
    trunk = trunk_surface(posed, level, angle, ease, 0.8)
    drop = (WAIST_LEVEL - HIP_LEVEL) * bodies.scale[:, None]
    blend = ((down - drop) / torch.where(posed.seated, 0.10, 0.16)[:, None]).clamp(0, 1)
    blend = (blend * blend * (3 - 2 * blend))[..., None, None]
    return trunk * (1 - blend) + hull * blend


_FINGERS = ((-0.030, 0.066, 0.0082), (-0.010, 0.074, 0.0088), (0.010, 0.070, 0.0086), (0.029, 0.056, 0.0076))


def hand_surfaces(posed: Posed, side: str) -> list[Tensor]:
    """Palm, four fingers and thumb (each B, R, C, 3)."""
    limb, out = posed.arms[side], -1.0 if side == "left" else 1.0
    wrist = limb.joints[2]
    scale = (posed.bodies.arm_girth * 0.35 + posed.bodies.scale * 0.65)[:, None]
    along = posed.hands[side]
    # the back of the hand looks outwards when the arm hangs down
    back = limb.lower[:, 0]
    back = F.normalize(back - (back * along).sum(-1, keepdim=True) * along, dim=-1)
    ahead = torch.linalg.cross(along, back, dim=-1) * out  # towards the thumb
    angle = torch.arange(10, device=wrist.device) * (2 * math.pi / 10)
    rows = torch.tensor([-0.012, 0.0, 0.02, 0.045, 0.07, 0.088, 0.094], device=wrist.device)
    wide = torch.tensor([0.026, 0.027, 0.032, 0.040, 0.042, 0.040, 0.030], device=wrist.device)
    thick = torch.tensor([0.024, 0.021, 0.018, 0.016, 0.014, 0.012, 0.006], device=wrist.device)
    start = F.normalize(limb.lower[:, 1] + along, dim=-1)
    blend = (rows / 0.05).clamp(0, 1)[None, :, None]
    line = wrist[:, None] + scale[:, None] * rows[None, :, None] * (
        start[:, None] * (1 - blend) + along[:, None] * blend
    )
    ring = (
        ahead[:, None, None] * (wide[:, None] * angle.cos())[None, ..., None]
        + back[:, None, None] * (thick[:, None] * angle.sin())[None, ..., None]
    )
    parts = [line[:, :, None] + ring * scale[:, None, None]]
    curl = posed.curl[side]
    knuckles = line[:, 5]
    for across, length, radius in _FINGERS:
        base = knuckles - ahead * (across * scale) - along * 0.006
        parts.append(_finger(base, (along, back), curl, length * scale, radius * scale))
    base = line[:, 2] + ahead * 0.024 * scale
    way = F.normalize(along + ahead * 0.75 - back * 0.35, dim=-1)
    parts.append(_finger(base, (way, back), curl * 0.4, 0.062 * scale, 0.0105 * scale))
    return parts


def _finger(base: Tensor, axes: tuple[Tensor, Tensor], curl: Tensor, length: Tensor, radius: Tensor) -> Tensor:
    """A finger (B, 7, 6, 3) that curls towards the palm."""
    along, back = axes
    angle = torch.arange(6, device=base.device) * (2 * math.pi / 6)
    side = torch.linalg.cross(along, back, dim=-1)
    place, rings = base, []
    for at, thick in enumerate((1.0, 1.04, 0.98, 0.95, 0.88, 0.7, 0.05)):
        turn = (curl * (0.25 + 0.26 * at))[:, None]
        way = along * turn.cos() - back * turn.sin()
        normal = along * turn.sin() + back * turn.cos()
        ring = side[:, None] * angle.cos()[None, :, None] + normal[:, None] * angle.sin()[None, :, None]
        rings.append(place[:, None] + ring * (radius * thick)[:, None])
        place = place + way * length * (1 / 5 if at < 5 else 1 / 9)
    return torch.stack(rings, 1)


# along the foot from the heel: half width, height above the sole
_SHOE = (
    *((-0.078, 0.006, 0.030), (-0.074, 0.024, 0.052), (-0.058, 0.034, 0.072), (-0.025, 0.037, 0.086)),
    *((0.015, 0.038, 0.088), (0.05, 0.041, 0.072), (0.09, 0.046, 0.054), (0.13, 0.048, 0.046)),
    *((0.165, 0.042, 0.040), (0.187, 0.024, 0.032), (0.194, 0.004, 0.02)),
)


def shoe_surface(posed: Posed, side: str) -> Tensor:
    """A shoe (B, R, C, 3) at the end of a leg, its sole flat."""
    ankle = posed.legs[side].joints[2]
    out = -1.0 if side == "left" else 1.0
    scale = posed.bodies.scale[:, None, None, None]
    rows = torch.tensor(_SHOE, device=ankle.device)
    angle = torch.arange(14, device=ankle.device) * (2 * math.pi / 14)
    ahead = torch.zeros_like(ankle)
    ahead[:, 2], ahead[:, 0] = 1.0, 0.22 * out
    ahead = F.normalize(ahead, dim=-1)
    # a raised heel tips the foot forward
    tip = (ankle[:, 1:2] - 0.078 * posed.bodies.scale[:, None]).clamp_min(0) * 2.6
    up = torch.zeros_like(ankle)
    up[:, 1] = 1.0
    ahead = F.normalize(ahead - up * tip, dim=-1)
    across = F.normalize(torch.linalg.cross(up, ahead, dim=-1), dim=-1)
    up = torch.linalg.cross(ahead, across, dim=-1)
    sine, cosine = angle.sin(), angle.cos()
    high = torch.where(cosine > 0, cosine.clamp_min(1e-6) ** 0.8, -((-cosine).clamp_min(1e-6) ** 0.3))
    high = 0.5 * (high + 1) * rows[:, 2:3]
    wide = torch.sign(sine) * sine.abs().clamp_min(1e-6) ** 0.7 * rows[:, 1:2]
    sole = ankle - up * 0.075 * posed.bodies.scale[:, None]
    ring = (
        across[:, None, None] * wide[None, ..., None]
        + up[:, None, None] * high[None, ..., None]
        + ahead[:, None, None] * rows[None, :, None, :1]
    )
    return sole[:, None, None] + ring * scale


def grid_normals(points: Tensor, closed: bool) -> Tensor:
    """Unit normals of grids (B, R, C, 3), of either sign."""
    if closed:
        across = torch.roll(points, -1, 2) - torch.roll(points, 1, 2)
    else:
        across = torch.cat((points[:, :, 1:], points[:, :, -1:]), 2) - torch.cat(
            (points[:, :, :1], points[:, :, :-1]), 2
        )
    down = torch.cat((points[:, 1:], points[:, -1:]), 1) - torch.cat((points[:, :1], points[:, :-1]), 1)
    return F.normalize(torch.linalg.cross(across, down, dim=-1), dim=-1)


def grid_faces(rows: int, columns: int, closed: bool) -> Tensor:
    """Triangles of a grid."""
    return grid_triangles(rows, columns, closed)
