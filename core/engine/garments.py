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
from core.engine.cuts import KINDS, Cut, draw_cuts, pick_kinds
from core.engine.drape import draw_lamps, shade, smooth
from core.engine.dye import Cloth, colour_pixels, draw_emblem, to_display, to_linear, turn_radians, wrap_cloth
from core.engine.fabrics import FABRICS, Fabric, pick_fabrics, suit_prints
from core.engine.folds import Ground, Relief, Seen, raise_folds
from core.engine.outlines import ANCHORS, shape_large
from core.engine.panels import GRIDS, PARTS, SLOT_NUMBER, SLOTS, Layout, lay_out, triangles
from core.engine.prints import PRINTS, draw_tiles, pick_prints
from core.engine.trims import shape_trims
from core.ops import rasterise

SMALLEST, LARGEST = 32, 1024
LAST_SEED = 2**40
CHUNK_PIXELS = {"cpu": 4 * 256**2, "cuda": 64 * 256**2}


@dataclass(frozen=True)
class Choices:
    """What of a garment is not left to its own seed. All may be None."""

    outline_seeds: Sequence[int] | None = None
    """The cut: hold fixed to see one cut in many cloths."""
    cloth_seeds: Sequence[int] | None = None
    """Print, colours, fabric: hold fixed to see one cloth in many cuts."""
    lying_seeds: Sequence[int] | None = None
    """Folds, light and camera."""
    kind: str | Sequence[str] | None = None
    print: str | Sequence[str] | None = None
    """Names of KINDS and PRINTS, one for all or one for each."""
    cloth: Tensor | None = None
    """(N or 1, 3, H, W) in [-1, 1]: the caller's cloth, mirrored where it ends."""
    cloth_span_centimetres: float = 30.0
    """How wide the caller's cloth is."""
    print_scale: float = 1.0
    """Size of the print, the caller's cloth included."""
    print_turn_degrees: float = 0.0
    shadow: bool = False
    """Whether the garment casts a soft shadow on the ground."""
    supersample: float = 1.5


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
    """(N, len(ANCHORS), 2): column and row in pixels."""
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
    where = _check(seeds, device, size, choices)
    chunk = max(1, int(CHUNK_PIXELS.get(where.type, CHUNK_PIXELS["cpu"]) // size**2))
    batches = []
    with torch.no_grad():
        for start in range(0, len(seeds), chunk):
            stop = min(start + chunk, len(seeds))
            batches.append(_draw(seeds[start:stop], where, size, _choices_of(choices, start, stop, len(seeds))))
    return _join(batches)


def _draw(seeds: Sequence[int], device: torch.device, size: int, choices: Choices) -> GarmentBatch:
    own = torch.tensor(list(seeds), dtype=torch.int64, device=device)
    outline, dyed, lying = (
        own if given is None else torch.tensor(list(given), dtype=torch.int64, device=device)
        for given in (choices.outline_seeds, choices.cloth_seeds, choices.lying_seeds)
    )
    kind = _numbers(choices.kind, KINDS, outline) if choices.kind is not None else pick_kinds(outline)
    # a cloth that is held while cuts change must not depend on the cut
    held = choices.outline_seeds is not None or choices.cloth_seeds is not None
    suited = pick_kinds(dyed) if held else kind
    chosen = suit_prints(dyed, suited, pick_prints(dyed))
    prints = _numbers(choices.print, PRINTS, dyed) if choices.print is not None else chosen
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
        anchors / choices.supersample,
        tuple(KINDS[number] for number in kind.tolist()),
        tuple("given" if choices.cloth is not None else PRINTS[number] for number in prints.tolist()),
        tuple(FABRICS[number] for number in fabric.number.tolist()),
        cloth.span,
        pixel * choices.supersample,
    )


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
    behind = (cut.uniform("sleeves behind") < 0.45) & (cut.uniform("arm", 44.0, 76.0) < 62.0)
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
        lit.light.reshape(-1)[pixels][:, None] * to_linear(colour)
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


def _numbers(names: str | Sequence[str], table: tuple[str, ...], like: Tensor) -> Tensor:
    given = [names] * len(like) if isinstance(names, str) else list(names)
    return torch.tensor([table.index(name) for name in given], device=like.device)


def _choices_of(choices: Choices, start: int, stop: int, count: int) -> Choices:
    """The part of the choices that belongs to garments start to stop."""

    def part(given: Sequence[int] | None) -> Sequence[int] | None:
        return None if given is None else given[start:stop]

    def names(given: str | Sequence[str] | None) -> str | Sequence[str] | None:
        return given if given is None or isinstance(given, str) else given[start:stop]

    cloth = choices.cloth
    if cloth is not None and len(cloth) == count and count > 1:
        cloth = cloth[start:stop]
    seeds = {name: part(getattr(choices, name)) for name in ("outline_seeds", "cloth_seeds", "lying_seeds")}
    return replace(choices, kind=names(choices.kind), print=names(choices.print), cloth=cloth, **seeds)


def _join(batches: list[GarmentBatch]) -> GarmentBatch:
    joined = {}
    for entry in fields(GarmentBatch):
        values = [getattr(batch, entry.name) for batch in batches]
        joined[entry.name] = torch.cat(values) if isinstance(values[0], Tensor) else sum(values, ())
    return GarmentBatch(**joined)


def _check(seeds: Sequence[int], device: torch.device | str, size: int, choices: Choices) -> torch.device:
    """The device, or a sentence on what is wrong."""
    if len(seeds) == 0:
        raise ValueError("No seed was given; wanted at least one, such as garments([7]).")
    lists = {
        "seed": seeds,
        "outline seed": choices.outline_seeds,
        "cloth seed": choices.cloth_seeds,
        "lying seed": choices.lying_seeds,
    }
    for what, given in lists.items():
        for seed in given if given is not None else ():
            if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < LAST_SEED:
                raise ValueError(f"The {what} {seed!r} is not one; wanted whole numbers from 0 to {LAST_SEED - 1:,}.")
        if given is not None and len(given) != len(seeds):
            raise ValueError(f"{len(given)} {what}s were given for {len(seeds)} garments; wanted one for each.")
    if not isinstance(size, int) or not SMALLEST <= size <= LARGEST:
        raise ValueError(
            f"A size of {size!r} was asked for; wanted a whole number from {SMALLEST} to {LARGEST} pixels."
        )
    _check_names("kind", choices.kind, KINDS, len(seeds))
    _check_names("print", choices.print, PRINTS, len(seeds))
    _check_cloth(choices, len(seeds))
    try:
        where = torch.device(device)
    except RuntimeError as error:
        raise ValueError(f"{device!r} names no device; wanted 'cpu' or 'cuda'.") from error
    if where.type not in CHUNK_PIXELS:
        raise ValueError(f"Garments are drawn on 'cpu' or 'cuda'; {device!r} was asked for.")
    if where.type == "cuda" and not torch.cuda.is_available():
        raise ValueError("The device 'cuda' was asked for, but no GPU is to be had here; use device='cpu'.")
    return where


def _check_names(what: str, given: str | Sequence[str] | None, table: tuple[str, ...], count: int) -> None:
    if given is None:
        return
    names = [given] if isinstance(given, str) else list(given)
    if not isinstance(given, str) and len(names) != count:
        raise ValueError(
            f"{len(names)} {what}s were given for {count} garments; wanted one name for all or one for each."
        )
    for name in names:
        if name not in table:
            raise ValueError(f"There is no {what} called {name!r}; wanted one of: {', '.join(table)}.")


def _check_cloth(choices: Choices, count: int) -> None:
    if choices.cloth is not None:
        shape = tuple(choices.cloth.shape)
        if len(shape) != 4 or shape[1] != 3 or shape[0] not in (1, count) or min(shape[2:]) < 2:
            raise ValueError(
                f"The cloth is {shape}; wanted (1 or {count}, 3, height, width), at least 2 pixels each way."
            )
    for name in ("cloth_span_centimetres", "print_scale", "supersample"):
        value = getattr(choices, name)
        if not 0.05 <= value <= 500:
            raise ValueError(f"{name} is {value}; wanted a positive number of a sensible size, such as 1.")
