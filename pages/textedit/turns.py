"""What happens on the textedit page: a photo is looked into, words and buttons lead from picture to picture."""

from __future__ import annotations

import html
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from core.engine.wordings import Language as Tongue
from core.image import NotAPicture
from core.textedit.words import Command, Understood, understand
from pages.textedit import sitting
from pages.textedit.conversation import Conversation, obey
from pages.textedit.handlers import open_predictor
from studio import panels
from studio.job_panel import bar
from studio.language import Language
from studio.services import Services
from training.spec import BadRequest

HIDDEN: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Parts:
    """The components that every turn shows anew."""

    talk: Any
    before: Any
    now: Any
    chips: Any
    strip: Any
    says: Any
    files: Any

    @property
    def all(self) -> list[Any]:
        """In the order in which ``show`` fills them."""
        return [self.talk, self.before, self.now, self.chips, self.strip, self.says, self.files]


@dataclass(frozen=True)
class Wish:
    """The components with which something is asked for."""

    text: Any
    go: Any
    chips: Any
    sound: Any
    tongue: Any
    strength: Any
    mine: Any
    buttons: dict[str, Any]


def show(
    services: Services,
    profile: str,
    talk: Conversation,
    mine: float,
    say: Language,
    understood: Understood | None = None,
) -> list[Any]:
    """What ``Parts`` show of a conversation."""
    import gradio as gr

    now, says = sitting.on_look(services, profile, talk, mine, _tongue(say))
    numbered = [
        (one.pixels, say("textedit.face.first") if at == 0 else f"{at} · {one.text}" + " ←" * (at == talk.at))
        for at, one in enumerate(talk.pictures)
    ]
    said = f'<p class="says">{html.escape(say("textedit.face.says", text=says))}</p>' if says else ""
    chips = draw_chips(understood, say) if understood is not None else ""
    strip = gr.update(value=numbered, selected_index=talk.at)
    return [talk, talk.pictures[0].pixels, now, chips, strip, said, ""]


def _tongue(say: Language) -> Tongue:
    return "zh" if say.code == "zh" else "en"


def draw_chips(understood: Understood, say: Language) -> str:
    """What was understood and what was not, before anything is drawn."""
    chinese = say.code == "zh"
    chips = "".join(
        f'<span class="chip" data-kind="{chip.kind}" title="{html.escape(chip.text[:80])}">'
        f"{html.escape((chip.chinese if chinese else chip.english)[:60])}</span>"
        for chip in understood.chips
    )
    note = understood.note(_tongue(say)) if understood.chips else ""
    return f'<div class="chips">{chips}</div>' + (f"<p>{html.escape(note)}</p>" if note else "")


def wire_photo(services: Services, say: Language, parts: Parts, others: tuple[Any, ...]) -> None:
    """A photo, or somebody who does not exist."""
    import gradio as gr

    given, somebody, job, working, cancel, mine = others

    def look_into(inner: Services, profile: str, file: str | None, share: float) -> Iterator[list[Any]]:
        if not file:
            yield [gr.skip()] * (len(parts.all) + 3)
            return
        number = sitting.on_photo(inner, profile, file)
        waiting, working_on = [gr.skip()] * len(parts.all), html.escape(say("textedit.face.working"))
        while not (found := inner.jobs.get(number, profile)).ended:
            said = f"<p>{working_on}</p>{bar(found.share)}"
            yield [*waiting, number, said, gr.update(visible=True)]
            time.sleep(LOOK_SECONDS)
        if found.state != "done":
            yield [*waiting, "", panels.empty(found.message or say("job.cancelled")), gr.update(visible=False)]
            if found.state == "failed":
                raise NotAPicture(found.message)
            return
        talk = sitting.on_begin(inner, profile, found.result["medium"])
        yield [*show(inner, profile, talk, share, say), "", "", gr.update(visible=False)]

    def invent(inner: Services, profile: str, share: float) -> list[Any]:
        return show(inner, profile, sitting.on_somebody(inner, profile), share, say)

    def take_back(inner: Services, profile: str, number: str) -> None:
        if number:
            inner.jobs.cancel(number, profile)

    given.change(
        panels.listen(services, look_into), [given, mine], [*parts.all, job, working, cancel], api_name="textedit_photo",
        show_progress="hidden", concurrency_limit=8,
    )  # fmt: skip
    somebody.click(panels.listen(services, invent), mine, parts.all, api_name="textedit_somebody")
    cancel.click(panels.listen(services, take_back), job, None, **HIDDEN)


