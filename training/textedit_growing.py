"""A generator that learned at few pixels goes on at more (Karras 2018): what it knows is kept, finer blocks begin unseen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from core import checkpoints
from core.stylegan2 import Generator
from core.textedit.codes import Standard
from core.textedit.config import Config
from training.spec import BadRequest, RunSpec


def choose_size(request: RunSpec, config: Config) -> Config:
    """The config at the pixels that option ``size`` asks for."""
    if "size" not in request.options:
        return config
    try:
        return replace(config, generator=replace(config.generator, size=int(request.options["size"])))
    except ValueError as error:
        raise BadRequest(f"Option size: {error}") from error


@torch.no_grad()
def grow(generator: Generator, standard: Standard, folder: Path) -> str:
    """Begins with a checkpoint of fewer or as many pixels: the same picture, enlarged, and codes that say the same.

    Says what was seen before, for the card.
    """
    found = checkpoints.Found(folder, checkpoints.read_card(folder), folder)
    own = Config.read(found.card.config).generator
    if own.size > generator.config.size or replace(own, size=generator.config.size) != generator.config:
        raise BadRequest(
            f"{folder} draws {own.size} px with other widths than asked for ({generator.config.size} px); a generator grows "
            "only in pixels."
        )
    weights = checkpoints.load(found, ("generator", "standard"))
    checkpoints.fill(standard, weights["standard"], f"{folder} (standard)")
    for block in generator.synthesis.blocks[len(own.resolutions) :]:
        block.to_rgb.weight.zero_()  # pyright: ignore[reportCallIssue, reportAttributeAccessIssue]
    checkpoints.fill(generator, generator.state_dict() | weights["generator"], f"{folder} (generator)")
    before = found.card.data.get("before")
    return f"{found.card.pictures:,} pictures at {own.size} px" + (f", before that {before}" if before else "")
