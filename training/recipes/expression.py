"""How the expression room learns: ``converter`` (encoder and decoders together) and ``regressor`` (one character's)."""

from __future__ import annotations

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
from training.face_data import spoil
from training.own_frames import read_own
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
OWN_SETTLE, ANCHORED = 1.0, 8.0
"""See PersonalRecipe; and how much keeping the characters true counts beside redrawing the person."""
SHIPPED = Path(__file__).parents[2] / "assets" / "weights"
PHOTO_SHARE = 2
"""One picture in so many is also redrawn as the person it shows."""
READ = 0.5
"""How much a reader's error counts. Much of it teaches a decoder to please the reader with marks that nobody sees."""
VIRTUAL_SHARE = 6
"""One picture of a character alone for so many people: norms should be those of people, whom the encoder meets in use."""


def read_data(request: RunSpec, size: int) -> ExpressionData:
    counts = int(request.options.get("count", COUNTS[0])), int(request.options.get("alone", COUNTS[1]))
    device = "cuda" if torch.cuda.is_available() and request.device != "cpu" else "cpu"
    return ExpressionData(Path(request.data) if request.data else None, counts, size, request.seed, device)


def read_config(request: RunSpec, kind: Any) -> Any:
    if "config" in request.options:
        return kind(**request.options["config"])
    return {"tiny": kind.tiny, "small": kind.small}.get(request.preset, kind)()


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
            kept = len(pictures) // 2
            pictures = torch.cat((pictures[:kept], run_all(self._converter, pairs.photos[kept:])))
        whole = {"pictures": pictures, "controllers": controllers}
        return {key: value[part * size : part * size + size] for key, value in whole.items()}

    def losses(self, phase: Phase, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """Motion left, or squared error of controllers where asked for."""
        del phase, step
        read = self.modules["regressor"](batch["pictures"])
        if self._loss == "motion":
            motion = motion_error(read, batch["controllers"])
            return {"motion": motion, "squares": 2.0 * squared_motion_error(read, batch["controllers"])}
        error = whole_error if self._loss == "whole" else part_error
        return {"controllers": 10.0 * error(read, batch["controllers"])}

    def measure(self) -> dict[str, float]:
        """Motion left, beside that of saying nothing moves, and the error of each part's controllers."""
        moved, pictures = self._held_back()
        read = run_all(self.modules["regressor"], pictures)
        scores = {part: float((read - moved)[:, places(part)].square().mean().sqrt()) for part in PARTS}
        still = float(motion_error(torch.zeros_like(moved), moved))
        return {"validation": float(motion_error(read, moved)), "still": still, **scores}

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


class PersonalRecipe:
    """A shipped converter for one person: encoder and second decoder learn from the person's own clip or folder
    (``data``), which needs no labels; engine people with their characters' pictures keep the first decoders true.

    Options: ``anchors``, how many of these; ``batch``; ``settle``: the share of the steps in which the encoder is held still,
    all of them by default: what reads its features has learned them as they are, and a decoder that does not know the
    person yet would spoil them.
    """

    subject, name, round_size = "expression", "converter", 1_000
    compiled = ()

    def __init__(self, request: RunSpec) -> None:
        torch.manual_seed(request.seed)
        if request.data is None or request.start_from is None:
            raise BadRequest(
                "A personal fine-tune wants a clip or a folder of pictures, and the converter to begin with."
            )
        self.config: ConverterConfig = read_config(request, ConverterConfig)
        self.modules: dict[str, nn.Module] = make_converter(self.config)
        self.published = tuple(self.modules)
        self.averaged = dict.fromkeys(self.modules, 1_000.0)
        self.batch_size = int(request.options.get("batch", 16))
        steps, rate, source = request.steps, float(request.options.get("rate", 1e-4)), self.config.sources[0]
        self.phases = (
            Phase("own", ("encoder", source), rate, (0.9, 0.99), clip=5.0, schedule=lambda step: cosine(step, steps)),
        )
        self.seed, self.source = request.seed, source
        path = Path(request.data)
        self.protocol = f"held-back frames of {path.name}: mean absolute difference of the person redrawn, of 255"
        self.sources = {**SOURCES, path.name: "the person's own pictures, with their consent"}
        roots = [Path(request.start_from).parents[1], SHIPPED]  # a personal converter has no finder of faces beside it
        self.own, self.back = read_own(path, roots, self.config.size)
        self._anchors = int(request.options.get("anchors", 96))
        self._settled = round(float(request.options.get("settle", OWN_SETTLE)) * steps)
        self.data = ExpressionData(None, (COUNTS[0], COUNTS[1]), self.config.size, request.seed)
        self._pairs: tuple[Pairs, dict[str, Tensor]] | None = None

    def _anchored(self) -> tuple[Pairs, dict[str, Tensor]]:
        """Engine people and what the characters do with them, drawn once at the start."""
        if self._pairs is None:
            pairs = self.data.pairs(0, self._anchors)
            self._pairs = pairs, {name: self.data.virtual(name, pairs) for name in self.config.characters}
        return self._pairs

    def batch(self, step: int, size: int, part: int) -> dict[str, Tensor]:
        """Frames of the person, a little spoilt, and as many engine people."""
        draw = torch.Generator().manual_seed(hash((self.seed, step, 43)) & 0x7FFFFFFF)
        pairs, truth = self._anchored()
        mine = torch.randint(len(self.own), (self.batch_size,), generator=draw)
        theirs = torch.randint(len(pairs.index), (self.batch_size,), generator=draw)
        clean = self.own[mine]
        whole = {
            "own": spoil(clean, draw, cover=0.1, amount=0.4),
            "clean": clean,
            "photos": pairs.photos[theirs],
            "truth": truth[self.config.characters[step % len(self.config.characters)]][theirs],
        }
        return {key: value[part * size : part * size + size] for key, value in whole.items()}

    def losses(self, phase: Phase, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """The person redrawn, and characters still doing what engine people do."""
        del phase
        for module in self.modules.values():
            module.eval()  # frames of one clip are alike: norms by their own statistics would take out who they show
        count = len(batch["own"])
        with torch.set_grad_enabled(step >= self._settled):
            features = self.modules["encoder"](torch.cat((batch["own"], batch["photos"])))
            virtual = self.modules[self.config.characters[step % len(self.config.characters)]](features[count:])
        return {
            "own": weighted_difference(self.modules[self.source](features[:count]), batch["clean"]),
            "anchors": ANCHORED * weighted_difference(virtual, batch["truth"]),
        }

    def measure(self) -> dict[str, float]:
        """How far the person redrawn is from held-back frames; do nothing: the mean of the frames learned from."""
        drawn = run_all(self.modules[self.source], run_all(self.modules["encoder"], self.back))
        mean = self.own.mean(0, keepdim=True)
        return {
            "validation": float((drawn - self.back).abs().mean() * 127.5),
            "mean_picture": float((mean - self.back).abs().mean() * 127.5),
        }

    def preview(self) -> Pixels:
        """Held-back frames, redrawn, and as each character."""
        shown = self.back[:SHOWN]
        features = run_all(self.modules["encoder"], shown)
        rows = [shown, *(run_all(self.modules[name], features) for name in (self.source, *self.config.characters))]
        return contact_sheet([pixels for row in rows for pixels in to_pixels(row)], len(shown))


def make_personal_recipe(request: RunSpec) -> PersonalRecipe:
    """A converter made one person's."""
    return PersonalRecipe(request)
