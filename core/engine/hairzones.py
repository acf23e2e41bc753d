"""What a hair style makes of each place on the head: how long, whether at all, combed which way. A style is a row of numbers.

The catalogue of rows is hairstyles.py's, growing the strands hair.py's. Metres, on the mean head unless said.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from core.engine import random
from core.engine.random import stream
from core.engine.scalp import ScalpRoots

PARAMETERS: tuple[str, ...] = (
    # metres on top and at the sides, height between the two, fading to the nape, unevenness
    "top", "side", "top_line", "fade", "length_spread",
    # height where hair is cut off, how ragged, how it falls to the front
    "cut", "cut_spread", "cut_slope",
    # share of the front's hair in the fringe, height of its end, sideways, half its width
    "fringe", "fringe_cut", "fringe_sweep", "fringe_width",
    # the parting's place (metres to their left) and power, where the comb goes and for how long
    "part", "part_power", "back", "forward", "down", "comb_length",
    # how roots stand up (and their share of it at the sides), droop, bulk, how free the face is kept
    "lift", "side_lift", "lift_length", "gravity", "stiffness", "volume", "face_free",
    # radius and length of a turn, where curls start, fuzz, how locks gather
    "curl", "curl_wave", "curl_start", "frizz", "lock", "lock_taper",
    # shares that grow, centimetres lost at the temples, radius of a bald crown
    "density", "side_density", "recede", "crown",
    # tied at the back or not, at which angle, as a bun or not, length behind the knot
    "gather", "gather_height", "bun", "tail",
    # whether it lies over the ears, width of a strand
    "over_ears", "width",
)  # fmt: skip
COLUMN = {name: place for place, name in enumerate(PARAMETERS)}


@dataclass(frozen=True)
class HairStyle:
    """Styles of a batch: a row of ``PARAMETERS`` each (B, P)."""

    parameters: Tensor

    def get(self, name: str) -> Tensor:
        """One parameter as (B, 1), to meet (B, N)."""
        return self.parameters[:, COLUMN[name], None]


def strand_chance(seeds: Tensor, use: str, count: int) -> Tensor:
    """Uniform numbers (B, N), one for each strand."""
    return random.uniform(seeds[:, None], stream(use), torch.arange(count, device=seeds.device))


def smooth_step(value: Tensor, low: float | Tensor, high: float | Tensor) -> Tensor:
    """0 at ``low`` to 1 at ``high``, level at both ends; ``low`` may be the larger."""
    share = ((value - low) / (high - low)).clamp(0.0, 1.0)
    return share * share * (3.0 - 2.0 * share)


def unit(vectors: Tensor) -> Tensor:
    """Vectors of length one, on short ones too."""
    return vectors / vectors.norm(dim=-1, keepdim=True).clamp_min(1e-6)


@dataclass(frozen=True)
class Zones:
    """Where each root lies in its style (B, N)."""

    top: Tensor
    fringe: Tensor
    kept: Tensor
    """Whether a strand grows there."""
    side: Tensor
    """-1 to 1: which side of the parting."""


def find_zones(style: HairStyle, rest: Tensor, hairline: Tensor, seeds: Tensor) -> Zones:
    """What a style makes of the roots at ``rest`` (N, 3): top or side, fringe or not, grown or bald."""
    x, y, z = (rest[None, :, axis] for axis in range(3))
    count = rest.shape[0]
    # the front of the scalp, ending in a rounded triangle behind
    across = x.abs() / style.get("fringe_width")
    front = (
        smooth_step(z - 0.02 * across**2, 0.052, 0.066) * smooth_step(across, 1.1, 0.8) * smooth_step(y, 0.075, 0.085)
    )
    fringe = front * (strand_chance(seeds, "hair fringe", count) < style.get("fringe")).to(rest.dtype)
    kept = (strand_chance(seeds, "hair density", count) < hair_density(style, rest, hairline)).to(rest.dtype)
    uneven = 0.004 * (strand_chance(seeds, "hair part", count) - 0.5) + 0.002 * torch.sin(150.0 * z)
    side = torch.tanh((x + uneven - style.get("part")) / 0.005)
    return Zones(top_share(style, rest), fringe, kept, side)


def top_share(style: HairStyle, rest: Tensor) -> Tensor:
    """1 on top of the head, 0 at sides and back (B, N)."""
    line = style.get("top_line")
    return smooth_step(rest[None, :, 1], line - 0.012, line + 0.012)


def hair_density(style: HairStyle, rest: Tensor, hairline: Tensor) -> Tensor:
    """Share of the hair that grows at places on the mean head (B, N): hairline, temples, crown, shaved sides."""
    x, y, z = (rest[None, :, axis] for axis in range(3))
    density = style.get("side_density") + (style.get("density") - style.get("side_density")) * top_share(style, rest)
    temple = torch.exp(-(((x.abs() - 0.042) / 0.017) ** 2)) * smooth_step(z, 0.01, 0.05)
    lost = style.get("recede") * (0.45 + 0.55 * temple) * smooth_step(y, 0.05, 0.075)
    density = density * smooth_step(hairline - lost, -0.15, 0.55)
    crown = torch.sqrt(x**2 + 0.8 * (y - 0.14) ** 2 + (z + 0.025) ** 2)
    return density * smooth_step(crown - style.get("crown"), -0.012, 0.012)


def cap_opacity(style: HairStyle, rest: Tensor, hairline: Tensor) -> Tensor:
    """How much the hair's colour (darkened) covers the scalp at places on the mean head (B, N), under the strands."""
    length = style.get("side") + (style.get("top") - style.get("side")) * top_share(style, rest)
    length = torch.where(style.get("gather") > 0.5, torch.ones_like(length), length)
    long_enough = 1.0 - torch.exp(-length / 0.007)
    return 0.92 * hair_density(style, rest, hairline) * long_enough * smooth_step(hairline[None], -0.1, 0.9)


