"""The colour of every covered pixel before light: cloth wrapped on pieces, trims, linings, buttons, wear of denim."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from core.engine import random
from core.engine.cuts import Cut
from core.engine.fabrics import Fabric
from core.engine.folds import Relief, Seen
from core.engine.panels import MATERIALS, SLOTS


@dataclass(frozen=True)
class Cloth:
    """N flat cloths and how they are laid on: pictures (N, 3, T, T) in 0..1 sRGB, cm per tile (N), turn in radians (N)."""

    pictures: Tensor
    span: Tensor
    turn: Tensor
    mirrored: bool
    """Whether the tile is repeated as in a mirror (a picture that does not repeat of itself)."""
    emblem: Tensor
    palette: Tensor
    seeds: Tensor


def wrap_cloth(cloth: Cloth, seen: Seen, slope: Tensor, pixel: Tensor, size: tuple[int, int, int]) -> Tensor:
    """Cloth colours (P, 3) at the pixels; the slope of the folds (P, 2) shifts the print as a fold takes it in."""
    at = seen.picture
    place = seen.cloth + 0.7 * slope
    cos, sin = torch.cos(cloth.turn)[at], torch.sin(cloth.turn)[at]
    u, v = place.unbind(1)
    turned = torch.stack((u * cos - v * sin, u * sin + v * cos), -1) / cloth.span[at, None]
    share = 1 - (1 - torch.remainder(turned, 2.0)).abs() if cloth.mirrored else torch.remainder(turned, 1.0)
    tile = _filtered(cloth, pixel)
    side = tile.shape[-1]
    padded = F.pad(tile, (1, 1, 1, 1), mode="replicate" if cloth.mirrored else "circular")
    grid = (share * side + 1.0) * (2.0 / (side + 2)) - 1.0
    return _look_up(padded, grid, seen, size)


def _look_up(maps: Tensor, grid: Tensor, seen: Seen, size: tuple[int, int, int]) -> Tensor:
    """Values (P, C) of each pixel's own map (N, C, T, T) at grid coordinates (P, 2)."""
    count, height, width = size
    dense = torch.zeros(count * height * width, 2, device=grid.device)
    dense[seen.pixels] = grid
    found = F.grid_sample(maps, dense.reshape(count, height, width, 2), padding_mode="border", align_corners=False)
    return found.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])[seen.pixels]


def _filtered(cloth: Cloth, pixel: Tensor) -> Tensor:
    """The tiles without what the picture could not show."""
    side = cloth.pictures.shape[-1]
    finer = pixel / (cloth.span / side)
    tile, chosen = cloth.pictures, cloth.pictures
    for level in (1, 2, 3):
        tile = F.avg_pool2d(tile, 2)
        grown = F.interpolate(tile, size=(side, side), mode="bilinear", align_corners=False)
        share = (torch.log2(finer.clamp_min(0.1)) - level + 1.2).clamp(0, 1)[:, None, None, None]
        chosen = chosen + (grown - chosen) * share
    return chosen


def draw_emblem(cloth: Cloth, cut: Cut, depth: Tensor, seen: Seen, size: tuple[int, int, int]) -> tuple[Tensor, Tensor]:
    """Colour (P, 3) and cover (P) of the picture on the chest."""
    at = seen.picture
    wide = cut.size["chest"] * cut.uniform("emblem", 0.75, 1.15)
    down = depth + wide * 0.5 + cut.uniform("emblem down", 2.0, 6.0)
    grid = torch.stack((seen.rest[:, 0], seen.rest[:, 1] - down[at]), -1) * (2.0 / wide[at, None])
    found = _look_up(cloth.emblem, grid.clamp(-1.5, 1.5), seen, size)
    there = (grid.abs().amax(1) < 0.98) & seen.is_slot("front")
    return found[:, :3], found[:, 3] * there


