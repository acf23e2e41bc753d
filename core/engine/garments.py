"""Flat-lay garments by seed: outline (cuts, outlines, trims), cloth (prints, fabrics, dye), folds and light (folds, drape).

``garments([1, 2, 3])`` gives pictures on white with mask, part map, cloth and anchors. A picture is a function of its
seeds alone, whatever the batch; ``Choices`` names other seeds for outline, cloth or lying, or a cloth of the caller's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from core.engine import noise, random
from core.engine.cuts import BOTTOMS, KINDS, Cut, draw_cuts, pick_kinds
from core.engine.drape import draw_lamps, shade, smooth
from core.engine.dye import Cloth, colour_pixels, draw_emblem, to_display, to_linear, turn_radians, wrap_cloth
from core.engine.fabrics import FABRICS, Fabric, pick_fabrics, suit_prints
from core.engine.folds import Ground, Relief, Seen, raise_folds
from core.engine.garment_choices import CHUNK_PIXELS, Choices, check_request, choices_of, numbers_of
from core.engine.outlines import ANCHORS, shape_large
from core.engine.panels import GRIDS, PARTS, SLOT_NUMBER, SLOTS, Layout, lay_out, triangles
from core.engine.prints import PRINTS, draw_tiles, pick_prints
from core.engine.trims import shape_trims
from core.ops import rasterise

_SURFACE = 0.012
"""Light that any cloth gives back from its surface undyed: black is never quite black."""
_UPPER = ("neck", "shoulder", "armpit", "sleeve")


@dataclass(frozen=True)
class GarmentBatch:
    """Pictures and labels of N garments, on the device they were drawn on."""

    pixels: Tensor
    """(N, 3, S, S) in [-1, 1] on white."""
    mask: Tensor
    """(N, S, S) bool: the outline."""
    parts: Tensor
    """(N, S, S) uint8, places in PARTS, 0 outside the mask."""
    cloth: Tensor
    """(N, 3, S, S) in [-1, 1]: the flat cloth, the picture of the chest in its middle where there is one."""
    anchors: Tensor
    """(N, len(ANCHORS), 2): column and row in pixels; NaN for points that the kind does not have."""
    kind: tuple[str, ...]
    print: tuple[str, ...]
    fabric: tuple[str, ...]
    cloth_span_centimetres: Tensor
    """(N): how wide ``cloth`` is."""
    centimetres: Tensor
    """(N): size of a pixel."""


def garments(
    seeds: Sequence[int], device: torch.device | str = "cpu", size: int = 256, choices: Choices | None = None
) -> GarmentBatch:
    """Garments of these seeds with all labels."""
    choices = choices or Choices()
    where = check_request(seeds, device, size, choices)
    chunk = max(1, int(CHUNK_PIXELS.get(where.type, CHUNK_PIXELS["cpu"]) // size**2))
    batches = []
    with torch.no_grad():
        for start in range(0, len(seeds), chunk):
            stop = min(start + chunk, len(seeds))
            batches.append(_draw(seeds[start:stop], where, size, choices_of(choices, start, stop, len(seeds))))
    return _join(batches)


def _draw(seeds: Sequence[int], device: torch.device, size: int, choices: Choices) -> GarmentBatch:
    own = torch.tensor(list(seeds), dtype=torch.int64, device=device)
    outline, dyed, lying = (
        own if given is None else torch.tensor(list(given), dtype=torch.int64, device=device)
        for given in (choices.outline_seeds, choices.cloth_seeds, choices.lying_seeds)
    )
    kind = numbers_of(choices.kind, KINDS, outline) if choices.kind is not None else pick_kinds(outline)
    # a cloth that is held while cuts change must not depend on the cut
    held = choices.outline_seeds is not None or choices.cloth_seeds is not None
    suited = pick_kinds(dyed) if held else kind
    chosen = suit_prints(dyed, suited, pick_prints(dyed))
    prints = numbers_of(choices.print, PRINTS, dyed) if choices.print is not None else chosen
    fabric = pick_fabrics(dyed, suited, prints)
    cut = draw_cuts(outline, kind)
    cloth = _prepare_cloth(dyed, prints, size, choices)
    large, lines = shape_large(cut)
    layout = lay_out(large | shape_trims(cut, lines), len(own), device)
    names = [lines.anchors.get(name, lines.anchors["waist left"] * 0) for name in ANCHORS]
    placed, anchors, pixel = _place(cut, layout, torch.stack(names, 1), round(size * choices.supersample))
    scene = _Scene(cut, lying, fabric, cloth, lines.anchors, lines.depth, pixel)
    light, inside, slots = _picture(scene, layout, placed, round(size * choices.supersample))
    pixels, mask, parts = _develop(scene, light, inside, slots, size, choices)
    flat = cloth.pictures * (1 - cloth.emblem[:, 3:]) + cloth.emblem[:, :3] * cloth.emblem[:, 3:]
    return GarmentBatch(
        pixels,
        mask,
        parts,
        F.interpolate(flat, size=(size, size), mode="area") * 2 - 1,
        _blank_absent(cut, anchors / choices.supersample),
        tuple(KINDS[number] for number in kind.tolist()),
        tuple("given" if choices.cloth is not None else PRINTS[number] for number in prints.tolist()),
        tuple(FABRICS[number] for number in fabric.number.tolist()),
        cloth.span,
        pixel * choices.supersample,
    )


def _blank_absent(cut: Cut, anchors: Tensor) -> Tensor:
    """NaN for the shoulders of a skirt and the crotch of a shirt."""
    below = cut.is_kind(*BOTTOMS)
    upper = torch.tensor([name.startswith(_UPPER) for name in ANCHORS], device=anchors.device)
    crotch = torch.tensor([name == "crotch" for name in ANCHORS], device=anchors.device)
    legs = below & ~cut.is_kind("skirt")
    absent = (below[:, None] & upper) | (~legs[:, None] & crotch)
    return torch.where(absent[..., None], torch.nan, anchors)


@dataclass(frozen=True)
class _Scene:
    cut: Cut
    seeds: Tensor
    fabric: Fabric
    cloth: Cloth
    anchors: dict[str, Tensor]
    depth: Tensor
    pixel: Tensor


def _prepare_cloth(seeds: Tensor, prints: Tensor, size: int, choices: Choices) -> Cloth:
    side = min(max(size, 128), 512)
    tiles = draw_tiles(seeds, prints, side)
    angle = turn_radians(choices.print_turn_degrees, tiles.span)
    if choices.cloth is None:
        # nobody cuts quite along the thread
        angle = angle + 0.03 * (random.uniform(seeds, random.stream("off the thread")) - 0.5)
        return Cloth(tiles.pictures, tiles.span * choices.print_scale, angle, False, tiles.emblem, tiles.palette, seeds)
    given = choices.cloth.to(seeds.device, torch.float32).mul(0.5).add(0.5).clamp(0, 1)
    shorter = min(given.shape[2:])
    top, left = (given.shape[2] - shorter) // 2, (given.shape[3] - shorter) // 2
    square = given[:, :, top : top + shorter, left : left + shorter]
    square = F.interpolate(square, size=(side, side), mode="area" if shorter > side else "bilinear")
    pictures = square.expand(len(seeds), -1, -1, -1)
    span = torch.full_like(tiles.span, choices.cloth_span_centimetres * choices.print_scale)
    share = shorter / given.shape[3]
    return Cloth(pictures, span * share, angle, True, tiles.emblem * 0, _given_palette(pictures), seeds)


def _given_palette(pictures: Tensor) -> Tensor:
    """Five colours of a caller's cloth: its mean, light, dark and two between."""
    mean = pictures.mean((2, 3))
    return torch.stack((mean, mean * 0.4 + 0.58, mean * 0.45, mean * 0.8, mean * 0.7 + 0.2), 1)


