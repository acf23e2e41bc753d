"""How faces in pictures are learned, all on engine faces: ``finder``, ``landmarks`` and ``parser``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from core.face.config import FinderConfig, LandmarkConfig, ParserConfig
from core.image import Pixels
from training.face_data import FaceData
from training.face_tasks import FinderTask, LandmarkTask, ParserTask
from training.recipe import Phase
from training.spec import RunSpec

Config = TypeVar("Config", FinderConfig, LandmarkConfig, ParserConfig)
SOURCES = {"engine": "faces drawn by core/engine; none of these people exists"}
FACES = 16_384
"""How many different faces a cache holds where the request does not say."""


class Task(Protocol):
    """What one of the networks learns."""

    config: Any
    network: Any
    """An ``nn.Module``."""

    @property
    def name(self) -> str:
        """Name of the network and of its checkpoint."""
        ...

    @property
    def batch_size(self) -> int:
        """Pictures a step."""
        ...

    @property
    def protocol(self) -> str:
        """What is measured on."""
        ...

    def prepare(self, found: dict[str, Tensor], draw: torch.Generator, learning: bool) -> dict[str, Tensor]:
        """Engine faces as the network meets them, and what it is to say."""
        ...

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Terms of a batch."""
        ...

    def measure(self, whole: dict[str, Tensor]) -> dict[str, float]:
        """Scores on prepared validation pictures."""
        ...

    def preview(self, whole: dict[str, Tensor]) -> Pixels:
        """A sheet of prepared validation pictures."""
        ...


class FaceRecipe:
    """One of the tasks in the one loop."""

    subject = "face"
    round_size = 10_000

    def __init__(self, request: RunSpec, task: Task) -> None:
        self.task, self.seed = task, request.seed
        self.name, self.config, self.protocol = task.name, task.config, task.protocol
        self.published: tuple[str, ...] = (task.name,)
        self.compiled: tuple[str, ...] = (task.name,)
        self.batch_size = task.batch_size
        self.modules: dict[str, nn.Module] = {task.name: task.network}
        self.averaged: dict[str, float] = {task.name: 3_000.0}
        steps, rate = request.steps, float(request.options.get("rate", 2e-3))
        fall = {"weight_decay": 1e-4, "clip": 2.0, "schedule": lambda step: cosine(step, steps)}
        self.phases: tuple[Phase, ...] = (Phase(task.name, (task.name,), rate, **fall),)
        self.sources = dict(SOURCES)
        count = int(request.options.get("count", FACES))
        device = "cuda" if torch.cuda.is_available() and request.device != "cpu" else "cpu"
        self.data = FaceData(Path(request.data) if request.data else None, count, request.seed, device)

    def batch(self, step: int, size: int, part: int) -> dict[str, Tensor]:
        """A part of the step's pictures; random numbers are those of the whole batch, whatever its parts."""
        draw = torch.Generator().manual_seed(hash((self.seed, step, 23)) & 0x7FFFFFFF)
        whole = self.task.prepare(self.data.learn(step, self.batch_size), draw, learning=True)
        return {key: value[part * size : part * size + size] for key, value in whole.items()}

    def losses(self, phase: Phase, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """Terms of a batch."""
        del phase, step
        return self.task.losses(batch)

    def measure(self) -> dict[str, float]:
        """Scores on the validation band."""
        return self.task.measure(self._validation())

    def preview(self) -> Pixels:
        """A sheet of the validation band."""
        return self.task.preview(self._validation())

    def _validation(self) -> dict[str, Tensor]:
        return self.task.prepare(self.data.validate(), torch.Generator().manual_seed(0), learning=False)


def cosine(step: int, steps: int) -> float:
    """Up during the first steps, then down to a hundredth along a cosine (Loshchilov 2017)."""
    rise = min(1.0, (step + 1) / 200)
    return rise * (0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * min(step / max(steps, 1), 1.0))))


def _config(request: RunSpec, kind: type[Config]) -> Config:
    """The shape of the weights that a run starts with, else the preset's."""
    if "config" in request.options:
        return kind(**request.options["config"])
    return kind.tiny() if request.preset == "tiny" else kind()


def make_finder_recipe(request: RunSpec) -> FaceRecipe:
    """Where faces are in a whole picture."""
    torch.manual_seed(request.seed)
    return FaceRecipe(request, FinderTask(_config(request, FinderConfig)))


def make_landmark_recipe(request: RunSpec) -> FaceRecipe:
    """Points of a face within its crop."""
    torch.manual_seed(request.seed)
    return FaceRecipe(request, LandmarkTask(_config(request, LandmarkConfig)))


def make_parser_recipe(request: RunSpec) -> FaceRecipe:
    """Which part of a face each pixel is."""
    torch.manual_seed(request.seed)
    return FaceRecipe(request, ParserTask(_config(request, ParserConfig)))
