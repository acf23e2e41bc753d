"""Clips kept on disk: what is kept is what the engine draws, a broken-off fill goes on, other settings are refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from core.engine import scenes_cache
from core.engine.faces_cache import CacheMismatch, engine_digest
from core.engine.scenes_cache import SceneCacheConfig, ScenesCache, draw_part, fill_scenes

SMALL = SceneCacheConfig(7, 2, height=24, width=32, frames_each=3, engine="x")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes")
    told: list[tuple[int, int]] = []
    fill_scenes(folder, SMALL, lambda done, of: told.append((done, of)))
    assert told == [(2, 2)]
    return folder


def test_a_kept_clip_is_the_clip_that_the_engine_draws(filled: Path) -> None:
    kept, drawn = ScenesCache(filled).clip(1), draw_part(8, SMALL)
    assert (kept["frames"] - drawn.frames).abs().max() <= 1.01 / 127.5
    assert torch.equal(kept["poses"], drawn.poses.float())
    assert torch.equal(kept["moving"], drawn.moving)
    assert torch.allclose(kept["depth"], drawn.depth, rtol=2e-3)
    assert drawn.frames_per_second == SMALL.frames_per_second
    part = ScenesCache(filled).clip(1, slice(1, 3))
    assert torch.equal(part["frames"], kept["frames"][1:])
    assert part["calibration"].shape == (3, 3)


def test_a_cache_grows_by_what_is_missing_and_refuses_other_settings(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scenes_cache, "SHARD_CLIPS", 1)
    small = replace(SMALL, height=16, width=16, frames_each=2)
    folder = filled / "grown"
    fill_scenes(folder, replace(small, count=1))
    before = (folder / "scenes-000000000.safetensors").stat().st_mtime_ns
    assert len(fill_scenes(folder, small)) == 2
    assert (folder / "scenes-000000000.safetensors").stat().st_mtime_ns == before
    with pytest.raises(CacheMismatch, match="another folder"):
        fill_scenes(folder, replace(small, width=32))
    with pytest.raises(IndexError, match="0 to 1"):
        ScenesCache(folder).clip(2)
    with pytest.raises(FileNotFoundError, match=r"no scenes\.json"):
        ScenesCache(filled / "nowhere")


def test_the_digest_of_scenes_is_not_that_of_faces() -> None:
    assert engine_digest("scenes") != engine_digest()


def test_a_cache_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one clip"):
        SceneCacheConfig(0, 0)
    with pytest.raises(ValueError, match="at least 2 frames"):
        SceneCacheConfig(0, 1, frames_each=1)
