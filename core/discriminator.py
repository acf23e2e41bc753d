"""The residual discriminator of StyleGAN2 (Karras 2020), with the minibatch's deviation as a feature (Karras 2018)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.ops.bias_act import bias_act
from core.ops.upfirdn2d import make_taps, upfirdn2d
from core.stylegan2 import Config, Linear


class Conv(nn.Module):
    """A convolution of equalised learning rate, filtered before it halves the picture."""

    def __init__(self, inputs: int, outputs: int, kernel: int, down: int = 1, act: str = "lrelu") -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs)) if act != "linear" else None
        self.register_buffer("taps", make_taps(), persistent=False)
        self.scale, self.down, self.act = 1.0 / math.sqrt(inputs * kernel**2), down, act

    def forward(self, x: Tensor, gain: float = 1.0, clamp: float | None = None) -> Tensor:
        """Features to features; ``gain`` multiplies after the activation."""
        assert isinstance(self.taps, Tensor)
        kernel, reach = self.weight * self.scale, self.weight.shape[2] // 2
        if self.bias is None:
            kernel = kernel * gain
        if self.down == 1:
            x = F.conv2d(x, kernel.to(x.dtype), padding=reach)
        elif reach == 0:
            x = F.conv2d(upfirdn2d(x, self.taps, down=2, padding=1), kernel.to(x.dtype))
        else:
            x = F.conv2d(upfirdn2d(x, self.taps, padding=2), kernel.to(x.dtype), stride=2)
        if self.bias is None:
            return x
        return bias_act(x, self.bias, self.act, gain * math.sqrt(2.0), None if clamp is None else clamp * gain)


class Block(nn.Module):
    """Two convolutions and a shortcut that halve the picture."""

    def __init__(self, config: Config, resolution: int) -> None:
        super().__init__()
        inputs, outputs = config.channels(resolution), config.channels(resolution // 2)
        self.first = Conv(inputs, inputs, 3)
        self.second = Conv(inputs, outputs, 3, down=2)
        self.shortcut = Conv(inputs, outputs, 1, down=2, act="linear")
        self.clamp = config.clamp

    def forward(self, x: Tensor) -> Tensor:
        """Both ways, each with half the variance."""
        across = self.shortcut(x, gain=math.sqrt(0.5))
        return across + self.second(self.first(x, clamp=self.clamp), gain=math.sqrt(0.5), clamp=self.clamp)


def append_deviation(x: Tensor, group: int = 4) -> Tensor:
    """The features and one more channel: how much the pictures of a group differ (Karras 2018, 3)."""
    count, channels, height, width = x.shape
    size = math.gcd(count, group)
    grouped = x.float().reshape(size, count // size, channels, height, width)
    deviation = (grouped.var(dim=0, unbiased=False) + 1e-8).sqrt().mean(dim=(1, 2, 3))
    spread = deviation.repeat(size).reshape(count, 1, 1, 1).expand(-1, -1, height, width)
    return torch.cat((x, spread.to(x.dtype)), dim=1)


class Discriminator(nn.Module):
    """Pictures to one number each: how real they look."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.from_rgb = Conv(3, config.channels(config.size), 1)
        self.blocks = nn.ModuleList(Block(config, resolution) for resolution in reversed(config.resolutions[1:]))
        last = config.channels(4)
        self.conv = Conv(last + 1, last, 3)
        self.hidden = Linear(last * 16, last, "lrelu")
        self.embed = Linear(config.condition_width, last) if config.condition_width else None
        self.score = Linear(last, last if config.condition_width else 1)

    def forward(self, pictures: Tensor, condition: Tensor | None = None) -> Tensor:
        """N x 3 x size x size to N scores."""
        x = self.from_rgb(pictures.contiguous(memory_format=torch.channels_last), clamp=self.config.clamp)
        for block in self.blocks:
            x = block(x)
        x = self.conv(append_deviation(x), clamp=self.config.clamp)
        x = self.score(self.hidden(x.flatten(1)))
        if self.embed is not None:
            if condition is None:
                raise ValueError("This discriminator judges under a condition; give one row of numbers per picture.")
            # projection (Miyato 2018)
            return (x * self.embed(condition)).sum(dim=1) / math.sqrt(x.shape[1])
        return x[:, 0].float()
