"""The way in: a photo to a code, a text to a moved code, a code to a picture, a picture to a sentence."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from core import checkpoints
from core.checkpoints import Card, CheckpointMissing, Found
from core.engine.wordings import Language
from core.face import align
from core.face.reader import Face, FaceReader
from core.image import Pixels, check_pixels, to_pixels, to_tensor
from core.perceptual import load_distance
from core.textedit import invert
from core.textedit.caption import Captioner
from core.textedit.codes import calm_codes, full_length
from core.textedit.config import Config
from core.textedit.invert import Effort
from core.textedit.networks import Fusion, PhotoEncoder, TextEncoder, make_generator
from core.textedit.requests import in_learned_words
from core.textedit.telling import choose_sentence, read_doubts
from core.textedit.vocabulary import STARTS, number_words, read_numbers, stack_texts

PURPOSES = {
    "generator": "which draws faces",
    "inverter": "which finds the code of a photo",
    "editor": "which moves a code by a text",
    "captioner": "which describes faces",
    "speech": "which hears Chinese",
}
PROPOSED = 96
"""Sentences about a face whose clauses the best one is made of."""
Numbers = npt.NDArray[np.float32]


@dataclass(frozen=True)
class LatentCode:
    """A face as numbers; kept per photo, so that later edits are instant."""

    code: Numbers
    """(width,)"""
    own: Numbers | None = None
    """(layers, width) what this photo's layers add; None where nothing was refined."""
    mine: float = 1.0
    """1: as like the photo as can be; 0: the nearest face that edits well."""
    difference: float | None = None
    """Mean absolute difference from the photo, of 255, where it was refined."""
    behind: Numbers | None = None
    """(width,) what texts added behind the mapping network; None where none did."""


