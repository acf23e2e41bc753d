"""Skin: pigment by region, spots, make-up, stubble, wrinkles and pores; what light does with it is light.py's.

Colour comes from two pigments, as in skin itself: blood (reddens) and melanin (browns), each a density that darkens the
base colour exponentially; so redness and spots look right on every tone. Lengths on the mean head are centimetres.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
from torch import Tensor

from core.engine import noise, random
from core.engine.head import Head

TONES_SRGB = (
    (237, 203, 184), (226, 185, 160), (211, 166, 136), (190, 142, 108), (162, 112, 79), (127, 83, 57), (96, 62, 45), (73, 49, 39),
)  # fmt: skip
"""Mean colour of lit skin from very light (grade 0) to very dark (grade 1)."""
BLOOD = (0.16, 0.72, 0.55)
MELANIN = (0.42, 0.72, 1.0)
REGIONS = ("cheeks", "nose", "ears", "chin", "lids", "under_eyes", "forehead", "neck", "nostrils", "corners")
MOLES = 6


@dataclass(frozen=True)
class Skin:
    """Everything that sets one person's skin apart; each (B,) or (B, 3)."""

    seeds: Tensor
    tone: Tensor
    warmth: Tensor
    """-1 pink to 1 olive."""
    redness: Tensor
    mottling: Tensor
    freckles: Tensor
    moles: Tensor
    blemishes: Tensor
    age: Tensor
    """0 at 18 years, 1 at 80."""
    oil: Tensor
    lip_blood: Tensor
    stubble: Tensor
    moustache_stubble: Tensor
    hair_colour: Tensor
    scalp_hair: Tensor
    """How much hair shades the scalp."""
    make_up: Tensor
    lipstick: Tensor
    """(B, 3) colour of lips under full make-up."""
    eyeshadow: Tensor
    """(B, 3)."""
    folds: Tensor
    """(B, 4) how deep expression folds are now: forehead, glabella, eye corners, nose to mouth."""


def to_linear(srgb: Tensor) -> Tensor:
    """sRGB values in 0..1 to linear light."""
    return torch.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055).clamp_min(0) ** 2.4)


def to_srgb(linear: Tensor) -> Tensor:
    """Linear light to sRGB values."""
    held = linear.clamp_min(0.0)
    return torch.where(held <= 0.0031308, held * 12.92, 1.055 * held.clamp_min(1e-8) ** (1 / 2.4) - 0.055)


def base_colour(tone: Tensor, warmth: Tensor) -> Tensor:
    """Linear colour (B, 3) of a tone (B, 0..1)."""
    table = to_linear(torch.tensor(TONES_SRGB, device=tone.device, dtype=torch.float32) / 255.0).log()
    at = tone.clamp(0, 1) * (len(TONES_SRGB) - 1)
    low = at.floor().long().clamp_max(len(TONES_SRGB) - 2)
    share = (at - low)[:, None]
    mixed = table[low] * (1 - share) + table[low + 1] * share
    way = torch.tensor([[0.0, 0.045, -0.06]], device=tone.device) * warmth[:, None]
    return (mixed + way).exp()


def bell(points: Tensor, centre: tuple[float, float, float], radius: tuple[float, float, float]) -> Tensor:
    """A soft ellipsoid on the left side and its mirror image (P)."""
    offset = (torch.cat((points[:, :1].abs(), points[:, 1:]), 1) - points.new_tensor(centre)) / points.new_tensor(
        radius
    )
    return torch.exp(-(offset**2).sum(-1))


@functools.lru_cache(maxsize=4)
def region_masks(head: Head) -> Tensor:
    """(V, len(REGIONS)) fixed masks on the head's vertices."""
    at = head.neutral * 100.0
    eye = head.fields["eye"]
    y = at[:, 1]
    near_eye = torch.exp(-((eye.clamp_max(0) / 0.75) ** 2)) * (at[:, 2] > 6)
    masks = {
        "cheeks": bell(at, (4.5, -0.4, 8.6), (2.3, 1.8, 3.5)),
        "nose": bell(at, (0.0, 0.2, 12.4), (1.5, 1.4, 1.8)) + 0.5 * bell(at, (1.5, -0.5, 11.0), (0.8, 0.8, 1.2)),
        "ears": head.fields["ear"],
        "chin": bell(at, (0.0, -6.3, 10.6), (1.7, 1.2, 2.0)),
        "lids": near_eye * torch.sigmoid((y - 3.55) * 6) * torch.sigmoid((4.9 - y) * 5),
        "under_eyes": bell(at, (3.0, 2.35, 9.3), (1.5, 0.7, 1.6)) + 0.6 * bell(at, (1.6, 2.9, 9.6), (0.5, 0.7, 1.0)),
        "forehead": bell(at, (0.0, 8.3, 9.5), (5.0, 2.2, 4.0)),
        "neck": head.fields["neck"],
        "nostrils": head.fields["nostril"],
        "corners": bell(at, (2.55, -3.5, 10.2), (0.45, 0.45, 0.8)),
    }
    return torch.stack([masks[name].clamp(0, 1) for name in REGIONS], 1)


