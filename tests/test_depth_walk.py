"""The depth page in a real browser: a clip is read, two presses measure, a known length scales it all, and files are taken."""

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
from served import Served, browser_page, chromium, serve, wait_until
from tiny_depth import noise, put_depth_weights

from studio.clips import write_clip

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine (Debian: apt install chromium)"),
]
SHOTS = Path(os.environ.get("LIKENESS_SCREENSHOTS", "")) if os.environ.get("LIKENESS_SCREENSHOTS") else None
PACK = "(one => one && one.dataset.ready === one.dataset.pack ? one.dataset.pack : '')(document.querySelector('likeness-depth'))"


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("depth") / "home"
    put_depth_weights(home / "weights")
    with serve(home, "--no-desk") as served:
        yield served


@pytest.fixture(scope="module")
def clip_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "walk.mp4"
    write_clip(path, iter(noise(6, 96, 128)), 8.0, {}, (), "metadata")
    return path


def shoot(page: Any, name: str) -> None:
    if SHOTS is not None:
        SHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(SHOTS / f"{name}.png"), full_page=True)


def read(page: Any, served: Served, clip: Path, where: str = "") -> None:
    """Give a clip and wait until it stands in the viewer."""
    page.goto(f"{served.address}{where}/depth")
    page.locator("#depth-clip input[type=file]").first.set_input_files(clip)
    page.locator("#depth-clip video").wait_for(timeout=60_000)
    before = packs(served)
    page.locator("#depth-go").click()
    wait_until(
        lambda: page.evaluate(PACK).rpartition("/")[2] in packs(served) - before, 120, "the clip is read and shown"
    )


def packs(served: Served) -> set[str]:
    """Numbers of all that a viewer could show."""
    return {path.stem for path in served.home.rglob("*.bin")}


def press(page: Any, canvas: str, across: float, down: float) -> None:
    shown = page.locator(f"likeness-depth canvas.{canvas}")
    box = shown.bounding_box()
    shown.click(position={"x": across * box["width"], "y": down * box["height"]})


def pixel(page: Any, canvas: str, across: float, down: float) -> list[int]:
    return page.evaluate(
        "([name, x, y]) => { const one = document.querySelector(`likeness-depth canvas.${name}`);"
        "return [...one.getContext('2d').getImageData(x * one.width, y * one.height, 1, 1).data] }",
        [canvas, across, down],
    )


