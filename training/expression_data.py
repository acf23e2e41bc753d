"""What the expression room learns from: engine people, and characters drawn with the very same controllers.

With a folder everything is drawn once and kept there: ``photos`` and ``alone`` (one controller moved) of people, and of
each character the pictures with those faces' controllers. People are also seen mirrored, characters are not: no light or
costume of theirs is even, and drawing them again would cost more than it teaches.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, fields, replace
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from core.engine.characters import CHARACTERS, draw_character, load_character
from core.engine.controllers import MIRROR
from core.engine.faces import Choices, FaceBatch, faces
from core.engine.faces_cache import SHARD_FACES, CacheConfig, FacesCache, fill_cache
from core.engine.moments import draw_alone, draw_moments
from core.face.align import ROOM
from training.face_data import Spread, carry, cut, draw_squares, spoil

PHOTO_SIZE, TRAIN_SEED, VALIDATION_SEED = 160, 0, 900_000_000
ALONE_SHARE = 0.3
VALIDATED = 160
CROP_ROOM = ROOM
JITTER = Spread(0.035, 0.05, 4.0)
"""How well a follower places its crops, with something to spare."""


@dataclass(frozen=True)
class Pairs:
    """Faces and what they do."""

    photos: Tensor
    """N x 3 x S x S crops, as a camera gives them."""
    clean: Tensor
    """The same unspoilt."""
    controllers: Tensor
    points: Tensor
    """N x 68 x 2 landmarks, [-1, 1] of the crop."""
    index: Tensor
    """Where each face's virtual pictures stand."""
    mirrored: Tensor

    def straight(self) -> Pairs:
        """Those that are not mirrored: characters have pictures for these."""
        kept = {item.name: getattr(self, item.name)[~self.mirrored] for item in fields(self)}
        return Pairs(**kept)


