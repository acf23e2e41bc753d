"""Intrinsics, poses, rays, projection and orbit paths.

A pose is a 4 x 4 camera-to-world matrix; x points right, y down, z forward; lengths are metres. A pixel's centre is at
(column + 0.5, row + 0.5). Everything works on batches: leading dimensions broadcast.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Intrinsics:
    """A pinhole lens, in pixels of the picture it belongs to."""

    focal_x: float
    focal_y: float
    centre_x: float
    centre_y: float
    width: int
    height: int

    def __post_init__(self) -> None:
        if min(self.focal_x, self.focal_y) <= 0 or min(self.width, self.height) < 1:
            raise ValueError(f"A lens wants positive focal lengths and a picture size, not {self}.")

    @classmethod
    def from_view_angle(cls, degrees: float, width: int, height: int) -> Intrinsics:
        """A centred lens that sees ``degrees`` across the picture's shorter side."""
        if not 1.0 <= degrees <= 170.0:
            raise ValueError(f"A view angle of {degrees} degrees is outside 1 to 170.")
        focal = 0.5 * min(width, height) / math.tan(math.radians(degrees) / 2)
        return cls(focal, focal, width / 2, height / 2, width, height)

    @classmethod
    def from_equivalent_focal(cls, millimetres: float, width: int, height: int) -> Intrinsics:
        """A centred lens of the same view across the shorter side as this focal length on 36 x 24 mm film."""
        return cls.from_view_angle(math.degrees(2 * math.atan(12.0 / millimetres)), width, height)

    def scaled(self, width: int, height: int) -> Intrinsics:
        """The same lens for the picture resampled to another size."""
        across, down = width / self.width, height / self.height
        return Intrinsics(
            self.focal_x * across, self.focal_y * down, self.centre_x * across, self.centre_y * down, width, height
        )

    def matrix(self) -> Tensor:
        """3 x 3 calibration matrix."""
        return torch.tensor([[self.focal_x, 0, self.centre_x], [0, self.focal_y, self.centre_y], [0, 0, 1.0]])


def normalise(vectors: Tensor) -> Tensor:
    """Vectors of length one along the last dimension."""
    return vectors / vectors.norm(dim=-1, keepdim=True).clamp_min(1e-12)


def look_at(eye: Tensor, target: Tensor, up: Tensor | None = None) -> Tensor:
    """Pose of a camera at ``eye`` that looks at ``target`` (world y up unless said)."""
    world_up = eye.new_tensor([0.0, 1.0, 0.0]) if up is None else up
    forward = normalise(target - eye)
    right = normalise(torch.linalg.cross(forward, world_up.expand_as(forward), dim=-1))
    down = torch.linalg.cross(forward, right, dim=-1)
    pose = torch.zeros(*eye.shape[:-1], 4, 4, dtype=eye.dtype, device=eye.device)
    pose[..., :3, 0], pose[..., :3, 1], pose[..., :3, 2], pose[..., :3, 3] = right, down, forward, eye
    pose[..., 3, 3] = 1.0
    return pose


def invert_pose(pose: Tensor) -> Tensor:
    """World-to-camera of a camera-to-world pose (a rigid transform, so no general inverse)."""
    turned = pose[..., :3, :3].transpose(-1, -2)
    inverse = torch.zeros_like(pose)
    inverse[..., :3, :3] = turned
    inverse[..., :3, 3] = -(turned @ pose[..., :3, 3:])[..., 0]
    inverse[..., 3, 3] = 1.0
    return inverse


def project(points: Tensor, world_to_camera: Tensor, calibration: Tensor) -> tuple[Tensor, Tensor]:
    """World points (..., N, 3) to pixels (..., N, 2) and distance along z (..., N); behind the camera z <= 0."""
    seen = points @ world_to_camera[..., :3, :3].transpose(-1, -2) + world_to_camera[..., None, :3, 3]
    depth = seen[..., 2]
    on_plane = seen @ calibration.transpose(-1, -2)
    safe = torch.where(depth.abs() < 1e-9, torch.full_like(depth, 1e-9), depth)
    return on_plane[..., :2] / safe[..., None], depth


def pixel_grid(width: int, height: int, device: torch.device | str = "cpu") -> Tensor:
    """Pixel centres, height x width x 2 as (column, row)."""
    columns = torch.arange(width, device=device, dtype=torch.float32) + 0.5
    rows = torch.arange(height, device=device, dtype=torch.float32) + 0.5
    return torch.stack(torch.meshgrid(columns, rows, indexing="xy"), dim=-1)


def rays(pose: Tensor, lens: Intrinsics) -> tuple[Tensor, Tensor]:
    """Origins and unit directions in the world, each (..., H, W, 3), one ray through each pixel's centre."""
    grid = pixel_grid(lens.width, lens.height, pose.device)
    across = (grid[..., 0] - lens.centre_x) / lens.focal_x
    down = (grid[..., 1] - lens.centre_y) / lens.focal_y
    local = torch.stack((across, down, torch.ones_like(across)), dim=-1).to(pose.dtype)
    directions = normalise(torch.einsum("...ij,hwj->...hwi", pose[..., :3, :3], local))
    return pose[..., None, None, :3, 3].expand_as(directions), directions


def lift(depth_metres: Tensor, pose: Tensor, lens: Intrinsics) -> Tensor:
    """Distances along z (..., H, W) to world points (..., H, W, 3)."""
    grid = pixel_grid(lens.width, lens.height, pose.device).to(depth_metres.dtype)
    across = (grid[..., 0] - lens.centre_x) / lens.focal_x
    down = (grid[..., 1] - lens.centre_y) / lens.focal_y
    local = torch.stack((across * depth_metres, down * depth_metres, depth_metres), dim=-1)
    return local @ pose[..., None, :3, :3].transpose(-1, -2) + pose[..., None, None, :3, 3]


def orbit(count: int, radius_metres: float, yaw_degrees: float = 360.0, pitch_degrees: float = 0.0) -> Tensor:
    """Poses on a circle around the origin, facing it.

    A full circle starts in front (+z); less than that swings from -yaw/2 to +yaw/2 and is centred on the front.
    """
    if count < 1 or radius_metres <= 0:
        raise ValueError(f"An orbit wants at least one view and a positive radius, not {count} and {radius_metres} m.")
    full = abs(yaw_degrees) >= 360.0
    start, share = (0.0, count) if full else (-yaw_degrees / 2, max(count - 1, 1))
    yaw = torch.deg2rad(start + yaw_degrees * torch.arange(count) / share)
    if not full and count == 1:
        yaw = torch.zeros(1)
    pitch = math.radians(pitch_degrees)
    eye = radius_metres * torch.stack(
        (torch.sin(yaw) * math.cos(pitch), torch.full_like(yaw, math.sin(pitch)), torch.cos(yaw) * math.cos(pitch)), -1
    )
    return look_at(eye, torch.zeros(3).expand_as(eye))
