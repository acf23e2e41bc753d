"""Networks of the garment room: the generator of stage 1 and the discriminator it learns against."""

from __future__ import annotations

from core.discriminator import Discriminator
from core.garment.config import Config
from core.stylegan2 import Generator


def make_generator(config: Config) -> Generator:
    """The StyleGAN2 that draws garments; it is frozen once the encoders learn."""
    return Generator(config.generator)


def make_discriminator(config: Config) -> Discriminator:
    """What the generator learns against."""
    return Discriminator(config.generator)
