"""Losses of the expression room: controllers part by part, and pictures weighted by where expressions show."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from core.engine.controllers import NAMES, PARTS, places
from core.engine.head import load_head
from core.engine.moments import draw_moments

MOVED_METRES = 5e-4
"""A vertex belongs to each part of which some controller moves it by this."""
VERTICES_EACH, USUAL_MOMENTS = 160, 512


@functools.lru_cache(maxsize=1)
def reach() -> Tensor:
    """(130) how far each controller alone moves the mean head: root of the summed squares over its vertices, metres."""
    head = load_head(torch.device("cpu"))
    rest = head.move(head.neutral[None], torch.zeros(1, len(NAMES)))
    moved = [head.move(head.neutral.expand(len(rows), -1, -1), rows) - rest for rows in torch.eye(len(NAMES)).split(10)]
    return torch.cat([far.square().sum((1, 2)).sqrt() for far in moved])


@functools.lru_cache(maxsize=4)
def _shares(device: str) -> Tensor:
    """(130) weights that let each part count alike, and within it each controller by how far it moves the face."""
    shares, far = torch.zeros(len(NAMES), device=device), reach().to(device)
    for part in PARTS:
        at = places(part)
        shares[at] = far[at] / (len(PARTS) * far[at].sum())
    return shares


@functools.lru_cache(maxsize=4)
def _moves(device: str) -> tuple[Tensor, Tensor]:
    """How controllers move vertices of every part, evenly chosen: (130, V x 3), in shares of how far expressions move all
    of that part's; and (V) what a vertex's square counts, so that expressions' squares sum to 1 as well."""
    head = load_head(torch.device("cpu"))
    rest = head.move(head.neutral[None], torch.zeros(1, len(NAMES)))
    moves = torch.cat(
        [head.move(head.neutral.expand(len(rows), -1, -1), rows) - rest for rows in torch.eye(len(NAMES)).split(10)]
    )
    usual = draw_moments(torch.arange(USUAL_MOMENTS)).controllers
    chosen, squares = [], []
    for part in PARTS:
        vertices = torch.nonzero(moves[places(part)].norm(dim=2).amax(0) > MOVED_METRES)[:, 0]
        vertices = vertices[torch.linspace(0, len(vertices) - 1, VERTICES_EACH).round().long()]
        far = (usual @ moves[:, vertices].flatten(1)).unflatten(1, (-1, 3)).norm(dim=2)
        whole = far.sum(1).mean() * len(PARTS)
        chosen.append(moves[:, vertices] / whole)
        squares.append((whole**2 / (far.square().sum(1).mean() * len(PARTS))).expand(len(vertices)))
    return torch.cat(chosen, 1).flatten(1).to(device), torch.cat(squares).to(device)


def _squares_left(read: Tensor, true: Tensor) -> Tensor:
    """(N, V) squared distances of vertices from where they should be."""
    with torch.autocast(read.device.type, enabled=False):
        left = (read.float() - true.float()) @ _moves(str(read.device))[0]
        return left.unflatten(1, (-1, 3)).square().sum(2)


def motion_error(read: Tensor, true: Tensor) -> Tensor:
    """How far vertices are left from where controllers N x 130 want them, as a share of how far expressions move them:
    mean over parts. Controllers that do the same to a face may stand for each other."""
    return _squares_left(read, true).add(1e-14).sqrt().sum(1).mean()


def squared_motion_error(read: Tensor, true: Tensor) -> Tensor:
    """The same of squares: it pulls hardest at what is furthest off, where distances alone would leave rare motion at rest."""
    return (_squares_left(read, true) * _moves(str(read.device))[1]).sum(1).mean()


def part_error(read: Tensor, true: Tensor) -> Tensor:
    """Squared error of controllers N x 130, each part counting alike; what nobody sees move hardly counts."""
    return ((read - true).square() * _shares(str(read.device))).sum(1).mean()


def whole_error(read: Tensor, true: Tensor) -> Tensor:
    """Squared error over all controllers alike."""
    return (read - true).square().mean()


def restless(pictures: Tensor) -> Tensor:
    """Where pictures N x 3 x S x S of one character differ: weights 1 x 1 x S x S of mean 1, a third of it everywhere."""
    spread = pictures.std(0, keepdim=True).mean(1, keepdim=True)
    return (1.0 + 2.0 * spread / spread.mean().clamp_min(1e-6)) / 3.0


def weighted_difference(drawn: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """Mean absolute difference of pictures, by place weighted where weights are given."""
    apart = (drawn - target).abs()
    return apart.mean() if weight is None else (apart * weight).mean()


def squared_difference(drawn: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Mean squared difference of pictures, by place weighted. Absolute ones are least for what is seen most often, which is
    a face at rest; squares also pull a picture towards what happens seldom."""
    return ((drawn - target).square() * weight).mean()
