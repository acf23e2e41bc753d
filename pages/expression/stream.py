"""The way through Gradio's own webcam stream, for browsers whose socket to the live desk does not come about.

Gradio hands over the newest frame only: one that comes while another is read takes the place of one that waits.
"""

from __future__ import annotations

import html
import threading
from typing import Any

from core.checkpoints import CheckpointBroken, CheckpointMismatch, CheckpointMissing
from core.engine.controllers import NAMES
from core.image import Pixels, resize
from pages.expression import handlers
from pages.expression.live import Desk
from pages.expression.words import label
from studio import panels
from studio.language import Language
from studio.services import Services

EVERY_SECONDS, LONGEST_SECONDS, SHOWN, WIDTH = 0.1, 600, 8, 480
"""How often the browser sends a frame, how long a stream lasts, numbers that are shown, pixels across."""


def lay_out_stream(services: Services, say: Language, scene: list[Any]) -> None:
    """Camera left, character right; ``scene``: the components that choose character, ground and light."""
    import gradio as gr

    device = threading.Lock()
    with gr.Row():
        camera = gr.Image(
            sources=["webcam"], streaming=True, label=say("expression.stream.camera"), height=320,
            elem_id="expression-stream-camera",
        )  # fmt: skip
        drawn = gr.Image(
            label=say("expression.picture.drawn"), interactive=False, height=320, elem_id="expression-stream-drawn",
            format="jpeg", buttons=["fullscreen"],
        )  # fmt: skip
    numbers = gr.HTML(elem_id="expression-stream-numbers")
    desk = gr.State(None)

    def read(
        inner: Services, profile: str, frame: Pixels | None, held: Desk | None, *values: str
    ) -> tuple[Pixels | None, str, Desk | None]:
        if frame is None:
            return None, "", held
        held = held or Desk(lambda way: handlers.open_predictor(inner, profile, way), device)
        return *on_stream(held, frame, values, say), held

    camera.stream(
        panels.listen(services, read), [camera, desk, *scene], [drawn, numbers, desk], stream_every=EVERY_SECONDS,
        time_limit=LONGEST_SECONDS, concurrency_limit=4, show_progress="hidden", api_visibility="private",
    )  # fmt: skip


def on_stream(desk: Desk, frame: Pixels, scene: tuple[str, ...], say: Language) -> tuple[Pixels | None, str]:
    """A frame's character and its strongest numbers; where nothing is read, why."""
    character, ground, light = scene
    desk.change({"character": character, "ground": ground, "light": light})
    if frame.shape[1] > WIDTH:
        frame = resize(frame, WIDTH, round(frame.shape[0] * WIDTH / frame.shape[1]))
    try:
        state, drawn, values = desk.show_frame(frame)
    except (CheckpointMissing, CheckpointBroken, CheckpointMismatch):
        return None, panels.empty(say("expression.live.missing"))
    if state != "ok":
        return drawn, panels.notice(say("expression.live.black" if state == "black" else "expression.live.no_face"))
    strongest = values.argsort()[::-1][:SHOWN]
    rows = "".join(
        f'<div data-name="{NAMES[at]}"><span>{html.escape(label(NAMES[at], say))}</span><b>{values[at]:.2f}</b></div>'
        for at in strongest
    )
    return drawn, f'<div class="numbers">{rows}</div>'
