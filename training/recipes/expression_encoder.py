"""The expression room's encoder, learned before any decoder: it reads what a face does, as dense points and controllers.

Drawing is slow to learn by and hides small motion; reading is quick. ``converter`` begins with the result when it is given
as its option ``encoder``. Crops are the middle of what the converter sees, at the same scale, so that more fit in a second.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from core.expression.config import FEATURE_SHRINK, ConverterConfig
from core.expression.losses import motion_error, squared_motion_error
from core.expression.networks import Encoder, make_encoder
from core.image import contact_sheet, to_pixels
from core.locator import middle_of, places_error
from training.ahead import Ahead
from training.expression_data import CROP_ROOM
from training.expression_networks import Reading, begin_encoder, read_all, run_all
from training.expression_surface import SurfaceData, Surfaces, vertices
from training.recipe import Phase
from training.recipes.expression import SHOWN, SOURCES, read_config, read_data
from training.task import cosine

if TYPE_CHECKING:
    from core.image import Pixels
    from training.spec import RunSpec

MIDDLE = 0.75
"""Share of the converter's crop that is seen, brought to a size of whole feature cells."""
CATCH_UP = 300
"""Steps in which only what reads an encoder learns, where the encoder has learned before."""
MOVED = 0.02
"""How far expressions usually move a point, in half crops."""


