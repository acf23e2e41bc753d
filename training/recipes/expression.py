"""How the expression room's ``converter`` learns: encoder and decoders together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from core.expression.config import FEATURE_SHRINK, ConverterConfig
from core.expression.losses import (
    motion_error,
    restless,
    squared_difference,
    squared_motion_error,
    weighted_difference,
)
from core.expression.networks import Decoder, make_converter
from core.face.config import LANDMARKS
from core.image import contact_sheet, to_pixels
from training.ahead import Ahead
from training.expression_data import ExpressionData, Pairs
from training.expression_networks import Reading, begin_encoder, load_readers, read_all, run_all, soften
from training.recipe import Phase
from training.task import cosine

if TYPE_CHECKING:
    from core.image import Pixels
    from training.spec import RunSpec

COUNTS = (16_384, 4_096)
SOURCES = {"engine": "people and characters drawn by core/engine; none of these people exists"}
SHOWN, LOOKED_AT = 8, 64
SETTLE_SHARE = 0.2
PHOTO_SHARE = 2
"""One picture in so many is also redrawn as the person it shows."""
READ = 0.5
"""How much a reader's error counts. Much of it teaches a decoder to please the reader with marks that nobody sees."""
VIRTUAL_SHARE = 6
"""One picture of a character alone for so many people: norms should be those of people, whom the encoder meets in use."""


def read_data(request: RunSpec, size: int) -> ExpressionData:
    counts = int(request.options.get("count", COUNTS[0])), int(request.options.get("alone", COUNTS[1]))
    device = "cuda" if torch.cuda.is_available() and request.device != "cpu" else "cpu"
    data = ExpressionData(Path(request.data) if request.data else None, counts, size, request.seed, device)
    data.first = int(request.options.get("first", data.first))
    return data


def read_config(request: RunSpec, kind: Any) -> Any:
    if "config" in request.options:
        return kind(**request.options["config"])
    config = {"tiny": kind.tiny, "small": kind.small}.get(request.preset, kind)()
    return replace(config, points=int(request.options["points"])) if "points" in request.options else config


