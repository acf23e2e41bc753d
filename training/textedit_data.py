"""What the textedit room learns from: engine faces at the generator's size, each with its true code, its grades and captions.

With a folder pictures and parameters are drawn once and kept there; without one they are drawn as they are needed, on the
GPU where there is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor

from core.engine.attributes import Attributes
from core.engine.captions import write_caption
from core.engine.faces import faces
from core.engine.faces_cache import SHARD_FACES, CacheConfig, FacesCache, engine_digest, fill_cache
from core.engine.wordings import Language
from core.face.align import LEFT_EYE, RIGHT_EYE
from core.textedit.codes import Standard, read_grades, read_parameters
from core.textedit.predict import PORTRAIT_RISE, PORTRAIT_ROOM

TRAIN_SEED, VALIDATION_SEED = 0, 900_000_000
FIT_SEED = 700_000_000
"""Faces that codes are made standard by; training's own band."""
FITTED, VALIDATED = 3072, 128


@dataclass(frozen=True)
class Portraits:
    """Faces with what is known of them."""

    seeds: Tensor
    pixels: Tensor
    parameters: Tensor
    grades: Tensor
    person: Tensor
    """N x 1 x H x W, true where it is not background."""


class PortraitData:
    """Portraits by step."""

    def __init__(self, folder: Path | None, count: int, size: int, seed: int, device: str = "cpu") -> None:
        self._folder, self._count, self._size, self._seed, self._device = folder, count, size, seed, device
        self._train = None if folder is None else self._open("portraits", TRAIN_SEED, count)
        self._kept: dict[tuple[str, int], Tensor] = {}
        self._validation: Portraits | None = None
        self._last: tuple[tuple[int, int], Portraits] | None = None

    def learn(self, step: int, size: int) -> Portraits:
        """The portraits of a step's whole batch; all phases of a step see the same."""
        if self._last is None or self._last[0] != (step, size):
            draw = torch.Generator().manual_seed(hash((self._seed, step, 53)) & 0x7FFFFFFF)
            most = self._count if self._folder is not None else FIT_SEED
            self._last = (step, size), self._take(self._train, torch.randint(most, (size,), generator=draw), TRAIN_SEED)
        return self._last[1]

    def validate(self, count: int = VALIDATED) -> Portraits:
        """The validation band's portraits, always the same."""
        if self._validation is None:
            cache = None if self._folder is None else self._open("validation", VALIDATION_SEED, count)
            self._validation = self._take(cache, torch.arange(count), VALIDATION_SEED)
        return self._validation

    def _open(self, name: str, first: int, count: int) -> FacesCache:
        assert self._folder is not None
        folder = self._folder / f"{name}-{self._size}"
        if (folder / "cache.json").is_file() and len(cache := FacesCache(folder)) >= count:
            return cache
        return fill_cache(folder, CacheConfig(first, count, self._size), self._device)

    def _take(self, cache: FacesCache | None, chosen: Tensor, first: int) -> Portraits:
        seeds = first + chosen
        if cache is None:
            batch = faces(seeds, self._device, self._size)
            parameters = read_parameters(seeds, self._device).to(batch.pixels.device)
            shown = frame_portraits(batch.pixels, batch.segmentation, batch.landmarks)
            return Portraits(seeds, shown[0], parameters, batch.attributes, shown[1])
        found = cache.read(chosen, ("pixels", "segmentation", "attributes", "landmarks"))
        shown = frame_portraits(found["pixels"], found["segmentation"], found["landmarks"])
        parameters = torch.stack([self._parameters(cache, int(place)) for place in chosen])
        return Portraits(seeds, shown[0], parameters, found["attributes"], shown[1])

    def _parameters(self, cache: FacesCache, place: int) -> Tensor:
        """A cached face's parameters, kept beside its shard."""
        start = place // SHARD_FACES * SHARD_FACES
        key = (cache.folder.name, start)
        if key not in self._kept:
            end = min(start + SHARD_FACES, len(cache))
            path = cache.folder / f"parameters-{start:09d}-{end - start}.safetensors"
            if not path.exists():
                first = cache.config.first_seed
                values = read_parameters(torch.arange(first + start, first + end), self._device)
                partial = path.with_suffix(".partial")
                save_file({"parameters": values}, partial)
                partial.replace(path)
            self._kept[key] = load_file(path)["parameters"]
        return self._kept[key][place - start]


def frame_portraits(pixels: Tensor, segmentation: Tensor, landmarks: Tensor) -> tuple[Tensor, Tensor]:
    """Pictures as the room's predictor frames photos, upright and of one size, and where in them a person is."""
    points, size = landmarks[..., :2].float(), pixels.shape[-1]
    low, high = points.amin(1), points.amax(1)
    side = (high - low).amax(1) * PORTRAIT_ROOM
    centre = (low + high) / 2 - torch.stack((torch.zeros_like(side), PORTRAIT_RISE * side), 1)
    across = points[:, LEFT_EYE].mean(1) - points[:, RIGHT_EYE].mean(1)
    across = across / across.norm(dim=1, keepdim=True)
    turn = torch.stack((across, torch.stack((-across[:, 1], across[:, 0]), 1)), 2) * (side / size)[:, None, None]
    way = torch.cat((turn, (2 * centre / size - 1)[:, :, None]), 2)
    grid = F.affine_grid(way, [len(pixels), 1, size, size], align_corners=False)
    seen = (segmentation.reshape(len(pixels), 1, size, size) > 0).float()
    person = F.grid_sample(seen, grid, "nearest", "zeros", align_corners=False) > 0.5
    return F.grid_sample(pixels.float(), grid, "bilinear", "border", align_corners=False), person


def fit_standard(folder: Path | None, count: int, device: str = "cpu") -> Standard:
    """Codes made standard by ``count`` faces; what was read of them is kept in the folder."""
    seeds = torch.arange(FIT_SEED, FIT_SEED + count)
    path = None if folder is None else folder / f"standard-{count}-{engine_digest()}.safetensors"
    if path is not None and path.exists():
        found = load_file(path)
    else:
        found = {"parameters": read_parameters(seeds, device), "grades": read_grades(seeds, device)}
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(".partial")
            save_file(found, partial)
            partial.replace(path)
    return Standard.fit(found["parameters"], found["grades"], seeds)


def write_captions(grades: Tensor, seeds: list[int]) -> tuple[list[str], list[Language]]:
    """A true sentence a face, half of them Chinese."""
    texts: list[str] = []
    languages: list[Language] = []
    for row, seed in zip(grades.tolist(), seeds, strict=True):
        language: Language = "zh" if seed % 2 else "en"
        languages.append(language)
        texts.append(write_caption(Attributes.from_vector(row), seed, language).text)
    return texts, languages
