"""The generator of StyleGAN2 (Karras 2019 and 2020): mapping, modulated synthesis with noise, skip connections to RGB.

Activations are scaled instead of weights and demodulation is one matrix product, equal to the published form and cheaper.
The discriminator stands in ``discriminator.py``, training's augmentations in ``augment.py``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.ops import build
from core.ops.bias_act import bias_act
from core.ops.upfirdn2d import make_taps, upfirdn2d

Noise = Literal["random", "fixed", "none"]


@dataclass(frozen=True)
class Config:
    """Shape of a generator and its discriminator."""

    size: int = 256
    """Pixels of a side, a power of two."""
    code_width: int = 512
    """Numbers in z and in w."""
    channel_base: int = 16384
    """Channels at a resolution are this over the resolution, at most ``channel_limit``."""
    channel_limit: int = 512
    mapping_layers: int = 8
    condition_width: int = 0
    """Numbers of a condition (a one-hot class); 0 draws unconditionally."""
    clamp: float | None = 256.0
    """Activations are held within this, which keeps half precision safe (Karras 2020b)."""

    def __post_init__(self) -> None:
        if self.size < 8 or self.size & (self.size - 1):
            raise ValueError(f"A generator draws 8, 16, 32 ... pixels a side, not {self.size}.")
        if min(self.code_width, self.channel_base, self.channel_limit, self.mapping_layers) < 1:
            raise ValueError(f"Widths and numbers of layers are positive, unlike in {self}.")

    @classmethod
    def small(cls) -> Config:
        """Half the channels at 128 px: what a CPU can train."""
        return cls(size=128, code_width=256, channel_base=8192, channel_limit=256)

    @classmethod
    def tiny(cls) -> Config:
        """For tests."""
        return cls(size=16, code_width=16, channel_base=128, channel_limit=16)

    @property
    def resolutions(self) -> tuple[int, ...]:
        """4, 8, ... up to the picture's."""
        return tuple(2**power for power in range(2, int(math.log2(self.size)) + 1))

    @property
    def layer_count(self) -> int:
        """How many codes w the synthesis takes, one per layer and one for the last RGB."""
        return 2 * len(self.resolutions)

    def channels(self, resolution: int) -> int:
        """Width of the features at a resolution."""
        return min(self.channel_base // resolution, self.channel_limit)


class Linear(nn.Module):
    """A fully connected layer whose learning rate is equalised (Karras 2018)."""

    def __init__(self, inputs: int, outputs: int, act: str = "linear", rate: float = 1.0, bias: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.full((outputs,), float(bias)))
        self.scale, self.rate, self.act = rate / math.sqrt(inputs), rate, act

    def forward(self, x: Tensor) -> Tensor:
        """Rows of inputs to rows of outputs."""
        bias = self.bias if self.rate == 1.0 else self.bias * self.rate
        if self.act == "linear":
            return connect(x, self.weight * self.scale, bias)
        return bias_act(connect(x, self.weight * self.scale), bias, self.act)


def connect(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """A matrix product at the weights' own precision, also where autocast lowers it: codes and styles need it."""
    kind = x.device.type
    if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind):
        with torch.autocast(kind, enabled=False):
            return F.linear(x.to(weight.dtype), weight, bias)
    return F.linear(x, weight, bias)


def normalise_moment(x: Tensor) -> Tensor:
    """Rows of mean square one."""
    return x * (x.square().mean(dim=1, keepdim=True) + 1e-8).rsqrt()


class Mapping(nn.Module):
    """z to w, with the running mean of w that truncation pulls towards."""

    average: Tensor

    def __init__(self, config: Config) -> None:
        super().__init__()
        width = config.code_width
        self.embed = Linear(config.condition_width, width) if config.condition_width else None
        first = 2 * width if config.condition_width else width
        self.layers = nn.ModuleList(
            Linear(first if index == 0 else width, width, "lrelu", rate=0.01) for index in range(config.mapping_layers)
        )
        self.register_buffer("average", torch.zeros(width))

    def forward(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """Codes N x width to codes N x width."""
        x = normalise_moment(z)
        if self.embed is not None:
            if condition is None:
                raise ValueError("This generator draws under a condition; give one row of numbers per code.")
            x = torch.cat((x, normalise_moment(self.embed(condition))), dim=1)
        for layer in self.layers:
            x = layer(x)
        return x

    @torch.no_grad()
    def begin_straight(self, lift: float = 3.0) -> None:
        """Starts as w = lrelu(z): all but the last layer pass what they get, lifted to where the activation is straight.

        Random layers scramble z, and at their low rate unscramble it only over millions of pictures; where codes have
        a meaning from the start, that is the time until the synthesis can hear it.
        """
        gain, last = math.sqrt(2.0), len(self.layers) - 1
        for place, layer in enumerate(self.layers):
            assert isinstance(layer, Linear)
            passed = torch.eye(*layer.weight.shape, device=layer.weight.device)
            ends = place == last
            layer.weight.copy_(passed / layer.scale / (1.0 if ends else gain))
            lifted = (lift / gain if place == 0 and not ends else 0.0) - (lift if ends and last else 0.0)
            layer.bias.fill_(lifted / layer.rate)

    @torch.no_grad()
    def follow(self, w: Tensor, keep: float = 0.998) -> None:
        """Moves the running mean towards these codes."""
        self.average.copy_(w.detach().float().mean(dim=0).lerp(self.average, keep))

    def truncate(self, w: Tensor, strength: float) -> Tensor:
        """Codes pulled towards the mean: 1 leaves them, 0 gives the mean picture (Karras 2019, B)."""
        return self.average.lerp(w, strength)


class ModulatedConv(nn.Module):
    """A 3 x 3 convolution whose inputs a style scales and whose outputs are brought back to unit variance."""

    def __init__(self, inputs: int, outputs: int, width: int, up: int) -> None:
        super().__init__()
        self.affine = Linear(width, inputs, bias=1.0)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3))
        self.register_buffer("taps", make_taps(), persistent=False)
        self.up = up
        self._drawing: tuple[tuple[int, int, int], Tensor, Tensor, Tensor | None] | None = None

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Features under one code per picture."""
        style = self.affine(w)
        energy, kernel, packed = self._kernel(x)
        # Karras 2020, eq. 3: sum over i, k of (s_i w_ijk)^2 is s^2 times the weights' energy
        demodulation = torch.rsqrt(connect(style.square(), energy.to(style.dtype)) + 1e-8)
        if x.shape[0] == 1 and x.numel() > 2 * kernel.numel() and not torch.is_grad_enabled():
            # one picture: scaling the few weights is cheaper than the activations
            ins, outs = (1, 0) if self.up == 1 else (0, 1)
            kernel = kernel * _along(style[0], ins) * _along(demodulation[0], outs)
            return self._filter(self._convolve(x, kernel))
        x = x * style[:, :, None, None].to(x.dtype)
        x = self._convolve(x, kernel) if packed is None else _convolve_packed(x, packed, self.up)
        return self._filter(x) * demodulation[:, :, None, None].to(x.dtype)

    def _kernel(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Energy, kernel, and the kernel packed for oneDNN; while drawing they are kept until the weights change."""
        keeps = not torch.is_grad_enabled() and not build.tracing()
        stamp = (self.weight._version, self.weight.data_ptr(), x.shape[2]) if keeps else (0, 0, 0)
        if keeps and self._drawing is not None and self._drawing[0] == stamp:
            return self._drawing[1:]
        energy = self.weight.square().sum(dim=(2, 3))
        kernel, packed = self.weight if self.up == 1 else self.weight.transpose(0, 1), None
        if keeps:
            kernel = kernel.contiguous(memory_format=torch.channels_last)
            packed = _pack(kernel, x, self.up)
            self._drawing = (stamp, energy, kernel, packed)
        return energy, kernel, packed

    def _convolve(self, x: Tensor, kernel: Tensor) -> Tensor:
        kernel = kernel.to(x.dtype)
        return F.conv2d(x, kernel, padding=1) if self.up == 1 else F.conv_transpose2d(x, kernel, stride=2)

    def _filter(self, x: Tensor) -> Tensor:
        assert isinstance(self.taps, Tensor)
        return x if self.up == 1 else upfirdn2d(x, self.taps, padding=1, gain=4.0)

    def __getstate__(self) -> dict[str, Any]:
        """What a copy starts with: not the kernels kept for drawing."""
        return {**self.__dict__, "_drawing": None}


