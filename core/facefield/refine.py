"""From the encoder's guess to codes that fit a photo: steps down the difference between what the field shows and the photo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.facefield.camera import aim_rays, cast_rays, place
from core.facefield.codes import SHAPE, SHAPE_WIDTH, block
from core.facefield.heads import Effort
from core.facefield.networks import Field, NeuralRenderer, Prepared
from core.facefield.render import Placed, composite, lay_over, march, spread_steps, view

RAYS, SPREAD, CLOSE = 640, 8, 6
"""Rays a step, and samples along each: evenly, and near the surface."""
LOOK_AGAIN = 10
"""Steps after which the surface is looked for again."""
GRID = 48
IDENTITY_HOLD = 40.0
"""How much more the identity's numbers are held than others: colours that do not fit pull at the bones, and wrongly."""
EXPRESSION_HOLD = 10.0
MIDDLE_INTEREST = 3.0
"""How much oftener rays go through a portrait's middle, where the face is."""


@dataclass(frozen=True)
class Guess:
    """Codes and camera of one portrait, 1 x width each."""

    shape: Tensor
    look: Tensor
    camera: Tensor


def draw_whole(
    field: Field, renderer: NeuralRenderer, prepared: Prepared, pose: Tensor, lens: Tensor | float, side: int
) -> tuple[Tensor, Tensor, Tensor]:
    """A picture (1, 3, S, S) from a feature picture of a side, opacity (side, side) and depth along the axis."""
    rays = cast_rays(pose, lens, side)
    seen = view(field, [Placed(prepared)], rays)
    ground = field.behind(prepared, rays.places[None])[0]
    features = lay_over(seen, ground).T.reshape(1, -1, side, side)
    opacity = seen.opacity.reshape(1, 1, side, side)
    ahead = (rays.directions * pose[:3, 2]).sum(1)
    return renderer(features, opacity).float(), opacity[0, 0], (seen.travel * ahead).reshape(side, side)


def refine(
    networks: tuple[Field, NeuralRenderer, nn.Module | None],
    portrait: Tensor,
    first: Guess,
    effort: Effort,
    report: Callable[[float], None] | None,
) -> Guess:
    """Codes and camera that show the portrait (1 x 3 x S x S) better than the first guess."""
    total = effort.steps + effort.whole_steps
    if not total:
        return first
    learned = [one.detach().clone().requires_grad_() for one in (first.shape, first.look, first.camera)]
    rates = (effort.rate, effort.rate, effort.rate * 0.5)
    optimiser = torch.optim.Adam(
        [{"params": [one], "lr": rate} for one, rate in zip(learned, rates, strict=True)], betas=(0.9, 0.98)
    )
    draw = torch.Generator().manual_seed(0)
    fit = _RayFit(networks[0], portrait, draw)
    with torch.enable_grad():
        for step in range(total):
            shape, look, camera = learned
            prepared = networks[0].prepare(shape, look)
            pose, lens = place(camera)
            if step < effort.steps:
                loss = fit.loss(prepared, pose[0], lens[0], step)
            else:
                loss = _whole_loss(networks, portrait, prepared, (pose[0], lens[0]))
            strayed = sum(
                ((one - start) ** 2 * hold).mean()
                for one, start, hold in zip(
                    learned, (first.shape, first.look, first.camera), (_hold_shape(), 1.0, 1.0), strict=True
                )
            )
            gradients = torch.autograd.grad(loss + effort.near * strayed, learned)
            for one, slope in zip(learned, gradients, strict=True):
                one.grad = slope.nan_to_num()
            for group in optimiser.param_groups:
                group["lr"] *= 1.0 if step < total * 0.6 else 0.93
            optimiser.step()
            if report is not None:
                report((step + 1) / total)
    shape, look, camera = (one.detach() for one in learned)
    return Guess(shape.clamp(-8, 8), look.clamp(-8, 8), camera)