def colour_pixels(cloth: Cloth, fabric: Fabric, cut: Cut, seen: Seen, relief: Relief, woven: Tensor) -> Tensor:
    """sRGB (P, 3) in 0..1 of every pixel, ``woven`` being the cloth there."""
    at = seen.picture
    materials = torch.tensor([MATERIALS.index(slot.material) for slot in SLOTS], device=at.device)[seen.slot]
    tints = _trim_colours(cloth, fabric, cut)
    mean = cloth.pictures.mean((2, 3))[at]
    same = _says(cloth, "trim as cloth", 0.62)[at]
    # the back of a collar is cut from the same cloth as its front
    same = (same | (seen.is_slot("neck") & cut.has_collar("leaf", "lapel")[at]))[:, None]
    trim = torch.where(same, woven, tints[at, 1])
    inside = (0.5 * woven + 0.5 * mean) * 0.74
    lined = (cut.has_collar("lapel") | (cut.is_kind("jacket", "coat") & ~cut.has_front("whole")))[at, None]
    inside = torch.where(lined, tints[at, 2], inside)
    contrast = (
        _says(cloth, "contrast placket", 0.12)[at, None] & (seen.is_slot("placket") | seen.is_slot("leaf"))[:, None]
    )
    colour = torch.where(contrast & cut.is_kind("polo", "shirt")[at, None], tints[at, 1], woven)
    elastic = (cut.has_front("whole") & cut.is_kind("shorts", "skirt"))[at] & seen.is_slot("waist")
    colour = torch.where((elastic & _says(cloth, "dark band", 0.3)[at])[:, None], tints[at, 1], colour)
    options = (colour, trim, inside, tints[at, 3], tints[at, 4], tints[at, 5])
    for number, option in enumerate(options):
        colour = torch.where((materials == number)[:, None], option, colour)
    button = seen.is_slot("button")
    hole = (seen.cloth.abs() - 0.17).norm(dim=1)
    pierced = button & (hole < 0.13) & cut.is_kind("coat", "blazer", "cardigan")[at]
    colour = torch.where(pierced[:, None], colour * 0.35, colour)
    zip_dark = seen.is_slot("zip") & ((seen.share[:, 1] - 0.5).abs() > 0.27)
    colour = torch.where(zip_dark[:, None], trim * 0.8, colour)
    written = seen.is_slot("label") & ((seen.share - 0.5).abs()[:, 1] < 0.14) & ((seen.share - 0.5).abs()[:, 0] < 0.32)
    colour = torch.where(written[:, None], (colour + 0.45) % 0.9, colour)
    colour = _wear(colour, fabric, cut, seen, relief)
    cloth_like = materials <= 1
    thread = torch.where(fabric.is_made_of("denim")[at, None], tints[at, 6], (colour * 0.72))
    colour = colour + (thread - colour) * (0.75 * relief.stitches * cloth_like)[:, None]
    return (colour * relief.tint[:, None]).clamp(0.005, 1.0)


def _says(cloth: Cloth, what: str, share: float) -> Tensor:
    return random.uniform(cloth.seeds, random.stream("dye " + what)) < share


