"""The look: colours and type of our own, light and dark, and the header that every page has."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from studio.language import Language
from studio.page import Page
from studio.settings import LANGUAGES, ROOT

CSS = (ROOT / "studio" / "look.css").read_text(encoding="utf-8")


def theme() -> Any:
    """Gradio's base theme in our colours; fonts are those of the machine, none is fetched."""
    import gradio as gr

    teal = gr.themes.Color(
        name="likeness", c50="#effcf9", c100="#c9f5ec", c200="#97ead9", c300="#5dd6c2", c400="#2fbba8", c500="#14a08f",
        c600="#0f766e", c700="#115e58", c800="#134b47", c900="#143f3b", c950="#052523",
    )  # fmt: skip
    sand = gr.themes.Color(
        name="sand", c50="#faf9f7", c100="#f3f1ed", c200="#e6e2da", c300="#d2ccc0", c400="#a39d91", c500="#7a756b",
        c600="#575349", c700="#353a45", c800="#262a33", c900="#1a1c21", c950="#121418",
    )  # fmt: skip
    sans = [
        "system-ui",
        "-apple-system",
        "Segoe UI",
        "Noto Sans CJK SC",
        "PingFang SC",
        "Microsoft YaHei",
        "sans-serif",
    ]
    return gr.themes.Base(
        primary_hue=teal,
        secondary_hue=teal,
        neutral_hue=sand,
        radius_size=gr.themes.sizes.radius_md,
        font=sans,
        font_mono=["ui-monospace", "DejaVu Sans Mono", "monospace"],
    ).set(
        body_background_fill="*neutral_100",
        body_background_fill_dark="*neutral_950",
        block_background_fill="white",
        block_background_fill_dark="*neutral_900",
        body_text_color_subdued="#635e54",
        body_text_color_subdued_dark="#a9adb8",
        block_label_text_color="#4a463e",
        block_label_text_color_dark="#c4c8d2",
        input_background_fill_dark="*neutral_800",
        checkbox_label_background_fill_dark="*neutral_800",
        border_color_primary_dark="*neutral_700",
        block_border_width="1px",
        block_label_text_weight="500",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_600",
        button_primary_background_fill_hover_dark="*primary_500",
        button_primary_text_color="white",
        link_text_color="*primary_700",
        link_text_color_dark="*primary_300",
    )


def head(code: str) -> str:
    """What stands in each page's head: the language for Gradio's own words and for screen readers."""
    locale = {"en": "en", "zh": "zh-CN"}[code]
    return (
        f"<script>Object.defineProperty(navigator,'language',{{get:()=>'{locale}'}});"
        f"Object.defineProperty(navigator,'languages',{{get:()=>['{locale}']}});"
        f"document.documentElement.lang='{locale}';document.cookie='likeness-language={code};path=/;samesite=strict';"
        "try{const t=localStorage.getItem('likeness-theme');"
        "if(t&&!new URLSearchParams(location.search).has('__theme')){const u=new URL(location);"
        "u.searchParams.set('__theme',t);history.replaceState(null,'',u)}}catch(e){}</script>"
    )


def header(pages: Sequence[Page], here: Page, say: Language, default: str, signed_in: bool, desk: bool) -> str:
    """The bar at the top: name, pages, the desk, language, light or dark, leave."""
    where = "" if say.code == default else f"/{say.code}"
    links = "".join(
        f'<a href="{where}/{page.slug}"{_current(page is here)}>{html.escape(say(f"{page.slug}.title"))}</a>'
        for page in pages
        if page.slug
    )
    if desk:
        links += f'<a href="/desk/">{html.escape(say("desk.title"))}</a>'
    other = next(code for code in LANGUAGES if code != say.code)
    switch = f"{'' if other == default else f'/{other}'}/{here.slug}"
    leave = (
        f'<form method="post" action="/sign-out"><button class="plain">{html.escape(say("header.leave"))}</button></form>'
        if signed_in
        else ""
    )
    return (
        f'<header class="likeness-bar"><a class="skip" href="#page-{here.slug or "start"}">{html.escape(say("header.skip"))}</a>'
        f'<a class="name" href="{where}/" {_current(not here.slug)}><span aria-hidden="true">◆</span> Likeness</a>'
        f'<nav aria-label="{html.escape(say("header.pages"))}">{links}</nav>'
        f'<a class="switch" href="{switch}" hreflang="{other}" lang="{other}">{html.escape(say("header.switch"))}</a>'
        f'<button class="plain theme" title="{html.escape(say("header.theme"))}" aria-label="{html.escape(say("header.theme"))}" '
        "onclick=\"const d=document.body.classList.toggle('dark');"
        "localStorage.setItem('likeness-theme',d?'dark':'light')\">◐</button>"
        f"{leave}</header>"
    )


def _current(here: bool) -> str:
    return ' aria-current="page"' if here else ""
