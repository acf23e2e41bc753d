"""People drawn again with one attribute changed and all else kept: what an edit should look like, as the engine does it.

A judge that does not see these cannot see anybody's edits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core.engine.attributes import ASKABLE, INDEX
from core.engine.changes import MOVED, move
from core.engine.faces import Choices, faces
from core.engine.moments import draw_moments
from training.textedit_framing import frame_portraits

HIGH, LOW = 0.85, 0.15


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
            choices = _move(key, way, seeds) if key in MOVED else Choices(grades={key: HIGH if way > 0 else LOW})
            yield TrueEdit(key, way, *_draw(seeds, size, device, choices))


def _move(key: str, way: int, seeds: Sequence[int]) -> Choices:
    controllers = draw_moments(torch.tensor(list(seeds))).controllers
    return Choices(controllers=move(key, torch.full((len(seeds),), float(way)), controllers))


def _draw(seeds: Sequence[int], size: int, device: str, choices: Choices) -> tuple[Tensor, Tensor]:
    batch = faces(seeds, device, size, choices)
    framed, _ = frame_portraits(batch.pixels, batch.segmentation, batch.landmarks)
    return framed.cpu(), batch.attributes.float().cpu()


def moved(edit: TrueEdit, before: Tensor) -> Tensor:
    """How far (N) the asked attribute truly moved the asked way."""
    place = INDEX[edit.key]
    return (edit.grades[:, place] - before[:, place]) * edit.way