def _place(cut: Cut, layout: Layout, anchors: Tensor, side: int) -> tuple[Tensor, Tensor, Tensor]:
    """Points (N, V, 2) and anchors on the picture, and centimetres per pixel: laid a little askew, seen not quite from above."""
    both = torch.cat((layout.places, anchors), 1)
    shift = noise.shift_of(cut.seeds)[:, None]
    spot = torch.cat((both, torch.zeros_like(both[..., :1])), -1)
    wide = noise.sample((spot + shift * 23.0).reshape(-1, 3), 23.0, 2).reshape(both.shape)
    middle = noise.sample((spot + shift * 9.0).reshape(-1, 3), 9.0, 2).reshape(both.shape)
    fine = noise.sample((spot + shift * 3.5).reshape(-1, 3), 3.5, 2).reshape(both.shape)
    untidy = cut.uniform("untidy outline", 0.35, 1.0)[:, None, None]
    both = both + untidy * (1.5 * wide + 0.75 * middle + 0.18 * fine)
    turn = torch.deg2rad(cut.swing("turn", 3.2))[:, None]
    x, y = both.unbind(-1)
    x, y = x * torch.cos(turn) - y * torch.sin(turn), x * torch.sin(turn) + y * torch.cos(turn)
    tilt = 1 + (y * cut.swing("tilt", 0.0009)[:, None]) + x * cut.swing("tilt side", 0.0006)[:, None]
    both = torch.stack((x / tilt, y / tilt), -1)
    worn = layout.worn_points()[..., None]
    points = both[:, : layout.places.shape[1]]
    low = torch.where(worn, points, 1e9).amin(1)
    high = torch.where(worn, points, -1e9).amax(1)
    scale = side * cut.uniform("filled", 0.82, 0.92) / (high - low).amax(1)
    centre = (low + high) * 0.5
    placed = (both - centre[:, None]) * scale[:, None, None] + side / 2
    return placed[:, : points.shape[1]], placed[:, points.shape[1] :], 1 / scale


