"""The page for training runs: start one, follow it, stop, resume, publish, roll back."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from studio import panels
from studio.language import Language
from studio.page import Command, Offer, Page
from studio.services import Services
from studio.store import LOCAL_PROFILE
from training.spec import BadRequest, RunSpec


def on_start(
    services: Services, profile: str, offer: str, preset: str, steps: float, minutes: float | None, data: str
) -> str:
    """Start a run of an offered recipe. Returns its number."""
    wanted = next((one for one in services.offers if one.key == offer), None)
    if wanted is None:
        known = ", ".join(one.key for one in services.offers) or "none"
        raise BadRequest(f"There is nothing called {offer!r} to train; there is: {known}.")
    folder = data.strip()
    if wanted.wants_data and not folder:
        raise BadRequest(f"{offer} learns from a folder of your pictures: say which.")
    if folder and not Path(folder).expanduser().is_dir():
        raise BadRequest(f"There is no folder {folder!r} on this machine.")
    request = RunSpec(
        subject=wanted.subject,
        recipe=wanted.recipe,
        preset=preset or wanted.presets[0],
        steps=int(steps or wanted.steps),
        minutes=minutes or None,
        data=str(Path(folder).expanduser().resolve()) if folder else None,
        start_from="in service",
        save_every=max(1, min(200, int(steps or wanted.steps) // 10)),
    )
    return services.runs.start(profile, request).id


def on_list(services: Services, profile: str) -> list[dict[str, Any]]:
    """The profile's runs, newest first."""
    return [
        {
            "run": run.id,
            "recipe": f"{run.request.subject} {run.request.recipe}",
            "state": run.state,
            "step": run.step,
            "steps": run.steps,
            "published": run.published,
        }
        for run in services.runs.of(profile)
    ]


def _label(run: Any, say: Language) -> str:
    when = run.id[4:6] + "-" + run.id[6:8] + " " + run.id[9:11] + ":" + run.id[11:13]
    return f"{run.request.subject} {run.request.recipe} · {when} · {say(f'runs.state.{run.state}')}"


def build(services: Services, say: Language) -> None:
    """Lay the page out."""
    import gradio as gr

    gr.HTML(f'<div class="hero"><h1>{say("runs.title")}</h1><p>{say("runs.summary")}</p></div>')
    offers = [offer.key for offer in services.offers]
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            with gr.Accordion(say("runs.new"), open=True):
                offer = gr.Dropdown(
                    offers, value=offers[0] if offers else None, label=say("runs.what"), elem_id="run-offer"
                )
                preset = gr.Radio(
                    [(say("runs.preset.small"), "small"), (say("runs.preset.full"), "full")],
                    value="small", label=say("runs.preset"),
                )  # fmt: skip
                with gr.Row():
                    most = services.offers[0].steps if offers else None
                    steps = gr.Number(most, label=say("runs.steps"), precision=0, minimum=1, min_width=90)
                    minutes = gr.Number(0, label=say("runs.minutes"), minimum=0, min_width=90)
                data = gr.Textbox(label=say("runs.data"), placeholder=say("runs.data_hint"), max_lines=1)
                start = gr.Button(say("runs.start"), variant="primary", elem_id="run-start", interactive=bool(offers))
                if not offers:
                    gr.HTML(panels.empty(say("runs.no_offers")))
            listing = gr.Radio([], label=say("runs.yours"), elem_id="run-list")
            nothing = gr.HTML(panels.empty(say("runs.none_yet")), visible=False)
        with gr.Column(scale=5, min_width=340):
            panel = panels.run_panel(services, say)

    def list_runs(inner: Services, profile: str, current: str | None) -> tuple[Any, Any, str]:
        runs = [(_label(run, say), run.id) for run in inner.runs.of(profile)]
        known = [number for _, number in runs]
        chosen = current if current in known else known[0] if known else ""
        return gr.update(choices=runs, value=chosen or None, visible=bool(runs)), gr.update(visible=not runs), chosen

    def show_first(inner: Services, profile: str) -> tuple[Any, Any, str]:
        return list_runs(inner, profile, None)

    def start_run(inner: Services, profile: str, *values: Any) -> tuple[Any, Any, str]:
        number = on_start(inner, profile, *values)
        gr.Info(say("runs.started"))
        return list_runs(inner, profile, number)

    outputs = [listing, nothing, panel.chosen]
    hidden: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    start.click(panels.listen(services, start_run), [offer, preset, steps, minutes, data], outputs, **hidden)
    listing.input(lambda number: number, listing, panel.chosen, **hidden)
    gr.Timer(5).tick(panels.listen(services, list_runs), listing, outputs, **hidden)
    # Without inputs: a load that had the list as its input would also answer every change of the list.
    gr.on(triggers=None, fn=panels.listen(services, show_first), inputs=None, outputs=outputs, **hidden)
    # The HTTP API's own door: a listener wants a component to hang on.
    asked, answered = gr.Button(visible=False), gr.JSON(visible=False)
    asked.click(panels.listen(services, on_list), None, answered, api_name="runs_list")


def _configure_list(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(profile=LOCAL_PROFILE)


def _print_runs(services: Services, asked: argparse.Namespace) -> int:
    for run in services.runs.of(asked.profile):
        print(f"{run.id}  {run.state:8}  {run.step}/{run.steps}  {run.message}")
    return 0


def _configure_one(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", help="the run's number, as `likeness runs` prints it")
    parser.set_defaults(profile=LOCAL_PROFILE)


def _publish(services: Services, asked: argparse.Namespace) -> int:
    published = services.runs.publish(asked.profile, asked.run)
    print(f"{published.card.subject} {published.card.name} {published.card.version} is in service.")
    return 0


def _stop(services: Services, asked: argparse.Namespace) -> int:
    print(f"{asked.run}: {services.runs.stop(asked.profile, asked.run).state}")
    return 0


def _resume(services: Services, asked: argparse.Namespace) -> int:
    print(f"{asked.run}: {services.runs.resume(asked.profile, asked.run).state}")
    return 0


PAGE = Page(
    slug="runs",
    build=build,
    commands=(
        Command("runs", "list the training runs", "likeness runs", _configure_list, _print_runs),
        Command("runs stop", "ask a run to save and end", "likeness runs stop RUN", _configure_one, _stop),
        Command("runs resume", "go on with a run", "likeness runs resume RUN", _configure_one, _resume),
        Command(
            "runs publish", "put a run's weights in service", "likeness runs publish RUN", _configure_one, _publish
        ),
    ),
    offers=(Offer("garment", "generator", steps=4000, wants_data=True),),
)