def pigment(head: Head, skin: Skin) -> Tensor:
    """Blood and melanin (B, V, 2) per vertex, over the base colour."""
    red, old = skin.redness, skin.age
    blood = {
        "cheeks": 0.16 + 0.55 * red, "nose": 0.14 + 0.5 * red, "ears": 0.35 + 0.3 * red, "chin": 0.06 + 0.22 * red,
        "lids": 0.22 + 0.1 * red, "under_eyes": 0.14 + 0.12 * old, "forehead": -0.06 + 0.06 * red, "neck": 0.02 + 0.05 * red,
        "nostrils": 0.9 + 0 * red, "corners": 0.3 + 0 * red,
    }  # fmt: skip
    melanin = {
        "lids": 0.12 + 0.08 * old, "under_eyes": 0.14 + 0.2 * old, "forehead": 0.05 + 0 * red, "nostrils": 0.9 + 0 * red,
        "corners": 0.15 + 0 * red, "neck": 0.05 + 0 * red,
    }  # fmt: skip
    none = torch.zeros_like(red)
    weights = torch.stack(
        [torch.stack([table.get(name, none) for name in REGIONS], 1) for table in (blood, melanin)], 1
    )
    return (weights @ region_masks(head).T).transpose(1, 2)


@functools.lru_cache(maxsize=4)
def _mole_places(device: str) -> Tensor:
    from core.engine.head import load_head

    head = load_head(device)
    front = (
        (head.part == 0) & (head.neutral[:, 2] > 0.035) & (head.neutral[:, 1] > -0.12) & (head.fields["scalp"] < 0.1)
    )
    clear = front & (head.fields["eye"] < -0.4) & (head.fields["lip"] < -0.2)
    return head.neutral[clear] * 100.0


def _spots(points: Tensor, skin: Skin, picture: Tensor) -> Tensor:
    """Melanin of moles (P): a few soft discs at places of the person's own."""
    places = _mole_places(str(points.device))
    at = torch.arange(MOLES, device=points.device)
    chosen = (random.uniform(skin.seeds[:, None], at, random.stream("mole")) * len(places)).long()
    size = 0.05 + 0.09 * random.uniform(skin.seeds[:, None], at, random.stream("mole size")) ** 3
    present = (at < (skin.moles * MOLES)[:, None]).to(points.dtype)
    total = torch.zeros(len(points), device=points.device)
    for number in range(MOLES):
        apart = (points - places[chosen[:, number]][picture]).norm(dim=-1)
        total += present[:, number][picture] * torch.sigmoid((size[:, number][picture] - apart) / 0.02)
    return total


def ridge(distance: Tensor, width: float) -> Tensor:
    """1 on a line, falling off at its width."""
    return torch.exp(-((distance / width) ** 2))


