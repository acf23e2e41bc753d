"""The expression room's reader of photos: eyes, mouth and face from near by, straight to controllers."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from core import checkpoints
from core.expression.close import PATCHES, CloseReader, place_in_patches
from core.expression.config import ReaderConfig
from core.expression.losses import motion_error, squared_motion_error
from core.image import contact_sheet, to_pixels
from core.locator import places_error
from training.ahead import Ahead
from training.expression_close import CloseData, Follower, Near
from training.expression_points import anchoring
from training.growing import tell_before, widen
from training.recipe import Phase
from training.recipes.expression import SHOWN, SOURCES, read_config, read_data
from training.ship import SHIPPED
from training.spec import BadRequest
from training.task import cosine

if TYPE_CHECKING:
    from core.image import Pixels
    from training.spec import RunSpec

ALONE = 0.1
"""How many faces move one controller only: little of the motion, and soon known by heart where they are few."""
MOVED = 0.5
"""How many faces, of those that can be, are moved otherwise each time they are met."""
PLACES, APART = 0.3, 4.0
"""How much heat maps count, and how far their middles are from where they should be."""
LOOKING = ("trunk.stages", "locate.mix", ".mix.1", "join.0")
"""Weights of trunks and of what joins them learn better by Muon: a hundredth less motion left after 240 equal steps. Turning the
solver's as well would take longer than all the rest of a step's turning."""
INPUTS = (*PATCHES, "places")


class ReaderRecipe:
    """Dense points that patches are asked for, and motion left of the 130 controllers that these say.

    Options ``rate``, ``batch``, ``count``, ``alone``, ``first``; ``single``: how many faces of a step are such that move one
    controller only; ``followed``: whether squares are laid by landmarks as the product finds them, or by true ones led astray
    by chance; ``moved``: how many faces are moved otherwise than they were drawn, each time they are met, so that nobody
    learns them by heart; ``squares``: how much squares of motion count, without which a reader says at first that nothing
    moves, and of which it wants less once it has learned to look; ``solver``: the checkpoint that its own begins with (recipe
    ``solver``): without one, it must learn what points say from pictures alone, of which there are never enough; ``grow``: the
    result of a narrower reader to go on from, ``width`` channels wide."""

    subject, name, round_size = "expression", "reader", 10_000
    published = compiled = ("reader",)
    protocol = "160 engine people of the validation band, unspoilt: vertex motion left, in shares of the usual"

    def __init__(self, request: RunSpec) -> None:
        torch.manual_seed(request.seed)
        narrower = _narrower(request)
        self.config: ReaderConfig = (
            read_config(request, ReaderConfig) if narrower is None else _wider(request, narrower)
        )
        self._reader = CloseReader(self.config)
        self._reader.get_buffer("anchoring").copy_(anchoring())
        self.modules: dict[str, nn.Module] = {"reader": self._reader}
        self.averaged = {"reader": 4_000.0}
        self.batch_size = int(request.options.get("batch", 48 if request.preset != "full" else 128))
        self._squares = float(request.options.get("squares", 2.0))
        steps, rate = request.steps, float(request.options.get("rate", 1.5e-3))
        self.phases = (
            Phase(
                "read",
                ("reader",),
                rate,
                (0.9, 0.99),
                1e-2,
                matrices=LOOKING,
                clip=5.0,
                schedule=lambda step: cosine(step, steps),
            ),
        )
        self.sources = dict(SOURCES)
        people = read_data(request, 0)
        people.alone_share = float(request.options.get("single", ALONE))
        options, follower = request.options, None
        if options.get("followed", True):
            try:
                follower = Follower([SHIPPED], bool(options.get("bfloat16", False)))
            except checkpoints.CheckpointMissing as error:
                raise BadRequest(
                    f"The reader's squares are laid by the landmarks in service. {error} Put them there, or give --option "
                    "followed=false: true landmarks led astray by chance."
                ) from error
        self.data = CloseData(people, self.config, follower, float(options.get("moved", MOVED)))
        self._validation: Near | None = None
        self._ahead = Ahead(lambda step: self.data.take(step, self.batch_size))
        if narrower is None:
            self._begin_solver(request.options.get("solver"))
        else:
            widen(self._reader, checkpoints.load(narrower, ("reader",))["reader"], f"{narrower.folder} (reader)")
            self.sources["before"] = tell_before(narrower.card, f"{narrower.card.config['width']} channels wide")

    def _begin_solver(self, folder: object) -> None:
        solver = self._reader.solver
        if folder is None:
            solver.begin_with(self.data.take(0, 2 * self.batch_size).points)
            return
        path = Path(str(folder))
        card = checkpoints.read_card(path)
        weights = checkpoints.load(checkpoints.Found(path, card, path), ("solver",))["solver"]
        checkpoints.fill(solver, weights, f"{path} (solver)")

    def batch(self, step: int, size: int, part: int) -> dict[str, Tensor]:
        """People, some of whom move one controller only."""
        taken = self._ahead.take(step) if part == 0 else self.data.take(step, self.batch_size)
        return {item.name: getattr(taken, item.name)[part * size : part * size + size] for item in fields(Near)}

    def losses(self, phase: Phase, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """Terms of a batch."""
        del phase, step
        looked = self._reader.look(*(batch[name] for name in INPUTS))
        aims = place_in_patches(batch["points"], batch["places"], self._reader.counts)
        heat, away = [], []
        for map_, own, aim in zip(looked.heat, looked.own, aims, strict=True):
            inside, near = aim.abs().amax(2) < 1.0, aim.clamp(-1.0, 1.0)
            heat.append(places_error(map_, near) * inside)
            away.append((own - near).square().sum(2).add(1e-6).sqrt() * inside)
        return {
            "motion": motion_error(looked.told, batch["controllers"]),
            "squares": self._squares * squared_motion_error(looked.told, batch["controllers"]),
            "heat": PLACES * torch.cat(heat, 1).mean(),
            "apart": APART * torch.cat(away, 1).mean(),
        }

    def measure(self) -> dict[str, float]:
        """Motion left, beside that of saying nothing moves; of faces with a whole expression, and of those with one
        controller moved; and how far points are off, in half faces."""
        held = self._held_back()
        told, points = self._read(held)
        still, true = torch.zeros_like(told), held.controllers
        alone = torch.arange(len(told)) % 3 == 2  # as expression_data.py lays the band out
        return {
            "validation": float(motion_error(told, true)),
            "still": float(motion_error(still, true)),
            "moments": float(motion_error(told[~alone], true[~alone])),
            "moments_still": float(motion_error(still[~alone], true[~alone])),
            "alone": float(motion_error(told[alone], true[alone])),
            "alone_still": float(motion_error(still[alone], true[alone])),
            "points": float((points - held.points).norm(dim=2).mean()),
        }

    @torch.no_grad()
    def _read(self, held: Near) -> tuple[Tensor, Tensor]:
        """Controllers and points."""
        device = next(self._reader.parameters()).device
        parts = zip(*(getattr(held, name).split(32) for name in INPUTS), strict=True)
        looked = [self._reader.look(*(one.to(device) for one in part)) for part in parts]
        told = torch.cat([one.told for one in looked]).clamp(0.0, 1.0)
        return told.float().cpu(), torch.cat([one.points for one in looked]).float().cpu()

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


def _narrower(request: RunSpec) -> checkpoints.Found | None:
    if "grow" not in request.options:
        return None
    if request.start_from is not None:
        raise BadRequest("A reader begins with --start-from, or grows from --option grow=RESULT: give one of them.")
    folder = Path(str(request.options["grow"]))
    return checkpoints.Found(folder, checkpoints.read_card(folder), folder)


def _wider(request: RunSpec, narrower: checkpoints.Found) -> ReaderConfig:
    own = ReaderConfig(**narrower.card.config)
    width = int(request.options.get("width", own.width))
    if width < own.width:
        raise BadRequest(
            f"{narrower.folder} is {own.width} channels wide; a reader grows, it does not shrink to {width}."
        )
    return replace(own, width=width)


def make_reader_recipe(request: RunSpec) -> ReaderRecipe:
    """The reader of photos."""
    return ReaderRecipe(request)
