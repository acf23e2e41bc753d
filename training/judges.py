"""The networks that only judge: attributes, identity, outlines of heads and garments, likeness and looks of pictures.

Each has a shape and seeds of its own; none ever teaches what it judges.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core import checkpoints
from core.engine.attributes import KEYS
from core.perceptual import compare
from core.resnet import ResNet
from core.unet import UNet

SUBJECT = "judge"
REGIONS = ("background", "head", "body")
"""What the head segmenter tells apart; hair, hat and glasses are the head's."""
LEAST_SLOPE = 0.2
"""A reading that follows the truth less than this is not stretched further: it would be noise."""
FACE_BOX = (0.2, 0.24, 0.8, 0.84)
"""Where faces are in framed portraits: left, top, right, bottom."""
CODES_READ = 24
"""Leading numbers of the engine's identity code that the identity reader also learns to say."""


@dataclass(frozen=True)
class ReaderConfig:
    """A residual reader of whole pictures or crops."""

    size: int = 128
    width: int = 24
    layers: int = 18
    outputs: int = len(KEYS)

    def __post_init__(self) -> None:
        if self.size % 32 or self.width < 4:
            raise ValueError(f"A reader wants a size divisible by 32 and a width of 4 or more, not {self}.")


@dataclass(frozen=True)
class SegmenterConfig:
    """A U-Net."""

    size: int = 96
    widths: tuple[int, ...] = (8, 16, 32, 48, 64)
    classes: int = 3

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", tuple(self.widths))


@dataclass(frozen=True)
class DistanceConfig:
    """A residual trunk whose stages are compared."""

    width: int = 16
    layers: int = 18


@dataclass(frozen=True)
class LooksConfig:
    """A residual trunk whose last stages say how a garment was made."""

    size: int = 96
    width: int = 12
    layers: int = 18
    ways: int = 5


