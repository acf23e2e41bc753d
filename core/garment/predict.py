"""The way in: an outline and a cloth to a garment, a dressed person to a garment's part, a garment onto a figure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core import checkpoints
from core.checkpoints import CheckpointMissing, Found
from core.engine.figure_choices import FigureChoices
from core.engine.outlines import ANCHORS
from core.garment import mix
from core.garment.cloth import Cloth, colour_difference, even_out, lay, read_cloth
from core.garment.config import EncoderConfig
from core.garment.frame import Frame, cut_frame, frame_of, put_back
from core.garment.networks import Features, digest_of, load_generator, make_encoders
from core.garment.outline import Outline, overlap, read_outline, write_svg
from core.garment.segment import Segmenter, cloth_share, differ_from_white, load_segmenter
from core.garment.templates import Template, draw_template, template
from core.garment.wear import Part, wear
from core.garment.weave import carry_on, fine_detail, weave
from core.garment.worn import Worn, find_worn, guess_template, lay_on
from core.image import Mask, Pixels, mask_to_tensor, to_pixels, to_tensor
from core.stylegan2 import Generator

SHAPE, TEXTURE = "shape", "texture"
FINER = 4
"""A cloth's own detail is kept in so many times as many pixels a side as the generator draws."""
_PURPOSE = {
    "generator": "which draws garments",
    "encoders": "which read cut and cloth",
    "segmenter": "which finds what a person wears",
}
_WANTS = {"generator": " --data DIR", "encoders": "", "segmenter": ""}


@dataclass(frozen=True)
class Shape:
    """An outline as the generator understands it."""

    features: Features
    mask: Tensor
    """1 x 1 x S x S in 0..1, aligned."""
    outline: Outline
    frame: Frame
    """Where the aligned square lies in the outline's picture."""
    template: Template | None = None


@dataclass(frozen=True)
class Texture:
    """A cloth as the generator understands it."""

    cloth: Tensor
    seen: Tensor
    """The laid cloth, 1 x 3 x S x S, and where it is seen."""
    shown: Tensor
    """What the encoder is to see: the same in its place, of a crop its print all over the square."""
    detail: Tensor
    """What it shows between the generator's pixels, all over a finer square: differences, 1 x 3 x F x F."""
    in_place: bool
    """Whether it lies where it belongs on the garment (an occluded picture), or in the middle (a crop)."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dressed:
    """A garment of a cut in a cloth."""

    pixels: npt.NDArray[np.uint8]
    """RGBA of the outline's size, transparent around the garment."""
    mask: Mask
    invented: Mask
    """Where the cloth had to be made up."""
    overlay: Pixels
    """The garment with what was made up tinted."""
    drawn: Pixels
    """The aligned square just as the generator drew it."""
    svg: str
    facts: dict[str, Any]
    """For JSON: outline_iou, colour_difference, invented_share, anchors in pixels by name, notes."""


