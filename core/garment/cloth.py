"""A cloth cut from a photo, laid where the texture encoder looks for it; and the colours that garments are judged by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from core.garment.frame import Frame, cut_frame, frame_of
from core.garment.outline import WORKED_AT
from core.garment.weave import carry_on
from core.image import Pixels, mask_to_tensor, resize, to_tensor

LEAST_PIXELS = 64
"""A cloth shows at least this many."""
LAID = 0.4
"""Side of a square cloth of the same area over the aligned picture's side, where nobody says how large it is."""
TRIMMED, EVENED = 128, 0.6
"""A laid crop loses one part in so many of the picture's side at its edge; light that changes over more than such a share of
its own side is evened out."""
COLOURS = 3


class NotACloth(ValueError):
    """What was given shows no cloth; the message says what was found and what is wanted."""


@dataclass(frozen=True)
class Cloth:
    """A piece of cloth as it was cut out."""

    pixels: Pixels
    seen: npt.NDArray[np.uint8]
    """0 or 255: where it shows cloth."""
    notes: tuple[str, ...] = ()


def read_cloth(picture: npt.NDArray[np.generic], seen: npt.NDArray[np.generic] | None = None) -> Cloth:
    """A picture of cloth (uint8 H x W x 3, or x 4 with transparency); ``seen`` says where, else its transparency does."""
    pixels: npt.NDArray[Any] = np.asarray(picture)
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in (3, 4):
        raise NotACloth(f"The cloth is {pixels.dtype} {pixels.shape}; wanted uint8 of height x width x 3 or 4.")
    shown: npt.NDArray[Any]
    if seen is None:
        shown = pixels[..., 3] if pixels.shape[2] == 4 else np.full(pixels.shape[:2], 255, np.uint8)
    else:
        shown = np.asarray(seen)
        if shown.shape != pixels.shape[:2]:
            raise NotACloth(f"The cloth is {pixels.shape[:2]} and what is seen of it {shown.shape}; wanted one size.")
        shown = (shown > (0 if shown.dtype == np.bool_ else 127)).astype(np.uint8) * 255
    notes: tuple[str, ...] = ()
    height, width = shown.shape
    if max(height, width) > WORKED_AT:
        scale = WORKED_AT / max(height, width)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        pixels, shown = resize(np.ascontiguousarray(pixels[..., :3]), *size), resize(np.ascontiguousarray(shown), *size)
        notes = (f"The cloth of {width} x {height} pixels was read at {size[0]} x {size[1]}.",)
    solid = np.asarray((shown > 127) * 255, np.uint8)
    count = int((solid > 0).sum())
    if count < LEAST_PIXELS:
        raise NotACloth(
            f"The cloth shows {count} pixels; wanted {LEAST_PIXELS} or more. Crop a larger piece, or take a sharper photo."
        )
    return Cloth(np.ascontiguousarray(pixels[..., :3]), solid, notes)


def lay(cloth: Cloth, size: int, scale: float = 1.0, turn_degrees: float = 0.0) -> tuple[Tensor, Tensor]:
    """The cloth in the middle of an aligned picture: pixels 1 x 3 x S x S and where it is seen, 1 x 1 x S x S.

    At ``scale`` 1 its area is that of a square of LAID of the side; ``turn_degrees`` turns it clockwise.
    """
    if not 0.1 <= scale <= 10:
        raise NotACloth(f"The cloth's scale is {scale}; wanted 0.1 to 10, where 1 is the usual size.")
    pixels, seen = to_tensor(cloth.pixels), mask_to_tensor(cloth.seen)
    if turn_degrees:
        pixels, seen = _turn(pixels, seen, turn_degrees)
    box = frame_of(seen[0, 0])
    area = float((seen > 0.5).sum())
    frame = Frame(box.column, box.row, area**0.5 / (LAID * scale))
    laid = cut_frame(pixels * seen, [frame], size, 0.0), cut_frame(seen, [frame], size, 0.0)
    known = (laid[1] > 0.5).to(torch.float32)
    return laid[0] / laid[1].clamp_min(1e-3) * known, known


