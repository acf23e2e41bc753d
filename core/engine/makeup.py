"""What both characters share: paint on the head's own vertices, brows and lash lines that ride on it, a bust to stand on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.engine.character import Accent, Extra
from core.engine.character_stage import colour_of
from core.engine.head import Head
from core.engine.sculpture import Array, Lock, Solid, ball, join, loft, mirrored, spline, sweep, unit
from core.engine.warp import Warp


def tint(code: str) -> Array:
    """Linear colour (3,) of "#rrggbb" for NumPy."""
    return colour_of(code).numpy().astype(np.float64)


LOUDER = {
    "eye_blink": 1.15, "eye_closed": 1.08, "mouth_smile": 1.1, "mouth_frown": 1.2, "brow_inner_up": 1.5,
    "brow_outer_up": 1.4, "brow_inner_down": 1.7, "brow_outer_down": 1.5, "brow_middle_up": 1.4, "mouth_grin": 1.25,
    "cheek_raise": 1.25, "cheek_puff_lower": 1.3, "cheek_puff_upper": 1.3, "nose_wrinkle": 1.2,
    "tongue_out": 2.0,
    "upper_lip_raise": 1.6, "lower_lip_drop": 1.7,
}  # fmt: skip
"""What a full controller is for both characters, in full controllers of a person."""


CURVES = tuple(
    Accent(f"{name}_{side}", (sign * 0.026, -0.036, 0.100), (0.0125, 0.020, 0.030), (sign * out, up, -0.002))
    for side, sign in (("left", 1.0), ("right", -1.0))
    for name, out, up in (("mouth_smile", 0.002, 0.0145), ("mouth_frown", 0.0, -0.0065))
)
"""Corners of the mouth go up and down more than a person's."""


@dataclass(frozen=True)
class Flesh:
    """Colours of the inside of the mouth and of the lips, "#rrggbb"."""

    lips: str
    mouth: str = "#7c2f35"
    gums: str = "#c4696a"
    tongue: str = "#ea8c8a"
    teeth: str = "#fbf6ec"


def lay(colours: Tensor, code: str, share: Tensor) -> Tensor:
    """Paint (V, 3) with a colour laid over it by a share (V)."""
    held = share.clamp(0, 1)[:, None]
    return colours * (1 - held) + colour_of(code).to(colours) * held


def spot(head: Head, centre: Sequence[float], width: Sequence[float], paired: bool = True) -> Tensor:
    """A soft spot (V, 0..1) on the mean head about a place, metres; on both sides unless said."""
    place = head.neutral.clone()
    if paired:
        place[:, 0] = place[:, 0].abs()
    arm = (place - place.new_tensor(list(centre))) / place.new_tensor(list(width))
    return torch.exp(-arm.square().sum(1))


def paint_flesh(head: Head, colours: Tensor, flesh: Flesh) -> Tensor:
    """Lips, and the mouth's inside that darkens to the back."""
    skin = head.part == 0
    painted = lay(colours, flesh.lips, torch.sigmoid(head.fields["lip"] * 26 + 0.4) * skin)
    back = torch.sigmoid((head.neutral[:, 2] * 100 - 8.6) * 1.4)
    for name in ("mouth", "socket", "gums", "tongue", "teeth"):
        own = head.part == head.part_names.index(name)
        code = flesh.mouth if name == "socket" else getattr(flesh, name)
        depth = 0.10 + 0.90 * back if name != "mouth" else 0.03 + 0.45 * back
        painted[own] = (colour_of(code).to(colours) * depth[:, None])[own]
    return painted


def make_brows(head: Head, warp: Warp, colour: str, shape: Sequence[tuple[float, float]], rise: float = 0.0) -> Extra:
    """Two solid brows on the brow landmarks; ``shape`` is (place along 0 inner..1 outer, half width in metres)."""
    own = warp.apply(head.neutral[None])
    normals = head.normals(own)[0].numpy()
    solids, corners, weights = [], [], []
    for numbers in ((22, 23, 24, 25, 26), (21, 20, 19, 18, 17)):
        vertex = head.landmarks[list(numbers)].cpu()
        path = spline(own[0, vertex].numpy(), 22)
        out = unit(spline(normals[vertex.numpy()], 22))
        along = np.linspace(0, 1, 22)
        width = np.interp(along, *np.array(shape).T)
        path = path + out * 0.0016 + np.array([0.0, rise, 0.0])
        solid = sweep(Lock(path, width, np.minimum(width * 0.75, 0.0030), out), tint(colour), 8)
        at = along * (len(vertex) - 1)
        low = np.minimum(at.astype(int), len(vertex) - 2)
        share = torch.from_numpy(at - low).float()
        pair = torch.stack((vertex[low], vertex[low + 1], vertex[low + 1]), 1)
        weight = torch.stack((1 - share, share, torch.zeros_like(share)), 1)
        corners.append(pair.repeat_interleave(8, 0))
        weights.append(weight.repeat_interleave(8, 0))
        solids.append(solid)
    return Extra("brows", join(solids), "hair", torch.cat(corners).to(head.device), torch.cat(weights).to(head.device))


