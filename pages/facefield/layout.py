"""How the facefield page is laid out: a head that is turned, two that are compared, learning, and what the weights can do."""

from __future__ import annotations

import html
from functools import partial
from pathlib import Path
from typing import Any

from core.image import Pixels
from pages.facefield import sitting, turns
from pages.facefield.handlers import ROOM, find_portrait, open_predictor, read_photo
from pages.facefield.heads import MOVES, kept_heads
from pages.facefield.learning import FEWEST, STEPS, on_learn
from pages.facefield.pieces import Made, check_view, look_at, tell_code
from pages.facefield.showing import caption, show_made, show_verdict
from pages.facefield.turns import HIDDEN, Parts
from pages.facefield.verifying import Compared, on_verify
from studio import panels
from studio.job_panel import Telling, job_panel
from studio.language import Language
from studio.score_cards import score_cards
from studio.services import Services
from studio.settings import ROOT
from training.spec import BadRequest

CSS = ROOT / "pages" / "facefield" / "facefield.css"
LOAD = (
    "const s=document.createElement('script');s.type='module';s.src='/assets-of-likeness/web/facefield.js';"
    "document.head.append(s)"
)
PICTURES = [".png", ".jpg", ".jpeg", ".webp", ".bmp"]


def build(services: Services, say: Language) -> None:
    """Lay the page out."""
    import gradio as gr

    title, summary = html.escape(say("facefield.title")), html.escape(say("facefield.summary"))
    gr.HTML(
        f'<style>{CSS.read_text(encoding="utf-8")}</style><div class="hero"><h1>{title}</h1><p>{summary}</p></div>',
        js_on_load=LOAD,
    )
    with gr.Tabs():
        with gr.Tab(say("facefield.tab.head")):
            _lay_out_head(services, say)
        with gr.Tab(say("facefield.tab.verify")) as tab:
            _lay_out_verify(services, say, tab)
        with gr.Tab(say("facefield.tab.learn")):
            _lay_out_learn(services, say)
        with gr.Tab(say("facefield.tab.weights")):
            _hint(say("facefield.weights.summary"))
            shown = gr.HTML()
            cards = panels.listen(services, lambda inner, who: score_cards(inner, who, ROOM, say))
            gr.on(None, cards, None, shown, **HIDDEN)
    _lay_out_door(services)


def _hint(text: str) -> None:
    import gradio as gr

    gr.HTML(f'<p class="hint">{html.escape(text)}</p>')


def _heading(text: str) -> None:
    import gradio as gr

    gr.HTML(f"<h3>{html.escape(text)}</h3>")


def _people(services: Services) -> list[list[str]]:
    # faces of the engine that the talking page also offers; people who do not exist
    folder = services.settings.shipped / "examples" / "textedit" / "people"
    return [[str(path)] for path in sorted(folder.glob("*.webp"))]


def _lay_out_head(services: Services, say: Language) -> None:
    import gradio as gr

    past, numbers = gr.State([]), gr.State([])
    with gr.Row():
        with gr.Column(scale=3, min_width=250):
            photo, somebody = _lay_out_given(services, say)
        with gr.Column(scale=5, min_width=300):
            working = gr.HTML("", elem_id="facefield-working")
            cancel = gr.Button(say("job.cancel"), visible=False, size="sm", elem_id="facefield-cancel")
            stage = gr.HTML(panels.empty(say("facefield.head.nothing")), elem_id="facefield-stage", padding=False)
        with gr.Column(scale=3, min_width=250):
            moves, other, swaps = _lay_out_changes(say)
    strip = gr.Gallery(
        label=say("facefield.kept.title"), columns=8, height=160, object_fit="contain", allow_preview=False,
        interactive=False, buttons=[], elem_id="facefield-strip", visible=False,
    )  # fmt: skip
    buttons = _lay_out_taking(services, say, past)
    parts = Parts(past, stage, strip, numbers, other, moves)
    job = gr.Textbox("", visible="hidden", show_label=False)
    turns.wire_given(services, say, parts, turns.Given(photo, working, cancel, job, *somebody))
    turns.wire_changes(services, say, parts, swaps | buttons)
    turns.wire_strip(services, say, parts)


def _lay_out_given(services: Services, say: Language) -> tuple[Any, tuple[Any, Any, Any]]:
    import gradio as gr

    photo = gr.Image(
        type="filepath", sources=["upload", "webcam", "clipboard"], label=say("facefield.head.given"),
        placeholder=say("facefield.drop"), height=280,
        elem_id="facefield-photo",
    )  # fmt: skip
    gr.Examples(_people(services), photo, label=say("facefield.head.examples"), examples_per_page=8)
    _hint(say("facefield.head.consent"))
    with gr.Row(equal_height=True):
        somebody = gr.Button(say("facefield.head.somebody"), elem_id="facefield-somebody", min_width=150)
        seed = gr.Textbox(
            label=say("facefield.head.seed"), placeholder=say("facefield.head.any_seed"), max_lines=1, max_length=10,
            min_width=90, elem_id="facefield-seed",
        )  # fmt: skip
    codes = gr.UploadButton(
        say("facefield.head.back"), file_types=[".json"], file_count="single", size="sm", elem_id="facefield-codes"
    )
    return photo, (somebody, seed, codes)


