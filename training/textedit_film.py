"""How much an edited clip flickers: an engine person who moves for three seconds, edited frame by frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.engine.faces import Choices, faces
from core.engine.moments import draw_moments
from core.face.align import crop
from core.image import to_pixels, to_tensor
from core.textedit.film import Edit, edit_frames
from core.textedit.invert import Effort
from core.textedit.predict import Predictor
from training.measure import Asked, Found, Row

FRAMES, RATE = 24, 8
"""Three seconds."""
CLIPS = 1
DRAWN = 256
"""Pixels of its frames, in which a face is found and framed."""
TURNED_DEGREES = 6.0
NOISE = 2.0 / 255
"""Deviation of a pixel from frame to frame, as a webcam's."""
STILL = 1.5 / 255
"""A pixel of the noiseless clip that changes by less between two frames does not move."""
TEXTS = ("long hair", "戴眼镜", "a full beard", "大眼睛")
EFFORT = Effort(30, 30)


@dataclass(frozen=True)
class Clip:
    """A person who moves."""

    given: Tensor
    """Frames x 3 x S x S as a camera gives them."""
    still: Tensor
    """(Frames - 1) x 1 x S x S: where nothing moves between a frame and the next."""


def draw_clip(seed: int, size: int, device: str = "cpu", frames: int = FRAMES) -> Clip:
    """Two expressions and a turn of the head, blended over the clip; the person, the place and the light stay."""
    ends = draw_moments(torch.tensor([seed * 2, seed * 2 + 1])).controllers
    share = (1 - torch.cos(torch.linspace(0, 2 * torch.pi, frames)))[:, None] / 2
    controllers = (1 - share) * ends[:1] + share * ends[1:]
    turned = torch.zeros(frames, 3)
    turned[:, 0] = torch.sin(torch.linspace(0, 2 * torch.pi, frames)) * TURNED_DEGREES
    choices = Choices(controllers=controllers, turn_degrees=turned, sensor=False)
    true = faces([seed] * frames, device, size, choices).pixels.cpu()
    draw = torch.Generator().manual_seed(seed % 2**31)
    given = (true + torch.randn(true.shape, generator=draw) * NOISE * 2).clamp(-1, 1)
    return Clip(given, true.diff(dim=0).abs().amax(1, keepdim=True) < STILL * 2)


def frame_clip(predictor: Predictor, clip: Clip) -> Clip:
    """The clip in one square, where the predictor frames the first picture's face."""
    shown = to_pixels(clip.given)
    _, square = predictor.frame(shown[0])
    cut = [crop(one, square, predictor.config.size) for one in shown]
    still = np.repeat(clip.still.numpy().transpose(0, 2, 3, 1), 3, 3).astype(np.uint8) * 255
    held = np.stack([crop(one, square, predictor.config.size)[..., :1] for one in still]).transpose(0, 3, 1, 2)
    return Clip(to_tensor(np.stack(cut)), torch.from_numpy(held) == 255)


def flicker(pictures: Tensor, still: Tensor) -> np.ndarray:
    """Mean change, of 255, of each frame from the one before where the true clip stands still; NaN where nothing does."""
    change = pictures.diff(dim=0).abs().mean(1, keepdim=True) * 127.5
    held = still.sum((1, 2, 3))
    mean = (change * still).sum((1, 2, 3)) / held.clamp_min(1)
    return torch.where(held > 0, mean, torch.nan).double().numpy()


def measure_flicker(predictor: Predictor, asked: Asked) -> Found:
    """Edited clips beside the clips as they are."""
    predictor.need("inverter", "editor")
    edited, plain = [], []
    for place, seed in enumerate(asked.seeds(CLIPS)[:CLIPS]):
        clip = frame_clip(predictor, draw_clip(seed, DRAWN, asked.device))
        edit = Edit(TEXTS[place % len(TEXTS)])
        pictures = list(edit_frames(predictor, to_pixels(clip.given), edit, EFFORT))
        edited.append(flicker(to_tensor(pictures), clip.still))
        plain.append(flicker(clip.given, clip.still))
    return Found({"edit_flicker": Row(np.concatenate(edited), np.concatenate(plain), grouped=False)})
