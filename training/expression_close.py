"""What the reader of photos learns from: patches of engine people's faces, laid as a follower would lay them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from core.engine.controllers import MIRROR
from core.expression.close import lay_squares, tell_squares
from core.expression.config import ReaderConfig
from core.face.align import MIRROR as MIRRORED_MARKS
from core.face.align import ROOM
from core.face.reader import STILL_THERE, load_landmarks
from core.resnet import fold_norms, lay_out
from training.expression_data import ExpressionData
from training.expression_moved import MOVED, can_be_moved, draw_anew, move_skin
from training.expression_points import asked_points
from training.expression_surface import Seen, into_crop, on_screen
from training.face_data import Spread, cut, draw_squares, extents, spoil

VALIDATION_SIZE = 192
FEW = 6
"""Faces spoilt at once: what a processor's cache holds."""
SPOILT, COVERED = 0.4, 0.05
REGIONS = ((0, 17), (17, 22), (22, 27), (27, 36), (36, 42), (42, 48), (48, 68))
"""Landmarks that go astray together."""
ASTRAY, APART = 0.012, 0.009
"""Standard deviation of a region's and a landmark's error, in faces: about what a follower has."""
LAST_SEEN = Spread(0.035, 0.05, 0.0)
"""How far a face has moved since the frame before."""
FOLLOWED, STILL_ASTRAY = 0.35, 0.4
"""How many faces' squares are laid by the follower in service; others by true landmarks, as nearly as by what a reader found
at its first look. How much all of them are led astray, where there is a follower."""


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


class Follower:
    """Landmarks as the product finds them: how it errs has to do with what a face does, which no chance imitates."""

    def __init__(self, roots: Sequence[Path], bfloat16: bool = False) -> None:
        network, self._size = load_landmarks(roots)
        self._network, self._bfloat16 = lay_out(fold_norms(network)), bfloat16

    @torch.no_grad()
    def find(self, pixels: Tensor, landmarks: Tensor, draw: torch.Generator) -> Tensor:
        """Those of pictures N x 3 x S x S, in which faces were last seen about where their true ones are; these, where a face
        would be lost."""
        squares = draw_squares(landmarks, ROOM, LAST_SEEN, draw)
        crops = cut(pixels, squares, self._size, torch.zeros(len(pixels), dtype=torch.bool))
        with torch.autocast(pixels.device.type, torch.bfloat16, enabled=self._bfloat16):
            points, sure = self._network(crops)
        found = squares[:, None, :2] + points.float() * squares[:, 2, None, None] / 2
        return torch.where((sure.float().sigmoid() > STILL_THERE)[:, None, None], found, landmarks)


class CloseData:
    """Faces by step; with a ``follower`` some squares are laid by what it finds, as for a first look, others as for a second.
    ``moved``: how many of those that can be are moved otherwise than they were drawn."""

    def __init__(
        self, data: ExpressionData, config: ReaderConfig, follower: Follower | None = None, moved: float = 0.0
    ) -> None:
        self._data, self._config, self._follower, self._moved = data, config, follower, moved
        data.close = True
        self._seen, self._asked = Seen(), asked_points().every()

    def take(self, step: int, count: int) -> Near:
        """A step's faces, every second one mirrored, a little spoilt."""
        found, index, draw = self._data.people(step, count)
        where = self._seen.of(found, index)[0]
        anew = can_be_moved(found) & (torch.rand(count, generator=draw) < self._moved)
        if anew.any():
            some = {name: value[anew] for name, value in found.items()}
            where[anew] = move_skin(some, draw_anew(some["controllers"], draw))
            for name in MOVED:
                found[name][anew] = some[name]
        spoilt = [spoil(some, draw, cover=COVERED, amount=SPOILT) for some in found["pixels"].split(FEW)]
        found["pixels"] = torch.cat(spoilt)
        marks, amount = found["landmarks"].clone(), 1.0
        if self._follower is not None:
            some, amount = torch.rand(count, generator=draw) < FOLLOWED, STILL_ASTRAY
            if some.any():
                marks[some] = self._follower.find(found["pixels"][some], marks[some], draw)
        marks = stray(marks, draw, amount)
        return self._cut(found, marks, where, torch.arange(count) % 2 == 1)

    def validate(self) -> Near:
        """The validation band, unspoilt and framed as any picture."""
        found = self._data.validate_people(VALIDATION_SIZE)
        nobody, draw = torch.zeros(len(found["controllers"]), dtype=torch.bool), torch.Generator().manual_seed(0)
        if self._follower is None:
            marks = stray(found["landmarks"], draw)
        else:
            marks = self._follower.find(found["pixels"], found["landmarks"], draw)
        return self._cut(found, marks, on_screen(found)[0], nobody)

    def _cut(self, found: dict[str, Tensor], marks: Tensor, where: Tensor, mirrored: Tensor) -> Near:
        pixels, moved = found["pixels"], found["controllers"]
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


def stray(marks: Tensor, draw: torch.Generator, amount: float = 1.0) -> Tensor:
    """Landmarks with the errors of one who looks for them."""
    side = extents(marks)[1][:, None, None]
    own = APART * torch.randn(marks.shape, generator=draw).clamp(-2.5, 2.5)
    for start, end in REGIONS:
        own[:, start:end] += ASTRAY * torch.randn(len(marks), 1, 2, generator=draw).clamp(-2.5, 2.5)
    return marks + amount * side * own
