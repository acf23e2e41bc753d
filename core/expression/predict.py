"""The way in: a picture or a frame in, the character's picture and 130 controllers out.

Controllers are read from the photo by a network that learned from labelled ones, if there is one in service; a painter then
draws the character from them. Or else a converter redraws the photo as the character, and controllers are read from that
virtual picture, as all that a converter was taught to redraw (a person's own clip, a cartoon) can be.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from core import checkpoints
from core.checkpoints import Found
from core.engine.controllers import MIRROR
from core.exported import Exported, as_it_is, export_fastest
from core.expression.close import (
    PATCHES,
    CloseReader,
    anchors_of,
    away_from,
    in_picture,
    lay_by,
    lay_squares,
    mirror_anchors,
    moved_by,
    tell_squares,
)
from core.expression.config import ConverterConfig, PainterConfig, ReaderConfig, RegressorConfig
from core.expression.networks import Drawing, Painter, Regressor, Transfer, make_converter
from core.expression.rig import Values
from core.expression.turn import turn_of
from core.face import align
from core.face.reader import Face, FaceReader, NoFace
from core.image import Pixels, check_pixels, to_pixels, to_tensor
from core.resnet import fold_norms, lay_out

ALLOWED_ERROR = 0.02
"""How far a faster form's pictures and controllers may be from the network's own, as a share of their deviation."""
WHISPERED = 0.03
"""What two looks tell less of than this is mostly told by one of them alone, and is rest."""
KINDS, READER_KINDS = ("eager", "openvino", "openvino_bfloat16"), ("eager", "frozen")
"""Forms that networks may take; OpenVINO 2026 now and then crashes while it compiles a reader's heat maps."""
WAYS = ("photo", "virtual")
"""What controllers are read from: the photo, where a reader has learned to; or the virtual picture."""
Inputs = tuple[Tensor, ...]


@dataclass(frozen=True)
class Reading:
    """What a face does."""

    virtual: Pixels
    """The character doing it, as a network draws it."""
    controllers: Values
    """(130,) in 0..1, before any rig's gains and smoothing."""
    turn_degrees: tuple[float, float, float]
    """Yaw to their left, pitch up, roll to their left."""
    face: Face
    """Where it was; give it back with the next frame to follow it."""
    away: Values | None = None
    """(4, 2) how far what the reader of photos looks at lay from where landmarks told: the next frame's squares are better
    laid with it."""


