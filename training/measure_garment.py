"""Held-out scores of the garment room: outlines kept, what was hidden, looks beside tiling, and colours; engine or real."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.checkpoints import CheckpointMissing
from core.engine.cuts import KINDS
from core.garment.cloth import LAID, colour_difference
from core.garment.predict import Dressed, Predictor, Texture
from core.garment.templates import list_templates
from core.image import Mask, Pixels, resize, to_pixels, to_tensor
from training.garment_data import Rows, align_garments, draw_flats, from_bytes
from training.garment_pictures import read_garments
from training.garment_samples import bring_to_middle, crop_some, hide_some
from training.judges import load_judge
from training.looks_task import tile
from training.measure import Asked, CannotMeasure, Found, Row, Values

COUNT = 96
WOBBLE = 0.008
"""How far a hand strays from a template's line, of the picture's side."""


def measure(asked: Asked) -> Found:
    """All rows on engine garments, or on real ones held back by sender with ``data``."""
    predictor = Predictor.load(asked.roots)
    rows, kinds = take_garments(asked, predictor.size)
    judge, distance, looks = (_judge(name, asked) for name in ("garment", "distance", "looks"))
    drawn = _swap_cloths(predictor, rows)
    suffix = "_real" if asked.data is not None else ""
    found: dict[str, Row | None] = {
        f"outline_iou{suffix}": None if judge is None else _outline_row(judge, drawn, rows["mask"], predictor),
        f"hidden_share{suffix}": None if distance is None else _hidden_row(predictor, distance, rows),
        f"kid_share{suffix}": None if looks is None else _kid_row(looks, drawn, rows),
        f"colour_difference{suffix}": _colour_row(drawn, rows, predictor),
    }
    if asked.data is None:
        found["outline_iou_drawn"] = None if judge is None else _drawn_row(judge, predictor, rows)
    judges = {"garment": judge, "distance": distance, "looks": looks}
    missing = [f"judge {name}" for name, one in judges.items() if one is None]
    notes = ("Do nothing: the generator's mean picture; inpainting with OpenCV for what was hidden; tiling for looks.",)
    if missing:
        notes += (f"Not measured where there are no weights for {', '.join(missing)}.",)
    return Found(found, _groups(kinds), notes)


def take_garments(asked: Asked, size: int, count: int = COUNT) -> tuple[Rows, list[str]]:
    """Aligned garments: target, mask, what stays in sight of them, and a crop of each one's cloth in the middle."""
    draw = torch.Generator().manual_seed(asked.first_seed % 2**31)
    if asked.data is None:
        parts = [
            draw_flats(asked.seeds(count)[at : at + 16], size, asked.device)
            for at in range(0, asked.count or count, 16)
        ]
        rows = {key: torch.cat([part[key].cpu() for part in parts]) for key in parts[0]}
        kinds = [KINDS[at] for at in rows["kind"].tolist()]
        pixels, masks = rows["pixels"], rows["masks"]
    else:
        real = align_garments(read_garments(asked.data, size), size)
        kept = real.validating[: asked.count]
        if len(kept) < 2:
            raise CannotMeasure(f"{asked.data} keeps {len(kept)} pictures back; measuring wants two or more.")
        pixels, masks = torch.from_numpy(real.pictures[kept]).permute(0, 3, 1, 2), torch.from_numpy(real.masks[kept])
        kinds = [real.labels[at] for at in kept]
    target, mask = from_bytes(pixels), (masks[:, None] > 127).float()
    inside = 1 - torch.nn.functional.max_pool2d(1 - mask, 3, 1, 1)
    crop = crop_some(inside, draw)
    cloth, cropped = bring_to_middle(target, crop, torch.zeros(len(target), 2))
    return {"target": target, "mask": mask, "seen": hide_some(inside, draw), "cloth": cloth, "cropped": cropped}, kinds


def _judge(name: str, asked: Asked) -> Any:
    try:
        return load_judge(name, asked.roots)
    except CheckpointMissing:
        return None


def mask_pixels(mask: Tensor) -> Mask:
    """A mask in 0..1 as bytes."""
    return np.asarray(mask.numpy() * 255, np.uint8)


def lay_crops(predictor: Predictor, rows: Rows) -> list[Texture]:
    """What is read of each garment's crop, at the size that its print has on the garment."""
    found, side = [], max(256, predictor.size)
    for pixels, cropped in zip(to_pixels(rows["cloth"]), rows["cropped"], strict=True):
        scale = float(np.clip(float(cropped.mean()) ** 0.5 / LAID, 0.1, 10.0))
        large, seen = (resize(np.ascontiguousarray(one), side, side) for one in (pixels, mask_pixels(cropped[0])))
        found.append(predictor.read_texture(large, seen, scale))
    return found


def _swap_cloths(predictor: Predictor, rows: Rows) -> list[Dressed]:
    """Each outline in the next garment's cloth, which was cropped."""
    textures = lay_crops(predictor, rows)
    return [
        predictor.draw(predictor.read_shape(mask_pixels(mask[0])), textures[(at + 1) % len(textures)])
        for at, mask in enumerate(rows["mask"])
    ]


def _iou(judge: Any, pictures: Tensor, masks: Tensor) -> Values:
    with torch.inference_mode():
        read = torch.cat([judge(part).argmax(1) == 1 for part in pictures.split(16)])
    true = masks[:, 0] > 0.5
    both, either = (read & true).sum((1, 2)), (read | true).sum((1, 2))
    return (both / either.clamp_min(1)).double().numpy()


def _mean_picture(predictor: Predictor) -> Tensor:
    """What the generator draws when nobody says anything."""
    return to_tensor(predictor.draw_mean())


