"""Camera paths: steps chained to poses and taken apart again, laid on a true path, and whether they show any parallax."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.camera import invert_pose

Floats = npt.NDArray[np.floating[Any]]
LEAST_PARALLAX = 1.0
"""Pixels of a picture 160 wide that the middle of a scene must shift because the camera goes, and not only turns."""


def chain(steps: Tensor) -> Tensor:
    """Camera-to-world poses (T, 4, 4) of steps (T - 1, 4, 4), each the next camera in the last one's coordinates.

    The first camera is the world's origin. Turns are made orthogonal again, so that errors of rounding do not grow.
    """
    poses = [torch.eye(4, dtype=torch.float64)]
    for step in steps.double():
        pose = poses[-1] @ step
        left, _, right = torch.linalg.svd(pose[:3, :3])
        pose[:3, :3] = left @ right
        poses.append(pose)
    return torch.stack(poses).float()


def steps_of(poses: Tensor) -> Tensor:
    """The steps (T - 1, 4, 4) that chain to these poses."""
    return invert_pose(poses[:-1]) @ poses[1:]


def fit_similarity(path: Floats, true: Floats) -> tuple[float, Floats, Floats]:
    """Scale, turn (3, 3) and shift that lay points (T, 3) best on true ones (Umeyama 1991)."""
    own, other = path.mean(0), true.mean(0)
    centred, wanted = path - own, true - other
    left, values, right = np.linalg.svd(wanted.T @ centred)
    sign = np.ones(3)
    if np.linalg.det(left @ right) < 0:
        sign[2] = -1
    turn = (left * sign) @ right
    spread = float((centred**2).sum())
    scale = float((values * sign).sum()) / spread if spread > 1e-12 else 1.0
    return scale, turn, other - scale * turn @ own


def path_error_percent(poses: Floats, true: Floats) -> float:
    """Root mean square distance of camera places after the best similarity, in percent of the true path's extent."""
    places, wanted = poses[:, :3, 3].astype(np.float64), true[:, :3, 3].astype(np.float64)
    extent = float(np.linalg.norm(wanted.max(0) - wanted.min(0)))
    if extent < 1e-6:
        return float("nan")
    scale, turn, shift = fit_similarity(places, wanted)
    apart = scale * places @ turn.T + shift - wanted
    return float(np.sqrt((apart**2).sum(1).mean())) / extent * 100


def turned_degrees(poses: Floats) -> float:
    """Largest turn of a path away from its first camera."""
    cosines = (np.einsum("ij,tij->t", poses[0, :3, :3], poses[:, :3, :3]) - 1) / 2
    return float(np.degrees(np.arccos(cosines.clip(-1, 1))).max())


def parallax_pixels(poses: Floats, metres: Floats, focal: float, width: int) -> float:
    """How far the middle of the scene shifts at most because the camera goes, in pixels of a picture 160 wide."""
    gone = np.linalg.norm(poses[:, :3, 3] - poses[0, :3, 3], axis=1).max()
    return float(focal * 160 / width * gone / max(float(np.median(metres)), 1e-6))
