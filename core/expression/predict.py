"""The way in: a picture or a frame in, the character's picture and 130 controllers out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from core import checkpoints
from core.checkpoints import Found
from core.exported import Exported, as_it_is, export_fastest
from core.expression.config import ConverterConfig, RegressorConfig
from core.expression.networks import Regressor, Transfer, make_converter
from core.expression.rig import Values
from core.expression.turn import turn_of
from core.face import align
from core.face.reader import Face, FaceReader, NoFace
from core.image import Pixels, check_pixels, to_pixels, to_tensor
from core.resnet import fold_norms

ALLOWED_ERROR = 0.02
"""How far a faster form's pictures and controllers may be from the network's own, as a share of their deviation."""
KINDS = ("eager", "openvino", "openvino_bfloat16")


@dataclass(frozen=True)
class Reading:
    """What a face does."""

    virtual: Pixels
    """The character doing it, as the converter draws it."""
    controllers: Values
    """(130,) in 0..1, before any rig's gains and smoothing."""
    turn_degrees: tuple[float, float, float]
    """Yaw to their left, pitch up, roll to their left."""
    face: Face
    """Where it was; give it back with the next frame to follow it."""


class Predictor:
    """Holds networks only; whoever follows a face keeps the last ``Reading.face``."""

    system = "expression"

    def __init__(self, reader: FaceReader, transfers: dict[str, Exported], size: int, cards: dict[str, Found]) -> None:
        self._reader, self._transfers, self._size = reader, transfers, size
        self.cards = cards

    @classmethod
    def load(
        cls, roots: Sequence[Path], characters: Sequence[str] = ("juno", "fen"), memory: Path | None = None
    ) -> Predictor:
        """The networks in service; ``memory``: folder in which the quickest form is kept, none runs them as they are."""
        converter = checkpoints.find("expression", "converter", roots)
        config = ConverterConfig(**converter.card.config)
        cards = {"converter": converter}
        transfers = {}
        for name in characters:
            network, found = load_transfer(converter, name, roots)
            cards[f"regressor_{name}"] = found
            transfers[name] = _quicken(network, config.size, memory)
        return cls(FaceReader.load(roots), transfers, config.size, cards)

    @property
    def characters(self) -> tuple[str, ...]:
        """Who can be driven."""
        return tuple(self._transfers)

    @property
    def reader(self) -> FaceReader:
        """What finds faces, for pages that show where one is."""
        return self._reader

    def read(self, frame: Pixels, character: str, before: Face | None = None) -> Reading:
        """The expression of the face that was followed, else of the largest; no face is ``NoFace`` with a sentence."""
        check_pixels(frame)
        face = self._reader.follow(frame, before) if before is not None else self._reader.find_one(frame)
        if face is None:
            raise NoFace("The face was lost. Look towards the camera, in light from the front.")
        return self.read_face(frame, character, face)

    def read_face(self, frame: Pixels, character: str, face: Face) -> Reading:
        """The expression of a face that is known already."""
        if character not in self._transfers:
            raise ValueError(f"There is no character {character!r}; there is {', '.join(self._transfers)}.")
        virtual, controllers = self._transfers[character](to_tensor(crop_face(frame, face, self._size)))
        return Reading(
            to_pixels(virtual.clamp(-1, 1))[0],
            controllers[0].clamp(0, 1).numpy().astype(np.float32),
            turn_of(face.points, frame.shape[1], frame.shape[0]),
            face,
        )


def crop_face(frame: Pixels, face: Face, size: int) -> Pixels:
    """The square that the encoder sees: level with the eyes."""
    return align.crop(frame, align.square_around(face.points, upright=True), size)


def load_transfer(converter: Found, character: str, roots: Sequence[Path]) -> tuple[Transfer, Found]:
    """Encoder, first decoder and regressor of a character as one network, norms folded."""
    config = ConverterConfig(**converter.card.config)
    if character not in config.characters:
        raise ValueError(f"The converter draws {', '.join(config.characters)}, not {character!r}.")
    modules = make_converter(config)
    weights = checkpoints.load(converter, ("encoder", character))
    for name in ("encoder", character):
        checkpoints.fill(modules[name], weights[name], f"{converter.folder} ({name})")
    found = checkpoints.find("expression", f"regressor_{character}", roots)
    shape = RegressorConfig(**found.card.config)
    if shape.size != config.size:
        raise checkpoints.CheckpointMismatch(
            f"The regressor of {character} reads {shape.size} px, the converter draws {config.size} px; "
            "publish both from one preset."
        )
    regressor = Regressor(shape)
    checkpoints.fill(regressor, checkpoints.load(found)["regressor"], str(found.folder))
    whole = Transfer(modules["encoder"], modules[character], regressor).eval().requires_grad_(False)
    return fold_norms(whole), found


def _quicken(network: Transfer, size: int, memory: Path | None) -> Exported:
    if memory is None:
        return as_it_is(network)
    return export_fastest(network, [(_probe(size, seed),) for seed in range(2)], ALLOWED_ERROR, memory, KINDS)


def _probe(size: int, seed: int) -> Tensor:
    """A made-up face to time and compare forms on."""
    from core.engine.faces import faces

    batch = faces([900_000_500 + seed], size=160)
    pixels, points = to_pixels(batch.pixels)[0], batch.landmarks[0].numpy()
    return to_tensor(crop_face(pixels, Face(points, 1.0), size))
