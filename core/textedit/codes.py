"""What a code says: an engine face's own parameters, each made standard normal and freed of its ties to the others.

The first ``TRUE_WIDTH`` numbers of a code are these, the rest is free. A parameter becomes its normal score by a table of
its quantiles (values that many faces share are spread over their share), then the scores' correlations are taken out
(ZCA: each number stays as near to its own parameter as it can). So true codes and draws from N(0, I) look alike, and the
way back gives the parameters. All tables are buffers and travel with the generator's weights.
"""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor, nn

from core.engine import faces as drawing
from core.engine import random
from core.engine.attributes import ATTRIBUTES, INDEX, KEYS
from core.engine.controllers import NAMES
from core.engine.faces import Choices
from core.engine.head import IDENTITY_LENGTH, load_head
from core.engine.light import harmonics
from core.engine.moments import Moments
from core.engine.people import MEASURED, People
from core.engine.shots import Shots, draw_backdrops
from core.engine.stage import pose_people
from core.normal_scores import ENTRIES, interpolate_scores, score_grid, score_values

DRAWN = (
    "brow_thickness", "hair_length", "hair_curl", "fringe", "hair_lightness", "hair_redness", "beard", "moustache",
    "glasses", "hat", "make_up", "skin_tone", "age",
)  # fmt: skip
"""Grades that are a parameter of their own; the measured ones follow from identity, the rest from the moment."""
LAYOUT: dict[str, int] = {
    "identity": IDENTITY_LENGTH, "femininity": 1, "grades": len(DRAWN), "controllers": len(NAMES), "turn": 4, "skin": 9,
    "paint": 6, "eyes": 5, "hair": 4, "wear": 5, "cloth": 13, "shot": 8, "light": 18, "sensor": 4, "ground": 12,
}  # fmt: skip
"""Blocks of parameters in order, and how many numbers each has."""
TRUE_WIDTH = sum(LAYOUT.values())
RIDGE = 0.02
_SIX = ((1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0.6, 0.5, 0.62))


def block(name: str) -> slice:
    """Where a block of parameters stands."""
    start = 0
    for key, width in LAYOUT.items():
        if key == name:
            return slice(start, start + width)
        start += width
    raise KeyError(name)


@torch.no_grad()
def read_parameters(seeds: Tensor, device: torch.device | str = "cpu", choices: Choices | None = None) -> Tensor:
    """Parameters (N, TRUE_WIDTH) of the engine's faces of these seeds, on the CPU; nothing is drawn but the ground."""
    rows = [_list_parameters(*subjects) for subjects in drawing.draw_subjects(seeds, device, choices)]
    # half precision is what a checkpoint keeps: values that faces share must stay equal to the table's
    return torch.cat(rows).float().half().float().cpu()


@torch.no_grad()
def read_grades(seeds: Tensor, device: torch.device | str = "cpu", choices: Choices | None = None) -> Tensor:
    """Grades (N, 26) of the engine's faces of these seeds, on the CPU, without drawing them."""
    head = load_head(torch.device(device))
    rows = [
        drawing.final_grades(head, people, moments, pose_people(head, people, moments))
        for people, moments, _ in drawing.draw_subjects(seeds, device, choices)
    ]
    return torch.cat(rows).float().cpu()


def _list_parameters(people: People, moments: Moments, shots: Shots) -> Tensor:
    skin, eyes, wear, cloth, hair = people.skin, people.eyes, people.wear, people.cloth, people.hair
    drawn = people.grades[:, [INDEX[key] for key in DRAWN]]
    blocks = {
        "identity": people.identity,
        "femininity": people.femininity,
        "grades": drawn,
        "controllers": moments.controllers,
        "turn": _beside(moments.turn, moments.body_yaw),
        "skin": _beside(
            skin.warmth, skin.redness, skin.mottling, skin.freckles, skin.moles, skin.blemishes, skin.oil,
            skin.lip_blood, skin.stubble,
        ),
        "paint": _beside(skin.lipstick, skin.eyeshadow),
        "eyes": _beside((eyes.outer + eyes.inner) / 2, eyes.pupil, people.teeth),
        "hair": _beside(hair.albedo, hair.grey),
        "wear": _beside(wear.collar, wear.shoulder, wear.glasses_round, wear.glasses_width, wear.hat_kind),
        "cloth": _beside(cloth.cloth, cloth.cloth_second, cloth.pattern, cloth.hat, cloth.frame),
        "shot": _beside(
            shots.focal_mm.log(), shots.azimuth, shots.elevation, shots.roll, shots.fraction, shots.shift, shots.exposure
        ),
        "light": _sum_light(shots),
        "sensor": _beside(
            shots.sensor.contrast, shots.sensor.saturation, shots.sensor.warmth, shots.sensor.vignette
        ),
        "ground": nn.functional.avg_pool2d(draw_backdrops(shots, 16), 8).flatten(1).sqrt(),
    }  # fmt: skip
    assert {name: _beside(value).shape[1] for name, value in blocks.items()} == LAYOUT
    return _beside(*blocks.values())


