"""Writes clips of scenes: film, coloured depth and labels by seed; a sheet; and the layout that depth tools read.

``export_clip`` writes ``rgb/``, ``depth/`` (16-bit PNG), ``groundtruth.txt`` (TUM trajectory) and ``intrinsics.json``, which
states every convention; the two readers read back what was written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.engine.scenes import Clip, SceneChoices, frame_count, scene
from core.image import Pixels, contact_sheet, to_pixels, write_picture

TUM_PER_METRE, KITTI_PER_METRE = 5000, 256
"""Values a metre of 16-bit depth: TUM's reaches 13.1 m, KITTI's 256 m. What is further, or sky, is written as 0."""
MOST_ON_A_SHEET = 100
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


def depth_pictures(clip: Clip) -> list[Pixels]:
    """Coloured depth of all frames on one scale."""
    depth = clip.depth.numpy()
    known = depth[depth > 0]
    near, far = (float(np.quantile(known, share)) for share in (0.01, 0.95)) if known.size else (1.0, 2.0)
    return [colour_depth(one, near, max(far, near * 1.01)) for one in depth]


def write_sheet(seeds: Sequence[int], path: Path, size: tuple[int, int], choices: SceneChoices | None = None) -> int:
    """One frame a seed from the middle of its clip, its depth beside it, the mask of what moves outlined."""
    if len(seeds) > MOST_ON_A_SHEET:
        raise ValueError(
            f"A sheet holds at most {MOST_ON_A_SHEET} scenes, {len(seeds)} were asked for; give fewer seeds."
        )
    shown: list[Pixels] = []
    for seed in seeds:
        middle = frame_count(seed, choices) // 2
        fixed = {} if choices is None else dict(choices.__dict__)
        clip = scene(seed, size, SceneChoices(**{**fixed, "frames": (middle, middle + 1)}))
        shown += [to_pixels(clip.frames)[0], depth_pictures(clip)[0]]
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = 2 * max(1, round((len(seeds) * 0.6) ** 0.5))
    write_picture(path, contact_sheet(shown, min(columns, len(shown))))
    return len(seeds)


def write_labels(clip: Clip, path: Path) -> None:
    """Everything but the pictures, as NPZ."""
    held = {
        "depth": clip.depth.numpy(),
        "poses": clip.poses.numpy(),
        "calibration": clip.calibration.numpy(),
        "moving": clip.moving.numpy(),
        "flow": clip.flow.numpy().astype(np.float16 if clip.flow.abs().max() < 60 else np.float32),
        "flow_valid": clip.flow_valid.numpy(),
        "frames_per_second": np.int64(clip.frames_per_second),
        "seed": np.int64(clip.seed),
    }
    partial = path.with_name(f".{path.stem}.partial.npz")
    np.savez_compressed(partial, **held)
    partial.replace(path)


def export_clip(clip: Clip, folder: Path) -> None:
    """Pictures, 16-bit depth, TUM trajectory and intrinsics of a clip."""
    for name in ("rgb", "depth", "moving"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    scale = TUM_PER_METRE if float(clip.depth.max()) * TUM_PER_METRE <= 65535 else KITTI_PER_METRE
    pictures = to_pixels(clip.frames)
    files: dict[str, list[str]] = {"rgb": [], "depth": [], "moving": []}
    for at in range(len(pictures)):
        name = f"{clip.first + at:06d}.png"
        write_picture(folder / "rgb" / name, pictures[at])
        _write_depth(folder / "depth" / name, clip.depth[at].numpy(), scale)
        write_picture(folder / "moving" / name, clip.moving[at].numpy().astype(np.uint8) * 255)
        for kind, listed in files.items():
            listed.append(f"{kind}/{name}")
    stamps = [(clip.first + at) / clip.frames_per_second for at in range(len(pictures))]
    _write_text(folder / "groundtruth.txt", _trajectory(stamps, clip.poses.numpy()))
    height, width = clip.depth.shape[1:]
    said = {
        "made_by": "Likeness engine; this place does not exist",
        "seed": clip.seed,
        "place": clip.kind,
        "camera": clip.camera_kind,
        "frames_per_second": clip.frames_per_second,
        "width": width,
        "height": height,
        "matrix": np.round(clip.calibration.numpy().astype(np.float64), 6).tolist(),
        "pixel_centres": "at column + 0.5, row + 0.5",
        "depth_per_metre": scale,
        "depth": "16-bit PNG, metres along z x depth_per_metre; 0: sky, or beyond the format's reach",
        "trajectory": "TUM: seconds tx ty tz qx qy qz qw, camera-to-world, x right, y down, z forward, world y up",
        "rgb_files": files["rgb"],
        "depth_files": files["depth"],
        "moving_files": files["moving"],
    }
    _write_text(folder / "intrinsics.json", json.dumps(said, indent=1) + "\n")


def _write_depth(path: Path, depth_metres: npt.NDArray[np.floating[Any]], per_metre: int) -> None:
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


def _trajectory(stamps: Iterable[float], poses: npt.NDArray[np.floating[Any]]) -> str:
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


def _write_text(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
