"""Exports read again: what a file says, reprojected into the clip's own frames, must land where it came from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from core.depth_files import read_depth_picture, read_trajectory

if TYPE_CHECKING:
    from core.depth.clip import DepthClip

Floats = npt.NDArray[np.float64]
PIXELS = 0.05
"""Largest reprojection error of a file that is offered."""
PROBED = 2_000


class ExportBroken(OSError):
    """A written file does not say what was read off the clip; it is deleted and the message says what differs."""


def lift(
    places: npt.NDArray[np.floating], metres: npt.NDArray[np.floating], poses: npt.NDArray[np.floating], clip: DepthClip
) -> Floats:
    """World points (N, 3) of pixels (N, 2) at distances (N) of cameras (N, 4, 4)."""
    lens, poses = clip.lens, poses.astype(np.float64)
    plane = (places - (lens.centre_x, lens.centre_y)) / (lens.focal_x, lens.focal_y)
    local = np.concatenate((plane, np.ones((len(places), 1))), 1) * metres[:, None].astype(np.float64)
    return np.einsum("nij,nj->ni", poses[:, :3, :3], local) + poses[:, :3, 3]


def project(points: Floats, pose: Floats, clip: DepthClip) -> tuple[Floats, Floats]:
    """Pixels (N, 2) and distances (N) at which a camera sees world points."""
    local = (points - pose[:3, 3]) @ pose[:3, :3]
    ahead = local[:, 2]
    safe = np.where(np.abs(ahead) < 1e-9, 1e-9, ahead)[:, None]
    lens = clip.lens
    return local[:, :2] / safe * (lens.focal_x, lens.focal_y) + (lens.centre_x, lens.centre_y), ahead


def check_pictures(clip: DepthClip, paths: list[Path], per_metre: int) -> None:
    """Points lifted with the distances re-read must be seen where those of the clip are, in the frame after."""
    step = 0.5 / per_metre
    for at in _probed(len(clip)):
        metres = read_depth_picture(paths[at], per_metre)
        there = metres > 0
        lost = (~there) & (clip.metres[at] * per_metre < 65_000) & (clip.metres[at] > 2 * step)
        _demand(not lost.any(), paths, f"{paths[at].name} has lost {int(lost.sum())} pixels")
        if not there.any():
            continue
        wrong = float(np.abs(metres - clip.metres[at])[there].max())
        _demand(wrong <= step * 1.01 + 1e-4, paths, f"{paths[at].name} is wrong by {wrong:.4g} m")
        error = _shift_between(clip, at, metres, there, step)
        _demand(error < PIXELS, paths, f"{paths[at].name} reprojects {error:.3g} pixels away")


def _shift_between(
    clip: DepthClip, at: int, metres: npt.NDArray[np.floating], there: npt.NDArray[np.bool_], step: float
) -> float:
    """How far points move in the next frame when lifted with other distances; what rounding alone may move is left out."""
    rows, columns = (one[:: max(1, int(there.sum()) // PROBED)] for one in np.nonzero(there))
    places = np.stack((columns + 0.5, rows + 0.5), 1)
    poses = np.repeat(clip.poses[at][None], len(places), 0)
    to = clip.poses[min(at + 1, len(clip) - 1)].astype(np.float64)
    own = project(lift(places, clip.metres[at, rows, columns], poses, clip), to, clip)
    other = project(lift(places, metres[rows, columns], poses, clip), to, clip)
    apart = np.linalg.norm(own[0] - other[0], axis=1)
    allowed = clip.lens.focal_x * step / np.maximum(own[1], 1e-3) * 2
    ahead = own[1] > 1e-2
    return float(np.maximum(apart - allowed, 0)[ahead].max(initial=0.0))


def check_arrays(clip: DepthClip, paths: list[Path]) -> None:
    """The same numbers, bit for bit."""
    with np.load(paths[0], allow_pickle=False) as held:
        same = all(np.array_equal(held[name], getattr(clip, name)) for name in ("metres", "poses", "moving", "static"))
        same = same and bool(np.allclose(held["matrix"], clip.lens.matrix().numpy()))
    _demand(same, paths, f"{paths[0].name} holds other numbers")


def check_path(clip: DepthClip, paths: list[Path]) -> None:
    """Each frame's own points, seen by the re-read pose, must lie on their pixels."""
    seconds, poses = read_trajectory(paths[0])
    _demand(len(poses) == len(clip), paths, f"{paths[0].name} has {len(poses)} poses for {len(clip)} frames")
    rate = np.arange(len(clip)) / clip.frames_per_second
    _demand(bool(np.allclose(seconds, rate, atol=1e-5)), paths, f"{paths[0].name} has other times")
    error = _reprojected(clip, poses)
    _demand(error < PIXELS, paths, f"{paths[0].name} reprojects {error:.3g} pixels away")