def _outline_row(judge: Any, drawn: list[Dressed], masks: Tensor, predictor: Predictor) -> Row:
    pictures = to_tensor([one.drawn for one in drawn])
    mean = _mean_picture(predictor).expand(len(masks), -1, -1, -1)
    return Row(_iou(judge, pictures, masks), _iou(judge, mean, masks), "high")


def _drawn_row(judge: Any, predictor: Predictor, rows: Rows) -> Row:
    """Templates as a hand would draw their line."""
    pictures, masks = [], []
    textures = lay_crops(predictor, rows)
    for at, line in enumerate(draw_by_hand(256)):
        shape = predictor.read_shape(line)
        pictures.append(predictor.draw(shape, textures[at % len(textures)]).drawn)
        masks.append(shape.mask)
    whole = torch.cat(masks)
    mean = _mean_picture(predictor).expand(len(whole), -1, -1, -1)
    return Row(_iou(judge, to_tensor(pictures), whole), _iou(judge, mean, whole), "high", grouped=False)


def draw_by_hand(size: int) -> list[Pixels]:
    """Every template as a wobbly black line on white."""
    import cv2

    draw, lines = np.random.default_rng(0), []
    for one in list_templates().values():
        wobble = draw.normal(0, WOBBLE, one.points.shape)
        canvas = np.full((size, size, 3), 255, np.uint8)
        at = np.round(((one.points - 0.5) * 0.9 + 0.5 + wobble) * size).astype(np.int32)
        cv2.polylines(canvas, [at.reshape(-1, 1, 2)], isClosed=True, color=(20, 20, 20), thickness=3)
        lines.append(canvas)
    return lines


def _share_of_sums(rows: Values) -> float:
    ours, theirs = rows.sum(0)
    return float(ours / max(theirs, 1e-9))


def _hidden_row(predictor: Predictor, distance: Any, rows: Rows) -> Row:
    """Distances to the truth where something was hidden, ours and inpainting's; all else is the truth in both."""
    import cv2

    values = []
    pictures = to_pixels(rows["target"])
    for at, pixels in enumerate(pictures):
        seen, mask = mask_pixels(rows["seen"][at, 0]), mask_pixels(rows["mask"][at, 0])
        shape = predictor.read_shape(mask)
        whole = predictor.draw(shape, predictor.read_hidden(pixels, seen, shape)).pixels[..., :3]
        hidden = (mask > 0) & (seen == 0)
        painted = cv2.inpaint(pixels, np.asarray(hidden * 255, np.uint8), 3, cv2.INPAINT_TELEA)
        tried = [np.where(hidden[..., None], one, pixels).astype(np.uint8) for one in (whole, painted)]
        with torch.inference_mode():
            apart = distance(to_tensor(tried), to_tensor(pixels).expand(2, -1, -1, -1))
        values.append(apart.double().numpy())
    return Row(np.array(values), 1.0, middle=_share_of_sums)


def _kid_row(looks: Any, drawn: list[Dressed], rows: Rows) -> Row:
    """Features of true garments, of ours and of tiled ones, beside each other; their distances as KID (Binkowski 2018)."""
    clothes, count = to_pixels(rows["cloth"]), len(drawn)
    tiled = [
        tile(
            clothes[(at + 1) % count],
            mask_pixels(rows["cropped"][(at + 1) % count, 0]),
            mask_pixels(rows["mask"][at, 0]),
        )
        for at in range(count)
    ]
    sets = rows["target"], to_tensor([one.drawn for one in drawn]), to_tensor(tiled)
    with torch.inference_mode():
        features = [torch.cat([looks.see(part) for part in pictures.split(16)]).double().numpy() for pictures in sets]
    return Row(np.concatenate(features, 1), 1.0, middle=kid_share, grouped=False)  # a few garments are no crowd


def kid_share(rows: Values) -> float:
    """KID of the second third of the columns to the first, over that of the last third to the first.

    Not a number where tiled ones cannot be told from true ones: too few, or too weak a judge. Features are taken from the
    middle of the true ones, or the kernel's cube is all offset and noise.
    """
    true, ours, tiled = np.split(rows, 3, axis=1)
    middle, scale = true.mean(0), np.maximum(true.std(0), 1e-6)
    true, ours, tiled = ((one - middle) / scale for one in (true, ours, tiled))
    worst = kernel_distance(tiled, true)
    return kernel_distance(ours, true) / worst if worst > 0 else float("nan")


def kernel_distance(one: Values, other: Values) -> float:
    """Unbiased squared maximum mean discrepancy with the cubic kernel."""

    def kernel(left: Values, right: Values) -> Values:
        return (left @ right.T / left.shape[1] + 1) ** 3

    count = len(one)
    mine, yours = kernel(one, one), kernel(other, other)
    within = (mine.sum() - np.trace(mine) + yours.sum() - np.trace(yours)) / max(count * (count - 1), 1)
    return float(within - 2 * kernel(one, other).mean())


def _colour_row(drawn: list[Dressed], rows: Rows, predictor: Predictor) -> Row:
    mean = predictor.draw_mean()
    clothes = to_pixels(rows["cloth"])
    count = len(drawn)
    baseline = [
        colour_difference(
            (mean, mask_pixels(rows["mask"][at, 0])),
            (clothes[(at + 1) % count], mask_pixels(rows["cropped"][(at + 1) % count, 0])),
        )
        for at in range(count)
    ]
    ours = np.array([one.facts["colour_difference"] for one in drawn], dtype=np.float64)
    return Row(ours, np.array(baseline), middle="median")


def _groups(kinds: list[str]) -> dict[str, npt.NDArray[np.bool_]]:
    named = np.array(kinds)
    return {kind: named == kind for kind in sorted(set(kinds))}
