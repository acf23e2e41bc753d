"""Weights between two checkpoints of one network, where the second was learned from the first or both from the same.

What lies between often judges better than either: the one remembers faces that the other has not met since (Wortsman 2022,
"Robust fine-tuning of zero-shot models" and "Model soups"). The share is chosen on the validation band; a run of one step at
rate 0 that starts from the blend measures it and makes its card.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from core import checkpoints
from training.spec import BadRequest


def blend(first: Path, second: Path, share: float, out: Path) -> checkpoints.Card:
    """Writes to ``out`` what lies at ``share`` of the way from the first checkpoint to the second."""
    if not 0.0 <= share <= 1.0:
        raise BadRequest(f"A share lies between 0 (the first) and 1 (the second), not at {share}.")
    cards, weights = [], []
    for folder in (first, second):
        try:
            card = checkpoints.read_card(folder)
        except (checkpoints.CheckpointMissing, checkpoints.CheckpointBroken, OSError) as error:
            raise BadRequest(f"{folder} is no checkpoint: {error}") from error
        cards.append(card)
        weights.append(checkpoints.load(checkpoints.Found(folder, card, folder)))
    one, other = cards
    if (one.subject, one.name) != (other.subject, other.name) or _shapes(weights[0]) != _shapes(weights[1]):
        raise BadRequest(
            f"{first} is {one.subject} {one.name}, {second} is {other.subject} {other.name}: only two checkpoints of one network "
            "in one shape have anything between them."
        )
    between = {
        module: {key: _lay_between(value, weights[1][module][key], share) for key, value in tensors.items()}
        for module, tensors in weights[0].items()
    }
    parents = tuple(card.version for card in cards)
    card = replace(
        other, version=f"blend-{share:g}", parents=parents, validation={}, parent_validation={}, scores={}, baselines={},
        worst_group={}, notes=f"{share:g} of the way from {parents[0]} to {parents[1]}",
    )  # fmt: skip
    return checkpoints.save(out, card, between, "fp32")


def _shapes(weights: dict[str, dict[str, Tensor]]) -> dict[tuple[str, str], torch.Size]:
    return {(module, key): value.shape for module, tensors in weights.items() for key, value in tensors.items()}


def _lay_between(one: Tensor, other: Tensor, share: float) -> Tensor:
    """Counts and other whole numbers are the second's."""
    return torch.lerp(one.float(), other.float(), share) if one.is_floating_point() else other


def main(words: list[str]) -> int:
    """``python -m training blend FIRST SECOND --share S --out FOLDER``."""
    parser = argparse.ArgumentParser(prog="python -m training blend", description=__doc__)
    parser.add_argument("first", type=Path, help="folder of a checkpoint")
    parser.add_argument("second", type=Path, help="folder of another, learned from the first or from where it began")
    parser.add_argument("--share", type=float, default=0.5, help="how far on the way to the second")
    parser.add_argument("--out", type=Path, required=True, help="the new checkpoint's folder")
    asked = parser.parse_args(words)
    sys.stdout.write(f"{blend(asked.first, asked.second, asked.share, asked.out).notes}\n")
    return 0
