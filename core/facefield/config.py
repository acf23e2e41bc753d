"""Shapes of the facefield room's networks; one config, so that networks that work together cannot disagree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Config:
    """Everything that decides the shape of the room's networks."""

    width: int = 160
    """Channels of the field's layers."""
    layers: int = 4
    """Layers from a sample to its density."""
    code_width: int = 256
    """Hidden numbers between a code and what it does to the layers."""
    features: int = 32
    """Channels of the feature picture; the first three are its colour."""
    frequencies: int = 6
    """Octaves of the positional encoding."""
    warp_nodes: int = 28
    """Nodes a side of the grid that carries samples from a person's head to the mean one."""
    volume_nodes: int = 56
    """Nodes a side of the learned volume that all heads share."""
    volume_channels: int = 16
    """Numbers at each of its nodes; the first is a distance from the surface."""
    softness_metres: float = 0.004
    """Over which depth a surface becomes opaque."""
    feature_size: int = 64
    """Pixels a side of the feature picture."""
    enlargements: int = 2
    """How often the neural renderer doubles it."""
    renderer_width: int = 64
    encoder_size: int = 96
    """Pixels a side at which the encoder looks at portraits."""
    encoder_width: int = 64
    encoder_layers: int = 34
    identity_width: int = 64
    """Channels of the encoder that reads the feature picture for the identity loss."""

    def __post_init__(self) -> None:
        if min(self.width, self.layers, self.features - 3, self.volume_channels, self.enlargements) < 1:
            raise ValueError(f"A field wants layers, at least 4 features and a volume, not {self}.")
        if min(self.warp_nodes, self.volume_nodes) < 2:
            raise ValueError("A grid wants two nodes a side or more.")
        if self.encoder_size % 32 or self.feature_size < 8:
            raise ValueError("The encoder's pictures are a multiple of 32 pixels, feature pictures 8 or more.")
        if not 0.0005 <= self.softness_metres <= 0.05:
            raise ValueError(f"A surface is between 0.5 and 50 mm soft, not {self.softness_metres} m.")

    @property
    def size(self) -> int:
        """Pixels of a drawn picture's side."""
        return self.feature_size << self.enlargements

    @classmethod
    def small(cls) -> Config:
        """128 px and half the channels: what a CPU can train."""
        return cls(
            width=96,
            layers=3,
            code_width=192,
            features=24,
            volume_nodes=40,
            volume_channels=12,
            enlargements=1,
            renderer_width=64,
            encoder_width=40,
            encoder_layers=18,
            identity_width=32,
        )

    @classmethod
    def tiny(cls) -> Config:
        """For tests."""
        return cls(
            width=12,
            layers=2,
            code_width=8,
            features=6,
            frequencies=3,
            warp_nodes=6,
            volume_nodes=10,
            volume_channels=2,
            feature_size=16,
            enlargements=1,
            renderer_width=8,
            encoder_size=32,
            encoder_width=4,
            encoder_layers=18,
            identity_width=4,
        )

    @classmethod
    def read(cls, card: Mapping[str, Any]) -> Config:
        """The config of a card."""
        return cls(**card)
