"""How the expression page is laid out: the live desk, a picture, a clip, one's own face, and what the weights can do."""

from __future__ import annotations

import html
import json
from typing import Any

from core.engine.controllers import NAMES
from core.image import Pixels, read_picture
from pages.expression import handlers
from pages.expression.collection import collect, on_collect
from pages.expression.live_layout import EXAMPLE_CLIPS, lay_out_live, scene_words, ways_to_read
from pages.expression.stream import lay_out_stream
from pages.expression.words import label
from studio import panels
from studio.job_panel import Telling, job_panel, link_files
from studio.jobs import Job
from studio.language import Language
from studio.score_cards import score_cards
from studio.services import Services

LOAD = (
    "const s=document.createElement('script');s.type='module';s.src='/live/expression/modules/expression.js';"
    "document.head.append(s)"
)
EXAMPLE_PICTURES = ("smile", "surprise", "anger")
SHOWN_NUMBERS = 24
HIDDEN: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}


def build(services: Services, say: Language) -> None:
    """Lay the page out."""
    import gradio as gr

    title, summary = html.escape(say("expression.title")), html.escape(say("expression.summary"))
    gr.HTML(f'<div class="hero"><h1>{title}</h1><p>{summary}</p></div>')
    with gr.Tabs():
        with gr.Tab(say("expression.tab.live"), elem_id="expression-live"):
            gr.HTML(lay_out_live(say), js_on_load=LOAD, padding=False, apply_default_css=False)
            with gr.Column(elem_id="expression-stream"):
                gr.HTML(html.escape(say("expression.stream.summary")))
                lay_out_stream(services, say, _scene_choices(say))
        with gr.Tab(say("expression.tab.picture")):
            _lay_out_picture(services, say)
        with gr.Tab(say("expression.tab.clip")):
            _lay_out_clip(services, say)
        with gr.Tab(say("expression.tab.own")) as own:
            _lay_out_own(services, say)
            _lay_out_corrections(services, say, own)
        with gr.Tab(say("expression.tab.weights")):
            shown = gr.HTML()
            gr.on(
                None,
                panels.listen(services, lambda inner, who: score_cards(inner, who, handlers.ROOM, say)),
                None,
                shown,
                **HIDDEN,
            )


def _scene_choices(say: Language) -> list[Any]:
    import gradio as gr

    people, grounds, lights = scene_words(say)
    with gr.Row():
        return [
            gr.Dropdown(
                [(text, value) for value, text in values.items()],
                value=next(iter(values)),
                label=say(f"expression.live.{name}"),
                min_width=120,
            )
            for name, values in (("character", people), ("ground", grounds), ("light", lights))
        ]


def _way_choice(say: Language) -> Any:
    import gradio as gr

    choices = [(text, way) for way, text in ways_to_read(say).items()]
    return gr.Dropdown(
        choices, value=choices[0][1], label=say("expression.live.way"), info=say("expression.way.about"), min_width=120
    )


def _examples(services: Services, names: tuple[str, ...], ending: str) -> list[list[str]]:
    folder = services.settings.shipped / "examples" / "expression"
    return [[str(folder / f"{name}.{ending}")] for name in names if (folder / f"{name}.{ending}").is_file()]


def _lay_out_picture(services: Services, say: Language) -> None:
    import gradio as gr

    with gr.Row():
        with gr.Column(min_width=280):
            given = gr.Image(
                type="filepath", sources=["upload", "clipboard"], label=say("expression.picture.given"), height=320,
                elem_id="expression-picture",
            )  # fmt: skip
            gr.Examples(_examples(services, EXAMPLE_PICTURES, "webp"), given, label=say("expression.examples"))
            scene = [*_scene_choices(say), _way_choice(say)]
            go = gr.Button(say("expression.picture.go"), variant="primary", elem_id="expression-picture-go")
        with gr.Column(min_width=280):
            virtual = gr.Image(label=say("expression.picture.virtual"), interactive=False, height=256)
            drawn = gr.Image(
                label=say("expression.picture.drawn"), interactive=False, height=360, elem_id="expression-drawn"
            )
    numbers = gr.HTML()

    def show(inner: Services, profile: str, *values: Any) -> tuple[Pixels, Pixels, str]:
        found = handlers.on_picture(inner, profile, *values)
        correct = _correct_button(found, values[1], say)
        return found.virtual, read_picture(found.drawn.path), correct + _numbers(found.controllers, say)

    go.click(
        panels.listen(services, show), [given, *scene], [virtual, drawn, numbers], api_name="expression_picture",
        concurrency_id="device",
    )  # fmt: skip


