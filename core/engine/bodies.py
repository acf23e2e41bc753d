"""Bodies by seed, before any pose: how tall, how wide, where the joints are, and the round of trunk, arms and legs.

Heights along the trunk are ``level``: metres below the head model's origin for a person of 1.72 m (-0.12 neck, -0.52
waist, -0.775 crotch). Left and right are those of the picture of somebody who faces it: left is -x.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from core.engine.people import Draws

SIDES = {"left": -1.0, "right": 1.0}
NECK_LEVEL, SHOULDER_LEVEL, WAIST_LEVEL, HIP_LEVEL, CROTCH_LEVEL = -0.118, -0.207, -0.515, -0.715, -0.775
TRUNK_MIDDLE_METRES = -0.015
"""Where the trunk's axis lies in z, seen from the head's origin."""
# level, half width, reach to the front and to the back of a man's trunk, and the woman's share of each
_TRUNK = (
    (-0.060, 0.048, 0.040, 0.040, 0.94, 0.96, 0.95),
    (-0.090, 0.051, 0.047, 0.043, 0.94, 0.96, 0.95),
    (-0.103, 0.059, 0.053, 0.049, 0.95, 0.97, 0.95),
    (-0.113, 0.075, 0.056, 0.057, 0.95, 0.97, 0.95),
    (-0.122, 0.094, 0.057, 0.065, 0.94, 0.97, 0.95),
    (-0.132, 0.118, 0.057, 0.073, 0.93, 0.97, 0.94),
    (-0.146, 0.141, 0.060, 0.081, 0.92, 0.96, 0.93),
    (-0.166, 0.159, 0.068, 0.087, 0.91, 0.95, 0.92),
    (-0.195, 0.168, 0.082, 0.092, 0.90, 0.94, 0.91),
    (-0.240, 0.168, 0.100, 0.095, 0.89, 0.92, 0.90),
    (-0.290, 0.163, 0.114, 0.093, 0.88, 0.90, 0.89),
    (-0.345, 0.159, 0.119, 0.090, 0.87, 0.88, 0.88),
    (-0.400, 0.151, 0.114, 0.083, 0.86, 0.86, 0.88),
    (-0.460, 0.144, 0.108, 0.075, 0.82, 0.86, 0.90),
    (-0.515, 0.141, 0.105, 0.073, 0.80, 0.87, 0.94),
    (-0.570, 0.146, 0.106, 0.082, 0.88, 0.90, 1.03),
    (-0.630, 0.156, 0.104, 0.099, 0.98, 0.94, 1.08),
    (-0.695, 0.166, 0.100, 0.113, 1.05, 0.98, 1.10),
    (-0.760, 0.169, 0.098, 0.115, 1.07, 1.00, 1.10),
    (-0.860, 0.166, 0.098, 0.112, 1.07, 1.00, 1.08),
)
_STEP = 0.005
_TOP, _COUNT = -0.060, 161
# share of the way from shoulder to wrist, and the arm's radius
_ARM = ((0.0, 0.056), (0.14, 0.053), (0.34, 0.046), (0.52, 0.0405), (0.62, 0.042), (0.80, 0.035), (1.0, 0.027))
# share of the way from hip to ankle, and the leg's radius
_LEG = (
    *((0.0, 0.091), (0.16, 0.086), (0.34, 0.072), (0.48, 0.058), (0.56, 0.054)),
    *((0.66, 0.057), (0.85, 0.042), (1.0, 0.038)),
)


@dataclass(frozen=True)
class Bodies:
    """B bodies; lengths in metres, each (B,) unless said."""

    seeds: Tensor
    femininity: Tensor
    scale: Tensor
    """Of everything but the legs' and trunk's own share; 1 is a person of about 1.72 m."""
    trunk_share: Tensor
    leg: Tensor
    """Crotch above the floor."""
    head_scale: Tensor
    trunk: Tensor
    """(B, levels, 3): half width, front, back at the fixed levels, at scale 1."""
    bust: Tensor
    seat: Tensor
    arm_girth: Tensor
    leg_girth: Tensor
    upper_arm: Tensor
    fore_arm: Tensor
    shoulder_wide: Tensor
    hip_wide: Tensor

    def height(self, level: Tensor | float) -> Tensor:
        """Metres above the floor of levels (B, ...) of somebody who stands upright."""
        level = torch.as_tensor(level, device=self.scale.device)
        grown = level.dim() - 1 if level.dim() else 0
        shape = (-1, *([1] * max(grown, 0)))
        trunk, leg = (self.scale * self.trunk_share).reshape(shape), self.leg.reshape(shape)
        return leg + (level - CROTCH_LEVEL) * trunk

    def sizes(self, level: Tensor) -> Tensor:
        """Half width, front, back (B, R, 3) at levels (B, R), metres of this body."""
        place = ((_TOP - level) / _STEP).clamp(0, _COUNT - 1.001)
        low = place.long()
        share = (place - low)[..., None]
        rows = low[..., None].expand(-1, -1, 3)
        first, second = torch.gather(self.trunk, 1, rows), torch.gather(self.trunk, 1, rows + 1)
        return (first * (1 - share) + second * share) * self.scale[:, None, None]

    def ring(self, level: Tensor, angle: Tensor, ease: Tensor | float = 0.0, bridged: float = 0.0) -> Tensor:
        """The trunk's surface (B, R, C, 3), upright, ``ease`` metres (B, R) outside the skin.

        Levels (B, R), angles (B, R, C) from the front to their left hand, +x. ``bridged`` 0..1: cloth spans hollows.
        """
        sizes = self.sizes(level)
        ease = torch.as_tensor(ease, device=level.device).expand(level.shape)
        wide, front, back = ((sizes[..., at] + ease)[..., None] for at in range(3))
        sine, cosine = angle.sin(), angle.cos()
        power = 0.88
        x = wide * torch.sign(sine) * sine.abs().clamp_min(1e-6) ** power
        z = torch.where(cosine > 0, front, back) * torch.sign(cosine) * cosine.abs().clamp_min(1e-6) ** power
        z = z + self._bumps(level[..., None], angle, bridged)
        middle = TRUNK_MIDDLE_METRES * self.scale[:, None, None]
        height = self.height(level)[..., None].expand_as(x)
        return torch.stack((x, height, z + middle), -1)

    def _bumps(self, level: Tensor, angle: Tensor, bridged: float) -> Tensor:
        """Breasts and seat, in z."""
        bust = self.bust[:, None, None]
        low = torch.where(level < -0.345, 0.062 + 0.08 * bridged, 0.075)
        rise = torch.exp(-(((level + 0.345) / low) ** 2))
        apart = 0.55
        two = torch.exp(-(((angle - apart) / 0.42) ** 2)) + torch.exp(-(((angle + apart) / 0.42) ** 2))
        one = 1.15 * torch.exp(-((angle / 0.85) ** 2))
        front = bust * rise * (two * (1 - 0.6 * bridged) + one * 0.6 * bridged)
        behind = math.pi - angle.abs()
        rise = torch.exp(-(((level + 0.715) / 0.085) ** 2))
        seat = self.seat[:, None, None] * rise * torch.exp(-(((behind - 0.5) / 0.5) ** 2))
        return front - seat


@functools.lru_cache(maxsize=4)
def _tables(device: str) -> Tensor:
    """(levels, 6), smooth."""
    rows = torch.tensor(_TRUNK, device=device)
    levels = _TOP - _STEP * torch.arange(_COUNT, device=device)
    found = torch.searchsorted(-rows[:, 0].contiguous(), -levels).clamp(1, len(rows) - 1)
    first, second = rows[found - 1], rows[found]
    share = ((levels - first[:, 0]) / (second[:, 0] - first[:, 0])).clamp(0, 1)[:, None]
    dense = (first * (1 - share) + second * share)[:, 1:].T[None]
    for _ in range(2):
        padded = torch.nn.functional.pad(dense, (2, 2), mode="replicate")
        dense = torch.nn.functional.avg_pool1d(padded, 5, 1)
    return dense[0].T.contiguous()


def radius_along(body_part: str, share: Tensor) -> Tensor:
    """The mean radius of an ``arm`` or ``leg`` at shares of its length (any shape), metres."""
    table = torch.tensor(_ARM if body_part == "arm" else _LEG, device=share.device)
    at = share.clamp(0, 1).contiguous()
    found = torch.searchsorted(table[:, 0].contiguous(), at).clamp(1, len(table) - 1)
    first, second = table[found - 1], table[found]
    inner = ((at - first[..., 0]) / (second[..., 0] - first[..., 0])).clamp(0, 1)
    inner = inner * inner * (3 - 2 * inner) * 0.5 + inner * 0.5
    return first[..., 1] * (1 - inner) + second[..., 1] * inner


def draw_bodies(seeds: Tensor, femininity: Tensor, neck_share: Tensor) -> Bodies:
    """Bodies of these seeds (B,); ``neck_share`` (B,) is how wide the head's own neck is, 1 for the mean."""
    draws = Draws(seeds)
    man = 1 - femininity
    scale = 0.955 + 0.075 * man + 0.028 * draws.normal("body height").clamp(-2, 2)
    girth = (0.05 + 0.45 * draws.normal("body girth")).clamp(-0.75, 1.25)
    muscle = draws.normal("body muscle").clamp(-2, 2)
    held = _tables(str(seeds.device))
    share = 1 + femininity[:, None, None] * (held[None, :, 3:] - 1)
    levels = _TOP - _STEP * torch.arange(_COUNT, device=seeds.device)
    belly = torch.exp(-(((levels + 0.56) / 0.16) ** 2))[None, :, None]
    below = torch.sigmoid((-0.15 - levels) / 0.02)[None, :, None]
    wide = torch.tensor([0.11, 0.07, 0.08], device=seeds.device)
    round_belly = torch.tensor([0.07, 0.24, 0.03], device=seeds.device)
    fat = girth[:, None, None] * below * (wide + belly * round_belly * (girth[:, None, None] > 0))
    shoulders = torch.exp(-(((levels + 0.2) / 0.1) ** 2))[None, :, None] * torch.tensor([0.03, 0.02, 0.01]).to(seeds)
    trunk = held[None, :, :3] * share * (1 + fat + shoulders * muscle[:, None, None])
    neck = torch.sigmoid((levels + 0.117) / 0.006)[None, :, None]
    grown = neck_share[:, None, None] * draws.uniform("neck", 0.985, 1.0)[:, None, None]
    trunk = trunk * (1 + neck * (grown - 1))
    wide_shoulder = trunk[:, round((_TOP - SHOULDER_LEVEL) / _STEP), 0] - 0.006
    reach = 0.97 + 0.05 * draws.uniform("arm length")
    return Bodies(
        seeds,
        femininity,
        scale,
        0.985 + 0.03 * draws.uniform("trunk length"),
        scale * (0.775 + 0.06 * draws.uniform("leg length") + 0.008 * femininity),
        (0.5 + 0.5 * scale) * draws.uniform("head size", 0.98, 1.03),
        trunk,
        scale * femininity * (0.018 + 0.014 * draws.uniform("bust") + 0.012 * girth),
        scale * (0.006 + 0.012 * femininity) * (1 + 0.5 * girth),
        scale * (1 - 0.15 * femininity) * (1 + 0.15 * girth.clamp_min(-0.4) + 0.05 * man * muscle),
        scale * (1 - 0.01 * man) * (1 + 0.13 * girth),
        0.285 * scale * reach,
        0.252 * scale * reach,
        wide_shoulder * scale,
        (0.083 + 0.006 * femininity) * scale * (1 + 0.05 * girth),
    )
