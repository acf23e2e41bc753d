"""Networks of the garment room: generator and discriminator of stage 1, the two encoders of stage 2."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core import checkpoints, stylegan2
from core.checkpoints import Found
from core.discriminator import Discriminator
from core.garment.config import Config, EncoderConfig
from core.stylegan2 import Generator

SHAPE_INPUTS, TEXTURE_INPUTS = 3, 7
"""The mask with two coordinates; the cloth's print and its colours carried on over the whole picture, and where it was seen."""


def make_generator(config: Config) -> Generator:
    """The StyleGAN2 that draws garments; it is frozen once the encoders learn."""
    return Generator(config.generator)


def make_discriminator(config: Config) -> Discriminator:
    """What the generator learns against."""
    return Discriminator(config.generator)


def load_generator(found: Found) -> Generator:
    """A generator as it was published, frozen."""
    network = Generator(stylegan2.Config(**found.card.config["generator"]))
    checkpoints.fill(network, checkpoints.load(found)["generator"], str(found.folder))
    return network.eval().requires_grad_(False)


def digest_of(found: Found) -> str:
    """Names a checkpoint's weights."""
    return hashlib.sha256("".join(shard.sha256 for shard in found.card.shards).encode()).hexdigest()[:16]


class Features(NamedTuple):
    """What an encoder says to a generator, layer by layer."""

    styles: Tensor
    """N x layer_count x code width, to be added to the mean code."""
    spatial: list[Tensor]
    """Per convolution, what is added to its features."""


@dataclass(frozen=True)
class _Place:
    """Where a layer of the generator stands."""

    resolution: int
    shrinks: bool
    """Whether the encoder's layer beside it halves the picture."""


def _places(config: EncoderConfig) -> list[_Place]:
    """The generator's convolutions from the finest to the coarsest, as the encoder meets them."""
    found: list[_Place] = []
    for resolution in reversed(config.generator.resolutions):
        found.append(_Place(resolution, resolution < config.generator.size))
        if resolution > 4:
            found.append(_Place(resolution, False))
    return found


class Encoder(nn.Module):
    """As many convolutions as the generator has, from fine to coarse; each gives a style and a map for its twin.

    Both start at nothing, so that an encoder that has learned nothing asks for the generator's mean picture.
    """

    def __init__(self, config: EncoderConfig, inputs: int) -> None:
        super().__init__()
        self.config, width = config, config.generator.code_width
        self.convolutions, self.norms = nn.ModuleList(), nn.ModuleList()
        self.styles, self.maps = nn.ModuleList(), nn.ModuleList()
        before = inputs
        for place in _places(config):
            channels = config.channels(place.resolution)
            self.convolutions.append(nn.Conv2d(before, channels, 3, 2 if place.shrinks else 1, 1, bias=False))
            self.norms.append(nn.BatchNorm2d(channels))
            self.styles.append(_silent(nn.Linear(channels + inputs, width)))
            self.maps.append(_silent(nn.Conv2d(channels + inputs, config.generator.channels(place.resolution), 1)))
            before = channels
        self.last = _silent(nn.Linear(config.channels(config.generator.size) + inputs, width))

    def forward(self, given: Tensor) -> Features:
        """N x inputs x S x S to features in the generator's own order."""
        styles, maps = [], []
        x, mean = given, given.mean((2, 3))
        last = None
        for convolve, norm, style, spatial in zip(self.convolutions, self.norms, self.styles, self.maps, strict=True):
            x = F.silu(norm(convolve(x)))
            if x.shape[2] != given.shape[2]:
                given = F.avg_pool2d(given, given.shape[2] // x.shape[2])
            # beside what was learned, the input itself: normalised features forget how bright a cloth is
            known = torch.cat((x.mean((2, 3)), mean), 1)
            if last is None:
                last = self.last(known)
            styles.append(style(known))
            maps.append(spatial(torch.cat((x, given), 1)))
        assert last is not None
        return Features(torch.stack([*reversed(styles), last], 1), list(reversed(maps)))


def make_encoders(config: EncoderConfig) -> dict[str, Encoder]:
    """``shape`` and ``texture``, of equal depth."""
    return {"shape": Encoder(config, SHAPE_INPUTS), "texture": Encoder(config, TEXTURE_INPUTS)}


def _silent(layer: Any) -> Any:
    nn.init.zeros_(layer.weight)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer
