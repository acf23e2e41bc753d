"""Measures of the textedit and garment rooms, whole, on networks that know nothing and on the judges that ship."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_expression import draw_person
from tiny_rooms import assets_without, put_garment_weights, put_textedit_weights

from core.image import Pixels, to_pixels
from core.textedit.film import Edit, edit_frames
from core.textedit.invert import Effort
from core.textedit.predict import LatentCode, Predictor
from core.textedit.trigrams import hear_words, say_corpus
from training.garment_pictures import NoPictures
from training.measure import Asked, measure, table
from training.textedit_film import Clip, draw_clip, flicker
from training.textedit_hearing import means
from training.textedit_phrases import SPOKEN_CHINESE, SPOKEN_ENGLISH

SHIPPED = Path("assets/weights")
EDITS = ("edit_success", "drift_percent", "identity_kept")


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("weights")
    put_garment_weights(root)
    return put_textedit_weights(root)


@pytest.fixture(scope="module")
def clip() -> Clip:
    return draw_clip(1_000_000_003, 32, frames=6)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch, clip: Clip) -> None:
    """Little of everything that costs time."""
    monkeypatch.setattr("training.measure_textedit.EFFORT", Effort(1, 1))
    monkeypatch.setattr("training.measure_textedit.AVERAGED", 6)
    monkeypatch.setattr("training.textedit_film.EFFORT", Effort(1, 1))
    monkeypatch.setattr("training.textedit_film.draw_clip", lambda *_: clip)
    monkeypatch.setattr("training.textedit_hearing.HELD_BACK", ("+f4",))
    monkeypatch.setattr("training.textedit_hearing.ENGLISH_VOICES", ("slt",))
    monkeypatch.setattr("core.textedit.trigrams.REQUESTS", 30)
    monkeypatch.setattr("core.textedit.trigrams.CAPTIONS", 30)


def test_everything_that_is_promised_of_textedit_is_measured_beside_doing_nothing(shelf: Path, few: None) -> None:
    report = measure(Asked("textedit", count=4, roots=(shelf, SHIPPED)))
    json.dumps(report)
    scores, nothing = report["scores"], report["baselines"]
    promised = [*EDITS, "empty_change", "caption_f1", "inversion_share", "edit_flicker", "paraphrase_agreement"]
    assert all(scores[key] is not None and np.isfinite(scores[key]) for key in promised), table(report)
    assert all(nothing[key] is not None for key in promised)
    assert scores["empty_change"] == 0
    assert nothing["inversion_share"] == 1
    assert scores["edit_success"] < 0.5, "networks that know nothing cannot edit"
    assert report["groups"]
    assert all({*EDITS} <= values.keys() for values in report["groups"].values())
    assert any(note.startswith("edit_success: worst attribute") for note in report["notes"])
    for key, program in (("speech_exact", "flite"), ("speech_exact_zh", "espeak-ng")):
        if shutil.which(program) is None:
            assert scores[key] is None
            assert any(program in note for note in report["notes"])
        else:
            assert 0 <= scores[key] <= 1
    assert table(report).count("not here") == sum(score is None for score in scores.values())


def test_what_cannot_be_measured_is_named_with_the_weights_that_lack(tmp_path: Path, few: None) -> None:
    put_textedit_weights(tmp_path / "own", ("editor", "inverter", "captioner", "speech"))
    rest = assets_without("textedit", tmp_path / "assets") / "weights"
    report = measure(Asked("textedit", count=2, roots=(tmp_path / "own", rest)))
    for key in ("edit_success", "inversion_share", "edit_flicker", "caption_f1"):
        assert report["scores"][key] is None
        assert any(key in note and "python -m training textedit" in note for note in report["notes"]), key
    assert report["scores"]["paraphrase_agreement"] is not None


def test_real_pictures_are_drawn_again_and_those_without_a_face_left_out(
    shelf: Path, tmp_path: Path, few: None
) -> None:
    asked = Asked("textedit", data=tmp_path, roots=(shelf, SHIPPED))
    Image.fromarray(np.full((90, 90, 3), 99, np.uint8)).save(tmp_path / "wall.png")
    report = measure(asked)
    assert report["scores"] == {"inversion_share": None}
    assert any("No face" in note for note in report["notes"])
    Image.fromarray(draw_person()).save(tmp_path / "me.png")
    assert measure(asked)["count"] == 1


def test_a_clip_that_stands_still_does_not_flicker_and_noise_does(clip: Clip) -> None:
    assert clip.given.shape[0] == clip.still.shape[0] + 1 == 6
    assert 0.05 < float(clip.still.float().mean()) < 1
    still = torch.ones_like(clip.still)
    assert flicker(clip.given[:1].expand(6, -1, -1, -1), still).max() == 0
    change = torch.randn(6, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 0.1
    assert flicker(change, still).mean() == pytest.approx(0.1 * 127.5 * 2 / np.pi**0.5, rel=0.05)
    assert np.isnan(flicker(change, ~still)).all()


def test_a_frame_starts_from_what_was_found_in_the_frame_before(shelf: Path, clip: Clip) -> None:
    predictor = Predictor.load([shelf])
    portraits = list(to_pixels(clip.given))[:2]
    found = predictor.find(portraits[0], Effort(2, 2))
    again = predictor.find(portraits[0], Effort(1, 1), start=found)
    assert found.own is not None
    assert again.own is not None
    assert np.abs(again.own - found.own).max() < 0.02 < np.abs(found.own).max() + 0.02
    assert np.abs(again.code - found.code).max() < 0.05


def test_every_frame_of_a_clip_is_looked_for_from_the_one_before_under_the_same_edit() -> None:
    asked: list[tuple[str, object]] = []

    class Recorder:
        def find(self, portrait: Pixels, effort: Effort, start: LatentCode | None) -> LatentCode:
            asked.append(("find", None if start is None else float(start.code[0])))
            return LatentCode(portrait[0, 0].astype(np.float32))

        def steer(self, code: LatentCode, text: str, strength: float) -> LatentCode:
            asked.append(("steer", (text, strength, code.mine)))
            return code

        def draw(self, code: LatentCode) -> Pixels:
            return np.full((2, 2, 3), code.code[0], np.uint8)

    frames = [np.full((2, 2, 3), value, np.uint8) for value in (1, 2, 3)]
    edited = list(edit_frames(Recorder(), frames, Edit("big eyes", 0.5, 0.2)))  # pyright: ignore[reportArgumentType]
    assert [int(one[0, 0, 0]) for one in edited] == [1, 2, 3]
    assert [one for name, one in asked if name == "find"] == [None, 1.0, 2.0]
    assert {one for name, one in asked if name == "steer"} == {("big eyes", 0.5, 0.2)}


def test_no_spoken_phrase_is_one_that_the_decoder_learned_and_each_asks_for_something() -> None:
    learned = {" ".join(hear_words(text)) for text in say_corpus()}
    assert len(SPOKEN_ENGLISH) == len(SPOKEN_CHINESE) == len(set(SPOKEN_ENGLISH)) == 40
    for text in SPOKEN_ENGLISH:
        assert " ".join(hear_words(text)) not in learned, text
        assert means(text), text


def test_everything_that_is_promised_of_garments_is_measured_beside_doing_nothing(shelf: Path) -> None:
    report = measure(Asked("garment", count=4, roots=(shelf, SHIPPED)))
    json.dumps(report)
    promised = {"outline_iou", "hidden_share", "kid_share", "colour_difference", "outline_iou_drawn"}
    assert set(report["scores"]) == promised
    assert all(report["scores"][key] is not None and np.isfinite(report["scores"][key]) for key in promised)
    assert all(report["baselines"][key] is not None for key in promised)
    assert report["baselines"]["hidden_share"] == report["baselines"]["kid_share"] == 1
    assert report["scores"]["hidden_share"] > 1, "networks that know nothing are worse than inpainting"
    assert report["groups"]


def test_a_folder_without_garments_cannot_be_measured(shelf: Path, tmp_path: Path) -> None:
    with pytest.raises(NoPictures, match="holds no pictures"):
        measure(Asked("garment", data=tmp_path, roots=(shelf, SHIPPED)))
