"""How the depth room learns: exact resuming, labels or none, tuning and its refusals; measured and drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_depth import noise, put_depth_weights, walk

from core import checkpoints
from core.camera import invert_pose
from core.engine.scenes import SceneChoices, scene
from core.engine.scenes_cache import SceneCacheConfig, fill_scenes
from core.image import to_pixels, write_picture
from training.depth_data import Asked, SceneData, Spread, sample_of, stray
from training.depth_terms import LABELLED, picture_terms, read_batch, time_saved_percent
from training.depth_terms import Settings as Learning
from training.depth_tuning import TuneRecipe, read_own_frames
from training.measure import Asked as Measured
from training.measure import measure
from training.measure_depth import best_rows, f1, flicker, relative_error, true_static
from training.recipes import RECIPES
from training.recipes.depth import NetworkRecipe
from training.run import RunFolder
from training.sheets import sheets
from training.spec import BadRequest, RunSpec, write_request
from training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Few and small drawn clips."""
    folder = tmp_path_factory.mktemp("clips")
    fill_scenes(folder / "train", SceneCacheConfig(0, 2, 64, 80, 4))
    fill_scenes(folder / "validation", SceneCacheConfig(900_000_000, 1, 64, 80, 4))
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frames of a walk through a room, as a folder."""
    folder = tmp_path_factory.mktemp("walk")
    choices = SceneChoices(
        camera="handheld", place="office", frames=(0, 12), supersample=1, people=False, frames_per_second=8
    )
    for at, frame in enumerate(to_pixels(scene(900_000_101, (64, 80), choices).frames)):
        write_picture(folder / f"{at:03d}.png", frame)
    return folder


def request(clips: Path, steps: int, **options: object) -> RunSpec:
    asked = {"count": 2, "validated": 1, **options}
    return RunSpec(
        "depth", "network", preset="tiny", steps=steps, data=str(clips), save_every=6, device="cpu", options=asked
    )


def learn(folder: Path, asked: RunSpec) -> Trainer:
    write_request(folder, asked)
    trainer = Trainer(NetworkRecipe(asked), RunFolder(folder), torch.device("cpu"))
    trainer.resume()
    trainer.run()
    return trainer


def test_six_and_four_resumed_steps_equal_ten_unbroken(clips: Path, tmp_path: Path) -> None:
    whole = learn(tmp_path / "whole", request(clips, 10))
    first = request(clips, 10)
    write_request(tmp_path / "parts", first)
    broken = Trainer(NetworkRecipe(first), RunFolder(tmp_path / "parts"), torch.device("cpu"))
    for _ in range(6):
        broken._take_step()  # pyright: ignore[reportPrivateUsage]
    broken._save()  # pyright: ignore[reportPrivateUsage]
    resumed = learn(tmp_path / "parts", first)
    assert resumed.step == whole.step == 10
    for name, module in whole.recipe.modules.items():
        for key, value in module.state_dict().items():
            assert torch.equal(value, resumed.recipe.modules[name].state_dict()[key]), (name, key)
    scores = checkpoints.read_card(tmp_path / "whole" / "result").validation
    assert {"abs_rel", "delta1", "rotation_share", "mask_saves_percent"} <= set(scores)
    assert all(np.isfinite(list(scores.values())))
    with torch.no_grad():
        assert whole.recipe.preview().ndim == 3


def test_terms_with_labels_go_where_there_are_none_and_every_term_teaches(clips: Path) -> None:
    for labelled, names in ((1.0, {*LABELLED, "photometric", "smooth"}), (0.0, {"photometric", "smooth"})):
        recipe = NetworkRecipe(request(clips, 4, labelled=labelled, neighbours=2, mask="none", farthest=1))
        terms = recipe.losses(recipe.phases[0], recipe.batch(0, 2, 0), 0)
        assert set(terms) == names
        for name, term in terms.items():
            recipe.distance.zero_grad()
            recipe.motion.zero_grad()
            term.backward(retain_graph=True)
            slopes = [
                p.grad for p in (*recipe.distance.parameters(), *recipe.motion.parameters()) if p.grad is not None
            ]
            assert any(bool((slope != 0).any()) for slope in slopes) or name == "sky", name


def test_a_half_labelled_batch_learns_from_labels_of_its_half_alone(clips: Path) -> None:
    recipe = NetworkRecipe(request(clips, 4, labelled=0.5))
    batch = recipe.batch(0, 2, 0)
    assert batch["labelled"].tolist() == [True, False]
    before = {key: value.item() for key, value in recipe.losses(recipe.phases[0], batch, 0).items()}
    batch["depth"][1] = 3.0
    after = {key: value.item() for key, value in recipe.losses(recipe.phases[0], batch, 0).items()}
    assert after == before


def test_frames_that_stand_still_are_not_rebuilt_and_teach_nothing(clips: Path) -> None:
    recipe = NetworkRecipe(request(clips, 4))
    frames = torch.rand(2, 1, 3, 64, 80).expand(2, 3, 3, 64, 80) * 2 - 1
    lens = torch.tensor([[70.0, 0, 40], [0, 70, 32], [0, 0, 1]]).expand(2, 3, 3)
    found = read_batch(recipe.distance, recipe.motion, {"seen": frames, "calibration": lens})
    terms = picture_terms(found, {"frames": frames, "calibration": lens}, Learning.tiny())
    assert terms["photometric"].item() == 0.0
    moved = [pose.detach() for pose in found.poses]
    assert time_saved_percent(frames, found.metres.detach(), moved, lens, Learning.tiny()) > 50


def test_a_crop_and_a_mirror_keep_geometry_true(clips: Path) -> None:
    from core.depth.losses import mean_over
    from core.depth.warp import rebuild

    drawn = walk()
    names = ("frames", "depth", "poses", "moving")
    whole = {name: getattr(drawn, name)[::3] for name in names} | {"calibration": drawn.calibration}
    sample = sample_of(whole, 1, False)
    rows = {key: value[None].repeat(6, *[1] * value.ndim) for key, value in sample.items()}
    seen = stray(rows, Spread(zoom=2.0, zoomed=1.0, colour=0.0, noise=0.0), torch.Generator().manual_seed(1))
    metres = torch.where(seen["depth"] > 0, seen["depth"], 100.0)

    def error(pose: torch.Tensor) -> float:
        rebuilt = rebuild(seen["frames"][:, 1], metres, pose, seen["calibration"])
        return float(mean_over((rebuilt.pictures - seen["frames"][:, 0]).abs().mean(1), rebuilt.seen))

    right = error(seen["poses"][:, 0])
    assert right < 0.9 * error(torch.eye(4).expand(6, 4, 4))
    assert right < 0.8 * error(invert_pose(seen["poses"][:, 0]))
    assert (seen["calibration"][:, 0, 0] > rows["calibration"][:, 0, 0]).all()


def test_a_batch_is_a_function_of_seed_and_step(clips: Path) -> None:
    one, other = (SceneData(clips, 2, 5, (64, 80)).learn(7, 4, Asked(1, 2)) for _ in range(2))
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert not torch.equal(one["frames"], SceneData(clips, 2, 5, (64, 80)).learn(8, 4, Asked(1, 2))["frames"])


def tune(pictures: Path, root: Path, **options: object) -> RunSpec:
    config = dict(checkpoints.read_card(root / "depth" / "network").config)
    return RunSpec(
        "depth", "tune", preset="tiny", steps=2, data=str(pictures), start_from=str(root / "depth" / "network"),
        device="cpu", options={"config": config, "batch": 2, "lens": 60, **options},
    )  # fmt: skip


def test_tuning_learns_from_a_folder_without_labels_and_holds_frames_back(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.depth_tuning.no_parallax", lambda _: None)  # networks that know nothing see none
    root = put_depth_weights(tmp_path)
    recipe = RECIPES["depth"]["tune"](tune(pictures, root))
    assert isinstance(recipe, TuneRecipe)
    assert not set(recipe.back.tolist()) & set(recipe.learned.tolist())
    assert len(recipe.back) >= 1
    terms = recipe.losses(recipe.phases[0], recipe.batch(0, 2, 0), 0)
    assert set(terms) == {"photometric", "smooth", "motion", "hold"}
    sum(terms.values()).backward()  # pyright: ignore[reportAttributeAccessIssue]
    assert any(bool((p.grad != 0).any()) for p in recipe.distance.parameters() if p.grad is not None)
    with torch.no_grad():
        assert np.isfinite(recipe.measure()["validation"])


def test_a_clip_without_parallax_is_refused_for_tuning_with_the_reason(tmp_path: Path) -> None:
    root, still = put_depth_weights(tmp_path), tmp_path / "still"
    still.mkdir()
    for at in range(14):
        write_picture(still / f"{at:03d}.png", noise(1, 64, 80)[0])
    with pytest.raises(BadRequest, match="The camera stands still"):
        TuneRecipe(tune(still, root))


def test_tuning_wants_a_clip_of_some_length_and_weights(tmp_path: Path) -> None:
    root, few = put_depth_weights(tmp_path), tmp_path / "few"
    few.mkdir()
    for at, frame in enumerate(noise(3)):
        write_picture(few / f"{at}.png", frame)
    with pytest.raises(BadRequest, match="gives 3 frames"):
        TuneRecipe(tune(few, root))
    with pytest.raises(BadRequest, match="weights to begin with"):
        TuneRecipe(RunSpec("depth", "tune", preset="tiny", data=str(few)))
    (tmp_path / "broken.mp4").write_bytes(b"nothing of the kind")
    with pytest.raises(BadRequest, match="cannot be read as a clip"):
        read_own_frames(tmp_path / "broken.mp4")
    with pytest.raises(BadRequest, match="5 to 150"):
        TuneRecipe(tune(_many(tmp_path), root, lens=400))


def _many(folder: Path) -> Path:
    target = folder / "many"
    target.mkdir()
    for at, frame in enumerate(noise(12)):
        write_picture(target / f"{at:02d}.png", frame)
    return target


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small clips of few frames."""
    monkeypatch.setattr("training.measure_depth.SIZE", (64, 80))
    monkeypatch.setattr("training.measure_depth.FRAMES", 4)
    monkeypatch.setattr("training.depth_sheets.FRAME", 2)

    def draw(seed: int, count: int = 4) -> object:
        return scene(seed, (64, 80), SceneChoices(camera="handheld", frames=(0, 4), supersample=1, frames_per_second=8))

    monkeypatch.setattr("training.measure_depth.draw_true", draw)
    monkeypatch.setattr("training.depth_sheets.draw_true", draw)


