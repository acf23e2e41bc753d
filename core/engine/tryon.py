"""Try-on: a caller's own flat picture of a garment on a figure, by the same surface map that engine garments are worn by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from core.engine.anchors import find_flat_anchors, guess_centimetres
from core.engine.charts import Flat
from core.engine.cuts import KINDS
from core.engine.figure_choices import FigureChoices, check_figures, layer_of
from core.engine.figures import FigureBatch, draw_plan, dress_plan, plan_figures
from core.engine.wardrobe import HIDDEN, PARTS, prepare


@dataclass(frozen=True)
class FlatGarment:
    """One flat picture of a garment."""

    pixels: Tensor
    """(3, H, W) in [-1, 1]."""
    mask: Tensor
    """(H, W) bool or 0..1: where there is cloth."""
    kind: str
    """A name of cuts.KINDS."""
    anchors: Tensor | None = None
    """(14, 2), column and row in pixels; found from the mask if not given."""
    centimetres: float | None = None
    """Size of a pixel; guessed from the kind if not given."""
    parts: Tensor | None = None
    """(H, W) places in panels.PARTS, where known: what shows of the inside is then left out exactly."""


def dress(
    figure_seeds: Sequence[int],
    garment: FlatGarment,
    device: torch.device | str = "cpu",
    size: int = 256,
    choices: FigureChoices | None = None,
) -> FigureBatch:
    """The garment on the figures of these seeds, arms and hair in front; what else they wear is drawn by their seeds.

    ``choices.kind`` may name the other garments (``jeans`` under a tee); pose, view and background are chosen there too.
    """
    choices = choices or FigureChoices()
    _check(garment)
    kinds = _with_kind(choices.kind, garment.kind, len(figure_seeds))
    choices = replace(choices, kind=kinds)
    where = check_figures(figure_seeds, device, size, choices)
    batch = len(figure_seeds)
    with torch.no_grad():
        plan = plan_figures(list(figure_seeds), where, choices, size)
        layers = dress_plan(plan)
        name = layer_of(garment.kind)
        name = "top" if name == "whole" else name
        layers[name] = prepare(_repeat(make_flat(garment, where), batch), layers[name].present)
        sizes = {layer.flat.pixels.shape[-1] for layer in layers.values()}
        if len(sizes) > 1:
            layers = {key: replace(layer, flat=_resize(layer.flat, max(sizes))) for key, layer in layers.items()}
        return draw_plan(plan, layers)


def _check(garment: FlatGarment) -> None:
    if garment.kind not in KINDS:
        raise ValueError(f"There is no kind called {garment.kind!r}; wanted one of: {', '.join(KINDS)}.")
    if garment.pixels.dim() != 3 or garment.pixels.shape[0] != 3 or garment.mask.shape != garment.pixels.shape[1:]:
        raise ValueError(
            f"The garment is {tuple(garment.pixels.shape)} with a mask {tuple(garment.mask.shape)}; "
            "wanted (3, height, width) and (height, width)."
        )


def _with_kind(given: str | Sequence[str] | None, kind: str, count: int) -> list[str]:
    """The caller's kinds with the garment's own among them."""
    names = [""] * count if given is None else [given] * count if isinstance(given, str) else list(given)
    return [one if kind in one.split("+") else "+".join(filter(None, (one, kind))) for one in names]


def make_flat(garment: FlatGarment, device: torch.device | str) -> Flat:
    """The garment as one square flat picture, 512 pixels at most."""
    mask = garment.mask.to(device) > 0.5
    pixels = garment.pixels.to(device=device, dtype=torch.float32).clamp(-1, 1)
    anchors = find_flat_anchors(mask, garment.kind) if garment.anchors is None else garment.anchors.to(device)
    centimetres = guess_centimetres(anchors, garment.kind) if garment.centimetres is None else garment.centimetres
    height, width = mask.shape
    side = max(height, width)
    across, down = (side - width) // 2, (side - height) // 2
    edges = (across, side - width - across, down, side - height - down)
    pixels = F.pad(pixels[None], edges, value=1.0)
    solid = F.pad(mask[None, None].to(torch.float32), edges)
    parts = torch.zeros_like(mask) if garment.parts is None else garment.parts.to(device)
    held = F.pad(parts[None, None].to(torch.float32), edges)
    anchors = anchors.to(torch.float32) + anchors.new_tensor([across, down])
    final = min(side, 512)
    if final < side:
        pixels = F.interpolate(pixels, size=(final, final), mode="area")
        solid = F.interpolate(solid, size=(final, final), mode="area")
        held = F.interpolate(held, size=(final, final), mode="nearest-exact")
    shown = solid[:, 0] > 0.5
    hidden = torch.zeros_like(shown)
    for name in HIDDEN:
        hidden = hidden | (held[:, 0].round() == PARTS.index(name))
    if garment.parts is None:
        hidden = hidden | _below_throat(shown, anchors * (final / side))
    return Flat(
        pixels,
        shown,
        shown & ~hidden,
        (anchors * (final / side))[None],
        torch.tensor([KINDS.index(garment.kind)], device=shown.device),
        torch.tensor([centimetres * side / final], device=shown.device),
        None if garment.parts is None else held[:, 0].round().to(torch.uint8),
    )


def _below_throat(shown: Tensor, anchors: Tensor) -> Tensor:
    """The neck's opening (1, F, F) as the anchors tell it: under the line between the neck points, above the front's."""
    from core.engine.outlines import ANCHORS

    left, right, front = (anchors[ANCHORS.index(name)] for name in ("neck left", "neck right", "neck front"))
    if bool(torch.stack((left, right, front)).isnan().any()):
        return torch.zeros_like(shown)
    size = shown.shape[-1]
    at = torch.arange(size, device=shown.device) + 0.5
    row, column = torch.meshgrid(at, at, indexing="ij")
    half = 0.5 * (right - left)
    middle = 0.5 * (left + right)
    along = ((column - middle[0]) / half.norm().clamp_min(1.0)).clamp(-1.2, 1.2)
    depth = (front - middle)[1] * 0.96
    below = row - (middle[1] + along * half[1])
    return ((along.abs() < 1) & (below < depth * (1 - along**2).clamp_min(0.0) ** 0.6) & (below > -depth))[None]


def _repeat(flat: Flat, count: int) -> Flat:
    parts = None if flat.parts is None else flat.parts.expand(count, -1, -1)
    return Flat(
        flat.pixels.expand(count, -1, -1, -1),
        flat.mask.expand(count, -1, -1),
        flat.cover.expand(count, -1, -1),
        flat.anchors.expand(count, -1, -1),
        flat.kind.expand(count),
        flat.centimetres.expand(count),
        parts,
    )


def _resize(flat: Flat, size: int) -> Flat:
    """The same flats at another size, for records that hold several."""
    scale = size / flat.pixels.shape[-1]

    def grown(maps: Tensor) -> Tensor:
        return F.interpolate(maps[:, None].to(torch.float32), size=(size, size), mode="nearest-exact")[:, 0]

    return replace(
        flat,
        pixels=F.interpolate(flat.pixels, size=(size, size), mode="bilinear", align_corners=False),
        mask=grown(flat.mask) > 0.5,
        cover=grown(flat.cover) > 0.5,
        anchors=flat.anchors * scale,
        centimetres=flat.centimetres / scale,
        parts=None if flat.parts is None else grown(flat.parts).to(torch.uint8),
    )