class ConverterRecipe:
    """L1 of each side, and L1 and L2 of the character's true picture where the engine drew both; options ``rate``, ``batch``.

    A head that reads landmarks and controllers from the encoder's features learns along and is thrown away: it makes the
    encoder look at what moves. With ``encoder`` (a checkpoint of that recipe) the encoder begins as one that has learned to
    look, and holds still for the first share ``settle`` of the steps, until decoders follow it.
    With ``readers`` (character -> a regressor's checkpoint) what is drawn should also be read as what it shows: a lip that is
    moved too little costs few pixels, but much motion.
    """

    subject, name, round_size = "expression", "converter", 10_000
    published: tuple[str, ...]
    compiled = ("encoder",)
    protocol = "160 engine people of the validation band: mean absolute difference of the character's picture, of 255"

    def __init__(self, request: RunSpec) -> None:
        torch.manual_seed(request.seed)
        self.config: ConverterConfig = read_config(request, ConverterConfig)
        self.modules: dict[str, nn.Module] = make_converter(self.config)
        self.published = tuple(self.modules)
        channels = self.config.width * 8
        self.modules["aid"] = Reading(channels * (self.config.size // FEATURE_SHRINK) ** 2, 2 * LANDMARKS)
        learned = request.options.get("encoder")
        if learned is not None:
            begin_encoder(self.modules["encoder"], learned, self.config)
        self.averaged = dict.fromkeys(self.modules, 4_000.0)
        self.batch_size = int(request.options.get("batch", 32 if request.preset != "full" else 64))
        steps, rate = request.steps, float(request.options.get("rate", 4e-4))
        settle = float(request.options.get("settle", SETTLE_SHARE if learned is not None else 0.0))
        self._settled, self._mirror = int(settle * steps), learned is None
        self.phases = (
            Phase("all", tuple(self.modules), rate, (0.9, 0.99), clip=5.0, schedule=lambda step: cosine(step, steps)),
        )
        self.sources = dict(SOURCES)
        self.data = read_data(request, self.config.size)
        self._readers = load_readers(request, self.config)
        self._weights = self._look_at_characters()
        self._ahead = Ahead(self._take)
        self._validation: tuple[Pairs, dict[str, Tensor]] | None = None

    def _look_at_characters(self) -> dict[str, Tensor]:
        """Where each character moves; decoders begin with their mean pictures."""
        weights = {}
        for name in self.config.characters:
            seen = self.data.virtual_alone(name, min(2 * self.batch_size, LOOKED_AT))
            weights[name] = restless(seen)
            decoder = self.modules[name]
            assert isinstance(decoder, Decoder)
            decoder.begin_with(seen.mean(0, keepdim=True))
        return weights

    def _take(self, step: int) -> tuple[Pairs, Tensor]:
        """A step's people, and the character of the step doing what those do that are not mirrored."""
        name = self.config.characters[step % len(self.config.characters)]
        pairs = self.data.pairs(step, self.batch_size, mirror=self._mirror)
        return pairs, self.data.virtual(name, pairs.straight())

    def batch(self, step: int, size: int, part: int) -> dict[str, Tensor]:
        """People with the character of this step doing the same."""
        pairs, truth = self._ahead.take(step) if part == 0 else self._take(step)
        names = ("photos", "clean", "controllers", "points", "mirrored")
        own = {name: getattr(pairs, name)[part * size : part * size + size] for name in names}
        before = int((~pairs.mirrored[: part * size]).sum())
        return {**own, "truth": truth[before : before + int((~own["mirrored"]).sum())]}

    def losses(self, phase: Phase, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """Terms of a batch."""
        del phase
        count, truth = len(batch["photos"]), batch["truth"]
        alone = truth[: max(1, count // VIRTUAL_SHARE)]
        settling = step < self._settled
        encoder = self.modules["encoder"].train(not settling)
        with torch.set_grad_enabled(not settling):
            features = encoder(torch.cat((batch["photos"], alone)))
        redrawn = max(1, count // PHOTO_SHARE)
        photo = self.modules[self.config.sources[0]](features[:redrawn])
        told, points = self.modules["aid"](features[:count])
        apart = points.view(count, LANDMARKS, 2) - batch["points"]
        terms = {
            "photo": 0.5 * weighted_difference(photo, batch["clean"][:redrawn]),
            "motion": motion_error(told, batch["controllers"]),
            "squares": 2.0 * squared_motion_error(told, batch["controllers"]),
            "points": apart.square().sum(2).add(1e-6).sqrt().mean(),
        }
        name = self.config.characters[step % len(self.config.characters)]
        weight = self._weights[name].to(truth.device)
        virtual = self.modules[name](torch.cat((features[:count][~batch["mirrored"]], features[count:])))
        terms["paired"] = 2.0 * weighted_difference(virtual[: len(truth)], truth, weight)
        terms["paired_squares"] = 12.0 * squared_difference(virtual[: len(truth)], truth, weight)
        terms["virtual"] = 0.5 * weighted_difference(virtual[len(truth) :], alone, weight)
        if name in self._readers and len(truth):
            seen = soften(virtual[: len(truth)], torch.Generator().manual_seed(hash((step, 43)) & 0x7FFFFFFF))
            read, true = self._readers[name](seen), batch["controllers"][~batch["mirrored"]]
            terms["read"] = READ * (motion_error(read, true) + squared_motion_error(read, true))
        return terms

    def measure(self) -> dict[str, float]:
        """How far drawn characters are from true ones; do nothing: the character at rest."""
        pairs, truth = self._held_back()
        features = run_all(self.modules["encoder"], pairs.photos)
        rest = self.data.virtual_at_rest(self.config.characters)
        scores: dict[str, float] = {}
        for name in self.config.characters:
            drawn = run_all(self.modules[name], features)
            scores[f"difference_{name}"] = float((drawn - truth[name]).abs().mean() * 127.5)
            scores[f"rest_{name}"] = float((rest[name] - truth[name]).abs().mean() * 127.5)
        told = read_all(self.modules["aid"], features)[0]
        scores["motion_left"] = float(motion_error(told, pairs.controllers))
        mean = sum(scores[f"difference_{name}"] for name in self.config.characters) / len(self.config.characters)
        return {"validation": mean, **scores}

    def preview(self) -> Pixels:
        """People, what is drawn of each side, and the truth."""
        pairs, truth = self._held_back()
        features = run_all(self.modules["encoder"], pairs.photos[:SHOWN])
        rows = [pairs.photos[:SHOWN], run_all(self.modules[self.config.sources[0]], features)]
        for name in self.config.characters:
            rows += [run_all(self.modules[name], features), truth[name][:SHOWN]]
        return contact_sheet([pixels for row in rows for pixels in to_pixels(row)], SHOWN)

    def _held_back(self) -> tuple[Pairs, dict[str, Tensor]]:
        if self._validation is None:
            self._validation = self.data.validate()
        return self._validation


def make_converter_recipe(request: RunSpec) -> ConverterRecipe:
    """Encoder and all decoders."""
    return ConverterRecipe(request)