def test_every_row_is_measured_beside_doing_nothing(
    tmp_path: Path, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.measure_depth.TUNED_MOST", 0)  # tuning takes minutes
    report = measure(Measured("depth", count=2, roots=(put_depth_weights(tmp_path),)))
    scores = report["scores"]
    for key in (
        "abs_rel",
        "delta1",
        "depth_share",
        "rotation_share",
        "path_error_percent",
        "static_f1",
        "flicker_percent",
    ):
        assert np.isfinite(scores[key]), key
        assert report["baselines"][key] is not None, key
    assert scores["tuning_gain_percent"] is None
    assert scores["depth_share"] == pytest.approx(scores["abs_rel"] / report["baselines"]["abs_rel"], rel=1e-6)
    assert any(name.startswith("place ") for name in report["groups"])
    assert any(name.startswith("camera ") for name in report["groups"])


def test_truth_measured_against_itself_is_perfect() -> None:
    drawn = walk((64, 80))
    truth = drawn.depth.numpy()
    assert relative_error(truth, truth) == 0.0
    assert flicker(truth, drawn) < 1.0
    assert flicker(truth * np.array([1, 1.1, 1, 1.1], np.float32)[:, None, None], drawn) > 5
    static = true_static(drawn)
    assert f1(np.array([[static.sum(), 0, 0]], dtype=float)) in (0.0, 1.0)
    rows = best_rows([truth])
    errors = [relative_error(np.broadcast_to((rows * by)[:, None], truth.shape[1:]), truth) for by in (0.9, 1.0, 1.1)]
    assert errors[1] == min(errors)


def test_sheets_of_distances_and_paths_are_written_and_light(tmp_path: Path, quick: None) -> None:
    root = put_depth_weights(tmp_path)
    written = sheets(Measured("depth", count=1, first_seed=900_000_100, roots=(root,)), tmp_path / "sheets")
    assert "depth_distances.webp" in {path.name for path in written}
    assert all(0 < path.stat().st_size <= 300_000 for path in written)
