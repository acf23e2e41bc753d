"""From a dressed person to a garment's cut: the garment is found, arms and hair left out, and laid on a template."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from core.engine.anchors import find_flat_anchors
from core.engine.cuts import KINDS
from core.engine.figure_choices import layer_of
from core.garment.config import REGIONS
from core.garment.outline import overlap
from core.garment.segment import Segmenter
from core.garment.templates import Template, draw_template, template
from core.image import Mask, Pixels, check_pixels, mask_to_tensor, resize, to_tensor

LEAST_SHARE = 0.01
"""A garment that fills less of a photo is not taken."""
LOOKED_AT = 768
"""Longest side of the photo that is worked with."""
SURE = 0.8
"""Cloth is taken from where the garment is seen at least so surely, in shares of how surely its surest pixels are."""
_STIFFNESS = 0.02
_LAYER_REGION = {"bottom": "bottom", "top": "top", "whole": "top", "outer": "outer"}


class NoGarment(ValueError):
    """No garment is seen in the photo; the message says what to try."""


@dataclass(frozen=True)
class Worn:
    """A garment as somebody wears it."""

    pixels: Pixels
    """The photo, at most LOOKED_AT pixels a side."""
    seen: Mask
    """Where the garment is seen: arms, hair and other garments left out."""
    sure: Mask
    """Where it is seen most surely: its cloth is taken from there. A little clean cloth says more than all of it with some
    of the next garment, since prints are carried on."""
    region: str
    """top, outer or bottom."""
    shares: dict[str, float]
    """How much of the photo each region fills."""


def find_worn(segmenter: Segmenter, photo: Pixels, region: str | None = None) -> Worn:
    """The garment of a region (top, outer, bottom), or the one that fills most of the photo."""
    pixels = check_pixels(photo, "The photo")
    longest = max(pixels.shape[:2])
    if longest > LOOKED_AT:
        scale = LOOKED_AT / longest
        pixels = resize(pixels, max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    named = ("top", "outer", "bottom")
    if region is not None and region not in named:
        raise ValueError(f"There is no garment called {region!r} on a person; there is {', '.join(named)}.")
    shown = read_regions(segmenter, pixels)
    read = shown.argmax(0)
    shares = {name: float((read == REGIONS.index(name)).mean()) for name in named}
    chosen = region or max(shares, key=lambda name: shares[name])
    if shares[chosen] < LEAST_SHARE:
        what = "No garment" if region is None else f"No garment of the kind {region}"
        raise NoGarment(f"{what} is seen in the photo. Stand nearer, in front of a calm ground, in even light.")
    seen = _largest(np.asarray((read == REGIONS.index(chosen)) * 255, np.uint8))
    mine = shown[REGIONS.index(chosen)]
    sure = (mine >= SURE * np.quantile(mine[seen > 127], 0.95)) & (seen > 127)
    return Worn(pixels, seen, _largest(np.asarray(sure * 255, np.uint8)), chosen, shares)


def read_regions(segmenter: Segmenter, pixels: Pixels) -> npt.NDArray[np.float32]:
    """How likely each pixel is of each region (REGIONS x H x W); the photo is shown whole, on a square of its edge."""
    height, width = pixels.shape[:2]
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    edges = (left, side - width - left, top, side - height - top)
    square = F.pad(to_tensor(pixels), edges, mode="replicate")
    with torch.inference_mode():
        logits = segmenter(square)[0]
    return logits[:, top : top + height, left : left + width].float().softmax(0).numpy()


def _largest(mask: Mask) -> Mask:
    """The largest blob and all others at least a tenth as large: an arm may part a garment."""
    import cv2

    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if count <= 2:
        return mask
    areas = stats[1:, cv2.CC_STAT_AREA]
    kept = [at + 1 for at, area in enumerate(areas) if area >= 0.1 * areas.max()]
    return np.asarray(np.isin(labels, kept) * 255, np.uint8)


def guess_template(worn: Worn) -> Template:
    """The template of that region whose shape is nearest to what is seen, when each fills its box."""
    mine = _boxed(worn.seen)
    candidates = [template(kind) for kind in KINDS if _LAYER_REGION[layer_of(kind)] == worn.region]
    return max(candidates, key=lambda one: overlap(_boxed(draw_template(one, 128)), mine))


def _boxed(mask: Mask, size: int = 64) -> Mask:
    rows, columns = np.flatnonzero((mask > 127).any(1)), np.flatnonzero((mask > 127).any(0))
    cut = np.ascontiguousarray(mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    return resize(cut, size, size)


def lay_on(worn: Worn, chosen: Template, size: int) -> tuple[Tensor, Tensor]:
    """The worn cloth where it belongs on the template: pixels 1 x 3 x S x S, and where they are seen, 1 x 1 x S x S.

    Anchors of the template are brought to those found on the person by a thin-plate spline (Bookstein 1989).
    """
    flat = chosen.anchors.astype(np.float64) * size
    found = find_flat_anchors(torch.from_numpy(worn.seen > 127), chosen.kind).numpy().astype(np.float64)
    known = ~np.isnan(flat).any(1) & ~np.isnan(found).any(1)
    # coinciding anchors (a bare arm's sleeve is its shoulder) would make the spline's equations singular
    distinct: list[int] = []
    for at in np.flatnonzero(known).tolist():
        if _is_new(flat[at], flat[distinct]):
            distinct.append(at)
    places = bend_plane(flat[distinct] / size, found[distinct], _grid(size))
    height, width = worn.seen.shape
    asked = torch.from_numpy((places * 2 / np.array([width, height]) - 1).astype(np.float32)).reshape(1, size, size, 2)
    both = torch.cat((to_tensor(worn.pixels), mask_to_tensor(worn.sure)), 1)
    inside = mask_to_tensor(draw_template(chosen, size))
    laid = F.grid_sample(both, asked, padding_mode="zeros", align_corners=False)
    seen = (laid[:, 3:] > 0.9).float() * (inside > 0.5)
    return laid[:, :3] * seen, seen


def _is_new(point: npt.NDArray[np.float64], others: npt.NDArray[np.float64]) -> bool:
    return len(others) == 0 or bool(np.linalg.norm(others - point, axis=1).min() > 1.0)


def _grid(size: int) -> npt.NDArray[np.float64]:
    axis = (np.arange(size) + 0.5) / size
    columns, rows = np.meshgrid(axis, axis)
    return np.stack((columns, rows), -1).reshape(-1, 2)


def bend_plane(
    points: npt.NDArray[np.float64], targets: npt.NDArray[np.float64], asked: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Where asked places go when these points go to these targets and the plane between bends as little as it can."""
    count = len(points)
    if count < 3:
        raise NoGarment("Too little of the garment is seen to lay it on a template. Show all of it, from the front.")

    def radial(one: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        squared = ((one[:, None] - points[None]) ** 2).sum(2)
        return squared * np.log(np.maximum(squared, 1e-12))

    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = radial(points) + _STIFFNESS * np.eye(count)
    system[:count, count], system[:count, count + 1 :] = 1, points
    system[count:, :count] = system[:count, count:].T
    solved = np.linalg.lstsq(system, np.vstack((targets, np.zeros((3, 2)))), rcond=None)[0]
    affine = np.column_stack((np.ones(len(asked)), asked)) @ solved[count:]
    return affine + radial(asked) @ solved[:count]
