"""Every cut in every cloth as one piece of work: a sheet of variants, and all garments in one archive."""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.garment.predict import Dressed, Predictor, Shape, Texture
from core.image import NotAPicture, Pixels
from pages.garment import handlers
from pages.garment.command import MOST_GARMENTS
from pages.garment.composing import ClothWanted, CutWanted, cut_out, keep_once, read_piece, read_wanted_cut
from pages.garment.drawings import read_drawing, with_colour
from pages.garment.examples import list_examples
from pages.garment.handlers import ROOM, Laying
from pages.garment.pieces import Made, write_piece
from pages.garment.sheet import draw_sheet
from studio.jobs import Progress
from studio.media import Medium
from studio.services import Services
from studio.uploads import UploadRefused
from training.spec import BadRequest

KEPT_ENDINGS = (".png", ".svg", ".json")
"""What of each garment goes into the archive."""


@dataclass(frozen=True)
class GridWanted:
    """Which cuts, which cloths."""

    templates: Sequence[str] = ()
    outlines: Sequence[str] = ()
    """Files."""
    examples: Sequence[str] = ()
    """Names of example cloths."""
    cloths: Sequence[str] = ()
    """Files."""
    also_cut: CutWanted | None = None
    also_cloth: ClothWanted | None = None
    """What lies on the compose tab."""
    laying: Laying = field(default_factory=Laying)


@dataclass
class _Lot:
    """What is at hand of one side of the grid."""

    names: list[str] = field(default_factory=list)
    media: list[Medium | None] = field(default_factory=list)
    shapes: list[Shape] = field(default_factory=list)
    textures: list[Texture] = field(default_factory=list)
    swatches: list[Pixels] = field(default_factory=list)


def on_grid(services: Services, profile: str, wanted: GridWanted) -> str:
    """All variants, as a job. Returns its number."""
    cuts = [CutWanted("template", name) for name in wanted.templates]
    cuts += [CutWanted("picture", picture=path) for path in wanted.outlines]
    cuts += [wanted.also_cut] if wanted.also_cut is not None else []
    known = list_examples(services, "cloths")
    missing = [name for name in wanted.examples if name not in known]
    if missing:
        raise BadRequest(f"There is no example cloth {missing[0]!r}; there is {', '.join(known) or 'none'}.")
    files = [(name, known[name]) for name in wanted.examples]
    files += [(Path(path).stem, Path(path)) for path in wanted.cloths]
    count = len(cuts) * (len(files) + (wanted.also_cloth is not None))
    if not cuts:
        raise BadRequest("Choose at least one cut: tick templates, or give pictures of outlines.")
    if not count:
        raise BadRequest("Choose at least one cloth: tick examples, or give pictures of cloths.")
    if count > MOST_GARMENTS:
        raise BadRequest(
            f"{len(cuts)} cuts in {count // len(cuts)} cloths are {count} garments; at most {MOST_GARMENTS} are made at once."
        )
    predictor = handlers.open_predictor(services, profile)
    refused: list[str] = []
    kept: list[tuple[str, ClothWanted]] = []
    for name, path in files:
        try:
            kept.append((name, ClothWanted(keep_once(services, profile, path).id, "", wanted.laying)))
        except UploadRefused as error:
            refused.append(f"{name}: {error}")
    if wanted.also_cloth is not None:
        services.media.get(profile, wanted.also_cloth.medium)
        kept.append(("cloth", wanted.also_cloth))

    def work(progress: Progress) -> dict[str, Any]:
        shapes = _read_cuts(services, profile, predictor, cuts, refused)
        textures = _read_cloths(services, profile, predictor, kept, refused)
        if not shapes.shapes or not textures.textures:
            raise NotAPicture("No garment could be made. " + " ".join(refused))
        return _draw_all(services, profile, predictor, (shapes, textures), progress) | {"refused": refused}

    request = {"cuts": len(cuts), "cloths": len(kept)}
    return services.jobs.start(profile, "garment grid", request, work).id