class Predictor:
    """Holds networks only; whoever follows a face keeps the last ``Reading.face``."""

    system = "expression"

    def __init__(
        self,
        reader: FaceReader,
        transfers: dict[str, Exported],
        size: int,
        cards: dict[str, Found],
        close: tuple[Exported, ReaderConfig] | None = None,
        painted: Sequence[str] = (),
    ) -> None:
        self._reader, self._transfers, self._size, self._close = reader, transfers, size, close
        self.cards, self._painted = cards, painted

    @classmethod
    def load(
        cls,
        roots: Sequence[Path],
        characters: Sequence[str] = ("juno", "fen"),
        memory: Path | None = None,
        way: str = WAYS[0],
    ) -> Predictor:
        """The networks in service; ``memory``: folder in which the quickest form is kept, none runs them as they are.
        Without a reader of photos every ``way`` leads through the virtual picture."""
        if way not in WAYS:
            raise ValueError(f"Controllers are read from {' or '.join(WAYS)}, not {way!r}.")
        converter = checkpoints.find("expression", "converter", roots)
        config = ConverterConfig(**converter.card.config)
        cards, close = {"converter": converter}, None
        probes = (
            [] if memory is None else [_probe(seed) for seed in range(2)]
        )  # only who chooses among forms wants faces
        probed = list[Inputs]()
        if way == "photo" and has_reader(roots):
            network, found = load_reader(roots)
            cards["reader"], shape = found, ReaderConfig(**found.card.config)
            probed = [cut_patches(pixels, squares_of(face), shape) for pixels, face in probes]
            close = _quicken(network, probed, memory, READER_KINDS), shape
        transfers, painted = {}, _painted(roots) if close is not None else ()
        crops = [(to_tensor(crop_face(pixels, face, config.size)),) for pixels, face in probes]
        for name in characters:
            if close is None:
                network, cards[f"regressor_{name}"] = load_transfer(converter, name, roots)
                transfers[name] = _quicken(network, crops, memory)
            elif name in painted:
                network, cards["painter"] = load_painter(name, roots)
                transfers[name] = _quicken(network, [close[0](*patches)[:1] for patches in probed], memory)
            else:
                transfers[name] = _quicken(load_drawing(converter, name), crops, memory)
        return cls(FaceReader.load(roots), transfers, config.size, cards, close, painted)

    @property
    def way(self) -> str:
        """What controllers are read from."""
        return WAYS[self._close is None]

    @property
    def characters(self) -> tuple[str, ...]:
        """Who can be driven."""
        return tuple(self._transfers)

    @property
    def reader(self) -> FaceReader:
        """What finds faces, for pages that show where one is."""
        return self._reader

    def read(self, frame: Pixels, character: str, before: Face | None = None) -> Reading:
        """The expression of the face that was followed, else of the largest, looked at again: pictures and clips have the
        time; no face is ``NoFace`` with a sentence."""
        check_pixels(frame)
        face = self._reader.follow(frame, before) if before is not None else self._reader.find_one(frame)
        if face is None:
            raise NoFace("The face was lost. Look towards the camera, in light from the front.")
        return self.read_face(frame, character, face, again=True)

    def read_face(
        self, frame: Pixels, character: str, face: Face, again: bool = False, away: Values | None = None
    ) -> Reading:
        """The expression of a face that is known already; ``away``: what the frame before said of where to look.

        ``again``: where a reader of photos first finds points of the face, it lays its squares by these and looks once more, at
        the picture and its mirror image, whose readings are averaged. Together that is 0.02 more of motion kept, for twice the
        time."""
        if character not in self._transfers:
            raise ValueError(f"There is no character {character!r}; there is {', '.join(self._transfers)}.")
        draw = self._transfers[character]
        if self._close is None:
            virtual, controllers = draw(to_tensor(crop_face(frame, face, self._size)))
            away = None
        else:
            controllers, away = self._look(frame, face, again, away)
            (virtual,) = draw(
                controllers if character in self._painted else to_tensor(crop_face(frame, face, self._size))
            )
        return Reading(
            to_pixels(virtual.clamp(-1, 1))[0],
            controllers[0].clamp(0, 1).numpy().astype(np.float32),
            turn_of(face.points, frame.shape[1], frame.shape[0]),
            face,
            away,
        )

    def _look(self, frame: Pixels, face: Face, again: bool, told_away: Values | None) -> tuple[Tensor, Values]:
        """1 x 130, and how far from landmarks' squares are better laid."""
        assert self._close is not None
        network, shape = self._close
        by_landmarks = anchors_of(torch.from_numpy(face.points)[None])
        anchors = by_landmarks if told_away is None else moved_by(by_landmarks, torch.from_numpy(told_away)[None])
        squares = lay_by(anchors)
        told, found = network(*cut_patches(frame, squares, shape))
        away = away_from(by_landmarks, in_picture(found, squares[:, -1]))
        if again:
            anchors = moved_by(by_landmarks, away)
            flipped = mirror_anchors(anchors) + torch.tensor([frame.shape[1], 0.0])
            straight = cut_patches(frame, lay_by(anchors), shape)
            mirrored = cut_patches(np.ascontiguousarray(frame[:, ::-1]), lay_by(flipped), shape)
            told, _ = network(*(torch.cat(both) for both in zip(straight, mirrored, strict=True)))
            told = (told[:1] + told[1:, list(MIRROR)]) / 2
            told = torch.where(told < WHISPERED, 0.0, told)
        return told, away[0].numpy()


def mirror(frame: Pixels, face: Face) -> tuple[Pixels, Face]:
    """The picture as a mirror shows it, and the face in it."""
    points = face.points[align.MIRROR].copy()
    points[:, 0] = frame.shape[1] - points[:, 0]
    return np.ascontiguousarray(frame[:, ::-1]), replace(face, points=points)


def crop_face(frame: Pixels, face: Face, size: int) -> Pixels:
    """The square that the encoder sees: level with the eyes."""
    return align.crop(frame, align.square_around(face.points, upright=True), size)


def squares_of(face: Face) -> Tensor:
    """(1, 4, 4) what a reader of photos looks at first."""
    return lay_squares(torch.from_numpy(face.points)[None])


