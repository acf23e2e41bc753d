"""A short performance: expressions one after another as a track, and an engine person acting it, frame by frame.

Example clips are made of it, it is the order of poses of a guided recording, and tests know from it what a face did.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from core.engine.controllers import INDEX, NAMES
from core.engine.faces import Choices, faces
from core.engine.moments import EXPRESSIONS
from core.expression.tracks import Numbers, Track
from core.image import Pixels, to_pixels

SCORE: tuple[tuple[float, str], ...] = (
    (0.0, "rest"), (0.6, "smile"), (1.2, "rest"), (1.7, "talk a"), (2.2, "surprise"), (2.9, "rest"), (3.3, "blink"),
    (3.5, "rest"), (4.0, "kiss"), (4.5, "broad smile"), (5.1, "wink"), (5.6, "anger"), (6.3, "rest"),
)  # fmt: skip
"""Seconds at which an expression is reached; between two of them the face moves softly."""
SWAY_DEGREES, SWAY_SECONDS = (7.0, 3.5, 2.5), (4.3, 3.1, 5.2)
"""How far and how slowly the head sways in yaw, pitch and roll."""


def pose_of(expression: str) -> Numbers:
    """(130,) controllers of an expression by its name; "rest" is none."""
    values = np.zeros(len(NAMES), np.float32)
    for stem, weight in EXPRESSIONS.get(expression, {}).items():
        for name in (stem, f"{stem}_left", f"{stem}_right"):
            if name in INDEX:
                values[INDEX[name]] = weight
    return values


def perform(frames_per_second: float = 20.0, score: tuple[tuple[float, str], ...] = SCORE) -> Track:
    """The score as a track from its first to its last moment."""
    seconds = np.arange(int(score[-1][0] * frames_per_second) + 1) / frames_per_second
    times = np.array([at for at, _ in score])
    poses = np.stack([pose_of(name) for _, name in score])
    after = np.clip(np.searchsorted(times, seconds, side="right"), 1, len(times) - 1)
    share = np.clip((seconds - times[after - 1]) / (times[after] - times[after - 1]), 0, 1)
    soft = (share * share * (3 - 2 * share))[:, None]
    controllers = poses[after - 1] * (1 - soft) + poses[after] * soft
    phase = 2 * np.pi * seconds[:, None] / np.array(SWAY_SECONDS)
    turns = np.array(SWAY_DEGREES) * np.sin(phase)
    return Track(seconds.astype(np.float32), controllers.astype(np.float32), turns.astype(np.float32))


def act(track: Track, seed: int, size: int = 256) -> Iterator[Pixels]:
    """An engine person, who does not exist, acting a track before one still camera."""
    for values, turn in zip(track.controllers, track.turns, strict=True):
        choices = Choices(
            person_seeds=[seed],
            shot_seeds=[seed],
            controllers=torch.from_numpy(values)[None],
            turn_degrees=torch.from_numpy(turn)[None],
        )
        yield to_pixels(faces([seed], size=size, choices=choices).pixels)[0]