def wrinkle_height(
    points: Tensor, nasolabial: Tensor, neck: Tensor, skin: Skin, picture: Tensor, rough: Tensor
) -> Tensor:
    """Height (P, centimetres, below 0 in a fold) of age and expression lines; ``rough`` is a noise that bends them."""
    x, y, _ = points.unbind(-1)
    side = x.abs()
    age, folds = skin.age[picture], skin.folds[picture]
    lined = (age - 0.25).clamp_min(0) ** 1.2 * 2.3
    bend = 0.12 * rough
    rows = torch.remainder(y + bend + 0.05 * side, 0.72) - 0.36
    brow = torch.sigmoid((y - 6.9) * 3) * torch.sigmoid((9.9 - y) * 3) * torch.sigmoid((4.8 - side) * 2)
    depth = 0.034 * brow * ridge(rows, 0.11) * (0.55 * lined + folds[:, 0])
    frown = ridge(side - 0.5 + 0.4 * bend, 0.1) * torch.sigmoid((y - 4.6) * 5) * torch.sigmoid((6.6 - y) * 5)
    depth = depth + 0.05 * frown * (0.5 * lined + folds[:, 1])
    ray_x, ray_y = side - 4.35, y - 3.35
    reach = torch.sqrt(ray_x**2 + ray_y**2 + 1e-6)
    angle = torch.atan2(ray_y, ray_x.clamp_min(1e-3))
    fan = ridge(torch.remainder(angle + 0.3 * bend + 10, 0.3) - 0.15, 0.055 / 1.0)
    fan = (
        fan
        * torch.sigmoid((reach - 0.45) * 8)
        * torch.sigmoid((1.9 - reach) * 4)
        * (ray_x > 0)
        * torch.sigmoid((0.85 - angle.abs()) * 8)
    )
    depth = depth + 0.032 * fan * (0.7 * lined + folds[:, 2])
    bag = (
        ridge(y - 2.3 + 0.16 * (side - 3.1) ** 2 * -0.6 + 0.5 * bend, 0.16)
        * torch.sigmoid((side - 1.7) * 4)
        * torch.sigmoid((4.5 - side) * 4)
    )
    depth = depth + 0.022 * bag * (0.2 + 1.0 * lined) * (y < 3.0)
    depth = depth + 0.05 * ridge(nasolabial, 0.16) * (0.12 + 0.75 * lined + 0.8 * folds[:, 3]) * (y > -4.2)
    droop = (
        ridge(side - 2.75 + 0.1 * (y + 4.0) + 0.16 * torch.sin(1.9 * y) + 1.6 * bend, 0.2)
        * torch.sigmoid((-4.0 - y) * 5)
        * torch.sigmoid((y + 6.2) * 4)
    )
    depth = depth + 0.022 * droop * lined
    rings = ridge(torch.remainder(y + 0.25 * side + bend, 1.9) - 0.95, 0.13) * neck * torch.sigmoid((-9.2 - y) * 3)
    return -(depth + 0.011 * rings * (0.1 + lined) * torch.sigmoid((y + 12.6) * 3))


@dataclass(frozen=True)
class SkinSurface:
    """Per pixel (P): albedo (P, 3), height in metres for bumps, roughness, how much of the highlight shows."""

    albedo: Tensor
    height: Tensor
    rough: Tensor
    gloss: Tensor


def paint(points: Tensor, marks: dict[str, Tensor], skin: Skin, picture: Tensor) -> SkinSurface:
    """Skin at places on the mean head (P, 3, cm). ``marks``: blood, melanin, lip, eye, beard, moustache, scalp,
    nasolabial, neck, nose, each (P)."""
    shift = noise.shift_of(skin.seeds)[picture]
    broad = noise.sample(points + shift * 2.0, 1.1)
    fine = noise.sample(points + shift * 0.3, 0.16)
    pores = noise.sample(points + shift, 0.06, 1)[:, 0]
    middle = noise.sample(points + shift * 0.6, 0.45, 2)
    lips = torch.sigmoid((marks["lip"] + 0.02 * fine[:, 0]) * 11)
    blood, melanin = _pigment_here(marks, skin, picture, broad, fine, lips)
    blood = blood + _spots_of_acne(points, shift, skin, picture)
    melanin = melanin + 1.3 * _spots(points, skin, picture)
    lines = wrinkle_height(points, marks["nasolabial"], marks["neck"], skin, picture, broad[:, 2])
    fold = (-lines / 0.05).clamp(0.0, 1.5)  # little light leaves a fold, and what does is redder
    blood, melanin = blood + 0.22 * fold, melanin + 0.28 * fold
    base = base_colour(skin.tone, skin.warmth)[picture]
    darken = blood[:, None] * points.new_tensor(BLOOD) + melanin[:, None] * points.new_tensor(MELANIN)
    grain = 0.03 * middle[:, 1] + 0.035 * fine[:, 0] + 0.03 * pores
    albedo = base * torch.exp(grain[:, None] - darken)
    albedo = _make_up(albedo, points, marks, lips, skin, picture)
    albedo = _stubble(albedo, marks, skin, picture, fine)
    pitted = 0.6 + 0.8 * skin.age[picture] + 0.5 * skin.blemishes[picture]
    height = (0.0034 * fine[:, 1] * (1 - lips) + 0.0022 * pores + 0.004 * middle[:, 0]) * pitted
    lined = torch.nonzero(lips > 0.02)[:, 0]
    across = points[lined] * points.new_tensor([1.0, 0.12, 0.4]) + shift[lined]
    height[lined] += 0.004 * lips[lined] * fine[lined, 2] * noise.sample(across, 0.09, 1)[:, 0]
    height = height + lines
    oil = skin.oil[picture] * (0.55 + 0.45 * marks["nose"] + 0.3 * torch.exp(-((points[:, 0] / 3.0) ** 2)))
    rough = (0.56 - 0.2 * oil + 0.05 * broad[:, 3] * 0.5 + 0.04 * fine[:, 3]).clamp(0.26, 0.8)
    rough = rough + lips * ((0.38 - 0.12 * skin.make_up[picture]) - rough)
    gloss = 1.0 + 0.25 * fine[:, 3] * (1 - lips) + 0.3 * lips
    return SkinSurface(albedo, height * 0.01, rough, gloss.clamp_min(0.3))


