"""Simple people by seed: dressed bodies on twelve bones that walk a track, or stand, turn and gesture; and hands."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from core.engine import patterns, prospects
from core.engine.dice import Dice
from core.engine.kits import Kit
from core.engine.movers import Mover, hinge, rigid
from core.engine.places import Free
from core.engine.solids import Floats, Solid, cushion, join, put, stretch, turned

SKINS = (
    (0.95, 0.78, 0.67),
    (0.87, 0.67, 0.54),
    (0.75, 0.55, 0.42),
    (0.55, 0.38, 0.28),
    (0.38, 0.25, 0.18),
    (0.92, 0.72, 0.6),
)
HAIRS = (
    (0.1, 0.08, 0.07),
    (0.22, 0.14, 0.09),
    (0.4, 0.26, 0.15),
    (0.7, 0.54, 0.32),
    (0.55, 0.55, 0.54),
    (0.45, 0.2, 0.1),
)
TOPS = (
    (0.15, 0.2, 0.35), (0.85, 0.84, 0.8), (0.6, 0.12, 0.12), (0.2, 0.2, 0.22), (0.4, 0.5, 0.4), (0.8, 0.6, 0.25),
    (0.35, 0.45, 0.6), (0.6, 0.45, 0.5), (0.1, 0.3, 0.3), (0.72, 0.3, 0.4),
)  # fmt: skip
TROUSERS = ((0.14, 0.17, 0.28), (0.12, 0.12, 0.13), (0.55, 0.48, 0.36), (0.3, 0.3, 0.32), (0.25, 0.32, 0.45))
SHOES = ((0.1, 0.09, 0.08), (0.85, 0.84, 0.82), (0.3, 0.18, 0.1))
PELVIS, CHEST, HEAD, ARM, FOREARM, THIGH, SHIN, FOOT = 0, 1, 2, 3, 5, 7, 9, 11
"""Bones; of those in pairs the left one (+x) is the next number."""


@dataclass(frozen=True)
class Measures:
    """Lengths of a body in metres."""

    leg: float
    shin: float
    trunk: float
    arm: float
    shoulder: float
    hip: float


def _limb(long: float, above: float, below: float, material: int, flat: float = 1.0) -> Solid:
    """A limb hanging from its joint along -y."""
    bulge = max(above, below) * 1.06
    profile = [
        (0.0, -long - below * 0.7), (below * 0.75, -long - below * 0.45), (below, -long + 0.01), (bulge * 0.95, -long * 0.45),
        (bulge, -long * 0.25), (above * 0.98, -0.02), (above * 0.7, above * 0.6), (0.0, above * 0.8),
    ]  # fmt: skip
    return stretch(turned(profile, 9, material), (1.0, 1.0, flat))


def _head(kit: Kit, name: str, dice: Dice, skin: int) -> list[Solid]:
    """Head with a painted face, nose, ears and hair, its joint at the neck."""
    skins, hairs = _tone(dice, "skin", SKINS), _tone(dice, "hair", HAIRS)
    face = kit.own(f"face {name}", lambda own: prospects.face(own, skins, hairs), 1.0)
    hair = kit.own(f"hair {name}", lambda own: patterns.bark(own, hairs), 0.25)
    skull = cushion((0.155, 0.235, 0.195), (0, 0.135, 0.015), face, 0.92, 20)
    low, high = skull.places.min(0), skull.places.max(0)
    # the tile's ends meet behind the head; a hair's width inside keeps them apart
    skull = replace(skull, places=0.003 + 0.994 * (skull.places - low) / (high - low))
    parts = [skull, put(turned([(0.06, -0.07), (0.052, 0.0), (0.054, 0.06)], 9, skin), (0, 0, -0.005))]
    parts.append(cushion((0.026, 0.05, 0.04), (0, 0.125, 0.108), skin, 0.9, 6))
    parts += [cushion((0.02, 0.06, 0.036), (side * 0.079, 0.13, 0.005), skin, 0.9, 6) for side in (-1, 1)]
    kind = dice.pick("hair cut", ("short", "short", "long", "bald", "bun", "hat"))
    if kind == "hat":
        cap = kit.own(f"hat {name}", lambda own: patterns.weave(own, _tone(dice, "hat", TOPS)), 0.3)
        parts.append(turned([(0.125, 0.19), (0.1, 0.2), (0.098, 0.25), (0.06, 0.285), (0.0, 0.29)], 12, cap))
    elif kind != "bald":
        parts.append(cushion((0.172, 0.19, 0.19), (0, 0.178, -0.018), hair, 0.95, 12))
        if kind == "long":
            parts.append(cushion((0.19, 0.34, 0.12), (0, 0.06, -0.06), hair, 0.7, 12))
        elif kind == "bun":
            parts.append(cushion((0.09, 0.09, 0.09), (0, 0.22, -0.12), hair, 1.0, 8))
    return parts


def _tone(dice: Dice, name: str, options: tuple[tuple[float, float, float], ...]) -> patterns.Colour:
    return patterns.colour(dice.child("tone"), name, options, 0.06)


@dataclass(frozen=True)
class Body:
    """A dressed person: the solid with each part about its own joint, the bone of each point, and lengths."""

    solid: Solid
    bones: npt.NDArray[np.int64]
    measures: Measures


@dataclass(frozen=True)
class _Wear:
    """Materials of a person, and how much of the limbs they cover."""

    skin: int
    top: int
    below: int
    shoe: int
    long_sleeve: bool
    skirt: bool


def build_person(kit: Kit, name: str, dice: Dice) -> Body:
    """A person of these dice; materials go by the name."""
    tall = dice.uniform("tall", 1.52, 1.9) if dice.chance("grown", 0.9) else dice.uniform("small", 1.05, 1.4)
    size, stout = tall / 1.75, dice.uniform("stout", 0.88, 1.2)
    m = Measures(0.45 * size, 0.44 * size, 0.46 * size, 0.29 * size, 0.178 * size * (0.6 + 0.4 * stout), 0.085 * size)
    skin = kit.own(f"skin {name}", lambda own: patterns.plain(own, _tone(dice, "skin", SKINS)), 0.4)
    wear = _Wear(
        skin,
        kit.own(
            f"top {name}", lambda own: patterns.weave(own, _tone(dice, "top", TOPS)), dice.uniform("weave", 0.25, 0.5)
        ),
        kit.own(f"below {name}", lambda own: patterns.weave(own, _tone(dice, "below", TROUSERS)), 0.6),
        kit.of(f"shoe {dice.whole('shoe', 0, 2)}", patterns.plain, SHOES, 0.3),
        dice.chance("sleeves", 0.65),
        dice.chance("skirt", 0.2),
    )
    parts = [*_trunk(m, stout * size, size, wear), *_limbs(m, stout * size, wear)]
    parts += [(HEAD, stretch(part, (size**0.4,) * 3)) for part in _head(kit, name, dice, skin)]
    solid = join([part for _, part in parts])
    bones = np.concatenate([np.full(len(part.points), bone) for bone, part in parts])
    return Body(replace(solid, boxes=np.zeros((0, 7), np.float32)), bones, m)


def _trunk(m: Measures, s: float, size: float, wear: _Wear) -> list[tuple[int, Solid]]:
    """Chest and hips, with their bones; ``s`` is size with stoutness."""
    t = m.trunk
    chest = [(0.125 * s, -0.06 * t), (0.128 * s, 0.1 * t), (0.143 * s, 0.5 * t), (0.155, 0.72 * t), (0.152, 0.86 * t)]
    chest += [(0.125, 0.95 * t), (0.07, 1.02 * t), (0.045, 1.06 * t)]
    hem = [(0.21 * s, -0.42 * size), (0.2 * s, -0.3 * size)] if wear.skirt else [(0.0, -0.13), (0.1 * s, -0.12)]
    hips = [*hem, (0.138 * s, -0.03), (0.132 * s, 0.06), (0.124 * s, 0.12)]
    return [
        (CHEST, stretch(turned(chest, 14, wear.top), (1.2 * m.shoulder / 0.185, 1, 0.78))),
        (PELVIS, stretch(turned(hips, 14, wear.below), (1.2, 1, 0.88))),
    ]


def _limbs(m: Measures, s: float, wear: _Wear) -> list[tuple[int, Solid]]:
    """Arms with hands, legs with feet, with their bones."""
    sleeve, lower = wear.top if wear.long_sleeve else wear.skin, m.arm * 0.86
    knee, calf, ankle = (0.055, 0.056, 0.038) if wear.skirt else (0.07, 0.069, 0.062)
    cloth = wear.skin if wear.skirt else wear.below
    parts: list[tuple[int, Solid]] = []
    for side in (0, 1):
        parts += [
            (ARM + side, _limb(m.arm, 0.05 * s, 0.044 * s, wear.top)),
            (FOREARM + side, _limb(lower, 0.042 * s, 0.031, sleeve)),
            (FOREARM + side, cushion((0.035, 0.1, 0.075), (0, -lower - 0.07, 0.01), wear.skin, 0.7, 8)),
            (FOREARM + side, cushion((0.03, 0.09, 0.06), (0, -lower - 0.13, 0.015), wear.skin, 0.7, 8)),
            (THIGH + side, _limb(m.leg, 0.086 * s, knee * s, cloth)),
            (SHIN + side, _limb(m.shin, calf * s, ankle, cloth)),
            (FOOT + side, cushion((0.095, 0.1, 0.27), (0, -0.035, 0.07), wear.shoe, 0.6, 10)),
        ]
    return parts


@dataclass(frozen=True)
class Pose:
    """Angles in radians; pairs are right, left."""

    hip: tuple[float, float]
    knee: tuple[float, float]
    shoulder: tuple[float, float]
    elbow: tuple[float, float]
    spread: float
    bend: float
    head_yaw: float
    lift: float


def set_bones(root: Floats, m: Measures, pose: Pose) -> Floats:
    """(13, 4, 4): bones of a body whose feet stand under ``root``."""
    ground = min(
        -(m.leg * math.cos(hip) + m.shin * math.cos(hip - knee)) for hip, knee in zip(pose.hip, pose.knee, strict=True)
    )
    pelvis = root @ rigid((0.0, 0.085 - ground + pose.lift, 0.0))
    chest = pelvis @ hinge((0.0, 0.09, 0.0), -pose.bend)
    head = chest @ rigid((0.0, m.trunk * 1.1, 0.01), pose.head_yaw)
    bones = [pelvis, chest, head]
    for side, turn in zip((-1, 1), pose.shoulder, strict=True):
        bones.append(chest @ hinge((side * m.shoulder, m.trunk * 0.87, -0.005), turn, side * pose.spread))
    bones += [arm @ hinge((0.0, -m.arm, 0.0), turn) for arm, turn in zip(bones[ARM:], pose.elbow, strict=True)]
    bones += [pelvis @ hinge((side * m.hip, 0.0, 0.0), turn) for side, turn in zip((-1, 1), pose.hip, strict=True)]
    bones += [thigh @ hinge((0.0, -m.leg, 0.0), -turn) for thigh, turn in zip(bones[THIGH:], pose.knee, strict=True)]
    for shin, knee, hip in zip(bones[SHIN:], pose.knee, pose.hip, strict=True):
        bones.append(shin @ hinge((0.0, -m.shin, 0.0), max(knee - hip, -0.25) * 0.8))
    return np.stack(bones).astype(np.float32)


def walk_pose(phase: float, stride: float) -> Pose:
    """A step of a walk; phase in radians, a whole turn is two steps."""

    def one(at: float) -> tuple[float, float, float, float]:
        swing = math.sin(at)
        knee = 0.12 + 0.95 * max(0.0, math.cos(at + 0.25)) ** 2 * (0.6 + 0.4 * stride)
        return stride * (0.5 * swing + 0.08), knee, -0.42 * stride * swing, 0.3 + 0.2 * max(0.0, -swing)

    right, left = one(phase), one(phase + math.pi)
    return Pose(
        (right[0], left[0]), (right[1], left[1]), (right[2], left[2]), (right[3], left[3]), 0.08, 0.04, 0.0, 0.0
    )


Track = Callable[[float], tuple[float, float, float, bool]]
"""Metres gone to x, z, yaw, and whether one still walks."""


def loop_track(free: Free, dice: Dice) -> Track:
    """Round an ellipse inside clear floor."""
    x, z = (free[0] + free[2]) / 2, (free[1] + free[3]) / 2
    wide, deep = max((free[2] - free[0]) / 2, 0.15), max((free[3] - free[1]) / 2, 0.15)
    share, start = dice.uniform("share", 0.55, 0.95), dice.uniform("start", 0, 2 * math.pi)
    way = -1 if dice.chance("way", 0.5) else 1
    wide, deep = wide * share, deep * share
    angles = np.linspace(0, 2 * math.pi, 129)
    steps = np.hypot(np.diff(wide * np.cos(angles)), np.diff(deep * np.sin(angles)))
    gone_at = np.concatenate(([0], np.cumsum(steps)))

    def track(gone: float) -> tuple[float, float, float, bool]:
        angle = way * (start + float(np.interp(gone % gone_at[-1], gone_at, angles)))
        yaw = math.atan2(-way * wide * math.sin(angle), way * deep * math.cos(angle))
        return x + wide * math.cos(angle), z + deep * math.sin(angle), yaw, True

    return track


def line_track(free: Free, dice: Dice, middle: float, half: float) -> Track:
    """Straight along a path of ``free`` that lies along its longer side; near ``middle`` at some time."""
    along_z = free[3] - free[1] >= free[2] - free[0]
    way = -1 if dice.chance("way", 0.5) else 1
    start = middle - way * dice.uniform("start", -0.4, 0.9) * half
    low, high = (free[0], free[2]) if along_z else (free[1], free[3])
    aside = low + (high - low) * dice.uniform("aside", 0.1, 0.9)
    yaw = (0.0 if way > 0 else math.pi) if along_z else way * math.pi / 2

    def track(gone: float) -> tuple[float, float, float, bool]:
        at = start + way * gone
        return (aside, at, yaw, True) if along_z else (at, aside, yaw, True)

    return track


def walking_person(body: Body, dice: Dice, track: Track) -> Mover:
    """Someone who walks a track."""
    m = body.measures
    speed, stride = dice.uniform("speed", 0.75, 1.5), dice.uniform("stride", 0.85, 1.1)
    pace = 2 * math.pi * speed / (2.05 * (m.leg + m.shin) * stride)
    phase = dice.uniform("phase", 0, 6.28)
    sway = 0.02 * dice.uniform("sway", 0.5, 1.5)

    def motion(seconds: float) -> Floats:
        x, z, yaw, _ = track(speed * seconds)
        at = phase + pace * seconds
        root = rigid((x + sway * math.sin(at) * math.cos(yaw), 0.0, z - sway * math.sin(at) * math.sin(yaw)), yaw)
        return set_bones(root, m, walk_pose(at, stride))

    return Mover(body.solid, body.bones, motion, (0.34, 0.28))


def standing_person(body: Body, dice: Dice, place: tuple[float, float], yaw: float, seat_metres: float = 0.0) -> Mover:
    """Someone who stands (or sits, above 0) at a place, talks with the hands, and looks about."""
    m = body.measures
    rate, phase = dice.uniform("rate", 0.6, 1.4), dice.uniform("phase", 0, 6.28)
    lively = dice.uniform("lively", 0.3, 1.0)

    def motion(seconds: float) -> Floats:
        at = phase + rate * seconds

        def wave(number: int) -> float:
            return math.sin(at * (1 + 0.37 * number) + 2.1 * number) * 0.6 + 0.4 * math.sin(at * 2.3 + number)

        raised = [max(0.0, wave(side)) * lively for side in (1, 2)]
        legs = (1.5, 1.5) if seat_metres > 0 else (0.05, 0.02)
        shoulder, elbow = (0.1 + 0.5 * raised[0], 0.1 + 0.5 * raised[1]), (0.3 + 1.4 * raised[0], 0.3 + 1.4 * raised[1])
        pose = Pose(legs, (legs[0], legs[1] + 0.02), shoulder, elbow, 0.12, 0.03 * wave(3), 0.5 * wave(4), 0.0)
        root = rigid((place[0] + 0.015 * wave(5), 0.0, place[1] + 0.01 * wave(6)), yaw + 0.12 * wave(7))
        placed = set_bones(root, m, pose)
        if seat_metres > 0:
            placed[:, 1, 3] += seat_metres + 0.1 - placed[PELVIS, 1, 3]
        return placed

    return Mover(body.solid, body.bones, motion, (0.3, 0.28) if seat_metres == 0 else None)


def hand_in_view(kit: Kit, dice: Dice, camera: Callable[[float], Floats]) -> Mover:
    """The forearm and hand of the person who holds the camera, reaching into the picture."""
    person = dice.child("self")
    skin = kit.own("skin self", lambda own: patterns.plain(own, _tone(person, "skin", SKINS)), 0.2)
    sleeve = kit.own("top self", lambda own: patterns.weave(own, _tone(person, "top", TOPS)), 0.3)
    side = 1 if dice.chance("right", 0.8) else -1
    grip = dice.pick("grip", ("point", "open", "mug"))
    curls = {"point": (0.12, 1.25, 1.35, 1.4), "open": (0.2, 0.15, 0.2, 0.28), "mug": (0.95, 1.0, 1.05, 1.1)}[grip]
    parts = [
        stretch(turned([(0.048, -0.3), (0.046, -0.1), (0.04, -0.05)], 12, sleeve), (1.1, 1, 0.9)),
        stretch(turned([(0.036, -0.12), (0.031, -0.02), (0.031, 0.02)], 12, skin), (1.05, 1, 0.8)),
    ]
    parts.append(cushion((0.086, 0.105, 0.034), (0, 0.06, 0), skin, 0.65, 14))
    for finger, (x, long, curl) in enumerate(
        zip((-0.03, -0.01, 0.011, 0.031), (0.075, 0.082, 0.077, 0.06), curls, strict=True)
    ):
        parts += _finger(skin, (x, 0.105 - 0.004 * abs(finger - 1), 0.0), long, curl, 0.0095)
    parts += _finger(skin, (-0.042, 0.045, 0.008), 0.065, 0.25, 0.0115, 0.75)
    if grip == "mug":
        parts.append(
            put(
                turned(
                    [(0.036, -0.02), (0.036, 0.075), (0.033, 0.075), (0.031, 0.0)],
                    14,
                    kit.bright(dice.whole("mug", 0, 3)),
                ),
                (0.0, 0.07, 0.055),
            )
        )
    solid = replace(join(parts), boxes=np.zeros((0, 7), np.float32))
    rate, phase = dice.uniform("rate", 0.8, 2.0), dice.uniform("phase", 0, 6.28)
    far, aside, down = (
        dice.uniform("far", 0.34, 0.48),
        dice.uniform("aside", 0.02, 0.11),
        dice.uniform("down", 0.05, 0.13),
    )

    def motion(seconds: float) -> Floats:
        at = phase + rate * seconds
        # in the camera: x right, y down, z forward; the hand's y points along the fingers, its z out of the palm
        lean, turn = 0.55 + 0.2 * math.sin(0.7 * at), side * (0.5 + 0.2 * math.sin(at))
        along = np.array([-math.sin(turn) * math.cos(lean), -math.cos(turn) * math.cos(lean), math.sin(lean)])
        out = np.array([-side * 0.55, 0.25, -0.8])
        out -= along * (out @ along)
        out /= np.linalg.norm(out)
        local = np.eye(4, dtype=np.float32)
        local[:3, 0], local[:3, 1], local[:3, 2] = np.cross(along, out) * 1.0, along, out
        local[:3, 3] = (
            side * (aside + 0.02 * math.sin(1.3 * at)),
            down + 0.02 * math.sin(0.9 * at + 1),
            far + 0.03 * math.sin(0.8 * at),
        )
        return (camera(seconds) @ local)[None].astype(np.float32)

    return Mover(solid, np.zeros(len(solid.points), np.int64), motion)


def _finger(
    skin: int, root: tuple[float, float, float], long: float, curl: float, thick: float, splay: float = 0.0
) -> list[Solid]:
    """Three joints of a finger that bends towards +z."""
    carried = hinge(root, -curl * 0.6, splay)
    found = []
    for joint, share in enumerate((0.45, 0.32, 0.26)):
        length = long * share
        bone = turned(
            [
                (0.0, -thick * 0.5),
                (thick * 0.9, -thick * 0.2),
                (thick, length * 0.5),
                (thick * 0.92, length),
                (0.0, length + thick * 0.8),
            ],
            8,
            skin,
        )
        points = bone.points @ carried[:3, :3].T + carried[:3, 3]
        found.append(
            replace(
                bone, points=points.astype(np.float32), normals=(bone.normals @ carried[:3, :3].T).astype(np.float32)
            )
        )
        carried = carried @ hinge((0.0, length, 0.0), -curl * (0.75 if joint == 0 else 0.5))
        thick *= 0.93
    return found
