"""A drawn, uploaded or ready-made outline as a mask, with a sentence for every drawing that cannot be one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from core.image import Mask, Pixels

WORKED_AT = 1024
"""Longest side of a picture that is looked at; larger ones are reduced first."""
LEAST_SHARE, MOST_SHARE = 0.002, 0.97
"""How much of the picture an outline may fill."""
_LINE_SHARE = 0.03
"""A drawing no thicker than this share of its box is a line around the garment, not the garment."""
_HOLE_SHARE = 0.002
_SECOND_SHARE = 0.02
_GAP_SHARES = (0.0, 0.01, 0.02, 0.04)
"""Gaps of a drawn line that are closed, as shares of its box."""


class NotAnOutline(ValueError):
    """The drawing is no outline of a garment; the message says what was found and what to draw."""


@dataclass(frozen=True)
class Outline:
    """A garment's outline."""

    mask: Mask
    """Its inside, 0 or 255, at most WORKED_AT pixels a side."""
    notes: tuple[str, ...] = ()
    """What was done to the drawing, in sentences."""


def read_outline(drawing: npt.NDArray[np.generic]) -> Outline:
    """A mask or drawing (H x W, or H x W x 1, 3 or 4, uint8 or bool): filled or as a line, on any plain ground.

    With transparency, what is not transparent counts.
    """
    pixels = _as_pixels(drawing)
    notes: list[str] = []
    height, width = pixels.shape[:2]
    if max(height, width) > WORKED_AT:
        pixels = _reduce(pixels)
        notes.append(f"The drawing of {width} x {height} pixels was read at {pixels.shape[1]} x {pixels.shape[0]}.")
    marked = _marked(pixels)
    if not marked.any():
        raise NotAnOutline("The drawing is empty. Draw a garment's outline, or choose a template.")
    filled = _fill(_largest(marked, notes), notes)
    share = float(filled.mean())
    if share > MOST_SHARE:
        raise NotAnOutline(f"The outline fills {share:.0%} of the picture. Leave some ground around the garment.")
    if share < LEAST_SHARE or filled.sum() < 64:
        raise NotAnOutline(
            f"The outline has {int(filled.sum())} pixels of {filled.size}, too few for a garment. Draw it larger."
        )
    return Outline(np.asarray(filled * 255, np.uint8), tuple(notes))


def _as_pixels(drawing: npt.NDArray[np.generic]) -> Pixels:
    pixels: npt.NDArray[Any] = np.asarray(drawing)
    if pixels.dtype == np.bool_:
        pixels = pixels.astype(np.uint8) * 255
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4):
        raise NotAnOutline(
            f"The outline is {drawing.dtype} {drawing.shape}; wanted a mask or picture: uint8, height x width (x 3 or 4)."
        )
    if min(pixels.shape[:2]) < 8:
        raise NotAnOutline(f"The outline is {pixels.shape[1]} x {pixels.shape[0]} pixels; wanted 8 x 8 or more.")
    return pixels


def _reduce(pixels: Pixels) -> Pixels:
    import cv2

    scale = WORKED_AT / max(pixels.shape[:2])
    size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
    reduced = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return np.asarray(reduced if reduced.ndim == 3 else reduced[..., None], np.uint8)


def _marked(pixels: Pixels) -> npt.NDArray[np.bool_]:
    """What was drawn: what is not transparent, else what differs from the colour of the picture's edge."""
    if pixels.shape[2] == 4 and int(pixels[..., 3].min()) < 128 <= int(pixels[..., 3].max()):
        return pixels[..., 3] >= 128
    if pixels.shape[2] == 4 and int(pixels[..., 3].max()) < 128:
        return np.zeros(pixels.shape[:2], np.bool_)
    colours = pixels[..., :3].astype(np.int32)
    edge = np.concatenate((colours[0], colours[-1], colours[:, 0], colours[:, -1]))
    ground = np.median(edge, axis=0)
    apart = np.abs(colours - ground).max(axis=2)
    if int(apart.max()) >= 48:
        return apart > apart.max() / 2
    # one colour all over: white is a mask that fills the canvas, all else is an empty one
    return np.full(apart.shape, bool(ground.min() > 250 and pixels.shape[2] == 1))


