"""Pieces that several pages show: listeners with a profile and sentences for errors, and the panel that follows a run."""

from __future__ import annotations

import html
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from core.checkpoints import CheckpointBroken, CheckpointMismatch, CheckpointMissing, NotBetter, read_card
from core.image import NotAPicture, Pixels, read_picture
from studio.guard import profile_of
from studio.language import Language
from studio.runs import RunRefused, RunView
from studio.services import Services
from studio.speech import NotHeard
from studio.uploads import UploadRefused
from training.spec import RESULT, BadRequest

SPOKEN = (
    BadRequest,
    CheckpointBroken,
    CheckpointMismatch,
    CheckpointMissing,
    LookupError,
    NotHeard,
    NotAPicture,
    NotBetter,
    RunRefused,
    UploadRefused,
)
"""Errors whose message is for the person."""
WATCH_SECONDS = 1.5


def listen(services: Services, handler: Callable[..., Any]) -> Callable[..., Any]:
    """A Gradio listener around ``handler(services, profile, *values)``; our sentences become messages on the page."""
    import gradio as gr

    def answer(request: Any, *values: Any) -> Any:
        try:
            return handler(services, profile_of(request), *values)
        except SPOKEN as error:
            raise gr.Error(_sentence(error), print_exception=False) from error

    def answer_in_turn(request: Any, *values: Any) -> Iterator[Any]:
        try:
            yield from handler(services, profile_of(request), *values)
        except SPOKEN as error:
            raise gr.Error(_sentence(error), print_exception=False) from error

    listener = answer_in_turn if inspect.isgeneratorfunction(handler) else answer
    listener.__annotations__ = {"request": gr.Request}  # Gradio looks here for what it fills in itself
    listener.__name__ = handler.__name__
    return listener


def _sentence(error: BaseException) -> str:
    return html.escape(str(error.args[0]) if error.args else type(error).__name__)


@dataclass(frozen=True)
class RunPanel:
    """Components that show one run; ``chosen`` holds its number."""

    chosen: Any
    status: Any
    refresh: Callable[..., None]


def run_panel(services: Services, say: Language, doors: bool = True) -> RunPanel:
    """Follow one run: state, losses, samples; stop, resume, publish, roll back.

    ``doors``: its buttons are named endpoints of the HTTP API, which one panel of the studio is enough for.
    """
    import gradio as gr

    chosen = gr.Textbox("", visible="hidden", show_label=False)  # a component, so that the HTTP API can name a run
    seen = gr.State(())
    status = gr.HTML(empty(say("runs.none_chosen")))
    with gr.Row():
        stop = gr.Button(say("runs.stop"), visible=False, elem_id="run-stop")
        resume = gr.Button(say("runs.resume"), visible=False, elem_id="run-resume")
        publish = gr.Button(say("runs.publish"), variant="primary", visible=False, elem_id="run-publish")
        back = gr.Button(say("runs.roll_back"), visible=False, elem_id="run-back")
    with gr.Row():
        curve = gr.Plot(show_label=False, visible=False)
        with gr.Column(visible=False) as shown:
            preview = gr.Image(
                label=say("runs.samples"),
                show_label=False,
                interactive=False,
                buttons=["download", "fullscreen"],
                elem_id="run-sample",
            )
            when = gr.Slider(1, 2, step=1, label=say("runs.which_sample"), interactive=True, visible=False)
    with gr.Accordion(say("runs.output"), open=False, visible=False) as more:
        output = gr.Code(language=None, show_label=False, max_lines=16)
    all_parts = [seen, status, stop, resume, publish, back, curve, shown, preview, when, more, output]

    def look(inner: Services, profile: str, run: str, known: tuple[Any, ...]) -> list[Any]:
        if not run:
            return [gr.skip() for _ in all_parts]
        found = inner.runs.get(profile, run)
        previews = inner.runs.previews(found)
        mark = (found.id, found.state, found.step, len(previews), found.published, found.message)
        if mark == tuple(known):
            return [gr.skip() for _ in all_parts]
        curves = inner.runs.losses(found)
        done = not found.alive
        has_result = (found.folder / "result").is_dir()
        last = len(previews)
        return [
            mark,
            describe(found, say),
            gr.update(visible=found.alive, interactive=found.state == "running"),
            gr.update(visible=done),
            gr.update(visible=done and has_result and not found.published),
            gr.update(visible=bool(found.published)),
            gr.update(value=plot_curves(curves, say) if curves else None, visible=bool(curves)),
            gr.update(visible=bool(previews)),
            read_picture(previews[-1]) if previews else None,
            gr.update(maximum=max(last, 2), value=max(last, 1), visible=last > 1),
            gr.update(visible=done),
            inner.runs.output(found) if done else "",
        ]

    def show_sample(inner: Services, profile: str, run: str, number: int) -> Pixels | None:
        previews = inner.runs.previews(inner.runs.get(profile, run)) if run else []
        return read_picture(previews[min(int(number), len(previews)) - 1]) if previews else None

    def told(handler: Callable[..., RunView]) -> Callable[..., str]:
        def tell(inner: Services, profile: str, run: str) -> str:
            found = handler(inner, profile, run)
            if handler is not on_roll_back:
                return describe(found, say)
            return describe(found, say) + notice(
                say("runs.rolled_back", version=found.published or say("runs.shipped"))
            )

        return tell

    hidden: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    watch = {"fn": listen(services, look), "inputs": [chosen, seen], "outputs": all_parts, **hidden}
    gr.Timer(WATCH_SECONDS).tick(**watch)
    chosen.change(**watch)
    when.release(listen(services, show_sample), [chosen, when], preview, **hidden)
    for button, handler, name in (
        (stop, on_stop, "runs_stop"),
        (resume, on_resume, "runs_resume"),
        (publish, on_publish, "runs_publish"),
        (back, on_roll_back, "runs_roll_back"),
    ):
        how: dict[str, Any] = {"api_name": name} if doors else {"api_visibility": "private"}
        button.click(listen(services, told(handler)), chosen, status, **how).then(**watch)
    return RunPanel(chosen, status, lambda event: event.then(**watch))


