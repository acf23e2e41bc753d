"""Tune on this clip: whether it can be done, the run that does it, and its way into service and back."""

from __future__ import annotations

import html
from typing import Any

from pages.depth.handlers import KINDS
from pages.depth.tuning import STEPS, on_tune, why_not
from studio import panels
from studio.language import Language
from studio.services import Services


def lay_out_tuning(services: Services, say: Language, chosen: Any, shown: Any) -> None:
    """``chosen`` holds the number of the reading whose clip is learned from; ``shown`` changes with it."""
    import gradio as gr

    gr.HTML(f'<p class="hint">{html.escape(say("depth.tune.summary"))}</p>')
    state = gr.HTML(panels.empty(say("depth.tune.nothing")), elem_id="depth-tune-state")
    with gr.Row():
        steps = gr.Number(STEPS, label=say("runs.steps"), precision=0, minimum=1, min_width=110)
        minutes = gr.Number(0, label=say("runs.minutes"), minimum=0, min_width=110)
        go = gr.Button(say("depth.tune.go"), variant="primary", elem_id="depth-tune-go", min_width=160)
    panel = panels.run_panel(services, say, doors=False)

    def tell(inner: Services, profile: str, number: str) -> str:
        found = inner.jobs.get(number, profile) if number else None
        if found is None or found.state != "done" or found.kind not in KINDS:
            return panels.empty(say("depth.tune.nothing"))
        reason = why_not(found.result)
        if reason:
            return f'<div class="empty">{html.escape(say("depth.tune.refused"))} {html.escape(reason)}</div>'
        return panels.notice(say("depth.tune.ready"))

    def start(inner: Services, profile: str, number: str, count: float, most: float | None) -> str:
        run = on_tune(inner, profile, number, count, most)
        gr.Info(say("runs.started"))
        return run

    hidden: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    shown.change(panels.listen(services, tell), chosen, state, **hidden)
    go.click(panels.listen(services, start), [chosen, steps, minutes], panel.chosen, api_name="depth_tune")
