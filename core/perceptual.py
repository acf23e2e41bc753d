"""How different two pictures look to a person: distances between features of a small network of our own.

The network (VGG-shaped, Simonyan 2014) learned on drawn faces and garments to say what they are; its features are
compared as Zhang 2018 (LPIPS) does: normalised at each place, squared differences weighted by channel, averaged. The
weights by channel were learned so that the distance grows with the strength of known distortions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core import checkpoints

SUBJECT, NAME = "perceptual", "features"


@dataclass(frozen=True)
class PerceptualConfig:
    """Channels of the stages, each at half the size of the one before, and convolutions in each."""

    widths: tuple[int, ...] = (12, 32, 64, 96, 128)
    depth: int = 2
    """Convolutions of each stage but the first, which has one: at full size they are dear and see only edges."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", tuple(self.widths))
        if len(self.widths) < 2 or self.depth < 1:
            raise ValueError(f"A perceptual network wants two stages or more of a layer or more, not {self}.")

    @classmethod
    def tiny(cls) -> PerceptualConfig:
        """For tests."""
        return cls((4, 8, 8), 1)


class FeatureNet(nn.Module):
    """A picture to its features at each stage."""

    def __init__(self, config: PerceptualConfig) -> None:
        super().__init__()
        before = (3, *config.widths[:-1])
        self.stages = nn.ModuleList(
            _stage(inputs, outputs, config.depth if place else 1)
            for place, (inputs, outputs) in enumerate(zip(before, config.widths, strict=True))
        )

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """N x 3 x H x W in [-1, 1] to N x width x H/2^k x W/2^k for each stage k."""
        found = []
        for place, stage in enumerate(self.stages):
            pictures = stage(F.avg_pool2d(pictures, 2) if place else pictures)
            found.append(pictures)
        return found


class PerceptualDistance(nn.Module):
    """Features and how much each of their channels counts."""

    def __init__(self, config: PerceptualConfig) -> None:
        super().__init__()
        self.features = FeatureNet(config)
        self.weight = nn.ParameterList(torch.full((width,), -2.0) for width in config.widths)

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        """Distances (N) of pictures N x 3 x H x W in [-1, 1]; 0 where they are equal."""
        if other.requires_grad or not torch.is_grad_enabled():
            return self.weigh(self.features(torch.cat((one, other))))
        with torch.no_grad():  # nothing is learned from a target
            theirs = self.features(other)
        return self.weigh([torch.cat(pair) for pair in zip(self.features(one), theirs, strict=True)])

    def weigh(self, both: Sequence[Tensor]) -> Tensor:
        """Distances (N) from the features of N pictures followed by those of N others."""
        return compare(both, [F.softplus(weight) for weight in self.weight])


def compare(both: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
    """Distances (N) from features of N pictures followed by those of N others (Zhang 2018, eq. 1)."""
    apart: list[Tensor] = []
    for found, weight in zip(both, weights, strict=True):
        unit = found * torch.rsqrt(found.square().mean(1, keepdim=True) + 1e-4)
        mine, yours = unit.chunk(2)
        apart.append(((mine - yours).square() * weight[:, None, None]).mean((1, 2, 3)))
    return torch.stack(apart).mean(0)


def _stage(inputs: int, outputs: int, depth: int) -> nn.Sequential:
    if depth == 1 and inputs == 3:
        return nn.Sequential(nn.Conv2d(inputs, outputs, 3, 1, 1), nn.SiLU())
    layers: list[nn.Module] = []
    for place in range(depth):
        layers += [
            nn.Conv2d(outputs if place else inputs, outputs, 3, 1, 1, bias=False),
            nn.GroupNorm(next(groups for groups in (8, 4, 2, 1) if outputs % groups == 0), outputs),
            nn.SiLU(),
        ]
    return nn.Sequential(*layers)


def load_distance(roots: Sequence[Path]) -> PerceptualDistance:
    """The shipped distance, frozen; a missing one is told in a sentence."""
    found = checkpoints.find(SUBJECT, NAME, roots)
    network = PerceptualDistance(PerceptualConfig(**found.card.config))
    checkpoints.fill(network, checkpoints.load(found)[NAME], str(found.folder))
    return network.eval().requires_grad_(False)
