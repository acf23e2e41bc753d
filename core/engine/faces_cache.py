"""Drawn faces kept on disk at a smaller size, so that training on a CPU need not draw them again.

A cache is a folder of shards; each is written whole or not at all, so filling one goes on where it was broken off. What it
was drawn with stands in ``cache.json``: another size, first seed or engine version is another cache.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from core.engine.attributes import INDEX
from core.engine.changes import vary_people
from core.engine.faces import Choices, check_size, faces
from core.engine.head import load_head
from core.engine.moments import draw_alone
from core.engine.people import draw_people

SHARD_FACES = 256
QUICK_SUPERSAMPLE = 1.0
KEPT = ("controllers", "identity", "pose", "camera", "calibration", "landmarks", "attributes")
"""Labels that are kept beside pixels (uint8), segmentation (uint8) and depth (16 bit)."""

STYLE = (
    "brow_thickness", "hair_length", "hair_curl", "fringe", "hair_lightness", "hair_redness", "beard", "moustache",
    "glasses", "hat", "make_up",
)  # fmt: skip
"""Grades that change from one day to another."""


class CacheMismatch(ValueError):
    """A folder holds faces of other settings; the message says which."""


@dataclass(frozen=True)
class CacheConfig:
    """Which faces a cache holds."""

    first_seed: int
    count: int
    size: int = 96
    engine: str = ""
    """A digest of the engine's sources; filled in when empty."""
    pictures_each: int = 1
    """How many neighbouring seeds show one person, each in a moment and a shot of its own, and all but the first with
    another's hair, beard, glasses, hat and make-up: who somebody is does not lie in these."""
    varied: bool = False
    """Whether attributes are drawn anew (changes.py); the pictures of one person then differ in nothing else."""
    alone: bool = False
    """Whether each face moves one controller only, whatever its moment."""
    quick: bool = False
    """Whether hair has few strands and edges are not smoothed: twice the faces in the same time, for what does not look
    at hair."""
    close: bool = False
    """Whether faces fill their pictures."""
    maps: bool = True
    """Whether segmentation and depth are kept: half of a cache, which not everybody reads."""

    def __post_init__(self) -> None:
        check_size(self.size)
        assert self.pictures_each >= 1
        if self.count < 1 or self.first_seed < 0:
            raise ValueError(
                f"A cache wants at least one face from seed 0 on, not {self.count} from {self.first_seed}."
            )


def engine_digest(stem: str = "faces") -> str:
    """Changes whenever a source that the engine's module of this name stands on, or the head model, does."""
    folder = Path(__file__).parent
    hashed = hashlib.sha256()
    for path in sorted([*_sources(folder, stem, set()), *folder.parents[1].glob("assets/engine/*.npz")]):
        hashed.update(path.name.encode() + path.read_bytes())
    return hashed.hexdigest()[:12]


def _sources(folder: Path, name: str, seen: set[Path]) -> set[Path]:
    """The engine's files that a module of it imports, directly or not."""
    path = folder / f"{name}.py"
    if path in seen or not path.exists():
        return seen
    seen.add(path)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("core.engine"):
            below = (node.module or "").split(".")[2:]
            for wanted in below or [alias.name for alias in node.names]:
                _sources(folder, wanted, seen)
    return seen


def fill_cache(
    folder: Path, config: CacheConfig, device: str = "cpu", report: Callable[[int, int], None] | None = None
) -> FacesCache:
    """Draws what is missing; ``report`` is told faces done and of how many."""
    wanted = replace(config, engine=config.engine or engine_digest("changes" if config.varied else "faces"))
    folder.mkdir(parents=True, exist_ok=True)
    _claim(folder, wanted)
    for start in range(0, wanted.count, SHARD_FACES):
        path = _shard(folder, start)
        end = min(start + SHARD_FACES, wanted.count)
        if not path.exists():
            seeds = range(wanted.first_seed + start, wanted.first_seed + end)
            batch = faces(seeds, device, wanted.size, choose(list(seeds), wanted))
            kept = {name: getattr(batch, name).float().cpu().contiguous() for name in KEPT}
            kept["pixels"] = batch.pixels.add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8).cpu().contiguous()
            if wanted.maps:
                kept["segmentation"] = batch.segmentation.cpu().contiguous()
                kept["depth"] = batch.depth.half().cpu().contiguous()
            partial = path.with_suffix(".partial")
            save_file(kept, partial)
            partial.replace(path)
        if report is not None:
            report(end, wanted.count)
    return FacesCache(folder)


