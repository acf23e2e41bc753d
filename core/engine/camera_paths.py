"""How a camera moves through a place: held by a walking person, driven along a lane, or hung in a corner."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core.engine.dice import Dice
from core.engine.places import Place
from core.engine.solids import Floats

KINDS = ("handheld", "driving", "surveillance")
_TRIES = 24


@dataclass(frozen=True)
class CameraPath:
    """Where a camera is at each second, camera-to-world 4 x 4, and its lens."""

    kind: str
    pose: Callable[[float], Floats]
    focal_mm: float
    """35 mm equivalent over the shorter side."""


def plan_path(kind: str, place: Place, dice: Dice, seconds: float) -> CameraPath:
    """A path of this kind that keeps out of things."""
    if kind == "surveillance":
        return _hang(place, dice)
    if kind == "driving":
        return _drive(place, dice)
    return _carry(place, dice, seconds)


def face(eye: np.ndarray, target: np.ndarray, roll: float = 0.0) -> Floats:
    """Camera-to-world of a camera at ``eye`` that looks at ``target``; x right, y down, z forward, world y up."""
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    cos, sin = math.cos(roll), math.sin(roll)
    pose = np.eye(4)
    pose[:3, 0], pose[:3, 1], pose[:3, 2], pose[:3, 3] = (
        cos * right + sin * down,
        cos * down - sin * right,
        forward,
        eye,
    )
    return pose.astype(np.float32)


def clearance(boxes: Floats, x: float, z: float, low: float = 0.15, high: float = 1.85) -> float:
    """Metres from a standing post to the nearest box, negative inside."""
    tall = boxes[(boxes[:, 1] + boxes[:, 4] > low) & (boxes[:, 1] - boxes[:, 4] < high)]
    if not len(tall):
        return 1e9
    away_x, away_z = x - tall[:, 0], z - tall[:, 2]
    cos, sin = np.cos(tall[:, 6]), np.sin(tall[:, 6])
    out = np.stack((np.abs(cos * away_x - sin * away_z) - tall[:, 3], np.abs(sin * away_x + cos * away_z) - tall[:, 5]))
    return float((np.hypot(*np.maximum(out, 0)) + np.minimum(out.max(0), 0)).min())


@dataclass(frozen=True)
class _Wave:
    """Smooth noise in time: three sines."""

    dice: Dice
    rate: float

    def __call__(self, name: str, seconds: float) -> float:
        total = 0.0
        for at, share in enumerate((1.0, 0.5, 0.3)):
            rate = self.rate * (1, 2.3, 4.9)[at] * self.dice.uniform(f"{name}{at}r", 0.8, 1.25)
            total += share * math.sin(2 * math.pi * rate * seconds + self.dice.uniform(f"{name}{at}p", 0, 6.283))
        return total / 1.3


def _hang(place: Place, dice: Dice) -> CameraPath:
    eye, target = (np.asarray(spot, np.float64) for spot in place.corner)
    if place.outdoors:
        # a mast somewhere along the way whose view is not into a tree: crowns reach a good metre beyond their boxes
        shifts = [np.array([0.0, 0.0, dice.uniform(f"mast {at}", -7.0, 7.0)]) for at in range(12)]
        shift = max(shifts, key=lambda one: _open_view(place.solid.boxes, eye + one, target + one))
        eye, target = eye + shift, target + shift
    target = target + np.array([dice.uniform(f"t{at}", -reach, reach) for at, reach in enumerate((0.8, 0.2, 0.8))])
    pose = face(eye, target, math.radians(dice.normal("roll") * 1.2))
    return CameraPath(
        "surveillance", lambda _: pose, dice.uniform("mm", 15, 21) if not place.outdoors else dice.uniform("mm", 17, 28)
    )


def _open_view(boxes: Floats, eye: np.ndarray, target: np.ndarray) -> float:
    """Metres, at most 2.5, that the first part of a view keeps from what is at its height."""
    points = [eye + share * (target - eye) for share in (0.0, 0.15, 0.3, 0.45)]
    return min(2.5, *(clearance(boxes, float(x), float(z), float(y) - 1.2, float(y) + 1.2) for x, y, z in points))


def _drive(place: Place, dice: Dice) -> CameraPath:
    lane = place.lanes[0]
    calm = place.kind != "street"
    speed = dice.uniform("speed", 1.5, 3.5) if calm else dice.uniform("speed", 3.0, 10.5)
    start = lane.start + (4.0 if calm else dice.uniform("start", 4.0, 16.0))
    high, yaw, pitch = (
        dice.uniform("high", 1.15, 1.6),
        math.radians(dice.normal("yaw") * 2.5),
        math.radians(dice.uniform("pitch", -1.0, 6.0)),
    )
    slow, phase = dice.uniform("slow", 0.0, 0.35), dice.uniform("phase", 0, 6.28)
    shake, drift = _Wave(dice.child("shake"), 1.6), _Wave(dice.child("drift"), 0.12)
    rough = dice.uniform("rough", 0.2, 1.0)

    def pose(seconds: float) -> Floats:
        gone = speed * (seconds + slow * (math.sin(seconds * 0.9 + phase) - math.sin(phase)))
        eye = np.array(
            [
                lane.x + 0.25 * drift("x", seconds),
                high + 0.008 * rough * shake("y", seconds),
                start + lane.direction * gone,
            ]
        )
        turn = yaw + math.radians(1.6 * drift("yaw", seconds) + 0.12 * rough * shake("yaw", seconds))
        tip = pitch + math.radians(0.25 * rough * shake("pitch", seconds))
        way = np.array([math.sin(turn), -math.tan(tip), lane.direction * math.cos(turn)])
        return face(eye, eye + way, math.radians(0.2 * rough * shake("roll", seconds)))

    return CameraPath("driving", pose, dice.uniform("mm", 24, 40))


@dataclass(frozen=True)
class _Stroll:
    """From where to where a hand-held camera goes, and between which points it looks."""

    start: np.ndarray
    way: np.ndarray
    first: np.ndarray
    second: np.ndarray


def _carry(place: Place, dice: Dice, seconds: float) -> CameraPath:
    style = dice.pick("style", ("walk", "walk", "stand", "turn"))
    plan = _find_stroll(place, dice, 0.0 if style == "stand" else seconds * dice.uniform("speed", 0.25, 1.1))
    length = float(np.linalg.norm(plan.way))
    high, steps = dice.uniform("high", 1.3, 1.68), dice.uniform("steps", 1.5, 2.0) * min(1.0, length / seconds / 0.4)
    shake, drift = _Wave(dice.child("shake"), 0.55), _Wave(dice.child("drift"), 0.15)
    unrest = dice.uniform("unrest", 0.25, 1.0)
    clock = _clock(dice, seconds)

    def pose(at: float) -> Floats:
        now = clock(at)
        share = now / seconds
        eased = share * share * (3 - 2 * share) * 0.5 + share * 0.5
        bob = math.sin(2 * math.pi * steps * now)
        eye = (
            plan.start
            + plan.way * eased
            + 0.02 * unrest * np.array([drift("x", now), drift("y", now), drift("z", now)]) * 2
        )
        eye[1] = high + 0.016 * bob * (length > 0.3) + 0.012 * unrest * shake("h", now)
        eye += 0.01 * math.sin(math.pi * steps * now) * np.array([plan.way[2], 0, -plan.way[0]]) / max(length, 0.5)
        target = plan.first + (plan.second - plan.first) * (eased if style != "walk" else 0.4 * eased)
        gaze = target - eye
        gaze /= np.linalg.norm(gaze)
        jitter = math.radians(1.1 * unrest) * np.array([shake("a", now), shake("b", now), shake("c", now)])
        return face(
            eye, eye + gaze + jitter, math.radians(dice.normal("roll") * 1.5 + 0.9 * unrest * shake("roll", now))
        )

    return CameraPath(
        "handheld", pose, dice.uniform("mm", 20, 33) if not place.outdoors else dice.uniform("mm", 22, 42)
    )


def _clock(dice: Dice, seconds: float) -> Callable[[float], float]:
    """Time as the holder's body feels it: at times it stands for a while (the camera laid down), frames are the same."""
    if not dice.chance("pause", 0.25):
        return lambda at: at
    begin, last = dice.uniform("pause from", 0.15, 0.6) * seconds, dice.uniform("pause for", 0.6, 1.6)
    fade = 0.35

    def clock(at: float) -> float:
        def slowed(time: float) -> float:  # integral of a ramp from 1 to 0 over ``fade``
            inside = min(max(time, 0.0), fade)
            return inside - inside * inside / (2 * fade)

        if at <= begin:
            return at
        stopped = begin + slowed(at - begin)
        again = at - (begin + fade + last)
        if again <= 0:
            return stopped
        rise = min(again, fade)
        return stopped + rise * rise / (2 * fade) + max(again - fade, 0.0)

    return clock


