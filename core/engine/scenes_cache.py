"""Drawn clips kept on disk at a smaller size, so that training on a CPU need not draw them again.

A cache is a folder of shards; each is written whole or not at all, so filling one goes on where it was broken off. A clip
is a run of frames a fixed time apart, from a place in the whole clip that its seed decides.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from core.engine.dice import Dice
from core.engine.faces_cache import CacheMismatch, engine_digest
from core.engine.scenes import Clip, SceneChoices, frame_count, scene

SHARD_CLIPS = 32


@dataclass(frozen=True)
class SceneCacheConfig:
    """Which clips a cache holds."""

    first_seed: int
    count: int
    height: int = 128
    width: int = 160
    frames_each: int = 8
    frames_per_second: int = 8
    """How far apart neighbours are, whatever the rate of the seed's own camera."""
    supersample: int = 1
    engine: str = ""
    """A digest of the engine's sources; filled in when empty."""

    def __post_init__(self) -> None:
        if self.count < 1 or self.first_seed < 0:
            raise ValueError(
                f"A cache wants at least one clip from seed 0 on, not {self.count} from {self.first_seed}."
            )
        if self.frames_each < 2:
            raise ValueError(f"A clip of a cache wants at least 2 frames, not {self.frames_each}.")


def fill_scenes(
    folder: Path, config: SceneCacheConfig, report: Callable[[int, int], None] | None = None
) -> ScenesCache:
    """Draws what is missing; ``report`` is told clips done and of how many."""
    wanted = replace(config, engine=config.engine or engine_digest("scenes"))
    folder.mkdir(parents=True, exist_ok=True)
    _claim(folder, wanted)
    for start in range(0, wanted.count, SHARD_CLIPS):
        end = min(start + SHARD_CLIPS, wanted.count)
        path = _shard(folder, start)
        if not path.exists():
            drawn = [draw_part(seed, wanted) for seed in range(wanted.first_seed + start, wanted.first_seed + end)]
            partial = path.with_suffix(".partial")
            save_file(_pack(drawn), partial)
            partial.replace(path)
        if report is not None:
            report(end, wanted.count)
    return ScenesCache(folder)


def draw_part(seed: int, config: SceneCacheConfig) -> Clip:
    """The run of frames that a cache keeps of a seed."""
    fixed = SceneChoices(frames_per_second=config.frames_per_second, supersample=config.supersample)
    count = max(frame_count(seed, fixed), config.frames_each)
    first = int(Dice(seed).share("part") * (count - config.frames_each + 1))
    chosen = replace(fixed, frame_count=count, frames=(first, first + config.frames_each))
    return scene(seed, (config.height, config.width), chosen)


def _pack(clips: Sequence[Clip]) -> dict[str, Tensor]:
    def stack(name: str) -> Tensor:
        return torch.stack([getattr(clip, name) for clip in clips])

    return {
        "frames": stack("frames").add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8).contiguous(),
        "depth": stack("depth").half().contiguous(),
        "poses": stack("poses").float().contiguous(),
        "calibration": stack("calibration").float().contiguous(),
        "moving": stack("moving").contiguous(),
    }


def _claim(folder: Path, config: SceneCacheConfig) -> None:
    """Writes what the folder is for, or checks that it is for the same."""
    path = folder / "scenes.json"
    if path.exists():
        there = SceneCacheConfig(**json.loads(path.read_text()))
        if replace(there, count=config.count) != config:
            raise CacheMismatch(
                f"{folder} holds clips of {there}, asked for {config}; give another folder or delete it."
            )
        if there.count >= config.count:
            return
        if there.count % SHARD_CLIPS:
            _shard(folder, there.count // SHARD_CLIPS * SHARD_CLIPS).unlink(missing_ok=True)  # it was short
    partial = folder / ".scenes.json.partial"
    partial.write_text(json.dumps(asdict(config)))
    partial.replace(path)


def _shard(folder: Path, start: int) -> Path:
    return folder / f"scenes-{start:09d}.safetensors"


class ScenesCache:
    """A filled cache. Shards stay mapped, not loaded."""

    def __init__(self, folder: Path) -> None:
        path = folder / "scenes.json"
        if not path.exists():
            raise FileNotFoundError(f"{folder} holds no cache of clips (no scenes.json).")
        self.folder, self.config = folder, SceneCacheConfig(**json.loads(path.read_text()))
        self._open: dict[int, dict[str, Tensor]] = {}

    def __len__(self) -> int:
        return self.config.count

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        return (self.clip(index) for index in range(len(self)))

    def present(self) -> Tensor:
        """Places of the clips that are drawn already; all of them once the cache is full."""
        starts = range(0, len(self), SHARD_CLIPS)
        places = [range(at, min(at + SHARD_CLIPS, len(self))) for at in starts if _shard(self.folder, at).exists()]
        return torch.tensor([place for run in places for place in run], dtype=torch.int64)

    def clip(self, index: int, frames: slice | None = None) -> dict[str, Tensor]:
        """A clip by place: frames (T, 3, H, W) in [-1, 1], depth in metres (0 where there is none), poses, calibration and
        what moves by itself."""
        if not 0 <= index < len(self):
            raise IndexError(f"The cache holds clips 0 to {len(self) - 1}, not {index}.")
        start = index // SHARD_CLIPS * SHARD_CLIPS
        if start not in self._open:
            self._open[start] = load_file(_shard(self.folder, start))
        found = {name: value[index - start] for name, value in self._open[start].items()}
        if frames is not None:
            found = {name: value if name == "calibration" else value[frames] for name, value in found.items()}
        return found | {"frames": found["frames"].float().div(127.5).sub(1.0), "depth": found["depth"].float()}
