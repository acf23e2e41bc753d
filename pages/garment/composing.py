"""A garment composed on the page: a template, an outline's picture or a drawing, in a cropped cloth, kept in every form."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from core.engine.cuts import KINDS
from core.garment.cloth import NotACloth
from core.garment.outline import NotAnOutline
from core.garment.predict import Dressed, Predictor, Shape, Texture
from core.image import Mask, NotAPicture, Pixels, flatten
from pages.garment import handlers
from pages.garment.drawings import Given, read_drawing, with_colour
from pages.garment.handlers import ROOM, Laying
from pages.garment.pieces import ENDINGS, Made, describe, write_all
from pages.garment.sheet import in_square
from studio.media import Medium
from studio.services import Services
from studio.uploads import inspect
from training.spec import BadRequest

SOURCES = ("template", "picture", "drawing")
DRAWN_SIZE, THUMB_SIZE = 512, 160
MOST_SHAPES, MOST_POINTS = 400, 40_000


@dataclass(frozen=True)
class CutWanted:
    """Where the cut comes from."""

    source: str = "template"
    """template, picture or drawing."""
    template: str = "tee"
    picture: str | None = None
    """An outline's file."""
    drawing: str = ""
    """Shapes as JSON: ``[{"cut": false, "mirror": true, "points": [[x, y], ...]}, ...]``, x and y in 0..1."""


@dataclass(frozen=True)
class ClothWanted:
    """Which cloth, which part of it, and how it is laid."""

    medium: str
    """A kept picture's number."""
    crop: str = ""
    """Left, top, width and height as shares of the picture; empty: all of it."""
    laying: Laying = field(default_factory=Laying)


@dataclass(frozen=True)
class Kept:
    """A garment kept in every form."""

    name: str
    files: Mapping[str, str]
    """Media by the endings of pieces.ENDINGS."""
    facts: dict[str, Any]
    thumb: Pixels
    wanted: tuple[CutWanted, ClothWanted] | None = None
    """What it was composed of; None for one found in a photo."""


def on_cloth(services: Services, profile: str, file: str | None) -> Medium:
    """A picture of cloth is kept, so that it can be cropped and used again."""
    if not file:
        raise BadRequest("Give a picture of a cloth first.")
    read_drawing(services, Path(file))  # a sentence where it is no picture
    return keep_once(services, profile, Path(file))


def on_compose(services: Services, profile: str, cut: CutWanted, cloth: ClothWanted) -> Kept:
    """A cut in a cloth, kept."""
    if not cloth.medium:
        raise BadRequest("There is no cloth yet: upload or paste a picture of one, or press an example.")
    given = services.media.get(profile, cloth.medium)
    predictor = handlers.open_predictor(services, profile)
    shape, name, parent = read_wanted_cut(services, profile, predictor, cut)
    texture = (
        _read_in_place(services, predictor, given, shape)
        if cloth.laying.in_place
        else read_piece(services, predictor, given, cloth)
    )
    parents = [one for one in (parent, given) if one is not None]
    made = Made(name, given.path.stem, tuple(one.sha256 for one in parents), services.settings.mark)
    return keep_garment(services, profile, predictor.draw(shape, texture), made, parents, (cut, cloth))


def read_wanted_cut(
    services: Services, profile: str, predictor: Predictor, cut: CutWanted
) -> tuple[Shape, str, Medium | None]:
    """The cut as the generator understands it, its name, and its picture where it has one."""
    if cut.source not in SOURCES:
        raise BadRequest(f"A cut comes from {', '.join(SOURCES)}, not from {cut.source!r}.")
    if cut.source == "template":
        if cut.template not in KINDS:
            raise BadRequest(f"There is no template {cut.template!r}; there is {', '.join(KINDS)}.")
        return predictor.read_template(cut.template, DRAWN_SIZE), cut.template, None
    if cut.source == "picture":
        if not cut.picture:
            raise BadRequest("There is no outline yet: upload a picture of one, or choose a template, or draw.")
        path = Path(cut.picture)
        return (
            handlers.read_cut(services, predictor, Given(path.stem, path)),
            path.stem,
            keep_once(services, profile, path),
        )
    try:
        return predictor.read_shape(draw_shapes(cut.drawing)), "drawing", None
    except NotAnOutline as error:
        raise NotAPicture(str(error)) from error


