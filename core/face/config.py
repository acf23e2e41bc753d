"""Sizes of the three small networks that meet every photo."""

from __future__ import annotations

from dataclasses import dataclass

LANDMARKS = 68
PARTS = ("background", "skin", "brows", "eyes", "nose", "mouth", "hair", "glasses", "hat", "neck", "cloth")
"""What the parser tells apart, in the order of its classes."""


@dataclass(frozen=True)
class LandmarkConfig:
    """Points of a face within its crop, and whether there is one."""

    size: int = 96
    width: int = 24
    hidden: int = 256

    def __post_init__(self) -> None:
        if self.size % 32 or self.width < 4:
            raise ValueError(f"A landmark network wants a size divisible by 32 and a width of 4 or more, not {self}.")

    @classmethod
    def tiny(cls) -> LandmarkConfig:
        """For tests."""
        return cls(size=32, width=4, hidden=16)


@dataclass(frozen=True)
class FinderConfig:
    """Where faces are in a whole picture."""

    size: int = 160
    """Longer side that pictures are brought to."""
    width: int = 16
    stride: int = 8

    @classmethod
    def tiny(cls) -> FinderConfig:
        """For tests."""
        return cls(size=64, width=4)


@dataclass(frozen=True)
class ParserConfig:
    """Which part of a face each pixel of its crop is."""

    size: int = 128
    widths: tuple[int, ...] = (16, 24, 40, 64, 96)

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", tuple(self.widths))

    @classmethod
    def tiny(cls) -> ParserConfig:
        """For tests."""
        return cls(size=32, widths=(4, 8, 8))
