"""Of several sentences about one face the one that agrees best with what was read of it without words.

A captioner that goes for the likeliest word at each place repeats itself and says what is often true. So it is asked
several times, and each sentence is held against the grades that the same network reads from the picture.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from core.engine.attributes import Attributes
from core.engine.parser import parse
from core.engine.wishes import Wish

SLACK = 0.1
"""How far outside of what a word means a grade may lie."""
DOUBT = 0.15
"""Beyond the slack, the distance at which a word is as good as wrong."""
MOST_NOTABLE = 7
_CLAUSE = re.compile(r"[,;，、；。]|\band\b")


def choose_sentence(texts: Sequence[str], grades: Sequence[float]) -> str:
    """The best sentence by its expected F1: what it says is so, and what is notable is said."""
    read = Attributes.from_vector([min(max(grade, 0.0), 1.0) for grade in grades])
    return max(texts, key=lambda text: agreement(text, read))


def agreement(text: str, read: Attributes) -> float:
    """Expected F1 of a sentence about a face with these grades; what is said twice, or means nothing, counts as wrong."""
    found = parse(text)
    said: dict[str, Wish] = {}
    for wish in found.wishes:
        said.setdefault(wish.key, wish)
    wrong = _repeated(text) + len(found.unknown) + len(found.dangling) + len(found.contradictions)
    right = {key: _likely(wish, read[key]) for key, wish in said.items()}
    notable = read.notable()[:MOST_NOTABLE]
    precision = sum(right.values()) / max(len(said) + wrong, 1)
    if not notable:
        return precision
    recall = sum(right.get(key, 0.0) for key in notable) / len(notable)
    return 2 * precision * recall / max(precision + recall, 1e-9)


def _repeated(text: str) -> int:
    """How many attributes are spoken of again in a later clause."""
    spoken = [{wish.key for wish in parse(clause).wishes} for clause in _CLAUSE.split(text) if clause.strip()]
    return sum(len(keys) for keys in spoken) - len(set().union(*spoken))


def _likely(wish: Wish, grade: float) -> float:
    """How likely a wish is true of a grade that was read: 1 within its words' range, falling off beyond."""
    beyond = max(wish.low - SLACK - grade, grade - wish.high - SLACK, 0.0)
    return 2.0 ** -((beyond / DOUBT) ** 2)
