"""A part of the app that is made when somebody first asks for it: pages in another language than the studio's own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send


class Later:
    """An ASGI app, to be mounted at ``where``, that stands in for one made by the first request.

    ``make`` gives an app that has its pages at ``where`` too. Its lifespan is held open by a task of its own until ``close``:
    what is entered in a task wants to be left in the same.
    """

    def __init__(self, where: str, make: Callable[[], FastAPI]) -> None:
        self.where, self._make = where, make
        self._app: FastAPI | None = None
        self._making = asyncio.Lock()
        self._over = asyncio.Event()
        self._holding: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, as if nothing stood between."""
        async with self._making:
            if self._app is None:
                self._app = await self._open()
        outer = scope["root_path"].removesuffix(self.where)
        await self._app({**scope, "root_path": outer}, receive, send)

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
                begun.set_exception(error)  # whoever asked is told, and may ask again

        self._holding = asyncio.create_task(hold())
        await begun
        return made

    async def close(self) -> None:
        """Ends what was made, if anything was."""
        self._over.set()
        if self._holding is not None:
            await self._holding
