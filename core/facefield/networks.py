"""The feature field of a head, the field of the background, the neural renderer and the photo encoder.

A sample is carried to the mean head (template.py), where all heads share a learned volume; layers that z_s modulates say
how far it is from the surface, a layer that z_a modulates what is seen there. The direction's branch and the last layer run
once a ray: both are linear in the samples' weights (render.py).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.facefield.codes import LOOK_WIDTH, SHAPE, SHAPE_WIDTH, FaceCodes, block
from core.facefield.config import Config
from core.facefield.template import (
    BOX_CENTRE,
    BOX_HALF,
    FAR_METRES,
    WARP_CENTRE,
    WARP_HALF,
    displacement_basis,
    mean_distances,
)
from core.ops.upfirdn2d import make_taps, upfirdn2d
from core.resnet import ResNet

REACH_METRES = 0.03
"""What a layer's output of one is as a distance."""
CAMERA_WIDTH = 7
"""Numbers that say where a portrait was taken from (camera.py)."""
FACE_SHARE = 0.6
"""Share of a portrait's side that the face takes up."""
_DIRECTION, _GROUND_OCTAVES = 9, 3


@dataclass(frozen=True)
class Prepared:
    """What the codes of B heads make of the field; made once, used for every sample."""

    warp: Tensor
    """(B * nodes^3, 3) metres by which a head's places lie off the mean head's."""
    shape: tuple[tuple[Tensor, Tensor], ...]
    """Scale and shift (B, 1, width) of each layer of the density."""
    look: tuple[Tensor, Tensor]
    glance: tuple[Tensor, Tensor]
    """The same for the layer of what is seen and for the direction's branch."""
    ground: tuple[Tensor, Tensor]
    """The same for the background."""

    @property
    def count(self) -> int:
        """How many heads."""
        return self.look[0].shape[0]

    def pick(self, place: int) -> Prepared:
        """One of the heads."""
        rows = len(self.warp) // self.count

        def one(pair: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
            return pair[0][place : place + 1], pair[1][place : place + 1]

        warp = self.warp[place * rows : (place + 1) * rows]
        return Prepared(
            warp, tuple(one(pair) for pair in self.shape), one(self.look), one(self.glance), one(self.ground)
        )


class CodeReader(nn.Module):
    """Parameters of a code to scales and shifts of layers."""

    def __init__(self, inputs: int, hidden: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.widths = widths
        self.first, self.second = nn.Linear(inputs, hidden), nn.Linear(hidden, hidden)
        self.last = nn.Linear(hidden, 2 * sum(widths))
        nn.init.normal_(self.last.weight, std=0.3 / math.sqrt(hidden))
        nn.init.zeros_(self.last.bias)

    def forward(self, parameters: Tensor) -> list[tuple[Tensor, Tensor]]:
        """(B, inputs) about standard normal to pairs of (B, 1, width)."""
        hidden = F.silu(self.first(parameters))
        rows = self.last(hidden + F.silu(self.second(hidden)))[:, None]
        pairs = rows.split([2 * width for width in self.widths], 2)
        return [(1 + pair.chunk(2, 2)[0], pair.chunk(2, 2)[1]) for pair in pairs]


def sample_grid(table: Tensor, places: Tensor, nodes: int) -> Tensor:
    """Trilinear readings (B, N, C) of grids, nodes^3 rows a head or for all, at places (B, N, 3) in -1..1; clamped."""
    at = (places.float().clamp(-1, 1) + 1) * (0.5 * (nodes - 1))
    low = at.detach().floor().clamp(max=nodes - 2)
    part, corner = at - low, low.long()
    across = torch.stack((1 - part, part), -1)
    weight = across[..., 2, :, None, None] * across[..., 1, None, :, None] * across[..., 0, None, None, :]
    step = torch.tensor([0, 1], device=places.device)
    ways = (step[:, None, None] * nodes + step[None, :, None]) * nodes + step
    start = (corner[..., 2] * nodes + corner[..., 1]) * nodes + corner[..., 0]
    if len(table) > nodes**3:
        start = start + torch.arange(len(places), device=places.device)[:, None] * nodes**3
    rows = (start[..., None] + ways.flatten()).flatten(0, -2)
    weight = weight.flatten(2).flatten(0, 1)
    read = F.embedding_bag(rows, table.float(), per_sample_weights=weight, mode="sum")
    return read.unflatten(0, places.shape[:2])


def encode_places(places: Tensor, frequencies: int) -> Tensor:
    """Places (..., 2 or 3) in -1..1 with sines and cosines of octaves (Mildenhall 2020, eq. 4)."""
    octaves = torch.pi * 2.0 ** torch.arange(frequencies, device=places.device)
    turned = (places[..., None] * octaves).flatten(-2)
    return torch.cat((places, turned.sin(), turned.cos()), -1)


def encode_directions(directions: Tensor) -> Tensor:
    """Unit directions (..., 3) with their products: harmonics of the first orders."""
    x, y, z = directions.unbind(-1)
    return torch.cat((directions, torch.stack((x * y, y * z, x * z, x * x, y * y, z * z), -1)), -1)


def modulate(layer: nn.Module, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """A layer's output (B, N, C) scaled and shifted by its head's code (B, 1, C); one head's goes into the weights."""
    assert isinstance(layer, nn.Linear)
    if len(scale) > 1:
        return layer(x) * scale + shift
    return F.linear(x, layer.weight * scale[0, 0, :, None], layer.bias * scale[0, 0] + shift[0, 0])


class Field(nn.Module):
    """Generative feature field of heads, in each head's own frame, and of what is behind them."""

    box_centre: Tensor
    box_half: Tensor
    warp_centre: Tensor
    warp_half: Tensor
    shape_middle: Tensor
    shape_spread: Tensor
    look_middle: Tensor
    look_spread: Tensor

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        for name, value in (
            ("box_centre", BOX_CENTRE), ("box_half", BOX_HALF), ("warp_centre", WARP_CENTRE), ("warp_half", WARP_HALF),
        ):  # fmt: skip
            self.register_buffer(name, torch.tensor(value), persistent=False)
        for name, width in (("shape", SHAPE_WIDTH), ("look", LOOK_WIDTH)):
            self.register_buffer(f"{name}_middle", torch.zeros(width))
            self.register_buffer(f"{name}_spread", torch.ones(width))
        self.codes = FaceCodes()
        width, encoded = config.width, 3 + 6 * config.frequencies
        self.volume = nn.Parameter(torch.randn(config.volume_nodes**3, config.volume_channels) * 0.05)
        with torch.no_grad():
            self.volume[:, 0] = mean_distances(config.volume_nodes) / FAR_METRES
        self.read_shape = CodeReader(SHAPE_WIDTH, config.code_width, (width,) * config.layers)
        self.read_look = CodeReader(LOOK_WIDTH, config.code_width, (width, _glance_width(config), width))
        sides = [encoded + 3 + config.volume_channels, *[width] * config.layers]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(sides))
        self.distance = nn.Linear(width, 1)
        nn.init.normal_(self.distance.weight, std=0.02)
        nn.init.zeros_(self.distance.bias)
        self.seen = nn.Linear(width, width)
        self.features = nn.Linear(width, config.features)
        self.glance = nn.Linear(_DIRECTION, _glance_width(config))
        self.glance_features = nn.Linear(_glance_width(config), config.features)
        self.ground = nn.Linear(2 + 4 * _GROUND_OCTAVES, width)
        self.ground_hidden, self.ground_features = nn.Linear(width, width), nn.Linear(width, config.features)

    @torch.no_grad()
    def fit_codes(self, parameters: Tensor, seeds: Tensor) -> None:
        """The codes' tables, and what of parameters is usual."""
        self.codes.fit(parameters, seeds)
        middle, spread = parameters.mean(0), parameters.std(0).clamp_min(1e-3)
        self.shape_middle.copy_(middle[:SHAPE_WIDTH])
        self.shape_spread.copy_(spread[:SHAPE_WIDTH])
        self.look_middle.copy_(middle[SHAPE_WIDTH:])
        self.look_spread.copy_(spread[SHAPE_WIDTH:])

    def prepare(self, shape: Tensor, look: Tensor) -> Prepared:
        """What codes z_s (B, SHAPE_WIDTH) and z_a (B, LOOK_WIDTH) make of the field."""
        return self.prepare_parameters(*self.codes.decode(shape, look))

    def prepare_parameters(self, shape: Tensor, look: Tensor) -> Prepared:
        """The same from the parameters that codes stand for."""
        moved = torch.cat((shape[:, block(SHAPE, "identity")], shape[:, block(SHAPE, "controllers")]), 1)
        basis = displacement_basis(self.config.warp_nodes).to(shape.device)
        with torch.autocast(shape.device.type, enabled=False):
            warp = (moved.float() @ basis).reshape(-1, 3)
        layers = self.read_shape(((shape - self.shape_middle) / self.shape_spread).clamp(-4, 4))
        seen, glance, ground = self.read_look(((look - self.look_middle) / self.look_spread).clamp(-4, 4))
        return Prepared(warp, tuple(layers), seen, glance, ground)

    def carry(self, prepared: Prepared, places: Tensor) -> Tensor:
        """Places (B, N, 3) of these heads to those of the mean head that they grew from."""

        def off(at: Tensor) -> Tensor:
            return sample_grid(prepared.warp, (at - self.warp_centre) / self.warp_half, self.config.warp_nodes)

        return places - off(places - off(places))

    def grow(self, prepared: Prepared, places: Tensor) -> Tensor:
        """Places (B, N, 3) of the mean head to those of these heads: what ``carry`` undoes."""
        at = (places - self.warp_centre) / self.warp_half
        return places + sample_grid(prepared.warp, at, self.config.warp_nodes)

    def measure(self, prepared: Prepared, places: Tensor) -> tuple[Tensor, Tensor]:
        """Distances (B, N) in metres from the surface, negative inside, and hidden features, at places (B, N, 3)."""
        rest = (self.carry(prepared, places) - self.box_centre) / self.box_half
        own = (places - self.box_centre) / self.box_half
        shared = sample_grid(self.volume, rest, self.config.volume_nodes)
        x = torch.cat((encode_places(rest, self.config.frequencies), own, shared), -1)
        for layer, (scale, shift) in zip(self.layers, prepared.shape, strict=True):
            x = F.silu(modulate(layer, x, scale, shift))
        distance = shared[..., 0] * FAR_METRES + self.distance(x)[..., 0].float() * REACH_METRES
        return distance, x

    def look_at(self, prepared: Prepared, hidden: Tensor) -> Tensor:
        """What is seen at samples (B, N, width) with these hidden features, before the last layer."""
        scale, shift = prepared.look
        return F.silu(modulate(self.seen, hidden, scale, shift))

    def finish(self, prepared: Prepared, gathered: Tensor, opacity: Tensor, directions: Tensor) -> Tensor:
        """Features (B, R, features) of rays: of what was gathered along them, and of the direction they look in."""
        scale, shift = prepared.glance
        glance = F.silu(self.glance(encode_directions(directions)) * scale + shift)
        # the last layer's offset and the direction's branch count as often as there is something to see
        own = (
            F.linear(gathered, self.features.weight)
            + (self.features.bias + self.glance_features(glance)) * (opacity[..., None])
        )
        return own.float()

    def behind(self, prepared: Prepared, places: Tensor) -> Tensor:
        """Features (B, R, features) of the background at places (B, R, 2) in -1..1 of the picture."""
        encoded = encode_places(places, _GROUND_OCTAVES)
        scale, shift = prepared.ground
        x = F.silu(self.ground(encoded) * scale + shift)
        return self.ground_features(F.silu(self.ground_hidden(x))).float()

    def density(self, distance: Tensor) -> Tensor:
        """Opacity per metre of places at these distances from the surface."""
        return torch.sigmoid(-distance / self.config.softness_metres) / self.config.softness_metres


def _glance_width(config: Config) -> int:
    return max(8, config.width // 3)


class NeuralRenderer(nn.Module):
    """Feature pictures to pictures: fully connected per pixel, filtered doubling between (Niemeyer 2021)."""

    taps: Tensor

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.register_buffer("taps", make_taps(), persistent=False)
        width = config.renderer_width
        self.first = nn.Conv2d(config.features + 1, width, 1)
        self.layers = nn.ModuleList(nn.Conv2d(width, width, 1) for _ in range(2 * config.enlargements))
        self.colours = nn.ModuleList(nn.Conv2d(width, 3, 1) for _ in range(config.enlargements))
        for colour in self.colours:
            assert isinstance(colour, nn.Conv2d) and colour.bias is not None  # noqa: PT018
            nn.init.normal_(colour.weight, std=0.01)
            nn.init.zeros_(colour.bias)

    def forward(self, features: Tensor, opacity: Tensor) -> Tensor:
        """B x features x H x W and B x 1 x H x W to B x 3 x 2^n H x 2^n W in about [-1, 1]."""
        drawn = features[:, :3]
        x = F.silu(self.first(torch.cat((features, opacity), 1)))
        for place, colour in enumerate(self.colours):
            x = F.silu(self.layers[2 * place](x)) + x
            x, drawn = self._double(x), self._double(drawn)
            x = F.silu(self.layers[2 * place + 1](x)) + x
            drawn = drawn + colour(x)
        return drawn

    def _double(self, x: Tensor) -> Tensor:
        beyond = F.pad(x, (1, 1, 1, 1), mode="replicate")  # or the picture gets a rim
        return upfirdn2d(beyond, self.taps, up=2, padding=(0, -1, 0, -1), gain=4.0)


class FeatureReader(nn.Module):
    """The first encoder of the identity loss: reads the feature picture; the second, frozen, reads the real picture."""

    def __init__(self, config: Config, channels: int, shrink: int) -> None:
        super().__init__()
        width = config.identity_width
        layers: list[nn.Module] = [nn.Conv2d(config.features + 1, width, 3, 1, 1), nn.SiLU()]
        for _ in range(shrink):
            layers += [nn.Conv2d(width, width, 3, 2, 1), nn.SiLU()]
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, channels, 3, 1, 1))

    def forward(self, features: Tensor, opacity: Tensor) -> Tensor:
        """B x features x S x S to B x channels x S/2^shrink x S/2^shrink."""
        return self.layers(torch.cat((features, opacity), 1))


class PhotoEncoder(nn.Module):
    """A framed portrait to the scores of its codes and to where it was taken from: the face looked at closely, the
    whole with half an eye."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.size, self.whole = config.encoder_size, round(config.encoder_size / FACE_SHARE)
        self.trunk = ResNet(config.encoder_layers, 3, config.encoder_width)
        self.glance = ResNet(18, 3, max(4, config.encoder_width // 2))
        cells, glance_cells = (self.size // 32) ** 2, math.ceil(self.size * 2 // 3 / 32) ** 2
        self.hidden = nn.Linear(cells * self.trunk.channels + glance_cells * self.glance.channels, 512)
        self.read = nn.Linear(512, SHAPE_WIDTH + LOOK_WIDTH + CAMERA_WIDTH)
        nn.init.normal_(self.read.weight, std=0.01)
        nn.init.zeros_(self.read.bias)

    def forward(self, portraits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """N x 3 x S x S in [-1, 1] to scores of shape and look, and the camera's numbers."""
        whole = fit_size(portraits, self.whole)
        start = (self.whole - self.size) // 2
        near = self.trunk(whole[:, :, start : start + self.size, start : start + self.size]).flatten(1)
        far = self.glance(fit_size(portraits, self.size * 2 // 3)).flatten(1)
        seen = F.silu(self.hidden(F.dropout(torch.cat((near, far), 1), 0.1, self.training)))
        shape, look, camera = self.read(seen).split([SHAPE_WIDTH, LOOK_WIDTH, CAMERA_WIDTH], 1)
        return shape, look, camera


def fit_size(pictures: Tensor, size: int) -> Tensor:
    """Square pictures at another size, filtered where they shrink."""
    if pictures.shape[-1] == size:
        return pictures
    return F.interpolate(pictures, size=(size, size), mode="bilinear", antialias=True, align_corners=False)
