"""The studio with the tests' tiny system in it, started as a process of its own."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from tiny import TinyPredictor  # noqa: E402

from core.image import Pixels, read_picture  # noqa: E402
from pages import PAGES  # noqa: E402
from studio import __main__ as command  # noqa: E402
from studio import panels  # noqa: E402
from studio.language import Language, speak, table_path  # noqa: E402
from studio.page import Offer, Page  # noqa: E402
from studio.services import Services  # noqa: E402
from studio.settings import LANGUAGES, Settings  # noqa: E402
from training.spec import RunSpec  # noqa: E402

SLOW = float(os.environ.get("LIKENESS_TESTS_SLOW_PAGES", "0"))
"""Seconds that the pages of the other language take to be laid out: a slow machine."""
WORDS = {"tiny.title": "Tiny", "tiny.summary": "Drawn shapes through a narrow place"}


def on_draw(services: Services, profile: str, seed: float) -> tuple[Pixels, str]:
    """A kept, marked picture of one shape, and which weights drew it."""
    roots = services.people.weight_roots(profile)
    predictor = services.models.get("tiny", "shapes", roots, TinyPredictor)
    pixels = predictor.draw(int(seed)).repeat(16, 0).repeat(16, 1)
    kept = services.media.keep_picture(profile, "tiny", pixels, {"seed": int(seed)})
    said = f"<p id='tiny-version'>{predictor.version} {predictor.error():.4f}</p><img src='/files/{kept.id}'>"
    return read_picture(kept.path), said


def on_count(services: Services, profile: str, to: float) -> str:
    """A slow job, for cancel and restart."""
    from threading import Event

    def work(progress: object) -> dict[str, object]:
        for number in range(int(to)):
            progress.say(number / to, f"at {number}")  # pyright: ignore[reportAttributeAccessIssue]
            Event().wait(0.05)
        return {"counted": int(to)}

    return services.jobs.start(profile, "count", {"to": int(to)}, work).id


def on_job(services: Services, profile: str, job: str) -> str:
    """State of a job."""
    return services.jobs.get(job, profile).state


def on_train(services: Services, profile: str, steps: float) -> str:
    """A run without the runs page."""
    return services.runs.start(profile, RunSpec("tiny", "shapes", steps=int(steps), save_every=20)).id


def build(services: Services, say: Language) -> None:
    """Seed in, picture out."""
    import gradio as gr

    if say.code != LANGUAGES[0]:
        time.sleep(SLOW)
    seed = gr.Number(900_000_001, label="Seed", elem_id="tiny-seed")
    draw = gr.Button("Draw", elem_id="tiny-draw")
    shown = gr.Image(label="Drawn", elem_id="tiny-picture")
    which = gr.HTML()
    draw.click(panels.listen(services, on_draw), seed, [shown, which], api_name="tiny_draw")
    to = gr.Number(400)
    job = gr.Textbox()
    gr.Button("Count").click(panels.listen(services, on_count), to, job, api_name="tiny_count")
    gr.Button("Job").click(panels.listen(services, on_job), job, job, api_name="tiny_job")
    gr.Button("Train").click(panels.listen(services, on_train), to, job, api_name="tiny_train")


PAGE = Page(
    slug="tiny",
    build=build,
    system="tiny",
    offers=(Offer("tiny", "shapes", steps=300, presets=("tiny",)),),
)


def main() -> int:
    """``python tests/tiny_studio.py studio --port N``; everything else as the studio's own command."""
    for code in LANGUAGES:
        assert table_path(code).is_file()
        speak(code).table.update(WORDS)
    trainer = (sys.executable, str(ROOT / "tests" / "tiny.py"))
    plain = Settings.read

    def read(environment: dict[str, str], **chosen: object) -> Settings:
        return plain(environment, trainer=trainer, **chosen)

    Settings.read = read  # pyright: ignore[reportAttributeAccessIssue]
    return command.main(sys.argv[1:], (PAGES[0], PAGE, *PAGES[1:]))


if __name__ == "__main__":
    sys.exit(main())
