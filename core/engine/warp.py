"""Smooth maps of space that turn the mean head into somebody else's; what met before the map meets after it.

A map moves places, not vertices, so lids that close and lips that seal on the mean head do so on every warped one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Triple = tuple[float, float, float]
MARGIN_METRES = 0.025
"""How much farther than a pull reaches a vertex may rest and still be asked whether it is pulled."""


@dataclass(frozen=True)
class Pull:
    """One push of the map: within ``inner`` of ``centre`` it is whole, outside ``outer`` it is nothing (metres)."""

    centre: Triple
    inner: float
    outer: float
    scale: Triple = (1.0, 1.0, 1.0)
    """Growth along x, y, z about the centre."""
    shift: Triple = (0.0, 0.0, 0.0)
    roll_degrees: float = 0.0
    """Turn in the plane of the face, about the centre; positive lifts the outer corner on both sides."""
    reach: Triple = (1.0, 1.0, 1.0)
    """Stretches the sphere of influence along x, y, z."""
    paired: bool = False
    """Whether it is done on both sides; the centre is the left (+x) one's."""


@dataclass(frozen=True, eq=False)
class _Centre:
    place: Tensor
    reach: Tensor
    inner: float
    outer: float
    matrix: Tensor
    shift: Tensor

    def to(self, device: torch.device | str) -> _Centre:
        """The same on another device."""
        tensors = (self.place.to(device), self.reach.to(device), self.matrix.to(device), self.shift.to(device))
        return _Centre(tensors[0], tensors[1], self.inner, self.outer, tensors[2], tensors[3])

    def displace(self, places: Tensor) -> Tensor:
        """How far places (..., 3) are pushed."""
        arm = places - self.place
        distance = (arm / self.reach).norm(dim=-1, keepdim=True)
        share = ((self.outer - distance) / (self.outer - self.inner)).clamp(0.0, 1.0)
        fade = share.square() * (3.0 - 2.0 * share)
        return fade * (arm @ self.matrix + self.shift)


class Warp:
    """Pulls one after another; the two of a pair at once."""

    def __init__(self, pulls: Sequence[Pull], device: torch.device | str = "cpu") -> None:
        self.steps: list[list[_Centre]] = []
        for pull in pulls:
            # a pull is meant for a place of the mean head: it stands where those before it have brought that place
            place = self.apply(torch.tensor(pull.centre, device=device))
            self.steps.append([_make_centre(pull, place, side) for side in ((1.0, -1.0) if pull.paired else (1.0,))])

    def apply(self, places: Tensor) -> Tensor:
        """Places (..., 3) after the map."""
        for step in self.steps:
            for number, push in enumerate([centre.displace(places) for centre in step]):
                places = places + push if number == 0 else places.add_(push)
        return places

    def fit(self, rest: Tensor) -> FittedWarp:
        """The same map for one mesh (V, 3) whose vertices stay near their rest: far pulls are not asked."""
        near = []
        for step in self.steps:
            chosen = [_near(centre, rest) for centre in step]
            near.append(chosen)
            moved = rest.clone()
            for centre in step:
                moved += centre.displace(rest)
            rest = moved
        return FittedWarp(self.steps, near)


@dataclass(frozen=True, eq=False)
class FittedWarp:
    """A map with, for each of its pulls, the vertices that it may reach."""

    steps: list[list[_Centre]]
    near: list[list[Tensor]]

    def to(self, device: torch.device | str) -> FittedWarp:
        """The same on another device."""
        steps = [[centre.to(device) for centre in step] for step in self.steps]
        return FittedWarp(steps, [[own.to(device) for own in chosen] for chosen in self.near])

    def apply(self, vertices: Tensor) -> Tensor:
        """Vertices (N, V, 3) of the fitted mesh after the map."""
        made = vertices.transpose(0, 1).contiguous()  # whole rows are added much faster
        for step, chosen in zip(self.steps, self.near, strict=True):
            pushes = [centre.displace(made[own]) for centre, own in zip(step, chosen, strict=True)]
            for own, push in zip(chosen, pushes, strict=True):
                made[own] = made[own] + push  # no vertex twice, so no slow adding scatter
        return made.transpose(0, 1)


def _near(centre: _Centre, rest: Tensor) -> Tensor:
    distance = ((rest - centre.place) / centre.reach).norm(dim=-1)
    return torch.nonzero(distance < centre.outer + MARGIN_METRES / float(centre.reach.min()))[:, 0]


def _make_centre(pull: Pull, place: Tensor, side: float) -> _Centre:
    angle = torch.deg2rad(torch.tensor(side * pull.roll_degrees))
    turn = torch.eye(3)
    turn[0, 0] = turn[1, 1] = angle.cos()
    turn[0, 1], turn[1, 0] = -angle.sin(), angle.sin()
    matrix = turn @ torch.diag(torch.tensor(pull.scale)) - torch.eye(3)
    flip = place.new_tensor([side, 1.0, 1.0])
    return _Centre(
        place * flip,
        place.new_tensor(pull.reach),
        pull.inner,
        pull.outer,
        matrix.T.contiguous().to(place),
        place.new_tensor(pull.shift) * flip,
    )
