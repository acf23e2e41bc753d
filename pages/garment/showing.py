"""What the garment page shows as HTML: a kept garment with its facts in words and its files, a cloth to crop, a template."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Mapping
from typing import Any

from core import checkpoints
from core.garment.templates import template
from pages.garment.composing import Kept
from pages.garment.handlers import ROOM
from studio import panels
from studio.job_panel import link_files
from studio.jobs import Job
from studio.language import Language
from studio.media import Medium
from studio.services import Services

FILE_NAMES = {".png": "png", ".mask.png": "mask", ".svg": "svg", ".overlay.png": "overlay", ".json": "json"}
"""Downloads in the order in which they are offered, and the word of each."""


def show_garment(kept: Kept, say: Language) -> str:
    """The garment on a checkerboard with a switch for what was invented, facts in words, and downloads."""
    source, overlay, mask = (f"/files/{kept.files[ending]}" for ending in (".png", ".overlay.png", ".mask.png"))
    text = html.escape(say("garment.result.alt", name=cut_name(kept.name, say)))
    texts = {ending: html.escape(say(f"garment.file.{word}")) for ending, word in FILE_NAMES.items()}
    links = "".join(
        f'<a href="/files/{kept.files[ending]}" download="{html.escape(kept.name)}{ending}">{shown}</a>'
        for ending, shown in texts.items()
    )
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in kept.facts["notes"])
    return (
        f'<div class="take made" data-garment="{kept.files[".png"]}">'
        f'<label class="switch"><input type="checkbox" class="invented"> {html.escape(say("garment.result.overlay"))}</label>'
        f'<div class="checker"><img class="plain" src="{source}" alt="{text}">'
        f'<img class="tinted" src="{overlay}" alt="" style="mask-image:url({mask})"></div>'
        f'<dl class="facts">{_facts(kept.facts, say)}</dl>{f"<ul>{notes}</ul>" if notes else ""}'
        f'<div class="files">{links}</div></div>'
    )


def _facts(facts: dict[str, Any], say: Language) -> str:
    difference, invented = float(facts["colour_difference"]), float(facts["invented_share"])
    overlap = f"{float(facts['outline_iou']) * 100:.0f}"
    colours = "–" if math.isnan(difference) else f"{difference:.1f}"
    rows = [(say("garment.fact.outline"), say("garment.fact.outline_is", share=overlap))]
    bounds = (("near", 3), ("close", 8), ("off", 20), ("other", math.inf))
    near = next((word for word, most in bounds if difference <= most), "none")
    rows.append((say("garment.fact.colour"), say(f"garment.fact.colour_{near}", value=colours)))
    kind = "all" if invented > 0.995 else "some"
    rows.append((say("garment.fact.invented"), say(f"garment.fact.invented_{kind}", share=f"{invented * 100:.0f}")))
    if facts.get("template"):
        rows.append((say("garment.fact.template"), cut_name(str(facts["template"]), say)))
    return "".join(f"<dt>{html.escape(key)}</dt><dd>{html.escape(value)}</dd>" for key, value in rows)


def cut_name(name: str, say: Language) -> str:
    """A template or the drawing as a person calls it; an outline's file keeps its own name."""
    return say(f"garment.kind.{name}") if f"garment.kind.{name}" in say.table else name


def show_cloth(medium: Medium, say: Language, crop: str = "") -> str:
    """The cloth with a rectangle to crop it."""
    words = json.dumps({key: say(f"garment.crop.{key}") for key in ("cloth", "hint", "whole")}, ensure_ascii=False)
    return (
        f'<likeness-crop data-medium="{medium.id}" data-source="/files/{medium.id}" data-crop="{html.escape(crop)}" '
        f'data-words="{html.escape(words)}"></likeness-crop><p class="hint">{html.escape(say("garment.crop.hint"))}</p>'
    )


