"""A shape's features and a texture's, added layer by layer, are what the generator draws (stage 2).

What an encoder is shown is made here too: a mask with its coordinates, and a cloth carried on over the whole picture.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from core.garment.networks import Features
from core.garment.weave import carry_on, weave
from core.stylegan2 import Generator


def show_shape(mask: Tensor) -> Tensor:
    """Masks N x 1 x S x S in 0..1 as the shape encoder sees them."""
    axis = torch.linspace(-1, 1, mask.shape[-1], device=mask.device)
    rows, columns = torch.meshgrid(axis, axis, indexing="ij")
    where = torch.stack((columns, rows)).expand(len(mask), -1, -1, -1)
    return torch.cat((mask * 2 - 1, where.to(mask.dtype)), 1)


def show_texture(cloth: Tensor, seen: Tensor) -> Tensor:
    """Cloths N x 3 x S x S in [-1, 1], and where they are seen (N x 1 x S x S), as the texture encoder sees them: print and
    colours carried on over all of the picture, so that it need not invent what a cloth says itself."""
    return torch.cat((weave(cloth, seen), carry_on(cloth, seen), seen * 2 - 1), 1)


def fuse(shape: Features, texture: Features) -> Features:
    """The sum of both, layer by layer."""
    maps = [one + other for one, other in zip(shape.spatial, texture.spatial, strict=True)]
    return Features(shape.styles + texture.styles, maps)


def draw(generator: Generator, features: Features) -> Tensor:
    """The picture of fused features, N x 3 x S x S about [-1, 1]."""
    codes = generator.mapping.average + features.styles
    return generator.synthesis(codes, "fixed", features.spatial)


class Mixer(nn.Module):
    """Both encoders and the frozen generator as one network."""

    def __init__(self, generator: Generator, shape: nn.Module, texture: nn.Module) -> None:
        super().__init__()
        self.generator, self.shape, self.texture = generator, shape, texture

    def forward(self, mask: Tensor, cloth: Tensor, seen: Tensor) -> Tensor:
        """Masks, cloths and where these are seen to garments N x 3 x S x S."""
        return draw(self.generator, fuse(self.shape(show_shape(mask)), self.texture(show_texture(cloth, seen))))
