"""A wish: what one piece of wording asks of one attribute, and which grades it can mean.

The caption grammar and the parser share this file, so that "very long hair" is the same range of grades on both sides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.engine.attributes import ATTRIBUTES, INDEX

Degree = Literal["slight", "plain", "strong", "middle"]

STEPS: dict[Degree, float] = {"slight": 0.15, "plain": 0.3, "strong": 0.5, "middle": 0.3}
"""How far a comparative goes, in grades."""

_RANGE: dict[Degree, tuple[float, float, float]] = {
    "slight": (0.6, 0.8, 0.7),
    "plain": (0.6, 1.0, 0.85),
    "strong": (0.8, 1.0, 0.97),
    "middle": (0.4, 0.6, 0.5),
}
_PRESENCE: dict[Degree, tuple[float, float, float]] = {
    "slight": (0.2, 0.4, 0.3),
    "plain": (0.4, 1.0, 0.75),
    "strong": (0.8, 1.0, 0.97),
    "middle": (0.4, 0.6, 0.5),
}
_WORN: dict[Degree, tuple[float, float, float]] = {
    "slight": (0.2, 0.6, 0.4),
    "plain": (0.2, 1.0, 0.75),
    "strong": (0.8, 1.0, 0.95),
    "middle": (0.4, 0.6, 0.5),
}
ABSENT = (0.0, 0.2, 0.0)
"""Lowest grade, highest grade and aim of something that is not there."""


@dataclass(frozen=True)
class Wish:
    """One attribute, as a piece of text asks for it."""

    key: str
    direction: int
    """+1 towards the attribute's grade 1, -1 towards its grade 0, 0 towards the middle."""
    low: float
    high: float
    """The grades the wording can mean; 0 to 1 for a comparative, which says nothing absolute."""
    target: float | None
    """The grade to aim at; None for a comparative ("bigger eyes"), which moves by ``step`` from wherever the face is."""
    step: float = 0.0
    start: int = 0
    end: int = 0
    """Span of the wording in the text."""

    def apply(self, grade: float) -> float:
        """The grade this wish wants for a face that now has ``grade``."""
        if self.target is None:
            return min(max(grade + self.direction * self.step, 0.0), 1.0)
        return self.target

    def holds(self, grade: float) -> bool:
        """Whether a face with this grade is rightly described by the wording."""
        return self.low <= grade <= self.high

    def contradicts(self, other: Wish) -> bool:
        """Whether both cannot be had at once."""
        if self.key != other.key:
            return False
        if self.target is None or other.target is None:
            return self.direction * other.direction < 0
        return min(self.high, other.high) - max(self.low, other.low) <= 1e-9

    def statement(self) -> tuple[str, float, float]:
        """What it says, without where it was said."""
        return self.key, self.low, self.high


def range_of(key: str, direction: int, degree: Degree) -> tuple[float, float, float]:
    """Lowest grade, highest grade and aim of a wording such as (hair_length, -1, "slight"): "slightly short"."""
    attribute = ATTRIBUTES[INDEX[key]]
    if attribute.kind == "presence":
        if direction < 0 and degree != "slight":
            return ABSENT
        return (_WORN if key in {"glasses", "hat"} else _PRESENCE)[degree]
    low, high, target = _RANGE[degree]
    return (low, high, target) if direction >= 0 else (round(1 - high, 6), round(1 - low, 6), round(1 - target, 6))


def ask(key: str, direction: int, degree: Degree = "plain", negated: bool = False) -> Wish:
    """An absolute wish; ``negated`` is "not long", which is the near side of everything but long."""
    if negated and ATTRIBUTES[INDEX[key]].kind == "presence" and degree != "strong":
        return Wish(key, -1, *ABSENT)
    low, high, target = range_of(key, direction, degree)
    if not negated:
        return Wish(key, direction if degree != "middle" else 0, low, high, target)
    if direction > 0:
        return Wish(key, -1, 0.0, low, round(low / 2, 6))
    return Wish(key, 1, high, 1.0, round((1 + high) / 2, 6))


def compare(key: str, direction: int, degree: Degree = "plain") -> Wish:
    """A comparative wish: "bigger", "a bit less"."""
    return Wish(key, direction, 0.0, 1.0, None, STEPS[degree])


def value(key: str, low: float, high: float, target: float, negated: bool = False) -> Wish:
    """A wish for a stated stretch of grades, as "bald" or "shoulder-length" ask for it; negated, for the larger rest."""
    if negated:
        low, high = (0.0, low) if low >= 1 - high else (high, 1.0)
        target = (low + high) / 2
    ordinary = ABSENT[1] if ATTRIBUTES[INDEX[key]].kind == "presence" else 0.5
    return Wish(key, (target > ordinary) - (target < ordinary), low, high, target)
