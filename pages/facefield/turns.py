"""What happens on the facefield page: a head is found, invented or brought back, changed, kept, and gone back from."""

from __future__ import annotations

import html
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from core.image import NotAPicture, read_picture
from pages.facefield import sitting
from pages.facefield.heads import MOVES, Head, delete_head, get_head, kept_heads, move
from pages.facefield.showing import caption, show_stage
from studio import panels
from studio.job_panel import bar
from studio.language import Language
from studio.services import Services
from training.spec import BadRequest

HIDDEN: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
LOOK_SECONDS = 0.25
MOST_PAST = 100
"""Heads that one can go back through."""
Past = list[Head]


@dataclass(frozen=True)
class Parts:
    """The components that every turn shows anew."""

    past: Any
    stage: Any
    strip: Any
    numbers: Any
    other: Any
    moves: list[Any]

    @property
    def all(self) -> list[Any]:
        """In the order in which ``show`` fills them."""
        return [self.past, self.stage, self.strip, self.numbers, self.other, *self.moves]


@dataclass(frozen=True)
class Given:
    """The components with which a head comes."""

    photo: Any
    working: Any
    cancel: Any
    job: Any
    somebody: Any
    seed: Any
    codes: Any

    @property
    def waiting(self) -> list[Any]:
        """What tells of a search."""
        return [self.job, self.working, self.cancel]


def show(services: Services, profile: str, past: Past, say: Language, anew: bool = True) -> list[Any]:
    """What ``Parts`` show; ``anew``: the kept heads may have changed."""
    import gradio as gr

    now = past[-1] if past else None
    stage = panels.empty(say("facefield.head.nothing")) if now is None else stage_of(services, profile, now, say)
    moved = dict(now.moves) if now is not None else {}
    kept = show_kept(services, profile, now, say) if anew else [gr.skip()] * 3
    return [past, stage, *kept, *(moved.get(name, 0.0) for name in MOVES)]


def stage_of(services: Services, profile: str, head: Head, say: Language) -> str:
    """The head that is looked at."""
    kept = None if head.of.startswith("seed-") else get_head(services, profile, head.of)
    return show_stage(head, kept, say)


def show_kept(services: Services, profile: str, now: Head | None, say: Language) -> list[Any]:
    """The strip of kept heads, their numbers, and those that one can swap with."""
    import gradio as gr

    heads = kept_heads(services, profile)
    told = [f"{len(heads) - at} · {caption(one, say)}" for at, one in enumerate(heads)]
    pictures = [(read_picture(one.picture.path), text) for one, text in zip(heads, told, strict=True)]
    numbers = [one.id for one in heads]
    shown = numbers.index(now.of) if now is not None and now.of in numbers else None
    others = [(text, one.id) for one, text in zip(heads, told, strict=True) if now is None or one.id != now.of]
    return [
        gr.update(value=pictures, visible=bool(heads), selected_index=shown),
        numbers,
        gr.update(choices=others, value=others[0][1] if others else None),
    ]


def add(past: Past, head: Head) -> Past:
    """One more head to go back from."""
    return [*past, head][-MOST_PAST:]


def now_of(past: Past) -> Head | None:
    """The head that is looked at."""
    return past[-1] if past else None


def making(kind: str) -> Callable[..., str]:
    """Starts to make what is taken away."""

    def make(inner: Services, profile: str, past: Past) -> str:
        return sitting.on_make(inner, profile, now_of(past), kind)

    make.__name__ = f"make_{kind}"
    return make


def wire_given(services: Services, say: Language, parts: Parts, given: Given) -> None:
    """A photo, somebody who does not exist, or a head that was taken away."""
    outputs = [*parts.all, *given.waiting]

    def look_into(inner: Services, profile: str, file: str | None, past: Past) -> Iterator[list[Any]]:
        if file:
            yield from follow(inner, profile, sitting.on_photo(inner, profile, file), past, say)
        else:
            yield _nothing(len(outputs))

    def open_page(inner: Services, profile: str) -> Iterator[list[Any]]:
        # only what is kept: somebody quick may already look at a head
        yield [*_nothing(2), *show_kept(inner, profile, None, say), *_nothing(len(MOVES) + 3)]
        going_on = sitting.finding_now(inner, profile)
        if going_on is not None:
            yield from follow(inner, profile, going_on.id, [], say)

    def invent(inner: Services, profile: str, past: Past, seed: str | None) -> list[Any]:
        return show(inner, profile, add(past, sitting.on_somebody(inner, profile, seed)), say)

    def come_back(inner: Services, profile: str, file: str | None, past: Past) -> list[Any]:
        return show(inner, profile, add(past, Head(sitting.on_come_back(inner, profile, file).id)), say)

    def take_back(inner: Services, profile: str, number: str) -> None:
        if number:
            inner.jobs.cancel(number, profile)

    import gradio as gr

    given.photo.change(
        panels.listen(services, look_into), [given.photo, parts.past], outputs, api_name="facefield_photo",
        show_progress="hidden", concurrency_limit=8,
    )  # fmt: skip
    gr.on(None, panels.listen(services, open_page), None, outputs, concurrency_limit=8, **HIDDEN)
    given.somebody.click(
        panels.listen(services, invent), [parts.past, given.seed], parts.all, api_name="facefield_somebody",
        show_progress="hidden",
    )  # fmt: skip
    given.codes.upload(
        panels.listen(services, come_back), [given.codes, parts.past], parts.all, api_name="facefield_come_back",
        show_progress="hidden",
    )  # fmt: skip
    given.cancel.click(panels.listen(services, take_back), given.job, None, **HIDDEN)


