"""What of a figure a caller may choose, what each seed draws where it is left open, and sentences for a wrong request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from core.engine import garment_choices, random
from core.engine.cuts import BOTTOMS, KINDS
from core.engine.people import Draws
from core.engine.poses import POSES

VIEWS = ("full", "half", "upper")
BACKGROUNDS = ("plain", "room")
LAYERS = ("bottom", "top", "whole", "outer")
"""What a worn garment may be; a whole (a dress) stands for top and bottom."""
WORN = ("bottom", "top", "outer")
"""Layers as they are drawn, inside to outside: a whole takes the place of the top."""
OUTERS = ("cardigan", "jacket", "coat", "blazer")
TOPS = ("tee", "longsleeve", "shirt", "polo", "blouse", "vest", "sweater", "hoodie")
_THIN = ("tee", "longsleeve", "shirt", "polo", "blouse", "vest")
LAYER_SEEDS = 1 << 36
"""A figure's inner garments have its own seed; each further layer has it this much higher."""


@dataclass(frozen=True)
class FigureChoices:
    """What of a figure is not left to its own seed. All may be None."""

    body_seeds: Sequence[int] | None = None
    """Who: build, face, hair, skin."""
    pose_seeds: Sequence[int] | None = None
    """How the pose is varied."""
    shot_seeds: Sequence[int] | None = None
    """Camera, light and background."""
    outline_seeds: Sequence[int] | None = None
    """The cut of what is worn, as for garments."""
    cloth_seeds: Sequence[int] | None = None
    """Print, colours and fabric of what is worn."""
    pose: str | Sequence[str] | None = None
    kind: str | Sequence[str] | None = None
    """Names of cuts.KINDS, several joined by +: ``tee+jeans+coat``. What is not named is drawn to go with it."""
    view: str | Sequence[str] | None = None
    background: str | Sequence[str] | None = None
    turn_degrees: float | None = None
    """How far all are turned to the picture's right, instead of the pose's own."""
    open_share: float | None = None
    """How far a coat or jacket is open, 0..1, instead of the seed's own."""
    sensor: bool = True
    """Whether lens and sensor leave their marks (blur, noise, JPEG)."""
    supersample: float = 1.5


def layer_of(kind: str) -> str:
    """The entry of LAYERS that a kind is worn as."""
    return "bottom" if kind in BOTTOMS else "whole" if kind == "dress" else "outer" if kind in OUTERS else "top"


def part_of(choices: FigureChoices, start: int, stop: int) -> FigureChoices:
    """The choices of figures start to stop."""
    cut = {}
    for entry in fields(FigureChoices):
        value = getattr(choices, entry.name)
        listed = isinstance(value, Sequence) and not isinstance(value, str)
        cut[entry.name] = value[start:stop] if listed else value
    return replace(choices, **cut)


def check_figures(seeds: Sequence[int], device: torch.device | str, size: int, choices: FigureChoices) -> torch.device:
    """The device, or a sentence on what is wrong."""
    plain = garment_choices.Choices(outline_seeds=choices.outline_seeds, cloth_seeds=choices.cloth_seeds)
    where = garment_choices.check_request(seeds, device, size, plain)
    _check_seeds(seeds, choices)
    for what, table in (("pose", POSES), ("view", VIEWS), ("background", BACKGROUNDS)):
        for name in _listed(getattr(choices, what), len(seeds), what):
            if name not in table:
                raise ValueError(f"There is no {what} called {name!r}; wanted one of: {', '.join(table)}.")
    for names in _listed(choices.kind, len(seeds), "kind"):
        split_kinds(names)
    return where


def _check_seeds(seeds: Sequence[int], choices: FigureChoices) -> None:
    for name in ("body_seeds", "pose_seeds", "shot_seeds"):
        given = getattr(choices, name)
        if given is not None and len(given) != len(seeds):
            raise ValueError(f"{len(given)} {name} were given for {len(seeds)} figures; wanted one for each.")
    names = ("body_seeds", "pose_seeds", "shot_seeds", "outline_seeds", "cloth_seeds")
    for given in (seeds, *(getattr(choices, name) or () for name in names)):
        wrong = [seed for seed in given if not 0 <= int(seed) < LAYER_SEEDS]
        if wrong:
            raise ValueError(
                f"{wrong[0]!r} is no seed of a figure; wanted whole numbers from 0 to {LAYER_SEEDS - 1:,}."
            )


def _listed(given: str | Sequence[str] | None, count: int, what: str) -> list[str]:
    if given is None:
        return []
    if isinstance(given, str):
        return [given] * count
    if len(given) != count:
        raise ValueError(
            f"{len(given)} {what}s were given for {count} figures; wanted one name for all or one for each."
        )
    return list(given)


def split_kinds(names: str) -> dict[str, str]:
    """``tee+jeans`` by layer."""
    worn: dict[str, str] = {}
    for name in names.split("+"):
        if name not in KINDS:
            raise ValueError(f"There is no kind called {name!r}; wanted one of: {', '.join(KINDS)}.")
        layer = layer_of(name)
        if (
            layer in worn
            or (layer == "whole" and {"top", "bottom"} & set(worn))
            or (layer in ("top", "bottom") and "whole" in worn)
        ):
            raise ValueError(
                f"{names!r} cannot be worn together; name at most one top, one bottom and one outer layer."
            )
        worn[layer] = name
    return worn


def pick_names(given: str | Sequence[str] | None, seeds: Tensor, table: tuple[str, ...], use: str) -> list[str]:
    """The caller's names, or one of the table by each seed."""
    if given is not None:
        return _listed(given, len(seeds), use)
    picked = (random.hash_words(seeds, random.stream(use)) * len(table)) >> 32
    return [table[at] for at in picked.tolist()]


def pick_outfits(seeds: Tensor, femininity: Tensor, choices: FigureChoices) -> list[dict[str, str]]:
    """What each figure wears, kinds by layer."""
    draws = Draws(seeds)
    given = _listed(choices.kind, len(seeds), "kind") if choices.kind is not None else [""] * len(seeds)
    columns = {
        name: draws.uniform(f"outfit {name}").tolist() for name in ("whole", "outer", "top", "thin", "bottom", "coat")
    }
    women = (femininity > 0.5).tolist()
    outfits = []
    for at, names in enumerate(given):
        worn = split_kinds(names) if names else {}
        at_random = {name: column[at] for name, column in columns.items()}
        dress_share = 0.32 if women[at] else 0.0
        if not names and at_random["whole"] < dress_share:
            worn["whole"] = "dress"
        if not names and at_random["outer"] < 0.33:
            worn["outer"] = OUTERS[int(at_random["coat"] * len(OUTERS))]
        if "whole" not in worn and "top" not in worn:
            table = _THIN if "outer" in worn else TOPS
            worn["top"] = table[int(at_random["top"] * len(table))]
        if "whole" not in worn and "bottom" not in worn:
            table = ("trousers", "jeans", "shorts", "jeans", "skirt", "skirt")[: 6 if women[at] else 4]
            worn["bottom"] = table[int(at_random["bottom"] * len(table))]
        outfits.append(worn)
    return outfits
