"""How the textedit page is laid out: a face that is talked about, a clip, and what the weights can do."""

from __future__ import annotations

import html
from functools import partial
from pathlib import Path
from typing import Any

from core.image import Pixels
from pages.textedit import sitting
from pages.textedit.conversation import Conversation
from pages.textedit.handlers import ROOM, Wanted, on_edit
from pages.textedit.turns import HIDDEN, Parts, Wish, wire_moves, wire_photo, wire_words
from studio import panels
from studio.job_panel import Telling, job_panel, link_files
from studio.jobs import Job
from studio.language import Language
from studio.score_cards import score_cards
from studio.services import Services
from training.spec import BadRequest

SENTENCES = {
    "en": (
        "big eyes, long hair",
        "short blond hair and glasses",
        "no hat, a full beard",
        "much older",
        "a bit of a smile",
    ),
    "zh": ("大眼睛，长头发", "短发，戴眼镜", "不要帽子，浓密的胡须", "很老", "一点微笑"),
}
ACTIONS = ("undo", "less", "more", "restart")


def build(services: Services, say: Language) -> None:
    """Lay the page out."""
    import gradio as gr

    title, summary = html.escape(say("textedit.title")), html.escape(say("textedit.summary"))
    gr.HTML(f'<div class="hero"><h1>{title}</h1><p>{summary}</p></div>')
    with gr.Tabs():
        with gr.Tab(say("textedit.tab.face")):
            _lay_out_face(services, say)
        with gr.Tab(say("textedit.tab.clip")):
            _lay_out_clip(services, say)
        with gr.Tab(say("textedit.tab.weights")):
            summary = html.escape(say("textedit.weights.summary"))
            gr.HTML(f"<p>{summary}</p>")
            shown = gr.HTML()
            cards = panels.listen(services, lambda inner, who: score_cards(inner, who, ROOM, say))
            gr.on(None, cards, None, shown, **HIDDEN)
    _lay_out_door(services)


def _people(services: Services) -> list[list[str]]:
    folder = services.settings.shipped / "examples" / ROOM / "people"
    return [[str(path)] for path in sorted(folder.glob("*.webp"))]


def _lay_out_face(services: Services, say: Language) -> None:
    import gradio as gr

    with gr.Row():
        with gr.Column(scale=2, min_width=280):
            given = gr.Image(
                type="filepath", sources=["upload", "webcam", "clipboard"], label=say("textedit.face.given"), height=280,
                elem_id="textedit-photo",
            )  # fmt: skip
            gr.Examples(_people(services), given, label=say("textedit.face.examples"), examples_per_page=8)
            somebody = gr.Button(say("textedit.face.somebody"), elem_id="textedit-somebody")
            job = gr.Textbox("", visible="hidden", show_label=False)
            working = gr.HTML("", elem_id="textedit-working")
            cancel = gr.Button(say("job.cancel"), visible=False, elem_id="textedit-cancel")
        with gr.Column(scale=3, min_width=300):
            with gr.Row():
                before = gr.Image(
                    label=say("textedit.face.before"), interactive=False, height=300, min_width=140, elem_id="textedit-before",
                    buttons=["fullscreen"],
                )  # fmt: skip
                now = gr.Image(
                    label=say("textedit.face.now"), interactive=False, height=300, min_width=140, elem_id="textedit-now",
                    buttons=["fullscreen", "download"],
                )  # fmt: skip
            says = gr.HTML(panels.empty(say("textedit.face.nothing")), elem_id="textedit-says")
    talk = gr.State(None)
    wish = _lay_out_wish(say)
    strip = gr.Gallery(
        label=say("textedit.face.strip"), columns=8, height=170, object_fit="contain", allow_preview=False,
        elem_id="textedit-strip", interactive=False, buttons=[],
    )  # fmt: skip
    keep = gr.Button(say("textedit.face.keep"), elem_id="textedit-keep")
    files = gr.HTML("", elem_id="textedit-files")
    parts = Parts(talk, before, now, wish.chips, strip, says, files)

    wire_photo(services, say, parts, (given, somebody, job, working, cancel, wish.mine))
    wire_words(services, say, parts, wish)
    wire_moves(services, say, parts, wish)

    def take(inner: Services, profile: str, found: Conversation | None, mine: float) -> str:
        return f'<div class="take">{link_files(sitting.on_keep(inner, profile, found, mine))}</div>'

    keep.click(panels.listen(services, take), [talk, wish.mine], files, api_name="textedit_keep")


