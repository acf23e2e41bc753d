"""The depth page's handlers on networks that know nothing: what is read, measured, scaled, written, shown and refused."""

from __future__ import annotations

import json
import math
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from served import wait_until
from tiny_depth import made_clip, noise, put_depth_weights

from core.checkpoints import CheckpointMissing
from core.depth.clip import DepthClip, describe, measure
from core.depth_files import read_depth_picture, read_trajectory
from pages import PAGES
from pages.depth import colours, files, handlers, showing, tuning, views
from pages.depth.examples import EXAMPLES, find_still, list_examples, true_degrees
from pages.depth.footage import LARGEST_SIDE, read_footage
from pages.depth.handlers import Asked, Points
from pages.depth.kept import ReadingLost, read_reading, write_reading
from pages.depth.pack import LEVELS, MOVING, STATIC, encode, write_pack
from studio.clips import frames, write_clip
from studio.jobs import Job
from studio.language import speak
from studio.marks import read_provenance
from studio.services import Services
from studio.settings import Settings
from training.spec import BadRequest, read_request

pytestmark = pytest.mark.usefixtures("one_thread")
ME = "local"
PLACES = "1 4 6 40 30"


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    home = tmp_path_factory.mktemp("depth")
    put_depth_weights(home / "weights")
    opened = Services.open(Settings(home=home, trainer=("true",)), PAGES)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def clip_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "walk.mp4"
    write_clip(path, iter(noise(6)), 8.0, {}, (), "metadata")
    return path


@pytest.fixture(scope="module")
def reading(services: Services, clip_file: Path) -> Job:
    return finish(services, handlers.on_clip(services, ME, str(clip_file), Asked(70.0)))


def finish(services: Services, number: str) -> Job:
    wait_until(lambda: services.jobs.get(number, ME).ended, 120, "the job has ended")
    found = services.jobs.get(number, ME)
    assert found.state == "done", found.message
    return found


def test_a_clip_is_read_with_the_lens_that_was_told_and_measured_as_the_room_measures(
    services: Services, reading: Job
) -> None:
    clip = handlers.open_reading(services, ME, reading)
    assert len(clip) == reading.result["facts"]["frames"] == 6
    assert 2 * math.degrees(math.atan(clip.lens.width / 2 / clip.lens.focal_x)) == pytest.approx(70, abs=1e-3)
    found = handlers.on_measure(services, ME, reading.id, PLACES)
    assert found == pytest.approx(measure(clip, 1, (4, 6), (40, 30)), rel=1e-6)
    assert reading.result["weights"] == handlers.open_predictor(services, ME).cards["network"].card.version
    with pytest.raises(LookupError):
        handlers.on_measure(services, "somebody else", reading.id, PLACES)


def test_a_known_length_scales_distances_and_way_alike_and_the_reading_before_stays(
    services: Services, reading: Job
) -> None:
    before = handlers.open_reading(services, ME, reading)
    scaled = finish(services, handlers.on_scale(services, ME, reading.id, PLACES, 2.5))
    after = handlers.open_reading(services, ME, scaled)
    assert handlers.on_measure(services, ME, scaled.id, PLACES) == pytest.approx(2.5, rel=1e-4)
    times = scaled.result["scale"]
    assert np.allclose(after.metres, before.metres * times, rtol=1e-5)
    assert np.allclose(after.poses[:, :3, 3], before.poses[:, :3, 3] * times, rtol=1e-4, atol=1e-7)
    assert np.array_equal(after.poses[:, :3, :3], before.poses[:, :3, :3])
    again = finish(services, handlers.on_scale(services, ME, scaled.id, PLACES, 5.0))
    assert again.result["scale"] == pytest.approx(2 * times, rel=1e-4)
    assert handlers.on_original(services, ME, again.id) == handlers.on_original(services, ME, reading.id) == reading.id


def test_every_form_is_kept_as_what_it_says_and_lies_in_the_one_zip(services: Services, reading: Job) -> None:
    done = finish(services, files.on_files(services, ME, reading.id, None))
    media = {one["form"]: services.media.get(ME, one["medium"]) for one in done.result["files"]}
    assert set(media) == {*files.FORMS, "all"}
    assert {one.parents for one in media.values()} == {(reading.result["given"],)}
    clip = handlers.open_reading(services, ME, reading)
    assert len(list(frames(media["film"].path))) == 6
    assert (read_provenance(media["film"].path) or {})["settings"]["degrees"] == 70
    assert np.allclose(read_trajectory(media["path"].path)[1], clip.poses, atol=1e-5)
    folder = media["all"].path.parent / "opened"
    with zipfile.ZipFile(media["all"].path) as opened:
        opened.extractall(folder)
    for form, per_metre in (("tum", 5000), ("kitti", 256)):
        metres = read_depth_picture(folder / form / "depth" / "000003.png", per_metre)
        there = clip.metres[3] * per_metre < 65535
        assert np.abs(metres - clip.metres[3])[there].max() <= 0.51 / per_metre
        assert (metres[~there] == 0).all()
        said = json.loads((folder / form / "depth.json").read_text())
        assert said["depth_per_metre"] == per_metre
        assert said["parents"] == [services.media.get(ME, reading.result["given"]).sha256]
    assert {path.name for path in (folder / "colmap" / "colmap").glob("*.txt")} == {
        "cameras.txt", "images.txt", "points3D.txt",
    }  # fmt: skip
    assert (folder / "ply" / "points.ply").read_bytes() == media["ply"].path.read_bytes()


