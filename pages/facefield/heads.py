"""Heads as values, and those a person keeps: a code as JSON with a picture of it, found again by number.

What is on the screen is whose head it is, whose look it wears and how its face is moved; nothing of a visitor is held
anywhere else, and every picture is drawn from that.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.facefield.heads import FaceCode
from core.facefield.predict import Predictor
from core.image import Pixels
from pages.facefield.handlers import ROOM
from pages.facefield.pieces import Made, tell_code
from studio.media import Medium
from studio.services import Services
from training.spec import BadRequest

SEED = re.compile(r"seed-(\d{1,10})")
MOST_KEPT = 60
"""Heads that are listed."""
MOVES: Mapping[str, tuple[Mapping[str, float], Mapping[str, float]]] = {
    "smile": (
        {"mouth_smile": 1.0, "cheek_raise": 0.5, "mouth_dimple": 0.3, "mouth_frown": 0.0},
        {"mouth_frown": 1.0, "mouth_smile": 0.0, "mouth_grin": 0.0, "cheek_raise": 0.0},
    ),
    "jaw": ({"jaw_open": 1.0}, {"jaw_open": 0.0, "lower_lip_drop": 0.0, "upper_lip_raise": 0.0, "mouth_grin": 0.0}),
    "blink": (
        {"eye_closed": 1.0, "upper_lid_raise_inner": 0.0, "upper_lid_raise_outer": 0.0},
        {"eye_closed": 0.0, "eye_blink": 0.0, "upper_lid_raise_inner": 0.8, "upper_lid_raise_outer": 0.8},
    ),
    "brows": (
        {"brow_inner_up": 1.0, "brow_middle_up": 1.0, "brow_outer_up": 1.0, "brow_inner_down": 0.0},
        {"brow_inner_down": 1.0, "brow_outer_down": 1.0, "brow_squeeze": 0.8, "brow_inner_up": 0.0},
    ),
    "pucker": ({"mouth_pucker": 1.0, "mouth_smile": 0.0}, {"mouth_pucker": 0.0, "mouth_stretch": 0.8}),
}
"""A handful of moves: where a slider takes the controllers at its right end, and at its left."""


@dataclass(frozen=True)
class Head:
    """A head as it is looked at."""

    of: str
    """The number of a kept head, or ``seed-N`` for somebody invented."""
    look: str = ""
    """Whose look it wears, in the same words; empty for its own."""
    moves: tuple[tuple[str, float], ...] = ()
    """How its face is moved, each -1..1."""

    def to_json(self) -> str:
        """The head as a page's address carries it."""
        return json.dumps({"of": self.of, "look": self.look, "moves": dict(self.moves)}, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Head:
        """The head of such a text, or a sentence."""
        wanted = 'A head is {"of": a kept head or "seed-1", "look": another or "", "moves": {"smile": 0.5}}.'
        try:
            said = json.loads(text)
            moves = {str(name): float(value) for name, value in said.get("moves", {}).items()}
            found = cls(str(said["of"]), str(said.get("look", "")))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise BadRequest(wanted) from error
        return move(found, moves)


def move(head: Head, moves: Mapping[str, float]) -> Head:
    """The head with its face moved; 0 leaves a part as it came."""
    for name, value in moves.items():
        if name not in MOVES:
            raise BadRequest(f"There is no move {name!r}; there is {', '.join(MOVES)}.")
        if not -1.0 <= value <= 1.0:
            raise BadRequest(f"A move lies between -1 and 1; {name} is {value:g}.")
    kept = tuple((name, round(float(moves[name]), 3)) for name in MOVES if moves.get(name))
    return Head(head.of, head.look, kept)


@dataclass(frozen=True)
class Kept:
    """A head that is kept."""

    id: str
    """Of its codes."""
    picture: Medium
    settings: dict[str, Any] = field(default_factory=dict)


def code_of(services: Services, profile: str, predictor: Predictor, head: Head) -> FaceCode:
    """The codes of a head as it is looked at."""
    code = _code_of_one(services, profile, predictor, head.of)
    if head.look:
        code = predictor.swap(code, _code_of_one(services, profile, predictor, head.look))
    for name, value in head.moves:
        code = predictor.express(code, MOVES[name][value < 0], abs(value))
    return code


def _code_of_one(services: Services, profile: str, predictor: Predictor, name: str) -> FaceCode:
    seed = SEED.fullmatch(name)
    if seed is not None:
        return predictor.imagine(int(seed[1]))
    return read_code(services.media.get(profile, name).path)


def read_code(path: Path) -> FaceCode:
    """The codes of a file that this page wrote, or a sentence."""
    if path.stat().st_size > 2**20:
        raise BadRequest(f"{path.name} is too large for a head's codes; give the head.json of a head of this page.")
    try:
        return FaceCode.from_json(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadRequest(f"{path.name} holds no head that was found here: {error}") from error


def keep_head(
    services: Services, profile: str, made: tuple[FaceCode, Pixels], settings: dict[str, Any], parents: Sequence[Medium]
) -> Kept:
    """A head's codes, with a picture of it."""
    code, shown = made
    said = {"system": ROOM, **settings}
    picture = services.media.keep_picture(profile, ROOM, shown, said, parents)
    held = {"picture": picture.id, **said}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "head.json"
        path.write_text(tell_code(code, Made(said, tuple(parent.sha256 for parent in parents))), encoding="utf-8")
        medium = services.media.keep_file(profile, ROOM, path, held, parents)
    return Kept(medium.id, picture, held)


def kept_heads(services: Services, profile: str) -> list[Kept]:
    """Every head that this profile keeps, the newest first."""
    found = services.media.of(profile, ROOM, "result", limit=2000)
    pictures = {one.id: one for one in found}
    rows = [(one, one.facts.get("settings", {})) for one in found]
    heads = [Kept(one.id, pictures[said["picture"]], said) for one, said in rows if said.get("picture") in pictures]
    return [one for one in heads if one.picture.path.is_file()][:MOST_KEPT]


def get_head(services: Services, profile: str, number: str) -> Kept:
    """A kept head of this profile."""
    medium = services.media.get(profile, number)
    said = medium.facts.get("settings", {})
    if "picture" not in said:
        raise LookupError("There is no such head of yours.")
    return Kept(medium.id, services.media.get(profile, said["picture"]), said)


def delete_head(services: Services, profile: str, number: str) -> int:
    """A kept head with its picture, its photo and whatever was made of it. Returns how many files went."""
    head = get_head(services, profile, number)
    everything = services.media.of(profile, ROOM, limit=5000)
    medium = services.media.get(profile, number)
    gone: set[str] = set()
    more = {number, head.picture.id}
    while more:  # what was made of something that was made of it goes too
        gone |= more
        more = {one.id for one in everything if gone & set(one.parents)} - gone
    others = [one for one in everything if one.id not in gone]
    wanted = {parent for one in others for parent in one.parents}
    gone |= {parent for parent in medium.parents if parent not in wanted}
    known = {one.id for one in everything}
    for one in gone & known:
        services.media.delete(profile, one)
    return len(gone & known)
