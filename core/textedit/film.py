"""One edit over a clip: each frame's code starts from the frame before, text and strength stay as they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from core.image import Pixels
from core.textedit.invert import Effort
from core.textedit.predict import LatentCode, Predictor

NEXT = Effort(code_steps=4, own_steps=6, rate=0.01)
"""A frame is near the one before, so little is looked for, in small steps: large ones would flicker by themselves."""


@dataclass(frozen=True)
class Edit:
    """What is done to every frame."""

    text: str
    strength: float = 1.0
    mine: float = 1.0


def edit_frames(
    predictor: Predictor, portraits: Iterable[Pixels], edit: Edit, first: Effort | None = None, later: Effort = NEXT
) -> Iterator[Pixels]:
    """Framed portraits, in order, edited."""
    code: LatentCode | None = None
    for portrait in portraits:
        code = predictor.find(portrait, first if code is None else later, start=code)
        asked = LatentCode(code.code, code.own, edit.mine, code.difference)
        yield predictor.draw(predictor.steer(asked, edit.text, edit.strength))
