"""A generator that learned at few pixels goes on at more (Karras 2018): what it knows is kept, finer blocks begin unseen."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from core import checkpoints
from core.checkpoints import Card
from core.stylegan2 import Config, Generator
from training.spec import BadRequest


@torch.no_grad()
def enlarge(generator: Generator, weights: dict[str, Tensor], own: Config, where: str) -> None:
    """Begins with weights (of ``own`` config) of fewer or as many pixels: the same picture, enlarged."""
    if own.size > generator.config.size or replace(own, size=generator.config.size) != generator.config:
        raise BadRequest(
            f"{where} draws {own.size} px with other widths than asked for ({generator.config.size} px); a generator grows "
            "only in pixels."
        )
    for block in generator.synthesis.blocks[len(own.resolutions) :]:
        block.to_rgb.weight.zero_()  # pyright: ignore[reportCallIssue, reportAttributeAccessIssue]
    checkpoints.fill(generator, generator.state_dict() | weights, f"{where} (generator)")


def tell_before(card: Card, own: Config) -> str:
    """What was seen before, for the card."""
    before = card.data.get("before")
    return f"{card.pictures:,} pictures at {own.size} px" + (f", before that {before}" if before else "")