def strand_lengths(style: HairStyle, zones: Zones, rest: Tensor, seeds: Tensor) -> Tensor:
    """Metres of each strand (B, N); those that are cut at a height get enough to reach it."""
    y = rest[None, :, 1]
    side = style.get("side") * (1.0 - style.get("fade") * smooth_step(y, 0.05, -0.045))
    grown = side + (style.get("top") - side) * zones.top
    spread = 1.0 + style.get("length_spread") * (strand_chance(seeds, "hair length", rest.shape[0]) - 0.6)
    to_cut = (y - style.get("cut")).clamp_min(0.01) * 1.12 + 0.07 + 0.3 * rest[None, :, 2].clamp_min(0.0)
    grown = torch.minimum(grown * spread.clamp_min(0.2), to_cut)
    to_fringe_end = (
        (y - style.get("fringe_cut")).clamp_min(0.005) * 1.15 + 0.018 + 0.05 * style.get("fringe_sweep").abs()
    )
    return torch.where(zones.fringe > 0, to_fringe_end, grown).clamp_min(0.0015)


def comb_directions(style: HairStyle, zones: Zones, roots: ScalpRoots) -> Tensor:
    """Where the comb pulls each root, along the skin (B, N, 3)."""
    x, y = roots.rest[None, :, 0], roots.rest[None, :, 1]
    upper = smooth_step(y, 0.03, 0.11)
    sideways = zones.side * style.get("part_power") * upper
    forth = (style.get("forward") - style.get("back")) * (0.25 + 0.75 * upper)
    down = -(style.get("down") + (1.0 - upper) * 0.8)
    sweep = style.get("fringe_sweep")
    swept = sweep + 0.35 * (x / style.get("fringe_width")) * (1 - sweep.abs())
    wish = torch.stack((sideways, down, forth), -1)
    fringe = torch.stack((swept, torch.full_like(down, -0.5), torch.ones_like(down)), -1)
    wish = torch.where(zones.fringe[..., None] > 0, fringe, wish)
    along = wish - (wish * roots.normals).sum(-1, keepdim=True) * roots.normals
    return unit(along)


def cut_heights(style: HairStyle, zones: Zones, rest: Tensor, tied: Tensor, seeds: Tensor) -> Tensor:
    """Height at which each strand is cut off (B, N)."""
    uneven = strand_chance(seeds, "hair cut", rest.shape[0]) - 0.5
    cut = style.get("cut") - style.get("cut_slope") * rest[None, :, 2] * 4.0 + style.get("cut_spread") * uneven
    rounded = 0.012 * (rest[None, :, 0] / 0.05) ** 2
    cut = torch.where(zones.fringe > 0, style.get("fringe_cut") + 0.012 * uneven - rounded, cut)
    return torch.where(tied, torch.full_like(cut, -9.0), cut)
