"""Residual trunks of 18, 34 and 50 layers (He 2015), and batch norms folded into convolutions for use after training."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

Network = TypeVar("Network", bound=nn.Module)
BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}


class ConvNorm(nn.Module):
    """A convolution and its batch norm."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(outputs)
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Features to normalised features, no activation."""
        return self.norm(self.conv(x))

    def fold(self) -> None:
        """The norm's running statistics go into the convolution; this cannot be undone."""
        if isinstance(self.norm, nn.BatchNorm2d):
            self.conv = fuse_conv_bn_eval(self.conv, self.norm)
            self.norm = nn.Identity()


class PlainBlock(nn.Module):
    """Two 3 x 3 convolutions and a shortcut."""

    growth = 1

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.first = ConvNorm(inputs, width, 3, stride)
        self.second = ConvNorm(width, width, 3)
        self.shortcut = ConvNorm(inputs, width, 1, stride) if stride > 1 or inputs != width else nn.Identity()
        _start_as_identity(self.second)

    def forward(self, x: Tensor) -> Tensor:
        """N x inputs x H x W to N x width x H/stride x W/stride."""
        return F.relu(self.second(F.relu(self.first(x))) + self.shortcut(x))


class Bottleneck(nn.Module):
    """1 x 1, 3 x 3, 1 x 1 and a shortcut; four times as wide outside as inside."""

    growth = 4

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = self.growth * width
        self.first = ConvNorm(inputs, width, 1)
        self.second = ConvNorm(width, width, 3, stride)
        self.third = ConvNorm(width, outputs, 1)
        self.shortcut = ConvNorm(inputs, outputs, 1, stride) if stride > 1 or inputs != outputs else nn.Identity()
        _start_as_identity(self.third)

    def forward(self, x: Tensor) -> Tensor:
        """N x inputs x H x W to N x 4 width x H/stride x W/stride."""
        return F.relu(self.third(F.relu(self.second(F.relu(self.first(x))))) + self.shortcut(x))


def _start_as_identity(last: ConvNorm) -> None:
    """A block begins as its shortcut alone, which makes deep trunks easier to start (Goyal 2017)."""
    assert isinstance(last.norm, nn.BatchNorm2d)
    nn.init.zeros_(last.norm.weight)


class ResNet(nn.Module):
    """The trunk without its classifier: pictures to features at 1/32 of their size, or at 1/16 without its pooling."""

    def __init__(self, depth: int, inputs: int = 3, width: int = 64, pooled: bool = True) -> None:
        super().__init__()
        if depth not in BLOCKS:
            raise ValueError(f"A residual trunk has {', '.join(map(str, BLOCKS))} layers, not {depth}.")
        kind = Bottleneck if depth == 50 else PlainBlock
        self.stem = ConvNorm(inputs, width, 7, 2)
        stages, channels = [], width
        for index, count in enumerate(BLOCKS[depth]):
            blocks = []
            for place in range(count):
                blocks.append(kind(channels, width * 2**index, stride=2 if index > 0 and place == 0 else 1))
                channels = width * 2**index * kind.growth
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)
        self.channels, self.pooled = channels, pooled

    def forward(self, pictures: Tensor) -> Tensor:
        """N x inputs x H x W in [-1, 1] to N x channels x H/32 x W/32 (not pooled: /16)."""
        return self.pyramid(pictures)[-1]

    def pyramid(self, pictures: Tensor) -> list[Tensor]:
        """Features at 1/4, 1/8, 1/16 and 1/32 of the pictures' size; at twice that where nothing is pooled."""
        x = F.relu(self.stem(pictures))
        x = F.max_pool2d(x, 3, 2, 1) if self.pooled else x
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features


def fold_norms(network: Network) -> Network:
    """A copy for use after training, with every batch norm folded into the convolution before it."""
    folded = copy.deepcopy(network).eval()
    for module in folded.modules():
        if isinstance(module, ConvNorm):
            module.fold()
    return folded


def lay_out(network: Network) -> Network:
    """The same network with its kernels' channels last, in which order processors convolve a single picture a third sooner."""
    network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    return network
