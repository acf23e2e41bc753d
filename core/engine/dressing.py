"""Flat garments on posed bodies: the cloth lies outside the skin by as much as it is cut wider, hangs, flares and folds.

Every point of a worn garment knows its place in the flat picture, so any picture of that garment can be put on.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from core.engine import noise
from core.engine.bodies import CROTCH_LEVEL, NECK_LEVEL, TRUNK_MIDDLE_METRES, WAIST_LEVEL, radius_along
from core.engine.charts import COLLAR_ROWS, NECK_ROWS, PELVIS_ROWS, TAIL_ROWS, TRUNK_ROWS, Chart
from core.engine.flesh import Grid, join_grids
from core.engine.limbs import (
    LEG_TOP_LEVEL,
    arm_surface,
    both_legs,
    grid_normals,
    hip_drop,
    leg_length,
    leg_radius,
    leg_surface,
)
from core.engine.people import Draws
from core.engine.poses import Posed

HALF, BACK, ROUND, LEG_ROUND, CAP = 13, 21, 20, 26, 4
_AWAY_METRES = 500.0
ALWAYS, ANY, OUTSIDE = 0.0, 1.0, 2.0


@dataclass(frozen=True)
class Worn:
    """One garment of each of B figures, of one topology."""

    points: Tensor
    normals: Tensor
    flat: Tensor
    """(B, V, 2) in the flat picture, -1..1."""
    bias: Tensor
    """(B, V) metres added to the depth when layers are compared: negative comes to the front."""
    test: Tensor
    """(B, V) what says whether there is cloth: ALWAYS, or the flat picture where it shows ANY or its OUTSIDE."""
    front: Tensor
    """(B, V) 1 where the flat picture shows this very place, 0 on the back."""
    triangles: Tensor
    part: Tensor


@dataclass(frozen=True)
class Fit:
    """How a layer is worn."""

    least_ease: float
    """Metres between skin and cloth."""
    opened: Tensor
    """(B,) radians that each front swings aside at the hem."""
    seeds: Tensor
    covered: Tensor
    """(B,) bool: another layer is worn over it, so it lies close."""


def wear(posed: Posed, chart: Chart, fit: Fit, present: Tensor) -> Worn:
    """The garments of one layer on their figures; figures without (``present`` (B,) False) have it behind the camera."""
    legs_kind = chart.is_kind("trousers", "jeans", "shorts")
    pieces = [*_trunk(posed, chart, fit, present & ~legs_kind)]
    for at, side in enumerate(("left", "right")):
        pieces.append(_sleeve(posed, chart, fit, (at, side), present & chart.has_sleeves))
    for at, side in enumerate(("left", "right")):
        pieces.append(_trouser(posed, chart, fit, (at, side), present & legs_kind))
    pieces.append(_hood(posed, chart, present & chart.has_hood))
    mesh = join_grids([piece.grid for piece in pieces])
    flat, tests, fronts = (
        torch.cat([getattr(piece, name).flatten(1, 2) for piece in pieces], 1) for name in ("flat", "test", "front")
    )
    return Worn(mesh.points, mesh.normals, flat, mesh.bias, tests, fronts, mesh.triangles, mesh.part)


@dataclass(frozen=True)
class _Piece:
    grid: Grid
    flat: Tensor
    test: Tensor
    front: Tensor


def _place(points: Tensor, there: Tensor) -> Tensor:
    away = torch.zeros_like(points)
    away[..., 2] = _AWAY_METRES
    return torch.where(there[:, None, None, None], points, away)


def _half_round(ring: Tensor) -> Tensor:
    """Half the way round closed rings (B, R, C, 3): (B, R)."""
    return 0.5 * (torch.roll(ring, -1, 2) - ring).norm(dim=-1).sum(2)


def _ramp(start: Tensor, end: Tensor, share: Tensor) -> Tensor:
    return start * (1 - share) + end * share


def _trunk_ease(posed: Posed, chart: Chart, fit: Fit, down: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Ease (B, R), how much is in folds (B, R, metres), and half of the way round (B, R)."""
    device = down.device
    angle = (torch.arange(24, device=device) * (2 * math.pi / 24)).expand(*down.shape, -1)
    bare = _half_round(both_legs(posed, down, angle, torch.zeros_like(down)))
    skirt = chart.is_kind("skirt")[:, None]
    rows = torch.arange(TRUNK_ROWS, device=device)
    upper = rows < COLLAR_ROWS + NECK_ROWS + 9
    spare = (chart.wide * posed.bodies.scale[:, None] - bare) / math.pi
    level = LEG_TOP_LEVEL - down / (posed.bodies.scale * posed.bodies.trunk_share)[:, None]
    below = ((WAIST_LEVEL + 0.02 - level) / 0.10).clamp(0, 1)
    limit = torch.where(fit.covered[:, None], 0.012 + 0.05 * below, 0.042 + 0.24 * below)
    # who sits draws a skirt over the thighs
    limit = torch.where(posed.seated[:, None] & (below > 0), torch.full_like(limit, 0.03), limit)
    flared = torch.where(below > 0, 0.62, 1.0)
    ease = torch.minimum(spare.clamp_min(0) * flared, limit) + fit.least_ease
    chest = ease[:, COLLAR_ROWS + NECK_ROWS + 9 : COLLAR_ROWS + NECK_ROWS + 10]
    near = ((rows - 2.0) / (COLLAR_ROWS + NECK_ROWS + 6.0)).clamp(0, 1)[None]
    ease = torch.where(upper & ~skirt, _ramp(torch.full_like(chest, fit.least_ease * 0.9 + 0.002), chest, near), ease)
    band = torch.exp(-torch.arange(TRUNK_ROWS, device=device) / 2.5)[None] * skirt
    ease = ease * (1 - band) + fit.least_ease * band
    padded = F.pad(ease[:, None], (2, 2), mode="replicate")
    ease = F.avg_pool1d(padded, 5, 1)[:, 0]
    folds = (spare - ease).clamp(0, 0.12) * below * ~posed.seated[:, None]
    return ease, folds, bare


