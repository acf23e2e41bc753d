"""A generator of faces that learned at few pixels goes on at more, with the same codes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from core import checkpoints
from core.stylegan2 import Generator
from core.textedit.codes import Standard
from core.textedit.config import Config
from training.growing import enlarge, tell_before
from training.spec import BadRequest, RunSpec


def choose_size(request: RunSpec, config: Config) -> Config:
    """The config at the pixels that option ``size`` asks for."""
    if "size" not in request.options:
        return config
    try:
        return replace(config, generator=replace(config.generator, size=int(request.options["size"])))
    except ValueError as error:
        raise BadRequest(f"Option size: {error}") from error


def grow(generator: Generator, standard: Standard, folder: Path) -> str:
    """Begins with a checkpoint of fewer or as many pixels: the same picture, enlarged, and codes that say the same.

    Says what was seen before, for the card.
    """
    found = checkpoints.Found(folder, checkpoints.read_card(folder), folder)
    own = Config.read(found.card.config).generator
    weights = checkpoints.load(found, ("generator", "standard"))
    checkpoints.fill(standard, weights["standard"], f"{folder} (standard)")
    enlarge(generator, weights["generator"], own, str(folder))
    return tell_before(found.card, own)
