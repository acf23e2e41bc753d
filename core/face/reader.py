"""Faces read from pictures and followed through video: found, refined by landmarks, parsed. Values in, values out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from core import checkpoints
from core.face import align
from core.face.align import Points, Square
from core.face.config import FinderConfig, LandmarkConfig, ParserConfig
from core.face.find import Candidate, Cascade, find_with, keep_apart
from core.face.networks import FinderNet, LandmarkNet, ParserNet
from core.image import Mask, Pixels, check_pixels, to_tensor
from core.resnet import fold_norms, lay_out

SURE, STILL_THERE = 0.5, 0.3
"""How sure the landmark network must be of a new face, and of one that is followed."""


class NoFace(ValueError):
    """There is no face that can be read; the message says what would help."""


@dataclass(frozen=True)
class Face:
    """One face of a picture."""

    points: Points
    """68 x 2, column and row in pixels."""
    sureness: float

    @property
    def square(self) -> Square:
        """The square that landmarks are read from."""
        return align.square_around(self.points)

    @property
    def extent(self) -> float:
        """Side of the landmarks' box in pixels."""
        return self.square.side / align.ROOM


class FaceReader:
    """The three networks. Holds weights only: whoever follows a face keeps the last ``Face``."""

    def __init__(
        self, finder: FinderNet, landmarks: LandmarkNet, parser: ParserNet, sizes: tuple[int, int, int]
    ) -> None:
        self._finder, self._landmarks = lay_out(fold_norms(finder)), lay_out(fold_norms(landmarks))
        self._parser = parser.eval()
        self._finder_size, self._crop_size, self._parser_size = sizes
        self._cascade = Cascade()

    @classmethod
    def load(cls, roots: Sequence[Path]) -> FaceReader:
        """The networks in service."""
        found = {name: checkpoints.find("face", name, roots) for name in ("finder", "parser")}
        configs = {name: one.card.config for name, one in found.items()}
        finder, parser = FinderConfig(**configs["finder"]), ParserConfig(**configs["parser"])
        networks = FinderNet(finder), ParserNet(parser)
        for (name, one), network in zip(found.items(), networks, strict=True):
            checkpoints.fill(network, checkpoints.load(one)[name], f"face {name}")
        landmarks, size = load_landmarks(roots)
        return cls(networks[0], landmarks, networks[1], (finder.size, size, parser.size))

    def find(self, pixels: Pixels) -> list[Face]:
        """All faces of a picture, largest first; none is an empty list."""
        check_pixels(pixels)
        candidates = find_with(self._finder, pixels, self._finder_size) + self._cascade.find(pixels)
        faces = [self._refine(pixels, one) for one in candidates]
        good = [face for face in faces if face.sureness > SURE]
        good.sort(key=lambda face: -face.sureness)
        apart = keep_apart([Candidate(Square(*_middle(face), face.extent), index) for index, face in enumerate(good)])
        return sorted((good[int(one.score)] for one in apart), key=lambda face: -face.extent)

    def find_one(self, pixels: Pixels) -> Face:
        """The largest face, or a sentence."""
        faces = self.find(pixels)
        if not faces:
            raise NoFace(
                "No face was found. Use a picture in which a face is seen from the front or half from the side."
            )
        return faces[0]

    def follow(self, pixels: Pixels, before: Face | None) -> Face | None:
        """The face of the frame before, found again; the largest face of the picture when it is lost."""
        if before is not None:
            again = self._read(pixels, before.square)
            if again.sureness > STILL_THERE and 0.5 < again.extent / before.extent < 2:
                return again
        faces = self.find(pixels)
        return faces[0] if faces else None

    @torch.no_grad()
    def parse(self, pixels: Pixels, face: Face, room: float = 2.4) -> tuple[Mask, Square]:
        """Part of every pixel (``config.PARTS``) in a square around the face, hair and shoulders included."""
        square = align.square_around(face.points, room)
        patch = align.crop(pixels, square, self._parser_size)
        return self._parser(to_tensor(patch))[0].argmax(0).to(torch.uint8).numpy(), square

    def _refine(self, pixels: Pixels, candidate: Candidate) -> Face:
        square = candidate.square
        first = self._read(pixels, Square(square.column, square.row, square.side * align.ROOM))
        return self._read(pixels, first.square) if first.sureness > 0.2 else first

    @torch.no_grad()
    def _read(self, pixels: Pixels, square: Square) -> Face:
        size = self._crop_size
        points, sure = self._landmarks(to_tensor(align.crop(pixels, square, size)))
        within = ((points[0].numpy() + 1) * size / 2).astype(np.float32)
        return Face(align.out_of_crop(within, square, size), float(sure[0].sigmoid()))


def load_landmarks(roots: Sequence[Path]) -> tuple[LandmarkNet, int]:
    """The network in service that finds landmarks in a crop, and the crop's size."""
    found = checkpoints.find("face", "landmarks", roots)
    config = LandmarkConfig(**found.card.config)
    network = LandmarkNet(config)
    checkpoints.fill(network, checkpoints.load(found)["landmarks"], "face landmarks")
    return network, config.size


def _middle(face: Face) -> tuple[float, float]:
    return face.square.column, face.square.row
