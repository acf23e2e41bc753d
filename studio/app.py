"""The app: one FastAPI behind one guard, with the Gradio pages in each language, the desk, and a profile's own files."""

from __future__ import annotations

import contextlib
import functools
import html
from collections.abc import AsyncIterator, Sequence
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import FileResponse, PlainTextResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles

from studio import look
from studio.desk import Desk, add_desk
from studio.guard import Guard, profile_of
from studio.language import Language, speak
from studio.later import Later
from studio.page import Page
from studio.plain import plain_page
from studio.services import Services
from studio.settings import LANGUAGES
from studio.signin import add_sign_in


def create(services: Services, pages: Sequence[Page]) -> FastAPI:
    """The whole studio as one ASGI app."""
    settings = services.settings
    desk = Desk(settings) if settings.desk else None
    others = [
        Later(where, functools.partial(_make_alone, services, pages, code), _wait_a_moment(speak(code)))
        for code, where in ((code, prefix(code, settings.language)) for code in LANGUAGES)
        if where
    ]

    @contextlib.asynccontextmanager
    async def live(app: FastAPI) -> AsyncIterator[None]:  # noqa: ARG001 - FastAPI passes it
        services.jobs.recover()
        if desk is not None:
            desk.start()
        try:
            yield
        finally:
            for other in others:
                await other.close()
            if desk is not None:
                desk.stop()
            services.close()

    app = FastAPI(title="Likeness", lifespan=live, docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Guard, settings=settings, people=services.people)
    app.mount("/assets-of-likeness", StaticFiles(directory=settings.shipped), name="assets")
    add_sign_in(app, settings, services.people)
    _add_files(app, services)
    for page in pages:
        if page.attach is not None:
            page.attach(app, services)
    if desk is not None:
        add_desk(app, desk)
    for other in others:
        app.add_route(other.where, _add_slash)
        app.mount(other.where, other)
    # last: a mount at "/" answers everything not yet taken
    _add_pages(app, services, pages, speak(settings.language), "")
    return app


def _add_slash(request: Request) -> RedirectResponse:
    """/zh is asked for by hand, and the pages stand at /zh/."""
    return RedirectResponse(f"{request.url.path}/")


def _make_alone(services: Services, pages: Sequence[Page], code: str) -> FastAPI:
    """The pages of one language alone, where they stand beside the others."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    _add_pages(app, services, pages, speak(code), prefix(code, services.settings.language))
    return app


def _wait_a_moment(say: Language) -> str:
    """What is shown until a language's pages are there; it asks again every second."""
    body = f'<main><h1>Likeness</h1><p role="status">{html.escape(say("later.meanwhile"))}</p></main>'
    return plain_page(say.code, body, '<meta http-equiv="refresh" content="1">')


def prefix(code: str, default: str) -> str:
    """Where a language's pages stand: the default one at the root."""
    return "" if code == default else f"/{code}"


def _add_files(app: FastAPI, services: Services) -> None:
    @app.get("/healthy", response_class=PlainTextResponse)
    def say_healthy() -> str:
        return "likeness"

    @app.get("/files/{medium}")
    def send_file(request: Request, medium: str) -> FileResponse:
        try:
            found = services.media.get(profile_of(request), medium)
        except LookupError as error:
            raise HTTPException(404, str(error)) from error
        return FileResponse(found.path, media_type=found.type, headers={"Cache-Control": "private, no-store"})


def _add_pages(app: FastAPI, services: Services, pages: Sequence[Page], say: Language, where: str) -> None:
    import gradio as gr

    def who(request: Request) -> str | None:
        return request.scope.get("state", {}).get("profile")

    with gr.Blocks(title="Likeness", delete_cache=(3600, 24 * 3600), analytics_enabled=False) as blocks:
        _lay_out(services, pages, pages[0], say)
    for page in pages[1:]:
        with blocks.route(say(f"{page.slug}.title"), f"/{page.slug}"):
            _lay_out(services, pages, page, say)
    options: dict[str, Any] = {"theme": look.theme(), "css": look.CSS, "head": look.head(say.code)}
    gr.mount_gradio_app(
        app,
        blocks,
        path=where or "/",
        auth_dependency=who,
        footer_links=[],
        run_history=False,
        allowed_paths=[str(services.settings.shipped)],
        max_file_size=services.settings.limits.upload_megabytes * 2**20,
        favicon_path=None if where else str(services.settings.shipped / "web" / "icon.svg"),
        show_error=True,
        enable_monitoring=False,
        **options,
    )


def _lay_out(services: Services, pages: Sequence[Page], page: Page, say: Language) -> None:
    import gradio as gr

    settings = services.settings
    gr.HTML(
        look.header(pages, page, say, settings.language, settings.named_profiles, desk=settings.desk), padding=False
    )
    with gr.Column(elem_classes="page", elem_id=f"page-{page.slug or 'start'}"):
        page.build(services, say)
