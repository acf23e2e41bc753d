"""Draws who somebody is from a seed: shape, skin, eyes, hair of the face, clothes, and the grades that say so.

Spread by design: skin tone and age are uniform over their whole range; sex, features, build and dress are drawn apart from
them, with mild ties only (beards, grey hair), so that no look belongs to one group. Every draw is a named hash of the seed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from core.engine import random
from core.engine.attributes import INDEX, KEYS
from core.engine.brows import FaceHair
from core.engine.eyes import IRISES_SRGB, Eyes, iris_colours
from core.engine.hair import HairColour, HairStyle
from core.engine.hairstyles import choose_styles, make_colours, make_style, pigment_albedo
from core.engine.head import IDENTITY_LENGTH, Head, measured_grades
from core.engine.render import Cloth
from core.engine.skin import Skin, to_linear
from core.engine.wear import COLLARS, HATS, Wear

MODE_SPREAD = 0.72
"""Deviation of the fitted shape coefficients: the source's extremes are left out."""
MEASURED = (
    "eye_size", "nose_width", "nose_length", "face_width", "chin_length", "cheek_fullness", "lip_fullness", "mouth_width",
)  # fmt: skip
"""Grades that are measured from the resting shape, not drawn."""
_STEERED = {
    "eye_size": ("eye_size",), "nose_width": ("nose_width",), "nose_length": ("nose_length",), "face_width": ("face_width",),
    "chin_length": ("chin_length",), "cheek_fullness": ("jaw_width", "cheek_fullness"), "mouth_width": ("mouth_width",),
    "lip_fullness": ("lip_fullness_upper", "lip_fullness_lower"),
}  # fmt: skip


@dataclass(frozen=True)
class People:
    """B persons; nothing here changes with expression, pose or light."""

    seeds: Tensor
    identity: Tensor
    """(B, 100) shape code."""
    rest: Tensor
    """(B, V, 3) resting shape."""
    grades: Tensor
    """(B, 26) in the table's order; eye openness, smile, mouth open, brow height and head turn are set by the moment."""
    femininity: Tensor
    skin: Skin
    eyes: Eyes
    teeth: Tensor
    face_hair: FaceHair
    hair_style: HairStyle
    hair: HairColour
    wear: Wear
    cloth: Cloth


class Draws:
    """Named uniform and normal numbers of a batch of seeds."""

    def __init__(self, seeds: Tensor) -> None:
        self.seeds = seeds

    def uniform(self, name: str, low: float = 0.0, high: float = 1.0) -> Tensor:
        return low + (high - low) * random.uniform(self.seeds, random.stream(name))

    def normal(self, name: str) -> Tensor:
        return random.normal(self.seeds, random.stream(name))

    def chance(self, name: str, share: float | Tensor) -> Tensor:
        return self.uniform(name) < share

    def pick(self, name: str, count: int) -> Tensor:
        return (self.uniform(name) * count).long().clamp_max(count - 1)

    def colour(self, name: str, strongest: float = 1.0) -> Tensor:
        """(B, 3) linear colour of dyed cloth or paint: mostly muted, sometimes strong."""
        hue, value = self.uniform(f"{name} hue"), self.uniform(f"{name} value")
        strength = strongest * self.uniform(f"{name} strength") ** 2
        turn = hue[:, None] * 6.2832 + torch.tensor([0.0, 2.094, 4.189], device=hue.device)
        srgb = (0.06 + 0.86 * value)[:, None] * (1 - strength[:, None] * 0.75 * (0.5 + 0.5 * turn.cos()))
        return to_linear(srgb)


def _between(value: Tensor, low: float, high: float) -> Tensor:
    return value.clamp(low, high)


