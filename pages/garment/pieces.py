"""Every form in which a garment can be taken away, each saying what made it, and a garment read back from its own file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.garment.outline import NotAnOutline, read_outline
from core.garment.predict import Dressed
from core.garment.wear import Part
from core.image import NotAPicture, flatten
from pages.garment.drawings import read_drawing, with_colour
from studio.marks import provenance, read_provenance, write_marked
from studio.services import Services
from training.spec import BadRequest

ENDINGS = (".mask.png", ".overlay.png", ".json", ".svg", ".png")
"""``.png`` is the garment on a transparent ground, ``.overlay.png`` shows what was invented."""


@dataclass(frozen=True)
class Made:
    """What a garment was made of."""

    cut: str
    cloth: str
    parents: tuple[str, ...] = ()
    mark: str = "corner"


def ending_of(path: Path) -> str:
    """Which of the forms a file's name asks for."""
    found = next((ending for ending in ENDINGS if path.name.lower().endswith(ending)), None)
    if found is None:
        raise BadRequest(
            f"{path.name}: nothing is written as {path.suffix or 'that'}; choose from {', '.join(ENDINGS)}, or name a folder."
        )
    return found


def write_piece(garment: Dressed, path: Path, made: Made) -> None:
    """The garment in the form that the file's ending asks for."""
    ending, settings = ending_of(path), describe(garment, made)
    path.parent.mkdir(parents=True, exist_ok=True)
    if ending == ".png":
        write_marked(path, garment.pixels, settings, made.parents, made.mark)
    elif ending == ".overlay.png":
        write_marked(path, garment.overlay, settings, made.parents, made.mark)
    elif ending == ".mask.png":  # a visible mark would be part of the mask
        write_marked(path, garment.mask, settings, made.parents, "metadata")
    elif ending == ".svg":
        note = json.dumps(provenance(settings, made.parents), ensure_ascii=False).replace("&", "&amp;")
        note = f"<metadata>{note.replace('<', '&lt;')}</metadata></svg>"
        path.write_text(garment.svg.replace("</svg>", note), encoding="utf-8")
    else:
        content = garment.facts | provenance(settings, made.parents)
        path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def write_all(garment: Dressed, folder: Path, name: str, made: Made) -> list[Path]:
    """Every form under one name."""
    paths = [folder / f"{name}{ending}" for ending in ENDINGS]
    for path in paths:
        write_piece(garment, path, made)
    return paths


def describe(garment: Dressed, made: Made) -> dict[str, Any]:
    """The settings that made a file, for its metadata; a garment file carries its kind and anchors in them."""
    facts = {key: garment.facts[key] for key in ("template", "anchors", "outline_iou", "colour_difference")}
    return {"system": "garment", "cut": made.cut, "cloth": made.cloth} | facts


def read_part(services: Services, path: Path, kind: str | None) -> Part:
    """A garment file as an avatar's part: its kind and anchors are in it if it was made here from a template."""
    if not path.is_file():
        raise BadRequest(f"There is no file {path}.")
    said = (read_provenance(path) or {}).get("settings", {})
    named = kind or said.get("template")
    if not named:
        raise BadRequest(f"{path.name} does not say what kind of garment it is; add --kind, for example --kind tee.")
    pixels = with_colour(read_drawing(services, path))
    try:
        mask = read_outline(pixels).mask
    except NotAnOutline as error:
        raise NotAPicture(f"{path.name}: {error}") from error
    if mask.shape != pixels.shape[:2]:
        raise NotAPicture(
            f"{path.name} has {pixels.shape[1]} x {pixels.shape[0]} pixels; a garment to be worn has 1024 a side at most."
        )
    own = said.get("anchors") if kind in (None, said.get("template")) else None
    try:
        return Part(flatten(pixels), mask, str(named), own or {})
    except ValueError as error:
        raise BadRequest(str(error)) from error
