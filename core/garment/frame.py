"""Where a garment lies in a picture, and the square in which every garment is the same size: aligned by its mask."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

FILLED = 0.86
"""Longer side of an aligned garment's box over the picture's side."""


@dataclass(frozen=True)
class Frame:
    """A square of a picture, in pixels."""

    column: float
    row: float
    """Its middle."""
    side: float


def frame_of(mask: Tensor) -> Frame:
    """The aligned square around a mask (H x W, bool or 0..1); an empty mask gives the whole picture."""
    inside = mask > 0.5
    height, width = mask.shape
    if not bool(inside.any()):
        return Frame(width / 2, height / 2, float(max(width, height)))
    rows, columns = torch.nonzero(inside.any(1))[:, 0], torch.nonzero(inside.any(0))[:, 0]
    low, high = (int(columns[0]), int(rows[0])), (int(columns[-1]) + 1, int(rows[-1]) + 1)
    side = max(high[0] - low[0], high[1] - low[1]) / FILLED
    return Frame((low[0] + high[0]) / 2, (low[1] + high[1]) / 2, side)


def cut_frame(maps: Tensor, frames: list[Frame], size: int, ground: float) -> Tensor:
    """The squares (N x C x size x size) of pictures N x C x H x W; outside of a picture there is ``ground``."""
    height, width = maps.shape[2:]
    rows = [
        [
            [frame.side / width, 0.0, 2 * frame.column / width - 1],
            [0.0, frame.side / height, 2 * frame.row / height - 1],
        ]
        for frame in frames
    ]
    transform = torch.tensor(rows, dtype=maps.dtype, device=maps.device)
    # a square that is much reduced is sampled finely and averaged, so that no thread flickers
    finer = max(1, min(8, round(max(frame.side for frame in frames) / size)))
    grid = F.affine_grid(transform, [len(maps), maps.shape[1], size * finer, size * finer], align_corners=False)
    cut = F.grid_sample(maps - ground, grid, mode="bilinear", padding_mode="zeros", align_corners=False) + ground
    return F.avg_pool2d(cut, finer) if finer > 1 else cut


def put_back(maps: Tensor, frame: Frame, size: tuple[int, int], ground: float) -> Tensor:
    """An aligned square (1 x C x S x S) where it came from, in a picture of ``size`` (height, width)."""
    height, width = size
    rows = [
        [width / frame.side, 0.0, (width - 2 * frame.column) / frame.side],
        [0.0, height / frame.side, (height - 2 * frame.row) / frame.side],
    ]
    transform = torch.tensor([rows], dtype=maps.dtype, device=maps.device)
    grid = F.affine_grid(transform, [1, maps.shape[1], height, width], align_corners=False)
    return F.grid_sample(maps - ground, grid, mode="bilinear", padding_mode="zeros", align_corners=False) + ground


def align(pictures: Tensor, masks: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Pictures on white with their masks (N x 1 x H x W), each brought to the common scale."""
    frames = [frame_of(mask[0]) for mask in masks]
    return cut_frame(pictures, frames, size, 1.0), cut_frame(masks, frames, size, 0.0)
