"""Things that move by themselves: rigid parts on bones whose places are a function of time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.engine.solids import Floats, Solid, turn_about_y

Motion = Callable[[float], Floats]
"""Seconds to (K, 4, 4): where each bone is in the world."""


@dataclass(frozen=True)
class Mover:
    """One thing: its parts at rest, the bone that carries each point, and where bones go."""

    solid: Solid
    bones: npt.NDArray[np.int64]
    motion: Motion
    shade: tuple[float, float] | None = None
    """Half length and half width of the darkening on the ground beneath bone 0; None: not near the ground."""

    def at(self, seconds: float) -> tuple[Floats, Floats]:
        """Points and normals in the world."""
        carried = self.motion(seconds)[self.bones]
        points = np.einsum("vij,vj->vi", carried[:, :3, :3], self.solid.points) + carried[:, :3, 3]
        normals = np.einsum("vij,vj->vi", carried[:, :3, :3], self.solid.normals)
        return points.astype(np.float32), normals.astype(np.float32)

    def ground(self, seconds: float) -> tuple[float, float, float, float, float] | None:
        """x, z, half length, half width and yaw of the darkening beneath."""
        if self.shade is None:
            return None
        bone = self.motion(seconds)[0]
        yaw = float(np.arctan2(bone[0, 2], bone[2, 2]))
        return float(bone[0, 3]), float(bone[2, 3]), self.shade[0], self.shade[1], yaw


def rigid(offset: tuple[float, float, float] | Floats, yaw_radians: float = 0.0) -> Floats:
    """4 x 4 of a turn about the upright axis and a place."""
    matrix = np.eye(4, dtype=np.float32)
    matrix[:3, :3] = turn_about_y(yaw_radians)
    matrix[:3, 3] = offset
    return matrix


def hinge(offset: tuple[float, float, float], pitch_radians: float, roll_radians: float = 0.0) -> Floats:
    """4 x 4 of a joint: a turn about its own x (positive swings what hangs down forwards, to +z), then z, at a place."""
    cos, sin = np.cos(-pitch_radians), np.sin(-pitch_radians)
    first = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]], np.float32)
    cos, sin = np.cos(roll_radians), np.sin(roll_radians)
    second = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]], np.float32)
    matrix = np.eye(4, dtype=np.float32)
    matrix[:3, :3] = second @ first
    matrix[:3, 3] = offset
    return matrix
