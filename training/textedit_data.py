"""What the textedit room learns from: engine faces at the generator's size, each with its true code, its grades and captions.

With a folder pictures and parameters are drawn once and kept there; without one they are drawn as they are needed, on the
GPU where there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from core.engine.attributes import Attributes
from core.engine.captions import write_caption
from core.engine.changes import vary_people
from core.engine.faces import Choices, faces
from core.engine.faces_cache import SHARD_FACES, CacheConfig, FacesCache, choose, engine_digest, fill_cache
from core.engine.wordings import Language
from core.textedit.codes import Standard, read_grades, read_parameters
from training.textedit_framing import frame_portraits
from training.textedit_places import read_places

TRAIN_SEED, VARIED_SEED, UNDRAWN_SEED = 0, 300_000_000, 500_000_000
VALIDATION_SEED, VARIED_VALIDATION_SEED = 900_000_000, 950_000_000
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


def _join(parts: Sequence[Portraits]) -> Portraits:
    """All of these."""

    def together(name: str) -> Any:
        found = [getattr(part, name) for part in parts]
        return None if found[0] is None else torch.cat(found)

    return Portraits(**{entry.name: together(entry.name) for entry in fields(Portraits)})


@dataclass(frozen=True)
class Wanted:
    """Which portraits a recipe learns from."""

    count: int
    size: int
    points: int = 0
    """How many points of the head are wanted with each face."""
    varied: int = 0
    """How many faces there are besides of which attributes are drawn anew (core/engine/changes.py)."""
    undrawn: int = 0
    """How many further people there are of whom nothing but their places is learned; 0: those of the pictures serve."""

    @classmethod
    def read(cls, options: Mapping[str, Any], size: int, points: int = 0) -> Wanted:
        """From a recipe's options ``count``, ``varied`` and ``undrawn_people``."""
        varied, undrawn = (int(options.get(name, 0)) for name in ("varied", "undrawn_people"))
        return cls(int(options.get("count", 16_384)), size, points, varied, undrawn)


@dataclass(frozen=True)
class _Band:
    """Faces that are drawn alike, kept on disk or drawn as they are needed."""

    config: CacheConfig
    cache: FacesCache | None

    def choices(self, seeds: Tensor) -> Choices | None:
        """What of these faces is not left to their seeds."""
        return choose(seeds.tolist(), self.config)


