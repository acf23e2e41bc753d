"""What the facefield room learns from: engine faces with depth, camera in the head's frame, and true parameters.

A folder holds ``photos`` (a cache of faces, filled where it is short), ``validation-128``, and the parameters beside them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor

from core.camera import invert_pose
from core.engine.faces import faces
from core.engine.faces_cache import SHARD_FACES, CacheConfig, FacesCache, fill_cache
from core.engine.render import SEGMENTS
from core.facefield.codes import read_parameters
from training.face_data import cut
from training.textedit_framing import find_squares

TRAIN_SEED, VALIDATION_SEED = 0, 900_000_000
VALIDATED, VALIDATION_SIZE = 128, 128
NAMES = ("pixels", "segmentation", "depth", "pose", "camera", "calibration", "landmarks")
_INTEREST = {"background": 1.0, "hair": 3.0, "cloth": 1.5, "neck": 3.0}
"""How often rays go through a part; the face's own parts have more."""
_FACE_INTEREST = 8.0


@dataclass(frozen=True)
class Heads:
    """Engine faces with what is known of them."""

    seeds: Tensor
    pixels: Tensor
    segmentation: Tensor
    depth: Tensor
    """(N, S, S) metres along the camera's axis, 0 where nothing is."""
    view: Tensor
    """(N, 4, 4) camera to head."""
    calibration: Tensor
    landmarks: Tensor
    parameters: Tensor

    @property
    def size(self) -> int:
        """Pixels a side."""
        return self.pixels.shape[-1]


class HeadData:
    """Faces by step."""

    def __init__(self, folder: Path | None, count: int, seed: int, size: int = 160) -> None:
        self._folder, self._count, self._seed, self._size = folder, count, seed, size
        self._train = None if folder is None else self._open("photos", TRAIN_SEED, count, size)
        self._kept: dict[tuple[str, int], Tensor] = {}

    def learn(self, step: int, count: int) -> Heads:
        """The faces of a step."""
        draw = torch.Generator().manual_seed(hash((self._seed, step, 71)) & 0x7FFFFFFF)
        return self._take(self._train, torch.randint(self._count, (count,), generator=draw), TRAIN_SEED, self._size)

    def validate(self, count: int = VALIDATED, size: int = VALIDATION_SIZE) -> Heads:
        """Faces of the validation band, always the same."""
        cache = None
        if self._folder is not None:
            cache = self._open(f"validation-{size}", VALIDATION_SEED, count, size)
        return self._take(cache, torch.arange(count), VALIDATION_SEED, size)

    def parameters(self, count: int) -> tuple[Tensor, Tensor]:
        """Seeds and parameters of the first faces, to make codes standard by."""
        chosen = torch.arange(min(count, self._count))
        return TRAIN_SEED + chosen, self._known("photos", TRAIN_SEED, self._count, chosen)

    def _open(self, name: str, first: int, count: int, size: int) -> FacesCache:
        assert self._folder is not None
        folder = self._folder / name
        if (folder / "cache.json").is_file() and len(cache := FacesCache(folder)) >= count:
            return cache
        return fill_cache(folder, CacheConfig(first, count, size, quick=True))

    def _take(self, cache: FacesCache | None, chosen: Tensor, first: int, size: int) -> Heads:
        seeds = first + chosen
        if cache is None:
            batch = faces(seeds, "cpu", size)
            found = {name: getattr(batch, name) for name in NAMES}
            parameters = read_parameters(seeds)
        else:
            found = cache.read(chosen, NAMES)
            parameters = self._known(cache.folder.name, first, len(cache), chosen)
        return Heads(
            seeds,
            found["pixels"],
            found["segmentation"],
            found["depth"].float(),
            invert_pose(found["pose"]) @ found["camera"],
            found["calibration"],
            found["landmarks"],
            parameters,
        )

    def _known(self, name: str, first: int, count: int, chosen: Tensor) -> Tensor:
        """Parameters of faces, kept beside the cache."""
        return torch.stack([self._shard(name, first, count, int(place))[place % SHARD_FACES] for place in chosen])

    def _shard(self, name: str, first: int, count: int, place: int) -> Tensor:
        start = place // SHARD_FACES * SHARD_FACES
        if (name, start) not in self._kept:
            end = min(start + SHARD_FACES, count)
            path = None
            if self._folder is not None:
                path = self._folder / "parameters" / f"{name}-{start:09d}-{end - start}.safetensors"
            if path is not None and path.is_file():
                self._kept[name, start] = load_file(path)["parameters"]
                return self._kept[name, start]
            values = read_parameters(torch.arange(first + start, first + end))
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                partial = path.with_suffix(".partial")
                save_file({"parameters": values}, partial)
                partial.replace(path)
            self._kept[name, start] = values
        return self._kept[name, start]


