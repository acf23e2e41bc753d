"""One character's ``regressor``: controllers from its picture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from core import checkpoints
from core.engine.controllers import PARTS, places
from core.expression.config import RegressorConfig
from core.expression.losses import motion_error, part_error, squared_motion_error, whole_error
from core.expression.networks import Regressor
from core.image import contact_sheet, to_pixels
from core.resnet import ResNet, fold_norms
from training.expression_data import draw_virtual
from training.expression_networks import load_converter, run_all, soften
from training.recipe import Phase
from training.recipes.expression import SHOWN, SOURCES, read_config, read_data
from training.spec import BadRequest
from training.task import cosine

if TYPE_CHECKING:
    from core.image import Pixels
    from training.spec import RunSpec

CONVERTED = 0.75
"""Share of a regressor's pictures that a converter has drawn, where it is given one: in use all are."""
LOOKED_AT_ONCE = 64


class RegressorRecipe:
    """Controllers from a character's picture. Options: ``character``, ``loss`` (``motion``: how far vertices are from where
    they should be, and its square; or squared error of controllers, by ``parts`` or over the ``whole``), ``rate``,
    and ``converter``: a checkpoint's folder; then most of the pictures are what it draws from engine people.

    ``begin``: a checkpoint whose features this one shares; one that averages them over places goes on as one that does not.
    ``still``: so many of the trunk's four stages hold still and look at every picture once, ahead of all learning. With all
    of them only the reading of features learns, which is many times cheaper and, where places have just been let in, most of
    what there is to learn; with three of them, the last as well."""

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
            self.config = replace(self.config, character=str(request.options["character"]))
        self.name = f"regressor_{self.config.character}"
        self._regressor = Regressor(self.config)
        if "begin" in request.options:
            begin_regressor(self._regressor, Path(str(request.options["begin"])), self.config)
        self.modules: dict[str, nn.Module] = {"regressor": self._regressor}
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
        self._still = int(request.options.get("still", 0))
        if not 0 <= self._still <= len(self._regressor.trunk.stages):
            raise BadRequest(f"A regressor's trunk has stages 1 to 4, of which {self._still} cannot hold still.")
        if self._still and self._converter is not None:
            raise BadRequest(
                "A regressor's trunk holds still before drawn pictures only; give still or converter, not both."
            )
        self._seen: tuple[Tensor, Tensor] | None = None
        self._chain: tuple[Tensor, Tensor] | None = None
        self._validation: tuple[Tensor, Tensor] | None = None

    def batch(self, step: int, size: int, part: int) -> dict[str, Tensor]:
        """Virtual pictures, a little blurred and moved as a decoder's are, with what made them."""
        if self._still:
            features, moved = self._look_at_all()
            index, _ = self.data.draw_places(step, self.batch_size)
            some = index[part * size : part * size + size]
            return {"features": features[some].float(), "controllers": moved[some]}
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

    @torch.no_grad()
    def _look_at_all(self) -> tuple[Tensor, Tensor]:
        """What stages that hold still make of every picture there is, each a little blurred, and what made it."""
        if self._seen is None:
            trunk = fold_norms(_Below(self._regressor.trunk, self._still))
            trunk.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
            seen, moved = [], []
            for index in torch.arange(len(self.data)).split(LOOKED_AT_ONCE):
                pictures, controllers = self.data.virtual_at(self.config.character, index)
                pictures = soften(pictures, torch.Generator().manual_seed(hash((int(index[0]), 47)) & 0x7FFFFFFF))
                seen.append(run_all(trunk, pictures).half())
                moved.append(controllers)
            self._seen = torch.cat(seen), torch.cat(moved)
        return self._seen

    def losses(self, phase: Phase, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """Motion left, or squared error of controllers where asked for."""
        del phase, step
        if self._still:
            features = batch["features"]
            for stage in self._regressor.trunk.stages[self._still :]:
                features = stage(features)
            read = self._regressor.tell(features)
        else:
            read = self._regressor(batch["pictures"])
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


class _Below(nn.Module):
    """The first stages of a trunk."""

    def __init__(self, trunk: ResNet, stages: int) -> None:
        super().__init__()
        self.trunk, self._last = trunk, stages - 1

    def forward(self, pictures: Tensor) -> Tensor:
        """Pictures to features of the last of these stages."""
        return self.trunk.pyramid(pictures)[self._last]


def _check_loss(asked: object) -> str:
    if asked not in ("motion", "parts", "whole"):
        raise BadRequest(f"The regressor's loss is motion, parts or whole, not {asked!r}.")
    return str(asked)


def begin_regressor(regressor: Regressor, folder: Path, config: RegressorConfig) -> None:
    """Start from another checkpoint's weights: where it averaged over places, each place counts as much as any at first."""
    card = checkpoints.read_card(folder)
    other = RegressorConfig(**card.config)
    weights = dict(checkpoints.load(checkpoints.Found(folder, card, folder))["regressor"])
    if config.placed and not other.placed:
        cells = regressor.read.in_features // weights["read.weight"].shape[1]
        weights["read.weight"] = weights["read.weight"].float().repeat_interleave(cells, 1) / cells
    checkpoints.fill(regressor, weights, str(folder))


def make_regressor_recipe(request: RunSpec) -> RegressorRecipe:
    """One character's regressor."""
    return RegressorRecipe(request)
