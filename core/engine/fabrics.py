"""What a cloth is made of: how it wrinkles, shines and is woven, and which fabric and print suit which garment."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from core.engine import random
from core.engine.cuts import KINDS, is_one_of, pick_by_share
from core.engine.prints import PRINTS

FABRICS = ("jersey", "cotton", "knit", "wool", "denim", "satin", "corduroy", "leather", "linen", "fleece", "nylon")
# soft folds, crumples, fine creases, thickness (cm), gloss, its sharpness, weave period (cm), weave depth, grain
_TRAITS = {
    "jersey": (0.55, 0.30, 0.10, 0.10, 0.02, 6, 0.0, 0.0, 0.010),
    "cotton": (0.50, 0.55, 0.30, 0.08, 0.03, 8, 0.0, 0.0, 0.010),
    "knit": (0.60, 0.10, 0.00, 0.28, 0.01, 4, 0.95, 0.55, 0.035),
    "wool": (0.50, 0.14, 0.02, 0.25, 0.01, 4, 0.0, 0.0, 0.030),
    "denim": (0.45, 0.42, 0.22, 0.16, 0.02, 6, 0.0, 0.0, 0.020),
    "satin": (0.85, 0.40, 0.05, 0.06, 0.38, 14, 0.0, 0.0, 0.003),
    "corduroy": (0.45, 0.22, 0.04, 0.20, 0.05, 5, 0.72, 0.55, 0.020),
    "leather": (0.45, 0.40, 0.22, 0.18, 0.30, 18, 0.0, 0.0, 0.012),
    "linen": (0.45, 0.75, 0.45, 0.09, 0.02, 6, 0.0, 0.0, 0.030),
    "fleece": (0.60, 0.14, 0.00, 0.32, 0.00, 4, 0.0, 0.0, 0.030),
    "nylon": (0.60, 0.70, 0.35, 0.10, 0.16, 16, 0.0, 0.0, 0.004),
}
_WORN_AS = {
    "tee": "jersey",
    "longsleeve": "jersey jersey cotton",
    "shirt": "cotton cotton cotton linen satin denim",
    "polo": "jersey cotton",
    "blouse": "cotton satin linen",
    "vest": "jersey",
    "sweater": "knit knit wool fleece",
    "cardigan": "knit knit wool jersey",
    "hoodie": "fleece fleece jersey",
    "jacket": "nylon denim leather corduroy fleece cotton",
    "coat": "wool wool nylon cotton",
    "blazer": "wool wool cotton linen corduroy satin",
    "dress": "cotton jersey satin linen",
    "skirt": "cotton denim wool leather satin corduroy",
    "trousers": "cotton cotton wool corduroy linen jersey",
    "jeans": "denim",
    "shorts": "cotton denim jersey nylon linen",
}
_SOBER = ("plain", "heather", "pinstripes", "tartan", "windowpane", "houndstooth", "plain", "plain")
_CASUAL = ("tee", "longsleeve", "sweater", "hoodie", "vest", "dress")


@dataclass(frozen=True)
class Fabric:
    """N cloths' traits, each (N,); the names say what, see the table."""

    number: Tensor
    soft: Tensor
    crumple: Tensor
    fine: Tensor
    thickness: Tensor
    gloss: Tensor
    sharpness: Tensor
    period: Tensor
    depth: Tensor
    grain: Tensor

    def is_made_of(self, *names: str) -> Tensor:
        """Which are of one of these fabrics."""
        return is_one_of(self.number, FABRICS, names)


def pick_fabrics(seeds: Tensor, kind: Tensor, prints: Tensor) -> Fabric:
    """The fabric that each seed draws for a garment of this kind with this print."""
    device = seeds.device
    shares = torch.tensor(
        [[_WORN_AS[name].split().count(fabric) for fabric in FABRICS] for name in KINDS], device=device
    )
    rows = shares.to(torch.float32)[kind]
    number = pick_by_share(rows / rows.sum(1, keepdim=True), seeds, "fabric")
    denim = is_one_of(prints, PRINTS, ("denim",))
    number = torch.where(denim, FABRICS.index("denim"), number)
    knitted = is_one_of(prints, PRINTS, ("fair isle",))
    number = torch.where(knitted, FABRICS.index("knit"), number)
    # a coarse weave under a fine print would only be noise
    fine = ~is_one_of(prints, PRINTS, ("plain", "heather", "fair isle", "stripes", "graphic", "word"))
    traits = torch.tensor([_TRAITS[name] for name in FABRICS], dtype=torch.float32, device=device)[number]
    columns = list(traits.unbind(1))
    columns[7] = columns[7] * torch.where(fine, 0.3, 1.0)
    vary = [0.7 + 0.6 * random.uniform(seeds, random.stream(f"trait {at}")) for at in range(9)]
    columns = [column * (vary[at] if at not in (3, 5) else 1.0) for at, column in enumerate(columns)]
    return Fabric(number, *columns)


def suit_prints(seeds: Tensor, kind: Tensor, prints: Tensor) -> Tensor:
    """The drawn prints, changed where nobody would wear them: jeans are denim, suits are sober, words lie on a chest."""
    sober = is_one_of(kind, KINDS, ("blazer", "coat", "trousers")) & (
        random.uniform(seeds, random.stream("sober")) < 0.75
    )
    at = (random.hash_words(seeds, random.stream("sober print")) * len(_SOBER)) >> 32
    calm = torch.tensor([PRINTS.index(name) for name in _SOBER], device=seeds.device)[at]
    prints = torch.where(sober, calm, prints)
    once = is_one_of(prints, PRINTS, ("graphic", "word")) & ~is_one_of(kind, KINDS, _CASUAL)
    prints = torch.where(once, PRINTS.index("plain"), prints)
    wrong = is_one_of(prints, PRINTS, ("denim",)) & is_one_of(
        kind, KINDS, ("tee", "longsleeve", "polo", "vest", "sweater", "cardigan", "hoodie", "blazer", "coat")
    )
    prints = torch.where(wrong, PRINTS.index("heather"), prints)
    wrong = is_one_of(prints, PRINTS, ("fair isle",)) & ~is_one_of(kind, KINDS, ("sweater", "cardigan", "longsleeve"))
    prints = torch.where(wrong, PRINTS.index("stripes"), prints)
    return torch.where(is_one_of(kind, KINDS, ("jeans",)), PRINTS.index("denim"), prints)


def weave(fabric: Fabric, picture: Tensor, cloth: Tensor, pixel: Tensor) -> tuple[Tensor, Tensor]:
    """Height (P) and tint (P) of the weave at cloth coordinates (P, 2, cm) of garments ``picture`` (P); ``pixel`` (N) in cm."""
    u, v = cloth.unbind(1)
    period = fabric.period[picture].clamp_min(1e-3)
    # what the picture cannot resolve fades instead of making moire
    seen = ((fabric.period / pixel - 2.2) / 1.2).clamp(0, 1) * (fabric.period > 0)
    depth = (fabric.depth * seen)[picture]
    knit = fabric.is_made_of("knit")[picture]
    turn = 2 * math.pi / period
    cable = torch.cos(turn * u)
    stitch = torch.cos(turn * (1.3 * v + 0.55 * (torch.remainder(u / period, 1.0) - 0.5).abs() * period))
    ridge = torch.where(knit, cable + 0.35 * stitch, torch.cos(turn * u))
    return 0.09 * period * depth * ridge, 1.0 + 0.07 * depth * ridge
