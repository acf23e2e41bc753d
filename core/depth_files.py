"""Files of distances and camera paths that the engine and the depth room both write: 16-bit PNG, TUM trajectory, colours."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.image import Pixels

TUM_PER_METRE, KITTI_PER_METRE = 5000, 256
"""Values a metre of 16-bit depth: TUM's reaches 13.1 m, KITTI's 256 m. What is further, or sky, is written as 0."""
_STOPS = np.array(
    [
        (0.99, 0.95, 0.75),
        (0.99, 0.72, 0.35),
        (0.86, 0.35, 0.35),
        (0.52, 0.18, 0.5),
        (0.2, 0.12, 0.42),
        (0.03, 0.03, 0.14),
    ],
    np.float32,
)


def colour_depth(depth_metres: npt.NDArray[np.floating[Any]], near: float, far: float) -> Pixels:
    """Depth (H, W) as colours, near bright and far dark in steps of 1 / depth; no depth is grey."""
    share = (1 / near - 1 / depth_metres.clip(near, far)) / max(1 / near - 1 / far, 1e-9)
    at = share * (len(_STOPS) - 1)
    low = np.floor(at).astype(np.int64).clip(0, len(_STOPS) - 2)
    colour = _STOPS[low] + (_STOPS[low + 1] - _STOPS[low]) * (at - low)[..., None]
    shown = np.where((depth_metres > 0)[..., None], colour, 0.55)
    return np.rint(shown * 255).astype(np.uint8)


def write_depth_picture(path: Path, depth_metres: npt.NDArray[np.floating[Any]], per_metre: int) -> None:
    """Metres as a 16-bit PNG; what is beyond the format's reach becomes 0; the file appears whole or not at all."""
    from PIL import Image

    scaled = np.rint(depth_metres.astype(np.float64) * per_metre)
    partial = path.with_name(f".{path.name}.partial.png")
    Image.fromarray(np.where(scaled > 65535, 0, scaled).astype(np.uint16)).save(partial)
    partial.replace(path)


def read_depth_picture(path: Path, per_metre: int) -> npt.NDArray[np.float32]:
    """Metres from a 16-bit depth PNG, 0 where there is none."""
    from PIL import Image

    with Image.open(path) as opened:
        return (np.asarray(opened, dtype=np.float32) / per_metre).astype(np.float32)


def trajectory_text(stamps: Iterable[float], poses: npt.NDArray[np.floating[Any]]) -> str:
    """TUM lines of camera-to-world poses."""
    from scipy.spatial.transform import Rotation

    lines = ["# timestamp tx ty tz qx qy qz qw"]
    for stamp, pose in zip(stamps, poses, strict=True):
        turn = Rotation.from_matrix(pose[:3, :3].astype(np.float64)).as_quat()
        lines.append(" ".join([f"{stamp:.6f}", *(f"{value:.9f}" for value in (*pose[:3, 3], *turn))]))
    return "\n".join(lines) + "\n"


def read_trajectory(path: Path) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Seconds (T,) and camera-to-world poses (T, 4, 4) of a TUM file."""
    from scipy.spatial.transform import Rotation

    table = np.loadtxt(path, ndmin=2)
    poses = np.tile(np.eye(4), (len(table), 1, 1))
    poses[:, :3, 3] = table[:, 1:4]
    poses[:, :3, :3] = Rotation.from_quat(table[:, 4:8]).as_matrix()
    return table[:, 0], poses


def write_text(path: Path, text: str) -> None:
    """A text file that appears whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
