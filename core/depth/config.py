"""Shapes of the depth room's two networks, and the lens in whose terms they speak."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """Everything that decides the shape of the distance U-Net and the pose network."""

    height: int = 256
    width: int = 320
    """The size at which pictures of this shape are learned and read; others are read with as many pixels."""
    features: tuple[int, ...] = (48, 96, 192, 320)
    """Channels of the four down-sampling blocks, of half the picture's size and then of each halving."""
    middle: int = 448
    motion: tuple[int, ...] = (32, 64, 128, 192, 256)
    """Channels of the pose network's five blocks."""
    focal: float = 256.0
    """Focal length, in pixels, of the canonical lens: what is read is metres for this lens (Yin 2023)."""
    nearest_metres: float = 0.05
    farthest_metres: float = 1000.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "features", tuple(self.features))
        object.__setattr__(self, "motion", tuple(self.motion))
        if len(self.features) != 4 or len(self.motion) != 5:
            raise ValueError(f"The U-Net has four blocks downwards and the pose network five, unlike {self}.")
        if min(*self.features, *self.motion, self.middle) < 1 or min(self.height, self.width) < 64:
            raise ValueError(f"Blocks want channels, and a picture at least 64 pixels each way, unlike {self}.")
        if self.focal <= 0 or not 0 < self.nearest_metres < self.farthest_metres:
            raise ValueError(f"A canonical lens has a focal length, and near lies before far, unlike {self}.")

    @classmethod
    def small(cls) -> Config:
        """What a CPU can train."""
        return cls(128, 160, (16, 48, 96, 192), 288, (16, 32, 64, 128, 192), focal=128.0)

    @classmethod
    def tiny(cls) -> Config:
        """For tests."""
        return cls(64, 80, (4, 8, 8, 8), 8, (4, 4, 8, 8, 8), focal=64.0)
