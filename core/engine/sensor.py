"""What happens to light behind the lens: blur, motion, noise, tone, sharpening, JPEG. All of it a function of the seed."""

from __future__ import annotations

import functools
import math

import torch
import torch.nn.functional as F
from torch import Tensor

from core.engine import random
from core.engine.shots import Sensor
from core.engine.skin import to_srgb

_LUMA = (0.299, 0.587, 0.114)
# the example tables of the JPEG standard, ITU-T T.81 annex K
_LUMA_TABLE = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80,
    62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98,
    112, 100, 103, 99,
)  # fmt: skip
_CHROMA_TABLE = (
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66, *([99] * 38),
)  # fmt: skip
_KERNEL = 9


def develop(linear: Tensor, exposure: Tensor, sensor: Sensor, seeds: Tensor) -> Tensor:
    """Linear light (B, 3, S, S) to a picture in [-1, 1] as a phone or camera would give it."""
    size = linear.shape[-1]
    light = linear * exposure[:, None, None, None]
    light = _smear(light, sensor, size)
    light = light * _corners(sensor.vignette, size)
    light = _add_noise(light, sensor.noise, seeds)
    balance = torch.stack((torch.exp(sensor.warmth), torch.ones_like(sensor.warmth), torch.exp(-sensor.warmth)), 1)
    picture = _tone(light * balance[:, :, None, None], sensor)
    picture = _sharpen(picture, sensor.sharpen)
    return jpeg(picture.clamp(0, 1), sensor.quality) * 2 - 1


def _smear(light: Tensor, sensor: Sensor, size: int) -> Tensor:
    """Lens blur and motion in one kernel per picture."""
    at = torch.arange(_KERNEL, device=light.device) - _KERNEL // 2
    row, column = torch.meshgrid(at, at, indexing="ij")
    scale = size / 256.0
    wide = ((0.35 + 0.55 * sensor.blur) * scale).clamp_min(0.2)[:, None, None]
    reach = (3.2 * sensor.motion * scale)[:, None, None]
    cos, sin = sensor.motion_way.cos()[:, None, None], sensor.motion_way.sin()[:, None, None]
    along, across = column * cos + row * sin, row * cos - column * sin
    outside = (along.abs() - reach).clamp_min(0)
    kernel = torch.exp(-0.5 * (outside**2 + across**2) / wide**2)
    kernel = kernel / kernel.sum((1, 2), keepdim=True)
    half = _KERNEL // 2
    padded = F.pad(light, (half,) * 4, mode="replicate").transpose(0, 1)
    return F.conv2d(padded, kernel[:, None], groups=len(light)).transpose(0, 1)


def _corners(amount: Tensor, size: int) -> Tensor:
    at = (torch.arange(size, device=amount.device) + 0.5) / size * 2 - 1
    far = (at[:, None] ** 2 + at[None] ** 2) / 2
    return 1 - amount[:, None, None, None] * 0.7 * far**1.5


def _add_noise(light: Tensor, amount: Tensor, seeds: Tensor) -> Tensor:
    """Shot and read noise, coarser in colour than in brightness, as after a camera's own cleaning."""
    size = light.shape[-1]
    at = torch.arange(size * size, device=light.device)
    bright = random.normal(seeds[:, None], at, random.stream("grain")).reshape(-1, 1, size, size)
    small = -(-size // 2)
    coarse_at = torch.arange(3 * small * small, device=light.device)
    coarse = random.normal(seeds[:, None], coarse_at, random.stream("colour grain")).reshape(-1, 3, small, small)
    coarse = F.interpolate(coarse, (size, size), mode="bilinear", align_corners=False)
    level = (0.004 + 0.032 * amount)[:, None, None, None]
    sigma = level * (light.clamp_min(0) * 0.55 + 0.015).sqrt()
    return light + sigma * (0.75 * bright + 0.45 * coarse)


def _tone(light: Tensor, sensor: Sensor) -> Tensor:
    """A gentle film curve: highlights roll off, then contrast and colour strength."""
    squeezed = light.clamp_min(0)
    shoulder = 0.6
    over = (squeezed - shoulder).clamp_min(0)
    squeezed = torch.minimum(squeezed, torch.full_like(squeezed, shoulder)) + (1 - shoulder) * (
        1 - torch.exp(-over / (1 - shoulder))
    )
    picture = to_srgb(squeezed)
    strength = (0.26 + sensor.contrast)[:, None, None, None]
    picture = picture + strength * (picture * picture * (3 - 2 * picture) - picture)
    grey = (picture * picture.new_tensor(_LUMA)[:, None, None]).sum(1, keepdim=True)
    return grey + (picture - grey) * sensor.saturation[:, None, None, None]


def _sharpen(picture: Tensor, amount: Tensor) -> Tensor:
    soft = F.avg_pool2d(F.pad(picture, (1, 1, 1, 1), mode="replicate"), 3, 1)
    return picture + amount[:, None, None, None] * 0.55 * (picture - soft)


@functools.lru_cache(maxsize=4)
def _cosines(device: str) -> Tensor:
    row = torch.arange(8, dtype=torch.float32, device=device)
    matrix = torch.cos((2 * row[None] + 1) * row[:, None] * math.pi / 16) * 0.5
    matrix[0] *= 1 / math.sqrt(2)
    return matrix


def _quantise(plane: Tensor, table: Tensor) -> Tensor:
    """Rounds the 8 x 8 cosine coefficients of a plane (B, C, H, W, about -128..127) to the table (B, 8, 8)."""
    batch, channels, height, width = plane.shape
    blocks = plane.reshape(batch, channels, height // 8, 8, width // 8, 8).transpose(3, 4)
    cosine = _cosines(str(plane.device))
    steps = table[:, None, None, None]
    coefficients = torch.round(cosine @ blocks @ cosine.T / steps) * steps
    return (cosine.T @ coefficients @ cosine).transpose(3, 4).reshape(plane.shape)


def jpeg(picture: Tensor, quality: Tensor) -> Tensor:
    """A picture (B, 3, H, W) in 0..1 as JPEG keeps it, colour at half size; quality (B) 0..1, above 0.97 unchanged."""
    height, width = picture.shape[-2:]
    padded = F.pad(picture, (0, -width % 16, 0, -height % 16), mode="replicate") * 255
    red, green, blue = padded.unbind(1)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    chroma = torch.stack((0.5643 * (blue - luma), 0.7133 * (red - luma)), 1)
    percent = (quality * 100).clamp(5, 97)
    scale = torch.where(percent < 50, 50 / percent, 2 - percent / 50)[:, None, None]
    tables = [
        torch.tensor(t, device=picture.device, dtype=torch.float32).reshape(8, 8) for t in (_LUMA_TABLE, _CHROMA_TABLE)
    ]
    steps = [torch.round(table * scale).clamp_min(1) for table in tables]
    luma = _quantise(luma[:, None] - 128, steps[0])[:, 0] + 128
    small = _quantise(F.avg_pool2d(chroma, 2), steps[1])
    chroma = F.interpolate(small, scale_factor=2, mode="bilinear", align_corners=False)
    blue, red = luma + chroma[:, 0] / 0.5643, luma + chroma[:, 1] / 0.7133
    green = (luma - 0.299 * red - 0.114 * blue) / 0.587
    kept = torch.stack((red, green, blue), 1)[..., :height, :width] / 255
    return torch.where((quality > 0.97)[:, None, None, None], picture, kept.clamp(0, 1))
