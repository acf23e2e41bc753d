"""Clips of places: depth, path, lens, flow and masks agree with each other and with the picture; seeds decide everything."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from core import depth_files
from core.camera import Intrinsics, invert_pose, lift, pixel_grid, project
from core.engine import scene_files, scenes
from core.engine.dice import Dice
from core.engine.materials import Stock
from core.engine.scenes import Clip, SceneChoices, scene
from core.engine.solids import box, join, put, turned, wall
from core.ops import shelter

SIZE = (96, 120)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Small pictures: threads would only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@functools.lru_cache(maxsize=16)
def draw(seed: int, **choices: object) -> Clip:
    wanted: dict[str, object] = {"frames": (0, 3), "sensor": False, **choices}
    return scene(seed, SIZE, SceneChoices(**wanted))  # pyright: ignore[reportArgumentType]


def lens_of(clip: Clip) -> Intrinsics:
    height, width = clip.depth.shape[1:]
    k = clip.calibration
    return Intrinsics(float(k[0, 0]), float(k[1, 1]), float(k[0, 2]), float(k[1, 2]), width, height)


def flow_of_depth(clip: Clip, frame: int) -> tuple[Tensor, Tensor]:
    """Where depth and poses alone say that pixels go, and which have depth."""
    lens = lens_of(clip)
    world = lift(clip.depth[frame], clip.poses[frame], lens).reshape(-1, 3)
    place, _ = project(world, invert_pose(clip.poses[frame + 1]), clip.calibration)
    flow = place.reshape(*clip.depth.shape[1:], 2) - pixel_grid(lens.width, lens.height)
    return flow, clip.depth[frame] > 0


def warped(picture: Tensor, flow: Tensor) -> Tensor:
    """The next picture (3, H, W) brought back by the flow."""
    height, width = picture.shape[1:]
    at = (pixel_grid(width, height) + flow) / torch.tensor([width, height]) * 2 - 1
    return F.grid_sample(picture[None], at[None], align_corners=False, padding_mode="border")[0]


@pytest.mark.parametrize("place", scenes.PLACES)
def test_depth_path_and_lens_say_where_still_pixels_go(place: str) -> None:
    clip = draw(1_000_000_003, place=place, camera="handheld")
    flow, known = flow_of_depth(clip, 0)
    still = known & ~clip.moving[0] & clip.flow_valid[0]
    assert still.float().mean() > 0.3
    apart = (flow - clip.flow[0]).norm(dim=-1)[still]
    assert apart.max() < 0.05, f"{apart.max():.3f} px"


@pytest.mark.parametrize("place", ["living_room", "corridor", "square"])
def test_the_next_picture_brought_back_by_the_flow_is_this_one(place: str) -> None:
    clip = draw(1_000_000_005, place=place, camera="handheld", frames_per_second=15, frames=(6, 8))
    assert clip.flow.norm(dim=-1).mean() > 0.1
    sure = clip.flow_valid[0]
    error = (warped(clip.frames[1], clip.flow[0]) - clip.frames[0]).abs().mean(0)[sure]
    plain = (clip.frames[1] - clip.frames[0]).abs().mean(0)[sure]
    assert error.median() < 0.03
    assert error.mean() < 0.6 * plain.mean() + 0.004, f"{error.mean():.4f} against {plain.mean():.4f} unmoved"


def test_a_still_pixel_is_found_again_within_half_a_pixel_in_the_picture() -> None:
    clip = draw(1_000_000_009, place="kitchen", camera="handheld", frames_per_second=10, frames=(4, 6))
    base = clip.flow[0]
    steps = [(x, y) for x in (-1.0, -0.5, 0.0, 0.5, 1.0) for y in (-1.0, -0.5, 0.0, 0.5, 1.0)]
    grey = clip.frames.mean(1, keepdim=True)
    costs = []
    for step in steps:
        found = (warped(grey[1], base + torch.tensor(step)) - grey[0]).abs()[None]
        costs.append(F.avg_pool2d(found, 9, 1, 4)[0, 0])
    best = torch.stack(costs).argmin(0)
    off = torch.tensor(steps).norm(dim=1)[best]
    textured = F.avg_pool2d((grey[0] - F.avg_pool2d(grey[:1], 9, 1, 4)[0]).abs()[None], 9, 1, 4)[0, 0] > 0.03
    sure = clip.flow_valid[0] & ~clip.moving[0] & textured
    assert sure.sum() > 200
    assert off[sure].median() <= 0.5


def test_what_walks_is_in_the_mask_and_flows_by_itself() -> None:
    clip = draw(1_000_000_011, place="square", camera="surveillance", people=True, frames_per_second=10)
    assert torch.equal(clip.poses[0], clip.poses[-1])
    share = clip.moving.float().mean()
    assert 0.0005 < share < 0.5
    speed = clip.flow[0].norm(dim=-1)
    assert speed[clip.moving[0]].median() > 0.1
    assert speed[~clip.moving[0]].max() < 0.01


def test_a_clip_without_people_has_nothing_that_moves_by_itself() -> None:
    assert not draw(1_000_000_012, place="corridor", people=False).moving.any()


def test_a_seed_is_one_clip_and_another_seed_another() -> None:
    first, other = draw(1_000_000_013, place="bedroom"), draw(1_000_000_014, place="bedroom")
    scenes.forget()
    draw.cache_clear()
    again = draw(1_000_000_013, place="bedroom")
    for name in ("frames", "depth", "poses", "moving", "flow", "flow_valid"):
        assert torch.equal(getattr(first, name), getattr(again, name)), name
    assert not torch.equal(first.frames, other.frames)


def test_frames_drawn_alone_equal_those_of_the_whole_clip() -> None:
    whole = scene(1_000_000_015, (48, 64), SceneChoices(frame_count=8))
    part = scene(1_000_000_015, (48, 64), SceneChoices(frame_count=8, frames=(3, 6)))
    assert part.first == 3
    assert torch.equal(part.frames, whole.frames[3:6])
    assert torch.equal(part.depth, whole.depth[3:6])
    assert torch.equal(part.moving, whole.moving[3:6])
    assert torch.equal(part.flow, whole.flow[3:5])
    assert torch.equal(part.flow_valid, whole.flow_valid[3:5])


@pytest.mark.parametrize("place", scenes.PLACES)
def test_depth_is_positive_and_within_the_place(place: str) -> None:
    clip = draw(1_000_000_003, place=place, camera="handheld")
    known = clip.depth > 0
    assert (clip.depth >= 0).all()
    assert known.float().mean() > (0.95 if place in scenes.rooms.KINDS else 0.4)
    assert clip.depth[known].min() > 0.05
    assert clip.depth.max() < (40 if place in scenes.rooms.KINDS else 600)
    assert clip.frames.abs().max() <= 1
    assert 0.12 < (clip.frames.mean() + 1) / 2 < 0.85


def test_a_driving_camera_goes_forward_and_a_hanging_one_stays() -> None:
    driven = draw(1_000_000_017, place="parking", camera="driving", frames=(0, 5))
    gone = driven.poses[-1, :3, 3] - driven.poses[0, :3, 3]
    assert driven.camera_kind == "driving"
    assert (gone @ driven.poses[0, :3, 2]) / gone.norm() > 0.9
    hung = draw(1_000_000_017, place="corridor", camera="surveillance", frames=(0, 5))
    assert (hung.poses == hung.poses[0]).all()


def test_poses_are_rigid_and_upright() -> None:
    for camera in scenes.CAMERAS:
        place = "parking" if camera == "driving" else "corridor"
        poses = draw(1_000_000_018, place=place, camera=camera).poses
        turn = poses[:, :3, :3]
        assert torch.allclose(turn.transpose(1, 2) @ turn, torch.eye(3).expand(3, 3, 3), atol=1e-5)
        assert torch.allclose(torch.linalg.det(turn), torch.ones(3), atol=1e-5)
        assert (turn[:, 1, 1] < -0.5).all()  # the camera's down is the world's down


def test_seeds_choose_all_places_and_cameras_and_lengths_of_three_to_eight_seconds() -> None:
    kinds, cameras = set(), set()
    for seed in range(200):
        dice = Dice(seed)
        kind = dice.pick("place", scenes.PLACES)
        kinds.add(kind)
        cameras.add(scenes.pick_camera(kind, dice))
    assert kinds == set(scenes.PLACES)
    assert cameras == set(scenes.CAMERAS)
    rates = {rate: scenes.frame_count(5, SceneChoices(frames_per_second=rate)) / rate for rate in (10, 30)}
    assert all(2.9 <= seconds <= 8.1 for seconds in rates.values())


def test_wrong_wishes_are_refused_with_what_is_possible() -> None:
    with pytest.raises(ValueError, match="living_room"):
        SceneChoices(place="moon")
    with pytest.raises(ValueError, match="street"):
        SceneChoices(place="kitchen", camera="driving")
    with pytest.raises(ValueError, match="not within the 8 frames"):
        scene(1, (32, 32), SceneChoices(frame_count=8, frames=(5, 9)))
    with pytest.raises(ValueError, match="0 or more"):
        scene(-1)


def test_exported_depth_path_and_lens_read_back_the_same(tmp_path: Path) -> None:
    clip = draw(1_000_000_019, place="kitchen", frames=(0, 2), sensor=True)
    scene_files.export_clip(clip, tmp_path)
    said = json.loads((tmp_path / "intrinsics.json").read_text())
    depth = depth_files.read_depth_picture(tmp_path / said["depth_files"][0], said["depth_per_metre"])
    reach = 65535 / said["depth_per_metre"]
    near = clip.depth[0].numpy() < reach
    assert np.abs(depth - clip.depth[0].numpy())[near].max() <= 0.51 / said["depth_per_metre"]
    assert np.allclose(said["matrix"], clip.calibration.numpy(), atol=1e-4)
    stamps, poses = depth_files.read_trajectory(tmp_path / "groundtruth.txt")
    assert np.allclose(poses, clip.poses.numpy(), atol=1e-5)
    assert np.allclose(np.diff(stamps), 1 / clip.frames_per_second, atol=1e-5)


def test_boxes_shelter_points_alike_in_both_forms() -> None:
    torch.manual_seed(3)
    points, boxes = torch.rand(60, 3) * 3, torch.rand(12, 7) * torch.tensor([3, 3, 3, 0.5, 0.5, 0.5, 3.0])
    axes = torch.linalg.qr(torch.randn(60, 3, 3)).Q
    rays = F.normalize(torch.randn(10, 3), dim=1)
    spots = torch.rand(5, 3) * 3
    close = (
        shelter.openness(points, axes, boxes, rays, 1.5) - shelter.openness(points, axes, boxes, rays, 1.5, True)
    ).abs()
    assert close.max() < 1e-4
    assert (shelter.sight(points, spots, boxes) != shelter.sight(points, spots, boxes, True)).float().mean() < 0.01


def test_solids_face_outwards_and_openings_stay_open() -> None:
    parts = [box((1, 2, 3), (0, 1, 0), 0), turned([(0, 0), (0.5, 0.2), (0.5, 1), (0, 1.2)], 9, 0)]
    for solid in parts:
        middle = solid.points.mean(0)
        assert ((solid.points - middle) * solid.normals).sum(1).min() > -0.3
    opened = wall(4, 2.5, [(-1, 1, 0.8, 2)], 0)
    centre = opened.points[opened.triangles].mean(1)
    assert not ((np.abs(centre[:, 0]) < 0.95) & (centre[:, 1] > 0.85) & (centre[:, 1] < 1.95)).any()
    moved = put(join(parts), (1, 0, 2), 90.0)
    assert np.allclose(moved.boxes[0, :3], [1, 1, 2], atol=1e-5)


def test_a_material_seen_from_far_is_its_mean_and_from_near_its_texels() -> None:
    stock, tile = Stock(), np.zeros((256, 256, 3), np.float32)
    tile[:, :128] = 1.0
    stock.add(tile, 2.0)
    table = stock.table()
    first = torch.zeros(2, dtype=torch.int64)
    near = table.look_up(first, torch.tensor([[0.5, 0.5], [1.5, 0.5]]), torch.full((2,), 0.001))
    assert torch.allclose(near[:, 0], torch.tensor([1.0, 0.0]), atol=1e-3)
    far = table.look_up(first, torch.tensor([[0.5, 0.5], [1.5, 0.5]]), torch.full((2,), 10.0))
    assert torch.allclose(far, torch.full((2, 3), 0.5), atol=1e-2)


def test_an_export_beyond_the_reach_of_the_tum_form_uses_a_coarser_one(tmp_path: Path) -> None:
    clip = draw(1_000_000_020, place="street", frames=(0, 1))
    scene_files.export_clip(clip, tmp_path)
    assert json.loads((tmp_path / "intrinsics.json").read_text())["depth_per_metre"] == 256