class Predictor:
    """Holds networks only."""

    system = "textedit"

    def __init__(
        self, modules: dict[str, Any], config: Config, reader: FaceReader | None, cards: dict[str, Found]
    ) -> None:
        """``modules``: generator, and of encoder, words, fusion, captioner and distance those that are there."""
        self._modules, self.config, self._reader, self.cards = modules, config, reader, cards
        self.roots: tuple[Path, ...] = ()
        """Where weights were looked for."""

    @classmethod
    def load(cls, roots: Sequence[Path]) -> Predictor:
        """The networks in service. Only the generator must be there; what lacks is told when it is asked for."""
        found = find_weights("generator", roots)
        config = Config.read(found.card.config)
        modules: dict[str, Any] = {"generator": _fill(make_generator(config), found, "generator")}
        cards = {"generator": found}
        wanted: tuple[tuple[str, str, Callable[[Config], nn.Module]], ...] = (
            ("inverter", "encoder", PhotoEncoder),
            ("editor", "words", TextEncoder),
            ("editor", "fusion", Fusion),
            ("editor", "captioner", Captioner),
            ("captioner", "captioner", Captioner),  # who saw true captions alone tells of photos, where it is there
        )
        for name, key, make in wanted:
            try:
                card = checkpoints.find(cls.system, name, roots)
            except CheckpointMissing:
                continue
            own = Config.read(card.card.config)
            if own.generator != config.generator:
                raise checkpoints.CheckpointMismatch(
                    f"textedit {name} was made for codes of {own.generator.code_width} numbers at {own.size} px, the "
                    f"generator in service has {config.generator.code_width} at {config.size} px; publish both from one preset."
                )
            if (name, key) == ("editor", "captioner") and not checkpoints.load(card, (key,)):
                continue  # texts that learned on codes alone
            modules[key], cards[name] = _fill(make(own), card, key), card
        with contextlib.suppress(CheckpointMissing):  # pixels alone then lead a refinement
            modules["distance"] = load_distance(roots)
        try:
            reader = FaceReader.load(roots)
        except CheckpointMissing:
            reader = None
        predictor = cls(modules, config, reader, cards)
        predictor.roots = tuple(roots)
        return predictor

    def _need(self, key: str, recipe: str) -> Any:
        if key not in self._modules:
            find_weights(recipe, self.roots)  # a sentence with the way to train them
            raise CheckpointMissing(f"The weights of textedit {recipe} came after the others were loaded; ask again.")
        return self._modules[key]

    def need(self, *recipes: str) -> None:
        """A sentence where weights of these recipes are missing, before any work is done."""
        for recipe, keys in (
            ("inverter", ("encoder",)),
            ("editor", ("words", "fusion")),
            ("captioner", ("captioner",)),
        ):
            for key in keys if recipe in recipes else ():
                self._need(key, recipe)

    def frame(self, photo: Pixels, before: Face | None = None) -> tuple[Pixels, align.Square]:
        """The portrait in a photo, as large as the generator draws, and where it was; no face is ``NoFace``."""
        check_pixels(photo)
        reader = self._need_reader()
        face = reader.follow(photo, before) if before is not None else None
        return frame_face(photo, face or reader.find_one(photo), self.config.size)

    def follow(self, frame: Pixels, before: Face | None = None) -> Face | None:
        """The face of the frame before, found again, or the largest one; None where there is none."""
        return self._need_reader().follow(check_pixels(frame), before)

    def _need_reader(self) -> FaceReader:
        if self._reader is None:
            raise CheckpointMissing(
                "There are no weights for finding faces. Train them: python -m training face finder"
            )
        return self._reader

    def find(
        self,
        portrait: Pixels,
        effort: Effort | None = None,
        start: LatentCode | None = None,
        report: Callable[[float], None] | None = None,
    ) -> LatentCode:
        """The code of a framed portrait. ``start``: the code of the frame before, for video."""
        picture = to_tensor(portrait)
        if picture.shape[2] != self.config.size:
            raise ValueError(f"A portrait is {self.config.size} pixels a side (see frame), not {picture.shape[2]}.")
        first: Tensor | tuple[Tensor, Tensor]
        if start is None:
            first = self._need("encoder", "inverter")(picture)
        else:
            first = torch.from_numpy(start.code)[None]
            first = first if start.own is None else (first, torch.from_numpy(start.own)[None])
        found = invert.refine(self._modules["generator"], picture, first, effort, self._modules.get("distance"), report)
        return LatentCode(_numbers(full_length(found.code)), _numbers(found.own), difference=found.difference)

    @torch.no_grad()
    def steer(self, code: LatentCode, text: str, strength: float = 1.0) -> LatentCode:
        """The code moved by a text. Empty text or strength 0: the very same code. Commands are for the conversation."""
        if not 0.0 <= strength <= 1.0:
            raise ValueError(f"A strength lies between 0 and 1, not at {strength}.")
        numbers = number_words(in_learned_words(text))
        if not numbers or strength == 0.0:
            return code
        said = self._need("words", "editor")(stack_texts([numbers]))
        fusion = self._need("fusion", "editor")
        now = torch.from_numpy(code.code)[None]
        if not fusion.behind:
            return replace(code, code=_numbers(fusion(now, said, strength)))
        added = torch.zeros_like(now) if code.behind is None else torch.from_numpy(code.behind)[None]
        carried = fusion.carry(self._modules["generator"].mapping(now) + added, said)
        return replace(code, behind=_numbers(added + strength * carried))

    @torch.no_grad()
    def draw(self, code: LatentCode) -> Pixels:
        """The picture of a code."""
        own, behind = (None if one is None else torch.from_numpy(one)[None] for one in (code.own, code.behind))
        now = torch.from_numpy(code.code)[None]
        picture = invert.draw(self._modules["generator"], now, own, code.mine, behind)
        return to_pixels(picture.clamp(-1, 1))[0]

    def describe(self, portrait: Pixels, language: Language = "en") -> str:
        """A sentence about a framed portrait."""
        rows, grades = self._need("captioner", "captioner").propose(to_tensor(portrait), PROPOSED, STARTS[language])
        doubts = read_doubts(self._card_of_captioner().validation)
        return choose_sentence([read_numbers(row, language) for row in rows], grades.tolist(), doubts)

    def _card_of_captioner(self) -> Card:
        """Whose captioner tells of photos."""
        return self.cards["captioner" if "captioner" in self.cards else "editor"].card

    def imagine(self, seed: int, calm: float = 0.8) -> LatentCode:
        """Somebody who does not exist, from N(0, I); ``calm`` below 1 keeps to the ordinary."""
        draws = torch.randn(1, self.config.generator.code_width, generator=torch.Generator().manual_seed(seed))
        return LatentCode(_numbers(calm_codes(draws, calm)))


def find_weights(recipe: str, roots: Sequence[Path]) -> Found:
    """Weights in service, or a sentence that says which are missing and how to train them."""
    return checkpoints.find_or_advise(Predictor.system, recipe, roots, PURPOSES[recipe])


def frame_face(photo: Pixels, face: Face, size: int) -> tuple[Pixels, align.Square]:
    """A face cut out as the engine frames portraits."""
    square = align.portrait_square(face.points)
    return align.crop(photo, square, size), square


def _fill(network: nn.Module, found: Found, key: str) -> nn.Module:
    checkpoints.fill(network, checkpoints.load(found, (key,))[key], f"{found.folder} ({key})")
    return network.eval().requires_grad_(False)


def _numbers(value: Tensor) -> Numbers:
    return value[0].detach().float().cpu().numpy()
