"""What the codes say: z_s is the shape of a head (identity, expression, hair, what is worn), z_a its look.

An engine face's own parameters become standard normal numbers (core/normal_scores.py) and come back: so a field can be
warm-started with true codes, codes can be drawn from N(0, I), and an expression is a direct move of z_s.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.engine import random
from core.engine.attributes import INDEX
from core.engine.controllers import NAMES
from core.engine.hairzones import PARAMETERS
from core.engine.head import IDENTITY_LENGTH, load_head, rotation
from core.engine.light import harmonics
from core.engine.moments import Moments, draw_moments
from core.engine.people import People, draw_people
from core.engine.shots import Shots, draw_backdrops, draw_shots, place_camera
from core.engine.skin import base_colour
from core.normal_scores import NormalCode

SHAPE_GRADES = ("beard", "moustache", "brow_thickness", "glasses", "hat")
LOOK_GRADES = ("hair_lightness", "hair_redness", "make_up", "skin_tone", "age")
SHAPE: dict[str, int] = {
    "identity": IDENTITY_LENGTH, "femininity": 1, "controllers": len(NAMES), "turn": 3, "hair": len(PARAMETERS),
    "grades": len(SHAPE_GRADES), "wear": 5,
}  # fmt: skip
"""Blocks of shape parameters in order, and how many numbers each has."""
LOOK: dict[str, int] = {
    "grades": len(LOOK_GRADES), "skin": 9, "paint": 6, "eyes": 5, "hair": 4, "cloth": 13, "light": 18, "sensor": 4,
    "ground": 12,
}  # fmt: skip
SHAPE_WIDTH, LOOK_WIDTH = sum(SHAPE.values()), sum(LOOK.values())
_WAYS = ((1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0.6, 0.5, 0.62))
"""Directions in the head's frame in which light is told."""


def block(layout: dict[str, int], name: str) -> slice:
    """Where a block of parameters stands."""
    start = 0
    for key, width in layout.items():
        if key == name:
            return slice(start, start + width)
        start += width
    raise KeyError(name)


@torch.no_grad()
def read_parameters(seeds: Tensor, device: torch.device | str = "cpu") -> Tensor:
    """Parameters (N, SHAPE_WIDTH + LOOK_WIDTH) of the engine's faces of these seeds, on the CPU; none is drawn."""
    where = torch.device(device)
    rows = []
    for part in seeds.to(where).split(128):
        people, moments, shots = draw_people(load_head(where), part), draw_moments(part), draw_shots(part)
        rows.append(torch.cat((_list_shape(people, moments), _list_look(people, moments, shots)), 1))
    return torch.cat(rows).float().half().float().cpu()


def _list_shape(people: People, moments: Moments) -> Tensor:
    wear = people.wear
    blocks = {
        "identity": people.identity,
        "femininity": people.femininity,
        "controllers": moments.controllers,
        "turn": moments.turn,
        "hair": people.hair_style.parameters,
        "grades": people.grades[:, [INDEX[key] for key in SHAPE_GRADES]],
        "wear": _beside(wear.collar, wear.shoulder, wear.glasses_round, wear.glasses_width, wear.hat_kind),
    }
    assert {name: _beside(value).shape[1] for name, value in blocks.items()} == SHAPE
    return _beside(*blocks.values())


