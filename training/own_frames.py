"""A person's own pictures for a personal fine-tune: a clip or a folder, faces followed and cut out as the encoder sees them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.expression.predict import crop_face
from core.face.reader import FaceReader
from core.image import Pixels, flatten, read_picture, to_tensor
from training.spec import BadRequest

PICTURES = (".png", ".jpg", ".jpeg", ".webp")
FRAMES_PER_SECOND, MOST, FEWEST = 8.0, 480, 24
HELD_BACK = 5
"""Every fifth second (or fifth of a folder) is kept to measure on."""
BLOCK = 8
"""Frames beside each other that are kept back together: neighbours are nearly the same picture."""


def read_own(path: Path, roots: list[Path], size: int) -> tuple[Tensor, Tensor]:
    """Crops to learn from and crops held back, N x 3 x size x size."""
    reader = FaceReader.load(roots)
    crops: list[Pixels] = []
    face = None
    for frame in _frames(path):
        face = reader.follow(frame, face)
        if face is not None:
            crops.append(crop_face(frame, face, size))
    if len(crops) < FEWEST:
        raise BadRequest(
            f"{path.name} shows a face in {len(crops)} frames; at least {FEWEST} are wanted, better a clip of 20 to 60 "
            "seconds, the face towards the camera, in good light."
        )
    back = torch.tensor([at // BLOCK % HELD_BACK == HELD_BACK - 1 for at in range(len(crops))])
    if not back.any():
        back[-len(crops) // HELD_BACK :] = True
    whole = to_tensor(crops)
    return whole[~back], whole[back]


def _frames(path: Path) -> Iterator[Pixels]:
    if path.is_dir():
        pictures = sorted(one for one in path.rglob("*") if one.suffix.lower() in PICTURES)
        yield from (flatten(read_picture(one)) for one in pictures[:MOST])
        return
    import av

    try:
        with av.open(str(path), metadata_errors="ignore") as container:
            taken, wanted = 0, 0.0
            for frame in container.decode(container.streams.video[0]):
                if float(frame.time or 0.0) < wanted or taken >= MOST:
                    continue
                taken, wanted = taken + 1, wanted + 1.0 / FRAMES_PER_SECOND
                yield np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)
    except (av.FFmpegError, IndexError) as error:
        raise BadRequest(f"{path.name} cannot be read as a clip ({error}).") from error
