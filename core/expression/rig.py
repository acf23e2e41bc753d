"""What the rig makes of controllers: opposites settled, parts locked or amplified, a neutral face taken off, smoothing,
and what a hand has set. Values in, values out: whoever follows a face keeps the smoother's state."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from core.engine.controllers import INDEX, NAMES, PARTS, places

Values = npt.NDArray[np.float32]
"""(130,) controllers in 0..1."""

_OPPOSITE_STEMS = (
    ("gaze_up_left", "gaze_down_left"), ("gaze_up_right", "gaze_down_right"), ("gaze_in_left", "gaze_out_left"),
    ("gaze_in_right", "gaze_out_right"), ("pupil_dilate_left", "pupil_constrict_left"),
    ("pupil_dilate_right", "pupil_constrict_right"), ("jaw_left", "jaw_right"), ("jaw_forward", "jaw_back"),
    ("mouth_left", "mouth_right"), ("nose_tip_up", "nose_tip_down"), ("nose_tip_left", "nose_tip_right"),
    ("tongue_left", "tongue_right"), ("tongue_up", "tongue_down"), ("tongue_wide", "tongue_narrow"),
    ("forehead_centre_raise", "forehead_lower"),
)  # fmt: skip
OPPOSITES = tuple((INDEX[one], INDEX[other]) for one, other in _OPPOSITE_STEMS)
"""Controllers that undo each other: only what is left of the larger one moves anything."""
LIDS = tuple((INDEX[f"eye_blink_{side}"], INDEX[f"eye_closed_{side}"]) for side in ("left", "right"))
"""Two ways to close one eye; together they close it once."""


@dataclass(frozen=True)
class Posing:
    """What a person has set on the rig."""

    gains: Mapping[str, float] = field(default_factory=dict)
    """Part -> factor on its controllers."""
    locked: frozenset[str] = frozenset()
    """Parts that the camera does not move: they stay as the hand has them, or at rest."""
    hand: Mapping[str, float] = field(default_factory=dict)
    """Controller -> value that a hand has set; the camera drives the rest."""
    neutral: Values | None = None
    """What is read of the person's resting face; it is taken off."""
    reach: Values | None = None
    """Factor on each controller: a person whose brows are read to a fifth when raised as far as they go wants five."""

    def __post_init__(self) -> None:
        wrong = [part for part in (*self.gains, *self.locked) if part not in PARTS]
        if wrong:
            raise ValueError(f"There is no part {wrong[0]!r}; the parts are {', '.join(PARTS)}.")
        unknown = [name for name in self.hand if name not in INDEX]
        if unknown:
            raise ValueError(f"There is no controller {unknown[0]!r}.")
        if any(not 0.0 <= value <= 1.0 for value in self.hand.values()):
            raise ValueError("Controllers lie in 0 to 1.")


def settle(values: Values) -> Values:
    """Each part's pose: opposites cancel, two ways to close an eye close it once, all within 0..1."""
    posed = np.clip(values, 0.0, 1.0).astype(np.float32)
    for one, other in OPPOSITES:
        net = float(posed[one] - posed[other])
        posed[one], posed[other] = max(net, 0.0), max(-net, 0.0)
    for blink, closed in LIDS:
        over = float(posed[blink] + posed[closed])
        if over > 1.0:
            posed[blink], posed[closed] = posed[blink] / over, posed[closed] / over
    return posed


def pose(read: Values, posing: Posing) -> Values:
    """What moves the rig: read from a face, less its neutral, part by part, with what the hand has set."""
    values: Values = np.array(read, dtype=np.float32)
    if posing.neutral is not None:
        values = ((values - posing.neutral) / np.maximum(1.0 - posing.neutral, 0.1)).astype(np.float32)
    if posing.reach is not None:
        values *= posing.reach
    for part, gain in posing.gains.items():
        values[places(part)] *= np.float32(gain)
    for part in posing.locked:
        values[places(part)] = 0.0
    values = settle(values)
    for name, value in posing.hand.items():
        values[INDEX[name]] = value
    return values


@dataclass(frozen=True)
class Smoothing:
    """The one-euro filter's two numbers (Casiez 2012): how still at rest, how quick in motion."""

    least_hertz: float = 1.4
    """Cut-off when nothing moves; lower is stiller and later."""
    eagerness: float = 3.0
    """How much the cut-off rises with speed (controllers a second)."""


@dataclass(frozen=True)
class Smoothed:
    """Where the filter stands: keep it, and give it back with the next reading."""

    values: Values
    speed: Values
    seconds: float


def smooth(read: Values, seconds: float, before: Smoothed | None, how: Smoothing | None = None) -> Smoothed:
    """The reading at a time, smoothed with what came before; a time that does not go on starts anew."""
    how = how or Smoothing()
    read = np.asarray(read, dtype=np.float32)
    if before is None or seconds <= before.seconds or seconds - before.seconds > 1.0:
        return Smoothed(read, np.zeros_like(read), seconds)
    gap = seconds - before.seconds
    speed = _towards(before.speed, (read - before.values) / np.float32(gap), np.full_like(read, 1.0), gap)
    cut_off = (how.least_hertz + how.eagerness * np.abs(speed)).astype(np.float32)
    return Smoothed(_towards(before.values, read, cut_off, gap), speed, seconds)


def _towards(old: Values, new: Values, hertz: Values, gap: float) -> Values:
    share = 1.0 / (1.0 + 1.0 / (2.0 * math.pi * hertz * gap))
    return (old + (new - old) * share).astype(np.float32)


def by_part(values: Values) -> dict[str, dict[str, float]]:
    """Controllers by name under each part, as sliders show them."""
    return {part: {NAMES[at]: float(values[at]) for at in places(part)} for part in PARTS}
