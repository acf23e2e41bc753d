"""Of what a captioner proposes about one face the sentence that is most likely true and says what people would mention.

A captioner that goes for the likeliest word at each place repeats itself and says what is often true. So it is asked many
times, and every clause of what it says is held against the grades that the same network reads from the picture, and against
how far each of those readings strays from the truth: what is read badly is better not said than said wrongly. The sentence
begins as one of them began and goes on with the clauses that serve it best.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.engine.attributes import ASKABLE, ATTRIBUTES, INDEX, KEYS, NOTABLE_MARGIN, PRESENT, Attributes
from core.engine.parser import parse

SLACK = 0.1
"""How far outside of what a word means a grade may lie."""
DOUBT, LEAST_DOUBT = 0.15, 0.02
"""How far a reading strays (root mean square) where its card does not say, and at the least."""
ORDINARY = 0.25
"""Of a face with less to mention than about this, a sentence is good that is true."""
OPENINGS, LONGEST = 8, 7
"""Ways to begin that are gone on with, and the most clauses of a sentence."""
_CLAUSE = re.compile(r"[,;，；。]")
_WITHIN = re.compile(r"[,;，、；。]|\band\b")
Span = tuple[float, float]


@dataclass(frozen=True)
class _Said:
    """What a clause, or a sentence, says: attributes, how many of them are so and notable, on average, and what is wrong."""

    keys: frozenset[str] = frozenset()
    right: float = 0.0
    told: float = 0.0
    wrong: int = 0

    def with_(self, other: _Said) -> _Said:
        """Both; what is said twice counts as wrong."""
        again = len(self.keys & other.keys)
        return _Said(
            self.keys | other.keys, self.right + other.right, self.told + other.told, self.wrong + other.wrong + again
        )

    def worth(self, notable: float) -> float:
        """Expected F1."""
        precision = self.right / max(len(self.keys) + self.wrong, 1)
        recall = (self.told + ORDINARY) / (notable + ORDINARY)
        return 2 * precision * recall / max(precision + recall, 1e-9)


def read_doubts(card: Mapping[str, float]) -> list[float]:
    """From the validation scores of a captioner how far each of its readings strays."""
    return [max(float(card.get(f"doubt_{key}", DOUBT)), LEAST_DOUBT) for key in KEYS]


def choose_sentence(texts: Sequence[str], grades: Sequence[float], doubts: Sequence[float] | None = None) -> str:
    """The best sentence by its expected F1: what it says is so, and what is notable is said."""
    read = Attributes.from_vector(grades)
    strays = list(doubts or [DOUBT] * len(KEYS))
    notable = _count_notable(read, strays)
    clauses = [[clause.strip() for clause in _CLAUSE.split(text) if clause.strip()] for text in dict.fromkeys(texts)]
    known = {clause: _weigh(clause, read, strays) for text in clauses for clause in text}
    openings = sorted({text[0]: None for text in clauses if text}, key=lambda one: -known[one].worth(notable))
    more = [clause for clause in dict.fromkeys(c for text in clauses for c in text[1:]) if not known[clause].wrong]
    made = [_go_on(opening, more, known, notable) for opening in openings[:OPENINGS]]
    if not made:
        return ""
    best = max(made, key=lambda one: one[1].worth(notable))[0]
    return ("，" if any("，" in text for text in texts) else ", ").join(best)


def agreement(text: str, read: Attributes, doubts: Sequence[float]) -> float:
    """Expected F1 of a sentence about a face with these readings; what is said twice, or means nothing, counts as wrong."""
    return _weigh(text, read, doubts).worth(_count_notable(read, doubts))


def _go_on(opening: str, more: Sequence[str], known: Mapping[str, _Said], notable: float) -> tuple[list[str], _Said]:
    """A sentence that begins so, with one clause after the other for as long as it gets better."""
    sentence, said = [opening], known[opening]
    while len(sentence) < LONGEST:
        free = [clause for clause in more if known[clause].keys and not known[clause].keys & said.keys]
        if not free:
            break
        clause = max(free, key=lambda one: said.with_(known[one]).worth(notable))
        longer = said.with_(known[clause])
        if longer.worth(notable) <= said.worth(notable):
            break
        sentence.append(clause)
        said = longer
    return sentence, said


def _weigh(text: str, read: Attributes, doubts: Sequence[float]) -> _Said:
    found = parse(text)
    said = _Said(wrong=_repeated(text) + len(found.unknown) + len(found.dangling) + len(found.contradictions))
    for wish in found.wishes:
        if wish.key in said.keys:
            continue
        meant = (wish.low - SLACK, wish.high + SLACK)
        stray = doubts[INDEX[wish.key]]
        told = sum(_share(_both(meant, one), read[wish.key], stray) for one in _notable(wish.key))
        said = said.with_(_Said(frozenset({wish.key}), _share(meant, read[wish.key], stray), told))
    return said


def _repeated(text: str) -> int:
    """How many attributes are spoken of again in a later clause."""
    spoken = [{wish.key for wish in parse(clause).wishes} for clause in _WITHIN.split(text) if clause.strip()]
    return sum(len(keys) for keys in spoken) - len(set().union(*spoken))


def _count_notable(read: Attributes, doubts: Sequence[float]) -> float:
    """How many attributes people would mention, on average."""
    return sum(_share(span, read[key], doubts[INDEX[key]]) for key in ASKABLE for span in _notable(key))


def _notable(key: str) -> tuple[Span, ...]:
    """The grades that people would mention."""
    if key not in ASKABLE:
        return ()
    if ATTRIBUTES[INDEX[key]].kind == "presence":
        return ((PRESENT, 1.0),)
    return (0.0, NOTABLE_MARGIN), (1.0 - NOTABLE_MARGIN, 1.0)


def _both(one: Span, other: Span) -> Span:
    return max(one[0], other[0]), min(one[1], other[1])


def _share(span: Span, read: float, doubt: float) -> float:
    """How likely the true grade lies in a span; the ends of the scale hold all that lies beyond."""
    low, high = span
    if high <= low:
        return 0.0
    return (1.0 if high >= 1.0 else _below(high, read, doubt)) - (0.0 if low <= 0.0 else _below(low, read, doubt))


def _below(value: float, read: float, doubt: float) -> float:
    return 0.5 * (1 + math.erf((value - read) / (doubt * math.sqrt(2.0))))
