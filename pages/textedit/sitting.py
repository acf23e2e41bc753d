"""What the textedit page does: a photo is looked into, words lead from picture to picture, and what is liked is kept."""

from __future__ import annotations

import json
import secrets
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from core.engine.wordings import Language
from core.face import align
from core.image import Pixels
from core.textedit.invert import Effort
from core.textedit.predict import Predictor
from core.textedit.words import Understood, understand
from pages.textedit.clip import Filming, on_edit_clip
from pages.textedit.conversation import Conversation, Given, again, answer, begin, go_to
from pages.textedit.handlers import (
    ROOM,
    Wanted,
    find_portrait,
    language_of,
    on_listen,
    open_predictor,
    read_request,
    say_of,
)
from pages.textedit.kept_codes import find_code
from studio.jobs import Progress
from studio.marks import provenance
from studio.media import Medium, picture
from studio.services import Services
from training.spec import BadRequest

EFFORT = Effort()
"""How long is looked for a face's code."""
CALM = 0.8
"""How ordinary somebody who does not exist is."""


@dataclass(frozen=True)
class Turn:
    """What came of a turn."""

    talk: Conversation
    understood: Understood | None = None


def on_photo(services: Services, profile: str, file: str | None) -> str:
    """Look into a photo for the face's code, as a job: it takes seconds, and later edits none. Returns its number."""
    if not file:
        raise BadRequest("Give a photo with a face first.")
    open_predictor(services, profile, "inverter")
    given = services.media.keep_upload(profile, ROOM, Path(file))
    if not given.type.startswith("image/"):
        raise BadRequest("This is not a photo; for a clip use the clip tab.")

    def work(progress: Progress) -> dict[str, Any]:
        predictor = open_predictor(services, profile, "inverter")
        portrait, _ = find_portrait(predictor, picture(given), "The photo")
        find_code(services, profile, predictor, portrait, EFFORT, progress.say)
        return {"medium": given.id}

    return services.jobs.start(profile, "textedit photo", {"medium": given.id}, work).id


def on_begin(services: Services, profile: str, medium: str) -> Conversation:
    """A conversation about the face in a kept photo."""
    predictor = open_predictor(services, profile, "inverter")
    portrait, _ = find_portrait(predictor, picture(services.media.get(profile, medium)), "The photo")
    return begin(predictor, Given(medium), find_code(services, profile, predictor, portrait, EFFORT))


def on_somebody(services: Services, profile: str, seed: int | None = None) -> Conversation:
    """A conversation about somebody who does not exist."""
    predictor = open_predictor(services, profile)
    chosen = secrets.randbelow(2**31) if seed is None else int(seed)
    return begin(predictor, Given(seed=chosen), predictor.imagine(chosen, CALM))


def on_say(services: Services, profile: str, talk: Conversation | None, text: str, strength: float) -> Turn:
    """A sentence: wishes change the picture, commands move between pictures."""
    if talk is None:
        raise BadRequest(
            "先给一张照片，或者选一个虚构的人。"
            if language_of(text) == "zh"
            else "Give a photo first, or take somebody who does not exist."
        )
    understood = understand(text)
    if understood.contradictions or not (understood.can_draw or understood.commands):
        raise BadRequest(understood.note(language_of(text)))
    predictor = open_predictor(services, profile, "editor")
    return Turn(answer(predictor, talk, understood, Wanted(text, strength).strength), understood)


def on_strength(services: Services, profile: str, talk: Conversation, strength: float) -> Conversation:
    """The last edit, stronger or weaker."""
    return again(open_predictor(services, profile, "editor"), talk, Wanted("", strength).strength)


def on_go_to(talk: Conversation, number: int, language: Language) -> Conversation:
    """A picture of the strip."""
    return go_to(talk, number, language)


def on_look(
    services: Services, profile: str, talk: Conversation, mine: float, language: Language
) -> tuple[Pixels, str]:
    """The picture that is looked at, at this share of the photo's own, and what the captioner says of it."""
    predictor = open_predictor(services, profile)
    shown = _draw(predictor, talk, mine)
    return shown, say_of(predictor, shown, language)


def _draw(predictor: Predictor, talk: Conversation, mine: float) -> Pixels:
    return predictor.draw(replace(talk.now.code, mine=Wanted("", mine=mine).mine))


def on_keep(services: Services, profile: str, talk: Conversation | None, mine: float) -> list[dict[str, str]]:
    """The portrait, the photo with it laid back, and the words and code as JSON, kept and marked."""
    if talk is None:
        raise BadRequest("There is no face to keep yet.")
    predictor = open_predictor(services, profile)
    parents = [services.media.get(profile, talk.given.medium)] if talk.given.medium else []
    said = list_words(talk)
    settings = {"system": ROOM, "words": said, "mine": mine, "seed": talk.given.seed}
    portrait = _draw(predictor, talk, mine)
    kept = [("face.png", services.media.keep_picture(profile, ROOM, portrait, settings, parents))]
    if parents:
        photo = picture(parents[0])
        _, square = find_portrait(predictor, photo, "The photo")
        whole = align.paste(photo, portrait, square)
        kept.append(("photo.png", services.media.keep_picture(profile, ROOM, whole, settings, parents)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "face.json"
        code = {"code": np.round(talk.now.code.code, 5).tolist(), "difference": talk.now.code.difference}
        content = code | provenance(settings, [parent.sha256 for parent in parents])
        path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        kept.append(("face.json", services.media.keep_file(profile, ROOM, path, settings, parents)))
    return [{"name": name, "medium": medium.id, "type": medium.type} for name, medium in kept]


def list_words(talk: Conversation) -> list[dict[str, Any]]:
    """The texts that lead from the face itself to the picture that is looked at."""
    said, at = [], talk.at
    while at:
        made = talk.pictures[at]
        said.append({"text": made.text, "strength": round(made.strength, 3)})
        at = made.parent
    return said[::-1]


def on_hear(services: Services, profile: str, file: str | None, language: Language) -> str:
    """The words of a recording."""
    if not file:
        raise BadRequest("Record or give a sound first.")
    return on_listen(services, profile, Path(file), language)[0]


def on_clip(services: Services, profile: str, file: str | None, text: str, strength: float, whole: bool) -> str:
    """One edit over a whole clip, with its sound, as a job. Returns its number."""
    if not file:
        raise BadRequest("Give a clip with a face first.")
    read_request(text)
    open_predictor(services, profile, "inverter", "editor")
    given = services.media.keep_upload(profile, ROOM, Path(file))
    if not given.type.startswith("video/"):
        raise BadRequest("This is not a clip; for one picture use the photo tab.")
    filming = Filming(given.path, Wanted(text, strength, effort=EFFORT), whole)

    def work(progress: Progress) -> dict[str, Any]:
        return _film(services, profile, filming, given, progress)

    return services.jobs.start(profile, "textedit clip", {"medium": given.id, "text": text}, work).id


def _film(services: Services, profile: str, filming: Filming, given: Medium, progress: Progress) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "edited.mp4"
        made = on_edit_clip(services, profile, filming, path, lambda share: progress.say(0.98 * share))
        kept = services.media.keep_file(profile, ROOM, path, made.settings, [given])
    return {
        "files": [{"name": "edited.mp4", "medium": kept.id, "type": kept.type}],
        "notes": [note.replace(given.path.name, "The clip") for note in made.notes],
        "says": made.says,
    }
