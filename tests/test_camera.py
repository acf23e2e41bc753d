"""Cameras: projection and lifting undo each other; orbits look at the middle."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core import camera
from core.camera import Intrinsics

ANGLES = st.floats(-3.0, 3.0)


@given(ANGLES, st.floats(-1.2, 1.2), st.floats(0.5, 5.0), st.floats(20, 100))
def test_projecting_a_lifted_pixel_gives_the_pixel_back(yaw: float, pitch: float, far: float, lens_mm: float) -> None:
    eye = torch.tensor([yaw, pitch, far])
    pose = camera.look_at(eye, torch.zeros(3))
    lens = Intrinsics.from_equivalent_focal(lens_mm, 12, 8)
    depth = torch.rand(8, 12, generator=torch.Generator().manual_seed(0)) + 0.5
    points = camera.lift(depth, pose, lens).reshape(-1, 3)
    pixels, back = camera.project(points, camera.invert_pose(pose), lens.matrix())
    assert torch.allclose(pixels.view(8, 12, 2), camera.pixel_grid(12, 8), atol=1e-3)
    assert torch.allclose(back.view(8, 12), depth, atol=1e-4)


def test_a_point_to_the_right_and_up_lands_right_and_up() -> None:
    pose = camera.look_at(torch.tensor([0.0, 0.0, 2.0]), torch.zeros(3))
    lens = Intrinsics.from_view_angle(40, 100, 100)
    pixels, _ = camera.project(torch.tensor([[0.1, 0.2, 0.0]]), camera.invert_pose(pose), lens.matrix())
    assert pixels[0, 0] > 50
    assert pixels[0, 1] < 50


def test_rays_pass_through_their_own_pixels() -> None:
    pose = camera.orbit(3, 1.5)[1]
    lens = Intrinsics.from_view_angle(50, 10, 6)
    origins, directions = camera.rays(pose, lens)
    pixels, depth = camera.project((origins + 2 * directions).reshape(-1, 3), camera.invert_pose(pose), lens.matrix())
    assert torch.allclose(pixels.view(6, 10, 2), camera.pixel_grid(10, 6), atol=1e-3)
    assert (depth > 0).all()


def test_every_pose_of_an_orbit_is_rigid_and_looks_at_the_middle() -> None:
    poses = camera.orbit(8, 2.0, pitch_degrees=20)
    turned = poses[:, :3, :3]
    assert torch.allclose(turned @ turned.transpose(1, 2), torch.eye(3).expand(8, 3, 3), atol=1e-5)
    assert torch.allclose(torch.linalg.det(turned), torch.ones(8), atol=1e-5)
    assert torch.allclose(poses[:, :3, 3] + 2.0 * poses[:, :3, 2], torch.zeros(8, 3), atol=1e-5)


def test_a_swing_is_centred_on_the_front() -> None:
    poses = camera.orbit(5, 1.0, yaw_degrees=60)
    assert torch.allclose(poses[2, :3, 3], torch.tensor([0.0, 0.0, 1.0]), atol=1e-6)
    assert poses[0, 0, 3] == pytest.approx(-poses[4, 0, 3])


def test_a_scaled_lens_sees_the_same() -> None:
    lens = Intrinsics.from_view_angle(40, 64, 64)
    pose = camera.orbit(1, 1.0)[0]
    point = torch.tensor([[0.1, -0.05, 0.2]])
    small, _ = camera.project(point, camera.invert_pose(pose), lens.matrix())
    large, _ = camera.project(point, camera.invert_pose(pose), lens.scaled(256, 256).matrix())
    assert torch.allclose(large, small * 4, atol=1e-3)


def test_impossible_lenses_are_sentences() -> None:
    with pytest.raises(ValueError, match="view angle"):
        Intrinsics.from_view_angle(0, 10, 10)
    with pytest.raises(ValueError, match="orbit"):
        camera.orbit(0, 1.0)
