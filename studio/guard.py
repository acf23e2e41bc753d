"""The door of the app: which hosts and origins are answered, who is signed in, and what a browser may load."""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from studio.people import People
from studio.settings import Settings, is_loopback

COOKIE = "likeness"
OPEN_PATHS = ("/sign-in", "/assets-of-likeness/", "/healthy")
"""Answered without a session: the sign-in page and what it needs."""
POLICY = (
    "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; connect-src 'self' ws: wss: data: blob:; frame-ancestors 'self'; form-action 'self'"
)
"""Nothing is loaded from anywhere else, whatever a library or an upload asks for."""


class Guard:
    """ASGI middleware in front of every page, socket and file of the studio."""

    def __init__(self, app: ASGIApp, settings: Settings, people: People) -> None:
        self._app, self._settings, self._people = app, settings, people

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, refuse or pass on."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = self._refuse(scope)
        if refusal is None:
            await self._app(scope, receive, _with_policy(send))
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 4403})
        else:
            await refusal(scope, receive, send)

    def _refuse(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._is_ours(host):
            # A page elsewhere may point a name of its own at this machine (DNS rebinding).
            return PlainTextResponse(f"This studio does not answer to the name {host!r}.", 421)
        origin = headers.get("origin")
        unsafe = scope["type"] == "websocket" or scope["method"] not in ("GET", "HEAD", "OPTIONS")
        if unsafe and origin and origin != "null" and urlsplit(origin).netloc != host:
            return PlainTextResponse("Another page may not act in this studio.", 403)
        scope.setdefault("state", {})["profile"] = profile = self._people.who(cookie_of(headers))
        if profile is not None or scope["path"].startswith(OPEN_PATHS):
            return None
        if "text/html" in headers.get("accept", "") and scope["type"] == "http" and scope["method"] == "GET":
            return RedirectResponse("/sign-in", 303)
        return PlainTextResponse("Sign in first.", 401)

    def _is_ours(self, host: str) -> bool:
        name = urlsplit(f"//{host}").hostname or ""
        if not is_loopback(self._settings.host):
            return True  # served to a network on purpose, under names that only its owner knows; sign-in guards it
        return is_loopback(name)


def cookie_of(headers: Headers) -> str | None:
    """The session's cookie of a request."""
    jar: SimpleCookie = SimpleCookie()
    jar.load(headers.get("cookie", ""))
    return jar[COOKIE].value if COOKIE in jar else None


def profile_of(request: Any) -> str:
    """The profile that a request of Gradio's or Starlette's belongs to."""
    inner = getattr(request, "request", request)
    profile = inner.scope.get("state", {}).get("profile")
    assert profile is not None, "the guard lets nobody in without a profile"
    return profile


def _with_policy(send: Send) -> Send:
    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.setdefault("Content-Security-Policy", POLICY)
            headers.setdefault("X-Content-Type-Options", "nosniff")
            headers.setdefault("Referrer-Policy", "same-origin")
        await send(message)

    return guarded
