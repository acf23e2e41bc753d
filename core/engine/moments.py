"""Draws a moment from a seed: an expression as 130 controllers, where the eyes look, how the head is turned."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
from torch import Tensor

from core.engine import random
from core.engine.controllers import INDEX, MIRROR, NAMES, PARTS, places
from core.engine.people import Draws

# both sides unless a side is named; weights at full strength
EXPRESSIONS: dict[str, dict[str, float]] = {
    "smile": {"mouth_smile": 0.75, "cheek_raise": 0.45, "squint_outer": 0.35, "mouth_dimple": 0.15},
    "broad smile": {
        "mouth_smile": 0.95, "upper_lip_raise": 0.4, "cheek_raise": 0.7,
        "cheek_squint": 0.4, "squint_outer": 0.5, "lower_lip_drop": 0.25,
    },
    "laugh": {
        "mouth_smile": 0.9, "jaw_open": 0.4, "upper_lip_raise": 0.35, "cheek_raise": 0.8,
        "squint_outer": 0.7, "squint_inner": 0.4, "brow_inner_up": 0.2,
    },
    "grin": {"mouth_grin": 0.75, "mouth_smile": 0.45, "cheek_raise": 0.3},
    "talk a": {"jaw_open": 0.35, "lower_lip_drop": 0.3, "upper_lip_raise": 0.1},
    "talk o": {"jaw_open": 0.25, "mouth_funnel_upper": 0.5, "mouth_funnel_lower": 0.5},
    "talk e": {"jaw_open": 0.12, "mouth_stretch": 0.45, "lower_lip_drop": 0.35, "upper_lip_raise": 0.2},
    "surprise": {
        "brow_inner_up": 0.8, "brow_outer_up": 0.8, "upper_lid_raise_inner": 0.7,
        "upper_lid_raise_outer": 0.7, "jaw_open": 0.45, "forehead_raise": 0.4,
    },
    "wonder": {
        "brow_inner_up": 0.5, "brow_outer_up": 0.5, "forehead_raise": 0.3,
        "upper_lid_raise_inner": 0.3, "upper_lid_raise_outer": 0.3,
    },
    "anger": {
        "brow_inner_down": 0.9, "brow_outer_down": 0.5, "glabella_furrow": 0.7, "brow_squeeze": 0.6,
        "mouth_press": 0.6, "nostril_flare": 0.4, "squint_inner": 0.3,
    },
    "frown": {"mouth_frown": 0.8, "brow_inner_down": 0.5, "chin_raise": 0.5, "glabella_furrow": 0.4},
    "sad": {
        "brow_inner_up": 0.8, "brow_tail_drop": 0.5, "mouth_frown": 0.6,
        "lip_shrug_lower": 0.4, "lid_fold_drop": 0.4,
    },
    "disgust": {
        "nose_wrinkle": 0.85, "nostril_raise": 0.7, "upper_lip_raise": 0.6,
        "brow_inner_down": 0.5, "squint_inner": 0.5, "squint_outer": 0.4,
    },
    "fear": {
        "brow_inner_up": 0.8, "brow_squeeze": 0.5, "upper_lid_raise_inner": 0.7,
        "upper_lid_raise_outer": 0.6, "mouth_stretch": 0.6, "jaw_open": 0.2,
    },
    "wink": {"eye_blink_left": 1.0, "mouth_smile_left": 0.6, "cheek_raise_left": 0.6, "mouth_smile_right": 0.3},
    "other wink": {"eye_blink_right": 1.0, "mouth_smile_right": 0.6, "cheek_raise_right": 0.6, "mouth_smile_left": 0.3},
    "blink": {"eye_blink": 1.0},
    "half closed": {"eye_blink": 0.5},
    "eyes shut": {"eye_closed": 1.0, "squint_outer": 0.15},
    "kiss": {"mouth_pucker": 0.85, "cheek_suck": 0.25},
    "pout": {"mouth_pout": 0.9, "brow_inner_down": 0.3, "chin_raise": 0.4},
    "pressed": {"mouth_press": 0.7, "mouth_close": 0.8, "mouth_dimple": 0.4},
    "rolled lips": {"lip_roll_upper": 0.6, "lip_roll_lower": 0.7, "mouth_press": 0.3},
    "puffed": {"cheek_puff_upper": 0.6, "cheek_puff_lower": 0.8, "mouth_press": 0.5},
    "smirk": {"mouth_smile_left": 0.8, "mouth_dimple_left": 0.4, "brow_outer_up_left": 0.4},
    "other smirk": {"mouth_smile_right": 0.8, "mouth_dimple_right": 0.4, "brow_outer_up_right": 0.4},
    "open mouth": {"jaw_open": 0.8, "mouth_funnel_lower": 0.15},
    "shout": {
        "jaw_open": 0.9, "upper_lip_raise": 0.5, "lower_lip_drop": 0.6,
        "brow_inner_down": 0.4, "nose_wrinkle": 0.3,
    },
    "tongue": {"jaw_open": 0.3, "tongue_out": 0.8, "tongue_down": 0.3},
    "aside": {"mouth_left": 0.5, "cheek_puff_lower_left": 0.2, "brow_outer_up_right": 0.3},
}  # fmt: skip
_SHARES = (0.30, 0.34, 0.36)
"""How many faces are near rest, wear a known expression, or a free mix of controllers."""
_RARE = ("tongue", "gaze")


@dataclass(frozen=True)
class Moments:
    """B moments."""

    controllers: Tensor
    """(B, 130) in 0..1."""
    turn: Tensor
    """(B, 3) yaw to their left, pitch up, roll to their left, radians, of the head against the shoulders."""
    body_yaw: Tensor
    """(B) how far the shoulders are turned from the camera, radians."""


@functools.lru_cache(maxsize=4)
def _presets(device: str) -> Tensor:
    table = torch.zeros(len(EXPRESSIONS), len(NAMES), device=device)
    for row, weights in enumerate(EXPRESSIONS.values()):
        for name, weight in weights.items():
            for full in (name, f"{name}_left", f"{name}_right"):
                if full in INDEX:
                    table[row, INDEX[full]] = weight
    return table


@functools.lru_cache(maxsize=4)
def _free_odds(device: str) -> Tensor:
    """Chance of each controller in a free mix: about as many from each part, tongue and gaze rarely."""
    odds = torch.zeros(len(NAMES), device=device)
    for part in PARTS:
        wanted = 0.25 if part in _RARE else 2.2
        odds[places(part)] = wanted / len(places(part))
    return odds


def draw_moments(seeds: Tensor) -> Moments:
    """Moments of these seeds."""
    draws = Draws(seeds)
    device = str(seeds.device)
    count = torch.arange(len(NAMES), device=seeds.device)
    each = random.uniform(seeds[:, None], count, random.stream("controller"))
    size = random.uniform(seeds[:, None], count, random.stream("controller size"))
    mirror = torch.tensor(MIRROR, device=seeds.device)
    even = draws.chance("even", 0.75)[:, None]  # most faces move alike on both sides
    first_side = torch.minimum(count, mirror)
    each, size = (torch.where(even, values[:, first_side], values) for values in (each, size))
    near = (each < 0.12) * 0.35 * size
    table = _presets(device)
    first, second = table[draws.pick("expression", len(table))], table[draws.pick("second expression", len(table))]
    strength = draws.uniform("strength", 0.35, 1.1)[:, None]
    blend = (draws.chance("blend", 0.3) * draws.uniform("blend share", 0.2, 0.6))[:, None]
    posed = (first * strength * (1 - 0.5 * blend) + second * blend) * (0.8 + 0.35 * size)
    free = (each < _free_odds(device)) * size**0.8
    kind = draws.uniform("kind of moment")[:, None]
    mixed = torch.where(kind < _SHARES[0], near, torch.where(kind < _SHARES[0] + _SHARES[1], posed, free + 0.25 * near))
    return Moments(_look(draws, mixed.clamp(0, 1)), _turn(draws), draws.normal("body yaw").clamp(-2, 2) * 0.26)


def draw_alone(seeds: Tensor) -> Tensor:
    """Controllers (B, 130) of these seeds of which just one is moved, to 0.5 at least: what each does by itself."""
    draws = Draws(seeds)
    made = torch.zeros(len(seeds), len(NAMES), device=seeds.device)
    chosen = draws.pick("alone", len(NAMES))
    return made.scatter(1, chosen[:, None], draws.uniform("alone strength", 0.5, 1.0)[:, None])


def _look(draws: Draws, controllers: Tensor) -> Tensor:
    """Both eyes look the same way; pupils and lids follow a little."""
    made = controllers.clone()
    wide = torch.where(draws.chance("looks away", 0.3), torch.ones_like(made[:, 0]), torch.full_like(made[:, 0], 0.22))
    side, up = wide * draws.normal("look aside") * 0.5, wide * draws.normal("look up") * 0.45
    meet = 0.04
    for name, value in (
        ("gaze_out_left", side - meet), ("gaze_in_left", meet - side), ("gaze_out_right", -side - meet),
        ("gaze_in_right", meet + side), ("gaze_up_left", up), ("gaze_up_right", up), ("gaze_down_left", -up),
        ("gaze_down_right", -up),
    ):  # fmt: skip
        made[:, INDEX[name]] = torch.maximum(made[:, INDEX[name]] * 0.15, value.clamp(0, 1))
    wider, smaller = draws.normal("pupils").clamp(0, 1), (-draws.normal("pupils")).clamp(0, 1)
    for side_name in ("left", "right"):
        made[:, INDEX[f"pupil_dilate_{side_name}"]], made[:, INDEX[f"pupil_constrict_{side_name}"]] = wider, smaller
    tired = 0.08 * draws.uniform("lids") ** 3
    for side_name in ("left", "right"):
        made[:, INDEX[f"eye_blink_{side_name}"]] = torch.maximum(made[:, INDEX[f"eye_blink_{side_name}"]], tired)
    return made.clamp(0, 1)


def _turn(draws: Draws) -> Tensor:
    wide = draws.chance("turned", 0.4)
    yaw = torch.where(wide, draws.uniform("yaw", -0.62, 0.62), 0.14 * draws.normal("small yaw"))
    pitch = 0.12 * draws.normal("pitch").clamp(-2.5, 2.5)
    roll = 0.09 * draws.normal("roll").clamp(-2.5, 2.5)
    return torch.stack((yaw, pitch, roll), 1)
