"""Writes clips of scenes: film, coloured depth and labels by seed; a sheet; and the layout that depth tools read.

``export_clip`` writes ``rgb/``, ``depth/`` (16-bit PNG), ``groundtruth.txt`` (TUM trajectory) and ``intrinsics.json``, which
states every convention; the readers of ``core/depth_files.py`` read back what was written.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.depth_files import (
    KITTI_PER_METRE,
    TUM_PER_METRE,
    colour_depth,
    trajectory_text,
    write_depth_picture,
    write_text,
)
from core.engine.scenes import Clip, SceneChoices, frame_count, scene
from core.image import Pixels, contact_sheet, to_pixels, write_picture

MOST_ON_A_SHEET = 100


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
        write_depth_picture(folder / "depth" / name, clip.depth[at].numpy(), scale)
        write_picture(folder / "moving" / name, clip.moving[at].numpy().astype(np.uint8) * 255)
        for kind, listed in files.items():
            listed.append(f"{kind}/{name}")
    stamps = [(clip.first + at) / clip.frames_per_second for at in range(len(pictures))]
    write_text(folder / "groundtruth.txt", trajectory_text(stamps, clip.poses.numpy()))
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
    write_text(folder / "intrinsics.json", json.dumps(said, indent=1) + "\n")