def _hold_shape() -> Tensor:
    """How much each number of z_s is held."""
    hold = torch.ones(SHAPE_WIDTH)
    hold[block(SHAPE, "identity")] = IDENTITY_HOLD
    hold[block(SHAPE, "controllers")] = EXPRESSION_HOLD
    return hold


def _whole_loss(
    networks: tuple[Field, NeuralRenderer, nn.Module | None],
    portrait: Tensor,
    prepared: Prepared,
    camera: tuple[Tensor, Tensor],
) -> Tensor:
    field, renderer, distance = networks
    drawn, _, _ = draw_whole(field, renderer, prepared, *camera, field.config.feature_size)
    loss = (drawn - portrait).abs().mean()
    return loss if distance is None else loss + distance(drawn, portrait).mean()


class _RayFit:
    """Rays through a portrait, with the surface found now and then."""

    def __init__(self, field: Field, portrait: Tensor, draw: torch.Generator) -> None:
        self._field, self._portrait, self._draw = field, portrait, draw
        line = (torch.arange(GRID) + 0.5) / GRID * 2 - 1
        down, across = torch.meshgrid(line, line, indexing="ij")
        self._grid = torch.stack((across, down), -1).flatten(0, 1)
        self._chance = 1 + MIDDLE_INTEREST * torch.exp(-4 * self._grid.square().sum(1))
        self._near = (torch.zeros(0), torch.zeros(0))
        self._ends = (0.0, 1.0)

    def loss(self, prepared: Prepared, pose: Tensor, lens: Tensor, step: int) -> Tensor:
        """Mean absolute colour difference of some rays."""
        if step % LOOK_AGAIN == 0:
            self._look(prepared, pose.detach(), lens.detach())
        chosen = torch.multinomial(self._chance, RAYS, replacement=False, generator=self._draw)
        jitter = (torch.rand(RAYS, 2, generator=self._draw) - 0.5) * (2 / GRID)
        places = self._grid[chosen] + jitter
        rays = aim_rays(pose, lens, places)
        travels = self._choose_travels(chosen)
        origins = rays.origin.expand_as(rays.directions)
        features, opacity, _ = composite(self._field, prepared, origins[None], rays.directions[None], travels[None])
        ground = self._field.behind(prepared, places[None])
        drawn = features[0, :, :3] + (1 - opacity[0, :, None]) * ground[0, :, :3]
        truth = F.grid_sample(
            self._portrait, places[None, :, None], mode="bilinear", padding_mode="border", align_corners=False
        )
        return (drawn - truth[0, :, :, 0].T).abs().mean()

    @torch.no_grad()
    def _look(self, prepared: Prepared, pose: Tensor, lens: Tensor) -> None:
        heads, rays = [Placed(prepared)], aim_rays(pose, lens, self._grid)
        travels = spread_steps(heads, rays, 40)
        depth, _ = march(self._field, heads, rays, travels)
        share = 1 - torch.exp(-depth.cumsum(1))
        self._near = (travels[(share < 0.5 * share[:, -1:]).sum(1).clamp_max(len(travels) - 2)], share[:, -1] > 0.1)
        self._ends = (float(travels[0]), float(travels[-1]))

    def _choose_travels(self, chosen: Tensor) -> Tensor:
        count = len(chosen)
        share = (torch.arange(SPREAD) + torch.rand(count, SPREAD, generator=self._draw)) / SPREAD
        even = self._ends[0] + (self._ends[1] - self._ends[0]) * share
        surface, met = self._near[0][chosen, None], self._near[1][chosen, None]
        noise = torch.randn(count, CLOSE, generator=self._draw) * 0.012
        share = torch.rand(count, CLOSE, generator=self._draw)
        close = torch.where(met, surface + noise, self._ends[0] + (self._ends[1] - self._ends[0]) * share)
        return torch.cat((even, close), 1).sort(1).values
