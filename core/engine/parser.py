"""Text to wishes: English, Chinese or both mixed, in sentences, lists or bare words.

Words become items (thing, quality, grading, "no"); the cheapest way to cut the items into groups of one thing and its
qualities is the reading. What binds to nothing is reported, never dropped. Commands ("undo", "again") are not words of this
parser: they come back as unknown words, and gradings without a thing ("a bit more") as ``dangling``, for whoever holds the
conversation.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from core.engine.attributes import OLDEST, YOUNGEST, age_grade
from core.engine.lexicon import Sense, Token, cut_text
from core.engine.readings import Item, Reading, read_group
from core.engine.wishes import Wish

YOUNGEST_SAID, OLDEST_SAID = 10, 110
"""Numbers outside are no ages."""
LONGEST_GROUP = 9
"""Items in the largest group that is tried."""


class Span(NamedTuple):
    """A stretch of the text."""

    text: str
    start: int
    end: int


class Correction(NamedTuple):
    """A misspelt word and what it was taken for."""

    typed: Span
    read_as: str


@dataclass(frozen=True)
class Parsed:
    """What was understood of a text, and what was not."""

    wishes: tuple[Wish, ...]
    unknown: tuple[Span, ...]
    """Words not known."""
    dangling: tuple[Span, ...] = ()
    """Known words that belong to nothing in the text: "a bit more", "big" alone, "nose" alone."""
    corrections: tuple[Correction, ...] = ()
    contradictions: tuple[tuple[Wish, Wish], ...] = field(default=())
    """Pairs of wishes that cannot be had together."""


def parse(text: str) -> Parsed:
    """Everything a text asks for, in the order of the text."""
    tokens = _expand_shorthand(_read_ages(cut_text(text)))
    items = _make_items(tokens)
    wishes: list[Wish] = []
    dangling: list[Span] = []
    for reading in _group_items(items):
        wishes += reading.wishes
        dangling += [Span(text[item.start : item.end], item.start, item.end) for item in reading.unbound]
    wishes = _drop_repeats(sorted(wishes, key=lambda wish: wish.start))
    unknown = tuple(Span(token.text, token.start, token.end) for token in tokens if token.sense is None)
    corrections = tuple(
        Correction(Span(token.text, token.start, token.end), token.read_as) for token in tokens if token.read_as
    )
    return Parsed(tuple(wishes), unknown, tuple(dangling), corrections, _find_contradictions(wishes))


def _read_ages(tokens: list[Token]) -> list[Token]:
    """Numbers that can be an age become one, with "years old" behind them or not; other numbers are unknown words."""
    out: list[Token] = []
    for place, token in enumerate(tokens):
        if token.sense is None or token.sense.category not in {"years", "number"}:
            out.append(token)
        elif token.sense.category == "number":
            years = int(token.sense.arguments[0])
            # "ten years younger" is no age
            relative = any(_compares_age(other) for other in tokens[max(place - 1, 0) : place + 2])
            said = _age_sense(years) if YOUNGEST_SAID <= years <= OLDEST_SAID else None
            out.append(replace(token, sense=Sense("filler") if relative else said))
        elif out and _is_age(out[-1]):
            out[-1] = replace(out[-1], end=token.end)
        else:
            out.append(replace(token, sense=Sense("filler")))
    return out


def _compares_age(token: Token) -> bool:
    return token.sense is not None and token.sense.category == "adjective" and token.sense.arguments[0] == "years"


def _is_age(token: Token) -> bool:
    return token.sense is not None and token.sense.category == "value" and token.sense.arguments[0] == "age"


def _age_sense(years: int) -> Sense:
    slack = 2.0 / (OLDEST - YOUNGEST)
    grade = age_grade(years)
    return Sense("value", ("age", str(max(grade - slack, 0.0)), str(min(grade + slack, 1.0)), str(grade)))


def _expand_shorthand(tokens: list[Token]) -> list[Token]:
    """长发 is read as 长 头发, all of it at the place of the short word."""
    out: list[Token] = []
    for token in tokens:
        if token.sense is None or token.sense.category != "same":
            out.append(token)
            continue
        for word in token.sense.arguments:
            meant = cut_text(word.replace("_", " "))
            out += [replace(part, text=token.text, start=token.start, end=token.end) for part in meant]
    return out


def _make_items(tokens: list[Token]) -> list[Item]:
    """Tokens that carry meaning, each with the joint that stands before it."""
    items: list[Item] = []
    joint, between, strange, last = "", set[str](), False, None
    for token in tokens:
        # a blank within Chinese is there on purpose
        if last is not None and token.start > last.end and not (token.text.isascii() or last.text.isascii()):
            joint = joint or "blank"
        last = token
        if token.sense is None:
            strange = True
            continue
        category = token.sense.category
        if category in {"comma", "list", "and", "or", "with"}:
            joint = category if joint in {"", "blank", "with", category} or category in {"or"} else "comma"
        elif category in {"filler", "person"}:
            between.add("person" if category == "person" else token.text.lower())
        else:
            items.append(Item(token.sense, token.text, token.start, token.end, joint, frozenset(between), strange))
            joint, between, strange = "", set[str](), False
    return items


def _group_items(items: list[Item]) -> list[Reading]:
    """The cheapest sequence of groups (dynamic programming over where the last group begins)."""
    best: list[tuple[float, int, Reading | None]] = [
        (0.0 if end == 0 else 1e9, 0, None) for end in range(len(items) + 1)
    ]
    for end in range(1, len(items) + 1):
        for begin in range(max(0, end - LONGEST_GROUP), end):
            if best[begin][0] >= best[end][0]:
                continue
            reading = read_group(items[begin:end])
            if reading is not None and best[begin][0] + reading.cost < best[end][0] - 1e-9:
                best[end] = (best[begin][0] + reading.cost, begin, reading)
    readings: list[Reading] = []
    end = len(items)
    while end > 0:
        _, begin, reading = best[end]
        assert reading is not None, "one item always makes a group"
        readings.append(reading)
        end = begin
    return list(reversed(readings))


def _drop_repeats(wishes: list[Wish]) -> list[Wish]:
    """The same thing said twice counts once."""
    kept: list[Wish] = []
    for wish in wishes:
        if all(wish.statement() != other.statement() or wish.target != other.target for other in kept):
            kept.append(wish)
    return kept


def _find_contradictions(wishes: list[Wish]) -> tuple[tuple[Wish, Wish], ...]:
    """Opposite wishes for one attribute, and hair on a head that is to be bald."""
    found = [(a, b) for place, a in enumerate(wishes) for b in wishes[place + 1 :] if a.contradicts(b)]
    bald = [wish for wish in wishes if wish.key == "hair_length" and wish.target is not None and wish.high <= 0.1]
    hairy = [wish for wish in wishes if wish.direction > 0 and wish.key in {"fringe", "hair_curl", "hair_redness"}]
    return tuple(found + [(a, b) for a in bald for b in hairy])
