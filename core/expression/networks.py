"""One encoder, a decoder for every character and every kind of source, and the regressor that reads a character."""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.engine.controllers import NAMES
from core.expression.config import ConverterConfig, RegressorConfig
from core.resnet import ResNet


class Decoder(nn.Module):
    """Features to a picture: five stride-2 transposed convolutions, each but the last normalised.

    The last one's bias is a picture: what of a character never moves is learned once, and features say what does.
    """

    def __init__(self, channels: int, width: int, size: int) -> None:
        super().__init__()
        steps = [channels, *(max(width * factor // 4, 4) for factor in (16, 8, 4, 2))]
        layers: list[nn.Module] = []
        for inputs, outputs in itertools.pairwise(steps):
            layers += [nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
        last = nn.ConvTranspose2d(steps[-1], 3, 4, 2, 1, bias=False)
        nn.init.normal_(last.weight, std=0.01)
        self.layers = nn.Sequential(*layers, last)
        self.still = nn.Parameter(torch.zeros(1, 3, size, size))

    def begin_with(self, picture: Tensor) -> None:
        """Start from a picture 1 x 3 x S x S in [-1, 1], a character's mean one for example."""
        with torch.no_grad():
            self.still.copy_(torch.atanh(picture.clamp(-0.98, 0.98)))

    def forward(self, features: Tensor) -> Tensor:
        """N x C x S/32 x S/32 to N x 3 x S x S in [-1, 1]."""
        return torch.tanh(self.layers(features) + self.still)


class Regressor(nn.Module):
    """A virtual picture to controllers in 0..1: ResNet-50 shape, pooling, one linear layer, sigmoid."""

    def __init__(self, config: RegressorConfig) -> None:
        super().__init__()
        self.trunk = ResNet(50, 3, config.width)
        self.read = nn.Linear(self.trunk.channels, len(NAMES))
        nn.init.constant_(self.read.bias, -3.0)  # most controllers rest most of the time

    def forward(self, pictures: Tensor) -> Tensor:
        """N x 3 x S x S in [-1, 1] to N x 130."""
        return self.read(self.trunk(pictures).mean((2, 3))).sigmoid()


def make_converter(config: ConverterConfig) -> dict[str, nn.Module]:
    """``encoder`` and a decoder under each character's and each source's name."""
    encoder = ResNet(34, 3, config.width)
    decoders = {
        name: Decoder(encoder.channels, config.width, config.size) for name in (*config.characters, *config.sources)
    }
    return {"encoder": encoder, **decoders}


class Transfer(nn.Module):
    """The live path as one network: encoder, one first decoder, that character's regressor."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module, regressor: nn.Module) -> None:
        super().__init__()
        self.encoder, self.decoder, self.regressor = encoder, decoder, regressor

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Face crops to virtual pictures and controllers."""
        virtual = self.decoder(self.encoder(pictures))
        return virtual, self.regressor(virtual)


def bring(pictures: Tensor, size: int) -> Tensor:
    """Pictures at a network's own size."""
    if pictures.shape[2:] == (size, size):
        return pictures
    return F.interpolate(pictures, (size, size), mode="bilinear", antialias=True, align_corners=False)
