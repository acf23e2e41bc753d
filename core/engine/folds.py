"""How high the cloth lies: folds from armpits, elbows and crotch, crumples, gathers, seams, ribs, buttons."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from core.engine import noise, random
from core.engine.cuts import Cut
from core.engine.fabrics import Fabric, weave
from core.engine.panels import SLOT_NUMBER, SLOTS

FOLDS = 18


@dataclass(frozen=True)
class Seen:
    """What the covered pixels (P) show."""

    pixels: Tensor
    """Places in the flattened N x H x W."""
    picture: Tensor
    slot: Tensor
    cloth: Tensor
    """(P, 2) cm on the piece."""
    share: Tensor
    """(P, 2) across and down the piece's grid, 0..1."""
    edge: Tensor
    """(P, 4) cm to the top, bottom, left (outer), right (inner) edge."""
    rest: Tensor
    """(P, 2) cm on the garment lying ideally flat."""

    def is_slot(self, *names: str) -> Tensor:
        """Which pixels show one of these slots (a name without side means both)."""
        table = torch.zeros(len(SLOTS), dtype=torch.bool, device=self.slot.device)
        for slot, number in SLOT_NUMBER.items():
            table[number] = slot in names or slot.rsplit("_", 1)[0] in names
        return table[self.slot]


@dataclass(frozen=True)
class Relief:
    """Height of the folds and of the weave (P), centimetres; tint of the weave; stitches 0..1; how ridged (for fading)."""

    folds: Tensor
    detail: Tensor
    tint: Tensor
    stitches: Tensor
    ridge: Tensor


@dataclass(frozen=True)
class Ground:
    """What of N garments the folds depend on beside the pixels."""

    cut: Cut
    seeds: Tensor
    fabric: Fabric
    anchors: dict[str, Tensor]
    pixel: Tensor
    """Centimetres per pixel (N)."""


def raise_folds(seen: Seen, ground: Ground, size: tuple[int, int, int]) -> Relief:
    """The relief of every covered pixel of pictures N x H x W."""
    fabric, picture = ground.fabric, seen.picture
    shift = noise.shift_of(ground.seeds)[picture]
    # each piece looks into its own part of the noise, so that a seam ends its crumples
    own = _group().to(seen.slot.device)[seen.slot]
    where = torch.cat((seen.rest, own[:, None] * 9.0), 1)
    wide = noise.sample(where + shift * 11.0, 11.0)
    broad = noise.sample(where * 0.55 + shift * 7.0, 11.0, 1)[:, 0]
    # crumples run on in a direction of their own, and wander
    way = 1.1 * (random.uniform(ground.seeds, random.stream("crumple way")) - 0.5)[picture] + 0.5 * wide[:, 3]
    u, v = seen.cloth.unbind(1)
    cos, sin = torch.cos(way), torch.sin(way)
    grained = torch.stack((u * cos - v * sin, 0.42 * (u * sin + v * cos), own * 9.0), 1)
    warped = grained + 1.5 * torch.cat((wide[:, 1:3], wide[:, :1]), 1)
    middle = noise.sample(warped + shift * 4.2, 4.3)
    small = noise.sample(where + 0.9 * middle[:, :3] + shift * 1.5, 1.9)
    speckle = 0.6 * noise.sample(where + shift, 0.42, 1)[:, 0]
    crease = torch.sqrt(middle[:, 0] ** 2 + 0.03) - 0.8
    second = torch.sqrt(middle[:, 1] ** 2 + 0.06) - 0.8
    patchy = (0.5 + 0.6 * wide[:, 3]).clamp(0.05, 1.3)
    tidy = (0.45 + 0.9 * random.uniform(ground.seeds, random.stream("untidy")))[picture]
    folds = fabric.soft[picture] * (0.85 * wide[:, 0] + 1.5 * broad) * tidy
    folds = folds - fabric.crumple[picture] * tidy * patchy * (1.25 * crease + 0.75 * second)
    folds = folds - 0.34 * fabric.fine[picture] * tidy * patchy * (torch.sqrt(small[:, 0] ** 2 + 0.05) - 0.7)
    long_folds = _from_every_other(seen, ground, size)
    folds = folds + long_folds * (0.35 + fabric.soft[picture]) * tidy
    folds = folds + _gathers(seen, ground, wide[:, 1])
    stiff = seen.is_slot("button", "zip", "label", "cord", "loop")
    folds = torch.where(stiff, 0.45 * fabric.soft[picture] * wide[:, 0] * tidy, folds)
    flat = seen.is_slot("waist", "neck", "leaf", "lapel", "cuff", "placket", "welt", "flap", "pocket")
    folds = torch.where(flat, folds * 0.8, folds)
    woven, tint = weave(fabric, picture, seen.cloth, ground.pixel)
    detail, stitches = _sewn(seen, ground)
    soft_cloth = ~stiff
    return Relief(
        folds,
        detail + woven * soft_cloth + 0.3 * fabric.grain[picture] * speckle * soft_cloth,
        torch.where(soft_cloth, tint + fabric.grain[picture] * speckle, torch.ones_like(tint)),
        stitches,
        (long_folds * 1.5 - 0.6 * crease).clamp(-1, 1),
    )


