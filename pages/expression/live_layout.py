"""The live desk's own element: what stands in it; its script fills and moves it."""

from __future__ import annotations

import html
from pathlib import Path

from core.engine.character_stage import GROUNDS, LIGHTS
from core.engine.characters import CHARACTERS
from core.expression.predict import WAYS
from pages.expression.senders import HERE, KINDS
from pages.expression.words import live_facts, live_words
from studio.language import Language

CSS = Path(__file__).with_name("live.css")
EXAMPLE_CLIPS = ("ada", "brook")
NOTHING = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E"


def _option(values: dict[str, str], chosen: str) -> str:
    return "".join(
        f'<option value="{value}"{" selected" if value == chosen else ""}>{html.escape(text)}</option>'
        for value, text in values.items()
    )


def scene_words(say: Language) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    return (
        {name: name.capitalize() for name in CHARACTERS},
        {name: say(f"ground.{name}") for name in GROUNDS},
        {name: say(f"light.{name}") for name in LIGHTS},
    )


def ways_to_read(say: Language) -> dict[str, str]:
    """What controllers may be read from, as a person reads it."""
    return {way: say(f"expression.way.{way}") for way in WAYS}


def lay_out_live(say: Language) -> str:
    def word(key: str) -> str:
        return html.escape(say(f"expression.live.{key}"))

    def pick(name: str, values: dict[str, str], chosen: str) -> str:
        return f'<label>{word(name)} <select data-at="{name}">{_option(values, chosen)}</select></label>'

    people, grounds, lights = scene_words(say)
    middle = {"network": say("expression.live.middle_network"), "scene": say("expression.live.middle_scene")}
    examples = "".join(
        f'<button type="button" data-example="/assets-of-likeness/examples/expression/{name}.mp4" '
        f'title="{word("example")}" aria-label="{word("example")}: {name.capitalize()}">'
        f'<img src="/assets-of-likeness/examples/expression/{name}.webp" alt=""></button>'
        for name in EXAMPLE_CLIPS
    )
    return f"""<style>{CSS.read_text(encoding="utf-8")}</style>
<likeness-live id="live" data-words="{html.escape(live_words(say))}" data-facts="{html.escape(live_facts(say))}">
<div class="views">
<figure><div class="view"><div class="frame"><video data-at="video" muted playsinline></video><div class="box" data-at="box"
 hidden></div></div><div class="nothing">{word("nothing")}</div></div>
<figcaption>{word("you")}<span data-at="latency"></span></figcaption></figure>
<figure><div class="view mirrors"><img data-at="picture" alt="{word("virtual")}"
 src="{NOTHING}"></div>
<figcaption>{word("virtual")}</figcaption></figure>
<figure><div class="view rig mirrors" data-at="rig"></div><figcaption>{word("rig")}
<span data-at="rignote"></span></figcaption></figure>
</div>
<p class="say" role="status" aria-live="polite" data-at="say"></p>
<div class="strip"><button type="button" class="main" data-at="start">{word("start")}</button>
<button type="button" data-at="record">{word("record")}</button>
<button type="button" data-at="neutral">{word("neutral")}</button>
<button type="button" data-at="guided">{word("guided")}</button>
<button type="button" data-at="keep">{word("keep")}</button>
<button type="button" data-at="correct">{word("correct")}</button>
<button type="button" data-at="reset">{word("reset")}</button>
<span class="examples">{word("examples")} {examples}</span></div>
<div class="strip">{pick("character", people, CHARACTERS[0])}{pick("ground", grounds, "paper")}
{pick("light", lights, "studio")}{pick("middle", middle, "network")}
{pick("way", ways_to_read(say), "photo")}
<label>{word("smoothing")} <input type="range" data-at="smoothing" min="0" max="1" step="0.05" value="0.5"></label>
<label><input type="checkbox" data-at="mirror" checked> {word("mirror")}</label></div>
<div class="guide" data-at="guide" role="status" aria-live="assertive" hidden><small></small><strong></strong>
<span class="meter"><i></i></span><button type="button">{word("cancel")}</button></div>
<div class="correction" data-at="correction" hidden><img alt="{word("correct")}"><div>
<p>{word("correct_guide")}</p><label><input type="checkbox"> {word("correct_agreed")}</label><p class="strip">
<button type="button" class="main keep">{word("correct_keep")}</button>
<button type="button" class="leave">{word("correct_leave")}</button></p></div></div>
<div class="channels" data-at="channels"></div>
<div class="recorded" data-at="recorded"></div><div class="poses" data-at="poses"></div>
<div class="board" data-at="board"></div>
<details><summary>{word("times")}</summary><table><thead><tr><th></th><td>p50</td><td>p95</td></tr></thead>
<tbody data-at="times"></tbody></table><p data-at="dropped"></p></details>
{_sending(say)}
</likeness-live>"""


def _sending(say: Language) -> str:
    """Ways to hand the numbers to other programs, all off."""
    word = {key: html.escape(say(f"expression.send.{key}")) for key in ("title", "summary", "host", "port", *KINDS)}
    rows = "".join(
        f'<div class="sender" data-kind="{kind}"><label><input type="checkbox"> {word[kind]}</label>'
        f'<label>{word["host"]} <input type="text" class="host" value="{HERE}" spellcheck="false" maxlength="253"></label>'
        f'<label>{word["port"]} <input type="number" class="port" value="{port}" min="1" max="65535"></label>'
        f'<span class="told" role="status"></span></div>'
        for kind, (port, _) in KINDS.items()
    )
    return (
        f'<details class="sending"><summary><b>{word["title"]}</b><span class="lamp" data-at="sending"></span></summary>'
        f"<p>{word['summary']}</p>{rows}</details>"
    )
