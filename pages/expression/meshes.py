"""A character as plain numbers for the rig that Plotly draws: resting mesh, colours, and what each controller moves."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from core.engine.character import MATERIALS
from core.engine.characters import load_character
from core.engine.controllers import NAMES
from core.engine.glb import SMALLEST_METRES, UNIT_METRES, morph_displacements
from core.engine.portray import paint_iris
from core.engine.skin import to_srgb
from core.engine.stage import NECK_METRES

STEP = UNIT_METRES / 32767
"""Displacements are whole numbers of this, metres."""
IRIS_FINENESS = 0.05


def write_mesh(name: str, path: Path) -> None:
    """Length of the JSON, the JSON, then the arrays it names, one after the other, each at a multiple of four bytes."""
    character = load_character(name)
    triangles = character.triangles[character.front].numpy()
    used, faces = np.unique(triangles, return_inverse=True)
    moved = morph_displacements(character)[0].numpy()[:, used]
    places = [np.flatnonzero(np.abs(one).max(1) > SMALLEST_METRES) for one in moved]
    arrays = {
        "rest": character.rest.numpy()[used].astype(np.float32),
        "colours": _paint(name)[used],
        "still": character.still.numpy()[used].astype(np.float32),
        "triangles": faces.reshape(-1, 3).astype(np.uint32),
        "places": np.concatenate(places).astype(np.uint32),
        "moves": np.concatenate([np.rint(moved[row, at] / STEP) for row, at in enumerate(places)]).astype(np.int16),
    }
    told = {
        "names": list(NAMES), "counts": [len(at) for at in places], "step": STEP, "neck": list(NECK_METRES),
        "arrays": [[key, value.dtype.name, value.size] for key, value in arrays.items()],
    }  # fmt: skip
    head = json.dumps(told, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 4)
    content = b"".join(value.tobytes() + b"\0" * (-value.nbytes % 4) for value in arrays.values())
    path.write_bytes(len(head).to_bytes(4, "little") + head + content)


def _paint(name: str) -> np.ndarray:
    """A colour for each vertex; an eye's from its iris."""
    character = load_character(name)
    colours = character.colours.clone()
    for eye in ("eye_left", "eye_right"):
        at = character.triangles[character.materials == MATERIALS.index(eye)].unique()
        colours[at] = paint_iris(character.eyes, character.fibres[at], IRIS_FINENESS)
    sky = 0.6 + 0.4 * character.visibility.sky[:, None]
    return (to_srgb(colours * sky).clamp(0, 1) * 255).round().byte().numpy()
