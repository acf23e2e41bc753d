"""A panel that follows a piece of work: its bar, a button that takes it back, and in the end what came of it."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from studio import panels
from studio.jobs import Job
from studio.language import Language
from studio.services import Services

LOOK_SECONDS = 1.0


@dataclass(frozen=True)
class Telling:
    """What a panel says of its work."""

    nothing: str
    """Before any work."""
    working: str
    """While it goes on."""
    done: Callable[[Job], str]
    """HTML of what came of it."""


@dataclass(frozen=True)
class JobPanel:
    """Components that show one job; ``chosen`` holds its number."""

    chosen: Any
    shown: Any


def job_panel(services: Services, say: Language, telling: Telling, name: str, cancel: Any) -> JobPanel:
    """Follow one job of the profile; ``cancel`` is the button that takes it back."""
    import gradio as gr

    chosen = gr.Textbox("", visible="hidden", show_label=False)
    shown = gr.HTML(panels.empty(telling.nothing), elem_id=name)
    seen = gr.State("")

    def look(inner: Services, profile: str, number: str, known: str) -> tuple[Any, Any]:
        if not number:
            return gr.skip(), gr.skip()
        said = describe_job(inner.jobs.get(number, profile), say, telling)
        return (gr.skip(), gr.skip()) if said == known else (said, said)

    def take_back(inner: Services, profile: str, number: str) -> None:
        if number:
            inner.jobs.cancel(number, profile)

    hidden: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    cancel.click(panels.listen(services, take_back), chosen, None, **hidden)
    gr.Timer(LOOK_SECONDS).tick(panels.listen(services, look), [chosen, seen], [shown, seen], **hidden)
    return JobPanel(chosen, shown)


def describe_job(found: Job, say: Language, telling: Telling) -> str:
    """A job's bar, its end, or why there is none."""
    if found.state == "done":
        inner = telling.done(found)
    elif found.ended:
        inner = panels.empty(found.message or say("job.cancelled"))
    else:
        inner = f"<p>{html.escape(telling.working)}</p>{bar(found.share)}"
    return f'<div class="take" data-state="{found.state}">{inner}</div>'


def bar(share: float) -> str:
    """How far work is."""
    percent = f"{share * 100:.0f}"
    return (
        f'<div class="bar" role="progressbar" aria-valuenow="{percent}" aria-valuemin="0" aria-valuemax="100">'
        f'<i style="width:{percent}%"></i></div>'
    )


def link_files(files: list[dict[str, Any]]) -> str:
    """Links to kept files (``medium``, ``name``, ``type``), a film or picture among them shown first."""
    links = "".join(
        f'<a href="/files/{one["medium"]}" download="{html.escape(one["name"])}">{html.escape(one["name"])}</a>'
        for one in files
    )
    film = next((one for one in files if one["type"].startswith("video/")), None)
    shown = f'<video src="/files/{film["medium"]}" controls loop muted playsinline></video>' if film else ""
    return f'{shown}<div class="files">{links}</div>'
