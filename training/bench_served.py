"""The live desk as a visitor meets it: a studio of its own, real frames, the server's part and the browser's.

A row that cannot be measured on this machine is a sentence that says why.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.image import Pixels, resize

ROOT = Path(__file__).parents[1]
CLIP = ROOT / "assets" / "examples" / "expression" / "ada.mp4"
SOCKET = "/live/expression"
FRAME = (360, 480)
"""What the page sends of a camera's 640 x 480."""
FRAMES, WARM_UP = 150, 10
START_SECONDS, LOAD_SECONDS, WATCH_SECONDS = 120.0, 240.0, 180.0
CHROMIUM = (
    "--no-sandbox", "--disable-gpu", "--enable-unsafe-swiftshader", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
)  # fmt: skip
Rows = dict[str, float | str]
_WATCH = """() => { const desk = document.querySelector("likeness-live"); window.taken = [];
  const { link } = desk, note = link.note.bind(link);
  link.note = (part, value) => { note(part, value); if (part === "whole") window.taken.push([value, performance.now()]); };
  desk.find("start").click(); }"""


@dataclass(frozen=True)
class Served:
    """A studio at work."""

    port: int
    process: int


@contextlib.contextmanager
def serve(home: Path) -> Iterator[Served]:
    """The studio on a free port of this machine, ended at the end of the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    plain = {key: value for key, value in os.environ.items() if not key.startswith("LIKENESS_")}
    words = ("-m", "studio", "--home", str(home), "studio", "--port", str(port), "--no-desk")
    with (home / "bench.log").open("ab") as log:
        process = subprocess.Popen([sys.executable, *words], cwd=ROOT, env=plain, stdout=log, stderr=log)
    try:
        until = time.monotonic() + START_SECONDS
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > until:
                said = (home / "bench.log").read_text(encoding="utf-8", errors="replace")[-500:]
                raise RuntimeError(f"The studio did not start within {START_SECONDS:.0f} s: {said}")
            time.sleep(0.2)
        yield Served(port, process.pid)
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthy", timeout=2) as answer:
            return answer.read() == b"likeness"
    except (urllib.error.URLError, OSError):
        return False


@contextlib.contextmanager
def _home(home: Path | None) -> Iterator[Path]:
    if home is not None:
        home.mkdir(parents=True, exist_ok=True)
        yield home
        return
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def clip_frames() -> Iterator[Pixels]:
    """The example clip's person as a camera shows one, again and again."""
    import av

    while True:
        with av.open(str(CLIP)) as container:
            for decoded in container.decode(video=0):
                side = FRAME[0]
                frame = np.full((*FRAME, 3), 90, dtype=np.uint8)
                left = (FRAME[1] - side) // 2
                frame[:, left : left + side] = resize(
                    np.asarray(decoded.to_ndarray(format="rgb24"), dtype=np.uint8), side, side
                )
                yield frame


def rate_server(home: Path | None = None, count: int = FRAMES) -> Rows:
    """Milliseconds between a frame's arrival and its answer, as the studio times itself, and processor time a frame."""
    import psutil
    from websockets.sync.client import connect

    with _home(home) as folder, serve(folder) as served:
        address = f"ws://127.0.0.1:{served.port}{SOCKET}"
        with connect(address, max_size=None, proxy=None) as link:
            refused = _wait_ready(link)
            if refused:
                return {"live_server_p95_ms": refused}
            process, spent, used = psutil.Process(served.process), [], 0.0
            for number, frame in zip(range(count + WARM_UP), clip_frames(), strict=False):
                if number == WARM_UP:
                    used = _processor_seconds(process)
                link.send(number.to_bytes(4, "big") + _jpeg(frame))
                spent.append(_read_total(link.recv(LOAD_SECONDS)))
            used = _processor_seconds(process) - used
    taken = spent[WARM_UP:]
    return {
        "live_server_p95_ms": float(np.percentile(taken, 95)), "live_server_p50_ms": float(np.median(taken)),
        "live_server_cpu_ms": used / len(taken) * 1000,
    }  # fmt: skip


