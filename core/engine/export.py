"""Writes faces with their labels to a folder: pictures, JSON and NPZ, COCO masks, 16-bit depth; and contact sheets.

``faces.json`` states every convention; ``read_depth`` and ``decode_mask`` read what was written back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.engine.attributes import KEYS
from core.engine.controllers import INDEX as PLACE
from core.engine.controllers import NAMES, PART_OF
from core.engine.faces import CHUNK_PIXELS, Choices, FaceBatch, check_device, check_seeds, check_size, faces
from core.engine.render import SEGMENTS
from core.image import Pixels, contact_sheet, to_pixels, write_picture

DEPTH_PER_METRE = 5000
"""16-bit depth PNG: value = metres x this (as TUM's), 0 = background."""
MOST_ON_A_SHEET = 400

Report = Callable[[int, int], None]
"""Told after every few faces: done, of how many."""


def read_seed_range(text: str) -> list[int]:
    """``12`` or ``0-15`` (both ends in) as seeds."""
    first, _, last = text.partition("-")
    if not first.isdigit() or (last and not last.isdigit()) or ("-" in text and not last):
        raise ValueError(f"Seeds are written as 7 or as 0-15, not {text!r}.")
    low, high = int(first), int(last or first)
    if high < low or high - low >= 1_000_000:
        raise ValueError(f"Seeds {text} are no range of one to a million faces; write the smaller number first.")
    return list(range(low, high + 1))


def write_faces(
    seeds: Sequence[int],
    sheet: Path | None,
    folder: Path | None,
    size: int = 256,
    device: str = "cpu",
    report: Report | None = None,
) -> int:
    """Draws the seeds; writes a contact sheet, and pictures with labels if a folder is given. How many were drawn."""
    every = [int(seed) for seed in check_seeds(seeds)]
    check_size(size)
    where = check_device(device)
    if sheet is not None and len(every) > MOST_ON_A_SHEET:
        raise ValueError(
            f"A sheet holds at most {MOST_ON_A_SHEET} faces, {len(every)} were asked for; give fewer seeds."
        )
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    chunk = max(1, min(64, CHUNK_PIXELS[where.type] // size**2))
    shown: list[Pixels] = []
    records: list[dict[str, Any]] = []
    for start in range(0, len(every), chunk):
        batch = faces(every[start : start + chunk], device, size, Choices())
        shown += list(to_pixels(batch.pixels)) if sheet is not None else []
        if folder is not None:
            records += write_batch(batch, folder)
        if report is not None:
            report(min(start + chunk, len(every)), len(every))
    if sheet is not None:
        sheet.parent.mkdir(parents=True, exist_ok=True)
        write_picture(sheet, contact_sheet(shown, columns=max(1, round(len(shown) ** 0.5))))
    if folder is not None:
        write_index(folder, records, size)
    return len(every)


def write_controller_sheet(path: Path, person_seed: int = 900_000_004, size: int = 168, device: str = "cpu") -> None:
    """One picture a controller at 1, in the table's order, of one person in one light; tongue moves show in an open mouth."""
    import torch

    count = len(NAMES)
    poses = torch.eye(count)
    for row, name in enumerate(NAMES):
        if PART_OF[name] == "tongue" or name == "mouth_close":
            poses[row, PLACE["jaw_open"]] = 0.6
    bare = {"glasses": 0.0, "fringe": 0.0, "hat": 0.0, "beard": 0.0, "moustache": 0.0, "hair_length": 0.25}
    same = [person_seed] * count
    choices = Choices(same, same, same, poses, torch.zeros(count, 3), bare, sensor=False)
    batch = faces(range(count), device, round(1.55 * size), choices)
    middle = 0.5 * (batch.landmarks[0].amax(0) + batch.landmarks[0].amin(0)) - 0.5 * size
    left, top = (int(value) for value in middle.round().clamp(0, batch.pixels.shape[-1] - size))
    drawn = to_pixels(batch.pixels[..., top : top + size, left : left + size])
    labelled = [_label_below(picture, name.replace("_", " ")) for picture, name in zip(drawn, NAMES, strict=True)]
    write_picture(path, contact_sheet(labelled, columns=10))


def _label_below(picture: Pixels, text: str, height: int = 20) -> Pixels:
    from PIL import Image, ImageDraw, ImageFont

    side = picture.shape[1]
    strip = Image.new("RGB", (side, height), "white")
    font = ImageFont.load_default(size=0.65 * height)
    ImageDraw.Draw(strip).text((side / 2, height / 2), text, fill=(40, 40, 40), font=font, anchor="mm")
    return np.concatenate((picture, np.asarray(strip)))


def write_batch(batch: FaceBatch, folder: Path) -> list[dict[str, Any]]:
    """One picture, depth, segment map and NPZ a face; the records for ``faces.json``."""
    pictures = to_pixels(batch.pixels)
    english, chinese = batch.captions("en"), batch.captions("zh")
    host = {name: getattr(batch, name).detach().cpu().numpy() for name in _ARRAYS}
    records: list[dict[str, Any]] = []
    for row, seed in enumerate(batch.seeds.tolist()):
        stem = f"{seed:012d}"
        write_picture(folder / f"{stem}.png", pictures[row])
        write_depth(folder / f"{stem}_depth.png", host["depth"][row])
        write_picture(folder / f"{stem}_segments.png", host["segmentation"][row])
        partial = folder / f".{stem}.partial.npz"
        np.savez_compressed(
            partial, **{name: host[name][row] for name in _ARRAYS if name not in {"depth", "segmentation"}}
        )
        partial.replace(folder / f"{stem}.npz")
        records.append(
            {
                "seed": seed,
                "picture": f"{stem}.png",
                "depth": f"{stem}_depth.png",
                "segments": f"{stem}_segments.png",
                "arrays": f"{stem}.npz",
                "caption": {"en": english[row], "zh": chinese[row]},
                "attributes": _named(KEYS, host["attributes"][row]),
                "controllers": _named(NAMES, host["controllers"][row]),
                "identity": _rounded(host["identity"][row]),
                "head_to_world": _rounded(host["pose"][row]),
                "camera_to_world": _rounded(host["camera"][row]),
                "calibration": _rounded(host["calibration"][row]),
                "landmarks": _rounded(host["landmarks"][row], 2),
                "masks": _masks(host["segmentation"][row]),
            }
        )
    return records


_ARRAYS = (
    "controllers", "identity", "pose", "camera", "calibration", "depth", "segmentation", "landmarks", "landmark_depth",
    "attributes",
)  # fmt: skip


def _named(names: Sequence[str], values: npt.NDArray[np.floating]) -> dict[str, float]:
    return {name: round(float(value), 4) for name, value in zip(names, values, strict=True)}


def _rounded(values: npt.NDArray[np.floating], digits: int = 6) -> list[Any]:
    return np.round(values.astype(np.float64), digits).tolist()


def write_index(folder: Path, records: list[dict[str, Any]], size: int) -> None:
    """``faces.json`` and ``coco.json``, whole or not at all."""
    conventions = {
        "made_by": "Likeness engine; none of these people exists",
        "size": size,
        "camera": "camera-to-world, x right, y down, z forward, metres; pixel centres at +0.5",
        "depth": f"16-bit PNG, metres x {DEPTH_PER_METRE} along the camera's z, 0 = background",
        "segments": dict(enumerate(SEGMENTS)),
        "landmarks": "68 points, Multi-PIE order, column and row in pixels",
    }
    plain = [{key: value for key, value in record.items() if key != "masks"} for record in records]
    _write_json(folder / "faces.json", {**conventions, "faces": plain})
    _write_json(folder / "coco.json", _coco(records, size))


def _coco(records: list[dict[str, Any]], size: int) -> dict[str, Any]:
    images = [
        {"id": record["seed"], "file_name": record["picture"], "width": size, "height": size} for record in records
    ]
    annotations = []
    for record in records:
        for mask in record["masks"]:
            annotations.append({"id": len(annotations) + 1, "image_id": record["seed"], "iscrowd": 1, **mask})
    categories = [{"id": place, "name": name} for place, name in enumerate(SEGMENTS) if place]
    return {"images": images, "annotations": annotations, "categories": categories}


def _masks(segments: npt.NDArray[np.uint8]) -> list[dict[str, Any]]:
    """COCO's uncompressed run lengths (column by column, starting with background), box and area of each segment."""
    found = []
    for place in range(1, len(SEGMENTS)):
        mask = segments == place
        if not mask.any():
            continue
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        box = [int(columns[0]), int(rows[0]), int(columns[-1] - columns[0] + 1), int(rows[-1] - rows[0] + 1)]
        run = {"counts": encode_mask(mask), "size": list(mask.shape)}
        found.append({"category_id": place, "segmentation": run, "area": int(mask.sum()), "bbox": box})
    return found


def encode_mask(mask: npt.NDArray[np.bool_]) -> list[int]:
    """Run lengths of a mask, column by column, the first of background."""
    flat = np.concatenate(([False], mask.T.ravel()))
    changes = np.flatnonzero(np.diff(flat.astype(np.int8)))
    ends = np.concatenate((changes, [flat.size - 1]))
    return np.diff(np.concatenate(([0], ends))).tolist()


def decode_mask(counts: Sequence[int], height: int, width: int) -> npt.NDArray[np.bool_]:
    """The mask that ``encode_mask`` wrote."""
    values = np.arange(len(counts)) % 2 == 1
    return np.repeat(values, counts).reshape(width, height).T


def write_depth(path: Path, depth_metres: npt.NDArray[np.floating]) -> None:
    """Depth as a 16-bit PNG."""
    from PIL import Image

    scaled = np.rint(depth_metres.astype(np.float64) * DEPTH_PER_METRE).clip(0, 65535).astype(np.uint16)
    partial = path.with_name(f".{path.name}.partial.png")
    Image.fromarray(scaled).save(partial)
    partial.replace(path)


def read_depth(path: Path) -> npt.NDArray[np.float32]:
    """Metres from a 16-bit depth PNG."""
    from PIL import Image

    with Image.open(path) as opened:
        return (np.asarray(opened, dtype=np.float32) / DEPTH_PER_METRE).astype(np.float32)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    partial.replace(path)
