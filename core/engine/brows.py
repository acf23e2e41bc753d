"""Hair of the face: brows, lashes, beard and moustache as strands on the posed head (scalp hair is hair.py's)."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
from torch import Tensor

from core.camera import normalise
from core.engine import random
from core.engine.hair import Strands
from core.engine.head import Head, Roots, place
from core.engine.strands import Growth

BROW_COUNT, BEARD_COUNT = 900, 3600
LASHES_PER_ROOT = 2
KNOTS = 5


@dataclass(frozen=True)
class FaceHair:
    """Each (B,) or (B, 3); grades 0..1."""

    seeds: Tensor
    brow_thickness: Tensor
    brow_colour: Tensor
    lash_length: Tensor
    lash_colour: Tensor
    beard: Tensor
    moustache: Tensor
    beard_length_metres: Tensor
    beard_colour: Tensor
    grey: Tensor
    """Share of grey strands in the beard."""


@dataclass(frozen=True)
class _Posed:
    head: Head
    vertices: Tensor
    normals: Tensor
    turn: Tensor
    """(B, 3, 3) head to world."""
    eyes: tuple[Tensor, Tensor]
    """Centres (B, 1, 3) of left and right eyeballs in the world."""


def grow_face_hair(head: Head, hair: FaceHair, vertices: Tensor, normals: Tensor, turn: Tensor) -> Growth:
    """All strands of the face on posed vertices (B, V, 3, world); ``turn`` is the head's rotation."""
    eyes = tuple(vertices[:, eye].mean(1, keepdim=True) for eye in head.eyes)
    posed = _Posed(head, vertices, normals, turn, (eyes[0], eyes[1]))
    groups = [_brows(posed, hair), _lashes(posed, hair, "upper"), _lashes(posed, hair, "lower")]
    if bool((torch.maximum(hair.beard, hair.moustache) > 0.02).any()):
        groups.append(_beard(posed, hair))
    joined = [torch.cat(group, 1) for group in zip(*groups, strict=True)]
    points, width, tint, openness, outward = joined
    albedo = tint[:, :, None].expand(-1, -1, KNOTS, -1)
    strands = Strands(points, width, albedo, openness, torch.zeros_like(openness[..., 0]))
    return Growth(strands, outward[:, :, None], opacity=0.92)


Group = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]


def _draws(seeds: Tensor, count: int, name: str, kinds: int) -> Tensor:
    """(B, N, kinds) uniform numbers of this use."""
    at = torch.arange(count * kinds, device=seeds.device)
    return random.uniform(seeds[:, None], at, random.stream(name)).unflatten(1, (count, kinds))


def _sweep(root: Tensor, first: Tensor, bend: Tensor, length: Tensor, knots: int = KNOTS) -> Tensor:
    """Strands (B, N, K, 3) that leave along ``first`` and bend by ``bend`` towards their tips."""
    at = torch.linspace(0, 1, knots, device=root.device)[:, None]
    way = first[:, :, None] * at + bend[:, :, None] * at**2
    return root[:, :, None] + length[..., None, None] * way


def _taper(width: Tensor, knots: int = KNOTS) -> Tensor:
    return width[..., None] * (1 - 0.75 * torch.linspace(0, 1, knots, device=width.device) ** 1.5)


@functools.lru_cache(maxsize=4)
def _brow_roots(head: Head) -> tuple[Roots, Tensor, Tensor]:
    roots = head.sample("brow", BROW_COUNT, seed=11)
    fields = torch.stack((head.fields["brow_along"], head.fields["brow_across"]), 1)[None]
    found = place(fields, roots)[0]
    return roots, found[:, 0], found[:, 1]


def _brows(posed: _Posed, hair: FaceHair) -> Group:
    roots, along, across = _brow_roots(posed.head)
    root, normal = place(posed.vertices, roots), normalise(place(posed.normals, roots))
    chance = _draws(hair.seeds, BROW_COUNT, "brow", 4)
    outward = torch.where(roots.rest[:, 0] > 0, 1.0, -1.0)
    lift = (1.15 - 1.9 * along - 0.55 * across).clamp(-0.75, 1.2)
    local = torch.stack((outward * (0.25 + 0.9 * along.clamp(0, 0.8)), lift, -0.35 * along), 1)
    way = local + 0.28 * (chance[..., :3] - 0.5)
    way = normalise((posed.turn[:, None] @ way[..., None])[..., 0])
    way = normalise(way - (way * normal).sum(-1, keepdim=True) * normal)
    thick = hair.brow_thickness[:, None]
    length = (0.0052 + 0.0030 * thick) * (0.75 + 0.5 * chance[..., 3]) * (1 - 0.35 * along)
    inner = 0.45 + 0.55 * (along / 0.12).clamp(0, 1)
    present = (across.abs() < 0.4 + 0.75 * thick) & (chance[..., 0] < (0.3 + 0.6 * thick) * inner)
    points = _sweep(root + 0.0004 * normal, way + 0.16 * normal, -0.12 * normal, length)
    width = _taper((0.00030 + 0.00014 * thick) * present)
    tint = hair.brow_colour[:, None] * (0.8 + 0.4 * chance[..., 1:2])
    openness = torch.full_like(width, 0.75)
    return points, width, tint, openness, normal


