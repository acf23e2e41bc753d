"""Writes figures with their labels to a folder: picture, garment masks, part map, depth, surface map, flat garments, JSON.

``figures.json`` states every convention; ``read_surface`` reads a surface map back.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.engine.export import DEPTH_PER_METRE, MOST_ON_A_SHEET, Report, write_depth
from core.engine.figure_choices import LAYERS, FigureChoices
from core.engine.figures import CHUNK_PIXELS, FigureBatch, figures
from core.engine.flesh import PARTS
from core.engine.outlines import ANCHORS
from core.engine.poses import JOINTS
from core.image import Pixels, contact_sheet, to_pixels, write_picture


def write_figures(
    seeds: Sequence[int],
    sheet: Path | None,
    folder: Path | None,
    size: int = 256,
    device: str = "cpu",
    report: Report | None = None,
) -> int:
    """Draws the seeds; writes a contact sheet, and pictures with labels if a folder is given. How many were drawn."""
    every = [int(seed) for seed in seeds]
    if sheet is not None and len(every) > MOST_ON_A_SHEET:
        raise ValueError(
            f"A sheet holds at most {MOST_ON_A_SHEET} figures, {len(every)} were asked for; give fewer seeds."
        )
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    chunk = max(1, CHUNK_PIXELS["cuda" if device.startswith("cuda") else "cpu"] // max(size, 1) ** 2)
    shown: list[Pixels] = []
    records: list[dict[str, Any]] = []
    for start in range(0, len(every), chunk):
        part = every[start : start + chunk]
        batch = figures(part, device, size, FigureChoices())
        shown += list(to_pixels(batch.pixels)) if sheet is not None else []
        if folder is not None:
            records += write_batch(part, batch, folder)
        if report is not None:
            report(min(start + chunk, len(every)), len(every))
    if sheet is not None:
        sheet.parent.mkdir(parents=True, exist_ok=True)
        write_picture(sheet, contact_sheet(shown, columns=max(1, round(len(shown) ** 0.5))))
    if folder is not None:
        _write_index(folder, records, size)
    return len(every)


def write_batch(seeds: Sequence[int], batch: FigureBatch, folder: Path) -> list[dict[str, Any]]:
    """The files of each figure, and the records for ``figures.json``."""
    pictures = to_pixels(batch.pixels)
    host = {
        name: getattr(batch, name).detach().cpu().numpy()
        for name in (
            "masks",
            "parts",
            "surface",
            "occluders",
            "depth",
            "joints",
            "anchors",
            "camera",
            "calibration",
            "flat_masks",
        )
    }
    records: list[dict[str, Any]] = []
    for row, seed in enumerate(seeds):
        stem = f"{seed:012d}"
        write_picture(folder / f"{stem}.png", pictures[row])
        write_picture(folder / f"{stem}_parts.png", host["parts"][row])
        write_picture(folder / f"{stem}_occluders.png", _as_mask(host["occluders"][row]))
        write_depth(folder / f"{stem}_depth.png", host["depth"][row])
        garments: dict[str, dict[str, Any]] = {}
        flats = to_pixels(batch.flat_pixels[row])
        for at, layer in enumerate(LAYERS):
            if not host["flat_masks"][row, at].any():
                continue
            write_picture(folder / f"{stem}_{layer}.png", _as_mask(host["masks"][row, at]))
            flat = np.dstack((flats[at], _as_mask(host["flat_masks"][row, at])))
            write_picture(folder / f"{stem}_{layer}_flat.png", flat)
            garments[layer] = {
                "mask": f"{stem}_{layer}.png",
                "flat": f"{stem}_{layer}_flat.png",
                "anchors": _points(ANCHORS, host["anchors"][row, at]),
            }
        partial = folder / f".{stem}.partial.npz"
        np.savez_compressed(partial, surface=host["surface"][row].astype(np.float16))
        partial.replace(folder / f"{stem}_surface.npz")
        records.append(
            {
                "seed": int(seed),
                "picture": f"{stem}.png",
                "parts": f"{stem}_parts.png",
                "occluders": f"{stem}_occluders.png",
                "depth": f"{stem}_depth.png",
                "surface": f"{stem}_surface.npz",
                "pose": batch.pose[row],
                "view": batch.view[row],
                "background": batch.background[row],
                "kinds": batch.kinds[row],
                "garments": garments,
                "joints": _points(JOINTS, host["joints"][row]),
                "camera_to_world": np.round(host["camera"][row].astype(np.float64), 6).tolist(),
                "calibration": np.round(host["calibration"][row].astype(np.float64), 4).tolist(),
            }
        )
    return records


def _as_mask(inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    return inside.astype(np.uint8) * 255


def _points(names: Sequence[str], places: npt.NDArray[np.floating]) -> dict[str, list[float] | None]:
    """Places by name; None for what is not there."""
    return {
        name: None if np.isnan(place).any() else [round(float(value), 2) for value in place]
        for name, place in zip(names, places, strict=True)
    }


def _write_index(folder: Path, records: list[dict[str, Any]], size: int) -> None:
    content = {
        "made_by": "Likeness engine; none of these people and garments exists",
        "size": size,
        "camera": "camera-to-world, x right, y down, z forward, metres; pixel centres at +0.5",
        "depth": f"16-bit PNG, metres x {DEPTH_PER_METRE} along the camera's z, 0 = background",
        "parts": dict(enumerate(PARTS)),
        "surface": "height x width x 2: place in the flat picture of the garment seen there, -1..1 across and down from "
        "edge to edge (as grid_sample with align_corners=False); NaN where no garment's front is seen",
        "sides": "left and right are those of the picture",
        "figures": records,
    }
    partial = folder / ".figures.json.partial"
    partial.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    partial.replace(folder / "figures.json")


def read_surface(path: Path) -> npt.NDArray[np.float32]:
    """A surface map (height, width, 2), NaN where there is none."""
    with np.load(path) as held:
        return held["surface"].astype(np.float32)
