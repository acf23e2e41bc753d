"""The textedit page in a real browser: a face is found, words change it, and every step leads back."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from served import Served, browser_page, chromium, serve, wait_until
from tiny_expression import draw_person
from tiny_rooms import put_textedit_weights

from core.image import read_picture
from studio.marks import read_provenance

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine (Debian: apt install chromium)"),
]
SHOTS = Path(os.environ.get("LIKENESS_SCREENSHOTS", "")) if os.environ.get("LIKENESS_SCREENSHOTS") else None


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("textedit") / "home"
    put_textedit_weights(home / "weights")
    with serve(home, "--no-desk") as served:
        yield served


def shoot(page: Any, name: str) -> None:
    if SHOTS is not None:
        SHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(SHOTS / f"{name}.png"), full_page=True)


def strip(page: Any) -> int:
    return page.locator("#textedit-strip button.thumbnail-item").count()


def change(page: Any, text: str) -> None:
    box = page.locator("#textedit-text textarea, #textedit-text input").first
    box.fill(text)
    box.press("Enter")


@pytest.mark.timeout(300)
def test_somebody_is_changed_by_words_and_every_step_leads_back(studio: Served, tmp_path: Path) -> None:
    with browser_page() as (page, outside):
        page.goto(f"{studio.address}/textedit")
        page.locator("#textedit-somebody").click(timeout=60_000)
        wait_until(lambda: strip(page) == 1, 120, "somebody is there")
        page.locator("#textedit-text textarea, #textedit-text input").first.press_sequentially("big eyes, blorp")
        page.locator("#textedit-chips .chip[data-kind=wish]").wait_for(timeout=20_000)
        page.locator("#textedit-chips .chip[data-kind=unknown]").wait_for(timeout=20_000)
        page.locator("#textedit-go").click()
        wait_until(lambda: strip(page) == 2, 30, "a picture came of it")
        change(page, "长头发")
        wait_until(lambda: strip(page) == 3, 30, "and another")
        page.locator("#textedit-undo").click()
        current = page.locator("#textedit-strip").get_by_text("1 · big eyes, blorp ←")
        current.wait_for(timeout=20_000)
        change(page, "回到第二个")
        page.locator("#textedit-strip").get_by_text("2 · 长头发 ←").wait_for(timeout=20_000)
        shoot(page, "textedit-words")

        page.locator("#textedit-keep").click()
        page.locator("#textedit-files a").first.wait_for(timeout=30_000)
        assert page.locator("#textedit-files a").all_inner_texts() == ["face.png", "face.json"]
        with page.expect_download() as download:
            page.locator("#textedit-files a").first.click()
        download.value.save_as(tmp_path / "face.png")
        assert read_picture(tmp_path / "face.png").shape == (32, 32, 3)
        words = (read_provenance(tmp_path / "face.png") or {})["settings"]["words"]
        assert [one["text"] for one in words] == ["big eyes, blorp", "长头发"]
        assert outside == []


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_photo_is_looked_into_with_progress_and_can_be_taken_back(studio: Served, tmp_path: Path) -> None:
    Image.fromarray(draw_person()).save(tmp_path / "me.png")
    Image.new("RGB", (90, 90), "grey").save(tmp_path / "wall.png")
    with browser_page() as (page, outside):
        page.goto(f"{studio.address}/textedit")
        page.locator("#textedit-photo input[type=file]").set_input_files(str(tmp_path / "me.png"))
        wait_until(lambda: strip(page) == 1, 120, "the face is found")
        change(page, "no hat")
        wait_until(lambda: strip(page) == 2, 120, "it is changed")
        page.locator('#textedit-photo button[title="Remove Image"]').first.click()
        page.locator("#textedit-photo input[type=file]").set_input_files(str(tmp_path / "wall.png"))
        page.locator("#textedit-working .empty").wait_for(timeout=60_000)
        assert "face" in page.locator("#textedit-working").inner_text()
        assert strip(page) == 2, "a photo without a face loses nothing"
        assert outside == []


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.skipif(shutil.which("flite") is None, reason="flite makes the voice (Debian: apt install flite)")
def test_what_is_said_into_the_microphone_changes_the_face_and_is_undone_by_a_word(
    studio: Served, tmp_path: Path
) -> None:
    said = tmp_path / "said.wav"
    subprocess.run(["flite", "-voice", "slt", "-t", "big eyes, long hair", "-o", str(said)], check=True)
    with browser_page(microphone=said, permissions=["microphone"]) as (page, outside):
        page.goto(f"{studio.address}/textedit")
        page.locator("#textedit-somebody").click(timeout=60_000)
        wait_until(lambda: strip(page) == 1, 120, "somebody is there")
        page.locator("#textedit-sound .record-button").click()
        page.wait_for_timeout(3500)  # the sentence takes as long
        page.locator("#textedit-sound .stop-button").click()
        page.locator("#textedit-chips .chip[data-kind=wish]").first.wait_for(timeout=60_000)
        chips = page.locator("#textedit-chips .chip[data-kind=wish]").all_inner_texts()
        assert any("eye size" in chip for chip in chips)
        assert any("hair length" in chip for chip in chips)
        wait_until(lambda: strip(page) == 2, 120, "the face is changed")
        shoot(page, "textedit-said")
        change(page, "undo")
        page.locator("#textedit-strip").get_by_text("as it came").wait_for(timeout=20_000)
        assert outside == []


@pytest.mark.soak
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")])
def test_the_page_holds_its_width_in_light_and_dark_and_both_languages(studio: Served, width: int, scheme: str) -> None:
    with browser_page(viewport={"width": width, "height": 1100}, color_scheme=scheme) as (page, _):
        for where in ("", "/zh"):
            page.goto(f"{studio.address}{where}/textedit")
            page.locator("#textedit-somebody").click(timeout=60_000)
            wait_until(lambda: strip(page) == 1, 120, "somebody is there")
            shoot(page, f"textedit{where.replace('/', '-')}-{width}-{scheme}")
            overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert overflow <= 0, f"{where}/textedit is {overflow} pixels too wide"
