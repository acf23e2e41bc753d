"""Which garments there are and how each is measured: kinds, their ranges in centimetres, and the styles each may have.

A garment's numbers are drawn from its outline seed alone, so that another cloth never moves an edge.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from core.engine import random

KINDS = (
    *("tee", "longsleeve", "shirt", "polo", "blouse", "vest", "sweater", "cardigan", "hoodie"),
    *("jacket", "coat", "blazer", "dress", "skirt", "trousers", "jeans", "shorts"),
)
BOTTOMS = ("skirt", "trousers", "jeans", "shorts")

# kind: chest, length, shoulder, neck, armhole (depth), waist (ratio), hem (ratio), sleeve (length), cuff (ratio to armhole)
# each low and high; lengths in centimetres, chest shoulder neck are half widths
_TOPS: dict[str, tuple[tuple[float, float], ...]] = {
    "tee": ((22, 28), (60, 77), (19, 24), (7.5, 10.5), (20, 25), (0.9, 1.0), (0.93, 1.05), (13, 25), (0.72, 0.95)),
    "longsleeve": (
        (21.5, 27.5),
        (58, 75),
        (18, 23),
        (7.5, 10.5),
        (19, 24),
        (0.9, 1.0),
        (0.93, 1.04),
        (50, 62),
        (0.42, 0.55),
    ),
    "shirt": ((24, 30), (62, 78), (19, 24), (7, 8.2), (22, 26), (0.9, 1.0), (0.95, 1.06), (52, 62), (0.42, 0.52)),
    "polo": ((24, 30), (62, 76), (19, 24), (7, 8.4), (21, 25), (0.92, 1.0), (0.95, 1.04), (16, 23), (0.68, 0.85)),
    "blouse": ((21, 27), (56, 72), (17, 21), (8, 12), (19, 24), (0.85, 1.02), (0.98, 1.22), (14, 58), (0.5, 0.95)),
    "vest": ((18.5, 24.5), (56, 72), (10, 14), (6.8, 10), (20, 26), (0.86, 0.99), (0.94, 1.12), (0, 0), (1, 1)),
    "sweater": ((23, 30), (57, 73), (19, 25), (7.5, 10), (20, 26), (0.92, 1.0), (0.86, 0.98), (50, 62), (0.42, 0.55)),
    "cardigan": ((22, 30), (54, 80), (18, 23), (7, 9), (20, 25), (0.92, 1.0), (0.92, 1.05), (50, 60), (0.45, 0.58)),
    "hoodie": ((25, 32), (58, 74), (20, 25), (8, 9.5), (22, 27), (0.94, 1.0), (0.88, 0.99), (54, 64), (0.42, 0.52)),
    "jacket": ((25, 31), (54, 72), (20, 25), (7.5, 9), (22, 27), (0.9, 1.0), (0.88, 1.02), (54, 64), (0.48, 0.58)),
    "coat": ((26, 32), (84, 112), (20, 25), (7.5, 9.2), (23, 28), (0.88, 0.98), (0.98, 1.22), (56, 64), (0.55, 0.66)),
    "blazer": ((24, 29), (64, 80), (20, 23.5), (7.2, 8.6), (22, 26), (0.86, 0.94), (0.98, 1.06), (56, 63), (0.5, 0.6)),
    "dress": ((20, 26), (82, 128), (15, 19.5), (8, 12), (18, 23), (0.76, 0.92), (1.15, 2.0), (0, 34), (0.6, 1.0)),
}
# kind: waist (half width), length, hip (ratio), hip_down (cm), rise (to the crotch), hem (leg: ratio to hip / 2; skirt: to hip)
_BELOW: dict[str, tuple[tuple[float, float], ...]] = {
    "skirt": ((16, 22), (38, 82), (1.12, 1.4), (14, 20), (0, 0), (0.92, 1.8)),
    "trousers": ((18, 25), (96, 110), (1.15, 1.3), (16, 20), (25, 30), (0.42, 0.8)),
    "jeans": ((18, 24), (94, 108), (1.16, 1.28), (15, 19), (23, 28), (0.4, 0.66)),
    "shorts": ((18, 26), (36, 56), (1.14, 1.28), (15, 19), (24, 29), (0.84, 1.1)),
}
TOP_NAMES = ("chest", "length", "shoulder", "neck", "armhole", "waist", "hem", "sleeve", "cuff")
BELOW_NAMES = ("band", "length", "hip", "hip_down", "rise", "hem")

COLLARS = ("bound", "rib", "leaf", "stand", "lapel", "hood")
FRONTS = ("whole", "buttons", "zip", "half buttons", "half zip", "open")
POCKETS = ("none", "chest", "two chest", "flaps", "kangaroo", "welts", "low patches", "jeans", "chest and welts")
# how often each kind has each style, in the order above
_STYLES: dict[str, tuple[dict[str, float], dict[str, float], dict[str, float]]] = {
    "tee": ({"rib": 0.9, "bound": 0.1}, {"whole": 1}, {"none": 0.88, "chest": 0.12}),
    "longsleeve": ({"rib": 0.85, "bound": 0.1, "stand": 0.05}, {"whole": 0.9, "half buttons": 0.1}, {"none": 1}),
    "shirt": (
        {"leaf": 0.92, "stand": 0.08},
        {"buttons": 1},
        {"none": 0.35, "chest": 0.4, "two chest": 0.15, "flaps": 0.1},
    ),
    "polo": ({"leaf": 1}, {"half buttons": 1}, {"none": 0.9, "chest": 0.1}),
    "blouse": (
        {"bound": 0.6, "leaf": 0.25, "stand": 0.15},
        {"whole": 0.55, "buttons": 0.35, "half buttons": 0.1},
        {"none": 1},
    ),
    "vest": ({"bound": 0.55, "rib": 0.45}, {"whole": 1}, {"none": 1}),
    "sweater": ({"rib": 0.78, "stand": 0.22}, {"whole": 0.88, "half zip": 0.12}, {"none": 1}),
    "cardigan": ({"rib": 1}, {"buttons": 0.7, "open": 0.3}, {"none": 0.6, "low patches": 0.4}),
    "hoodie": ({"hood": 1}, {"whole": 0.55, "zip": 0.45}, {"kangaroo": 1}),
    "jacket": (
        {"stand": 0.35, "leaf": 0.4, "hood": 0.25},
        {"zip": 0.6, "buttons": 0.4},
        {"welts": 0.45, "flaps": 0.3, "chest and welts": 0.25},
    ),
    "coat": (
        {"lapel": 0.5, "leaf": 0.2, "hood": 0.3},
        {"buttons": 0.65, "zip": 0.35},
        {"welts": 0.5, "low patches": 0.5},
    ),
    "blazer": ({"lapel": 1}, {"buttons": 1}, {"chest and welts": 0.7, "low patches": 0.3}),
    "dress": (
        {"bound": 0.75, "rib": 0.1, "leaf": 0.15},
        {"whole": 0.75, "half buttons": 0.12, "buttons": 0.13},
        {"none": 0.9, "low patches": 0.1},
    ),
    "skirt": ({"bound": 1}, {"whole": 0.75, "buttons": 0.15, "half zip": 0.1}, {"none": 0.75, "welts": 0.25}),
    "trousers": ({"bound": 1}, {"half zip": 1}, {"welts": 1}),
    "jeans": ({"bound": 1}, {"half zip": 1}, {"jeans": 1}),
    "shorts": ({"bound": 1}, {"half zip": 0.55, "whole": 0.45}, {"welts": 0.7, "jeans": 0.3}),
}


@dataclass(frozen=True)
class Cut:
    """The numbers of N garments' outlines; each value (N,), half widths, centimetres unless the name says otherwise."""

    seeds: Tensor
    kind: Tensor
    """Place in KINDS."""
    size: dict[str, Tensor]
    """By TOP_NAMES; holds sensible numbers for bottoms too, which are not used."""
    below: dict[str, Tensor]
    """By BELOW_NAMES, for bottoms."""
    collar: Tensor
    front: Tensor
    pocket: Tensor
    """Places in COLLARS, FRONTS, POCKETS."""

    def uniform(self, name: str, low: float = 0.0, high: float = 1.0) -> Tensor:
        """A further number of this outline, by name."""
        return low + (high - low) * random.uniform(self.seeds, random.stream("cut " + name))

    def swing(self, name: str, amount: float) -> Tensor:
        """A further number about zero, -amount to amount, mostly small."""
        return self.uniform(name, -amount, amount) * self.uniform(name + " size") * 1.4

    def is_kind(self, *names: str) -> Tensor:
        """Which garments are of one of these kinds: (N,) bool."""
        return is_one_of(self.kind, KINDS, names)

    def has_collar(self, *names: str) -> Tensor:
        """Which garments have one of these collars, bottoms left out."""
        return is_one_of(self.collar, COLLARS, names) & ~self.is_kind(*BOTTOMS)

    def has_front(self, *names: str) -> Tensor:
        """Which garments close this way."""
        return is_one_of(self.front, FRONTS, names)

    def has_pockets(self, *names: str) -> Tensor:
        """Which garments have one of these sets of pockets."""
        return is_one_of(self.pocket, POCKETS, names)


