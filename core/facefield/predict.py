"""The way in: a photo to a head's code, a code to pictures from anywhere, a mesh, another look, another expression."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from core import checkpoints
from core.checkpoints import CheckpointMissing, Found
from core.face import align
from core.face.align import Square
from core.face.reader import FaceReader
from core.facefield.camera import Camera, intrinsics, place
from core.facefield.codes import LOOK_WIDTH, SHAPE, SHAPE_WIDTH, block
from core.facefield.config import Config
from core.facefield.expressions import move_controllers
from core.facefield.heads import Effort, FaceCode, Numbers, Verdict, View, swing
from core.facefield.mesh import Mesh, make_mesh
from core.facefield.networks import Field, NeuralRenderer, PhotoEncoder, fit_size
from core.facefield.refine import Guess, draw_whole, refine
from core.facefield.residue import Drawn, Residue, lay_residue, tint
from core.facefield.verify import Verifier
from core.image import Pixels, check_pixels, resize, to_pixels, to_tensor
from core.perceptual import load_distance

SMALLEST, LARGEST = 32, 1024
"""Pixels a side of a view."""
HALF = 0.5
"""From which opacity on something is there."""
CALM = 0.8
"""How far imagined heads stray from the usual."""
CALM_MOMENT = 0.5
"""The same of their expression and the turn of their neck."""
PURPOSES = {"field": "which draws heads from anywhere", "encoder": "which reads photos"}


class Predictor:
    """Holds networks only."""

    system = "facefield"

    def __init__(
        self, modules: Mapping[str, Any], config: Config, reader: FaceReader | None, cards: Mapping[str, Found]
    ) -> None:
        """``modules``: field and renderer, and of encoder, verifier and distance those that are there."""
        self._modules, self.config, self._reader, self.cards = dict(modules), config, reader, dict(cards)
        self.roots: tuple[Path, ...] = ()
        """Where weights were looked for."""

    @classmethod
    def load(cls, roots: Sequence[Path]) -> Predictor:
        """The networks in service. Only the field must be there; what lacks is told when it is asked for."""
        found = find_weights("field", roots)
        config = Config.read(found.card.config)
        modules: dict[str, Any] = {
            "field": _fill(Field(config), found, "field"),
            "renderer": _fill(NeuralRenderer(config), found, "renderer"),
        }
        cards = {"field": found}
        with contextlib.suppress(CheckpointMissing):
            card = checkpoints.find(cls.system, "encoder", roots)
            modules["encoder"] = _fill(PhotoEncoder(Config.read(card.card.config)), card, "encoder")
            cards["encoder"] = card
        with contextlib.suppress(CheckpointMissing):
            card = checkpoints.find(cls.system, "verifier", roots)
            modules["verifier"], cards["verifier"] = _fill(Verifier(), card, "verifier"), card
        with contextlib.suppress(CheckpointMissing):  # pixels alone then lead a refinement
            modules["distance"] = load_distance(roots)
        try:
            reader = FaceReader.load(roots)
        except CheckpointMissing:
            reader = None
        predictor = cls(modules, config, reader, cards)
        predictor.roots = tuple(roots)
        return predictor

    @property
    def field(self) -> Field:
        """The field, for measuring."""
        return self._modules["field"]

    def _need(self, recipe: str) -> Any:
        if recipe not in self._modules:
            find_weights(recipe, self.roots)  # a sentence with the way to train them
            raise CheckpointMissing(f"The weights of facefield {recipe} came after the others were loaded; ask again.")
        return self._modules[recipe]

    def frame(self, photo: Pixels, around: Square | None = None) -> tuple[Pixels, Square]:
        """The portrait in a photo and where it was: around the largest face, or the square that a person set."""
        check_pixels(photo)
        if around is None:
            if self._reader is None:
                raise CheckpointMissing(
                    "There are no weights for finding faces. Train them: python -m training face finder"
                )
            around = align.portrait_square(self._reader.find_one(photo).points)
        return align.crop(photo, around, self.portrait_size), around

    @property
    def portrait_size(self) -> int:
        """Pixels a side of a framed portrait: as many as are drawn, or more where the encoder looks closer."""
        encoder = self._modules.get("encoder")
        return self.config.size if encoder is None else max(self.config.size, encoder.whole)

    def find(
        self, portrait: Pixels, effort: Effort | None = None, report: Callable[[float], None] | None = None
    ) -> FaceCode:
        """The code of a framed portrait: the encoder's guess, then as much looking as the effort says."""
        picture = self._check(portrait)
        first = self.guess(picture)
        networks = self._modules["field"], self._modules["renderer"], self._modules.get("distance")
        shown = fit_size(picture, self.config.size)
        found = refine(networks, shown, first, effort or Effort(), report)
        code = FaceCode(_numbers(found.shape), _numbers(found.look), Camera.of(found.camera))
        drawn = self._see(code, code.camera, self.config.size)
        apart = float((drawn.picture.clamp(-1, 1) - shown).abs().mean()) * 127.5
        depth = drawn.depth * (drawn.opacity > HALF)
        return replace(code, difference=apart, residue=Residue.between(shown, drawn.picture, depth, code.shape))

    def _check(self, portrait: Pixels) -> Tensor:
        picture = to_tensor(check_pixels(portrait))
        height, width = picture.shape[2:]
        if height != width or not SMALLEST <= width <= LARGEST:
            raise ValueError(
                f"A portrait is a square of {SMALLEST} to {LARGEST} pixels a side (see frame), not {width} x {height}."
            )
        return picture

    @torch.no_grad()
    def guess(self, pictures: Tensor) -> Guess:
        """What the encoder says of portraits (N, 3, S, S)."""
        shape, look, camera = self._need("encoder")(pictures)
        codes = self._modules["field"].codes
        return Guess((shape @ codes.shape.white).clamp(-6, 6), (look @ codes.look.white).clamp(-6, 6), camera)

    @torch.no_grad()
    def view(
        self, code: FaceCode, yaw_degrees: float = 0.0, pitch_degrees: float = 0.0, size: int | None = None
    ) -> View:
        """The head from where its portrait was taken, the camera swung to its left and up."""
        return self._draw(code, swing(code.camera, yaw_degrees, pitch_degrees), size or self.config.size)

    def orbit(
        self,
        code: FaceCode,
        count: int = 24,
        yaw_degrees: float = 70.0,
        pitch_degrees: float = 0.0,
        size: int | None = None,
    ) -> Iterator[View]:
        """Views along an arc of ``yaw_degrees`` that is centred on the face's front; a full circle goes all around."""
        for camera in orbit_cameras(code, count, yaw_degrees, pitch_degrees):
            yield self._draw(code, camera, size or self.config.size)

    def cameras(
        self,
        code: FaceCode,
        count: int = 24,
        yaw_degrees: float = 70.0,
        pitch_degrees: float = 0.0,
        size: int | None = None,
    ) -> dict[str, Any]:
        """The orbit's cameras for cameras.json: flattened 4 x 4 camera to head (x right, y down, z ahead) and lens."""
        side = size or self.config.size
        rows = []
        for camera in orbit_cameras(code, count, yaw_degrees, pitch_degrees):
            pose, _ = place(camera.numbers())
            lens = intrinsics(camera.lens, side)
            rows.append(
                {
                    "camera_to_world": [round(value, 7) for value in pose[0].flatten().tolist()],
                    "intrinsics": [round(value, 5) for value in lens.matrix().flatten().tolist()],
                }
            )
        convention = "camera to world, row by row; x right, y down, z forward; metres; the world is the head's frame"
        return {"convention": convention, "width": side, "height": side, "cameras": rows}

    @torch.no_grad()
    def _draw(self, code: FaceCode, camera: Camera, size: int) -> View:
        if not SMALLEST <= size <= LARGEST:
            raise ValueError(f"A view is {SMALLEST} to {LARGEST} pixels a side, not {size}.")
        drawn = self._see(code, camera, size)
        picture = drawn.picture
        if code.residue is not None:
            picture = lay_residue(drawn, code.residue, code.camera, self._take_back(code, code.residue))
        pixels = to_pixels(picture.clamp(-1, 1))[0]
        pixels = pixels if pixels.shape[0] == size else resize(pixels, size, size)
        depth = drawn.depth * (drawn.opacity > HALF)
        return View(pixels, _enlarge(depth, size), _enlarge(drawn.opacity, size).clip(0, 1))

    @torch.no_grad()
    def _see(self, code: FaceCode, camera: Camera, size: int) -> Drawn:
        """What the codes alone draw, of at least so many pixels."""
        pose, lens = place(camera.numbers())
        side = -(-size // (1 << self.config.enlargements))
        networks = self._modules["field"], self._modules["renderer"]
        return Drawn(*draw_whole(*networks, self._prepare(code), pose[0], lens[0], side), camera)

    def _take_back(self, code: FaceCode, residue: Residue) -> Callable[[Tensor], Tensor] | None:
        """Places (N, 3) of the head as it is now to where they were in the photo; None where nothing has moved."""
        if np.array_equal(code.shape, residue.shape):
            return None
        field, now = self._modules["field"], self._prepare(code)
        then = self._prepare(replace(code, shape=residue.shape))
        return lambda places: field.grow(then, field.carry(now, places[None]))[0]

    def _prepare(self, code: FaceCode) -> Any:
        shape, look = (torch.from_numpy(one)[None] for one in (code.shape, code.look))
        return self._modules["field"].prepare(shape, look)

    @torch.no_grad()
    def mesh(self, code: FaceCode, resolution: int = 128, report: Callable[[float], None] | None = None) -> Mesh:
        """The head's surface in metres, coloured; see core/facefield/mesh.py for writing it."""
        photo = None
        if code.residue is not None:
            back = self._take_back(code, code.residue)
            photo = partial(tint, residue=code.residue, taken=code.camera, take_back=back)
        return make_mesh(self._modules["field"], self._prepare(code), resolution, report, photo)

    def imagine(self, seed: int, calm: float = CALM) -> FaceCode:
        """Somebody who does not exist, seen from the front; ``calm`` below 1 keeps to the usual."""
        draw = torch.Generator().manual_seed(seed)
        shape = torch.randn(SHAPE_WIDTH, generator=draw) * calm
        for name in ("controllers", "turn"):
            shape[block(SHAPE, name)] *= CALM_MOMENT
        look = torch.randn(LOOK_WIDTH, generator=draw) * calm
        return FaceCode(shape.numpy(), look.numpy(), Camera())

    def swap(self, code: FaceCode, look_from: FaceCode) -> FaceCode:
        """The same shape in another's look: skin, hair colour, light and background."""
        return FaceCode(code.shape, look_from.look, code.camera)

    @torch.no_grad()
    def express(self, code: FaceCode, expression: str | Mapping[str, float], amount: float = 1.0) -> FaceCode:
        """The same head with an expression on: a known one, a controller's name, or controllers with their values."""
        codes = self._modules["field"].codes.shape
        parameters = codes.decode(torch.from_numpy(code.shape)[None])
        moved = parameters.clone()
        where = block(SHAPE, "controllers")
        moved[:, where] = move_controllers(parameters[:, where], expression, amount)
        middle = torch.full_like(parameters, 0.5)
        step = codes.encode(moved, middle) - codes.encode(parameters, middle)
        shape = torch.from_numpy(code.shape) + step[0]
        return replace(code, shape=shape.clamp(-8, 8).numpy(), difference=None)

    @torch.no_grad()
    def verify(self, first: FaceCode, second: FaceCode) -> Verdict:
        """Whether two heads, found in photos or kept, are one person's."""
        verifier: Verifier = self._need("verifier")
        codes = self._modules["field"].codes
        score = float(
            verifier(*(verifier.describe(codes, _rows(one.shape), _rows(one.look)) for one in (first, second)))
        )
        wrong = self.cards["verifier"].card.validation.get("error_rate", 0.5)
        return Verdict(score, score >= 0.5, float(wrong))


def find_weights(recipe: str, roots: Sequence[Path]) -> Found:
    """Weights in service, or a sentence that says which are missing and how to train them."""
    return checkpoints.find_or_advise(Predictor.system, recipe, roots, PURPOSES.get(recipe, "which compares heads"))


def orbit_cameras(code: FaceCode, count: int, yaw_degrees: float, pitch_degrees: float) -> list[Camera]:
    """Cameras on an arc around a head, as far away as its portrait's; a full circle does not end where it began."""
    if not 1 <= count <= 2000:
        raise ValueError(f"An orbit has 1 to 2000 views, not {count}.")
    full = abs(yaw_degrees) >= 360.0
    share = count if full else max(count - 1, 1)
    front = code.camera.yaw_degrees
    turns = [
        (0.0 if full or count == 1 else -yaw_degrees / 2) + yaw_degrees * step / share - front for step in range(count)
    ]
    return [swing(code.camera, turn, pitch_degrees) for turn in turns]


def _fill(network: nn.Module, found: Found, key: str) -> nn.Module:
    weights = checkpoints.load(found, (key,))
    if key not in weights:
        raise checkpoints.CheckpointMismatch(
            f"{found.folder} holds no {key}: it learned along rays alone. Go on with whole pictures: "
            "python -m training facefield field --option pictures=4"
        )
    checkpoints.fill(network, weights[key], f"{found.folder} ({key})")
    return network.eval().requires_grad_(False)


def _rows(values: Numbers) -> Tensor:
    return torch.from_numpy(values)[None]


def _numbers(value: Tensor) -> Numbers:
    return value[0].detach().float().cpu().numpy()


def _enlarge(values: Tensor, size: int) -> npt.NDArray[np.float32]:
    """A map at another size; depth is not mixed with nothing."""
    import cv2

    held = values.detach().float().numpy()
    if held.shape[0] == size:
        return held
    return np.asarray(cv2.resize(held, (size, size), interpolation=cv2.INTER_NEAREST), dtype=np.float32)
