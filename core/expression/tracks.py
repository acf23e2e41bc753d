"""Tracks: controllers and head turns over time, written and read as CSV, JSON and Live Link Face CSV, and as GLB animation."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from core.engine.controllers import ARKIT_NAMES, NAMES, from_arkit, to_arkit

Numbers = npt.NDArray[np.float32]
TURNS = ("head_yaw_degrees", "head_pitch_degrees", "head_roll_degrees")
LIVE_LINK = (
    "EyeBlinkLeft", "EyeLookDownLeft", "EyeLookInLeft", "EyeLookOutLeft", "EyeLookUpLeft", "EyeSquintLeft", "EyeWideLeft",
    "EyeBlinkRight", "EyeLookDownRight", "EyeLookInRight", "EyeLookOutRight", "EyeLookUpRight", "EyeSquintRight",
    "EyeWideRight", "JawForward", "JawRight", "JawLeft", "JawOpen", "MouthClose", "MouthFunnel", "MouthPucker", "MouthRight",
    "MouthLeft", "MouthSmileLeft", "MouthSmileRight", "MouthFrownLeft", "MouthFrownRight", "MouthDimpleLeft",
    "MouthDimpleRight", "MouthStretchLeft", "MouthStretchRight", "MouthRollLower", "MouthRollUpper", "MouthShrugLower",
    "MouthShrugUpper", "MouthPressLeft", "MouthPressRight", "MouthLowerDownLeft", "MouthLowerDownRight", "MouthUpperUpLeft",
    "MouthUpperUpRight", "BrowDownLeft", "BrowDownRight", "BrowInnerUp", "BrowOuterUpLeft", "BrowOuterUpRight", "CheekPuff",
    "CheekSquintLeft", "CheekSquintRight", "NoseSneerLeft", "NoseSneerRight", "TongueOut",
)  # fmt: skip
"""The 52 names in the order of recordings."""
_LIVE_LINK_LAST = (
    "HeadYaw", "HeadPitch", "HeadRoll", "LeftEyeYaw", "LeftEyePitch", "LeftEyeRoll", "RightEyeYaw", "RightEyePitch",
    "RightEyeRoll",
)  # fmt: skip
LIVE_LINK_HEADER = ("Timecode", "BlendShapeCount", *LIVE_LINK, *_LIVE_LINK_LAST)
EYE_DEGREES = 30.0
"""How far an eye turns at a gaze controller of 1, as recordings state it in radians."""


class BadTrack(ValueError):
    """A file is not the track it should be; the message says what was looked for."""


@dataclass(frozen=True)
class Track:
    """T moments."""

    seconds: Numbers
    """(T,) rising."""
    controllers: Numbers
    """(T, 130)."""
    turns: Numbers
    """(T, 3) yaw, pitch, roll in degrees."""

    def __post_init__(self) -> None:
        count = len(self.seconds)
        if self.controllers.shape != (count, len(NAMES)) or self.turns.shape != (count, 3):
            raise BadTrack(
                f"A track of {count} moments wants {count} x {len(NAMES)} controllers and {count} x 3 turns, "
                f"not {self.controllers.shape} and {self.turns.shape}."
            )
        if count == 0 or (np.diff(self.seconds) <= 0).any():
            raise BadTrack("A track wants at least one moment, and times that rise.")

    @property
    def frames_per_second(self) -> float:
        """The usual rate: one over the median gap."""
        return 1.0 / float(np.median(np.diff(self.seconds))) if len(self.seconds) > 1 else 30.0

    def resample(self, frames_per_second: float) -> Track:
        """The same in even steps, between its moments along straight lines."""
        count = max(1, round(float(self.seconds[-1] - self.seconds[0]) * frames_per_second) + 1)
        at = self.seconds[0] + np.arange(count) / frames_per_second
        whole = np.concatenate((self.controllers, self.turns), 1)
        even = np.stack([np.interp(at, self.seconds, column) for column in whole.T], 1).astype(np.float32)
        return Track(at.astype(np.float32), even[:, : len(NAMES)], even[:, len(NAMES) :])


def write_csv(track: Track) -> str:
    """A row a moment: seconds, 130 controllers, three turns."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["seconds", *NAMES, *TURNS])
    for seconds, values, turn in zip(track.seconds, track.controllers, track.turns, strict=True):
        writer.writerow([f"{seconds:.4f}", *(f"{v:.5f}" for v in values), *(f"{v:.3f}" for v in turn)])
    return out.getvalue()


