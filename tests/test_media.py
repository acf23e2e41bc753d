"""Uploads and results: limits before decoding, ownership, marks, deletion, and hostile files."""

from __future__ import annotations

import io
import json
import struct
import wave
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from core.image import read_picture
from studio import clips, marks, media
from studio.services import Services
from studio.settings import Limits, Settings
from studio.uploads import UploadRefused, inspect


@pytest.fixture
def services(tmp_path: Path):
    opened = Services.open(Settings(home=tmp_path / "home", password="house password"))
    opened.people.sign_in("Ada", "ada's own one", "house password")
    opened.people.sign_in("Bob", "bobs password", "house password")
    yield opened
    opened.close()


def picture(width: int = 300, height: int = 220) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)


def save(path: Path, **options: object) -> Path:
    Image.fromarray(picture()).save(path, **options)  # pyright: ignore[reportArgumentType]
    return path


def claimed_png(width: int, height: int) -> bytes:
    """A few bytes that claim to be a huge picture."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")
    )


def clip(path: Path, count: int = 10) -> Path:
    frames = (np.full((64, 96, 3), 20 * index % 200, np.uint8) for index in range(count))
    clips.write_clip(path, frames, 10.0, {"what": "test"}, place="metadata")
    return path


def test_a_huge_picture_is_refused_from_its_header(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.png"
    bomb.write_bytes(claimed_png(30_000, 30_000))
    with pytest.raises(UploadRefused, match=r"30000 x 30000|far too large"):
        inspect(bomb, Limits())


def test_files_over_the_size_and_length_limits_are_sentences(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\0" * (2 * 2**20))
    with pytest.raises(UploadRefused, match="at most 1 MB"):
        inspect(tmp_path / "a.png", Limits(upload_megabytes=1))
    with pytest.raises(UploadRefused, match="Cut it first"):
        inspect(clip(tmp_path / "b.mp4", 25), Limits(clip_seconds=2))
    with pytest.raises(UploadRefused, match="on a side"):
        inspect(clip(tmp_path / "c.mp4"), Limits(clip_side=64))
    with wave.open(str(tmp_path / "d.wav"), "wb") as sound:
        sound.setparams((1, 2, 16000, 0, "NONE", ""))
        sound.writeframes(b"\0\0" * 16000 * 3)
    with pytest.raises(UploadRefused, match="3 s; at most 2 s"):
        inspect(tmp_path / "d.wav", Limits(sound_seconds=2))
    assert inspect(tmp_path / "d.wav", Limits())["seconds"] == pytest.approx(3.0)


def test_what_a_file_is_comes_from_its_bytes_not_its_name(tmp_path: Path, services: Services) -> None:
    disguised = save(tmp_path / "x.jpg", format="PNG")
    kept = services.media.keep_upload("Ada", "tiny", disguised)
    assert kept.type == "image/png"
    assert kept.path.suffix == ".png"
    assert (kept.facts["width"], kept.facts["height"]) == (300, 220)


HOSTILE = {
    "nothing": b"",
    "text": b"hello",
    "script": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
    "html": b"<!doctype html><script>alert(1)</script>",
    "playlist": b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n",
    "concat": b"ffconcat version 1.0\nfile /etc/passwd\n",
    "zip": b"PK\x03\x04" + b"\0" * 200,
    "pickle": b"\x80\x04\x95\x10\0\0\0\0\0\0\0\x8c\x05posix\x94\x8c\x06system\x94\x93\x94.",
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n",
    "claims": claimed_png(2**31 - 1, 2**31 - 1),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_files_of_no_kind_we_read_are_sentences(tmp_path: Path, name: str) -> None:
    (tmp_path / "x.png").write_bytes(HOSTILE[name])
    with pytest.raises(UploadRefused):
        inspect(tmp_path / "x.png", Limits())


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(["PNG", "JPEG", "WEBP", "GIF", "BMP"]),
    cut=st.floats(0, 1),
    flips=st.lists(st.floats(0, 1), max_size=6),
)
def test_cut_and_altered_pictures_end_in_a_sentence_or_in_pixels(
    tmp_path: Path, kind: str, cut: float, flips: list[float]
) -> None:
    from core.image import NotAPicture

    buffer = io.BytesIO()
    Image.fromarray(picture(40, 30)).save(buffer, kind)
    content = bytearray(buffer.getvalue())
    for flip in flips:
        content[min(int(flip * len(content)), len(content) - 1)] ^= 0x55
    path = tmp_path / "x"
    path.write_bytes(bytes(content[: int(cut * len(content))]))
    said = ""
    try:
        inspect(path, Limits())
        pixels = read_picture(path)
    except (UploadRefused, NotAPicture) as error:
        said = str(error)
    else:
        assert pixels.dtype == np.uint8
        assert pixels.size <= 50e6 * 3
    assert said == "" or len(said) > 10


def test_nobody_gets_anothers_picture(tmp_path: Path, services: Services) -> None:
    kept = services.media.keep_upload("Ada", "tiny", save(tmp_path / "a.png"))
    assert services.media.get("Ada", kept.id).sha256 == kept.sha256
    for ask in (services.media.get, services.media.delete):
        with pytest.raises(LookupError):
            ask("Bob", kept.id)
    assert services.media.of("Bob") == []
    with pytest.raises(LookupError):
        services.people.agree("Bob", kept.id, "tuning")
    assert kept.path.is_file()


def test_names_never_decide_where_a_file_lies(tmp_path: Path, services: Services) -> None:
    kept = services.media.keep_upload("Ada", "../../etc", save(tmp_path / "..evil.png"))
    assert services.settings.home in kept.path.resolve().parents


def test_a_result_says_that_it_was_generated_and_from_what(tmp_path: Path, services: Services) -> None:
    parent = services.media.keep_upload("Ada", "tiny", save(tmp_path / "a.png"))
    plain = np.full((256, 256, 3), 90, np.uint8)
    kept = services.media.keep_picture("Ada", "tiny", plain, {"text": "大眼睛"}, [parent])
    note = marks.read_provenance(kept.path)
    assert note == {"generated": "by Likeness", "parents": [parent.sha256], "settings": {"text": "大眼睛"}}
    changed = (media.picture(kept) != plain).any(-1)
    assert changed[200:, 128:].any(), "the visible mark stands in the lower right corner"
    assert not changed[:200].any()


def test_the_mark_can_be_moved_out_of_the_pixels_but_not_out_of_the_file() -> None:
    plain = np.full((256, 256, 3), 90, np.uint8)
    assert np.array_equal(marks.mark(plain, "metadata"), plain)
    assert (marks.mark(plain, "top") != plain).any(-1)[:40].any()


def test_a_clip_comes_back_with_times_and_its_note(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4")
    frames = list(clips.frames(path))
    assert [round(time, 2) for time, _ in frames] == [round(index / 10, 2) for index in range(10)]
    values = [float(pixels.mean()) for _, pixels in frames]
    assert values == sorted(values)
    assert values[-1] == pytest.approx(180, abs=6)
    note = marks.read_provenance(path)
    assert note is not None
    assert note["settings"] == {"what": "test"}
    assert len(list(clips.frames(path, most=3))) == 3


def test_a_failed_clip_leaves_no_half_file(tmp_path: Path) -> None:
    def frames():
        yield np.zeros((64, 64, 3), np.uint8)
        raise ValueError("the source broke")

    with pytest.raises(ValueError, match="broke"):
        clips.write_clip(tmp_path / "a.mp4", frames(), 10, {})
    assert not (tmp_path / "a.mp4").exists()


def test_deleting_everything_of_a_person_leaves_nothing_of_theirs_and_all_of_the_others(
    tmp_path: Path, services: Services
) -> None:
    mine = services.media.keep_upload("Ada", "tiny", save(tmp_path / "a.png"))
    services.people.agree("Ada", mine.id, "tuning", "Ada herself")
    assert [consent.person for consent in services.people.consents("Ada")] == ["Ada herself"]
    theirs = services.media.keep_upload("Bob", "tiny", save(tmp_path / "b.png"))
    own = services.people.folder("Ada")
    assert services.people.delete_everything("Ada") >= 1
    assert not own.exists()
    assert theirs.path.is_file()
    assert services.media.of("Ada") == []
    assert services.people.consents("Ada") == []
    assert "Ada" not in services.people.names()
    assert "Bob" in services.people.names()


def test_the_note_is_json_that_others_can_read(tmp_path: Path, services: Services) -> None:
    kept = services.media.keep_picture("Ada", "tiny", np.zeros((64, 64, 3), np.uint8), {"seed": 1})
    with Image.open(kept.path) as opened:
        assert json.loads(opened.info["likeness"])["settings"] == {"seed": 1}
        assert opened.info["Software"] == "Likeness"


def test_the_visible_mark_is_a_diamond_not_a_box_for_a_missing_letter() -> None:
    small = marks.mark(np.full((128, 128, 3), 160, np.uint8), "corner")
    white = small.min(axis=2) > 215
    rows, columns = np.nonzero(white)
    box = white[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    assert box.shape[0] >= 5
    assert box[len(box) // 2].all()  # widest in the middle
    assert not box[0, 0]
    assert not box[0, -1]
    assert not box[-1, 0]
    assert (marks.mark(small, "metadata") == small).all()
