"""What a figure's picture shows at each pixel: body or one of the garments over each other, with colour, light and labels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from core.camera import normalise
from core.engine import noise
from core.engine.dressing import ALWAYS, ANY, Worn
from core.engine.flesh import PART, Mesh
from core.engine.light import Light
from core.engine.panels import PARTS as FLAT_PARTS
from core.engine.portrayal import Camera, Shadow, Surfel, light_surfels, open_to_light, view_of
from core.engine.skin import BLOOD, Skin, base_colour
from core.engine.wardrobe import Layer
from core.ops.rasterise import Surface, draw_triangles, gather

NOTHING_METRES = 1e6
LAYER_BIAS = {"bottom": 0.035, "top": 0.018, "outer": 0.0}
"""How far each layer is put back when layers are compared: what is worn over something is never pierced by it."""


@dataclass(frozen=True)
class Visible:
    """Maps (B, R, R, ...) of figures without their heads."""

    colour: Tensor
    """(B, R, R, 3) linear."""
    depth: Tensor
    """Metres, 0 for nothing."""
    compared: Tensor
    """Depth as layers are compared, NOTHING_METRES for nothing."""
    part: Tensor
    """Place in flesh.PARTS."""
    layer: Tensor
    """0 none, else 1 + place in the layers' order."""
    flat: Tensor
    """(B, R, R, 2) place in the flat picture of the layer that is seen, NaN where it shows none."""
    beneath: Tensor
    """Whether any garment is there, seen or not."""


@dataclass(frozen=True)
class _Drawn:
    surface: Surface
    compared: Tensor
    flat: Tensor | None = None
    paint: Tensor | None = None
    front: Tensor | None = None


def see(
    body: Mesh, worn: dict[str, tuple[Worn, Layer]], camera: Camera, skin: Skin, frame: tuple[Light, Shadow, int, float]
) -> Visible:
    """The figures as their cameras see them; ``frame`` is light, shadow, pixels a side, and pixels per final pixel."""
    light, shadow, resolution, scale = frame
    drawn = [_draw_body(body, camera, resolution, scale)]
    for name, (garment, layer) in worn.items():
        drawn.append(_draw_garment(garment, layer, LAYER_BIAS[name], camera, (resolution, scale)))
    compared = torch.stack([one.compared for one in drawn])
    nearest, winner = compared.min(0)
    maps = _Maps(nearest)
    meshes = [body, *(garment for garment, _ in worn.values())]
    seen = []
    for at, (one, mesh) in enumerate(zip(drawn, meshes, strict=True)):
        pixels = torch.nonzero(((winner == at) & (nearest < NOTHING_METRES)).reshape(-1))[:, 0]
        if len(pixels) == 0:
            continue
        picture = torch.div(pixels, resolution * resolution, rounding_mode="floor")
        values = torch.cat((mesh.points, mesh.normals), -1)
        if isinstance(mesh, Mesh):
            values = torch.cat((values, mesh.rest), -1)
        held = gather(values, mesh.triangles, one.surface, pixels)
        part = mesh.part[one.surface.number.reshape(-1)[pixels].long()]
        if isinstance(mesh, Mesh):
            albedo, soft, gloss = _paint_body(held[:, 6:9], part, skin, picture)
        else:
            albedo, soft, gloss = _paint_cloth(one, pixels)
            layer = list(worn.values())[at - 1][1]
            part = _name_parts(part, one, pixels, picture, layer)
            maps.show(pixels, at, one)
        maps.part.reshape(-1)[pixels] = part.to(torch.uint8)
        seen.append((pixels, picture, held[:, :3], held[:, 3:6], albedo, soft, gloss))
    return _finish(maps, seen, compared, camera, (light, shadow, scale))


class _Maps:
    """Maps that are filled layer by layer."""

    def __init__(self, nearest: Tensor) -> None:
        self.compared = nearest
        self.part = torch.zeros_like(nearest, dtype=torch.uint8)
        self.layer = torch.zeros_like(nearest, dtype=torch.uint8)
        self.flat = torch.full((*nearest.shape, 2), torch.nan, device=nearest.device)

    def show(self, pixels: Tensor, at: int, drawn: _Drawn) -> None:
        assert drawn.flat is not None
        assert drawn.front is not None
        self.layer.reshape(-1)[pixels] = at
        place = drawn.flat.reshape(-1, 2)[pixels]
        on_front = drawn.front.reshape(-1)[pixels] > 0.5
        self.flat.reshape(-1, 2)[pixels] = torch.where(on_front[:, None], place, torch.full_like(place, torch.nan))


