"""Speed rows: both sides of a pair do the same work, rows are chosen by name."""

from pathlib import Path

import pytest

from training import bench as speeds
from training.bench import Pair, bench, time_pair
from training.bench_edits import rate_garment, rate_text


def test_a_pair_of_equal_work_has_a_ratio_near_one():
    def count() -> int:  # one thread: threads that wait for each other use processor time too
        return sum(range(50_000))

    pair = time_pair(count, count, repeats=15)
    assert 0.4 < pair.ratio < 2.5


def test_the_work_of_both_sides_alternates():
    turns = []
    time_pair(lambda: turns.append("plain"), lambda: turns.append("ours"), repeats=1)
    assert turns == ["plain", "ours"] * 3


def test_small_rows_run_and_give_positive_ratios():
    pairs = [
        speeds.bench_stylegan2(16),
        speeds.bench_upfirdn2d(4, 16),
        speeds.bench_upfirdn2d_second(4, 16),
        speeds.bench_ssim(8, 8),
    ]
    assert all(pair.ratio > 0 for pair in pairs)


def test_rows_are_chosen_by_name_and_unknown_ones_are_named(monkeypatch):
    monkeypatch.setattr(speeds, "PAIRS", {"a_ratio": lambda: Pair(3.0, 1.5), "b_ratio": lambda: Pair(1.0, 1.0)})
    monkeypatch.setattr(speeds, "RATES", {"c_per_second": lambda: 5.0})
    monkeypatch.setattr(speeds, "GROUPS", {"d_fps": lambda: {"d_fps": 30.0, "d_part_ms": 7.0}})
    assert bench(["d_fps"])["scores"] == {"d_fps": 30.0, "d_part_ms": 7.0}
    assert bench(["a_ratio"])["scores"] == {"a_ratio": 2.0}
    assert bench(["c_per_second"])["scores"] == {"c_per_second": 5.0}
    assert set(bench()["scores"]) == {"a_ratio", "b_ratio", "c_per_second", "d_fps", "d_part_ms"}
    monkeypatch.setattr(speeds, "GROUPS", {"d_fps": lambda: {"d_fps": "No weights.", "d_part_ms": 7.0}})
    report = bench(["d_fps"])
    assert report["scores"] == {"d_fps": None, "d_part_ms": 7.0}
    assert report["notes"] == {"d_fps": "No weights."}
    with pytest.raises(ValueError, match="no speed row c_ratio"):
        bench(["c_ratio"])


def test_edits_are_timed_with_what_ships_and_told_in_a_sentence_where_weights_lack(tmp_path: Path):
    assert 0 < float(rate_garment([speeds.SHIPPED])["garment_seconds"]) < 60
    for rate in (rate_garment, rate_text):
        (said,) = rate([tmp_path]).values()
        assert isinstance(said, str)
        assert "python -m training" in said