def _spots_of_acne(points: Tensor, shift: Tensor, skin: Skin, picture: Tensor) -> Tensor:
    if not bool((skin.blemishes > 0.05).any()):
        return torch.zeros(len(points), device=points.device)
    found = noise.sample(points + shift * 0.7, 0.42, 1)[:, 0]
    return 0.45 * torch.sigmoid((found - 2.8 + 0.5 * skin.blemishes[picture]) * 7) * skin.blemishes[picture]


def _pigment_here(
    marks: dict[str, Tensor], skin: Skin, picture: Tensor, broad: Tensor, fine: Tensor, lips: Tensor
) -> tuple[Tensor, Tensor]:
    mottled = skin.mottling[picture]
    blood = marks["blood"] + mottled * (0.055 * broad[:, 0] + 0.03 * fine[:, 0])
    melanin = marks["melanin"] + mottled * (0.035 * broad[:, 1] + 0.02 * fine[:, 1])
    dark = skin.tone[picture]
    blood = blood + lips * (0.5 + 0.6 * skin.lip_blood[picture]) * (1 - 0.55 * dark)
    melanin = melanin + lips * (0.12 + 0.2 * dark)
    spotted = torch.sigmoid((fine[:, 2] + 0.4 * broad[:, 1] - 1.15) * 7)
    face = torch.exp(-(((marks["scalp"]) * 4) ** 2)) * (1 - marks["neck"])
    melanin = melanin + 0.5 * skin.freckles[picture] * spotted * face * (1 - lips)
    aged = torch.sigmoid((0.8 * fine[:, 3] + 0.6 * broad[:, 3] - 1.9) * 5) * (skin.age[picture] - 0.55).clamp_min(0)
    return blood, melanin + 0.8 * aged


def _make_up(
    albedo: Tensor, points: Tensor, marks: dict[str, Tensor], lips: Tensor, skin: Skin, picture: Tensor
) -> Tensor:
    amount = skin.make_up[picture]
    lip_share = (lips * (1.2 * amount).clamp_max(0.85))[:, None]
    worn = skin.lipstick[picture] * (1.0 - 0.75 * skin.tone[picture])[:, None]
    albedo = albedo * (1 - lip_share) + worn * lip_share
    above = torch.sigmoid((points[:, 1] - 3.5) * 7) * torch.sigmoid((5.2 - points[:, 1]) * 4)
    shade = torch.exp(-((marks["eye"].clamp_max(0) / 0.75) ** 2)) * above * (points[:, 2] > 6) * 0.72 * amount
    albedo = albedo * (1 - shade[:, None]) + skin.eyeshadow[picture] * shade[:, None]
    upper = 0.45 + 0.55 * torch.sigmoid((points[:, 1] - 3.4) * 8)
    liner = ridge(marks["eye"].clamp_max(0), 0.1) * (amount * 1.2).clamp_max(1.0) * upper * (points[:, 2] > 6)
    rouge = bell(points, (4.9, 0.2, 8.0), (1.6, 1.1, 2.5)) * 0.3 * amount
    tint = points.new_tensor([0.85, 0.42, 0.42])
    return albedo * (1 - rouge[:, None] * (1 - tint)) * (1 - 0.85 * liner[:, None])


def _stubble(albedo: Tensor, marks: dict[str, Tensor], skin: Skin, picture: Tensor, fine: Tensor) -> Tensor:
    grain = 0.75 + 0.5 * torch.sigmoid(fine[:, 0] * 3)
    chin = skin.stubble[picture] * marks["beard"]
    lip = skin.moustache_stubble[picture] * marks["moustache"]
    share = (torch.maximum(chin, lip) * 0.42 * grain).clamp(0, 0.6)
    scalp = (skin.scalp_hair[picture] * marks["scalp"] * (0.7 + 0.3 * grain)).clamp(0, 0.94)
    # a shaved hair shows as shade: never lighter than the skin it grows from
    root = torch.minimum(skin.hair_colour[picture], 0.3 * albedo) * albedo.new_tensor([0.9, 0.97, 1.05])
    albedo = albedo * (1 - share[:, None]) + root * share[:, None]
    return albedo * (1 - scalp[:, None]) + torch.minimum(skin.hair_colour[picture], albedo) * scalp[:, None]