def wire_words(services: Services, say: Language, parts: Parts, wish: Wish) -> None:
    """What is typed or said."""
    import gradio as gr

    def read(inner: Services, profile: str, text: str) -> str:
        del inner, profile
        return draw_chips(understand(text), say) if text.strip() else ""

    def change(inner: Services, profile: str, talk: Conversation | None, text: str, *how: float) -> list[Any]:
        strength, mine = how
        turn = sitting.on_say(inner, profile, talk, text, strength)
        return show(inner, profile, turn.talk, mine, say, turn.understood)

    def hear(inner: Services, profile: str, file: str | None, tongue: Tongue) -> tuple[Any, Any]:
        if not file:
            return gr.skip(), gr.skip()
        text = sitting.on_hear(inner, profile, file, tongue)
        return text, draw_chips(understand(text), say)

    how = [wish.strength, wish.mine]
    changed = panels.listen(services, change)
    wish.text.input(panels.listen(services, read), wish.text, wish.chips, trigger_mode="always_last", **HIDDEN)
    wish.go.click(changed, [parts.talk, wish.text, *how], parts.all, api_name="textedit_say")
    wish.text.submit(changed, [parts.talk, wish.text, *how], parts.all, **HIDDEN)
    heard = wish.sound.change(
        panels.listen(services, hear), [wish.sound, wish.tongue], [wish.text, wish.chips], api_name="textedit_hear"
    )
    heard.success(_where_begun(services, change), [parts.talk, wish.text, *how], parts.all, **HIDDEN)


def wire_moves(services: Services, say: Language, parts: Parts, wish: Wish) -> None:
    """Buttons, sliders and the strip."""
    import gradio as gr

    def press(action: Any) -> Any:
        def pressed(inner: Services, profile: str, talk: Conversation | None, mine: float) -> list[Any]:
            found = obey(open_predictor(inner, profile, "editor"), _begun(talk, say), Command(action), _tongue(say))
            return show(inner, profile, found, mine, say)

        return panels.listen(services, pressed)

    def slide(inner: Services, profile: str, talk: Conversation | None, *how: float) -> list[Any]:
        if talk is None:
            return [gr.skip()] * len(parts.all)
        strength, mine = how
        return show(inner, profile, sitting.on_strength(inner, profile, talk, strength), mine, say)

    def go_to(inner: Services, profile: str, talk: Conversation | None, mine: float, number: int) -> list[Any]:
        return show(inner, profile, sitting.on_go_to(_begun(talk, say), number, _tongue(say)), mine, say)

    how = [wish.strength, wish.mine]
    for action, button in wish.buttons.items():
        button.click(press(action), [parts.talk, wish.mine], parts.all, api_name=f"textedit_{action}")
    for slider in how:
        slider.release(panels.listen(services, slide), [parts.talk, *how], parts.all, **HIDDEN)
    parts.strip.select(_selected(services, go_to), [parts.talk, wish.mine], parts.all, **HIDDEN)


def _where_begun(services: Services, change: Any) -> Any:
    """Draws what was said at once where there is a face to draw."""
    import gradio as gr

    def drawn(inner: Services, profile: str, talk: Conversation | None, text: str, *how: float) -> Any:
        if talk is None or not text.strip():
            return [gr.skip()] * 7
        return change(inner, profile, talk, text, *how)

    return panels.listen(services, drawn)


def _selected(services: Services, handler: Any) -> Any:
    """A listener to which Gradio also says what was chosen."""
    import gradio as gr

    listener = panels.listen(services, handler)

    def chosen(event: Any, request: Any, *values: Any) -> Any:
        return listener(request, *values, int(event.index))

    chosen.__annotations__ = {"event": gr.SelectData, "request": gr.Request}
    return chosen


def _begun(talk: Conversation | None, say: Language) -> Conversation:
    if talk is None:
        raise BadRequest(say("textedit.face.none"))
    return talk
