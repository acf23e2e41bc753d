"""What networks of the garment room are shown: garments on busy grounds, hidden in part, and crops of their cloth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from core.garment.config import REGIONS
from training.face_data import paint_ground

PERSON = REGIONS.index("person")


@dataclass(frozen=True)
class Sway:
    """How far samples are turned, scaled and moved."""

    degrees: float
    smallest: float
    largest: float
    shift: float
    """Of half the picture."""


def sway(count: int, how: Sway, draw: torch.Generator) -> Tensor:
    """Transforms N x 2 x 3 as ``affine_grid`` takes them, half of them mirrored."""
    random = torch.rand(count, 5, generator=draw)
    angle = (random[:, 0] * 2 - 1) * math.radians(how.degrees)
    scale = how.smallest * (how.largest / how.smallest) ** random[:, 1]
    flip = torch.where(random[:, 2] < 0.5, -1.0, 1.0)
    cosine, sine = angle.cos() / scale, angle.sin() / scale
    shift = (random[:, 3:] * 2 - 1) * how.shift
    rows = (torch.stack((cosine * flip, -sine, shift[:, 0]), 1), torch.stack((sine * flip, cosine, shift[:, 1]), 1))
    return torch.stack(rows, 1)


def move(maps: Tensor, transforms: Tensor, ground: float, mode: str = "bilinear") -> Tensor:
    """Maps N x C x H x W moved; outside of them there is ``ground``."""
    grid = F.affine_grid(transforms, list(maps.shape), align_corners=False)
    return F.grid_sample(maps - ground, grid, mode=mode, padding_mode="zeros", align_corners=False) + ground


def draw_capsules(count: int, size: int, draw: torch.Generator, thick: tuple[float, float]) -> Tensor:
    """One thick stroke, as of an arm, in each of N masks N x 1 x S x S; half-widths are shares of the side."""
    random = torch.rand(count, 5, generator=draw)
    axis = (torch.arange(size) + 0.5) / size
    down, across = torch.meshgrid(axis, axis, indexing="ij")
    start = random[:, :2] * 1.2 - 0.1
    angle, length = random[:, 2] * 2 * math.pi, random[:, 3] * 0.6
    way = torch.stack((angle.cos(), angle.sin()), 1) * length[:, None]
    from_x, from_y = (
        across - start[:, 0, None, None],
        down - start[:, 1, None, None],
    )
    along = (from_x * way[:, 0, None, None] + from_y * way[:, 1, None, None]) / way.square().sum(1)[
        :, None, None
    ].clamp_min(1e-6)
    along = along.clamp(0, 1)
    apart = (from_x - along * way[:, 0, None, None]).square() + (from_y - along * way[:, 1, None, None]).square()
    reach = thick[0] + (thick[1] - thick[0]) * random[:, 4]
    return (apart < reach.square()[:, None, None]).float()[:, None]


def hide_some(mask: Tensor, draw: torch.Generator) -> Tensor:
    """Where garments (N x 1 x S x S) stay in sight behind one to three arms, bags and whatever else is in front."""
    count, size = len(mask), mask.shape[-1]
    hidden = draw_capsules(count, size, draw, (0.04, 0.14))
    for chance in (0.6, 0.3):
        more = draw_capsules(count, size, draw, (0.03, 0.1))
        hidden = torch.maximum(hidden, more * (torch.rand(count, 1, 1, 1, generator=draw) < chance))
    return mask * (1 - hidden)


def crop_some(mask: Tensor, draw: torch.Generator) -> Tensor:
    """Pieces of garments (N x 1 x S x S) of any shape: what lies in a stroke, a box or both, around a place inside."""
    count, size = len(mask), mask.shape[-1]
    flat = mask.flatten(1) > 0.5
    weights = flat.float() + 1e-6
    middle = torch.multinomial(weights, 1, generator=draw)[:, 0]
    column, row = (middle % size + 0.5) / size, (middle // size + 0.5) / size
    random = torch.rand(count, 5, generator=draw)
    axis = (torch.arange(size) + 0.5) / size
    down, across = torch.meshgrid(axis, axis, indexing="ij")
    angle = random[:, 0] * math.pi
    x, y = across - column[:, None, None], down - row[:, None, None]
    u = x * angle.cos()[:, None, None] + y * angle.sin()[:, None, None]
    v = y * angle.cos()[:, None, None] - x * angle.sin()[:, None, None]
    wide, tall = (0.08 + 0.22 * random[:, 1])[:, None, None], (0.08 + 0.22 * random[:, 2])[:, None, None]
    box = ((u.abs() < wide) & (v.abs() < tall)).float()
    oval = ((u / wide).square() + (v / tall).square() < 1).float()
    picked = torch.where((random[:, 3] < 0.5)[:, None, None], box, oval)[:, None]
    more = draw_capsules(count, size, draw, (0.06, 0.12)) * (random[:, 4] < 0.3)[:, None, None, None]
    return torch.maximum(picked, more) * mask


def bring_to_middle(maps: Tensor, seen: Tensor, stray: Tensor) -> tuple[Tensor, Tensor]:
    """Maps and where they are seen, moved so that what is seen lies in the picture's middle, but for ``stray`` (N x 2)."""
    size = seen.shape[-1]
    axis = ((torch.arange(size, device=seen.device) + 0.5) / size) * 2 - 1
    total = seen.sum((1, 2, 3)).clamp_min(1e-6)
    column = (seen[:, 0].sum(1) * axis).sum(1) / total
    row = (seen[:, 0].sum(2) * axis).sum(1) / total
    transforms = torch.eye(2, 3).repeat(len(seen), 1, 1)
    transforms[:, :, 2] = torch.stack((column, row), 1) - stray
    moved = move(torch.cat((maps * seen, seen), 1), transforms, 0.0)
    known = (moved[:, -1:] > 0.5).float()
    return moved[:, :-1] / moved[:, -1:].clamp_min(1e-3) * known, known


