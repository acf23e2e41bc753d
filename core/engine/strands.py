"""Strands in a lit scene: brows, lashes, beards and hair shaded at their points, and the shadow that they throw.

Where strands grow is brows.py's and hair.py's business; how one strand scatters light is hairlight.py's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from core.camera import normalise
from core.engine.hair import Strands
from core.engine.hairlight import ambient_hair, hidden_share, shade_hair
from core.engine.light import SHADOW_SCALE, SHADOW_SIZE, Light, ShadowMap, harmonics, to_lamp
from core.ops.rasterise import draw_strands

FADE_METRES = 0.014
"""How deep light reaches into hair."""


@dataclass(frozen=True)
class Growth:
    """Strands in the world, and which way is out of the head for each."""

    strands: Strands
    outward: Tensor
    """(B, N, 1 or K, 3) unit."""
    opacity: float = 1.0


def deepen(shadow: ShadowMap, growth: Growth) -> ShadowMap:
    """The shadow map with strands in it."""
    strands = growth.strands
    count, length = strands.points.shape[1:3]
    flat = strands.points.reshape(len(strands.points), -1, 3)
    at = to_lamp(flat, shadow.axes, shadow.centre).unflatten(1, (count, length))
    width = torch.where(strands.width > 0, (strands.width * SHADOW_SCALE).clamp_min(1.0), strands.width)
    drawn = draw_strands(at, width, torch.ones(*at.shape[:3], 4, device=at.device), shadow.depth)
    met = torch.where(drawn.coverage > 0.4, drawn.depth, shadow.depth)
    return ShadowMap(shadow.axes, shadow.centre, torch.minimum(met, shadow.depth), shadow.softness)


def seen_by_lamp(points: Tensor, shadow: ShadowMap) -> Tensor:
    """Light that comes through the hair above each point (B, N, K, 3): (B, N, K), fading with the depth below the lit side."""
    batch = len(points)
    at = to_lamp(points.reshape(batch, -1, 3), shadow.axes, shadow.centre)
    column, row = (at[..., axis].long().clamp(0, SHADOW_SIZE - 1) for axis in (0, 1))
    met = torch.gather(shadow.depth.reshape(batch, -1), 1, row * SHADOW_SIZE + column)
    below = (at[..., 2] - met - 0.004).clamp_min(0.0)
    return torch.exp(-below / FADE_METRES).reshape(points.shape[:3])


def shade(growth: Growth, light: Light, shadow: ShadowMap, eye: Tensor) -> Tensor:
    """Lit colour and opacity (B, N, K, 4) of every point, seen from ``eye`` (B, 3)."""
    strands = growth.strands
    along, outward = strands.tangents(), growth.outward
    view = normalise(eye[:, None, None] - strands.points)
    surround = torch.einsum("bnkm,bmc->bnkc", harmonics(normalise(outward + 0.3 * view)), light.soft_surround())
    open_share = hidden_share(strands.openness)
    total = ambient_hair(outward, strands.albedo, surround.clamp_min(0.0)) * open_share
    through = seen_by_lamp(strands.points, shadow)[..., None]
    shift = strands.gloss_shift[:, :, None, None]
    for lamp in range(light.directions.shape[1]):
        colour = light.colours[:, lamp, None, None]
        if not bool((colour > 0).any()):
            continue
        way = light.directions[:, lamp, None, None]
        lit = shade_hair(along, outward, view, way, strands.albedo, shift)
        total = total + lit * colour * open_share * (through if lamp == 0 else 1.0)
    return torch.cat((total, torch.full_like(total[..., :1], growth.opacity)), -1)
