"""The plain formulations of the papers' public code, kept as they are: what our fast ones must equal and are timed against.

Per-sample modulated weights with grouped convolution for StyleGAN2; those of the ops (zero insertion and FIR, pooled
windows of similarity) stand beside them as ``NAME_reference``.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from core.ops.bias_act import bias_act_reference
from core.ops.upfirdn2d import upfirdn2d_reference
from core.stylegan2 import Generator, ModulatedConv, Synthesis, SynthesisBlock, SynthesisLayer, ToRGB


def modulate_grouped(x: Tensor, weight: Tensor, style: Tensor, demodulate: bool) -> tuple[Tensor, Tensor]:
    """Pictures laid side by side as channels, and one kernel per picture for a grouped convolution (Karras 2020, 2.2)."""
    kernels = weight[None] * style[:, None, :, None, None]
    if demodulate:
        kernels = kernels * (kernels.square().sum(dim=(2, 3, 4), keepdim=True) + 1e-8).rsqrt()
    return x.reshape(1, -1, *x.shape[2:]), kernels


def convolve_plain(layer: ModulatedConv, x: Tensor, w: Tensor) -> Tensor:
    """A modulated convolution with one set of weights per picture."""
    count, taps = x.shape[0], layer.get_buffer("taps")
    side_by_side, kernels = modulate_grouped(x, layer.weight, layer.affine(w), demodulate=True)
    outputs, inputs = kernels.shape[1:3]
    if layer.up == 1:
        y = F.conv2d(side_by_side, kernels.reshape(-1, inputs, 3, 3), padding=1, groups=count)
        return y.reshape(count, outputs, *y.shape[2:])
    turned = kernels.transpose(1, 2).reshape(-1, outputs, 3, 3)
    y = F.conv_transpose2d(side_by_side, turned, stride=2, groups=count)
    y = upfirdn2d_reference(y, taps, padding=1, gain=4.0)
    return y.reshape(count, outputs, *y.shape[2:])


def layer_plain(layer: SynthesisLayer, x: Tensor, w: Tensor) -> Tensor:
    """One layer with its fixed noise."""
    x = convolve_plain(layer.conv, x, w) + layer.noise * layer.noise_strength
    return bias_act_reference(x, layer.bias, "lrelu", clamp=layer.clamp)


def to_rgb_plain(layer: ToRGB, x: Tensor, w: Tensor) -> Tensor:
    """Features to colours by grouped 1 x 1 convolution."""
    style = layer.affine(w) * layer.scale
    side_by_side, kernels = modulate_grouped(x, layer.weight[:, :, None, None], style, demodulate=False)
    y = F.conv2d(side_by_side, kernels.reshape(-1, x.shape[1], 1, 1), groups=x.shape[0])
    return bias_act_reference(y.reshape(x.shape[0], 3, *y.shape[2:]), layer.bias, "linear", clamp=layer.clamp)


def synthesis_plain(synthesis: Synthesis, codes: Tensor) -> Tensor:
    """Codes N x layers x width to pictures, with fixed noise."""
    x, picture, layer = synthesis.start[None].repeat(codes.shape[0], 1, 1, 1), None, 0
    for block in synthesis.blocks:
        assert isinstance(block, SynthesisBlock)
        for convolve in (block.first, block.second):
            if convolve is not None:
                x = layer_plain(convolve, x, codes[:, layer])
                layer += 1
        colours = to_rgb_plain(block.to_rgb, x, codes[:, layer])
        if picture is not None:
            raised = upfirdn2d_reference(picture, synthesis.get_buffer("taps"), up=2, padding=(2, 1, 2, 1), gain=4.0)
            colours = colours + raised
        picture = colours
    assert picture is not None
    return picture


def draw_plain(generator: Generator, z: Tensor) -> Tensor:
    """Random codes to pictures."""
    return synthesis_plain(generator.synthesis, generator.spread(generator.mapping(z)))
