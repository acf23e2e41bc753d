"""What the browser's viewer wants of a reading, in one file: frames as JPEG, distances and masks in two bytes a pixel."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import numpy as np

from core.depth.clip import DepthClip
from core.image import Pixels
from pages.depth.colours import MAPS, colour_range, table

MOST_VALUES = 8_000_000
"""Pixels of all frames together whose distances are sent; of longer clips every second pixel, or every third."""
LEVELS = 16_383
"""Distances are logarithms in so many steps (0.06 % each for 5 cm to 1 km); two bits beside them are the masks."""
STATIC, MOVING = 1, 2
QUALITY = 85


def write_pack(clip: DepthClip, path: Path) -> None:
    """Length of the JSON, the JSON, then the values (T, h, w) and the pictures one after the other."""
    values, low, high = encode(clip)
    pictures = [_pack_picture(frame) for frame in clip.frames]
    near, far = colour_range(clip)
    told = {
        "frames": len(clip), "width": clip.lens.width, "height": clip.lens.height,
        "wide": values.shape[2], "high": values.shape[1], "rate": clip.frames_per_second,
        "low": low, "top": high, "levels": LEVELS, "near": near, "far": far,
        "pictures": [len(one) for one in pictures],
        "maps": {name: table(name).reshape(-1).tolist() for name in MAPS},
    }  # fmt: skip
    head = json.dumps(told, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 4)
    with path.open("wb") as opened:
        opened.write(len(head).to_bytes(4, "little") + head)
        opened.write(values.tobytes() + b"\0" * (-values.nbytes % 4))
        for one in pictures:
            opened.write(one)


def encode(clip: DepthClip) -> tuple[np.ndarray, float, float]:
    """Distances (T, h, w) as uint16 with the masks in the two lowest bits, and the logarithms of the first and last step."""
    step = max(1, math.ceil(math.sqrt(clip.metres.size / MOST_VALUES)))
    thin = slice(step // 2, None, step)
    logs = np.log(np.maximum(clip.metres[:, thin, thin], 1e-4))
    low, high = float(logs.min()), float(logs.max())
    steps = np.rint((logs - low) / max(high - low, 1e-9) * LEVELS).astype("<u2")
    masks = STATIC * clip.static[:, thin, thin] + MOVING * clip.moving[:, thin, thin]
    return steps * np.uint16(4) + masks.astype("<u2"), low, high


def _pack_picture(frame: Pixels) -> bytes:
    from PIL import Image

    kept = io.BytesIO()
    Image.fromarray(frame).save(kept, "JPEG", quality=QUALITY)
    return kept.getvalue()
