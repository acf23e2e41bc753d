"""How the garment page is laid out: compose, a grid of variants, from a photo, try on, and what the weights can do."""

from __future__ import annotations

import html
from typing import Any

from core.engine.figure_choices import VIEWS
from core.engine.poses import POSES
from pages.garment import showing
from pages.garment.command import MOST_GARMENTS
from pages.garment.compose_layout import (
    FETCH,
    HIDDEN,
    Desk,
    kind_choices,
    lay_out_compose,
    read_wanted,
    show_newest,
)
from pages.garment.examples import list_examples
from pages.garment.grid import GridWanted, on_grid
from pages.garment.handlers import ROOM
from pages.garment.wearing import REGIONS, Wearer, on_photo, on_try
from studio import panels
from studio.job_panel import Telling, job_panel
from studio.language import Language
from studio.score_cards import score_cards
from studio.services import Services
from studio.settings import ROOT

CSS = ROOT / "pages" / "garment" / "garment.css"
LOAD = (
    "const s=document.createElement('script');s.type='module';s.src='/assets-of-likeness/web/garment.js';"
    "document.head.append(s)"
)
PICTURES = [".png", ".jpg", ".jpeg", ".webp", ".bmp"]


def build(services: Services, say: Language) -> None:
    """Lay the page out."""
    import gradio as gr

    title, summary = html.escape(say("garment.title")), html.escape(say("garment.summary"))
    gr.HTML(
        f'<style>{CSS.read_text(encoding="utf-8")}</style><div class="hero"><h1>{title}</h1><p>{summary}</p></div>',
        js_on_load=LOAD,
    )
    standing = gr.HTML()
    _on_open(services, standing, lambda inner, who: showing.show_standing(inner, who, say))
    past, last = gr.State([]), gr.Textbox("", visible="hidden", show_label=False)
    with gr.Tabs():
        with gr.Tab(say("garment.tab.compose")):
            desk = lay_out_compose(services, say, past, last)
        with gr.Tab(say("garment.tab.grid")):
            _lay_out_grid(services, say, desk)
        with gr.Tab(say("garment.tab.photo")):
            _lay_out_photo(services, say, desk)
        with gr.Tab(say("garment.tab.wear")):
            _lay_out_wear(services, say, desk)
        with gr.Tab(say("garment.tab.weights")):
            shown = gr.HTML()
            _on_open(services, shown, lambda inner, who: score_cards(inner, who, ROOM, say))
            gr.HTML(f'<p class="hint">{html.escape(say("garment.weights.train"))}</p>')


def _on_open(services: Services, shown: Any, draw: Any) -> None:
    import gradio as gr

    gr.on(None, panels.listen(services, draw), None, shown, **HIDDEN)


def _lay_out_grid(services: Services, say: Language, desk: Desk) -> None:
    import gradio as gr

    gr.HTML(f'<p class="hint">{html.escape(say("garment.grid.summary", most=MOST_GARMENTS))}</p>')
    with gr.Row():
        with gr.Column(min_width=280):
            templates = gr.CheckboxGroup(
                kind_choices(say), value=["tee", "shirt", "dress", "skirt"], label=say("garment.grid.templates")
            )
            outlines = gr.File(
                file_count="multiple", file_types=PICTURES, label=say("garment.grid.outlines"), height=120
            )
        with gr.Column(min_width=280):
            names = list(list_examples(services, "cloths"))
            examples = gr.CheckboxGroup(
                [(say(f"garment.example.{name}"), name) for name in names],
                value=names,
                label=say("garment.grid.examples"),
            )
            cloths = gr.File(file_count="multiple", file_types=PICTURES, label=say("garment.grid.cloths"), height=120)
            also = gr.CheckboxGroup(
                [(say(f"garment.grid.also_{name}"), name) for name in ("cut", "cloth")], label=say("garment.grid.also")
            )
            with gr.Row():
                go = gr.Button(say("garment.grid.go"), variant="primary", elem_id="garment-grid-go")
                stop = gr.Button(say("job.cancel"), elem_id="garment-grid-cancel")
    told = Telling(
        say("garment.grid.nothing"), say("garment.grid.working"), lambda found: showing.show_sheet(found, say)
    )
    job = job_panel(services, say, told, "garment-grid-result", stop)

    def start(inner: Services, profile: str, *values: Any) -> str:
        cut, cloth = read_wanted(*values[:9])
        chosen, files, ready, given, from_compose = values[9:]
        wanted = GridWanted(
            tuple(chosen or ()),
            tuple(str(one) for one in files or ()),
            tuple(ready or ()),
            tuple(str(one) for one in given or ()),
            cut if "cut" in (from_compose or ()) else None,
            cloth if "cloth" in (from_compose or ()) else None,
            cloth.laying,
        )
        return on_grid(inner, profile, wanted)

    go.click(
        panels.listen(services, start), [*desk.inputs, templates, outlines, examples, cloths, also], job.chosen,
        api_name="garment_grid", js=FETCH,
    )  # fmt: skip