def draw_people(head: Head, seeds: Tensor, fixed: Mapping[str, Tensor] | None = None) -> People:
    """Persons of these seeds; ``fixed`` holds some grades (B) at a wish, the rest stays as the seed says."""
    draws, wishes = Draws(seeds), dict(fixed or {})
    femininity = _femininity(draws)
    grades = _draw_grades(draws, femininity)
    for key, value in wishes.items():
        grades[key] = value.to(seeds.device)
    age = grades["age"]
    hair_wishes = {
        name.removeprefix("hair_"): wishes[name] for name in ("hair_length", "hair_curl", "fringe") if name in wishes
    }
    choice = choose_styles(seeds, femininity > 0.5, age, hair_wishes)
    grades.update({"hair_length": choice.length, "hair_curl": choice.curl, "fringe": choice.fringe})
    identity = _draw_identity(draws, femininity, grades)
    rest = head.shape(identity)
    wanted = {key: wishes[key] for key in MEASURED if key in wishes}
    if wanted:
        identity = steer(head, identity, wanted)
        rest = head.shape(identity)
    grades.update(
        {key: value for key, value in measured_grades(head, rest[:, head.landmarks]).items() if key in MEASURED}
    )
    grey = ((age - 0.5) * 1.7 + 0.2 * draws.normal("grey")).clamp(0, 1) * draws.chance("greys", 0.75) * (age > 0.3)
    if "hair_lightness" in wishes:
        grey = torch.zeros_like(grey)
    dyed = draws.chance("dyed", 0.05) * draws.uniform("dye", 0.4, 0.9)
    hair = make_colours(grades["hair_lightness"], grades["hair_redness"], grey * 0.8, seeds, dyed)
    tint = pigment_albedo(grades["hair_lightness"], grades["hair_redness"])
    grades["hair_lightness"] = torch.maximum(grades["hair_lightness"], 0.72 * grey)  # as it looks, grey strands and all
    none = torch.zeros_like(age)
    table = torch.stack([grades.get(key, none) for key in KEYS], 1).clamp(0, 1)
    return People(
        seeds,
        identity,
        rest,
        table,
        femininity,
        _draw_skin(draws, grades, femininity, tint),
        _draw_eyes(draws, grades),
        draws.uniform("teeth", 0.1, 1.0),
        _draw_face_hair(draws, grades, femininity, tint, grey),
        make_style(choice, seeds),
        hair,
        _draw_wear(draws, grades),
        _draw_cloth(draws),
    )


def draw_identities(seeds: Tensor) -> Tensor:
    """Shape codes (B, 100) alone of the persons of these seeds."""
    draws = Draws(seeds)
    femininity = _femininity(draws)
    return _draw_identity(draws, femininity, _draw_grades(draws, femininity))


def _femininity(draws: Draws) -> Tensor:
    """0 masculine to 1 feminine; a few between."""
    side = draws.chance("sex", 0.5).float()
    return (side + (0.5 - side) * (draws.uniform("androgyny") ** 5)).clamp(0, 1)


def _draw_grades(draws: Draws, femininity: Tensor) -> dict[str, Tensor]:
    """Grades that are free to be drawn."""
    age, tone = draws.uniform("age"), draws.uniform("skin tone")
    woman = femininity
    fair = (draws.uniform("lightness") ** 1.3 * (1.05 - 0.95 * tone)).clamp(0, 0.9)
    fair = torch.where(draws.chance("dye light", 0.07), draws.uniform("dyed lightness", 0.4, 1.0), fair)
    greying = ((age - 0.55) * 1.6).clamp(0, 1) * draws.uniform("greying") ** 1.5
    fair = torch.maximum(fair, greying * 0.95)
    red = torch.where(
        draws.chance("red", 0.16), draws.uniform("redness", 0.3, 1.0), draws.uniform("a little red", 0.0, 0.18)
    )
    bearded = draws.chance("beard", 0.42 * (1 - woman))
    only_lip = draws.chance("moustache", 0.07 * (1 - woman))
    beard = bearded * draws.uniform("beard grade", 0.25, 1.0)
    return {
        "brow_thickness": _between(0.5 + 0.26 * draws.normal("brows") + 0.14 * (0.5 - woman), 0.02, 1.0),
        "hair_lightness": fair,
        "hair_redness": red,
        "beard": beard,
        "moustache": torch.where(
            only_lip, draws.uniform("lip grade", 0.4, 1.0), beard * draws.uniform("lip share", 0.6, 1.0)
        ),
        "glasses": draws.chance("glasses", 0.24) * draws.uniform("frame", 0.2, 1.0),
        "hat": draws.chance("hat", 0.1) * draws.uniform("hat grade", 0.2, 1.0),
        "make_up": draws.chance("make-up", 0.06 + 0.5 * woman) * draws.uniform("make-up grade", 0.15, 1.0),
        "skin_tone": tone,
        "age": age,
    }