def _beside(*values: Tensor) -> Tensor:
    return torch.cat([value.float().reshape(len(value), -1) for value in values], 1)


def _sum_light(shots: Shots) -> Tensor:
    """How bright (N, 18) matt surfaces are that look six ways, in red, green and blue, as seen from the camera."""
    ways = nn.functional.normalize(torch.tensor(_SIX, device=shots.seeds.device), dim=1)
    soft = torch.einsum("dk,bkc->bdc", harmonics(ways), shots.light.soft_surround()).clamp_min(0)
    facing = torch.einsum("blx,dx->bdl", shots.light.directions, ways).clamp_min(0)
    return (soft + facing @ shots.light.colours).flatten(1).clamp_min(0).sqrt()


def free_part(seeds: Tensor, width: int) -> Tensor:
    """The free numbers (N, width) that go with a seed."""
    return random.normal(seeds[:, None], torch.arange(width, device=seeds.device), random.stream("free code"))


class Standard(nn.Module):
    """Parameters to standard normal codes and back, and the attributes' scores as a linear reading of a code."""

    table: Tensor
    white: Tensor
    colour: Tensor
    reading: Tensor
    grade_table: Tensor

    def __init__(self) -> None:
        super().__init__()
        grid = score_grid()
        self.register_buffer("grid", grid, persistent=False)
        self.register_buffer("table", grid.repeat(TRUE_WIDTH, 1))
        self.register_buffer("white", torch.eye(TRUE_WIDTH))
        self.register_buffer("colour", torch.eye(TRUE_WIDTH))
        self.register_buffer("reading", torch.zeros(len(KEYS), TRUE_WIDTH))
        self.register_buffer("grade_table", torch.linspace(0, 1, ENTRIES).repeat(len(KEYS), 1))

    @classmethod
    @torch.no_grad()
    def fit(cls, parameters: Tensor, grades: Tensor, seeds: Tensor) -> Standard:
        """Tables, ties and readings of these faces."""
        self = cls()
        shares = (torch.arange(ENTRIES) + 0.5) / ENTRIES
        self.table.copy_(torch.quantile(parameters, shares, dim=0, interpolation="nearest").T)
        self.grade_table.copy_(torch.quantile(grades, shares, dim=0, interpolation="nearest").half().float().T)
        scores = self.score(parameters, seeds)
        count = len(scores)
        tie = scores.T @ scores / count
        slack = max(RIDGE, TRUE_WIDTH / (count + TRUE_WIDTH) * 0.5)
        tie = tie * (1 - slack) + slack * torch.eye(TRUE_WIDTH)
        spread, ways = torch.linalg.eigh(tie)
        self.white.copy_(ways @ torch.diag(spread.rsqrt()) @ ways.T)
        self.colour.copy_(ways @ torch.diag(spread.sqrt()) @ ways.T)
        wanted = self.score_grades(grades)
        for key, places in _own_places().items():
            if key in DRAWN:
                self.reading[INDEX[key], places] = 1.0
                continue
            given = scores[:, places]
            normal = given.T @ given + RIDGE * count * torch.eye(len(places))
            self.reading[INDEX[key], places] = torch.linalg.solve(normal, given.T @ wanted[:, INDEX[key]])
        return self

    def score(self, parameters: Tensor, seeds: Tensor) -> Tensor:
        """Normal scores of parameters; ties are broken by the seed."""
        within = random.uniform(
            seeds[:, None], torch.arange(TRUE_WIDTH, device=seeds.device), random.stream("tie of a code")
        )
        return score_values(parameters, self.table, self._grid, within)

    def encode(self, parameters: Tensor, seeds: Tensor, width: int) -> Tensor:
        """Codes (N, width) of faces with these parameters."""
        true = self.score(parameters, seeds) @ self.white
        return torch.cat((true, free_part(seeds, width - TRUE_WIDTH)), 1)

    def decode(self, codes: Tensor) -> Tensor:
        """Parameters (N, TRUE_WIDTH) of codes."""
        return interpolate_scores(self._scores(codes), self._grid, self.table)

    def _scores(self, codes: Tensor) -> Tensor:
        return codes[:, :TRUE_WIDTH].float() @ self.colour

    def read(self, codes: Tensor) -> Tensor:
        """Scores (N, 26) of the attributes, linear in the code."""
        return self._scores(codes) @ self.reading.T

    def grades(self, codes: Tensor) -> Tensor:
        """Grades (N, 26) that a code stands for, as far as a linear reading can tell."""
        return self.grades_of(self.read(codes))

    def grades_of(self, scores: Tensor) -> Tensor:
        """Scores (N, 26) as grades."""
        return interpolate_scores(scores, self._grid, self.grade_table)

    def score_grades(self, grades: Tensor) -> Tensor:
        """Grades (N, 26) as scores; a grade that many faces share is the middle of its share."""
        within = torch.full_like(grades, 0.5)
        return score_values(grades.half().float(), self.grade_table, self._grid, within)

    @property
    def _grid(self) -> Tensor:
        return self.get_buffer("grid")


