"""People with attributes changed: grades and controllers at a wish, and how to ask for such faces by seed.

In the population most people wear no glasses and few have red hair, and a big nose comes with the rest of its owner's face.
Faces of which some attributes are drawn anew, evenly and each apart from the others, show what an attribute alone does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from core.engine.attributes import ASKABLE, INDEX
from core.engine.controllers import INDEX as PLACE
from core.engine.faces import Choices
from core.engine.head import load_head
from core.engine.moments import draw_moments
from core.engine.people import Draws, draw_people

MOVED: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "eye_openness": (
        tuple(
            f"{name}_{side}"
            for name in ("upper_lid_raise_inner", "upper_lid_raise_outer", "lower_lid_drop")
            for side in ("left", "right")
        ),
        ("eye_blink_left", "eye_blink_right"),
    ),
    "brow_height": (
        ("brow_inner_up_left", "brow_inner_up_right", "brow_outer_up_left", "brow_outer_up_right"),
        ("brow_inner_down_left", "brow_inner_down_right", "brow_outer_down_left", "brow_outer_down_right"),
    ),
    "smile": (("mouth_smile_left", "mouth_smile_right"), ()),
    "mouth_open": (("jaw_open",), ()),
}
"""Attributes of a moment: controllers that raise them (and are at rest for less of them), and that lower them."""
PRESENCES = tuple(key for key, (_, lowered) in MOVED.items() if not lowered)
"""Those of which there is nothing to lower."""
FULL = 0.9
SHARE = 0.5
"""How likely each attribute of varied faces is drawn anew."""


def move(key: str, amounts: Tensor, controllers: Tensor) -> Tensor:
    """Controllers (N, 130) with one of MOVED at amounts (N) from -1, as little of it as there can be, to 1."""
    raised, lowered = ([PLACE[name] for name in names] for names in MOVED[key])
    moved = controllers.clone()
    moved[:, raised] = FULL * amounts[:, None].clamp(0, 1)
    moved[:, lowered] = FULL * (-amounts)[:, None].clamp(0, 1)
    return moved


def change(choices: Choices, key: str, levels: Tensor) -> Choices:
    """Faces with one attribute at levels (N) from 0, the least of it, to 1; NaN leaves a face as it was."""
    kept = levels.isnan()
    if key not in MOVED:
        assert key in choices.grades, f"choose_own() names {key}"
        return replace(choices, grades={**choices.grades, key: torch.where(kept, choices.grades[key], levels)})
    assert choices.controllers is not None
    moved = move(key, levels if key in PRESENCES else 2 * levels - 1, choices.controllers)
    return replace(choices, controllers=torch.where(kept[:, None], choices.controllers, moved))


@torch.no_grad()
def choose_own(seeds: Sequence[int]) -> Choices:
    """What people of these seeds are by themselves, as a choice that can be changed (their grey hair is then dyed)."""
    who = torch.tensor(list(seeds))
    own = draw_people(load_head(torch.device("cpu")), who).grades
    grades = {key: own[:, INDEX[key]] for key in ASKABLE if key not in MOVED}
    one = who.tolist()
    return Choices(one, one, one, draw_moments(who).controllers, grades=grades)


def vary_people(seeds: Sequence[int], pictures_each: int = 1, share: float = SHARE) -> Choices:
    """Varied faces: each attribute is drawn anew with this chance, all else is as the seed says.

    ``pictures_each`` neighbouring seeds show one person at one moment in one shot, varied apart.
    """
    every = torch.tensor(list(seeds))
    draws, varied = Draws(every), choose_own((every // pictures_each * pictures_each).tolist())
    for key in ASKABLE:
        levels = torch.where(draws.chance(f"vary {key}", share), draws.uniform(f"varied {key}"), torch.nan)
        varied = change(varied, key, levels)
    return varied