def _group() -> Tensor:
    """Pieces that crumple together: details follow the piece they are sewn to."""
    own = {
        "sleeve": 3.0,
        "cuff": 3.0,
        "hood": 7.0,
        "leaf": 11.0,
        "lapel": 14.0,
        "back": 17.0,
        "waist": 18.0,
        "belt": 20.0,
    }
    numbers = []
    for slot in SLOTS:
        side = 1.0 if slot.name.endswith("left") else 2.0 if slot.name.endswith("right") else 0.0
        number = own.get(slot.name.split("_")[0], -1.0)
        numbers.append(19.0 if slot.name == "waist_back" else 0.0 if number < 0 else number + side)
    return torch.tensor(numbers)


def _from_every_other(seen: Seen, ground: Ground, size: tuple[int, int, int]) -> Tensor:
    """The long folds, which are broad, found at every other pixel each way and filled in between."""
    count, height, width = size
    row, column = torch.div(seen.pixels, width, rounding_mode="floor") % height, seen.pixels % width
    chosen = torch.nonzero((row % 2 == 0) & (column % 2 == 0))[:, 0]
    names = ("pixels", "picture", "slot", "cloth", "share", "edge", "rest")
    coarse = Seen(*(getattr(seen, name)[chosen] for name in names))
    high, wide = (height + 1) // 2, (width + 1) // 2
    both = torch.zeros(2, count * high * wide, device=seen.edge.device)
    place = (coarse.picture * high + row[chosen] // 2) * wide + column[chosen] // 2
    both[0, place], both[1, place] = _long_folds(coarse, ground), 1.0
    maps = both.reshape(2, count, high, wide)
    maps = torch.nn.functional.avg_pool2d(maps, 3, 1, 1)
    grown = torch.nn.functional.interpolate(maps, size=(height, width), mode="bilinear", align_corners=False)
    found = grown.reshape(2, -1)[:, seen.pixels]
    return found[0] / found[1].clamp_min(1e-3)


def _long_folds(seen: Seen, ground: Ground) -> Tensor:
    """Ridges that run from where the cloth is caught: the armpits, the elbows, the crotch, and some anywhere."""
    seeds, anchors = ground.seeds, ground.anchors
    names = (
        "armpit left",
        "armpit right",
        "armpit left",
        "armpit right",
        "waist left",
        "waist right",
        "crotch",
        "crotch",
    )
    bottoms = ground.cut.is_kind("trousers", "jeans", "shorts", "skirt")
    corners = ("hem left", "hem right", "waist left", "waist right")
    centre = torch.stack([anchors[name] for name in corners]).mean(0)
    total = torch.zeros_like(seen.edge[:, 0])
    lane = torch.arange(8, device=seeds.device)
    for at in range(FOLDS):
        draw = random.uniform(seeds[:, None], lane, at, random.stream("fold"))
        anywhere = torch.stack(((draw[:, 0] - 0.5) * 52.0, draw[:, 1] * 2 * centre[:, 1].clamp_min(20.0)), -1)
        if at < len(names):
            caught = anchors[names[at]]
            away = torch.nn.functional.normalize(centre - caught, dim=-1)
            start = caught + away * (draw[:, :1] * 5.0)
            start = torch.where((bottoms & ("armpit" in names[at]))[:, None], anywhere, start)
            start = torch.where((~bottoms & (names[at] == "crotch"))[:, None], anywhere, start)
            angle = torch.atan2(away[:, 1], away[:, 0]) + (draw[:, 2] - 0.5) * 1.7
            if names[at] == "crotch":  # whiskers run up and out to the hips
                angle = -math.pi / 2 + (1.0 if at % 2 else -1.0) * (0.7 + 0.5 * draw[:, 2])
        else:
            start, angle = anywhere, math.pi / 2 + (draw[:, 2] - 0.5) * 2.6
        length, width = 7.0 + 20.0 * draw[:, 3] ** 1.5, 0.7 + 1.5 * draw[:, 4]
        high = (draw[:, 5] - 0.3) * 1.7
        total = total + _one_fold(seen, start, (angle, length, width), high, (draw[:, 6] - 0.5) * 0.05)
    return total


def _one_fold(seen: Seen, start: Tensor, form: tuple[Tensor, Tensor, Tensor], high: Tensor, curve: Tensor) -> Tensor:
    at = seen.picture
    angle, length, width = form
    dx, dy = seen.rest[:, 0] - start[at, 0], seen.rest[:, 1] - start[at, 1]
    cos, sin = torch.cos(angle)[at], torch.sin(angle)[at]
    along, across = dx * cos + dy * sin, dy * cos - dx * sin
    share = (along / length[at]).clamp(-0.15, 1.0)
    across = (across + curve[at] * along * along) / (width[at] * (0.55 + 0.75 * share))
    taper = ((share + 0.15) * 6).clamp(0, 1) * (1 - share) ** 0.8
    # one flank of a fold is steeper than the other
    steep = torch.where(across > 0, across * 1.9, across)
    return high[at] * taper * torch.exp(-steep * steep)


def _gathers(seen: Seen, ground: Ground, wobble: Tensor) -> Tensor:
    """Vertical waves of flared skirts, and the small ones where elastic pulls the cloth together."""
    cut, at = ground.cut, seen.picture
    waist = ground.anchors["waist left"][:, 1]
    hem = ground.anchors["hem left"][:, 1]
    flare = torch.where(
        cut.is_kind("skirt"),
        cut.below["hem"] - 0.9,
        torch.where(cut.is_kind("dress"), cut.size["hem"] - 1.0, cut.size["hem"] * 0),
    )
    flare = torch.where(cut.is_kind("blouse"), (cut.size["hem"] - 1.0).clamp_min(0.0) * 0.8, flare).clamp(0, 1)
    down = ((seen.rest[:, 1] - waist[at]) / (hem - waist)[at].clamp_min(5.0)).clamp(0, 1)
    front = seen.is_slot("front")
    half = ground.anchors["hem right"][:, 0].abs()[at] * down + ground.anchors["waist right"][:, 0].abs()[at] * (
        1 - down
    )
    across = seen.rest[:, 0] / half.clamp_min(5.0)
    count = cut.uniform("gathers", 4.0, 9.0)[at]
    wave = torch.cos(across * count * math.pi + 1.1 * wobble + 6.0 * random.uniform(ground.seeds, 77)[at])
    wave = (wave + 0.35 * torch.cos(2.3 * across * count * math.pi + wobble)).clamp(-0.9, 1.2)
    pulled = cut.has_front("whole") & cut.is_kind("skirt", "shorts", "trousers")
    gathered = (pulled | (cut.is_kind("dress") & (cut.uniform("gathered") < 0.4))).float()[at]
    fine = torch.cos(across * half * 3.4 + 2.0 * wobble)
    near = torch.exp(-((seen.rest[:, 1] - waist[at]).clamp_min(0.0) / 6.0)) * (seen.rest[:, 1] > waist[at] - 0.5)
    soft = front * (1.5 * flare[at] * down**0.8 * wave * (0.5 + ground.fabric.soft[at]) + 0.22 * gathered * near * fine)
    band = seen.is_slot("waist").float() * pulled.float()[at]
    return soft + 0.16 * band * torch.cos(seen.rest[:, 0] * 4.2 + wobble)


_ALWAYS_RIBBED = ("hoodie", "sweater", "cardigan")


def _sewn(seen: Seen, ground: Ground) -> tuple[Tensor, Tensor]:
    """Grooves of seams, thick hems, ribs, zip teeth and buttons: height (P); and stitches (P) 0..1."""
    cut, at = ground.cut, seen.picture
    device = seen.edge.device
    grooves = torch.tensor([slot.groove for slot in SLOTS], device=device)[seen.slot]
    offsets = torch.tensor([slot.stitch for slot in SLOTS], device=device)[seen.slot]
    thick = ground.fabric.thickness[at]
    height = -(0.12 + thick * 0.6) * (grooves * torch.exp(-((seen.edge / 0.45) ** 2))).sum(1)
    sewn = ~(ground.fabric.is_made_of("knit", "wool", "leather") | cut.is_kind(*_ALWAYS_RIBBED))
    coat = cut.is_kind("coat", "blazer")
    hemmed = (seen.edge[:, 1] < offsets[:, 1]) & (offsets[:, 1] > 1.5)
    height = height + thick * 0.5 * hemmed
    blur = torch.maximum(0.6 * ground.pixel, torch.full_like(ground.pixel, 0.12))[at, None]
    line = torch.exp(-(((seen.edge - offsets) / blur) ** 2)) * (offsets > 0)
    double = (ground.fabric.is_made_of("denim", "jersey") | cut.is_kind("jeans"))[at, None]
    twice = torch.exp(-(((seen.edge - offsets - 0.7) / blur) ** 2)) * (offsets > 0) * double
    strength = (sewn.float() * torch.where(coat, 0.3, 1.0))[at]
    visible = (0.16 / ground.pixel).clamp(0.25, 1.0)[at]
    stitches = (line + twice).amax(1) * strength * visible
    height = height - 0.03 * stitches
    ribbed = seen.is_slot("neck") & (cut.has_collar("rib", "stand") & (cut.uniform("rib") < 0.85))[at]
    ends = seen.is_slot("cuff", "hem") & (cut.is_kind(*_ALWAYS_RIBBED, "jacket", "polo"))[at]
    ends = ends | (seen.is_slot("neck") & cut.is_kind(*_ALWAYS_RIBBED)[at])
    run = torch.maximum(seen.edge[:, 2], seen.edge[:, 3])
    period = torch.maximum(torch.full_like(ground.pixel, 0.55), 3.2 * ground.pixel)[at]
    height = height + 0.055 * torch.cos(run * (2 * math.pi / period)) * (ribbed | ends)
    ring = seen.share[:, 1]
    button = seen.is_slot("button")
    bowl = 0.25 * (1 - ring**4) - 0.12 * torch.exp(-((ring / 0.55) ** 2))
    height = torch.where(button, bowl, height)
    cord = seen.is_slot("cord")
    height = torch.where(cord, 0.3 * (1 - (2 * seen.share[:, 1] - 1) ** 2), height)
    teeth = 0.12 * torch.cos((seen.share[:, 1] - 0.5) * 9.0)
    return torch.where(seen.is_slot("zip"), teeth, height), stitches
