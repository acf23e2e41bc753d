"""Where the editor's texts move codes: before the mapping network or behind it.

Before it the engine says which way a code goes when an attribute changes (textedit_ways.py). Behind it nobody says what a
number means; but the mapping says where that code lies behind, and there the fused code is to come.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core import checkpoints
from core.textedit.config import FUSED, Config
from training.spec import BadRequest, RunSpec

SHORTEST = 0.002
"""Ways shorter than this share of the codes' own variance count as this long: nobody must go them exactly."""


def choose_fuse(request: RunSpec, config: Config) -> Config:
    """The config with the place that option ``fuse`` asks for; weights that learned at one place do not go on at the other."""
    wanted = str(request.options.get("fuse", config.fuse))
    if wanted not in FUSED:
        raise BadRequest(f"Option fuse is {' or '.join(FUSED)}, not {wanted!r}.")
    start = Path(request.start_from or "")
    if wanted != config.fuse and (start / "card.json").is_file() and checkpoints.read_card(start).name == "editor":
        raise BadRequest(
            f"The editor in {request.start_from} moves codes {config.fuse} the mapping network and cannot go on {wanted} it; "
            "start from a captioner's checkpoint."
        )
    return replace(config, fuse=wanted)


@dataclass(frozen=True)
class Entrance:
    """What is moved, where it is to come, and how it is drawn."""

    behind: bool
    spread: float = 1.0
    """Mean variance of what is moved."""

    @classmethod
    @torch.no_grad()
    def open(cls, generator: Any, fuse: str) -> Entrance:
        """The place of a config with this generator."""
        if fuse == "before":
            return cls(False)
        draws = torch.randn(1024, generator.config.code_width, generator=torch.Generator().manual_seed(3))
        return cls(True, float(generator.mapping(draws).var(0).mean()))

    def enter(self, generator: Any, codes: Tensor) -> Tensor:
        """What the fusion moves of codes z."""
        return generator.mapping(codes).float() if self.behind else codes

    def draw(self, generator: Any, entered: Tensor, noise: str = "fixed") -> Tensor:
        """Pictures by a frozen generator."""
        w = entered if self.behind else generator.mapping(entered)
        return generator.synthesis(generator.spread(w), noise)

    def off(self, moved: Tensor, entered: Tensor, goal: Tensor) -> Tensor:
        """How far (N) moved codes are from where they should be, as a share of the way: 1 where nothing moved."""
        way = (goal - entered).square().sum(1) + SHORTEST * self.spread * entered.shape[1]
        return (moved - goal).square().sum(1) / way

    def gone(self, moved: Tensor, entered: Tensor, goal: Tensor) -> tuple[Tensor, Tensor]:
        """Share (N) of the way that was gone, and how far (N) beside it, in deviations of a code's number."""
        way, step = goal - entered, moved - entered
        share = (way * step).sum(1) / way.square().sum(1).clamp_min(1e-12)
        beside = (step - share[:, None] * way).square().mean(1).sqrt() / self.spread**0.5
        return share, beside
