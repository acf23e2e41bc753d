"""How a head is turned, from its 68 landmarks: the mean head's own landmarks laid over them."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from core.face.align import Points

FOCAL_SHARE = 1.6
"""A camera whose lens nobody knows: focal length over the longer side, as a webcam's or phone's."""
STEADY = (*range(27, 36), 36, 39, 42, 45, *range(0, 17, 2))
"""Landmarks that expressions move least: nose, eye corners, and every second point of the jaw line."""


@functools.lru_cache(maxsize=1)
def _model() -> npt.NDArray[np.float64]:
    """Landmarks of the mean head, x right in the picture, y down, z away."""
    import torch

    from core.engine.head import load_head

    head = load_head(torch.device("cpu"))
    points = head.neutral[head.landmarks].double().numpy().copy()
    points[:, 1:] *= -1.0
    return points - points.mean(0)


def turn_of(points: Points, width: int, height: int) -> tuple[float, float, float]:
    """Yaw to the person's left, pitch up and roll to their left, degrees, as seen by the camera."""
    import cv2

    focal = FOCAL_SHARE * max(width, height)
    camera = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]], dtype=np.float64)
    chosen = list(STEADY)
    found, spin, _ = cv2.solvePnP(
        _model()[chosen], points[chosen].astype(np.float64), camera, np.zeros(4), flags=cv2.SOLVEPNP_SQPNP
    )
    if not found:
        return 0.0, 0.0, 0.0
    turned = np.asarray(cv2.Rodrigues(spin)[0], dtype=np.float64)
    flip = np.diag([1.0, -1.0, -1.0])
    return angles_of(flip @ turned @ flip)


def angles_of(spin: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    """Yaw, pitch and roll in degrees of a rotation made as ``head.rotation`` makes it."""
    yaw = np.arctan2(spin[0, 2], spin[2, 2])
    pitch = np.arcsin(np.clip(spin[1, 2], -1, 1))
    roll = np.arctan2(-spin[1, 0], spin[1, 1])
    return float(np.degrees(yaw)), float(np.degrees(pitch)), float(np.degrees(roll))
