"""Volume rendering front to back: what lies along rays becomes features, opacity and depth.

Between two samples the distance from the surface changes about linearly, so a segment's optical depth has a closed form and
coarse steps lose no surface. Only samples inside a head's box that nothing hides yet are asked of the field.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from core.facefield.networks import Field, Prepared
from core.facefield.template import BOX_CENTRE, BOX_HALF

STEPS, FINE = 56, 4
BLOCK = 4
"""Steps that are taken before rays that are through are left out."""
THROUGH = 1e-3
"""Share of light that still gets through where a ray is taken as through."""
RADIUS_METRES = sum(side**2 for side in BOX_HALF) ** 0.5


def rotate(vectors: Tensor, turn: Tensor) -> Tensor:
    """Vectors (..., 3) turned by a matrix (3, 3); a sum of products, which autocast leaves in full precision."""
    return (vectors[..., None, :] * turn).sum(-1)


@dataclass(frozen=True)
class Rays:
    """R rays of one camera, in the world's frame."""

    origin: Tensor
    """(3,)"""
    directions: Tensor
    """(R, 3), of length one."""
    places: Tensor
    """(R, 2) in -1..1 of the picture."""


@dataclass(frozen=True)
class Placed:
    """A head of a scene: its codes' making and where it stands."""

    prepared: Prepared
    to_head: Tensor | None = None
    """(4, 4) world to head; None: the world is the head's own frame."""

    def carry(self, points: Tensor) -> Tensor:
        """Places (..., 3) of the world in the head's frame."""
        if self.to_head is None:
            return points
        return rotate(points, self.to_head[:3, :3]) + self.to_head[:3, 3]

    def turn(self, directions: Tensor) -> Tensor:
        """Directions (..., 3) of the world in the head's frame."""
        return directions if self.to_head is None else rotate(directions, self.to_head[:3, :3])


@dataclass(frozen=True)
class Rendered:
    """What R rays see."""

    features: Tensor
    """(R, features) in front of nothing."""
    opacity: Tensor
    """(R,)"""
    travel: Tensor
    """(R,) metres along the ray to the surface; 0 where there is none."""


def thickness(first: Tensor, second: Tensor, length: Tensor, softness: float) -> Tensor:
    """Optical depth of segments whose ends are these distances from the surface."""
    u, v = -first / softness, -second / softness
    apart = v - u
    even = apart.abs() < 1e-3
    rise = (F.softplus(v) - F.softplus(u)) / torch.where(even, torch.ones_like(apart), apart)
    return torch.where(even, torch.sigmoid(0.5 * (u + v)), rise) * length / softness


def weigh(distances: Tensor, travels: Tensor, softness: float) -> tuple[Tensor, Tensor]:
    """Weights (..., S) of samples in order along rays and opacity (...): each segment's weight goes half to either end."""
    depth = thickness(distances[..., :-1], distances[..., 1:], travels[..., 1:] - travels[..., :-1], softness)
    through = torch.exp(-torch.cat((torch.zeros_like(depth[..., :1]), depth.cumsum(-1)), -1))
    part = 0.5 * (through[..., :-1] - through[..., 1:])
    return F.pad(part, (0, 1)) + F.pad(part, (1, 0)), 1 - through[..., -1]


