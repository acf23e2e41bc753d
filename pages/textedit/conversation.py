"""A face being talked about: every picture that came of it, and how words and commands lead from one to the next.

Nothing is ever lost: an edit, undone or not, stays in the strip and can be gone back to. A conversation is a value; each
turn gives a new one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.engine.wordings import Language
from core.image import Pixels
from core.textedit.predict import LatentCode, Predictor
from core.textedit.words import Command, Understood
from training.spec import BadRequest

LESS, MORE = 0.5, 1.5
"""What a strength is multiplied by at "less" and "more"."""
FURTHER = 0.5
"""Strength at which a whole edit is made once more."""
MOST_PICTURES = 60


@dataclass(frozen=True)
class Given:
    """Where a face came from."""

    medium: str = ""
    """The kept photo; empty for somebody who does not exist."""
    seed: int = 0


@dataclass(frozen=True)
class Picture:
    """One picture of the conversation."""

    code: LatentCode
    pixels: Pixels
    text: str = ""
    strength: float = 1.0
    parent: int = 0
    """The picture it was made from."""


@dataclass(frozen=True)
class Conversation:
    """All pictures, the first being the face itself, and the one that is looked at."""

    given: Given
    pictures: tuple[Picture, ...]
    at: int = 0

    @property
    def now(self) -> Picture:
        """The picture that is looked at."""
        return self.pictures[self.at]


def begin(predictor: Predictor, given: Given, code: LatentCode) -> Conversation:
    """A conversation about a face."""
    return Conversation(given, (Picture(code, predictor.draw(code)),))


def answer(predictor: Predictor, talk: Conversation, understood: Understood, strength: float) -> Conversation:
    """What was asked for: commands in their order, then wishes."""
    for command in understood.commands:
        talk = obey(
            predictor, talk, command, "zh" if any("\u3400" <= sign <= "\u9fff" for sign in command.text) else "en"
        )
    return edit(predictor, talk, understood.text, strength, talk.at) if understood.can_draw else talk


def obey(predictor: Predictor, talk: Conversation, command: Command, language: Language) -> Conversation:
    """One command."""
    now = talk.now
    if command.action == "restart":
        return replace(talk, at=0)
    if command.action == "back":
        return go_to(talk, command.number, language)
    if talk.at == 0:
        raise BadRequest(
            "这就是原来的脸，还没有改动。"
            if language == "zh"
            else "This is the face as it came; nothing was changed yet."
        )
    if command.action == "undo":
        return replace(talk, at=now.parent)
    if command.action == "less":
        return edit(predictor, talk, now.text, now.strength * LESS, now.parent)
    if now.strength < 1.0:
        return edit(predictor, talk, now.text, min(1.0, now.strength * MORE), now.parent)
    return edit(predictor, talk, now.text, FURTHER, talk.at)


def go_to(talk: Conversation, number: int, language: Language) -> Conversation:
    """The picture of a number, 0 being the face itself."""
    if 0 <= number < len(talk.pictures):
        return replace(talk, at=number)
    last = len(talk.pictures) - 1
    if language == "zh":
        raise BadRequest(f"还没有第 {number} 个，最后一个是第 {last} 个。")
    raise BadRequest(f"There is no picture {number} yet; the last is {last}.")


def edit(predictor: Predictor, talk: Conversation, text: str, strength: float, parent: int) -> Conversation:
    """One more picture, made from another by a text."""
    if len(talk.pictures) >= MOST_PICTURES:
        raise BadRequest(
            f"A conversation holds {MOST_PICTURES} pictures; keep the one you like and begin again with it."
        )
    made = make(predictor, talk.pictures[parent], text, strength, parent)
    return replace(talk, pictures=(*talk.pictures, made), at=len(talk.pictures))


def again(predictor: Predictor, talk: Conversation, strength: float) -> Conversation:
    """The picture that is looked at, made anew at another strength; the face itself stays as it is."""
    now = talk.now
    if talk.at == 0 or strength == now.strength:
        return talk
    made = make(predictor, talk.pictures[now.parent], now.text, strength, now.parent)
    return replace(talk, pictures=(*talk.pictures[: talk.at], made, *talk.pictures[talk.at + 1 :]))


def make(predictor: Predictor, before: Picture, text: str, strength: float, parent: int) -> Picture:
    """A picture that a text makes of another."""
    code = predictor.steer(before.code, text, strength)
    return Picture(code, predictor.draw(code), text, strength, parent)
