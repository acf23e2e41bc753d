"""The expression room: what the rig promises, tracks that come back as they went, head turns, networks and recipes."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_expression import put_weights

from core import checkpoints
from core.camera import look_at
from core.engine.controllers import INDEX, NAMES, PARTS, from_arkit, places, to_arkit
from core.engine.head import load_head, rotation
from core.expression import tracks
from core.expression.config import ConverterConfig, RegressorConfig
from core.expression.losses import part_error, restless
from core.expression.networks import Regressor, Transfer, make_converter
from core.expression.rig import LIDS, OPPOSITES, Posing, Smoothed, pose, settle, smooth
from core.expression.tracks import BadTrack, Track
from core.expression.turn import turn_of
from training.recipes.expression import make_converter_recipe
from training.recipes.expression_regressor import begin_regressor, make_regressor_recipe
from training.spec import BadRequest, RunSpec

RNG = np.random.default_rng(5)


def some_track(count: int = 7) -> Track:
    values = RNG.uniform(0, 1, (count, len(NAMES))).astype(np.float32)
    turns = RNG.uniform(-40, 40, (count, 3)).astype(np.float32)
    return Track((np.arange(count) / 60).astype(np.float32), values, turns)


def test_of_two_opposites_only_the_difference_moves() -> None:
    values = RNG.uniform(0, 1, len(NAMES)).astype(np.float32)
    posed = settle(values)
    for one, other in OPPOSITES:
        assert min(posed[one], posed[other]) == 0.0
        assert posed[one] - posed[other] == pytest.approx(values[one] - values[other], abs=1e-6)


def test_an_eye_is_closed_once_however_many_ways_close_it() -> None:
    posed = settle(np.ones(len(NAMES), dtype=np.float32))
    for blink, closed in LIDS:
        assert posed[blink] + posed[closed] == pytest.approx(1.0)


def test_a_locked_part_stays_as_the_hand_has_it_while_the_camera_drives_the_rest() -> None:
    read = np.full(len(NAMES), 0.4, dtype=np.float32)
    posed = pose(read, Posing(locked=frozenset({"mouth"}), hand={"mouth_smile_left": 0.9}))
    rest = [at for at in places("mouth") if at != INDEX["mouth_smile_left"]]
    assert posed[INDEX["mouth_smile_left"]] == pytest.approx(0.9)
    assert np.abs(posed[rest]).max() == 0.0
    assert posed[INDEX["brow_inner_up_left"]] == pytest.approx(0.4)


def test_a_resting_face_taken_as_neutral_reads_as_rest_and_full_stays_full() -> None:
    resting = RNG.uniform(0, 0.5, len(NAMES)).astype(np.float32)
    assert np.abs(pose(resting, Posing(neutral=resting))).max() < 1e-6
    full = pose(np.ones(len(NAMES), dtype=np.float32), Posing(neutral=resting))
    assert full[INDEX["jaw_open"]] == pytest.approx(1.0)


@pytest.mark.parametrize("posing", [{"gains": {"elbow": 2.0}}, {"hand": {"wink": 0.5}}, {"hand": {"jaw_open": 1.5}}])
def test_what_the_rig_does_not_have_is_told(posing: dict[str, dict[str, float]]) -> None:
    with pytest.raises(ValueError, match=r"part|controller|0 to 1"):
        Posing(**posing)  # pyright: ignore[reportArgumentType]


def test_smoothing_stills_noise_and_still_arrives_where_the_face_goes() -> None:
    state: Smoothed | None = None
    noisy, shown = [], []
    for frame in range(90):
        read = (0.3 + 0.03 * RNG.standard_normal(len(NAMES))).astype(np.float32)
        state = smooth(read, frame / 30, state)
        noisy.append(read)
        shown.append(state.values)
    assert np.std(shown[20:], axis=0).mean() < 0.5 * np.std(noisy[20:], axis=0).mean()
    for frame in range(90, 105):
        state = smooth(np.full(len(NAMES), 0.9, dtype=np.float32), frame / 30, state)
    assert np.abs(state.values - 0.9).max() < 0.05  # pyright: ignore[reportOptionalMemberAccess]


def test_a_clock_that_goes_back_starts_the_smoother_anew() -> None:
    one = np.zeros(len(NAMES), dtype=np.float32)
    state = smooth(one + 1, 0.0, smooth(one, 5.0, None))
    assert np.array_equal(state.values, one + 1)


@pytest.mark.parametrize("form", ["csv", "json"])
def test_a_track_comes_back_as_it_was_written(form: str) -> None:
    track = some_track()
    again = getattr(tracks, f"read_{form}")(getattr(tracks, f"write_{form}")(track))
    assert np.abs(again.controllers - track.controllers).max() < 1e-4
    assert np.abs(again.turns - track.turns).max() < 1e-2
    assert np.abs(again.seconds - track.seconds).max() < 1e-3


def test_a_live_link_recording_keeps_what_its_52_shapes_can_say() -> None:
    shapes = torch.from_numpy(RNG.uniform(0, 1, (9, 52)).astype(np.float32))
    for closed in ("eye_closed_left", "eye_closed_right"):
        assert from_arkit(shapes)[:, INDEX[closed]].max() == 0
    track = replace(some_track(9), controllers=from_arkit(shapes).numpy())
    text = tracks.write_live_link(track)
    rows = list(csv.reader(io.StringIO(text)))
    assert tuple(rows[0]) == tracks.LIVE_LINK_HEADER
    assert rows[0][:4] == ["Timecode", "BlendShapeCount", "EyeBlinkLeft", "EyeLookDownLeft"]
    assert {row[1] for row in rows[1:]} == {"61"}
    assert len(rows[0]) == 63
    again = tracks.read_live_link(text)
    wanted, got = to_arkit(torch.from_numpy(track.controllers)), to_arkit(torch.from_numpy(again.controllers))
    assert (wanted - got).abs().max() < 0.02
    assert np.abs(again.turns - track.turns).max() < 0.01


def test_live_link_columns_are_read_by_name_whatever_their_order() -> None:
    rows = list(csv.reader(io.StringIO(tracks.write_live_link(some_track(4)))))
    order = [0, 1, *range(len(rows[0]) - 1, 1, -1)]
    shuffled = "\n".join(",".join(row[at] for at in order) for row in rows)
    straight = "\n".join(",".join(row) for row in rows)
    assert np.array_equal(tracks.read_live_link(shuffled).controllers, tracks.read_live_link(straight).controllers)


@pytest.mark.parametrize("read", [tracks.read_csv, tracks.read_json, tracks.read_live_link])
@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "{}", '{"controllers": [], "moments": [1]}', "seconds\nx\n"])
def test_a_file_that_is_no_track_is_answered_with_a_sentence(read: object, text: str) -> None:
    assert callable(read)
    with pytest.raises(BadTrack, match=r"track|recording"):
        read(text)


@pytest.mark.parametrize("turn", [(0.0, 0.0, 0.0), (25.0, 0.0, 0.0), (0.0, -15.0, 0.0), (-20.0, 10.0, 8.0)])
def test_a_turned_head_is_read_from_its_landmarks(turn: tuple[float, float, float]) -> None:
    head = load_head(torch.device("cpu"))
    spin = rotation(*(torch.deg2rad(torch.tensor(value)) for value in turn))
    points = head.neutral[head.landmarks] @ spin.T
    pose_of = look_at(torch.tensor([[0.0, 0.0, 1.2]]), torch.zeros(1, 3), torch.tensor([[0.0, 1.0, 0.0]]))[0]
    seen = (points - pose_of[:3, 3]) @ pose_of[:3, :3]
    pixels = (seen[:, :2] / seen[:, 2:] * 640 * 1.6 + torch.tensor([320.0, 240.0])).numpy().astype(np.float32)
    assert np.abs(np.array(turn_of(pixels, 640, 480)) - turn).max() < 2.5


def test_each_part_counts_alike_however_many_controllers_it_has() -> None:
    for part in PARTS:
        read = torch.zeros(1, len(NAMES))
        read[:, places(part)] = 1.0
        assert float(part_error(read, torch.zeros_like(read))) == pytest.approx(1 / len(PARTS), rel=1e-4)


def test_pixels_that_move_count_more_and_all_count_once_on_average() -> None:
    pictures = torch.zeros(6, 3, 16, 16)
    pictures[:, :, 4:8, 4:8] = torch.randn(6, 3, 4, 4)
    weight = restless(pictures)
    assert float(weight.mean()) == pytest.approx(1.0, abs=1e-4)
    assert weight[0, 0, 5, 5] > 3 * weight[0, 0, 0, 0]


def test_the_live_path_is_encoder_decoder_regressor_in_this_order() -> None:
    torch.manual_seed(0)
    modules = make_converter(ConverterConfig.tiny())
    regressor = Regressor(RegressorConfig.tiny())
    whole = Transfer(modules["encoder"], modules["juno"], regressor).eval()
    pictures = torch.randn(2, 3, 32, 32).clamp(-1, 1)
    with torch.no_grad():
        virtual, controllers = whole(pictures)
        assert torch.equal(virtual, modules["juno"](modules["encoder"](pictures)))
        assert torch.equal(controllers, regressor(virtual))
    assert virtual.shape == pictures.shape
    assert controllers.shape == (2, len(NAMES))
    assert 0 < controllers.min() <= controllers.max() < 1


def test_the_converter_and_the_regressor_take_a_step_on_live_people() -> None:
    request = RunSpec(subject="expression", recipe="converter", preset="tiny", steps=4, options={"batch": 2})
    recipe = make_converter_recipe(request)
    batch = recipe.batch(1, 2, 0)
    losses = recipe.losses(recipe.phases[0], batch, 1)
    assert set(losses) == {"paired", "paired_squares", "virtual", "photo", "motion", "squares", "points"}
    torch.stack(list(losses.values())).sum().backward()
    moved = {name for name, module in recipe.modules.items() if any(p.grad is not None for p in module.parameters())}
    assert moved == {"encoder", "fen", "photo", "aid"}  # step 1 is the second character's
    other = make_regressor_recipe(replace(request, recipe="regressor", options={"batch": 2, "character": "fen"}))
    assert other.name == "regressor_fen"
    seen = other.batch(0, 2, 0)
    assert all(torch.isfinite(term) for term in other.losses(other.phases[0], seen, 0).values())
    again = make_regressor_recipe(replace(request, recipe="regressor", options={"batch": 2, "character": "fen"}))
    assert torch.equal(again.batch(0, 2, 0)["pictures"], seen["pictures"])


def test_a_regressor_that_is_told_places_begins_as_the_one_that_averages_over_them(tmp_path: Path) -> None:
    averaging = RegressorConfig(64, 4, "fen")
    network = Regressor(averaging)
    card = checkpoints.Card("expression", "regressor_fen", config=asdict(averaging))
    checkpoints.save(tmp_path / "old", card, {"regressor": network.state_dict()}, "fp32")
    placed = Regressor(replace(averaging, placed=True))
    begin_regressor(placed, tmp_path / "old", replace(averaging, placed=True))
    pictures = torch.randn(3, 3, 64, 64)
    with torch.no_grad():
        assert torch.allclose(placed.eval()(pictures), network.eval()(pictures), atol=1e-5)
        turned = pictures.flip(3)  # features that lie elsewhere say something else as soon as anything was learned
        placed.read.weight.add_(0.1 * torch.randn(placed.read.weight.shape, generator=torch.Generator().manual_seed(0)))
        assert not torch.allclose(placed(pictures), placed(turned), atol=1e-3)


@pytest.mark.parametrize("still", [3, 4])
def test_stages_of_a_regressor_that_hold_still_do_and_the_rest_learns(still: int) -> None:
    options = {"batch": 2, "count": 3, "alone": 2, "still": still}
    request = RunSpec(subject="expression", recipe="regressor", preset="tiny", steps=4, options=options)
    recipe = make_regressor_recipe(request)
    regressor = recipe.modules["regressor"]
    assert isinstance(regressor, Regressor)
    batch = recipe.batch(0, 2, 0)
    terms = recipe.losses(recipe.phases[0], batch, 0)
    torch.stack(list(terms.values())).sum().backward()
    stages = [stage.parameters() for stage in regressor.trunk.stages]
    moved = {at for at, weights in enumerate(stages) if any(p.grad is not None for p in weights)}
    assert moved == set(range(still, 4))
    assert regressor.read.weight.grad is not None
    index, _ = recipe.data.draw_places(0, 2)
    assert torch.equal(batch["controllers"], recipe.data.virtual_at("juno", index)[1])
    for wrong in ({"still": 5}, {"still": 4, "converter": "x"}):
        with pytest.raises((BadRequest, FileNotFoundError, checkpoints.CheckpointMissing)):
            make_regressor_recipe(replace(request, options={**options, **wrong}))


def test_a_converter_is_told_what_a_regressor_reads_in_its_pictures(tmp_path: Path) -> None:
    put_weights(tmp_path)
    folder = tmp_path / "weights" / "expression" / "regressor_fen"
    request = RunSpec(
        subject="expression", recipe="converter", preset="tiny", steps=4,
        options={"batch": 2, "readers": {"fen": str(folder)}},
    )  # fmt: skip
    recipe = make_converter_recipe(request)
    assert "read" not in recipe.losses(recipe.phases[0], recipe.batch(0, 2, 0), 0)  # the first character has no reader
    told = recipe.losses(recipe.phases[0], recipe.batch(1, 2, 0), 1)["read"]
    told.backward()
    assert all(p.grad is not None for p in recipe.modules["fen"].parameters())
    assert next(recipe.modules["encoder"].parameters()).grad is not None
    assert next(recipe.modules["photo"].parameters()).grad is None
    with pytest.raises(BadRequest, match="by character"):
        make_converter_recipe(replace(request, options={**request.options, "readers": {"rex": str(folder)}}))
    large = {**asdict(ConverterConfig.tiny()), "size": 64}
    with pytest.raises(checkpoints.CheckpointMismatch, match="reads 32 px"):
        make_converter_recipe(replace(request, options={**request.options, "config": large}))
