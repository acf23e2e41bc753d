"""The plain formulations of the papers' public code, kept as they are: what our fast ones must equal and are timed against.

Per-sample modulated weights with grouped convolution for StyleGAN2, every sample through the network for fields; those of
the ops (zero insertion and FIR, pooled windows of similarity) stand beside them as ``NAME_reference``.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from core.facefield.networks import REACH_METRES, Field, Prepared, encode_places, sample_grid
from core.facefield.render import FINE, STEPS, THROUGH, Placed, Rays, Rendered, find_shares, spread_steps, thickness
from core.facefield.template import FAR_METRES
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


def view_plain(field: Field, prepared: Prepared, rays: Rays, steps: int = STEPS, fine: int = FINE) -> Rendered:
    """Rays through a head as public code of feature fields runs it (Niemeyer 2021): every sample of every ray goes through
    the whole network, direction and all, and what lies outside the box is emptied afterwards."""
    travels = spread_steps([Placed(prepared)], rays, steps)
    distances, _ = _ask_all(field, prepared, rays, travels.expand(len(rays.directions), -1))
    lengths = travels[1:] - travels[:-1]
    depths = thickness(distances[:, :-1], distances[:, 1:], lengths, field.config.softness_metres)
    opacity = 1 - torch.exp(-depths.sum(1))
    at = find_shares(depths, distances, travels, fine, field.config.softness_metres)
    _, features = _ask_all(field, prepared, rays, at)
    seen = opacity > THROUGH
    return Rendered((features.mean(1) * opacity[:, None]) * seen[:, None], opacity, at.mean(1) * seen)


def _ask_all(field: Field, prepared: Prepared, rays: Rays, travels: Tensor) -> tuple[Tensor, Tensor]:
    """Distances (R, S) and features (R, S, C) of all samples, the direction's branch by sample."""
    places = (rays.origin + travels[..., None] * rays.directions[:, None]).flatten(0, 1)[None]
    directions = rays.directions[:, None].expand(-1, travels.shape[1], -1).flatten(0, 1)[None]
    distances, seen = _ask_plain(field, prepared, places)
    features = field.finish(prepared, seen, torch.ones(places.shape[:2]), directions)
    inside = (((places - field.box_centre) / field.box_half).abs() < 1).all(2)
    distances = torch.where(inside, distances, torch.ones_like(distances))
    return distances[0].unflatten(0, travels.shape), features[0].unflatten(0, travels.shape)


def _ask_plain(field: Field, prepared: Prepared, places: Tensor) -> tuple[Tensor, Tensor]:
    """Distances and what is seen (1, N, width) at places: each layer, then what the code does to it."""
    rest = (field.carry(prepared, places) - field.box_centre) / field.box_half
    shared = sample_grid(field.volume, rest, field.config.volume_nodes)
    own = (places - field.box_centre) / field.box_half
    x = torch.cat((encode_places(rest, field.config.frequencies), own, shared), -1)
    for layer, (scale, shift) in zip(field.layers, prepared.shape, strict=True):
        x = F.silu(layer(x) * scale + shift)
    distances = shared[..., 0] * FAR_METRES + field.distance(x)[..., 0] * REACH_METRES
    scale, shift = prepared.look
    return distances, F.silu(field.seen(x) * scale + shift)