class ExpressionData:
    """Pairs of people and characters, by step."""

    def __init__(self, folder: Path | None, counts: tuple[int, int], size: int, seed: int, device: str = "cpu") -> None:
        """``counts``: faces of all kinds, faces with one controller moved."""
        self._folder, self._size, self._seed, self._device = folder, size, seed, device
        self._counts = counts
        self.first = TRAIN_SEED
        """Seed of the first face: a run that goes on learns more from people it has not met."""
        self.close = False
        """Whether faces fill their pictures, for those who look at parts of them from near by."""
        self.alone_share = ALONE_SHARE
        """How many faces of a step move one controller only."""
        self._virtual: dict[tuple[str, int, int], Tensor] = {}

    @functools.cached_property
    def _caches(self) -> list[FacesCache]:
        folder = self._folder
        return (
            []
            if folder is None
            else [_open(folder, name, self._config(name, self._counts[i])) for i, name in enumerate(_NAMES)]
        )

    def _config(self, name: str, count: int) -> CacheConfig:
        return CacheConfig(
            self.first, count, PHOTO_SIZE, alone=name == "alone", quick=True, close=self.close, maps=not self.close
        )

    def pairs(self, step: int, count: int, mirror: bool = True) -> Pairs:
        """The people of a step, every second one mirrored if asked."""
        found, index, draw = self.people(step, count)
        mirrored = (torch.arange(count) % 2 == 1) & mirror
        return self._cut(found, index, mirrored, draw)

    def people(self, step: int, count: int) -> tuple[dict[str, Tensor], Tensor, torch.Generator]:
        """Whole pictures of a step with ``LABELS``, their places, and what the rest of the step draws from."""
        index, draw = self.draw_places(step, count)
        return self._people(index), index, draw

    def virtual_only(self, name: str, step: int, count: int) -> tuple[Tensor, Tensor]:
        """A character's pictures of a step, and their controllers; no people are needed for it."""
        return self.virtual_at(name, self.draw_places(step, count)[0])

    def virtual_at(self, name: str, index: Tensor) -> tuple[Tensor, Tensor]:
        """A character's pictures at these places, of which there are ``len(self)``, and their controllers."""
        every = self._counts[0]
        moved = self._moments_of(index - every * (index >= every), index >= every)
        if self._folder is None:
            return draw_virtual(name, moved, self._size, self._device).cpu(), moved
        return self._kept_virtual(name, index), moved

    def __len__(self) -> int:
        return sum(self._counts)

    def draw_places(self, step: int, count: int) -> tuple[Tensor, torch.Generator]:
        """Where the faces of a step stand, and what the rest of the step draws from."""
        draw = torch.Generator().manual_seed(hash((self._seed, step, 31)) & 0x7FFFFFFF)
        single = torch.rand(count, generator=draw) < self.alone_share
        every, alone = self._counts
        index = torch.where(
            single,
            every + torch.randint(alone, (count,), generator=draw),
            torch.randint(every, (count,), generator=draw),
        )
        return index, draw

    def validate_virtual(self, name: str) -> tuple[Tensor, Tensor]:
        """Controllers of the validation band, and a character that does them."""
        moved = _held_back()
        return moved, draw_virtual(name, moved, self._size)

    def validate_people(self, size: int = PHOTO_SIZE) -> dict[str, Tensor]:
        """Whole pictures of the validation band with ``LABELS``, framed and drawn as any."""
        seeds = torch.arange(VALIDATION_SEED, VALIDATION_SEED + VALIDATED)
        return _labels(faces(seeds, self._device, size, Choices(controllers=_held_back())))

    def validate(self) -> tuple[Pairs, dict[str, Tensor]]:
        """People of the validation band, and what each character looks like when it does what they do."""
        draw = torch.Generator().manual_seed(0)
        seeds, found = torch.arange(VALIDATION_SEED, VALIDATION_SEED + VALIDATED), self.validate_people()
        pairs = self._cut(found, seeds, torch.zeros(VALIDATED, dtype=torch.bool), draw, learning=False)
        return pairs, {name: draw_virtual(name, found["controllers"], self._size) for name in CHARACTERS}

    def virtual(self, name: str, pairs: Pairs) -> Tensor:
        """The character with the controllers of these faces, N x 3 x S x S; from a folder only of faces not mirrored."""
        if self._folder is None:
            return draw_virtual(name, pairs.controllers, self._size, self._device).cpu()
        assert not pairs.mirrored.any()
        return self._kept_virtual(name, pairs.index)

    def _kept_virtual(self, name: str, index: Tensor) -> Tensor:
        rows = [self._shard(name, int(place))[int(place) % SHARD_FACES] for place in self._place(index)]
        return torch.stack(rows).float().div_(127.5).sub_(1)

    def virtual_alone(self, name: str, count: int) -> Tensor:
        """A character at some moments, nobody beside it."""
        seeds = torch.arange(self.first, self.first + count)
        return draw_virtual(name, draw_moments(seeds).controllers, self._size, self._device).cpu()

    def virtual_at_rest(self, names: tuple[str, ...]) -> dict[str, Tensor]:
        """Each character doing nothing."""
        return {name: draw_virtual(name, torch.zeros(1, len(MIRROR)), self._size) for name in names}

    def _people(self, index: Tensor) -> dict[str, Tensor]:
        if self._folder is None:
            moved = self._moments_of(index, index >= self._counts[0])
            seeds = self.first + index
            return _labels(faces(seeds, self._device, PHOTO_SIZE, Choices(controllers=moved, close=self.close)))
        every, found = self._counts[0], dict[str, Tensor]()
        for which, cache in enumerate(self._caches):
            mine = (index >= every) == bool(which)
            for key, value in cache.read(index[mine] - every * which, LABELS).items() if mine.any() else ():
                found.setdefault(key, value.new_empty(len(index), *value.shape[1:]))[mine] = value
        return found

    def _cut(
        self, found: dict[str, Tensor], index: Tensor, mirrored: Tensor, draw: torch.Generator, learning: bool = True
    ) -> Pairs:
        squares = draw_squares(found["landmarks"], CROP_ROOM, JITTER if learning else Spread(0, 0, 0), draw)
        squares[:, 3] += roll_of(found["landmarks"])
        clean = cut(found["pixels"], squares, self._size, mirrored)
        moved = found["controllers"]
        moved = torch.where(mirrored[:, None], moved[:, list(MIRROR)], moved)
        points = carry(found["landmarks"], squares, mirrored)
        photos = spoil(clean, draw, cover=0.15, amount=0.6) if learning else clean
        return Pairs(photos, clean, moved, points, index, mirrored)

    def _place(self, index: Tensor) -> Tensor:
        """Faces that move one controller stand behind all others, from a whole shard on."""
        every = self._counts[0]
        behind = -(-every // SHARD_FACES) * SHARD_FACES
        return torch.where(index >= every, index - every + behind, index)

    def _shard(self, name: str, place: int) -> Tensor:
        """Virtual pictures (faces, 3, S, S) beside the shard of faces that holds a place."""
        assert self._folder is not None
        behind = -(-self._counts[0] // SHARD_FACES) * SHARD_FACES
        which, start = int(place >= behind), place // SHARD_FACES * SHARD_FACES - (behind if place >= behind else 0)
        key = (name, which, start)
        if key not in self._virtual:
            path = self._folder / f"{name}-{self._size}" / f"{_NAMES[which]}-{start:09d}.safetensors"
            if not path.exists():
                end = min(start + SHARD_FACES, self._counts[which])
                moved = self._moments_of(torch.arange(start, end), torch.full((end - start,), bool(which)))
                drawn = draw_virtual(name, moved, self._size)
                path.parent.mkdir(parents=True, exist_ok=True)
                partial = path.with_suffix(".partial")
                save_file({"pixels": drawn.add(1).mul(127.5).round().to(torch.uint8)}, partial)
                partial.replace(path)
            self._virtual[key] = load_file(path)["pixels"]
        return self._virtual[key]

    def _moments_of(self, places: Tensor, alone: Tensor) -> Tensor:
        """Controllers (N, 130) of the faces from the first seed on, of which some (N) move one only."""
        seeds = self.first + places
        return torch.where(alone[:, None], draw_alone(seeds), draw_moments(seeds).controllers)


_NAMES = ("photos", "alone")
LABELS = ("pixels", "landmarks", "controllers", "identity", "pose", "camera", "calibration", "attributes")


def _labels(batch: FaceBatch) -> dict[str, Tensor]:
    return {name: getattr(batch, name).cpu() for name in LABELS}


def _held_back() -> Tensor:
    seeds = torch.arange(VALIDATION_SEED, VALIDATION_SEED + VALIDATED)
    return torch.where((seeds % 3 == 2)[:, None], draw_alone(seeds), draw_moments(seeds).controllers)


def _open(folder: Path, name: str, wanted: CacheConfig) -> FacesCache:
    if (folder / name / "cache.json").is_file():
        cache = FacesCache(folder / name)
        if len(cache) >= wanted.count and replace(cache.config, count=wanted.count, engine="") == wanted:
            return cache
    return fill_cache(folder / name, wanted)


def draw_virtual(name: str, controllers: Tensor, size: int, device: str = "cpu") -> Tensor:
    """The character as the converter draws it: from the front, in studio light on paper."""
    return draw_character(load_character(name, device), controllers.to(device), size=size).pixels


def roll_of(landmarks: Tensor) -> Tensor:
    """How far (N) the line through the eyes is turned, radians: crops are taken level with the eyes."""
    across = landmarks[:, 42:48].mean(1) - landmarks[:, 36:42].mean(1)
    return torch.atan2(across[:, 1], across[:, 0])
