"""A part of the app that is made by its first request: once, opened before it answers, closed at the end."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from studio.later import Later

PAGE = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}


def house(told: list[str], refuses: bool = False, may_be_made: threading.Event | None = None) -> FastAPI:
    """An app whose pages under /zh come later; what happens to them is told."""

    def make() -> FastAPI:
        if may_be_made is not None:
            assert may_be_made.wait(60)
        told.append("made")

        @contextlib.asynccontextmanager
        async def live(app: FastAPI) -> AsyncIterator[None]:
            if refuses:
                raise OSError("no room")
            told.append("opened")
            yield
            told.append("closed")

        inner = FastAPI(lifespan=live)

        @inner.get("/zh/{name}")
        def say(request: Request, name: str) -> str:
            told.append(f"{name} at {request.scope['root_path']}{request.url.path}")
            return name

        return inner

    later = Later("/zh", make, "<p>a moment</p>")

    @contextlib.asynccontextmanager
    async def live(app: FastAPI) -> AsyncIterator[None]:
        yield
        await later.close()

    app = FastAPI(lifespan=live)
    app.mount("/zh", later)
    return app


def test_it_is_made_once_by_the_first_request_opened_before_it_answers_and_closed_with_the_rest() -> None:
    told: list[str] = []
    with TestClient(house(told)) as client:
        assert told == []
        assert client.get("/zh/first").json() == "first"
        assert client.get("/zh/second").json() == "second"
        assert told == ["made", "opened", "first at /zh/first", "second at /zh/second"]
    assert told[-1] == "closed"


def test_nothing_is_made_where_nobody_asks() -> None:
    told: list[str] = []
    with TestClient(house(told)) as client:
        assert client.get("/elsewhere").status_code == 404
    assert told == []


def test_what_cannot_be_opened_says_so_and_is_tried_again() -> None:
    told: list[str] = []
    app = house(told, refuses=True)
    with TestClient(app) as client:
        with pytest.raises(OSError, match="no room"):
            client.get("/zh/first")
        with pytest.raises(OSError, match="no room"):
            client.get("/zh/first")
        assert told == ["made", "made"]


def test_who_wants_a_page_is_told_to_wait_a_moment_and_anything_else_waits() -> None:
    told: list[str] = []
    may_be_made = threading.Event()
    with TestClient(house(told, may_be_made=may_be_made)) as client, ThreadPoolExecutor() as others:
        waiting = client.get("/zh/first", headers=PAGE)
        assert (waiting.status_code, waiting.text) == (503, "<p>a moment</p>")
        assert waiting.headers["cache-control"] == "no-store"
        other = others.submit(client.get, "/zh/second")
        assert client.get("/zh/first", headers=PAGE).status_code == 503
        assert told == []
        may_be_made.set()
        assert other.result(60).json() == "second"
        assert client.get("/zh/first", headers=PAGE).json() == "first"
    assert told.count("made") == 1
