"""Light on surfaces: a soft surrounding (spherical harmonics), up to three lamps, shadows, and highlights.

Directions point from the surface to the light, in the world (metres, y up). Colours are linear.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from core.camera import normalise
from core.ops.rasterise import draw_triangles

SHADOW_SIZE = 224
_SHADOW_REACH_METRES = 0.26
SHADOW_SCALE = 0.5 * SHADOW_SIZE / _SHADOW_REACH_METRES
"""Pixels of the shadow map in a metre."""
_COSINE = (math.pi, 2 * math.pi / 3, 2 * math.pi / 3, 2 * math.pi / 3, *([math.pi / 4] * 5))
SCATTER = (0.32, 0.13, 0.07)
"""How far light wraps round skin in red, green and blue: red travels furthest under the skin."""


@dataclass(frozen=True)
class Light:
    """What shines on each of B pictures."""

    surround: Tensor
    """(B, 9, 3) spherical harmonics of the incoming light, real basis, order 0 to 2."""
    directions: Tensor
    """(B, L, 3) towards the lamps."""
    colours: Tensor
    """(B, L, 3)."""
    softness: Tensor
    """(B, L) apparent radius of each lamp in radians."""

    def soft_surround(self) -> Tensor:
        """The surrounding as a matt surface gathers it, (B, 9, 3) (Ramamoorthi and Hanrahan 2001)."""
        return self.surround * torch.tensor(_COSINE, device=self.surround.device)[:, None] / math.pi


def harmonics(directions: Tensor) -> Tensor:
    """The nine real spherical harmonics (..., 9) of unit directions (..., 3)."""
    x, y, z = directions.unbind(-1)
    one = torch.ones_like(x)
    return torch.stack(
        (
            0.282095 * one,
            0.488603 * y,
            0.488603 * z,
            0.488603 * x,
            1.092548 * x * y,
            1.092548 * y * z,
            0.315392 * (3 * z * z - 1),
            1.092548 * x * z,
            0.546274 * (x * x - y * y),
        ),
        -1,
    )


def lobes(directions: Tensor, colours: Tensor, widths: Tensor) -> Tensor:
    """Spherical harmonics (B, 9, 3) of soft spots: directions (B, N, 3), colours (B, N, 3), widths (B, N, 0 sharp, 1 wide)."""
    narrow = torch.stack((torch.ones_like(widths), 1 - 0.5 * widths, (1 - widths) ** 2), -1)
    order = torch.tensor([0, 1, 1, 1, 2, 2, 2, 2, 2], device=widths.device)
    return torch.einsum("bnk,bnc->bkc", harmonics(directions) * narrow[..., order], colours)


def _sum_basis(basis: Tensor, coefficients: Tensor, picture: Tensor) -> Tensor:
    total = basis.new_zeros(len(basis), 3)
    for at in range(9):
        total += basis[:, at, None] * coefficients[:, at][picture]
    return total


def irradiance(light: Light, normals: Tensor, picture: Tensor) -> Tensor:
    """Soft light (P, 3) on surfaces (P, 3), as a share of full white."""
    return _sum_basis(harmonics(normals), light.soft_surround(), picture).clamp_min(0.0)


def reflection(light: Light, directions: Tensor, picture: Tensor) -> Tensor:
    """What a mirror at the surface sees of the surrounding (P, 3); blurred, as order 2 is."""
    return _sum_basis(harmonics(directions), light.surround, picture).clamp_min(0.0)


def wrapped(cosine: Tensor, wrap: Tensor) -> Tensor:
    """Diffuse light (P, 3) that reaches round the edge: cosine (P), wrap (P, 3), energy kept."""
    return ((cosine[:, None] + wrap) / (1 + wrap)).clamp_min(0.0) ** (1 + wrap) / (1 + 0.35 * wrap)


def highlight(normal: Tensor, view: Tensor, lamp: Tensor, rough: Tensor, facing: Tensor) -> Tensor:
    """GGX highlight (P) with Smith's visibility; ``facing`` is F0 (Walter 2007, Schlick 1994)."""
    half = normalise(view + lamp)
    n_h = (normal * half).sum(-1).clamp(0.0, 1.0)
    n_l = (normal * lamp).sum(-1).clamp_min(0.0)
    n_v = (normal * view).sum(-1).clamp_min(0.04)
    v_h = (view * half).sum(-1).clamp(0.0, 1.0)
    alpha2 = (rough**4).clamp_min(1e-5)
    spread = alpha2 / (math.pi * (n_h * n_h * (alpha2 - 1) + 1) ** 2).clamp_min(1e-7)
    k = 0.5 * rough * rough
    visible = 1.0 / ((n_l * (1 - k) + k) * (n_v * (1 - k) + k) * 4.0).clamp_min(1e-3)
    fresnel = facing + (1 - facing) * (1 - v_h) ** 5
    return spread * visible * fresnel * n_l