def even_out(cloth: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    """A laid crop as a sample of its cloth: its edge, which holds some of what lay beside it, and light that falls on one side
    of it are taken off, or each copy of it would show as a patch."""
    reach = max(1, cloth.shape[-1] // TRIMMED)
    inner = 1 - F.max_pool2d(1 - seen, 2 * reach + 1, 1, reach)
    if float(inner.sum()) >= 0.4 * float(seen.sum()):
        seen = inner
    coarser = max(1, cloth.shape[-1] // TRIMMED)  # soft light needs few pixels
    share = F.avg_pool2d(seen, coarser)
    bright = F.avg_pool2d((cloth.mean(1, keepdim=True) + 1) / 2 * seen, coarser)
    usual = bright.sum() / share.sum().clamp_min(1e-4)
    half = max(1, round(EVENED * float(share.sum()) ** 0.5 / 2))
    for _ in range(2):  # two boxes make a soft window
        bright, near = (_box(one, half) for one in (bright, share))
        bright = bright / near.clamp_min(1e-4) * share
    gain = (usual * share / bright.clamp_min(1e-4)).clamp(0.5, 2.0)
    gain = F.interpolate(carry_on(gain * (share > 0), (share > 0).float()), cloth.shape[2:], mode="bilinear")
    return ((cloth + 1) * gain - 1).clamp(-1, 1) * seen, seen


def _box(maps: Tensor, half: int) -> Tensor:
    """Means over squares, along rows and then along columns."""
    wide = 2 * half + 1
    return F.avg_pool2d(F.avg_pool2d(maps, (1, wide), 1, (0, half)), (wide, 1), 1, (half, 0))


def _turn(pixels: Tensor, seen: Tensor, degrees: float) -> tuple[Tensor, Tensor]:
    height, width = seen.shape[2:]
    side = int(np.ceil(np.hypot(height, width)))
    radians = np.radians(degrees)
    cosine, sine = float(np.cos(radians)), float(np.sin(radians))
    rows = [[cosine * side / width, sine * side / width, 0.0], [-sine * side / height, cosine * side / height, 0.0]]
    grid = F.affine_grid(torch.tensor([rows]), [1, 1, side, side], align_corners=False)
    both = torch.cat((pixels * seen, seen), 1)
    turned = F.grid_sample(both, grid, padding_mode="zeros", align_corners=False)
    return turned[:, :3] / turned[:, 3:].clamp_min(1e-3), turned[:, 3:]


def dominant_colours(colours: npt.NDArray[np.floating], count: int = COLOURS) -> npt.NDArray[np.float64]:
    """The most common colours (count, 4) of rows in Lab, with their shares; by k-means from the lightness's quantiles."""
    rows = colours[:: max(1, len(colours) // 4096)].astype(np.float64)
    order = np.argsort(rows[:, 0], kind="stable")
    centres = rows[order[(np.linspace(0.1, 0.9, count) * (len(rows) - 1)).astype(int)]]
    nearest = np.zeros(len(rows), np.int64)
    for _ in range(12):
        nearest = ((rows[:, None] - centres[None]) ** 2).sum(2).argmin(1)
        centres = np.stack(
            [rows[nearest == at].mean(0) if (nearest == at).any() else centres[at] for at in range(count)]
        )
    shares = np.bincount(nearest, minlength=count) / len(rows)
    return np.column_stack((centres, shares))


def colour_difference(one: tuple[Pixels, npt.NDArray[np.uint8]], other: tuple[Pixels, npt.NDArray[np.uint8]]) -> float:
    """CIEDE2000 between the dominant colours of two pictures, each where it is seen, matched so that little must change."""
    from scipy.optimize import linprog
    from skimage.color import deltaE_ciede2000, rgb2lab

    if not (one[1] > 127).any() or not (other[1] > 127).any():
        return float("nan")
    mine, yours = (dominant_colours(rgb2lab(pixels[seen > 127][None] / 255.0)[0]) for pixels, seen in (one, other))
    apart = deltaE_ciede2000(mine[:, None, :3], yours[None, :, :3])
    # shares of one are carried to shares of the other at least cost (earth mover's distance, Rubner 2000)
    count = len(mine)
    rows = np.zeros((2 * count, count * count))
    for at in range(count):
        rows[at, at * count : at * count + count] = 1
        rows[count + at, at::count] = 1
    moved = linprog(np.ravel(apart), A_eq=rows[:-1], b_eq=np.concatenate((mine[:, 3], yours[:-1, 3])))
    return float(moved.fun) if moved.success else float(np.diag(apart).mean())
