"""How the expression room learns: ``converter`` (encoder and decoders together) and ``regressor`` (one character's)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from core.engine.controllers import PARTS, places
from core.expression.config import FEATURE_SHRINK, ConverterConfig, RegressorConfig
from core.expression.losses import (
    motion_error,
    part_error,
    restless,
    squared_difference,
    squared_motion_error,
    weighted_difference,
    whole_error,
)
from core.expression.networks import Decoder, Regressor, make_converter
from core.face.config import LANDMARKS
from core.image import contact_sheet, to_pixels
from training.ahead import Ahead
from training.expression_data import ExpressionData, Pairs, draw_virtual
from training.expression_networks import Reading, begin_encoder, load_converter, load_readers, read_all, run_all, soften
from training.recipe import Phase
from training.spec import BadRequest
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
CONVERTED = 0.75
"""Share of a regressor's pictures that a converter has drawn, where it is given one: in use all are."""
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


class RegressorRecipe:
    """Controllers from a character's picture. Options: ``character``, ``loss`` (``motion``: how far vertices are from where
    they should be, and its square; or squared error of controllers, by ``parts`` or over the ``whole``), ``rate``,
    and ``converter``: a checkpoint's folder; then a half of the pictures are what it draws from engine people."""

    subject, round_size = "expression", 10_000
    compiled = ("regressor",)
    protocol = (
        "160 virtual pictures with expressions of the validation band: vertex motion left, in shares of the usual"
    )
    chain_protocol = f"{protocol}; mean of it and the same on what the converter draws from 160 people of the band"

    def __init__(self, request: RunSpec) -> None:
        torch.manual_seed(request.seed)
        self.config: RegressorConfig = read_config(request, RegressorConfig)
        if "character" in request.options:
            self.config = RegressorConfig(self.config.size, self.config.width, str(request.options["character"]))
        self.name = f"regressor_{self.config.character}"
        self.modules: dict[str, nn.Module] = {"regressor": Regressor(self.config)}
        self.published = ("regressor",)
        self.averaged = {"regressor": 4_000.0}
        self.batch_size = int(request.options.get("batch", 48))
        self._loss = _check_loss(request.options.get("loss", "motion"))
        steps, rate = request.steps, float(request.options.get("rate", 1e-3))
        self.phases = (
            Phase("regressor", ("regressor",), rate, weight_decay=1e-4, clip=5.0, schedule=lambda s: cosine(s, steps)),
        )
        self.sources = dict(SOURCES)
        self.data = read_data(request, self.config.size)
        self._converter = load_converter(request.options.get("converter"), self.config)
        self._squares = float(request.options.get("squares", 2.0))
        self._converted = float(request.options.get("converted", CONVERTED))
        if self._converter is not None:
            self.protocol = self.chain_protocol
        self._chain: tuple[Tensor, Tensor] | None = None
        self._validation: tuple[Tensor, Tensor] | None = None

    def batch(self, step: int, size: int, part: int) -> dict[str, Tensor]:
        """Virtual pictures, a little blurred and moved as a decoder's are, with what made them."""
        if self._converter is None:
            pairs = None
            pictures, controllers = self.data.virtual_only(self.config.character, step, self.batch_size)
        else:
            pairs = self.data.pairs(step, self.batch_size, mirror=False)
            pictures, controllers = self.data.virtual(self.config.character, pairs), pairs.controllers
        pictures = soften(pictures, torch.Generator().manual_seed(hash((step, 41)) & 0x7FFFFFFF))
        if self._converter is not None and pairs is not None:
            kept = round(len(pictures) * (1 - self._converted))
            pictures = torch.cat((pictures[:kept], run_all(self._converter, pairs.photos[kept:])))
        whole = {"pictures": pictures, "controllers": controllers}
        return {key: value[part * size : part * size + size] for key, value in whole.items()}

    def losses(self, phase: Phase, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """Motion left, or squared error of controllers where asked for."""
        del phase, step
        read = self.modules["regressor"](batch["pictures"])
        if self._loss == "motion":
            motion = motion_error(read, batch["controllers"])
            return {"motion": motion, "squares": self._squares * squared_motion_error(read, batch["controllers"])}
        error = whole_error if self._loss == "whole" else part_error
        return {"controllers": 10.0 * error(read, batch["controllers"])}

    def measure(self) -> dict[str, float]:
        """Motion left, beside that of saying nothing moves, and the error of each part's controllers."""
        moved, pictures = self._held_back()
        read = run_all(self.modules["regressor"], pictures)
        scores = {part: float((read - moved)[:, places(part)].square().mean().sqrt()) for part in PARTS}
        left = scores["left"] = float(motion_error(read, moved))
        scores["still"] = float(motion_error(torch.zeros_like(moved), moved))
        if self._converter is None:
            return {"validation": left, **scores}
        converted, done = self._converted_back()
        scores["chain"] = float(motion_error(run_all(self.modules["regressor"], converted), done))
        scores["chain_still"] = float(motion_error(torch.zeros_like(done), done))
        return {"validation": (left + scores["chain"]) / 2, **scores}

    def _converted_back(self) -> tuple[Tensor, Tensor]:
        """What the converter draws from people of the validation band, and what these do."""
        if self._chain is None:
            assert self._converter is not None
            pairs, _ = self.data.validate()
            self._chain = run_all(self._converter, pairs.photos), pairs.controllers
        return self._chain

    def preview(self) -> Pixels:
        """Virtual pictures above the character with the controllers that were read from them."""
        shown = self._held_back()[1][:SHOWN]
        again = draw_virtual(self.config.character, run_all(self.modules["regressor"], shown), self.config.size)
        return contact_sheet([*to_pixels(shown), *to_pixels(again)], SHOWN)

    def _held_back(self) -> tuple[Tensor, Tensor]:
        if self._validation is None:
            self._validation = self.data.validate_virtual(self.config.character)
        return self._validation


def _check_loss(asked: object) -> str:
    if asked not in ("motion", "parts", "whole"):
        raise BadRequest(f"The regressor's loss is motion, parts or whole, not {asked!r}.")
    return str(asked)


def make_converter_recipe(request: RunSpec) -> ConverterRecipe:
    """Encoder and all decoders."""
    return ConverterRecipe(request)


def make_regressor_recipe(request: RunSpec) -> RegressorRecipe:
    """One character's regressor."""
    return RegressorRecipe(request)
