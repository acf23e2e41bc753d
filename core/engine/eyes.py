"""Eyeballs and the inside of the mouth: what colour and how wet each place is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from core.engine import noise
from core.engine.skin import ridge, to_linear

IRISES_SRGB = {
    "dark brown": ((45, 26, 16), (70, 42, 24)),
    "brown": ((82, 48, 25), (122, 76, 38)),
    "hazel": ((92, 82, 42), (142, 92, 42)),
    "green": ((84, 104, 72), (138, 128, 72)),
    "blue": ((82, 116, 150), (140, 164, 176)),
    "grey": ((98, 108, 116), (142, 146, 142)),
}
LIMBUS_SINE = math.sin(math.radians(21.8))


@dataclass(frozen=True)
class Eyes:
    """Each person's eyes, (B,) or (B, 3)."""

    seeds: Tensor
    outer: Tensor
    inner: Tensor
    pupil: Tensor
    """Radius as a share of the iris."""
    redness: Tensor
    yellowing: Tensor


def iris_colours(kind: Tensor) -> tuple[Tensor, Tensor]:
    """Linear outer and inner colours (B, 3) of kinds (B, place in IRISES_SRGB)."""
    table = to_linear(torch.tensor(list(IRISES_SRGB.values()), device=kind.device, dtype=torch.float32) / 255.0)
    return table[kind, 0], table[kind, 1]


@dataclass(frozen=True)
class Wet:
    """Per pixel (P): albedo, roughness, and how much the surrounding mirrors in it."""

    albedo: Tensor
    rough: Tensor
    mirror: Tensor


def paint_eyes(local: Tensor, view: Tensor, eyes: Eyes, picture: Tensor, lid_shade: Tensor) -> Wet:
    """Eyeball at directions (P, 3) in its own frame (it looks along +z), seen along ``view`` (P, 3, same frame).

    ``lid_shade`` (P, 0..1) is how open the place is: near a lid it is dark.
    """
    flat = local[:, :2] / LIMBUS_SINE
    shift = noise.shift_of(eyes.seeds)[picture]
    depth = (1 - (flat**2).sum(-1)).clamp_min(0)
    # the iris lies behind the cornea: seen from the side it shifts
    inside = flat - 0.34 * depth[:, None] * view[:, :2] / view[:, 2:].clamp_min(0.4)
    radius = inside.norm(dim=-1)
    way = inside / radius[:, None].clamp_min(1e-4)
    fibre = noise.sample(torch.cat((way * 9.0, radius[:, None] * 2.0), 1) + shift, 1.0)
    coarse = noise.sample(torch.cat((way * 3.0, radius[:, None] * 3.0), 1) + shift, 1.0)
    pupil = eyes.pupil[picture]
    out = torch.sigmoid((radius - (pupil + 0.2 + 0.06 * coarse[:, 0])) * 11)[:, None]
    colour = eyes.inner[picture] * (1 - out) + eyes.outer[picture] * out
    colour = colour * (1 + 0.34 * fibre[:, :1] + 0.16 * coarse[:, 1:2]).clamp(0.35, 2.0)
    limbal = torch.sigmoid((radius - 0.84) * 14)[:, None]
    colour = colour * (1 - 0.75 * limbal)
    hole = torch.sigmoid((radius - pupil) * 34)[:, None]
    colour = colour * hole + 0.004
    rim = torch.sigmoid((flat.norm(dim=-1) - 1.0) * 17)[:, None]
    veins = noise.sample(local * local.new_tensor([10.0, 34.0, 10.0]) + shift, 1.0)[:, 0].abs()
    side = (local[:, 0].abs() * 1.9 - 0.4).clamp(0, 1)
    red = (eyes.redness[picture] * (0.25 + ridge(veins, 0.22)) + 0.25) * side + 0.05
    white = local.new_tensor([0.56, 0.525, 0.50]) * torch.exp(-red[:, None] * local.new_tensor([0.1, 0.55, 0.5]))
    white = white * torch.exp(-eyes.yellowing[picture][:, None] * local.new_tensor([0.05, 0.1, 0.35]))
    albedo = (colour * (1 - rim) + white * rim) * (0.22 + 0.78 * lid_shade)[:, None]
    rough = 0.07 + 0.12 * rim[:, 0]
    return Wet(albedo, rough, 0.55 + 0.45 * (1 - rim[:, 0]))


def paint_mouth(part: Tensor, points: Tensor, white: Tensor, picture: Tensor) -> Wet:
    """Teeth, gums, tongue and the mouth's walls at places on the mean head (P, 3, cm); ``part`` as the head numbers them.

    ``white`` (B) is how white the teeth are.
    """
    grain = noise.sample(points, 0.16)
    dull, bright = points.new_tensor([0.52, 0.45, 0.34]), points.new_tensor([0.70, 0.66, 0.59])
    share = white[picture][:, None]
    tooth = (dull * (1 - share) + bright * share) * (1 + 0.04 * grain[:, :1])
    flesh = points.new_tensor([0.33, 0.085, 0.08]).expand_as(tooth) * (1 + 0.08 * grain[:, 1:2])
    tongue = points.new_tensor([0.40, 0.14, 0.13]).expand_as(tooth) * (1 + 0.12 * grain[:, 2:3])
    albedo = torch.where((part == 5)[:, None], tooth, torch.where((part == 4)[:, None], tongue, flesh))
    # little light comes in between the lips, less to the back
    reach = torch.sigmoid((points[:, 2] - 7.9) * 0.95)
    albedo = albedo * (0.05 + 0.95 * reach)[:, None]
    rough = torch.where(part == 5, torch.full_like(reach, 0.25), torch.full_like(reach, 0.38))
    return Wet(albedo, rough, 0.5 * reach)
