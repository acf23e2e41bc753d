"""What a guided clip says of the controllers: how far each moved when it was asked to, how much it trembles at rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.engine.controllers import INDEX, NAMES, PARTS, places
from core.expression.rig import Values
from training.spec import BadRequest

GUIDE = (("neutral", 4.0), ("smile", 3.0), ("mouth", 3.0), ("blink", 3.0), ("brows", 3.0), ("talk", 4.0))
"""What is asked for, and for how many seconds: twenty in all."""
MEANT = {
    "smile": {"mouth_smile_left": 0.85, "mouth_smile_right": 0.85},
    "mouth": {"jaw_open": 0.8},
    "blink": {"eye_blink_left": 1.0, "eye_blink_right": 1.0},
    "brows": {
        "brow_inner_up_left": 0.85, "brow_inner_up_right": 0.85, "brow_outer_up_left": 0.85, "brow_outer_up_right": 0.85,
    },
}  # fmt: skip
"""How far a prompt that is followed moves what it asks for."""
ASKED = frozenset(name for meant in MEANT.values() for name in meant)
"""What the guide surely moves; another that rests was not asked to move."""
LEAST_PEAK, MOST_REACH = 0.04, 5.0
"""What is read to less cannot be told from nothing; and no reading is enlarged more than so many times."""
LEAST_RANGE = 0.08
"""A controller that moves less does not move: nobody would see it."""
MOST_NOISE, LEAST_RATIO = 0.04, 6.0
"""One that trembles more at rest, or whose range is fewer times its tremble, is noisy."""
REACTION = 0.25
"""Share of each prompt's time that a person needs to begin."""
LEAST_AT_REST, LEAST_IN_ALL = 5, 20
LEAST_ANSWERS = 7
"""A slow machine keeps a prompt up, for a while, until so many readings came."""
STATES = ("dead", "noisy", "still", "good")
"""The worst first; ``still``: moved little, and was not asked to."""
Readings = Sequence[tuple[str, Values]]


@dataclass(frozen=True)
class Channel:
    """One controller."""

    name: str
    range: float
    noise: float
    state: str


@dataclass(frozen=True)
class Health:
    """What a guided clip says."""

    neutral: Values
    """The person's resting face."""
    reach: Values
    """What readings above it are to be multiplied by, for the person's own face to move a character all the way."""
    channels: tuple[Channel, ...]
    readings: int

    def by_part(self) -> list[dict[str, object]]:
        """A row for each part: how many channels are in which state, the widest range, the usual tremble, the verdict."""
        rows = []
        for part in PARTS:
            of = [self.channels[at] for at in places(part)]
            counts = {state: sum(one.state == state for one in of) for state in STATES}
            rows.append(
                {
                    "part": part, "counts": counts, "range": round(max(one.range for one in of), 3),
                    "noise": round(float(np.median([one.noise for one in of])), 4), "state": _verdict(counts),
                    "channels": [[one.name, round(one.range, 3), round(one.noise, 4), one.state] for one in of],
                }
            )  # fmt: skip
        return rows


def _verdict(counts: dict[str, int]) -> str:
    if counts["dead"]:
        return "dead"
    moved = counts["noisy"] + counts["good"]
    if not moved:
        return "still"
    return "noisy" if counts["noisy"] * 2 > moved else "good"


def judge(readings: Readings) -> Health:
    """Ranges over the whole clip and noise over its rest, as they were read, before anything is smoothed or taken off."""
    rest = _settled([values for stage, values in readings if stage == "neutral"])
    if len(rest) < LEAST_AT_REST or len(readings) < LEAST_IN_ALL:
        raise BadRequest(
            f"Only {len(readings)} readings of a face came in, {len(rest)} of them at rest; "
            f"{LEAST_IN_ALL} and {LEAST_AT_REST} are wanted. Look towards the camera, in light from the front, and try again."
        )
    every = np.stack([values for _, values in readings])
    at_rest = np.stack(rest)
    low, high = np.percentile(every, (2.0, 98.0), axis=0)
    noise = np.diff(at_rest, axis=0).std(axis=0) / np.sqrt(2.0)  # of the steps: a slow drift is no tremble
    channels = tuple(
        Channel(name, float(reach), float(tremble), _state(name, float(reach), float(tremble)))
        for name, reach, tremble in zip(NAMES, high - low, noise, strict=True)
    )
    neutral = np.median(at_rest, axis=0).astype(np.float32)
    return Health(neutral, _reach(readings, neutral, channels), channels, len(readings))


def _reach(readings: Readings, neutral: Values, channels: tuple[Channel, ...]) -> Values:
    """What was asked for and seen to move is brought to how far it was meant to; the rest of its part as far as the least."""
    reach: Values = np.ones(len(NAMES), np.float32)
    found: dict[int, float] = {}
    for stage, meant in MEANT.items():
        answers = _settled([values for asked, values in readings if asked == stage])
        if len(answers) < LEAST_AT_REST:
            continue
        peaks = np.percentile(np.stack(answers), 90.0, axis=0) - neutral
        for name, far in meant.items():
            at, peak = INDEX[name], float(peaks[INDEX[name]])
            if peak > max(LEAST_PEAK, LEAST_RATIO * channels[at].noise):
                found[at] = min(max(far * (1 - float(neutral[at])) / peak, 1.0), MOST_REACH)
    for part in PARTS:
        mine = [found[at] for at in places(part) if at in found]
        reach[places(part)] = min(mine, default=1.0)
    for at, factor in found.items():
        reach[at] = factor
    return reach


def _settled(rest: list[Values]) -> list[Values]:
    return rest[int(len(rest) * REACTION) :]


def _state(name: str, reach: float, noise: float) -> str:
    if noise > MOST_NOISE:
        return "noisy"
    if reach < LEAST_RANGE:
        return "dead" if name in ASKED else "still"
    return "noisy" if reach < LEAST_RATIO * noise else "good"