def draw_shapes(text: str, size: int = DRAWN_SIZE) -> Mask:
    """The canvas's shapes as a mask: one after the other, added or taken away."""
    from PIL import Image, ImageDraw

    canvas = np.zeros((size, size), np.uint8)
    for shape in _read_shapes(text):
        piece = Image.new("L", (size, size), 0)
        points = np.asarray(shape["points"], np.float64) * size - 0.5
        ImageDraw.Draw(piece).polygon([(float(x), float(y)) for x, y in points], fill=255)
        drawn = np.asarray(piece) > 0
        canvas[drawn | drawn[:, ::-1] if shape.get("mirror") else drawn] = 0 if shape.get("cut") else 255
    return canvas


def _read_shapes(text: str) -> list[dict[str, Any]]:
    wanted = 'a list of {"points": [[x, y], ...], "cut": false, "mirror": false} with x and y from 0 to 1'
    try:
        shapes = json.loads(text or "[]")
        if not isinstance(shapes, list):
            raise TypeError(type(shapes).__name__)
        counts = [len(np.asarray(shape["points"], np.float64).reshape(-1, 2)) for shape in shapes]
        spread = (
            np.concatenate([np.asarray(shape["points"], np.float64) for shape in shapes]) if shapes else np.zeros(1)
        )
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise BadRequest(f"The drawing cannot be read; wanted {wanted}.") from error
    if not np.isfinite(spread).all() or np.abs(spread).max() > 4 or min(counts, default=3) < 3:
        raise BadRequest(f"The drawing has points that are none; wanted {wanted}.")
    if len(shapes) > MOST_SHAPES or sum(counts) > MOST_POINTS:
        raise BadRequest(f"The drawing has too many shapes; {MOST_SHAPES} with {MOST_POINTS:,} points are the most.")
    return shapes


def read_piece(services: Services, predictor: Predictor, given: Medium, cloth: ClothWanted) -> Texture:
    """The cropped part of a cloth, as the generator understands it."""
    pixels = cut_out(with_colour(read_drawing(services, given.path)), cloth.crop)
    try:
        return predictor.read_texture(pixels, None, cloth.laying.scale, cloth.laying.turn_degrees)
    except NotACloth as error:
        raise NotAPicture(str(error)) from error


def cut_out(pixels: Pixels, crop: str) -> Pixels:
    """The part of a picture that a crop names."""
    if not crop:
        return pixels
    try:
        left, top, width, height = (float(value) for value in crop.replace(",", " ").split())
    except ValueError as error:
        raise BadRequest(
            f"A crop is left, top, width and height in 0..1, such as 0.1 0.1 0.5 0.5, not {crop!r}."
        ) from error
    if not (0 <= left < 1 and 0 <= top < 1 and 0 < width <= 1.001 - left and 0 < height <= 1.001 - top):
        raise BadRequest(f"The crop {crop} does not lie in the picture; its numbers are shares of it, 0..1.")
    rows, columns = pixels.shape[:2]
    low, high = round(top * rows), max(round((top + height) * rows), round(top * rows) + 1)
    first, last = round(left * columns), max(round((left + width) * columns), round(left * columns) + 1)
    return np.ascontiguousarray(pixels[low:high, first:last])


def _read_in_place(services: Services, predictor: Predictor, given: Medium, shape: Shape) -> Texture:
    if read_drawing(services, given.path).shape[2] != 4:
        raise BadRequest(
            "The cloth shows all of its garment; to fill in what was hidden, give a PNG that is transparent where something "
            "was in front, on the outline's own picture."
        )
    return handlers.read_occluded(services, predictor, Given("cloth", given.path), shape)


def keep_once(services: Services, profile: str, path: Path) -> Medium:
    """The kept upload of a file; the same file given again is not kept twice."""
    if not path.is_file():
        raise BadRequest(f"There is no file {path.name} any more; give it again.")
    inspect(path, services.settings.limits)
    digest = sha256(path.read_bytes()).hexdigest()
    known = services.media.of(profile, ROOM, "upload", limit=200)
    found = next((one for one in known if one.sha256 == digest and one.path.is_file()), None)
    return found or services.media.keep_upload(profile, ROOM, path)


def keep_garment(
    services: Services,
    profile: str,
    garment: Dressed,
    made: Made,
    parents: Sequence[Medium],
    wanted: tuple[CutWanted, ClothWanted] | None = None,
) -> Kept:
    """Every form of a garment as a kept file."""
    name, settings = made.cut, describe(garment, made)
    with tempfile.TemporaryDirectory() as folder:
        written = write_all(garment, Path(folder), "garment", made)
        media = [services.media.keep_file(profile, ROOM, path, settings, parents) for path in written]
    files = {ending: medium.id for ending, medium in zip(ENDINGS, media, strict=True)}
    return Kept(name, files, garment.facts, in_square(flatten(garment.pixels), THUMB_SIZE), wanted)
