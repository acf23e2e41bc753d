"""Moving pixels between cameras: poses from numbers, points of a picture in a neighbour's view, a picture rebuilt from it.

A pixel's centre is at (column + 0.5, row + 0.5), as everywhere here; ``grid_sample`` therefore runs with
``align_corners=False``, for which -1 and 1 are the picture's outer edges.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from core.camera import invert_pose, pixel_grid

NEAREST = 1e-3
"""Metres in front of a camera nearer than which nothing is seen."""


class Rebuilt(NamedTuple):
    """A picture drawn with a neighbour's pixels."""

    pictures: Tensor
    """N x C x H x W."""
    seen: Tensor
    """N x H x W bool: the neighbour's view holds the point."""
    distance: Tensor
    """N x H x W metres of the point from the neighbour, along its z."""


def pose_from_vector(vectors: Tensor) -> Tensor:
    """N x 6 (rotation vector, translation) to N x 4 x 4 rigid transforms (Rodrigues)."""
    turn, way = vectors[:, :3], vectors[:, 3:]
    angle = turn.square().sum(1).add(1e-16).sqrt()[:, None, None]  # the root's slope at 0 is not a number
    x, y, z = turn.unbind(1)
    zero = torch.zeros_like(x)
    cross = torch.stack((zero, -z, y, z, zero, -x, -y, x, zero), dim=1).view(-1, 3, 3)
    eye = torch.eye(3, dtype=vectors.dtype, device=vectors.device)
    near = angle < 1e-4
    safe = torch.where(near, torch.ones_like(angle), angle)
    first = torch.where(near, 1 - angle.square() / 6, safe.sin() / safe)
    second = torch.where(near, 0.5 - angle.square() / 24, (1 - safe.cos()) / safe.square())
    rotation = eye + first * cross + second * (cross @ cross)
    bottom = torch.tensor([[0.0, 0.0, 0.0, 1.0]], dtype=vectors.dtype, device=vectors.device)
    top = torch.cat((rotation, way[:, :, None]), dim=2)
    return torch.cat((top, bottom.expand(len(vectors), 1, 4)), dim=1)


def vector_from_pose(poses: Tensor) -> Tensor:
    """N x 4 x 4 rigid transforms with turns under half a circle to N x 6; the inverse of ``pose_from_vector``."""
    rotation = poses[:, :3, :3]
    skew = torch.stack(
        (
            rotation[:, 2, 1] - rotation[:, 1, 2],
            rotation[:, 0, 2] - rotation[:, 2, 0],
            rotation[:, 1, 0] - rotation[:, 0, 1],
        ),
        dim=1,
    )
    sine = skew.norm(dim=1) / 2
    cosine = (rotation.diagonal(dim1=1, dim2=2).sum(1) - 1) / 2
    angle = torch.atan2(sine, cosine)
    factor = torch.where(sine < 1e-6, torch.full_like(sine, 0.5), angle / (2 * sine.clamp_min(1e-12)))
    return torch.cat((skew * factor[:, None], poses[:, :3, 3]), dim=1)


def points_of(distance: Tensor, calibration: Tensor) -> Tensor:
    """Distances N x H x W along z to points N x H x W x 3 in the camera's own coordinates."""
    height, width = distance.shape[1:]
    grid = pixel_grid(width, height, distance.device)
    focal = torch.stack((calibration[:, 0, 0], calibration[:, 1, 1]), dim=1)[:, None, None]
    plane = (grid - calibration[:, None, None, :2, 2]) / focal
    return torch.cat((plane * distance[..., None], distance[..., None]), dim=3)


def move(points: Tensor, pose: Tensor) -> Tensor:
    """Points N x H x W x 3 of a camera in the coordinates of the camera whose pose (N x 4 x 4) is given in the first's."""
    back = invert_pose(pose)
    return torch.einsum("nij,nhwj->nhwi", back[:, :3, :3], points) + back[:, None, None, :3, 3]


def look(points: Tensor, calibration: Tensor) -> Tensor:
    """Pixels N x H x W x 2 (column, row) at which a camera sees points of its own coordinates."""
    focal = torch.stack((calibration[:, 0, 0], calibration[:, 1, 1]), dim=1)[:, None, None]
    ahead = points[..., 2:].clamp_min(NEAREST)
    return points[..., :2] / ahead * focal + calibration[:, None, None, :2, 2]


def sample(pictures: Tensor, pixels: Tensor) -> Tensor:
    """Pictures N x C x H x W read at pixels N x h x w x 2; beyond an edge the edge goes on."""
    height, width = pictures.shape[2:]
    size = torch.tensor([width, height], dtype=pixels.dtype, device=pixels.device)
    return F.grid_sample(pictures, pixels / size * 2 - 1, padding_mode="border", align_corners=False)


def rebuild(neighbour: Tensor, distance: Tensor, pose: Tensor, calibration: Tensor) -> Rebuilt:
    """The picture whose distances (N x H x W) are given, drawn with the pixels of a neighbour at ``pose``."""
    points = move(points_of(distance, calibration), pose)
    pixels = look(points, calibration)
    height, width = neighbour.shape[2:]
    inside = (pixels >= 0).all(3) & (pixels[..., 0] <= width) & (pixels[..., 1] <= height)
    return Rebuilt(sample(neighbour, pixels), inside & (points[..., 2] > NEAREST), points[..., 2])