def _list_look(people: People, moments: Moments, shots: Shots) -> Tensor:
    skin, eyes, cloth, hair = people.skin, people.eyes, people.cloth, people.hair
    blocks = {
        "grades": people.grades[:, [INDEX[key] for key in LOOK_GRADES]],
        "skin": _beside(
            skin.warmth, skin.redness, skin.mottling, skin.freckles, skin.moles, skin.blemishes, skin.oil,
            skin.lip_blood, skin.stubble,
        ),
        "paint": _beside(skin.lipstick, skin.eyeshadow),
        "eyes": _beside((eyes.outer + eyes.inner) / 2, eyes.pupil, people.teeth),
        "hair": _beside(hair.albedo, hair.grey),
        "cloth": _beside(cloth.cloth, cloth.cloth_second, cloth.pattern, cloth.hat, cloth.frame),
        "light": _sum_light(people, moments, shots),
        "sensor": _beside(
            shots.sensor.contrast, shots.sensor.saturation, shots.sensor.warmth, shots.sensor.vignette
        ),
        "ground": F.avg_pool2d(draw_backdrops(shots, 16), 8).flatten(1).sqrt(),
    }  # fmt: skip
    assert {name: _beside(value).shape[1] for name, value in blocks.items()} == LOOK
    return _beside(*blocks.values())


def _beside(*values: Tensor) -> Tensor:
    return torch.cat([value.float().reshape(len(value), -1) for value in values], 1)


def _sum_light(people: People, moments: Moments, shots: Shots) -> Tensor:
    """How bright (N, 18) matt surfaces come out that face six ways of the head, in red, green and blue."""
    turn = rotation(*moments.turn.unbind(1))
    placed = place_camera(shots, torch.zeros_like(moments.turn), moments.body_yaw, 1)
    light = placed.light
    ways = F.normalize(torch.tensor(_WAYS, device=turn.device), dim=1) @ turn.transpose(1, 2)
    soft = torch.einsum("bdk,bkc->bdc", harmonics(ways), light.soft_surround()).clamp_min(0)
    facing = torch.einsum("blx,bdx->bdl", light.directions, ways).clamp_min(0)
    towards = F.normalize(placed.pose[:, :3, 3], dim=-1)
    seen = torch.einsum("bk,bkc->bc", harmonics(towards), light.soft_surround()).mean(1)
    lamps = ((light.directions * towards[:, None]).sum(-1).clamp_min(0) * 0.7 + 0.25) * light.colours.mean(-1)
    bright = base_colour(people.skin.tone, people.skin.warmth).mean(1)
    # as the engine meters (core/engine/faces.py)
    exposed = shots.exposure * (0.3 / bright) ** 0.4 / (seen + lamps.sum(1)).clamp_min(0.12)
    return ((soft + facing @ light.colours) * exposed[:, None, None]).flatten(1).clamp_min(0).sqrt()


class FaceCodes(nn.Module):
    """Both codes' tables; they travel with the field's weights."""

    def __init__(self) -> None:
        super().__init__()
        self.shape, self.look = NormalCode(SHAPE_WIDTH), NormalCode(LOOK_WIDTH)

    def fit(self, parameters: Tensor, seeds: Tensor) -> None:
        """Tables of these faces."""
        within = break_ties(seeds)
        self.shape.fit(parameters[:, :SHAPE_WIDTH], within[:, :SHAPE_WIDTH])
        self.look.fit(parameters[:, SHAPE_WIDTH:], within[:, SHAPE_WIDTH:])

    def encode(self, parameters: Tensor, seeds: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """z_s and z_a of parameters; ties are broken by the seed, or lie in their middle."""
        within = torch.full_like(parameters, 0.5) if seeds is None else break_ties(seeds)
        shape = self.shape.encode(parameters[:, :SHAPE_WIDTH], within[:, :SHAPE_WIDTH])
        return shape, self.look.encode(parameters[:, SHAPE_WIDTH:], within[:, SHAPE_WIDTH:])

    def decode(self, shape: Tensor, look: Tensor) -> tuple[Tensor, Tensor]:
        """Shape and look parameters of codes."""
        return self.shape.decode(shape), self.look.decode(look)


def break_ties(seeds: Tensor) -> Tensor:
    """Numbers (N, SHAPE_WIDTH + LOOK_WIDTH) in 0..1 that go with a seed."""
    places = torch.arange(SHAPE_WIDTH + LOOK_WIDTH, device=seeds.device)
    return random.uniform(seeds[:, None], places, random.stream("tie of a field's code"))