def _read_cuts(
    services: Services, profile: str, predictor: Predictor, cuts: Sequence[CutWanted], refused: list[str]
) -> _Lot:
    lot = _Lot()
    for cut in cuts:
        try:
            shape, name, medium = read_wanted_cut(services, profile, predictor, cut)
        except (NotAPicture, BadRequest, UploadRefused) as error:
            where = f"{Path(cut.picture).stem}: " if cut.picture and isinstance(error, UploadRefused) else ""
            refused.append(f"{where}{error}")
            continue
        lot.shapes.append(shape)
        lot.names.append(_unlike(name, lot.names))
        lot.media.append(medium)
    return lot


def _read_cloths(
    services: Services,
    profile: str,
    predictor: Predictor,
    cloths: Sequence[tuple[str, ClothWanted]],
    refused: list[str],
) -> _Lot:
    lot = _Lot()
    for name, cloth in cloths:
        medium = services.media.get(profile, cloth.medium)
        try:
            lot.textures.append(read_piece(services, predictor, medium, cloth))
        except (NotAPicture, BadRequest) as error:
            refused.append(f"{name}: {error}")
            continue
        lot.swatches.append(cut_out(with_colour(read_drawing(services, medium.path)), cloth.crop))
        lot.names.append(_unlike(name, lot.names))
        lot.media.append(medium)
    return lot


def _unlike(name: str, known: Sequence[str]) -> str:
    """The name, numbered where there is one like it."""
    return next(one for at in range(len(known) + 1) if (one := f"{name}-{at + 1}" if at else name) not in known)


def _draw_all(
    services: Services, profile: str, predictor: Predictor, lots: tuple[_Lot, _Lot], progress: Progress
) -> dict[str, Any]:
    cuts, cloths = lots
    drawn: list[Pixels] = []
    facts: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(Path(folder) / "garments.zip", "w") as archive:
        for row, shape in enumerate(cuts.shapes):
            for column, texture in enumerate(cloths.textures):
                progress.say(len(drawn) / (len(cuts.shapes) * len(cloths.textures)))
                garment = predictor.draw(shape, texture)
                name = f"{cuts.names[row]}-{cloths.names[column]}"
                parents = tuple(one.sha256 for one in (cuts.media[row], cloths.media[column]) if one is not None)
                made = Made(cuts.names[row], cloths.names[column], parents, services.settings.mark)
                _pack(garment, name, made, archive)
                drawn.append(garment.pixels)
                facts[name] = {key: garment.facts[key] for key in ("outline_iou", "colour_difference", "notes")}
        archive.writestr("garments.json", json.dumps(facts, ensure_ascii=False, indent=1))
        archive.close()
        settings = {"system": ROOM, "cuts": cuts.names, "cloths": cloths.names}
        parents_of = [one for one in (*cuts.media, *cloths.media) if one is not None]
        sheet = draw_sheet([shape.outline.mask for shape in cuts.shapes], cloths.swatches, drawn)
        picture = services.media.keep_picture(profile, ROOM, sheet, settings, parents_of)
        whole = services.media.keep_file(profile, ROOM, Path(folder) / "garments.zip", settings, parents_of)
    files = [
        {"name": "garments.png", "medium": picture.id, "type": picture.type},
        {"name": "garments.zip", "medium": whole.id, "type": whole.type},
    ]
    return {"files": files, "garments": len(drawn), "outline_iou": _mean(facts, "outline_iou")}


def _mean(facts: dict[str, dict[str, Any]], key: str) -> float:
    return round(sum(one[key] for one in facts.values()) / len(facts), 4)


def _pack(garment: Dressed, name: str, made: Made, archive: zipfile.ZipFile) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for ending in KEPT_ENDINGS:
            path = Path(folder) / f"{name}{ending}"
            write_piece(garment, path, made)
            archive.write(path, path.name)
