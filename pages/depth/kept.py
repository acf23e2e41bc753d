"""A reading kept as a file, so that a later click, another scale and every export find it as it was."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np

from core.camera import Intrinsics
from core.depth.clip import DepthClip

FRAMES = "frames"
MASKS = ("moving", "static")


class ReadingLost(LookupError):
    """A kept reading cannot be read any more; the message says what to do."""


def write_reading(clip: DepthClip, path: Path) -> None:
    """Everything that was read, in numbers and uncompressed: a click reads it back at once."""
    lens = clip.lens
    with path.open("wb") as opened:
        np.savez(
            opened,
            frames=clip.frames,
            metres=clip.metres,
            poses=clip.poses,
            lens=np.array([lens.focal_x, lens.focal_y, lens.centre_x, lens.centre_y, lens.width, lens.height]),
            frames_per_second=np.array(clip.frames_per_second),
            moving=np.packbits(clip.moving),
            static=np.packbits(clip.static),
            notes=np.array(json.dumps(clip.notes)),
        )


def read_reading(path: Path, pictures: bool = True) -> DepthClip:
    """A kept reading; without ``pictures`` its frames and masks are empty ones of the right shape, which is quicker."""
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as held:
            metres = held["metres"]
            shape = metres.shape
            masks = [_read_mask(held[name], shape) if pictures else _nothing(shape, bool) for name in MASKS]
            frames = held[FRAMES] if pictures else _nothing((*shape, 3), np.uint8)
            focal_x, focal_y, centre_x, centre_y, width, height = (float(one) for one in held["lens"])
            lens = Intrinsics(focal_x, focal_y, centre_x, centre_y, round(width), round(height))
            rate, notes = float(held["frames_per_second"]), tuple(json.loads(str(held["notes"])))
            return DepthClip(frames, metres, held["poses"], lens, rate, masks[0], masks[1], notes)
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ReadingLost(f"What was read of this clip is no longer there ({error}); read it again.") from error


def _read_mask(bits: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return np.unpackbits(bits, count=int(np.prod(shape))).reshape(shape).astype(bool)


def _nothing(shape: tuple[int, ...], kind: type) -> np.ndarray:
    return np.broadcast_to(np.zeros((), kind), shape)