class EncoderRecipe:
    """Motion left of 130 controllers, points and their moves, together. Options ``rate``, ``batch``; ``points``, how many the
    encoder finds on its way; ``encoder``: a checkpoint (of this recipe or a converter) whose encoder goes on, held still until
    what reads it has caught up."""

    subject, name, round_size = "expression", "encoder", 10_000
    published = compiled = ("encoder",)
    protocol = "160 engine people of the validation band, unspoilt: vertex motion left, in shares of the usual"

    def __init__(self, request: RunSpec) -> None:
        torch.manual_seed(request.seed)
        self.config: ConverterConfig = read_config(request, ConverterConfig)
        size = max(FEATURE_SHRINK, round(self.config.size * MIDDLE / FEATURE_SHRINK) * FEATURE_SHRINK)
        encoder = make_encoder(self.config)
        self.modules: dict[str, nn.Module] = {
            "encoder": encoder,
            "reading": Reading(encoder.channels * (size // FEATURE_SHRINK) ** 2, 4 * len(vertices()[0])),
        }
        self.averaged = dict.fromkeys(self.modules, 4_000.0)
        self.batch_size = int(request.options.get("batch", 32 if request.preset != "full" else 128))
        steps, rate = request.steps, float(request.options.get("rate", 1.5e-3))
        fall = {"clip": 5.0, "schedule": lambda step: cosine(step, steps)}
        whole = Phase("read", tuple(self.modules), rate, (0.9, 0.99), 1e-2, **fall)
        self.phases = (whole,)
        if "encoder" in request.options:
            begin_encoder(encoder, request.options["encoder"], self.config)
            caught_up = min(CATCH_UP, steps // 10)
            head = replace(whole, name="catch_up", modules=("reading",), shares="read", ends=caught_up)
            self.phases = (head, replace(whole, begins=caught_up))
        self.sources = dict(SOURCES)
        self.data = SurfaceData(read_data(request, self.config.size), size, CROP_ROOM * size / self.config.size)
        self._validation: Surfaces | None = None
        self._ahead = Ahead(lambda step: self.data.take(step, self.batch_size))
        reading = self.modules["reading"]
        assert isinstance(reading, Reading)
        points = self.data.take(0, 2 * self.batch_size).points.mean(0)
        reading.begin_with(torch.stack((points, torch.zeros_like(points))))

    def batch(self, step: int, size: int, part: int) -> dict[str, Tensor]:
        """People, some of whom move one controller only."""
        taken = self._ahead.take(step) if part == 0 else self.data.take(step, self.batch_size)
        names = ("photos", "controllers", "points", "moves")
        return {name: getattr(taken, name)[part * size : part * size + size] for name in names}

    def losses(self, phase: Phase, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """Terms of a batch."""
        del phase, step
        encoder, heat = self.modules["encoder"], None
        if isinstance(encoder, Encoder):
            features, heat = encoder.look(batch["photos"])
        else:
            features = encoder(batch["photos"])
        told, shown = self.modules["reading"](features)
        shown = shown.view(len(told), 2, -1, 2)
        apart = (shown[:, 0].float() - batch["points"]).square().sum(2)
        strayed = (shown[:, 1].float() - batch["moves"]).square().sum(2)
        terms = {
            "motion": motion_error(told, batch["controllers"]),
            "squares": 2.0 * squared_motion_error(told, batch["controllers"]),
            "points": 2.0 * apart.add(1e-8).sqrt().mean(),
            "moves": 0.5 * strayed.mean() / MOVED**2,
        }
        if heat is not None:
            seen = spread_over(batch["points"], self.config.points)
            inside = (seen.abs() < 1).all(2).float()  # the others lie where no heat map reaches
            inside = inside / inside.mean().clamp_min(1e-3)
            terms["heat"] = 0.3 * (places_error(heat, seen) * inside).mean()
            terms["places"] = 6.0 * ((middle_of(heat) - seen).abs().mean(2) * inside).mean()
        return terms

    def measure(self) -> dict[str, float]:
        """Motion left, beside that of saying nothing moves; how far points are off, in half crops."""
        held = self._held_back()
        told, shown = self._read(held.photos)
        return {
            "validation": float(motion_error(told, held.controllers)),
            "still": float(motion_error(torch.zeros_like(told), held.controllers)),
            "squares": float(squared_motion_error(told, held.controllers)),
            "points": float((shown[:, 0] - held.points).norm(dim=2).mean()),
            "moves": float((shown[:, 1] - held.moves).norm(dim=2).mean()),
            "moves_still": float(held.moves.norm(dim=2).mean()),
            **self._found(held),
        }

    def _found(self, held: Surfaces) -> dict[str, float]:
        """How far points in the picture that the encoder finds on its way are off, in half crops, beside the mean face's."""
        encoder = self.modules["encoder"]
        if not isinstance(encoder, Encoder):
            return {}
        device = next(encoder.parameters()).device
        found = [middle_of(encoder.look(part.to(device))[1]).cpu() for part in held.photos.split(32)]
        true = spread_over(held.points, self.config.points)
        inside = (true.abs() < 1).all(2)
        return {
            "places": float((torch.cat(found) - true).norm(dim=2)[inside].mean()),
            "places_mean": float((true.mean(0, keepdim=True) - true).norm(dim=2)[inside].mean()),
        }

    def preview(self) -> Pixels:
        """Crops, and on them the points that are read."""
        shown = self._held_back().photos[:SHOWN]
        points = self._read(shown)[1][:, 0]
        size = shown.shape[-1]
        dotted = shown.clone()
        at = ((points + 1) * size / 2).floor().long().clamp(0, size - 1)
        for picture, places in zip(dotted, at, strict=True):
            picture[:, places[:, 1], places[:, 0]] = picture.new_tensor([-1.0, 1.0, -1.0])[:, None]
        return contact_sheet([*to_pixels(shown), *to_pixels(dotted)], SHOWN)

    def _read(self, photos: Tensor) -> tuple[Tensor, Tensor]:
        """Controllers N x 130, points and moves N x 2 x K x 2."""
        told, shown = read_all(self.modules["reading"], run_all(self.modules["encoder"], photos))
        return told, shown.view(len(told), 2, -1, 2)

    def _held_back(self) -> Surfaces:
        if self._validation is None:
            self._validation = self.data.validate()
        return self._validation


def spread_over(points: Tensor, count: int) -> Tensor:
    """So many of points N x K x 2, evenly chosen: an encoder that finds fewer, as in tests, finds these."""
    return points if points.shape[1] == count else points[:, :: points.shape[1] // count][:, :count]


def make_encoder_recipe(request: RunSpec) -> EncoderRecipe:
    """The encoder alone."""
    return EncoderRecipe(request)