def _trim_colours(cloth: Cloth, fabric: Fabric, cut: Cut) -> Tensor:
    """Seven colours (N, 7, 3): cloth mean, trim, lining, buttons and zips, label, cord, thread on denim."""
    device = cloth.seeds.device
    mean = cloth.pictures.mean((2, 3))

    def one_of(name: str, *colours: Tensor) -> Tensor:
        table = torch.stack(colours, 1)
        place = (random.hash_words(cloth.seeds, random.stream("dye " + name)) * len(colours)) >> 32
        return table[torch.arange(len(table), device=device), place]

    def plain(*rgb: float) -> Tensor:
        return torch.tensor(rgb, device=device).expand(len(mean), 3)

    palette = cloth.palette
    trim = one_of("trim", palette[:, 1], palette[:, 2], mean * 0.6, plain(0.93, 0.92, 0.9), plain(0.1, 0.1, 0.11))
    lining = one_of(
        "lining", mean * 0.5, plain(0.12, 0.12, 0.14), plain(0.42, 0.42, 0.44), palette[:, 2] * 0.7, palette[:, 3] * 0.7
    )
    metal = one_of(
        "metal",
        plain(0.66, 0.66, 0.67),
        plain(0.13, 0.13, 0.13),
        plain(0.62, 0.5, 0.3),
        mean * 0.7,
        plain(0.9, 0.89, 0.86),
    )
    shirt = one_of("button", plain(0.92, 0.91, 0.88), plain(0.92, 0.91, 0.88), mean * 0.75, plain(0.16, 0.14, 0.13))
    horn = one_of("horn", plain(0.17, 0.13, 0.11), plain(0.33, 0.23, 0.16), mean * 0.5, plain(0.1, 0.1, 0.11))
    brass = one_of("brass", plain(0.64, 0.45, 0.26), plain(0.6, 0.6, 0.6), plain(0.45, 0.36, 0.27))
    zipped = cut.has_front("zip", "half zip")[:, None]
    buttons = torch.where(cut.is_kind("blazer", "coat", "cardigan")[:, None], horn, shirt)
    metal = torch.where(zipped, metal, torch.where(fabric.is_made_of("denim")[:, None], brass, buttons))
    label = one_of("label", plain(0.93, 0.92, 0.9), plain(0.12, 0.12, 0.13), plain(0.88, 0.87, 0.83), palette[:, 2])
    cord = one_of("cord", plain(0.93, 0.92, 0.9), mean * 0.85, plain(0.14, 0.14, 0.15), mean)
    thread = one_of("thread", plain(0.80, 0.58, 0.30), plain(0.72, 0.50, 0.26), plain(0.78, 0.78, 0.76), mean * 0.8)
    return torch.stack((mean, trim, lining, metal, label, cord, thread), 1)


def _wear(colour: Tensor, fabric: Fabric, cut: Cut, seen: Seen, relief: Relief) -> Tensor:
    """Denim fades on thighs, ridges and seams."""
    at = seen.picture
    denim = fabric.is_made_of("denim")
    washed = (cut.uniform("washed", -0.3, 1.0).clamp_min(0.0) * denim)[at]
    hip = cut.below["band"] * cut.below["hip"]
    x = (seen.rest[:, 0].abs() - hip[at] * 0.52) / (hip[at] * 0.3)
    legs = cut.is_kind("jeans", "trousers", "shorts")[at] & seen.is_slot("front")
    length = cut.below["length"][at]
    thigh = torch.exp(-x * x - ((seen.rest[:, 1] / length - 0.36) / 0.24) ** 2) * legs
    near = torch.exp(-seen.edge.amin(1) / 0.35) * 0.35
    ridge = relief.ridge.clamp(-0.6, 1.0) * 0.28
    pale = (washed * (0.62 * thigh + near + ridge) + (denim[at] * 0.10 * relief.ridge)).clamp(-0.2, 0.8)
    light = 0.35 + 0.62 * (colour + (1 - colour) * 0.45)
    return torch.where(denim[at, None], colour + (light - colour) * pale[:, None], colour)


def to_linear(colour: Tensor) -> Tensor:
    """sRGB to light, by the plain power law."""
    return colour.clamp_min(0.0) ** 2.2


def to_display(light: Tensor) -> Tensor:
    """Light to sRGB with a soft shoulder, so that white cloth keeps its folds."""
    knee = 0.78
    over = (light - knee).clamp_min(0.0)
    held = torch.minimum(light, torch.full_like(light, knee)) + (1 - knee) * (1 - torch.exp(-over / (1 - knee)))
    return held.clamp_min(1e-6) ** (1 / 2.2)


def turn_radians(degrees: float, like: Tensor) -> Tensor:
    """One angle for all."""
    return torch.full_like(like, math.radians(degrees))
