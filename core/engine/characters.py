"""The characters by name: load one, draw it, draw moments for it by seed."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import torch
from torch import Tensor

from core.engine.character import Character, assemble, make_pose
from core.engine.character_stage import FRAMINGS, GROUNDS, LIGHTS, CharacterStage
from core.engine.head import load_head
from core.engine.moments import EXPRESSIONS, draw_moments
from core.engine.people import Draws
from core.engine.portray import CharacterPicture, draw_character

__all__ = [
    "CHARACTERS", "FRAMINGS", "GROUNDS", "LIGHTS", "SHOWN_EXPRESSIONS", "Character", "CharacterPicture", "CharacterStage",
    "character_moments", "draw_character", "draw_characters_by_seed", "draw_expressions", "load_character", "make_pose",
]  # fmt: skip
CHARACTERS: tuple[str, ...] = ("juno", "fen")
SHOWN_EXPRESSIONS = ("rest", "broad smile", "wink", "surprise", "anger", "sad", "talk o", "tongue")
SMALL_TURN_DEGREES = (9.0, 6.0, 4.0)
"""Deviation of yaw, pitch and roll in training pictures."""


def load_character(name: str, device: torch.device | str = "cpu") -> Character:
    """A character on a device, made once."""
    if name not in CHARACTERS:
        raise ValueError(f"There is no character {name!r}; the characters are {', '.join(CHARACTERS)}.")
    return _load(name, str(device))


@functools.lru_cache(maxsize=4)
def _load(name: str, device: str) -> Character:
    import importlib

    shape = importlib.import_module(f"core.engine.{name}")
    made = assemble(load_head("cpu"), shape.make_look(load_head("cpu")))
    return made if torch.device(device).type == "cpu" else made.to(device)


def character_moments(seeds: Sequence[int] | Tensor) -> tuple[Tensor, Tensor]:
    """Controllers (N, 130) as the engine's people have them, and small head turns (N, 3) in degrees, of these seeds."""
    at = torch.as_tensor(seeds, dtype=torch.int64)
    draws = Draws(at)
    turn = torch.stack([draws.normal(f"character {way}").clamp(-2.2, 2.2) for way in ("yaw", "pitch", "roll")], 1)
    return draw_moments(at).controllers, turn * turn.new_tensor(SMALL_TURN_DEGREES)


def draw_characters_by_seed(name: str, seeds: Sequence[int] | Tensor, size: int = 256) -> CharacterPicture:
    """A character at the moments of these seeds."""
    controllers, turn = character_moments(seeds)
    return draw_character(load_character(name), controllers, CharacterStage(turn), size)


def draw_expressions(
    name: str, expressions: Sequence[str] = SHOWN_EXPRESSIONS, size: int = 256, stage: CharacterStage | None = None
) -> CharacterPicture:
    """A character wearing expressions of ``moments.EXPRESSIONS`` ("rest" too), as a designer would show it."""
    for wanted in expressions:
        if wanted != "rest" and wanted not in EXPRESSIONS:
            raise ValueError(f"There is no expression {wanted!r}; there are rest, {', '.join(EXPRESSIONS)}.")
    poses = torch.stack([make_pose(EXPRESSIONS.get(wanted, {})) for wanted in expressions])
    return draw_character(load_character(name), poses, stage, size)