def _pack(kernel: Tensor, x: Tensor, up: int) -> Tensor | None:
    """The kernel in oneDNN's own order, which a convolution otherwise makes anew at every call; None where it cannot."""
    ops = torch.ops.mkldnn
    wanted = "_reorder_convolution_weight" if up == 1 else "_reorder_convolution_transpose_weight"
    if x.device.type != "cpu" or x.dtype != torch.float32 or not torch.backends.mkldnn.is_available():
        return None
    if not (hasattr(ops, wanted) and hasattr(ops, "_convolution_pointwise")):
        return None
    if up == 1:
        return ops._reorder_convolution_weight(kernel.contiguous(), (1, 1), (1, 1), (1, 1), 1, list(x.shape))
    return ops._reorder_convolution_transpose_weight(
        kernel.contiguous(), (0, 0), (0, 0), (2, 2), (1, 1), 1, list(x.shape)
    )


def _convolve_packed(x: Tensor, kernel: Tensor, up: int) -> Tensor:
    ops = torch.ops.mkldnn
    if up == 1:
        return ops._convolution_pointwise(x, kernel, None, [1, 1], [1, 1], [1, 1], 1, "none", [], "")
    return ops._convolution_transpose_pointwise(x, kernel, None, [0, 0], [0, 0], [2, 2], [1, 1], 1, "none", [], "")


