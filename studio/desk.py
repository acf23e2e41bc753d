"""The annotation desk behind our own address: a Streamlit process on a private port, and the proxy that leads to it."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import subprocess
import sys
from contextlib import suppress

import httpx
import websockets
from fastapi import FastAPI, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import HTMLResponse, Response, StreamingResponse
from starlette.background import BackgroundTask
from websockets.typing import Subprotocol

from studio.guard import profile_of
from studio.launch import environment
from studio.settings import ROOT, Settings

PATH = "desk"
ENTRY = ROOT / "pages" / "annotation" / "desk.py"
TOKEN_HEADER, PROFILE_HEADER, LANGUAGE_HEADER = "x-likeness-token", "x-likeness-profile", "x-likeness-language"
TOKEN_VARIABLE = "LIKENESS_DESK_TOKEN"
HOP_HEADERS = {"host", "connection", "keep-alive", "transfer-encoding", "upgrade", "content-encoding", "content-length"}
WAIT = """<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="2"><title>Likeness</title>
<body style="font:16px system-ui;padding:3rem;color-scheme:light dark">
The annotation desk is starting. / 标注台正在启动。</body>"""


class Desk:
    """The Streamlit process. It believes only requests that carry this start's token."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._token = secrets.token_urlsafe(24)
        self._process: subprocess.Popen[bytes] | None = None
        self.port = _free_port()

    def start(self) -> None:
        """Start the desk; its address answers a moment later."""
        options = {
            "server.address": "127.0.0.1",
            "server.port": str(self.port),
            "server.baseUrlPath": PATH,
            "server.headless": "true",
            "server.fileWatcherType": "none",
            # The guard in front checks origins; Streamlit sees only the proxy.
            "server.enableCORS": "false",
            "server.enableXsrfProtection": "false",
            "server.maxUploadSize": str(self._settings.limits.upload_megabytes),
            "browser.gatherUsageStats": "false",
            "client.toolbarMode": "minimal",
            "global.developmentMode": "false",
            "theme.primaryColor": "#0f766e",
            "theme.baseRadius": "medium",
        }
        words = [word for key, value in options.items() for word in (f"--{key}", value)]
        variables = {TOKEN_VARIABLE: self._token, "LIKENESS_HOME": str(self._settings.home)}
        log = (self._settings.home / "desk.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "streamlit", "run", str(ENTRY), *words],
                cwd=ROOT,
                env=environment(dict(os.environ)) | variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def stop(self) -> None:
        """End the desk's process."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def headers(self, request: Request | WebSocket) -> dict[str, str]:
        """What the desk is told of a request: everything the browser said, and who it is."""
        ours = (TOKEN_HEADER, PROFILE_HEADER, LANGUAGE_HEADER)
        passed = {
            key: value
            for key, value in request.headers.items()
            if key not in HOP_HEADERS and key not in ours and not key.startswith("sec-websocket")
        }
        language = request.cookies.get("likeness-language", self._settings.language)
        return passed | {
            TOKEN_HEADER: self._token,
            PROFILE_HEADER: profile_of(request).encode().hex(),
            LANGUAGE_HEADER: language,
        }


def add_desk(app: FastAPI, desk: Desk) -> None:
    """Lead ``/desk`` to the desk, pages and sockets."""
    client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{desk.port}", timeout=60, trust_env=False)

    @app.websocket(f"/{PATH}/{{path:path}}")
    async def lead_socket(socket: WebSocket, path: str) -> None:
        await _lead_socket(desk, socket, path)

    @app.api_route(f"/{PATH}", methods=["GET", "HEAD"])
    @app.api_route(f"/{PATH}/{{path:path}}", methods=["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
    async def lead(request: Request, path: str = "") -> Response:
        asked = client.build_request(
            request.method,
            httpx.URL(path=f"/{PATH}/{path}", query=request.url.query.encode()),
            headers=desk.headers(request),
            content=request.stream() if request.method in ("POST", "PUT") else None,
        )
        try:
            answer = await client.send(asked, stream=True)
        except httpx.ConnectError:
            return HTMLResponse(WAIT, 503)
        headers = {key: value for key, value in answer.headers.items() if key not in HOP_HEADERS}
        return StreamingResponse(
            answer.aiter_bytes(), answer.status_code, headers, background=BackgroundTask(answer.aclose)
        )


async def _lead_socket(desk: Desk, browser: WebSocket, path: str) -> None:
    wanted = [Subprotocol(word) for word in browser.scope.get("subprotocols", [])]
    address = f"ws://127.0.0.1:{desk.port}/{PATH}/{path}?{browser.url.query}"
    try:
        inner = await websockets.connect(
            address, subprotocols=wanted or None, additional_headers=desk.headers(browser), max_size=None, proxy=None
        )
    except (OSError, websockets.InvalidHandshake):
        await browser.close(1013)
        return
    async with inner:
        await browser.accept(subprotocol=inner.subprotocol)
        pumps = [asyncio.create_task(_pump_in(browser, inner)), asyncio.create_task(_pump_out(browser, inner))]
        _, waiting = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in waiting:
            pump.cancel()
    with suppress(RuntimeError, WebSocketDisconnect):  # the browser may have closed first
        await browser.close()


async def _pump_in(browser: WebSocket, inner: websockets.ClientConnection) -> None:
    with suppress(WebSocketDisconnect, websockets.ConnectionClosed):
        while True:
            message = await browser.receive()
            if message["type"] == "websocket.disconnect":
                return
            await inner.send(message["bytes"] if message.get("bytes") is not None else message["text"])


async def _pump_out(browser: WebSocket, inner: websockets.ClientConnection) -> None:
    with suppress(WebSocketDisconnect, websockets.ConnectionClosed, RuntimeError):
        async for message in inner:
            if isinstance(message, bytes):
                await browser.send_bytes(message)
            else:
                await browser.send_text(message)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
