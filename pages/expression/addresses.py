"""The expression page's own addresses behind the studio's guard: the live socket, modules, characters, recordings."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import re
import threading
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import FastAPI, HTTPException, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import FileResponse, Response

from core.checkpoints import CheckpointBroken, CheckpointMismatch, CheckpointMissing
from core.engine.characters import CHARACTERS, load_character
from core.engine.glb import write_character
from core.expression.tracks import BadTrack, Track
from core.image import NotAPicture
from pages.expression import handlers, meshes
from pages.expression.corrections import on_correct, read_correction
from pages.expression.live import Desk
from studio import web_packages
from studio.guard import profile_of
from studio.services import Services
from training.spec import BadRequest

ROOT = "/live/expression"
WEIGHTS = (CheckpointMissing, CheckpointBroken, CheckpointMismatch)
FORMS = {"glb": "model/gltf-binary", "mesh": "application/octet-stream"}
"""Endings of a character's files: for three.js, and for Plotly."""
LONGEST_SECONDS, MOST_MOMENTS = 600.0, 36_000
_BARE = re.compile(r"""(from\s*|import\s*)(["'])three(/addons/|(?=["']))""")


def attach(app: FastAPI, services: Services) -> None:
    """Add them all."""
    device = threading.Lock()  # all visitors share one processor
    made = threading.Lock()

    @app.websocket(ROOT)
    async def live(socket: WebSocket) -> None:
        await serve_socket(socket, services, device)

    @app.get(ROOT + "/modules/{path:path}")
    def send_module(path: str) -> Response:
        return Response(read_module(services.settings.shipped, path), media_type="text/javascript")

    @app.get(ROOT + "/plotly.js")
    def send_plotly() -> FileResponse:
        return FileResponse(find_plotly(), media_type="text/javascript")

    @app.get(ROOT + "/characters/{name}.{form}")
    def send_character(name: str, form: str) -> FileResponse:
        if name not in CHARACTERS or form not in FORMS:
            raise HTTPException(404, f"There is no character {name}.{form}.")
        with made:
            return FileResponse(keep_character(services.settings.home, name, form), media_type=FORMS[form])

    _attach_recordings(app, services)


def _attach_recordings(app: FastAPI, services: Services) -> None:
    @app.post(ROOT + "/recordings")
    async def record(request: Request) -> dict[str, Any]:
        asked = await read_body(request)
        with spoken():
            scene = handlers.choose_scene(str(asked.get("ground", "paper")), str(asked.get("light", "studio")))
            track = read_track(asked)
            job = handlers.on_record(services, profile_of(request), track, str(asked.get("character")), scene)
        return {"job": job}

    @app.get(ROOT + "/jobs/{job}")
    def follow(request: Request, job: str) -> dict[str, Any]:
        with spoken():
            found = services.jobs.get(job, profile_of(request))
        return {"state": found.state, "share": found.share, "message": found.message, **found.result}

    @app.post(ROOT + "/jobs/{job}/cancel")
    def cancel(request: Request, job: str) -> dict[str, Any]:
        with spoken():
            return {"state": services.jobs.cancel(job, profile_of(request)).state}

    @app.post(ROOT + "/poses")
    async def keep(request: Request) -> dict[str, Any]:
        asked = await read_body(request)
        profile = profile_of(request)

        def work() -> str:
            scene = handlers.choose_scene(str(asked.get("ground", "paper")), str(asked.get("light", "studio")))
            yaw, pitch, roll = (float(value) for value in asked.get("turn", (0, 0, 0)))
            show = (str(asked.get("character")), scene)
            return handlers.on_keep(services, profile, asked.get("values", ()), (yaw, pitch, roll), show).id

        with spoken():
            return {"medium": await asyncio.to_thread(work)}

    @app.post(ROOT + "/corrections")
    async def correct(request: Request) -> dict[str, Any]:
        asked = await read_body(request)
        profile = profile_of(request)
        with spoken():
            kept = await asyncio.to_thread(lambda: on_correct(services, profile, read_correction(asked)))
        return {"annotation": kept.id, "medium": kept.medium}


async def read_body(request: Request) -> dict[str, Any]:
    """A JSON object of at most 64 MB."""
    content = await request.body()
    try:
        found = json.loads(content) if len(content) < 64 * 2**20 else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise HTTPException(400, "This is not what the page sends: a JSON object was wanted.")
    return found


@contextlib.contextmanager
def spoken() -> Any:
    """Our sentences as answers."""
    try:
        yield
    except LookupError as error:
        raise HTTPException(404, str(error)) from error
    except (ValueError, TypeError) as error:
        raise HTTPException(400, str(error)) from error


def read_track(asked: dict[str, Any]) -> Track:
    """A recording as the browser sends it: seconds, controllers and turns, a list each."""
    seconds = np.asarray(asked.get("seconds", ()), np.float32)
    if not 0 < len(seconds) <= MOST_MOMENTS or float(seconds[-1] - seconds[0]) > LONGEST_SECONDS:
        raise BadTrack(f"A recording has 1 to {MOST_MOMENTS} moments in at most {LONGEST_SECONDS:.0f} s.")
    values = np.asarray(asked.get("values", ()), np.float32)
    turns = np.asarray(asked.get("turns", ()), np.float32)
    if not all(np.isfinite(one).all() for one in (seconds, values, turns)):
        raise BadTrack("A recording holds numbers only.")
    return Track(seconds, values.clip(0, 1), turns)