def _trunk_down(posed: Posed, chart: Chart) -> Tensor:
    """Metres (B, R) below the legs' grid top of each row of the trunk."""
    bodies = posed.bodies
    unit = (bodies.scale * bodies.trunk_share)[:, None]
    neck = (LEG_TOP_LEVEL - (NECK_LEVEL + 0.006)) * unit
    waist = (LEG_TOP_LEVEL - (WAIST_LEVEL - 0.005)) * unit
    start = torch.where(chart.is_kind("skirt")[:, None], waist, neck)
    down = start + chart.drop * bodies.scale[:, None]
    # a skirt that somebody sits in covers the lap
    lap = hip_drop(posed)[:, None] + 0.36 * bodies.scale[:, None]
    last = down[:, -TAIL_ROWS - 1 :][:, :1]
    stretch = ((lap - start) / (last - start)).clamp_min(1.0)
    sits = posed.seated[:, None] & chart.is_kind("skirt", "dress")[:, None]
    down = torch.where(sits, start + (down - start) * stretch, down)
    floor = (hip_drop(posed) + leg_length(posed))[:, None] + 0.02
    # rows that would lie on the floor are pushed together above it
    return torch.where(down > floor - 0.15, floor - 0.15 * torch.exp(-(down - floor + 0.15) / 0.15), down)


def _trunk(posed: Posed, chart: Chart, fit: Fit, there: Tensor) -> list[_Piece]:
    """Left and right front, and the back."""
    device, batch = posed.lean.device, len(posed.lean)
    down = _trunk_down(posed, chart)
    ease, folds, bare = _trunk_ease(posed, chart, fit, down)
    rows = torch.arange(TRUNK_ROWS, device=device)
    # a sleeveless top leaves the shoulder's outer part free
    free = (~chart.has_sleeves & ~chart.is_kind("skirt"))[:, None] & (rows < COLLAR_ROWS + NECK_ROWS + 9)[None]
    round_half = bare + math.pi * ease
    cover = torch.where(free, (1.02 * chart.wide * posed.bodies.scale[:, None] / round_half).clamp(0.3, 1.0), 1.0)
    fall = ((rows - 8.0) / (TRUNK_ROWS - 8.0)).clamp(0, 1)[None] ** 0.8
    gap = fit.opened[:, None] * (0.35 + 0.65 * fall)
    pieces = []
    half = torch.linspace(0, 1, HALF, device=device)
    full = torch.linspace(-1, 1, BACK, device=device)
    for sign, share in ((-1.0, half.flip(0)), (1.0, half), (0.0, full)):
        if sign:
            angle = sign * (gap[..., None] + (0.5 * math.pi * cover - gap)[..., None] * share)
            across = sign * share
        else:
            angle = math.pi - 0.5 * math.pi * cover[..., None] * full
            across = full
        points = both_legs(posed, down, angle, ease)
        spread = across.expand(batch, TRUNK_ROWS, -1)
        flat = (
            chart.trunk[:, :, None, 0] * (0.5 - 0.5 * spread)[..., None]
            + chart.trunk[:, :, None, 1] * (0.5 + 0.5 * spread)[..., None]
        )
        outward = F.normalize(both_legs(posed, down, angle, ease + 0.02) - points, dim=-1)
        points = points + outward * _folds(angle, down, folds, fit)
        swung = fit.opened[:, None, None] * (1 - across.abs()).clamp_min(0) * 0.05 * (sign != 0)
        points = points + torch.stack((0 * points[..., 0], 0 * points[..., 0], swung * fall[..., None]), -1)
        # a hood lies where a collar would stand
        stands = (rows < COLLAR_ROWS)[None] & chart.has_hood[:, None]
        points = torch.where(stands[..., None, None], points[:, COLLAR_ROWS : COLLAR_ROWS + 1], points)
        front = torch.full(points.shape[:3], 1.0 if sign else 0.0, device=device)
        test = torch.full_like(front, OUTSIDE if sign else ANY)
        part = "garment front" if sign else "garment back"
        pieces.append(_Piece(Grid(_place(points, there), part, closed=False), flat, test, front))
    return pieces


