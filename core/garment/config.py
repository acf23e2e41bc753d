"""Shapes of the garment room's networks."""

from __future__ import annotations

from dataclasses import dataclass, field

from core import stylegan2


@dataclass(frozen=True)
class Config:
    """Everything that decides the shape of the garment room's networks."""

    generator: stylegan2.Config = field(default_factory=stylegan2.Config)

    @classmethod
    def small(cls) -> Config:
        """Half the channels at 128 px."""
        return cls(stylegan2.Config.small())

    @classmethod
    def tiny(cls) -> Config:
        """For tests."""
        return cls(stylegan2.Config.tiny())
