"""What the facefield page shows as HTML: the head that is turned, its facts, files and mesh, and two heads compared."""

from __future__ import annotations

import html
import json
from typing import Any

from pages.facefield.heads import Head, Kept
from pages.facefield.pieces import MOST_PITCH, MOST_YAW
from studio.job_panel import link_files
from studio.jobs import Job
from studio.language import Language


def show_stage(head: Head, kept: Kept | None, say: Language) -> str:
    """The head, to be turned; the first view is the photo's own."""
    told = kept.settings if kept is not None else {}
    words = {
        "alt": say("facefield.view.alt"),
        "drag": say("facefield.view.drag"),
        "picture": say("facefield.view.picture"),
        "depth": say("facefield.view.depth"),
        "opacity": say("facefield.view.opacity"),
        "yaw": say("facefield.view.yaw"),
        "pitch": say("facefield.view.pitch"),
        "play": say("facefield.view.play"),
        "front": say("facefield.view.front"),
        "keep": say("facefield.view.keep"),
        "lost": say("facefield.view.lost"),
    }
    aim = f'data-aim="[{told["yaw"]:g},{told["pitch"]:g}]" ' if "yaw" in told else ""
    return (
        f'<likeness-orbit data-head="{html.escape(head.to_json())}" data-most="[{MOST_YAW:g},{MOST_PITCH:g}]" {aim}'
        f'data-words="{_words(words)}"></likeness-orbit>{_facts(told, say)}'
    )


def _words(words: dict[str, str]) -> str:
    return html.escape(json.dumps(words, ensure_ascii=False))


def _facts(told: dict[str, Any], say: Language) -> str:
    difference = told.get("difference")
    if difference is None:
        return ""
    grade = next((word for word, most in (("near", 6), ("close", 11), ("off", 20)) if difference <= most), "far")
    texts = {
        "near": say("facefield.found.near"),
        "close": say("facefield.found.close"),
        "off": say("facefield.found.off"),
        "far": say("facefield.found.far"),
    }
    told_how = say("facefield.found.difference", value=f"{float(difference):.1f}")
    return f'<p class="hint">{html.escape(texts[grade])} {html.escape(told_how)}</p>'


def caption(kept: Kept, say: Language) -> str:
    """Where a kept head is from."""
    told = kept.settings
    if told.get("origin") == "seed":
        return say("facefield.kept.seed", seed=str(told.get("of", "")).removeprefix("seed-"))
    texts = {
        "photo": say("facefield.kept.photo"),
        "changed": say("facefield.kept.changed"),
        "file": say("facefield.kept.file"),
    }
    return texts[str(told.get("origin", "file"))]


def show_made(found: Job, say: Language) -> str:
    """What was made to be taken away: a film, or a mesh that can be turned."""
    files = found.result["files"]
    glb = next((one for one in files if one["name"].endswith(".glb")), None)
    if glb is None:
        return f'{link_files(files)}<p class="hint">{html.escape(say("facefield.made.turntable"))}</p>'
    words = {
        "mesh": say("facefield.mesh.alt"),
        "mesh_drag": say("facefield.mesh.drag"),
        "clay": say("facefield.mesh.clay"),
        "lost": say("facefield.view.lost"),
        "no_webgl": say("facefield.mesh.no_webgl"),
    }
    return (
        f'<likeness-mesh data-source="/files/{glb["medium"]}" data-words="{_words(words)}"></likeness-mesh>'
        f'{link_files(files)}<p class="hint">{html.escape(say("facefield.made.mesh"))}</p>'
    )


def show_verdict(found: Job, say: Language) -> str:
    """Same or different, how sure that is, and both heads from the same sides."""
    told = found.result
    verdict = say("facefield.verify.same") if told["same"] else say("facefield.verify.different")
    share = f"{told['error_rate'] * 100:.0f}"
    sure = say("facefield.verify.error", share=share, score=f"{told['score']:.2f}")
    kind = "same" if told["same"] else "different"
    return (
        f'<h3 class="verdict" data-verdict="{kind}">{html.escape(verdict)}</h3><p>{html.escape(sure)}</p>'
        f'<img class="beside" src="/files/{told["sheet"]}" alt="{html.escape(say("facefield.verify.beside"))}">'
        f'<p class="hint">{html.escape(say("facefield.verify.hint"))}</p>'
    )
