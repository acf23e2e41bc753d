"""A designer's way through the garment page in a real browser: a cut, a cloth, the garment, its files, and somebody in it."""

from __future__ import annotations

import json
import os
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from served import Served, browser_page, chromium, serve, wait_until
from tiny_rooms import put_garment_weights

from core.garment.templates import draw_template, template

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine (Debian: apt install chromium)"),
]
SHOTS = Path(os.environ.get("LIKENESS_SCREENSHOTS", "")) if os.environ.get("LIKENESS_SCREENSHOTS") else None
EXAMPLES = "#page-garment .tabitem:visible .gallery-item"


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("garment") / "home"
    put_garment_weights(home / "weights")
    with serve(home, "--no-desk") as served:
        yield served


def shoot(page: Any, name: str) -> None:
    if SHOTS is not None:
        SHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(SHOTS / f"{name}.png"), full_page=True)


def open_page(page: Any, served: Served, where: str = "") -> None:
    page.goto(f"{served.address}{where}/garment")
    page.locator("svg.template").wait_for(timeout=60_000)


def choose_cloth(page: Any, number: int) -> None:
    """Press an example and wait until it can be cropped."""
    before = cloth_of(page)
    page.locator(EXAMPLES).nth(number).click()
    wait_until(lambda: cloth_of(page) not in ("", before), 30, "the cloth can be cropped")
    shown = page.locator("likeness-crop img")
    wait_until(lambda: shown.evaluate("one => one.naturalWidth") == 256, 30, "the cloth is shown")


def cloth_of(page: Any) -> str:
    return page.evaluate("document.querySelector('likeness-crop .frame')?.parentNode.dataset.medium ?? ''")


def make(page: Any) -> str:
    """Press the button and wait for another garment than the one before."""
    made = "document.querySelector('#garment-result [data-garment]')?.dataset.garment ?? ''"
    before = page.evaluate(made)
    page.locator("#garment-go").click()
    wait_until(lambda: page.evaluate(made) not in ("", before), 120, "the garment is made")
    return page.evaluate(made)


def take(page: Any, word: str, path: Path) -> Path:
    with page.expect_download() as download:
        page.locator("#garment-result .files a", has_text=word).click()
    download.value.save_as(path)
    return path


def mask_of(page: Any, path: Path) -> np.ndarray:
    with Image.open(take(page, "Mask", path)) as opened:
        return np.asarray(opened) > 127


def drag(page: Any, element: Any, shares: list[tuple[float, float]]) -> None:
    box = element.bounding_box()
    placed = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in shares]
    page.mouse.move(*placed[0])
    page.mouse.down()
    for x, y in placed[1:]:
        page.mouse.move(x, y, steps=4)
    page.mouse.up()


