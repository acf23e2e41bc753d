"""A clip edited by a sentence: the face followed and steadied, the sound kept, and a sentence for each bad clip."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image
from tiny_expression import draw_person, write_frames
from tiny_rooms import ask, put_textedit_weights

from core.face.align import Square
from core.image import NotAPicture, Pixels
from core.textedit.invert import Effort
from core.textedit.predict import LatentCode, Predictor
from pages.textedit import COMMANDS, clip
from studio.clips import Sounding, SoundLost, frames, lay_sound
from studio.marks import read_provenance
from studio.services import Services
from studio.settings import Limits, Settings
from studio.uploads import UploadRefused
from training.spec import BadRequest

pytestmark = pytest.mark.usefixtures("one_thread")

RATE, CLICK = 10, 0.3
"""Frames a second of the clips here, and when their sound clicks."""
WALL = np.full((160, 160, 3), 127, np.uint8)


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    home = tmp_path_factory.mktemp("clips")
    put_textedit_weights(home / "weights")
    opened = Services.open(Settings(home=home, mark="metadata"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def person() -> Pixels:
    return draw_person(size=160)


def film(path: Path, pictures: list[Pixels], codec: str = "aac") -> Path:
    """Pictures with a sound that is silent but for a click."""
    rate = 48_000
    samples = np.zeros((1, int(rate * len(pictures) / RATE)), np.float32)
    samples[0, int(CLICK * rate) : int((CLICK + 0.05) * rate)] = 0.8 * np.sin(np.arange(int(0.05 * rate)) / 8)
    whole = av.AudioFrame.from_ndarray(samples, "fltp", "mono")
    whole.rate, whole.pts = rate, 0
    with av.open(str(path), "w") as container:
        seen = container.add_stream("libvpx-vp9" if path.suffix == ".webm" else "libx264", rate=RATE)
        seen.height, seen.width = pictures[0].shape[:2]
        seen.pix_fmt = "yuv420p"
        heard: Any = container.add_stream(codec, rate=rate, layout="mono")
        resampler = av.AudioResampler(heard.codec_context.format, "mono", rate)
        for part in resampler.resample(whole) + resampler.resample(None):
            container.mux(heard.encode(part))
        container.mux(heard.encode(None))
        for pixels in pictures:
            container.mux(seen.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")))
        container.mux(seen.encode(None))
    return path


def when_it_clicks(path: Path) -> tuple[str, float]:
    """The sound's codec, and when it is first loud."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        for frame in container.decode(stream):
            loud = np.abs(frame.to_ndarray().astype(np.float64)).max(0) > 0.3
            if loud.any():
                assert frame.time is not None
                return stream.codec_context.codec.canonical_name, frame.time + loud.argmax() / frame.sample_rate
    raise AssertionError("it never clicks")


