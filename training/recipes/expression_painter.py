"""The expression room's painter: characters drawn from controllers, as quickly as a live picture wants."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from core.engine import random
from core.engine.controllers import NAMES
from core.engine.moments import draw_alone, draw_moments
from core.expression.config import PainterConfig
from core.expression.losses import restless, squared_difference, weighted_difference
from core.expression.networks import Painter
from core.image import contact_sheet, to_pixels
from training.ahead import Ahead
from training.expression_data import VALIDATION_SEED, draw_virtual
from training.expression_networks import run_all
from training.recipe import Phase
from training.recipes.expression import SHOWN, SOURCES, read_config
from training.task import cosine

if TYPE_CHECKING:
    from core.image import Pixels
    from training.spec import RunSpec

COUNT, VALIDATED, SHARD = 6_144, 96, 256


def draw_numbers(seeds: Tensor) -> Tensor:
    """Controllers (N, 130) as they are met in use: an expression, one controller alone, or what a reader that is not sure
    makes of an expression, which is less of it and a little of everything."""
    moved = torch.where((seeds % 5 == 4)[:, None], draw_alone(seeds), draw_moments(seeds).controllers)
    unsure = (seeds % 2 == 1)[:, None]
    each = random.uniform(seeds[:, None], torch.arange(len(NAMES)), random.stream("unsure"))
    share = 0.3 + 0.7 * random.uniform(seeds, torch.zeros_like(seeds), random.stream("unsure share"))[:, None]
    return torch.where(unsure, moved * share + 0.12 * each**4, moved).clamp(0, 1)


class PainterRecipe:
    """Absolute and squared difference from the engine's picture, weighed by where a character moves. Options ``rate``,
    ``batch``, ``count``: pictures of each character."""

    subject, name, round_size = "expression", "painter", 10_000
    compiled = ()
    protocol = "96 expressions of the validation band: mean absolute difference of the character's picture, of 255"

    def __init__(self, request: RunSpec) -> None:
        torch.manual_seed(request.seed)
        self.config: PainterConfig = read_config(request, PainterConfig)
        self.modules: dict[str, nn.Module] = {name: Painter(self.config) for name in self.config.characters}
        self.published = self.config.characters
        self.averaged = dict.fromkeys(self.modules, 4_000.0)
        self.batch_size = int(request.options.get("batch", 32))
        self._seed, self._count = request.seed, int(request.options.get("count", COUNT))
        self._folder = Path(request.data) / "painter" if request.data else None
        steps, rate = request.steps, float(request.options.get("rate", 2e-3))
        self.phases = (
            Phase("draw", self.published, rate, (0.9, 0.99), clip=5.0, schedule=lambda step: cosine(step, steps)),
        )
        self.sources = dict(SOURCES)
        self._held: dict[str, Tensor] = {}
        self._weights = self._look_at_characters()
        self._ahead = Ahead(self._take)

    def _look_at_characters(self) -> dict[str, Tensor]:
        """Where each character moves; pictures begin with the character at rest."""
        weights = {}
        for name in self.config.characters:
            seen = draw_virtual(name, draw_numbers(torch.arange(16)), self.config.size)
            weights[name] = restless(seen)
            painter = self.modules[name]
            assert isinstance(painter, Painter)
            painter.draw.begin_with(draw_virtual(name, torch.zeros(1, len(NAMES)), self.config.size))
        return weights

    def _take(self, step: int) -> tuple[Tensor, Tensor]:
        draw = torch.Generator().manual_seed(hash((self._seed, step, 53)) & 0x7FFFFFFF)
        seeds = torch.randint(self._count, (self.batch_size,), generator=draw)
        return draw_numbers(seeds), self._pictures(self._name(step), seeds)

    def _name(self, step: int) -> str:
        return self.config.characters[step % len(self.config.characters)]

    def _pictures(self, name: str, seeds: Tensor) -> Tensor:
        """Pictures of a character at these seeds; with a folder drawn once and kept there."""
        if self._folder is None:
            return draw_virtual(name, draw_numbers(seeds), self.config.size)
        rows = [self._shard(self._folder, name, int(seed) // SHARD)[int(seed) % SHARD] for seed in seeds]
        return torch.stack(rows).float().div_(127.5).sub_(1)

    def _shard(self, folder: Path, name: str, number: int) -> Tensor:
        path = folder / f"{name}-{self.config.size}-{number:05d}.safetensors"
        if path.name not in self._held:
            if not path.exists():
                drawn = draw_virtual(name, draw_numbers(torch.arange(SHARD) + number * SHARD), self.config.size)
                folder.mkdir(parents=True, exist_ok=True)
                save_file({"pixels": drawn.add(1).mul(127.5).round().to(torch.uint8)}, path.with_suffix(".partial"))
                path.with_suffix(".partial").replace(path)
            self._held[path.name] = load_file(path)["pixels"]
        return self._held[path.name]

    def batch(self, step: int, size: int, part: int) -> dict[str, Tensor]:
        """Controllers of one character, and the engine's pictures of them."""
        numbers, pictures = self._ahead.take(step) if part == 0 else self._take(step)
        some = slice(part * size, part * size + size)
        return {"controllers": numbers[some], "pictures": pictures[some]}

    def losses(self, phase: Phase, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """Terms of a batch."""
        del phase
        name, true = self._name(step), batch["pictures"]
        weight = self._weights[name].to(true.device)
        drawn = self.modules[name](batch["controllers"])
        return {
            "difference": 2.0 * weighted_difference(drawn, true, weight),
            "squares": 12.0 * squared_difference(drawn, true, weight),
        }

    def measure(self) -> dict[str, float]:
        """How far pictures are from the engine's; do nothing: the character at rest."""
        numbers = draw_numbers(torch.arange(VALIDATED) + VALIDATION_SEED)
        scores: dict[str, float] = {}
        for name in self.config.characters:
            rest = draw_virtual(name, torch.zeros(1, len(NAMES)), self.config.size)
            drawn, true = run_all(self.modules[name], numbers), self._validation(name, numbers)
            scores[f"difference_{name}"] = float((drawn - true).abs().mean() * 127.5)
            scores[f"rest_{name}"] = float((rest - true).abs().mean() * 127.5)
        mean = sum(scores[f"difference_{name}"] for name in self.config.characters) / len(self.config.characters)
        return {"validation": mean, **scores}

    def _validation(self, name: str, numbers: Tensor) -> Tensor:
        if name not in self._held:
            self._held[name] = draw_virtual(name, numbers, self.config.size)
        return self._held[name]

    def preview(self) -> Pixels:
        """What is drawn, above the truth."""
        numbers, rows = draw_numbers(torch.arange(SHOWN) + VALIDATION_SEED), []
        for name in self.config.characters:
            rows += [run_all(self.modules[name], numbers), draw_virtual(name, numbers, self.config.size)]
        return contact_sheet([pixels for row in rows for pixels in to_pixels(row)], SHOWN)


def make_painter_recipe(request: RunSpec) -> PainterRecipe:
    """What draws characters from controllers."""
    return PainterRecipe(request)
