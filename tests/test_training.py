"""The one loop and the run folder: exact resume, kills, divergence, memory, thresholds."""

from __future__ import annotations

import json
import multiprocessing
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny import Shapes

from core.checkpoints import Found, load, read_card
from training import spec
from training.__main__ import carry_out
from training.muon import orthogonal
from training.run import RunFolder
from training.spec import BadRequest, RunSpec
from training.together import Meeting
from training.trainer import Diverged, OutOfMemory, Trainer

CPU = torch.device("cpu")
TINY = Path(__file__).with_name("tiny.py")


def trainer(folder: Path, **values: object) -> Trainer:
    spec.write_request(folder, RunSpec("tiny", "shapes", **values))  # pyright: ignore[reportArgumentType]
    run = RunFolder(folder)
    return Trainer(Shapes(run.request), run, CPU)


def weights(one: Trainer) -> dict[str, torch.Tensor]:
    own = one.recipe.modules["net"].state_dict()
    return {**own, **{f"average/{key}": value for key, value in one.averages["net"].state_dict().items()}}


def assert_equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("options", [{}, {"matrices": ["inward"]}])
def test_six_and_four_resumed_steps_equal_ten_unbroken_to_the_bit(tmp_path: Path, options: dict[str, object]) -> None:
    unbroken = trainer(tmp_path / "a", steps=10, options=options)
    assert unbroken.run() == "done"
    trainer(tmp_path / "b", steps=6, options=options).run()
    resumed = trainer(tmp_path / "b", steps=10, options=options)
    assert resumed.resume()
    assert resumed.step == 6
    resumed.run()
    assert_equal(weights(resumed), weights(unbroken))
    assert [resumed.recent[k] for k in resumed.recent] == [unbroken.recent[k] for k in unbroken.recent]


@pytest.mark.parametrize("matrices", [[], ["inward"]])
def test_muon_turns_the_matrices_it_is_told_of_evenly_and_leaves_others_to_adam(
    tmp_path: Path, matrices: list[str]
) -> None:
    run = trainer(tmp_path, steps=150, options={"matrices": matrices})
    before = {key: value.clone() for key, value in weights(run).items()}
    error = run._measure()["validation"]
    run._take_step()
    for key in ("inward.2.weight", "outward.0.weight"):
        values = torch.linalg.svdvals(weights(run)[key] - before[key])
        assert bool(values[-1] > 0.5 * values[0]) == any(part in key for part in matrices), key
    run.run()
    assert read_card(run.folder.result).validation["validation"] < 0.5 * error


