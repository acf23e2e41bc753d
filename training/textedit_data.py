"""What the textedit room learns from: engine faces at the generator's size, each with its true code, its grades and captions.

With a folder pictures and parameters are drawn once and kept there; without one they are drawn as they are needed, on the
GPU where there is one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from core.engine.attributes import Attributes
from core.engine.captions import write_caption
from core.engine.faces import faces
from core.engine.faces_cache import SHARD_FACES, CacheConfig, FacesCache, engine_digest, fill_cache
from core.engine.wordings import Language
from core.textedit.codes import Standard, read_grades, read_parameters
from training.textedit_framing import frame_portraits
from training.textedit_places import read_places

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
    parts: Tensor
    """N x 1 x H x W uint8, place in PARTS."""
    places: Tensor | None = None
    """N x P x 3, where points of the head are (textedit_places.py)."""


class PortraitData:
    """Portraits by step."""

    def __init__(
        self, folder: Path | None, count: int, size: int, seed: int, device: str = "cpu", points: int = 0
    ) -> None:
        """``points``: how many points of the head are wanted with each face."""
        self._folder, self._count, self._size, self._seed, self._device = folder, count, size, seed, device
        self._points = points
        self._train = None if folder is None else self._open("portraits", TRAIN_SEED, count)
        self._kept: dict[tuple[str, str, int], Tensor] = {}
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
            places = read_places(seeds, self._points, self._device).to(batch.pixels.device) if self._points else None
            return Portraits(seeds, shown[0], parameters, batch.attributes, shown[1], places)
        found = cache.read(chosen, ("pixels", "segmentation", "attributes", "landmarks"))
        shown = frame_portraits(found["pixels"], found["segmentation"], found["landmarks"])
        parameters = self._known(cache, chosen, "parameters", read_parameters)
        places = None
        if self._points:
            places = self._known(cache, chosen, f"places-{self._points}", self._read_places).float()
        return Portraits(seeds, shown[0], parameters, found["attributes"], shown[1], places)

    def undrawn(self, step: int, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """Seeds, parameters and places of further faces for a step, of which no picture is wanted."""
        assert self._points
        draw = torch.Generator().manual_seed(hash((self._seed, step, 59)) & 0x7FFFFFFF)
        if self._train is None:
            seeds = TRAIN_SEED + torch.randint(FIT_SEED, (count,), generator=draw)
            return seeds, read_parameters(seeds, self._device), self._read_places(seeds)
        chosen = torch.randint(self._count, (count,), generator=draw)
        parameters = self._known(self._train, chosen, "parameters", read_parameters)
        places = self._known(self._train, chosen, f"places-{self._points}", self._read_places)
        return TRAIN_SEED + chosen, parameters, places.float()

    def _read_places(self, seeds: Tensor, device: str = "cpu") -> Tensor:
        return read_places(seeds, self._points, device)

    def _known(self, cache: FacesCache, chosen: Tensor, name: str, read: Callable[[Tensor, str], Tensor]) -> Tensor:
        """What is known of cached faces without drawing them, kept beside their shards."""
        return torch.stack([self._known_of(cache, int(place), name, read) for place in chosen])

    def _known_of(self, cache: FacesCache, place: int, name: str, read: Callable[[Tensor, str], Tensor]) -> Tensor:
        start = place // SHARD_FACES * SHARD_FACES
        key = (cache.folder.name, name, start)
        if key not in self._kept:
            end = min(start + SHARD_FACES, len(cache))
            path = cache.folder / f"{name}-{start:09d}-{end - start}.safetensors"
            if not path.exists():
                first = cache.config.first_seed
                values = read(torch.arange(first + start, first + end), self._device)
                partial = path.with_suffix(".partial")
                save_file({name: values}, partial)
                partial.replace(path)
            self._kept[key] = load_file(path)[name]
        return self._kept[key][place - start]


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