def _largest(marked: npt.NDArray[np.bool_], notes: list[str]) -> npt.NDArray[np.bool_]:
    """The largest of the separate shapes; small specks are not worth a word."""
    import cv2

    count, labels, stats, _ = cv2.connectedComponentsWithStats(marked.astype(np.uint8), connectivity=8)
    if count <= 2:
        return marked
    boxes = stats[1:, cv2.CC_STAT_WIDTH].astype(float) * stats[1:, cv2.CC_STAT_HEIGHT]
    chosen = int(boxes.argmax())
    others = int((np.delete(boxes, chosen) > _SECOND_SHARE * boxes[chosen]).sum())
    inside_box = _box(labels == chosen + 1)
    # pieces of one broken line lie in its box
    kept = marked & inside_box if others and _is_line(marked & inside_box) else labels == chosen + 1
    if others and not np.array_equal(kept, marked):
        notes.append(f"There are {others + 1} separate shapes; the largest is taken for the garment.")
    return kept


def _box(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = np.zeros_like(mask)
    box[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
    return box


def _extent(mask: npt.NDArray[np.bool_]) -> int:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(max(rows[-1] - rows[0], columns[-1] - columns[0])) + 1


def _is_line(mask: npt.NDArray[np.bool_]) -> bool:
    import cv2

    if int((_inside(mask) & ~mask).sum()) > int(mask.sum()):
        return True  # closed, and thin beside what it encloses, though corners or a broad brush make it thick
    padded = np.pad(mask.astype(np.uint8), 1)
    thickness = 2 * float(cv2.distanceTransform(padded, cv2.DIST_L2, 3).max())
    return thickness <= max(4.0, _LINE_SHARE * _extent(mask))


def _fill(mask: npt.NDArray[np.bool_], notes: list[str]) -> npt.NDArray[np.bool_]:
    """A line's inside, gaps closed; of a filled shape only pin-holes are closed, as sleeves may leave real ones."""
    import cv2

    extent = _extent(mask)
    if not _is_line(mask):
        holes = _inside(mask) & ~mask
        count, labels, stats, _ = cv2.connectedComponentsWithStats(holes.astype(np.uint8), connectivity=4)
        small = [at for at in range(1, count) if stats[at, cv2.CC_STAT_AREA] < _HOLE_SHARE * mask.sum()]
        return mask | np.isin(labels, small)
    for share in _GAP_SHARES:
        reach = int(np.ceil(share * extent))
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
        wide = cv2.dilate(np.pad(mask.astype(np.uint8), reach + 1), disc) > 0
        inside = _inside(wide)
        # what was widened is taken back from the outside only
        shrunk = (cv2.erode(inside.astype(np.uint8), disc) > 0)[reach + 1 : -reach - 1, reach + 1 : -reach - 1]
        if shrunk.sum() > 2 * mask.sum():
            if share:
                notes.append("The line had a gap, which was closed.")
            return shrunk | mask
    raise NotAnOutline(
        "The line is not closed, so it has no inside. Draw it all around the garment, or fill the shape."
    )


def _inside(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The mask with all that the picture's edge cannot reach without crossing it."""
    import cv2

    flooded = np.pad(mask.astype(np.uint8), 1)
    cv2.floodFill(flooded, None, (0, 0), 2)  # pyright: ignore[reportCallIssue, reportArgumentType]
    return flooded[1:-1, 1:-1] != 2


def write_svg(mask: Mask, tolerance: float = 0.75) -> str:
    """The mask's outline as an SVG drawing: one path, every hole in it too."""
    import cv2

    found, _ = cv2.findContours((mask > 127).astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    paths = []
    for contour in found:
        simple = cv2.approxPolyDP(contour, tolerance, closed=True)[:, 0]
        if len(simple) > 2:
            paths.append("M" + " L".join(f"{x + 0.5:g} {y + 0.5:g}" for x, y in simple) + " Z")
    height, width = mask.shape
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">'
        f'<path fill="none" stroke="black" fill-rule="evenodd" d="{" ".join(paths)}"/></svg>\n'
    )


def overlap(one: Mask, other: Mask) -> float:
    """Intersection over union of two masks; 1 where both are empty."""
    first, second = one > 127, other > 127
    either = int((first | second).sum())
    return 1.0 if either == 0 else int((first & second).sum()) / either
