"""The compose tab: the cut at the left, the cloth in the middle, the garment at the right, and what was made before."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from typing import Any

from core.engine.cuts import KINDS
from pages.garment import showing
from pages.garment.composing import SOURCES, ClothWanted, CutWanted, Kept, on_cloth, on_compose
from pages.garment.examples import list_examples
from pages.garment.handlers import Laying
from studio import panels
from studio.language import Language
from studio.services import Services
from training.spec import BadRequest

HIDDEN: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
MOST_KEPT = 24
"""Garments of a sitting that can be brought back."""
COVERING = 0.35
"""Print size that is offered first, a power of ten: from it on a square crop covers a whole garment (cloth.LAID)."""
AT_DRAWING, AT_CLOTH = 3, 4
"""Places of the drawing and of the cloth (its crop follows) among what a listener is given."""
FETCH = f"(...given) => window.likenessGarment ? window.likenessGarment.fill(given, {AT_DRAWING}, {AT_CLOTH}) : given"
RESTORE = "(drawing) => window.likenessGarment?.restore(drawing)"
SHOW_TIMES = "(power) => `<output class='times'>\u00d7\u2009${(10 ** power).toFixed(power < 0 ? 2 : 1)}</output>`"


@dataclass(frozen=True)
class Desk:
    """What the tabs share: the garments of this sitting and the newest one's picture."""

    past: Any
    last: Any
    inputs: list[Any]
    """Where a cut and a cloth are chosen, in the order that ``read_wanted`` takes."""
    outputs: list[Any]
    """Where ``show_newest`` is shown."""


def read_wanted(
    source: str,
    template: str,
    picture: str | None,
    drawing: str,
    cloth: str,
    crop: str,
    power: float,
    turn: float,
    in_place: bool,
) -> tuple[CutWanted, ClothWanted]:
    """The tab's values by name; ``power`` is the print's size as a power of ten."""
    laying = Laying(round(10.0 ** float(power), 3), float(turn), bool(in_place))
    return CutWanted(source, template, picture or None, drawing), ClothWanted(cloth, crop, laying)


def lay_out_compose(services: Services, say: Language, past: Any, last: Any) -> Desk:
    """Lay the tab out."""
    import gradio as gr

    with gr.Row():
        with gr.Column(min_width=280, elem_classes="cut"):
            gr.HTML(_heading(say("garment.cut.title")))
            cut_parts = _lay_out_cut(services, say)
        with gr.Column(min_width=280):
            gr.HTML(_heading(say("garment.cloth.title")))
            cloth_parts = _lay_out_cloth(services, say)
        with gr.Column(min_width=300):
            gr.HTML(_heading(say("garment.result.title")))
            go = gr.Button(say("garment.go"), variant="primary", elem_id="garment-go")
            shown = gr.HTML(panels.empty(say("garment.result.nothing")), elem_id="garment-result")
    gallery = gr.Gallery(
        label=say("garment.history"), columns=8, height=190, fit_columns=False, allow_preview=False, interactive=False,
        buttons=[], object_fit="contain", visible=False, elem_id="garment-history",
    )  # fmt: skip
    desk = Desk(past, last, [*cut_parts, *cloth_parts[:-1]], [shown, past, gallery, last])

    def make(inner: Services, profile: str, *values: Any) -> tuple[Any, ...]:
        kept = on_compose(inner, profile, *read_wanted(*values[:-1]))
        return show_newest(kept, values[-1], say)

    go.click(
        panels.listen(services, make), [*desk.inputs, past], desk.outputs, api_name="garment_compose", concurrency_id="device",
        js=FETCH,
    )  # fmt: skip
    _bring_back(services, say, gallery, desk, (shown, cut_parts, cloth_parts))
    return desk


def _heading(text: str) -> str:
    return f"<h3>{html.escape(text)}</h3>"


def show_newest(kept: Kept, past: list[Kept] | None, say: Language) -> tuple[Any, ...]:
    """The garment, the sitting's garments with it, their pictures, and the newest one's number."""
    import gradio as gr

    garments = [kept, *(past or [])][:MOST_KEPT]
    return (
        showing.show_garment(kept, say),
        garments,
        gr.update(value=_thumbs(garments, say), visible=True),
        kept.files[".png"],
    )


def _thumbs(garments: list[Kept], say: Language) -> list[tuple[Any, str]]:
    return [(one.thumb, showing.cut_name(one.name, say)) for one in garments]


