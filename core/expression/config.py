"""Shapes of the expression room's networks."""

from __future__ import annotations

from dataclasses import dataclass

FEATURE_SHRINK = 32
"""An encoder's features are this much smaller than its picture: five halvings, which five up-samplings undo."""


@dataclass(frozen=True)
class ConverterConfig:
    """The encoder and every decoder behind it."""

    size: int = 256
    """Side of the pictures: 256 -> 8 x 8 features."""
    width: int = 64
    """Channels of the encoder's first stage; 64 is ResNet-34 itself."""
    characters: tuple[str, ...] = ("juno", "fen")
    """One first decoder each."""
    sources: tuple[str, ...] = ("photo",)
    """One second decoder for each kind of picture that drives."""
    points: int = 0
    """Points of the face that the encoder finds on its way and says with its features, evenly chosen among those that the
    recipe ``encoder`` reads; 0 finds none."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "characters", tuple(self.characters))
        object.__setattr__(self, "sources", tuple(self.sources))
        if self.size % FEATURE_SHRINK or self.width % 4:
            raise ValueError(f"A converter wants a size divisible by 32 and a width divisible by 4, not {self}.")
        if self.points < 0:
            raise ValueError(f"A converter finds 0 points or more, not {self.points}.")
        if not self.characters or set(self.characters) & {*self.sources, "encoder"}:
            raise ValueError(f"Decoders want at least one character, and names of their own, not {self}.")

    @classmethod
    def small(cls) -> ConverterConfig:
        """Half the channels at 128 px."""
        return cls(128, 32)

    @classmethod
    def tiny(cls) -> ConverterConfig:
        """For tests."""
        return cls(32, 4)


@dataclass(frozen=True)
class RegressorConfig:
    """One character's virtual picture to the 130 controllers."""

    size: int = 256
    width: int = 64
    """64 is ResNet-50 itself."""
    character: str = "juno"
    placed: bool = False
    """Whether it counts where features lie, instead of being averaged over places: characters do not move about."""

    def __post_init__(self) -> None:
        if self.size % FEATURE_SHRINK or self.width < 4:
            raise ValueError(f"A regressor wants a size divisible by 32 and a width of 4 or more, not {self}.")

    @classmethod
    def small(cls) -> RegressorConfig:
        """Half the channels at 128 px, and what is lost by that made up for by places."""
        return cls(128, 32, placed=True)

    @classmethod
    def tiny(cls) -> RegressorConfig:
        """For tests."""
        return cls(32, 4)


@dataclass(frozen=True)
class ReaderConfig:
    """What reads a photo from near by: both eyes, the mouth, and the whole face."""

    eye: int = 64
    """Side of an eye's patch, brow included."""
    mouth: int = 80
    whole: int = 128
    width: int = 48
    """Channels of each trunk's first stage."""
    solver: int = 1024
    """Width of what says which expression puts points where they are."""
    points: tuple[int, int, int] = (59, 86, 110)
    """Points that are looked for in an eye's patch, the mouth's, and elsewhere."""

    @property
    def sizes(self) -> tuple[int, int, int, int]:
        """Sides of the patches: right eye, left eye, mouth, whole face."""
        return self.eye, self.eye, self.mouth, self.whole

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", tuple(self.points))
        if self.eye % 16 or self.mouth % 16 or self.whole % FEATURE_SHRINK or self.width < 4:
            raise ValueError(f"A reader wants patches divisible by 16 and a whole face divisible by 32, not {self}.")

    @classmethod
    def small(cls) -> ReaderConfig:
        """Half the channels, smaller patches."""
        return cls(48, 64, 96, 24, 768)

    @classmethod
    def tiny(cls) -> ReaderConfig:
        """For tests."""
        return cls(16, 16, 32, 4, 32)


@dataclass(frozen=True)
class PainterConfig:
    """What draws characters from their controllers."""

    size: int = 256
    width: int = 64
    """As a converter's: decoders have one structure."""
    characters: tuple[str, ...] = ("juno", "fen")

    def __post_init__(self) -> None:
        object.__setattr__(self, "characters", tuple(self.characters))
        if self.size % FEATURE_SHRINK or self.width % 4 or not self.characters:
            raise ValueError(f"A painter wants a size divisible by 32, a width by 4, and a character, not {self}.")

    @classmethod
    def small(cls) -> PainterConfig:
        """Half the channels at 128 px."""
        return cls(128, 32)

    @classmethod
    def tiny(cls) -> PainterConfig:
        """For tests."""
        return cls(32, 4)
