"""Shapes of the textedit room's networks; one config, so that networks that work together cannot disagree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core import stylegan2
from core.textedit.vocabulary import load_words

FUSED = ("before", "behind")
"""Where a text moves a code: before the mapping network or behind it."""
EYES = ("plain", "resnet")


def _small() -> stylegan2.Config:
    return stylegan2.Config(size=128, code_width=384, channel_base=4096, channel_limit=192)


def _tiny() -> stylegan2.Config:
    return stylegan2.Config(size=32, code_width=352, channel_base=256, channel_limit=8, mapping_layers=2)


@dataclass(frozen=True)
class Config:
    """Everything that decides the shape of the room's networks."""

    generator: stylegan2.Config = field(default_factory=stylegan2.Config)
    """Its code is wide enough for every true parameter of a face (codes.py), and the rest is free."""
    points: int = 128
    """Points of the head that the synthesis is told the places of (places.py); 0: StyleGAN2 as it was published."""
    words: int = field(default_factory=lambda: len(load_words()))
    """Words and signs of the vocabulary."""
    word_width: int = 128
    forgetting: float = 0.7
    """FOFE's alpha: how much of what was said before is kept at each word."""
    text_width: int = 256
    """Numbers in a text code."""
    fusion_width: int = 1024
    fuse: str = "before"
    """Where the editor's fused code enters: ``before`` the mapping network, or ``behind`` it."""
    encoder_width: int = 32
    """Channels of the photo encoder's first stage; 64 is VGG itself."""
    encoder_size: int = 256
    """Pixels of the side at which it looks at photos, where the generator draws as many."""
    eye: str = "plain"
    """How the captioner sees: ``plain`` convolutions of even stride, or a ``resnet`` that looks at the face closely too."""
    captioner_width: int = 32
    vector_width: int = 1024
    """Numbers in the captioner's x."""
    sentence_width: int = 512
    """Numbers in the captioner's h."""

    def __post_init__(self) -> None:
        if isinstance(self.generator, Mapping):
            object.__setattr__(self, "generator", stylegan2.Config(**self.generator))
        if not 0.0 < self.forgetting < 1.0:
            raise ValueError(f"What is kept of the words before lies between 0 and 1, not at {self.forgetting}.")
        if self.fuse not in FUSED:
            raise ValueError(f"A text moves codes {' or '.join(FUSED)} the mapping network, not {self.fuse!r}.")
        if self.eye not in EYES:
            raise ValueError(f"A captioner's eye is {' or '.join(EYES)}, not {self.eye!r}.")
        if self.generator.size < 32:
            raise ValueError(f"This room draws 32 pixels a side or more, not {self.generator.size}.")

    @property
    def size(self) -> int:
        """Pixels of a picture's side."""
        return self.generator.size

    @classmethod
    def small(cls) -> Config:
        """128 px and about a third of the channels: what a CPU can train."""
        return cls(
            _small(), encoder_width=24, encoder_size=64, captioner_width=24, fusion_width=768, sentence_width=320
        )

    @classmethod
    def tiny(cls) -> Config:
        """For tests."""
        return cls(
            _tiny(),
            points=8,
            word_width=8,
            text_width=8,
            fusion_width=16,
            encoder_width=4,
            captioner_width=4,
            vector_width=16,
            sentence_width=16,
        )

    @classmethod
    def read(cls, card: Mapping[str, Any]) -> Config:
        """The config of a card."""
        config = cls(**card)
        if config.words != len(load_words()):
            raise ValueError(
                f"These weights know {config.words} words, this version's vocabulary holds {len(load_words())}; "
                "train them again, or take the vocabulary they were made with."
            )
        return config
