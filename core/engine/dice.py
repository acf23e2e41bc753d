"""Single numbers drawn by name from a seed, for things that are built one at a time (a room, a car, a path)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from core.engine import random

T = TypeVar("T")


@dataclass(frozen=True)
class Dice:
    """Draws of one seed; the same name gives the same number, whatever was drawn before."""

    seed: int

    def child(self, name: str, index: int = 0) -> Dice:
        """Dice of their own for a named part."""
        return Dice(random.hash_integers(self.seed, random.stream(name), index))

    def share(self, name: str) -> float:
        """Even in [0, 1)."""
        return random.hash_integers(self.seed, random.stream(name)) / 2.0**32

    def uniform(self, name: str, low: float, high: float) -> float:
        """Even between two bounds."""
        return low + (high - low) * self.share(name)

    def normal(self, name: str) -> float:
        """Standard normal (Box and Muller 1958)."""
        first, second = self.share(f"{name}/radius"), self.share(f"{name}/angle")
        return math.sqrt(-2.0 * math.log(1.0 - first)) * math.cos(2.0 * math.pi * second)

    def whole(self, name: str, low: int, high: int) -> int:
        """One of low .. high, both ends in."""
        return low + random.pick_integer(high - low + 1, self.seed, random.stream(name))

    def chance(self, name: str, probability: float) -> bool:
        """True this often."""
        return self.share(name) < probability

    def pick(self, name: str, options: Sequence[T]) -> T:
        """One of some."""
        return options[random.pick_integer(len(options), self.seed, random.stream(name))]
