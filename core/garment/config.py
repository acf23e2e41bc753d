"""Shapes of the garment room's networks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from core import stylegan2

REGIONS = ("background", "top", "outer", "bottom", "person")
"""What the segmenter tells apart: what is worn above (a dress too), over it, below, and the person: skin, hair, shoes."""
CLOTH = (REGIONS.index("top"), REGIONS.index("outer"), REGIONS.index("bottom"))


@dataclass(frozen=True)
class Config:
    """Everything that decides the shape of the generator and its discriminator."""

    generator: stylegan2.Config = field(default_factory=stylegan2.Config)

    @classmethod
    def small(cls) -> Config:
        """A quarter of the channels at 128 px: what one processor core can train in an hour."""
        return cls(stylegan2.Config(size=128, code_width=256, channel_base=4096, channel_limit=192))

    @classmethod
    def tiny(cls) -> Config:
        """For tests."""
        return cls(stylegan2.Config.tiny())


@dataclass(frozen=True)
class SegmenterConfig:
    """The U-Net that finds garments, flat or worn."""

    size: int = 256
    widths: tuple[int, ...] = (24, 48, 96, 160, 192, 192)
    """Channels at the full size, then of each halving."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", tuple(self.widths))
        if self.size % 2 ** (len(self.widths) - 1) or min(self.widths) < 1:
            raise ValueError(f"A segmenter wants a size that halves {len(self.widths) - 1} times, unlike {self}.")

    @classmethod
    def small(cls) -> SegmenterConfig:
        """Fewer channels at 128 px."""
        return cls(128, (12, 24, 48, 80, 96))

    @classmethod
    def tiny(cls) -> SegmenterConfig:
        """For tests."""
        return cls(32, (4, 8, 8))


@dataclass(frozen=True)
class EncoderConfig:
    """Both encoders of stage 2; they are as deep as the generator that they speak to."""

    generator: stylegan2.Config = field(default_factory=stylegan2.Config)
    share: float = 0.5
    """Channels of an encoder's layer over those of the generator's at that resolution."""
    drawn_by: str = ""
    """Digest of the generator's weights: with any other generator these encoders mean nothing."""

    def __post_init__(self) -> None:
        given: Any = self.generator
        if isinstance(given, dict):
            object.__setattr__(self, "generator", stylegan2.Config(**given))
        if not 0 < self.share <= 2:
            raise ValueError(f"An encoder's share of channels is over 0 and at most 2, not {self.share}.")

    @classmethod
    def small(cls) -> EncoderConfig:
        """For the generator that a CPU can train."""
        return cls(Config.small().generator)

    @classmethod
    def tiny(cls) -> EncoderConfig:
        """For tests."""
        return cls(stylegan2.Config.tiny())

    def channels(self, resolution: int) -> int:
        """Width of an encoder's features at a resolution; a multiple of four."""
        return max(4, int(self.generator.channels(resolution) * self.share) // 4 * 4)
