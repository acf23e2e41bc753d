"""The head model: 10,387 vertices of our own topology, 100 identity modes, 130 controllers; no look, no picture.

Space: metres, +x to the person's left, +y up, +z out of the face; a new-born ``Head`` is the mean person at rest.

For hair: ``head.fields["scalp"]`` (V, 0..1, density of growth) and ``head.fields["hairline"]`` (V, centimetres,
positive behind the line) say where hair grows; ``head.sample("scalp", count, seed)`` gives roots as (corners (N, 3), weights
(N, 3)); ``place(vertices, roots)`` puts them on any posed vertices (B, V, 3) -> (B, N, 3) and, given
``head.normals(vertices)`` instead, gives their normals. ``roots.rest`` (N, 3) are their places on the mean head.
"""

from __future__ import annotations

import copy
import functools
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.engine import controllers as names_of
from core.engine import random

ASSET = Path(__file__).parents[2] / "assets" / "engine" / "head.npz"
IDENTITY_LENGTH = 100
UP_DEGREES, DOWN_DEGREES, SIDE_DEGREES = 26.0, 30.0, 33.0
"""How far the eyes turn at controller 1."""
LID_CLEARANCE = 0.02
"""How far lids stay outside the eyeball, as a share of its radius."""
_CORNEA_DEGREES, _CORNEA_RISE = 23.0, 0.054


@dataclass(frozen=True)
class Roots:
    """Places on the surface: corners (N, 3) and their weights (N, 3); where they are on the mean head."""

    corners: Tensor
    weights: Tensor
    rest: Tensor


def place(values: Tensor, roots: Roots) -> Tensor:
    """Vertex values (B, V, C) at the roots: (B, N, C)."""
    return (values[:, roots.corners] * roots.weights[None, :, :, None]).sum(2)