def _layers(cut: Cut) -> Tensor:
    """How high each slot lies (N, slots): sleeves before or behind the body, one front over the other."""
    heights = torch.tensor([slot.layer for slot in SLOTS], device=cut.seeds.device).repeat(len(cut.seeds), 1)
    behind = (cut.uniform("sleeves behind") < 0.45) & (cut.uniform("arm", 44.0, 76.0) < 55.0)
    for name in ("sleeve_left", "sleeve_right"):
        heights[:, SLOT_NUMBER[name]] -= 0.5 * behind
    for name in ("cuff_left", "cuff_right"):
        tucked = behind & ~cut.is_kind("trousers", "jeans", "shorts")
        heights[:, SLOT_NUMBER[name]] -= 0.55 * tucked
    over = cut.has_front("buttons", "zip", "open") & ~cut.is_kind("skirt", "trousers", "jeans", "shorts")
    heights[:, SLOT_NUMBER["front_right"]] += 0.18 * over
    return heights


def _picture(scene: _Scene, layout: Layout, placed: Tensor, side: int) -> tuple[Tensor, Tensor, Tensor]:
    """Light (N, 3, R, R), where the garment is (N, R, R) and the slot of each pixel (N, R, R, -1 outside)."""
    corners, owners = triangles(str(placed.device))
    heights = _layers(scene.cut)
    counts = torch.tensor([GRIDS[slot.grid][0] * GRIDS[slot.grid][1] for slot in SLOTS], device=placed.device)
    depth = torch.where(layout.worn_points(), 1.0 - 0.1 * heights.repeat_interleave(counts, 1), -1.0)
    surface = rasterise.draw_triangles(torch.cat((placed, depth[..., None]), -1), corners, side, side)
    pixels = torch.nonzero(surface.number.reshape(-1) >= 0)[:, 0]
    size = (len(placed), side, side)
    slot = owners[surface.number.reshape(-1)[pixels].long()]
    picture = torch.div(pixels, side * side, rounding_mode="floor")
    held = rasterise.gather(layout.values, corners, surface, pixels)
    seen = Seen(pixels, picture, slot, held[:, :2], held[:, 2:4], held[:, 4:8], held[:, 8:])
    relief = raise_folds(seen, Ground(scene.cut, scene.seeds, scene.fabric, scene.anchors, scene.pixel), size)
    inside = surface.number >= 0
    thick = (0.16 + 1.0 * scene.fabric.thickness)[picture]
    layers = _dense(heights[picture, slot] * thick, pixels, size)
    folds = smooth(_dense(relief.folds + relief.detail, pixels, size), 0.7)
    lamp = draw_lamps(scene.seeds)
    lit = shade(folds, layers, inside, scene.pixel, lamp, scene.fabric)
    colour = _colour(scene, seen, relief, folds, size)
    matt = (~seen.is_slot("button", "zip")).float()[:, None] + 0.15
    light = (
        lit.light.reshape(-1)[pixels][:, None] * (to_linear(colour) + _SURFACE)
        + lit.gloss.reshape(-1)[pixels][:, None] * matt.clamp(0, 1) * 0.5
    )
    across = (seen.pixels % side).float() / side - 0.5
    down = (torch.div(seen.pixels, side, rounding_mode="floor") % side).float() / side - 0.5
    even = 1 + across * lamp.falloff[picture, 0] + down * lamp.falloff[picture, 1]
    light = light * (even * lamp.exposure[picture])[:, None] * lamp.colour[picture]
    dense = torch.zeros(size[0] * side * side, 3, device=placed.device)
    dense[pixels] = light
    slots = torch.full((size[0] * side * side,), -1, dtype=torch.int64, device=placed.device)
    slots[pixels] = slot
    return dense.reshape(*size, 3).permute(0, 3, 1, 2), inside, slots.reshape(size)


