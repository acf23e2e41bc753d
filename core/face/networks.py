"""The three networks: landmarks in a crop, faces in a picture, parts of a crop."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from core.face.config import LANDMARKS, PARTS, FinderConfig, LandmarkConfig, ParserConfig
from core.locator import Locator, middle_of
from core.resnet import ConvNorm, PlainBlock, ResNet
from core.unet import UNet


class LandmarkNet(nn.Module):
    """A crop to 68 points in [-1, 1] of the crop (column, row) and a logit for "this is a face".

    Each point has a heat map; what the whole crop says is added to its middle: of points that nothing marks (a cheek's outline)
    or that lie beyond the edge, no heat map says enough.
    """

    def __init__(self, config: LandmarkConfig) -> None:
        super().__init__()
        self.trunk = ResNet(18, 3, config.width)
        cells = (config.size // 32) ** 2
        self.read = nn.Sequential(
            nn.Flatten(), nn.Linear(self.trunk.channels * cells, config.hidden), nn.ReLU(), nn.Dropout(0.1)
        )
        self.locate = Locator([config.width * 2**stage for stage in range(4)], LANDMARKS)
        self.aside = nn.Linear(config.hidden, 2 * LANDMARKS)
        nn.init.zeros_(self.aside.weight)
        nn.init.zeros_(self.aside.bias)
        self.believe = nn.Linear(config.hidden, 1)

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """N x 3 x S x S in [-1, 1] to N x 68 x 2 and N."""
        points, sure, _ = self.look(crops)
        return points, sure

    def look(self, crops: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The same, and the heat maps N x 68 x H x W."""
        pyramid = self.trunk.pyramid(crops)
        heat, known = self.locate(pyramid), self.read(pyramid[-1])
        points = middle_of(heat) + self.aside(known).float().view(-1, LANDMARKS, 2)
        return points, self.believe(known)[:, 0], heat


class FinderNet(nn.Module):
    """A picture to a map of face centres, their exact place within the cell, and the logarithm of their size.

    Centres as peaks of a map after Zhou 2019, "Objects as points".
    """

    def __init__(self, config: FinderConfig) -> None:
        super().__init__()
        width = config.width
        self.trunk = nn.Sequential(
            ConvNorm(3, width, 5, 2),
            nn.ReLU(),
            PlainBlock(width, 2 * width, 2),
            PlainBlock(2 * width, 4 * width, 2),
            PlainBlock(4 * width, 4 * width, 1),
        )
        # A face may be as large as the picture: context from a coarser map comes back to the fine one.
        self.context = nn.Sequential(PlainBlock(4 * width, 4 * width, 2), PlainBlock(4 * width, 4 * width, 2))
        self.head = nn.Sequential(ConvNorm(8 * width, 4 * width, 3), nn.ReLU(), nn.Conv2d(4 * width, 4, 1))
        final = self.head[2]
        assert isinstance(final, nn.Conv2d)
        assert final.bias is not None
        nn.init.constant_(final.bias, 0.0)
        nn.init.constant_(final.bias[:1], -4.0)  # faces are rare: start by saying so (Lin 2017)

    def forward(self, pictures: Tensor) -> Tensor:
        """N x 3 x H x W in [-1, 1] to N x 4 x H/8 x W/8: logit, offset right, offset down, log size in cells."""
        fine = self.trunk(pictures)
        wide = nn.functional.interpolate(self.context(fine), size=fine.shape[2:], mode="bilinear", align_corners=False)
        return self.head(torch.cat((fine, wide), 1))


class ParserNet(nn.Module):
    """A crop to a logit per part and pixel."""

    def __init__(self, config: ParserConfig) -> None:
        super().__init__()
        self.net = UNet(3, len(PARTS), config.widths)

    def forward(self, crops: Tensor) -> Tensor:
        """N x 3 x S x S in [-1, 1] to N x 11 x S x S."""
        return self.net(crops)