def _lay_out_photo(services: Services, say: Language, desk: Desk) -> None:
    import gradio as gr

    with gr.Row():
        with gr.Column(min_width=280):
            photo = gr.Image(
                type="filepath", sources=["upload", "webcam", "clipboard"], label=say("garment.photo.given"),
                placeholder=say("garment.drop"), height=340,
                elem_id="garment-photo",
            )  # fmt: skip
            people = list_examples(services, "people")
            if people:
                gr.Examples([[str(path)] for path in people.values()], photo, label=say("garment.photo.examples"))
            with gr.Row():
                cut = gr.Dropdown(
                    [(say("garment.photo.any_cut"), ""), *kind_choices(say)], value="", label=say("garment.photo.cut"),
                    filterable=False, min_width=130,
                )  # fmt: skip
                region = gr.Dropdown(
                    [(say("garment.photo.any_region"), ""), *((say(f"garment.region.{name}"), name) for name in REGIONS)],
                    value="", label=say("garment.photo.region"), filterable=False, min_width=130,
                )  # fmt: skip
            go = gr.Button(say("garment.photo.go"), variant="primary", elem_id="garment-photo-go")
        with gr.Column(min_width=300):
            shown = gr.HTML(panels.empty(say("garment.photo.nothing")), elem_id="garment-photo-result")
    gr.HTML(f'<p class="hint">{html.escape(say("garment.photo.hint"))}</p>')

    def find(inner: Services, profile: str, file: str | None, kind: str, where: str, past: Any) -> tuple[Any, ...]:
        made = show_newest(on_photo(inner, profile, file, kind, where), past, say)
        return made[0], *made

    go.click(
        panels.listen(services, find), [photo, cut, region, desk.past], [shown, *desk.outputs], api_name="garment_photo",
        concurrency_id="device",
    )  # fmt: skip


def _lay_out_wear(services: Services, say: Language, desk: Desk) -> None:
    import gradio as gr

    with gr.Row():
        with gr.Column(min_width=280):
            chosen = gr.HTML(showing.show_chosen(None, say), elem_id="garment-chosen")
            file = gr.Image(
                type="filepath", sources=["upload"], label=say("garment.wear.given"),
                placeholder=say("garment.drop"), height=140, image_mode=None,
                elem_id="garment-wear-given",
            )  # fmt: skip
            kind = gr.Dropdown(
                [(say("garment.wear.own_kind"), ""), *kind_choices(say)], value="", label=say("garment.wear.kind"),
                info=say("garment.wear.kind_info"), filterable=False, elem_id="garment-wear-kind",
            )  # fmt: skip
            poses = [(say(f"garment.pose.{name.replace(' ', '_')}"), name) for name in POSES]
            pose = gr.Dropdown(
                [(say("garment.wear.any_pose"), ""), *poses], value="arms down", label=say("garment.wear.pose"),
                filterable=False,
            )  # fmt: skip
            with gr.Row():
                views = [(say(f"garment.view.{name}"), name) for name in VIEWS]
                view = gr.Radio(views, value="half", label=say("garment.wear.view"), min_width=150)
                seed = gr.Number(0, label=say("garment.wear.seed"), precision=0, minimum=0, min_width=90)
            go = gr.Button(say("garment.wear.go"), variant="primary", elem_id="garment-wear-go")
        with gr.Column(min_width=300):
            shown = gr.HTML(panels.empty(say("garment.wear.nothing")), elem_id="garment-worn")

    def show_last(inner: Services, profile: str, medium: str) -> str:
        return showing.show_chosen(inner.media.get(profile, medium) if medium else None, say)

    def wear(inner: Services, profile: str, *values: Any) -> str:
        medium, upload, sort, stance, framing, number = values
        wearer = Wearer(stance or None, framing, int(number or 0))
        return showing.show_worn(on_try(inner, profile, medium, upload, sort, wearer), say)

    desk.last.change(panels.listen(services, show_last), desk.last, chosen, **HIDDEN)
    go.click(
        panels.listen(services, wear), [desk.last, file, kind, pose, view, seed], shown, api_name="garment_wear",
        concurrency_id="device",
    )  # fmt: skip