class Predictor:
    """Holds networks only."""

    system = "garment"

    def __init__(self, generator: Generator, encoders: dict[str, nn.Module], segmenter: Segmenter | None) -> None:
        self._generator, self._encoders, self._segmenter = generator, encoders, segmenter
        self.size = generator.config.size
        self.cards: dict[str, Found] = {}
        self.roots: tuple[Path, ...] = ()
        """Where weights were looked for."""

    @classmethod
    def load(cls, roots: Sequence[Path]) -> Predictor:
        """The networks in service. Without a segmenter garments are drawn all the same, but none is found in photos."""
        found = {name: find_weights(name, roots) for name in ("generator", "encoders")}
        config = EncoderConfig(**found["encoders"].card.config)
        if config.drawn_by != digest_of(found["generator"]):
            raise checkpoints.CheckpointMismatch(
                "The encoders were learned for another generator than the one in service; train them again for this "
                "one (python -m training garment encoders), or put that generator back in service."
            )
        encoders = make_encoders(config)
        weights = checkpoints.load(found["encoders"])
        for name, encoder in encoders.items():
            checkpoints.fill(encoder, weights[name], f"{found['encoders'].folder} ({name})")
            encoder.eval().requires_grad_(False)
        try:
            segmenter = load_segmenter(roots)
        except CheckpointMissing:
            segmenter = None
        predictor = cls(load_generator(found["generator"]), dict(encoders), segmenter)
        predictor.cards, predictor.roots = found, tuple(roots)
        return predictor

    def read_shape(self, drawing: npt.NDArray[np.generic]) -> Shape:
        """A drawn or uploaded outline, filled or as a line; what cannot be one is ``NotAnOutline`` with a sentence."""
        outline = read_outline(drawing)
        mask = mask_to_tensor(outline.mask)
        frame = frame_of(mask[0, 0])
        return self._shape(cut_frame(mask, [frame], self.size, 0.0), outline, frame, None)

    def read_template(self, name: str, size: int = 512) -> Shape:
        """A ready-made cut."""
        chosen = template(name)
        outline = Outline(draw_template(chosen, size))
        frame = Frame(size / 2, size / 2, float(size))
        mask = mask_to_tensor(draw_template(chosen, 4 * self.size))
        return self._shape(F.avg_pool2d(mask, 4), outline, frame, chosen)

    def _shape(self, mask: Tensor, outline: Outline, frame: Frame, chosen: Template | None) -> Shape:
        with torch.inference_mode():
            features = self._encoders[SHAPE](mix.show_shape((mask > 0.5).float()))
        return Shape(features, mask, outline, frame, chosen)

    def read_texture(
        self,
        picture: npt.NDArray[np.generic],
        seen: npt.NDArray[np.generic] | None = None,
        scale: float = 1.0,
        turn_degrees: float = 0.0,
    ) -> Texture:
        """A cloth cropped from a photo, of any shape (transparency, or ``seen``); ``scale`` 1 is a print's usual size."""
        cloth = read_cloth(picture, seen)
        return self._texture(lambda size: lay(cloth, size, scale, turn_degrees), False, cloth.notes)

    def read_hidden(self, picture: npt.NDArray[np.generic], seen: npt.NDArray[np.generic], shape: Shape) -> Texture:
        """A flat garment with something in front, on the shape's own picture: what is seen stays where it is."""
        cloth = read_cloth(picture, seen)
        if cloth.seen.shape != shape.outline.mask.shape:
            raise ValueError(
                f"The picture is {cloth.seen.shape}, its outline {shape.outline.mask.shape}; wanted one size."
            )
        return self._texture(lambda size: lay_in_place(cloth, shape, size), True, cloth.notes)

    def _texture(
        self, lay_at: Callable[[int], tuple[Tensor, Tensor]], in_place: bool, notes: tuple[str, ...]
    ) -> Texture:
        """What is understood of a cloth that ``lay_at`` lays on a square of so many pixels a side."""
        cloth, seen = lay_at(self.size)
        coarse, fine = (cloth * seen, seen), lay_at(FINER * self.size)
        if not in_place:
            coarse, fine = even_out(*coarse), even_out(*fine)
        with torch.inference_mode():
            shown = coarse[0] if in_place else weave(*coarse)
            return Texture(cloth, seen, shown, fine_detail(*coarse, *fine), in_place, notes)

    def read_features(self, texture: Texture, shape: Shape) -> Features:
        """What a cloth says to the generator on this cut. A crop is a sample: as far as the cut goes none of it is hidden."""
        whole = 1 - F.max_pool2d(1 - (shape.mask > 0.5).float(), 3, 1, 1)
        known = texture.seen if texture.in_place else whole
        with torch.inference_mode():
            return self._encoders[TEXTURE](mix.show_texture(texture.shown * known, known))

    def draw(self, shape: Shape, texture: Texture) -> Dressed:
        """The garment of that cut in that cloth."""
        features = mix.fuse(shape.features, self.read_features(texture, shape))
        with torch.inference_mode():
            drawn = mix.draw(self._generator, features).float().clamp(-1, 1)
        return self._finish(drawn, shape, texture)

    def draw_mean(self) -> Pixels:
        """The generator's mean garment: what is drawn when nobody says anything."""
        with torch.inference_mode():
            codes = self._generator.spread(self._generator.mapping.average[None])
            return to_pixels(self._generator.synthesis(codes, "fixed").clamp(-1, 1))[0]

    def find_worn(self, photo: Pixels, region: str | None = None) -> Worn:
        """The garment that a person in a photo wears: the one that fills most of it, or of a region."""
        if self._segmenter is None:
            find_weights("segmenter", self.roots)  # a sentence with the way to train it
            raise CheckpointMissing("The garment segmenter came after these weights were loaded; ask again.")
        return find_worn(self._segmenter, photo, region)

    def garment_of(self, photo: Pixels, cut: str | None = None, region: str | None = None) -> Dressed:
        """What a person in a photo wears as a garment of a template's cut, anchors carried; the cut is guessed if not named."""
        worn = self.find_worn(photo, region)
        chosen = guess_template(worn) if cut is None else template(cut)
        shape = self.read_template(chosen.name)
        return self.draw(shape, self._texture(lambda size: lay_on(worn, chosen, size), True, ()))

    def try_on(self, garment: Dressed, kind: str, figure_seed: int, choices: FigureChoices | None = None) -> Pixels:
        """The garment on an engine figure in any pose, arms and hair in front."""
        return put_on(garment, kind, figure_seed, choices)

    def _finish(self, drawn: Tensor, shape: Shape, texture: Texture) -> Dressed:
        size = (shape.outline.mask.shape[0], shape.outline.mask.shape[1])
        inside = (shape.mask > 0.5).float()
        share = differ_from_white(drawn)
        if self._segmenter is not None:
            with torch.inference_mode():
                share = cloth_share(self._segmenter(drawn))
        own = _bytes(share > 0.5)
        # where the generator left ground inside the asked outline, the garment's colours are carried on
        known = inside * (share > 0.5) if self._segmenter is not None else inside
        known = inside if float(known.sum()) < 0.5 * float(inside.sum()) else known
        near = F.max_pool2d(inside, 3, 1, 1)
        square_laid = torch.where(near > 0, carry_on(drawn, known), torch.ones_like(drawn))
        coarser = 1
        while 2 * coarser * shape.frame.side <= texture.detail.shape[-1]:
            coarser *= 2  # a small picture shows no more of the detail than its own pixels can
        detail = F.avg_pool2d(texture.detail, coarser)
        fine = put_back(square_laid, shape.frame, size, 1.0) + put_back(detail, shape.frame, size, 0.0)
        laid = to_pixels(fine.clamp(-1, 1))[0]
        mask = shape.outline.mask
        seen = texture.seen if texture.in_place else torch.zeros_like(texture.seen)
        invented = np.asarray((put_back(1 - seen, shape.frame, size, 1.0)[0, 0].numpy() > 0.5) & (mask > 127), np.uint8)
        square = to_pixels(drawn)[0]
        cloth = to_pixels(texture.cloth)[0], _bytes(texture.seen > 0.5)
        count = max(int((mask > 127).sum()), 1)
        facts = {
            "outline_iou": round(overlap(own, _bytes(inside > 0.5)), 4),
            "outline_by": "whiteness" if self._segmenter is None else "segmenter",
            "colour_difference": round(colour_difference((square, _bytes(inside > 0.5)), cloth), 2),
            "invented_share": round(float(invented.sum()) / count, 4),
            "template": None if shape.template is None else shape.template.name,
            "anchors": _anchors(shape),
            "notes": [*shape.outline.notes, *texture.notes],
        }
        tinted = laid.astype(np.float32)
        tinted[invented > 0] = tinted[invented > 0] * 0.6 + np.array([255.0, 60.0, 160.0]) * 0.4
        return Dressed(
            np.dstack((laid, mask)), mask, invented * 255, tinted.astype(np.uint8), square, write_svg(mask), facts
        )


