"""The expression room's reader of photos: eyes, mouth and face from near by, straight to controllers."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from core.expression.close import JOINED, PATCHES, CloseReader
from core.expression.config import ReaderConfig
from core.expression.losses import motion_error, squared_motion_error
from core.image import contact_sheet, to_pixels
from training.ahead import Ahead
from training.expression_close import CloseData, Near
from training.expression_surface import vertices
from training.recipe import Phase
from training.recipes.expression import SHOWN, SOURCES, read_config, read_data
from training.task import cosine

if TYPE_CHECKING:
    from core.image import Pixels
    from training.spec import RunSpec

MOVED = 0.02
"""How far expressions usually move a point, in half faces."""
INPUTS = (*PATCHES, "places")


class ReaderRecipe:
    """Motion left of 130 controllers; dense points and how far each was moved are told as well, by a head that is thrown
    away. Options ``rate``, ``batch``, ``count``, ``alone``, ``first``; ``squares``: how much squares of motion count, without
    which a reader says at first that nothing moves, and of which it wants less once it has learned to look."""

    subject, name, round_size = "expression", "reader", 10_000
    published = compiled = ("reader",)
    protocol = "160 engine people of the validation band, unspoilt: vertex motion left, in shares of the usual"

    def __init__(self, request: RunSpec) -> None:
        torch.manual_seed(request.seed)
        self.config: ReaderConfig = read_config(request, ReaderConfig)
        self.modules: dict[str, nn.Module] = {
            "reader": CloseReader(self.config),
            "aid": nn.Linear(JOINED, 4 * len(vertices()[0])),
        }
        self.averaged = dict.fromkeys(self.modules, 4_000.0)
        self.batch_size = int(request.options.get("batch", 48 if request.preset != "full" else 128))
        self._squares = float(request.options.get("squares", 2.0))
        steps, rate = request.steps, float(request.options.get("rate", 1.5e-3))
        self.phases = (
            Phase(
                "read",
                tuple(self.modules),
                rate,
                (0.9, 0.99),
                1e-2,
                clip=5.0,
                schedule=lambda step: cosine(step, steps),
            ),
        )
        self.sources = dict(SOURCES)
        self.data = CloseData(read_data(request, 0), self.config)
        self._validation: Near | None = None
        self._ahead = Ahead(lambda step: self.data.take(step, self.batch_size))
        self._begin_aid()

    def _begin_aid(self) -> None:
        """Points begin at the mean face's."""
        aid, points = self.modules["aid"], self.data.take(0, 2 * self.batch_size).points.mean(0)
        assert isinstance(aid, nn.Linear)
        nn.init.normal_(aid.weight, std=5e-4)
        with torch.no_grad():
            aid.bias.copy_(torch.stack((points, torch.zeros_like(points))).flatten())

    def batch(self, step: int, size: int, part: int) -> dict[str, Tensor]:
        """People, some of whom move one controller only."""
        taken = self._ahead.take(step) if part == 0 else self.data.take(step, self.batch_size)
        return {item.name: getattr(taken, item.name)[part * size : part * size + size] for item in fields(Near)}

    def losses(self, phase: Phase, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """Terms of a batch."""
        del phase, step
        reader = self.modules["reader"]
        assert isinstance(reader, CloseReader)
        seen = reader.look(*(batch[name] for name in INPUTS))
        told = reader.say(seen)
        shown = self.modules["aid"](seen).float().view(len(told), 2, -1, 2)
        apart = (shown[:, 0] - batch["points"]).square().sum(2)
        strayed = (shown[:, 1] - batch["moves"]).square().sum(2)
        return {
            "motion": motion_error(told, batch["controllers"]),
            "squares": self._squares * squared_motion_error(told, batch["controllers"]),
            "points": 2.0 * apart.add(1e-8).sqrt().mean(),
            "moves": 0.5 * strayed.mean() / MOVED**2,
        }

    def measure(self) -> dict[str, float]:
        """Motion left, beside that of saying nothing moves; of faces with a whole expression, and of those with one
        controller moved."""
        held = self._held_back()
        told = self._read(held)
        still, true = torch.zeros_like(told), held.controllers
        alone = torch.arange(len(told)) % 3 == 2  # as expression_data.py lays the band out
        return {
            "validation": float(motion_error(told, true)),
            "still": float(motion_error(still, true)),
            "moments": float(motion_error(told[~alone], true[~alone])),
            "moments_still": float(motion_error(still[~alone], true[~alone])),
            "alone": float(motion_error(told[alone], true[alone])),
            "alone_still": float(motion_error(still[alone], true[alone])),
        }

    @torch.no_grad()
    def _read(self, held: Near) -> Tensor:
        reader = self.modules["reader"]
        device = next(reader.parameters()).device
        parts = zip(*(getattr(held, name).split(32) for name in INPUTS), strict=True)
        return torch.cat([reader(*(one.to(device) for one in part)).float().cpu() for part in parts])

    def preview(self) -> Pixels:
        """Faces, eyes and mouths as they are looked at."""
        held = self._held_back()
        rows = [getattr(held, name)[:SHOWN] for name in PATCHES]
        sized = [torch.nn.functional.interpolate(row, (self.config.whole, self.config.whole)) for row in rows]
        return contact_sheet([pixels for row in sized for pixels in to_pixels(row)], SHOWN)

    def _held_back(self) -> Near:
        if self._validation is None:
            self._validation = self.data.validate()
        return self._validation


def make_reader_recipe(request: RunSpec) -> ReaderRecipe:
    """The reader of photos."""
    return ReaderRecipe(request)
