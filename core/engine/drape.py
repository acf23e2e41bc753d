"""Light on lying cloth: normals from the relief, soft shadow of folds and of pieces on each other, gloss."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from core.engine import random
from core.engine.fabrics import Fabric


@dataclass(frozen=True)
class Lamp:
    """N lights: direction towards it (N, 3, x right, y down, z to the viewer), how hard (N), colour (N, 3), fall-off (N, 2)."""

    toward: Tensor
    hard: Tensor
    colour: Tensor
    falloff: Tensor
    exposure: Tensor


def draw_lamps(seeds: Tensor) -> Lamp:
    """A window or a ceiling lamp, mostly from above in the picture."""

    def uniform(name: str, low: float, high: float) -> Tensor:
        return low + (high - low) * random.uniform(seeds, random.stream("lamp " + name))

    around = uniform("around", -math.pi, math.pi) * 0.75 - math.pi / 2
    height = torch.deg2rad(uniform("height", 30.0, 62.0))
    toward = torch.stack(
        (torch.cos(around) * torch.cos(height), torch.sin(around) * torch.cos(height), torch.sin(height)), -1
    )
    warm = uniform("warm", -1.0, 1.0)
    colour = torch.stack((1 + 0.05 * warm, torch.ones_like(warm), 1 - 0.06 * warm), -1)
    falloff = torch.stack((uniform("side", -0.24, 0.24), uniform("end", -0.24, 0.24)), -1)
    return Lamp(toward, uniform("hard", 0.45, 0.95), colour, falloff, uniform("exposure", 0.72, 1.06))


def smooth(maps: Tensor, pixels: float) -> Tensor:
    """Maps (N, H, W) blurred by about this deviation; large blurs work on a smaller picture."""
    step = max(1, int(pixels / 1.6))
    low = (
        F.avg_pool2d(maps[:, None], step, step, ceil_mode=True, count_include_pad=False) if step > 1 else maps[:, None]
    )
    reach = max(1, math.ceil(2.2 * pixels / step))
    weights = [math.exp(-0.5 * (at * step / pixels) ** 2) for at in range(reach + 1)]
    total = weights[0] + 2 * sum(weights[1:])
    # sums of shifted pictures: many times as fast on a CPU as a convolution of one channel
    for axis in (2, 3):
        size = low.shape[axis]
        padded = F.pad(low, (0, 0, reach, reach) if axis == 2 else (reach, reach, 0, 0), mode="replicate")
        low = low * (weights[0] / total)
        for at in range(1, reach + 1):
            both = padded.narrow(axis, reach - at, size) + padded.narrow(axis, reach + at, size)
            low = low.add_(both, alpha=weights[at] / total)
    if step == 1:
        return low[:, 0]
    grown = F.interpolate(low, scale_factor=step, mode="bilinear", align_corners=False)
    return grown[:, 0, : maps.shape[1], : maps.shape[2]]


def move(maps: Tensor, offset: Tensor) -> Tensor:
    """Each map (N, H, W) read at an offset (N, 2, pixels)."""
    height, width = maps.shape[1:]
    turn = torch.eye(2, 3, device=maps.device).repeat(len(maps), 1, 1)
    turn[:, 0, 2], turn[:, 1, 2] = offset[:, 0] * 2 / width, offset[:, 1] * 2 / height
    grid = F.affine_grid(turn, [len(maps), 1, height, width], align_corners=False)
    return F.grid_sample(maps[:, None], grid, padding_mode="border", align_corners=False)[:, 0]


@dataclass(frozen=True)
class Shade:
    """Light on each pixel (N, H, W): what multiplies the cloth's colour, and what gloss adds."""

    light: Tensor
    gloss: Tensor


def shade(folds: Tensor, layers: Tensor, inside: Tensor, pixel: Tensor, lamp: Lamp, fabric: Fabric) -> Shade:
    """Light on folds and layers (N, H, W, cm) where ``inside``; ``pixel`` (N) is a pixel's size in cm."""
    scale = pixel[:, None, None]
    # outside, the relief goes on as the edge has it, so that the outline itself casts no ridge
    known = smooth(inside.to(folds.dtype), 3.0)
    folds = torch.where(inside, folds, smooth(folds * inside, 3.0) / known.clamp_min(1e-3))
    # pieces lie on each other with a rounded step
    stacked = smooth(layers, 0.8)
    total = folds + stacked
    padded = F.pad(total[:, None], (1, 1, 1, 1), mode="replicate")[:, 0]
    slope_x = ((padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]) / (2 * scale)).clamp(-1.6, 1.6)
    slope_y = ((padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]) / (2 * scale)).clamp(-1.6, 1.6)
    steep = torch.rsqrt(1 + slope_x**2 + slope_y**2)
    to_x, to_y, to_z = (lamp.toward[:, at, None, None] for at in range(3))
    facing = (to_z - slope_x * to_x - slope_y * to_y) * steep / to_z
    hard = lamp.hard[:, None, None]
    key = facing.clamp_min(0.0)
    sky = 0.5 + 0.5 * steep - 0.12 * slope_y * steep
    light = hard * 0.74 * (0.12 + 0.88 * key) + (1 - 0.74 * hard) * sky
    light = light * _occlusion(total, layers, scale) * _cast(total, lamp, pixel)
    light = light.clamp_min(0.02) ** 1.25
    half = F.normalize(lamp.toward + torch.tensor([0.0, 0.0, 1.0], device=folds.device), dim=-1)
    mirror = (
        (half[:, 2, None, None] - slope_x * half[:, 0, None, None] - slope_y * half[:, 1, None, None]) * steep
    ).clamp(0, 1)
    gloss = fabric.gloss[:, None, None] * mirror ** fabric.sharpness[:, None, None]
    return Shade(light, gloss * light)


def _occlusion(total: Tensor, layers: Tensor, scale: Tensor) -> Tensor:
    """Dark in the valleys of folds and beside what lies on top."""
    size = total.shape[-1] / 384
    near, far = smooth(total, 2.5 * size), smooth(total, 8.0 * size)
    dark = (
        1
        - 0.22 * ((near - total) / (scale * 2.5)).clamp(-0.6, 2.0)
        - 0.15 * ((far - total) / (scale * 6)).clamp(-0.8, 2.0)
    )
    beside = (smooth(layers, 1.6 * size) - layers).clamp_min(0.0)
    return (dark - (beside * 2.4).clamp(0, 0.42)).clamp(0.35, 1.25)


def _cast(total: Tensor, lamp: Lamp, pixel: Tensor) -> Tensor:
    """Soft shadow: the share of steps towards the lamp at which the cloth rises above the ray."""
    half = F.avg_pool2d(total[:, None], 2, 2, ceil_mode=True)[:, 0]
    flat = lamp.toward[:, :2]
    climb = lamp.toward[:, 2] / flat.norm(dim=-1).clamp_min(1e-3)
    way = F.normalize(flat, dim=-1)
    dark = torch.zeros_like(half)
    for step in (1.5, 3.5, 7.0):
        risen = move(half, way * step) - half - (climb * step * 2 * pixel)[:, None, None]
        dark = dark + (risen / (0.8 * pixel * step)[:, None, None] + 0.35).clamp(0, 1)
    grown = F.interpolate(dark[:, None], scale_factor=2, mode="bilinear", align_corners=False)[:, 0]
    grown = grown[:, : total.shape[1], : total.shape[2]]
    return 1 - lamp.hard[:, None, None] * 0.16 * grown
