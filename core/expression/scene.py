"""The driven character in a chosen scene: ground, light and framing; as pixels, with transparency where the ground is clear."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from core.engine.characters import CharacterStage, draw_character, load_character
from core.expression.rig import Values
from core.image import Pixels, to_pixels

FARTHEST_DEGREES = (40.0, 28.0, 28.0)
"""How far a character's head turns; what is read beyond it is held there."""


@dataclass(frozen=True)
class Scene:
    """Where a character stands."""

    ground: str = "paper"
    """A ground of the engine's, "#rrggbb", or "clear" for transparency."""
    light: str = "studio"
    framing: str = "face"


@torch.no_grad()
def draw_scene(
    character: str, values: Values, turn_degrees: tuple[float, float, float], scene: Scene, size: int = 256
) -> Pixels:
    """The character as the engine draws it from numbers: RGB, or RGBA before a clear ground."""
    turn = np.clip(np.asarray(turn_degrees, np.float32), np.negative(FARTHEST_DEGREES), FARTHEST_DEGREES)
    stage = CharacterStage(torch.from_numpy(turn.astype(np.float32))[None], scene.light, scene.ground, scene.framing)
    posed = torch.from_numpy(np.asarray(values, np.float32))[None]
    drawn = draw_character(load_character(character), posed, stage, size)
    pixels: Pixels = to_pixels(drawn.pixels)[0]
    if scene.ground != "clear":
        return pixels
    opacity = (drawn.mask[0].clamp(0, 1) * 255).round().to(torch.uint8).numpy()
    return np.concatenate((pixels, opacity[..., None]), 2)
