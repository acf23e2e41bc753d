"""The depth room from frames to files: hostile frames, lenses, lengths, refusals, and exports that reproject."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_depth import made_clip, noise, put_depth_weights, true_clip, walk

from core.camera import Intrinsics
from core.checkpoints import CheckpointMissing
from core.depth import readback
from core.depth.clip import DepthClip, describe, measure, no_parallax, point_at, rescale
from core.depth.exports import FORMS, export
from core.depth.predict import Predictor, lens_of_degrees
from core.depth_files import read_depth_picture, read_trajectory
from core.image import NotAPicture, Pixels

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    return Predictor.load([put_depth_weights(tmp_path_factory.mktemp("weights"))])


@pytest.fixture(scope="module")
def clip() -> DepthClip:
    return true_clip(walk((48, 60)))


def test_a_room_without_weights_says_how_to_train_them(tmp_path: Path) -> None:
    with pytest.raises(CheckpointMissing, match="python -m training depth network"):
        Predictor.load([tmp_path])


@pytest.mark.parametrize("size", [(16, 16), (33, 47), (90, 160), (160, 90), (2160, 3840), (16, 700)])
def test_a_frame_of_any_size_gets_a_finite_distance_at_every_pixel(predictor: Predictor, size: tuple[int, int]) -> None:
    frame = noise(1, *size)[0]
    metres = predictor.depth(frame)
    assert (metres.shape, metres.dtype) == (size, np.float32)
    assert np.isfinite(metres).all()
    assert metres.min() > 0


def test_a_frame_enlarged_with_its_lens_is_as_far_as_before(predictor: Predictor) -> None:
    frame = noise(1, 64, 80)[0]
    lens = lens_of_degrees(50, 80, 64)
    large = frame.repeat(4, 0).repeat(4, 1)
    once, twice = predictor.depth(frame, lens), predictor.depth(large, lens_of_degrees(50, 320, 256))
    again = np.log(twice).reshape(64, 4, 80, 4).mean((1, 3))
    assert abs(float((again - np.log(once)).mean())) < 0.005
    assert np.corrcoef(again.ravel(), np.log(once).ravel())[0, 1] > 0.9
    longer = predictor.depth(frame, replace(lens, focal_x=2 * lens.focal_x, focal_y=2 * lens.focal_y))
    assert np.allclose(longer, 2 * once, rtol=1e-4)


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ([], "no frame"),
        ([np.zeros((8, 8, 3), np.uint8)], "16 to"),
        ([np.zeros((32, 32), np.uint8)], "height x width x 3"),
        ([np.full((32, 32, 3), np.nan, np.float32)], "wanted uint8"),
        ([np.zeros((32, 32, 3), np.uint8), np.zeros((32, 40, 3), np.uint8)], "one size"),
        ([np.zeros((32, 32, 3), np.uint8)] * 481, "at most 480"),
    ],
)
def test_what_is_no_clip_is_refused_with_a_sentence(predictor: Predictor, frames: list[Pixels], words: str) -> None:
    with pytest.raises(NotAPicture, match=words):
        predictor.read_clip(frames, 8.0)


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf")])
def test_a_clip_without_a_rate_is_refused(predictor: Predictor, rate: float) -> None:
    with pytest.raises(NotAPicture, match="frames a second"):
        predictor.read_clip(noise(3), rate)


def test_a_lens_of_another_shape_is_refused_and_one_of_another_size_is_brought_to_it(predictor: Predictor) -> None:
    frame = noise(1, 48, 64)[0]
    with pytest.raises(NotAPicture, match="not the same shape"):
        predictor.depth(frame, Intrinsics.from_view_angle(50, 64, 64))
    lens = lens_of_degrees(60, 64, 48)
    assert np.allclose(predictor.depth(frame, lens), predictor.depth(frame, lens.scaled(128, 96)), rtol=1e-5)
    with pytest.raises(ValueError, match="5 to 150"):
        lens_of_degrees(200, 64, 48)


def test_one_frame_and_black_frames_are_read_and_say_what_is_missing(predictor: Predictor) -> None:
    one = predictor.read_clip(noise(1), 8.0)
    assert np.array_equal(one.poses[0], np.eye(4))
    assert any("no neighbour" in note for note in one.notes)
    assert any("which lens" in note for note in one.notes)
    black = predictor.read_clip([np.zeros((48, 64, 3), np.uint8)] * 4, 8.0)
    assert np.isfinite(black.metres).all()
    assert np.isfinite(black.poses).all()
    assert any("plain colour" in note for note in black.notes)
    assert "stands still" in (no_parallax(black) or "")


def test_frozen_frames_are_static_and_their_camera_stands(predictor: Predictor) -> None:
    found = predictor.read_clip(noise(1) * 5, 8.0, lens_of_degrees(60, 64, 48))
    assert found.static.mean() > 0.99
    assert np.allclose(found.poses, np.eye(4), atol=1e-3)
    assert not found.moving.any()
    assert any("stands still" in note for note in found.notes)


def test_reading_tells_its_progress_and_ends_when_told_to(predictor: Predictor) -> None:
    shares: list[float] = []
    found = predictor.read_clip(noise(12), 8.0, None, shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert len(shares) > 5
    assert found.frames.shape[:3] == found.metres.shape == found.moving.shape == found.static.shape
    assert (found.lens.height, found.lens.width) == found.metres.shape[1:]

    class Cancelled(Exception):
        pass

    def stop(share: float) -> None:
        if share > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        predictor.read_clip(noise(12), 8.0, None, stop)


def test_the_motion_between_two_frames_is_rigid(predictor: Predictor) -> None:
    first, second = noise(2)
    pose = predictor.motion(first, second)
    assert np.allclose(pose[:3, :3] @ pose[:3, :3].T, np.eye(3), atol=1e-5)
    assert np.allclose(pose[3], [0, 0, 0, 1])
    with pytest.raises(NotAPicture, match="one size"):
        predictor.motion(first, noise(1, 32, 32)[0])


def test_one_known_length_scales_everything(clip: DepthClip) -> None:
    read = measure(clip, 1, (10, 20), (50, 30))
    scaled = rescale(clip, 3 * read, (10, 20), (50, 30), frame=1)
    assert measure(scaled, 1, (10, 20), (50, 30)) == pytest.approx(3 * read, rel=1e-5)
    assert np.allclose(scaled.metres, 3 * clip.metres)
    assert np.allclose(scaled.poses[:, :3, 3], 3 * clip.poses[:, :3, 3], atol=1e-6)
    assert np.array_equal(scaled.poses[:, :3, :3], clip.poses[:, :3, :3])
    assert "known to be" in scaled.notes[-1]
    other = measure(clip, 2, (5, 5), (40, 40))
    assert measure(scaled, 2, (5, 5), (40, 40)) == pytest.approx(3 * other, rel=1e-4)


def test_a_point_is_the_same_place_in_the_world_from_every_frame() -> None:
    clip = made_clip()
    place = point_at(clip, 0, (16, 12))
    pixels, ahead = readback.project(place[None], clip.poses[3].astype(np.float64), clip)
    again = point_at(clip, 3, (float(pixels[0, 0]), float(pixels[0, 1])))
    assert float(ahead[0]) > 0
    assert np.linalg.norm(again - place) < 0.1


@pytest.mark.parametrize(
    ("known", "first", "second", "words"),
    [
        (0.0, (1, 1), (5, 5), "1 mm"),
        (float("nan"), (1, 1), (5, 5), "1 mm"),
        (1.0, (3, 3), (3, 3), "same place"),
        (1.0, (3, 3), (500, 3), "outside"),
        (1.0, (-1, 3), (5, 3), "outside"),
    ],
)
def test_a_length_that_cannot_be_is_refused(
    clip: DepthClip, known: float, first: tuple[int, int], second: tuple[int, int], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        rescale(clip, known, first, second)


def test_a_frame_that_is_not_there_cannot_be_measured(clip: DepthClip) -> None:
    with pytest.raises(ValueError, match="frames 0 to 3"):
        measure(clip, 4, (1, 1), (5, 5))


def test_parallax_is_told_from_standing_and_from_turning() -> None:
    walked = made_clip(6, way=0.1)
    assert no_parallax(walked) is None
    still = replace(walked, poses=np.tile(np.eye(4, dtype=np.float32), (6, 1, 1)))
    assert "stands still" in (no_parallax(still) or "")
    turned = walked.poses.copy()
    turned[:, :3, 3] *= 0.02
    assert "turns" in (no_parallax(replace(walked, poses=turned)) or "")
    assert "2 frames" in (no_parallax(made_clip(2)) or "")


def test_every_form_is_written_reread_and_states_its_convention(clip: DepthClip, tmp_path: Path) -> None:
    written = export(clip, tmp_path)
    assert set(written) == {*FORMS, "json"}
    said = json.loads((tmp_path / "depth.json").read_text("utf-8"))
    assert set(said["conventions"]) == set(FORMS)
    assert all((tmp_path / name).is_file() for names in said["files"].values() for name in names)
    metres = read_depth_picture(written["png16"][1], said["depth_per_metre"])
    there = metres > 0
    assert np.abs(metres - clip.metres[1])[there].max() <= 0.51 / said["depth_per_metre"] + 1e-4
    _, poses = read_trajectory(written["tum"][0])
    assert np.allclose(poses, clip.poses, atol=1e-5)
    points, colours = readback.read_points(written["ply"][0])
    assert len(points) == len(colours) > 1000
    assert not list(tmp_path.rglob(".*"))


def test_others_read_our_points_as_they_are(clip: DepthClip, tmp_path: Path) -> None:
    import trimesh

    path = export(clip, tmp_path, ("ply",))["ply"][0]
    read = trimesh.load(path)
    points, colours = readback.read_points(path)
    assert np.allclose(np.asarray(read.vertices), points, atol=1e-5)  # pyright: ignore[reportAttributeAccessIssue]
    assert np.array_equal(np.asarray(read.colors)[:, :3], colours)  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(("kind", "scale"), [("tum", 5000), ("kitti", 256)])
def test_depth_pictures_come_at_the_scale_that_is_asked_for(
    clip: DepthClip, tmp_path: Path, kind: str, scale: int
) -> None:
    export(clip, tmp_path, ("png16",), kind)
    assert json.loads((tmp_path / "depth.json").read_text("utf-8"))["depth_per_metre"] == scale


def test_an_export_that_does_not_reproject_is_deleted_with_a_sentence(clip: DepthClip, tmp_path: Path) -> None:
    paths = export(clip, tmp_path, ("tum", "colmap", "ply", "png16", "npz"))
    lines = paths["tum"][0].read_text("utf-8").replace(" 0.0", " 0.1")
    paths["tum"][0].write_text(lines, "utf-8")
    with pytest.raises(readback.ExportBroken, match=r"trajectory\.txt reprojects"):
        readback.check_path(clip, paths["tum"])
    assert not paths["tum"][0].exists()
    moved = replace(
        clip, poses=clip.poses @ np.diag([1, 1, 1, 1]).astype(np.float32), metres=clip.metres * np.float32(1.1)
    )
    with pytest.raises(readback.ExportBroken, match="is wrong by"):
        readback.check_pictures(
            moved, paths["png16"], json.loads((tmp_path / "depth.json").read_text())["depth_per_metre"]
        )
    with pytest.raises(readback.ExportBroken, match="other numbers"):
        readback.check_arrays(moved, paths["npz"])
    with pytest.raises(readback.ExportBroken, match="seen again"):
        readback.check_points(moved, paths["ply"])
    points = paths["colmap"][2].read_text("utf-8").splitlines()
    first = points[1].split()
    points[1] = " ".join([first[0], str(float(first[1]) + 0.5), *first[2:]])
    paths["colmap"][2].write_text("\n".join(points), "utf-8")
    with pytest.raises(readback.ExportBroken, match="reproject"):
        readback.check_colmap(clip, paths["colmap"])


def test_a_form_or_scale_that_does_not_exist_is_refused(clip: DepthClip, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no form obj"):
        export(clip, tmp_path, ("obj",))
    with pytest.raises(ValueError, match="tum, kitti or auto"):
        export(clip, tmp_path, ("png16",), "inches")


def test_a_clip_is_described_in_numbers_that_json_holds(clip: DepthClip) -> None:
    told = json.loads(json.dumps(describe(clip)))
    assert told["frames"] == len(clip)
    assert 0 < told["near_metres"] < told["middle_metres"] < told["far_metres"]
    assert told["way_metres"] > 0
