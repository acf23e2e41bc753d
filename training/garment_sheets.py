"""The garment room's sheets: generator samples, cuts in cloths, hidden cloth brought back, drawn outlines, try-ons."""

from __future__ import annotations

import numpy as np
import torch

from core.checkpoints import CheckpointMissing
from core.engine.figure_choices import FigureChoices, layer_of
from core.garment.networks import load_generator
from core.garment.predict import Dressed, Predictor, Shape, Texture, find_weights, put_on
from core.garment.templates import draw_template, template
from core.image import Pixels, contact_sheet, flatten, resize, to_pixels
from training.garment_data import Rows
from training.measure import Asked
from training.measure_garment import draw_by_hand, lay_crops, mask_pixels, take_garments

SIDE, SAMPLES = 128, 40
CUTS = ("tee", "longsleeve", "shirt", "hoodie", "jacket", "dress", "skirt", "trousers")
CLOTHS, HIDDEN = 8, 16
WORN = (
    ("tee", "arms down"), ("shirt", "hands on hips"), ("hoodie", "walking"), ("dress", "arms up"), ("coat", "waving"),
    ("trousers", "arms crossed"),
)  # fmt: skip


def garment_sheets(asked: Asked) -> dict[str, Pixels]:
    """All sheets that the weights in service allow: without encoders the generator's samples alone."""
    sheets = {"samples": draw_samples(asked)}
    try:
        find_weights("encoders", asked.roots)
    except CheckpointMissing:
        return sheets
    predictor = Predictor.load(asked.roots)
    rows, _ = take_garments(asked, predictor.size, max(CLOTHS, HIDDEN))
    cloths = lay_crops(predictor, {key: value[:CLOTHS] for key, value in rows.items()})
    return sheets | {
        "mixed": draw_mixed(predictor, rows, cloths),
        "hidden": draw_hidden(predictor, rows),
        "drawn": draw_drawn(predictor, cloths),
        "worn": draw_worn(predictor, cloths),
    }


def draw_samples(asked: Asked) -> Pixels:
    """What the generator draws from random codes, slightly truncated."""
    network = load_generator(find_weights("generator", asked.roots))
    draw = torch.Generator().manual_seed(asked.first_seed % 2**31)
    z = torch.randn(asked.count or SAMPLES, network.config.code_width, generator=draw)
    with torch.inference_mode():
        drawn = torch.cat([network(part, None, 0.8, "fixed") for part in z.split(8)])
    return contact_sheet([_fit(one) for one in to_pixels(drawn)], min(8, len(z)))


def draw_mixed(predictor: Predictor, rows: Rows, cloths: list[Texture]) -> Pixels:
    """Eight cuts in eight cloths: the cloths above, the cuts at the left."""
    crops = [_fit(one) for one in to_pixels(rows["cloth"])[: len(cloths)]]
    tiles = [np.full((SIDE, SIDE, 3), 255, np.uint8), *crops]
    for name in CUTS:
        shape = predictor.read_template(name, 256)
        tiles += [_show_mask(shape), *(_show(predictor.draw(shape, cloth)) for cloth in cloths)]
    return contact_sheet(tiles, 1 + len(cloths))


def draw_hidden(predictor: Predictor, rows: Rows) -> Pixels:
    """Garments in threes: what is seen (the rest grey), completed, and the truth."""
    tiles = []
    for at, pixels in enumerate(to_pixels(rows["target"])[:HIDDEN]):
        seen, mask = mask_pixels(rows["seen"][at, 0]), mask_pixels(rows["mask"][at, 0])
        shape = predictor.read_shape(mask)
        whole = flatten(predictor.draw(shape, predictor.read_hidden(pixels, seen, shape)).pixels)
        hidden = ((mask > 127) & (seen <= 127))[..., None]
        shown = np.where(hidden, np.uint8(150), pixels)
        tiles += [_fit(one) for one in (shown, np.where(hidden, whole, pixels), pixels)]
    return contact_sheet(tiles, min(12, len(tiles)))


def draw_drawn(predictor: Predictor, cloths: list[Texture]) -> Pixels:
    """Outlines as a hand draws them, above what comes of each."""
    lines = draw_by_hand(256)[:: max(1, len(draw_by_hand(256)) // 8)][:8]
    made = [
        _show(predictor.draw(predictor.read_shape(line), cloths[at % len(cloths)])) for at, line in enumerate(lines)
    ]
    return contact_sheet([*(_fit(line) for line in lines), *made], len(lines))


def draw_worn(predictor: Predictor, cloths: list[Texture]) -> Pixels:
    """Garments, and below each the same on a figure."""
    flat, worn = [], []
    for at, (kind, pose) in enumerate(WORN):
        garment = predictor.draw(predictor.read_template(kind, 256), cloths[at % len(cloths)])
        view = "full" if layer_of(kind) in ("bottom", "whole") else "half"
        flat.append(_show(garment, 256))
        worn.append(put_on(garment, kind, 1_000_000_300 + at, FigureChoices(pose=pose, view=view)))
    return contact_sheet([*flat, *worn], len(WORN))


def _fit(picture: Pixels, side: int = SIDE) -> Pixels:
    return resize(np.ascontiguousarray(picture), side, side)


def _show(garment: Dressed, side: int = SIDE) -> Pixels:
    return _fit(flatten(garment.pixels), side)


def _show_mask(shape: Shape) -> Pixels:
    assert shape.template is not None
    return (255 - draw_template(template(shape.template.name), SIDE)[..., None] // 2).repeat(3, 2)
