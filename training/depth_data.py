"""What the depth room learns from: drawn clips kept on disk, a frame and its neighbours at a time, seen through many lenses."""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from core.camera import invert_pose
from core.engine.scenes_cache import SceneCacheConfig, ScenesCache, fill_scenes

TRAIN_SEED, VALIDATION_SEED = 0, 900_000_000
COUNT, VALIDATED = 2_048, 96
Rows = dict[str, Tensor]


class Asked(NamedTuple):
    """Which frames make a sample."""

    neighbours: int
    """1: before or after, as it comes; 2: both."""
    farthest: int = 2
    """A neighbour is at most this many frames away."""


@dataclass(frozen=True)
class Spread:
    """How far a sample strays from the frame as it was drawn."""

    zoom: float = 1.6
    """Most that a crop enlarges; the lens gets longer by as much."""
    zoomed: float = 0.6
    """Share of the samples that are crops."""
    colour: float = 1.0
    noise: float = 0.05


class SceneData:
    """Clips of the training band and of the validation band, each in a folder of its own within the one given.

    A folder that still misses clips is used as far as it goes when a run begins; an empty one is filled first.
    """

    def __init__(self, folder: Path | None, count: int, seed: int, size: tuple[int, int]) -> None:
        self._kept = None if folder is not None else tempfile.TemporaryDirectory(prefix="likeness-scenes-")
        self._folder = folder if self._kept is None else Path(self._kept.name)
        assert self._folder is not None
        self._seed, self._size = seed, size
        self.train = self._open("train", TRAIN_SEED, count)
        there = self.train.present()
        self.clips = there[there < count]
        self._validation: dict[int, Rows] = {}

    def learn(self, step: int, size: int, asked: Asked) -> Rows:
        """A step's whole batch, as it was drawn."""
        draw = torch.Generator().manual_seed(hash((self._seed, step, 61)) & 0x7FFFFFFF)
        length = self.train.config.frames_each
        rows = []
        for _ in range(size):
            clip = int(self.clips[int(torch.randint(len(self.clips), (), generator=draw))])
            apart = 1 + int(torch.randint(min(asked.farthest, (length - 1) // asked.neighbours), (), generator=draw))
            room = length - apart * asked.neighbours
            first = int(torch.randint(room, (), generator=draw))
            row = self.train.clip(clip, slice(first, first + apart * asked.neighbours + 1, apart))
            backwards = bool(torch.rand((), generator=draw) < 0.5)
            rows.append(sample_of(row, asked.neighbours, backwards))
        return {key: torch.stack([row[key] for row in rows]) for key in rows[0]}

    def validate(self, neighbours: int, count: int) -> Rows:
        """Samples of the validation band, always the same: the middle of each clip."""
        if neighbours not in self._validation:
            cache = self._open("validation", VALIDATION_SEED, count)
            middle = cache.config.frames_each // 2
            places = slice(middle - 1, middle + 2) if neighbours == 2 else slice(middle, middle + 2)
            rows = [sample_of(cache.clip(at, places), neighbours, False) for at in range(count)]
            self._validation[neighbours] = {key: torch.stack([row[key] for row in rows]) for key in rows[0]}
        return self._validation[neighbours]

    def _open(self, name: str, first: int, count: int) -> ScenesCache:
        assert self._folder is not None
        folder = self._folder / name
        if (folder / "scenes.json").is_file():
            cache = ScenesCache(folder)
            if len(cache) >= count and len(cache.present()) and (cache.config.height, cache.config.width) == self._size:
                return cache
        height, width = self._size
        return fill_scenes(folder, SceneCacheConfig(first, count, height, width))


def sample_of(clip: Rows, neighbours: int, backwards: bool) -> Rows:
    """A frame (the middle of three, or the first of two) with its neighbours and how they stand to it."""
    if backwards:
        clip = {key: value if key == "calibration" else value.flip(0) for key, value in clip.items()}
    order = (1, 0, 2) if neighbours == 2 else (0, 1)
    frames, poses = clip["frames"][list(order)], clip["poses"][list(order)]
    return {
        "frames": frames,
        "depth": clip["depth"][order[0]],
        "moving": clip["moving"][order[0]],
        "poses": invert_pose(poses[:1]) @ poses[1:],
        "calibration": clip["calibration"],
    }


def halve(rows: Rows, times: int) -> Rows:
    """Samples at a half, a quarter ... of their size."""
    if times == 0:
        return rows
    by, frames = 2**times, rows["frames"]
    lens = rows["calibration"].clone()
    lens[:, :2] /= by
    middle = slice(by // 2, None, by)  # distances are never averaged: between near and far lies nothing
    return {
        **rows,
        "frames": F.avg_pool2d(frames.flatten(0, 1), by).unflatten(0, frames.shape[:2]),
        "depth": rows["depth"][:, middle, middle],
        "moving": rows["moving"][:, middle, middle],
        "calibration": lens,
    }


def stray(rows: Rows, spread: Spread, draw: torch.Generator) -> Rows:
    """Samples mirrored, cropped and recoloured; ``seen`` is what the networks meet, ``frames`` what is rebuilt."""
    moved = _mirror(_crop(rows, spread, draw), draw)
    return {**moved, "seen": recolour(moved["frames"], spread, draw)}


def _crop(rows: Rows, spread: Spread, draw: torch.Generator) -> Rows:
    """Windows of the frames brought to the whole size, which is a longer lens that looks past its middle."""
    frames = rows["frames"]
    count, views, channels, height, width = frames.shape
    zoom = torch.exp(torch.rand(count, generator=draw) * math.log(max(spread.zoom, 1.0)))
    zoom = torch.where(torch.rand(count, generator=draw) < spread.zoomed, zoom, torch.ones(count))
    share = 1 / zoom
    shift = (torch.rand(count, 2, generator=draw) * 2 - 1) * (1 - share)[:, None]  # of the window's middle, in halves
    theta = torch.zeros(count, 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = share
    theta[:, :, 2] = shift
    grid = F.affine_grid(theta, [count, 1, height, width], align_corners=False)
    flat = frames.view(count, views * channels, height, width)
    cut = F.grid_sample(flat, grid, mode="bilinear", padding_mode="border", align_corners=False)
    maps = torch.stack((rows["depth"], rows["moving"].float()), 1)
    labels = F.grid_sample(maps, grid, mode="nearest", padding_mode="border", align_corners=False)
    lens = rows["calibration"].clone()
    size = torch.tensor([width, height], dtype=torch.float32)
    low = (shift + 1 - share[:, None]) / 2 * size  # the window's corner
    lens[:, :2, 2] = (lens[:, :2, 2] - low) * zoom[:, None]
    lens[:, 0, 0] *= zoom
    lens[:, 1, 1] *= zoom
    return {
        **rows,
        "frames": cut.view_as(frames),
        "depth": labels[:, 0],
        "moving": labels[:, 1] > 0.5,
        "calibration": lens,
    }


def _mirror(rows: Rows, draw: torch.Generator) -> Rows:
    """Half of the samples left for right, the camera's way too."""
    chosen = torch.rand(len(rows["frames"]), generator=draw) < 0.5
    wide = rows["frames"].shape[-1]
    turned = dict(rows)
    for key in ("frames", "depth", "moving"):
        picked = chosen.view(-1, *([1] * (rows[key].ndim - 1)))
        turned[key] = torch.where(picked, rows[key].flip(-1), rows[key])
    lens = rows["calibration"].clone()
    lens[:, 0, 2] = torch.where(chosen, wide - lens[:, 0, 2], lens[:, 0, 2])
    sign = torch.diag(torch.tensor([-1.0, 1.0, 1.0, 1.0]))
    turned["poses"] = torch.where(chosen[:, None, None, None], sign @ rows["poses"] @ sign, rows["poses"])
    return {**turned, "calibration": lens}


def recolour(frames: Tensor, spread: Spread, draw: torch.Generator) -> Tensor:
    """What cameras do to colour, alike in all frames of a sample, and grain, different in each."""
    count = len(frames)

    def random(*shape: int) -> Tensor:
        return torch.rand(count, *shape, generator=draw) * 2 - 1

    amount = spread.colour
    light = frames.add(1).div(2).clamp(1e-4, 1)
    light = light ** (0.35 * amount * random(1, 1, 1, 1)).exp()
    light = light * (1 + amount * (0.25 * random(1, 1, 1, 1) + 0.1 * random(1, 3, 1, 1)))
    grey = light.mean(2, keepdim=True)
    light = grey + (light - grey) * (1 + amount * 0.4 * random(1, 1, 1, 1))
    grain = torch.randn(frames.shape, generator=draw) * (random(1, 1, 1, 1).abs() ** 2 * spread.noise)
    return (light.mul(2).sub(1) + grain).clamp(-1, 1)
