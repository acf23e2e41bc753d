"""The sheets of the textedit and garment rooms, on networks that know nothing: which there are, and how large."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_expression import draw_person
from tiny_rooms import put_garment_weights, put_textedit_weights

from core.checkpoints import CheckpointMissing
from core.image import read_picture
from core.textedit.invert import Effort
from training.measure import Asked, CannotMeasure
from training.sheets import sheets, write_light

SHIPPED = Path("assets/weights")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def _little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.textedit_sheets.EFFORT", Effort(1, 1))
    monkeypatch.setattr("training.garment_sheets.CUTS", ("tee", "trousers"))
    monkeypatch.setattr("training.garment_sheets.WORN", (("tee", "waving"),))


def names(written: list[Path]) -> set[str]:
    return {path.name for path in written}


def test_the_garment_room_shows_samples_mixes_hidden_drawn_and_worn_ones(tmp_path: Path) -> None:
    root = put_garment_weights(tmp_path / "weights")
    written = sheets(Asked("garment", count=4, roots=(root, SHIPPED)), tmp_path / "sheets")
    assert names(written) == {f"garment_{name}.webp" for name in ("samples", "mixed", "hidden", "drawn", "worn")}
    mixed = read_picture(tmp_path / "sheets" / "garment_mixed.webp")
    assert mixed.shape[:2] == (3 * 132 + 4, 5 * 132 + 4)


def test_without_encoders_the_garment_room_shows_its_generators_samples_alone(tmp_path: Path) -> None:
    written = sheets(Asked("garment", count=2, roots=(SHIPPED,)), tmp_path)
    assert names(written) >= {"garment_samples.webp"}
    with pytest.raises(CheckpointMissing, match="python -m training garment generator"):
        sheets(Asked("garment", count=2, roots=(tmp_path / "none",)), tmp_path)


def test_the_textedit_room_shows_every_attribute_both_ways_and_people_of_nobody(tmp_path: Path) -> None:
    root = put_textedit_weights(tmp_path / "weights")
    written = sheets(Asked("textedit", count=2, roots=(root, SHIPPED)), tmp_path / "sheets")
    assert names(written) == {"textedit_edits.webp", "textedit_random.webp"}
    edits = read_picture(tmp_path / "sheets" / "textedit_edits.webp")
    assert edits.shape[0] == 24 * 98 + 2
    assert edits.shape[1] == (1 + 3 * 2) * 98 + 2


def test_photos_are_shown_drawn_again_and_those_without_a_face_left_out(tmp_path: Path) -> None:
    root, photos = put_textedit_weights(tmp_path / "weights"), tmp_path / "photos"
    photos.mkdir()
    Image.fromarray(np.full((90, 90, 3), 99, np.uint8)).save(photos / "wall.png")
    asked = Asked("textedit", data=photos, roots=(root, SHIPPED))
    with pytest.raises(CannotMeasure, match="No face"):
        sheets(asked, tmp_path / "sheets")
    Image.fromarray(draw_person()).save(photos / "me.png")
    assert names(sheets(asked, tmp_path / "sheets")) == {"textedit_inversion.webp"}
    assert read_picture(tmp_path / "sheets" / "textedit_inversion.webp").shape[1] == 3 * 132 + 4


def test_a_sheet_stays_under_three_hundred_kilobytes_whatever_it_shows(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (900, 900, 3)).astype(np.uint8)
    write_light(tmp_path / "noise.webp", noise)
    assert (tmp_path / "noise.webp").stat().st_size <= 300_000
    flat = np.full((40, 40, 3), 77, np.uint8)
    write_light(tmp_path / "flat.webp", flat)
    assert np.abs(read_picture(tmp_path / "flat.webp").astype(int) - flat).max() < 4