def _draw_identity(draws: Draws, femininity: Tensor, grades: dict[str, Tensor]) -> Tensor:
    count = torch.arange(IDENTITY_LENGTH, device=draws.seeds.device)
    code = random.normal(draws.seeds[:, None], count, random.stream("identity")).clamp(-2.3, 2.3)
    code[:, :80] *= MODE_SPREAD
    extra = dict(zip(_EXTRA, code[:, 80:].unbind(1), strict=True))
    man, age = 1 - 2 * femininity, grades["age"]
    build = draws.normal("build")
    tone = grades["skin_tone"] - 0.5
    shift = {
        "jaw_width": 0.55 * man + 0.3 * build, "brow_ridge": 0.7 * man, "neck_width": 0.9 * man + 0.5 * build,
        "chin_forward": 0.25 * man, "chin_length": 0.3 * man, "nose_tip_size": 0.25 * man + 0.3 * tone,
        "eye_size": -0.3 * man,
        "lip_fullness_upper": -0.3 * man + 0.9 * tone - 0.9 * age + 0.2,
        "lip_fullness_lower": -0.2 * man + 0.9 * tone - 0.7 * age + 0.15,
        "cheek_fullness": 0.75 * build - 0.9 * (age - 0.4), "cheekbone": -0.2 * man, "nose_width": 0.2 * man + 0.9 * tone,
        "nose_bridge": 0.2 * man - 0.6 * tone, "sagging": 2.9 * (age - 0.38), "ear_size": 0.3 * man + 0.7 * (age - 0.4),
        "nose_length": 0.4 * (age - 0.4) + 0.15 * man,
    }  # fmt: skip
    spread = {"sagging": 0.35, "chin_length": 0.75, "chin_forward": 0.7, "eye_size": 0.8}
    mixed = [extra[name] * spread.get(name, 0.65) + shift.get(name, torch.zeros_like(age)) for name in _EXTRA]
    return torch.cat((code[:, :80], torch.stack(mixed, 1)), 1)


_EXTRA = (
    "face_width", "jaw_width", "cheek_fullness", "cheekbone", "chin_length", "chin_forward", "nose_width", "nose_length",
    "nose_bridge", "nose_tip_size", "eye_size", "eye_tilt", "lip_fullness_upper", "lip_fullness_lower", "mouth_width",
    "brow_ridge", "forehead_height", "ear_size", "neck_width", "sagging",
)  # fmt: skip


def steer(head: Head, identity: Tensor, wanted: Mapping[str, Tensor]) -> Tensor:
    """The same people with measured grades moved to a wish, each by its own shape mode (secant steps)."""
    assert head.identity_names[80:] == _EXTRA
    code = identity.clone()
    for _ in range(3):
        for key, goal in wanted.items():
            places = [80 + _EXTRA.index(name) for name in _STEERED[key]]
            nudged = code.clone()
            nudged[:, places] += 0.5
            here, there = (_score(measured_grades(head, head.marks(one))[key]) for one in (code, nudged))
            slope = ((there - here) / 0.5).clamp_min(0.05)
            step = ((_score(goal.to(code).clamp(0.03, 0.97)) - here) / slope).clamp(-2.5, 2.5)
            code[:, places] = (code[:, places] + step[:, None]).clamp(-4.0, 4.0)
    return code


def _score(grade: Tensor) -> Tensor:
    """A share of people as a standard score."""
    return torch.erfinv((2 * grade - 1).clamp(-0.999, 0.999)) * 2**0.5


