"""Before a generator of garments meets its adversary it learns to draw pictures again from codes that a glance gives.

An adversary alone needs millions of pictures to find out what a sleeve is. The glance (a small network, thrown away) says
which code a picture should have, kept near the standard normal, so that random codes already mean garments when the
adversary comes to sharpen them (variational codes: Kingma 2014; with an adversary behind: Larsen 2016).
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from core.perceptual import PerceptualDistance

WIDTHS = (24, 48, 96, 160, 224)
SMALLEST = 4
SURE = -4.0
"""Logarithm of the variance with which codes begin."""


class Glance(nn.Module):
    """A picture to the middle and the spread of its code."""

    def __init__(self, size: int, code_width: int) -> None:
        super().__init__()
        halvings = (size // SMALLEST).bit_length() - 1
        widths = [3, *(WIDTHS[min(place, len(WIDTHS) - 1)] for place in range(halvings))]
        layers: list[nn.Module] = []
        for inputs, outputs in itertools.pairwise(widths):
            layers += [nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False), nn.GroupNorm(8, outputs), nn.SiLU()]
        self.layers = nn.Sequential(*layers, nn.Flatten())
        self.say = nn.Linear(widths[-1] * SMALLEST**2, 2 * code_width)
        with torch.no_grad():
            self.say.bias[code_width:] = SURE

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """N x 3 x S x S to N x width twice: means, and logarithms of variances."""
        middle, spread = self.say(self.layers(pictures)).float().chunk(2, 1)
        return middle, spread.clamp(-10, 4)


def told_apart(middle: Tensor, spread: Tensor) -> Tensor:
    """How many nats codes say of their pictures: the divergence from the standard normal, a picture's mean."""
    return 0.5 * (middle.square() + spread.exp() - 1 - spread).sum(1).mean()


def strays(middle: Tensor, spread: Tensor) -> Tensor:
    """How far a crowd's codes are from the standard normal, place by place: mean and variance over the batch. Where codes
    lie further out than random ones do, random ones draw pale pictures."""
    variance = middle.var(0, unbiased=False) + spread.exp().mean(0)
    return (middle.mean(0).square() + (variance - 1).square()).mean()


def redraw_terms(drawn: Tensor, real: Tensor, distance: PerceptualDistance | None) -> dict[str, Tensor]:
    """Pixels, and looks where the perceptual network is there."""
    apart = drawn.float() - real
    terms = {"redrawn": 8.0 * apart.abs().mean() + 8.0 * apart.square().mean()}
    if distance is not None:
        terms["looks"] = 1.5 * distance(drawn.float().clamp(-1.2, 1.2), real).mean()
    return terms