def _nothing(count: int) -> list[Any]:
    import gradio as gr

    return [gr.skip()] * count


def _idle(said: str = "") -> list[Any]:
    import gradio as gr

    return ["", said, gr.update(visible=False)]


def follow(services: Services, profile: str, number: str, past: Past, say: Language) -> Iterator[list[Any]]:
    """A search for a head: how far it is, then the head, or the sentence that says why there is none."""
    import gradio as gr

    unchanged, working_on = _nothing(5 + len(MOVES)), html.escape(say("facefield.head.working"))
    while not (found := services.jobs.get(number, profile)).ended:
        yield [*unchanged, number, f"<p>{working_on}</p>{bar(found.share)}", gr.update(visible=True)]
        time.sleep(LOOK_SECONDS)
    if found.state == "done":
        yield [*show(services, profile, add(past, Head(found.result["head"])), say), *_idle()]
        return
    yield [*unchanged, *_idle(panels.empty(found.message or say("job.cancelled")))]
    if found.state == "failed":
        raise NotAPicture(found.message)


def wire_changes(services: Services, say: Language, parts: Parts, buttons: dict[str, Any]) -> None:
    """Sliders and buttons that change the head that is looked at, keep it, or lead back."""
    import gradio as gr

    def press(inner: Services, profile: str, past: Past, *values: float) -> tuple[Any, Any]:
        now = now_of(past)
        moved = now and move(now, dict(zip(MOVES, values, strict=True)))
        if moved is None or moved == now:
            return gr.skip(), gr.skip()
        return [*past[:-1], moved], stage_of(inner, profile, moved, say)

    for slider in parts.moves:
        slider.input(
            panels.listen(services, press), [parts.past, *parts.moves], [parts.past, parts.stage],
            trigger_mode="always_last", **HIDDEN,
        )  # fmt: skip
    for what in ("look", "shape"):
        buttons[f"swap_{what}"].click(
            panels.listen(services, _swapping(what, say)), [parts.past, parts.other], parts.all,
            api_name=f"facefield_swap_{what}", show_progress="hidden",
        )  # fmt: skip
    _wire_ways(services, say, parts, buttons)
    _wire_delete(services, say, parts, buttons)


def _swapping(what: str, say: Language) -> Callable[..., list[Any]]:
    def swap(inner: Services, profile: str, past: Past, other: str | None) -> list[Any]:
        head = sitting.on_swap(inner, profile, now_of(past), other or "", what)
        return show(inner, profile, add(past, head), say)

    return swap


def _wire_ways(services: Services, say: Language, parts: Parts, buttons: dict[str, Any]) -> None:
    def keep(inner: Services, profile: str, past: Past) -> list[Any]:
        kept = sitting.on_keep(inner, profile, now_of(past))
        return show(inner, profile, add(past, Head(kept.id)), say)

    def undo(inner: Services, profile: str, past: Past) -> list[Any]:
        if len(past) < 2:
            raise BadRequest(say("facefield.take.no_way_back"))
        return show(inner, profile, _still_there(inner, profile, past[:-1]), say)

    for name, handler in (("keep", keep), ("undo", undo)):
        buttons[name].click(
            panels.listen(services, handler),
            parts.past,
            parts.all,
            api_name=f"facefield_{name}",
            show_progress="hidden",
        )


def _wire_delete(services: Services, say: Language, parts: Parts, buttons: dict[str, Any]) -> None:
    import gradio as gr

    def ask(inner: Services, profile: str, past: Past) -> Any:
        now = now_of(past)
        if now is None or now.of.startswith("seed-"):
            raise BadRequest(say("facefield.take.not_kept"))
        get_head(inner, profile, now.of)
        return gr.update(visible=True)

    def delete(inner: Services, profile: str, past: Past) -> list[Any]:
        now = now_of(past)
        if now is None:
            raise BadRequest(say("facefield.take.not_kept"))
        count = delete_head(inner, profile, now.of)
        gr.Info(say("facefield.take.deleted", count=count))
        return [*show(inner, profile, _still_there(inner, profile, past), say), gr.update(visible=False)]

    buttons["delete"].click(panels.listen(services, ask), parts.past, buttons["sure"], **HIDDEN)
    buttons["sure"].click(
        panels.listen(services, delete), parts.past, [*parts.all, buttons["sure"]], api_name="facefield_delete",
        show_progress="hidden",
    )  # fmt: skip


def _still_there(services: Services, profile: str, past: Past) -> Past:
    """The heads of the way back that were not deleted."""
    kept = {one.id for one in kept_heads(services, profile)}

    def is_there(name: str) -> bool:
        return not name or name.startswith("seed-") or name in kept

    return [head for head in past if is_there(head.of) and is_there(head.look)]


def wire_strip(services: Services, say: Language, parts: Parts) -> None:
    """A kept head is looked at again."""
    import gradio as gr

    def choose(inner: Services, profile: str, past: Past, numbers: list[str], at: int) -> list[Any]:
        if not 0 <= at < len(numbers):
            raise BadRequest(say("facefield.kept.gone"))
        return show(inner, profile, add(past, Head(numbers[at])), say)

    listener = panels.listen(services, choose)

    def chosen(event: Any, request: Any, *values: Any) -> Any:
        return listener(request, *values, int(event.index))

    chosen.__annotations__ = {"event": gr.SelectData, "request": gr.Request}  # Gradio fills both in itself
    parts.strip.select(chosen, [parts.past, parts.numbers], parts.all, **HIDDEN)
