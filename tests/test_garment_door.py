"""The garment door on networks that know nothing: files, folders, photos, figures, and a sentence for each bad input."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_rooms import ask, put_garment_weights

from core.checkpoints import CheckpointMissing
from core.garment.templates import draw_template, template
from core.image import NotAPicture, read_picture
from pages.garment import COMMANDS
from pages.garment.pieces import ENDINGS
from studio.marks import read_provenance
from studio.services import Services
from studio.settings import Settings
from studio.uploads import UploadRefused
from training.spec import BadRequest

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    home = tmp_path_factory.mktemp("garment")
    put_garment_weights(home / "weights")
    opened = Services.open(Settings(home=home))
    yield opened
    opened.close()


@pytest.fixture
def cloth(tmp_path: Path) -> Path:
    return save(tmp_path / "cloth.png", np.full((40, 40, 3), (160, 40, 60), np.uint8))


@pytest.fixture
def outline(tmp_path: Path) -> Path:
    return save(tmp_path / "outline.png", draw_template(template("tee"), 160))


def save(path: Path, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels).save(path)
    return path


def test_a_cut_in_a_cloth_is_written_in_every_form_and_each_can_be_opened_again(
    services: Services, outline: Path, cloth: Path, tmp_path: Path
) -> None:
    paths = [tmp_path / f"a{ending}" for ending in ENDINGS]
    words = [word for path in paths for word in ("-o", path)]
    assert ask(COMMANDS, services, "garment", outline, cloth, *words) == 0
    with Image.open(tmp_path / "a.png") as garment, Image.open(tmp_path / "a.mask.png") as mask:
        assert (garment.mode, garment.size, mask.mode) == ("RGBA", (160, 160), "L")
        assert np.array_equal(np.asarray(mask), draw_template(template("tee"), 160))
        top = np.asarray(garment)[:120]  # the visible mark lies below
        assert np.array_equal(top[..., 3], np.asarray(mask)[:120])
    said = json.loads((tmp_path / "a.json").read_text())
    assert {"outline_iou", "colour_difference", "invented_share", "generated", "parents"} <= said.keys()
    assert len(said["parents"]) == 2
    assert "<metadata>" in (tmp_path / "a.svg").read_text()
    settings = (read_provenance(tmp_path / "a.overlay.png") or {})["settings"]
    assert (settings["cut"], settings["cloth"]) == ("outline", "cloth")


def test_folders_make_every_cut_in_every_cloth_and_one_that_cannot_be_used_is_named_and_left_out(
    services: Services, outline: Path, cloth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cuts, cloths = tmp_path / "cuts", tmp_path / "cloths"
    for folder in (cuts, cloths):
        folder.mkdir()
    outline.rename(cuts / "tee.png")
    save(cuts / "nothing.png", np.zeros((64, 64), np.uint8))
    cloth.rename(cloths / "red.png")
    save(cloths / "blue.png", np.full((40, 40, 3), (20, 40, 200), np.uint8))
    out, sheet = tmp_path / "out", tmp_path / "sheet.webp"
    assert ask(COMMANDS, services, "garment", cuts, cloths, "-o", out, "--grid", sheet) == 1
    assert sorted(path.name for path in out.glob("*.svg")) == ["tee-blue.svg", "tee-red.svg"]
    assert "nothing.png: The drawing is empty" in capsys.readouterr().err
    assert read_picture(sheet).shape[1] > 2 * 256
    with pytest.raises(BadRequest, match="name a folder"):
        ask(COMMANDS, services, "garment", cuts, cloths, "-o", tmp_path / "one.png")


def test_what_hides_a_garment_in_place_is_called_invented_and_an_opaque_picture_is_answered(
    services: Services, outline: Path, cloth: Path, tmp_path: Path
) -> None:
    mask = draw_template(template("tee"), 160)
    seen = mask.copy()
    seen[:, 90:] = 0
    shown = np.dstack((np.full((160, 160, 3), 90, np.uint8), seen))
    picture = save(tmp_path / "hidden.png", shown)
    made = tmp_path / "whole.json"
    assert ask(COMMANDS, services, "garment", outline, picture, "--in-place", "-o", made) == 0
    assert 0.3 < json.loads(made.read_text())["invented_share"] < 0.7
    with pytest.raises(BadRequest, match="transparent where something"):
        ask(COMMANDS, services, "garment", outline, cloth, "--in-place", "-o", made)


def filled(*shape: int) -> np.ndarray:
    return np.full(shape, 255, np.uint8)


BAD_OUTLINES = {
    "an empty mask": (np.zeros((64, 64), np.uint8), "empty"),
    "an empty sheet": (filled(64, 64, 3), "empty"),
    "a clear sheet": (np.zeros((64, 64, 4), np.uint8), "empty"),
    "the whole canvas": (filled(64, 64), "fills"),
    "a dot": (np.pad(filled(7, 7), 60), "too few"),
}


@pytest.mark.parametrize("name", BAD_OUTLINES)
def test_an_outline_that_cannot_be_one_ends_in_a_sentence_and_no_file(
    services: Services, cloth: Path, tmp_path: Path, name: str
) -> None:
    pixels, words = BAD_OUTLINES[name]
    drawn, out = save(tmp_path / "drawn.png", pixels), tmp_path / "x.png"
    with pytest.raises(NotAPicture, match=rf"drawn\.png: .*{words}"):
        ask(COMMANDS, services, "garment", drawn, cloth, "-o", out)
    assert not out.exists()


def test_three_blobs_coloured_and_clear_drawings_give_a_garment_and_say_what_was_done(
    services: Services, cloth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blobs = np.zeros((160, 160), np.uint8)
    blobs[20:100, 20:100] = blobs[120:150, 20:50] = blobs[120:150, 110:140] = 255
    tee = draw_template(template("tee"), 160) > 0
    coloured = np.where(tee[..., None], np.array([200, 30, 90]), np.array([240, 250, 210])).astype(np.uint8)
    clear = np.dstack((coloured, np.where(tee, 255, 0).astype(np.uint8)))
    deep = (tee * 65535).astype(np.uint16)
    for name, pixels in (("blobs", blobs), ("coloured", coloured), ("clear", clear), ("deep", deep)):
        drawn, out = save(tmp_path / f"{name}.png", pixels), tmp_path / f"{name}.mask.png"
        assert ask(COMMANDS, services, "garment", drawn, cloth, "-o", out) == 0
        with Image.open(out) as mask:
            kept = np.asarray(mask) > 0
        wanted = tee if name != "blobs" else np.pad(np.ones((80, 80), bool), ((20, 60), (20, 60)))
        assert np.array_equal(kept, wanted), name
    assert "3 separate shapes" in capsys.readouterr().err


def test_four_pixels_and_ten_thousand_are_told_and_a_clear_cloth_is_refused(
    services: Services, outline: Path, cloth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "x.json"
    with pytest.raises(NotAPicture, match=r"few\.png: .*4 pixels"):
        ask(COMMANDS, services, "garment", outline, save(tmp_path / "few.png", filled(2, 2, 3)), "-o", out)
    clear = save(tmp_path / "clear.png", np.zeros((64, 64, 4), np.uint8))
    with pytest.raises(NotAPicture, match=r"clear\.png: .*0 pixels"):
        ask(COMMANDS, services, "garment", outline, clear, "-o", out)
    huge = np.zeros((10_000, 4_000), np.uint8)
    huge[2_000:8_000, 1_000:3_000] = 255
    assert ask(COMMANDS, services, "garment", save(tmp_path / "huge.png", huge), cloth, "-o", out) == 0
    assert "10000" in capsys.readouterr().err
    wide = save(tmp_path / "wide.png", np.zeros((4_000, 16_400), np.uint8))
    with pytest.raises(UploadRefused, match="Make it smaller"):
        ask(COMMANDS, services, "garment", wide, cloth, "-o", out)


def test_names_that_mean_nothing_are_answered_before_any_network_is_asked(
    services: Services, outline: Path, cloth: Path, tmp_path: Path
) -> None:
    wrong = {
        "templates are tee": ("poncho", cloth, "-o", tmp_path / "x.png"),
        "no file or folder": (outline, tmp_path / "gone.png", "-o", tmp_path / "x.png"),
        "nothing is written": (outline, cloth, "-o", tmp_path / "x.gif"),
        "0.1 to 10": (outline, cloth, "-o", tmp_path / "x.png", "--scale", "0"),
        "holds no pictures": (outline, _empty(tmp_path), "-o", tmp_path / "x.png"),
    }
    for sentence, words in wrong.items():
        with pytest.raises(BadRequest, match=sentence):
            ask(COMMANDS, services, "garment", *words)
    (tmp_path / "words.png").write_text("not a picture")
    with pytest.raises(UploadRefused, match="no picture"):
        ask(COMMANDS, services, "garment", tmp_path / "words.png", cloth, "-o", tmp_path / "x.png")


def _empty(folder: Path) -> Path:
    made = folder / "empty"
    made.mkdir(exist_ok=True)
    return made


def test_a_persons_garment_takes_the_named_cut_and_is_worn_with_its_anchors(services: Services, tmp_path: Path) -> None:
    photo = np.full((180, 120, 3), 70, np.uint8)
    photo[30:150, 30:90] = (30, 90, 160)
    given = save(tmp_path / "me.png", photo)
    made = tmp_path / "tee.png"
    assert ask(COMMANDS, services, "garment dress", given, "--cut", "tee", "-o", made, "-o", tmp_path / "tee.json") == 0
    said = json.loads((tmp_path / "tee.json").read_text())
    assert said["template"] == "tee"
    assert {"neck left", "armpit right"} <= said["anchors"].keys()
    worn = tmp_path / "worn.png"
    words = (made, "--figure", "hands on hips", "--size", "128", "--seed", "3", "-o", worn)
    assert ask(COMMANDS, services, "garment wear", *words) == 0
    assert read_picture(worn).shape == (128, 128, 3)
    assert (read_provenance(worn) or {})["settings"]["worn"] == "tee"
    with pytest.raises(BadRequest, match="no pose called 'flying'"):
        ask(COMMANDS, services, "garment wear", made, "--figure", "flying", "-o", worn)
    with pytest.raises(BadRequest, match="no template 'poncho'"):
        ask(COMMANDS, services, "garment dress", given, "--cut", "poncho", "-o", made)


def test_a_garment_of_somebody_elses_wants_its_kind_named(services: Services, tmp_path: Path) -> None:
    mask = draw_template(template("tee"), 160)
    other = save(tmp_path / "other.png", np.dstack((np.full((160, 160, 3), 80, np.uint8), mask)))
    with pytest.raises(BadRequest, match="--kind"):
        ask(COMMANDS, services, "garment wear", other, "-o", tmp_path / "x.png")
    with pytest.raises(BadRequest, match="'cape'"):
        ask(COMMANDS, services, "garment wear", other, "--kind", "cape", "-o", tmp_path / "x.png")
    assert (
        ask(COMMANDS, services, "garment wear", other, "--kind", "tee", "--size", "96", "-o", tmp_path / "x.png") == 0
    )


def test_missing_weights_are_named_with_the_way_to_train_them(outline: Path, cloth: Path, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", shipped=tmp_path / "nothing")
    opened = Services.open(settings)
    try:
        with pytest.raises(CheckpointMissing, match=r"garment generator.*python -m training garment generator"):
            ask(COMMANDS, opened, "garment", outline, cloth, "-o", tmp_path / "x.png")
        put_garment_weights(settings.home / "weights", segmenter=False)
        with pytest.raises(CheckpointMissing, match=r"garment segmenter.*python -m training garment segmenter"):
            ask(
                COMMANDS,
                opened,
                "garment dress",
                save(tmp_path / "me.png", filled(64, 64, 3)),
                "-o",
                tmp_path / "x.png",
            )
    finally:
        opened.close()
