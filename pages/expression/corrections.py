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
from core.engine.controllers import NAMES
from core.image import NotAPicture
from pages.expression.handlers import ROOM
from pages.expression.live import Turn, read_frame
from studio.annotations import Annotation
from studio.services import Services
from training.spec import BadRequest

CONSENT = "expression: learning from a corrected frame"


@dataclass(frozen=True)
class Correction:
    """A frame with two sets of numbers."""

    frame: bytes
    """The JPEG that was read."""
    read: dict[str, float]
    """As the sliders stood when the frame was stopped."""
    right: dict[str, float]
    """As the person left them."""
    turn_degrees: Turn
    agreed: bool


def read_correction(asked: dict[str, Any]) -> Correction:
    """A correction as the browser sends it."""
    try:
        frame = base64.b64decode(str(asked.get("frame", "")), validate=True)
    except (binascii.Error, ValueError) as error:
        raise NotAPicture("The frame did not arrive whole; stop it again and correct it once more.") from error
    read_frame(frame)  # a sentence where it is no camera's picture
    turn = asked.get("turn", (0, 0, 0))
    if len(turn) != 3 or not np.isfinite(turn).all():
        raise BadRequest("A head's turn is three numbers: yaw, pitch, roll.")
    yaw, pitch, roll = (round(float(value), 2) for value in turn)
    return Correction(
        frame, _named(asked.get("read")), _named(asked.get("right")), (yaw, pitch, roll), bool(asked.get("agreed"))
    )


def _named(values: Sequence[float] | None) -> dict[str, float]:
    numbers = np.asarray(values if values is not None else (), np.float32)
    if numbers.shape != (len(NAMES),) or not np.isfinite(numbers).all():
        raise BadRequest(f"A correction is {len(NAMES)} numbers before and {len(NAMES)} after.")
    return {name: round(float(value), 4) for name, value in zip(NAMES, numbers.clip(0, 1), strict=True)}


def on_correct(services: Services, profile: str, correction: Correction) -> Annotation:
    """Keep the frame with what the person says it shows, and their consent with it."""
    if not correction.agreed:
        raise BadRequest("The frame is kept and may be learned from, so the person in it must agree: tick the box.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "frame.jpg"
        path.write_bytes(correction.frame)
        kept = services.media.keep_upload(profile, ROOM, path)
    services.people.agree(profile, kept.id, CONSENT, profile)
    label = {"controllers": correction.right, "turn_degrees": list(correction.turn_degrees)}
    suggestion = {"controllers": correction.read, "turn_degrees": list(correction.turn_degrees)}
    return services.annotations.keep(profile, kept.id, "controllers", label, suggestion, _reader(services, profile))


def _reader(services: Services, profile: str) -> str:
    try:
        card = checkpoints.find(ROOM, "converter", services.people.weight_roots(profile)).card
    except checkpoints.CheckpointMissing:
        return ""
    return f"{card.subject}/{card.name} {card.version}"
