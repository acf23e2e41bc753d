"""Faces by seed: labels that agree with the picture, determinism, choices, export and cache."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from core.camera import invert_pose, project
from core.engine.attributes import INDEX
from core.engine.export import decode_mask, encode_mask, read_depth, read_seed_range, write_faces
from core.engine.faces import Choices, FaceBatch, faces
from core.engine.faces_cache import CacheConfig, CacheMismatch, fill_cache
from core.engine.head import load_head
from core.engine.render import SEGMENTS

SIZE = 64
SEEDS = [900_000_001, 900_000_002, 900_000_007, 900_000_010]


@pytest.fixture(scope="module")
def batch() -> FaceBatch:
    return faces(SEEDS, size=SIZE)


def test_a_face_is_a_function_of_its_seed_alone(batch: FaceBatch) -> None:
    alone = faces([SEEDS[2]], size=SIZE)
    assert (alone.pixels[0] - batch.pixels[2]).abs().mean() * 127.5 < 0.05
    torch.testing.assert_close(alone.controllers[0], batch.controllers[2])
    assert torch.equal(alone.segmentation[0], batch.segmentation[2])


def test_pictures_are_numbers_in_range_and_differ(batch: FaceBatch) -> None:
    assert torch.isfinite(batch.pixels).all()
    assert batch.pixels.abs().max() <= 1.0
    assert (batch.pixels[0] - batch.pixels[1]).abs().mean() > 0.05


def test_landmarks_lie_on_the_head_in_the_picture(batch: FaceBatch) -> None:
    head = load_head()
    for row in range(len(SEEDS)):
        mark = batch.vertices[row, head.landmarks]
        place, depth = project(mark, invert_pose(batch.camera[row]), batch.calibration[row])
        torch.testing.assert_close(place, batch.landmarks[row], atol=1e-2, rtol=1e-4)
        torch.testing.assert_close(depth, batch.landmark_depth[row], atol=1e-4, rtol=1e-4)
        nose = batch.landmarks[row, 27:36].round().long().clamp(0, SIZE - 1)
        seen = batch.segmentation[row, nose[:, 1], nose[:, 0]]
        assert (seen != SEGMENTS.index("background")).all()


def test_depth_agrees_with_the_geometry(batch: FaceBatch) -> None:
    """Where skin is seen, the picture's depth, lifted into the world, lies on the head."""
    for row in range(len(SEEDS)):
        skin = torch.nonzero((batch.segmentation[row] == 1) | (batch.segmentation[row] == SEGMENTS.index("nose")))
        depth = batch.depth[row, skin[:, 0], skin[:, 1]]
        focal, centre = batch.calibration[row, 0, 0], batch.calibration[row, :2, 2]
        local = torch.stack(
            ((skin[:, 1] + 0.5 - centre[0]) / focal * depth, (skin[:, 0] + 0.5 - centre[1]) / focal * depth, depth), 1
        )
        world = local @ batch.camera[row, :3, :3].T + batch.camera[row, :3, 3]
        away = torch.cdist(world, batch.vertices[row]).amin(1)
        assert away.median() < 0.004
        assert away.quantile(0.95) < 0.012


def test_segments_stand_where_landmarks_say(batch: FaceBatch) -> None:
    """Pixels of the mouth lie about the mouth's landmarks, those of eyes about the eyes'."""
    for row in range(len(SEEDS)):
        for name, marks in (("mouth", slice(48, 68)), ("eyes", slice(36, 48))):
            found = torch.nonzero(batch.segmentation[row] == SEGMENTS.index(name)).float()
            if len(found) < 4:
                continue
            middle = found.mean(0).flip(0) + 0.5
            low, high = batch.landmarks[row, marks].amin(0) - 3, batch.landmarks[row, marks].amax(0) + 3
            assert ((middle > low) & (middle < high)).all(), (row, name)