def _along(vector: Tensor, dimension: int) -> Tensor:
    """A vector that broadcasts along one dimension of a kernel."""
    return vector.reshape([-1 if index == dimension else 1 for index in range(4)])


class SynthesisLayer(nn.Module):
    """Modulated convolution, noise, bias and activation."""

    noise: Tensor

    def __init__(self, config: Config, inputs: int, resolution: int, up: int = 1) -> None:
        super().__init__()
        outputs = config.channels(resolution)
        self.conv = ModulatedConv(inputs, outputs, config.code_width, up)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.noise_strength = nn.Parameter(torch.zeros(()))
        self.register_buffer("noise", torch.randn(resolution, resolution))
        self.clamp = config.clamp

    def forward(self, x: Tensor, w: Tensor, noise: Noise = "random", spatial: Tensor | None = None) -> Tensor:
        """``spatial``, if given, is added to the features before the activation."""
        x = self.conv(x, w)
        if noise == "random":
            x = x + torch.randn_like(x[:, :1]) * self.noise_strength
        elif noise == "fixed":
            x = x + (self.noise * self.noise_strength).to(x.dtype)
        if spatial is not None:
            x = x + spatial.to(x.dtype)
        return bias_act(x, self.bias, "lrelu", clamp=self.clamp)


class ToRGB(nn.Module):
    """Features to colours: a modulated 1 x 1 convolution without demodulation, as one matrix product a picture."""

    def __init__(self, config: Config, inputs: int) -> None:
        super().__init__()
        self.affine = Linear(config.code_width, inputs, bias=1.0)
        self.weight = nn.Parameter(torch.randn(3, inputs))
        self.bias = nn.Parameter(torch.zeros(3))
        self.scale, self.clamp = 1.0 / math.sqrt(inputs), config.clamp

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Colours N x 3 x H x W, not limited to [-1, 1]."""
        style = self.affine(w) * self.scale
        kernel = (self.weight[None] * style[:, None, :]).to(x.dtype)
        count, channels, height, width = x.shape
        rows = x.permute(0, 2, 3, 1).reshape(count, height * width, channels)  # free for channels-last features
        colours = torch.bmm(rows, kernel.transpose(1, 2)).float() + self.bias.float()
        colours = colours if self.clamp is None else colours.clamp(-self.clamp, self.clamp)
        return colours.reshape(count, height, width, 3).permute(0, 3, 1, 2)


class SynthesisBlock(nn.Module):
    """One resolution: up-sampling layer, layer, and its contribution to the picture."""

    def __init__(self, config: Config, resolution: int) -> None:
        super().__init__()
        inputs, outputs = config.channels(resolution // 2), config.channels(resolution)
        self.first = SynthesisLayer(config, inputs, resolution, up=2) if resolution > 4 else None
        self.second = SynthesisLayer(config, outputs, resolution)
        self.to_rgb = ToRGB(config, outputs)


class Synthesis(nn.Module):
    """One code per layer to a picture."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.start = nn.Parameter(torch.randn(config.channels(4), 4, 4))
        self.blocks = nn.ModuleList(SynthesisBlock(config, resolution) for resolution in config.resolutions)
        self.register_buffer("taps", make_taps(), persistent=False)
        self.layer_count = config.layer_count

    def forward(self, codes: Tensor, noise: Noise = "random", spatial: Sequence[Tensor | None] | None = None) -> Tensor:
        """Codes N x layers x width to pictures; ``spatial`` holds, per layer, what is added to its features, or None."""
        if codes.ndim != 3 or codes.shape[1] != self.layer_count:
            raise ValueError(f"Codes are N x {self.layer_count} x width, not {tuple(codes.shape)}.")
        added: Sequence[Tensor | None] = spatial if spatial is not None else [None] * (self.layer_count - 1)
        if len(added) != self.layer_count - 1:
            raise ValueError(f"{self.layer_count - 1} layers take spatial features, {len(added)} were given.")
        x = self.start[None].expand(codes.shape[0], -1, -1, -1).contiguous(memory_format=torch.channels_last)
        picture, layer = None, 0
        for block in self.blocks:
            assert isinstance(block, SynthesisBlock)
            for convolve in (block.first, block.second):
                if convolve is not None:
                    x = convolve(x, codes[:, layer], noise, added[layer])
                    layer += 1
            colours = block.to_rgb(x, codes[:, layer])
            picture = colours if picture is None else colours + self._raise(picture)
        assert picture is not None
        return picture

    def _raise(self, picture: Tensor) -> Tensor:
        assert isinstance(self.taps, Tensor)
        return upfirdn2d(picture, self.taps, up=2, padding=(2, 1, 2, 1), gain=4.0)