def test_every_frame_of_a_clip_is_edited_and_the_sound_stays_where_it_was(
    services: Services, person: Pixels, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = film(tmp_path / "me.mp4", [np.roll(person, step, 1) for step in range(5)])
    out, said = tmp_path / "new" / "edited.mp4", tmp_path / "new" / "edited.json"
    assert ask(COMMANDS, services, "textedit", given, "big eyes", "--steps", "1", "-o", said, "-o", out) == 0
    written = [pixels for _, pixels in frames(out)]
    assert len(written) == 5
    assert {one.shape for one in written} == {(32, 32, 3)}
    assert when_it_clicks(out) == ("aac", pytest.approx(when_it_clicks(given)[1], abs=0.002))
    made = read_provenance(out) or {}
    assert made["parents"] == [sha256(given.read_bytes()).hexdigest()]
    assert made["settings"]["text"] == "big eyes"
    assert made["settings"]["frames"] == 5
    told = json.loads(said.read_text())
    assert set(told["wishes"]) == {"eye_size"}
    assert told["parents"] == made["parents"]
    shown = capsys.readouterr()
    assert shown.out.startswith("eye size 85 %")
    percents = [int(one.strip(" %")) for one in shown.err.split("\r") if "%" in one]
    assert percents == sorted(set(percents))
    assert percents[-1] == 100
    assert "\n" not in shown.err, "all is told on one line"
    assert sorted(path.name for path in out.parent.iterdir()) == ["edited.json", "edited.mp4"]


def test_where_the_face_has_gone_frames_stay_as_they_are_and_the_next_face_is_looked_for_anew(
    services: Services,
    person: Pixels,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    beside, empty = (np.concatenate((one, WALL[:, :80]), 1) for one in (person, WALL))
    given = write_frames(tmp_path / "me.mp4", [beside] * 2 + [empty] * 5 + [beside] * 2)
    starts: list[bool] = []
    find = Predictor.find

    def watch(self: Predictor, portrait: Pixels, effort: Effort, start: LatentCode | None = None) -> LatentCode:
        starts.append(start is None)
        return find(self, portrait, effort, start)

    monkeypatch.setattr(Predictor, "find", watch)
    out = tmp_path / "edited.mp4"
    assert ask(COMMANDS, services, "textedit", given, "big eyes", "--steps", "1", "--whole", "-o", out) == 0
    assert starts == [True, False, True, False]
    said = capsys.readouterr().err
    assert "5 of 9 frames show no face and stay as they are." in said
    assert "me.mp4 has no sound." in said
    before, after = ([pixels.astype(int) for _, pixels in frames(path)] for path in (given, out))
    assert len(after) == 9
    change = [np.abs(one - other).mean() for one, other in zip(before, after, strict=True)]
    assert max(change[2:7]) < 2
    assert min(*change[:2], *change[7:]) > 4, "a face is laid in"
    assert np.abs(before[0] - after[0])[:, -40:].mean() < 2, "the wall beside is nobody's face"


def test_bad_clips_and_endings_that_do_not_fit_end_in_a_sentence_and_write_nothing(
    services: Services, person: Pixels, tmp_path: Path
) -> None:
    wall = write_frames(tmp_path / "wall.mp4", [WALL] * 3)
    cut = tmp_path / "cut.webm"
    cut.write_bytes(film(tmp_path / "whole.webm", [person] * 6, "libopus").read_bytes()[:700])
    photo = tmp_path / "me.png"
    Image.fromarray(person).save(photo)
    out = tmp_path / "out"
    cases = [
        (wall, ("a.mp4",), NotAPicture, r"wall\.mp4: No face was found in any frame"),
        (cut, ("a.mp4",), UploadRefused, "cannot be read|no picture, clip or sound|no frame"),
        (tmp_path / "gone.mp4", ("a.mp4",), BadRequest, "no file"),
        (wall, ("a.png",), BadRequest, r"wall\.mp4 is a clip; write an \.mp4"),
        (photo, ("a.mp4",), BadRequest, r"me\.png is one picture; write a \.png"),
        (wall, ("a.json",), BadRequest, "say once where it goes"),
        (wall, ("a.mp4", "b.mp4"), BadRequest, "say once where it goes"),
        (wall, ("a.webm",), BadRequest, "nothing is written as"),
    ]
    for given, names, error, sentence in cases:
        wanted = [word for name in names for word in ("-o", str(out / name))]
        with pytest.raises(error, match=sentence):
            ask(COMMANDS, services, "textedit", given, "big eyes", "--steps", "1", *wanted)
        assert not out.exists() or not list(out.iterdir()), sentence


def test_a_clip_longer_than_is_taken_is_refused_before_it_is_read(tmp_path: Path) -> None:
    long = write_frames(tmp_path / "long.mp4", [WALL[:64, :64]] * 30)
    opened = Services.open(Settings(home=tmp_path / "home", limits=Limits(clip_seconds=2)))
    try:
        with pytest.raises(UploadRefused, match="3 s; at most 2 s are taken"):
            ask(COMMANDS, opened, "textedit", long, "big eyes", "-o", tmp_path / "x.mp4")
    finally:
        opened.close()


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "aac"), ("b.webm", "libopus"), ("c.mkv", "pcm_s16le")])
def test_a_sound_is_laid_under_other_pictures_from_the_moment_they_begin(tmp_path: Path, name: str, codec: str) -> None:
    given = film(tmp_path / name, [WALL[:32, :32]] * 8, codec)
    silent = clip_of(tmp_path / "silent.mp4", 8)
    out = tmp_path / "out.mp4"
    for begins in (0.0, 0.13):
        assert lay_sound(silent, Sounding(given, begins), out)
        assert when_it_clicks(out) == ("aac", pytest.approx(CLICK - begins, abs=0.004))
        assert read_provenance(out) == read_provenance(silent)
        assert len(list(frames(out))) == 8
    assert not lay_sound(silent, Sounding(silent), tmp_path / "none.mp4")
    (tmp_path / "bad.mp4").write_bytes(given.read_bytes()[:60])
    with pytest.raises(SoundLost, match=r"bad\.mp4 cannot be read"):
        lay_sound(silent, Sounding(tmp_path / "bad.mp4"), tmp_path / "none.mp4")
    assert not list(tmp_path.glob("*none*"))


