"""Networks that learned while they were smaller go on: what they know is kept, and what is new begins unseen.

A generator grows in pixels (Karras 2018), any other network in width (Chen 2016, "Net2Net", but what is added listens from the
first step and is only later listened to, where copies of what is there would have to be told apart by noise).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import torch
from torch import Tensor, nn

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


@torch.no_grad()
def widen(module: nn.Module, weights: dict[str, Tensor], where: str) -> None:
    """Begins with weights made for fewer channels: what these say is the same, the others hear them and say nothing yet."""
    fresh = module.state_dict()
    for name, value in weights.items():
        part = tuple(slice(size) for size in value.shape)
        whole = fresh.get(name)
        if whole is None or whole.dim() != value.dim() or whole[part].shape != value.shape:
            raise BadRequest(f"{where} is no narrower network of this kind: {name} is {tuple(value.shape)} there.")
        if value.dim() > 1:
            whole[: len(value)] = 0.0
        whole[part] = value.to(whole.dtype)
    checkpoints.fill(module, fresh, where)


def tell_before(card: Card, shape: str) -> str:
    """What was seen before, and in which shape, for the card."""
    before = card.data.get("before")
    return f"{card.pictures:,} pictures {shape}" + (f", before that {before}" if before else "")