def cut_patches(frame: Pixels, squares: Tensor, config: ReaderConfig) -> Inputs:
    """Eyes, mouth and face in their squares (1, 4, 4), as a reader of photos looks at them: the left eye mirrored; and where
    they lie."""
    patches = []
    for name, size, (column, row, side, roll) in zip(PATCHES, config.sizes, squares[0].tolist(), strict=True):
        patch = align.crop(frame, align.Square(column, row, side, math.degrees(roll)), size)
        patches.append(to_tensor(patch[:, ::-1] if name == "left" else patch))
    return (*patches, tell_squares(squares))


def who_is_driven(roots: Sequence[Path]) -> tuple[str, ...]:
    """Characters whose weights are there: drawn by a converter, and read by a regressor unless photos are read."""
    there = {one.card.name: one.card for one in checkpoints.list_all(roots) if one.card.subject == "expression"}
    if "converter" not in there:
        return ()
    drawn = ConverterConfig(**there["converter"].config).characters
    return tuple(name for name in drawn if "reader" in there or f"regressor_{name}" in there)


def has_reader(roots: Sequence[Path]) -> bool:
    """Whether a reader of photos is in service."""
    return _has("reader", roots)


def _has(name: str, roots: Sequence[Path]) -> bool:
    return any(one.card.subject == "expression" and one.card.name == name for one in checkpoints.list_all(roots))


def _painted(roots: Sequence[Path]) -> tuple[str, ...]:
    """Characters that a painter draws; a converter draws the others."""
    if not _has("painter", roots):
        return ()
    return PainterConfig(**checkpoints.find("expression", "painter", roots).card.config).characters


def load_painter(character: str, roots: Sequence[Path]) -> tuple[Painter, Found]:
    """What draws this character from controllers."""
    found = checkpoints.find("expression", "painter", roots)
    config = PainterConfig(**found.card.config)
    network = Painter(config)
    checkpoints.fill(network, checkpoints.load(found, (character,))[character], f"{found.folder} ({character})")
    return network.eval().requires_grad_(False).settle(), found


def load_reader(roots: Sequence[Path]) -> tuple[CloseReader, Found]:
    """The reader of photos, norms folded."""
    found = checkpoints.find("expression", "reader", roots)
    network = CloseReader(ReaderConfig(**found.card.config))
    checkpoints.fill(network, checkpoints.load(found)["reader"], str(found.folder))
    return lay_out(fold_norms(network.eval().requires_grad_(False))), found


def load_drawing(converter: Found, character: str) -> Drawing:
    """Encoder and first decoder of a character as one network, norms folded."""
    return fold_norms(Drawing(*_load_halves(converter, character)).eval().requires_grad_(False))


def _load_halves(converter: Found, character: str) -> tuple[nn.Module, nn.Module]:
    config = ConverterConfig(**converter.card.config)
    if character not in config.characters:
        raise ValueError(f"The converter draws {', '.join(config.characters)}, not {character!r}.")
    modules = make_converter(config)
    weights = checkpoints.load(converter, ("encoder", character))
    for name in ("encoder", character):
        checkpoints.fill(modules[name], weights[name], f"{converter.folder} ({name})")
    return modules["encoder"], modules[character]


def load_transfer(converter: Found, character: str, roots: Sequence[Path]) -> tuple[Transfer, Found]:
    """Encoder, first decoder and regressor of a character as one network, norms folded."""
    encoder, decoder = _load_halves(converter, character)
    config = ConverterConfig(**converter.card.config)
    found = checkpoints.find("expression", f"regressor_{character}", roots)
    shape = RegressorConfig(**found.card.config)
    if shape.size != config.size:
        raise checkpoints.CheckpointMismatch(
            f"The regressor of {character} reads {shape.size} px, the converter draws {config.size} px; "
            "publish both from one preset."
        )
    regressor = Regressor(shape)
    checkpoints.fill(regressor, checkpoints.load(found)["regressor"], str(found.folder))
    whole = Transfer(encoder, decoder, regressor).eval().requires_grad_(False)
    return fold_norms(whole), found


def _quicken(
    network: nn.Module, probes: Sequence[Inputs], memory: Path | None, kinds: Sequence[str] = KINDS
) -> Exported:
    if memory is None:
        return as_it_is(network)
    return export_fastest(network, probes, ALLOWED_ERROR, memory, kinds)


def _probe(seed: int) -> tuple[Pixels, Face]:
    """A made-up face to time and compare forms on."""
    from core.engine.faces import faces

    batch = faces([900_000_500 + seed], size=160)
    return to_pixels(batch.pixels)[0], Face(batch.landmarks[0].numpy(), 1.0)
