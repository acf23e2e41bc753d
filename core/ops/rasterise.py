"""Batched pictures of triangles and of strands (hair), depth-tested: C++ on CPU, CUDA on a GPU, plain PyTorch as reference.

Points come as (column, row, depth) on the screen in pixels and metres, a pixel's centre at (column + 0.5, row + 0.5).
Every picture of a batch has its own points and shares the triangles. Nothing is clipped: what reaches behind the camera
is left out. No gradients flow.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from core.ops import build

LAYERS = 8
_NEAR = 1e-3
_TILE = 8


@dataclass(frozen=True)
class Surface:
    """What each pixel sees: triangle number (B, H, W, int32, -1 for nothing), weights (B, H, W, 2) of its first two
    corners (perspective-correct), depth in metres (B, H, W, 0 for nothing)."""

    number: Tensor
    weights: Tensor
    depth: Tensor


@dataclass(frozen=True)
class StrandPicture:
    """Premultiplied colour (B, H, W, 3), coverage (B, H, W) and the depth (B, H, W) of the strand that carries most."""

    colour: Tensor
    coverage: Tensor
    depth: Tensor


def draw_triangles(points: Tensor, triangles: Tensor, height: int, width: int, reference: bool = False) -> Surface:
    """z-buffer of points (B, V, 3) joined by triangles (F, 3)."""
    assert points.shape[2:] == (3,), points.shape
    assert points.dtype == torch.float32, points.dtype
    points, corners = points.detach().contiguous(), triangles.to(torch.int32).contiguous()
    if reference or not build.available("rasterise", points.device.type):
        return _draw_triangles(points, corners.long(), height, width)
    batch, vertices = points.shape[:2]
    number = torch.empty(batch, height, width, dtype=torch.int32, device=points.device)
    weights = points.new_empty(batch, height, width, 2)
    depth = points.new_empty(batch, height, width)
    sizes = (batch, vertices, len(corners), height, width)
    outs: tuple[Tensor, ...] = (number, weights, depth)
    if points.device.type == "cuda":
        outs = (torch.empty(batch, height, width, dtype=torch.int64, device=points.device), *outs)
    build.call("rasterise", "rasterise_triangles", points, corners, *sizes, *outs)
    return Surface(number, weights, depth)


def gather(values: Tensor, triangles: Tensor, surface: Surface, pixels: Tensor) -> Tensor:
    """Vertex values (B, V, C) at pixels (P, numbers in the flattened B x H x W, all of them covered): (P, C)."""
    values, corners = values.detach().contiguous(), triangles.to(torch.int32).contiguous()
    height, width = surface.depth.shape[1:]
    if not build.available("rasterise", values.device.type):
        corner = triangles.long()[surface.number.reshape(-1)[pixels].long()]
        picture = torch.div(pixels, height * width, rounding_mode="floor")
        two = surface.weights.reshape(-1, 2)[pixels]
        weights = torch.cat((two, 1 - two.sum(1, keepdim=True)), 1)
        return (values[picture[:, None], corner] * weights[..., None]).sum(1)
    out = values.new_empty(len(pixels), values.shape[2])
    sizes = (len(pixels), height * width, values.shape[1], values.shape[2])
    build.call(
        "rasterise",
        "rasterise_gather",
        *(values, corners, surface.number, surface.weights, pixels.contiguous()),
        *sizes,
        out,
    )
    return out


def draw_strands(points: Tensor, width: Tensor, colour: Tensor, wall: Tensor, reference: bool = False) -> StrandPicture:
    """Strands (B, N, K, 3) of full width (B, N, K, pixels) and colour with opacity (B, N, K, 4) before a wall (B, H, W).

    The wall is a depth per pixel (0: nothing there) that hides what lies behind it. A pixel blends the nearest 8
    fragments by the share of it that each covers. A width of 0 leaves a strand out.
    """
    assert points.shape[:3] == width.shape == colour.shape[:3], (points.shape, width.shape, colour.shape)
    assert colour.shape[3] == 4, colour.shape
    held = [value.detach().to(torch.float32).contiguous() for value in (points, width, colour, wall)]
    if reference or not build.available("rasterise", points.device.type):
        return _draw_strands(held[0], held[1], held[2], held[3])
    batch, count, length = width.shape
    height, columns = wall.shape[1:]
    outs = (
        held[0].new_empty(batch, height, columns, 3),
        held[0].new_empty(batch, height, columns),
        held[0].new_empty(batch, height, columns),
    )
    sizes = (batch, count, length, height, columns)
    if points.device.type == "cuda":
        start, filled, listed = _list_by_tile(held[0], held[1], sizes)
        build.call("rasterise", "rasterise_strands_draw", *held, *sizes, start, filled, listed, *outs)
    else:
        build.call("rasterise", "rasterise_strands", *held, *sizes, *outs)
    return StrandPicture(*outs)


def _list_by_tile(points: Tensor, width: Tensor, sizes: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor]:
    """Which segments touch which tile: where each tile's list starts, how long it is, and the lists."""
    batch, _, _, height, columns = sizes
    tiles = batch * -(-height // _TILE) * -(-columns // _TILE)
    filled = torch.zeros(tiles, dtype=torch.int32, device=points.device)
    build.call("rasterise", "rasterise_strands_list", points, width, *sizes, None, filled, None)
    reached = torch.cumsum(filled, 0, dtype=torch.int64)
    start = reached - filled
    listed = torch.empty(max(int(reached[-1]), 1), dtype=torch.int32, device=points.device)
    filled.zero_()
    build.call("rasterise", "rasterise_strands_list", points, width, *sizes, start, filled, listed)
    return start, filled, listed


def _spread(low: Tensor, high: Tensor, height: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """Every (box, column, row) whose pixel centre lies between the corners (M, 2) of the boxes."""
    limit = low.new_tensor([width, height])
    first = torch.ceil((low - 0.5).clamp_min(0.0)).long()
    last = (torch.floor(torch.minimum(high - 0.5, limit - 1)).long() + 1).clamp_min(0)
    last = torch.where(high < 0.5, torch.zeros_like(last), last)
    sides = (last - first).clamp_min(0)
    count = sides[:, 0] * sides[:, 1]
    box = torch.repeat_interleave(torch.arange(len(low), device=low.device), count)
    within = torch.arange(len(box), device=low.device) - (torch.cumsum(count, 0) - count)[box]
    across = sides[box, 0].clamp_min(1)
    return box, first[box, 0] + within % across, first[box, 1] + torch.div(within, across, rounding_mode="floor")


def _draw_triangles(points: Tensor, corners: Tensor, height: int, width: int) -> Surface:
    """The reference: all fragments at once, the least of (depth, number) per pixel kept."""
    batch, faces = len(points), len(corners)
    corner = points[:, corners].reshape(-1, 3, 3)
    place, z = corner[..., :2], corner[..., 2]
    edge1, edge2 = place[:, 1] - place[:, 0], place[:, 2] - place[:, 0]
    area = edge1[:, 0] * edge2[:, 1] - edge2[:, 0] * edge1[:, 1]
    seen = (z > _NEAR).all(1) & (area.abs() > 1e-8)
    safe = torch.where(seen[:, None, None], place, torch.full_like(place, -9.0))
    box, column, row = _spread(safe.amin(1), safe.amax(1), height, width)
    centre = torch.stack((column, row), -1).to(torch.float32) + 0.5
    (x0, y0), (x1, y1), (x2, y2) = ((place[box, i] - centre).unbind(-1) for i in range(3))
    first, second = (x1 * y2 - x2 * y1) / area[box], (x2 * y0 - x0 * y2) / area[box]
    third = 1 - first - second
    share = torch.stack((first, second, third), 1) / z[box]
    depth = 1 / share.sum(1)
    hit = (first >= 0) & (second >= 0) & (third >= 0)
    pixel = (torch.div(box, faces, rounding_mode="floor") * height + row) * width + column
    key = (depth.view(torch.int32).long() << 32) | (box % faces)
    none = torch.iinfo(torch.int64).max
    nearest = torch.full((batch * height * width,), none, dtype=torch.int64, device=points.device)
    nearest.scatter_reduce_(0, pixel[hit], key[hit], "amin")
    won = hit & (nearest[pixel] == key)
    number = torch.full_like(nearest, -1, dtype=torch.int32)
    weights, deep = points.new_zeros(len(nearest), 2), points.new_zeros(len(nearest))
    number[pixel[won]] = (box % faces)[won].to(torch.int32)
    weights[pixel[won]] = (share[:, :2] * depth[:, None])[won]
    deep[pixel[won]] = depth[won]
    size = (batch, height, width)
    return Surface(number.reshape(size), weights.reshape(*size, 2), deep.reshape(size))


def _draw_strands(points: Tensor, width: Tensor, colour: Tensor, wall: Tensor) -> StrandPicture:
    """The reference: fragments sorted by (pixel, depth, number), the nearest few blended front to back."""
    batch, count, length = width.shape
    height, columns = wall.shape[1:]
    start, end = points[:, :, :-1].reshape(-1, 3), points[:, :, 1:].reshape(-1, 3)
    half = 0.5 * torch.stack((width[:, :, :-1].reshape(-1), width[:, :, 1:].reshape(-1)), 1)
    step = end - start
    length2 = (step[:, :2] ** 2).sum(1)
    seen = (start[:, 2] > _NEAR) & (end[:, 2] > _NEAR) & (half.amax(1) > 0) & (length2 > 1e-8)
    reach = half.amax(1, keepdim=True) + 0.5
    low = torch.where(seen[:, None], torch.minimum(start, end)[:, :2] - reach, torch.full_like(reach, -9.0))
    high = torch.where(seen[:, None], torch.maximum(start, end)[:, :2] + reach, torch.full_like(reach, -9.0))
    box, column, row = _spread(low, high, height, columns)
    centre = torch.stack((column, row), -1).to(torch.float32) + 0.5
    relative = centre - start[box, :2]
    along = (relative * step[box, :2]).sum(1) / length2[box]
    apart = (relative - along[:, None] * step[box, :2]).norm(dim=1)
    thick = half[box, 0] + along * (half[box, 1] - half[box, 0])
    share = (torch.minimum(apart + 0.5, thick) - torch.maximum(apart - 0.5, -thick)).clamp_min(0)
    depth = start[box, 2] + along * step[box, 2]
    picture = torch.div(box, count * (length - 1), rounding_mode="floor")
    pixel = (picture * height + row) * columns + column
    behind = wall.reshape(-1)[pixel]
    hit = (along >= 0) & (along < 1) & (share > 0) & ~((behind > 0) & (depth > behind))
    pixel, depth, box, along, share = pixel[hit], depth[hit], box[hit], along[hit, None], share[hit]
    order = torch.argsort(depth, stable=True)
    order = order[torch.argsort(pixel[order], stable=True)]
    pixel, depth, box, along, share = pixel[order], depth[order], box[order], along[order], share[order]
    tint = colour[:, :, :-1].reshape(-1, 4)[box] * (1 - along) + colour[:, :, 1:].reshape(-1, 4)[box] * along
    return _blend(pixel, depth, tint[:, :3], share * tint[:, 3], (batch, height, columns))


def _blend(pixel: Tensor, depth: Tensor, tint: Tensor, alpha: Tensor, size: tuple[int, int, int]) -> StrandPicture:
    total = size[0] * size[1] * size[2]
    counted = torch.bincount(pixel, minlength=total)
    rank = torch.arange(len(pixel), device=pixel.device) - (torch.cumsum(counted, 0) - counted)[pixel]
    through, most = tint.new_ones(total), tint.new_zeros(total)
    colour, deep = tint.new_zeros(total, 3), tint.new_zeros(total)
    for layer in range(LAYERS):
        mine = rank == layer
        at = pixel[mine]
        open_here = through[at] > 1e-3
        part = through[at] * alpha[mine] * open_here
        colour[at] += part[:, None] * tint[mine]
        deep[at] = torch.where(part > most[at], depth[mine], deep[at])
        most[at] = torch.maximum(most[at], part)
        through[at] = torch.where(open_here, through[at] * (1 - alpha[mine]), through[at])
    return StrandPicture(colour.reshape(*size, 3), (1 - through).reshape(size), deep.reshape(size))
