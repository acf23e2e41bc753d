"""How the depth page is laid out: a clip or a picture, what was read of it, a known length, files, and learning on from it."""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.depth.predict import GUESSED_DEGREES
from pages.depth import handlers, showing
from pages.depth.examples import EXAMPLES, find_still, list_examples
from pages.depth.handlers import ROOM, Asked
from pages.depth.result_layout import HIDDEN, lay_out_measuring, lay_out_result
from pages.depth.tuning_layout import lay_out_tuning
from studio import panels
from studio.job_panel import Telling, job_panel
from studio.language import Language
from studio.score_cards import score_cards
from studio.services import Services
from studio.settings import ROOT

CSS = ROOT / "pages" / "depth" / "depth.css"
LOAD = (
    "const s=document.createElement('script');s.type='module';s.src='/assets-of-likeness/web/depth.js';"
    "document.head.append(s)"
)


@dataclass(frozen=True)
class Given:
    """Where a person says what is to be read, and how."""

    which: Any
    """``clip`` or ``picture``: the one whose tab is open."""
    clip: Any
    picture: Any
    degrees: Any
    rate: Any
    go: Any
    stop: Any


def build(services: Services, say: Language) -> None:
    """Lay the page out."""
    import gradio as gr

    title, summary = html.escape(say("depth.title")), html.escape(say("depth.summary"))
    gr.HTML(
        f'<style>{CSS.read_text(encoding="utf-8")}</style><div class="hero"><h1>{title}</h1><p>{summary}</p></div>',
        js_on_load=LOAD,
    )
    standing = gr.HTML()
    draw = panels.listen(services, lambda inner, who: showing.show_standing(inner, who, say))
    gr.on(None, draw, None, standing, **HIDDEN)
    with gr.Tabs():
        with gr.Tab(say("depth.tab.read")):
            chosen, shown = _lay_out_reading(services, say)
        with gr.Tab(say("depth.tab.tune")):
            lay_out_tuning(services, say, chosen, shown)
        with gr.Tab(say("depth.tab.weights")):
            cards = gr.HTML()
            score = panels.listen(services, lambda inner, who: score_cards(inner, who, ROOM, say))
            gr.on(None, score, None, cards, **HIDDEN)
            gr.HTML(f'<p class="hint">{html.escape(say("depth.weights.train"))}</p>')
    _lay_out_door(services, chosen)


def _lay_out_reading(services: Services, say: Language) -> tuple[Any, Any]:
    import gradio as gr

    with gr.Row():
        with gr.Column(scale=2, min_width=280):
            given = _lay_out_given(services, say)
        with gr.Column(scale=5, min_width=300):
            told = Telling(say("depth.nothing"), say("depth.working"), lambda found: showing.show_reading(found, say))
            job = job_panel(services, say, told, "depth-result", given.stop)
            lay_out_measuring(services, say, job)
    lay_out_result(services, say, job)

    def read(
        inner: Services, profile: str, which: str, clip: str | None, picture: str | None, degrees: float, rate: float
    ) -> str:
        asked = Asked(degrees or None, float(rate))
        if which == "picture":
            return handlers.on_picture(inner, profile, picture, asked)
        return handlers.on_clip(inner, profile, clip, asked)

    asked = [given.which, given.clip, given.picture, given.degrees, given.rate]
    given.go.click(panels.listen(services, read), asked, job.chosen, api_visibility="private")
    gr.on(None, panels.listen(services, handlers.newest_reading), None, job.chosen, **HIDDEN)
    return job.chosen, job.shown


def _lay_out_given(services: Services, say: Language) -> Given:
    import gradio as gr

    which = gr.State("clip")
    with gr.Tabs():
        with gr.Tab(say("depth.given.clip_tab")) as moving:
            clip = gr.Video(
                sources=["upload", "webcam"], label=say("depth.given.clip_tab"), height=290, elem_id="depth-clip",
                include_audio=False,
            )  # fmt: skip
            examples = _lay_out_examples(services, say)
            rate = gr.Slider(2, 16, 8, step=1, label=say("depth.given.rate"), info=say("depth.given.rate_info"))
        with gr.Tab(say("depth.given.picture_tab")) as still:
            picture = gr.Image(
                type="filepath", sources=["upload", "webcam", "clipboard"], label=say("depth.given.picture_tab"), height=290,
                elem_id="depth-picture",
            )  # fmt: skip
            ready = find_still(services)
            if ready is not None:
                gr.Examples([[str(ready)]], picture, label=say("depth.given.examples"))
    degrees = gr.Slider(
        0, 130, 0, step=0.1, label=say("depth.given.lens"),
        info=say("depth.given.lens_info", guessed=f"{GUESSED_DEGREES:.0f}"), elem_id="depth-lens",
    )  # fmt: skip
    with gr.Row():
        go = gr.Button(say("depth.given.go"), variant="primary", elem_id="depth-go", scale=3, min_width=150)
        stop = gr.Button(say("job.cancel"), elem_id="depth-cancel", scale=2, min_width=90)
    moving.select(lambda: "clip", None, which, **HIDDEN)
    still.select(lambda: "picture", None, which, **HIDDEN)
    for name, (path, button) in examples.items():
        button.click(_give(path, EXAMPLES[name].degrees), None, [clip, degrees], **HIDDEN)
    return Given(which, clip, picture, degrees, rate, go, stop)


def _lay_out_examples(services: Services, say: Language) -> dict[str, tuple[Path, Any]]:
    """A button each; Gradio's own examples look into every clip whenever the studio starts."""
    import gradio as gr

    found = list_examples(services)
    if not found:
        return {}
    gr.HTML(f'<p class="hint">{html.escape(say("depth.given.examples"))}</p>')
    with gr.Row():
        return {
            name: (
                path,
                gr.Button(say(f"depth.example.{name}"), size="sm", min_width=80, elem_id=f"depth-example-{name}"),
            )
            for name, path in found.items()
        }


def _give(path: Path, degrees: float) -> Any:
    return lambda: (str(path), degrees)


def _lay_out_door(services: Services, chosen: Any) -> None:
    """For programs, by name in the HTTP API: a clip or a picture is read, and what came of it."""
    import gradio as gr

    def read_clip(inner: Services, profile: str, file: str | None, degrees: float | None, rate: float) -> str:
        return handlers.on_clip(inner, profile, file, Asked(degrees or None, float(rate)))

    def read_picture(inner: Services, profile: str, file: str | None, degrees: float | None) -> str:
        return handlers.on_picture(inner, profile, file, Asked(degrees or None))

    with gr.Row(visible=False):
        clip, picture = gr.File(), gr.Image(type="filepath")
        degrees, rate, told = gr.Number(0), gr.Number(8), gr.JSON()
        go = gr.Button()
        go.click(panels.listen(services, read_clip), [clip, degrees, rate], chosen, api_name="depth_clip")
        go.click(panels.listen(services, read_picture), [picture, degrees], chosen, api_name="depth_picture")
        go.click(panels.listen(services, handlers.on_result), chosen, told, api_name="depth_result")
