"""The facefield page in a real browser: a head is turned by keys and by hand, changed, kept, taken away and forgotten."""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
import trimesh
from PIL import Image
from served import Served, browser_page, chromium, serve, wait_until
from tiny_expression import draw_person
from tiny_facefield import put_facefield_weights

from core.facefield.heads import FaceCode

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine (Debian: apt install chromium)"),
]
SHOTS = Path(os.environ.get("LIKENESS_SCREENSHOTS", "")) if os.environ.get("LIKENESS_SCREENSHOTS") else None
STAGE = "#facefield-stage likeness-orbit"


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("facefield") / "home"
    put_facefield_weights(home / "weights")
    with serve(home, "--no-desk") as served:
        yield served


def shoot(page: Any, name: str) -> None:
    if SHOTS is not None:
        SHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(SHOTS / f"{name}.png"), full_page=True)


def drawn(page: Any) -> dict[str, Any]:
    """What the newest picture on the stage shows."""
    asked = page.evaluate(f"document.querySelector('{STAGE}')?.drawn ?? ''")
    told = {key: values[0] for key, values in parse_qs(asked).items()}
    return told | {"head": json.loads(told["head"])} if told else {}


def picture(page: Any) -> str:
    return page.evaluate(f"document.querySelector('{STAGE} img')?.src ?? ''")


def invent(page: Any, seed: str) -> None:
    page.locator("#facefield-seed input, #facefield-seed textarea").first.fill(seed)
    page.locator("#facefield-somebody").click(timeout=60_000)
    wait_until(lambda: drawn(page).get("head", {}).get("of") == f"seed-{seed}", 120, "somebody is there")


def strip(page: Any) -> int:
    return page.locator("#facefield-strip button.thumbnail-item").count()


@pytest.mark.timeout(300)
def test_somebody_is_turned_and_changed_and_kept_and_taken_away_as_a_mesh(studio: Served, tmp_path: Path) -> None:
    with browser_page() as (page, outside):
        page.goto(f"{studio.address}/facefield")
        invent(page, "5")
        front = picture(page)
        page.locator(f"{STAGE} .frame").focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        wait_until(lambda: drawn(page)["yaw"] == "-10", 20, "it is turned by keys")
        assert picture(page) != front
        box = page.locator(f"{STAGE} .frame").bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] / 2, steps=12)
        page.mouse.up()
        wait_until(lambda: drawn(page)["yaw"] == "20", 20, "and by hand, the newest view winning")
        page.locator(f"{STAGE} button.depth").click()
        wait_until(lambda: drawn(page)["show"] == "depth", 20, "its depth is shown")

        jaw = page.locator("#facefield-move-jaw input[type=range]")
        jaw.focus()
        page.keyboard.press("End")
        wait_until(lambda: drawn(page)["head"]["moves"] == {"jaw": 1}, 20, "its mouth opens")
        assert (drawn(page)["yaw"], drawn(page)["show"]) == ("20", "depth"), "seen as before"
        page.locator("#facefield-keep").click()
        wait_until(lambda: strip(page) == 1, 30, "it is kept")
        wait_until(lambda: not drawn(page)["head"]["of"].startswith("seed"), 20, "and looked at as kept")
        page.locator("#facefield-make-mesh").click()
        page.locator("#facefield-made likeness-mesh[data-drawn]").wait_for(timeout=60_000)
        with page.expect_download() as download:
            page.locator("#facefield-made .files a", has_text="head.glb").click()
        download.value.save_as(tmp_path / "head.glb")
        read: Any = trimesh.load(tmp_path / "head.glb", force="mesh")
        shown = page.locator("likeness-mesh").get_attribute("data-triangles")
        assert int(shown) == len(read.faces) > 1000
        assert _colours(page) > 20, "the mesh is seen"
        shoot(page, "facefield-head")

        page.locator("#facefield-undo").click()
        wait_until(lambda: drawn(page)["head"]["of"] == "seed-5", 20, "the way leads back")
        page.locator("#facefield-strip button.thumbnail-item").first.click()
        wait_until(lambda: not drawn(page)["head"]["of"].startswith("seed"), 20, "and to what is kept")
        page.locator("#facefield-delete").click()
        page.locator("#facefield-sure").click()
        wait_until(lambda: strip(page) == 0, 30, "it is forgotten")
        assert outside == []


