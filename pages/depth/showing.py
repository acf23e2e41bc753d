"""What the depth page shows as HTML: the viewer of a reading with its facts and notes, what was measured, and the files."""

from __future__ import annotations

import html
import json
from typing import Any

from core import checkpoints
from core.depth.predict import GUESSED_DEGREES
from pages.depth.colours import MAPS
from pages.depth.handlers import ROOM
from studio import panels
from studio.jobs import Job
from studio.language import Language
from studio.services import Services

NOTES = {
    "One frame has no neighbour, so there is no path.": "",
    "The camera stands still.": "still",
    "The frames show nothing (one plain colour), so the distances mean nothing.": "plain",
}
"""The predictor's own sentences in the interface's words; what the facts say already is left out."""
TOLD = ("Scaled by", "Nobody said which lens")
"""Beginnings of notes that the facts say already."""
WORDS = ("first", "frame", "keys", "loading", "lost", "map", "metres", "moving", "play", "second", "static", "time")


def show_reading(found: Job, say: Language) -> str:
    """The viewer, what was read in numbers, and what one should know of it."""
    result = found.result
    words = {word: say(f"depth.view.{word}") for word in WORDS} | {
        f"map_{name}": say(f"depth.map.{name}") for name in MAPS
    }
    viewer = (
        f'<likeness-depth data-pack="/files/{result["pack"]}" data-clip="{result["given"]}" '
        f'data-words="{html.escape(json.dumps(words, ensure_ascii=False))}"></likeness-depth>'
    )
    return f'{viewer}<dl class="facts">{_facts(result, say)}</dl>{show_notes(result, say)}'


def _facts(result: dict[str, Any], say: Language) -> str:
    facts = result["facts"]
    range_of = {key: spell_metres(float(facts[f"{key}_metres"])) for key in ("near", "middle", "far")}
    rows = [(say("depth.fact.distances"), say("depth.fact.distances_are", **range_of))]
    if not result["still"]:
        way = spell_metres(float(facts["way_metres"]))
        turned = f"{facts['turned_degrees']:.0f}"
        rows.append((say("depth.fact.way"), say("depth.fact.way_is", way=way, turned=turned)))
        seconds = f"{facts['frames'] / facts['frames_per_second']:.1f}"
        rate = f"{facts['frames_per_second']:.3g}"
        rows.append(
            (say("depth.fact.frames"), say("depth.fact.frames_are", count=facts["frames"], seconds=seconds, rate=rate))
        )
    degrees = result["degrees"]
    lens = (
        say("depth.fact.lens_guessed", degrees=f"{GUESSED_DEGREES:.0f}")
        if degrees is None
        else say("depth.fact.lens_is", degrees=f"{degrees:g}")
    )
    rows.append((say("depth.fact.lens"), lens))
    scale = (
        say("depth.fact.scale_known", times=f"{result['scale']:.3g}")
        if result["original"]
        else say("depth.fact.scale_read")
    )
    rows.append((say("depth.fact.scale"), scale))
    return "".join(f"<dt>{html.escape(key)}</dt><dd>{html.escape(value)}</dd>" for key, value in rows)


def show_notes(result: dict[str, Any], say: Language) -> str:
    """The predictor's own words, and why nothing can be learned from this clip."""
    given = [note for note in result["facts"]["notes"] if not note.startswith(TOLD) and NOTES.get(note) != ""]
    notes = [html.escape(say(f"depth.note.{NOTES[note]}") if note in NOTES else note) for note in given]
    if result["tuning"] and not result["still"]:
        refused = html.escape(say("depth.note.no_tuning"))
        notes.append(f"<b>{refused}</b> {html.escape(result['tuning'])}")
    return f'<ul class="notes">{"".join(f"<li>{note}</li>" for note in notes)}</ul>' if notes else ""


def spell_metres(metres: float) -> str:
    """A length as a person says it."""
    if metres < 1:
        return f"{metres * 100:.0f} cm" if metres >= 0.095 else f"{metres * 100:.1f} cm"
    return f"{metres:.2f} m" if metres < 10 else f"{metres:.1f} m" if metres < 100 else f"{metres:.0f} m"


def show_measured(metres: float, say: Language) -> str:
    """What two presses measured."""
    return f'<p class="measured" role="status">{html.escape(say("depth.measured", metres=spell_metres(metres)))}</p>'


def show_files(found: Job, say: Language) -> str:
    """Every written form with what it means."""
    rows = "".join(_show_file(one, say) for one in reversed(found.result["files"]))
    checked = html.escape(say("depth.files.checked"))
    film = next((one for one in found.result["files"] if one["form"] in ("film", "picture")), None)
    shown = ""
    if film is not None and film["form"] == "film":
        shown = f'<video src="/files/{film["medium"]}" controls loop muted playsinline></video>'
    return f'<p class="hint">{checked}</p><div class="written"><ul class="forms">{rows}</ul>{shown}</div>'


def _show_file(one: dict[str, Any], say: Language) -> str:
    name, means = html.escape(one["name"]), html.escape(say(f"depth.form.{one['form']}_is"))
    return (
        f'<li><a href="/files/{one["medium"]}" download="{name}">{name}</a> <span class="size">{_size(one["bytes"])}</span>'
        f'<br><span class="hint">{means}</span></li>'
    )


def _size(count: int) -> str:
    return f"{count / 2**20:.1f} MB" if count >= 2**20 else f"{max(count / 1024, 0.1):.1f} KB"


def show_standing(services: Services, profile: str, say: Language) -> str:
    """How good the weights in service are, from their card, before anything is read."""
    found = checkpoints.list_all(services.people.weight_roots(profile))
    card = next((one.card for one in found if (one.card.subject, one.card.name) == (ROOM, "network")), None)
    if card is None:
        return panels.empty(say("depth.standing.missing"))
    scores, nothing = card.scores, card.baselines
    told: list[str] = []
    for key, word, times in (("abs_rel", "off", 100), ("delta1", "within", 100), ("path_error_percent", "way", 1)):
        score, idle = scores.get(key), nothing.get(key)
        if score is not None:
            values = [None if value is None else value * times for value in (score, idle)]
            own, other = ("–" if value is None else f"{value:.0f}" for value in values)
            told.append(say(f"depth.standing.{word}", score=own, nothing=other))
    return f'<p class="standing">{html.escape(" ".join(told) or say("depth.standing.unmeasured"))}</p>'