def _folds(angle: Tensor, down: Tensor, folds: Tensor, fit: Fit) -> Tensor:
    """Waves of cloth that is wider than its way, deeper towards the hem, and soft uneven folds everywhere (B, R, C, 1)."""
    draws = Draws(fit.seeds)
    count = torch.round(draws.uniform("worn waves", 6.0, 11.0))[:, None, None]
    turn = draws.uniform("worn turn", 0.0, 2 * math.pi)[:, None, None]
    angle = angle.expand(len(fit.seeds), down.shape[1], -1)
    wobble = 0.8 * torch.sin(2 * angle + 1.7 * turn + 3.0 * down[..., None])
    wave = torch.sin(count * angle + turn + wobble) + 0.35 * torch.sin(2 * count * angle + 2.1 * turn)
    deep = (0.22 * folds).clamp_max(0.016)[..., None] * wave
    where = torch.stack(
        (angle.sin() * 16.0, down[..., None].expand_as(angle) * 75.0, angle.cos() * 13.0 + 9.0 * turn), -1
    )
    soft = noise.sample(where.reshape(-1, 3), 9.0, 1).reshape(angle.shape)
    rows = torch.arange(down.shape[1], device=down.device)
    calm = ((rows - 5.0) / 6.0).clamp(0.15, 1)[None, :, None]
    return (deep + 0.0035 * soft * calm)[..., None]


@functools.lru_cache(maxsize=8)
def _ring(count: int, device: str) -> tuple[Tensor, Tensor, Tensor]:
    """Angles round a limb, the share from outer 0 to inner 1, and whether it is the front."""
    angle = torch.arange(count, device=device) * (2 * math.pi / count) + 0.5 * math.pi
    turned = torch.remainder(angle - 0.5 * math.pi, 2 * math.pi) / math.pi  # 0 outer, 1 inner by the back, 2 outer
    share = 1 - (1 - turned).abs()
    return angle, share, (turned > 1.0).to(torch.float32)


def _sleeve(posed: Posed, chart: Chart, fit: Fit, which: tuple[int, str], there: Tensor) -> _Piece:
    at, side = which
    device, batch = posed.lean.device, len(posed.lean)
    angle, across, front = _ring(ROUND, str(device))
    bodies = posed.bodies
    rows = chart.sleeves.shape[2]
    arm = bodies.upper_arm + bodies.fore_arm
    length = (chart.sleeve_length * bodies.scale / arm + 0.02).clamp(0.12, 1.0)
    fraction = torch.linspace(0, 1, rows, device=device)
    share = torch.cat(
        (torch.linspace(-1, 0, CAP + 1, device=device)[:-1].expand(batch, -1), length[:, None] * fraction), 1
    )
    radius = chart.sleeve_wide[:, at] * bodies.scale[:, None] / math.pi
    bare = radius_along("arm", length[:, None] * fraction) * bodies.arm_girth[:, None]
    ease = (radius - bare).clamp(0.0, 0.026) * 0.85 + 0.8 * fit.least_ease
    near = (fraction / 0.4).clamp(0, 1)
    ease = ease * near + torch.minimum(ease, torch.full_like(ease, 0.002 + 0.6 * fit.least_ease)) * (1 - near)
    ease = torch.where(fit.covered[:, None], ease.clamp_max(0.004 + 0.5 * fit.least_ease), ease)
    ease = torch.cat((ease[:, :1].expand(-1, CAP), ease), 1)
    points = arm_surface(posed, side, share, angle, ease)
    points = points + _sleeve_folds(posed, points, (share, angle), fit, side)
    flat_rows = torch.cat((chart.sleeves[:, at, :1].expand(-1, CAP, -1, -1), chart.sleeves[:, at]), 1)
    mix = across[None, None, :, None]
    flat = flat_rows[:, :, None, 0] * (1 - mix) + flat_rows[:, :, None, 1] * mix
    grown = torch.ones(batch, share.shape[1], ROUND, device=device)
    bias = -0.075 * ((share - 0.42) / 0.2).clamp(0, 1)[..., None] * grown
    grid = Grid(_place(points, there), f"{side} sleeve", bias=bias)
    return _Piece(grid, flat, ALWAYS * grown, front * grown)


