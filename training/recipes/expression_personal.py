"""A shipped converter made one person's: ``personal``, from a clip or a folder of that person's pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from core.expression.config import ConverterConfig
from core.expression.losses import weighted_difference
from core.expression.networks import make_converter
from core.image import contact_sheet, to_pixels
from training.expression_data import ExpressionData, Pairs
from training.expression_networks import run_all
from training.face_data import spoil
from training.own_frames import read_own
from training.recipe import Phase
from training.recipes.expression import COUNTS, SHOWN, SOURCES, read_config
from training.spec import BadRequest
from training.task import cosine

if TYPE_CHECKING:
    from core.image import Pixels
    from training.spec import RunSpec

OWN_SETTLE, ANCHORED = 1.0, 8.0
"""See PersonalRecipe; and how much keeping the characters true counts beside redrawing the person."""
SHIPPED = Path(__file__).parents[2] / "assets" / "weights"


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
