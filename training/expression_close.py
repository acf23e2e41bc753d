"""What the reader of photos learns from: patches of engine people's faces, laid as a follower would lay them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from core.engine.controllers import MIRROR
from core.expression.close import lay_squares, tell_squares
from core.expression.config import ReaderConfig
from core.face.align import MIRROR as MIRRORED_MARKS
from training.expression_data import ExpressionData
from training.expression_points import asked_points
from training.expression_surface import Seen, into_crop, on_screen
from training.face_data import cut, extents, spoil

VALIDATION_SIZE = 192
FEW = 6
"""Faces spoilt at once: what a processor's cache holds."""
SPOILT, COVERED = 0.4, 0.05
REGIONS = ((0, 17), (17, 22), (22, 27), (27, 36), (36, 42), (42, 48), (48, 68))
"""Landmarks that go astray together."""
ASTRAY, APART = 0.012, 0.009
"""Standard deviation of a region's and a landmark's error, in faces: what the follower has."""


@dataclass(frozen=True)
class Near:
    """Patches of N faces, with what is known of these."""

    right: Tensor
    left: Tensor
    """Mirrored."""
    mouth: Tensor
    whole: Tensor
    places: Tensor
    controllers: Tensor
    points: Tensor
    """N x K x 2, [-1, 1] of the whole face's square, of those that patches are asked for."""


class CloseData:
    """Faces by step."""

    def __init__(self, data: ExpressionData, config: ReaderConfig) -> None:
        self._data, self._config = data, config
        data.close = True
        self._seen, self._asked = Seen(), asked_points().every()

    def take(self, step: int, count: int) -> Near:
        """A step's faces, every second one mirrored, a little spoilt."""
        found, index, draw = self._data.people(step, count)
        spoilt = [spoil(some, draw, cover=COVERED, amount=SPOILT) for some in found["pixels"].split(FEW)]
        found["pixels"] = torch.cat(spoilt)
        return self._cut(found, self._seen.of(found, index)[0], torch.arange(count) % 2 == 1, draw)

    def validate(self) -> Near:
        """The validation band, unspoilt and framed as any picture."""
        found = self._data.validate_people(VALIDATION_SIZE)
        nobody = torch.zeros(len(found["controllers"]), dtype=torch.bool)
        return self._cut(found, on_screen(found)[0], nobody, torch.Generator().manual_seed(0))

    def _cut(self, found: dict[str, Tensor], where: Tensor, mirrored: Tensor, draw: torch.Generator) -> Near:
        pixels, moved = found["pixels"], found["controllers"]
        marks = stray(found["landmarks"], draw)
        squares, flipped = lay_squares(marks), _mirror(marks)
        places = tell_squares(torch.where(mirrored[:, None, None], lay_squares(flipped), squares))
        swap = mirrored[:, None]
        right, left = torch.where(swap, squares[:, 1], squares[:, 0]), torch.where(swap, squares[:, 0], squares[:, 1])
        laid = (right, left, squares[:, 2], squares[:, 3])
        turned = (mirrored, ~mirrored, mirrored, mirrored)
        right, left, mouth, whole = (
            cut(pixels, square, size, flip) for square, size, flip in zip(laid, self._config.sizes, turned, strict=True)
        )
        moved = torch.where(mirrored[:, None], moved[:, list(MIRROR)], moved)
        points = into_crop(where, squares[:, 3], mirrored)[:, self._asked]
        return Near(right, left, mouth, whole, places, moved, points)


def _mirror(marks: Tensor) -> Tensor:
    flipped = marks * marks.new_tensor([-1.0, 1.0])
    return flipped[:, torch.from_numpy(MIRRORED_MARKS)]


def stray(marks: Tensor, draw: torch.Generator) -> Tensor:
    """Landmarks with the errors of one who looks for them."""
    side = extents(marks)[1][:, None, None]
    own = APART * torch.randn(marks.shape, generator=draw).clamp(-2.5, 2.5)
    for start, end in REGIONS:
        own[:, start:end] += ASTRAY * torch.randn(len(marks), 1, 2, generator=draw).clamp(-2.5, 2.5)
    return marks + side * own
