"""The catalogue of hair styles and hair colours, and drawing one of each from a seed.

A style is a row of numbers (``hairzones.PARAMETERS``) that its grades of length, curl and fringe then bend; what a style does
not name is as in ``DEFAULTS``.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from core.engine import random
from core.engine.hair import HairColour
from core.engine.hairzones import COLUMN, PARAMETERS, HairStyle
from core.engine.random import stream

DEFAULTS: dict[str, float] = {
    "top": 0.05, "side": 0.03, "top_line": 0.088, "fade": 0.0, "length_spread": 0.25,
    "cut": -9.0, "cut_spread": 0.02, "cut_slope": 0.0,
    "fringe": 0.0, "fringe_cut": 0.062, "fringe_sweep": 0.2, "fringe_width": 0.046,
    "part": 0.0, "part_power": 0.0, "back": 0.0, "forward": 0.0, "down": 0.1, "comb_length": 0.09,
    "lift": 0.25, "side_lift": 0.5, "lift_length": 0.02, "gravity": 0.5, "stiffness": 0.55, "volume": 0.008, "face_free": 1.0,
    "curl": 0.0, "curl_wave": 0.06, "curl_start": 0.1, "frizz": 0.002, "lock": 0.45, "lock_taper": 0.65,
    "density": 1.0, "side_density": 1.0, "recede": 0.0, "crown": -1.0,
    "gather": 0.0, "gather_height": 0.3, "bun": 0.0, "tail": 0.25, "over_ears": 0.0, "width": 0.0009,
}  # fmt: skip


@dataclass(frozen=True)
class Style:
    """One entry of the catalogue."""

    name: str
    length: tuple[float, float]
    """Grades of hair length that it comes in."""
    curl: tuple[float, float]
    """Grades of hair curl."""
    fringe: tuple[float, float]
    """Grades of fringe."""
    female: float
    """How often among women, and ..."""
    male: float
    """... among men, of all styles together."""
    oldest_first: bool = False
    """Comes with age."""
    numbers: tuple[tuple[str, float], ...] = ()


def _style(name: str, length: tuple[float, float], curl: tuple[float, float], fringe: tuple[float, float],
           often: tuple[float, float], oldest_first: bool = False, **numbers: float) -> Style:  # fmt: skip
    assert set(numbers) <= set(PARAMETERS), f"{name} sets unknown numbers"
    return Style(name, length, curl, fringe, often[0], often[1], oldest_first, tuple(numbers.items()))


STYLES: tuple[Style, ...] = (
    _style("bald", (0, 0.02), (0.1, 0.4), (0, 0), (0.3, 4), density=0.0, side_density=0.0),
    _style("bald crown", (0.08, 0.25), (0.1, 0.5), (0, 0), (0, 4), True,
           recede=6.5, crown=0.085, forward=0.2, down=0.8),
    _style("buzz cut", (0.06, 0.17), (0.1, 0.6), (0, 0), (0.5, 6),
           lift=1.2, side_lift=1.0, forward=0.5, lock=0.0, frizz=0.0005, volume=0.002),
    _style("short crop", (0.22, 0.34), (0.1, 0.4), (0, 0.1), (2, 8),
           forward=0.9, lift=0.35, gravity=0.8, fade=0.5, lock=0.35, frizz=0.003),
    _style("textured fringe", (0.25, 0.36), (0.2, 0.5), (0.3, 0.6), (1, 6),
           forward=1.0, lift=0.4, gravity=0.8, fade=0.6, lock=0.6, lock_taper=0.8, fringe_sweep=0.15, frizz=0.003),
    _style("side part", (0.25, 0.38), (0, 0.3), (0, 0.1), (1, 8),
           part=0.032, part_power=1.3, back=0.35, lift=0.45, volume=0.012, lock=0.5, comb_length=0.2, gravity=0.25,
           stiffness=0.65, fade=0.35),
    _style("slicked back", (0.28, 0.38), (0, 0.25), (0, 0), (0.5, 4),
           back=1.5, lift=0.2, comb_length=0.3, gravity=0.15, stiffness=0.7, fade=0.4, lock=0.6, volume=0.006),
    _style("quiff", (0.28, 0.38), (0.05, 0.35), (0, 0), (0.5, 5),
           back=1.0, lift=1.4, lift_length=0.035, comb_length=0.2, gravity=0.2, stiffness=0.7, fade=0.7,
           volume=0.012, lock=0.65),
    _style("undercut", (0.28, 0.42), (0, 0.4), (0, 0.1), (0.7, 5),
           part=-0.03, part_power=1.2, back=0.6, lift=0.4, comb_length=0.15, gravity=0.6, volume=0.006,
           top_line=0.094, lock=0.55),
    _style("receding", (0.2, 0.32), (0.1, 0.4), (0, 0), (0, 4), True,
           recede=3.2, back=0.7, lift=0.35, density=0.8, lock=0.5),
    _style("short curls", (0.25, 0.4), (0.62, 0.85), (0, 0.2), (3, 5),
           lift=1.0, side_lift=0.8, gravity=0.15, volume=0.016, lock=0.6, fade=0.35),
    _style("afro", (0.35, 0.5), (0.9, 1), (0, 0), (2.5, 2.5),
           lift=2.6, side_lift=1.0, lift_length=0.4, fade=0.5, gravity=0.0, volume=0.02, lock=0.35, lock_taper=0.2,
           length_spread=0.25, comb_length=0.01, over_ears=0.0, frizz=0.006),
    _style("pixie", (0.26, 0.38), (0.05, 0.4), (0.35, 0.75), (4, 0.3),
           forward=0.4, part=-0.03, part_power=0.7, fringe_sweep=0.75, lift=0.45, lock=0.65, volume=0.010),
    _style("bob", (0.46, 0.56), (0, 0.25), (0, 0.1), (6, 0.5),
           part=0.025, part_power=1.2, volume=0.018, cut_spread=0.01, cut_slope=0.05, lock=0.35, over_ears=1.0),
    _style("bob with fringe", (0.44, 0.55), (0, 0.2), (0.75, 1), (5, 0.4),
           part_power=0.8, volume=0.018, cut_spread=0.006, lock=0.3, over_ears=1.0, fringe_sweep=0.0,
           fringe_width=0.052),
    _style("shoulder length", (0.55, 0.68), (0.1, 0.5), (0, 0.1), (7, 2),
           part=0.02, part_power=1.1, volume=0.016, over_ears=1.0, cut_spread=0.05),
    _style("long straight", (0.7, 1), (0, 0.2), (0, 0.1), (9, 1),
           part_power=1.1, volume=0.012, over_ears=1.0, cut_spread=0.05),
    _style("long with fringe", (0.68, 1), (0, 0.3), (0.7, 1), (6, 0.4),
           part_power=0.8, volume=0.013, over_ears=1.0, fringe_sweep=0.05, fringe_width=0.052, cut_spread=0.05),
    _style("long side fringe", (0.65, 0.95), (0.05, 0.5), (0.4, 0.7), (5, 0.3),
           part=-0.03, part_power=1.1, volume=0.015, fringe_sweep=0.9, over_ears=1.0, cut_spread=0.06),
    _style("long wavy", (0.68, 1), (0.4, 0.6), (0, 0.1), (8, 1),
           part=0.02, part_power=1.1, volume=0.022, over_ears=1.0, lock=0.6, cut_spread=0.08),
    _style("long curly", (0.6, 0.9), (0.65, 0.88), (0, 0.3), (6, 1),
           part=-0.015, part_power=0.8, volume=0.024, over_ears=1.0, face_free=1.12, lift=0.4, lift_length=0.03,
           lock=0.7, cut_spread=0.08, gravity=0.4),
    _style("ponytail", (0.55, 0.85), (0, 0.5), (0, 0.1), (4, 0.5),
           gather=1.0, gather_height=0.45, back=1.2, volume=0.004, lock=0.4),
    _style("ponytail with fringe", (0.55, 0.85), (0, 0.4), (0.6, 1), (3, 0.1),
           gather=1.0, gather_height=0.2, back=1.2, volume=0.004, lock=0.4, fringe_sweep=0.1),
    _style("bun", (0.45, 0.6), (0, 0.4), (0, 0.1), (4, 0.4),
           gather=1.0, gather_height=0.75, bun=1.0, back=1.2, volume=0.004, lock=0.4),
    _style("low bun", (0.45, 0.6), (0, 0.4), (0, 0.1), (3, 0.2), True,
           gather=1.0, gather_height=-0.15, bun=1.0, back=1.0, volume=0.006, part=0.02, part_power=0.6, lock=0.4),
)  # fmt: skip
GRADES = ("length", "curl", "fringe")
NAMES: tuple[str, ...] = tuple(style.name for style in STYLES)

_CUT_HEIGHTS = ((0.40, 0.005), (0.45, -0.035), (0.5, -0.06), (0.6, -0.12), (0.7, -0.18), (0.85, -0.27), (1.0, -0.37))
"""Grade of length -> height where long hair ends."""
_TOP_LENGTHS = (
    (0.0, 0.0015),
    (0.06, 0.003),
    (0.2, 0.016),
    (0.3, 0.042),
    (0.4, 0.075),
    (0.5, 0.11),
    (0.6, 0.16),
    (1.0, 0.5),
)
"""Grade of length -> metres on top of a head of short hair."""
_CURLS = (
    (0.0, 0.0, 0.2), (0.2, 0.0008, 0.12), (0.4, 0.009, 0.09), (0.5, 0.0125, 0.075), (0.65, 0.0115, 0.048), (0.8, 0.009, 0.032),
    (1.0, 0.005, 0.016),
)  # fmt: skip
"""Grade of curl -> radius and length of a turn, metres."""


def _interpolate(table: tuple[tuple[float, ...], ...], at: Tensor) -> Tensor:
    """Rows of a table by its first column, linear between: (B,) to (B, columns - 1)."""
    rows = torch.tensor(table, device=at.device, dtype=torch.float32)
    place = torch.searchsorted(rows[:, 0].contiguous(), at.contiguous()).clamp(1, len(rows) - 1)
    low, high = rows[place - 1], rows[place]
    share = ((at - low[:, 0]) / (high[:, 0] - low[:, 0])).clamp(0.0, 1.0)[:, None]
    return low[:, 1:] * (1 - share) + high[:, 1:] * share


@functools.lru_cache(maxsize=4)
def _table(device: str) -> Tensor:
    rows = [[dict(style.numbers).get(name, DEFAULTS[name]) for name in PARAMETERS] for style in STYLES]
    return torch.tensor(rows, device=device, dtype=torch.float32)


@dataclass(frozen=True)
class HairChoice:
    """Which style (B, index into ``STYLES``) at which grades (B each)."""

    style: Tensor
    length: Tensor
    curl: Tensor
    fringe: Tensor


def choose_styles(seeds: Tensor, female: Tensor, age: Tensor, wanted: Mapping[str, Tensor] | None = None) -> HairChoice:
    """Styles as people wear them: by sex (B, bool) and age grade (B), with grades within each style's range.

    ``wanted`` holds grades (B) by "length", "curl" or "fringe" that must be met: only styles that come with them, or the
    nearest, are drawn then.
    """
    device, wishes = seeds.device, dict(wanted or {})
    often = torch.tensor([[style.male, style.female] for style in STYLES], device=device)
    old = torch.tensor([style.oldest_first for style in STYLES], device=device)
    weight = often[:, female.long()].T + 1e-3
    weight = weight * torch.where(old[None], 0.1 + 3.0 * age[:, None] ** 2, torch.ones_like(age[:, None]))
    ends = _ranges(device)
    for place, name in enumerate(GRADES):
        if name in wishes:
            value = wishes[name][:, None]
            missed = (ends[:, 2 * place] - value).clamp_min(0.0) + (value - ends[:, 2 * place + 1]).clamp_min(0.0)
            weight = weight * torch.exp(-((missed / 0.04) ** 2)).clamp_min(1e-30) * torch.exp(-missed * 20.0)
    reached = weight.cumsum(1) / weight.sum(1, keepdim=True)
    drawn = random.uniform(seeds, stream("hair style"))
    style = (reached < drawn[:, None]).sum(1).clamp_max(len(STYLES) - 1)
    choice = fit_grades(style, *(random.uniform(seeds, stream(f"hair grade {name}")) for name in GRADES))
    return replace(choice, **{name: wishes[name].to(device) for name in GRADES if name in wishes})


def _ranges(device: torch.device) -> Tensor:
    return torch.tensor([(*s.length, *s.curl, *s.fringe) for s in STYLES], device=device, dtype=torch.float32)


def fit_grades(style: Tensor, length: Tensor, curl: Tensor, fringe: Tensor) -> HairChoice:
    """Shares 0..1 (B each) laid within the ranges of the styles (B)."""
    ends = torch.tensor([(*s.length, *s.curl, *s.fringe) for s in STYLES], device=style.device, dtype=torch.float32)[
        style
    ]
    shares = torch.stack((length, curl, fringe), 1)
    low, high = ends[:, 0::2], ends[:, 1::2]
    return HairChoice(style, *(low + (high - low) * shares).unbind(1))


def make_style(choice: HairChoice, seeds: Tensor) -> HairStyle:
    """The numbers of each head of hair: the catalogue's row, bent by the grades, a little different for each seed."""
    numbers = _table(str(choice.style.device))[choice.style].clone()

    def put(name: str, value: Tensor, where: Tensor | None = None) -> None:
        at = COLUMN[name]
        numbers[:, at] = value if where is None else torch.where(where, value, numbers[:, at])

    def vary(name: str, amount: float) -> Tensor:
        return 1.0 + amount * (2.0 * random.uniform(seeds, stream(f"hair vary {name}")) - 1.0)

    long = numbers[:, COLUMN["over_ears"]] > 0.5
    put("gravity", torch.ones_like(choice.length), long)
    put("stiffness", torch.full_like(choice.length, 0.4), long)
    tied = numbers[:, COLUMN["gather"]] > 0.5
    round_all = numbers[:, COLUMN["lift"]] > 2.0
    top = _interpolate(_TOP_LENGTHS, choice.length)[:, 0]
    numbers[:, COLUMN["top"]] = torch.where(long, torch.ones_like(top), top)
    under = choice.style == NAMES.index("undercut")
    share = torch.where(choice.length < 0.2, torch.ones_like(top), torch.full_like(top, 0.5))
    side = torch.where(long, torch.ones_like(top), top * torch.where(round_all, torch.ones_like(top), share))
    put("side", torch.where(under, torch.full_like(top, 0.004), side))
    put("cut", _interpolate(_CUT_HEIGHTS, choice.length)[:, 0], long)
    curls = _interpolate(_CURLS, choice.curl)
    put("curl", curls[:, 0] * vary("curl", 0.2))
    put("curl_wave", curls[:, 1] * vary("wave", 0.2))
    put("fringe", (choice.fringe > 0.2).to(top.dtype) * (0.55 + 0.5 * choice.fringe).clamp_max(1.0))
    put("fringe_cut", 0.096 - 0.046 * choice.fringe)
    put("tail", 0.12 + 0.35 * (choice.length - 0.5).clamp_min(0.0), tied)
    put("tail", torch.full_like(top, 0.22), numbers[:, COLUMN["bun"]] > 0.5)
    mirrored = random.uniform(seeds, stream("hair mirrored")) < 0.4
    for name in ("part", "fringe_sweep"):
        put(name, torch.where(mirrored, -1.0, 1.0) * numbers[:, COLUMN[name]] * vary(name, 0.25))
    for name, amount in (
        ("volume", 0.35),
        ("lift", 0.25),
        ("lock", 0.3),
        ("frizz", 0.5),
        ("gravity", 0.2),
        ("lock_taper", 0.2),
    ):
        put(name, numbers[:, COLUMN[name]] * vary(name, amount))
    # curls fill the air between them: fewer, wider strands stand for many
    put(
        "width",
        numbers[:, COLUMN["width"]]
        * (1.0 + 0.9 * ((choice.curl - 0.5) / 0.4).clamp(0.0, 1.0) * (choice.length > 0.22)),
    )
    put("frizz", numbers[:, COLUMN["frizz"]] + 0.004 * choice.curl**2 * (choice.length > 0.2))
    return HairStyle(numbers)