def test_the_same_person_keeps_their_identity_in_other_moments() -> None:
    pair = faces([1, 2], size=SIZE, choices=Choices(person_seeds=[5, 5]))
    torch.testing.assert_close(pair.identity[0], pair.identity[1])
    age, tone = INDEX["age"], INDEX["skin_tone"]
    torch.testing.assert_close(pair.attributes[0, [age, tone]], pair.attributes[1, [age, tone]])
    assert (pair.controllers[0] - pair.controllers[1]).abs().max() > 0.05


def test_given_controllers_and_turn_are_drawn() -> None:
    wanted = torch.zeros(2, 130)
    wanted[1, 100] = 1.0
    turn = torch.tensor([[0.0, 0.0, 0.0], [30.0, 0.0, 0.0]])
    pair = faces([3, 3], size=SIZE, choices=Choices(controllers=wanted, turn_degrees=turn))
    torch.testing.assert_close(pair.controllers, wanted)
    assert pair.attributes[1, INDEX["head_turn"]] > pair.attributes[0, INDEX["head_turn"]] + 0.2


@pytest.mark.parametrize("key", ["eye_size", "nose_width", "chin_length", "lip_fullness", "face_width", "mouth_width"])
def test_a_measured_grade_follows_a_wish(key: str) -> None:
    pair = faces([8, 8], size=SIZE, choices=Choices(grades={key: torch.tensor([0.15, 0.85])}))
    assert pair.attributes[1, INDEX[key]] - pair.attributes[0, INDEX[key]] > 0.4


def test_a_drawn_grade_follows_a_wish() -> None:
    grades = {
        "glasses": torch.tensor([0.0, 0.9]),
        "age": torch.tensor([0.1, 0.9]),
        "hair_length": torch.tensor([0.0, 0.9]),
    }
    pair = faces([9, 9], size=SIZE, choices=Choices(grades=grades))
    for key, value in grades.items():
        torch.testing.assert_close(pair.attributes[:, INDEX[key]], value, atol=1e-5, rtol=0)
    hair = (pair.segmentation == SEGMENTS.index("hair")).sum((1, 2))
    assert hair[1] > hair[0] + 50
    assert not (pair.segmentation[0] == SEGMENTS.index("glasses")).any()


def test_captions_come_in_both_languages(batch: FaceBatch) -> None:
    english, chinese = batch.captions("en"), batch.captions("zh")
    assert len(english) == len(chinese) == len(SEEDS)
    assert all(text.isascii() for text in english)
    assert all(any("\u4e00" <= letter <= "\u9fff" for letter in text) for text in chinese)


def test_bad_requests_are_answered_with_a_sentence() -> None:
    with pytest.raises(ValueError, match="at least one seed"):
        faces([])
    with pytest.raises(ValueError, match="-4"):
        faces([-4])
    with pytest.raises(ValueError, match="32 to 1024"):
        faces([1], size=16)
    with pytest.raises(ValueError, match="use cpu"):
        faces([1], device="toaster")
    with pytest.raises(ValueError, match="no attribute 'wings'"):
        faces([1], size=SIZE, choices=Choices(grades={"wings": 1.0}))
    with pytest.raises(ValueError, match="3 faces were given with 2"):
        faces([1, 2], size=SIZE, choices=Choices(person_seeds=[1, 2, 3]))


def test_tone_and_age_are_spread_evenly() -> None:
    from core.engine.people import draw_people

    people = draw_people(load_head(), torch.arange(400))
    for key in ("skin_tone", "age"):
        shares = torch.histc(people.grades[:, INDEX[key]], 4, 0, 1) / 400
        assert shares.min() > 0.18, (key, shares)
    assert 0.4 < (people.femininity > 0.5).float().mean() < 0.6


