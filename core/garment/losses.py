"""Losses of the garment room's encoders: pixels, looks, and the outline that the drawn garment has by itself."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from core.garment.segment import cloth_share, differ_from_white


def pixel_error(drawn: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference."""
    return (drawn.float() - target).square().mean()


def outline_error(drawn: Tensor, mask: Tensor, segmenter: Callable[[Tensor], Tensor] | None) -> Tensor:
    """Mean absolute difference of where the drawn garment is seen and where it should be; without a segmenter,
    what differs from white counts as garment."""
    seen = differ_from_white(drawn) if segmenter is None else cloth_share(segmenter(drawn.clamp(-1, 1)))
    return (seen - mask).abs().mean()