def _mirrored(head: Head, roots: Roots) -> Roots:
    return Roots(head.mirror[roots.corners], roots.weights, roots.rest * roots.rest.new_tensor([-1.0, 1.0, 1.0]))


def _lashes(posed: _Posed, hair: FaceHair, lid: str) -> Group:
    head, upper = posed.head, lid == "upper"
    left = head.lashes[lid]
    groups: list[Group] = []
    for number, roots in enumerate((left, _mirrored(head, left))):
        count = len(roots.corners)
        root = place(posed.vertices, roots).repeat_interleave(LASHES_PER_ROOT, 1)
        chance = _draws(hair.seeds, count * LASHES_PER_ROOT, f"{lid} lash {number}", 4)
        along = torch.linspace(0, 1, count, device=root.device).repeat_interleave(LASHES_PER_ROOT)
        out = normalise(root - posed.eyes[number])
        up = posed.turn[:, None, :, 1] * (1.0 if upper else -0.75)
        aside = posed.turn[:, None, :, 0] * ((1.0 if number == 0 else -1.0) * (along[:, None] - 0.35) * 0.9)
        first = normalise(out + aside + 0.25 * (chance[..., :3] - 0.5) + (0.0 if upper else 0.3) * up)
        size = (0.0044 if upper else 0.0024) * (0.6 + 0.7 * hair.lash_length[:, None])
        length = size * (0.75 + 0.5 * chance[..., 3]) * (0.55 + 0.45 * torch.sin(3.0 * along + 0.3))
        points = _sweep(root, first, up * (0.75 if upper else 0.3), length)
        thick = (0.00022 if upper else 0.00012) * (0.8 + 0.5 * hair.lash_length[:, None])
        width = _taper(thick.expand_as(length))
        tint = hair.lash_colour[:, None].expand(-1, root.shape[1], -1)
        groups.append((points, width, tint, torch.full_like(width, 0.5), out))
    return tuple(torch.cat(pair, 1) for pair in zip(*groups, strict=True))  # pyright: ignore[reportReturnType]


@functools.lru_cache(maxsize=4)
def _beard_roots(head: Head) -> tuple[Roots, Tensor]:
    """Roots, moustache first, and whether each is the moustache's."""
    lip, chin = head.sample("moustache", BEARD_COUNT // 5, 12), head.sample("beard", BEARD_COUNT - BEARD_COUNT // 5, 13)
    joined = Roots(
        *(torch.cat(pair) for pair in ((lip.corners, chin.corners), (lip.weights, chin.weights), (lip.rest, chin.rest)))
    )
    return joined, torch.arange(len(joined.corners), device=head.device) < len(lip.corners)


def _beard(posed: _Posed, hair: FaceHair) -> Group:
    roots, is_lip = _beard_roots(posed.head)
    root, normal = place(posed.vertices, roots), normalise(place(posed.normals, roots))
    count = len(roots.corners)
    chance = _draws(hair.seeds, count, "beard", 5)
    outward = torch.sign(roots.rest[:, 0])
    side = roots.rest[:, 0].abs() * 100
    local = torch.stack(
        (
            outward * torch.where(is_lip, 0.75 * side.clamp_max(1.5) / 1.5, 0.12 * side / 5),
            -torch.ones_like(side),
            0 * side,
        ),
        1,
    )
    way = (posed.turn[:, None] @ (local + 0.5 * (chance[..., :3] - 0.5))[..., None])[..., 0]
    way = normalise(way - 0.75 * (way * normal).sum(-1, keepdim=True) * normal)
    grade = torch.where(is_lip, hair.moustache[:, None], hair.beard[:, None])
    full = torch.where(is_lip, hair.beard_length_metres[:, None].clamp_max(0.011), hair.beard_length_metres[:, None])
    near_chin = torch.where(is_lip, torch.ones_like(side), (1.15 - 0.1 * side).clamp_min(0.45))
    length = full * near_chin * (0.6 + 0.6 * chance[..., 3])
    down = -posed.turn[:, None, :, 1]
    points = _sweep(root, way + 0.5 * normal, 0.35 * down - 0.3 * normal, length)
    present = (grade > 0.02) & (chance[..., 4] < 0.25 + 0.95 * grade)
    width = _taper(0.00042 * present * (0.7 + 0.5 * chance[..., 0]))
    grey = (chance[..., 1:2] < hair.grey[:, None, None]) * 1.0
    tint = hair.beard_colour[:, None] * (0.7 + 0.6 * chance[..., 2:3])
    tint = tint * (1 - grey) + 0.5 * grey
    steps = torch.linspace(0.35, 1.0, KNOTS, device=root.device)
    return points, width, tint, steps.expand_as(width), normal
