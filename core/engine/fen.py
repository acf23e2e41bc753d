"""Fen: a fox-like creature with a short muzzle, tall ears, amber eyes and a knitted scarf."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from core.engine.character import Extra, EyeLook, Look
from core.engine.character_stage import colour_of
from core.engine.head import Head
from core.engine.makeup import (
    CURVES,
    LOUDER,
    Flesh,
    both_sides,
    lay,
    make_brows,
    make_bust,
    make_lash_line,
    make_nose,
    paint_flesh,
    tint,
    under_collar,
)
from core.engine.sculpture import Array, Lock, Solid, grid_triangles, join, spline, sweep, unit
from core.engine.warp import Pull, Warp

PULLS = (
    Pull((0.0, 0.085, 0.0), 0.03, 0.20, scale=(1.12, 0.98, 1.05)),
    Pull((0.088, 0.012, -0.005), 0.022, 0.050, scale=(0.05, 0.6, 0.6), shift=(-0.022, 0.0, 0.0), paired=True),
    Pull((0.0, -0.062, 0.075), 0.012, 0.100, scale=(0.66, 0.78, 0.92), shift=(0.0, 0.008, -0.004)),
    Pull((0.0, -0.022, 0.108), 0.010, 0.062, scale=(0.92, 0.92, 1.0), shift=(0.0, 0.0, 0.026)),
    Pull((0.0, 0.001, 0.122), 0.010, 0.034, scale=(0.80, 0.62, 0.62), shift=(0.0, -0.001, -0.004)),
    Pull((0.0, 0.034, 0.106), 0.008, 0.042, scale=(1.3, 1.0, 0.8), shift=(0.0, 0.0, -0.004)),
    Pull(
        (0.0313, 0.0361, 0.0794), 0.010, 0.084, scale=(1.48, 1.56, 1.10), shift=(0.008, 0.0, 0.002), roll_degrees=10.0,
        paired=True,
    ),
    Pull((0.062, -0.018, 0.045), 0.005, 0.060, shift=(0.014, -0.002, 0.004), paired=True),
    Pull((0.0, -0.120, -0.010), 0.040, 0.120, scale=(0.80, 1.0, 0.84)),
)  # fmt: skip
EASE = {"upper_lid_raise_inner": 0.5, "upper_lid_raise_outer": 0.5, "lower_lid_drop": 0.25, "mouth_smile": 0.2}
EYES = EyeLook(
    outer=(0.32, 0.085, 0.010), inner=(0.85, 0.46, 0.05), white=(0.80, 0.80, 0.76), iris=0.60, pupil=0.25, slit=1.7
)
BROW_SHAPE = ((0, 0.0001), (0.05, 0.0034), (0.18, 0.0050), (0.5, 0.0046), (0.85, 0.0028), (1, 0.0001))
COAT, CREAM, DARK, INNER = "#d9702c", "#f8e6cd", "#3a211c", "#eab9a2"


def make_look(head: Head) -> Look:
    """Everything of Fen that is not the mean head."""
    warp = Warp(PULLS, head.device)
    fur = [*_tuft(), both_sides(join(_cheek_locks()))]
    extras = [
        make_brows(head, warp, DARK, BROW_SHAPE, 0.004),
        make_lash_line(head, warp, "#20110f", 0.0018, 0.0050),
        make_nose(head, warp, "#2a1716", (0.0148, 0.0100, 0.0090), (0.0, 0.0006, -0.0035)),
        Extra("ears", both_sides(_ear()), "hair"),
        Extra("fur", join(fur), "hair"),
        *make_bust("#c9662a", "#27465f", girth=0.86),
    ]
    return Look("fen", warp, EYES, EASE, LOUDER, CURVES, paint(head), extras, under_collar(head))


def paint(head: Head) -> Tensor:
    """A coat with a pale mask below, and a dark nose."""
    place = head.neutral * 100
    across, height, front = place[:, 0].abs(), place[:, 1], place[:, 2]
    colours = colour_of(COAT).to(head.neutral).expand(len(place), 3).clone()
    colours = lay(colours, "#b9551d", 0.5 * torch.sigmoid((height - 7.0) * 0.9))
    edge = 0.6 + 0.30 * (across - 2.2).clamp_min(0) - 2.6 * torch.exp(-((across / 1.3) ** 2))
    pale = torch.sigmoid((edge - height) * 3.2) * torch.sigmoid((front - 1.0) * 1.5)
    colours = lay(colours, CREAM, pale)
    colours = lay(colours, CREAM, 0.9 * torch.exp(-(((across - 2.6) / 1.3) ** 2) - ((height - 7.4) / 0.55) ** 2))
    colours = lay(colours, DARK, 0.75 * torch.sigmoid((head.fields["eye"] + 0.28) * 14))
    return paint_flesh(head, colours, Flesh(lips="#7d443a"))


def _ear() -> Solid:
    """The left ear: a leaf, hollow in front, on the skull."""
    rows, columns = 18, 13
    up = np.linspace(0, 1, rows)[:, None]
    across = np.linspace(-1, 1, columns)[None]
    wide = np.interp(up, (0, 0.15, 0.35, 0.65, 0.87, 1), (0.024, 0.034, 0.039, 0.029, 0.013, 0.0015))
    axis, side, front = (unit(np.array(way)) for way in ((0.34, 1.0, -0.06), (0.90, -0.30, -0.25), (0.28, 0.02, 1.0)))
    foot = np.array([0.046, 0.100, 0.006])
    spine = foot + axis * (0.155 * up)[..., None] + front * (0.012 * up**2)[..., None]
    back = spine + side * (wide * across)[..., None] - front * (0.55 * wide * (1 - across**2))[..., None]
    hollow = (
        spine + side * (wide * across * 0.97)[..., None] - front * (0.22 * wide * (1 - across**2) - 0.001)[..., None]
    )
    coat, tip, inner = tint(COAT), tint(DARK), tint(INNER)
    dark = np.clip((up - 0.62) / 0.16, 0, 1)[..., None]
    outside = np.broadcast_to(coat * (1 - dark) + tip * dark, (rows, columns, 3))
    rim = np.clip((np.abs(across) - 0.62) / 0.2, 0, 1)[..., None]
    inside = (inner * (1 - 0.45 * dark)) * (1 - rim) + outside * rim
    faces = grid_triangles(rows, columns, closed=False)
    fibre = np.broadcast_to(axis, (rows * columns, 3))
    solids = (
        Solid(hollow.reshape(-1, 3), faces, inside.reshape(-1, 3).copy(), fibre.copy()),
        Solid(back.reshape(-1, 3), faces[:, ::-1].copy(), outside.reshape(-1, 3).copy(), fibre.copy()),
    )
    return join(solids)


def _lock(knots: Array, width: float, thick: float, out: Array, tip: str) -> Solid:
    path = spline(knots, 16)
    along = np.linspace(0, 1, 16)
    body = np.interp(along, (0, 0.3, 0.6, 0.85, 1), (0.7, 1.0, 0.8, 0.4, 0.02))
    shade = tint(COAT) + (tint(tip) - tint(COAT)) * np.clip(along * 1.6 - 0.3, 0, 1)[:, None]
    outward = np.broadcast_to(np.asarray(out, dtype=np.float64), path.shape)
    return sweep(Lock(path, width * body, thick * body, outward), shade[:, None])


def _cheek_locks() -> list[Solid]:
    """Three tufts that stand off the left cheek."""
    made = []
    for height, length, droop in ((0.012, 0.040, 0.004), (-0.012, 0.052, 0.018), (-0.036, 0.040, 0.024)):
        foot = np.array([0.066 + 0.15 * min(height, 0), height, 0.030])
        knots = foot + np.array(((0, 0, 0), (0.4 * length, -0.2 * droop, -0.004), (length, -droop, -0.016)))
        made.append(_lock(knots, 0.020, 0.012, np.array([0.15, 0.3, 1.0]), CREAM))
    return made


def _tuft() -> list[Solid]:
    """A few locks between the ears."""
    made = []
    for lean, length, rise in ((-20, 40, 14), (0, 50, 18), (20, 40, 14), (-8, 30, 24), (10, 30, 26)):
        side, up, long = lean / 1000, rise / 1000, length / 1000
        foot = np.array([0.45 * side, 0.140, 0.020])
        knots = foot + np.array(((0, 0, 0), (0.5 * side, up, 0.022), (1.3 * side, 0.3 * up, 0.022 + long * 0.7)))
        made.append(_lock(knots, 0.0125, 0.009, np.array([0.0, 1.0, 0.4]), "#e98a45"))
    return made
