"""What the garment room learns from: engine garments and figures, drawn once and kept, beside real cut-outs.

Shards of 64 lie in a folder where one is given, else in memory. While a run is young it learns from the first shards,
so that it does not wait for all of them: the pool grows by the step, which keeps a batch a function of (seed, step).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from core.engine.cuts import KINDS
from core.engine.figure_choices import LAYERS, layer_of
from core.engine.figures import figures
from core.engine.garment_choices import SMALLEST
from core.engine.garments import garments
from core.garment.config import REGIONS
from core.garment.frame import align
from core.image import to_pixels, to_tensor
from training.garment_pictures import GarmentPictures
from training.spec import RunSpec

SHARD = 64
TRAIN_SEED, VALIDATION_SEED = 0, 900_000_000
ANY_CLOTH = len(REGIONS)
"""A garment of which nobody says whether it is worn above or below."""
_LAYER_REGION = {"bottom": "bottom", "top": "top", "whole": "top", "outer": "outer"}
_LABELS = {
    **dict.fromkeys(("T-Shirt", "Longsleeve", "Shirt", "Dress", "Polo", "Undershirt", "Body", "Top", "Blouse"), "top"),
    **dict.fromkeys(("Pants", "Shorts", "Skirt"), "bottom"),
    **dict.fromkeys(("Outwear", "Blazer"), "outer"),
    "Hoodie": "top",
}
Rows = dict[str, Tensor]


@dataclass(frozen=True)
class Pool:
    """Which drawn pictures there are."""

    folder: Path | None
    count: int
    grow: int
    """Steps after which another shard is drawn; 0 uses all at once."""
    device: str
    first: int = TRAIN_SEED


def pool_of(request: RunSpec, count: int) -> Pool:
    """The pool that a request asks for: options ``cache`` (a folder), ``count`` and ``grow``."""
    device = "cuda" if torch.cuda.is_available() and request.device != "cpu" else "cpu"
    folder = Path(str(request.options["cache"])) if "cache" in request.options else None
    grow = int(request.options.get("grow", 0 if device == "cuda" else 10))
    return Pool(folder, int(request.options.get("count", count)), grow, device)


class Drawn:
    """Engine pictures of one kind with labels, as uint8 and small integers."""

    def __init__(self, name: str, size: int, pool: Pool, draw: Callable[[Sequence[int], int, str], Rows]) -> None:
        self._name, self._size, self._pool, self._draw = f"{name}-{size}", size, pool, draw
        self._shards: dict[int, Rows] = {}

    def learn(self, step: int, count: int, draw: torch.Generator) -> Rows:
        """Pictures of a step, picked at random."""
        grown = self._pool.count if not self._pool.grow else SHARD * (1 + step // self._pool.grow)
        return self.take(torch.randint(min(self._pool.count, grown), (count,), generator=draw))

    def take(self, places: Tensor) -> Rows:
        """Pictures by their place in the pool."""
        rows = [{key: value[at % SHARD] for key, value in self._shard(at // SHARD).items()} for at in places.tolist()]
        return {key: torch.stack([row[key] for row in rows]) for key in rows[0]}

    def _shard(self, number: int) -> Rows:
        if number not in self._shards:
            folder, first = self._pool.folder, self._pool.first + number * SHARD
            count = min(SHARD, self._pool.count - number * SHARD)
            path = None if folder is None else folder / self._name / f"{first:010d}-{count}.safetensors"
            if path is not None and path.is_file():
                self._shards[number] = load_file(path)
                return self._shards[number]
            drawn = self._draw(range(first, first + count), self._size, self._pool.device)
            drawn = {key: value.cpu().contiguous() for key, value in drawn.items()}
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                partial = path.with_suffix(".partial")
                save_file(drawn, partial)
                partial.replace(path)
            self._shards[number] = drawn
        return self._shards[number]


def draw_flats(seeds: Sequence[int], size: int, device: str) -> Rows:
    """Aligned garments on white, their masks, and what they are."""
    batch = garments(list(seeds), device, max(size, SMALLEST))
    masks = batch.mask[:, None].to(torch.float32)
    pixels, aligned = align(batch.pixels, masks, size)
    regions = [REGIONS.index(_LAYER_REGION[layer_of(kind)]) for kind in batch.kind]
    return {
        "pixels": to_bytes(pixels),
        "masks": aligned.mul(255).round().to(torch.uint8)[:, 0],
        "region": torch.tensor(regions),
        "kind": torch.tensor([KINDS.index(kind) for kind in batch.kind]),
    }


def draw_worn(seeds: Sequence[int], size: int, device: str) -> Rows:
    """Figures with the region that each pixel belongs to."""
    batch = figures(list(seeds), device, max(size, SMALLEST))
    regions = (batch.depth > 0).to(torch.uint8) * REGIONS.index("person")
    for at, layer in enumerate(LAYERS):
        regions[batch.masks[:, at]] = REGIONS.index(_LAYER_REGION[layer])
    return {"pixels": to_bytes(batch.pixels), "regions": regions}


def align_garments(found: GarmentPictures, size: int) -> GarmentPictures:
    """Real pictures brought to the common scale by their masks."""
    pictures, masks = [], []
    for at in range(0, len(found.pictures), 64):
        held = torch.from_numpy(found.masks[at : at + 64])[:, None].float() / 255
        one, other = align(to_tensor(found.pictures[at : at + 64]), held, size)
        pictures.append(to_pixels(one))
        masks.append(other[:, 0].mul(255).round().to(torch.uint8).numpy())
    return replace(found, pictures=np.concatenate(pictures), masks=np.concatenate(masks))


def regions_of(labels: Sequence[str]) -> Tensor:
    """The region of each real garment, ANY_CLOTH where its label does not say."""
    return torch.tensor([REGIONS.index(_LABELS[one]) if one in _LABELS else ANY_CLOTH for one in labels])


def sharpness(pictures: np.ndarray) -> np.ndarray:
    """How sharp each picture (N x H x W x 3) is: mean square of its Laplacian, in light and dark alike."""
    scores = []
    for start in range(0, len(pictures), 64):
        grey = pictures[start : start + 64].astype(np.float32).mean(3)
        edges = (
            4 * grey[:, 1:-1, 1:-1] - grey[:, :-2, 1:-1] - grey[:, 2:, 1:-1] - grey[:, 1:-1, :-2] - grey[:, 1:-1, 2:]
        )
        scores.append(np.square(edges).mean((1, 2)) / (grey.var((1, 2)) + 1.0))
    return np.concatenate(scores)


def sharper_more_often(pictures: np.ndarray) -> np.ndarray:
    """Chances that prefer sharp pictures: the sharpest is drawn four times as often as the dullest, by rank."""
    ranks = sharpness(pictures).argsort().argsort() / max(len(pictures) - 1, 1)
    chances = 4.0**ranks
    return chances / chances.sum()


def to_bytes(pictures: Tensor) -> Tensor:
    """Pictures in [-1, 1] as uint8, channels first."""
    return pictures.add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)


def from_bytes(pictures: Tensor) -> Tensor:
    """The reverse."""
    return pictures.float().div_(127.5).sub_(1)
