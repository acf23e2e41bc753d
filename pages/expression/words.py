"""Words and facts of the live desk, as its script in the browser wants them."""

from __future__ import annotations

import json
from typing import Any

from core.engine.character_stage import GROUNDS, LIGHTS
from core.engine.controllers import NAMES, PART_OF, PARTS
from pages.expression.health import GUIDE, LEAST_ANSWERS
from studio import web_packages
from studio.language import Language

LIVE_WORDS = (
    "black", "busy", "cancel", "cancelled", "correct_how", "correct_kept", "correct_left", "correct_none", "dropped",
    "free", "gain", "guide_blink", "guide_brows", "guide_done", "guide_mouth", "guide_neutral", "guide_smile",
    "guide_talk", "guide_wants", "health", "health_count", "health_dead", "health_good", "health_noise", "health_noisy",
    "health_note", "health_part", "health_range", "health_says_dead", "health_says_good", "health_says_noisy",
    "health_says_still", "health_state", "health_still", "health_title", "insecure", "kept", "latency", "loading", "lock",
    "lost", "missing", "mistake", "neutral_none", "neutral_taken", "no_camera", "no_face", "no_rig", "offline", "playing",
    "plotly_rig", "put_back", "ready", "record", "record_empty", "record_stop", "record_wants", "refused", "send_away",
    "send_off", "send_on", "send_sent", "send_waits", "start", "stop", "stopped", "stream", "time_capture", "time_decode",
    "time_draw", "time_encode", "time_find", "time_network", "time_rig", "time_server", "time_transfer", "time_whole",
    "watching",
)  # fmt: skip


def live_words(say: Language) -> str:
    """The script's texts as JSON."""
    return json.dumps({word: say(f"expression.live.{word}") for word in LIVE_WORDS}, ensure_ascii=False)


def live_facts(say: Language) -> str:
    """Parts with their controllers, grounds, lights, and whether the rig's library is there, as JSON."""
    parts = [
        {
            "name": part,
            "label": say(f"part.{part}"),
            "controllers": [{"name": name, "label": label(name, say)} for name in NAMES if PART_OF[name] == part],
        }
        for part in PARTS
    ]
    lights = {
        name: {
            "key": light.key, "key_way": light.key_way, "rim": light.rim, "rim_way": light.rim_way, "sky": light.sky,
        }
        for name, light in LIGHTS.items()
    }  # fmt: skip
    facts: dict[str, Any] = {
        "parts": parts,
        "grounds": {name: colours[0] for name, colours in GROUNDS.items()},
        "lights": lights,
        "guide": [[name, seconds, LEAST_ANSWERS] for name, seconds in GUIDE],
        "three": web_packages.find("three") is not None,
    }
    return json.dumps(facts, ensure_ascii=False)


def label(name: str, say: Language) -> str:
    """A controller as a person calls it; the side, where it has one, after it."""
    for side in ("left", "right"):
        stem = name.removesuffix(f"_{side}")
        if stem != name and f"{stem}_{'right' if side == 'left' else 'left'}" in NAMES:
            return say(f"side.{side}", name=say(f"controller.{stem}"))
    return say(f"controller.{name}")
