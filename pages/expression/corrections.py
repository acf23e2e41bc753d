"""What a person puts right on a frame that was read: the frame, what was read, and what they say it shows."""

from __future__ import annotations

import base64
import binascii
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core import checkpoints
from core.engine.characters import CHARACTERS
from core.engine.controllers import NAMES
from core.image import NotAPicture
from pages.expression.handlers import ROOM
from pages.expression.live import Turn, read_frame
from studio.annotations import Annotation
from studio.media import Medium
from studio.services import Services
from training.spec import BadRequest

KIND, CONSENT = "controllers", "expression: learning from a corrected frame"


@dataclass(frozen=True)
class Correction:
    """A frame with two sets of numbers."""

    frame: bytes
    """The JPEG of a camera that was read; empty where a kept picture was."""
    medium: str
    """The kept picture's number; empty where a frame was read."""
    character: str
    """Who was driven; empty where the browser does not say."""
    read: dict[str, float]
    """As the sliders stood when the frame was stopped."""
    right: dict[str, float]
    """As the person left them."""
    turn_degrees: Turn
    agreed: bool


def read_correction(asked: dict[str, Any]) -> Correction:
    """A correction as the browser sends it."""
    medium, character = str(asked.get("medium", "")), str(asked.get("character", ""))
    frame = b"" if medium else _frame(asked.get("frame", ""))
    if character and character not in CHARACTERS:
        raise BadRequest(f"There is no character {character!r}; there is {', '.join(CHARACTERS)}.")
    turn = asked.get("turn", (0, 0, 0))
    if len(turn) != 3 or not np.isfinite(turn).all():
        raise BadRequest("A head's turn is three numbers: yaw, pitch, roll.")
    yaw, pitch, roll = (round(float(value), 2) for value in turn)
    read, right = _named(asked.get("read")), _named(asked.get("right"))
    return Correction(frame, medium, character, read, right, (yaw, pitch, roll), bool(asked.get("agreed")))


def _frame(coded: object) -> bytes:
    try:
        frame = base64.b64decode(str(coded), validate=True)
    except (binascii.Error, ValueError) as error:
        raise NotAPicture("The frame did not arrive whole; stop it again and correct it once more.") from error
    read_frame(frame)  # a sentence where it is no camera's picture
    return frame


def _named(values: Sequence[float] | None) -> dict[str, float]:
    numbers = np.asarray(values if values is not None else (), np.float32)
    if numbers.shape != (len(NAMES),) or not np.isfinite(numbers).all():
        raise BadRequest(f"A correction is {len(NAMES)} numbers before and {len(NAMES)} after.")
    return {name: round(float(value), 4) for name, value in zip(NAMES, numbers.clip(0, 1), strict=True)}


def on_correct(services: Services, profile: str, correction: Correction) -> Annotation:
    """Keep the frame with what the person says it shows, and their consent with it."""
    if not correction.agreed:
        raise BadRequest("The frame is kept and may be learned from, so the person in it must agree: tick the box.")
    kept = _picture(services, profile, correction)
    services.people.agree(profile, kept.id, CONSENT, profile)
    turn = {"turn_degrees": list(correction.turn_degrees)}
    label = {"controllers": correction.right, **turn}
    suggestion = {"controllers": correction.read, **turn, "character": correction.character}
    return services.annotations.keep(profile, kept.id, KIND, label, suggestion, _reader(services, profile))


def _picture(services: Services, profile: str, correction: Correction) -> Medium:
    if correction.medium:
        found = services.media.get(profile, correction.medium)
        if found.kind != "upload" or not found.type.startswith("image/"):
            raise BadRequest("Only a picture that you gave can be put right.")
        return found
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "frame.jpg"
        path.write_bytes(correction.frame)
        return services.media.keep_upload(profile, ROOM, path)


def _reader(services: Services, profile: str) -> str:
    """What reads: the reader of photos, or else the converter whose pictures are read."""
    cards = {
        found.card.name: found.card
        for found in checkpoints.list_all(services.people.weight_roots(profile))
        if found.card.subject == ROOM
    }
    card = cards.get("reader") or cards.get("converter")
    return "" if card is None else f"{card.subject}/{card.name} {card.version}"