def test_a_picture_has_no_way_and_is_written_without_one(services: Services, tmp_path: Path) -> None:
    path = tmp_path / "still.png"
    Image.fromarray(noise(1)[0]).save(path)
    found = finish(services, handlers.on_picture(services, ME, str(path), Asked()))
    done = finish(services, files.on_files(services, ME, found.id, ["film", "picture", "path", "tum"]))
    assert [one["name"] for one in done.result["files"]] == [
        "depth-colours.png",
        "depth-tum.png",
        "depth-everything.zip",
    ]
    shown = showing.show_reading(found, speak("en"))
    assert "60° across the longer side, a guess" in shown
    assert "Camera's way" not in shown
    assert showing.show_notes(found.result, speak("zh")) == "", "what the facts say is not said twice"
    with pytest.raises(BadRequest, match="no neighbours"):
        tuning.on_tune(services, ME, found.id, 10)


def test_the_viewer_gets_distances_within_a_thousandth_and_the_masks_bit_by_bit(tmp_path: Path) -> None:
    clip = made_clip()
    draw = np.random.default_rng(5)
    moving, static = (draw.random(clip.metres.shape) < share for share in (0.2, 0.4))
    clip = DepthClip(clip.frames, clip.metres, clip.poses, clip.lens, 8.0, moving, static)
    values, low, high = encode(clip)
    metres = np.exp(low + (values >> 2) / LEVELS * (high - low))
    assert np.abs(metres / clip.metres - 1).max() < 1e-3
    assert np.array_equal(values & MOVING > 0, moving)
    assert np.array_equal(values & STATIC > 0, static)
    write_pack(clip, tmp_path / "pack.bin")
    content = (tmp_path / "pack.bin").read_bytes()
    size = int.from_bytes(content[:4], "little")
    head = json.loads(content[4 : 4 + size])
    begin = 4 + size + values.nbytes + -values.nbytes % 4
    assert content[4 + size : 4 + size + values.nbytes] == values.tobytes()
    assert len(content) == begin + sum(head["pictures"])
    assert set(head["maps"]) == set(colours.MAPS)


def test_a_long_clip_is_thinned_for_the_viewer_and_not_for_the_files(monkeypatch: pytest.MonkeyPatch) -> None:
    from pages.depth import pack

    monkeypatch.setattr(pack, "MOST_VALUES", 1000)
    clip = made_clip()
    values, _, _ = encode(clip)
    assert values.size <= 1000 < clip.metres.size
    assert values.shape[0] == len(clip)


def test_every_map_of_colours_goes_from_near_to_far_without_a_step_back() -> None:
    clip = made_clip()
    for name in colours.MAPS:
        table = colours.table(name)
        assert table.shape == (256, 3)
        drawn = next(files.coloured(clip, name))
        near, far = colours.colour_range(clip)
        share = (1 / near - 1 / clip.metres[0].clip(near, far)) / (1 / near - 1 / far)
        assert np.abs(drawn.astype(int) - table[np.rint(share * 255).astype(int)]).max() <= 5, name
        assert len(np.unique(table, axis=0)) > 200, name


def test_a_kept_reading_comes_back_as_it_was_and_a_broken_one_is_told(tmp_path: Path) -> None:
    clip = made_clip()
    write_reading(clip, tmp_path / "reading.npz")
    back = read_reading(tmp_path / "reading.npz")
    for name in ("frames", "metres", "poses", "moving", "static"):
        assert np.array_equal(getattr(back, name), getattr(clip, name)), name
    assert (back.lens, back.notes, back.frames_per_second) == (clip.lens, clip.notes, clip.frames_per_second)
    quick = read_reading(tmp_path / "reading.npz", pictures=False)
    assert measure(quick, 2, (3, 3), (20, 20)) == measure(clip, 2, (3, 3), (20, 20))
    for content in (b"", b"PK\x03\x04 nothing", (tmp_path / "reading.npz").read_bytes()[:3000]):
        (tmp_path / "broken.npz").write_bytes(content)
        with pytest.raises(ReadingLost, match="read it again"):
            read_reading(tmp_path / "broken.npz")


