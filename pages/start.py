"""The start page: what the studio is, and one card and picture per system."""

from __future__ import annotations

import html
from dataclasses import dataclass

from core import checkpoints
from studio.app import prefix
from studio.language import Language
from studio.page import Page
from studio.services import Services

SYSTEMS = ("expression", "facefield", "textedit", "depth", "garment")


@dataclass(frozen=True)
class Standing:
    """How far a system is: whether it has weights, and whether its page is there."""

    system: str
    weights: tuple[str, ...]
    has_page: bool
    missing: tuple[str, ...] = ()
    """Weights that its page wants and that are not there."""


def on_open(services: Services) -> list[Standing]:
    """How far each system is, from the files."""
    found = checkpoints.list_all(services.settings.weight_roots)
    standings = []
    for system in SYSTEMS:
        weights = tuple(one.card.name for one in found if one.card.subject == system)
        missing = tuple(name for name in services.systems.get(system, ()) if name not in weights)
        standings.append(Standing(system, weights, system in services.systems, missing))
    return standings


def build(services: Services, say: Language) -> None:
    """Lay the page out."""
    import gradio as gr

    where = prefix(say.code, services.settings.language)
    hero = f'<div class="hero"><h1>{html.escape(say("start.promise"))}</h1><p>{html.escape(say("start.summary"))}</p></div>'

    def draw() -> str:
        return f'{hero}<div class="cards">{"".join(_card(one, say, where) for one in on_open(services))}</div>'

    shown = gr.HTML(draw())
    gr.on(triggers=None, fn=draw, inputs=None, outputs=shown, api_visibility="private", show_progress="hidden")
    gr.HTML(f'<p class="promise">{html.escape(say("start.nobody"))}</p>')


def _card(standing: Standing, say: Language, where: str) -> str:
    system = standing.system
    title = html.escape(say(f"{system}.title"))
    heading = f'<a href="{where}/{system}">{title}</a>' if standing.has_page else title
    if standing.has_page and standing.missing:
        dot, state = "working", say("start.lacks", names=", ".join(standing.missing))
    elif standing.has_page and standing.weights:
        dot, state = "ready", say("start.ready")
    elif standing.weights:
        dot, state = "working", say("start.learned", names=", ".join(standing.weights))
    else:
        dot, state = "", say("start.not_yet")
    return (
        f'<article class="card"><img src="/assets-of-likeness/web/cards/{system}.svg" alt="" loading="lazy">'
        f'<div class="text"><h2>{heading}</h2><p>{html.escape(say(f"{system}.summary"))}</p>'
        f'<span class="state"><span class="dot {dot}"></span>{html.escape(state)}</span></div></article>'
    )


PAGE = Page(slug="", build=build)
