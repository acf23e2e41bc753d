"""The 14 anchors of a flat garment found from its mask alone, for pictures that come without them."""

from __future__ import annotations

import torch
from torch import Tensor

from core.engine.cuts import BOTTOMS
from core.engine.outlines import ANCHORS

TORSO_CENTIMETRES, WAIST_CENTIMETRES = 50.0, 39.0
"""What a top's width between the armpits, and a bottom's waist, are taken to be when nobody says."""

_LONG = ("dress", "coat")


def find_flat_anchors(mask: Tensor, kind: str) -> Tensor:
    """Anchors (14, 2), column and row in pixels, of one mask (H, W) bool; NaN for those that the kind does not have."""
    if not bool(mask.any()):
        raise ValueError("The garment's mask is empty; wanted True where there is cloth.")
    found = _bottom(mask, kind) if kind in BOTTOMS else _top(_below_hood(mask, kind), 0.45 if kind in _LONG else 0.78)
    absent = torch.full((2,), torch.nan, device=mask.device)
    return torch.stack([found.get(name, absent) for name in ANCHORS])


def guess_centimetres(anchors: Tensor, kind: str) -> float:
    """Size of a pixel, if the garment is of a usual size."""
    bottom = kind in BOTTOMS
    names, usual = (
        (("waist left", "waist right"), WAIST_CENTIMETRES)
        if bottom
        else (("armpit left", "armpit right"), TORSO_CENTIMETRES)
    )
    first, second = (anchors[ANCHORS.index(name)] for name in names)
    return usual / max(float((first - second).norm()), 1.0)


def _box(mask: Tensor) -> tuple[int, int, int, int]:
    rows, columns = torch.nonzero(mask.any(1))[:, 0], torch.nonzero(mask.any(0))[:, 0]
    return int(rows[0]), int(rows[-1]), int(columns[0]), int(columns[-1])


def _run(mask: Tensor, row: float, column: float) -> tuple[float, float]:
    """First and last column of the stretch of cloth in a row that holds, or lies nearest to, a column."""
    line = mask[min(max(round(row), 0), len(mask) - 1)]
    inside = torch.nonzero(line)[:, 0]
    if len(inside) == 0:
        return column, column
    near = int(inside[(inside - column).abs().argmin()])
    gaps = torch.nonzero(~line)[:, 0]
    before, after = gaps[gaps < near], gaps[gaps > near]
    return float(before[-1] + 1) if len(before) else 0.0, float(after[0]) if len(after) else float(len(line))


def _below_hood(mask: Tensor, kind: str) -> Tensor:
    """The mask without the hood that lies above the shoulders: all above its narrowest place."""
    if kind != "hoodie":
        return mask
    top, bottom, _, _ = _box(mask)
    tall = bottom - top + 1
    first, last = round(top + 0.14 * tall), round(top + 0.45 * tall)
    narrow = first + int(mask[first:last].sum(1).argmin())
    rows = torch.arange(len(mask), device=mask.device)[:, None]
    return mask & (rows >= narrow)


def _top(mask: Tensor, trunk_share: float) -> dict[str, Tensor]:
    top, bottom, first, last = _box(mask)
    tall, middle = bottom - top + 1, 0.5 * (first + last + 1)

    def at(x: float, y: float) -> Tensor:
        return torch.tensor([x, y], device=mask.device)

    left, right = _run(mask, top + trunk_share * tall, middle)
    middle, half = 0.5 * (left + right), 0.5 * (right - left)
    for row in range(round(top + 0.9 * trunk_share * tall), round(top + 0.12 * tall), -1):
        here = _run(mask, row, middle)
        if here[1] - here[0] > 2.24 * half:
            pit = row + 1.0
            break
    else:
        pit = top + 0.38 * trunk_share * tall
    edges = _run(mask, pit + 1, middle)
    edges = (max(edges[0], middle - 1.2 * half), min(edges[1], middle + 1.2 * half))
    crown = _run(mask, top + 0.025 * tall, middle)
    neck = min(max(0.5 * (crown[1] - crown[0]), 0.26 * half), 0.48 * half)
    waist = pit + 0.42 * (bottom - pit)
    found = {"neck front": at(middle, top + 0.75 * neck + 0.03 * tall)}
    for side, sign, edge in (("left", -1.0, edges[0]), ("right", 1.0, edges[1])):
        found[f"neck {side}"] = at(middle + sign * neck, _roof(mask, middle + sign * neck))
        shoulder = middle + sign * 0.80 * abs(edge - middle)
        found[f"shoulder {side}"] = at(shoulder, _roof(mask, shoulder))
        found[f"armpit {side}"] = at(edge, pit)
        for name, row in (("waist", waist), ("hem", bottom - 0.02 * tall)):
            run = _run(mask, row, middle)
            end = run[0] if side == "left" else run[1]
            held = min(abs(end - middle), 1.5 * abs(edge - middle) if name == "waist" else 9e9)
            found[f"{name} {side}"] = at(middle + sign * held, row)
        found[f"sleeve {side}"] = _cuff(mask, found[f"shoulder {side}"], edge, sign)
    return found


def _roof(mask: Tensor, column: float) -> float:
    """The first row of cloth in a column."""
    inside = torch.nonzero(mask[:, min(max(round(column), 0), mask.shape[1] - 1)])[:, 0]
    return float(inside[0]) if len(inside) else 0.0


def _cuff(mask: Tensor, shoulder: Tensor, edge: float, sign: float) -> Tensor:
    """The middle of a sleeve's end: of the cloth outside the trunk, what lies farthest from the shoulder."""
    places = torch.nonzero(mask).flip(1).to(torch.float32) + 0.5
    beside = places[(places[:, 0] - edge) * sign > 1.0]
    if len(beside) < 12:
        return shoulder
    far = (beside - shoulder).norm(dim=-1)
    end = beside[far > 0.93 * far.max()]
    return end.mean(0) if float(far.max()) > 6.0 else shoulder


def _bottom(mask: Tensor, kind: str) -> dict[str, Tensor]:
    top, bottom, first, last = _box(mask)
    tall, middle = bottom - top + 1, 0.5 * (first + last + 1)

    def at(x: float, y: float) -> Tensor:
        return torch.tensor([x, y], device=mask.device)

    waist, low = top + 0.02 * tall, bottom - 0.02 * tall
    left, right = _run(mask, waist, middle)
    found = {"waist left": at(left, waist), "waist right": at(right, waist)}
    found["hem left"] = at(_run(mask, low, first)[0], low)
    found["hem right"] = at(_run(mask, low, last)[1], low)
    if kind != "skirt":
        centre = 0.5 * (left + right)
        inside = torch.nonzero(mask[:, min(round(centre), mask.shape[1] - 1)])[:, 0]
        lowest = float(inside[-1]) if len(inside) else top + 0.35 * tall
        found["crotch"] = at(centre, lowest if lowest < top + 0.8 * tall else top + 0.4 * tall)
    return found
