"""Portraits as predictors frame photos: upright, the face of one size."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from core.face.align import LEFT_EYE, PORTRAIT_RISE, PORTRAIT_ROOM, RIGHT_EYE


def find_squares(landmarks: Tensor) -> Tensor:
    """(N, 4) centre, side and roll in radians of the portraits of faces with these landmarks (N, 68, 2), in pixels."""
    points = landmarks[..., :2].float()
    low, high = points.amin(1), points.amax(1)
    side = (high - low).amax(1) * PORTRAIT_ROOM
    centre = (low + high) / 2 - torch.stack((torch.zeros_like(side), PORTRAIT_RISE * side), 1)
    across = points[:, LEFT_EYE].mean(1) - points[:, RIGHT_EYE].mean(1)
    return torch.cat((centre, side[:, None], torch.atan2(across[:, 1], across[:, 0])[:, None]), 1)


def find_frames(landmarks: Tensor, size: int) -> Tensor:
    """For faces with these landmarks, in pixels, N x 2 x 3: places of the portrait to places of the picture, both in
    [-1, 1]."""
    squares = find_squares(landmarks)
    across = torch.stack((squares[:, 3].cos(), squares[:, 3].sin()), 1)
    turn = (
        torch.stack((across, torch.stack((-across[:, 1], across[:, 0]), 1)), 2) * (squares[:, 2] / size)[:, None, None]
    )
    return torch.cat((turn, (2 * squares[:, :2] / size - 1)[:, :, None]), 2)


def frame_portraits(pixels: Tensor, segmentation: Tensor, landmarks: Tensor) -> tuple[Tensor, Tensor]:
    """Pictures framed, and what each of their pixels shows (N x 1 x H x W uint8, place in PARTS)."""
    size = pixels.shape[-1]
    grid = F.affine_grid(find_frames(landmarks, size), [len(pixels), 1, size, size], align_corners=False)
    seen = segmentation.reshape(len(pixels), 1, size, size).float()
    parts = F.grid_sample(seen, grid, "nearest", "zeros", align_corners=False).round().to(torch.uint8)
    return F.grid_sample(pixels.float(), grid, "bilinear", "border", align_corners=False), parts


def carry_points(points: Tensor, frames: Tensor, size: int) -> Tensor:
    """Points (N, P, 2), in pixels of pictures, as places of their portraits in [-1, 1]."""
    placed = 2 * points / size - 1 - frames[:, None, :, 2]
    return torch.linalg.solve(frames[:, :, :2], placed.transpose(1, 2)).transpose(1, 2)
