"""The room's own segmenter: where in a picture a garment is, flat on any ground or worn, and where the person is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core import checkpoints
from core.garment.config import CLOTH, REGIONS, SegmenterConfig
from core.unet import UNet

WHITE_REACH = 0.1
"""How far from white (0..1, the channel that is farthest) a pixel is two thirds garment, where no network says so."""


class Segmenter(nn.Module):
    """A picture to a logit per region and pixel, at the picture's own size."""

    def __init__(self, config: SegmenterConfig) -> None:
        super().__init__()
        self.size = config.size
        self.net = UNet(3, len(REGIONS), config.widths)

    def forward(self, pictures: Tensor) -> Tensor:
        """N x 3 x H x W in [-1, 1] to N x regions x H x W."""
        size = pictures.shape[2:]
        if tuple(size) != (self.size, self.size):
            pictures = F.interpolate(
                pictures, (self.size, self.size), mode="bilinear", antialias=True, align_corners=False
            )
        logits = self.net(pictures)
        if logits.shape[2:] == size:
            return logits
        return F.interpolate(logits, size, mode="bilinear", align_corners=False)


def cloth_share(logits: Tensor) -> Tensor:
    """How surely there is a garment, whichever: N x 1 x H x W in 0..1."""
    return logits.float().softmax(1)[:, list(CLOTH)].sum(1, keepdim=True)


def differ_from_white(pictures: Tensor) -> Tensor:
    """A differentiable guess (N x 1 x H x W in 0..1) at where something lies on white; blind to white garments."""
    apart = (1 - pictures.float()).mul(0.5).amax(1, keepdim=True)
    return 1 - torch.exp(-(apart / WHITE_REACH).square())


def load_segmenter(roots: Sequence[Path]) -> Segmenter:
    """The segmenter in service, frozen; a missing one is told in a sentence."""
    found = checkpoints.find("garment", "segmenter", roots)
    network = Segmenter(SegmenterConfig(**found.card.config))
    checkpoints.fill(network, checkpoints.load(found)["segmenter"], str(found.folder))
    return network.eval().requires_grad_(False)
