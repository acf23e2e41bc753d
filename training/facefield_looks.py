"""How good a field is that knows true codes: scores and sheets on faces held back."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from core.camera import pixel_grid
from core.engine.head import rotation
from core.engine.render import SEGMENTS
from core.facefield.codes import SHAPE_WIDTH
from core.facefield.networks import Field, Prepared
from core.facefield.render import Placed, Rays, lay_over, view
from core.image import Pixels, contact_sheet, to_pixels
from training.facefield_data import Heads, shrink
from training.facefield_pictures import PictureWork

FACE = ("skin", "brows", "eyes", "nose", "mouth")
SHOWN_YAWS = (-30.0, 30.0)


def face_mask(segmentation: Tensor) -> Tensor:
    """Which pixels are the face's."""
    places = torch.tensor([SEGMENTS.index(name) for name in FACE], device=segmentation.device)
    return torch.isin(segmentation.long(), places)


def rays_of(heads: Heads, place: int, size: int, yaw_degrees: float = 0.0) -> tuple[Rays, Tensor]:
    """Rays through a face's picture at another size, the camera swung about the head, and the cosine of each with its axis."""
    grid = pixel_grid(size, size).flatten(0, 1) * (heads.size / size)
    lens, pose = heads.calibration[place], heads.view[place]
    local = torch.cat(
        (
            (grid[:, :1] - lens[0, 2]) / lens[0, 0],
            (grid[:, 1:] - lens[1, 2]) / lens[1, 1],
            torch.ones(len(grid), 1),
        ),
        1,
    )
    longer = local.norm(dim=1)
    turn = rotation(*torch.tensor([math.radians(yaw_degrees), 0.0, 0.0])) @ pose[:3, :3]
    origin = rotation(*torch.tensor([math.radians(yaw_degrees), 0.0, 0.0])) @ pose[:3, 3]
    return Rays(origin, (local / longer[:, None]) @ turn.T, grid / heads.size * 2 - 1), 1 / longer


def prepare(field: Field, parameters: Tensor) -> Prepared:
    """A field that knows the true parameters."""
    return field.prepare_parameters(parameters[:, :SHAPE_WIDTH], parameters[:, SHAPE_WIDTH:])


@torch.no_grad()
def draw_colours(field: Field, prepared: Prepared, rays: Rays) -> tuple[Tensor, Tensor, Tensor]:
    """Colours (R, 3) as the features' first channels have them, travel and opacity (R)."""
    seen = view(field, [Placed(prepared)], rays)
    ground = field.behind(prepared, rays.places[None])[0]
    return lay_over(seen, ground)[:, :3], seen.travel, seen.opacity


@torch.no_grad()
def measure_field(field: Field, heads: Heads, size: int = 64) -> dict[str, float]:
    """``validation``: colour and depth together. Also PSNR of colours, and the face's median depth error in mm."""
    small = shrink(heads.pixels, size)
    apart, deep, covered = [], [], []
    for place in range(len(heads.seeds)):
        prepared = prepare(field, heads.parameters[place : place + 1])
        rays, cosine = rays_of(heads, place, size)
        drawn, travel, opacity = draw_colours(field, prepared, rays)
        apart.append((drawn.T.reshape(3, size, size) - small[place]).square().mean())
        pick = ((torch.arange(size) + 0.5) * heads.size / size).long()
        truth, shown = heads.depth[place][pick][:, pick], face_mask(heads.segmentation[place])[pick][:, pick]
        wrong = ((travel * cosine).reshape(size, size) - truth).abs()[shown & (travel.reshape(size, size) > 0)]
        deep.append(float(wrong.median()) * 1000 if len(wrong) else 100.0)
        covered.append(float(((opacity.reshape(size, size) > 0.5) == (truth > 0)).float().mean()))
    error = torch.stack(apart)
    scores = {
        "psnr": float((10 * (4 / error).log10()).mean()),
        "depth_millimetres": float(np.mean(deep)),
        "silhouette": float(np.mean(covered)),
    }
    return {"validation": float(error.sqrt().mean()) + 0.02 * scores["depth_millimetres"], **scores}


@torch.no_grad()
def draw_picture(field: Field, work: PictureWork, heads: Heads, place: int, yaw_degrees: float = 0.0) -> Tensor:
    """One head's picture (1, 3, S, S) through the renderer."""
    turn = torch.eye(4)
    turn[:3, :3] = rotation(*torch.tensor([math.radians(yaw_degrees), 0.0, 0.0]))
    lens = heads.calibration[place][(0, 0, 1), (0, 2, 2)] / heads.size
    prepared = prepare(field, heads.parameters[place : place + 1])
    return work.draw(field, prepared, (turn @ heads.view[place])[None], lens[None]).pictures.float()


@torch.no_grad()
def measure_pictures(
    field: Field, work: PictureWork, heads: Heads, deep_millimetres: float, count: int = 32
) -> dict[str, float]:
    """PSNR of whole pictures, and ``validation`` again with it."""
    target = shrink(heads.pixels[:count], work.config.size)
    error = torch.cat(
        [
            (draw_picture(field, work, heads, place) - target[place]).square().mean((1, 2, 3))
            for place in range(len(target))
        ]
    )
    return {
        "picture_psnr": float((10 * (4 / error).log10()).mean()),
        "validation": float(error.sqrt().mean()) + 0.02 * deep_millimetres,
    }


def show_field(field: Field, heads: Heads, work: PictureWork | None = None, count: int = 6, size: int = 96) -> Pixels:
    """Rows of a face: true, drawn, from either side, how deep."""
    tiles: list[Pixels] = []
    for place in range(min(count, len(heads.seeds))):
        prepared = prepare(field, heads.parameters[place : place + 1])
        tiles.append(to_pixels(shrink(heads.pixels[place : place + 1], size))[0])
        for yaw in (0.0, *SHOWN_YAWS):
            rays, _ = rays_of(heads, place, size, yaw)
            colours, travel, _ = draw_colours(field, prepared, rays)
            shown = colours.T.reshape(1, 3, size, size)
            if work is not None:
                shown = shrink(draw_picture(field, work, heads, place, yaw), size)
            tiles.append(to_pixels(shown)[0])
            if yaw == 0.0:
                tiles.append(shade_depth(travel.reshape(size, size)))
    return contact_sheet(tiles, 3 + len(SHOWN_YAWS))


def shade_depth(travel: Tensor) -> Pixels:
    """Near bright, far dark, nothing black."""
    met = travel > 0
    if not met.any():
        return np.zeros((*travel.shape, 3), np.uint8)
    near, far = travel[met].quantile(0.01), travel[met].quantile(0.98)
    bright = (1 - 0.85 * (travel - near) / (far - near).clamp_min(1e-3)).clamp(0.1, 1) * met
    return (bright[..., None].expand(-1, -1, 3) * 255).to(torch.uint8).numpy()
