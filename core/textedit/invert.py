"""A photo to a code: the encoder's first guess, then steps down the difference between what is drawn and the photo.

A refined code has two parts. ``code`` alone draws the nearest face that the generator knows well: easy to edit, less like
the photo. ``own`` adds to each layer what that face lacks. One number, ``mine``, slides between both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core.stylegan2 import Generator
from core.textedit.losses import picture_terms


@dataclass(frozen=True)
class Effort:
    """How long and how hard is looked for a code."""

    code_steps: int = 60
    """Steps of the code alone."""
    own_steps: int = 60
    """Steps of what each layer adds."""
    rate: float = 0.03
    near: float = 0.02
    """Weight that holds a code where faces are: it is a draw from N(0, I)."""
    small: float = 0.5
    """Weight that holds down what layers add."""


@dataclass(frozen=True)
class Refined:
    """What was found."""

    code: Tensor
    """1 x width."""
    own: Tensor
    """1 x layers x width, added to w."""
    difference: float
    """Mean absolute difference of the picture drawn with both, of 255."""


def draw(
    generator: Generator, code: Tensor, own: Tensor | None = None, mine: float = 1.0, behind: Tensor | None = None
) -> Tensor:
    """Pictures of codes; ``own`` at the share ``mine``; ``behind`` is what a text adds behind the mapping network."""
    w = generator.mapping(code)
    codes = generator.spread(w if behind is None else w + behind)
    return generator.synthesis(codes if own is None else codes + mine * own, "fixed")


def refine(
    generator: Generator,
    photo: Tensor,
    first: Tensor | tuple[Tensor, Tensor],
    effort: Effort | None = None,
    distance: nn.Module | None = None,
    report: Callable[[float], None] | None = None,
) -> Refined:
    """A code of ``photo`` (1 x 3 x S x S), from a first guess (1 x width); a frame's guess is the frame before's code and
    what its layers added (1 x layers x width)."""
    wanted = effort or Effort()
    frozen = [parameter.requires_grad for parameter in generator.parameters()]
    generator.requires_grad_(False)
    nothing = torch.zeros(1, generator.config.layer_count, generator.config.code_width, device=photo.device)
    guess, added = first if isinstance(first, tuple) else (first, nothing)
    code, own = (one.detach().clone().requires_grad_() for one in (guess, added))
    try:
        with torch.enable_grad():
            for stage, (moved, steps) in enumerate(((code, wanted.code_steps), (own, wanted.own_steps))):
                optimiser = torch.optim.Adam([moved], wanted.rate if stage == 0 else wanted.rate / 3)
                for step in range(steps):
                    drawn = draw(generator, code, own)
                    loss = torch.stack(list(picture_terms(drawn, photo, distance).values())).sum()
                    loss = loss + (
                        wanted.near * code.square().mean() if stage == 0 else wanted.small * own.square().mean()
                    )
                    optimiser.zero_grad(set_to_none=True)
                    (slope,) = torch.autograd.grad(loss, moved)
                    moved.grad = slope
                    optimiser.param_groups[0]["lr"] *= 1.0 if step < steps * 0.7 else 0.93
                    optimiser.step()
                    if report is not None:
                        report((stage + (step + 1) / steps) / 2)
    finally:
        for parameter, learns in zip(generator.parameters(), frozen, strict=True):
            parameter.requires_grad_(learns)
    with torch.no_grad():
        off = (draw(generator, code, own).clamp(-1, 1) - photo).abs().mean() * 127.5
    return Refined(code.detach(), own.detach(), float(off))