def choose(seeds: list[int], config: CacheConfig) -> Choices | None:
    """What of the faces of a cache is not left to their own seeds."""
    chosen = (vary_people if config.varied else choose_people)(seeds, config.pictures_each)
    if config.quick:
        chosen = replace(chosen or Choices(), supersample=QUICK_SUPERSAMPLE, fine_hair=False)
    if config.close:
        chosen = replace(chosen or Choices(), close=True)
    if config.alone:
        chosen = replace(chosen or Choices(), controllers=draw_alone(torch.tensor(seeds)))
    return chosen


def choose_people(seeds: list[int], pictures_each: int) -> Choices | None:
    """Who is to be seen, and in whose style."""
    if pictures_each == 1:
        return None
    who = [seed // pictures_each * pictures_each for seed in seeds]
    own = draw_people(load_head(torch.device("cpu")), torch.tensor(seeds)).grades
    shown = draw_people(load_head(torch.device("cpu")), torch.tensor(who)).grades
    style = torch.where((torch.tensor(seeds) == torch.tensor(who))[:, None], shown, own)
    return Choices(person_seeds=who, grades={key: style[:, INDEX[key]] for key in STYLE})


def _claim(folder: Path, config: CacheConfig) -> None:
    """Writes what the folder is for, or checks that it is for the same."""
    path = folder / "cache.json"
    if path.exists():
        there = CacheConfig(**json.loads(path.read_text()))
        if replace(there, count=config.count) != config:
            raise CacheMismatch(
                f"{folder} holds faces of {there}, asked for {config}; give another folder or delete it."
            )
        if there.count >= config.count:
            return
        for start in range(there.count // SHARD_FACES * SHARD_FACES, there.count, SHARD_FACES):
            if there.count % SHARD_FACES:
                _shard(folder, start).unlink(missing_ok=True)  # its last shard was short
    partial = folder / ".cache.json.partial"
    partial.write_text(json.dumps(asdict(config)))
    partial.replace(path)


def _shard(folder: Path, start: int) -> Path:
    return folder / f"faces-{start:09d}.safetensors"


class FacesCache:
    """A filled cache; ``read(indices)`` gives float pictures in [-1, 1] and labels. Shards stay mapped, not loaded."""

    def __init__(self, folder: Path) -> None:
        path = folder / "cache.json"
        if not path.exists():
            raise FileNotFoundError(f"{folder} holds no cache of faces (no cache.json).")
        self.folder, self.config = folder, CacheConfig(**json.loads(path.read_text()))
        self._open: dict[int, dict[str, Tensor]] = {}

    def __len__(self) -> int:
        return self.config.count

    def _shard_of(self, start: int) -> dict[str, Tensor]:
        if start not in self._open:
            self._open[start] = load_file(_shard(self.folder, start))
        return self._open[start]

    def read(self, indices: Tensor, names: Sequence[str] | None = None) -> dict[str, Tensor]:
        """Faces by place (N) in the cache, with all that is kept of them or what is named."""
        rows: list[dict[str, Tensor]] = []
        for index in indices.tolist():
            if not 0 <= index < len(self):
                raise IndexError(f"The cache holds faces 0 to {len(self) - 1}, not {index}.")
            start = index // SHARD_FACES * SHARD_FACES
            shard = self._shard_of(start)
            rows.append({name: shard[name][index - start] for name in names or shard})
        joined = {name: torch.stack([row[name] for row in rows]) for name in rows[0]}
        if "pixels" in joined:
            joined["pixels"] = joined["pixels"].float().div_(127.5).sub_(1.0)
        if "depth" in joined:
            joined["depth"] = joined["depth"].float()
        return joined
