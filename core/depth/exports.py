"""What leaves the room, each form with its convention, re-read and checked by reprojection before it is offered.

``png16`` 16-bit depth (TUM x 5000 or KITTI x 256), ``npz`` float32 metres, ``tum`` camera path, ``colmap`` text model,
``ply`` coloured points. Film is written by the studio, which knows codecs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.depth import readback
from core.depth.clip import DepthClip, describe
from core.depth_files import KITTI_PER_METRE, TUM_PER_METRE, trajectory_text, write_depth_picture, write_text
from core.image import write_picture

Floats = npt.NDArray[np.float64]
MOST_POINTS = 400_000
"""Points of a cloud; of more, an even choice is kept."""
COLMAP_POINTS = 5_000
SEEN = 0.05
"""Share by which a point's distance in another frame may differ for the point to count as seen there."""
CONVENTIONS = {
    "png16": "16-bit PNG a frame, metres along z times {per_metre} ({name}); 0: beyond the format's reach of {reach:.1f} m",
    "npz": "float32 metres (frames, height, width) along z; poses camera-to-world 4 x 4; matrix 3 x 3; frames_per_second",
    "tum": "a line a frame: seconds tx ty tz qx qy qz qw, camera-to-world, x right, y down, z forward, metres",
    "colmap": "cameras.txt (PINHOLE), images.txt (world-to-camera, qw qx qy qz tx ty tz), points3D.txt; pixel centres at 0.5",
    "ply": "binary little-endian points: x y z metres in the first camera's coordinates (x right, y down, z forward), red "
    "green blue",
}
FORMS = tuple(CONVENTIONS)


