"""The sign-in page of a studio with a password: plain HTML, so that it works before anything else is loaded."""

from __future__ import annotations

import html
from pathlib import Path
from string import Template

from fastapi import FastAPI, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from studio.guard import COOKIE, cookie_of
from studio.language import Language, speak
from studio.people import SESSION_SECONDS, People, SignInRefused
from studio.plain import plain_page
from studio.settings import LANGUAGES, Settings

FORM = Template((Path(__file__).with_name("signin.html")).read_text(encoding="utf-8"))


def add_sign_in(app: FastAPI, settings: Settings, people: People) -> None:
    """The sign-in page, and signing out."""

    @app.get("/sign-in", response_class=HTMLResponse)
    def show(request: Request) -> Response:
        if people.who(cookie_of(request.headers)) is not None:
            return RedirectResponse("/", 303)
        return HTMLResponse(_page(_language(request, settings), ""))

    @app.post("/sign-in")
    def enter(request: Request, name: str = Form(), password: str = Form(), house: str = Form("")) -> Response:
        address = request.client.host if request.client else ""
        try:
            cookie = people.sign_in(name, password, house, address)
        except SignInRefused as error:
            return HTMLResponse(_page(_language(request, settings), str(error)), 403)
        answer = RedirectResponse("/", 303)
        secure = settings.certificate is not None
        answer.set_cookie(COOKIE, cookie, max_age=SESSION_SECONDS, httponly=True, samesite="strict", secure=secure)
        return answer

    @app.post("/sign-out")
    def leave(request: Request) -> Response:
        cookie = cookie_of(request.headers)
        if cookie:
            people.sign_out(cookie)
        answer = RedirectResponse("/sign-in", 303)
        answer.delete_cookie(COOKIE)
        return answer


def _language(request: Request, settings: Settings) -> Language:
    asked = request.cookies.get("likeness-language", settings.language)
    return speak(asked if asked in LANGUAGES else settings.language)


def _page(say: Language, error: str) -> str:
    form = FORM.substitute(
        title=say("sign_in.title"),
        error=f'<p class="error" role="alert">{html.escape(error)}</p>' if error else "",
        name=say("sign_in.name"),
        password=say("sign_in.password"),
        house=say("sign_in.house"),
        hint=say("sign_in.hint"),
        enter=say("sign_in.enter"),
    )
    return plain_page(say.code, form)
