"""One encoder, a decoder for every character and every kind of source, and the regressor that reads a character."""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.engine.controllers import NAMES
from core.expression.config import FEATURE_SHRINK, ConverterConfig, PainterConfig, RegressorConfig
from core.locator import Locator, middle_of
from core.resnet import ResNet

TOLD_WIDTH = 512
BRIGHTEST = 0.99
"""Pixels of a still picture end here: from further out nothing would bring them back."""


class Encoder(nn.Module):
    """ResNet-34 shape that finds points of the face on its way; what these say is added to its features."""

    def __init__(self, config: ConverterConfig) -> None:
        super().__init__()
        self.trunk = ResNet(34, 3, config.width)
        self.channels, self._size = self.trunk.channels, config.size
        self.locate = Locator([config.width * 2**stage for stage in range(3)], config.points)
        self.tell = nn.Sequential(
            nn.Linear(2 * config.points + 2, TOLD_WIDTH),
            nn.LayerNorm(TOLD_WIDTH),
            nn.ReLU(),
            nn.Linear(TOLD_WIDTH, self.channels),
        )

    def look(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """N x 3 x S x S to features N x C x S/32 x S/32, and heat maps of the points."""
        pyramid = self.trunk.pyramid(pictures)
        heat = self.locate(pyramid[:3])
        with torch.autocast(pictures.device.type, enabled=False):
            told = self.tell(self.describe(middle_of(heat), pictures.shape[3]))
        return pyramid[-1] + told[:, :, None, None].to(pyramid[-1].dtype), heat

    def describe(self, places: Tensor, size: int) -> Tensor:
        """Places N x K x 2 as numbers about 1: around their middle, and the middle, in shares of the size that is usual; a
        smaller picture is the middle of the usual one."""
        spread = places * (3.0 * size / self._size)
        middle = spread.mean(1, keepdim=True)
        return torch.cat((spread - middle, middle), 1).flatten(1)

    def forward(self, pictures: Tensor) -> Tensor:
        """N x 3 x S x S in [-1, 1] to N x C x S/32 x S/32."""
        return self.look(pictures)[0]


def make_encoder(config: ConverterConfig) -> ResNet | Encoder:
    """The encoder, which finds points on its way if the config says so."""
    return Encoder(config) if config.points else ResNet(34, 3, config.width)


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
            self.still.copy_(torch.atanh(picture.clamp(-BRIGHTEST, BRIGHTEST)))

    def forward(self, features: Tensor) -> Tensor:
        """N x C x S/32 x S/32 to N x 3 x S x S in [-1, 1]."""
        return torch.tanh(self.layers(features) + self.still)


class Painter(nn.Module):
    """Controllers to the character's picture: a first decoder that is told numbers in place of an encoder's features. What it
    draws of a face at rest is taken off again, so that its still picture is the character at rest."""

    def __init__(self, config: PainterConfig) -> None:
        super().__init__()
        self._cells = config.size // FEATURE_SHRINK
        self.channels = 8 * config.width
        self.spread = nn.Linear(len(NAMES), self.channels * self._cells**2)
        self.draw = Decoder(self.channels, config.width, config.size)
        self._settled = False

    def settle(self) -> Painter:
        """What is taken off goes into the still picture, for use after learning: half of the work for one face."""
        with torch.no_grad():
            self.draw.still.sub_(self._move(self.draw.still.new_zeros(1, len(NAMES))))
        self._settled = True
        return self

    def _move(self, controllers: Tensor) -> Tensor:
        features = F.relu(self.spread(controllers)).view(-1, self.channels, self._cells, self._cells)
        return self.draw.layers(features)

    def forward(self, controllers: Tensor) -> Tensor:
        """N x 130 to N x 3 x S x S in [-1, 1]."""
        if self._settled:
            return torch.tanh(self._move(controllers) + self.draw.still)
        moved = self._move(torch.cat((controllers, torch.zeros_like(controllers[:1]))))
        return torch.tanh(moved[:-1] - moved[-1:] + self.draw.still)


class Regressor(nn.Module):
    """A virtual picture to controllers in 0..1: ResNet-50 shape, pooling (or every place for itself), one linear layer,
    sigmoid."""

    def __init__(self, config: RegressorConfig) -> None:
        super().__init__()
        self.trunk, self.placed = ResNet(50, 3, config.width), config.placed
        cells = (config.size // FEATURE_SHRINK) ** 2 if config.placed else 1
        self.read = nn.Linear(self.trunk.channels * cells, len(NAMES))
        nn.init.constant_(self.read.bias, -3.0)  # most controllers rest most of the time

    def tell(self, features: Tensor) -> Tensor:
        """The trunk's features to N x 130."""
        return self.read(features.flatten(1) if self.placed else features.mean((2, 3))).sigmoid()

    def forward(self, pictures: Tensor) -> Tensor:
        """N x 3 x S x S in [-1, 1] to N x 130."""
        return self.tell(self.trunk(pictures))


def make_converter(config: ConverterConfig) -> dict[str, nn.Module]:
    """``encoder`` and a decoder under each character's and each source's name."""
    encoder = make_encoder(config)
    decoders = {
        name: Decoder(encoder.channels, config.width, config.size) for name in (*config.characters, *config.sources)
    }
    return {"encoder": encoder, **decoders}


class Drawing(nn.Module):
    """Encoder and one first decoder."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def forward(self, pictures: Tensor) -> Tensor:
        """Face crops to virtual pictures."""
        return self.decoder(self.encoder(pictures))


class Transfer(nn.Module):
    """The way through the virtual picture as one network: encoder, one first decoder, that character's regressor."""

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
