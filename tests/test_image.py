"""The picture convention goes both ways without loss."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core import image


def noise(height: int = 9, width: int = 7, channels: int = 3) -> image.Pixels:
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8)


def test_pixels_to_tensor_and_back_is_exact() -> None:
    every = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, 2)
    tensor = image.to_tensor(every)
    assert (float(tensor.min()), float(tensor.max())) == (-1.0, 1.0)
    assert np.array_equal(image.to_pixels(tensor)[0], every)


def test_a_picture_file_comes_back_upright_and_on_white(tmp_path: Path) -> None:
    pixels = noise()
    turned = Image.fromarray(np.rot90(pixels))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held so that a quarter turn clockwise makes it upright
    turned.save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(image.read_picture(tmp_path / "a.png"), pixels)
    clear = np.zeros((2, 2, 4), np.uint8)
    Image.fromarray(clear).save(tmp_path / "b.png")
    assert (image.read_picture(tmp_path / "b.png") == 255).all()


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n" + b"\0" * 40, b"<svg onload='x'/>"])
def test_a_file_that_is_no_picture_is_a_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(image.NotAPicture, match=r"x\.png cannot be read as a picture"):
        image.read_picture(tmp_path / "x.png")


def test_a_written_picture_is_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    image.write_picture(tmp_path / "a.png", noise())
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    assert np.array_equal(image.read_picture(tmp_path / "a.png"), noise())


def test_a_sheet_shows_every_picture_once() -> None:
    tiles = [np.full((4, 4, 3), value, np.uint8) for value in (10, 20, 30)]
    sheet = image.contact_sheet(tiles, columns=2, gap=1)
    assert sheet.shape == (11, 11, 3)
    assert [int((sheet == value).all(-1).sum()) for value in (10, 20, 30)] == [16, 16, 16]


def test_wrong_arrays_are_named() -> None:
    with pytest.raises(image.NotAPicture, match="float64"):
        image.check_pixels(np.zeros((2, 2, 3)))
