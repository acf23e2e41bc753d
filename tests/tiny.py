"""A sixth, tiny system of the tests' own: an autoencoder on drawn shapes. It proves the whole way; not shipped."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core import checkpoints
from core.image import Pixels, contact_sheet, to_pixels
from training.recipe import Phase, Recipe
from training.spec import RunSpec

SIDE = 16
VALIDATION_SEED = 900_000_000


@dataclass(frozen=True)
class Config:
    """Width of the code between the two halves."""

    code: int = 12


class Autoencoder(nn.Module):
    """A picture through a narrow place."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        size = 3 * SIDE * SIDE
        self.inward = nn.Sequential(nn.Linear(size, 64), nn.ReLU(), nn.Linear(64, config.code))
        self.outward = nn.Sequential(nn.Linear(config.code, 64), nn.ReLU(), nn.Linear(64, size), nn.Tanh())

    def forward(self, pictures: Tensor) -> Tensor:
        return self.outward(self.inward(pictures.flatten(1))).view_as(pictures)


def draw_shapes(first: int, count: int) -> Tensor:
    """Coloured discs and squares, each a function of its number."""
    mixed = (torch.arange(first, first + count)[:, None] * 7 + torch.arange(7)) % 2**31
    for factor in (1_103_515_245, 747_796_405, 1_664_525):
        mixed = ((mixed ^ (mixed >> 15)) * factor + 12_345) % 2**31
    share = (mixed.float() / 2**31)[:, :, None, None]
    grid = torch.arange(SIDE, dtype=torch.float32)
    across = (grid[None, None, :] - 4 - 8 * share[:, 0]).expand(count, SIDE, SIDE)
    down = (grid[None, :, None] - 4 - 8 * share[:, 1]).expand(count, SIDE, SIDE)
    far = torch.where(share[:, 3] < 0.5, torch.maximum(across.abs(), down.abs()), (across**2 + down**2).sqrt())
    inside = (far < 2 + 3 * share[:, 2]).float()[:, None]
    return inside * share[:, 4:7] * 2 - 1


class Shapes:
    """The recipe: squared error of the picture that comes back."""

    subject, name = "tiny", "shapes"
    published: tuple[str, ...] = ("net",)
    compiled: tuple[str, ...] = ("net",)
    round_size = 1000
    protocol = "64 drawn shapes of the validation band"

    def __init__(self, request: RunSpec) -> None:
        torch.manual_seed(request.seed)
        self.config = Config(**request.options.get("config", {}))
        self.modules: dict[str, nn.Module] = {"net": Autoencoder(self.config)}
        self.averaged: dict[str, float] = {"net": 200.0}
        rate = float(request.options.get("rate", 3e-3))
        self.phases: tuple[Phase, ...] = (
            Phase("net", ("net",), rate, weight_decay=1e-2, matrices=tuple(request.options.get("matrices", ()))),
            Phase("decay", ("net",), 1e-4, every=4, shares="net"),
        )
        self.batch_size = 32
        self.sources = {"drawn shapes": "made by the tests"}
        self._seed = request.seed
        self._nan_at = request.options.get("nan_at")

    def batch(self, step: int, size: int, part: int) -> dict[str, Tensor]:
        first = self._seed * 1_000_000 + step * self.batch_size + part * size
        return {"pictures": draw_shapes(first, size)}

    def losses(self, phase: Phase, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        net = self.modules["net"]
        if phase.name == "decay":
            weight = next(net.parameters())
            return {"weight": 1e-4 * weight.square().mean()}
        noisy = batch["pictures"] + 0.05 * torch.randn_like(batch["pictures"])
        error = F.mse_loss(net(noisy), batch["pictures"])
        return {"pixels": error * float("nan") if step == self._nan_at else error}

    def preview(self) -> Pixels:
        true = draw_shapes(VALIDATION_SEED, 8)
        both = to_pixels(torch.cat((true, self.modules["net"](true))))
        return contact_sheet([p.repeat(4, 0).repeat(4, 1) for p in both], 8)

    def measure(self) -> dict[str, float]:
        true = draw_shapes(VALIDATION_SEED, 64)
        return {"validation": float(F.mse_loss(self.modules["net"](true), true))}


class TinyPredictor:
    """What a room's predictor is: pixels in, pixels out, no state of a visitor."""

    system = "tiny"

    def __init__(self, found: checkpoints.Found) -> None:
        self.version = found.card.version
        self._net = Autoencoder(Config(**found.card.config))
        checkpoints.fill(self._net, checkpoints.load(found)["net"], "tiny shapes")

    @torch.no_grad()
    def draw(self, seed: int) -> Pixels:
        return to_pixels(self._net(draw_shapes(seed, 1)))[0]

    @torch.no_grad()
    def error(self) -> float:
        true = draw_shapes(VALIDATION_SEED, 64)
        return float(F.mse_loss(self._net(true), true))


def make_shapes(request: RunSpec) -> Recipe:
    """The factory that the trainers' table wants."""
    return Shapes(request)


def main() -> int:
    """The trainers' command line with the tiny system added."""
    from training.__main__ import main as train
    from training.recipes import RECIPES

    RECIPES["tiny"] = {"shapes": make_shapes}
    return train()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    sys.exit(main())