def _find_stroll(place: Place, dice: Dice, length: float) -> _Stroll:
    """The first of some tries that touches nothing and has something to look at; else the clearest."""
    best, best_score = None, -1e9
    watch = np.asarray(place.watch, np.float64)
    sizes = np.array([(area[2] - area[0]) * (area[3] - area[1]) for area in place.free])
    for number in range(_TRIES):
        own = dice.child("try", number)
        area = place.free[int(np.searchsorted(np.cumsum(sizes) / sizes.sum(), own.share("area")))]
        start = np.array([own.uniform("x", area[0], area[2]), 1.5, own.uniform("z", area[1], area[3])])
        end = np.array([own.uniform("ex", area[0], area[2]), 1.5, own.uniform("ez", area[1], area[3])])
        way = end - start
        far = float(np.linalg.norm(way))
        way = way * min(1.0, length / max(far, 1e-3))
        if far < 0.25 * length:
            continue
        clear = min(clearance(place.solid.boxes, *(start + way * share)[[0, 2]]) for share in np.linspace(0, 1, 9))
        middle = start + way / 2
        apart = np.hypot(watch[:, 0] - middle[0], watch[:, 2] - middle[2]) - 0.5 * np.linalg.norm(way)
        seen = watch[apart > (1.5 if not place.outdoors else 3.0)]
        if len(seen) < 2:
            continue
        # further points show more of the place
        seen = seen[np.argsort(np.hypot(seen[:, 0] - middle[0], seen[:, 2] - middle[2]))][len(seen) // 3 :]
        first = seen[own.whole("first", 0, len(seen) - 1)]
        gaze = first - middle
        others = seen[(seen - middle) @ gaze > 0.5 * np.linalg.norm(seen - middle, axis=1) * np.linalg.norm(gaze)]
        second = others[own.whole("second", 0, len(others) - 1)]
        score = min(clear, 0.45) + 0.1 * min(apart.max(), 3.0) / 3
        if score > best_score:
            best, best_score = _Stroll(start, way, first, second), score
        if clear > 0.4:
            break
    if best is None:
        middle = np.array([(place.free[0][0] + place.free[0][2]) / 2, 1.5, (place.free[0][1] + place.free[0][3]) / 2])
        far = watch[np.argmax(np.linalg.norm(watch - middle, axis=1))]
        return _Stroll(middle, np.zeros(3), far, far)
    return best
