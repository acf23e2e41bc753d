"""A generator that learned at few pixels goes on at more (Karras 2018): what it knows is kept, finer blocks begin unseen."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import torch
from torch import Tensor

from core import checkpoints
from core.checkpoints import Card
from core.stylegan2 import Config, Generator
from training.spec import BadRequest


@torch.no_grad()
def enlarge(generator: Generator, weights: dict[str, Tensor], own: Config, where: str) -> None:
    """Begins with weights (of ``own`` config) made for other pixels: of fewer the same picture, enlarged; of more what it
    draws before its finest blocks, which learn nothing from small pictures."""
    if replace(own, size=generator.config.size) != generator.config:
        raise BadRequest(
            f"{where} draws {own.size} px with other widths than asked for ({generator.config.size} px); a generator grows "
            "only in pixels."
        )
    for block in generator.synthesis.blocks[len(own.resolutions) :]:
        block.to_rgb.weight.zero_()  # pyright: ignore[reportCallIssue, reportAttributeAccessIssue]
    fresh = generator.state_dict()
    kept = {name: value for name, value in weights.items() if own.size <= generator.config.size or name in fresh}
    checkpoints.fill(generator, fresh | kept, f"{where} (generator)")


def refine(generator: Generator, known: Collection[str], weights: dict[str, Tensor], where: str) -> None:
    """Takes all but the ``known`` weights from another checkpoint: what it knew of fine things before the rest learned on at
    fewer pixels."""
    finer = {name: value for name, value in weights.items() if name not in known}
    checkpoints.fill(generator, generator.state_dict() | finer, f"{where} (finer blocks)")


def tell_before(card: Card, own: Config) -> str:
    """What was seen before, for the card."""
    before = card.data.get("before")
    return f"{card.pictures:,} pictures at {own.size} px" + (f", before that {before}" if before else "")