@functools.cache
def _own_places() -> dict[str, list[int]]:
    """The parameters that each attribute may be read from."""
    places = list(range(TRUE_WIDTH))
    identity, moved, turn = places[block("identity")], places[block("controllers")], places[block("turn")]
    own: dict[str, list[int]] = {}
    for attribute in ATTRIBUTES:
        if attribute.key in DRAWN:
            own[attribute.key] = [block("grades").start + DRAWN.index(attribute.key)]
        elif attribute.key in MEASURED:
            own[attribute.key] = identity
        else:
            own[attribute.key] = turn if attribute.key == "head_turn" else identity + moved
    return own


def draw_codes(count: int, width: int, draw: torch.Generator) -> Tensor:
    """Codes of nobody in particular: N(0, I)."""
    return torch.randn(count, width, generator=draw)


def calm_codes(codes: Tensor, calm: float) -> Tensor:
    """Codes (N, C) nearer to the ordinary: what is true of a face at the share ``calm``.

    The mapping network brings every code to one length, so a code that is only shorter draws the same face; the free
    part takes up the length that is left.
    """
    true, free = codes[:, :TRUE_WIDTH] * calm, codes[:, TRUE_WIDTH:]
    left = (codes.square().sum(1) - true.square().sum(1)).clamp_min(0)
    return torch.cat((true, free * (left / free.square().sum(1).clamp_min(1e-9)).sqrt()[:, None]), 1)


def full_length(codes: Tensor) -> Tensor:
    """Codes (N, C) as long as draws from N(0, I) are on average. The mapping network brings every code to one length, so these
    draw the same faces; but what is added to a short code counts for more."""
    return codes * (codes.shape[1] / codes.square().sum(1, keepdim=True).clamp_min(1e-9)).sqrt()


def normality(codes: Tensor) -> dict[str, float]:
    """How far codes (N, C) are from standard normal: largest mean, worst variance, root mean square correlation."""
    centred = codes - codes.mean(0)
    spread = centred.square().mean(0)
    tie = (centred / spread.sqrt().clamp_min(1e-6)).T @ (centred / spread.sqrt().clamp_min(1e-6)) / len(codes)
    off = tie - torch.diag(tie.diagonal())
    return {
        "mean": float(codes.mean(0).abs().max()),
        "variance": float((spread - 1).abs().max()),
        "tie": math.sqrt(float(off.square().sum()) / max(off.numel() - len(off), 1)),
    }