@pytest.mark.timeout(300)
def test_a_clip_is_read_measured_scaled_and_taken_away(studio: Served, clip_file: Path, tmp_path: Path) -> None:
    with browser_page() as (page, outside):
        read(page, studio, clip_file)
        marker = page.locator("#depth-above .here")
        marker.wait_for(timeout=30_000)
        assert page.locator("#depth-result .clock").inner_text() == "0.00 s · 1 / 6"
        page.locator("#depth-result .time input").fill("4")
        wait_until(
            lambda: "5 / 6" in page.locator("#depth-result .clock").inner_text(), 10, "the slider moves the time"
        )
        stop = marker.get_attribute("data-places").split()[4].split(",")
        assert marker.get_attribute("transform") == f"translate({stop[0]} {stop[1]}) rotate({stop[2]})"

        warm = pixel(page, "metres", 0.5, 0.5)
        page.locator("#depth-result select").select_option("grey")
        grey = pixel(page, "metres", 0.5, 0.5)
        assert grey != warm
        assert grey[0] == grey[1] == grey[2]

        press(page, "frame", 0.2, 0.3)
        press(page, "metres", 0.8, 0.7)
        measured = page.locator("#depth-measured .measured")
        measured.wait_for(timeout=30_000)
        told = measured.inner_text()
        page.locator("#depth-known input").fill("3.25")
        page.locator("#depth-scale").click()
        page.locator("#depth-measured .measured", has_text="3.25 m").wait_for(timeout=60_000)
        assert "fixed by a known length" in page.locator("#depth-result").inner_text()
        shoot(page, "depth-scaled")

        page.locator("#depth-forms label", has_text="COLMAP").click()
        page.locator("#depth-files-go").click()
        page.locator("#depth-files .forms a").first.wait_for(timeout=90_000)
        with page.expect_download() as download:
            page.locator("#depth-files .forms a").first.click()
        download.value.save_as(tmp_path / "all.zip")
        with zipfile.ZipFile(tmp_path / "all.zip") as opened:
            names = set(opened.namelist())
            opened.extractall(tmp_path)
        assert {"film/depth-colours.mp4", "tum/depth/000005.png", "path/trajectory.txt", "ply/points.ply"} <= names
        assert not any(name.startswith("colmap") for name in names)
        assert json.loads((tmp_path / "npz" / "depth.json").read_text())["settings"]["scale"] != 1.0
        with np.load(tmp_path / "npz" / "depth.npz") as held:
            assert held["metres"].shape[0] == 6

        page.locator("#depth-unscale").click()
        page.locator("#depth-measured .measured", has_text=told).wait_for(timeout=60_000)
        shoot(page, "depth-read")
        assert outside == []


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_what_was_read_is_there_again_after_closing_and_the_keyboard_measures(studio: Served, clip_file: Path) -> None:
    with browser_page() as (page, _):
        read(page, studio, clip_file)
        shown = page.evaluate(PACK)
    with browser_page() as (page, _):
        page.goto(f"{studio.address}/depth")
        wait_until(lambda: page.evaluate(PACK) == shown, 120, "the reading is shown again")
        page.locator("canvas.frame").focus()
        for keys in (("Shift+ArrowLeft", "Enter"), ("Shift+ArrowRight", "Shift+ArrowDown", "Enter")):
            for key in keys:
                page.keyboard.press(key)
        page.locator("#depth-measured .measured").wait_for(timeout=30_000)
        page.get_by_role("tab", name="Tune on this clip").click()
        page.locator("#depth-tune-state").wait_for(timeout=20_000)
        page.get_by_role("tab", name="See distances").click()
        page.get_by_role("tab", name="Points and path in 3-D").click()
        page.locator("#depth-cloud canvas").first.wait_for(timeout=120_000)
        shoot(page, "depth-cloud")


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_a_single_picture_is_read_from_its_own_tab(studio: Served) -> None:
    with browser_page() as (page, _):
        page.goto(f"{studio.address}/depth")
        page.get_by_role("tab", name="Picture").click()
        page.locator("#page-depth .tabitem:visible .gallery-item").first.click()
        page.locator("#depth-picture img").first.wait_for(timeout=30_000)
        page.locator("#depth-go").click()
        told = page.locator("#depth-result")
        wait_until(lambda: "Lens" in told.inner_text() and "Camera's way" not in told.inner_text(), 120, "it is read")
        wait_until(lambda: page.evaluate(PACK) != "", 30, "it is shown")
        assert not page.locator("#depth-result .time").is_visible()


@pytest.mark.soak
def test_the_pages_doors_are_open_to_programs_by_name(studio: Served) -> None:
    with urllib.request.urlopen(f"{studio.address}/gradio_api/info") as answer:
        named = json.loads(answer.read())["named_endpoints"]
    doors = ("clip", "picture", "result", "measure", "scale", "original", "files", "tune")
    assert {f"/depth_{one}" for one in doors} <= named.keys()


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")])
def test_the_page_holds_its_width_in_light_and_dark_and_both_languages(
    studio: Served, clip_file: Path, width: int, scheme: str
) -> None:
    with browser_page(viewport={"width": width, "height": 1300}, color_scheme=scheme) as (page, _):
        for where in ("", "/zh"):
            read(page, studio, clip_file, where)
            page.locator("#depth-above .here").wait_for(timeout=30_000)
            overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert overflow <= 0, f"{page.url} is {overflow} pixels too wide"
            shoot(page, f"depth{where.replace('/', '-')}-{width}-{scheme}")