@pytest.mark.parametrize("shape", [(8, 40), (40, 8), (12, 12)])
def test_orthogonal_keeps_singular_vectors_and_evens_singular_values(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    turned = orthogonal(matrix)
    assert turned.shape == matrix.shape
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    within = left.T @ turned @ right.T
    assert (within.diagonal()[values > values[0] / 50] > 0.5).all()
    assert (within - within.diagonal().diag()).abs().max() < 0.1
    assert within.diagonal().max() < 1.4


def test_learning_lowers_the_validation_error_below_that_of_a_black_picture(tmp_path: Path) -> None:
    run = trainer(tmp_path, steps=150)
    before = run._measure()["validation"]
    run.run()
    after = read_card(run.folder.result).validation["validation"]
    assert after < 0.5 * before


def test_the_exported_checkpoint_holds_the_averages(tmp_path: Path) -> None:
    run = trainer(tmp_path, steps=60)
    run.run()
    folder = run.folder.result
    exported = load(Found(folder, read_card(folder), folder))["net"]
    own, average = run.recipe.modules["net"].state_dict(), run.averages["net"].state_dict()
    for key, value in exported.items():
        assert (value - average[key]).abs().max() < 2e-3
    assert any((exported[key] - own[key]).abs().max() > 2e-3 for key in own)


def test_a_loss_that_stops_being_a_number_names_its_term_and_keeps_good_weights(tmp_path: Path) -> None:
    run = trainer(tmp_path, steps=20, save_every=5, options={"nan_at": 12})
    with pytest.raises(Diverged, match=r"'pixels'.*step 12"):
        run.run()
    kept = trainer(tmp_path, steps=20, options={"nan_at": 12})
    assert kept.resume()
    assert kept.step == 10
    assert all(torch.isfinite(value).all() for value in weights(kept).values())


def test_memory_that_runs_out_halves_the_micro_batch_and_keeps_the_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trainer(tmp_path, steps=2)
    sizes: list[int] = []
    whole = run.recipe.batch

    def limited(step: int, size: int, part: int) -> dict[str, torch.Tensor]:
        if size > 8:
            raise torch.OutOfMemoryError("pretend")
        sizes.append(size)
        return whole(step, size, part)

    monkeypatch.setattr(run.recipe, "batch", limited)
    assert run.run() == "done"
    assert run.micro_batch == 8
    assert sum(sizes) >= 2 * 32
    assert set(sizes) == {8}


def test_memory_that_never_suffices_ends_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = trainer(tmp_path, steps=2)

    def never(step: int, size: int, part: int) -> dict[str, torch.Tensor]:
        raise torch.OutOfMemoryError("pretend")

    monkeypatch.setattr(run.recipe, "batch", never)
    with pytest.raises(OutOfMemory, match="smaller preset"):
        run.run()


def test_micro_batches_see_the_same_pictures_as_the_whole_batch() -> None:
    recipe = Shapes(RunSpec("tiny", "shapes", seed=3))
    whole = recipe.batch(7, 32, 0)["pictures"]
    parts = torch.cat([recipe.batch(7, 8, part)["pictures"] for part in range(4)])
    assert torch.equal(whole, parts)


def test_a_run_takes_the_shape_of_the_weights_it_starts_with(tmp_path: Path) -> None:
    first = trainer(tmp_path / "first", steps=4, options={"config": {"code": 5}})
    first.run()
    command = [sys.executable, str(TINY), "tiny", "shapes", "--steps", "3", "--start-from", str(first.folder.result)]
    subprocess.run([*command, "--run", str(tmp_path / "second")], cwd=TINY.parents[1], check=True, capture_output=True)
    card = read_card(tmp_path / "second" / spec.RESULT)
    assert card.config == {"code": 5}
    assert card.step == 7
    assert card.parent_validation["validation"] > 0
    assert spec.read_request(tmp_path / "second").options["config"] == {"code": 5}


def test_a_run_is_done_when_its_loss_stays_under_the_threshold(tmp_path: Path) -> None:
    run = trainer(tmp_path, steps=5000, stop_below={"pixels": 0.45})
    assert run.run() == "done"
    assert 50 <= run.step < 5000


def test_the_threshold_can_be_given_on_the_command_line(tmp_path: Path) -> None:
    command = [
        sys.executable,
        str(TINY),
        "tiny",
        "shapes",
        "--preset",
        "tiny",
        "--steps",
        "5000",
        "--run",
        str(tmp_path),
    ]
    subprocess.run([*command, "--stop-below", "pixels=0.45"], cwd=TINY.parents[1], check=True, capture_output=True)
    assert spec.read_request(tmp_path).stop_below == {"pixels": 0.45}
    assert 50 <= read_card(tmp_path / spec.RESULT).step < 5000
    wrong = subprocess.run(
        [*command, "--stop-below", "pixels"], check=False, cwd=TINY.parents[1], capture_output=True, text=True
    )
    assert wrong.returncode == 2
    assert "TERM=LIMIT" in wrong.stderr


def test_copies_learn_side_by_side_and_meet_and_leave_nobody_behind(tmp_path: Path) -> None:
    """The first copy's run counts everybody's pictures; resumed, it goes on; a copy that dies ends it with a sentence."""
    spec.write_request(tmp_path, RunSpec("expression", "solver", "tiny", steps=30, options={"batch": 8, "copies": 2}))
    assert carry_out(tmp_path) == 0
    assert not multiprocessing.active_children()
    card = read_card(RunFolder(tmp_path).result)
    assert (card.step, card.pictures) == (30, 30 * 8 * 2)
    spec.write_request(tmp_path, replace(RunFolder(tmp_path).request, steps=40))
    assert carry_out(tmp_path) == 0
    assert read_card(RunFolder(tmp_path).result).pictures == 40 * 8 * 2


def test_a_copy_that_dies_ends_the_run_with_a_sentence_and_what_was_saved_is_kept(tmp_path: Path) -> None:
    request = RunSpec("expression", "solver", "tiny", steps=100_000, save_every=5, options={"batch": 8, "copies": 2})
    spec.write_request(tmp_path, request)

    def kill_the_other() -> None:
        while not list(tmp_path.glob("state/*")) or not multiprocessing.active_children():
            time.sleep(0.1)
        for other in multiprocessing.active_children():
            other.kill()

    threading.Thread(target=kill_the_other, daemon=True).start()
    assert carry_out(tmp_path) == 1
    status = json.loads((tmp_path / spec.STATUS).read_text())
    assert status["state"] == "failed"
    assert "A copy that learned beside this one has ended" in status["message"]
    assert RunFolder(tmp_path).load_state() is not None


def test_the_mean_of_two_copies_is_what_both_go_on_from(tmp_path: Path) -> None:
    rows, told, barrier = torch.zeros(2, 4), torch.zeros(2, dtype=torch.int64), threading.Barrier(2)
    mine, theirs = [torch.ones(2), torch.zeros(2, 1)], [torch.full((2,), 3.0), torch.ones(2, 1)]
    other = threading.Thread(target=lambda: Meeting(rows, told, barrier, 1).meet(theirs))
    other.start()
    assert Meeting(rows, told, barrier).meet(mine, 25, goes_on=False) == (25, False)
    other.join()
    for one, another, mean in zip(mine, theirs, (2.0, 0.5), strict=True):
        assert torch.equal(one, another)
        assert (one == mean).all()


def test_the_time_budget_stops_and_exports(tmp_path: Path) -> None:
    run = trainer(tmp_path, steps=10**7, minutes=0.02)
    assert run.run() == "stopped"
    assert read_card(run.folder.result).step == run.step > 0


def test_kill_nine_loses_nothing_whole_and_the_resumed_run_equals_an_unbroken_one(tmp_path: Path) -> None:
    spec.write_request(tmp_path / "run", RunSpec("tiny", "shapes", steps=400, save_every=5))
    command = [sys.executable, str(TINY), "resume", str(tmp_path / "run")]
    process = subprocess.Popen(command, cwd=TINY.parents[1])
    states = tmp_path / "run" / "state"
    for _ in range(600):
        if len(list(states.glob("[0-9]*"))) >= 2 or process.poll() is not None:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    # What a kill in the middle of saving leaves: a folder that was not renamed yet, and a last log line cut short.
    (states / ".incoming-9999999").mkdir(exist_ok=True)
    with (tmp_path / "run" / spec.LOG).open("a") as log:
        log.write('{"step": 3')
    resumed = trainer(tmp_path / "run", steps=60)
    assert resumed.resume()
    assert 5 <= resumed.step < 400
    resumed.request = resumed.folder.request
    target = max(60, resumed.step + 5)
    resumed = trainer(tmp_path / "run", steps=target)
    resumed.resume()
    resumed.run()
    unbroken = trainer(tmp_path / "unbroken", steps=target)
    unbroken.run()
    assert_equal(weights(resumed), weights(unbroken))
    lines = (tmp_path / "run" / spec.LOG).read_text().splitlines()
    assert all("step" in json.loads(line) for line in lines)


def test_a_broken_newest_state_is_passed_over_for_the_one_before(tmp_path: Path) -> None:
    trainer(tmp_path, steps=10, save_every=5).run()
    newest = sorted((tmp_path / "state").glob("[0-9]*"))[-1] / "state.safetensors"
    newest.write_bytes(newest.read_bytes()[:100])
    again = trainer(tmp_path, steps=12, save_every=5)
    assert again.resume()
    assert again.step == 5


def test_requests_that_cannot_run_are_sentences() -> None:
    with pytest.raises(BadRequest, match="preset"):
        RunSpec("tiny", "shapes", preset="huge")
    with pytest.raises(BadRequest, match="minutes"):
        RunSpec("tiny", "shapes", minutes=0)
    with pytest.raises(BadRequest, match="colour"):
        RunSpec.from_json('{"subject": "a", "recipe": "b", "colour": 1}')
    assert RunSpec.from_json(RunSpec("a", "b", data="c").to_json()) == RunSpec("a", "b", data="c")


def test_an_unknown_recipe_names_those_that_exist(tmp_path: Path) -> None:
    command = [sys.executable, str(TINY), "tiny", "circles", "--run", str(tmp_path / "run"), "--dry-run"]
    answer = subprocess.run(command, cwd=TINY.parents[1], capture_output=True, text=True, check=False)
    assert answer.returncode == 2
    assert "tiny shapes" in answer.stderr


def test_a_dry_run_says_sizes_and_speed_and_keeps_nothing(tmp_path: Path) -> None:
    command = [sys.executable, str(TINY), "tiny", "shapes", "--run", str(tmp_path / "run"), "--dry-run"]
    answer = subprocess.run(command, cwd=TINY.parents[1], capture_output=True, text=True, check=True)
    assert "million weights" in answer.stdout
    assert "pictures/s" in answer.stdout
    assert not (tmp_path / "run").exists()
