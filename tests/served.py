"""A studio process for tests that need a real one, and a browser that notices every outside request."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.launch import environment

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = [
    "--no-sandbox",
    "--disable-gpu",
    "--enable-unsafe-swiftshader",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Served:
    """A studio at work."""

    process: subprocess.Popen[str]
    address: str
    home: Path

    def kill(self) -> None:
        """What a power cut does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)


@contextmanager
def serve(home: Path, *words: str, scheme: str = "http", **variables: str) -> Iterator[Served]:
    """The tiny studio on a free port, ended at the end of the block."""
    port = free_port()
    command = [
        sys.executable,
        str(ROOT / "tests" / "tiny_studio.py"),
        "--home",
        str(home),
        "studio",
        "--port",
        str(port),
    ]
    log = home.with_suffix(".log").open("a")
    process = subprocess.Popen(
        [*command, *words],
        env=environment({**os.environ, **variables}),
        stdout=log,
        stderr=subprocess.STDOUT,
        text=True,
    )
    address = f"{scheme}://127.0.0.1:{port}"
    try:
        wait_until(lambda: is_healthy(address) or process.poll() is not None, 60, "the studio answers")
        assert process.poll() is None, home.with_suffix(".log").read_text()
        yield Served(process, address, home)
    finally:
        for request in home.glob("runs/*/request.json"):
            (request.parent / "stop").touch()  # a run outlives its studio, but not its test
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        log.close()


def is_healthy(address: str) -> bool:
    try:
        unknown = ssl._create_unverified_context() if address.startswith("https") else None
        with urllib.request.urlopen(f"{address}/healthy", timeout=2, context=unknown) as answer:
            return answer.read() == b"likeness"
    except (urllib.error.URLError, OSError):
        return False


def wait_until(is_so: Any, seconds: float, what: str) -> None:
    """Look again and again, up to a limit."""
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until, f"waited {seconds} s, and still not: {what}"
        time.sleep(0.1)


@contextmanager
def browser_page(
    camera: Path | None = None, microphone: Path | None = None, **options: Any
) -> Iterator[tuple[Any, list[str]]]:
    """A page of a headless Chromium, and the list of requests that wanted to leave the machine.

    ``camera``: an mjpeg (yuvj420p) or y4m file that its camera shows; ``microphone``: a WAV file that it hears, once."""
    from playwright.sync_api import sync_playwright

    outside: list[str] = []
    shown = [] if camera is None else [f"--use-file-for-fake-video-capture={camera}"]
    shown += [] if microphone is None else [f"--use-file-for-fake-audio-capture={microphone}%noloop"]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch, sync_playwright() as playwright:
        # A home of its own: Chromium keeps crash reports there, and a test leaves nothing behind.
        browser = playwright.chromium.launch(
            executable_path=chromium(), args=[*CHROMIUM, *shown], env={**os.environ, "HOME": scratch}
        )
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})

        def watch(route: Any) -> None:
            if route.request.url.split("//", 1)[-1].startswith(("127.0.0.1", "localhost")):
                route.continue_()
            else:
                outside.append(route.request.url)
                route.abort()

        context.route("http*://**", watch)
        context.set_default_timeout(120_000)  # a busy machine builds a language's pages slowly
        page = context.new_page()
        heard = _listen(page)
        try:
            yield page, outside
        except BaseException as error:
            error.add_note(_tell(page, heard))
            raise
        finally:
            context.close()
            browser.close()


def _listen(page: Any) -> list[str]:
    """A list that fills with what goes wrong in a page: what its console says, and requests that fail."""
    heard: list[str] = []
    page.on("console", lambda message: heard.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: heard.append(f"error: {error}"))
    page.on("requestfailed", lambda request: heard.append(f"{request.failure}: {request.url}"))
    page.on("response", lambda answer: heard.append(f"{answer.status}: {answer.url}") if answer.status >= 400 else None)
    page.on("framenavigated", lambda frame: heard.append(f"now at {frame.url}"))
    return heard


def _tell(page: Any, heard: list[str]) -> str:
    """Where a page stood when a test failed, for whoever reads the failure."""
    from playwright.sync_api import Error

    try:
        shown = page.locator("body").inner_text(timeout=2000)[:600]
    except Error as error:  # the page may be what is broken
        shown = f"nothing that could be read ({error})"
    return "\n".join((f"the page was at {page.url}, and showed: {shown}", *heard[-30:]))


def chromium() -> str | None:
    import shutil

    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
