"""The expression room's ``solver``: what points of a face say of its expression, learned without pictures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from core.engine.head import load_head
from core.expression.close import lay_squares
from core.expression.config import ReaderConfig
from core.expression.losses import motion_error, squared_motion_error
from core.expression.solver import Solver
from core.image import contact_sheet
from training.ahead import Ahead
from training.expression_close import stray
from training.expression_data import VALIDATED, VALIDATION_SEED
from training.expression_points import asked_points, draw_points
from training.expression_surface import into_crop, vertices
from training.recipe import Phase
from training.recipes.expression import SOURCES, read_config
from training.task import cosine

if TYPE_CHECKING:
    from core.image import Pixels
    from training.spec import RunSpec

SUREST, LEAST_SURE = 0.004, 0.05
"""Half faces by which points of a face are off: of the best and of the worst, evenly in logarithms."""
OWN, NEAR, FAR = 0.5, 0.7, 0.5
"""Shares of errors that are each point's own, and that neighbours within these have in common:"""
NEAR_METRES, FAR_METRES = 0.015, 0.05
WAVERING = 0.2
"""How well doubts are known, in logarithms."""
MEASURED_DOUBT = 0.02
SIDE = 256


class SolverRecipe:
    """Motion left of controllers told from points that lie a little off, of people nobody draws.

    Options ``rate``, ``batch``, ``squares`` (how much squares of motion count). The result is what ``reader`` begins with.
    """

    subject, name, round_size = "expression", "solver", 100_000
    published = compiled = ("solver",)
    protocol = (
        "160 engine people of the validation band, points a fiftieth of half a face off: vertex motion left, in shares of the "
        "usual"
    )

    def __init__(self, request: RunSpec) -> None:
        torch.manual_seed(request.seed)
        self.config: ReaderConfig = read_config(request, ReaderConfig)
        solver = Solver(len(asked_points().every()), self.config.solver)
        self.modules: dict[str, nn.Module] = {"solver": solver}
        self.averaged = {"solver": 20_000.0}
        self.batch_size = int(request.options.get("batch", 256))
        self._squares = float(request.options.get("squares", 0.5))
        self._seed = request.seed
        steps, rate = request.steps, float(request.options.get("rate", 1e-3))
        self.phases = (
            Phase(
                "solve",
                ("solver",),
                rate,
                (0.9, 0.98),
                1e-3,
                clip=5.0,
                schedule=lambda step: cosine(step, steps),
            ),
        )
        self.sources = dict(SOURCES)
        self._near, self._far = (_ties(reach) for reach in (NEAR_METRES, FAR_METRES))
        self._ahead = Ahead(lambda step: self._make(step, self.batch_size))
        solver.begin_with(self._make(0, 4 * self.batch_size)["true"])

    def _make(self, step: int, count: int) -> dict[str, Tensor]:
        draw = torch.Generator().manual_seed(hash((self._seed, step, 59)) & 0x7FFFFFFF)
        seeds = torch.randint(VALIDATION_SEED - 100_000_000, (count,), generator=draw)
        points, moved = place_points(seeds, close=step % 2 == 0, draw=draw)
        level = torch.empty(count, 1).uniform_(math.log(SUREST), math.log(LEAST_SURE), generator=draw)
        doubts = level + 0.5 * self._tied(self._far, count, 1, draw)[..., 0]
        doubts = doubts + WAVERING * torch.randn(doubts.shape, generator=draw)
        off = self._mistake(count, draw) * doubts.exp()[..., None]
        told = doubts + WAVERING * torch.randn(doubts.shape, generator=draw)
        return {"points": points + off, "doubts": told, "true": points, "controllers": moved}

    def _mistake(self, count: int, draw: torch.Generator) -> Tensor:
        """(count, K, 2) of deviation about 1."""
        own = OWN * torch.randn(count, len(self._near), 2, generator=draw)
        return own + NEAR * self._tied(self._near, count, 2, draw) + FAR * self._tied(self._far, count, 2, draw)

    @staticmethod
    def _tied(ties: Tensor, count: int, columns: int, draw: torch.Generator) -> Tensor:
        return ties @ torch.randn(count, len(ties), columns, generator=draw)

    def batch(self, step: int, size: int, part: int) -> dict[str, Tensor]:
        """Points, a little off, and what they are points of."""
        made = self._ahead.take(step) if part == 0 else self._make(step, self.batch_size)
        return {key: value[part * size : part * size + size] for key, value in made.items() if key != "true"}

    def losses(self, phase: Phase, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """Terms of a batch."""
        del phase, step
        told = self.modules["solver"](batch["points"], batch["doubts"])
        return {
            "motion": motion_error(told, batch["controllers"]),
            "squares": self._squares * squared_motion_error(told, batch["controllers"]),
        }

    @torch.no_grad()
    def measure(self) -> dict[str, float]:
        """Motion left with points a little off, and with true ones, beside that of saying nothing moves."""
        draw = torch.Generator().manual_seed(0)
        seeds = torch.arange(VALIDATION_SEED, VALIDATION_SEED + VALIDATED)
        points, true = place_points(seeds, close=False, draw=draw)
        solver = self.modules["solver"]
        device = next(solver.parameters()).device
        found = {"still": float(motion_error(torch.zeros_like(true), true))}
        for key, doubt in (("validation", MEASURED_DOUBT), ("surest", SUREST)):
            off = points + doubt * self._mistake(len(points), draw)
            doubts = torch.full(off.shape[:2], math.log(doubt))
            found[key] = float(motion_error(solver(off.to(device), doubts.to(device)).float().cpu().clamp(0, 1), true))
        return found

    def preview(self) -> Pixels:
        """Points of a few faces: where they are, and where they are said to be."""
        made = self._make(0, 4)
        return contact_sheet([_dots(made["true"][row], made["points"][row]) for row in range(4)], 4)


def place_points(seeds: Tensor, close: bool, draw: torch.Generator) -> tuple[Tensor, Tensor]:
    """The asked points of these people in their faces' squares, laid as a follower lays them, and controllers; every third
    moves one controller only."""
    drawn = draw_points(seeds, seeds % 3 == 2, close)
    squares = lay_squares(stray(drawn.landmarks, draw))[:, 3]
    nobody = torch.zeros(len(seeds), dtype=torch.bool)
    return into_crop(drawn.points, squares, nobody)[:, asked_points().every()], drawn.controllers


def _ties(reach: float) -> Tensor:
    """What makes independent numbers of points such that neighbours within ``reach`` metres share."""
    places = load_head(torch.device("cpu")).neutral[vertices()[0]][asked_points().every()]
    near = torch.exp(-torch.cdist(places, places).square() / (2 * reach**2))
    return torch.linalg.cholesky(near + 1e-2 * torch.eye(len(places)))


def _dots(true: Tensor, off: Tensor) -> Pixels:
    picture = torch.full((SIDE, SIDE, 3), 250, dtype=torch.uint8)
    for points, colour in ((true, (60, 60, 60)), (off, (220, 60, 40))):
        column, row = ((points + 1) * (SIDE / 2)).long().clamp(0, SIDE - 1).unbind(1)
        picture[row, column] = torch.tensor(colour, dtype=torch.uint8)
    return picture.numpy()


def make_solver_recipe(request: RunSpec) -> SolverRecipe:
    """What reads points."""
    return SolverRecipe(request)
