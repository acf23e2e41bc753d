"""Garments on one sheet: every cut in every cloth, with the cuts at the left and the cloths above."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.image import Mask, Pixels, contact_sheet, flatten, resize

SIDE = 192
MARK_SHARE = 12


def in_square(pixels: Pixels, side: int = 256) -> Pixels:
    """A picture on a white square."""
    scale = side / max(pixels.shape[:2])
    small = resize(pixels, max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    square = np.full((side, side, 3), 255, np.uint8)
    top, left = (side - small.shape[0]) // 2, (side - small.shape[1]) // 2
    square[top : top + small.shape[0], left : left + small.shape[1]] = small
    return square


def draw_sheet(
    cuts: Sequence[Mask], cloths: Sequence[Pixels], garments: Sequence[Pixels | None], side: int = SIDE
) -> Pixels:
    """Garments row by row, a row for each cut; where one could not be made its place stays white."""
    blank = np.full((side, side, 3), 255, np.uint8)
    shown = [None if one is None else in_square(flatten(one), side) for one in garments]
    cells = [blank, *(in_square(flatten(cloth), side) for cloth in cloths)]
    for row, cut in enumerate(cuts):
        silhouette = np.where(cut[..., None] > 127, np.uint8(190), np.uint8(255)).repeat(3, 2)
        cells.append(in_square(silhouette, side))
        row_of = shown[row * len(cloths) : (row + 1) * len(cloths)]
        cells.extend(blank if one is None else one for one in row_of)
    sheet = contact_sheet(cells, len(cloths) + 1)
    foot = min(sheet.shape[:2]) // MARK_SHARE + 1  # the visible mark lies below, not on a garment
    return np.pad(sheet, ((0, foot), (0, 0), (0, 0)), constant_values=255)
