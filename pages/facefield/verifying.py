"""Same or different: two photos, or a photo and a kept head, compared as heads from several sides."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from core.facefield.heads import FaceCode
from core.facefield.predict import Predictor
from core.image import Pixels, contact_sheet, resize
from pages.facefield.handlers import ROOM, find_portrait, open_predictor, read_photo
from pages.facefield.heads import Head, code_of, get_head
from pages.facefield.pieces import look_at
from pages.facefield.sitting import find_head, keep_once
from studio.jobs import Progress
from studio.media import Medium, picture
from studio.services import Services
from training.spec import BadRequest

SIDES = (-30.0, 0.0, 30.0)
"""From where both heads are shown, degrees."""
SIDE = 160
COMPARING = "facefield verify"
CODES = "application/json"


@dataclass(frozen=True)
class Compared:
    """One of the two."""

    head: str = ""
    """A kept head's number."""
    photo: str | None = None
    """A photo's file, where no kept head is named."""


def on_verify(services: Services, profile: str, first: Compared, second: Compared) -> str:
    """Compare two, as a job: a head is looked for in each photo. Returns its number."""
    open_predictor(services, profile)
    sides = [_take(services, profile, one, which) for one, which in ((first, "first"), (second, "second"))]
    request = {"first": sides[0].id, "second": sides[1].id}
    return services.jobs.start(
        profile, COMPARING, request, lambda progress: _compare(services, profile, sides, progress)
    ).id


def _take(services: Services, profile: str, one: Compared, which: str) -> Medium:
    """The kept file of one of the two: a head's codes or a photo."""
    if one.head:
        get_head(services, profile, one.head)
        return services.media.get(profile, one.head)
    if not one.photo:
        raise BadRequest(f"The {which} is missing: give a photo, or choose one of your kept heads.")
    read_photo(services, Path(one.photo))
    return keep_once(services, profile, Path(one.photo))


def _compare(services: Services, profile: str, sides: list[Medium], progress: Progress) -> dict[str, Any]:
    heads = []
    for at, one in enumerate(sides):
        part = partial(_tell_part, progress, 0.45 * at)
        heads.append(one.id if one.type == CODES else find_head(services, profile, one, part).id)
    predictor = open_predictor(services, profile)
    codes = [code_of(services, profile, predictor, Head(number)) for number in heads]
    verdict = predictor.verify(*codes)
    progress.say(0.92)
    given = [None if one.type == CODES else find_portrait(predictor, picture(one), "The photo")[0] for one in sides]
    sheet = draw_beside(predictor, codes, given)
    said = {
        "same": bool(verdict.same),
        "score": round(float(verdict.score), 4),
        "error_rate": float(verdict.error_rate),
    }
    parents = [services.media.get(profile, number) for number in heads]
    kept = services.media.keep_picture(profile, ROOM, sheet, {"system": ROOM, **said}, parents)
    return said | {"sheet": kept.id, "heads": heads}


def _tell_part(progress: Progress, begin: float, share: float) -> None:
    progress.say(begin + 0.45 * share)


def draw_beside(predictor: Predictor, codes: list[FaceCode], portraits: list[Pixels | None]) -> Pixels:
    """A row for each: its photo where there is one, then both heads from the same sides."""
    cells: list[Pixels] = []
    for code, photo in zip(codes, portraits, strict=True):
        if any(one is not None for one in portraits):
            cells.append(np.full((SIDE, SIDE, 3), 255, np.uint8) if photo is None else resize(photo, SIDE, SIDE))
        cells += [resize(look_at(predictor, code, yaw).pixels, SIDE, SIDE) for yaw in SIDES]
    return contact_sheet(cells, len(cells) // len(codes))