def _lay_out_wish(say: Language) -> Wish:
    import gradio as gr

    with gr.Row(equal_height=True):
        with gr.Column(scale=5, min_width=280):
            with gr.Row():
                text = gr.Textbox(
                    label=say("textedit.wish.text"), placeholder=say("textedit.wish.placeholder"), lines=1, scale=5,
                    min_width=200, elem_id="textedit-text", max_length=2000,
                )  # fmt: skip
                go = gr.Button(
                    say("textedit.wish.go"), variant="primary", scale=1, min_width=110, elem_id="textedit-go"
                )
            chips = gr.HTML("", elem_id="textedit-chips")
            gr.Examples([[one] for one in SENTENCES[say.code]], text, label=say("textedit.wish.examples"))
            with gr.Row():
                buttons = {
                    action: gr.Button(
                        say(f"textedit.wish.{action}"), size="sm", min_width=70, elem_id=f"textedit-{action}"
                    )
                    for action in ACTIONS
                }
        with gr.Column(scale=3, min_width=260):
            sound = gr.Audio(
                sources=["microphone", "upload"],
                type="filepath",
                label=say("textedit.wish.sound"),
                elem_id="textedit-sound",
            )
            tongue = gr.Radio(
                [("English", "en"), ("中文", "zh")],
                value=say.code,
                label=say("textedit.wish.tongue"),
                elem_id="textedit-tongue",
            )
            strength = gr.Slider(0, 1, 1.0, step=0.05, label=say("textedit.wish.strength"), elem_id="textedit-strength")
            mine = gr.Slider(0, 1, 1.0, step=0.05, label=say("textedit.wish.mine"), info=say("textedit.wish.mine_info"))
    return Wish(text, go, chips, sound, tongue, strength, mine, buttons)


def _lay_out_clip(services: Services, say: Language) -> None:
    import gradio as gr

    folder = services.settings.shipped / "examples" / "expression"
    with gr.Row():
        with gr.Column(min_width=280):
            given = gr.Video(
                sources=["upload", "webcam"], label=say("textedit.clip.given"), height=300, elem_id="textedit-clip"
            )
            _lay_out_clip_examples(sorted(folder.glob("*.mp4")), given, say)
            text = gr.Textbox(
                label=say("textedit.wish.text"),
                placeholder=say("textedit.wish.placeholder"),
                elem_id="textedit-clip-text",
            )
            strength = gr.Slider(0, 1, 1.0, step=0.05, label=say("textedit.wish.strength"))
            whole = gr.Checkbox(True, label=say("textedit.clip.whole"))
            with gr.Row():
                go = gr.Button(say("textedit.clip.go"), variant="primary", elem_id="textedit-clip-go")
                stop = gr.Button(say("job.cancel"))
        with gr.Column(min_width=280):
            told = Telling(say("textedit.clip.nothing"), say("textedit.clip.working"), _show_film)
            job = job_panel(services, say, told, "textedit-clip-result", stop)
    go.click(
        panels.listen(services, sitting.on_clip), [given, text, strength, whole], job.chosen, api_name="textedit_clip"
    )


def _lay_out_clip_examples(clips: list[Path], given: Any, say: Language) -> None:
    """A button each; Gradio's own examples look into every clip whenever the studio starts."""
    import gradio as gr

    gr.HTML(f'<p class="says">{html.escape(say("textedit.face.examples"))}</p>')
    with gr.Row():
        for clip in clips:
            gr.Button(clip.stem.capitalize(), size="sm", min_width=80).click(partial(str, clip), None, given, **HIDDEN)


def _show_film(found: Job) -> str:
    notes = "".join(f"<p>{html.escape(one)}</p>" for one in found.result["notes"])
    return f"{link_files(found.result['files'])}{notes}"


def _lay_out_door(services: Services) -> None:
    """One edit in one call, for programs: the HTTP API's ``textedit_edit``."""
    import gradio as gr

    def edit(inner: Services, profile: str, file: str | None, text: str, *how: float) -> tuple[Pixels, str]:
        if not file:
            raise BadRequest("Give a photo with a face first.")
        strength, mine = how
        made = on_edit(inner, profile, Path(file), Wanted(text, strength, mine))
        return made.whole, made.says

    with gr.Row(visible=False):
        given = gr.Image(type="filepath")
        text = gr.Textbox()
        how = [gr.Number(1.0), gr.Number(1.0)]
        shown, says = gr.Image(), gr.Textbox()
        gr.Button().click(panels.listen(services, edit), [given, text, *how], [shown, says], api_name="textedit_edit")
