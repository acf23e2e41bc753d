"""A person before a camera: the expression page in a real browser whose camera plays an engine person's clip."""

from __future__ import annotations

import csv
import io
import json
import os
import select
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from served import Served, browser_page, chromium, serve, wait_until
from tiny_expression import put_weights

from core.engine.controllers import INDEX, NAMES
from core.expression import tracks
from core.expression.performance import perform
from studio.clips import frames
from studio.settings import Settings

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine (Debian: apt install chromium)"),
]
EXAMPLE = Settings().shipped / "examples" / "expression" / "ada.mp4"
WEIGHTS = Settings().shipped / "weights" / "expression" / "converter" / "card.json"
SHOTS = Path(os.environ.get("LIKENESS_SCREENSHOTS", "")) if os.environ.get("LIKENESS_SCREENSHOTS") else None
VALUES = "document.querySelector('likeness-live').values"


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example clip as a camera shows it."""
    import av

    path = tmp_path_factory.mktemp("camera") / "ada.mjpeg"
    with av.open(str(path), "w", format="mjpeg") as container:
        stream = container.add_stream("mjpeg", rate=20, options={"q:v": "3"})
        stream.width, stream.height, stream.pix_fmt = 256, 256, "yuvj420p"
        for _, pixels in frames(EXAMPLE):
            made = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuvj420p")
            container.mux(stream.encode(made))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("expression") / "home"
    put_weights(home)
    with serve(home, "--no-desk") as served:
        yield served


def shoot(page: Any, name: str) -> None:
    if SHOTS is not None:
        SHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(SHOTS / f"{name}.png"))


def said(page: Any) -> str:
    return page.locator("[data-at=say]").get_attribute("data-word") or ""


def open_live(page: Any, served: Served) -> None:
    page.goto(f"{served.address}/expression")
    page.locator("[data-at=rig][data-ready]").wait_for(timeout=120_000, state="attached")
    wait_until(lambda: said(page) == "ready", 120, "the networks are loaded")


def read_answers(page: Any) -> int:
    return int(page.evaluate("document.querySelector('likeness-live').link.times.server?.length ?? 0"))


@pytest.mark.timeout(600)  # software graphics on a busy machine
def test_the_camera_moves_sliders_and_rig_a_hand_holds_its_own_and_a_recording_opens_again(
    studio: Served, camera: Path, tmp_path: Path
) -> None:
    with browser_page(camera, permissions=["camera"]) as (page, outside):
        open_live(page, studio)
        assert page.locator("likeness-live .row").count() == 130
        page.locator("[data-at=start]").click()
        wait_until(lambda: read_answers(page) > 5, 120, "frames are read")
        assert said(page) == "watching"
        pixels = page.evaluate(
            "(() => { const l = document.querySelector('likeness-live'); const p = l.canvas.getContext('2d')"
            ".getImageData(0, 0, 64, 64).data; return [...p].filter((v, i) => i % 4 === 1) })()"
        )
        assert np.std(pixels) > 5, "the fake camera shows a picture, not one colour"
        assert max(page.evaluate(VALUES)) > 0
        smile = page.locator(".row[data-name=mouth_smile_left] input")
        wait_until(lambda: float(smile.input_value()) > 0, 20, "a slider shows what is read")

        smile.fill("0.9")  # a hand takes it; the camera drives the rest
        before = read_answers(page)
        wait_until(lambda: read_answers(page) > before + 5, 120, "frames go on")
        assert page.evaluate(VALUES)[INDEX["mouth_smile_left"]] == pytest.approx(0.9)
        if page.locator("[data-at=rig]").get_attribute("data-ready") == "three":
            shown = "document.querySelector('likeness-live').rig.meshes[0].morphTargetInfluences"
            place = page.evaluate("document.querySelector('likeness-live').rig.places.get('mouth_smile_left')")
            assert page.evaluate(shown)[place] == pytest.approx(0.9)
        shoot(page, "expression-live")

        page.locator("[data-at=record]").click()
        recorded = "document.querySelector('likeness-live').recorder.track.seconds.length"
        wait_until(lambda: page.evaluate(recorded) >= 6, 120, "moments are recorded")
        page.locator("[data-at=record]").click()
        page.locator("likeness-live .files a").first.wait_for(timeout=120_000)
        links = page.locator("likeness-live .files a")
        names = links.all_inner_texts()
        assert names == ["juno-clip.mp4", "juno-track.csv", "juno-track.json", "juno-track.live.csv", "juno-track.glb"]
        for index, name in enumerate(names):
            with page.expect_download() as download:
                links.nth(index).click()
            download.value.save_as(tmp_path / name)
        table = tracks.read_csv((tmp_path / "juno-track.csv").read_text())
        assert table.controllers[:, INDEX["mouth_smile_left"]] == pytest.approx(0.9, abs=1e-3)
        assert next(csv.reader(io.StringIO((tmp_path / "juno-track.live.csv").read_text())))[1] == "BlendShapeCount"
        assert len(json.loads((tmp_path / "juno-track.json").read_text())["moments"]) == len(table.seconds)
        assert len(list(frames(tmp_path / "juno-clip.mp4"))) > 1
        assert (tmp_path / "juno-track.glb").read_bytes()[:4] == b"glTF"

        page.locator("[data-at=reset]").click()
        page.locator("[data-at=start]").click()  # stops
        assert said(page) == "stopped"
        assert outside == []


@pytest.mark.soak
def test_a_refused_camera_is_a_sentence_and_a_made_up_face_still_drives(studio: Served) -> None:
    with browser_page() as (page, outside):
        page.add_init_script(
            "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('no', 'NotAllowedError') }"
        )
        open_live(page, studio)
        page.locator("[data-at=start]").click()
        wait_until(lambda: said(page) == "refused", 10, "the refusal is told")
        page.locator("[data-example]").first.click()
        wait_until(lambda: read_answers(page) > 3, 120, "the example drives")
        assert said(page) == "playing"
        assert outside == []


@pytest.mark.soak
@pytest.mark.timeout(900)  # as above
def test_a_frame_is_put_right_and_a_guided_clip_says_how_each_part_fares(studio: Served, camera: Path) -> None:
    with browser_page(camera, permissions=["camera"], viewport={"width": 1280, "height": 1400}) as (page, outside):
        open_live(page, studio)
        page.locator("[data-at=correct]").click()
        assert said(page) == "correct_none"
        page.locator("[data-at=start]").click()
        wait_until(lambda: read_answers(page) > 3, 120, "frames are read")
        page.locator("[data-at=correct]").click()
        page.locator(".row[data-name=mouth_smile_left] input").fill("0.8")
        shoot(page, "expression-correct")
        page.locator(".correction .keep").click()
        wait_until(lambda: said(page) == "mistake", 20, "consent is asked for")
        page.locator(".correction input").check()
        page.locator(".correction .keep").click()
        wait_until(lambda: said(page) == "correct_kept", 20, "the correction is kept")
        before = read_answers(page)
        wait_until(lambda: read_answers(page) > before + 2, 120, "live goes on")
        assert page.evaluate("Object.keys(document.querySelector('likeness-live').board.hand)") == []

        page.locator("[data-at=guided]").click()
        wait_until(lambda: said(page) == "guide_done", 300, "the guided clip is over")
        assert page.locator("[data-at=channels] tbody[data-part]").count() == 9
        assert page.locator("[data-at=channels] .more tr").count() == 130
        assert len(page.evaluate("document.querySelector('likeness-live').neutral")) == 130
        shoot(page, "expression-health")
        assert outside == []


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_picture_is_put_right_on_the_live_desk_and_becomes_a_data_set(studio: Served) -> None:
    with browser_page(viewport={"width": 1280, "height": 1400}) as (page, outside):
        open_live(page, studio)
        page.get_by_role("tab", name="Picture").click()
        page.locator("#expression-picture input[type=file]").set_input_files(EXAMPLE.with_name("smile.webp"))
        page.locator("#expression-picture img").wait_for(timeout=60_000)
        page.locator("#expression-picture-go").click()
        page.locator("[data-correct]").wait_for(timeout=120_000)
        shoot(page, "expression-picture")
        page.locator("[data-correct]").click()
        wait_until(lambda: said(page) == "correct_how", 120, "the picture is on the live desk")
        image = page.locator(".correction img")
        wait_until(lambda: image.evaluate("one => one.naturalWidth") > 0, 30, "the picture is shown")
        read = page.evaluate("document.querySelector('likeness-live').correction.open.values")
        assert page.evaluate(VALUES) == read
        page.locator(".row[data-name=mouth_smile_left] input").fill("0.8")
        shoot(page, "expression-picture-correct")
        page.locator(".correction .keep").click()
        wait_until(lambda: said(page) == "mistake", 20, "consent is asked for")
        page.locator(".correction input").check()
        page.locator(".correction .keep").click()
        wait_until(lambda: said(page) == "correct_kept", 20, "the correction is kept")

        page.get_by_role("tab", name="Your own face").click()
        go = page.locator("#expression-dataset-go")
        wait_until(lambda: go.inner_text().endswith(("1 correction", "corrections")), 20, "corrections are counted")
        go.click()
        folder = page.locator("#expression-dataset code")
        folder.wait_for(timeout=30_000)
        shoot(page, "expression-dataset")
        rows = [json.loads(line) for line in (Path(folder.inner_text()) / "labels.jsonl").read_text().splitlines()]
        ours = [row for row in rows if row["read"] == read]
        assert [row["corrected"][INDEX["mouth_smile_left"]] for row in ours] == [0.8]
        assert outside == []


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_numbers_reach_a_listener_only_while_live_and_only_when_asked(studio: Served, camera: Path) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener,
        browser_page(camera, permissions=["camera"]) as (page, _),
    ):
        listener.bind(("127.0.0.1", 0))
        listener.setblocking(False)
        open_live(page, studio)
        page.locator("[data-at=start]").click()
        wait_until(lambda: read_answers(page) > 3, 120, "frames are read")
        page.locator(".sending summary").click()
        row = page.locator(".sender[data-kind=live_link]")
        row.locator(".port").fill(str(listener.getsockname()[1]))
        assert not select.select([listener], [], [], 0)[0]
        row.locator("input[type=checkbox]").check()
        wait_until(lambda: bool(select.select([listener], [], [], 0)[0]), 120, "a packet comes")
        assert listener.recv(2000)[:1] == b"\x06"
        row.locator(".host").fill("no such machine")
        row.locator(".host").press("Tab")
        wait_until(lambda: "no machine" in row.locator(".told").inner_text(), 30, "the address is refused")
        assert not row.locator("input[type=checkbox]").is_checked()


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_without_three_plotly_moves_the_rig_and_says_so(studio: Served) -> None:
    with browser_page() as (page, _):
        page.route("**/modules/rig.js", lambda route: route.abort())
        open_live(page, studio)
        assert page.locator("[data-at=rig]").get_attribute("data-ready") == "plotly"
        assert "Plotly" in page.locator("[data-at=rignote]").inner_text()
        lowest = "Math.min(...document.querySelector('likeness-live [data-at=rig] .plot').data[0].z.slice(0, 9000))"
        rest = page.evaluate(lowest)
        page.evaluate("document.querySelector('likeness-live').rig.turn(0, 20, 0)")
        wait_until(lambda: page.evaluate(lowest) != rest, 120, "the head turns")
        shoot(page, "expression-plotly")


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_where_the_socket_does_not_come_about_the_camera_is_read_frame_by_frame(studio: Served, camera: Path) -> None:
    with browser_page(camera, permissions=["camera"]) as (page, outside):
        page.add_init_script(
            "const Plain = WebSocket; window.WebSocket = class extends Plain {"
            " constructor(to, ...more) { super(to.includes('/live/') ? to + '-nowhere' : to, ...more) } }"
        )
        page.goto(f"{studio.address}/expression")
        page.locator("#expression-stream.awake").wait_for(timeout=120_000)
        assert said(page) == "stream"
        page.locator("#expression-stream-camera button", has_text="Webcam").first.click()
        page.locator("#expression-stream-camera button", has_text="Record").first.click()
        page.locator("#expression-stream-numbers .numbers div").first.wait_for(timeout=300_000)
        assert page.locator("#expression-stream-drawn img").get_attribute("src")
        shoot(page, "expression-stream")
        assert outside == []


@pytest.mark.soak
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")])
def test_the_page_holds_its_width_in_light_and_dark_and_both_languages(studio: Served, width: int, scheme: str) -> None:
    with browser_page(viewport={"width": width, "height": 1300}, color_scheme=scheme) as (page, _):
        for where in ("", "/zh"):
            page.goto(f"{studio.address}{where}/expression")
            page.locator("[data-at=rig][data-ready]").wait_for(timeout=120_000, state="attached")
            shoot(page, f"expression{where.replace('/', '-')}-{width}-{scheme}")
            overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert overflow <= 0, f"{where}/expression is {overflow} pixels too wide"


@pytest.mark.soak
@pytest.mark.skipif(not WEIGHTS.is_file(), reason="no shipped weights of the expression room")
def test_jaw_smile_and_blink_follow_the_person_before_the_camera(tmp_path: Path) -> None:
    with serve(tmp_path / "home", "--no-desk") as served, browser_page() as (page, _):
        open_live(page, served)
        page.evaluate(
            "(() => { const l = document.querySelector('likeness-live'); window.seen = [];"
            "l.link.addEventListener('answer', (e) => { if (e.detail.type === 'read')"
            " { const since = (performance.now() - e.detail.began) / 1000;"  # the answer comes later than its frame
            " window.seen.push([(l.video.currentTime - since + l.video.duration) % l.video.duration,"
            " ...e.detail.values]) } }) })()"
        )
        page.locator("[data-at=smoothing]").evaluate("one => { one.value = 0; one.dispatchEvent(new Event('input')) }")
        page.locator("[data-example]").first.click()
        wait_until(lambda: page.evaluate("window.seen.length") > 150, 120, "two turns of the clip are read")
        seen = np.array(page.evaluate("window.seen"))
    truth = perform(20.0)
    at = np.clip((seen[:, 0] * 20).round().astype(int), 0, len(truth.seconds) - 1)
    for stem in ("jaw_open", "mouth_smile_left", "eye_blink_left"):
        true = truth.controllers[at, INDEX[stem]]
        read = seen[:, 1 + INDEX[stem]]
        assert np.corrcoef(true, read)[0, 1] > 0.8, (stem, len(NAMES))