def _wait_ready(link: Any) -> str:
    """Nothing once the networks are loaded, or the studio's sentence why they are not."""
    while True:
        said = json.loads(link.recv(LOAD_SECONDS))
        if said["type"] == "ready":
            return ""
        if said["type"] == "missing":
            return f"The live path cannot be timed: {said['say']}"


def _processor_seconds(process: Any) -> float:
    spent = process.cpu_times()
    return spent.user + spent.system


def _jpeg(frame: Pixels) -> bytes:
    from PIL import Image

    kept = io.BytesIO()
    Image.fromarray(frame).save(kept, "JPEG", quality=82)
    return kept.getvalue()


def _read_total(answer: str | bytes) -> float:
    assert isinstance(answer, bytes), f"the studio answered a frame with {answer}"
    length = int.from_bytes(answer[:4], "big")
    return float(json.loads(answer[4 : 4 + length])["milliseconds"]["total"])


def find_browser() -> tuple[str, str]:
    """A Chromium's path, or nothing and a sentence."""
    if importlib.util.find_spec("playwright") is None:
        return "", "The browser's part wants Playwright: pip install playwright."
    for name in ("chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name)
        if found is not None:
            return found, ""
    return "", "The browser's part wants Chromium on this machine (Debian: apt install chromium)."


def rate_browser(home: Path | None = None, count: int = FRAMES) -> Rows:
    """Milliseconds from a camera's frame to the moved rig in Chromium, its graphics drawn by the same processor."""
    browser, refused = find_browser()
    if refused:
        return {"live_browser_p95_ms": refused}
    with _home(home) as folder, serve(folder) as served:
        taken = _watch_browser(browser, served.port, write_camera(folder / "camera.mjpeg"), count)
    if isinstance(taken, str):
        return {"live_browser_p95_ms": taken}
    spent, at = np.array(taken).T
    return {
        "live_browser_p95_ms": float(np.percentile(spent, 95)), "live_browser_p50_ms": float(np.median(spent)),
        "live_browser_fps": float(1000 * (len(at) - 1) / (at[-1] - at[0])),
    }  # fmt: skip


def write_camera(path: Path) -> Path:
    """The clip in the one form that Chromium's fake camera shows: mjpeg in yuvj420p."""
    import av

    with av.open(str(path), "w", format="mjpeg") as container:
        stream = container.add_stream("mjpeg", rate=20, options={"q:v": "3"})
        stream.height, stream.width = FRAME
        stream.pix_fmt = "yuvj420p"
        for _, frame in zip(range(FRAMES), clip_frames(), strict=False):
            made = av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format="yuvj420p")
            container.mux(stream.encode(made))
        container.mux(stream.encode(None))
    return path


def _watch_browser(browser: str, port: int, camera: Path, count: int) -> list[tuple[float, float]] | str:
    from playwright.sync_api import sync_playwright

    arguments = [*CHROMIUM, f"--use-file-for-fake-video-capture={camera}"]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch, sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=browser, args=arguments, env={**os.environ, "HOME": scratch}
        )
        page = opened.new_context(permissions=["camera"], viewport={"width": 1280, "height": 900}).new_page()
        page.goto(f"http://127.0.0.1:{port}/expression")
        page.locator("[data-at=rig][data-ready]").wait_for(timeout=LOAD_SECONDS * 1000, state="attached")
        ended = "() => ['ready', 'missing'].includes(document.querySelector('[data-at=say]').dataset.word)"
        page.wait_for_function(ended, timeout=LOAD_SECONDS * 1000)
        said = page.locator("[data-at=say]")
        if said.get_attribute("data-word") == "missing":
            return f"The live path cannot be timed: {said.inner_text()}"
        page.evaluate(_WATCH)
        until = time.monotonic() + WATCH_SECONDS
        while page.evaluate("window.taken.length") < count + WARM_UP and time.monotonic() < until:
            page.wait_for_timeout(200)
        taken = page.evaluate("window.taken")[WARM_UP:]
        opened.close()
    if len(taken) < min(count, 20):
        return f"Only {len(taken)} frames went through the browser in {WATCH_SECONDS:.0f} s: too few for a percentile."
    return [(float(spent), float(at)) for spent, at in taken]