def test_frames_are_taken_at_the_asked_rate_and_what_is_left_out_is_told(tmp_path: Path) -> None:
    path = tmp_path / "long.mp4"
    write_clip(path, iter([np.full((360, 720, 3), 90, np.uint8)] * 24), 24.0, {}, (), "metadata")
    found = read_footage(path, 8.0, 100, 1.0)
    assert (len(found.frames), found.notes) == (8, ())
    assert found.frames_per_second == pytest.approx(8.0, rel=0.01)
    assert max(found.frames[0].shape) == LARGEST_SIDE
    short = read_footage(path, 8.0, 5, 1.0)
    assert len(short.frames) == 5
    assert "first 5 frames (0.5 s of 1.0 s)" in short.notes[0]
    assert read_footage(path, 30.0, 100).frames_per_second == pytest.approx(24.0, rel=0.01), "its own rate is the most"


def test_bad_input_ends_in_a_sentence_that_says_what_to_do(
    services: Services, reading: Job, clip_file: Path, tmp_path: Path
) -> None:
    still = tmp_path / "still.png"
    Image.fromarray(noise(1)[0]).save(still)
    wrong = {
        "Give a clip first": lambda: handlers.on_clip(services, ME, None, Asked()),
        "Give a picture first": lambda: handlers.on_picture(services, ME, None, Asked()),
        "This is not a clip": lambda: handlers.on_clip(services, ME, str(still), Asked()),
        "This is not a picture": lambda: handlers.on_picture(services, ME, str(clip_file), Asked()),
        "no file gone.mp4": lambda: handlers.on_clip(services, ME, "gone.mp4", Asked()),
        "degrees across the longer side": lambda: Asked(2.0),
        "frames a second": lambda: Asked(None, 90.0),
        "Press two places": lambda: handlers.on_measure(services, ME, reading.id, ""),
        "Press two places in": lambda: Points.read("1 2 3"),
        "lies outside": lambda: handlers.on_measure(services, ME, reading.id, "0 1 1 9999 1"),
        "frames 0 to 5": lambda: handlers.on_measure(services, ME, reading.id, "6 1 1 2 2"),
        "Say how many metres": lambda: handlers.on_scale(services, ME, reading.id, PLACES, None),
        "1 mm to 10 km": lambda: handlers.on_scale(services, ME, reading.id, PLACES, 1e6),
        "the same place": lambda: handlers.on_scale(services, ME, reading.id, "0 5 5 5 5", 1.0),
        "Nothing is read yet": lambda: handlers.on_measure(services, ME, "", PLACES),
        "None of obj": lambda: files.on_files(services, ME, reading.id, ["obj"]),
        "no colours called": lambda: files.on_files(services, ME, reading.id, None, "neon"),
    }  # fmt: skip
    for sentence, ask in wrong.items():
        with pytest.raises(BadRequest, match=re.escape(sentence)):
            ask()


def test_work_that_is_taken_back_ends_cancelled_and_keeps_nothing(services: Services, clip_file: Path) -> None:
    before = len(services.media.of(ME, "depth", "result", limit=500))
    number = handlers.on_clip(services, ME, str(clip_file), Asked())
    services.jobs.cancel(number, ME)
    wait_until(lambda: services.jobs.get(number, ME).ended, 60, "the job has ended")
    assert services.jobs.get(number, ME).state == "cancelled"
    assert len(services.media.of(ME, "depth", "result", limit=500)) == before


def test_the_newest_reading_is_found_again_and_one_whose_files_are_gone_is_not(
    services: Services, clip_file: Path
) -> None:
    found = finish(services, handlers.on_clip(services, ME, str(clip_file), Asked()))
    assert handlers.newest_reading(services, ME) == found.id
    services.media.delete(ME, found.result["reading"])
    assert handlers.newest_reading(services, ME) not in ("", found.id)
    with pytest.raises(LookupError):
        handlers.on_measure(services, ME, found.id, PLACES)


def test_tuning_starts_from_the_weights_in_service_or_gives_the_rooms_reason(services: Services, reading: Job) -> None:
    stands = Job("x", ME, handlers.READ, "done", 1.0, "", {}, {**reading.result, "tuning": "The camera stands still."})
    assert tuning.why_not(stands.result) == "The camera stands still."
    assert "The camera stands still." in showing.show_notes(stands.result, speak("en"))
    moves = {**reading.result, "tuning": ""}
    services.jobs.note(reading.id, result=moves)
    run = services.runs.get(ME, tuning.on_tune(services, ME, reading.id, 30, 2))
    request = read_request(run.folder)
    wait_until(lambda: not services.runs._has_child(run.folder), 20, "the trainer, which is `true` here, has ended")
    services.jobs.note(reading.id, result=reading.result)
    assert (request.subject, request.recipe, request.steps, request.minutes) == ("depth", "tune", 30, 2)
    assert request.options["lens"] == 70
    assert Path(request.data or "").suffix == ".mp4"
    assert (Path(request.start_from or "") / "card.json").is_file()


