"""Frames of a given clip or picture: taken at an even rate, and no larger than they are read at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.image import Pixels, flatten, read_picture, resize
from studio.clips import frames
from studio.uploads import UploadRefused

LARGEST_SIDE = 640
"""Frames are read at fewer pixels than this; keeping more would only fill the memory."""
Tell = Callable[[float], None]
"""Told how far the work is, 0 to 1."""


@dataclass(frozen=True)
class Footage:
    """What is read of a clip; a picture is a clip of one frame."""

    frames: tuple[Pixels, ...]
    frames_per_second: float
    notes: tuple[str, ...] = ()
    """Sentences about what was left out."""


def read_still(path: Path) -> Footage:
    """A picture as a clip of one frame."""
    return Footage((shrink(flatten(read_picture(path))),), 1.0)


def read_footage(path: Path, rate: float, most: int, seconds: float = 0.0, tell: Tell = lambda _: None) -> Footage:
    """At most so many frames of a clip, ``rate`` a second (or its own rate, where that is lower).

    ``seconds`` is how long the file says it is, for the progress and for the note where its end is left out.
    """
    taken: list[Pixels] = []
    times: list[float] = []
    begins: float | None = None
    for at, frame in frames(path):
        begins = at if begins is None else begins
        if at - begins < len(taken) / rate - 1e-3:
            continue
        if len(taken) == most:
            return Footage(tuple(taken), _pace(times, rate), (_cut_short(most, times[-1] - times[0], seconds),))
        taken.append(shrink(frame))
        times.append(at)
        tell(min(max(len(taken) / most, (at - begins) / seconds if seconds else 0.0), 1.0))
    if not taken:
        raise UploadRefused(f"{path.name} holds no frame that can be read.")
    return Footage(tuple(taken), _pace(times, rate))


def shrink(frame: Pixels) -> Pixels:
    """A frame whose longer side is within the limit."""
    scale = LARGEST_SIDE / max(frame.shape[:2])
    if scale >= 1:
        return frame
    return resize(frame, max(1, round(frame.shape[1] * scale)), max(1, round(frame.shape[0] * scale)))


def _pace(times: list[float], rate: float) -> float:
    """The rate at which frames were really taken; phones film at uneven ones."""
    gaps = np.diff(times)
    return float(1 / gaps.mean()) if len(gaps) and gaps.mean() > 0 else rate


def _cut_short(most: int, read: float, seconds: float) -> str:
    whole = f" of {seconds:.1f} s" if seconds else ""
    return f"Only the first {most} frames ({read:.1f} s{whole}) were read; take fewer frames a second, or cut the clip."