def cells(config: ReaderConfig) -> int:
    """Places of the trunk's features."""
    return (config.size // 32) ** 2


class AttributeJudge(nn.Module):
    """A portrait as the studio frames it to its 26 grades: the face looked at closely, the whole with half an eye."""

    def __init__(self, config: ReaderConfig) -> None:
        super().__init__()
        self.size = config.size
        self.trunk = ResNet(config.layers, 3, config.width)
        self.glance = ResNet(config.layers, 3, config.width)
        self.features = cells(config) * self.trunk.channels + self.glance.channels
        self.read = nn.Linear(self.features, config.outputs)
        self.slope: Tensor | None = None
        self.rest: Tensor | None = None

    def forward(self, pictures: Tensor) -> Tensor:
        """N x 3 x S x S in [-1, 1] to N x 26, about 0..1."""
        return self.grade(self.see(pictures))

    def see(self, pictures: Tensor) -> Tensor:
        """Features by place, flat: what is where matters."""
        left, top, right, bottom = (round(share * pictures.shape[3]) for share in FACE_BOX)
        near = self.trunk(fit(pictures[:, :, top:bottom, left:right], self.size)).flatten(1)
        whole = self.glance(fit(pictures, self.size // 2)).mean((2, 3))
        return F.dropout(torch.cat((near, whole), 1), 0.1, self.training)

    def grade(self, seen: Tensor) -> Tensor:
        """Features to grades."""
        return self.read(seen) * 0.3 + 0.3

    def calibrate(self, card: Mapping[str, float]) -> None:
        """Takes from its card how its readings follow the truth: who is not sure says something near the mean."""
        slope = torch.tensor([card[f"slope_{key}"] for key in KEYS])
        self.slope, self.rest = slope.clamp_min(LEAST_SLOPE), torch.tensor([card[f"rest_{key}"] for key in KEYS])

    def straighten(self, readings: Tensor) -> Tensor:
        """Readings (N, 26) on the scale of true grades: one more true grade is one more, on average."""
        assert self.slope is not None and self.rest is not None, "load_judge calibrates"  # noqa: PT018
        return ((readings - self.rest) / self.slope).clamp(0, 1)


class IdentityJudge(nn.Module):
    """A face's crop to a direction: near for one person whatever the day, far for strangers."""

    def __init__(self, config: ReaderConfig) -> None:
        super().__init__()
        self.size = config.size
        self.trunk = ResNet(config.layers, 3, config.width)
        self.read = nn.Linear(cells(config) * self.trunk.channels, config.outputs, bias=False)

    def forward(self, crops: Tensor) -> Tensor:
        """N x 3 x S x S in [-1, 1] to N x outputs of length one."""
        return self.point(self.see(crops))

    def see(self, crops: Tensor) -> Tensor:
        """Features by place, flat."""
        return F.dropout(self.trunk(fit(crops, self.size)).flatten(1), 0.1, self.training)

    def point(self, seen: Tensor) -> Tensor:
        """Features to directions."""
        return F.normalize(self.read(seen), dim=1)


class SegmentJudge(nn.Module):
    """A picture to a logit per class and pixel, at the picture's own size."""

    def __init__(self, config: SegmenterConfig) -> None:
        super().__init__()
        self.size = config.size
        self.net = UNet(3, config.classes, config.widths)

    def forward(self, pictures: Tensor) -> Tensor:
        """N x 3 x S x S in [-1, 1] to N x classes x S x S."""
        logits = self.net(fit(pictures, self.size))
        return F.interpolate(logits, pictures.shape[2:], mode="bilinear", align_corners=False)


class DistanceJudge(nn.Module):
    """How different two pictures look, by features of a residual trunk (after Zhang 2018)."""

    def __init__(self, config: DistanceConfig) -> None:
        super().__init__()
        self.features = ResNet(config.layers, 3, config.width)
        widths = [config.width * 2**stage for stage in range(4)]
        self.weight = nn.ParameterList(torch.full((width,), -2.0) for width in widths)

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        """Distances (N) of pictures N x 3 x H x W in [-1, 1]."""
        return self.weigh(self.features.pyramid(torch.cat((one, other))))

    def weigh(self, both: Sequence[Tensor]) -> Tensor:
        """Distances (N) from the features of N pictures followed by those of N others."""
        return compare(both, [F.softplus(weight) for weight in self.weight])


class LooksJudge(nn.Module):
    """A garment on white to what its looks are made of, and to a logit per way of making it."""

    def __init__(self, config: LooksConfig) -> None:
        super().__init__()
        self.size = config.size
        self.trunk = ResNet(config.layers, 3, config.width)
        self.features = config.width * (4 + 8)
        self.tell = nn.Linear(self.features, config.ways)

    def forward(self, pictures: Tensor) -> Tensor:
        """N x 3 x S x S in [-1, 1] to N x ways."""
        return self.tell(self.see(pictures))

    def see(self, pictures: Tensor) -> Tensor:
        """Features (N x C) of the last two stages, wherever they are."""
        return torch.cat([stage.mean((2, 3)) for stage in self.trunk.pyramid(fit(pictures, self.size))[-2:]], 1)


def fit(pictures: Tensor, size: int) -> Tensor:
    """Pictures at a judge's own size."""
    if pictures.shape[2:] == (size, size):
        return pictures
    return F.interpolate(pictures, (size, size), mode="bilinear", antialias=True, align_corners=False)


JUDGES: dict[str, tuple[type[Any], type[nn.Module]]] = {
    "attributes": (ReaderConfig, AttributeJudge),
    "identity": (ReaderConfig, IdentityJudge),
    "head": (SegmenterConfig, SegmentJudge),
    "garment": (SegmenterConfig, SegmentJudge),
    "distance": (DistanceConfig, DistanceJudge),
    "looks": (LooksConfig, LooksJudge),
}


def load_judge(name: str, roots: Sequence[Path]) -> Any:
    """A judge in service, frozen."""
    kind, network = JUDGES[name]
    found = checkpoints.find(SUBJECT, name, roots)
    judge = network(kind(**found.card.config))
    checkpoints.fill(judge, checkpoints.load(found)[name], f"judge {name}")
    if isinstance(judge, AttributeJudge):
        judge.calibrate(found.card.validation)
    return judge.eval().requires_grad_(False)