def _lay_out_cut(services: Services, say: Language) -> list[Any]:
    import gradio as gr

    source = gr.Radio(
        [(say(f"garment.cut.{name}"), name) for name in SOURCES], value="template", show_label=False,
        elem_id="garment-source", container=False,
    )  # fmt: skip
    with gr.Column(elem_classes="cut-template"):
        template = gr.Dropdown(
            kind_choices(say), value="tee", label=say("garment.cut.which"), filterable=False, elem_id="garment-template"
        )
        outline = gr.HTML(elem_classes="cut-shape")
    with gr.Column(elem_classes="cut-picture"):
        picture = gr.Image(
            type="filepath", sources=["upload", "clipboard"], label=say("garment.cut.outline"),
            placeholder=say("garment.drop"), height=260,
            image_mode=None, elem_id="garment-outline",
        )  # fmt: skip
        gr.HTML(f'<p class="hint">{say("garment.cut.outline_hint")}</p>')
    with gr.Column(elem_classes="cut-drawing"):
        gr.HTML(showing.sketch(say), padding=False)
        begin = gr.Button(say("garment.sketch.begin"), size="sm", elem_id="garment-begin")
    drawing = gr.Textbox("", visible="hidden", show_label=False)

    def show_template(inner: Services, profile: str, name: str) -> str:  # noqa: ARG001 - listeners are given both
        return showing.show_template(name, say)

    def start_from(inner: Services, profile: str, name: str) -> str:  # noqa: ARG001
        if name not in KINDS:
            raise BadRequest(f"There is no template {name!r}; there is {', '.join(KINDS)}.")
        return showing.template_shapes(name)

    gr.on([template.change], panels.listen(services, show_template), template, outline, **HIDDEN)
    gr.on(None, panels.listen(services, lambda *_: showing.show_template("tee", say)), None, outline, **HIDDEN)
    begin.click(panels.listen(services, start_from), template, drawing, **HIDDEN).then(
        None, drawing, None, js=RESTORE, **HIDDEN
    )
    return [source, template, picture, drawing]


def kind_choices(say: Language) -> list[tuple[str, str]]:
    """All templates by their names in this language."""
    return [(say(f"garment.kind.{kind}"), kind) for kind in KINDS]


def _lay_out_cloth(services: Services, say: Language) -> list[Any]:
    import gradio as gr

    view = gr.HTML(panels.empty(say("garment.cloth.nothing")), elem_id="garment-cloth-view", padding=False)
    given = gr.Image(
        type="filepath", sources=["upload", "clipboard"], label=say("garment.cloth.given"),
        placeholder=say("garment.drop"), height=150, image_mode=None,
        elem_id="garment-cloth",
    )  # fmt: skip
    examples = list_examples(services, "cloths")
    if examples:
        gr.Examples([[str(path)] for path in examples.values()], given, label=say("garment.cloth.examples"))
    cloth, crop = (gr.Textbox("", visible="hidden", show_label=False) for _ in range(2))
    power = gr.Slider(
        -1, 1, COVERING, step=0.05, label=say("garment.cloth.size"), info=say("garment.cloth.size_info"),
        elem_id="garment-size",
    )  # fmt: skip
    times = gr.HTML(f"<output class='times'>\u00d7\u2009{10**COVERING:.1f}</output>")
    turn = gr.Slider(-180, 180, 0, step=5, label=say("garment.cloth.turn"), info=say("garment.cloth.turn_info"))
    in_place = gr.Checkbox(False, label=say("garment.cloth.in_place"), info=say("garment.cloth.in_place_info"))

    def take(inner: Services, profile: str, file: str | None) -> tuple[Any, ...]:
        if not file:
            return gr.skip(), gr.skip(), gr.skip()
        medium = on_cloth(inner, profile, file)
        return medium.id, showing.show_cloth(medium, say), None

    # what was taken is shown to be cropped, and the field is free for the next cloth
    given.change(
        panels.listen(services, take), given, [cloth, view, given], api_name="garment_cloth", show_progress="hidden"
    )
    power.change(None, power, times, js=SHOW_TIMES, **HIDDEN)
    return [cloth, crop, power, turn, in_place, view]


def _bring_back(
    services: Services, say: Language, gallery: Any, desk: Desk, parts: tuple[Any, list[Any], list[Any]]
) -> None:
    import gradio as gr

    shown, cut_parts, cloth_parts = parts
    picked = gr.Number(-1, visible="hidden")

    def which(chosen: Any) -> int:
        return int(chosen.index)

    which.__annotations__ = {"chosen": gr.SelectData}  # Gradio looks here for what it fills in itself

    def show(inner: Services, profile: str, index: float, past: list[Kept]) -> tuple[Any, ...]:
        if not past or not 0 <= int(index) < len(past):
            raise BadRequest("This garment is no longer at hand; make it again.")
        kept = past[int(index)]
        found = showing.show_garment(kept, say), kept.files[".png"]
        if kept.wanted is None:
            return (*found, *(gr.skip() for _ in range(10)))
        cut, cloth = kept.wanted
        view = showing.show_cloth(inner.media.get(profile, cloth.medium), say, cloth.crop)
        return *found, *restored(cut), cloth.medium, cloth.crop, *laid(cloth), view

    outputs = [shown, desk.last, *cut_parts, *cloth_parts]
    gallery.select(which, None, picked, **HIDDEN).then(
        panels.listen(services, show), [picked, desk.past], outputs, **HIDDEN
    ).then(None, cut_parts[3], None, js=RESTORE, **HIDDEN)


def restored(cut: CutWanted) -> tuple[Any, ...]:
    """A cut's values as the tab shows them; what it did not use stays as it is."""
    import gradio as gr

    return (
        cut.source,
        cut.template if cut.source == "template" else gr.skip(),
        cut.picture if cut.source == "picture" else gr.skip(),
        cut.drawing if cut.source == "drawing" else gr.skip(),
    )


def laid(cloth: ClothWanted) -> tuple[float, float, bool]:
    """How a cloth lies, as the tab's sliders say it."""
    return round(math.log10(cloth.laying.scale) / 0.05) * 0.05, cloth.laying.turn_degrees, cloth.laying.in_place