def make_nose(head: Head, warp: Warp, colour: str, radii: Sequence[float], lift: Sequence[float]) -> Extra:
    """A solid nose on the tip of the head's own; its sides go with the wings."""
    tip = int(head.landmarks[30])
    own = warp.apply(head.neutral)
    solid = ball((own[tip].numpy() + np.asarray(lift)).tolist(), radii, tint(colour).tolist(), 16)
    aside = (solid.vertices[:, 0] - float(own[tip, 0])) / radii[0]
    share = torch.from_numpy(0.75 * np.clip(np.abs(aside), 0, 1)).float()
    wing = torch.where(torch.from_numpy(aside) > 0, head.landmarks[35].cpu(), head.landmarks[31].cpu())
    corners = torch.stack((torch.full_like(wing, tip), wing, wing), 1)
    weights = torch.stack((1 - share, share, torch.zeros_like(share)), 1)
    return Extra("nose", solid, "horn", corners.to(head.device), weights.to(head.device))


def make_lash_line(head: Head, warp: Warp, colour: str, thick_metres: float, flick_metres: float) -> Extra:
    """A dark line along both upper lids, thicker and drawn out at the outer corner; it closes with the lid."""
    own = warp.apply(head.neutral[None])[0]
    roots = head.lashes["upper"]
    solids, corners, weights = [], [], []
    for side, sign in ((0, 1.0), (1, -1.0)):
        vertex = roots.corners if side == 0 else head.mirror[roots.corners]
        pick = torch.linspace(0, len(vertex) - 1, 20).round().long()
        vertex, share = vertex[pick].cpu(), roots.weights[pick].cpu()
        path = (own[vertex] * share[..., None]).sum(1).numpy().astype(np.float64)
        ball = own[head.eyes[side]]
        centre = (0.5 * (ball.amax(0) + ball.amin(0))).numpy()
        out = unit(path - centre)
        along = np.linspace(0, 1, len(path))
        width = thick_metres * np.interp(along, (0, 0.15, 0.7, 0.9, 1), (0.12, 0.5, 1.0, 1.05, 0.3))
        path = path + out * (0.5 * width[:, None] + 0.0004)
        path += (np.clip(along - 0.72, 0, None) / 0.28)[:, None] ** 1.5 * flick_metres * np.array([sign, 0.8, -0.15])
        solids.append(sweep(Lock(path, width, width * 0.8, out), tint(colour), 6))
        corners.append(vertex.repeat_interleave(6, 0))
        weights.append(share.repeat_interleave(6, 0))
    return Extra("lashes", join(solids), "horn", torch.cat(corners).to(head.device), torch.cat(weights).to(head.device))


def under_collar(head: Head) -> Tensor:
    """Which of the head's vertices (V) the bust covers."""
    across, height = head.neutral[:, 0].abs(), head.neutral[:, 1]
    return (height < -0.116) | ((height < -0.085) & (across > 0.064))


def make_bust(colour: str, collar: str, girth: float = 1.0, rise: float = 0.0) -> list[Extra]:
    """Shoulders in a knitted top with a rolled collar; they stay when the head turns."""
    profile = spline(
        [
            (0.150, 0.100, -0.420), (0.158, 0.104, -0.350), (0.170, 0.104, -0.280), (0.176, 0.098, -0.232),
            (0.160, 0.088, -0.192), (0.112, 0.076, -0.160), (0.072, 0.067, -0.134), (0.059, 0.060, -0.112),
        ],
        26,
    )  # fmt: skip
    rings = np.stack([_oval(wide * girth, deep, height + rise, 40) for wide, deep, height in profile])
    shirt = loft(rings, tint(colour))
    roll = np.linspace(0, 2 * np.pi, 56, endpoint=False)
    path = np.stack((0.0625 * np.sin(roll), np.full(56, -0.112 + rise), 0.0635 * np.cos(roll) - 0.008), 1)
    bead = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    out = unit(path * np.array([1.0, 0.0, 1.0]))
    ring = path[None] + 0.0105 * np.cos(bead)[:, None, None] * out[None]
    ring = ring + 0.0165 * np.sin(bead)[:, None, None] * np.array([0.0, 1.0, 0.0])
    turtle = _torus(ring, tint(collar))
    return [Extra("shirt", shirt, "cloth", still=True), Extra("collar", turtle, "cloth", still=True)]


def _oval(wide: float, deep: float, height: float, sides: int) -> Array:
    angle = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    power = 0.82  # a rounded square: shoulders, not a bottle
    x = np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** power * wide
    z = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** power * deep - 0.012
    return np.stack((x, np.full(sides, height), z), 1)


def _torus(rings: Array, colour: Array) -> Solid:
    closed = np.concatenate((rings, rings[:1]))
    return loft(closed, colour)


def both_sides(solid: Solid) -> Solid:
    """The solid and its mirror image."""
    return join((solid, mirrored(solid)))
