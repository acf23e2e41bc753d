"""What a subject brings to the one loop: its networks, its phases, its batches and its losses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from torch import Tensor, nn

if TYPE_CHECKING:
    from core.image import Pixels


def hold(step: int) -> float:
    """A learning rate that stays as it is."""
    assert step >= 0
    return 1.0


def decay_every(steps: int, factor: float = 0.1) -> Callable[[int], float]:
    """A learning rate multiplied by ``factor`` every ``steps``."""
    return lambda step: factor ** (step // steps)


def warm_up(steps: int) -> Callable[[int], float]:
    """A learning rate that rises linearly from nothing during ``steps``."""
    return lambda step: min(1.0, (step + 1) / steps)


@dataclass(frozen=True)
class Phase:
    """One turn of a step: which modules learn, how, and how often."""

    name: str
    modules: tuple[str, ...]
    """Keys of ``recipe.modules`` whose parameters this phase moves."""
    learning_rate: float = 1e-4
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    every: int = 1
    """The phase takes its turn at steps divisible by this (lazy regularisation)."""
    shares: str | None = None
    """Name of the phase whose optimiser this one uses instead of its own."""
    matrices: tuple[str, ...] = ()
    """Weights with one of these in their name, if they are matrices, take steps of Muon (muon.py) and not of AdamW."""
    clip: float | None = None
    """Largest norm of the gradient; None leaves it."""
    schedule: Callable[[int], float] = hold
    """Step -> factor on the learning rate."""
    begins: int = 0
    """First step at which it may take its turn."""
    ends: int | None = None
    """Step from which on it no longer does."""

    def takes_turn(self, step: int) -> bool:
        """Whether it does at this step."""
        return self.begins <= step and (self.ends is None or step < self.ends) and step % self.every == 0


class Recipe(Protocol):
    """A system learning. Batches and losses are functions of (seed, step), so resuming needs no loader state."""

    modules: dict[str, nn.Module]
    averaged: dict[str, float]
    """Module -> half-life of its running average, in pictures. Averages are what is shown, measured and published."""
    sources: dict[str, str]
    """What it learns from: source -> licence or description, for the card."""
    batch_size: int

    @property
    def subject(self) -> str:
        """Whose system it is."""
        ...

    @property
    def name(self) -> str:
        """What of the system learns; also the checkpoint's name."""
        ...

    @property
    def config(self) -> Any:
        """The frozen config of the networks; it goes into the card."""
        ...

    @property
    def published(self) -> tuple[str, ...]:
        """Modules that go into the checkpoint."""
        ...

    @property
    def compiled(self) -> tuple[str, ...]:
        """Modules that become CUDA graphs on a GPU; none whose gradient is differentiated again."""
        ...

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The turns of a step, in order."""
        ...

    @property
    def round_size(self) -> int:
        """Pictures in one round; the engine has no end, so this is a stated number."""
        ...

    @property
    def protocol(self) -> str:
        """What ``measure`` measures on, in words: two checkpoints are compared only under one protocol."""
        ...

    def batch(self, step: int, size: int, part: int) -> dict[str, Tensor]:
        """Pictures ``part * size`` to ``part * size + size`` of the batch of this step."""
        ...

    def losses(self, phase: Phase, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """Named terms whose sum this phase lowers."""
        ...

    def preview(self) -> Pixels:
        """A sheet that shows a person what has been learned so far."""
        ...

    def measure(self) -> dict[str, float]:
        """Scores on the validation band; ``validation`` decides, lower is better."""
        ...