class Generator(nn.Module):
    """Mapping and synthesis under one roof."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.mapping = Mapping(config)
        self.synthesis = Synthesis(config)

    @torch.no_grad()
    def begin_straight(self) -> None:
        """Starts with a straight mapping and with styles that hardly differ: for codes that have a meaning from the start."""
        self.mapping.begin_straight()
        for module in self.synthesis.modules():
            if isinstance(module, (ModulatedConv, ToRGB)):
                module.affine.weight.mul_(0.1)

    def forward(
        self, z: Tensor, condition: Tensor | None = None, truncation: float = 1.0, noise: Noise = "random"
    ) -> Tensor:
        """Random codes to pictures N x 3 x size x size."""
        w = self.mapping.truncate(self.mapping(z, condition), truncation)
        return self.synthesis(self.spread(w), noise)

    def spread(self, w: Tensor) -> Tensor:
        """One code per picture, the same for every layer."""
        return w[:, None].expand(-1, self.config.layer_count, -1)

    def mix(self, w: Tensor, other: Tensor, chance: float = 0.9) -> Tensor:
        """Codes for every layer; with ``chance`` those from a random layer on come from ``other`` (Karras 2019, 3.1)."""
        count, layers = w.shape[0], self.config.layer_count
        crossing = torch.randint(1, layers, (count, 1, 1), device=w.device)
        crossing = torch.where(torch.rand(count, 1, 1, device=w.device) < chance, crossing, layers)
        takes_other = torch.arange(layers, device=w.device)[None, :, None] >= crossing
        return torch.where(takes_other, other[:, None], w[:, None])