def _draw_skin(draws: Draws, grades: dict[str, Tensor], femininity: Tensor, hair: Tensor) -> Skin:
    tone, age = grades["skin_tone"], grades["age"]
    man = 1 - femininity
    light = (1 - 1.3 * tone).clamp_min(0)
    freckled = draws.chance("freckled", 0.05 + 0.3 * light) * draws.uniform("freckles", 0.2, 1.0)
    lips = torch.tensor(
        [(0.36, 0.03, 0.04), (0.24, 0.03, 0.06), (0.38, 0.12, 0.1), (0.16, 0.015, 0.025), (0.38, 0.06, 0.1)]
    )
    lids = torch.tensor([(0.16, 0.09, 0.06), (0.1, 0.08, 0.1), (0.3, 0.16, 0.1), (0.12, 0.14, 0.2), (0.05, 0.04, 0.05)])
    none = torch.zeros_like(tone)
    shadow = draws.uniform("stubble") ** 2 * draws.chance("shaves", 0.9) * man
    return Skin(
        draws.seeds,
        tone,
        draws.normal("warmth").clamp(-2, 2) * 0.55,
        draws.uniform("redness of skin") ** 1.5 * (0.9 - 0.4 * tone),
        draws.uniform("mottling", 0.5, 1.5),
        freckled * (1 - 0.6 * tone),
        draws.uniform("moles") ** 2,
        (draws.uniform("blemishes") ** 3) * (1 - age),
        age,
        draws.uniform("oil") ** 1.3,
        draws.uniform("lip blood"),
        torch.maximum(shadow, grades["beard"] * 0.9),
        torch.maximum(shadow, grades["moustache"] * 0.9),
        hair,
        none,
        grades["make_up"],
        lips.to(tone.device)[draws.pick("lipstick", 5)],
        lids.to(tone.device)[draws.pick("eyeshadow", 5)],
        torch.zeros(len(tone), 4, device=tone.device),
    )


def _draw_eyes(draws: Draws, grades: dict[str, Tensor]) -> Eyes:
    tone = grades["skin_tone"]
    kinds = len(IRISES_SRGB)
    kind = draws.pick("iris", kinds)
    kind = torch.where(draws.chance("dark eyes", (1.5 * tone).clamp(0.1, 0.97)), draws.pick("dark iris", 2), kind)
    outer, inner = iris_colours(kind)
    vary = 0.75 + 0.5 * draws.uniform("iris value")[:, None]
    return Eyes(
        draws.seeds,
        outer * vary,
        inner * vary,
        draws.uniform("pupil", 0.26, 0.46),
        draws.uniform("eye redness") ** 2,
        0.6 * grades["age"] * draws.uniform("yellow"),
    )


def _draw_face_hair(
    draws: Draws, grades: dict[str, Tensor], femininity: Tensor, hair: Tensor, grey: Tensor
) -> FaceHair:
    dark = torch.minimum(hair, hair * 0.75 + 0.0) * 0.8
    limit = to_linear(torch.tensor([0.45, 0.36, 0.3], device=hair.device))
    brow = torch.minimum(dark, limit) * (1 - 0.45 * grey[:, None]) + 0.3 * 0.45 * grey[:, None]
    lash = torch.minimum(hair * 0.35, limit * 0.25) * (1 - 0.7 * grades["make_up"][:, None]) + 0.004
    length = 0.003 + 0.032 * grades["beard"] ** 2.2
    return FaceHair(
        draws.seeds,
        grades["brow_thickness"],
        brow,
        0.25 + 0.45 * femininity + 0.5 * grades["make_up"],
        lash,
        grades["beard"],
        grades["moustache"],
        length,
        dark,
        grey,
    )


def _draw_wear(draws: Draws, grades: dict[str, Tensor]) -> Wear:
    return Wear(
        draws.pick("collar", len(COLLARS)),
        draws.normal("shoulders").clamp(-2, 2) * 0.6,
        grades["glasses"],
        draws.uniform("round frames"),
        draws.uniform("wide frames"),
        grades["hat"],
        draws.pick("kind of hat", len(HATS)),
    )


def _draw_cloth(draws: Draws) -> Cloth:
    frame = torch.where(
        draws.chance("dark frame", 0.6)[:, None],
        torch.full((len(draws.seeds), 3), 0.008, device=draws.seeds.device),
        draws.colour("frame") * 0.5,
    )
    kind = torch.where(draws.chance("patterned", 0.3), 1 + draws.pick("pattern", 3), 0 * draws.pick("pattern", 3))
    return Cloth(
        draws.colour("cloth"),
        draws.colour("second cloth"),
        kind,
        draws.colour("hat"),
        frame,
        draws.uniform("frame gloss"),
    )


def set_grades(table: Tensor, changes: Mapping[str, Tensor]) -> Tensor:
    """A copy of grades (B, 26) with some columns replaced."""
    changed = table.clone()
    for key, value in changes.items():
        changed[:, INDEX[key]] = value.clamp(0, 1)
    return changed