def read_csv(text: str) -> Track:
    """What ``write_csv`` wrote; columns may stand in any order."""
    rows = list(csv.DictReader(io.StringIO(text)))
    wanted = ["seconds", *NAMES, *TURNS]
    missing = [name for name in wanted if not rows or rows[0].get(name) is None]
    if missing:
        raise BadTrack(f"This is no controller track: it lacks {len(missing)} columns, first {missing[0]!r}.")
    try:
        table = np.array([[float(row[name]) for name in wanted] for row in rows], dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise BadTrack(f"The track holds something that is not a number: {error}.") from error
    return Track(table[:, 0], table[:, 1 : 1 + len(NAMES)], table[:, 1 + len(NAMES) :])


def write_json(track: Track) -> str:
    """Names once, then a list of numbers a moment."""
    moments = [
        {
            "seconds": round(float(s), 4),
            "controllers": [round(float(v), 5) for v in c],
            "turn": [round(float(v), 3) for v in t],
        }
        for s, c, t in zip(track.seconds, track.controllers, track.turns, strict=True)
    ]
    return json.dumps({"controllers": list(NAMES), "turn": list(TURNS), "moments": moments}, indent=None)


def read_json(text: str) -> Track:
    """What ``write_json`` wrote."""
    try:
        content = json.loads(text)
        names, moments = list(content["controllers"]), content["moments"]
        order = [names.index(name) for name in NAMES]
        table = np.array([moment["controllers"] for moment in moments], dtype=np.float32)
        return Track(
            np.array([moment["seconds"] for moment in moments], dtype=np.float32),
            table[:, order],
            np.array([moment["turn"] for moment in moments], dtype=np.float32),
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise BadTrack(f"This is no controller track as JSON: {error}.") from error


def write_live_link(track: Track, frames_per_second: float = 60.0) -> str:
    """As recordings of a phone's face capture are: time code, 52 shapes, head and eyes."""
    even = track.resample(frames_per_second)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(LIVE_LINK_HEADER)
    for seconds, row in zip(even.seconds, live_link_values(even.controllers, even.turns), strict=True):
        numbers = [f"{value:.10f}" for value in row]
        writer.writerow([_time_code(float(seconds), frames_per_second), len(LIVE_LINK_HEADER) - 2, *numbers])
    return out.getvalue()


def live_link_values(controllers: Numbers, turns: Numbers) -> Numbers:
    """Controllers (T, 130) and turns (T, 3) in degrees as a recording's columns after the first two: (T, 61)."""
    shapes = to_arkit(torch.from_numpy(controllers)).numpy()
    at = {name: shapes[:, place] for place, name in enumerate(ARKIT_NAMES)}
    eyes = [column for side in ("Left", "Right") for column in _eye(at, side)]
    return np.stack([*(at[name] for name in LIVE_LINK), *np.radians(turns).T, *eyes], 1).astype(np.float32)


def read_live_link(text: str) -> Track:
    """A Live Link Face recording as a track, by the columns' names; shapes that we lack are left at rest."""
    rows = list(csv.DictReader(io.StringIO(text)))
    missing = [name for name in ("Timecode", *LIVE_LINK, *_LIVE_LINK_LAST[:3]) if not rows or rows[0].get(name) is None]
    if missing:
        raise BadTrack(f"This is no Live Link Face recording: it lacks {len(missing)} columns, first {missing[0]!r}.")
    try:
        shapes = np.array([[float(row[name]) for name in ARKIT_NAMES] for row in rows], dtype=np.float32)
        turns = np.degrees([[float(row[name]) for name in _LIVE_LINK_LAST[:3]] for row in rows]).astype(np.float32)
        times = _seconds([row["Timecode"] for row in rows])
    except (TypeError, ValueError) as error:
        raise BadTrack(f"The recording holds something that is not a number: {error}.") from error
    return Track(times, from_arkit(torch.from_numpy(shapes)).numpy(), turns)


def _eye(at: dict[str, Numbers], side: str) -> tuple[Numbers, Numbers, Numbers]:
    """Yaw to the person's left, pitch and roll of an eye in radians, from its four gaze shapes."""
    reach = np.float32(np.radians(EYE_DEGREES))
    yaw = (at[f"EyeLookIn{side}"] - at[f"EyeLookOut{side}"]) * (reach if side == "Right" else -reach)
    pitch = (at[f"EyeLookUp{side}"] - at[f"EyeLookDown{side}"]) * reach
    return yaw, pitch, np.zeros_like(yaw)


def _time_code(seconds: float, frames_per_second: float) -> str:
    """Hours, minutes, seconds, and frames with thousandths."""
    whole = int(seconds + 1e-6)
    frames = max(0.0, (seconds - whole) * frames_per_second)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}:{frames:06.3f}"


def _seconds(codes: Sequence[str]) -> Numbers:
    """Times from the first on; the frame rate is the highest frame number's, rounded up to a usual one."""
    split = [[float(word) for word in code.split(":")] for code in codes]
    if any(len(words) != 4 for words in split):
        raise ValueError(f"a time code is hours:minutes:seconds:frames, not {codes[0]!r}")
    rate = next((rate for rate in (24.0, 25.0, 30.0, 60.0, 120.0) if max(words[3] for words in split) < rate), 240.0)
    times = np.array([h * 3600 + m * 60 + s + frames / rate for h, m, s, frames in split])
    return (times - times[0]).astype(np.float32)


def write_glb(track: Track, character: str, path: Path) -> None:
    """The character with this track as its animation."""
    from core.engine.characters import load_character
    from core.engine.glb import write_animation

    even = track.resample(min(max(track.frames_per_second, 5.0), 60.0))
    write_animation(load_character(character), even.controllers, even.frames_per_second, path, even.turns)