def _correct_button(found: handlers.Mimicked, character: str, say: Language) -> str:
    """Hands the picture to the live desk, whose sliders put it right."""
    read = {
        "medium": found.given.id, "character": character, "values": list(found.controllers.values()),
        "turn": [round(angle, 2) for angle in found.turn_degrees],
    }  # fmt: skip
    text, where = (html.escape(say(f"expression.picture.{key}")) for key in ("correct", "correct_where"))
    return f'<p class="putright"><button type="button" data-correct="{html.escape(json.dumps(read))}">{text}</button> {where}</p>'


def _numbers(controllers: dict[str, float], say: Language) -> str:
    strongest = sorted(controllers, key=lambda name: -controllers[name])[:SHOWN_NUMBERS]
    rows = "".join(
        f"<div><span>{html.escape(label(name, say))}</span><b>{controllers[name]:.2f}</b></div>" for name in strongest
    )
    heading = html.escape(say("expression.picture.numbers", count=SHOWN_NUMBERS, all=len(NAMES)))
    return f'<h3>{heading}</h3><div class="numbers">{rows}</div>'


def _lay_out_clip(services: Services, say: Language) -> None:
    import gradio as gr

    with gr.Row():
        with gr.Column(min_width=280):
            given = gr.Video(
                sources=["upload", "webcam"], label=say("expression.clip.given"), height=320, elem_id="expression-clip"
            )
            gr.Examples(_examples(services, EXAMPLE_CLIPS, "mp4"), given, label=say("expression.examples"))
            scene = [*_scene_choices(say), _way_choice(say)]
            with gr.Row():
                go = gr.Button(say("expression.clip.go"), variant="primary", elem_id="expression-clip-go")
                stop = gr.Button(say("job.cancel"), elem_id="expression-clip-cancel")
        with gr.Column(min_width=280):
            told = Telling(
                say("expression.clip.nothing"), say("expression.clip.working"), lambda found: _show_take(found, say)
            )
            job = job_panel(services, say, told, "expression-clip-result", stop)
    go.click(panels.listen(services, handlers.on_clip), [given, *scene], job.chosen, api_name="expression_clip")


def _show_take(found: Job, say: Language) -> str:
    held = say("expression.clip.held", held=found.result["held"], frames=found.result["frames"])
    return f"{link_files(found.result['files'])}<p>{html.escape(held)}</p>"


def _lay_out_own(services: Services, say: Language) -> None:
    import gradio as gr

    summary = html.escape(say("expression.own.summary"))
    gr.HTML(f"<p>{summary}</p>{_guide(say)}")
    with gr.Row():
        with gr.Column(min_width=280):
            given = gr.Video(sources=["webcam", "upload"], label=say("expression.own.clip"), height=320)
            agreed = gr.Checkbox(False, label=say("expression.own.consent"), elem_id="expression-consent")
            go = gr.Button(say("expression.own.go"), variant="primary", elem_id="expression-own-go")
        with gr.Column(min_width=320):
            panel = panels.run_panel(services, say, doors=False)
    go.click(
        panels.listen(services, handlers.on_personal), [given, agreed], panel.chosen, api_name="expression_personal"
    )


def _lay_out_corrections(services: Services, say: Language, tab: Any) -> None:
    import gradio as gr

    title, summary = html.escape(say("expression.dataset.title")), html.escape(say("expression.dataset.summary"))
    gr.HTML(f"<h3>{title}</h3><p>{summary}</p>")
    go = gr.Button(say("expression.dataset.none"), elem_id="expression-dataset-go")
    made = gr.HTML(elem_id="expression-dataset")

    def count(inner: Services, profile: str) -> Any:
        found = len(collect(inner, profile))
        few = (say("expression.dataset.none"), say("expression.dataset.one"))
        return gr.update(value=few[found] if found < len(few) else say("expression.dataset.go", count=found))

    def make(inner: Services, profile: str) -> str:
        version = on_collect(inner, profile)
        said = say("expression.dataset.made", version=version.folder.name, count=version.count)
        return f"<p>{html.escape(said)}</p><p><code>{html.escape(str(version.folder))}</code></p>"

    tab.select(panels.listen(services, count), None, go, **HIDDEN)
    go.click(panels.listen(services, make), None, made, api_name="expression_corrections")


def _guide(say: Language) -> str:
    steps = "".join(f"<li>{html.escape(step)}</li>" for step in say("expression.own.steps").split("|"))
    return f"<ol>{steps}</ol>"
