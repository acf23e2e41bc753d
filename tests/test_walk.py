"""A person's way through the studio with the tiny system, in a real browser."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from served import Served, browser_page, chromium, serve, wait_until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine (Debian: apt install chromium)"),
]
SHOTS = Path(os.environ.get("LIKENESS_SCREENSHOTS", "")) if os.environ.get("LIKENESS_SCREENSHOTS") else None


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One studio for the tests that change nothing in it."""
    with serve(tmp_path_factory.mktemp("walk") / "home") as served:
        yield served


def shoot(page: object, name: str) -> None:
    if SHOTS is not None:
        SHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(SHOTS / f"{name}.png"))  # pyright: ignore[reportAttributeAccessIssue]


def test_from_the_start_page_through_a_run_to_new_weights_and_back(tmp_path: Path) -> None:
    with serve(tmp_path / "home", "--no-desk") as served, browser_page() as (page, outside):
        page.goto(served.address)
        page.get_by_role("heading", name="Drive, sculpt").wait_for()
        assert page.locator(".card").count() == 5
        drawn = "all => all.every(one => one.complete && one.naturalWidth > 0)"
        page.mouse.wheel(0, 600)  # pictures below the fold are loaded when they come near
        wait_until(lambda: page.locator(".card img").evaluate_all(drawn), 10, "every card has its picture")
        page.mouse.wheel(0, -600)
        shoot(page, "start")

        page.get_by_role("link", name="Training runs").click()
        page.locator("#run-offer input").wait_for()
        page.get_by_label("What learns").click()
        page.get_by_role("option", name="tiny shapes").click()
        page.get_by_label("Steps").fill("100000")
        page.get_by_role("button", name="Start", exact=True).click()
        run = page.locator("section.run")
        run.wait_for(timeout=20_000)
        page.locator("section.run[data-state=running]").wait_for(timeout=30_000)
        page.locator(".js-plotly-plot").wait_for(timeout=30_000)
        first = int(run.get_attribute("data-step") or 0)
        wait_until(lambda: int(run.get_attribute("data-step") or 0) > max(first, 500), 120, "the run gets on")
        page.locator("#run-sample img").wait_for()
        shoot(page, "run-learning")

        page.locator("#run-stop").click()
        page.locator("section.run[data-state=stopped]").wait_for(timeout=30_000)
        stopped = int(run.get_attribute("data-step") or 0)
        page.locator("#run-resume").click()
        page.locator("section.run[data-state=running]").wait_for(timeout=30_000)
        wait_until(lambda: int(run.get_attribute("data-step") or 0) > stopped, 30, "the run goes on where it stopped")
        page.locator("#run-stop").click()
        page.locator("section.run[data-state=stopped]").wait_for(timeout=30_000)

        page.locator("#run-publish").click()
        page.locator("section.run[data-published]:not([data-published=''])").wait_for(timeout=20_000)
        first_version = run.get_attribute("data-published")
        shoot(page, "run-published")
        assert first_version
        assert drawn_version(page, served.address) == first_version

        # A second, better run from the weights in service; then back to the first.
        page.goto(f"{served.address}/runs")
        page.get_by_label("What learns").click()
        page.get_by_role("option", name="tiny shapes").click()
        page.get_by_label("Steps").fill("400")
        page.get_by_role("button", name="Start", exact=True).click()
        page.locator("section.run[data-state=running]").wait_for(timeout=30_000)
        page.locator("section.run[data-state=done]").wait_for(timeout=120_000)
        page.locator("#run-publish").click()
        page.locator(
            f"section.run[data-published]:not([data-published='']):not([data-published='{first_version}'])"
        ).wait_for(timeout=20_000)
        second_version = run.get_attribute("data-published")
        assert drawn_version(page, served.address) == second_version
        page.goto(f"{served.address}/runs")
        page.locator("#run-back").click()
        page.get_by_text(f"In service again: {first_version}").wait_for(timeout=20_000)
        assert drawn_version(page, served.address) == first_version
        assert outside == []


def drawn_version(page: object, address: str) -> str:
    """Which weights the tiny system's page draws with now; its picture must arrive and not be empty."""
    page.goto(f"{address}/tiny")  # pyright: ignore[reportAttributeAccessIssue]
    page.locator("#tiny-draw").click()  # pyright: ignore[reportAttributeAccessIssue]
    version = page.locator("#tiny-version")  # pyright: ignore[reportAttributeAccessIssue]
    version.wait_for(timeout=20_000)
    picture = page.locator("img[src^='/files/']")  # pyright: ignore[reportAttributeAccessIssue]
    wait_until(lambda: picture.evaluate("one => one.naturalWidth") == 256, 10, "the drawn picture arrives")
    found = re.match(r"(\S+) (\S+)", version.inner_text())
    assert found is not None
    assert float(found[2]) < 0.4
    return found[1]


def test_the_other_language_says_everything_in_chinese(studio: Served) -> None:
    with browser_page() as (page, outside):
        page.goto(studio.address)
        page.get_by_role("link", name="中文").click()
        page.get_by_role("heading", name="驱动").wait_for()
        page.get_by_role("link", name="训练", exact=True).click()
        page.get_by_text("图片文件夹").wait_for()
        shoot(page, "runs-zh")
        text = page.locator("body").inner_text()
        english = set(re.findall(r"[A-Za-z]{4,}", text)) - {
            "Likeness",
            "English",
            "Tiny",
            "garment",
            "generator",
            "tiny",
            "shapes",
        }
        assert english == set()
        assert outside == []


def test_pages_that_are_slow_to_be_laid_out_are_waited_for(tmp_path: Path) -> None:
    with (
        serve(tmp_path / "home", "--no-desk", LIKENESS_TESTS_SLOW_PAGES="7") as served,
        browser_page() as (page, outside),
    ):
        page.goto(served.address)
        page.get_by_role("link", name="中文").click()
        page.get_by_text("马上就好").wait_for()
        shoot(page, "waiting-zh")
        page.get_by_role("heading", name="驱动").wait_for()
        assert page.url == f"{served.address}/zh/"
        assert outside == []


@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (390, "light"), (390, "dark")])
def test_pages_hold_their_width_in_light_and_dark(studio: Served, width: int, scheme: str) -> None:
    options = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
    with browser_page(**options) as (page, _):
        for path in ("", "runs", "zh/", "zh/runs"):
            page.goto(f"{studio.address}/{path}")
            page.locator(".likeness-bar .name").wait_for()
            page.locator(".hero h1").wait_for()
            shoot(page, f"{path.replace('/', '-') or 'start'}-{width}-{scheme}")
            overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert overflow <= 0, f"/{path} is {overflow} pixels too wide"


def test_the_keyboard_reaches_every_link_of_the_bar(studio: Served) -> None:
    with browser_page() as (page, _):
        page.goto(studio.address)
        page.locator(".likeness-bar .name").wait_for()
        reached = []
        for _step in range(12):
            page.keyboard.press("Tab")
            reached.append(page.evaluate("document.activeElement.innerText"))
        for wanted in ("Training runs", "中文", "◐"):
            assert wanted in reached


def test_the_desk_answers_behind_the_same_address(studio: Served) -> None:
    with browser_page() as (page, outside):
        page.goto(studio.address)
        page.get_by_role("link", name="Annotation desk").click()
        page.get_by_role("heading", name="Annotation desk").wait_for(timeout=60_000)
        page.get_by_text("Nothing to label yet").wait_for(timeout=20_000)
        shoot(page, "desk")
        assert outside == []
