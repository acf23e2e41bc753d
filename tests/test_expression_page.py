"""The expression page's handlers and its command, on networks that know nothing: what is kept, held, written and refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from served import wait_until
from tiny_expression import draw_person, put_weights, write_frames

from core.engine.controllers import INDEX, NAMES
from core.expression import tracks
from core.expression.performance import perform, pose_of
from core.expression.predict import Predictor
from core.expression.scene import Scene, draw_scene
from core.face.reader import NoFace
from core.image import NotAPicture, Pixels, read_picture, write_picture
from pages import PAGES
from pages.expression import handlers, takes
from pages.expression.takes import Driving, Show, Take, read_take, write_take
from studio.__main__ import main
from studio.clips import frames
from studio.marks import read_provenance
from studio.services import Services
from studio.settings import Settings
from training.spec import BadRequest

BLACK = np.zeros((192, 192, 3), np.uint8)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("expression")
    put_weights(folder)
    return folder


@pytest.fixture(scope="module")
def person() -> Pixels:
    return draw_person()


@pytest.fixture(scope="module")
def predictor(home: Path) -> Predictor:
    return Predictor.load((home / "weights", Settings().shipped / "weights"))


@pytest.fixture
def services(home: Path, predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    monkeypatch.setattr(handlers, "open_predictor", lambda *_: predictor)
    opened = Services.open(Settings(home=home), PAGES)
    yield opened
    opened.close()


def test_frames_without_a_face_hold_the_last_pose_and_are_counted(predictor: Predictor, person: Pixels) -> None:
    given = [person, BLACK, BLACK, person]
    take = read_take(predictor, [(at / 10, frame) for at, frame in enumerate(given)], Driving("fen", smoothing=None))
    assert (take.frames, take.held) == (4, 2)
    assert np.array_equal(take.track.controllers[0], take.track.controllers[2])
    assert np.array_equal(take.track.turns[0], take.track.turns[2])
    assert len(take.track.seconds) == 4


def test_a_clip_without_any_face_ends_in_a_sentence(predictor: Predictor) -> None:
    with pytest.raises(NoFace, match="in any frame"):
        read_take(predictor, [(0.0, BLACK), (0.1, BLACK)], Driving())


def test_frames_keep_their_own_times_even_where_a_clip_repeats_one(predictor: Predictor, person: Pixels) -> None:
    take = read_take(predictor, [(0.0, person), (0.4, person), (0.4, person), (0.5, person)], Driving())
    assert take.track.seconds[1] == pytest.approx(0.4)
    assert (np.diff(take.track.seconds) > 0).all()


def test_every_form_of_a_take_can_be_opened_again(tmp_path: Path) -> None:
    track = perform(8.0, ((0.0, "rest"), (0.5, "smile")))
    take, show = Take(track, "juno", len(track.seconds)), Show(size=64)
    for ending in takes.ENDINGS:
        write_take(take, tmp_path / f"take{ending}", show)
    assert np.abs(tracks.read_csv((tmp_path / "take.csv").read_text()).controllers - track.controllers).max() < 1e-4
    assert np.abs(tracks.read_json((tmp_path / "take.json").read_text()).turns - track.turns).max() < 1e-2
    assert len(tracks.read_live_link((tmp_path / "take.live.csv").read_text()).seconds) > 1
    assert len(list(frames(tmp_path / "take.mp4"))) == len(track.seconds)
    assert len(list(frames(tmp_path / "take.webm"))) == len(track.seconds)
    assert (tmp_path / "take.glb").read_bytes()[:4] == b"glTF"
    for name in ("take.png", "take.mp4", "take.webm"):
        said = read_provenance(tmp_path / name)
        assert said is not None
        assert said["settings"]["character"] == "juno"
    assert json.loads((tmp_path / "take.json").read_text())["generated"] == "by Likeness"


def test_a_clear_ground_is_transparent_around_the_character_and_not_within(tmp_path: Path) -> None:
    import av
    from PIL import Image

    rest = np.zeros(len(NAMES), np.float32)
    drawn = draw_scene("fen", rest, (0.0, 0.0, 0.0), Scene("clear"), 64)
    assert drawn.shape == (64, 64, 4)
    assert drawn[1, 1, 3] == 0
    assert drawn[36, 32, 3] == 255
    take = Take(perform(5.0, ((0.0, "rest"), (0.4, "smile"))), "fen")
    show = Show(Scene("clear"), 64, mark="metadata")
    write_take(take, tmp_path / "a.png", show)
    assert np.asarray(Image.open(tmp_path / "a.png"))[1, 1, 3] == 0
    write_take(take, tmp_path / "a.webm", show)
    with av.open(str(tmp_path / "a.webm")) as container:
        assert container.streams.video[0].metadata.get("alpha_mode") == "1"
    with pytest.raises(BadRequest, match="transparent"):
        write_take(take, tmp_path / "a.mp4", show)


def test_an_open_mouth_moves_the_drawn_mouth_and_not_the_brow() -> None:
    rest, talking = (
        draw_scene("juno", pose_of(name), (0.0, 0.0, 0.0), Scene(), 96).astype(int) for name in ("rest", "talk a")
    )
    moved = np.abs(rest - talking).mean(2)
    assert moved[56:80].mean() > 4 * moved[16:32].mean()


def test_a_picture_gives_numbers_and_a_kept_marked_picture_of_the_scene(
    services: Services, person: Pixels, tmp_path: Path
) -> None:
    write_picture(tmp_path / "face.png", person)
    found = handlers.on_picture(services, "local", str(tmp_path / "face.png"), "fen", "teal", "warm")
    assert list(found.controllers) == list(NAMES)
    assert read_picture(found.drawn.path).shape == (512, 512, 3)
    said = read_provenance(found.drawn.path)
    assert said is not None
    assert said["settings"]["controllers"] == found.controllers
    assert len(said["parents"]) == 1
    write_picture(tmp_path / "black.png", BLACK)
    with pytest.raises(NotAPicture, match="No face"):
        handlers.on_picture(services, "local", str(tmp_path / "black.png"), "fen", "teal", "warm")
    with pytest.raises(BadRequest, match="light"):
        handlers.on_picture(services, "local", str(tmp_path / "face.png"), "fen", "teal", "moonshine")


def test_a_clip_becomes_files_of_this_profile_as_a_job(services: Services, person: Pixels, tmp_path: Path) -> None:
    clip = write_frames(tmp_path / "clip.mp4", [person, person, BLACK])
    job = handlers.on_clip(services, "local", str(clip), "juno", "paper", "studio")
    wait_until(lambda: services.jobs.get(job, "local").ended, 120, "the clip is done")
    done = services.jobs.get(job, "local")
    assert done.state == "done", done.message
    assert (done.result["frames"], done.result["held"]) == (3, 1)
    names = [file["name"] for file in done.result["files"]]
    assert names == [f"juno-{name}" for name in handlers.CLIP_FILES]
    for file in done.result["files"]:
        assert services.media.get("local", file["medium"]).path.stat().st_size > 100
    with pytest.raises(LookupError):
        services.jobs.get(job, "somebody else")


def test_a_kept_pose_carries_its_controllers_as_its_label(services: Services) -> None:
    values = pose_of("smile").tolist()
    kept = handlers.on_keep(services, "local", values, (5.0, 0.0, 0.0), ("juno", Scene()))
    label = kept.facts["settings"]["label"]
    assert label["mouth_smile_left"] == pytest.approx(values[INDEX["mouth_smile_left"]])
    assert len(label) == 130
    with pytest.raises(BadRequest, match="130 numbers"):
        handlers.on_keep(services, "local", values[:-1], (0.0, 0.0, 0.0), ("juno", Scene()))


def test_learning_from_a_face_wants_a_clip_and_a_yes(services: Services, person: Pixels, tmp_path: Path) -> None:
    clip = write_frames(tmp_path / "me.mp4", [person] * 3)
    with pytest.raises(BadRequest, match="agree"):
        handlers.on_personal(services, "local", str(clip), False)
    assert services.people.consents("local") == []


def test_without_weights_the_page_says_which_are_missing(tmp_path: Path) -> None:
    from core.checkpoints import CheckpointMissing

    opened = Services.open(Settings(home=tmp_path / "bare", shipped=tmp_path / "nothing"), PAGES)
    try:
        with pytest.raises(CheckpointMissing, match="no weights for expression converter"):
            handlers.on_picture(opened, "local", "face.png", "juno", "paper", "studio")
        assert handlers.characters(opened, "local") == ()
    finally:
        opened.close()


def test_the_command_writes_what_each_ending_asks_for(
    home: Path, person: Pixels, predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(handlers, "open_predictor", lambda *_: predictor)
    write_picture(tmp_path / "face.png", person)
    words = ["--home", str(home), "expression", str(tmp_path / "face.png"), "--character", "fen", "--size", "64"]
    out = [str(tmp_path / name) for name in ("out.png", "out.csv", "out.live.csv", "out.glb")]
    assert main([*words, "--alpha", *(word for path in out for word in ("-o", path))], PAGES) == 0
    assert all(Path(path).stat().st_size > 100 for path in out)
    assert main([*words, "-o", str(tmp_path / "out.mp4")], PAGES) == 2
    assert "one picture" in capsys.readouterr().err
    assert main([*words, "-o", str(tmp_path / "out.docx")], PAGES) == 2
    assert ".glb" in capsys.readouterr().err
    write_picture(tmp_path / "black.png", BLACK)
    assert main([*words[:3], str(tmp_path / "black.png"), "-o", out[0]], PAGES) == 2
    assert "No face" in capsys.readouterr().err
