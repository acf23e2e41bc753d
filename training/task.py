"""One network that learns from engine faces in the one loop: what is special to it is a Task, the rest stands here."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from core.image import Pixels
from training.face_data import KINDS, FaceData
from training.recipe import Phase
from training.spec import BadRequest, RunSpec

FACES = 16_384
"""How many different faces a cache holds where the request does not say."""
SOURCES = {"engine": "faces drawn by core/engine; none of these people exists"}


class Task(Protocol):
    """What one of the networks learns."""

    config: Any
    network: Any
    """An ``nn.Module``; it is what is published."""
    aids: dict[str, nn.Module]
    """Networks that learn along and are thrown away."""
    sources: dict[str, str]
    """What it learns from beside engine faces."""

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


def open_faces(request: RunSpec, kind: str | None = None) -> FaceData:
    """The faces of a request, of this kind or of that which its option ``faces`` says."""
    count = int(request.options.get("count", FACES))
    device = "cuda" if torch.cuda.is_available() and request.device != "cpu" else "cpu"
    kind = kind or str(request.options.get("faces", KINDS[0]))
    if kind not in KINDS:
        raise BadRequest(f"There are no faces of a kind {kind!r} to learn from; there are {', '.join(KINDS)}.")
    return FaceData(Path(request.data) if request.data else None, count, request.seed, device, kind)


class NoFaces:
    """For tasks that draw what they learn from themselves: only how many pictures a step has is told."""

    def learn(self, step: int, size: int) -> dict[str, Tensor]:
        """Nothing, so many times."""
        del step
        return {"pixels": torch.empty(size, 0)}

    def validate(self) -> dict[str, Tensor]:
        """Nothing."""
        return {"pixels": torch.empty(0, 0)}


class TaskRecipe:
    """A task in the one loop. Options: ``rate``, ``count`` of cached faces; ``data`` is the cache's folder."""

    round_size = 10_000

    def __init__(
        self,
        subject: str,
        request: RunSpec,
        task: Task,
        data: NoFaces | FaceData | None = None,
        matrices: tuple[str, ...] = (),
    ) -> None:
        """``matrices``: weights that take steps of Muon."""
        self.subject, self.task, self.seed = subject, task, request.seed
        self.name, self.config, self.protocol = task.name, task.config, task.protocol
        self.published: tuple[str, ...] = (task.name,)
        self.compiled: tuple[str, ...] = (task.name,)
        self.batch_size = task.batch_size
        self.modules: dict[str, nn.Module] = {task.name: task.network, **task.aids}
        self.averaged: dict[str, float] = dict.fromkeys(self.modules, 3_000.0)
        steps, rate = request.steps, float(request.options.get("rate", 2e-3))
        fall = {"weight_decay": 1e-4, "matrices": matrices, "clip": 2.0, "schedule": lambda step: cosine(step, steps)}
        learning = tuple(name for name, module in self.modules.items() if next(module.parameters(), None) is not None)
        self.phases: tuple[Phase, ...] = (Phase(task.name, learning, rate, **fall),)
        self.sources = {**SOURCES, **task.sources}
        self.data = data or open_faces(request)

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
