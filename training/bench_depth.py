"""How many frames of 320 x 256 a second become distances with what ships; medians by the clock."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.depth.predict import Predictor
from core.engine.scenes import SceneChoices, scene
from core.image import to_pixels
from training.bench_live import median_milliseconds


def rate_depth(roots: Sequence[Path], size: tuple[int, int] = (256, 320)) -> dict[str, float]:
    """Frames a second, one at a time; and milliseconds of the motion between two frames, distances of the first included."""
    predictor = Predictor.load(roots)
    clip = scene(900_000_700, size, SceneChoices(frames=(0, 2), supersample=1))
    first, second = to_pixels(clip.frames)
    return {
        "depth_fps": 1000 / median_milliseconds(lambda: predictor.depth(first), 30),
        "depth_motion_ms": median_milliseconds(lambda: predictor.motion(first, second), 10),
    }