def lay_in_place(cloth: Cloth, shape: Shape, size: int) -> tuple[Tensor, Tensor]:
    """A cloth of the shape's own picture where it is: pixels 1 x 3 x S x S, and where they are seen for sure."""
    known = mask_to_tensor(cloth.seen)
    share = cut_frame(known, [shape.frame], size, 0.0)
    laid = cut_frame(to_tensor(cloth.pixels) * known, [shape.frame], size, 0.0) / share.clamp_min(1e-3)
    inside = F.interpolate((shape.mask > 0.5).float(), (size, size))
    sure = (share > 0.9).float() * inside
    return laid * sure, sure


def put_on(garment: Dressed, kind: str, figure_seed: int, choices: FigureChoices | None = None) -> Pixels:
    """A garment on the engine figure of a seed; ``choices`` names pose, view, ground and what else is worn."""
    return wear(Part(garment.pixels, garment.mask, kind, garment.facts["anchors"]), figure_seed, choices)


def find_weights(name: str, roots: Sequence[Path]) -> Found:
    """Weights in service, or a sentence that says which are missing and how to train them."""
    return checkpoints.find_or_advise(Predictor.system, name, roots, _PURPOSE[name], _WANTS[name])


def _bytes(mask: Tensor) -> Mask:
    return np.asarray(mask[0, 0].cpu().numpy() * 255, np.uint8)


def _anchors(shape: Shape) -> dict[str, list[float]]:
    """The template's anchors in the pixels of the result, by name; none for an outline that somebody drew."""
    if shape.template is None:
        return {}
    placed = shape.template.anchors * shape.frame.side
    corner = np.array([shape.frame.column, shape.frame.row]) - shape.frame.side / 2
    return {
        name: [round(float(value), 2) for value in placed[at] + corner]
        for at, name in enumerate(ANCHORS)
        if not np.isnan(placed[at]).any()
    }
