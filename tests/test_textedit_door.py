"""The textedit door on networks that know nothing: edits, descriptions, sounds, and a sentence for each bad input."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_expression import draw_person
from tiny_rooms import ask, assets_without, put_textedit_weights

from core.checkpoints import CheckpointMissing
from core.image import NotAPicture, read_picture
from core.textedit.predict import Predictor
from core.textedit.trigrams import SPOKEN_COMMANDS, Trigrams
from core.textedit.vocabulary import LONGEST, number_words
from core.textedit.words import understand
from pages.textedit import COMMANDS, handlers
from studio.marks import read_provenance
from studio.services import Services
from studio.settings import Settings
from studio.speech import NotHeard
from studio.uploads import UploadRefused
from training.spec import BadRequest

RATE = 16_000
SPOKEN = ("big eyes long hair", "short hair", "no glasses", "thinner lips", "start again")


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    home = tmp_path_factory.mktemp("textedit")
    put_textedit_weights(home / "weights")
    opened = Services.open(Settings(home=home))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def model() -> str:
    """A small model of what is said."""
    return Trigrams([*SPOKEN * 3, *SPOKEN_COMMANDS, "curly hair", "a long nose", "big glasses"]).write()


@pytest.fixture
def hearing(services: Services, model: str) -> Services:
    path = services.settings.home / "speech" / "trigrams-en.arpa"
    path.parent.mkdir(exist_ok=True)
    path.write_text(model, encoding="ascii")
    return services


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photo") / "me.png"
    Image.fromarray(draw_person()).save(path)
    return path


def sound(path: Path, samples: np.ndarray) -> Path:
    import soundfile

    soundfile.write(path, samples.astype(np.int16), RATE)
    return path


def test_a_photo_is_edited_described_and_written_and_its_code_is_looked_for_once(
    services: Services,
    photo: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = (photo, "big eyes, 长头发", "--steps", "1", "-o", tmp_path / "a.png", "-o", tmp_path / "a.json")
    assert ask(COMMANDS, services, "textedit", *words) == 0
    assert capsys.readouterr().out.startswith("眼睛大小 85 % · 头发长短 85 %")
    assert read_picture(tmp_path / "a.png").shape == (32, 32, 3)
    said = json.loads((tmp_path / "a.json").read_text())
    assert set(said["wishes"]) == {"eye_size", "hair_length"}
    assert said["settings"]["strength"] == 1.0
    assert (read_provenance(tmp_path / "a.png") or {})["parents"] == said["parents"]

    def refuse(*_: object) -> None:
        raise AssertionError("the code was looked for again")

    monkeypatch.setattr(Predictor, "find", refuse)
    whole = tmp_path / "whole.png"
    assert ask(COMMANDS, services, "textedit", photo, "no hat", "--steps", "1", "--whole", "-o", whole) == 0
    assert read_picture(whole).shape == read_picture(photo).shape
    assert list((services.people.folder("local") / "codes").glob("*.npz"))


def test_no_strength_changes_no_pixel_of_what_no_edit_draws(services: Services, photo: Path, tmp_path: Path) -> None:
    for name, words in (("a", ("big eyes", "--strength", "0")), ("b", ("long beard", "--strength", "0"))):
        path = tmp_path / f"{name}.png"
        assert ask(COMMANDS, services, "textedit", photo, *words, "--steps", "1", "-o", path) == 0
    assert np.array_equal(read_picture(tmp_path / "a.png"), read_picture(tmp_path / "b.png"))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "Say what the face should be like"),
        ("blorp fnord", "Not understood: blorp"),
        ("long hair and short hair", "cannot be had together"),
        ("大眼睛小眼睛", "不能同时满足"),
        ("x" * 10_000, "Not understood"),
        ("undo", "speaks of a picture before"),
        ("撤销", "没有上一张图"),
    ],
)
def test_a_text_that_cannot_be_drawn_ends_in_a_sentence_before_any_network_is_asked(
    services: Services, tmp_path: Path, text: str, sentence: str
) -> None:
    with pytest.raises(BadRequest, match=sentence):
        ask(COMMANDS, services, "textedit", tmp_path / "nobody.png", text, "-o", tmp_path / "x.png")


def test_of_ten_thousand_characters_what_is_read_is_drawn_and_the_rest_is_told(
    services: Services, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "big eyes, a wide nose, " * 435
    words = (photo, text, "--steps", "1", "-o", tmp_path / "a.png")
    assert ask(COMMANDS, services, "textedit", *words) == 0
    assert "more characters left out" in capsys.readouterr().out
    for given in (text, "大眼睛，长头发，" * 99, "long hair and big eyes " * 99, "大眼睛长头发" * 99):
        understood = understand(given)
        assert 0 < len(number_words(understood.text, 10_000)) <= LONGEST  # nothing shown as understood is left unread
        left = [chip for chip in understood.chips if chip.kind == "left_out"]
        assert given.startswith(understood.text[:20])
        assert len(left) == 1
        assert given.endswith(left[0].text)


def test_what_is_no_face_no_photo_or_no_strength_ends_in_a_sentence(
    services: Services, photo: Path, tmp_path: Path
) -> None:
    wall = tmp_path / "wall.png"
    Image.fromarray(np.full((200, 200, 3), 127, np.uint8)).save(wall)
    words = ("big eyes", "--steps", "1", "-o", tmp_path / "x.png")
    with pytest.raises(NotAPicture, match=r"wall\.png: No face"):
        ask(COMMANDS, services, "textedit", wall, *words)
    with pytest.raises(NotAPicture, match="No face"):
        ask(COMMANDS, services, "textedit describe", wall)
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(UploadRefused, match="no picture"):
        ask(COMMANDS, services, "textedit", tmp_path / "a.txt", *words)
    with pytest.raises(BadRequest, match="between 0 and 1"):
        ask(COMMANDS, services, "textedit", photo, *words, "--strength", "1.5")
    with pytest.raises(BadRequest, match="nothing is written"):
        ask(COMMANDS, services, "textedit", photo, "big eyes", "-o", tmp_path / "x.gif")
    assert not (tmp_path / "x.png").exists()


def test_a_face_is_described_in_both_languages(
    services: Services, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(COMMANDS, services, "textedit describe", photo) == 0
    english = capsys.readouterr().out.strip()
    assert ask(COMMANDS, services, "textedit describe", photo, "--language", "zh") == 0
    assert english != capsys.readouterr().out.strip() != ""


def test_silence_noise_and_long_sounds_are_answered_and_lose_nothing(hearing: Services, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 3000, RATE).clip(-32000, 32000)
    cases = {
        "Nothing was heard": (np.zeros(2 * RATE), "en"),
        "No words were understood": (noise, "en"),
        "within 20 s": (np.tile(noise, 25), "en"),
        "closer to the microphone": (np.zeros(2 * RATE), "zh"),
    }
    for sentence, (samples, language) in cases.items():
        path = sound(tmp_path / "said.wav", samples)
        with pytest.raises(NotHeard, match=sentence):
            ask(COMMANDS, hearing, "textedit listen", path, "--language", language)
    with pytest.raises(UploadRefused, match="longer than"):
        ask(COMMANDS, hearing, "textedit listen", sound(tmp_path / "long.wav", np.tile(noise, 180)))
    with pytest.raises(BadRequest, match="no file"):
        ask(COMMANDS, hearing, "textedit listen", tmp_path / "gone.wav")


@pytest.mark.skipif(shutil.which("flite") is None, reason="no flite on this machine (Debian: apt install flite)")
def test_a_spoken_wish_is_heard_and_shown_as_chips(
    hearing: Services, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "said.wav"
    subprocess.run(["flite", "-voice", "slt", "-t", "big eyes long hair", "-o", str(path)], check=True)
    assert ask(COMMANDS, hearing, "textedit listen", path) == 0
    assert capsys.readouterr().out.splitlines() == ["big eyes long hair", "eye size 85 % · hair length 85 %"]


def test_missing_weights_are_named_with_the_way_to_train_them(photo: Path, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", shipped=assets_without("textedit", tmp_path / "assets"))
    opened = Services.open(settings)
    quiet = sound(tmp_path / "said.wav", np.zeros(RATE))
    asked = {
        "generator": ("textedit", photo, "big eyes", "-o", tmp_path / "x.png"),
        "inverter": ("textedit", photo, "big eyes", "-o", tmp_path / "x.png"),
        "editor": ("textedit", photo, "big eyes", "-o", tmp_path / "x.png"),
        "captioner": ("textedit describe", photo),
        "speech": ("textedit listen", quiet, "--language", "zh"),
    }
    try:
        for name, (command, *words) in asked.items():
            shutil.rmtree(settings.home / "weights", ignore_errors=True)
            without = (name, "editor") if name == "captioner" else (name,)
            put_textedit_weights(settings.home / "weights", without)
            opened.models.forget()
            with pytest.raises(CheckpointMissing, match=rf"textedit {name}, .*python -m training textedit {name}"):
                ask(COMMANDS, opened, str(command), *words)
    finally:
        opened.close()


def test_a_trigram_model_shares_out_all_it_has_and_prefers_what_was_said() -> None:
    said = ["big eyes", "big eyes long hair", "long hair", "short hair", "no hat"]
    model = Trigrams(said)
    words = {word for text in said for word in text.split()} | {"</s>"}
    for history in ((), ("<s>",), ("big",), ("big", "eyes"), ("<s>", "no"), ("hair", "hat")):
        assert sum(model.weigh((*history, word)) for word in words) == pytest.approx(1.0, abs=1e-6), history
    assert model.weigh(("<s>", "big", "eyes")) > 10 * model.weigh(("<s>", "big", "hat"))
    assert model.weigh(("big", "giraffe")) == 0.0


def test_the_language_of_a_text_is_that_of_its_signs() -> None:
    assert [handlers.language_of(text) for text in ("big eyes", "大眼睛", "big 眼睛", "")] == ["en", "zh", "zh", "en"]
