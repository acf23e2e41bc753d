"""How the head model's mesh is made: thinning keeps symmetry and shape; places are found again; distances are signed."""

from __future__ import annotations

import numpy as np

from training.headfit import mesh, regions


def _dome(rows: int = 25, columns: int = 33) -> tuple[np.ndarray, np.ndarray]:
    """A symmetric bump over a grid whose middle column lies on x = 0."""
    x, y = np.meshgrid(np.linspace(-1, 1, columns), np.linspace(-1, 1, rows))
    x[:, columns // 2] = 0.0
    points = np.stack((x, y, np.exp(-2 * (x**2 + y**2))), -1).reshape(-1, 3)
    number = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = number[:-1, :-1].ravel(), number[:-1, 1:].ravel(), number[1:, :-1].ravel(), number[1:, 1:].ravel()
    return points, np.concatenate((np.stack((a, b, d), 1), np.stack((a, d, c), 1)))


def _thinned(target: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    points, triangles = _dome()
    group = np.zeros(len(points), dtype=np.int64)
    partner = mesh.mirror_of(points, group, group)
    kept, rows = mesh.thin_symmetric(points[None], triangles, np.ones(len(points)), partner, np.array([40]), target)
    return points, partner, kept, rows


def test_a_thinned_mesh_is_its_own_mirror_image() -> None:
    points, partner, kept, rows = _thinned(300)
    assert set(partner[kept]) == set(kept)
    faces = {tuple(sorted(row)) for row in kept[rows]}
    assert {tuple(sorted(partner[list(row)])) for row in faces} == faces
    assert abs(len(kept) - 300) < 30
    assert np.abs(points[kept, 0]).max() == 1.0


def test_a_thinned_mesh_stays_on_the_surface_inside_its_border_and_keeps_what_is_locked() -> None:
    points, _, kept, rows = _thinned(300)
    assert 40 in kept
    corners, weights = mesh.embed(points, points[kept], rows)
    found = np.einsum("ncx,nc->nx", points[kept][corners], weights)
    inside = np.abs(points[:, :2]).max(1) < 0.85
    away = np.linalg.norm(found - points, axis=1)[inside]
    assert away.mean() < 0.005
    assert away.max() < 0.03


def test_the_eyeball_looks_along_z_and_stands_out_at_the_cornea() -> None:
    points, rows, rise = mesh.eyeball()
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1.0, atol=1e-9)
    assert rise[0] == 1.0
    assert rise[points[:, 2] < 0.8].max() == 0.0
    corner = points[rows]
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    assert ((normal * corner.mean(1)).sum(1) > 0).all(), "triangles face outwards"


def test_distance_to_a_polygon_is_positive_inside() -> None:
    square = np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]])
    found = regions.polygon_distance(np.array([[1.0, 1.0], [1.0, 0.25], [3.0, 1.0]]), square)
    np.testing.assert_allclose(found, [1.0, 0.25, -1.0])


def test_a_soft_bump_ends_at_twice_its_radius() -> None:
    points = np.array([[0.0, 0, 0], [0.99, 0, 0], [2.0, 0, 0], [5.0, 0, 0]])
    values = regions.bump(points, (0.0, 0.0, 0.0), 1.0)
    assert values[0] == 1.0
    assert 0 < values[1] < 1
    assert (values[2:] == 0).all()
