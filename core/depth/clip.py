"""What was read off a clip: distances, the camera's way, what moves and what stands, and the lengths one can measure in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from core.camera import Intrinsics
from core.depth.trajectory import LEAST_PARALLAX, parallax_pixels, turned_degrees

Metres = npt.NDArray[np.float32]
Point = Sequence[float]
"""Column and row in the clip's frames, from 0 at the left and upper edge."""
REACH = 1
"""Pixels around a point whose middle distance is taken."""


@dataclass(frozen=True)
class DepthClip:
    """Frames with the metres of every pixel and the pose of every camera."""

    frames: npt.NDArray[np.uint8]
    """(T, H, W, 3) at the working size."""
    metres: Metres
    """(T, H, W) along z, finite and over 0."""
    poses: npt.NDArray[np.float32]
    """(T, 4, 4) camera-to-world, x right, y down, z forward; the first camera is the origin."""
    lens: Intrinsics
    """In pixels of ``frames``."""
    frames_per_second: float
    moving: npt.NDArray[np.bool_]
    """(T, H, W): moves by itself."""
    static: npt.NDArray[np.bool_]
    """(T, H, W): stays the same over the frames."""
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.frames)


def point_at(clip: DepthClip, frame: int, point: Point) -> npt.NDArray[np.float64]:
    """The world's point (3) that a pixel of a frame shows."""
    if not 0 <= frame < len(clip):
        raise ValueError(f"The clip has frames 0 to {len(clip) - 1}, not {frame}.")
    column, row = float(point[0]), float(point[1])
    height, width = clip.metres.shape[1:]
    if not (0 <= column < width and 0 <= row < height):
        raise ValueError(f"({column:g}, {row:g}) lies outside the {width} x {height} pixels of the frame.")
    across, down = int(column), int(row)
    near = clip.metres[frame, max(down - REACH, 0) : down + REACH + 1, max(across - REACH, 0) : across + REACH + 1]
    metres, lens = float(np.median(near)), clip.lens
    local = np.array([(column - lens.centre_x) / lens.focal_x, (row - lens.centre_y) / lens.focal_y, 1.0]) * metres
    pose = clip.poses[frame].astype(np.float64)
    return pose[:3, :3] @ local + pose[:3, 3]


def measure(clip: DepthClip, frame: int, point_a: Point, point_b: Point) -> float:
    """Metres between what two pixels of a frame show."""
    return float(np.linalg.norm(point_at(clip, frame, point_a) - point_at(clip, frame, point_b)))


def rescale(clip: DepthClip, known_metres: float, first_point: Point, second_point: Point, frame: int = 0) -> DepthClip:
    """The clip with everything, distances and the camera's way, scaled so that a length in a frame is the known one."""
    if not 1e-3 <= known_metres <= 1e4:
        raise ValueError(f"A known length is 1 mm to 10 km, not {known_metres:g} m.")
    read = measure(clip, frame, first_point, second_point)
    if read < 1e-3:
        raise ValueError("Both points show the same place; choose two ends of something whose length you know.")
    factor = known_metres / read
    poses = clip.poses.copy()
    poses[:, :3, 3] *= factor
    said = f"Scaled by {factor:.4g}: a length read as {read:.3g} m is known to be {known_metres:.3g} m."
    return replace(clip, metres=(clip.metres * np.float32(factor)), poses=poses, notes=(*clip.notes, said))


def no_parallax(clip: DepthClip) -> str | None:
    """Why nothing can be learned from this clip without labels; None if something can. Its distances are drawn all the same."""
    if len(clip) < 3:
        return f"The clip has {len(clip)} frames; at least 3 are wanted, so that each has neighbours."
    height, width = clip.metres.shape[1:]
    del height
    shift = parallax_pixels(clip.poses, clip.metres, clip.lens.focal_x, width)
    still = float(clip.static.mean())
    if still > 0.9 or shift < LEAST_PARALLAX / 4:
        return (
            "The camera stands still: without parallax the pictures do not say what is near. Film again while you walk a "
            "step or two, or drive; the distances of this clip can still be drawn."
        )
    if shift < LEAST_PARALLAX:
        turned = turned_degrees(clip.poses.astype(np.float64))
        return (
            f"The camera turns (by {turned:.0f} degrees) but hardly goes anywhere: the scene shifts by {shift:.1f} pixels of a "
            "picture 160 wide. Without parallax the pictures do not say what is near. Film again while you walk a step or two."
        )
    return None


def describe(clip: DepthClip) -> dict[str, Any]:
    """The clip in numbers, for JSON."""
    gone = np.linalg.norm(np.diff(clip.poses[:, :3, 3].astype(np.float64), axis=0), axis=1)
    near, middle, far = (float(one) for one in np.quantile(clip.metres, (0.05, 0.5, 0.95)))
    return {
        "frames": len(clip),
        "width": clip.lens.width,
        "height": clip.lens.height,
        "frames_per_second": clip.frames_per_second,
        "focal_pixels": round(clip.lens.focal_x, 3),
        "near_metres": round(near, 4),
        "middle_metres": round(middle, 4),
        "far_metres": round(far, 4),
        "way_metres": round(float(gone.sum()), 4),
        "turned_degrees": round(turned_degrees(clip.poses.astype(np.float64)), 3),
        "moving_share": round(float(clip.moving.mean()), 4),
        "static_share": round(float(clip.static.mean()), 4),
        "no_parallax": no_parallax(clip),
        "notes": list(clip.notes),
    }
