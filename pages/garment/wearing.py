"""What the page does with photos and figures: a garment of what somebody wears, and a garment tried on; both are kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.engine.figure_choices import VIEWS, FigureChoices
from core.engine.poses import POSES
from pages.garment import handlers
from pages.garment.composing import Kept, keep_garment, keep_once
from pages.garment.handlers import ROOM
from studio.marks import read_provenance
from studio.media import Medium
from studio.services import Services
from training.spec import BadRequest

REGIONS = ("top", "outer", "bottom")
WORN_SIZE = 512


@dataclass(frozen=True)
class Wearer:
    """Who wears a garment, and how."""

    pose: str | None = None
    """None: the seed's own."""
    view: str = "half"
    seed: int = 0


def on_photo(services: Services, profile: str, file: str | None, cut: str | None, region: str | None) -> Kept:
    """What a person in a photo wears, as a kept garment."""
    if not file:
        raise BadRequest("Give a photo of a dressed person first, or press an example.")
    given = keep_once(services, profile, Path(file))
    garment, made = handlers.on_dress(services, profile, Path(file), cut or None, region or None)
    return keep_garment(services, profile, garment, made, [given])


def on_try(services: Services, profile: str, medium: str, file: str | None, kind: str | None, wearer: Wearer) -> Medium:
    """A garment made here, or a garment's file, on an engine figure; the picture is kept."""
    if wearer.pose is not None and wearer.pose not in POSES:
        raise BadRequest(f"There is no pose {wearer.pose!r}; there is {', '.join(POSES)}.")
    if wearer.view not in VIEWS:
        raise BadRequest(f"There is no view {wearer.view!r}; there is {', '.join(VIEWS)}.")
    if file:
        worn = keep_once(services, profile, Path(file))
    elif medium:
        worn = services.media.get(profile, medium)
    else:
        raise BadRequest("There is no garment to try on yet: make one, or give a garment's PNG.")
    if not kind and not (read_provenance(worn.path) or {}).get("settings", {}).get("template"):
        raise BadRequest("This garment does not say what kind it is, as its cut was not a template: choose the kind.")
    choices = FigureChoices(pose=wearer.pose, view=wearer.view)
    drawn, settings = handlers.on_wear(services, worn.path, kind or None, int(wearer.seed), choices, WORN_SIZE)
    return services.media.keep_picture(profile, ROOM, drawn, settings, [worn])
