"""What the textedit door does: a sentence changes a face, a face is described, a sound becomes words."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from core.checkpoints import CheckpointMissing
from core.engine.wordings import Language
from core.face import align
from core.face.reader import NoFace
from core.image import NotAPicture, Pixels, read_picture
from core.textedit.invert import Effort
from core.textedit.predict import LatentCode, Predictor, find_weights
from core.textedit.speech_model import LONGEST_SECONDS, NothingHeard, Recogniser
from core.textedit.trigrams import write_trigrams
from core.textedit.words import Chip, Understood, understand
from pages.textedit.kept_codes import find_code
from studio.services import Services
from studio.speech import RATE, Listener, NotHeard, read_sound
from studio.uploads import inspect
from training.spec import BadRequest

ROOM = "textedit"
SHOWN_LETTERS = 40
"""Letters of a strange word that are shown."""


@dataclass(frozen=True)
class Wanted:
    """An edit as it was asked for."""

    text: str
    strength: float = 1.0
    mine: float = 1.0
    """1: as like the photo as can be; 0: the nearest face that edits well."""
    effort: Effort = field(default_factory=Effort)

    def __post_init__(self) -> None:
        for name, value in (("strength", self.strength), ("mine", self.mine)):
            if not 0.0 <= value <= 1.0:
                raise BadRequest(f"--{name} lies between 0 and 1, not at {value}.")


@dataclass(frozen=True)
class Edited:
    """What came of an edit."""

    portrait: Pixels
    """The edited face as the generator draws it."""
    whole: Pixels
    """The photo with the edited face laid back into it."""
    before: Pixels
    """The portrait that was found in the photo."""
    understood: Understood
    says: str
    """What the captioner says of the edited face; empty without its weights."""
    settings: dict[str, Any]
    parents: tuple[str, ...]


def language_of(text: str) -> Language:
    """Chinese where the text holds Chinese signs."""
    return "zh" if re.search("[\u3400-\u9fff]", text) else "en"


def read_request(text: str) -> Understood:
    """What a text asks for, or a sentence where nothing can be drawn by it."""
    understood, chinese = understand(text), language_of(text) == "zh"
    if understood.can_draw:
        return understood
    if understood.commands and not understood.contradictions:
        said = understood.commands[0].text
        raise BadRequest(
            f"“{said}”要在对话里用，这里没有上一张图。可以说：大眼睛，长头发。"
            if chinese
            else f"“{said}” speaks of a picture before, and one command has none. Say for example: big eyes, long hair."
        )
    raise BadRequest(understood.note("zh" if chinese else "en"))


def show_chips(understood: Understood, language: Language) -> str:
    """What was understood and what was not, in one line."""
    return " · ".join(_shorten(chip, language) for chip in understood.chips)


def _shorten(chip: Chip, language: Language) -> str:
    said = chip.chinese if language == "zh" else chip.english
    return said if len(said) <= SHOWN_LETTERS else said[:SHOWN_LETTERS] + "…"


def open_predictor(services: Services, profile: str, *recipes: str) -> Predictor:
    """The networks in service for this person; a sentence where those of ``recipes`` are missing."""
    roots = services.people.weight_roots(profile)
    find_weights("generator", roots)
    predictor = services.models.get(ROOM, "generator", roots, lambda _: Predictor.load(roots))
    predictor.need(*recipes)
    return predictor


def read_photo(services: Services, path: Path) -> Pixels:
    """A photo within the limits."""
    if not path.is_file():
        raise BadRequest(f"There is no file {path}.")
    facts = inspect(path, services.settings.limits)
    if not facts["type"].startswith("image/"):
        raise NotAPicture(f"{path.name} is {facts['type']}, not a photo; wanted PNG, JPEG or WebP.")
    return read_picture(path)


def find_portrait(predictor: Predictor, photo: Pixels, name: str) -> tuple[Pixels, align.Square]:
    """The portrait in a photo and where it lies."""
    try:
        return predictor.frame(photo)
    except NoFace as error:
        raise NotAPicture(f"{name}: {error}") from error


def on_edit(services: Services, profile: str, file: Path, wanted: Wanted) -> Edited:
    """A photo's face changed by a text."""
    understood = read_request(wanted.text)
    photo = read_photo(services, file)
    predictor = open_predictor(services, profile, "inverter", "editor")
    before, square = find_portrait(predictor, photo, file.name)
    code = find_code(services, profile, predictor, before, wanted.effort)
    moved = predictor.steer(replace(code, mine=wanted.mine), understood.text, wanted.strength)
    portrait = predictor.draw(moved)
    settings = {"system": ROOM, "text": understood.text, "strength": wanted.strength, "mine": wanted.mine}
    says = say_of(predictor, portrait, language_of(wanted.text))
    parents = (sha256(file.read_bytes()).hexdigest(),)
    return Edited(
        portrait, align.paste(photo, portrait, square), before, understood, says, settings | _list_code(moved), parents
    )


def say_of(predictor: Predictor, portrait: Pixels, language: Language) -> str:
    """What the captioner says of a portrait; nothing without its weights."""
    try:
        return predictor.describe(portrait, language)
    except CheckpointMissing:
        return ""


def _list_code(code: LatentCode) -> dict[str, Any]:
    return {"difference": None if code.difference is None else round(code.difference, 2)}


def on_describe(services: Services, profile: str, file: Path, language: Language) -> str:
    """A sentence about the face in a photo."""
    photo = read_photo(services, file)
    predictor = open_predictor(services, profile, "captioner")
    return predictor.describe(find_portrait(predictor, photo, file.name)[0], language)


def on_listen(services: Services, profile: str, file: Path, language: Language) -> tuple[str, Understood]:
    """What is said in a sound, and what of it was understood."""
    if not file.is_file():
        raise BadRequest(f"There is no file {file}.")
    samples = read_sound(file, services.settings.limits)
    seconds = len(samples) / RATE
    if seconds > LONGEST_SECONDS:
        raise NotHeard(
            f"The sound runs {seconds:.0f} s; say what you want within {LONGEST_SECONDS:.0f} s, for example: big eyes, long hair."
        )
    engine = services.settings.speech
    if language == "zh" and engine == "offline":
        text = _hear_chinese(services, profile, samples)
    else:
        model = services.settings.home / "speech" / "trigrams-en.arpa"
        text = Listener(write_trigrams(model) if engine == "offline" else model, engine).hear(samples).text
    return text, understand(text)


def _hear_chinese(services: Services, profile: str, samples: np.ndarray) -> str:
    roots = services.people.weight_roots(profile)
    find_weights("speech", roots)
    recogniser = services.models.get(ROOM, "speech", roots, lambda _: Recogniser.load(roots))
    try:
        return recogniser.hear(samples)
    except NothingHeard as error:
        raise NotHeard(str(error)) from error
