"""The depth room's geometry: frames rebuilt from neighbours, poses found and chained, lenses, static masks, scales."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_depth import made_clip, walk

from core.camera import invert_pose
from core.depth import losses, steady
from core.depth.align import align
from core.depth.config import Config
from core.depth.masks import KINDS, MaskRule, static_mask
from core.depth.networks import DistanceNet, PoseNet, focal_of, to_metres, to_pose
from core.depth.trajectory import chain, fit_similarity, path_error_percent, steps_of
from core.depth.warp import pose_from_vector, rebuild, vector_from_pose
from core.engine.scenes import Clip

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def clip() -> Clip:
    return walk()


def test_a_frame_is_rebuilt_from_its_neighbour_with_true_distance_and_pose_and_not_with_others(clip: Clip) -> None:
    metres = torch.where(clip.depth[:1] > 0, clip.depth[:1], 100.0)
    step = (invert_pose(clip.poses[:1]) @ clip.poses[3:4]).float()
    lens = clip.calibration[None]

    def error(distance: torch.Tensor, pose: torch.Tensor) -> float:
        rebuilt = rebuild(clip.frames[3:4], distance, pose, lens)
        return float(losses.mean_over((rebuilt.pictures - clip.frames[:1]).abs().mean(1), rebuilt.seen))

    right = error(metres, step)
    assert right < 0.05
    assert error(metres, torch.eye(4)[None]) > 1.5 * right
    assert error(metres * 0.5, step) > 1.05 * right
    assert error(metres, invert_pose(step)) > 2 * right


def test_a_pose_survives_being_made_numbers_and_back() -> None:
    torch.manual_seed(0)
    vectors = torch.cat((torch.randn(8, 6) * 0.5, torch.zeros(1, 6), torch.randn(2, 6) * 1e-6)).double()
    assert torch.allclose(vector_from_pose(pose_from_vector(vectors)), vectors, atol=1e-7)
    turns = pose_from_vector(vectors)[:, :3, :3]
    assert torch.allclose(turns @ turns.transpose(1, 2), torch.eye(3).double().expand(11, 3, 3), atol=1e-12)
    still = torch.zeros(1, 6, requires_grad=True)
    pose_from_vector(still).sum().backward()
    assert still.grad is not None
    assert torch.isfinite(still.grad).all()


def test_the_same_pixels_behind_twice_the_focal_length_are_twice_as_far_and_turn_half_as_much() -> None:
    config = Config.tiny()
    torch.manual_seed(1)
    distance, motion = DistanceNet(config), PoseNet(config)
    pictures = torch.rand(2, 3, 64, 80) * 2 - 1
    lens, longer = torch.tensor([30.0, 30.0]), torch.tensor([60.0, 60.0])
    told = distance(pictures)
    assert torch.allclose(to_metres(told, longer, config), 2 * to_metres(told, lens, config))
    moved = motion(pictures, pictures.roll(1, 3)) * 50
    once = vector_from_pose(to_pose(moved, lens, config))
    twice = vector_from_pose(to_pose(moved, longer, config))
    share = torch.tensor([0.5, 0.5, 1, 1, 1, 2])
    assert torch.allclose(twice, once * share, atol=1e-5)
    assert float(focal_of(torch.diag(torch.tensor([4.0, 9.0, 1.0]))[None])) == pytest.approx(6.0)


def test_a_wrong_guess_of_the_pose_is_aligned_to_within_a_fifth(clip: Clip) -> None:
    metres = torch.where(clip.depth > 0, clip.depth, 100.0)
    true = steps_of(clip.poses)
    still = torch.eye(4).expand(3, 4, 4)
    found = align(clip.frames[:-1], clip.frames[1:], metres[:-1], still, clip.calibration.expand(3, 3, 3))
    turned = (vector_from_pose(found)[:, :3] - vector_from_pose(true)[:, :3]).norm(dim=1).sum()
    assert turned < 0.2 * vector_from_pose(true)[:, :3].norm(dim=1).sum()


def test_frames_that_are_equal_keep_the_camera_where_it_is(clip: Clip) -> None:
    metres = torch.where(clip.depth[:1] > 0, clip.depth[:1], 100.0)
    guess = pose_from_vector(torch.tensor([[0.01, 0.0, 0.0, 0.05, 0.0, 0.0]]))
    found = align(clip.frames[:1], clip.frames[:1], metres, guess, clip.calibration[None])
    assert torch.allclose(found, torch.eye(4)[None], atol=1e-4)


def test_a_chain_of_steps_taken_apart_gives_the_steps() -> None:
    torch.manual_seed(2)
    steps = pose_from_vector(torch.randn(40, 6) * 0.1)
    poses = chain(steps)
    assert torch.equal(poses[0], torch.eye(4))
    assert torch.allclose(steps_of(poses), steps, atol=1e-5)


def test_a_path_at_another_scale_and_place_is_no_error_and_a_still_camera_is() -> None:
    poses = (
        chain(pose_from_vector(torch.randn(20, 6, generator=torch.Generator().manual_seed(3)) * 0.1)).double().numpy()
    )
    moved = poses.copy()
    turn = pose_from_vector(torch.tensor([[0.3, 1.0, 0.2, 0.0, 0.0, 0.0]]))[0, :3, :3].double().numpy()
    moved[:, :3, 3] = 2.5 * poses[:, :3, 3] @ turn.T + (1.0, 2.0, 3.0)
    assert path_error_percent(moved, poses) < 1e-6
    assert fit_similarity(poses[:, :3, 3], moved[:, :3, 3])[0] == pytest.approx(2.5)
    still = np.tile(np.eye(4), (len(poses), 1, 1))
    assert path_error_percent(still, poses) > 10
    assert np.isnan(path_error_percent(poses, still))


@pytest.mark.parametrize("kind", KINDS)
def test_a_static_mask_finds_a_frozen_half_and_not_a_changing_one(kind: str) -> None:
    draw = torch.Generator().manual_seed(4)
    picture = torch.rand(1, 3, 24, 40, generator=draw) * 2 - 1
    others = torch.rand(1, 4, 3, 24, 40, generator=draw) * 2 - 1
    others[..., :20] = picture[:, None, :, :, :20]
    found = static_mask(picture, others, MaskRule(kind, window=5))
    frozen, changing = found[..., :17].float().mean(), found[..., 23:].float().mean()
    assert (float(frozen), float(changing)) == ((0.0, 0.0) if kind == "none" else (1.0, 0.0))


def test_a_vote_sees_through_grain_where_the_plain_mask_does_not() -> None:
    draw = torch.Generator().manual_seed(5)
    picture = torch.rand(1, 3, 24, 24, generator=draw) * 2 - 1
    others = picture[:, None] + 0.02 * torch.randn(1, 4, 3, 24, 24, generator=draw)
    assert static_mask(picture, others, MaskRule("vote")).float().mean() > 0.95
    assert static_mask(picture, others, MaskRule("plain")).float().mean() < 0.05
    one_frozen = torch.rand(1, 4, 3, 24, 24, generator=draw) * 2 - 1
    one_frozen[:, 0] = picture
    assert not static_mask(picture, one_frozen, MaskRule("vote", ratio=0.5)).any()
    assert static_mask(picture, one_frozen, MaskRule("vote", ratio=0.2)).any()


@pytest.mark.parametrize("wrong", [{"kind": "all"}, {"squared": -1.0}, {"ratio": 1.0}, {"window": 4}, {"unit": 0.0}])
def test_a_mask_rule_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"static mask|vote wants|ratio is"):
        MaskRule(**wrong)  # pyright: ignore[reportArgumentType]


def test_scales_that_jump_from_frame_to_frame_are_made_to_agree_and_their_mean_is_kept() -> None:
    clip = made_clip(6, (48, 64))
    true = torch.from_numpy(clip.metres)
    jumps = torch.tensor([0.1, -0.08, 0.05, -0.12, 0.09, -0.04])
    jumps = jumps - jumps.mean()
    read = true * jumps.exp()[:, None, None]
    steps = steps_of(torch.from_numpy(clip.poses))
    own = steps.clone()
    own[:, :3, 3] *= jumps[:-1].exp()[:, None]  # a step is known in the scale of its frame's distances
    lens, wanted = clip.lens.matrix()[None], torch.ones(true.shape, dtype=torch.bool)
    added = steady.even_scales(steady.scale_steps(read, own, lens, wanted))
    left = (read * added.exp()[:, None, None] / true).log().flatten(1).median(1).values
    assert float(left.max() - left.min()) < 0.1 * float(jumps.max() - jumps.min())
    assert float(added.sum()) == pytest.approx(0.0, abs=1e-5)
    blended = steady.blend_along(true, steps, lens, wanted)
    assert float((blended / true).log().abs().median()) < 0.01


def test_distance_loss_counts_only_where_truth_is_known_and_is_zero_there_when_right() -> None:
    clip = made_clip(2)
    true = torch.from_numpy(clip.metres[:1]).clone()
    views = losses.Views(steps_of(torch.from_numpy(clip.poses)), clip.lens.matrix()[None])
    found = true.clone()
    true[:, :5] = 0
    found[:, :5] = 77.0
    for plain in (False, True):
        assert float(losses.distance_error(found, true, views, plain)) == pytest.approx(0.0, abs=1e-6)
        assert float(losses.distance_error(found * 1.2, true, views, plain)) > 0.01
    assert float(losses.log_error(found, true)) == pytest.approx(0.0, abs=1e-6)
    assert float(losses.slope_error(found * 1.5, true)) == pytest.approx(0.0, abs=1e-5)


def test_smoothness_forgives_a_step_at_an_edge_of_the_picture() -> None:
    picture = torch.zeros(1, 3, 16, 16)
    picture[..., 8:] = 1.0
    there, elsewhere = torch.full((1, 16, 16), 2.0), torch.full((1, 16, 16), 2.0)
    there[..., 8:], elsewhere[..., 4:] = 4.0, 4.0
    assert losses.roughness(there, picture) < 0.1 * losses.roughness(elsewhere, picture)
    assert float(losses.roughness(torch.full((1, 16, 16), 3.0), picture)) == 0.0