def _lay_out_changes(say: Language) -> tuple[list[Any], Any, dict[str, Any]]:
    import gradio as gr

    _heading(say("facefield.change.title"))
    moves = [
        gr.Slider(-1, 1, 0, step=0.05, label=say(f"facefield.move.{name}"), elem_id=f"facefield-move-{name}")
        for name in MOVES
    ]
    other = gr.Dropdown([], label=say("facefield.swap.other"), filterable=False, elem_id="facefield-other")
    with gr.Row():
        swaps = {
            f"swap_{what}": gr.Button(
                say(f"facefield.swap.{what}"), size="sm", min_width=110, elem_id=f"facefield-swap-{what}"
            )
            for what in ("look", "shape")
        }
    return moves, other, swaps


def _lay_out_taking(services: Services, say: Language, past: Any) -> dict[str, Any]:
    import gradio as gr

    with gr.Row():
        with gr.Column(scale=2, min_width=280):
            _heading(say("facefield.take.title"))
            with gr.Row():
                buttons = {
                    action: gr.Button(
                        say(f"facefield.take.{action}"), size="sm", min_width=90, elem_id=f"facefield-{action}",
                        visible=action != "sure",
                    )
                    for action in ("keep", "undo", "delete", "sure")
                }  # fmt: skip
            makes = {
                kind: gr.Button(say(f"facefield.make.{kind}"), variant="primary", elem_id=f"facefield-make-{kind}")
                for kind in sitting.FORMS
            }
            stop = gr.Button(say("job.cancel"), size="sm")
        with gr.Column(scale=3, min_width=300):
            made = partial(show_made, say=say)
            told = Telling(say("facefield.make.nothing"), say("facefield.make.working"), made)
            job = job_panel(services, say, told, "facefield-made", stop)
    for kind, button in makes.items():
        button.click(
            panels.listen(services, turns.making(kind)), past, job.chosen, api_name=f"facefield_{kind}",
            show_progress="hidden",
        )  # fmt: skip
    return buttons


def _lay_out_verify(services: Services, say: Language, tab: Any) -> None:
    import gradio as gr

    _hint(say("facefield.verify.summary"))
    sides: list[Any] = []
    with gr.Row():
        for which in ("first", "second"):
            with gr.Column(min_width=260):
                sides.append(
                    gr.Image(
                        type="filepath", sources=["upload", "webcam", "clipboard"], height=240, placeholder=say("facefield.drop"),
                        label=say(f"facefield.verify.{which}"), elem_id=f"facefield-verify-{which}",
                    )
                )  # fmt: skip
                sides.append(gr.Dropdown([], label=say("facefield.verify.kept"), filterable=False))
    with gr.Row():
        go = gr.Button(say("facefield.verify.go"), variant="primary", elem_id="facefield-verify-go")
        stop = gr.Button(say("job.cancel"), min_width=80)
    told = Telling(
        say("facefield.verify.nothing"), say("facefield.head.working"), lambda found: show_verdict(found, say)
    )
    job = job_panel(services, say, told, "facefield-verdict", stop)

    def list_kept(inner: Services, profile: str) -> list[Any]:
        heads = kept_heads(inner, profile)
        choices = [("–", ""), *((f"{len(heads) - at} · {caption(one, say)}", one.id) for at, one in enumerate(heads))]
        return [gr.update(choices=choices)] * 2

    def compare(inner: Services, profile: str, *values: str | None) -> str:
        first, one, second, two = values
        return on_verify(inner, profile, Compared(one or "", first), Compared(two or "", second))

    tab.select(panels.listen(services, list_kept), None, [sides[1], sides[3]], **HIDDEN)
    go.click(panels.listen(services, compare), sides, job.chosen, api_name="facefield_verify", show_progress="hidden")


def _lay_out_learn(services: Services, say: Language) -> None:
    import gradio as gr

    _hint(say("facefield.learn.summary", fewest=FEWEST))
    with gr.Row():
        with gr.Column(min_width=280):
            files = gr.File(
                file_count="multiple", file_types=PICTURES, label=say("facefield.learn.files"), height=180,
                elem_id="facefield-learn-files",
            )  # fmt: skip
            agreed = gr.Checkbox(False, label=say("facefield.learn.consent"), elem_id="facefield-consent")
            steps = gr.Number(STEPS, label=say("runs.steps"), precision=0, minimum=1)
            go = gr.Button(say("facefield.learn.go"), variant="primary", elem_id="facefield-learn-go")
        with gr.Column(min_width=320):
            panel = panels.run_panel(services, say, doors=False)
    go.click(panels.listen(services, on_learn), [files, agreed, steps], panel.chosen, api_name="facefield_learn")


def _lay_out_door(services: Services) -> None:
    """A head in one call, for programs: the HTTP API's ``facefield_find``."""
    import gradio as gr

    def find(inner: Services, profile: str, file: str | None, *aim: float) -> tuple[Pixels, str]:
        if not file:
            raise BadRequest("Give a photo with a face first.")
        predictor = open_predictor(inner, profile)
        portrait, _ = find_portrait(predictor, read_photo(inner, Path(file)), "The photo")
        code = predictor.find(portrait, sitting.EFFORT, None)
        yaw, pitch = aim
        check_view(yaw, pitch)
        shown = sitting.draw_view(look_at(predictor, code, yaw, pitch), "picture", inner.settings.mark)
        return shown, tell_code(code, Made({"system": ROOM}))

    with gr.Row(visible=False):
        photo, aim = gr.Image(type="filepath"), [gr.Number(0.0), gr.Number(0.0)]
        shown, codes = gr.Image(), gr.Textbox()
        gr.Button().click(
            panels.listen(services, find),
            [photo, *aim],
            [shown, codes],
            api_name="facefield_find",
            concurrency_id="device",
        )
