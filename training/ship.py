"""Puts a run's result among the weights that ship with the project: as fp16, or as int8 per channel where the budget is small."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from core import checkpoints
from training.spec import BadRequest

SHIPPED = Path(__file__).parents[1] / "assets" / "weights"


def ship(result: Path, root: Path, precision: str, notes: str) -> Path:
    """A result folder's weights under ``root``, in place of those of that name; refused if worse under the same protocol.

    Scores on held-out seeds are those of older weights, so the card's are emptied: ``likeness measure --record`` fills them.
    """
    try:
        card = checkpoints.read_card(result)
    except (checkpoints.CheckpointMissing, checkpoints.CheckpointBroken, OSError) as error:
        raise BadRequest(f"{result} is no finished run's result: {error}") from error
    folder = root / card.subject / card.name
    if (folder / checkpoints.CARD).is_file():
        serving = checkpoints.read_card(folder)
        if serving.protocol == card.protocol:
            try:
                checkpoints.gate(card, checkpoints.Found(folder, serving, root))
            except checkpoints.NotBetter as error:
                raise BadRequest(str(error)) from error
    weights = checkpoints.load(checkpoints.Found(result, card, result))
    fresh = replace(
        card, version=checkpoints.version_of(card), scores={}, baselines={}, worst_group={}, notes=notes or card.notes
    )
    checkpoints.save(folder, fresh, weights, precision)
    return folder


def main(words: list[str]) -> int:
    """``python -m training ship RESULT``."""
    parser = argparse.ArgumentParser(prog="python -m training ship", description=__doc__)
    parser.add_argument("result", type=Path, help="the folder result/ of a finished run")
    parser.add_argument("--precision", choices=("fp16", "int8"), default="fp16")
    parser.add_argument("--notes", default="", help="a sentence for the card")
    parser.add_argument("--root", type=Path, default=SHIPPED, help="where weights ship (default: the project's own)")
    asked = parser.parse_args(words)
    sys.stdout.write(f"{ship(asked.result, asked.root, asked.precision, asked.notes)}\n")
    return 0
