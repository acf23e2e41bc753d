"""What a video camera makes of light: exposure, motion and lens blur, grain, tone, sharpening, compression. By seed and frame."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from core.engine import random
from core.engine.dice import Dice
from core.engine.sensor import jpeg

_TAPS = 9


@dataclass(frozen=True)
class VideoCamera:
    """How one camera records, the same for all frames of a clip."""

    seed: int
    gain: float
    balance: tuple[float, float, float]
    grain: float
    blur_pixels: float
    """Of a picture 256 high."""
    shutter: float
    """Share of the time between frames that it is open."""
    contrast: float
    saturation: float
    vignette: float
    sharpen: float
    quality: float
    """JPEG quality 0..1; above 0.97 none."""


def pick_video_camera(dice: Dice, gain: float, sensor: bool) -> VideoCamera:
    """A phone or a cheap camera; without ``sensor`` one that adds nothing."""
    if not sensor:
        return VideoCamera(dice.seed, gain, (1.0, 1.0, 1.0), 0.0, 0.0, 0.0, 0.25, 1.0, 0.0, 0.0, 1.0)
    warm = dice.normal("warm") * 0.05
    return VideoCamera(
        dice.seed,
        gain * math.exp(0.16 * dice.normal("gain")),
        (math.exp(warm), 1.0 + 0.015 * dice.normal("green"), math.exp(-warm)),
        dice.share("grain") ** 2,
        0.3 + 0.55 * dice.share("blur") ** 2,
        dice.uniform("shutter", 0.05, 0.45),
        dice.uniform("contrast", 0.1, 0.5),
        dice.uniform("saturation", 0.75, 1.2),
        dice.uniform("vignette", 0.0, 0.35),
        dice.uniform("sharpen", 0.0, 0.8),
        dice.uniform("quality", 0.55, 1.05),
    )


def record(light: Tensor, camera: VideoCamera, frame: int, shift_pixels: tuple[float, float]) -> Tensor:
    """Linear light (3, H, W) as frame number ``frame`` shows it, in [-1, 1]; the picture moves by ``shift_pixels`` a frame."""
    height, width = light.shape[1:]
    picture = light * (camera.gain * light.new_tensor(camera.balance))[:, None, None]
    picture = _smear(picture, camera, shift_pixels, height / 256)
    if camera.vignette > 0:
        down, across = (torch.linspace(-1, 1, count) for count in (height, width))
        picture = picture * (1 - camera.vignette * 0.55 * ((down[:, None] ** 2 + across[None] ** 2) / 2) ** 1.3)
    if camera.grain > 0:
        picture = _add_grain(picture, camera, frame)
    picture = (1 - torch.exp(-1.5 * picture.clamp_min(0))).clamp_min(1e-6) ** (1 / 2.2)
    picture = torch.lerp(picture, picture * picture * (3 - 2 * picture), camera.contrast)
    grey = (picture * picture.new_tensor([0.299, 0.587, 0.114])[:, None, None]).sum(0, keepdim=True)
    picture = grey + (picture - grey) * camera.saturation
    if camera.sharpen > 0:
        soft = F.avg_pool2d(F.pad(picture[None], (1, 1, 1, 1), mode="replicate"), 3, 1)[0]
        picture = picture + 0.6 * camera.sharpen * (picture - soft)
    picture = picture.clamp(0, 1)
    if camera.quality <= 0.97:
        picture = jpeg(picture[None], picture.new_tensor([camera.quality]))[0]
    return picture * 2 - 1


def _smear(picture: Tensor, camera: VideoCamera, shift: tuple[float, float], scale: float) -> Tensor:
    """Lens blur and the camera's own motion in one kernel."""
    if camera.blur_pixels == 0 and camera.shutter == 0:
        return picture
    reach = min(0.5 * camera.shutter * math.hypot(*shift), _TAPS / 2 - 1)
    angle = math.atan2(shift[1], shift[0])
    at = torch.arange(_TAPS, dtype=torch.float32) - _TAPS // 2
    row, column = torch.meshgrid(at, at, indexing="ij")
    along, across = column * math.cos(angle) + row * math.sin(angle), row * math.cos(angle) - column * math.sin(angle)
    outside = (along.abs() - reach).clamp_min(0)
    kernel = torch.exp(-0.5 * (outside**2 + across**2) / max(0.25, camera.blur_pixels * scale) ** 2)
    kernel = (kernel / kernel.sum()).expand(3, 1, -1, -1)
    padded = F.pad(picture[None], (_TAPS // 2,) * 4, mode="replicate")
    return F.conv2d(padded, kernel, groups=3)[0]


def _add_grain(picture: Tensor, camera: VideoCamera, frame: int) -> Tensor:
    """Shot and read noise, coarser in colour than in brightness."""
    height, width = picture.shape[1:]
    seeds = torch.tensor([camera.seed], dtype=torch.int64)
    # the sum of the four bytes of a hash is near enough to a normal number, and four times cheaper
    word = random.hash_words(seeds, torch.arange(height * width), frame, random.stream("grain"))
    bright = sum((((word >> shift) & 255).to(torch.float32) for shift in (0, 8, 16, 24)), torch.zeros(()))
    bright = ((bright - 510.0) / 147.8).reshape(1, height, width)
    small = (-(-height // 2), -(-width // 2))
    coarse = random.normal(seeds, torch.arange(3 * small[0] * small[1]), frame, random.stream("colour grain"))
    coarse = F.interpolate(coarse.reshape(1, 3, *small), (height, width), mode="bilinear", align_corners=False)[0]
    sigma = (0.004 + 0.045 * camera.grain) * (picture.clamp_min(0) * 0.55 + 0.015).sqrt()
    return picture + sigma * (0.75 * bright + 0.45 * coarse)