class Head:
    """The fitted model on one device; get it from ``load_head``."""

    def __init__(self, path: Path, device: torch.device) -> None:
        if not path.exists():
            raise FileNotFoundError(
                f"The head model {path} is missing; make it with: python -m training head fit --data DIR"
            )
        with np.load(path) as file:
            held = {name: file[name] for name in file.files}

        def real(name: str) -> Tensor:
            return torch.from_numpy(held[name].astype(np.float32)).to(device)

        def whole(name: str) -> Tensor:
            return torch.from_numpy(held[name].astype(np.int64)).to(device)

        step = float(held["step_metres"])
        self.device = device
        self.neutral = real("neutral")
        self.triangles = whole("triangles")
        self.part = whole("part")
        self.part_names = tuple(str(name) for name in held["part_names"])
        self.identity_modes = real("identity") * step
        self.identity_names = tuple(str(name) for name in held["identity_names"])
        self.expression = real("expression") * step
        self.seal = real("seal") * step
        self.mirror = whole("mirror")
        self.landmarks = whole("landmarks")
        self.uv = real("uv")
        self.fields = dict(zip((str(n) for n in held["field_names"]), real("fields").T.contiguous(), strict=True))
        self.eye_directions = real("eye_directions")
        self.lashes = {
            side: Roots(whole(f"lash_{side}_corners"), real(f"lash_{side}_weights"), self._at(held, f"lash_{side}"))
            for side in ("upper", "lower")
        }
        assert tuple(str(n) for n in held["expression_names"]) == names_of.NAMES, "the head is of other controllers"
        assert len(self.identity_names) == IDENTITY_LENGTH
        self._flat_identity = self.identity_modes.reshape(IDENTITY_LENGTH, -1)
        self._mark_identity = self.identity_modes[:, self.landmarks].reshape(IDENTITY_LENGTH, -1)
        self._flat_expression = self.expression.reshape(len(names_of.NAMES), -1)
        self.eyes = tuple(
            torch.nonzero(self.part == self.part_names.index(f"eye_{s}"))[:, 0] for s in ("left", "right")
        )
        self._lids = tuple(self._find_lid(sign) for sign in (1.0, -1.0))
        self._corner_slots = self._vertex_slots()

    def _at(self, held: dict[str, np.ndarray], name: str) -> Tensor:
        corners, weights = held[f"{name}_corners"].astype(np.int64), held[f"{name}_weights"]
        rest = (held["neutral"][corners] * weights[..., None]).sum(1)
        return torch.from_numpy(rest.astype(np.float32)).to(self.device)

    def _find_lid(self, sign: float) -> Tensor:
        near = (
            (self.part == 0)
            & (self.fields["eye"] > -1.1)
            & (self.neutral[:, 0] * sign > 0)
            & (self.neutral[:, 2] > 0.08)
        )
        return torch.nonzero(near)[:, 0]

    def _vertex_slots(self) -> Tensor:
        """For each vertex the (padded) list of its triangles, so that normals are gathered, not scattered."""
        owner = self.triangles.reshape(-1).cpu()
        order = torch.argsort(owner, stable=True)
        count = torch.bincount(owner, minlength=len(self.neutral))
        widest = int(count.max())
        start = torch.cumsum(count, 0) - count
        rank = torch.arange(len(owner)) - start[owner[order]]
        slots = torch.full((len(self.neutral), widest), len(self.triangles), dtype=torch.int64)
        slots[owner[order], rank] = order // 3
        return slots.to(self.device)

    def thinned(self, chosen: Tensor) -> tuple[Head, Tensor]:
        """A head of these vertices (K) and of what they hang on alone, which moves many times faster, and where in it each of
        them stands (K). It has no triangles, so no normals either, and nothing grows on it."""
        kept = torch.cat((chosen, self.landmarks, *self.eyes)).unique()
        place = torch.full((len(self.neutral),), -1, device=self.device)
        place[kept] = torch.arange(len(kept), device=self.device)
        thin = copy.copy(self)
        thin.neutral, thin.seal, thin.part = self.neutral[kept], self.seal[kept], self.part[kept]
        thin.identity_modes, thin.expression = self.identity_modes[:, kept], self.expression[:, kept]
        thin._flat_identity = thin.identity_modes.reshape(IDENTITY_LENGTH, -1)
        thin._flat_expression = thin.expression.reshape(len(names_of.NAMES), -1)
        thin.fields = {name: field[kept] for name, field in self.fields.items()}
        thin.landmarks = place[self.landmarks]
        thin.eyes = tuple(place[eye] for eye in self.eyes)
        thin._lids = tuple(place[lid][place[lid] >= 0] for lid in self._lids)
        thin.triangles = thin._corner_slots = self.triangles[:0]
        return thin, place[chosen]

    def shape(self, identity: Tensor) -> Tensor:
        """People at rest: identity codes (B, 100) to vertices (B, V, 3)."""
        return self.neutral + (identity @ self._flat_identity).reshape(len(identity), -1, 3)

    def marks(self, identity: Tensor) -> Tensor:
        """The landmarks (B, 68, 3) alone of people at rest."""
        return self.neutral[self.landmarks] + (identity @ self._mark_identity).reshape(len(identity), -1, 3)

    def vertices(self, identity: Tensor, controllers: Tensor) -> Tensor:
        """Identity codes (B, 100) and controllers (B, 130, each 0..1) to vertices (B, V, 3)."""
        return self.move(self.shape(identity), controllers)

    def move(self, rest: Tensor, controllers: Tensor) -> Tensor:
        """People at rest (B, V, 3) with an expression: linear, then lips sealed, eyes turned, lids kept out."""
        if controllers.shape[-1] != len(names_of.NAMES):
            raise ValueError(f"Controllers are {len(names_of.NAMES)} numbers a face, not {controllers.shape[-1]}.")
        controllers = self._fit_blink(rest, controllers)
        moved = rest + (controllers @ self._flat_expression).reshape(rest.shape)
        sealed = controllers[:, names_of.INDEX["mouth_close"]] * controllers[:, names_of.INDEX["jaw_open"]]
        moved = moved + sealed[:, None, None] * self.seal
        for number, side in enumerate(("left", "right")):
            centre, radius = self.eye_ball(rest, number)
            turn = gaze_rotation(controllers, side)
            eye, lid = self.eyes[number], self._lids[number]
            moved[:, eye] = centre + (rest[:, eye] - centre) @ turn.transpose(1, 2)
            moved[:, lid] = keep_outside(moved[:, lid], centre, radius, turn[:, :, 2])
        return moved

    def _fit_blink(self, rest: Tensor, controllers: Tensor) -> Tensor:
        """Lids travel as far as this person's eyes are open, so that a blink shuts large eyes too."""
        fitted = controllers.clone()
        for side, (upper, lower) in {"left": ((43, 44), (47, 46)), "right": ((37, 38), (41, 40))}.items():
            open_now, open_mean = (
                (shape[:, self.landmarks[list(upper)], 1] - shape[:, self.landmarks[list(lower)], 1]).mean(1)
                for shape in (rest, self.neutral[None])
            )
            share = (1.08 * open_now / open_mean).clamp(0.6, 2.0)
            for name in ("eye_blink", "eye_closed"):
                fitted[:, names_of.INDEX[f"{name}_{side}"]] *= share
        return fitted

    def eye_ball(self, rest: Tensor, number: int) -> tuple[Tensor, Tensor]:
        """Centre (B, 1, 3) and radius (B, 1, 1) of an eyeball (0 left, 1 right) of people at rest, by least squares."""
        arm = self.eye_directions[number * len(self.eyes[0]) :][: len(self.eyes[0])]
        at = rest[:, self.eyes[number]]
        middle_arm, middle = arm.mean(0), at.mean(1, keepdim=True)
        spread = arm - middle_arm
        radius = ((at - middle) * spread).sum((1, 2), keepdim=True) / (spread**2).sum()
        return middle - radius * middle_arm, radius

    def normals(self, vertices: Tensor) -> Tensor:
        """Area-weighted unit normals (B, V, 3)."""
        corner = vertices[:, self.triangles]
        face = torch.linalg.cross(corner[:, :, 1] - corner[:, :, 0], corner[:, :, 2] - corner[:, :, 0])
        padded = torch.cat((face, face.new_zeros(len(face), 1, 3)), 1)
        total = padded[:, self._corner_slots].sum(2)
        return total / total.norm(dim=-1, keepdim=True).clamp_min(1e-12)

    def sample(self, field: str, count: int, seed: int, threshold: float = 0.0) -> Roots:
        """``count`` places spread over the skin where the field is above ``threshold``, denser where it is larger."""
        if field not in self.fields:
            raise ValueError(f"The head has no field {field!r}; it has {', '.join(self.fields)}.")
        skin = self.triangles[(self.part[self.triangles] == 0).all(1)]
        value = (self.fields[field][skin] - threshold).clamp_min(0).mean(1).clamp_max(1.0)
        corner = self.neutral[skin]
        area = torch.linalg.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]).norm(dim=1)
        reached = torch.cumsum((area * value).double(), 0)
        at = torch.arange(count, device=self.device)
        seeds = torch.full((count,), seed, dtype=torch.int64, device=self.device)
        # stratified over the summed area, so that places neither clump nor leave holes
        wanted = (at + random.uniform(seeds, at, 0)).double() / count * reached[-1]
        chosen = torch.searchsorted(reached, wanted).clamp_max(len(skin) - 1)
        first, second = random.uniform(seeds, at, 1).sqrt(), random.uniform(seeds, at, 2)
        weights = torch.stack((1 - first, first * (1 - second), first * second), 1)
        corners = skin[chosen]
        return Roots(corners, weights, (self.neutral[corners] * weights[..., None]).sum(1))


