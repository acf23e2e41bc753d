"""Juno: a sculpted young person with large eyes, a copper bob of solid locks, and a knitted top."""

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
    lay,
    make_brows,
    make_bust,
    make_lash_line,
    paint_flesh,
    spot,
    tint,
    under_collar,
)
from core.engine.sculpture import Array, Lock, join, spline, sweep, unit
from core.engine.warp import Pull, Warp

PULLS = (
    Pull((0.0, 0.085, 0.0), 0.03, 0.20, scale=(1.10, 1.08, 1.07), reach=(1.0, 1.0, 1.1)),
    Pull((0.0, -0.062, 0.075), 0.012, 0.100, scale=(0.72, 0.80, 0.94), shift=(0.0, 0.003, -0.002)),
    Pull((0.0, 0.003, 0.118), 0.010, 0.050, scale=(0.76, 0.80, 0.66), shift=(0.0, 0.001, -0.002), reach=(1.0, 0.9, 1.0)),
    Pull((0.0, -0.034, 0.108), 0.012, 0.040, scale=(0.96, 1.14, 1.04)),
    Pull(
        (0.0313, 0.0361, 0.0794), 0.010, 0.084, scale=(1.46, 1.58, 1.10), shift=(0.0045, -0.002, 0.001), roll_degrees=2.0,
        reach=(1.0, 0.95, 1.0), paired=True,
    ),
    Pull((0.052, -0.008, 0.070), 0.005, 0.045, shift=(0.003, -0.001, 0.004), paired=True),
    Pull((0.088, 0.015, -0.005), 0.020, 0.046, scale=(0.3, 0.8, 0.8), shift=(-0.012, 0.0, 0.0), paired=True),
    Pull((0.0, -0.120, -0.010), 0.040, 0.120, scale=(0.72, 1.0, 0.76)),
)  # fmt: skip
EASE = {"upper_lid_raise_inner": 0.55, "upper_lid_raise_outer": 0.6, "lower_lid_drop": 0.3, "mouth_smile": 0.2}
EYES = EyeLook(outer=(0.028, 0.120, 0.105), inner=(0.22, 0.52, 0.36), white=(0.86, 0.85, 0.84), iris=0.50, pupil=0.21)
BROW_SHAPE = ((0, 0.0001), (0.05, 0.0026), (0.15, 0.0038), (0.55, 0.0041), (0.85, 0.0024), (1, 0.0001))
SKIN, BLUSH, HAIR, TIPS, BROW = "#f2c3a6", "#e5806c", "#8f3a22", "#c4632f", "#6b2b1c"


def make_look(head: Head) -> Look:
    """Everything of her that is not the mean head."""
    warp = Warp(PULLS, head.device)
    extras = [
        make_brows(head, warp, BROW, BROW_SHAPE, 0.002),
        make_lash_line(head, warp, "#2a1512", 0.0016, 0.0045),
        Extra("hair", join(_locks()), "hair"),
        *make_bust("#2c7a80", "#256a70"),
    ]
    return Look("juno", warp, EYES, EASE, LOUDER, CURVES, paint(head), extras, under_collar(head))


def paint(head: Head) -> Tensor:
    """Clean skin with warm cheeks; the scalp as the hair above it."""
    colours = colour_of(SKIN).to(head.neutral).expand(len(head.neutral), 3).clone()
    colours = lay(colours, BLUSH, 0.55 * spot(head, (0.050, 0.006, 0.086), (0.022, 0.016, 0.03)))
    colours = lay(colours, BLUSH, 0.30 * spot(head, (0.0, 0.003, 0.130), (0.016, 0.012, 0.02)))
    colours = lay(colours, "#c9776a", 0.35 * torch.sigmoid((head.fields["eye"] + 0.35) * 9))
    colours = lay(colours, HAIR, torch.sigmoid((head.fields["hairline"] - 0.25) * 6) * (head.neutral[:, 1] > -0.06))
    return paint_flesh(head, colours, Flesh(lips="#cf6a66"))


MIDDLE, RADII = np.array([0.0, 0.060, 0.002]), np.array([0.0930, 0.1030, 0.1080])


def shell(azimuth: Array, elevation: Array, lift: float) -> Array:
    """Places (K, 3) over the skull; azimuth 0 is the front, angles in degrees."""
    across, up = np.deg2rad(azimuth), np.deg2rad(elevation)
    way = np.stack((np.sin(across) * np.cos(up), np.sin(up), np.cos(across) * np.cos(up)), -1)
    return MIDDLE + way * (RADII + lift)


def _lock(knots: Array, width: float, thick: float, lean: float = 0.0) -> tuple[Lock, Array]:
    path = spline(knots, 22)
    along = np.linspace(0, 1, 22)
    body = np.interp(along, (0, 0.12, 0.5, 0.8, 0.93, 1), (0.35, 0.75, 1.0, 0.86, 0.5, 0.02))
    out = unit((path - MIDDLE) / RADII**2)
    out[:, 1] *= np.interp(path[:, 1], (0.0, 0.06), (0.0, 1.0))
    out = unit(out + lean * np.array([1.0, 0.0, 0.0]))
    shade = tint(HAIR) + (tint(TIPS) - tint(HAIR)) * np.clip(along * 1.15 - 0.35, 0, 1)[:, None]
    return Lock(path, width * body, thick * body, out), shade[:, None]


def _locks() -> list:
    made = []
    for layer, (lift, width, thick, hem) in enumerate(((0.000, 0.022, 0.010, -0.072), (0.006, 0.0185, 0.0105, -0.064))):
        for number, azimuth in enumerate(np.arange(66 + 7.5 * layer, 296, 15.0)):
            wave = np.sin(number * 2.4 + layer)
            turn = np.array([azimuth * 0.55 + 81, azimuth * 0.8 + 36, azimuth, azimuth])
            top = shell(turn, np.array([84.0, 62, 34, 8]), lift)
            side = np.deg2rad(azimuth)
            round_ = np.array([np.sin(side), 0.0, np.cos(side)]) * (RADII + lift)
            low = hem + 0.006 * wave - 0.010 * np.cos(side) * (np.cos(side) < 0)
            falls = [
                MIDDLE * [1, 0, 1] + round_ * share + [0, height, 0]
                for share, height in ((1.03, 0.025), (1.05, -0.020), (0.99, 0.6 * low - 0.012), (0.84, low))
            ]
            made.append(sweep(*_lock(np.concatenate((top, falls)), width, thick), sides=8 if layer else 6))
    return made + _fringe()


def _fringe() -> list:
    """Locks from a parting on her left that sweep over the forehead."""
    made = []
    for start, middle, end, low in (
        (16, 6, -4, 30), (14, -6, -24, 28), (12, -18, -42, 24), (10, -32, -58, 16), (8, -48, -70, 2),
        (24, 26, 30, 30), (26, 40, 48, 22), (28, 54, 66, 6),
    ):  # fmt: skip
        turn = np.array([start, 0.5 * (start + middle), middle, end])
        height = np.array([78.0, 62.0, 44.0, low])
        path = shell(turn, height, 0.006)
        path[-1] *= [1.0, 1.0, 0.985]
        made.append(sweep(*_lock(path, 0.0165, 0.0085)))
    return made