def test_the_drawing_from_above_keeps_lengths_and_marks_every_frame() -> None:
    clip = made_clip(6, way=0.4)
    drawn = views.draw_above(clip, speak("en"))
    line = re.search(r'class="way" points="([^"]+)"', drawn)
    ruler = re.search(r'<path d="M([\d.]+) [\d.]+ V[\d.]+ H([\d.]+) V[\d.]+"/><text[^>]*>([\d.e-]+) m<', drawn)
    assert line is not None
    assert ruler is not None
    unit = float(ruler[3]) / (float(ruler[2]) - float(ruler[1]))
    points = np.array([[float(one) for one in pair.split(",")] for pair in line[1].split()])
    gone = float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum()) * unit
    flat = np.linalg.norm(np.diff(clip.poses[:, [0, 2], 3], axis=0), axis=1).sum()
    assert gone == pytest.approx(float(flat), rel=0.02)
    assert len(re.findall(r"-?[\d.]+,-?[\d.]+,-?\d+", drawn.split("data-places")[1].split('"')[1])) == 6


def test_points_to_turn_stand_upright_and_the_way_begins_at_the_origin() -> None:
    clip = made_clip(4)
    figure = views.draw_cloud(clip, speak("zh"))
    points, way, start = figure.data
    assert len(points.x) <= views.MOST_POINTS
    assert (start.x[0], start.y[0], start.z[0]) == (0, 0, 0)
    assert np.allclose(way.y, clip.poses[:, 2, 3], atol=1e-3)
    assert np.allclose(way.z, -clip.poses[:, 1, 3], atol=1e-3)
    assert min(points.y) > 1, "what is seen lies ahead"


@pytest.mark.parametrize("code", ["en", "zh"])
def test_what_was_read_is_told_in_both_languages_and_names_are_never_markup(reading: Job, code: str) -> None:
    say = speak(code)
    notes = {**describe(made_clip()), "notes": ["<b>note</b>"]}
    shown = showing.show_reading(
        Job("x", ME, handlers.READ, "done", 1.0, "", {}, {**reading.result, "facts": notes, "tuning": "<i>why</i>"}),
        say,
    )
    assert "<b>note" not in shown
    assert "<i>" not in shown
    assert say("depth.fact.lens") in shown
    assert "nan" not in shown


def test_a_camera_that_stands_is_told_in_the_pages_language(services: Services, tmp_path: Path) -> None:
    path = tmp_path / "stands.mp4"
    write_clip(path, iter([noise(1)[0]] * 5), 8.0, {}, (), "metadata")
    found = finish(services, handlers.on_clip(services, ME, str(path), Asked()))
    assert found.result["tuning"] != ""
    told = {code: showing.show_notes(found.result, speak(code)) for code in ("en", "zh")}
    assert "The camera stands still" in told["en"]
    assert "镜头没有移动" in told["zh"]
    with pytest.raises(BadRequest, match="parallax"):
        tuning.on_tune(services, ME, found.id, 10)


@pytest.mark.parametrize(
    ("metres", "told"), [(0.0421, "4.2 cm"), (0.5, "50 cm"), (2.345, "2.35 m"), (23.45, "23.4 m"), (234.5, "234 m")]
)
def test_lengths_are_told_as_a_person_says_them(metres: float, told: str) -> None:
    assert showing.spell_metres(metres) == told


def test_examples_ship_small_and_their_lenses_are_the_engines(services: Services) -> None:
    assert list(list_examples(services)) == list(EXAMPLES)
    assert find_still(services) is not None
    for name, path in list_examples(services).items():
        assert path.stat().st_size < 300 * 1024, name
        assert EXAMPLES[name].seed >= 1_000_000_000
        assert (read_provenance(path) or {})["settings"]["seed"] == EXAMPLES[name].seed
    handheld = EXAMPLES["handheld"]
    assert true_degrees(handheld.seed) == pytest.approx(handheld.degrees, abs=0.06)


def test_the_page_says_how_good_its_weights_are_or_that_there_are_none(services: Services, tmp_path: Path) -> None:
    assert "not measured" in showing.show_standing(services, ME, speak("en"))
    bare = Services.open(Settings(home=tmp_path / "bare", shipped=tmp_path / "nothing"), PAGES)
    try:
        assert "no weights" in showing.show_standing(bare, ME, speak("en"))
        assert list_examples(bare) == {}
        with pytest.raises(CheckpointMissing, match="depth network"):
            handlers.on_clip(bare, ME, "any.mp4", Asked())
    finally:
        bare.close()