def test_a_template_in_an_example_cloth_can_be_taken_away_and_tried_on(studio: Served, tmp_path: Path) -> None:
    with browser_page() as (page, outside):
        open_page(page, studio)
        assert "64 x 64 pixels" in page.locator(".standing").inner_text()
        page.locator("#garment-go").click()
        page.get_by_text("There is no cloth yet").wait_for(timeout=20_000)
        choose_cloth(page, 0)
        make(page)
        with Image.open(take(page, "PNG", tmp_path / "tee.png")) as garment:
            opacity = np.asarray(garment)[..., 3]
        truth = draw_template(template("tee"), 512)
        assert garment.mode == "RGBA"
        assert np.array_equal(opacity[:400] > 127, truth[:400] > 127), "transparent just where no garment is"
        assert np.array_equal(mask_of(page, tmp_path / "mask.png"), truth > 127)
        assert {"outline_iou", "invented_share"} <= json.loads(
            take(page, "JSON", tmp_path / "a.json").read_text()
        ).keys()
        assert "<svg" in take(page, "SVG", tmp_path / "a.svg").read_text()
        shown = page.locator("#garment-result .plain")
        wait_until(lambda: shown.evaluate("one => one.naturalWidth") == 512, 20, "the garment is shown")
        page.locator("#garment-result .invented").check()
        assert not shown.is_visible()
        assert page.locator("#garment-result .tinted").is_visible()
        shoot(page, "garment-compose")

        page.get_by_role("tab", name="Try on").click()
        page.locator("#garment-chosen img").wait_for(timeout=20_000)
        page.locator("#garment-wear-go").click()
        worn = page.locator("#garment-worn img")
        worn.wait_for(timeout=60_000)
        wait_until(lambda: worn.evaluate("one => one.naturalWidth") == 512, 20, "the figure is shown")
        shoot(page, "garment-worn")
        assert outside == []


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_drawing_outlives_other_tabs_and_reloading_and_each_side_changes_alone(
    studio: Served, tmp_path: Path
) -> None:
    half = [(0.5, 0.2), (0.35, 0.2), (0.15, 0.4), (0.25, 0.5), (0.3, 0.42), (0.3, 0.85), (0.5, 0.85)]
    with browser_page(viewport={"width": 1280, "height": 1700}) as (page, outside):
        open_page(page, studio)
        choose_cloth(page, 4)
        page.locator("#garment-source label").nth(2).click()
        drag(page, page.locator("likeness-sketch canvas"), half)
        make(page)
        drawn = mask_of(page, tmp_path / "drawn.png")
        assert np.array_equal(drawn, drawn[:, ::-1])
        assert drawn[300, 256]
        assert not drawn[300, 90]

        page.get_by_role("tab", name="Grid").click()
        page.get_by_role("tab", name="Compose").click()
        choose_cloth(page, 1)
        second = make(page)
        assert np.array_equal(mask_of(page, tmp_path / "again.png"), drawn), "another cloth, the same cut"
        drag(page, page.locator("likeness-crop .frame"), [(0.1, 0.1), (0.6, 0.55)])
        third = make(page)
        files = [(studio.address + f"/files/{number}") for number in (second, third)]
        pictures = [urllib.request.urlopen(one).read() for one in files]
        assert pictures[0] != pictures[1], "a crop is another cloth"

        page.locator("likeness-sketch .undo").click()
        page.locator("#garment-go").click()
        page.get_by_text("drawing is empty").first.wait_for(timeout=20_000)
        page.locator("#garment-begin").click()
        wait_until(lambda: page.evaluate("sessionStorage['likeness-garment-drawing'].length") > 40, 20, "it begins")
        make(page)
        begun = mask_of(page, tmp_path / "begun.png")
        assert (begun == (draw_template(template("tee"), 512) > 0)).mean() > 0.98

        past = page.locator("#garment-history .thumbnail-item")
        assert past.count() == 4
        past.nth(2).click()
        result = page.locator("#garment-result [data-garment]")
        wait_until(lambda: result.get_attribute("data-garment") == second, 20, "an earlier garment comes back")
        make(page)
        assert np.array_equal(mask_of(page, tmp_path / "back.png"), drawn), "with its own drawing"
        shoot(page, "garment-drawn")
        page.reload()
        page.locator("svg.template").wait_for(timeout=60_000)
        choose_cloth(page, 0)
        page.locator("#garment-source label").nth(2).click()
        make(page)
        assert np.array_equal(mask_of(page, tmp_path / "reloaded.png"), drawn)
        assert outside == []


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_grid_can_be_taken_back_and_made_again_and_a_photo_gives_a_garment(studio: Served, tmp_path: Path) -> None:
    with browser_page(viewport={"width": 1280, "height": 1400}) as (page, outside):
        open_page(page, studio)
        page.get_by_role("tab", name="Grid").click()
        for box in page.locator("#page-garment .tabitem:visible input[type=checkbox]").all()[:17]:
            box.check()
        page.locator("#garment-grid-go").click()
        page.locator("#garment-grid-result .take").wait_for(timeout=20_000)
        page.locator("#garment-grid-cancel").click()
        page.locator("#garment-grid-result .take[data-state=cancelled]").wait_for(timeout=60_000)
        page.locator("#garment-grid-go").click()
        page.locator("#garment-grid-result img.sheet").wait_for(timeout=240_000)
        with page.expect_download() as download:
            page.locator("#garment-grid-result .files a", has_text="zip").click()
        download.value.save_as(tmp_path / "garments.zip")
        with zipfile.ZipFile(tmp_path / "garments.zip") as opened:
            assert len(opened.namelist()) == 17 * 6 * 3 + 1
        shoot(page, "garment-grid")

        page.get_by_role("tab", name="From a photo").click()
        page.locator(EXAMPLES).nth(1).click()
        page.locator("#garment-photo img").first.wait_for(timeout=20_000)
        page.locator("#garment-photo-go").click()
        page.locator("#garment-photo-result [data-garment]").wait_for(timeout=60_000)
        shoot(page, "garment-photo")
        page.get_by_role("tab", name="What it can do").click()
        page.get_by_role("heading", name="encoders").wait_for(timeout=20_000)
        assert outside == []


@pytest.mark.soak
def test_the_pages_doors_are_open_to_programs_by_name(studio: Served) -> None:
    with urllib.request.urlopen(f"{studio.address}/gradio_api/info") as answer:
        named = json.loads(answer.read())["named_endpoints"]
    assert {f"/garment_{one}" for one in ("cloth", "compose", "grid", "photo", "wear")} <= named.keys()


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")])
def test_the_page_holds_its_width_in_light_and_dark_and_both_languages(studio: Served, width: int, scheme: str) -> None:
    with browser_page(viewport={"width": width, "height": 1300}, color_scheme=scheme) as (page, _):
        for where in ("", "/zh"):
            open_page(page, studio, where)
            choose_cloth(page, 2)
            for source in (2, 1, 0):
                page.locator("#garment-source label").nth(source).click()
                check_width(page)
            make(page)
            check_width(page)
            shoot(page, f"garment{where.replace('/', '-')}-{width}-{scheme}")


def check_width(page: Any) -> None:
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0, f"{page.url} is {overflow} pixels too wide"
