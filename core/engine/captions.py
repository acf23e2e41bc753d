"""Captions of a face from its attributes, in English and Chinese: a function of (attributes, seed, language).

Each caption says at least four things, the most extreme first, and knows exactly what it said. The words are in ``wordings.py``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from core.engine.attributes import ASKABLE, ATTRIBUTES, INDEX, KEYS, Attributes, is_notable
from core.engine.lexicon import cut_text, load_lexicon
from core.engine.random import hash_integers, pick_integer, stream
from core.engine.wishes import Wish, value
from core.engine.wordings import (
    CHINESE,
    ENGLISH,
    KINDS,
    SLIGHT_BEHIND,
    SLIGHTLY_LOW,
    Kind,
    Language,
    Presence,
    Range,
    grades_of,
    presence_phrases,
    qualities,
)

FEWEST, MOST = 4, 7
"""Things said in a caption."""
BALD = 0.1
"""Under this length there is no hair whose curl or colour could be told."""
PEOPLE: dict[Language, dict[str | None, tuple[str, ...]]] = {
    "en": {"female": ("woman", "girl", "lady"), "male": ("man", "guy", "boy"), None: ("person", "somebody")},
    "zh": {"female": ("女人", "女孩", "姑娘"), "male": ("男人", "男孩", "男生"), None: ("人",)},
}
PRONOUNS: dict[str | None, tuple[str, str, str]] = {
    "female": ("she", "her", "她"), "male": ("he", "his", "他"), None: ("they", "the", "这个人"),
}  # fmt: skip
Sex = str | None
Choice = TypeVar("Choice")


@dataclass(frozen=True)
class Statement:
    """One thing that is said: an attribute and the kind of wording."""

    key: str
    kind: Kind

    def grades(self) -> tuple[float, float]:
        """The grades it is true of."""
        return grades_of(self.key, self.kind)


@dataclass(frozen=True)
class Caption:
    """A text and what it says."""

    text: str
    language: Language
    statements: tuple[Statement, ...]

    def says(self) -> dict[str, tuple[float, float]]:
        """Lowest and highest grade that the text allows, by attribute."""
        return {statement.key: statement.grades() for statement in self.statements}


class _Dice:
    """Numbers of one caption, in order; the same for the same seed everywhere."""

    def __init__(self, seed: int) -> None:
        self._seed, self._count = seed, 0

    def pick(self, choices: tuple[Choice, ...]) -> Choice:
        self._count += 1
        return choices[pick_integer(len(choices), self._seed, stream("caption"), self._count)]


def write_caption(attributes: Attributes, seed: int, language: Language = "en", sex: Sex = None) -> Caption:
    """A caption of this face; ``sex`` ("female", "male", None) only chooses the words for the person."""
    if language not in PEOPLE:
        raise ValueError(f"Captions are written in 'en' or 'zh', not {language!r}.")
    dice = _Dice(seed)
    statements = tuple(
        Statement(key, dice.pick(_true_kinds(key, attributes[key]))) for key in choose_attributes(attributes, seed)
    )
    write = dice.pick(ENGLISH_STYLES if language == "en" else CHINESE_STYLES)
    return Caption(write(statements, dice, sex), language, statements)


def choose_attributes(attributes: Attributes, seed: int) -> tuple[str, ...]:
    """What is worth saying: the notable, most extreme first, filled up with others to at least four."""
    wanted = FEWEST + pick_integer(MOST - FEWEST + 1, seed, stream("caption length"))
    can_be_told = [key for key in ASKABLE if _can_be_told(key, attributes)]
    notable = [key for key in attributes.notable() if key in can_be_told]
    others = [key for key in can_be_told if not is_notable(key, attributes[key])]
    others.sort(key=lambda key: hash_integers(seed, stream("caption filler"), INDEX[key]))
    return tuple((notable + others)[:wanted])


def _can_be_told(key: str, attributes: Attributes) -> bool:
    on_hair = key in {"hair_curl", "hair_lightness", "hair_redness", "fringe"}
    return not (on_hair and attributes["hair_length"] <= BALD)


def _true_kinds(key: str, grade: float) -> tuple[Kind, ...]:
    """Kinds of wording that are true of the grade and exist for the attribute."""
    presence = isinstance(ENGLISH[key], Presence)
    kinds: list[Kind] = [kind for kind in KINDS if not (presence and kind in {"-", "-~"})]
    held: list[Kind] = [kind for kind in kinds if grades_of(key, kind)[0] <= grade <= grades_of(key, kind)[1]]
    assert held, f"no wording for {key} at {grade}"
    return tuple(held)


# English


def _english_phrase(statement: Statement, dice: _Dice) -> str:
    """A noun phrase: "big eyes", "a slightly wide nose"."""
    wording = ENGLISH[statement.key]
    if isinstance(wording, Presence):
        return dice.pick(presence_phrases(statement.key, statement.kind, "en"))
    quality = dice.pick(qualities(statement.key, statement.kind, "en"))
    if statement.key == "age":
        return f"{_article(quality)} {quality} look"
    thing = dice.pick(tuple(wording.thing.split("|")))
    bare = wording.plural or thing == "hair"
    return f"{quality} {thing}" if bare else f"{_article(quality)} {quality} {thing}"


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


def _english_clause(statement: Statement, dice: _Dice, sex: Sex) -> str:
    """A clause: "her eyes are a bit big", "there is no beard"."""
    wording = ENGLISH[statement.key]
    pronoun, owner, _ = PRONOUNS[sex]
    if isinstance(wording, Presence):
        has = "have" if sex is None else "has"
        return f"{pronoun} {has} {_english_phrase(statement, dice)}"
    quality = _english_quality(statement, dice, behind=True)
    if statement.key == "age":
        return f"{pronoun} {'look' if sex is None else 'looks'} {quality}"
    thing = dice.pick(tuple(wording.thing.split("|")))
    return f"{owner} {thing} {'are' if wording.plural else 'is'} {quality}"


def _english_quality(statement: Statement, dice: _Dice, behind: bool) -> str:
    choices = qualities(statement.key, statement.kind, "en")
    if behind and statement.kind[1:] == "~" and not (statement.kind == "-~" and statement.key in SLIGHTLY_LOW):
        word = choices[0].split(" ", 1)[1]
        choices = tuple(f"{slight} {word}" for slight in SLIGHT_BEHIND)
    return dice.pick(choices)


def _english_note(statement: Statement, dice: _Dice) -> str:
    """Bare words: "hair very long", "no beard"."""
    wording = ENGLISH[statement.key]
    if isinstance(wording, Presence):
        phrase = dice.pick(presence_phrases(statement.key, statement.kind, "en"))
        return phrase.removeprefix("a ").removeprefix("an ") if not phrase.startswith("a bit") else phrase
    quality = _english_quality(statement, dice, behind=True)
    return quality if statement.key == "age" else f"{dice.pick(tuple(wording.thing.split('|')))} {quality}"


def _join_english(phrases: list[str]) -> str:
    return phrases[0] if len(phrases) == 1 else f"{', '.join(phrases[:-1])} and {phrases[-1]}"


def _write_person(statements: tuple[Statement, ...], dice: _Dice, sex: Sex) -> str:
    """A young woman with long hair, big eyes and no hat."""
    person = dice.pick(PEOPLE["en"][sex])
    rest = [statement for statement in statements if statement.key != "age"]
    for statement in statements:
        if statement.key == "age":
            person = f"{dice.pick(qualities('age', statement.kind, 'en'))} {person}"
    joint = dice.pick(("with", "who has"))
    start = person if person == "somebody" else f"{_article(person)} {person}"
    return f"{start} {joint} {_join_english([_english_phrase(part, dice) for part in rest])}"


def _write_clauses(statements: tuple[Statement, ...], dice: _Dice, sex: Sex) -> str:
    """Her hair is long, her eyes are a bit big, she has no hat."""
    clauses = [_english_clause(statement, dice, sex) for statement in statements]
    joint = dice.pick((", ", "; ", ". "))
    if joint == ". ":
        clauses = [clause[0].upper() + clause[1:] for clause in clauses]
    text = joint.join(clauses)
    return f"{text[0].upper()}{text[1:]}."


def _write_mixed(statements: tuple[Statement, ...], dice: _Dice, sex: Sex) -> str:
    """A woman with long hair and big eyes. Her nose is wide, she has no hat."""
    if any(statement.key == "age" for statement in statements[:2]):
        return _write_clauses(statements, dice, sex)
    start = _write_person(statements[:2], dice, sex)
    return f"{start[0].upper()}{start[1:]}. {_write_clauses(statements[2:], dice, sex)}"


def _write_list(statements: tuple[Statement, ...], dice: _Dice, sex: Sex) -> str:  # noqa: ARG001
    """Long hair, big eyes, no hat."""
    return dice.pick((", ", "; ", " / ")).join(_english_phrase(statement, dice) for statement in statements)


def _write_notes(statements: tuple[Statement, ...], dice: _Dice, sex: Sex) -> str:  # noqa: ARG001
    """Hair long, eyes a bit big, no hat."""
    return dice.pick((", ", "; ")).join(_english_note(statement, dice) for statement in statements)


Style = Callable[[tuple[Statement, ...], _Dice, Sex], str]
ENGLISH_STYLES: tuple[Style, ...] = (
    _write_person,
    _write_person,
    _write_clauses,
    _write_mixed,
    _write_list,
    _write_notes,
)


# Chinese


def _chinese_phrase(statement: Statement, dice: _Dice) -> str:
    """A noun phrase: 大眼睛, 有点宽的鼻子."""
    wording = CHINESE[statement.key]
    if isinstance(wording, Presence):
        return dice.pick(presence_phrases(statement.key, statement.kind, "zh"))
    quality = dice.pick(qualities(statement.key, statement.kind, "zh"))
    if statement.key == "age":
        return quality
    thing = dice.pick(tuple(wording.thing.split("|")))
    short = len(quality) == 1 and statement.kind in {"-", "+"}
    return f"{quality}{thing}" if short else f"{quality.removesuffix('的')}的{thing}"


def _chinese_clause(statement: Statement, dice: _Dice) -> str:
    """A clause: 眼睛很大, 没有胡须."""
    wording = CHINESE[statement.key]
    if isinstance(wording, Presence):
        return _chinese_owned(statement, dice)
    quality = dice.pick(qualities(statement.key, statement.kind, "zh")).removesuffix("的")
    plain = len(quality) == 1 and statement.kind in {"-", "+"}
    quality = dice.pick(("很", "", "比较")) + quality if plain else quality
    return quality if statement.key == "age" else dice.pick(tuple(wording.thing.split("|"))) + quality


def _chinese_owned(statement: Statement, dice: _Dice) -> str:
    """A phrase that may follow 有: with its own 有 or 没有 where it needs one."""
    phrase = _chinese_phrase(statement, dice)
    bare = isinstance(CHINESE[statement.key], Presence) and statement.kind in {"+", "++", "0"}
    return f"有{phrase}" if bare and not phrase.startswith(("张", "大张", "半张", "化妆", "开怀")) else phrase


def _write_chinese_person(statements: tuple[Statement, ...], dice: _Dice, sex: Sex) -> str:
    """一个女孩，大眼睛，有点长的头发，有刘海"""
    person = dice.pick(PEOPLE["zh"][sex])
    joint = dice.pick(("，", "；"))
    return f"{dice.pick(('一个', '一位', '这个'))}{person}{joint}" + joint.join(
        _chinese_owned(statement, dice) for statement in statements
    )


def _write_chinese_clauses(statements: tuple[Statement, ...], dice: _Dice, sex: Sex) -> str:
    """她眼睛很大，头发有点长，没有胡须。"""
    return f"{PRONOUNS[sex][2]}{'，'.join(_chinese_clause(statement, dice) for statement in statements)}。"


def _write_chinese_list(statements: tuple[Statement, ...], dice: _Dice, sex: Sex) -> str:  # noqa: ARG001
    """大眼睛，长头发，没有胡须"""
    return dice.pick(("，", ", ", " ")).join(_chinese_phrase(statement, dice) for statement in statements)


def _write_chinese_run(statements: tuple[Statement, ...], dice: _Dice, sex: Sex) -> str:  # noqa: ARG001
    """大眼睛长头发"""
    short = all(
        isinstance(CHINESE[statement.key], Range) and statement.kind in {"-", "+"} and statement.key != "age"
        for statement in statements
    )
    if not short:
        return "，".join(_chinese_clause(statement, dice) for statement in statements)
    return "".join(
        f"{word}{'的' if len(word) > 1 else ''}{thing}"
        for statement in statements
        for word in [dice.pick(qualities(statement.key, statement.kind, "zh")).removesuffix("的")]
        for thing in [CHINESE[statement.key].thing.split("|")[0]]  # pyright: ignore[reportAttributeAccessIssue]
    )


CHINESE_STYLES: tuple[Style, ...] = (
    _write_chinese_person, _write_chinese_clauses, _write_chinese_clauses, _write_chinese_list, _write_chinese_run,
)  # fmt: skip


# vocabulary and corpus


def random_attributes(seed: int) -> Attributes:
    """Evenly spread grades, presences absent half of the time: for the corpus and for tests, not for faces."""
    grades: list[float] = []
    for place, attribute in enumerate(ATTRIBUTES):
        grade = hash_integers(seed, stream("corpus"), place) / 2**32
        absent = attribute.kind == "presence" and hash_integers(seed, stream("corpus absent"), place) & 1
        grades.append(0.0 if absent else grade)
    assert len(grades) == len(KEYS)
    return Attributes(tuple(grades))


def write_corpus(count: int, language: Language, first_seed: int = 0) -> Iterator[str]:
    """Captions of made-up faces, for language models over the grammar."""
    for seed in range(first_seed, first_seed + count):
        sex = (None, "female", "male")[pick_integer(3, seed, stream("corpus sex"))]
        yield write_caption(random_attributes(seed), seed, language, sex).text


def split_words(text: str) -> list[str]:
    """The text encoder's words: lower-case English words and entries, Chinese entries, unknown Chinese by the character."""
    words: list[str] = []
    for token in cut_text(text):
        known = token.read_as or token.text.lower()
        if token.sense is None and not known.isascii():
            words += list(known)
        elif known.strip() and (known.isalnum() or " " in known or "-" in known or "'" in known):
            words += known.replace("-", " ").split()
    return words


@functools.cache
def collect_vocabulary(captions: int = 4000) -> tuple[str, ...]:
    """All words of the lexicon and of the grammar, sorted: one line each in the vocabulary file."""
    words = {word for entry in load_lexicon().senses for word in entry.replace("-", " ").split()}
    for language in ("en", "zh"):
        for text in write_corpus(captions, language):
            words.update(split_words(text))
    return tuple(sorted(word for word in words if any(letter.isalnum() for letter in word)))


def write_vocabulary(path: Path) -> None:
    """The vocabulary file: a fixed order, so that a word's line is its number."""
    path.write_text("\n".join(collect_vocabulary()) + "\n", encoding="utf-8")


def as_wish(statement: Statement) -> Wish:
    """What the statement asks for, if it is taken as a wish."""
    low, high = statement.grades()
    return value(statement.key, low, high, (low + high) / 2)
