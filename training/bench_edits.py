"""How long one edit takes with what ships, by the clock: a text on a face whose code is known, a cloth on a drawn outline."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from core.checkpoints import CheckpointMismatch, CheckpointMissing
from core.engine.garments import garments
from core.garment import predict as garment
from core.garment.templates import draw_template, template
from core.image import to_pixels
from core.textedit import predict as textedit

TEXT = "big eyes, long hair and a bit of a smile"
CUT, OUTLINE, CLOTH = "tee", 512, 256
CLOTH_SEED = 900_000_800


def median_seconds(work: Callable[[], object], repeats: int = 15) -> float:
    """Median time of a call by the clock, after three that warm up."""
    taken = []
    for _ in range(repeats + 3):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return sorted(taken[3:])[repeats // 2]


def rate_text(roots: Sequence[Path]) -> Mapping[str, float | str]:
    """Text to picture."""
    try:
        predictor = textedit.Predictor.load(roots)
        predictor.need("editor")
    except (CheckpointMissing, CheckpointMismatch) as error:
        return {"text_edit_seconds": f"An edit cannot be timed: {error}"}
    code = predictor.imagine(1)
    return {"text_edit_seconds": median_seconds(lambda: predictor.draw(predictor.steer(code, TEXT)))}


def rate_garment(roots: Sequence[Path]) -> Mapping[str, float | str]:
    """Outline and cloth to picture, both as a person gives them."""
    try:
        predictor = garment.Predictor.load(roots)
    except (CheckpointMissing, CheckpointMismatch) as error:
        return {"garment_seconds": f"A garment cannot be timed: {error}"}
    drawing = draw_template(template(CUT), OUTLINE)
    whole = to_pixels(garments([CLOTH_SEED], size=CLOTH).pixels)[0]
    cloth = whole[CLOTH // 3 : CLOTH * 2 // 3, CLOTH // 3 : CLOTH * 2 // 3]
    return {
        "garment_seconds": median_seconds(
            lambda: predictor.draw(predictor.read_shape(drawing), predictor.read_texture(cloth))
        )
    }
