"""Whole pictures for the field: drawn through the neural renderer, held against photos, and shown to a discriminator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core import losses as adversarial
from core import stylegan2
from core.camera import pixel_grid
from core.discriminator import Discriminator
from core.facefield import losses
from core.facefield.config import Config
from core.facefield.networks import FeatureReader, Field, NeuralRenderer, Prepared
from core.facefield.render import Placed, Rays, lay_over, rotate, view
from core.perceptual import PerceptualConfig, PerceptualDistance, load_distance

SHIPPED = Path(__file__).parents[1] / "assets" / "weights"
KNOWN_STAGE = 2
"""Which features of the frozen face network the identity loss compares."""


@dataclass(frozen=True)
class PictureWeights:
    """How much each term of whole pictures counts."""

    pixels: float = 1.0
    edges: float = 1.0
    perceptual: float = 1.0
    identity: float = 0.1
    adversarial: float = 0.0
    r1: float = 10.0


@dataclass(frozen=True)
class Drawn:
    """Pictures with the feature pictures that they were drawn from."""

    pictures: Tensor
    features: Tensor
    opacity: Tensor


def lens_rays(pose: Tensor, lens: Tensor, size: int) -> Rays:
    """Rays of a square picture of a camera (4, 4) to the head; lens: focal length and middle in sides of the picture."""
    grid = (pixel_grid(size, size, pose.device) / size).flatten(0, 1)
    local = torch.cat(((grid - lens[1:]) / lens[0], torch.ones_like(grid[:, :1])), 1)
    return Rays(pose[:3, 3], F.normalize(rotate(local, pose[:3, :3]), dim=1), grid * 2 - 1)


class PictureWork:
    """What learns on whole pictures beside the field."""

    def __init__(self, config: Config, weights: PictureWeights, roots: list[Path]) -> None:
        self.config, self.weights = config, weights
        self.renderer = NeuralRenderer(config)
        self.distance = _frozen_distance(weights, roots, tiny=config == Config.tiny())
        self.modules: dict[str, nn.Module] = {"renderer": self.renderer}
        self.identity: FeatureReader | None = None
        if weights.identity:
            assert self.distance is not None
            shrink = KNOWN_STAGE - config.enlargements
            stages = self.distance.features.stages
            assert len(stages) > KNOWN_STAGE
            with torch.no_grad():
                known = self.distance.features(torch.zeros(1, 3, config.size, config.size))[KNOWN_STAGE]
            self.identity = FeatureReader(config, known.shape[1], max(shrink, 0))
            self.modules["identity"] = self.identity
        self.discriminator: Discriminator | None = None
        if weights.adversarial:
            self.discriminator = Discriminator(_discriminator_shape(config))
            self.modules["discriminator"] = self.discriminator

    def draw(self, field: Field, prepared: Prepared, poses: Tensor, lenses: Tensor) -> Drawn:
        """Pictures of heads (B) seen by cameras (B)."""
        side = self.config.feature_size
        rows, covers = [], []
        for place in range(prepared.count):
            one, rays = prepared.pick(place), lens_rays(poses[place], lenses[place], side)
            seen = view(field, [Placed(one)], rays)
            rows.append(lay_over(seen, field.behind(one, rays.places[None])[0]).T.unflatten(1, (side, side)))
            covers.append(seen.opacity.reshape(1, side, side))
        features, opacity = torch.stack(rows), torch.stack(covers).float()
        return Drawn(self.renderer(features, opacity), features, opacity)

    def terms(self, drawn: Drawn, target: Tensor) -> dict[str, Tensor]:
        """How far pictures are from photos of the same."""
        weight, found = self.weights, drawn.pictures.float()
        terms = {
            "pixels": losses.along(found, target) * weight.pixels,
            "features": losses.along(drawn.features[:, :3], F.avg_pool2d(target, 1 << self.config.enlargements))
            * weight.pixels,
            "edges": losses.gradients(found, target) * weight.edges,
        }
        if self.distance is not None:
            self.distance.to(target.device)
        if weight.perceptual and self.distance is not None:
            terms["perceptual"] = self.distance(found, target).mean() * weight.perceptual
        if self.identity is not None and self.distance is not None:
            with torch.no_grad():
                known = self.distance.features(target)[KNOWN_STAGE].float()
            read = self.identity(drawn.features, drawn.opacity)
            terms["identity"] = losses.kept(read, _at(known, read)) * weight.identity
        return terms

    def fool(self, drawn: Drawn) -> dict[str, Tensor]:
        """The field's side of the game; none where there is no game."""
        if self.discriminator is None:
            return {}
        return {"fool": adversarial.fool(self.discriminator(drawn.pictures.float())) * self.weights.adversarial}

    def tell_apart(self, draw: Callable[[], Drawn], real: Tensor) -> dict[str, Tensor]:
        """The discriminator's side."""
        assert self.discriminator is not None
        with torch.no_grad():
            fake = draw().pictures.float()
        return {"tell_apart": adversarial.tell_apart(self.discriminator(real), self.discriminator(fake))}

    def smooth(self, real: Tensor, every: int) -> dict[str, Tensor]:
        """R1, as seldom as ``every`` steps."""
        assert self.discriminator is not None
        shown = real.detach().requires_grad_()
        with torch.autocast(real.device.type, enabled=False):
            penalty = adversarial.gradient_penalty(self.discriminator(shown), shown)
        return {"r1": penalty * self.weights.r1 * every}


def _at(known: Tensor, read: Tensor) -> Tensor:
    if known.shape[-1] == read.shape[-1]:
        return known
    return F.adaptive_avg_pool2d(known, read.shape[-1])


def _discriminator_shape(config: Config) -> stylegan2.Config:
    return stylegan2.Config(
        size=config.size, code_width=8, channel_base=64 * config.width, channel_limit=2 * config.width
    )


def _frozen_distance(weights: PictureWeights, roots: list[Path], tiny: bool) -> PerceptualDistance | None:
    if not weights.perceptual and not weights.identity:
        return None
    if tiny:
        return PerceptualDistance(PerceptualConfig.tiny()).eval().requires_grad_(False)
    return load_distance([*roots, SHIPPED])
