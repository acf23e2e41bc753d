"""Below the viewer: what was measured and a known length, the path from above, points to turn, and files to take away."""

from __future__ import annotations

import html
from typing import Any

from pages.depth import handlers, showing
from pages.depth.colours import MAPS
from pages.depth.files import FORMS, on_files
from pages.depth.handlers import open_reading
from pages.depth.views import draw_above, draw_cloud
from studio import panels
from studio.job_panel import JobPanel, Telling, job_panel
from studio.language import Language
from studio.services import Services

HIDDEN: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
AT_POINTS = 1
"""Place of the two pressed places among what a listener is given."""
FETCH = f"(...given) => window.likenessDepth ? window.likenessDepth.fill(given, {AT_POINTS}) : given"
PLACE = "() => window.likenessDepth?.place()"
ANSWER = "(said) => window.likenessDepth?.answer(said)"


def lay_out_result(services: Services, say: Language, job: JobPanel) -> None:
    """What stands below once a clip was read; the style sheet hides it until then."""
    import gradio as gr

    drawn, turned = gr.State(""), gr.State(False)
    with gr.Row(elem_id="depth-below"):
        with gr.Column(scale=1, min_width=300), gr.Tabs():
            with gr.Tab(say("depth.above.title")) as flat:
                above = gr.HTML(elem_id="depth-above")
                gr.HTML(f'<p class="hint">{html.escape(say("depth.above.hint"))}</p>')
            with gr.Tab(say("depth.cloud.title")) as solid:
                cloud = gr.Plot(show_label=False, elem_id="depth-cloud")
                gr.HTML(f'<p class="hint">{html.escape(say("depth.cloud.hint"))}</p>')
        with gr.Column(scale=1, min_width=300):
            written = _lay_out_files(services, say, job)

    def unfold(inner: Services, profile: str, number: str, known: str) -> tuple[Any, ...]:
        found = inner.jobs.get(number, profile) if number else None
        if found is None or found.state != "done" or found.kind not in handlers.KINDS or known == number:
            return gr.skip(), gr.skip(), gr.skip()
        return draw_above(open_reading(inner, profile, found), say), panels.empty(say("depth.files.nothing")), number

    def turn(inner: Services, profile: str, number: str, wanted: bool) -> Any:
        found = inner.jobs.get(number, profile) if number and wanted else None
        return None if found is None else draw_cloud(open_reading(inner, profile, found), say)

    def turn_now(inner: Services, profile: str, number: str) -> tuple[Any, bool]:
        return turn(inner, profile, number, True), True

    job.shown.change(panels.listen(services, unfold), [job.chosen, drawn], [above, written, drawn], **HIDDEN).then(
        None, None, None, js=PLACE, **HIDDEN
    )
    # Points are drawn when somebody looks: a browser without a graphics card takes seconds for them.
    drawn.change(panels.listen(services, turn), [drawn, turned], cloud, **HIDDEN)
    solid.select(panels.listen(services, turn_now), drawn, [cloud, turned], api_visibility="private")
    flat.select(lambda: False, None, turned, **HIDDEN)


def _heading(text: str) -> str:
    return f"<h3>{html.escape(text)}</h3>"


def _measure_hint(say: Language) -> str:
    return f'<p class="hint">{html.escape(say("depth.measure.hint"))}</p>'


def lay_out_measuring(services: Services, say: Language, job: JobPanel) -> None:
    """Two pressed places become metres, and a known length the scale."""
    import gradio as gr

    points, said = (gr.Textbox("", visible="hidden", show_label=False) for _ in range(2))
    measure = gr.Button("", visible="hidden", elem_id="depth-measure")
    told = gr.HTML(_measure_hint(say), elem_id="depth-measured")
    with gr.Row(equal_height=True, elem_id="depth-measuring"):
        known = gr.Number(
            None, label=say("depth.scale.known"), info=say("depth.scale.info"), minimum=0, step=0.01, min_width=150,
            elem_id="depth-known",
        )  # fmt: skip
        with gr.Column(min_width=150):
            scale = gr.Button(say("depth.scale.go"), variant="primary", elem_id="depth-scale")
            back = gr.Button(say("depth.scale.back"), elem_id="depth-unscale")

    def look(inner: Services, profile: str, number: str, where: str) -> tuple[str, str]:
        metres = handlers.on_measure(inner, profile, number, where)
        return showing.show_measured(metres, say), showing.spell_metres(metres)

    job.chosen.change(lambda: _measure_hint(say), None, told, **HIDDEN)
    measure.click(panels.listen(services, look), [job.chosen, points], [told, said], js=FETCH, **HIDDEN).then(
        None, said, None, js=ANSWER, **HIDDEN
    )
    scale.click(
        panels.listen(services, handlers.on_scale),
        [job.chosen, points, known],
        job.chosen,
        js=FETCH,
        api_name="depth_scale",
    )
    back.click(panels.listen(services, handlers.on_original), job.chosen, job.chosen, api_name="depth_original")
    with gr.Row(visible=False):
        metres = gr.Number()
        gr.Button().click(
            panels.listen(services, handlers.on_measure), [job.chosen, points], metres, api_name="depth_measure"
        )


def _lay_out_files(services: Services, say: Language, job: JobPanel) -> Any:
    import gradio as gr

    gr.HTML(_heading(say("depth.files.title")))
    with gr.Row():
        forms = gr.CheckboxGroup(
            [(say(f"depth.form.{form}"), form) for form in FORMS], value=list(FORMS), label=say("depth.files.forms"),
            elem_id="depth-forms", scale=4, min_width=280,
        )  # fmt: skip
        colours = gr.Dropdown(
            [(say(f"depth.map.{name}"), name) for name in MAPS], value=MAPS[0], label=say("depth.files.colours"),
            filterable=False, min_width=120, scale=1,
        )  # fmt: skip
    with gr.Row():
        go = gr.Button(say("depth.files.go"), variant="primary", elem_id="depth-files-go")
        stop = gr.Button(say("job.cancel"), elem_id="depth-files-cancel")
    told = Telling(say("depth.files.nothing"), say("depth.files.working"), lambda found: showing.show_files(found, say))
    panel = job_panel(services, say, told, "depth-files", stop)

    def write(inner: Services, profile: str, number: str, wanted: list[str] | None, name: str) -> str:
        asked = list(wanted or ())
        return on_files(inner, profile, number, ["picture", *asked] if "film" in asked else asked, name)

    go.click(panels.listen(services, write), [job.chosen, forms, colours], panel.chosen, api_name="depth_files")
    return panel.shown
