"""Where hair grows and what it lies on: roots on a posed head, and the head, neck and shoulders as an obstacle.

The head is a map of distances from a centre by direction, neck and shoulders one of distances from an upright axis, whose foot
goes on below. Metres, in the head's frame.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from core.engine import random
from core.engine.head import Head, Roots, place
from core.ops.rasterise import draw_triangles

MAP_ROWS, MAP_COLUMNS = 48, 96
_FAR = 4.0
"""The map is drawn by the z-buffer with depth = this - distance, so that the outermost skin wins."""
CENTRE = (0.0, 0.045, 0.0)
HAT_GAP = 0.0015
BODY_ROWS, BODY_TOP, BODY_FOOT = 24, -0.04, -0.185
"""Heights between which neck and shoulders are mapped."""
CLUMP_ROOTS = 9
"""Roots of one lock."""


@dataclass(frozen=True)
class Obstacle:
    """What hair may not enter."""

    centre: Tensor
    """(B, 3)."""
    distance: Tensor
    """(B, 2, rows, columns): skin's distance from the centre with ears and without, by latitude (down) and longitude."""
    axis: Tensor
    """(B, 3), a point of the upright axis through the neck."""
    body: Tensor
    """(B, 2, rows, columns): neck's and shoulders' distance from the axis by height (down) and longitude; its slope downwards."""

    def reach(self, points: Tensor, over_ears: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Outward directions (B, ..., 3), distances from the centre and the skin's distance there (B, ..., 1).

        ``over_ears`` (B,) is 1 where ears are in the way, 0 where hair is too short to lie on them.
        """
        arm = points - self.centre.reshape(-1, *[1] * (points.dim() - 2), 3)
        away = arm.norm(dim=-1, keepdim=True).clamp_min(1e-6)
        outward = arm / away
        longitude = torch.atan2(outward[..., 0], outward[..., 2]) / math.pi
        latitude = -torch.asin(outward[..., 1].clamp(-1.0, 1.0)) / (math.pi / 2)
        grid = torch.stack((longitude, latitude), -1).reshape(len(points), -1, 1, 2)
        share = over_ears[:, None, None, None]
        chosen = self.distance[:, :1] * share + self.distance[:, 1:] * (1.0 - share)
        skin = F.grid_sample(chosen, grid, mode="bilinear", padding_mode="border", align_corners=False)
        return outward, away, skin.reshape(*points.shape[:-1], 1)

    def push_out(self, points: Tensor, margin: Tensor, over_ears: Tensor) -> Tensor:
        """Points (B, ..., 3) moved out of the head, ``margin`` (B, ..., 1) above it."""
        outward, away, skin = self.reach(points, over_ears)
        return points + outward * (skin + margin - away).clamp_min(0.0) * (skin > 0.02)

    def press_down(self, points: Tensor, over_ears: Tensor) -> Tensor:
        """Points (B, ..., 3) above a hat's edge drawn in to the skull."""
        outward, away, skin = self.reach(points, over_ears)
        front = outward[..., 2] / torch.sqrt(outward[..., 0] ** 2 + outward[..., 2] ** 2).clamp_min(1e-6)
        edge = 0.062 + 0.026 * front.clamp_min(0.0) - 0.024 * (-front).clamp_min(0.0)
        share = ((points[..., 1] - edge) / 0.012).clamp(0.0, 1.0)[..., None]
        return points + outward * (skin + HAT_GAP - away).clamp_max(0.0) * share * (skin > 0.02)

    def push_off_body(self, points: Tensor, margin: Tensor) -> Tensor:
        """Points (B, ..., 3) moved out of neck and shoulders."""
        arm = points - self.axis.reshape(-1, *[1] * (points.dim() - 2), 3)
        away = torch.sqrt(arm[..., 0] ** 2 + arm[..., 2] ** 2).clamp_min(1e-6)
        longitude = torch.atan2(arm[..., 0], arm[..., 2]) / math.pi
        height = 2.0 * (BODY_TOP - points[..., 1]) / (BODY_TOP - BODY_FOOT) - 1.0
        grid = torch.stack((longitude, height), -1).reshape(len(points), -1, 1, 2)
        found = F.grid_sample(self.body, grid, mode="bilinear", padding_mode="border", align_corners=False)
        skin, slope = found[:, 0].reshape(away.shape), found[:, 1].reshape(away.shape)
        steep = torch.sqrt(1.0 + slope**2)
        inside = (skin - away) / steep + margin[..., 0] * (skin > 0.01)
        depth = inside.clamp(0.0, 0.08) * ((height > -1.0) & (skin > 0.01))
        flat = torch.stack((arm[..., 0] / away, slope, arm[..., 2] / away), -1) / steep[..., None]
        return points + flat * depth[..., None]


@dataclass(frozen=True)
class ScalpRoots:
    """Roots of the hair of a batch of heads; the same places on every head."""

    positions: Tensor
    """(B, N, 3)."""
    normals: Tensor
    """(B, N, 3)."""
    rest: Tensor
    """(N, 3) on the mean head: what styles are drawn by."""
    hairline: Tensor
    """(N,) centimetres behind the hairline."""
    locks: Tensor
    """(N,) number of the root that leads this root's lock."""
    obstacle: Obstacle


def build_obstacle(head: Head, vertices: Tensor) -> Obstacle:
    """The obstacle of posed heads (B, V, 3)."""
    centre = vertices.new_tensor(CENTRE).expand(len(vertices), 3)
    axis = vertices[:, (head.fields["neck"] > 0.7) & (head.part == 0)].mean(1)
    return Obstacle(centre, _distance_map(head, vertices, centre), axis, _body_map(head, vertices, axis))


def _unroll(arm: Tensor) -> Tensor:
    """Columns of the map (B, 2 V); a second copy of every vertex, unrolled past the back, serves the triangles there."""
    longitude = torch.atan2(arm[..., 0], arm[..., 2])
    turned = torch.cat((longitude, torch.remainder(longitude, 2 * math.pi)), 1)
    return (turned / (2 * math.pi) + 0.5) * MAP_COLUMNS


def _body_map(head: Head, vertices: Tensor, axis: Tensor) -> Tensor:
    arm = vertices - axis[:, None]
    away = torch.sqrt(arm[..., 0] ** 2 + arm[..., 2] ** 2)
    row = (BODY_TOP - vertices[..., 1]) / (BODY_TOP - BODY_FOOT) * BODY_ROWS
    points = torch.stack((_unroll(arm), row.repeat(1, 2), _FAR - away.repeat(1, 2)), -1)
    skin = _draw_map(points, _map_triangles(head)[2], BODY_ROWS)
    below = torch.cat((skin[:, :, 1:], skin[:, :, -1:]), 2)
    above = torch.cat((skin[:, :, :1], skin[:, :, :-1]), 2)
    slope = (below - above) / (2 * (BODY_TOP - BODY_FOOT) / BODY_ROWS)
    return torch.cat((skin, torch.where(above > 0, slope, torch.zeros_like(slope)).clamp(-4.0, 4.0)), 1)


def _distance_map(head: Head, vertices: Tensor, centre: Tensor) -> Tensor:
    arm = vertices - centre[:, None]
    away = arm.norm(dim=-1).clamp_min(1e-6)
    latitude = torch.asin((arm[..., 1] / away).clamp(-1.0, 1.0)).repeat(1, 2)
    points = torch.stack((_unroll(arm), (0.5 - latitude / math.pi) * MAP_ROWS, _FAR - away.repeat(1, 2)), -1)
    maps = [_draw_map(points, triangles, MAP_ROWS)[:, 0] for triangles in _map_triangles(head)[:2]]
    crowned = [
        torch.cat((torch.where(m[:, :2] > 0, m[:, :2], m[:, 2:6].amax((1, 2), keepdim=True)), m[:, 2:]), 1)
        for m in maps
    ]
    return torch.stack((crowned[0], _fill_holes(crowned[1])), 1)


def _draw_map(points: Tensor, triangles: Tensor, rows: int) -> Tensor:
    past = MAP_COLUMNS // 4
    drawn = draw_triangles(points, triangles, rows, MAP_COLUMNS + past).depth
    reached = torch.where(drawn > 0, _FAR - drawn, torch.zeros_like(drawn))
    skin = reached[..., :MAP_COLUMNS].clone()
    skin[..., :past] = torch.maximum(skin[..., :past], reached[..., MAP_COLUMNS:])
    return skin[:, None]


def _fill_holes(skin: Tensor) -> Tensor:
    """Holes above the neck (where ears were left out) take the mean of their neighbours."""
    lowest = int(MAP_ROWS * 0.72)
    for _ in range(8):
        known = (skin > 0).to(skin.dtype)[:, None]
        total = F.avg_pool2d(F.pad(skin[:, None], (1, 1, 0, 0), mode="circular"), 3, 1, (1, 0))
        share = F.avg_pool2d(F.pad(known, (1, 1, 0, 0), mode="circular"), 3, 1, (1, 0))
        filled = (total / share.clamp_min(1e-6))[:, 0]
        empty = (skin == 0) & (share[:, 0] > 0)
        empty[:, lowest:] = False
        skin = torch.where(empty, filled, skin)
    return skin


@functools.lru_cache(maxsize=4)
def _map_triangles(head: Head) -> tuple[Tensor, Tensor, Tensor]:
    """Skin of the head with ears, without, and of neck and shoulders; the back uses the second copy of the vertices."""
    fields = head.fields
    off_head = (fields["neck"] > 0.5) | (fields["body"] > 0.1)
    skin = head.triangles[(head.part[head.triangles] == 0).all(1)]
    behind = (head.neutral[skin][..., 2] < 0).all(1)
    unrolled = torch.where(behind[:, None], skin + len(head.neutral), skin)
    upper, ears = ~off_head[skin].any(1), (fields["ear"][skin] > 0.3).any(1)
    return unrolled[upper], unrolled[upper & ~ears], unrolled[off_head[skin].all(1)]


@functools.lru_cache(maxsize=8)
def _chosen_roots(head: Head, count: int) -> tuple[Roots, Tensor, Tensor]:
    """Places, hairline and locks for a number of strands; the same for every head."""
    roots = head.sample("scalp", count, seed=7, threshold=0.15)
    hairline = (head.fields["hairline"][roots.corners] * roots.weights).sum(1)
    leaders = _spread_leaders(roots.rest, max(count // CLUMP_ROOTS, 1))
    # without matrix products, so that CPU and CUDA agree on who is nearest
    apart = torch.cdist(roots.rest, roots.rest[leaders], compute_mode="donot_use_mm_for_euclid_dist")
    nearest = apart.argmin(1)
    return roots, hairline, leaders[nearest]


def _spread_leaders(rest: Tensor, count: int) -> Tensor:
    """Roots that lead locks: those with the smallest hash."""
    at = torch.arange(len(rest), device=rest.device)
    order = random.hash_words(torch.full_like(at, 11), at).argsort()
    return order[:count].sort().values


def find_roots(head: Head, vertices: Tensor, count: int = 6000) -> ScalpRoots:
    """Roots of ``count`` strands on posed heads (B, V, 3)."""
    if count < 1:
        raise ValueError(f"A head of hair wants at least one strand, not {count}.")
    roots, hairline, locks = _chosen_roots(head, count)
    normals = place(head.normals(vertices), roots)
    normals = normals / normals.norm(dim=-1, keepdim=True).clamp_min(1e-6)
    return ScalpRoots(place(vertices, roots), normals, roots.rest, hairline, locks, build_obstacle(head, vertices))
