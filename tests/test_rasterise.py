"""Triangles and strands on the screen: against geometry, against the reference, on every device there is."""

from __future__ import annotations

import pytest
import torch

from core.ops import build
from core.ops.rasterise import draw_strands, draw_triangles, gather

pytestmark = pytest.mark.skipif(bool(build.why_not("rasterise")), reason="no compiler here")


def _soup(count: int = 120, batch: int = 2, size: int = 40) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    centre = torch.rand(batch, count, 1, 3, generator=generator) * torch.tensor([size, size, 2.0])
    points = centre + torch.rand(batch, count, 3, 3, generator=generator) * torch.tensor([9.0, 9.0, 0.2])
    points[..., 2] += 0.3
    return points.reshape(batch, -1, 3), torch.arange(count * 3).reshape(-1, 3)


def _strands(count: int = 60, batch: int = 2) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(4)
    points = torch.rand(batch, count, 1, 3, generator=generator) * torch.tensor([36.0, 36.0, 1.0])
    points = points + torch.cumsum(torch.randn(batch, count, 6, 3, generator=generator) * torch.tensor([3, 3, 0.05]), 2)
    points[..., 2] = points[..., 2].clamp_min(0.1) + 1.0
    width = torch.rand(batch, count, 6, generator=generator) * 2
    colour = torch.rand(batch, count, 6, 4, generator=generator)
    return points, width, colour, torch.full((batch, 36, 40), 1.9)


def test_compiled_triangles_equal_the_reference() -> None:
    points, triangles = _soup()
    ours, plain = (draw_triangles(points, triangles, 44, 48, reference=flag) for flag in (False, True))
    same = ours.number == plain.number  # a pixel centre exactly on an edge may fall to either side
    assert same.float().mean() > 0.998
    torch.testing.assert_close(ours.depth[same], plain.depth[same], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(ours.weights[same], plain.weights[same], atol=2e-3, rtol=1e-3)


def test_compiled_strands_equal_the_reference() -> None:
    ours, plain = (draw_strands(*_strands(), reference=flag) for flag in (False, True))
    difference = (ours.colour - plain.colour).abs()
    assert difference.mean() < 1e-4
    assert (ours.coverage - plain.coverage).abs().mean() < 1e-4
    assert ours.coverage.max() <= 1.0


def test_the_nearer_triangle_hides_the_farther() -> None:
    square = torch.tensor([[0.0, 0.0], [16.0, 0.0], [16.0, 16.0], [0.0, 16.0]])
    points = torch.cat([torch.cat((square, torch.full((4, 1), z)), 1) for z in (2.0, 1.0)])[None]
    triangles = torch.tensor([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]])
    seen = draw_triangles(points, triangles, 16, 16)
    assert (seen.number >= 2).all()
    torch.testing.assert_close(seen.depth, torch.ones(1, 16, 16))


def test_values_are_carried_in_perspective() -> None:
    """On a plane tilted away, what is linear in space is found again through depth."""
    corners = torch.tensor([[-1.0, -1.0, 2.0], [1.0, -1.0, 2.0], [1.0, 1.0, 6.0], [-1.0, 1.0, 6.0]])
    screen = torch.cat((corners[:, :2] / corners[:, 2:] * 40 + 20, corners[:, 2:]), 1)[None]
    triangles = torch.tensor([[0, 1, 2], [0, 2, 3]])
    seen = draw_triangles(screen, triangles, 40, 40)
    pixels = torch.nonzero(seen.number.reshape(-1) >= 0)[:, 0]
    found = gather(corners[None], triangles, seen, pixels)
    torch.testing.assert_close(found[:, 2], seen.depth.reshape(-1)[pixels], atol=1e-4, rtol=1e-4)
    column = (pixels % 40) + 0.5
    torch.testing.assert_close(found[:, 0] / found[:, 2] * 40 + 20, column.float(), atol=1e-3, rtol=1e-3)


def test_what_reaches_behind_the_camera_is_left_out() -> None:
    points = torch.tensor([[[2.0, 2.0, 1.0], [12.0, 2.0, -1.0], [2.0, 12.0, 1.0]]])
    assert (draw_triangles(points, torch.tensor([[0, 1, 2]]), 16, 16).number == -1).all()


def test_a_strand_covers_as_much_as_its_width() -> None:
    points = torch.tensor([[[[4.0, 2.0, 1.0], [4.7, 30.0, 1.0]]]])
    for width in (0.2, 0.8, 3.0):
        drawn = draw_strands(points, torch.full((1, 1, 2), width), torch.ones(1, 1, 2, 4), torch.zeros(1, 32, 16))
        rows = drawn.coverage[0, 6:26].sum(1)
        torch.testing.assert_close(rows.mean(), torch.tensor(width), atol=0.03, rtol=0.03)


def test_a_wall_hides_strands_behind_it() -> None:
    points, width, colour, wall = _strands()
    assert draw_strands(points, width, colour, torch.full_like(wall, 0.5)).coverage.max() == 0


def test_the_order_of_strands_does_not_matter() -> None:
    points, width, colour, wall = _strands()
    turned = torch.randperm(points.shape[1], generator=torch.Generator().manual_seed(0))
    first = draw_strands(points, width, colour, wall)
    second = draw_strands(points[:, turned], width[:, turned], colour[:, turned], wall)
    torch.testing.assert_close(first.colour, second.colour)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_draws_what_the_cpu_draws() -> None:
    points, triangles = _soup()
    here, there = draw_triangles(points, triangles, 44, 48), draw_triangles(points.cuda(), triangles.cuda(), 44, 48)
    assert (here.number == there.number.cpu()).float().mean() > 0.998
    strands = _strands()
    points, width, colour, wall = (value.cuda() for value in strands)
    mine, other = draw_strands(*strands), draw_strands(points, width, colour, wall)
    assert (mine.colour - other.colour.cpu()).abs().mean() * 255 < 0.2
