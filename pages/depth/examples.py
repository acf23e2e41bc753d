"""Example clips of places that do not exist, drawn by the engine: ``python -m pages.depth.examples`` writes them again."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from studio.services import Services

SIZE = (256, 320)
FRAMES, RATE = 40, 8
"""Of each whole clip, and how many of them a second."""


@dataclass(frozen=True)
class Example:
    """A clip and the lens it was drawn with."""

    seed: int
    degrees: float
    """Across the longer side, as the engine knows it."""
    frames: int = FRAMES
    """How many are shown: the grain of a dim room makes a large file."""


EXAMPLES = {
    "handheld": Example(1_031_681_838, 56.9),
    "driving": Example(1_064_273_970, 56.3),
    "surveillance": Example(1_040_708_047, 76.4, 28),
}
"""The first seed of each kind of camera in a random order of seeds (``Random(4)``) that nothing is learned from."""
STILL = "still"
"""The first frame of the hand-held clip, as a picture."""


def list_examples(services: Services) -> dict[str, Path]:
    """The clips that ship, by name."""
    folder = services.settings.shipped / "examples" / "depth"
    return {name: path for name in EXAMPLES if (path := folder / f"{name}.mp4").is_file()}


def find_still(services: Services) -> Path | None:
    """The example picture, where it ships."""
    path = services.settings.shipped / "examples" / "depth" / f"{STILL}.webp"
    return path if path.is_file() else None


def write_examples(folder: Path) -> list[Path]:
    """Draw all of them into ``folder``."""
    from PIL import Image

    from core.engine.scenes import SceneChoices, scene
    from core.image import to_pixels
    from studio.clips import write_clip

    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for name, example in EXAMPLES.items():
        choices = SceneChoices(frames=(0, example.frames), frame_count=FRAMES, frames_per_second=RATE)
        drawn = scene(example.seed, SIZE, choices)
        pictures = to_pixels(drawn.frames)
        settings = {"system": "engine", "seed": example.seed, "degrees": example.degrees}
        path = folder / f"{name}.mp4"
        write_clip(path, iter(pictures), RATE, settings, (), "metadata")
        written.append(path)
        if name == "handheld":
            still = folder / f"{STILL}.webp"
            Image.fromarray(pictures[0]).save(still, quality=88, method=6)
            written.append(still)
    return written


def true_degrees(seed: int) -> float:
    """What the engine's lens of a seed sees across the longer side."""
    from core.engine.scenes import SceneChoices, scene

    choices = SceneChoices(frames=(0, 1), frame_count=FRAMES, frames_per_second=RATE, supersample=1)
    drawn = scene(seed, (64, 80), choices)
    return 2 * math.degrees(math.atan(40 / float(drawn.calibration[0, 0])))


if __name__ == "__main__":
    from studio.settings import Settings

    for made in write_examples(Settings().shipped / "examples" / "depth"):
        print(f"{made}  {made.stat().st_size / 1024:.0f} KB")