_EUMELANIN = (0.419, 0.697, 1.37)
_PHEOMELANIN = (0.187, 0.4, 1.05)
"""Absorption of hair's two pigments (d'Eon et al. 2011)."""
_COPPER = (0.25, -0.55, -0.9)
"""How much more or less of each colour red hair throws back than its pigments say, as a logarithm."""
DYES = (
    (0.50, 0.02, 0.12),
    (0.04, 0.10, 0.45),
    (0.28, 0.05, 0.42),
    (0.02, 0.30, 0.28),
    (0.70, 0.12, 0.30),
    (0.08, 0.32, 0.06),
)


def pigment_albedo(lightness: Tensor, redness: Tensor) -> Tensor:
    """Linear colour (B, 3) of natural hair, from grades of lightness and redness (B each)."""
    dark = torch.exp(
        torch.log(torch.tensor(8.0)) + (torch.log(torch.tensor(0.045)) - torch.log(torch.tensor(8.0))) * lightness
    )
    red = redness * (0.25 + 1.6 * (1.0 - lightness))
    eumelanin = dark * (1.0 - 0.75 * redness)
    absorbed = eumelanin[:, None] * dark.new_tensor(_EUMELANIN) + red[:, None] * dark.new_tensor(_PHEOMELANIN)
    # Chiang et al. 2016, eq. 9, at azimuthal roughness 0.3
    natural = torch.exp(-torch.sqrt(absorbed) * 2.6)
    # the pigments alone make a warm brown of what everybody calls red hair
    return natural * torch.exp(redness[:, None] * dark.new_tensor(_COPPER))


def make_colours(
    lightness: Tensor, redness: Tensor, grey: Tensor, seeds: Tensor, dyed: Tensor | None = None
) -> HairColour:
    """Colours from grades (B each); ``dyed`` (B, 0..1) is how much of a bright dye is laid over."""
    albedo = pigment_albedo(lightness, redness)
    if dyed is not None:
        dyes = torch.tensor(DYES, device=seeds.device)
        pick = (random.uniform(seeds, stream("hair dye")) * len(DYES)).long()
        albedo = albedo + (dyes[pick] - albedo) * dyed[:, None]
    lighter = random.uniform(seeds, stream("hair tips"))
    tip_start = torch.where(lighter < 0.12, 0.45 + 2.0 * lighter, torch.ones_like(lighter))
    return HairColour(albedo, grey, 0.15 + 0.25 * random.uniform(seeds, stream("hair spread")), albedo**0.72, tip_start)
