"""Networks of the depth room that know nothing, and clips whose truth is known."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from core import checkpoints
from core.camera import Intrinsics, invert_pose
from core.checkpoints import Card
from core.depth.clip import DepthClip
from core.depth.config import Config
from core.depth.networks import DistanceNet, PoseNet
from core.depth.warp import pose_from_vector
from core.engine.scenes import Clip, SceneChoices, scene
from core.image import Pixels, to_pixels

WALKED = (
    900_000_101,
    SceneChoices(camera="handheld", place="office", frames=(0, 4), supersample=2, sensor=False, people=False),
)
"""A seed and choices of a clip in which only the camera moves."""


def put_depth_weights(root: Path, seed: int = 3) -> Path:
    """Both networks of the tiny preset."""
    torch.manual_seed(seed)
    config = Config.tiny()
    whole = {"distance": DistanceNet(config).state_dict(), "motion": PoseNet(config).state_dict()}
    checkpoints.save(root / "depth" / "network", Card("depth", "network", config=asdict(config)), whole, "fp32")
    return root


def walk(size: tuple[int, int] = (96, 120)) -> Clip:
    """A drawn clip."""
    return scene(WALKED[0], size, WALKED[1])


def true_clip(clip: Clip) -> DepthClip:
    """A drawn clip as if it had been read without any mistake, the first camera at the origin."""
    frames = np.stack(list(to_pixels(clip.frames)))
    poses = invert_pose(clip.poses[:1].double()) @ clip.poses.double()
    height, width = clip.depth.shape[1:]
    matrix = clip.calibration
    lens = Intrinsics(float(matrix[0, 0]), float(matrix[1, 1]), float(matrix[0, 2]), float(matrix[1, 2]), width, height)
    metres = torch.where(clip.depth > 0, clip.depth, 100.0).numpy()
    nothing = np.zeros(metres.shape, bool)
    return DepthClip(frames, metres, poses.float().numpy(), lens, 8.0, nothing, nothing)


def made_clip(count: int = 4, size: tuple[int, int] = (24, 32), way: float = 0.1) -> DepthClip:
    """A sloping wall seen by a camera that goes sideways and turns a little."""
    height, width = size
    lens = Intrinsics.from_view_angle(50, width, height)
    steps = torch.tensor([[0.0, 0.01, 0.0, way, 0.0, 0.01]]).expand(count - 1, 6)
    poses = [torch.eye(4)]
    for step in pose_from_vector(steps):
        poses.append(poses[-1] @ step)
    # each frame's distances are those of one plane z = 3 + 0.3 x of the world, so that frames agree
    metres = np.stack([_plane(pose.double().numpy(), lens) for pose in poses])
    draw = np.random.default_rng(1)
    frames = draw.integers(0, 255, (count, height, width, 3)).astype(np.uint8)
    nothing = np.zeros(metres.shape, bool)
    return DepthClip(frames, metres, torch.stack(poses).numpy(), lens, 8.0, nothing, nothing)


def _plane(pose: np.ndarray, lens: Intrinsics) -> np.ndarray:
    columns, rows = np.meshgrid(np.arange(lens.width) + 0.5, np.arange(lens.height) + 0.5)
    local = np.stack(
        ((columns - lens.centre_x) / lens.focal_x, (rows - lens.centre_y) / lens.focal_y, np.ones(columns.shape)), -1
    )
    ways, eye, normal = local @ pose[:3, :3].T, pose[:3, 3], np.array([-0.3, 0.0, 1.0])
    return ((3.0 - eye @ normal) / (ways @ normal)).astype(np.float32)


def noise(count: int = 5, height: int = 48, width: int = 64, seed: int = 0) -> list[Pixels]:
    """Frames without any meaning."""
    draw = np.random.default_rng(seed)
    return list(draw.integers(0, 255, (count, height, width, 3)).astype(np.uint8))