def _colours(page: Any) -> int:
    """How many different colours the mesh's canvas holds."""
    return page.evaluate(
        "() => { const c = document.querySelector('likeness-mesh canvas'); const d = document.createElement('canvas');"
        "d.width = d.height = 90; const p = d.getContext('2d'); p.drawImage(c, 0, 0, 90, 90);"
        "const v = new Uint32Array(p.getImageData(0, 0, 90, 90).data.buffer); return new Set(v).size }"
    )


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_photo_is_found_with_progress_two_are_compared_and_a_wall_loses_nothing(
    studio: Served, tmp_path: Path
) -> None:
    Image.fromarray(draw_person()).save(tmp_path / "me.png")
    Image.new("RGB", (90, 90), "grey").save(tmp_path / "wall.png")
    with browser_page() as (page, outside):
        page.goto(f"{studio.address}/facefield")
        page.locator("#facefield-photo input[type=file]").set_input_files(str(tmp_path / "me.png"))
        page.locator("#facefield-working .bar").wait_for(timeout=60_000)
        page.reload()  # the search goes on, and the page finds it again
        wait_until(lambda: strip(page) == 1, 120, "the head is found")
        page.locator("#facefield-strip button.thumbnail-item").first.click()
        wait_until(lambda: bool(drawn(page)), 120, "it is shown")
        page.locator("#facefield-photo input[type=file]").set_input_files(str(tmp_path / "wall.png"))
        page.locator("#facefield-working .empty").wait_for(timeout=60_000)
        assert "face" in page.locator("#facefield-working").inner_text()
        assert strip(page) == 1
        page.locator("#facefield-make-turntable").click()
        page.locator("#facefield-made video").wait_for(timeout=120_000)
        shoot(page, "facefield-turntable")

        page.get_by_role("tab", name="The same person?").click()
        for which in ("first", "second"):
            page.locator(f"#facefield-verify-{which} input[type=file]").set_input_files(str(tmp_path / "me.png"))
            page.locator(f"#facefield-verify-{which} img").wait_for(timeout=30_000)
        page.locator("#facefield-verify-go").click()
        page.locator("#facefield-verdict .verdict[data-verdict=same]").wait_for(timeout=120_000)
        beside = page.locator("#facefield-verdict img.beside")
        wait_until(lambda: beside.evaluate("one => one.naturalWidth") > 600, 20, "both are shown")
        shoot(page, "facefield-verify")
        page.get_by_role("tab", name="Learn faces").click()
        page.locator("#facefield-learn-go").click()
        page.get_by_text("there are 0").first.wait_for(timeout=20_000)
        shoot(page, "facefield-learn")
        page.get_by_role("tab", name="What it can do").click()
        page.get_by_role("heading", name="encoder").wait_for(timeout=20_000)
        assert outside == []


@pytest.mark.soak
def test_the_pages_doors_are_open_to_programs_by_name(studio: Served) -> None:
    with urllib.request.urlopen(f"{studio.address}/gradio_api/info") as answer:
        named = json.loads(answer.read())["named_endpoints"]
    wanted = ("find", "photo", "somebody", "come_back", "keep", "delete", "mesh", "turntable", "verify", "learn")
    assert {f"/facefield_{one}" for one in wanted} <= named.keys()


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_a_program_finds_a_head_in_one_call(studio: Served, tmp_path: Path) -> None:
    Image.fromarray(draw_person()).save(tmp_path / "me.png")
    with httpx.Client(base_url=f"{studio.address}/gradio_api", timeout=240) as client:
        given = client.post("/upload", files={"files": ("me.png", (tmp_path / "me.png").read_bytes())}).json()[0]
        photo = {"path": given, "meta": {"_type": "gradio.FileData"}}
        asked = client.post("/call/facefield_find", json={"data": [photo, 20, 0]}).json()["event_id"]
        answer = client.get(f"/call/facefield_find/{asked}").text
    shown, codes = json.loads(answer.split("event: complete", 1)[1].split("data: ", 1)[1].splitlines()[0])
    assert shown["url"]
    assert FaceCode.from_json(codes).difference is not None


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")])
def test_the_page_holds_its_width_in_light_and_dark_and_both_languages(studio: Served, width: int, scheme: str) -> None:
    with browser_page(viewport={"width": width, "height": 1100}, color_scheme=scheme) as (page, _):
        for where in ("", "/zh"):
            page.goto(f"{studio.address}{where}/facefield")
            invent(page, "9")
            page.locator("#facefield-make-mesh").click()
            page.locator("#facefield-made likeness-mesh[data-drawn]").wait_for(timeout=60_000)
            shoot(page, f"facefield{where.replace('/', '-')}-{width}-{scheme}")
            overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert overflow <= 0, f"{where}/facefield is {overflow} pixels too wide"