def test_an_export_is_read_back_as_it_was(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    count = write_faces(
        [11, 12], tmp_path / "sheet.png", tmp_path / "out", SIZE, report=lambda done, of: seen.append((done, of))
    )
    assert count == 2
    assert seen[-1] == (2, 2)
    index = json.loads((tmp_path / "out" / "faces.json").read_text())
    batch = faces([11, 12], size=SIZE)
    record = index["faces"][1]
    np.testing.assert_allclose(read_depth(tmp_path / "out" / record["depth"]), batch.depth[1].numpy(), atol=2e-4)
    coco = json.loads((tmp_path / "out" / "coco.json").read_text())
    for mask in coco["annotations"]:
        if mask["image_id"] == 12:
            again = decode_mask(mask["segmentation"]["counts"], *mask["segmentation"]["size"])
            assert np.array_equal(again, batch.segmentation[1].numpy() == mask["category_id"])
    assert (tmp_path / "sheet.png").exists()


def test_masks_survive_their_run_lengths() -> None:
    generator = np.random.default_rng(0)
    for mask in (generator.random((7, 5)) > 0.5, np.zeros((4, 3), bool), np.ones((3, 4), bool)):
        assert np.array_equal(decode_mask(encode_mask(mask), *mask.shape), mask)


def test_seed_ranges_are_read_or_refused() -> None:
    assert read_seed_range("3-5") == [3, 4, 5]
    for wrong in ("5-3", "a", "1-", "-4"):
        with pytest.raises(ValueError, match=r"[Ss]eeds"):
            read_seed_range(wrong)


def test_a_cache_goes_on_where_it_was_broken_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.engine.faces_cache.SHARD_FACES", 2)
    config = CacheConfig(first_seed=20, count=4, size=32)
    fill_cache(tmp_path, config)
    second = tmp_path / "faces-000000002.safetensors"
    before = second.read_bytes()
    second.unlink()
    cache = fill_cache(tmp_path, config)
    assert second.read_bytes() == before
    held = cache.read(torch.tensor([3, 0]))
    direct = faces([23, 20], size=32)
    assert (held["pixels"] - direct.pixels).abs().mean() < 0.01
    with pytest.raises(CacheMismatch, match="another folder"):
        fill_cache(tmp_path, CacheConfig(first_seed=20, count=4, size=48))


def test_without_a_compiler_the_same_face_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = faces([12], size=48)
    monkeypatch.setattr("core.ops.build.available", lambda name, device="cpu": False)
    plain = faces([12], size=48)
    assert (compiled.pixels - plain.pixels).abs().mean() * 127.5 < 1.0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_draws_the_face_that_the_cpu_draws() -> None:
    here, there = faces(SEEDS, size=96), faces(SEEDS, "cuda", 96)
    assert (here.pixels - there.pixels.cpu()).abs().mean() * 127.5 < 1.0
    torch.testing.assert_close(here.attributes, there.attributes.cpu(), atol=1e-3, rtol=1e-3)


def test_a_cache_shows_each_person_again_on_another_day(tmp_path: Path) -> None:
    cache = fill_cache(tmp_path, CacheConfig(first_seed=40, count=4, size=32, pictures_each=2))
    held = cache.read(torch.arange(4))
    assert torch.equal(held["identity"][0], held["identity"][1])
    assert not torch.equal(held["identity"][1], held["identity"][2])
    assert not torch.equal(held["controllers"][0], held["controllers"][1])
    style = [INDEX[key] for key in ("hair_length", "hair_lightness")]
    assert (held["attributes"][0, style] - held["attributes"][1, style]).abs().max() > 0.05
    with pytest.raises(CacheMismatch):
        fill_cache(tmp_path, CacheConfig(first_seed=40, count=4, size=32))


def test_a_quick_cache_shows_the_same_faces_under_coarser_hair(tmp_path: Path) -> None:
    plain = fill_cache(tmp_path / "plain", CacheConfig(40, 3, 128)).read(torch.arange(3))
    quick = fill_cache(tmp_path / "quick", CacheConfig(40, 3, 128, quick=True)).read(torch.arange(3))
    assert torch.equal(plain["landmarks"], quick["landmarks"])
    assert torch.equal(plain["controllers"], quick["controllers"])
    apart = (plain["pixels"] - quick["pixels"]).abs().mean(1)
    skin = (plain["segmentation"] == 1) & (quick["segmentation"] == 1)
    hair = (plain["segmentation"] == SEGMENTS.index("hair")) | (quick["segmentation"] == SEGMENTS.index("hair"))
    assert apart[skin].mean() < 0.5 * apart[hair].mean()