def gaze_rotation(controllers: Tensor, side: str) -> Tensor:
    """Rotation (B, 3, 3) of one eyeball; ``in`` is towards the nose."""

    def value(way: str) -> Tensor:
        return controllers[:, names_of.INDEX[f"gaze_{way}_{side}"]]

    outward = 1.0 if side == "left" else -1.0
    yaw = torch.deg2rad(outward * SIDE_DEGREES * (value("out") - value("in")))
    pitch = torch.deg2rad(UP_DEGREES * value("up") - DOWN_DEGREES * value("down"))
    return rotation(yaw, pitch, torch.zeros_like(yaw))


def rotation(yaw: Tensor, pitch: Tensor, roll: Tensor) -> Tensor:
    """Rotations (..., 3, 3) from radians: yaw turns to their left (+x), pitch looks up, roll tilts to their left."""
    zero, one = torch.zeros_like(yaw), torch.ones_like(yaw)
    cy, sy, cp, sp, cr, sr = yaw.cos(), yaw.sin(), pitch.cos(), pitch.sin(), roll.cos(), roll.sin()
    about_y = torch.stack((cy, zero, sy, zero, one, zero, -sy, zero, cy), -1).unflatten(-1, (3, 3))
    about_x = torch.stack((one, zero, zero, zero, cp, sp, zero, -sp, cp), -1).unflatten(-1, (3, 3))
    about_z = torch.stack((cr, sr, zero, -sr, cr, zero, zero, zero, one), -1).unflatten(-1, (3, 3))
    return about_y @ about_x @ about_z


