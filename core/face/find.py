"""Faces in a whole picture: our own finder, and OpenCV's frontal cascade beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from core.face.align import Square
from core.image import Pixels, to_tensor

if TYPE_CHECKING:
    from core.face.networks import FinderNet

TOO_SMALL = 12
"""A face of fewer pixels has nothing to read."""


@dataclass(frozen=True)
class Candidate:
    """A region that may hold a face. ``side`` of the square is the face's extent, without room around."""

    square: Square
    score: float


class Cascade:
    """The frontal cascade that OpenCV ships (Viola 2001): quick, frontal only, and apt to jump."""

    def __init__(self) -> None:
        import cv2

        path = f"{cv2.data.haarcascades}haarcascade_frontalface_default.xml"  # pyright: ignore[reportAttributeAccessIssue]
        self._detector: Any = cv2.CascadeClassifier(path)
        assert not self._detector.empty()

    def find(self, pixels: Pixels) -> list[Candidate]:
        """Frontal faces, largest first."""
        import cv2

        grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
        factor = min(1.0, 320 / max(grey.shape))
        small = cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA) if factor < 1 else grey
        boxes = self._detector.detectMultiScale(small, 1.15, 4, minSize=(24, 24))
        found = [
            Candidate(Square((x + w / 2) / factor, (y + 0.56 * h) / factor, 0.86 * w / factor), 0.5)
            for x, y, w, h in (boxes if len(boxes) else [])
        ]
        return sorted(found, key=lambda one: -one.square.side)


@torch.no_grad()
def find_with(net: FinderNet, pixels: Pixels, size: int, threshold: float = 0.3, most: int = 8) -> list[Candidate]:
    """Faces by our own finder, surest first; overlapping ones are the same face."""
    import cv2

    factor = size / max(pixels.shape[:2])
    width, height = (max(8, round(side * factor / 8) * 8) for side in (pixels.shape[1], pixels.shape[0]))
    shrink = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    small = np.asarray(cv2.resize(pixels, (width, height), interpolation=shrink), dtype=np.uint8)
    heat, right, down, extent = net(to_tensor(small))[0].float().unbind()
    score = heat.sigmoid()
    peak = score == torch.nn.functional.max_pool2d(score[None], 3, 1, 1)[0]
    rows, columns = torch.nonzero(peak & (score > threshold), as_tuple=True)
    across, along = pixels.shape[1] / width, pixels.shape[0] / height
    candidates = [
        Candidate(
            Square(
                float(column + right[row, column]) * 8 * across,
                float(row + down[row, column]) * 8 * along,
                float(extent[row, column].exp()) * 8 * (across + along) / 2,
            ),
            float(score[row, column]),
        )
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
    ]
    return keep_apart(sorted(candidates, key=lambda one: -one.score))[:most]


def keep_apart(candidates: list[Candidate]) -> list[Candidate]:
    """Of candidates whose centres lie within half a face of each other, the first."""
    kept: list[Candidate] = []
    for one in candidates:
        if one.square.side >= TOO_SMALL and all(_distance(one.square, other.square) > 0.5 for other in kept):
            kept.append(one)
    return kept


def _distance(one: Square, other: Square) -> float:
    apart = np.hypot(one.column - other.column, one.row - other.row)
    return float(apart / max(one.side, other.side, 1e-6))
