"""The contact sheets that people look at, from any seeds or from a folder of real pictures."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from core.image import Pixels, contact_sheet, resize, to_pixels
from training.measure import Asked, CannotMeasure, read_folder

SIZE = 192
MOST_KILOBYTES = 300
Sheets = dict[str, Pixels]


def sheets(asked: Asked, folder: Path) -> list[Path]:
    """Writes the sheets of a subject as WebP and names them."""
    subjects: dict[str, Callable[[Asked], Sheets]] = {
        "engine": engine_sheets,
        "face": face_sheets,
        "judge": judge_sheets,
        "expression": expression_sheets,
        "facefield": _elsewhere("facefield"),
        "textedit": _elsewhere("textedit"),
        "garment": _elsewhere("garment"),
        "depth": _elsewhere("depth"),
    }
    if asked.subject not in subjects:
        raise CannotMeasure(f"There are no sheets of {asked.subject!r}; there are of {', '.join(subjects)}.")
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, pixels in subjects[asked.subject](asked).items():
        written.append(folder / f"{asked.subject}_{name}.webp")
        write_light(written[-1], pixels)
    return written


def _elsewhere(subject: str) -> Callable[[Asked], Sheets]:
    """The sheets of a room that draws them in a module of its own, imported when asked for."""

    def draw_there(asked: Asked) -> Sheets:
        return getattr(importlib.import_module(f"training.{subject}_sheets"), f"{subject}_sheets")(asked)

    return draw_there


def write_light(path: Path, pixels: Pixels) -> None:
    """A WebP of at most ``MOST_KILOBYTES``: the best quality that fits; it appears whole or not at all."""
    from PIL import Image

    picture, partial = Image.fromarray(pixels), path.with_name(f".{path.name}.partial")
    for quality in (90, 80, 70, 60, 45, 30, 15):
        picture.save(partial, "WEBP", quality=quality, method=4)
        if partial.stat().st_size <= MOST_KILOBYTES * 1000:
            break
    partial.replace(path)


def _people(asked: Asked, count: int) -> list[Pixels]:
    """Engine people of the asked seeds, or the folder's pictures."""
    if asked.data is not None:
        return [fit_inside(picture, 512) for picture in read_folder(asked.data, asked.count)]
    from core.engine.faces import faces

    return list(to_pixels(faces(asked.seeds(count), asked.device, 256).pixels))


def fit_inside(picture: Pixels, side: int) -> Pixels:
    """A picture no larger than this, its shape kept."""
    factor = min(1.0, side / max(picture.shape[:2]))
    return resize(picture, max(1, round(picture.shape[1] * factor)), max(1, round(picture.shape[0] * factor)))


def on_square(picture: Pixels, side: int) -> Pixels:
    """A picture in the middle of a grey square."""
    small = fit_inside(picture, side)
    square = np.full((side, side, 3), 96, dtype=np.uint8)
    top, left = (side - small.shape[0]) // 2, (side - small.shape[1]) // 2
    square[top : top + small.shape[0], left : left + small.shape[1]] = small
    return square


def engine_sheets(asked: Asked) -> Sheets:
    """People, characters, garments and figures."""
    from core.engine.characters import CHARACTERS, character_moments, draw_character, load_character
    from core.engine.faces import faces
    from core.engine.figures import figures
    from core.engine.garments import garments

    seeds = asked.seeds(16)
    controllers, _ = character_moments(seeds[:8])
    rows = [to_pixels(draw_character(load_character(name), controllers, size=SIZE).pixels) for name in CHARACTERS]
    return {
        "faces": contact_sheet(list(to_pixels(faces(seeds, asked.device, SIZE).pixels)), 4),
        "characters": contact_sheet([one for row in rows for one in row], 8),
        "garments": contact_sheet(list(to_pixels(garments(seeds, asked.device, SIZE).pixels)), 4),
        "figures": contact_sheet(list(to_pixels(figures(seeds[:12], asked.device, SIZE).pixels)), 4),
    }


def face_sheets(asked: Asked) -> Sheets:
    """Landmarks on pictures, and their parts in colours; pictures without a face stand dark."""
    import cv2

    from core.face.align import crop
    from core.face.reader import FaceReader
    from training.face_tasks import COLOURS

    reader = FaceReader.load(asked.roots)
    marked, parsed = [], []
    for picture in _people(asked, 24):
        shown = picture.copy()
        found = reader.find(picture)
        for face in found:
            radius = max(1, round(face.extent / 90))
            for column, row in face.points.round().astype(int).tolist():
                cv2.circle(shown, (column, row), radius, (70, 255, 150), -1, cv2.LINE_AA)
        marked.append(on_square(shown if found else shown // 4, SIZE))
        if found:
            parts, square = reader.parse(picture, found[0])
            parsed += [crop(picture, square, 128), resize(COLOURS[parts], 128, 128)]
    sheets = {"landmarks": contact_sheet(marked, 8)}
    return sheets | ({"parts": contact_sheet(parsed, 12)} if parsed else {})


def judge_sheets(asked: Asked) -> Sheets:
    """People in the order of three attributes as they are read, and heads as they are cut out."""
    from core.engine.attributes import INDEX
    from core.engine.faces import faces
    from training.judge_tasks import run
    from training.judges import load_judge
    from training.textedit_framing import frame_portraits

    batch = faces(asked.seeds(48), asked.device, 128)
    pixels = batch.pixels.cpu()
    framed, _ = frame_portraits(pixels, batch.segmentation.cpu(), batch.landmarks.cpu())
    grades, shown = run(load_judge("attributes", asked.roots), framed), to_pixels(framed)
    ordered = [
        shown[at] for key in ("hair_length", "smile", "skin_tone", "age") for at in _spread(grades[:, INDEX[key]], 12)
    ]
    heads = run(load_judge("head", asked.roots), pixels[:24]).argmax(1)[:, None] == 1
    cut = torch.where(heads, pixels[:24], pixels[:24] * 0.25 - 0.75)
    return {"ordered": contact_sheet(ordered, 12), "heads": contact_sheet(list(to_pixels(cut)), 8)}


def _spread(values: torch.Tensor, count: int) -> list[int]:
    order = values.argsort()
    return order[torch.linspace(0, len(order) - 1, min(count, len(order))).round().long()].tolist()


def expression_sheets(asked: Asked) -> Sheets:
    """Faces beside both characters that follow them."""
    from core.expression.predict import Predictor, crop_face

    predictor = Predictor.load(asked.roots)
    shown = []
    for picture in _people(asked, 24):
        found = predictor.reader.find(picture)
        if found:
            shown.append(resize(crop_face(picture, found[0], 256), 128, 128))
            read = [predictor.read_face(picture, name, found[0], again=True) for name in predictor.characters]
            shown += [resize(reading.virtual, 128, 128) for reading in read]
    if not shown:
        raise CannotMeasure("No face was found in any of these pictures.")
    return {"transfer": contact_sheet(shown, 12)}