def composite(
    field: Field, prepared: Prepared, origins: Tensor, directions: Tensor, travels: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Features (B, R, C), opacity (B, R) and samples' distances (B, R, S) of rays (B, R, 3) at given travels (B, R, S)."""
    places = origins[..., None, :] + travels[..., None] * directions[..., None, :]
    distances, hidden = field.measure(prepared, places.flatten(1, 2))
    distances = distances.unflatten(1, travels.shape[1:])
    weights, opacity = weigh(distances, travels, field.config.softness_metres)
    seen = field.look_at(prepared, hidden).unflatten(1, travels.shape[1:])
    gathered = (seen * weights[..., None].to(seen.dtype)).sum(2)
    return field.finish(prepared, gathered, opacity, directions), opacity, distances


def view(field: Field, heads: Sequence[Placed], rays: Rays, steps: int = STEPS, fine: int = FINE) -> Rendered:
    """What rays see of heads. Only the features carry gradients, and only to what is seen, not to where."""
    with torch.no_grad():
        travels = spread_steps(heads, rays, steps)
        depth = march(field, heads, rays, travels)
        opacity = 1 - torch.exp(-depth[0].sum(1))
        found = torch.nonzero(opacity > THROUGH)[:, 0]
        at = find_shares(depth[0][found], depth[1][found], travels, fine, field.config.softness_metres)
    count, device = len(rays.directions), rays.directions.device
    features = torch.zeros(count, field.config.features, device=device)
    travel = torch.zeros(count, device=device)
    if len(found):
        features = features.index_copy(0, found, _gather(field, heads, rays, (found, at, opacity[found])))
        travel[found] = at.mean(1)
    return Rendered(features, opacity, travel)


def spread_steps(heads: Sequence[Placed], rays: Rays, steps: int) -> Tensor:
    """(steps,) travels that cover every head's box."""
    middle = rays.directions.new_tensor(BOX_CENTRE)
    away = [(placed.carry(rays.origin) - middle).norm() for placed in heads]
    near = (torch.stack(away).min() - RADIUS_METRES).clamp_min(0.02)
    far = torch.stack(away).max() + RADIUS_METRES
    return near + (far - near) * (torch.arange(steps, device=middle.device) + 0.5) / steps


def march(field: Field, heads: Sequence[Placed], rays: Rays, travels: Tensor) -> tuple[Tensor, Tensor]:
    """Optical depths (R, S - 1) of the segments between steps, and distances (R, S) of the nearest head there."""
    count, steps = len(rays.directions), len(travels)
    depths = rays.directions.new_zeros(count, steps - 1)
    nearest = rays.directions.new_full((count, steps), 1.0)
    spent = rays.directions.new_zeros(count)
    softness = field.config.softness_metres
    before = [nearest.new_full((count,), 1.0) for _ in heads]
    for start in range(0, steps, BLOCK):
        active = torch.nonzero(spent < -torch.log(torch.tensor(THROUGH)))[:, 0]
        if not len(active):
            break
        part = travels[start : start + BLOCK]
        places = rays.origin + part[:, None] * rays.directions[active][:, None]
        for number, placed in enumerate(heads):
            own = _measure_inside(field, placed, places)
            joined = torch.cat((before[number][active, None], own), 1)
            length = torch.cat((part[:1] - travels[max(start - 1, 0)], part[1:] - part[:-1]))
            gone = thickness(joined[:, :-1], joined[:, 1:], length, softness)[:, int(start == 0) :]
            first = max(start - 1, 0)
            depths[active, first : first + gone.shape[1]] += gone
            before[number][active] = own[:, -1]
            nearest[active, start : start + len(part)] = torch.minimum(nearest[active, start : start + len(part)], own)
        spent = depths.sum(1)
    return depths, nearest


def _measure_inside(field: Field, placed: Placed, places: Tensor) -> Tensor:
    """Distances (R, S) at places (R, S, 3) of the world; far outside the head's box."""
    own = placed.carry(places).flatten(0, 1)
    inside = torch.nonzero((((own - field.box_centre) / field.box_half).abs() < 1).all(1))[:, 0]
    distances = own.new_full((len(own),), 1.0)
    if len(inside):
        distances[inside] = field.measure(placed.prepared, own[inside][None])[0][0].float()
    return distances.unflatten(0, places.shape[:2])


def find_shares(depths: Tensor, distances: Tensor, travels: Tensor, shares: int, softness: float) -> Tensor:
    """Travels (R, shares) at which equal shares of what a ray loses are lost, exact where distances are linear."""
    reached = F.pad(depths.cumsum(1), (1, 0))
    lost = 1 - torch.exp(-reached[:, -1:])
    wanted = -torch.log1p(-lost * (torch.arange(shares, device=depths.device) + 0.5) / shares)
    segment = (torch.searchsorted(reached, wanted, right=True) - 1).clamp(0, depths.shape[1] - 1)
    rest = wanted - reached.gather(1, segment)
    u, v = (-distances.gather(1, segment + more) / softness for more in (0, 1))
    length = (travels[1:] - travels[:-1])[segment]
    goal = F.softplus(u) + (v - u) * softness / length * rest
    exact = (torch.log(torch.expm1(goal.clamp(1e-6, 60.0))) - u) / (v - u)
    plain = rest / depths.gather(1, segment).clamp_min(1e-9)
    part = torch.where(((v - u).abs() < 1e-3) | ~torch.isfinite(exact), plain, exact).clamp(0, 1)
    return travels[segment] + part * length


def _gather(field: Field, heads: Sequence[Placed], rays: Rays, found: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Features (R', C) of the rays that meet something, from samples of equal weight; heads share by their density."""
    chosen, at, opacity = found
    directions = rays.directions[chosen]
    places = rays.origin + at[..., None] * directions[:, None]
    total = directions.new_zeros(len(chosen), field.config.features)
    shares, seen = [], []
    for placed in heads:
        distance, hidden = field.measure(placed.prepared, placed.carry(places).flatten(0, 1)[None])
        shares.append(field.density(distance[0].float()).unflatten(0, at.shape) + 1e-6)
        seen.append(field.look_at(placed.prepared, hidden)[0].unflatten(0, at.shape))
    whole = torch.stack(shares).sum(0)
    for placed, share, what in zip(heads, shares, seen, strict=True):
        weight = (share / whole / at.shape[1] * opacity[:, None]).detach()
        gathered = (what * weight[..., None].to(what.dtype)).sum(1)
        total = (
            total + field.finish(placed.prepared, gathered[None], weight.sum(1)[None], placed.turn(directions)[None])[0]
        )
    return total


def lay_over(rendered: Rendered, ground: Tensor) -> Tensor:
    """Features (R, C) of what is seen in front of a background (R, C)."""
    return rendered.features + (1 - rendered.opacity[:, None]) * ground
