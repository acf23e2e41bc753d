"""A part of the app that is made when somebody first asks for it: pages in another language than the studio's own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

PATIENCE_SECONDS = 0.5
"""How long a browser that wants a page is left without an answer. A Gradio page that is being left notices that its connection is
gone, finds the studio again two seconds later, and loads itself anew, which calls off the way to a page that has not
answered yet."""


class Later:
    """An ASGI app, to be mounted at ``where``, that stands in for one made by the first request.

    ``make`` gives an app that has its pages at ``where`` too; ``meanwhile``: a page for those who wait, which asks again.
    The made app's lifespan is held open by a task of its own until ``close``: what is entered in a task wants to be left in
    the same.
    """

    def __init__(self, where: str, make: Callable[[], FastAPI], meanwhile: str) -> None:
        self.where, self._make, self._meanwhile = where, make, meanwhile
        self._opening: asyncio.Task[FastAPI] | None = None
        self._over = asyncio.Event()
        self._holding: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, as if nothing stood between."""
        opening = self._opening = self._opening or asyncio.create_task(self._open())
        if not opening.done() and _wants_page(scope):
            await asyncio.wait((opening,), timeout=PATIENCE_SECONDS)
            if not opening.done():
                answer = HTMLResponse(self._meanwhile, 503, {"Retry-After": "1", "Cache-Control": "no-store"})
                return await answer(scope, receive, send)
        try:
            made = await asyncio.shield(opening)
        except Exception:
            if self._opening is opening:
                self._opening = None  # whoever asked is told, and may ask again
            raise
        outer = scope["root_path"].removesuffix(self.where)
        return await made({**scope, "root_path": outer}, receive, send)

    async def _open(self) -> FastAPI:
        made = await run_in_threadpool(self._make)
        begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def hold() -> None:
            try:
                async with made.router.lifespan_context(made):
                    begun.set_result(None)
                    await self._over.wait()
            except BaseException as error:
                if begun.done():
                    raise
                begun.set_exception(error)

        self._holding = asyncio.create_task(hold())
        await begun
        return made

    async def close(self) -> None:
        """Ends what was made, if anything was."""
        self._over.set()
        if self._opening is not None:
            await asyncio.wait((self._opening,))
        if self._holding is not None:
            await self._holding


def _wants_page(scope: Scope) -> bool:
    """Whether it is a person on the way to a page who asks, who would rather see something than wait."""
    if scope["type"] != "http" or scope["method"] != "GET":
        return False
    asks = Headers(scope=scope)
    return asks.get("sec-fetch-mode", "navigate") == "navigate" and "text/html" in asks.get("accept", "")
