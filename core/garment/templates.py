"""Ready-made cuts: one clean, symmetrical outline for each of the engine's kinds, with its anchors, in centimetres."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.engine.cuts import BOTTOMS, KINDS, draw_cuts
from core.engine.outlines import ANCHORS, shape_large
from core.engine.panels import lay_out, triangles
from core.engine.trims import shape_trims
from core.garment.frame import FILLED
from core.image import Mask
from core.ops import rasterise

Points = npt.NDArray[np.float32]
_CENTIMETRE_PIXELS, _MARGIN_CENTIMETRES = 5, 4.0
_TOLERANCE_PIXELS = 1.2
_SEEDS = {
    **dict.fromkeys(("longsleeve", "shirt", "sweater", "cardigan", "hoodie", "blazer"), 947),
    "vest": 289,
    "blouse": 298,
    "jacket": 705,
    "coat": 705,
    "dress": 222,
    "skirt": 281,
    "trousers": 79,
    "shorts": 79,
}
_USUAL_SEED = 196
"""Outline seeds whose measures are near the middle of what a kind may have."""
_ABSENT_BELOW = ("neck", "shoulder", "armpit", "sleeve")


@dataclass(frozen=True)
class Template:
    """A cut by name."""

    name: str
    kind: str
    """A name of cuts.KINDS."""
    points: Points
    """(P, 2) across and down, of a simple closed polygon in the aligned square, 0..1; its last point joins its first."""
    anchors: Points
    """(14, 2) in the same square, in the order of outlines.ANCHORS; NaN for those that the kind does not have."""
    centimetres: float
    """Side of the aligned square."""


def list_templates() -> dict[str, Template]:
    """All templates by name, in the engine's order of kinds."""
    return {kind: template(kind) for kind in KINDS}


@functools.lru_cache(maxsize=len(KINDS))
def template(name: str) -> Template:
    """A template, or a sentence with the names that there are."""
    if name not in KINDS:
        raise ValueError(f"There is no template {name!r}; there is {', '.join(KINDS)}.")
    return _make(name)


def draw_template(chosen: Template, size: int) -> Mask:
    """The template's mask, size x size, 0 or 255."""
    return fill_polygon(chosen.points, size)


def fill_polygon(points: Points, size: int) -> Mask:
    """The inside of a polygon in 0..1 as a mask."""
    import cv2

    mask = np.zeros((size, size), np.uint8)
    at = np.round((points * size - 0.5) * 16).astype(np.int32)
    cv2.fillPoly(mask, [at.reshape(-1, 1, 2)], 255, shift=4)
    return mask


def _make(kind: str) -> Template:
    with torch.no_grad():
        seed = torch.tensor([_SEEDS.get(kind, _USUAL_SEED)])
        cut = draw_cuts(seed, torch.tensor([KINDS.index(kind)]))
        large, lines = shape_large(cut)
        layout = lay_out(large | shape_trims(cut, lines), 1, torch.device("cpu"))
        anchors = torch.stack([lines.anchors.get(name, torch.full((1, 2), torch.nan)) for name in ANCHORS], 1)[0]
    points, worn = layout.places[0], layout.worn_points()[0]
    reach = float(points[worn].abs().amax()) + _MARGIN_CENTIMETRES
    outline = _trace(_cover(points, worn, reach)) / _CENTIMETRE_PIXELS - reach
    low, high = outline.min(0), outline.max(0)
    side = float((high - low).max()) / FILLED
    corner = (low + high) / 2 - side / 2
    placed = _symmetrical(anchors.numpy(), kind)
    return Template(
        kind, kind, ((outline - corner) / side).astype(np.float32), ((placed - corner) / side).astype(np.float32), side
    )


def _cover(points: Tensor, worn: Tensor, reach: float) -> Mask:
    """Where any piece lies, made equal on both sides, as pixels."""
    import cv2

    side = int(2 * reach * _CENTIMETRE_PIXELS)
    placed = (points + reach) * _CENTIMETRE_PIXELS
    depth = torch.where(worn, 1.0, -1.0)
    corners, _ = triangles("cpu")
    drawn = rasterise.draw_triangles(torch.cat((placed, depth[:, None]), 1)[None], corners, side, side)
    cover = (drawn.number[0] >= 0).numpy().astype(np.uint8)
    cover = cover | cover[:, ::-1]
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))
    closed = cv2.morphologyEx(cover, cv2.MORPH_CLOSE, ellipse)
    opened = cv2.morphologyEx(closed, cv2.MORPH_OPEN, ellipse)
    return np.asarray(opened * 255, np.uint8)


def _trace(mask: Mask) -> npt.NDArray[np.float64]:
    """The largest shape's outer edge, simplified."""
    import cv2

    found, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    largest = max(found, key=cv2.contourArea)
    simple = cv2.approxPolyDP(largest, _TOLERANCE_PIXELS, closed=True)
    return simple[:, 0].astype(np.float64) + 0.5


def _symmetrical(anchors: npt.NDArray[np.float32], kind: str) -> npt.NDArray[np.float32]:
    """Anchors averaged with their mirror images; NaN where the kind has none."""
    swapped = [
        ANCHORS.index(name.replace("left", "RIGHT").replace("right", "left").replace("RIGHT", "right"))
        for name in ANCHORS
    ]
    even = np.asarray((anchors + anchors[swapped] * np.array([-1, 1])) / 2, np.float32)
    for at, name in enumerate(ANCHORS):
        below = kind in BOTTOMS
        if (below and name.startswith(_ABSENT_BELOW)) or (name == "crotch" and (not below or kind == "skirt")):
            even[at] = np.nan
    return even
