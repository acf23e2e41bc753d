"""The picture convention, and the only place where it is converted.

Inside: float32 RGB, N x C x H x W, in [-1, 1]. Outside: uint8 RGB pixels, H x W x C. A mask is one channel, in [0, 1]
inside, 0 or 255 outside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import torch

Pixels = npt.NDArray[np.uint8]
"""One picture outside: uint8, height x width x 3 (or x 4 with transparency)."""
Mask = npt.NDArray[np.uint8]
"""One mask outside: uint8, height x width, 0 or 255."""


class NotAPicture(ValueError):
    """What was given cannot be read as a picture; the message says what was wanted."""


def check_pixels(pixels: npt.NDArray[np.generic], what: str = "The picture") -> Pixels:
    """The same array, known to be uint8 H x W x 3."""
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise NotAPicture(f"{what} is {pixels.dtype} {pixels.shape}; wanted uint8 of height x width x 3 (RGB).")
    if min(pixels.shape[:2]) < 1:
        raise NotAPicture(f"{what} is empty ({pixels.shape[1]} x {pixels.shape[0]} pixels).")
    return pixels  # pyright: ignore[reportReturnType]


def to_tensor(pixels: Pixels | Sequence[Pixels]) -> torch.Tensor:
    """Pixels (one, or several of one size) to N x 3 x H x W in [-1, 1]."""
    import torch

    batch = np.stack(pixels) if not isinstance(pixels, np.ndarray) else pixels if pixels.ndim == 4 else pixels[None]
    return torch.from_numpy(np.ascontiguousarray(batch)).permute(0, 3, 1, 2).to(torch.float32).div_(127.5).sub_(1.0)


def to_pixels(pictures: torch.Tensor) -> npt.NDArray[np.uint8]:
    """N x C x H x W in [-1, 1] to uint8 N x H x W x C; values outside are clipped."""
    import torch

    scaled = pictures.detach().to(torch.float32).add(1.0).mul(127.5).round_().clamp_(0, 255)
    return scaled.to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()


def mask_to_tensor(mask: Mask | Sequence[Mask]) -> torch.Tensor:
    """Masks (one, or several of one size) to N x 1 x H x W in [0, 1]."""
    import torch

    batch = np.stack(mask) if not isinstance(mask, np.ndarray) else mask if mask.ndim == 3 else mask[None]
    return torch.from_numpy(np.ascontiguousarray(batch))[:, None].to(torch.float32).div_(255.0)


def read_picture(path: Path) -> Pixels:
    """A picture file as upright RGB pixels (EXIF rotation applied, transparency laid on white)."""
    from PIL import Image as PillowImage
    from PIL import ImageOps, UnidentifiedImageError

    try:
        with PillowImage.open(path) as opened:
            upright = ImageOps.exif_transpose(opened)
            return flatten(np.asarray(upright.convert("RGBA"), dtype=np.uint8))
    except (UnidentifiedImageError, PillowImage.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise NotAPicture(f"{path.name} cannot be read as a picture ({error}); wanted PNG, JPEG or WebP.") from error


def write_picture(path: Path, pixels: Pixels | Mask) -> None:
    """Pixels or a mask to a file whose ending says the format; the file appears whole or not at all."""
    from PIL import Image as PillowImage

    partial = path.with_name(f".{path.name}.partial{path.suffix}")
    PillowImage.fromarray(pixels).save(partial)
    partial.replace(path)


def flatten(pixels: Pixels, ground: tuple[int, int, int] = (255, 255, 255)) -> Pixels:
    """RGBA pixels laid on a plain ground; RGB passes through."""
    if pixels.shape[2] == 3:
        return pixels
    opacity = pixels[..., 3:].astype(np.float32) / 255.0
    laid = pixels[..., :3] * opacity + np.asarray(ground, dtype=np.float32) * (1.0 - opacity)
    return np.rint(laid).astype(np.uint8)


def resize(pixels: Pixels, width: int, height: int) -> Pixels:
    """The picture at exactly width x height, area-filtered when it shrinks."""
    import cv2

    shrinks = width * height < pixels.shape[0] * pixels.shape[1]
    resized = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    return np.asarray(resized, dtype=np.uint8)


def contact_sheet(pictures: Sequence[Pixels], columns: int, gap: int = 4, ground: int = 255) -> Pixels:
    """Pictures of one size laid in rows, for looking at many at once."""
    height, width = pictures[0].shape[:2]
    rows = -(-len(pictures) // columns)
    sheet = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, 3), ground, dtype=np.uint8)
    for index, picture in enumerate(pictures):
        top = gap + (index // columns) * (height + gap)
        left = gap + (index % columns) * (width + gap)
        sheet[top : top + height, left : left + width] = flatten(picture)
    return sheet
