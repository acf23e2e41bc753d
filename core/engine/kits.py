"""The materials and things of one place while it is furnished: the same name gives the same one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from core.engine import patterns
from core.engine.dice import Dice
from core.engine.grain import Tile
from core.engine.materials import Stock
from core.engine.patterns import Colour
from core.engine.solids import Solid

WOODS = (
    (0.62, 0.45, 0.28),
    (0.45, 0.3, 0.18),
    (0.3, 0.19, 0.12),
    (0.74, 0.6, 0.42),
    (0.8, 0.72, 0.6),
    (0.55, 0.35, 0.22),
)
CLOTHS = (
    (0.5, 0.5, 0.52), (0.3, 0.34, 0.4), (0.62, 0.55, 0.45), (0.45, 0.2, 0.18), (0.2, 0.32, 0.3), (0.75, 0.7, 0.62),
    (0.22, 0.26, 0.42), (0.7, 0.5, 0.2),
)  # fmt: skip
PAINTS = (
    (0.9, 0.89, 0.86),
    (0.82, 0.8, 0.75),
    (0.25, 0.27, 0.3),
    (0.45, 0.52, 0.5),
    (0.7, 0.74, 0.78),
    (0.55, 0.25, 0.2),
)
METALS = ((0.6, 0.6, 0.62), (0.2, 0.2, 0.22), (0.75, 0.74, 0.72), (0.35, 0.36, 0.38))
BRIGHT = (
    (0.8, 0.2, 0.15),
    (0.15, 0.35, 0.6),
    (0.9, 0.7, 0.15),
    (0.9, 0.9, 0.88),
    (0.15, 0.15, 0.17),
    (0.2, 0.5, 0.3),
    (0.8, 0.5, 0.4),
)
Pattern = Callable[[Dice, Colour], Tile]
Make = Callable[[Dice], Tile]
Span = float | tuple[float, float]
Colours = tuple[tuple[float, float, float], ...]


@dataclass(frozen=True)
class Kit:
    """The materials of one place while it is furnished: the same name is the same material."""

    dice: Dice
    stock: Stock
    made: dict[str, Solid] = field(default_factory=dict)

    def once(self, name: str, make: Callable[[], Solid]) -> Solid:
        """A thing made once for this name, for what stands in a place many times."""
        if name not in self.made:
            self.made[name] = make()
        return self.made[name]

    def own(self, name: str, make: Make, span: Span, gloss: float = 0.0, glow: float = 0.0) -> int:
        """A material made once for this name."""
        if name not in self.stock.named:
            self.stock.named[name] = self.stock.add(make(self.dice.child(name)), span, glow, gloss)
        return self.stock.named[name]

    def of(self, name: str, pattern: Pattern, colours: Colours, span: float, gloss: float = 0.0) -> int:
        """A pattern in one of some colours."""
        return self.own(name, lambda dice: pattern(dice, patterns.colour(dice, "colour", colours)), span, gloss)

    def wood(self, name: str = "wood") -> int:
        """Furniture wood; few kinds a place, so that pieces match."""
        return self.of(f"wood {name}", patterns.wood, WOODS, 0.9, 0.4)

    def metal(self) -> int:
        """Legs, frames and handles."""
        return self.of("metal", patterns.metal, METALS, 0.5, 0.8)

    def cloth(self, name: str = "cloth") -> int:
        """Upholstery and curtains."""
        return self.of(f"cloth {name}", patterns.weave, CLOTHS, 0.5)

    def paint(self, name: str = "white") -> int:
        """Lacquer and plastic."""
        return self.of(f"paint {name}", patterns.plain, PAINTS, 0.7, 0.4)

    def bright(self, number: int) -> int:
        """One of four strong plain colours for small things."""
        return self.of(f"bright {number % 4}", patterns.plain, BRIGHT, 0.4, 0.5)