def keep_outside(points: Tensor, centre: Tensor, radius: Tensor, gaze: Tensor) -> Tensor:
    """Points (B, N, 3) inside an eyeball pushed out to its surface, cornea included."""
    arm = points - centre
    distance = arm.norm(dim=-1, keepdim=True).clamp_min(1e-9)
    along = (arm * gaze[:, None]).sum(-1, keepdim=True) / distance
    off_axis = torch.rad2deg(torch.acos(along.clamp(-1.0, 1.0)))
    rise = _CORNEA_RISE * (1 - (off_axis / _CORNEA_DEGREES) ** 2).clamp_min(0.0)
    wanted = radius * (1.0 + LID_CLEARANCE + rise)
    ahead = arm[..., 2:] > 0.25 * distance
    return torch.where(ahead & (distance < wanted), centre + arm * (wanted / distance), points)


@functools.lru_cache(maxsize=4)
def _load(path: Path, device: str) -> Head:
    return Head(path, torch.device(device))


def load_head(device: torch.device | str = "cpu") -> Head:
    """The head model on a device, read once."""
    return _load(ASSET, str(device))


def skin_measurements(mark: Tensor) -> dict[str, Tensor]:
    """Lengths and ratios (B) of people at rest by their landmarks (B, 68, 3), which the attributes of a face are graded by."""

    def apart(first: int, second: int) -> Tensor:
        return (mark[:, first] - mark[:, second]).norm(dim=-1)

    eyes = 0.5 * ((apart(37, 41) + apart(38, 40)) * 0.5 + (apart(43, 47) + apart(44, 46)) * 0.5)
    width = 0.5 * (apart(36, 39) + apart(42, 45))
    tall = (mark[:, 27, 1] - mark[:, 8, 1]).abs().clamp_min(1e-6)
    cheeks = (mark[:, 4, 0] - mark[:, 12, 0]).abs() / (mark[:, 1, 0] - mark[:, 15, 0]).abs()
    return {
        "eye_size": torch.sqrt(eyes * width),
        "brow_height": 0.5 * ((mark[:, 19, 1] - mark[:, 37, 1]) + (mark[:, 24, 1] - mark[:, 44, 1])),
        "nose_width": apart(31, 35),
        "nose_length": apart(27, 33),
        "face_width": (mark[:, 2, 0] - mark[:, 14, 0]).abs() / tall,
        "chin_length": (mark[:, 57, 1] - mark[:, 8, 1]).abs(),
        "cheek_fullness": cheeks,
        "lip_fullness": apart(51, 62) + apart(66, 57),
        "mouth_width": apart(48, 54),
    }


@functools.lru_cache(maxsize=4)
def _measured_spread(device: str) -> dict[str, tuple[float, float]]:
    head = load_head(device)
    seeds = torch.arange(512, dtype=torch.int64, device=device)[:, None]
    codes = random.normal(seeds, torch.arange(IDENTITY_LENGTH, device=device)) * 0.8
    measured = skin_measurements(head.marks(codes))
    return {key: (float(value.mean()), float(value.std())) for key, value in measured.items()}


def measured_grades(head: Head, mark: Tensor) -> dict[str, Tensor]:
    """The measurements of landmarks (B, 68, 3) as grades 0..1 (B): where each stands among people (share of people below it)."""
    spread = _measured_spread(str(head.device))
    return {
        key: 0.5 * (1 + torch.erf((value - spread[key][0]) / (spread[key][1] * math.sqrt(2.0))))
        for key, value in skin_measurements(mark).items()
    }