def clip_of(path: Path, count: int) -> Path:
    from studio.clips import write_clip

    write_clip(path, iter([WALL[:32, :32]] * count), RATE, {"what": "test"}, place="metadata")
    return path


def test_a_moment_without_a_face_is_bridged_and_a_longer_one_is_not() -> None:
    here, there = Square(50, 50, 40), Square(56, 53, 43, 6.0)
    seconds = [at / 10 for at in range(8)]
    squares = clip.bridge(seconds, [here, None, None, there, None, None, None, None])
    assert squares[1] == Square(52, 51, 41, 2.0)
    assert squares[4:] == [None] * 4
    assert clip.bridge([0.0, 0.3, 0.6], [here, None, there])[1] is None
    assert clip.bridge(seconds[:3], [here, None, Square(150, 50, 40)])[1] is None, "that is somebody else"


def test_a_stretch_ends_where_the_face_is_lost_or_another_is_followed() -> None:
    here, there = Square(50, 50, 40), Square(120, 50, 40)
    assert clip.stretches([None, here, here, None, here, there, there]) == [range(1, 3), range(4, 5), range(5, 7)]
    assert clip.stretches([here, replace(here, side=65.0)]) == [range(1), range(1, 2)]


def test_steadied_squares_tremble_less_and_follow_a_steady_move_exactly() -> None:
    moving = [Square(10.0 + at, 20.0, 30.0, 2.0 * at) for at in range(9)]
    assert [one.column for one in clip.steady(moving)] == pytest.approx([one.column for one in moving])
    draw = np.random.default_rng(0)
    trembling = [replace(one, row=one.row + draw.normal()) for one in moving]
    rows = np.array([[one.row for one in squares] for squares in (trembling, clip.steady(trembling))])
    assert np.abs(np.diff(rows[1])).mean() < 0.6 * np.abs(np.diff(rows[0])).mean()
    turned = clip.steady([Square(0, 0, 10, degrees) for degrees in (179.0, -179.0, 179.0)])
    assert all(abs(abs(one.roll_degrees) - 180) < 2 for one in turned), "half way between both is not upside down"
    assert clip.steady(moving[:1]) == moving[:1]


def test_uneven_frames_are_shown_at_an_even_rate_for_as_long_as_they_were() -> None:
    assert clip.pace((0.5, 0.6, 0.7)) == (pytest.approx(10.0), [1, 1, 1])
    assert clip.pace((0.0,)) == (25.0, [1])
    rounded = tuple(round(at / 29.97, 3) for at in range(300))
    rate, repeats = clip.pace(rounded)
    assert rate == pytest.approx(29.97, abs=0.01)
    assert set(repeats) == {1}
    rate, repeats = clip.pace((0.0, 0.1, 0.2, 0.6, 0.7, 0.75, 0.8))
    assert rate == pytest.approx(10.0)
    assert repeats[2] == 4, "a frame stays until the next comes"
    assert sum(repeats) == 9