def lay_on_ground(pixels: Tensor, mask: Tensor, others: Tensor, draw: torch.Generator) -> Tensor:
    """Garments cut from white and laid on blurred patches, on other garments' cloths, or on a plain ground, with a
    shadow."""
    count, size = len(pixels), pixels.shape[-1]
    random = torch.rand(count, 6, 1, 1, 1, generator=draw)
    plain = (torch.rand(count, 3, 1, 1, generator=draw) * 2 - 1).expand(-1, -1, size, size)
    white = torch.ones_like(plain) - 0.1 * random[:, 5]
    patches = paint_ground(count, size, draw)
    ground = torch.where(random[:, 0] < 0.35, patches, torch.where(random[:, 0] < 0.7, others, plain))
    ground = torch.where(random[:, 0] > 0.88, white, ground)
    edge = 1 - F.max_pool2d(1 - mask, 3, 1, 1)  # the outermost pixel still has white in it
    soft = F.avg_pool2d(F.pad(edge, (1, 1, 1, 1), mode="replicate"), 3, 1)
    reach = max(3, size // 24 * 2 + 1)
    shadow = F.avg_pool2d(F.pad(mask, [reach // 2] * 4), reach, 1).roll((size // 64, size // 64), (2, 3))
    ground = (ground + 1) * (1 - 0.5 * random[:, 1] * shadow) - 1
    return ground * (1 - soft) + pixels * soft


def put_arms(pictures: Tensor, regions: Tensor, draw: torch.Generator, chance: float = 0.3) -> tuple[Tensor, Tensor]:
    """Skin-coloured arms and hands over some of the pictures, and the regions with them."""
    count, size = len(pictures), pictures.shape[-1]
    arms = draw_capsules(count, size, draw, (0.03, 0.07)) * (torch.rand(count, 1, 1, 1, generator=draw) < chance)
    tone = torch.rand(count, 1, 1, 1, generator=draw) * 0.75 + 0.2
    skin = tone * torch.tensor([1.0, 0.78, 0.66])[None, :, None, None] ** (1.2 - 0.6 * tone)
    shaded = (skin * 2 - 1) + 0.08 * torch.randn(count, 1, size, size, generator=draw)
    return torch.where(arms > 0, shaded.clamp(-1, 1), pictures), torch.where(arms[:, 0] > 0, PERSON, regions)
