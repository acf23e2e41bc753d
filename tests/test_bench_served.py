"""The live rows of the bench: real frames through a real studio, and sentences where that cannot be."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from served import chromium
from tiny_expression import put_weights

from training import bench_served
from training.bench_served import FRAME, clip_frames, find_browser, rate_browser, rate_server


def test_the_frames_are_a_moving_persons_and_come_again_after_the_clips_end() -> None:
    frames = list(itertools.islice(clip_frames(), 0, 400, 40))
    assert {frame.shape for frame in frames} == {(*FRAME, 3)}
    assert np.abs(frames[0].astype(int) - frames[1]).mean() > 0.5


def test_missing_weights_end_in_the_studios_own_sentence() -> None:
    class Link:
        said = iter(['{"type": "loading"}', '{"type": "missing", "say": "There are no weights."}'])

        def recv(self, _: float) -> str:
            return next(self.said)

    assert bench_served._wait_ready(Link()) == "The live path cannot be timed: There are no weights."


@pytest.mark.soak
@pytest.mark.timeout(900)  # the networks' quickest forms are timed first
def test_the_servers_part_is_timed_on_real_frames_with_the_processor_time_of_each(tmp_path: Path) -> None:
    put_weights(tmp_path / "home")
    found = rate_server(tmp_path / "home", count=12)
    assert set(found) == {"live_server_p95_ms", "live_server_p50_ms", "live_server_cpu_ms"}
    numbers = {row: float(value) for row, value in found.items()}
    assert 0 < numbers["live_server_p50_ms"] <= numbers["live_server_p95_ms"]
    assert numbers["live_server_cpu_ms"] > 0


def test_without_a_browser_the_row_says_what_it_wants(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_served.shutil, "which", lambda _: None)
    assert "Chromium" in str(rate_browser()["live_browser_p95_ms"])
    monkeypatch.setattr(bench_served.importlib.util, "find_spec", lambda _: None)
    assert "Playwright" in find_browser()[1]


@pytest.mark.soak
@pytest.mark.browser
@pytest.mark.timeout(900)
@pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine (Debian: apt install chromium)")
def test_the_browsers_part_goes_from_the_cameras_frame_to_the_rig(tmp_path: Path) -> None:
    put_weights(tmp_path / "home")
    found = {row: float(value) for row, value in rate_browser(tmp_path / "home", count=20).items()}
    assert 0 < found["live_browser_p50_ms"] <= found["live_browser_p95_ms"]
