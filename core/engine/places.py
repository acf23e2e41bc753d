"""What a place is: still surfaces, their materials, light, where one can walk, and what is worth looking at."""

from __future__ import annotations

from dataclasses import dataclass

from core.engine.daylight import Light
from core.engine.materials import Stock
from core.engine.solids import Solid

Spot = tuple[float, float, float]
Free = tuple[float, float, float, float]
"""Lowest x and z, highest x and z of clear floor."""


@dataclass(frozen=True)
class Lane:
    """A way that cars take along z: its x, the z it covers, and the direction (+1 or -1)."""

    x: float
    start: float
    end: float
    direction: int


@dataclass(frozen=True)
class Place:
    """One place."""

    kind: str
    solid: Solid
    stock: Stock
    light: Light
    free: tuple[Free, ...]
    watch: tuple[Spot, ...]
    """Points that a person with a camera would look at."""
    corner: tuple[Spot, Spot]
    """Where a surveillance camera hangs and what it looks at."""
    lanes: tuple[Lane, ...] = ()
    paths: tuple[Free, ...] = ()
    """Where people walk; ``free`` if none."""
    outdoors: bool = False
