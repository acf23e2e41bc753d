"""A synthesis that is told where things are: points of the head, read from the code, lie as soft dots in its features.

Styles scale whole channels and say little about places, so a network that few pictures taught blurs what moves with the
code: eyes, nose, lips, the head's outline. Here the code is first read as points of a face in the picture (learned from
the engine, which knows them without drawing), and every resolution is given a dot of each point, wide as its own pixels.
All of it is smooth in the code, so that photos can be inverted through it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from core.stylegan2 import Config, Generator, Linear, Noise, Synthesis

FROM, TO = 8, 64
"""Pixels a side at which dots are given: below they cannot tell places apart, above they cost more than they say."""
NUMBERS = 3
"""Of a point: column and row in [-1, 1] of the picture, and how far it faces the camera, -1..1."""
HIDDEN = 512
SLOPE = 0.2
"""Of the mapping's activation, below zero."""
SPREAD = 0.3
"""How far points stray from their mean, about."""
BEGIN = 0.3
"""How strong dots are at first, beside features of about one."""


class Locator(nn.Module):
    """A mapped code to points of the face it draws."""

    def __init__(self, width: int, points: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            Linear(width, HIDDEN, "lrelu"), Linear(HIDDEN, HIDDEN, "lrelu"), Linear(HIDDEN, points * NUMBERS)
        )
        nn.init.zeros_(self.layers[-1].weight)  # pyright: ignore[reportArgumentType]
        self.register_buffer("middle", torch.zeros(points, NUMBERS))
        self.points = points

    @torch.no_grad()
    def begin(self, places: Tensor) -> None:
        """Starts with the places where points are on average."""
        self.get_buffer("middle").copy_(places.mean(0))

    def forward(self, w: Tensor) -> Tensor:
        """Codes N x width to points N x P x 3."""
        straight = torch.where(
            w < 0, w / SLOPE, w
        ).float()  # undo the mapping's last activation: below zero it whispers
        return self.layers(straight).unflatten(1, (self.points, NUMBERS)) * SPREAD + self.get_buffer("middle")


class PlacedSynthesis(Synthesis):
    """StyleGAN2's synthesis with dots of the code's points among the features of each resolution's first layer."""

    def __init__(self, config: Config, points: int) -> None:
        super().__init__(config)
        self.locate = Locator(config.code_width, points)
        self.marked = tuple(resolution for resolution in config.resolutions if FROM <= resolution <= TO)
        self.marks = nn.ParameterList(
            BEGIN * torch.randn(2, config.channels(resolution), points) for resolution in self.marked
        )
        """For each resolution what a dot adds to each channel, and what it adds by how far the point faces the camera."""

    def forward(self, codes: Tensor, noise: Noise = "random", spatial: Sequence[Tensor | None] | None = None) -> Tensor:
        """Codes N x layers x width to pictures; the first layer's code says where points are."""
        return super().forward(codes, noise, spatial or self.mark(self.locate(codes[:, 0])))

    def mark(self, points: Tensor) -> list[Tensor | None]:
        """What points (N x P x 3) add to the features of each layer."""
        added: list[Tensor | None] = [None] * (self.layer_count - 1)
        for resolution, weight in zip(self.marked, self.marks, strict=True):
            first = 2 * int(math.log2(resolution)) - 5  # 4 px have one layer, all others two
            added[first] = _draw_dots(points, weight, resolution)
        return added


def _draw_dots(points: Tensor, weight: Tensor, resolution: int) -> Tensor:
    """Sums of bell-shaped dots, N x C x R x R; a bell is one along rows times one along columns."""
    kind = points.device.type
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else points.dtype
    pixels = (torch.arange(resolution, device=points.device) + 0.5) * (2 / resolution) - 1
    across, down = (
        (-0.5 * ((pixels - points[:, :, axis, None]) * (resolution / 2)).square()).exp().to(dtype) for axis in (0, 1)
    )
    bells = (down[..., None] * across[:, :, None]).flatten(2)
    kernel = weight[0] + weight[1] * points[:, None, :, 2]
    return (kernel.to(dtype) @ bells).unflatten(2, (resolution, resolution))


class PlacedGenerator(Generator):
    """A generator whose synthesis is told places."""

    def __init__(self, config: Config, points: int) -> None:
        super().__init__(config)
        self.synthesis: PlacedSynthesis = PlacedSynthesis(config, points)

    def find_places(self, codes: Tensor) -> Tensor:
        """Where (N x P x 3) points are in the pictures of codes N x width."""
        return self.synthesis.locate(self.mapping(codes))
