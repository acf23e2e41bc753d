"""The flat garments that figures wear: drawn by seed or the caller's own pictures, made ready to be put on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from core.engine.charts import Chart, Flat, measure_charts
from core.engine.cuts import KINDS
from core.engine.figure_choices import LAYER_SEEDS, WORN
from core.engine.garment_choices import Choices
from core.engine.garments import garments
from core.engine.outlines import ANCHORS
from core.engine.panels import PARTS

HIDDEN = ("inside", "label")
"""Parts of a flat garment that are not seen on its front once it is worn."""


@dataclass(frozen=True)
class Layer:
    """One worn layer of B figures."""

    present: Tensor
    """(B,) bool."""
    flat: Flat
    chart: Chart
    paint: Tensor
    """(B, 5, F, F): linear colour carried past the outline, cover seen on the front, cover seen anywhere."""


def prepare(flat: Flat, present: Tensor) -> Layer:
    """A layer of flat garments."""
    return Layer(present, flat, measure_charts(flat), paint_of(flat))


def draw_layers(
    outfits: list[dict[str, str]], seeds: tuple[Tensor, Tensor | None, Tensor | None], size: int
) -> dict[str, Layer]:
    """The layers of WORN that any of the figures has; ``seeds`` are its own, of the outlines, of the cloths."""
    own, outlines, cloths = seeds
    wanted: list[tuple[str, int, str]] = []
    for layer in WORN:
        for at, outfit in enumerate(outfits):
            kind = outfit.get(layer) or (outfit.get("whole") if layer == "top" else None)
            if kind:
                wanted.append((layer, at, kind))

    def shifted(given: Tensor | None) -> list[int] | None:
        if given is None:
            return None
        listed = given.tolist()
        return [listed[at] + LAYER_SEEDS * (("top", "outer", "bottom").index(layer)) for layer, at, _ in wanted]

    choices = Choices(
        outline_seeds=shifted(outlines),
        cloth_seeds=shifted(cloths),
        kind=[kind for _, _, kind in wanted],
        supersample=1.0,
    )
    held = shifted(own)
    assert held is not None
    drawn = garments(held, own.device, size, choices)
    hidden = torch.zeros_like(drawn.mask)
    for name in HIDDEN:
        hidden = hidden | (drawn.parts == PARTS.index(name))
    layers = {}
    for layer in WORN:
        rows = [at for at, entry in enumerate(wanted) if entry[0] == layer]
        if not rows:
            continue
        of_figure = {wanted[at][1]: at for at in rows}
        index = torch.tensor([of_figure.get(at, rows[0]) for at in range(len(outfits))], device=own.device)
        present = torch.tensor([at in of_figure for at in range(len(outfits))], device=own.device)
        kind = torch.tensor([KINDS.index(wanted[at][2]) for at in index.tolist()], device=own.device)
        flat = Flat(
            drawn.pixels[index],
            drawn.mask[index],
            (drawn.mask & ~hidden)[index],
            drawn.anchors[index],
            kind,
            drawn.centimetres[index],
            drawn.parts[index],
        )
        layers[layer] = prepare(flat, present)
    return layers


def paint_of(flat: Flat) -> Tensor:
    """What a layer is painted with, (B, 5, F, F)."""
    solid = flat.cover[:, None].to(torch.float32)
    inner = -F.max_pool2d(-solid, 3, 1, 1)
    light = (flat.pixels * 0.5 + 0.5).clamp(0, 1) ** 2.2
    colour = _spread(light * inner, inner)
    whole = flat.mask[:, None].to(torch.float32)
    seen = solid * (1 - _throat(flat)[:, None])
    hidden = whole * (1 - seen)
    outside = F.max_pool2d(seen, 3, 1, 1) * (1 - hidden)
    anywhere = F.max_pool2d(whole, 3, 1, 1)
    return torch.cat((colour, *(_rounded(cover) for cover in (outside, anywhere))), 1)


def _rounded(cover: Tensor) -> Tensor:
    """A cover whose half-way line is smooth, not stepped."""
    for _ in range(2):
        cover = F.avg_pool2d(F.pad(cover, (1, 1, 1, 1), mode="replicate"), 3, 1)
    return cover


def _throat(flat: Flat) -> Tensor:
    """Where (B, F, F) a flat top shows the back of its neck, which a worn one hides behind the wearer's own."""
    size = flat.mask.shape[-1]
    left, right = (flat.anchors[:, ANCHORS.index(f"neck {side}")] for side in ("left", "right"))
    middle, across = 0.5 * (left + right), 0.5 * (right - left)
    half = across.norm(dim=-1)
    across = across / half[:, None]
    at = torch.arange(size, device=flat.mask.device) + 0.5
    row, column = torch.meshgrid(at, at, indexing="ij")
    x, y = column - middle[:, 0, None, None], row - middle[:, 1, None, None]
    along = (x * across[:, 0, None, None] + y * across[:, 1, None, None]) / half[:, None, None]
    below = (y * across[:, 0, None, None] - x * across[:, 1, None, None]) / half[:, None, None]
    near = (along.abs() < 1.02) & (below < 0.40 * (1 - along**2)) & (below > -4)
    if flat.parts is not None:
        # the back's neckband lies above what is seen of the inside
        inside = (flat.parts == PARTS.index("inside")) & (below < 2.0)
        above = inside.flip(1).to(torch.float32).cummax(1).values.flip(1) > 0
        near = near | (above & (along.abs() < 1.02) & (flat.parts == PARTS.index("collar")))
        near = near & (flat.parts != PARTS.index("hood"))
    # comparisons with the NaN of garments without a neck are False
    return near.to(torch.float32)


def _spread(colour: Tensor, known: Tensor) -> Tensor:
    """Colours (B, 3, F, F, 0 where not known) carried on over the whole picture, coarse to fine (pull-push, Gortler 1996)."""
    levels = [(colour, known)]
    while min(levels[-1][0].shape[2:]) > 3 and len(levels) < 7:
        levels.append((F.avg_pool2d(levels[-1][0], 2), F.avg_pool2d(levels[-1][1], 2)))
    filled = levels[-1][0] / levels[-1][1].clamp_min(1e-4)
    for summed, share in reversed(levels[:-1]):
        grown = F.interpolate(filled, size=summed.shape[2:], mode="bilinear", align_corners=False)
        filled = torch.where(share > 0, summed / share.clamp_min(1e-4), grown)
    return filled