def _dense(values: Tensor, pixels: Tensor, size: tuple[int, int, int]) -> Tensor:
    full = torch.zeros(size[0] * size[1] * size[2], device=values.device)
    full[pixels] = values
    return full.reshape(size)


def _colour(scene: _Scene, seen: Seen, relief: Relief, folds: Tensor, size: tuple[int, int, int]) -> Tensor:
    step = (2 * scene.pixel)[:, None, None] * 2
    blurred = smooth(folds, 1.6)
    slope_x = (torch.roll(blurred, -2, 2) - torch.roll(blurred, 2, 2)) / step
    slope_y = (torch.roll(blurred, -2, 1) - torch.roll(blurred, 2, 1)) / step
    slope = torch.stack((slope_x, slope_y), -1).reshape(-1, 2)[seen.pixels].clamp(-0.7, 0.7)
    woven = wrap_cloth(scene.cloth, seen, slope, scene.pixel, size)
    if bool((scene.cloth.emblem[:, 3].amax((1, 2)) > 0).any()):
        bent = replace(seen, rest=seen.rest + 0.7 * slope)
        colour, cover = draw_emblem(scene.cloth, scene.cut, scene.depth, bent, size)
        woven = woven + (colour - woven) * cover[:, None]
    return colour_pixels(scene.cloth, scene.fabric, scene.cut, seen, relief, woven)


def _develop(
    scene: _Scene, light: Tensor, inside: Tensor, slots: Tensor, size: int, choices: Choices
) -> tuple[Tensor, Tensor, Tensor]:
    """Light to the finished picture with its mask and part map."""
    solid = inside[:, None].to(light.dtype)
    cover = F.interpolate(solid, size=(size, size), mode="area")
    held = F.interpolate(light * solid, size=(size, size), mode="area") / cover.clamp_min(1e-4)
    lane = torch.arange(3 * size * size, device=light.device).reshape(3, size, size)
    grain = random.uniform(scene.seeds[:, None, None, None], lane, random.stream("grain")) - 0.5
    noisy = 0.006 + 0.022 * random.uniform(scene.seeds, random.stream("grain size"))
    picture = to_display(held) + grain * noisy[:, None, None, None]
    ground = torch.ones_like(picture)
    if choices.shadow:
        ground = ground - _shadow(scene, cover[:, 0])[:, None]
    pixels = (picture * cover + ground * (1 - cover)).clamp(0, 1) * 2 - 1
    mask = cover[:, 0] >= 0.5
    table = torch.tensor([0] + [PARTS.index(slot.part) for slot in SLOTS], device=light.device)
    labels = table[slots + 1].to(torch.float32)[:, None]
    nearest = F.interpolate(labels, size=(size, size), mode="nearest-exact")
    widened = F.interpolate(F.max_pool2d(labels, 3, 1, 1), size=(size, size), mode="nearest-exact")
    parts = torch.where(nearest > 0, nearest, widened)[:, 0] * mask
    return pixels, mask, parts.to(torch.uint8)


def _shadow(scene: _Scene, cover: Tensor) -> Tensor:
    """How dark the ground is (N, S, S): a close contact shadow and a wider one away from the lamp."""
    from core.engine.drape import move

    size = cover.shape[-1]
    lamp = draw_lamps(scene.seeds)
    away = lamp.toward[:, :2] * (size / 256)
    near = smooth(move(cover, away * 2.0), 1.8 * size / 256)
    far = smooth(move(cover, away * 5.0), 6.0 * size / 256)
    return (0.30 * near + 0.16 * far) * (0.5 + 0.5 * lamp.hard[:, None, None])


def _join(batches: list[GarmentBatch]) -> GarmentBatch:
    joined = {}
    for entry in fields(GarmentBatch):
        values = [getattr(batch, entry.name) for batch in batches]
        joined[entry.name] = torch.cat(values) if isinstance(values[0], Tensor) else sum(values, ())
    return GarmentBatch(**joined)
