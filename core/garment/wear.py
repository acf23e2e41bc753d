"""A garment's part onto an engine figure: what is worn is a picture, its mask, its kind, and anchors where they are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from core.engine.cuts import KINDS
from core.engine.figure_choices import FigureChoices
from core.engine.outlines import ANCHORS
from core.engine.tryon import FlatGarment, dress
from core.image import Mask, Pixels, to_pixels

SMALLEST, LARGEST = 64, 1024


@dataclass(frozen=True)
class Part:
    """A flat garment that an avatar can wear."""

    pixels: Pixels
    """H x W x 3; what lies around the garment does not matter."""
    mask: Mask
    kind: str
    """A name of cuts.KINDS."""
    anchors: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """Column and row in pixels by name; empty: found from the mask."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"There is no kind of garment called {self.kind!r}; there is {', '.join(KINDS)}.")


def wear(part: Part, figure_seed: int, choices: FigureChoices | None = None, size: int = 256) -> Pixels:
    """The part on the engine figure of a seed; ``choices`` names pose, view, ground and what else is worn."""
    if not SMALLEST <= size <= LARGEST:
        raise ValueError(f"A figure is drawn at {SMALLEST} to {LARGEST} pixels a side, not {size}.")
    pixels = torch.from_numpy(np.ascontiguousarray(part.pixels[..., :3])).permute(2, 0, 1).float() / 127.5 - 1
    mask = torch.from_numpy(part.mask > 127)
    absent = (float("nan"), float("nan"))
    anchors = torch.tensor([tuple(part.anchors.get(name, absent)) for name in ANCHORS]) if part.anchors else None
    flat = FlatGarment(torch.where(mask, pixels, torch.ones_like(pixels)), mask, part.kind, anchors)
    return to_pixels(dress([figure_seed], flat, size=size, choices=choices).pixels)[0]