def export(clip: DepthClip, folder: Path, forms: Iterable[str] = FORMS, kind: str = "auto") -> dict[str, list[Path]]:
    """The clip's files by form, and ``depth.json`` that states every convention; nothing unchecked is left behind.

    ``kind`` of 16-bit depth: ``tum``, ``kitti``, or ``auto``, the finer one that reaches far enough.
    """
    wanted = tuple(dict.fromkeys(forms))
    unknown = [form for form in wanted if form not in FORMS]
    if unknown:
        raise ValueError(f"There is no form {', '.join(unknown)} of a clip; there are {', '.join(FORMS)}.")
    folder.mkdir(parents=True, exist_ok=True)
    per_metre = scale_of(clip, kind)
    written: dict[str, list[Path]] = {}
    for form in wanted:
        if form == "png16":
            written[form] = write_pictures(clip, folder / "depth", per_metre)
            readback.check_pictures(clip, written[form], per_metre)
        else:
            written[form] = _WRITERS[form](clip, folder)
            _CHECKS[form](clip, written[form])
    name = "TUM" if per_metre == TUM_PER_METRE else "KITTI"
    said = {form: CONVENTIONS[form].format(per_metre=per_metre, name=name, reach=65535 / per_metre) for form in wanted}
    told: dict[str, Any] = {
        **describe(clip),
        "matrix": np.round(clip.lens.matrix().double().numpy(), 6).tolist(),
        "pixel_centres": "at column + 0.5, row + 0.5",
        "depth_per_metre": per_metre if "png16" in wanted else None,
        "conventions": said,
        "files": {form: [str(path.relative_to(folder)) for path in paths] for form, paths in written.items()},
        "checked": "every file was read again and its points reprojected before it was offered",
    }
    write_text(folder / "depth.json", json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    return {**written, "json": [folder / "depth.json"]}


def scale_of(clip: DepthClip, kind: str) -> int:
    """Values a metre of 16-bit depth."""
    named = {"tum": TUM_PER_METRE, "kitti": KITTI_PER_METRE}
    if kind in named:
        return named[kind]
    if kind != "auto":
        raise ValueError(f"16-bit depth is written as tum, kitti or auto, not {kind!r}.")
    return TUM_PER_METRE if float(np.quantile(clip.metres, 0.99)) * TUM_PER_METRE <= 65535 else KITTI_PER_METRE


def write_pictures(clip: DepthClip, folder: Path, per_metre: int) -> list[Path]:
    """A 16-bit PNG a frame."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{at:06d}.png" for at in range(len(clip))]
    for path, metres in zip(paths, clip.metres, strict=True):
        write_depth_picture(path, metres, per_metre)
    return paths


def write_arrays(clip: DepthClip, folder: Path) -> list[Path]:
    """Everything in numbers, as NPZ."""
    path = folder / "depth.npz"
    partial = path.with_name(".depth.partial.npz")
    np.savez_compressed(
        partial,
        metres=clip.metres,
        poses=clip.poses,
        matrix=clip.lens.matrix().numpy(),
        frames_per_second=np.float64(clip.frames_per_second),
        moving=clip.moving,
        static=clip.static,
    )
    partial.replace(path)
    return [path]


def write_path(clip: DepthClip, folder: Path) -> list[Path]:
    """The camera's path as TUM writes it."""
    stamps = [at / clip.frames_per_second for at in range(len(clip))]
    write_text(folder / "trajectory.txt", trajectory_text(stamps, clip.poses))
    return [folder / "trajectory.txt"]


def write_points(clip: DepthClip, folder: Path) -> list[Path]:
    """A coloured point cloud of what does not move."""
    points, colours = cloud(clip, MOST_POINTS)
    kind = np.dtype([(axis, "<f4") for axis in "xyz"] + [(colour, "u1") for colour in ("red", "green", "blue")])
    rows = np.empty(len(points), kind)
    for at, axis in enumerate("xyz"):
        rows[axis] = points[:, at]
    for at, colour in enumerate(("red", "green", "blue")):
        rows[colour] = colours[:, at]
    names = "".join(f"property {'float' if len(one) == 1 else 'uchar'} {one}\n" for one in kind.names or ())
    head = f"ply\nformat binary_little_endian 1.0\ncomment {CONVENTIONS['ply']}\nelement vertex {len(rows)}\n{names}end_header\n"
    partial = folder / ".points.ply.partial"
    partial.write_bytes(head.encode("ascii") + rows.tobytes())
    partial.replace(folder / "points.ply")
    return [folder / "points.ply"]


def cloud(clip: DepthClip, most: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
    """Points (N, 3) in the first camera's coordinates and their colours, of pixels that do not move, nearer than the far
    twentieth; evenly chosen over frames and pixels."""
    far = float(np.quantile(clip.metres, 0.95))
    wanted = np.flatnonzero(((~clip.moving) & (clip.metres <= max(far, 1e-6))).reshape(-1))
    if not len(wanted):
        wanted = np.arange(clip.metres.size)  # everything moves: rather all than nothing
    step = max(1, -(-len(wanted) // most))
    chosen = wanted[np.random.default_rng(0).integers(step) :: step][:most]
    frame, row, column = np.unravel_index(chosen, clip.metres.shape)
    places = np.stack((column + 0.5, row + 0.5), 1)
    points = readback.lift(places, clip.metres[frame, row, column], clip.poses[frame], clip)
    return points.astype(np.float32), clip.frames[frame, row, column]


def write_colmap(clip: DepthClip, folder: Path) -> list[Path]:
    """A COLMAP text model: one camera, every frame with its pose, and points with the frames that see them."""
    from scipy.spatial.transform import Rotation

    target = folder / "colmap"
    (target / "images").mkdir(parents=True, exist_ok=True)
    for at, frame in enumerate(clip.frames):
        write_picture(target / "images" / f"{at:06d}.png", frame)
    lens = clip.lens
    values = " ".join(f"{one:.9g}" for one in (lens.focal_x, lens.focal_y, lens.centre_x, lens.centre_y))
    write_text(
        target / "cameras.txt",
        f"# CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[]\n1 PINHOLE {lens.width} {lens.height} {values}\n",
    )
    points, seen = track_points(clip, COLMAP_POINTS)
    lines = ["# IMAGE_ID, QW, QX, QY, QZ, TX, TY, TZ, CAMERA_ID, NAME", "# POINTS2D[] as (X, Y, POINT3D_ID)"]
    for at, pose in enumerate(clip.poses.astype(np.float64)):
        x, y, z, w = Rotation.from_matrix(pose[:3, :3].T).as_quat()
        shift = -pose[:3, :3].T @ pose[:3, 3]
        lines.append(f"{at + 1} " + " ".join(f"{one:.12g}" for one in (w, x, y, z, *shift)) + f" 1 {at:06d}.png")
        lines.append(" ".join(f"{column:.4f} {row:.4f} {point + 1}" for column, row, point in seen[at]))
    write_text(target / "images.txt", "\n".join(lines) + "\n")
    write_text(target / "points3D.txt", _points_text(points, seen))
    return [target / f"{name}.txt" for name in ("cameras", "images", "points3D")]


def _points_text(points: tuple[Floats, npt.NDArray[np.uint8]], seen: list[list[tuple[float, float, int]]]) -> str:
    tracks: list[list[str]] = [[] for _ in range(len(points[0]))]
    for image, rows in enumerate(seen):
        for place, (_, _, point) in enumerate(rows):
            tracks[point].append(f"{image + 1} {place}")
    lines = ["# POINT3D_ID, X, Y, Z, R, G, B, ERROR, TRACK[] as (IMAGE_ID, POINT2D_IDX)"]
    for at, (point, colour) in enumerate(zip(*points, strict=True)):
        where = " ".join(f"{one:.9g}" for one in point)
        lines.append(f"{at + 1} {where} {colour[0]} {colour[1]} {colour[2]} 0 {' '.join(tracks[at])}")
    return "\n".join(lines) + "\n"


def track_points(
    clip: DepthClip, most: int
) -> tuple[tuple[Floats, npt.NDArray[np.uint8]], list[list[tuple[float, float, int]]]]:
    """Points with colours, and for each frame the (column, row, point) of those that it sees at their distance."""
    points, colours = cloud(clip, most)
    whole = points.astype(np.float64)
    seen = []
    for at in range(len(clip)):
        pixels, ahead = readback.project(whole, clip.poses[at].astype(np.float64), clip)
        inside = (
            (ahead > 1e-3) & (pixels >= 0).all(1) & (pixels[:, 0] < clip.lens.width) & (pixels[:, 1] < clip.lens.height)
        )
        places = np.flatnonzero(inside)
        read = clip.metres[at, pixels[places, 1].astype(int), pixels[places, 0].astype(int)]
        places = places[np.abs(read / ahead[places] - 1) < SEEN]
        seen.append([(float(pixels[one, 0]), float(pixels[one, 1]), int(one)) for one in places])
    return (whole, colours), seen


_WRITERS: dict[str, Callable[[DepthClip, Path], list[Path]]] = {
    "npz": write_arrays, "tum": write_path, "colmap": write_colmap, "ply": write_points,
}  # fmt: skip
_CHECKS: dict[str, Callable[[DepthClip, list[Path]], None]] = {
    "npz": readback.check_arrays, "tum": readback.check_path, "colmap": readback.check_colmap, "ply": readback.check_points,
}  # fmt: skip