def _sleeve_folds(posed: Posed, points: Tensor, grid: tuple[Tensor, Tensor], fit: Fit, side: str) -> Tensor:
    """Cross folds where the elbow bends, soft ones elsewhere."""
    share, angle = grid
    one, two = posed.arms[side].upper[:, 1], posed.arms[side].lower[:, 1]
    bent = (1 - (one * two).sum(-1)).clamp(0, 1)[:, None, None]
    normal = grid_normals(points, closed=True)
    middle = points.mean(2, keepdim=True)
    normal = normal * torch.sign(((points - middle) * normal).sum(-1, keepdim=True))
    draws = Draws(fit.seeds)
    turn = draws.uniform(f"worn sleeve {side}", 0, 6.0)[:, None, None]
    near = torch.exp(-(((share - 0.5) / 0.16) ** 2))[..., None]
    cross = torch.sin(share[..., None] * 58.0 + 1.5 * torch.cos(angle + turn) + turn)
    round_way = torch.stack((angle.cos(), angle.sin()), -1) * 4.0
    where = torch.cat(
        (
            round_way.expand(len(share), share.shape[1], -1, -1),
            (share[..., None, None] * 50.0 + 11.0 * turn[..., None]).expand(-1, -1, len(angle), -1),
        ),
        -1,
    )
    soft = noise.sample(where.reshape(-1, 3), 6.0, 1).reshape(points.shape[:3])
    shown = (share > 0.02).to(points)[..., None]
    return normal * ((0.0045 * bent * near * cross + 0.0028 * soft) * shown)[..., None]


def _hood(posed: Posed, chart: Chart, there: Tensor) -> _Piece:
    """A hood that lies round the neck and on the back, as a thick roll."""
    device, batch = posed.lean.device, len(posed.lean)
    bodies = posed.bodies
    scale = bodies.scale[:, None, None]
    turn = torch.linspace(-2.15, 2.15, 25, device=device)
    angle = torch.linspace(0, 2 * math.pi, 13, device=device)[:-1]
    back = turn.cos().clamp_min(-0.2)
    thick = 0.012 + 0.030 * (0.5 + 0.5 * turn.cos()) ** 0.7
    far = 0.088 + 0.022 * back
    radial = far + thick * 1.25 * angle[:, None].cos()
    x = radial * turn.sin() * 1.02
    z = -radial * turn.cos() + 0.004
    rise = 0.022 - 0.040 * back.clamp_min(0) ** 2 - 0.045 * (1 - turn.cos()) ** 2 * 0.5
    y = rise + thick * angle[:, None].sin() * (1.0 + 0.5 * back.clamp_min(0))
    level = torch.full((batch, 12), NECK_LEVEL, device=device)
    middle = bodies.height(level)[..., None]
    upright = torch.stack((x * scale, middle + y * scale, z * scale + TRUNK_MIDDLE_METRES * scale), -1)
    points = posed.bend(upright, level - 0.1)
    neck = chart.trunk[:, COLLAR_ROWS]
    across = (neck[:, 1] - neck[:, 0]) / chart.wide[:, COLLAR_ROWS, None].clamp_min(0.02)
    upward = torch.stack((across[:, 1], -across[:, 0]), -1)
    aside = (0.115 * turn.sin()).expand(12, -1)
    above = 0.13 + 0.075 * angle[:, None].cos() * torch.ones_like(turn)
    flat = (
        neck.mean(1)[:, None, None]
        + across[:, None, None] * aside[..., None]
        + upward[:, None, None] * above[..., None]
    )
    grown = torch.ones(batch, 12, 25, device=device)
    grid = Grid(_place(points, there).transpose(1, 2), "collar", bias=-0.006)
    return _Piece(grid, flat.transpose(1, 2), (ALWAYS * grown).transpose(1, 2), grown.transpose(1, 2))


