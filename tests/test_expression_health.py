"""The guided clip: what is said of controllers whose motion and tremble are known."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from tiny_expression import draw_person, put_weights

from core.engine.controllers import INDEX, NAMES, PART_OF, PARTS
from core.expression.predict import Predictor
from core.expression.rig import Posing, pose
from pages.expression.health import ASKED, GUIDE, MOST_REACH, STATES, Health, judge
from pages.expression.live import Desk
from pages.expression.takes import pack
from studio.settings import Settings
from training.spec import BadRequest

REST = 0.1


def play(moved: dict[str, float], tremble: dict[str, float], rate: int = 15) -> list[tuple[str, np.ndarray]]:
    """A guided clip in which these controllers move so far after the rest, and these tremble all along."""
    draw = np.random.default_rng(1)
    readings = []
    for stage, seconds in GUIDE:
        for at in range(int(seconds * rate)):
            values = np.full(len(NAMES), REST)
            if stage != "neutral":
                for name, reach in moved.items():
                    values[INDEX[name]] += reach * (0.5 - 0.5 * np.cos(2 * np.pi * at / 20))
            for name, deviation in tremble.items():
                values[INDEX[name]] += draw.normal(0, deviation)
            readings.append((stage, values.astype(np.float32)))
    return readings


def states(health: Health) -> dict[str, str]:
    return {channel.name: channel.state for channel in health.channels}


def test_the_guide_takes_twenty_seconds_and_begins_at_rest() -> None:
    assert sum(seconds for _, seconds in GUIDE) == 20
    assert GUIDE[0][0] == "neutral"
    assert set(NAMES) >= ASKED


def test_range_and_noise_are_those_that_were_played() -> None:
    health = judge(play({"jaw_open": 0.6}, {"jaw_open": 0.02}))
    jaw = health.channels[INDEX["jaw_open"]]
    assert jaw.range == pytest.approx(0.6, abs=0.06)
    assert jaw.noise == pytest.approx(0.02, rel=0.3)
    assert health.neutral == pytest.approx(np.full(len(NAMES), REST), abs=0.02)


def test_each_controller_is_called_what_it_is() -> None:
    moved = {name: 0.5 for name in ASKED if name != "eye_blink_left"} | {"cheek_puff_upper_left": 0.3}
    found = states(judge(play(moved, {"gaze_up_left": 0.1, "cheek_puff_upper_left": 0.09, "jaw_open": 0.02})))
    assert found["jaw_open"] == found["mouth_smile_left"] == "good"
    assert found["eye_blink_left"] == "dead"  # asked for and did not move
    assert found["tongue_out"] == "still"  # nobody asked
    assert found["gaze_up_left"] == "noisy"  # moves without being moved
    assert found["cheek_puff_upper_left"] == "noisy"  # its motion drowns


def test_a_slow_drift_at_rest_is_no_tremble() -> None:
    readings = play(dict.fromkeys(ASKED, 0.5), {})
    drift = np.linspace(0, 0.3, 60)
    for at in range(60):
        readings[at][1][INDEX["mouth_smile_left"]] += drift[at]
    assert judge(readings).channels[INDEX["mouth_smile_left"]].noise < 0.002


def test_parts_come_in_order_with_every_controller_once_and_the_worst_verdict_first() -> None:
    rows = judge(play({name: 0.5 for name in ASKED if not name.startswith("brow")}, {})).by_part()
    assert [row["part"] for row in rows] == list(PARTS)
    assert {channel[0]: row["part"] for row in rows for channel in row["channels"]} == PART_OF  # pyright: ignore[reportGeneralTypeIssues]
    said = {row["part"]: row["state"] for row in rows}
    assert (said["brows"], said["mouth"], said["jaw"], said["tongue"]) == ("dead", "good", "good", "still")
    assert all(set(row["counts"]) == set(STATES) for row in rows)  # pyright: ignore[reportArgumentType]


def test_what_is_read_too_small_is_brought_to_how_far_it_was_meant_to_move() -> None:
    moved = {"mouth_smile_left": 0.3, "mouth_smile_right": 0.3, "brow_inner_up_left": 0.1, "jaw_open": 0.9}
    health = judge(play(moved, {"brow_outer_up_left": 0.02}))
    posing = Posing(neutral=health.neutral, reach=health.reach)

    def shown(name: str) -> float:
        values = np.full(len(NAMES), REST, np.float32)
        values[INDEX[name]] += moved[name]
        return float(pose(values, posing)[INDEX[name]])

    assert shown("mouth_smile_left") == pytest.approx(0.85, abs=0.08)
    assert health.reach[INDEX["brow_inner_up_left"]] == pytest.approx(MOST_REACH)  # no more than so much
    assert health.reach[INDEX["jaw_open"]] == 1.0  # what reaches far enough stays
    assert health.reach[INDEX["brow_outer_up_left"]] == health.reach[INDEX["brow_inner_up_left"]]  # its part's
    assert health.reach[INDEX["mouth_frown_left"]] == health.reach[INDEX["mouth_smile_left"]]
    assert health.reach[INDEX["eye_blink_left"]] == health.reach[INDEX["tongue_out"]] == 1.0  # nothing was seen of them
    assert pose(np.full(len(NAMES), REST, np.float32), posing) == pytest.approx(0, abs=0.02)  # rest stays rest


def test_too_few_readings_end_in_a_sentence_and_not_in_a_table() -> None:
    for readings in ([], play({}, {}, rate=15)[:8], [one for one in play({}, {}) if one[0] != "neutral"]):
        with pytest.raises(BadRequest, match="in light from the front"):
            judge(readings)


def test_the_live_path_gathers_readings_under_their_prompt_before_anything_is_taken_off(tmp_path: Path) -> None:
    put_weights(tmp_path)
    predictor = Predictor.load((tmp_path / "weights", Settings().shipped / "weights"))
    desk, person = Desk(lambda _: predictor, threading.Lock()), pack(draw_person())
    desk.change({"gains": {"jaw": 3.0}, "locked": ["brows"], "hand": {"tongue_out": 1.0}})
    for stage in ("neutral", "talk"):
        assert desk.guide(stage) == {}
        for stamp in range(10):
            desk.answer_frame(stamp, person, 0)
    found = desk.guide("end")
    assert found["readings"] == 20
    frame = draw_person()
    face = predictor.reader.find_one(frame)
    first = predictor.read_face(frame, "juno", face)  # which says to the frames after it where to look
    truth = predictor.read_face(frame, "juno", face, away=first.away).controllers
    assert found["neutral"] == pytest.approx(truth, abs=0.02)
    assert len(found["reach"]) == len(NAMES)
    desk.change({"neutral": found["neutral"], "reach": [2.0] * len(NAMES)})
    assert desk.wanted.posing.reach == pytest.approx(np.full(len(NAMES), 2.0))
    with pytest.raises(BadRequest, match="Only 0 readings"):
        desk.guide("end")  # what was said is forgotten
    desk.guide("neutral")
    desk.answer_frame(1, person, 0)
    desk.guide("off")
    with pytest.raises(BadRequest, match="no prompt 'dance'"):
        desk.guide("dance")
    with pytest.raises(BadRequest, match="Only 0 readings"):
        desk.guide("end")