def _finish(
    maps: _Maps, seen: list[tuple[Tensor, ...]], compared: Tensor, camera: Camera, frame: tuple[Light, Shadow, float]
) -> Visible:
    light, shadow, scale = frame
    pixels, picture, point, normal, albedo, soft, gloss = (torch.cat(column) for column in zip(*seen, strict=True))
    view = view_of(point, camera, picture)
    normal = normalise(normal)
    normal = torch.where((normal * view).sum(-1, keepdim=True) < 0, -normal, normal)
    ahead = camera.pose[:, :3, 2][picture]
    depth = torch.zeros_like(maps.compared)
    depth.reshape(-1)[pixels] = ((point - camera.pose[:, :3, 3][picture]) * ahead).sum(-1)
    open_share = open_to_light(depth, scale).reshape(-1)[pixels]
    # what faces down sees the floor, not the sky
    open_share = open_share * (0.9 + 0.1 * normal[:, 1])
    lit = light_surfels(light, shadow, Surfel(picture, point, normal, view, albedo, soft, gloss, open_share))
    colour = torch.zeros(*maps.compared.shape, 3, device=lit.device)
    colour.reshape(-1, 3)[pixels] = lit
    beneath = (compared[1:] < NOTHING_METRES).any(0)
    return Visible(colour, depth, maps.compared, maps.part, maps.layer, maps.flat, beneath)


def _draw_body(body: Mesh, camera: Camera, resolution: int, scale: float) -> _Drawn:
    at = camera.screen(body.points, scale)
    at = torch.cat((at[..., :2], at[..., 2:] + body.bias[..., None]), -1)
    surface = draw_triangles(at, body.triangles, resolution, resolution)
    nothing = torch.full_like(surface.depth, NOTHING_METRES)
    return _Drawn(surface, torch.where(surface.number >= 0, surface.depth, nothing))


def _draw_garment(garment: Worn, layer: Layer, bias: float, camera: Camera, frame: tuple[int, float]) -> _Drawn:
    resolution, scale = frame
    at = camera.screen(garment.points, scale)
    behind = torch.where(layer.present[:, None], garment.bias + bias, -9e5)
    at = torch.cat((at[..., :2], at[..., 2:] + behind[..., None]), -1)
    surface = draw_triangles(at, garment.triangles, resolution, resolution)
    pixels = torch.nonzero(surface.number.reshape(-1) >= 0)[:, 0]
    values = torch.cat((garment.flat, garment.test[..., None], garment.front[..., None]), -1)
    held = gather(values, garment.triangles, surface, pixels)
    batch = len(surface.number)
    flat = torch.zeros(batch * resolution * resolution, 2, device=at.device)
    flat[pixels] = held[:, :2]
    flat = flat.reshape(batch, resolution, resolution, 2)
    paint = F.grid_sample(layer.paint, flat, padding_mode="border", align_corners=False)
    test, front = torch.zeros(2, flat[..., 0].numel(), device=at.device)
    test[pixels], front[pixels] = held[:, 2], held[:, 3]
    test = test.reshape(surface.number.shape)
    shown = torch.where(
        test > 0.5 * (ANY + 2.0), paint[:, 3], torch.where(test > 0.5 * (ALWAYS + ANY), paint[:, 4], 1.0)
    )
    there = (surface.number >= 0) & (shown > 0.5)
    compared = torch.where(there, surface.depth, torch.full_like(surface.depth, NOTHING_METRES))
    return _Drawn(surface, compared, flat, paint[:, :3], front.reshape(surface.number.shape))


def _paint_body(rest: Tensor, part: Tensor, skin: Skin, picture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Skin with its mottling, or a thing's own colour."""
    thing = (part == PART["thing"]) | (part == PART["shoes"])
    base = base_colour(skin.tone, skin.warmth)[picture]
    uneven = noise.sample(rest * 1.0, 2.6, 1)[:, 0]
    hand = ((part == PART["left hand"]) | (part == PART["right hand"])).to(rest.dtype)
    blood = 0.03 + 0.05 * skin.redness[picture] + 0.05 * uneven * skin.mottling[picture] + 0.14 * hand
    albedo = base * torch.exp(-blood[:, None] * rest.new_tensor(BLOOD))
    albedo = torch.where(thing[:, None], rest, albedo)
    gloss = torch.where(thing, 0.9, 0.55 + 0.5 * skin.oil[picture])
    return albedo, (~thing).to(rest.dtype), gloss


def _paint_cloth(drawn: _Drawn, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The flat picture's own colours, which hold its folds."""
    assert drawn.paint is not None
    albedo = drawn.paint.permute(0, 2, 3, 1).reshape(-1, 3)[pixels]
    none = torch.zeros(len(pixels), device=albedo.device)
    return albedo, none, none + 0.12


def _name_parts(part: Tensor, drawn: _Drawn, pixels: Tensor, picture: Tensor, layer: Layer) -> Tensor:
    """Collars and hoods, which the flat picture's part map knows, get their own name."""
    if layer.flat.parts is None:
        return part
    assert drawn.flat is not None
    size = layer.flat.parts.shape[-1]
    place = ((drawn.flat.reshape(-1, 2)[pixels] + 1) * (size / 2)).long().clamp(0, size - 1)
    flat_part = layer.flat.parts[picture, place[:, 1], place[:, 0]]
    collar = (flat_part == FLAT_PARTS.index("collar")) | (flat_part == FLAT_PARTS.index("hood"))
    return torch.where(collar & (part == PART["garment front"]), part.new_tensor(PART["collar"]), part)