def _reprojected(clip: DepthClip, poses: Floats) -> float:
    """Largest error, in pixels, of the clip's points seen from re-read camera-to-world poses."""
    worst = 0.0
    draw = np.random.default_rng(0)
    for at in _probed(len(clip)):
        rows, columns = (draw.integers(0, size, 200) for size in clip.metres.shape[1:])
        places = np.stack((columns + 0.5, rows + 0.5), 1)
        points = lift(places, clip.metres[at, rows, columns], np.repeat(clip.poses[at][None], 200, 0), clip)
        pixels, _ = project(points, poses[at].astype(np.float64), clip)
        worst = max(worst, float(np.abs(pixels - places).max()))
    return worst


def check_colmap(clip: DepthClip, paths: list[Path]) -> None:
    """Camera, poses and every point's track, from the text alone."""
    from scipy.spatial.transform import Rotation

    cameras, images, points3d = (path.read_text(encoding="utf-8").splitlines() for path in paths)
    words = next(line for line in cameras if not line.startswith("#")).split()
    focal_x, focal_y, centre_x, centre_y = (float(one) for one in words[4:8])
    points = {int(one[0]): np.array(one[1:4], dtype=np.float64) for one in _rows(points3d)}
    lines = [line for line in images if not line.startswith("#")]
    _demand(len(lines) == 2 * len(clip), paths, f"images.txt has {len(lines) // 2} of {len(clip)} frames")
    worst = 0.0
    for head, seen in zip(lines[::2], lines[1::2], strict=True):
        w, x, y, z, *shift = (float(one) for one in head.split()[1:8])
        turn = Rotation.from_quat((x, y, z, w)).as_matrix()
        rows = np.array(seen.split(), dtype=np.float64).reshape(-1, 3)
        if not len(rows):
            continue
        local = np.stack([points[int(one)] for one in rows[:, 2]]) @ turn.T + shift
        pixels = local[:, :2] / local[:, 2:] * (focal_x, focal_y) + (centre_x, centre_y)
        worst = max(worst, float(np.abs(pixels - rows[:, :2]).max()))
    _demand(worst < PIXELS, paths, f"images.txt and points3D.txt reproject {worst:.3g} pixels apart")
    poses = np.tile(np.eye(4), (len(clip), 1, 1))
    for at, head in enumerate(lines[::2]):
        w, x, y, z, *shift = (float(one) for one in head.split()[1:8])
        poses[at, :3, :3] = Rotation.from_quat((x, y, z, w)).as_matrix().T
        poses[at, :3, 3] = -poses[at, :3, :3] @ shift
    error = _reprojected(clip, poses)
    _demand(error < PIXELS, paths, f"images.txt reprojects {error:.3g} pixels away")


def _rows(lines: list[str]) -> list[list[str]]:
    return [line.split() for line in lines if line and not line.startswith("#")]


def check_points(clip: DepthClip, paths: list[Path]) -> None:
    """Each point must be seen by some frame on a pixel of its own colour and at its distance."""
    points, colours = read_points(paths[0])
    chosen = slice(None, None, max(1, len(points) // PROBED))
    points, colours = points[chosen].astype(np.float64), colours[chosen].astype(np.int64)
    found = np.zeros(len(points), bool)
    for at in range(len(clip)):
        pixels, ahead = project(points, clip.poses[at].astype(np.float64), clip)
        inside = (
            (ahead > 1e-3) & (pixels >= 0).all(1) & (pixels[:, 0] < clip.lens.width) & (pixels[:, 1] < clip.lens.height)
        )
        there = np.flatnonzero(inside)
        rows, columns = pixels[there, 1].astype(int), pixels[there, 0].astype(int)
        near = np.abs(clip.metres[at, rows, columns] / ahead[there] - 1) < 1e-3
        alike = (clip.frames[at, rows, columns].astype(np.int64) == colours[there]).all(1)
        found[there[near & alike]] = True
    _demand(bool(found.mean() > 0.99), paths, f"{paths[0].name}: only {found.mean():.1%} of the points are seen again")


def read_points(path: Path) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
    """Points (N, 3) and colours (N, 3) of a PLY file as it is written here."""
    content = path.read_bytes()
    end = content.index(b"end_header\n") + len(b"end_header\n")
    count = next(int(line.split()[2]) for line in content[:end].split(b"\n") if line.startswith(b"element vertex"))
    kind = np.dtype([("place", "<f4", 3), ("colour", "u1", 3)])
    rows = np.frombuffer(content, kind, count, end)
    return rows["place"], rows["colour"]


def _probed(count: int) -> list[int]:
    """Places of at most a dozen frames, the first and the last among them."""
    return sorted({round(at) for at in np.linspace(0, count - 1, min(count, 12))})


def _demand(holds: bool, paths: list[Path], what: str) -> None:
    if holds:
        return
    for path in paths:
        path.unlink(missing_ok=True)
    raise ExportBroken(f"{what}, so it is not offered. Try again; if it stays so, tell us what clip this is.")