def lamp_axes(towards: Tensor) -> Tensor:
    """Rows (B, 3, 3): right, up and back of a lamp that looks along -towards."""
    helper = torch.zeros_like(towards)
    helper[:, 1] = 1.0
    steep = towards[:, 1].abs() > 0.98
    helper[steep] = helper.new_tensor([1.0, 0.0, 0.0])
    right = normalise(torch.linalg.cross(helper, towards, dim=-1))
    return torch.stack((right, torch.linalg.cross(towards, right, dim=-1), towards), 1)


@dataclass(frozen=True)
class ShadowMap:
    """Depth as a lamp sees it."""

    axes: Tensor
    centre: Tensor
    depth: Tensor
    softness: Tensor


def to_lamp(points: Tensor, axes: Tensor, centre: Tensor) -> Tensor:
    """World points (B, N, 3) on the lamp's map: column, row, distance (larger is farther from the lamp)."""
    local = (points - centre[:, None]) @ axes.transpose(1, 2)
    return torch.stack(
        (
            local[..., 0] * SHADOW_SCALE + SHADOW_SIZE / 2,
            -local[..., 1] * SHADOW_SCALE + SHADOW_SIZE / 2,
            2.0 - local[..., 2],
        ),
        -1,
    )


def shadow_map(points: Tensor, triangles: Tensor, light: Light, centre: Tensor) -> ShadowMap:
    """The first lamp's view of the scene's triangles."""
    axes = lamp_axes(light.directions[:, 0])
    drawn = draw_triangles(to_lamp(points, axes, centre), triangles, SHADOW_SIZE, SHADOW_SIZE)
    depth = torch.where(drawn.number >= 0, drawn.depth, torch.full_like(drawn.depth, 9.0))
    return ShadowMap(axes, centre, depth, light.softness[:, 0])


def lit_share(shadow: ShadowMap, points: Tensor, picture: Tensor, bias_metres: float = 0.006) -> Tensor:
    """How much of the first lamp each point (P, 3) sees: 12 taps on a disc as wide as the lamp is soft."""
    local = ((points - shadow.centre[picture])[:, None] * shadow.axes[picture]).sum(-1)
    scale = 1.0 / _SHADOW_REACH_METRES
    place = torch.stack((local[:, 0] * scale, -local[:, 1] * scale), -1)
    own = 2.0 - local[:, 2] - bias_metres
    radius = (0.02 + 0.35 * shadow.softness)[picture] * 0.16
    lit = torch.zeros_like(own)
    rows = picture.to(points.dtype)
    count = 12
    flat = shadow.depth.reshape(-1)
    for tap in range(count):
        turn, reach = tap * 2.39996, math.sqrt((tap + 0.5) / count)
        at = place + radius[:, None] * place.new_tensor([reach * math.cos(turn), reach * math.sin(turn)])
        cell = ((at * 0.5 + 0.5) * SHADOW_SIZE).long().clamp(0, SHADOW_SIZE - 1)
        met = flat[(rows.long() * SHADOW_SIZE + cell[:, 1]) * SHADOW_SIZE + cell[:, 0]]
        lit += torch.sigmoid((met - own) * 1200.0)
    return lit / count


def blur_rows(values: Tensor, radius: int) -> Tensor:
    """Box blur (B, C, H, W) twice in each direction; edges repeat."""
    if radius < 1:
        return values
    size = 2 * radius + 1
    for _ in range(2):
        values = F.avg_pool2d(F.pad(values, (radius, radius, 0, 0), mode="replicate"), (1, size), 1)
        values = F.avg_pool2d(F.pad(values, (0, 0, radius, radius), mode="replicate"), (size, 1), 1)
    return values
