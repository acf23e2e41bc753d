"""Engine faces for networks that read photos: from a cache on disk or drawn as they are needed, cut and spoilt like photos."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from core.engine.faces import faces
from core.engine.faces_cache import CacheConfig, FacesCache, choose, fill_cache
from core.face.align import MIRROR

SIZE, CLOSE_SIZE = 128, 160
KINDS = ("train", "varied", "photos")
TRAIN_SEED, VARIED_SEED = 800_000_000, 850_000_000
VALIDATION_SEED, VARIED_VALIDATION_SEED = 900_000_000, 950_000_000
VALIDATED = 512


MILD = 0.25
"""How much pictures are spoilt for networks that judge them."""
LABELS = ("pixels", "landmarks", "segmentation", "attributes", "identity")
PICTURES_EACH = 2
"""Each person is seen twice: another moment, another shot, another day's hair and dress."""


class FaceData:
    """Pictures with labels. With a folder they are drawn once and kept there."""

    def __init__(
        self,
        folder: Path | None,
        count: int,
        seed: int,
        device: str = "cpu",
        kind: str = KINDS[0],
        validated: int = VALIDATED,
    ) -> None:
        """``kind``: ``varied``, both pictures of a person are alike but for attributes drawn anew (core/engine/changes.py), and
        the validation pictures are followed by as many of these; ``photos``, close-ups as the expression room's reader learns
        from, one of each person and without segmentation; ``train``, all others."""
        assert kind in KINDS
        self._folder, self._count, self._seed, self._device = folder, count, seed, device
        self._varied, self._validated = kind == "varied", validated
        if kind == "photos":
            self._each = 1
            self._train = self._open(kind, CacheConfig(0, count, CLOSE_SIZE, quick=True, close=True, maps=False))
        else:
            self._each = PICTURES_EACH
            first = VARIED_SEED if self._varied else TRAIN_SEED
            self._train = self._open_pairs(kind, CacheConfig(first, count, quick=self._varied, varied=self._varied))
        self._validation: dict[str, Tensor] | None = None

    def learn(self, step: int, size: int) -> dict[str, Tensor]:
        """The pictures of a step's whole batch, both of a person beside each other."""
        draw = torch.Generator().manual_seed(hash((self._seed, step, 17)) & 0x7FFFFFFF)
        who = torch.randint(self._count // self._each, (-(-size // self._each),), generator=draw)
        chosen = (who[:, None] * self._each + torch.arange(self._each)).flatten()[:size]
        return self._train(chosen)

    def validate(self) -> dict[str, Tensor]:
        """The validation band's pictures, always the same."""
        if self._validation is None:
            every = torch.arange(self._validated)
            sets = [self._open_pairs("validation", CacheConfig(VALIDATION_SEED, self._validated))(every)]
            if self._varied:
                config = CacheConfig(VARIED_VALIDATION_SEED, self._validated, varied=True)
                sets.append(self._open_pairs("varied-validation", config)(every))
            self._validation = {key: torch.cat([found[key] for found in sets]) for key in LABELS}
        return self._validation

    def _open_pairs(self, name: str, config: CacheConfig) -> Callable[[Tensor], dict[str, Tensor]]:
        return self._open(name, replace(config, size=SIZE, pictures_each=PICTURES_EACH))

    def _open(self, name: str, config: CacheConfig) -> Callable[[Tensor], dict[str, Tensor]]:
        """What gives faces by their place in a cache, which is drawn now where it is not there; or draws them each time."""
        if self._folder is None:
            return lambda chosen: _draw(config, chosen, self._device)
        folder = self._folder / name
        if (folder / "cache.json").is_file():
            there = FacesCache(folder)
            if replace(there.config, count=config.count, engine="") == config and len(there) >= config.count:
                return lambda chosen: _read(there, chosen)
        made = fill_cache(folder, config, self._device)
        return lambda chosen: _read(made, chosen)


def _read(cache: FacesCache, chosen: Tensor) -> dict[str, Tensor]:
    kept = [key for key in LABELS if cache.config.maps or key != "segmentation"]
    return {key: value.float() for key, value in cache.read(chosen, kept).items()}


def _draw(config: CacheConfig, chosen: Tensor, device: str) -> dict[str, Tensor]:
    seeds = (config.first_seed + chosen).tolist()
    batch = faces(seeds, device, config.size, choose(seeds, config))
    return {key: getattr(batch, key).float() for key in LABELS}


@dataclass(frozen=True)
class Spread:
    """How far crops stray from the face's own square."""

    shift: float = 0.1
    """Standard deviation of the centre, in faces."""
    scale: float = 0.18
    """Standard deviation of the side's logarithm."""
    roll_degrees: float = 18.0


def extents(landmarks: Tensor) -> tuple[Tensor, Tensor]:
    """Centre (N, 2) and side (N) of the landmarks' boxes."""
    low, high = landmarks.amin(1), landmarks.amax(1)
    return (low + high) / 2, (high - low).amax(1)


def draw_squares(landmarks: Tensor, room: float, spread: Spread, draw: torch.Generator) -> Tensor:
    """(N, 4) centre, side and roll in radians of crops around the faces."""
    centre, side = extents(landmarks)
    count = len(landmarks)
    noise = torch.randn(count, 4, generator=draw).clamp(-2.2, 2.2)
    centre = centre + noise[:, :2] * spread.shift * side[:, None]
    side = side * room * (noise[:, 2] * spread.scale).exp()
    return torch.cat((centre, side[:, None], noise[:, 3:] * math.radians(spread.roll_degrees)), 1)


def cut(maps: Tensor, squares: Tensor, size: int, mirrored: Tensor, mode: str = "bilinear") -> Tensor:
    """Crops (N, C, size, size) of pictures; beyond the edge the edge goes on."""
    side = maps.shape[-1]
    cosine, sine = squares[:, 3].cos(), squares[:, 3].sin()
    scale = squares[:, 2] / side
    flip = torch.where(mirrored, -1.0, 1.0)
    rows = (
        torch.stack((cosine * scale * flip, -sine * scale, squares[:, 0] * 2 / side - 1), 1),
        torch.stack((sine * scale * flip, cosine * scale, squares[:, 1] * 2 / side - 1), 1),
    )
    grid = F.affine_grid(torch.stack(rows, 1), [len(maps), maps.shape[1], size, size], align_corners=False)
    return F.grid_sample(maps, grid, mode=mode, padding_mode="border", align_corners=False)


def carry(landmarks: Tensor, squares: Tensor, mirrored: Tensor) -> Tensor:
    """Landmarks of the picture as points in [-1, 1] of the crop."""
    cosine, sine = squares[:, 3].cos()[:, None], squares[:, 3].sin()[:, None]
    across, down = (landmarks - squares[:, None, :2]).unbind(2)
    half = squares[:, 2:3] / 2
    column, row = (across * cosine + down * sine) / half, (down * cosine - across * sine) / half
    points = torch.stack((torch.where(mirrored[:, None], -column, column), row), 2)
    return torch.where(mirrored[:, None, None], points[:, torch.from_numpy(MIRROR).to(points.device)], points)


def spoil(pictures: Tensor, draw: torch.Generator, cover: float = 0.3, amount: float = 1.0) -> Tensor:
    """What cameras, light and hands do: colour, contrast, blur, noise, grey, something in front.

    ``amount`` 1 is for networks that must see through it; who judges colours wants less.
    """
    count, _, height, width = pictures.shape

    def random(*shape: int) -> Tensor:
        return torch.rand(count, *shape, generator=draw).to(pictures.device)

    light = pictures.add(1).div(2).clamp(1e-4, 1)
    cast = 1 + amount * (random(3, 1, 1) - 0.5) * 0.5
    light = light ** (amount * (random(1, 1, 1) * 1.4 - 0.7)).exp() * cast
    grey = light.mean(1, keepdim=True)
    faded = light.lerp(grey, amount * (random(1, 1, 1) - 0.4).clamp(-0.4, 0.5))
    light = torch.where(random(1, 1, 1) < 0.12 * amount**2, grey, faded)
    middle = light.mean((1, 2, 3), keepdim=True)
    contrast = 1 + amount * (0.8 * random(1, 1, 1) - 0.4)
    spoilt = (middle + (light - middle) * contrast).mul(2).sub(1)
    for factor in (2, 3):
        small = F.interpolate(F.avg_pool2d(spoilt, factor), size=(height, width), mode="bilinear", align_corners=False)
        spoilt = torch.where(random(1, 1, 1) < 0.15 * amount, small, spoilt)
    noise = torch.randn(pictures.shape, generator=draw).to(pictures.device)
    spoilt = spoilt + noise * (random(1, 1, 1) ** 3 * 0.3 * amount)
    if cover > 0:
        box = random(4)
        across = torch.arange(width, device=pictures.device) / width
        down = torch.arange(height, device=pictures.device) / height
        wide, high = 0.08 + 0.3 * box[:, 2:3], 0.08 + 0.3 * box[:, 3:4]
        inside = ((across - box[:, :1]).abs() < wide / 2)[:, None] & ((down - box[:, 1:2]).abs() < high / 2)[:, :, None]
        hidden = (inside & (random(1, 1) < cover))[:, None]
        spoilt = torch.where(hidden, random(3, 1, 1) * 2 - 1 + 0.1 * noise, spoilt)
    return spoilt.clamp(-1, 1)


def paint_ground(count: int, size: int, draw: torch.Generator) -> Tensor:
    """Grounds with nothing on them: blurred patches at several scales."""
    ground = torch.rand(count, 3, 1, 1, generator=draw) * 2 - 1
    for cells in (3, 7, 16, 40):
        patches = torch.randn(count, 3, cells, cells, generator=draw) * torch.rand(count, 1, 1, 1, generator=draw) ** 2
        mode = "bilinear" if cells % 2 else "nearest"
        aligned = {"align_corners": False} if mode == "bilinear" else {}
        ground = ground + 0.5 * F.interpolate(patches, size=(size, size), mode=mode, **aligned)
    return ground.clamp(-1, 1)