def read_module(shipped: Path, path: str) -> str:
    """Our own scripts and three.js's; bare names become addresses, so that no import map is needed."""
    packages = web_packages.folder().resolve()
    root = packages if path.startswith("three/") else (shipped / "web").resolve()
    file = (root / path).resolve()
    if not file.is_relative_to(root) or file.suffix != ".js" or not file.is_file():
        raise HTTPException(404, "There is no such module.")
    base = f"{ROOT}/modules/three"

    def name(found: re.Match[str]) -> str:
        where = f"{base}/examples/jsm/" if found[3] else f"{base}/build/three.module.js"
        return f"{found[1]}{found[2]}{where}"

    return _BARE.sub(name, file.read_text(encoding="utf-8"))


def find_plotly() -> Path:
    """The rig's stand-in where three.js is missing: the script that came with Plotly."""
    import plotly

    return Path(plotly.__file__).parent / "package_data" / "plotly.min.js"


def keep_character(home: Path, name: str, form: str = "glb") -> Path:
    """The character's file, made once and kept until the code that makes it changes."""
    import core.engine

    sources = [*sorted(Path(core.engine.__file__).parent.glob("*.py")), Path(meshes.__file__)]
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:12]
    path = home / "cache" / "characters" / f"{name}-{digest}.{form}"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        for old in path.parent.glob(f"{name}-*.{form}"):
            old.unlink()
        partial = path.with_name(f".{name}.partial.{form}")
        if form == "glb":
            write_character(load_character(name), partial)
        else:
            meshes.write_mesh(name, partial)
        partial.replace(path)
    return path


async def serve_socket(socket: WebSocket, services: Services, device: threading.Lock) -> None:
    """One visitor: a reader that keeps only the newest frame, and a worker that answers it."""
    profile = profile_of(socket)
    desk = Desk(lambda way: handlers.open_predictor(services, profile, way), device)
    await socket.accept()
    slot = Slot()
    worker = asyncio.create_task(_answer(socket, desk, slot))
    try:
        await _load(socket, services, profile)
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            if message.get("bytes") is not None:
                slot.put(message["bytes"])
            else:
                await _obey(socket, desk, slot, message.get("text") or "")
    except WebSocketDisconnect:
        return
    finally:
        worker.cancel()
        desk.close()
        with contextlib.suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError):
            await worker


class Slot:
    """Room for one frame: a newer one takes the place of one that waits, and that is counted."""

    def __init__(self) -> None:
        self._waiting: bytes | dict[str, Any] | None = None
        self._come = asyncio.Event()
        self.dropped = 0

    def put(self, item: bytes | dict[str, Any]) -> None:
        """Newest wins."""
        if isinstance(self._waiting, bytes):
            self.dropped += 1
        self._waiting = item
        self._come.set()

    async def take(self) -> bytes | dict[str, Any]:
        """Waits for the next."""
        await self._come.wait()
        self._come.clear()
        item, self._waiting = self._waiting, None
        assert item is not None, "an event without an item"
        return item


async def _load(socket: WebSocket, services: Services, profile: str) -> None:
    try:
        await socket.send_text(json.dumps({"type": "loading"}))
        predictor = await asyncio.to_thread(handlers.open_predictor, services, profile)
        await socket.send_text(json.dumps({"type": "ready", "characters": predictor.characters}))
    except WEIGHTS as error:
        await socket.send_text(json.dumps({"type": "missing", "say": str(error.args[0])}))


async def _obey(socket: WebSocket, desk: Desk, slot: Slot, text: str) -> None:
    kind = ""
    try:
        message = json.loads(text)
        kind = str(message["type"])
        if kind == "settings":
            desk.change(message)
        elif kind == "pose":
            slot.put(message)
        elif kind == "send":
            told = await asyncio.to_thread(desk.send_to, message)  # a name may take a while to be found
            await socket.send_text(json.dumps({"type": "sending", **told}))
        elif kind == "guide":
            found = desk.guide(str(message.get("stage")))
            if found:
                await socket.send_text(json.dumps({"type": "health", **found}))
        elif kind == "neutral":
            await socket.send_text(json.dumps({"type": "neutral", "values": desk.take_neutral()}))
        else:
            raise BadRequest(f"There is no message {kind!r}.")
    except (ValueError, KeyError, TypeError) as error:
        await socket.send_text(json.dumps({"type": "error", "about": kind, "say": str(error)}))


async def _answer(socket: WebSocket, desk: Desk, slot: Slot) -> None:
    while True:
        item = await slot.take()
        try:
            if isinstance(item, bytes):
                stamp, content = int.from_bytes(item[:4], "big"), item[4:]
                answer = await asyncio.to_thread(desk.answer_frame, stamp, content, slot.dropped)
            else:
                values, turn = item.get("values", []), item.get("turn", [])
                answer = await asyncio.to_thread(desk.answer_pose, int(item.get("stamp", 0)), values, turn)
            await socket.send_bytes(answer)
        except (NotAPicture, BadRequest, ValueError, TypeError, *WEIGHTS) as error:
            await socket.send_text(json.dumps({"type": "error", "say": str(error)}))