def show_template(name: str, say: Language) -> str:
    """A template's outline."""
    points = " ".join(f"{x * 100:.1f},{y * 100:.1f}" for x, y in template(name).points.tolist())
    return (
        f'<svg class="template" viewBox="0 0 100 100" role="img" aria-label="{html.escape(cut_name(name, say))}">'
        f'<polygon points="{points}"/></svg>'
    )


def template_shapes(name: str) -> str:
    """A template as a drawing to go on with."""
    points = [[round(float(x), 4), round(float(y), 4)] for x, y in template(name).points.tolist()]
    return json.dumps([{"cut": False, "mirror": False, "points": points}])


def sketch(say: Language) -> str:
    """The canvas."""
    keys = ("canvas", "add", "cut", "mirror", "undo", "clear")
    words = json.dumps({key: say(f"garment.sketch.{key}") for key in keys}, ensure_ascii=False)
    hint = html.escape(say("garment.sketch.hint"))
    return f'<likeness-sketch data-words="{html.escape(words)}"></likeness-sketch><p class="hint">{hint}</p>'


def show_standing(services: Services, profile: str, say: Language) -> str:
    """How good the weights in service are, from their cards, before anything is made."""
    found = checkpoints.list_all(services.people.weight_roots(profile))
    cards = {one.card.name: one.card for one in found if one.card.subject == ROOM}
    if not {"generator", "encoders"} <= cards.keys():
        return panels.empty(say("garment.standing.missing"))
    size = cards["generator"].config.get("generator", {}).get("size", 0)
    known, nothing = cards["encoders"].scores, cards["encoders"].baselines
    scores = {name: score for name, score in known.items() if score is not None}
    told = [say("garment.standing.size", size=size)]
    if "outline_iou" in scores:
        told.append(
            say("garment.standing.outline", score=f"{scores['outline_iou']:.2f}", nothing=_two(nothing, "outline_iou"))
        )
    if "colour_difference" in scores:
        told.append(
            say(
                "garment.standing.colour",
                score=f"{scores['colour_difference']:.1f}",
                nothing=_two(nothing, "colour_difference"),
            )
        )
    if "hidden_share" in scores:
        told.append(say("garment.standing.hidden", share=f"{scores['hidden_share'] * 100:.0f}"))
    return f'<p class="standing">{html.escape(" ".join(told))}</p>'


def _two(values: Mapping[str, float | None], key: str) -> str:
    value = values.get(key)
    return "–" if value is None else f"{value:.2g}"


def show_sheet(found: Job, say: Language) -> str:
    """What came of a grid."""
    files = found.result["files"]
    left_out = html.escape(say("garment.grid.refused"))
    refused = "".join(f"<li>{html.escape(one)}</li>" for one in found.result["refused"])
    share = f"{found.result['outline_iou'] * 100:.0f}"
    told = html.escape(say("garment.grid.made", count=found.result["garments"], share=share))
    return f'<img class="sheet" src="/files/{files[0]["medium"]}" alt="{told}">{link_files(files)}<p>{told}</p>' + (
        f"<p>{left_out}</p><ul>{refused}</ul>" if refused else ""
    )


def show_worn(medium: Medium, say: Language) -> str:
    """A figure that wears the garment."""
    text = html.escape(say("garment.wear.alt"))
    return (
        f'<div class="take"><img class="worn" src="/files/{medium.id}" alt="{text}">'
        f"{link_files([{'medium': medium.id, 'name': 'worn.png', 'type': medium.type}])}</div>"
    )


def show_chosen(medium: Medium | None, say: Language) -> str:
    """The garment that would be tried on."""
    if medium is None:
        return panels.empty(say("garment.wear.none"))
    text = html.escape(say("garment.wear.chosen"))
    return (
        f'<figure class="chosen"><div class="checker"><img src="/files/{medium.id}" alt=""></div>'
        f"<figcaption>{text}</figcaption></figure>"
    )
