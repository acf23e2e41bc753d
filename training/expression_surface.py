"""What faces do as a picture shows it: chosen vertices on the screen, and how far the expression moved each of them.

Dense points say far more about an expression than 68 landmarks do, and cost an engine nothing (Wood 2022, "3D face
reconstruction with dense landmarks"). Where a vertex would be at rest only the engine knows: the same person, unmoved.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
from torch import Tensor

from core.camera import invert_pose, project
from core.engine.controllers import MIRROR, NAMES, PARTS, places
from core.engine.head import Head, load_head
from training.expression_data import JITTER, ExpressionData, roll_of
from training.face_data import Spread, cut, draw_squares, spoil

EACH = 24
"""Vertices taken of every part, before their mirror images join them."""
MOVED_METRES = 5e-4
SPOILT, COVERED = 0.35, 0.05


@functools.lru_cache(maxsize=1)
def vertices() -> tuple[Tensor, Tensor]:
    """Numbers of the chosen vertices (K), and the place among them of each one's mirror image (K)."""
    head = load_head(torch.device("cpu"))
    rest = head.move(head.neutral[None], torch.zeros(1, len(NAMES)))
    moved = [head.move(head.neutral.expand(len(rows), -1, -1), rows) - rest for rows in torch.eye(len(NAMES)).split(10)]
    far = torch.cat(moved).norm(dim=2)
    chosen = []
    for part in PARTS:
        reached = torch.nonzero(far[places(part)].amax(0) > MOVED_METRES)[:, 0]
        chosen.append(reached[torch.linspace(0, len(reached) - 1, EACH).round().long()])
    some = torch.cat(chosen).unique()
    flip = head.neutral.new_tensor([-1.0, 1.0, 1.0])
    both = torch.cat((some, torch.cdist(head.neutral[some] * flip, head.neutral).argmin(1))).unique()
    return both, torch.cdist(head.neutral[both] * flip, head.neutral[both]).argmin(1)


@functools.lru_cache(maxsize=1)
def thin_head() -> tuple[Head, Tensor]:
    """The chosen vertices alone, and where they stand among what is left of the head."""
    return load_head(torch.device("cpu")).thinned(vertices()[0])


def on_screen(labels: dict[str, Tensor], numbers: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Chosen vertices (or these) of engine people in pixels of their pictures, N x K x 2 twice: as they are, and at rest.

    Collars do not push at skin here, so below the chin a point may lie a pixel beside the one that is seen.
    """
    head, chosen = thin_head() if numbers is None else (load_head(torch.device("cpu")), numbers)
    moved, rest = (
        place_on_screen(labels, head, controllers)[:, chosen]
        for controllers in (labels["controllers"], torch.zeros_like(labels["controllers"]))
    )
    return moved, rest


def place_on_screen(labels: dict[str, Tensor], head: Head, controllers: Tensor) -> Tensor:
    """All vertices of a head, in pixels of the pictures of people who would move so: N x V x 2."""
    turn, shift = labels["pose"][:, :3, :3], labels["pose"][:, None, :3, 3]
    still = head.move(head.shape(labels["identity"]), controllers)
    turned = still @ turn.transpose(1, 2) + shift
    shown = turned + (still - turned) * head.fields["body"][:, None]
    return project(shown, invert_pose(labels["camera"]), labels["calibration"])[0]


@dataclass(frozen=True)
class Surfaces:
    """Crops with what is known of the faces in them."""

    photos: Tensor
    controllers: Tensor
    points: Tensor
    """N x K x 2, [-1, 1] of the crop."""
    moves: Tensor
    """N x K x 2: how far the expression moved each, in the same unit."""


class Seen:
    """``on_screen`` of faces by their place in the data, worked out once each."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Tensor, Tensor]] = {}

    def of(self, found: dict[str, Tensor], index: Tensor) -> tuple[Tensor, Tensor]:
        """Points of these faces N x K x 2 as they are, and at rest."""
        new = [place for place, number in enumerate(index.tolist()) if number not in self._known]
        if new:
            moved, rest = on_screen({key: value[new] for key, value in found.items() if key != "pixels"})
            self._known.update(zip(index[new].tolist(), zip(moved, rest, strict=True), strict=True))
        moved, rest = (torch.stack(rows) for rows in zip(*(self._known[n] for n in index.tolist()), strict=True))
        return moved, rest


class SurfaceData:
    """Crops of engine people with dense points, by step."""

    def __init__(self, data: ExpressionData, size: int, room: float) -> None:
        self._data, self._size, self._room = data, size, room
        self._seen = Seen()

    def take(self, step: int, count: int) -> Surfaces:
        """A step's faces, every second one mirrored, a little spoilt."""
        found, index, draw = self._data.people(step, count)
        return self._cut(found, self._seen.of(found, index), torch.arange(count) % 2 == 1, draw, learning=True)

    def validate(self) -> Surfaces:
        """The validation band, unspoilt."""
        found = self._data.validate_people()
        nobody = torch.zeros(len(found["controllers"]), dtype=torch.bool)
        return self._cut(found, on_screen(found), nobody, torch.Generator().manual_seed(0), learning=False)

    def _cut(
        self,
        found: dict[str, Tensor],
        where: tuple[Tensor, Tensor],
        mirrored: Tensor,
        draw: torch.Generator,
        learning: bool,
    ) -> Surfaces:
        marks, moved = found["landmarks"], found["controllers"]
        squares = draw_squares(marks, self._room, JITTER if learning else Spread(0, 0, 0), draw)
        squares[:, 3] += roll_of(marks)
        photos = cut(found["pixels"], squares, self._size, mirrored)
        if learning:
            photos = spoil(photos, draw, cover=COVERED, amount=SPOILT)
        points, rest = (into_crop(places_, squares, mirrored) for places_ in where)
        moved = torch.where(mirrored[:, None], moved[:, list(MIRROR)], moved)
        return Surfaces(photos, moved, points, points - rest)


def into_crop(points: Tensor, squares: Tensor, mirrored: Tensor) -> Tensor:
    """Pixels of the picture to [-1, 1] of crops, mirrored ones with left and right exchanged."""
    cosine, sine = squares[:, 3].cos()[:, None], squares[:, 3].sin()[:, None]
    across, down = (points - squares[:, None, :2]).unbind(2)
    half = squares[:, 2:3] / 2
    column, row = (across * cosine + down * sine) / half, (down * cosine - across * sine) / half
    placed = torch.stack((torch.where(mirrored[:, None], -column, column), row), 2)
    return torch.where(mirrored[:, None, None], placed[:, vertices()[1]], placed)