def shadow_points(worn: Worn, paint: Tensor) -> Tensor:
    """The garment's points with those drawn in where the flat picture has no cloth, so that a neckline casts no shadow."""
    cover = F.grid_sample(paint[:, 3:4], worn.flat[:, None], padding_mode="border", align_corners=False)[:, 0, 0]
    bare = (worn.test > 0.5 * (ANY + OUTSIDE)) & (cover < 0.6)
    inner = worn.points * worn.points.new_tensor([0.4, 1.0, 0.2])
    return torch.where(bare[..., None], inner, worn.points)


def _trouser(posed: Posed, chart: Chart, fit: Fit, which: tuple[int, str], there: Tensor) -> _Piece:
    at, side = which
    device, batch = posed.lean.device, len(posed.lean)
    angle, across, front = _ring(LEG_ROUND, str(device))
    bodies = posed.bodies
    unit = bodies.scale * bodies.trunk_share
    crotch = ((LEG_TOP_LEVEL - CROTCH_LEVEL) * unit + 0.006)[:, None]
    drop = chart.leg_drop * bodies.scale[:, None]
    rise = drop[:, PELVIS_ROWS : PELVIS_ROWS + 1].clamp_min(0.05)
    top = (crotch - rise * 0.92).clamp_min(0.012)
    pelvis = top + (crotch - top) * (drop[:, :PELVIS_ROWS] / rise).clamp(0, 1)
    whole = (drop[:, -1:] - rise).clamp_min(0.02)
    most = (hip_drop(posed) + leg_length(posed))[:, None] + 0.045 - crotch
    length = torch.minimum(whole, most)
    leg = crotch + (drop[:, PELVIS_ROWS:] - rise) / whole * length
    down = torch.cat((pelvis, leg), 1)
    bare = leg_radius(posed, (down - hip_drop(posed)[:, None]).clamp_min(0.0))
    wide = chart.leg_wide * bodies.scale[:, None]
    on_leg = (wide / math.pi - bare).clamp(0.0, 0.055) * 0.9 + fit.least_ease
    rows = torch.arange(down.shape[1], device=device)
    share = ((rows - PELVIS_ROWS + 4.0) / 8.0).clamp(0, 1)[None]
    ease = fit.least_ease * (1 - share) + on_leg * share
    # cloth gathers a little above the shoe
    points = leg_surface(posed, side, down, angle, ease)
    points = points + _leg_folds(posed, points, (down, angle), fit, side)
    # on the trunk the front's middle is at -60 degrees, below at -90
    squeeze = (1.2 * (1 - share) + share)[..., None]
    mix = (across[None, None] * squeeze).clamp(0, 1)[..., None]
    flat = chart.legs[:, at, :, None, 0] * (1 - mix) + chart.legs[:, at, :, None, 1] * mix
    grown = torch.ones(batch, down.shape[1], LEG_ROUND, device=device)
    return _Piece(Grid(_place(points, there), f"{side} trouser"), flat, ALWAYS * grown, front * grown)


def _leg_folds(posed: Posed, points: Tensor, grid: tuple[Tensor, Tensor], fit: Fit, side: str) -> Tensor:
    down, angle = grid
    one, two = posed.legs[side].upper[:, 1], posed.legs[side].lower[:, 1]
    bent = (1 - (one * two).sum(-1)).clamp(0, 1)[:, None, None]
    normal = grid_normals(points, closed=True)
    middle = points.mean(2, keepdim=True)
    normal = normal * torch.sign(((points - middle) * normal).sum(-1, keepdim=True))
    turn = Draws(fit.seeds).uniform(f"worn leg {side}", 0, 6.0)[:, None, None]
    length, drop = leg_length(posed)[:, None], hip_drop(posed)[:, None]
    share = (down - drop) / length
    knee = torch.exp(-(((share - 0.49) / 0.10) ** 2))[..., None]
    foot = torch.exp(-(((share - 0.98) / 0.09) ** 2))[..., None]
    cross = torch.sin(down[..., None] * 85.0 + 1.4 * torch.cos(angle + turn) + turn)
    round_way = torch.stack((angle.cos(), angle.sin()), -1) * 6.0
    where = torch.cat(
        (
            round_way.expand(len(down), down.shape[1], -1, -1),
            (down[..., None, None] * 65.0 + 13.0 * turn[..., None]).expand(-1, -1, len(angle), -1),
        ),
        -1,
    )
    soft = noise.sample(where.reshape(-1, 3), 8.0, 1).reshape(points.shape[:3])
    apart = (share > 0.02).to(points)[..., None]
    return normal * (((0.006 * bent * knee + 0.0035 * foot) * cross + 0.0028 * soft) * apart)[..., None]
