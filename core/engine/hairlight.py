"""What light does with hair: a diffuse part, white shine off the surface, coloured shine from inside, light passing through.

Kajiya and Kay 1989 for the lobes' shape, Marschner et al. 2003 for their shifts and colours. Works on any leading dimensions.
"""

from __future__ import annotations

import torch
from torch import Tensor

SURFACE_SHIFT, INNER_SHIFT = -0.09, 0.13
"""Radians: the cuticle's scales tilt the surface shine to the root, the inner one to the tip."""
SURFACE_WIDTH, INNER_WIDTH, THROUGH_WIDTH = 0.13, 0.23, 0.35


def _lobe(angle: Tensor, width: float) -> Tensor:
    return torch.exp(-0.5 * (angle / width) ** 2)


def shade_hair(
    tangent: Tensor, outward: Tensor, view: Tensor, light: Tensor, albedo: Tensor, gloss_shift: Tensor
) -> Tensor:
    """Share of a distant light's colour (..., 3) that comes to the eye.

    ``tangent`` along the hair, ``outward`` out of the head, ``view`` to the eye and ``light`` to the light are unit vectors;
    ``gloss_shift`` (..., 1) is the strand's own.
    """
    along_light = (tangent * light).sum(-1, keepdim=True).clamp(-1.0, 1.0)
    along_view = (tangent * view).sum(-1, keepdim=True).clamp(-1.0, 1.0)
    incline = torch.asin(along_light) + torch.asin(along_view)
    across = torch.sqrt(1.0 - along_light**2)
    facing = (outward * light).sum(-1, keepdim=True)
    lit = ((facing + 0.35) / 1.35).clamp(0.0, 1.0)
    flat_light, flat_view = light - tangent * along_light, view - tangent * along_view
    turn = (flat_light * flat_view).sum(-1, keepdim=True)
    turn = turn / (flat_light.norm(dim=-1, keepdim=True) * flat_view.norm(dim=-1, keepdim=True)).clamp_min(1e-4)
    near_side = torch.sqrt((0.5 + 0.5 * turn).clamp_min(0.0))
    surface = 0.08 * _lobe(incline - 2 * SURFACE_SHIFT - gloss_shift, SURFACE_WIDTH) * near_side
    inner = 0.5 * _lobe(incline - 2 * INNER_SHIFT - gloss_shift, INNER_WIDTH) * near_side
    through = 0.45 * _lobe(incline, THROUGH_WIDTH) * (0.5 - 0.5 * turn).clamp(0.0, 1.0) ** 6
    inside = albedo.clamp_min(1e-4)
    diffuse = 0.62 * across * inside
    back = (1.0 - lit) * 0.6
    return lit * (diffuse + surface + inner * inside**1.15) + through * inside**0.8 * (lit + back)


def ambient_hair(outward: Tensor, albedo: Tensor, irradiance: Tensor) -> Tensor:
    """Light from all around (..., 3): ``irradiance`` is what a surface facing ``outward`` receives."""
    assert outward.shape[-1] == 3, outward.shape
    return irradiance * (0.50 * albedo + 0.012)


def hidden_share(openness: Tensor) -> Tensor:
    """How much of the light reaches hair at a depth (0 deep to 1 on top): (..., 1) of (...)."""
    return (0.12 + 0.88 * openness**1.4)[..., None]
