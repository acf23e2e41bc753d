"""Poses by name: where wrists and ankles are asked to be, how trunk and head lean, and the joints that follow from it.

Arms and legs are two bones each, bent so that they reach (law of cosines); a hand that is to lie on the body is placed on
its surface, so that it lies there on every build. Left and right may be swapped by the seed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from core.engine.bodies import CROTCH_LEVEL, HIP_LEVEL, SHOULDER_LEVEL, SIDES, TRUNK_MIDDLE_METRES, WAIST_LEVEL, Bodies
from core.engine.people import Draws

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Arm:
    """One arm: ``reach`` (share of the arm's length from the shoulder; x outwards, y up, z ahead), or ``touch`` a place
    of the trunk (degrees outwards from the front, level, metres off the skin), or lie on the ``thigh``."""

    reach: Triple | None = None
    touch: Triple | None = None
    thigh: float | None = None
    elbow: Triple = (0.7, -0.3, -0.7)
    """Which way the elbow points."""
    hand: Triple | None = None
    """Which way the fingers point (x outwards); as the forearm without."""
    curl: float = 0.35
    sway: float = 0.03
    """How far the seed moves the wrist, metres."""


_DOWN = Arm(reach=(0.19, -0.965, 0.06), elbow=(0.4, 0.0, -1.0), sway=0.025)
_LOOSE = Arm(reach=(0.20, -0.93, 0.14), elbow=(0.6, 0.0, -1.0), sway=0.04)


@dataclass(frozen=True)
class Pose:
    """One named pose, as drawn when the seed does not swap the sides."""

    left: Arm = _DOWN
    right: Arm = _DOWN
    yaw: tuple[float, float] = (-16.0, 16.0)
    """Degrees between which the figure is turned."""
    stride: float = 0.0
    """Metres between the feet, front to back."""
    apart: float = 0.10
    seated: bool = False
    lean: float = 0.0
    """Degrees of the trunk to the side."""
    bow: float = 0.0
    thing: str = ""
    """What the right hand holds: bag or phone."""


_HIP = Arm(touch=(84.0, -0.60, 0.030), elbow=(1.0, 0.0, -0.55), hand=(-0.45, -0.35, 0.75), curl=0.5, sway=0.012)
_POCKET = Arm(touch=(66.0, -0.655, 0.028), elbow=(1.0, 0.0, -0.7), hand=(-0.25, -1.0, 0.15), curl=0.1, sway=0.008)
_OVER = Arm(touch=(-42.0, -0.395, 0.062), elbow=(1.0, -0.9, 0.15), hand=(-1.0, 0.05, -0.1), curl=0.3, sway=0.012)
_UNDER = Arm(touch=(-30.0, -0.425, 0.030), elbow=(1.0, -0.9, 0.0), hand=(-1.0, 0.25, -0.2), curl=0.3, sway=0.012)
_TABLE: dict[str, Pose] = {
    "arms down": Pose(),
    "hands on hips": Pose(_HIP, _HIP, apart=0.16),
    "arms crossed": Pose(_UNDER, _OVER),
    "arm across the chest": Pose(
        _LOOSE, Arm(touch=(-28.0, -0.31, 0.035), elbow=(0.9, -1.0, 0.25), hand=(-1.0, 0.25, -0.2), curl=0.25)
    ),
    "waving": Pose(_LOOSE, Arm(reach=(0.42, 0.42, 0.16), elbow=(1.0, -0.7, 0.1), curl=0.08, sway=0.05), lean=2.0),
    "walking": Pose(
        Arm(reach=(0.20, -0.90, 0.36), elbow=(0.5, 0.0, -1.0)),
        Arm(reach=(0.21, -0.91, -0.30), elbow=(0.5, 0.0, -1.0)),
        yaw=(-38.0, 38.0),
        stride=0.36,
        apart=0.05,
    ),
    "sitting": Pose(Arm(thigh=0.72, curl=0.25), Arm(thigh=0.60, curl=0.25), yaw=(-42.0, 42.0), seated=True, bow=4.0),
    "turned": Pose(_DOWN, _LOOSE, yaw=(36.0, 58.0)),
    "hand in a pocket": Pose(_DOWN, _POCKET),
    "holding a bag": Pose(
        _DOWN, Arm(reach=(0.05, -0.66, 0.38), elbow=(0.7, -0.4, -0.8), hand=(-0.2, -0.6, 0.6), curl=1.0), thing="bag"
    ),
    "arms up": Pose(
        Arm(reach=(0.34, 0.86, 0.08), elbow=(1.0, 0.0, 0.2), curl=0.15, sway=0.06),
        Arm(reach=(0.30, 0.88, 0.10), elbow=(1.0, 0.0, 0.2), curl=0.15, sway=0.06),
    ),
    "leaning": Pose(_POCKET, _LOOSE, lean=9.0, apart=0.20),
    "hands together": Pose(
        Arm(touch=(2.0, -0.640, 0.045), elbow=(1.0, -0.2, -0.5), hand=(-0.75, -0.6, 0.1), curl=0.5, sway=0.008),
        Arm(touch=(2.0, -0.620, 0.080), elbow=(1.0, -0.2, -0.5), hand=(-0.75, -0.6, 0.1), curl=0.5, sway=0.008),
    ),
    "holding a phone": Pose(
        _LOOSE, Arm(reach=(-0.10, -0.16, 0.52), elbow=(0.5, -1.0, -0.1), hand=(-0.3, 0.9, 0.1), curl=0.7), thing="phone"
    ),
}
POSES = tuple(_TABLE)
THINGS = ("", "bag", "phone")
JOINTS = (
    *("head", "neck", "left shoulder", "right shoulder", "left elbow", "right elbow", "left wrist", "right wrist"),
    *("left hip", "right hip", "left knee", "right knee", "left ankle", "right ankle"),
)


@dataclass(frozen=True)
class Limb:
    """Three joints (B, 3) each, and the frames (B, 3, 3: outer, along, front as rows) of the two bones."""

    joints: tuple[Tensor, Tensor, Tensor]
    upper: Tensor
    lower: Tensor


@dataclass(frozen=True)
class Posed:
    """B bodies in their poses: places in the figure's own frame, floor at y = 0, which looks along +z before ``yaw``."""

    bodies: Bodies
    number: Tensor
    """Place in POSES."""
    yaw: Tensor
    arms: dict[str, Limb]
    legs: dict[str, Limb]
    lift: Tensor
    """(B, 3) how far the trunk is moved from upright: down when seated, aside when resting on a leg."""
    lean: Tensor
    bow: Tensor
    twist: Tensor
    hands: dict[str, Tensor]
    """(B, 3) way of the fingers."""
    curl: dict[str, Tensor]
    thing: Tensor
    """Place in THINGS."""
    thing_side: Tensor
    """-1 left, 1 right."""
    seated: Tensor
    pocketed: dict[str, Tensor]
    """(B,) whether the hand is in a pocket."""

    def bend(self, points: Tensor, level: Tensor) -> Tensor:
        """Upright places (B, R, C, 3) of the trunk at levels (B, R) as the spine bends and twists them."""
        share = ((-0.72 - level) / (-0.72 + 0.26)).clamp(0, 1)
        share = share * share * (3 - 2 * share)
        share = torch.where(level < -0.72, torch.zeros_like(share), share)
        turn = _turns(*(angle[:, None] * share for angle in (self.twist, self.bow, self.lean)))
        pivot = points.new_zeros(len(points), 1, 1, 3)
        pivot[..., 1] = self.bodies.height(WAIST_LEVEL - 0.06 + torch.zeros_like(self.lean))[:, None, None]
        return (points - pivot) @ turn.transpose(-1, -2) + pivot + self.lift[:, None, None]

    def chest_turn(self) -> Tensor:
        """(B, 3, 3) how the chest, and the head with it, is turned."""
        return _turns(self.twist, self.bow, self.lean)


def _turns(twist: Tensor, bow: Tensor, lean: Tensor) -> Tensor:
    """Rotations (..., 3, 3): twist about y, bow forwards about x, lean to +x about z."""
    zero, one = torch.zeros_like(twist), torch.ones_like(twist)
    ct, st, cb, sb, cl, sl = twist.cos(), twist.sin(), bow.cos(), bow.sin(), lean.cos(), lean.sin()
    about_y = torch.stack((ct, zero, st, zero, one, zero, -st, zero, ct), -1).unflatten(-1, (3, 3))
    about_x = torch.stack((one, zero, zero, zero, cb, -sb, zero, sb, cb), -1).unflatten(-1, (3, 3))
    about_z = torch.stack((cl, sl, zero, -sl, cl, zero, zero, zero, one), -1).unflatten(-1, (3, 3))
    return about_z @ about_x @ about_y


def carry(vectors: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """Vectors (B, ..., 3) turned by the least turn that brings unit ``start`` (B, 3) to unit ``end`` (B, 3)."""
    shape = (len(start), *([1] * (vectors.dim() - 2)), 3)
    axis = torch.linalg.cross(start, end, dim=-1).reshape(shape).expand_as(vectors)
    cosine = (start * end).sum(-1).reshape((*shape[:-1], 1))
    along = (axis * vectors).sum(-1, keepdim=True) / (1 + cosine).clamp_min(0.02)
    return vectors * cosine + torch.linalg.cross(axis, vectors, dim=-1) + axis * along


def bend_limb(start: Tensor, end: Tensor, lengths: tuple[Tensor, Tensor], pole: Tensor, side: Tensor) -> Limb:
    """Two bones (each (B,) long) from start towards end (B, 3); the middle joint points to ``pole`` (B, 3)."""
    first, second = lengths
    gap = end - start
    far = gap.norm(dim=-1)
    held = torch.minimum(torch.maximum(far, (first - second).abs() + 0.04), (first + second) * 0.998)
    way = gap / far.clamp_min(1e-6)[:, None]
    aside = F.normalize(pole - (pole * way).sum(-1, keepdim=True) * way, dim=-1)
    along = (first**2 + held**2 - second**2) / (2 * held)
    out = (first**2 - along**2).clamp_min(0).sqrt()
    middle = start + way * along[:, None] + aside * out[:, None]
    tip = start + way * held[:, None]
    down = torch.zeros_like(start)
    down[:, 1] = -1.0
    rest = torch.zeros(len(start), 3, 3, device=start.device)
    rest[:, 0, 0], rest[:, 1, 1], rest[:, 2, 2] = side, -1.0, 1.0
    one, two = F.normalize(middle - start, dim=-1), F.normalize(tip - middle, dim=-1)
    upper = carry(rest, down, one)
    return Limb((start, middle, tip), upper, carry(upper, one, two))


class _Draft:
    """The table's numbers of a batch, one row a figure, sides swapped where the seed says so."""

    def __init__(self, bodies: Bodies, number: Tensor, mirrored: Tensor) -> None:
        self.device, self.bodies, self.mirrored = number.device, bodies, mirrored
        self.poses = [_TABLE[POSES[at]] for at in number.tolist()]
        self.swaps = mirrored.tolist()

    def column(self, values: list[float]) -> Tensor:
        return torch.tensor(values, dtype=torch.float32, device=self.device)

    def of_pose(self, name: str) -> Tensor:
        return self.column([float(getattr(pose, name)) for pose in self.poses])

    def arms(self, side: str) -> list[Arm]:
        other = {"left": "right", "right": "left"}
        return [getattr(pose, other[side] if swap else side) for pose, swap in zip(self.poses, self.swaps, strict=True)]


def pose_bodies(bodies: Bodies, number: Tensor, seeds: Tensor) -> Posed:
    """Bodies in the poses with these numbers (B,), each varied by its seed."""
    draws = Draws(seeds)
    mirrored = draws.chance("pose mirrored", 0.5)
    draft = _Draft(bodies, number, mirrored)
    sign = torch.where(mirrored, -1.0, 1.0)
    low, high = (draft.column([pose.yaw[at] for pose in draft.poses]) for at in (0, 1))
    yaw = torch.deg2rad(low + (high - low) * draws.uniform("pose yaw")) * sign
    radians = math.pi / 180
    lean = (draft.of_pose("lean") * sign + 1.6 * draws.normal("pose lean").clamp(-2, 2)) * radians
    bow = (draft.of_pose("bow") + 2.0 * draws.normal("pose bow").clamp(-1.5, 2)) * radians
    twist = 5.0 * draws.normal("pose twist").clamp(-2, 2) * radians
    seated = draft.of_pose("seated") > 0
    legs, lift = _pose_legs(draft, draws, seated, sign)
    nothing = {side: torch.zeros(len(number), 3, device=number.device) for side in ("left", "right")}
    empty = {side: torch.zeros(len(number), device=number.device) for side in ("left", "right")}
    thing = torch.tensor([THINGS.index(pose.thing) for pose in draft.poses], device=number.device)
    posed = Posed(
        bodies, number, yaw, {}, legs, lift, lean, bow, twist, nothing, empty, thing, sign, seated, dict(empty)
    )
    for side, out in SIDES.items():
        _pose_arm(posed, draft, draws, side, out)
    return posed


def _pose_legs(draft: _Draft, draws: Draws, seated: Tensor, sign: Tensor) -> tuple[dict[str, Limb], Tensor]:
    bodies = draft.bodies
    scale, hip_height = bodies.scale, bodies.height(HIP_LEVEL + torch.zeros_like(bodies.scale))
    ankle_height = 0.075 * scale
    length = hip_height - ankle_height
    thigh, shin = length * 0.485, length * 0.515
    stride = draft.of_pose("stride") * (0.75 + 0.5 * draws.uniform("pose stride"))
    apart = draft.of_pose("apart") * (0.75 + 0.5 * draws.uniform("pose apart"))
    shifted = 0.028 * draws.normal("pose weight").clamp(-1.6, 1.6) * (stride == 0) * ~seated
    drop = torch.where(seated, hip_height - (shin + ankle_height + 0.02), 0.012 + 0.11 * stride)
    lift = torch.stack((shifted, -drop, torch.zeros_like(drop)), 1)
    legs = {}
    for side, out in (("left", -1.0), ("right", 1.0)):
        hip = torch.stack((out * bodies.hip_wide, hip_height, torch.full_like(scale, TRUNK_MIDDLE_METRES)), 1) + lift
        ahead = 0.5 * stride * sign * out + 0.03 * draws.normal(f"pose foot {side}").clamp(-1.5, 1.5)
        raised = 0.055 * (stride > 0.1) * (sign * out < 0)
        stand = torch.stack((out * (bodies.hip_wide * 0.75 + 0.5 * apart), ankle_height + raised, ahead - 0.02), 1)
        far = thigh * (0.93 + 0.12 * draws.uniform(f"pose shin {side}"))
        spread = bodies.hip_wide * (1.05 + 0.8 * draws.uniform("pose knees"))
        sit = torch.stack((out * spread, ankle_height, far + 0.02), 1)
        ankle = torch.where(seated[:, None], sit, stand)
        pole = torch.zeros_like(hip)
        pole[:, 2], pole[:, 0] = 1.0, 0.12 * out
        pole[:, 1] = seated * 0.5
        legs[side] = bend_limb(hip, ankle, (thigh, shin), pole, torch.full_like(scale, out))
    return legs, lift


def shoulder_place(posed: Posed, out: float) -> Tensor:
    """Where a shoulder's joint is (B, 3)."""
    bodies = posed.bodies
    level = SHOULDER_LEVEL + torch.zeros_like(bodies.scale)
    wide = bodies.shoulder_wide - 0.004
    upright = torch.stack((out * wide, bodies.height(level), torch.full_like(wide, TRUNK_MIDDLE_METRES)), 1)
    return posed.bend(upright[:, None, None], level[:, None])[:, 0, 0]


def _pose_arm(posed: Posed, draft: _Draft, draws: Draws, side: str, out: float) -> None:
    """Adds one arm to the pose."""
    bodies, arms = posed.bodies, draft.arms(side)
    shoulder = shoulder_place(posed, out)
    chest = posed.chest_turn()
    length = bodies.upper_arm + bodies.fore_arm
    outward = shoulder.new_tensor([out, 1.0, 1.0])

    def triple(name: str, otherwise: Triple) -> Tensor:
        return draft_rows([getattr(arm, name) or otherwise for arm in arms])

    def draft_rows(rows: list[Triple]) -> Tensor:
        return torch.tensor(rows, dtype=torch.float32, device=shoulder.device)

    reach = (chest @ (triple("reach", (0.2, -0.9, 0.0)) * outward)[..., None])[..., 0]
    target = shoulder + reach * length[:, None]
    touch = triple("touch", (0.0, -0.5, 0.0))
    angle = torch.deg2rad(touch[:, 0]) * out
    level = touch[:, 1:2]
    place = posed.bend(bodies.ring(level, angle[:, None, None], touch[:, 2:3] + 0.012, 1.0), level)[:, 0, 0]
    touches = torch.tensor([arm.touch is not None for arm in arms], device=shoulder.device)
    target = torch.where(touches[:, None], place, target)
    thigh = draft.column([arm.thigh or 0.0 for arm in arms])[:, None]
    hip, knee, _ = posed.legs[side].joints
    lying = hip * (1 - thigh) + knee * thigh + shoulder.new_tensor([0.0, 0.105, 0.0]) * bodies.scale[:, None]
    target = torch.where(thigh > 0, lying, target)
    sway = torch.stack([draws.normal(f"pose {side} {axis}").clamp(-1.8, 1.8) for axis in "xyz"], 1)
    sway = sway * draft.column([arm.sway for arm in arms])[:, None]
    flat = sway * sway.new_tensor([1.0, 1.0, 0.25])
    target = target + torch.where((touches | (thigh[:, 0] > 0))[:, None], flat, sway)
    pole = (chest @ (triple("elbow", (0.7, -0.3, -0.7)) * outward)[..., None])[..., 0]
    limb = bend_limb(shoulder, target, (bodies.upper_arm, bodies.fore_arm), pole, torch.full_like(length, out))
    posed.arms[side] = limb
    given = torch.tensor([arm.hand is not None for arm in arms], device=shoulder.device)
    pointed = F.normalize((chest @ (triple("hand", (0.0, -1.0, 0.0)) * outward)[..., None])[..., 0], dim=-1)
    thighward = F.normalize(knee - hip, dim=-1)
    own = torch.where(thigh > 0, thighward, limb.lower[:, 1])
    posed.hands[side] = torch.where(given[:, None], F.normalize(0.25 * own + pointed, dim=-1), own)
    posed.curl[side] = draft.column([arm.curl for arm in arms])
    posed.pocketed[side] = torch.tensor([arm is _POCKET for arm in arms], device=shoulder.device)


def joint_places(posed: Posed, head_top: Tensor) -> Tensor:
    """The named joints (B, len(JOINTS), 3) before the figure is turned."""
    neck_level = torch.full_like(posed.lean, -0.11)
    neck = torch.stack((0 * neck_level, posed.bodies.height(neck_level), 0 * neck_level + TRUNK_MIDDLE_METRES), 1)
    neck = posed.bend(neck[:, None, None], neck_level[:, None])[:, 0, 0]
    rows = [head_top, neck]
    for at in range(3):
        rows += [posed.arms[side].joints[at] for side in ("left", "right")]
    for at in range(3):
        rows += [posed.legs[side].joints[at] for side in ("left", "right")]
    return torch.stack(rows, 1)


def crotch_height(bodies: Bodies) -> Tensor:
    """Metres above the floor of the crotch of somebody upright (B,)."""
    return bodies.height(CROTCH_LEVEL + torch.zeros_like(bodies.scale))
