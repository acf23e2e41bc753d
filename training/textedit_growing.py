"""A generator of faces goes on at other pixels than it learned at, with the same codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from core import checkpoints
from core.stylegan2 import Generator
from core.textedit.codes import Standard
from core.textedit.config import Config
from training.growing import enlarge, refine, tell_before
from training.spec import BadRequest, RunSpec


def choose_size(request: RunSpec, config: Config) -> Config:
    """The config at the pixels that option ``size`` asks for."""
    if "size" not in request.options:
        return config
    try:
        return replace(config, generator=replace(config.generator, size=int(request.options["size"])))
    except ValueError as error:
        raise BadRequest(f"Option size: {error}") from error


def grow(generator: Generator, standard: Standard, options: Mapping[str, Any]) -> str:
    """Begins with the checkpoint of option ``grow``, made for other pixels or as many: the same picture, enlarged, and codes
    that say the same. Blocks that it has not may come from the one of option ``fine``.

    Says what was seen before, for the card.
    """
    folder = Path(str(options["grow"]))
    found = checkpoints.Found(folder, checkpoints.read_card(folder), folder)
    own = Config.read(found.card.config).generator
    weights = checkpoints.load(found, ("generator", "standard"))
    checkpoints.fill(standard, weights["standard"], f"{folder} (standard)")
    enlarge(generator, weights["generator"], own, str(folder))
    if "fine" in options and own.size < generator.config.size:
        fine = Path(str(options["fine"]))
        kept = checkpoints.load(checkpoints.Found(fine, checkpoints.read_card(fine), fine), ("generator",))["generator"]
        refine(generator, weights["generator"].keys(), kept, str(fine))
    return tell_before(found.card, f"at {own.size} px")
