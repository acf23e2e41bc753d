"""Crops: the square around a face, cut out at a size, points carried in and out, and a crop pasted back."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from core.image import Pixels

Points = npt.NDArray[np.float32]
"""N x 2, column and row in pixels of the whole picture."""

LEFT_EYE, RIGHT_EYE = slice(42, 48), slice(36, 42)
"""The subject's own left and right, in the order of the 68 points (Multi-PIE)."""
MIRROR = np.array(
    [
        *range(16, -1, -1),
        *range(26, 16, -1),
        *range(27, 31),
        *range(35, 30, -1),
        *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
        *range(54, 47, -1),
        *range(59, 54, -1),
        *range(64, 59, -1),
        *(67, 66, 65),
    ]
)
"""For each point the number of its mirror image."""
ROOM = 1.5
"""Side of the landmark crop over the face's extent."""
PORTRAIT_ROOM = 2.2
"""Side of a portrait over its landmarks' extent, as the engine frames faces on average."""
PORTRAIT_RISE = 0.07
"""How much of that side the portrait's middle lies above the landmarks' middle."""


@dataclass(frozen=True)
class Square:
    """A square region, possibly turned, possibly beyond the picture's edge; lengths in pixels."""

    column: float
    row: float
    side: float
    roll_degrees: float = 0.0

    def to_crop(self, size: int) -> npt.NDArray[np.float32]:
        """2 x 3 transform from picture to crop pixels (both with pixel centres at +0.5)."""
        scale = size / self.side
        cosine, sine = np.cos(np.radians(self.roll_degrees)) * scale, np.sin(np.radians(self.roll_degrees)) * scale
        turn = np.array([[cosine, sine], [-sine, cosine]])
        shift = np.array([size / 2, size / 2]) - turn @ np.array([self.column, self.row])
        return np.concatenate((turn, shift[:, None]), 1).astype(np.float32)


def square_around(points: Points, room: float = ROOM, upright: bool = False) -> Square:
    """The square around a face's landmarks; ``upright`` turns it so that the eyes lie level."""
    low, high = points.min(0), points.max(0)
    centre = (low + high) / 2
    side = float(max(high - low)) * room
    if not upright:
        return Square(float(centre[0]), float(centre[1]), side)
    across = points[LEFT_EYE].mean(0) - points[RIGHT_EYE].mean(0)
    roll = float(np.degrees(np.arctan2(across[1], across[0])))
    return Square(float(centre[0]), float(centre[1]), side, roll)


def portrait_square(points: Points) -> Square:
    """Where the portrait of a face with these landmarks lies, upright and framed as the engine frames faces."""
    square = square_around(points, PORTRAIT_ROOM, upright=True)
    return replace(square, row=square.row - PORTRAIT_RISE * square.side)


def crop(pixels: Pixels, square: Square, size: int) -> Pixels:
    """The square at size x size; beyond the edge the edge goes on."""
    import cv2

    transform = square.to_crop(size)
    source = pixels
    if square.side > 2 * size:  # shrink by area first: a plain warp would skip pixels
        factor = size / square.side
        width, height = max(1, round(pixels.shape[1] * factor)), max(1, round(pixels.shape[0] * factor))
        source = np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
        grown = np.diag([pixels.shape[1] / width, pixels.shape[0] / height, 1.0])
        transform = (np.vstack((transform, [0, 0, 1])) @ grown)[:2].astype(np.float32)
    warped = cv2.warpAffine(
        source, _for_corners(transform), (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(warped, dtype=np.uint8)


def into_crop(points: Points, square: Square, size: int) -> Points:
    """Points of the picture as points of the crop."""
    transform = square.to_crop(size)
    return (points @ transform[:, :2].T + transform[:, 2]).astype(np.float32)


def out_of_crop(points: Points, square: Square, size: int) -> Points:
    """Points of the crop as points of the picture."""
    transform = square.to_crop(size)
    return ((points - transform[:, 2]) @ np.linalg.inv(transform[:, :2]).T).astype(np.float32)


def paste(pixels: Pixels, patch: Pixels, square: Square, feather: float = 0.06) -> Pixels:
    """The picture with a square crop laid back over it, its border fading in over ``feather`` of its side."""
    import cv2

    size = patch.shape[0]
    back = cv2.invertAffineTransform(_for_corners(square.to_crop(size)))
    height, width = pixels.shape[:2]
    laid = cv2.warpAffine(patch, back, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    ramp = np.clip(np.minimum(np.arange(size) + 0.5, size - 0.5 - np.arange(size)) / max(feather * size, 1e-6), 0, 1)
    cover = np.minimum(ramp[:, None], ramp[None]).astype(np.float32)
    weight = cv2.warpAffine(cover, back, (width, height), flags=cv2.INTER_LINEAR)[..., None]
    return np.rint(laid * weight + pixels * (1 - weight)).astype(np.uint8)


def _for_corners(transform: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """OpenCV puts pixel centres at whole numbers, we at halves."""
    moved = transform.astype(np.float64).copy()
    moved[:, 2] += moved[:, :2] @ [0.5, 0.5] - 0.5
    return moved.astype(np.float32)