def is_one_of(values: Tensor, table: tuple[str, ...], names: tuple[str, ...]) -> Tensor:
    """Which values are the places of these names in the table."""
    found = torch.zeros_like(values, dtype=torch.bool)
    for name in names:
        found = found | (values == table.index(name))
    return found


def pick_by_share(shares: Tensor, seeds: Tensor, use: str) -> Tensor:
    """For rows of shares (N, K) that sum to 1, the place each seed draws: (N,)."""
    at = random.uniform(seeds, random.stream(use))
    return (at[:, None] >= torch.cumsum(shares, 1)).sum(1).clamp_max(shares.shape[1] - 1)


def pick_kinds(seeds: Tensor) -> Tensor:
    """The kind each seed draws, all alike often."""
    return (random.hash_words(seeds, random.stream("garment kind")) * len(KINDS)) >> 32


def draw_cuts(seeds: Tensor, kind: Tensor) -> Cut:
    """The outline numbers of these seeds (N, int64), for kinds (N) given by number."""
    device = seeds.device
    size = _draw_ranges(seeds, kind, _TOPS, TOP_NAMES)
    below = _draw_ranges(seeds, kind, _BELOW, BELOW_NAMES)
    picked = []
    for at, table in enumerate((COLLARS, FRONTS, POCKETS)):
        rows = torch.tensor([[_STYLES[name][at].get(style, 0.0) for style in table] for name in KINDS], device=device)
        picked.append(pick_by_share(rows[kind], seeds, f"style {at}"))
    cut = Cut(seeds, kind, size, below, picked[0], picked[1], picked[2])
    # shirts, blouses and dresses come with long, short or no sleeves; the range alone would give every length in between
    short = cut.is_kind("shirt", "blouse") & (cut.uniform("short sleeves") < 0.4)
    bare = (cut.is_kind("dress") & (cut.uniform("bare arms") < 0.5)) | (
        cut.is_kind("blouse") & (cut.uniform("bare arms") < 0.15)
    )
    small = cut.uniform("sleeve short", 12.0, 24.0)
    size["cuff"] = torch.where(short, cut.uniform("cuff short", 0.74, 0.92), size["cuff"])
    size["sleeve"] = torch.where(short, small, size["sleeve"].clamp_min(12.0) * (size["sleeve"] > 0))
    size["sleeve"] = torch.where(bare, torch.zeros_like(small), size["sleeve"])
    size["shoulder"] = torch.where(size["sleeve"] > 0, size["shoulder"], size["shoulder"].clamp_max(15.5))
    size["neck"] = torch.minimum(size["neck"], size["shoulder"] - 2.2)
    return cut


def _draw_ranges(
    seeds: Tensor, kind: Tensor, table: dict[str, tuple[tuple[float, float], ...]], names: tuple[str, ...]
) -> dict[str, Tensor]:
    first = next(iter(table.values()))
    ranges = torch.tensor([table.get(name, first) for name in KINDS], dtype=torch.float32, device=seeds.device)[kind]
    drawn = {}
    for at, name in enumerate(names):
        share = random.uniform(seeds, random.stream("measure " + name))
        drawn[name] = ranges[:, at, 0] + (ranges[:, at, 1] - ranges[:, at, 0]) * share
    return drawn
