"""The textedit room's sheets: every attribute both ways, people of nobody beside engine faces, photos drawn again."""

from __future__ import annotations

import contextlib

import numpy as np

from core.checkpoints import CheckpointMissing
from core.engine.faces import faces
from core.face.reader import NoFace
from core.image import Pixels, contact_sheet, resize, to_pixels
from core.textedit.invert import Effort
from core.textedit.predict import LatentCode, Predictor
from core.textedit.requests import ask_for, both_ways
from training.measure import Asked, CannotMeasure, read_folder
from training.measure_textedit import DRAWN, frame_all

FACES, SIDE = 4, 96
NOBODIES = 32
INVERTED = 24
EFFORT = Effort(60, 60)


def textedit_sheets(asked: Asked) -> dict[str, Pixels]:
    """All sheets that the weights in service allow; on a folder of photos the one of photos drawn again."""
    predictor = Predictor.load(asked.roots)
    if asked.data is not None:
        return {"inversion": draw_again(predictor, read_folder(asked.data, asked.count))}
    sheets = {"random": draw_nobodies(predictor, asked)}
    with contextlib.suppress(CheckpointMissing):
        predictor.need("editor")
        sheets["edits"] = draw_edits(predictor, asked)
    return sheets


def draw_edits(predictor: Predictor, asked: Asked) -> Pixels:
    """A row an attribute, its name before it: four faces, each with less of it, as it is, and with more of it.

    The faces are held-out engine faces found by the inverter where it is there, else nobody's codes.
    """
    rows = []
    codes = _held_out(predictor, asked)
    plain = [_small(predictor.draw(code)) for code in codes]
    ways = both_ways()
    for place in range(0, len(ways), 2):
        key = ways[place][0]
        less, more = (
            [_small(predictor.draw(predictor.steer(code, ask_for(key, way, place, "en")))) for code in codes]
            for way in (-1, 1)
        )
        rows.append(_name(key.replace("_", " ")))
        rows += [picture for three in zip(less, plain, more, strict=True) for picture in three]
    return contact_sheet(rows, 1 + 3 * len(codes), gap=2)


def _held_out(predictor: Predictor, asked: Asked) -> list[LatentCode]:
    seeds = asked.seeds(FACES)[:FACES]
    try:
        predictor.need("inverter")
    except CheckpointMissing:
        return [predictor.imagine(seed) for seed in seeds]
    photos = list(to_pixels(faces(seeds, asked.device, DRAWN).pixels))
    return [predictor.find(one, EFFORT) for one in frame_all(predictor, photos)]


def draw_nobodies(predictor: Predictor, asked: Asked) -> Pixels:
    """Left: people of nobody, drawn from N(0, I); right: engine faces, which they are to be like."""
    seeds = asked.seeds(NOBODIES)
    mine = [_fit(predictor.draw(predictor.imagine(seed, 1.0)), 128) for seed in seeds]
    true = [_fit(one, 128) for one in frame_all(predictor, list(to_pixels(faces(seeds, asked.device, DRAWN).pixels)))]
    columns = min(4, len(seeds))
    halves = [contact_sheet(pictures, columns) for pictures in (mine, true)]
    between = np.full((halves[0].shape[0], 16, 3), 255, np.uint8)
    return np.concatenate((halves[0], between, halves[1]), 1)


def draw_again(predictor: Predictor, photos: list[Pixels]) -> Pixels:
    """Photos in threes: as framed, the nearest face that edits well, and as like the photo as can be."""
    predictor.need("inverter")
    shown = []
    for photo in photos[:INVERTED]:
        try:
            portrait, _ = predictor.frame(photo)
        except NoFace:
            continue
        code = predictor.find(portrait, EFFORT)
        near = LatentCode(code.code, code.own, 0.0)
        shown += [_fit(one, 128) for one in (portrait, predictor.draw(near), predictor.draw(code))]
    if not shown:
        raise CannotMeasure(f"No face was found in any of the {len(photos)} pictures.")
    return contact_sheet(shown, min(12, len(shown)))


def _small(picture: Pixels) -> Pixels:
    return _fit(picture, SIDE)


def _fit(picture: Pixels, side: int) -> Pixels:
    return resize(picture, side, side)


def _name(text: str) -> Pixels:
    """A tile that names a row."""
    from PIL import Image, ImageDraw, ImageFont

    tile = Image.new("RGB", (SIDE, SIDE), (255, 255, 255))
    draw = ImageDraw.Draw(tile)
    draw.multiline_text((4, SIDE // 2), text.replace(" ", "\n"), (20, 20, 20), ImageFont.load_default(14), anchor="lm")
    return np.array(tile, np.uint8)