class PortraitData:
    """Portraits by step."""

    def __init__(self, folder: Path | None, wanted: Wanted, seed: int, device: str = "cpu") -> None:
        self._folder, self._size, self._points = folder, wanted.size, wanted.points
        self._seed, self._device = seed, device
        self._bands = [self._open("portraits", CacheConfig(TRAIN_SEED, wanted.count, wanted.size))]
        if wanted.varied:
            config = CacheConfig(VARIED_SEED, wanted.varied, wanted.size, varied=True, quick=True)
            self._bands.append(self._open("varied", config))
        self._shards: dict[int, dict[str, Tensor]] = {}
        self._kept: dict[tuple[str, str, int], Tensor] = {}
        self._validation: dict[bool, Portraits] = {}
        self._last: tuple[tuple[int, int], Portraits] | None = None
        self._undrawn = wanted.undrawn if folder is not None else 0
        if self._undrawn:
            for start in range(0, self._undrawn, SHARD_FACES):
                self._further(start)

    def learn(self, step: int, size: int) -> Portraits:
        """The portraits of a step's whole batch; all phases of a step see the same."""
        if self._last is None or self._last[0] != (step, size):
            parts = [self._take(band, chosen) for band, chosen in self._draw(step, size, 53)]
            self._last = (step, size), _join(parts)
        return self._last[1]

    def validate(self, count: int = VALIDATED, varied: bool = False) -> Portraits:
        """The validation band's portraits, always the same; or others of it of which attributes are drawn anew."""
        if varied not in self._validation:
            first = VARIED_VALIDATION_SEED if varied else VALIDATION_SEED
            name = "varied-validation" if varied else "validation"
            band = self._open(name, CacheConfig(first, count, self._size, varied=varied))
            self._validation[varied] = self._take(band, torch.arange(count))
        return self._validation[varied]

    def _draw(self, step: int, size: int, purpose: int) -> list[tuple[_Band, Tensor]]:
        """Which faces of which band a step has."""
        draw = torch.Generator().manual_seed(hash((self._seed, step, purpose)) & 0x7FFFFFFF)
        counts = [band.config.count for band in self._bands]
        ends = [round(size * sum(counts[:end]) / sum(counts)) for end in range(len(counts) + 1)]
        drawn = []
        for band, begin, end in zip(self._bands, ends[:-1], ends[1:], strict=True):
            most = FIT_SEED - VARIED_SEED if band.cache is None else band.config.count
            drawn.append((band, torch.randint(most, (end - begin,), generator=draw)))
        return [(band, chosen) for band, chosen in drawn if len(chosen)]

    def _open(self, name: str, config: CacheConfig) -> _Band:
        if self._folder is None:
            return _Band(config, None)
        folder = self._folder / f"{name}-{self._size}"
        if (folder / "cache.json").is_file() and len(cache := FacesCache(folder)) >= config.count:
            return _Band(config, cache)
        return _Band(config, fill_cache(folder, config, self._device))

    def _take(self, band: _Band, chosen: Tensor) -> Portraits:
        seeds = band.config.first_seed + chosen
        if band.cache is None:
            choices = band.choices(seeds)
            batch = faces(seeds, self._device, self._size, choices)
            parameters = read_parameters(seeds, self._device, choices).to(batch.pixels.device)
            shown = frame_portraits(batch.pixels, batch.segmentation, batch.landmarks)
            places = None
            if self._points:
                places = self._read_places(seeds, choices=choices).to(batch.pixels.device)
            return Portraits(seeds, shown[0], parameters, batch.attributes, shown[1], places)
        found = band.cache.read(chosen, ("pixels", "segmentation", "attributes", "landmarks"))
        shown = frame_portraits(found["pixels"], found["segmentation"], found["landmarks"])
        parameters = self._known(band, chosen, "parameters", read_parameters)
        places = None
        if self._points:
            places = self._known(band, chosen, f"places-{self._points}", self._read_places).float()
        return Portraits(seeds, shown[0], parameters, found["attributes"], shown[1], places)

    def undrawn(self, step: int, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """Seeds, parameters and places of further faces for a step, of which no picture is wanted."""
        assert self._points
        if self._undrawn:
            draw = torch.Generator().manual_seed(hash((self._seed, step, 59)) & 0x7FFFFFFF)
            chosen = torch.randint(self._undrawn, (count,), generator=draw).tolist()
            rows = [(self._further(place - place % SHARD_FACES), place % SHARD_FACES) for place in chosen]
            seeds, parameters, places = (
                torch.stack([shard[name][row] for shard, row in rows]) for name in ("seeds", "parameters", "places")
            )
            return seeds, parameters, places
        parts = []
        for band, chosen in self._draw(step, count, 59):
            seeds = band.config.first_seed + chosen
            if band.cache is None:
                choices = band.choices(seeds)
                found = read_parameters(seeds, self._device, choices), self._read_places(seeds, choices=choices)
            else:
                found = (
                    self._known(band, chosen, "parameters", read_parameters),
                    self._known(band, chosen, f"places-{self._points}", self._read_places),
                )
            parts.append((seeds, found[0], found[1].float()))
        seeds, parameters, places = (torch.cat(column) for column in zip(*parts, strict=True))
        return seeds, parameters, places

    def _further(self, start: int) -> dict[str, Tensor]:
        """A shard of people who are not drawn, every other shard of them varied; found out once and kept."""
        assert self._folder is not None
        if start not in self._shards:
            path = (
                self._folder / "undrawn" / f"people-{self._points}-{start:09d}-{engine_digest('changes')}.safetensors"
            )
            if not path.exists():
                seeds = torch.arange(UNDRAWN_SEED + start, UNDRAWN_SEED + start + SHARD_FACES)
                choices = vary_people(seeds.tolist()) if start // SHARD_FACES % 2 else None
                parameters = read_parameters(seeds, self._device, choices)
                path.parent.mkdir(parents=True, exist_ok=True)
                partial = path.with_suffix(".partial")
                places = self._read_places(seeds, choices=choices)
                save_file({"seeds": seeds, "parameters": parameters, "places": places}, partial)
                partial.replace(path)
            self._shards[start] = load_file(path)
        return self._shards[start]

    def _read_places(self, seeds: Tensor, device: str = "cpu", choices: Choices | None = None) -> Tensor:
        return read_places(seeds, self._points, device, choices)

    def _known(self, band: _Band, chosen: Tensor, name: str, read: Callable[..., Tensor]) -> Tensor:
        """What is known of cached faces without drawing them, kept beside their shards."""
        return torch.stack([self._known_of(band, int(place), name, read) for place in chosen])

    def _known_of(self, band: _Band, place: int, name: str, read: Callable[..., Tensor]) -> Tensor:
        assert band.cache is not None
        start = place // SHARD_FACES * SHARD_FACES
        key = (band.cache.folder.name, name, start)
        if key not in self._kept:
            end = min(start + SHARD_FACES, len(band.cache))
            path = band.cache.folder / f"{name}-{start:09d}-{end - start}.safetensors"
            if not path.exists():
                first = band.config.first_seed
                seeds = torch.arange(first + start, first + end)
                values = read(seeds, self._device, band.choices(seeds))
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
