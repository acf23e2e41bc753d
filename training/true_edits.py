"""People drawn again with one attribute changed and all else kept: what an edit should look like, as the engine does it.

A judge that does not see these cannot see anybody's edits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core.engine import controllers as names_of
from core.engine.attributes import ASKABLE, INDEX
from core.engine.faces import Choices, faces
from core.engine.moments import draw_moments
from training.textedit_framing import frame_portraits

HIGH, LOW = 0.85, 0.15
_MOVED: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
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


@dataclass(frozen=True)
class TrueEdit:
    """One attribute changed one way."""

    key: str
    way: int
    pictures: Tensor
    """N framed portraits."""
    grades: Tensor
    """(N, 26) as they now truly are."""


def draw_unedited(seeds: Sequence[int], size: int, device: str = "cpu") -> tuple[Tensor, Tensor]:
    """Framed portraits and their grades."""
    return _draw(seeds, size, device, Choices())


def draw_true_edits(
    seeds: Sequence[int], size: int, device: str = "cpu", keys: Sequence[str] = ASKABLE
) -> Iterator[TrueEdit]:
    """Each of these attributes, both ways, of these people."""
    for key in keys:
        for way in (1, -1):
            choices = _move(key, way, seeds) if key in _MOVED else Choices(grades={key: HIGH if way > 0 else LOW})
            yield TrueEdit(key, way, *_draw(seeds, size, device, choices))


def _move(key: str, way: int, seeds: Sequence[int]) -> Choices:
    raised, lowered = (
        [names_of.INDEX[name] for name in names] for names in (_MOVED[key] if way > 0 else _MOVED[key][::-1])
    )
    controllers = draw_moments(torch.tensor(list(seeds))).controllers.clone()
    controllers[:, lowered] = 0.0
    controllers[:, raised] = 0.9
    return Choices(controllers=controllers)


def _draw(seeds: Sequence[int], size: int, device: str, choices: Choices) -> tuple[Tensor, Tensor]:
    batch = faces(seeds, device, size, choices)
    framed, _ = frame_portraits(batch.pixels, batch.segmentation, batch.landmarks)
    return framed.cpu(), batch.attributes.float().cpu()


def moved(edit: TrueEdit, before: Tensor) -> Tensor:
    """How far (N) the asked attribute truly moved the asked way."""
    place = INDEX[edit.key]
    return (edit.grades[:, place] - before[:, place]) * edit.way
