"""The garment page's handlers and what it shows, on networks that know nothing: what is composed, kept, told and refused."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from served import wait_until
from tiny_rooms import put_garment_weights

from core import checkpoints
from core.checkpoints import CheckpointMissing
from core.engine.cuts import KINDS
from core.engine.poses import POSES
from core.garment.templates import draw_template, template
from core.image import NotAPicture, read_picture
from pages import PAGES
from pages.garment import showing, wearing
from pages.garment.compose_layout import MOST_KEPT, laid, read_wanted, show_newest
from pages.garment.composing import ClothWanted, CutWanted, cut_out, draw_shapes, keep_once, on_cloth, on_compose
from pages.garment.examples import CLOTHS, PEOPLE, list_examples
from pages.garment.grid import GridWanted, on_grid
from pages.garment.handlers import Laying
from pages.garment.sheet import draw_sheet
from pages.garment.wearing import Wearer, on_photo, on_try
from studio.language import speak
from studio.marks import read_provenance
from studio.services import Services
from studio.settings import Settings
from studio.uploads import UploadRefused
from training.spec import BadRequest

pytestmark = pytest.mark.usefixtures("one_thread")
ME = "local"


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    home = tmp_path_factory.mktemp("garment")
    put_garment_weights(home / "weights")
    opened = Services.open(Settings(home=home), PAGES)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def cloth(services: Services) -> str:
    return on_cloth(services, ME, str(list_examples(services, "cloths")["tartan"])).id


def save(path: Path, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels).save(path)
    return path


def box(low: float, high: float, **how: bool) -> dict[str, object]:
    return {"points": [[low, low], [high, low], [high, high], [low, high]], **how}


def test_changing_the_cloth_leaves_the_cut_and_changing_the_cut_leaves_the_cloth(
    services: Services, cloth: str
) -> None:
    other = on_cloth(services, ME, str(list_examples(services, "cloths")["stripes"])).id
    made = {
        (cut, one): on_compose(services, ME, CutWanted(template=cut), ClothWanted(one))
        for cut, one in (("tee", cloth), ("tee", other), ("skirt", cloth))
    }
    masks = {
        key: services.media.get(ME, kept.files[".mask.png"]).path.read_bytes()[-2000:] for key, kept in made.items()
    }
    assert masks["tee", cloth] == masks["tee", other] != masks["skirt", cloth]
    svgs = {key: services.media.get(ME, kept.files[".svg"]).path.read_text() for key, kept in made.items()}
    paths = {key: text[text.index("<path") : text.index("<metadata>")] for key, text in svgs.items()}
    assert paths["tee", cloth] == paths["tee", other] != paths["skirt", cloth]


def test_every_form_of_a_composed_garment_is_kept_as_what_it_is_and_names_its_cloth(
    services: Services, cloth: str
) -> None:
    kept = on_compose(services, ME, CutWanted(template="dress"), ClothWanted(cloth))
    media = {ending: services.media.get(ME, number) for ending, number in kept.files.items()}
    assert {ending: one.type for ending, one in media.items()} == {
        ".png": "image/png", ".mask.png": "image/png", ".overlay.png": "image/png", ".svg": "image/svg+xml",
        ".json": "application/json",
    }  # fmt: skip
    assert {one.parents for one in media.values()} == {(cloth,)}
    with Image.open(media[".png"].path) as garment:
        assert garment.mode == "RGBA"
    said = json.loads(media[".json"].path.read_text())
    assert said["parents"] == [services.media.get(ME, cloth).sha256]
    assert (read_provenance(media[".png"].path) or {})["settings"]["template"] == "dress"
    with pytest.raises(LookupError):
        services.media.get("somebody else", kept.files[".png"])


def test_only_what_lies_in_the_crop_becomes_the_cloth(services: Services, tmp_path: Path) -> None:
    halves = np.zeros((120, 200, 3), np.uint8)
    halves[:, :100], halves[:, 100:] = (200, 30, 30), (20, 40, 200)
    whole = on_cloth(services, ME, str(save(tmp_path / "halves.png", halves))).id
    red = on_cloth(services, ME, str(save(tmp_path / "red.png", halves[:, :100]))).id
    cropped = on_compose(services, ME, CutWanted(), ClothWanted(whole, "0 0 0.5 1"))
    alone = on_compose(services, ME, CutWanted(), ClothWanted(red))
    assert np.array_equal(cropped.thumb, alone.thumb)
    assert not np.array_equal(cropped.thumb, on_compose(services, ME, CutWanted(), ClothWanted(whole)).thumb)
    assert cut_out(halves, "0.25 0.5 0.5 0.5").shape == (60, 100, 3)
    for wrong in ("0 0 2 1", "a b c d", "0 0 0 0", "0.5 0.5 0.6 0.2", "nan 0 1 1"):
        with pytest.raises(BadRequest, match="crop"):
            cut_out(halves, wrong)


def test_shapes_add_and_take_away_in_their_order_and_the_mirror_draws_the_other_half() -> None:
    half = {"points": [[0.5, 0.2], [0.2, 0.2], [0.2, 0.8], [0.5, 0.8]], "mirror": True}
    whole = draw_shapes(json.dumps([half]), 100)
    assert np.array_equal(whole, whole[:, ::-1])
    assert (whole[25:75, 25:75] == 255).all()
    holed = draw_shapes(json.dumps([half, box(0.4, 0.6, cut=True)]), 100)
    assert holed[50, 50] == 0
    assert holed[30, 30] == 255
    refilled = draw_shapes(json.dumps([half, box(0.4, 0.6, cut=True), box(0.4, 0.6)]), 100)
    assert np.array_equal(refilled, whole)
    begun = draw_shapes(showing.template_shapes("shirt"), 256)
    truth = draw_template(template("shirt"), 256)
    assert (begun == truth).mean() > 0.985


@pytest.mark.parametrize(
    "text",
    ["not json", "{}", '[{"points": 3}]', '[{"points": [[0, 1]]}]', '[{"points": [[0, 1], [1, 1], [9, 0]]}]', "7"],
)
def test_a_drawing_that_makes_no_sense_ends_in_a_sentence(text: str) -> None:
    with pytest.raises(BadRequest, match="drawing"):
        draw_shapes(text)


def test_bad_input_ends_in_a_sentence_that_says_what_to_do(services: Services, cloth: str, tmp_path: Path) -> None:
    tiny = save(tmp_path / "tiny.png", np.zeros((3, 3, 3), np.uint8))
    blank = save(tmp_path / "blank.png", np.zeros((64, 64), np.uint8))
    whole = ClothWanted(cloth)
    wrong = {
        "upload or paste": (CutWanted(), ClothWanted("")),
        "no such file": (CutWanted(), ClothWanted("0" * 24)),
        "no template 'poncho'": (CutWanted(template="poncho"), whole),
        "comes from template": (CutWanted("thin air"), whole),
        "no outline yet": (CutWanted("picture"), whole),
        r"blank\.png: .*empty": (CutWanted("picture", picture=str(blank)), whole),
        "drawing is empty": (CutWanted("drawing"), whole),
        "too few": (CutWanted("drawing", drawing=json.dumps([box(0.5, 0.53)])), whole),
        "9 pixels": (CutWanted(), ClothWanted(on_cloth(services, ME, str(tiny)).id)),
        "transparent where": (CutWanted(), ClothWanted(cloth, "", Laying(in_place=True))),
    }
    for sentence, asked in wrong.items():
        with pytest.raises((BadRequest, NotAPicture, LookupError), match=sentence):
            on_compose(services, ME, *asked)
    (tmp_path / "words.png").write_text("not a picture")
    with pytest.raises(UploadRefused):
        on_cloth(services, ME, str(tmp_path / "words.png"))
    for nothing in (None, ""):
        with pytest.raises(BadRequest, match="cloth first"):
            on_cloth(services, ME, nothing)
    with pytest.raises(BadRequest, match=r"0\.1 to 10"):
        read_wanted("template", "tee", None, "", cloth, "", 2.0, 0.0, False)


def test_what_the_sliders_say_comes_back_from_a_garment_as_it_was_set() -> None:
    for power in np.arange(-1, 1.01, 0.05):
        _, cloth = read_wanted("template", "tee", None, "", "x", "", round(float(power), 2), -35.0, False)
        assert laid(cloth) == (pytest.approx(power, abs=1e-9), -35.0, False)


def test_a_file_given_twice_is_kept_once_and_never_shared_with_another_person(tmp_path: Path) -> None:
    opened = Services.open(Settings(home=tmp_path / "home", password="the house's own"), PAGES)
    try:
        path = save(tmp_path / "cloth.png", np.full((40, 40, 3), 77, np.uint8))
        ada, ben = (
            opened.people.who(opened.people.sign_in(name, "a long password", "the house's own"))
            for name in ("Ada", "Ben")
        )
        assert ada is not None
        assert ben is not None
        first = keep_once(opened, ada, path)
        assert keep_once(opened, ada, path).id == first.id
        assert keep_once(opened, ben, path).id != first.id
    finally:
        opened.close()


def test_the_sittings_garments_come_newest_first_and_are_not_kept_without_end(services: Services, cloth: str) -> None:
    say = speak("en")
    kept = on_compose(services, ME, CutWanted(), ClothWanted(cloth))
    older = [kept] * MOST_KEPT
    newest = on_compose(services, ME, CutWanted(), ClothWanted(cloth, "0 0 0.5 0.5"))
    shown, past, gallery, last = show_newest(newest, older, say)
    assert len(past) == len(gallery["value"]) == MOST_KEPT
    assert past[0] is newest
    assert last == newest.files[".png"]
    assert shown.count("/files/") == 8, "two pictures and a mask to look at, five files to take"


@pytest.mark.parametrize("code", ["en", "zh"])
def test_facts_are_told_in_words_and_a_file_name_is_never_markup(
    services: Services, cloth: str, tmp_path: Path, code: str
) -> None:
    say = speak(code)
    path = save(tmp_path / "<b>tee.png", draw_template(template("tee"), 128))
    kept = on_compose(services, ME, CutWanted("picture", picture=str(path)), ClothWanted(cloth))
    said = showing.show_garment(kept, say)
    assert "<b>" not in said
    assert f"{kept.facts['outline_iou'] * 100:.0f} %" in said
    assert say("garment.fact.invented_all") in said
    lost = kept.facts | {"colour_difference": float("nan")}
    assert "nan" not in showing._facts(lost, say)


def test_every_template_and_pose_has_a_name_in_both_languages(services: Services) -> None:
    for code in ("en", "zh"):
        say = speak(code)
        assert len({showing.cut_name(kind, say) for kind in KINDS}) == len(KINDS)
        assert all(f"garment.pose.{pose.replace(' ', '_')}" in say.table for pose in POSES)
        assert all(f"garment.example.{name}" in say.table for name in CLOTHS)


def test_examples_ship_small_and_each_is_a_picture(services: Services) -> None:
    for kind, names, most in (("cloths", CLOTHS, 40), ("people", PEOPLE, 60)):
        found = list_examples(services, kind)
        assert list(found) == list(names)
        for path in found.values():
            assert path.stat().st_size < most * 1024
            assert min(read_picture(path).shape[:2]) >= 256


def run_grid(services: Services, wanted: GridWanted) -> dict[str, object]:
    number = on_grid(services, ME, wanted)
    wait_until(lambda: services.jobs.get(number, ME).ended, 120, "the grid is done")
    done = services.jobs.get(number, ME)
    assert done.state == "done", done.message
    return done.result


def test_a_grid_makes_every_cut_in_every_cloth_and_names_what_it_left_out(
    services: Services, cloth: str, tmp_path: Path
) -> None:
    blank = save(tmp_path / "blank.png", np.zeros((64, 64), np.uint8))
    (tmp_path / "words.png").write_text("not a picture")
    wanted = GridWanted(
        ("tee", "skirt"), (str(blank),), ("dots",), (str(tmp_path / "words.png"),),
        CutWanted("drawing", drawing=json.dumps([box(0.2, 0.8)])), ClothWanted(cloth, "0 0 0.5 0.5"),
    )  # fmt: skip
    result = run_grid(services, wanted)
    assert result["garments"] == 6
    refused = " ".join(result["refused"])  # pyright: ignore[reportArgumentType, reportCallIssue]
    assert "blank.png: The drawing is empty" in refused
    assert "words: This file" in refused
    sheet, archive = (services.media.get(ME, one["medium"]) for one in result["files"])  # pyright: ignore[reportGeneralTypeIssues, reportIndexIssue]
    assert read_picture(sheet.path).shape[1] == 3 * (192 + 4) + 4
    with zipfile.ZipFile(archive.path) as opened:
        names = set(opened.namelist())
        assert len(names) == 3 * 6 + 1
        assert {"tee-dots.png", "skirt-cloth.svg", "drawing-dots.json", "garments.json"} <= names


def test_a_grid_without_a_side_or_with_too_many_is_refused_before_it_begins(services: Services, cloth: str) -> None:
    many = [str(list_examples(services, "cloths")["dots"])] * 30
    wrong = {
        "at least one cut": GridWanted((), (), ("dots",)),
        "at least one cloth": GridWanted(("tee",)),
        "510 garments; at most 400": GridWanted(KINDS, (), (), many),
        "no example cloth 'velvet'": GridWanted(("tee",), (), ("velvet",)),
    }
    for sentence, wanted in wrong.items():
        with pytest.raises(BadRequest, match=sentence):
            on_grid(services, ME, wanted)
    twice = run_grid(services, GridWanted(("tee",), (), (), many[:2]))
    assert twice["garments"] == 2


def test_a_place_of_the_sheet_stays_white_where_nothing_could_be_made() -> None:
    grey = np.full((50, 50, 4), 90, np.uint8)
    grey[..., 3] = 255
    sheet = draw_sheet([np.full((50, 50), 255, np.uint8)], [grey, grey], [None, grey], 40)
    assert (sheet[48:88, 48:88] == 255).all()
    assert (sheet[48:88, 92:132] == 90).all()


def test_what_a_person_wears_is_tried_on_at_once_and_a_drawn_cut_wants_its_kind(
    services: Services, cloth: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wearing, "WORN_SIZE", 128)
    photo = str(list_examples(services, "people")["polo"])
    found = on_photo(services, ME, photo, "tee", "")
    assert found.facts["template"] == "tee"
    worn = on_try(services, ME, found.files[".png"], None, "", Wearer("waving", "upper", 3))
    assert read_picture(worn.path).shape == (128, 128, 3)
    assert worn.parents == (found.files[".png"],)
    drawing = CutWanted("drawing", drawing=showing.template_shapes("tee"))
    drawn = on_compose(services, ME, drawing, ClothWanted(cloth)).files[".png"]
    with pytest.raises(BadRequest, match="choose the kind"):
        on_try(services, ME, drawn, None, "", Wearer())
    assert on_try(services, ME, drawn, None, "tee", Wearer()).type == "image/png"
    upload = str(services.media.get(ME, found.files[".png"]).path)
    assert on_try(services, ME, "", upload, None, Wearer()).type == "image/png"


def test_trying_on_nothing_or_in_no_known_pose_says_what_there_is(services: Services) -> None:
    wrong = {
        "no garment to try on": Wearer(),
        "no pose 'flying'": Wearer("flying"),
        "no view 'above'": Wearer(view="above"),
    }
    for sentence, wearer in wrong.items():
        with pytest.raises(BadRequest, match=sentence):
            on_try(services, ME, "", None, None, wearer)
    with pytest.raises(BadRequest, match="photo of a dressed person"):
        on_photo(services, ME, None, None, None)
    with pytest.raises(LookupError):
        on_try(services, ME, "0" * 24, None, "tee", Wearer())


def test_the_page_says_how_good_its_weights_are_or_that_there_are_none(services: Services, tmp_path: Path) -> None:
    assert "64 x 64" in showing.show_standing(services, ME, speak("en"))
    shipped = Services.open(Settings(home=tmp_path / "shipped"), PAGES)
    bare = Services.open(Settings(home=tmp_path / "bare", shipped=tmp_path / "nothing"), PAGES)
    try:
        card = checkpoints.read_card(shipped.settings.shipped / "weights" / "garment" / "encoders")
        said = showing.show_standing(shipped, ME, speak("en"))
        assert f"doing nothing: {card.baselines['outline_iou']:.2f}" in said
        assert "no weights" in showing.show_standing(bare, ME, speak("en"))
        given = on_cloth(bare, ME, str(list_examples(services, "cloths")["dots"])).id
        with pytest.raises(CheckpointMissing, match="garment generator"):
            on_compose(bare, ME, CutWanted(), ClothWanted(given))
        assert list_examples(bare, "cloths") == {}
    finally:
        shipped.close()
        bare.close()