def choose_pixels(segmentation: Tensor, count: int, draw: torch.Generator) -> Tensor:
    """(N, count) places of pixels, row by row, oftener where there is more to learn."""
    interest = torch.tensor([_INTEREST.get(name, _FACE_INTEREST) for name in SEGMENTS])
    weight = interest[segmentation.long().flatten(1)]
    reached = weight.cumsum(1)
    wanted = torch.rand(len(weight), count, generator=draw) * reached[:, -1:]
    return torch.searchsorted(reached, wanted).clamp_max(weight.shape[1] - 1)


def cast(heads: Heads, chosen: Tensor) -> dict[str, Tensor]:
    """Rays (N, R) through chosen pixels in the head's frame, what they see, and how far it is."""
    size = heads.size
    column, row = chosen % size + 0.5, chosen // size + 0.5
    lens = heads.calibration
    local = torch.stack(
        (
            (column - lens[:, 0, 2, None]) / lens[:, 0, 0, None],
            (row - lens[:, 1, 2, None]) / lens[:, 1, 1, None],
            torch.ones_like(column),
        ),
        2,
    )
    longer = local.norm(dim=2)
    directions = (local / longer[..., None]) @ heads.view[:, :3, :3].transpose(1, 2)
    depth = heads.depth.flatten(1).gather(1, chosen)
    colour = heads.pixels.flatten(2).gather(2, chosen[:, None].expand(-1, 3, -1)).transpose(1, 2)
    return {
        "origins": heads.view[:, None, :3, 3].expand_as(directions),
        "directions": directions,
        "surface": depth * longer,
        "colour": colour,
        "places": torch.stack((column, row), 2) / size * 2 - 1,
    }


def cross_box(origins: Tensor, directions: Tensor, centre: Tensor, half: Tensor) -> tuple[Tensor, Tensor]:
    """Travels (N, R) at which rays enter and leave a box; where they miss it the first is the larger."""
    safe = torch.where(directions.abs() < 1e-6, torch.full_like(directions, 1e-6), directions)
    low, high = (centre - half - origins) / safe, (centre + half - origins) / safe
    near = torch.minimum(low, high).amax(2).clamp_min(0.02)
    return near, torch.maximum(low, high).amin(2)


def frame_portraits(heads: Heads, size: int, draw: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """Portraits (N, 3, size, size) cut as the predictor cuts them, astray a little where ``draw`` is given, and squares."""
    squares = find_squares(heads.landmarks)
    side = squares[:, 2].clone()
    if draw is not None:
        noise = torch.randn(len(side), 4, generator=draw).clamp(-2, 2)
        squares[:, :2] += noise[:, :2] * 0.02 * side[:, None]
        squares[:, 2] *= (noise[:, 2] * 0.04).exp()
        squares[:, 3] += noise[:, 3] * math.radians(2.0)
    still = torch.zeros(len(side), dtype=torch.bool)
    return cut(heads.pixels, squares, size, still), squares


def shrink(pictures: Tensor, size: int) -> Tensor:
    """Pictures at another size, filtered."""
    if pictures.shape[-1] == size:
        return pictures
    return F.interpolate(pictures, size=(size, size), mode="bilinear", antialias=True, align_corners=False).clamp(-1, 1)