def on_stop(services: Services, profile: str, run: str) -> RunView:
    """Ask a run to end."""
    return services.runs.stop(profile, run)


def on_resume(services: Services, profile: str, run: str) -> RunView:
    """Go on with a run."""
    return services.runs.resume(profile, run)


def on_publish(services: Services, profile: str, run: str) -> RunView:
    """What the run learned comes into service, if it is no worse."""
    published = services.runs.publish(profile, run)
    services.models.forget(published.card.subject)
    return services.runs.get(profile, run)


def on_roll_back(services: Services, profile: str, run: str) -> RunView:
    """The weights before these come into service again; the answer's ``published`` names them."""
    found = services.runs.get(profile, run)
    made = read_card(found.folder / RESULT)  # a recipe may learn on from another's weights and take their name
    version = services.runs.roll_back(profile, made.subject, made.name)
    services.models.forget(found.request.subject)
    return replace(found, published=version or "")


DOTS = {"running": "working", "queued": "working", "stopping": "working", "done": "ready", "stopped": "ready"}


def describe(run: RunView, say: Language) -> str:
    """A run's state, progress and numbers."""
    share = min(run.step / max(run.steps, 1), 1.0)
    facts = [(say("runs.steps"), f"{run.step:,} / {run.steps:,}")]
    if run.alive and run.seconds_left is not None:
        facts.append((say("runs.time_left"), spell_seconds(run.seconds_left, say)))
    facts += [(name, f"{value:.4g}") for name, value in run.losses.items()]
    if run.validation:
        facts.append((say("runs.validation"), f"{run.validation.get('validation', float('nan')):.4g}"))
    if run.published:
        facts.append((say("runs.published"), run.published))
    if run.message:
        facts.append((say("runs.message"), run.message))
    rows = "".join(f"<dt>{html.escape(key)}</dt><dd>{html.escape(value)}</dd>" for key, value in facts)
    title = f"{html.escape(run.request.subject)} {html.escape(run.request.recipe)}"
    dot = DOTS.get(run.state, "failed")
    return (
        f'<section class="run" data-state="{run.state}" data-step="{run.step}" data-published="{run.published}">'
        f'<h3>{title} <small><span class="dot {dot}"></span> {html.escape(say(f"runs.state.{run.state}"))}</small></h3>'
        f'<div class="bar" role="progressbar" aria-valuenow="{share * 100:.0f}" aria-valuemin="0" aria-valuemax="100">'
        f'<i style="width:{share * 100:.1f}%"></i></div><dl class="facts">{rows}</dl></section>'
    )


def plot_curves(curves: dict[str, list[tuple[int, float]]], say: Language) -> Any:
    """Loss curves; validation scores as points of their own."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for name, points in sorted(curves.items()):
        steps, values = zip(*points, strict=True)
        shown = "lines+markers" if len(points) < 12 else "lines"
        figure.add_scatter(x=steps, y=values, name=name, mode=shown)
    positive = all(value > 0 for points in curves.values() for _, value in points)
    figure.update_layout(
        height=320,
        margin={"l": 48, "r": 12, "t": 12, "b": 40},
        xaxis_title=say("runs.step"),
        yaxis_type="log" if positive else "linear",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": "#8a857b"},
        legend={"orientation": "h", "y": 1.12},
        colorway=["#14a08f", "#d97706", "#6366f1", "#db2777", "#65a30d", "#0284c7"],
    )
    figure.update_xaxes(gridcolor="rgba(128,128,128,.2)", zeroline=False)
    figure.update_yaxes(gridcolor="rgba(128,128,128,.2)", zeroline=False)
    return figure


def spell_seconds(seconds: float, say: Language) -> str:
    """A length of time as a person says it."""
    if seconds < 90:
        return say("time.seconds", count=round(seconds))
    if seconds < 5400:
        return say("time.minutes", count=round(seconds / 60))
    return say("time.hours", count=round(seconds / 3600, 1))


def empty(text: str) -> str:
    """What stands where nothing is yet."""
    return f'<div class="empty">{html.escape(text)}</div>'


def notice(text: str) -> str:
    """A short word after something was done."""
    return f'<p role="status"><span class="dot ready"></span> {html.escape(text)}</p>'
