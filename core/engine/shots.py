"""Draws how a picture is taken from a seed: lens and camera place, light, background, and what the sensor adds."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from core.camera import look_at, normalise
from core.engine import random
from core.engine.light import Light, blur_rows, lobes
from core.engine.people import Draws
from core.engine.skin import to_linear

SHORTEST_MM, LONGEST_MM = 24.0, 100.0
FACE_METRES = 0.225
LAMPS = 3
CLOSER = 1.35


@dataclass(frozen=True)
class Shots:
    """B ways to take a picture."""

    seeds: Tensor
    focal_mm: Tensor
    """35 mm equivalent over the shorter side."""
    azimuth: Tensor
    elevation: Tensor
    roll: Tensor
    fraction: Tensor
    """Share of the picture's height that the face takes."""
    shift: Tensor
    """(B, 2) of the face from the middle, share of the picture."""
    light: Light
    """Directions as seen from the camera (x right, y up, z towards it); turned into the world by ``place_camera``."""
    exposure: Tensor
    sensor: Sensor


@dataclass(frozen=True)
class Sensor:
    """What lens, sensor and file do to a picture, (B,)."""

    blur: Tensor
    noise: Tensor
    motion: Tensor
    motion_way: Tensor
    contrast: Tensor
    saturation: Tensor
    warmth: Tensor
    vignette: Tensor
    sharpen: Tensor
    quality: Tensor
    """JPEG quality 0..1; above 0.97 none."""


def draw_shots(seeds: Tensor) -> Shots:
    """Ways to take a picture of these seeds."""
    draws = Draws(seeds)
    focal = SHORTEST_MM * (LONGEST_MM / SHORTEST_MM) ** draws.uniform("focal")
    return Shots(
        seeds,
        focal,
        0.05 * draws.normal("azimuth"),
        draws.normal("elevation").clamp(-2, 2) * 0.10,
        0.045 * draws.normal("camera roll"),
        draws.uniform("fraction", 0.5, 0.78),
        torch.stack((0.03 * draws.normal("aside"), 0.03 * draws.normal("above")), 1),
        _draw_light(draws),
        draws.uniform("exposure", 0.82, 1.2),
        _draw_sensor(draws),
    )


def come_close(shots: Shots) -> Shots:
    """The same light and lens from so near that a face with its brows and chin fills the picture."""
    return replace(shots, fraction=shots.fraction * CLOSER, shift=shots.shift * 0.5)


def _draw_sensor(draws: Draws) -> Sensor:
    return Sensor(
        draws.uniform("lens blur") ** 2 * 0.9,
        draws.uniform("noise") ** 3,
        draws.chance("moves", 0.12) * draws.uniform("motion"),
        draws.uniform("motion way", 0.0, math.pi),
        draws.normal("contrast").clamp(-2, 2) * 0.09,
        1.0 + 0.12 * draws.normal("saturation").clamp(-2, 2),
        0.05 * draws.normal("white balance").clamp(-2.5, 2.5),
        draws.uniform("vignette") ** 2 * 0.5,
        draws.uniform("sharpen") ** 2 * 0.9,
        draws.uniform("jpeg", 0.35, 1.05),
    )


def kelvin(temperature: Tensor) -> Tensor:
    """Linear colour (..., 3), green 1, of a lamp seen by a daylight-balanced camera (fit, 2500 to 10000 K)."""
    cool = torch.log(temperature / 6000.0)
    return torch.stack((torch.exp(-0.55 * cool), torch.ones_like(cool), torch.exp(0.85 * cool)), -1)


def _aim(yaw: Tensor, pitch: Tensor) -> Tensor:
    return torch.stack((yaw.sin() * pitch.cos(), pitch.sin(), yaw.cos() * pitch.cos()), -1)


def _draw_light(draws: Draws) -> Light:
    """A key, a fill and a rim lamp in a soft surrounding; from flat daylight to one lamp in the dark."""
    key_share = draws.uniform("key share") ** 0.65
    yaw = torch.where(
        draws.chance("side light", 0.25),
        draws.uniform("side yaw", -1.9, 1.9),
        0.65 * draws.normal("key yaw").clamp(-1.7, 1.7),
    )
    key = _aim(yaw, draws.uniform("key pitch", 0.12, 1.05))
    rim = _aim(math.pi + draws.uniform("rim yaw", -1.1, 1.1), draws.uniform("rim pitch", 0.2, 0.9))
    fill = _aim(-yaw.sign() * draws.uniform("fill yaw", 0.4, 1.4), draws.uniform("fill pitch", -0.1, 0.5))
    warm = draws.uniform("temperature")
    key_colour = kelvin(3400 + 4200 * draws.uniform("key kelvin"))
    room = kelvin(4200 + 4200 * warm)
    neon = draws.chance("coloured", 0.06)[:, None]
    rim_colour = torch.where(
        neon, 0.3 + 1.2 * random.uniform(draws.seeds[:, None], torch.arange(3, device=warm.device), 77), room
    )
    colours = torch.stack(
        (
            key_colour * (0.25 + 1.1 * key_share)[:, None],
            room * (draws.chance("fill", 0.5) * draws.uniform("fill light", 0.05, 0.35))[:, None],
            rim_colour * (draws.chance("rim", 0.35) * draws.uniform("rim light", 0.2, 1.0))[:, None],
        ),
        1,
    )
    softness = torch.stack(
        (draws.uniform("key size", 0.05, 0.55), torch.full_like(warm, 0.5), torch.full_like(warm, 0.25)), 1
    )
    return Light(_surround(draws, room, 1.0 - 0.72 * key_share), torch.stack((key, fill, rim), 1), colours, softness)


def _surround(draws: Draws, room: Tensor, level: Tensor) -> Tensor:
    """Sky or ceiling, floor, walls, and two brighter places."""
    up = torch.tensor([0.0, 1.0, 0.0], device=level.device)
    ways, tints, widths = [up.expand(len(level), 3), -up.expand(len(level), 3)], [], []
    sky = kelvin(5200 + 4000 * draws.uniform("sky"))
    ground = to_linear(0.35 + 0.4 * random.uniform(draws.seeds[:, None], torch.arange(3, device=level.device), 78))
    tints += [sky * 0.55, ground * room * 0.32]
    widths += [torch.full_like(level, 0.45), torch.full_like(level, 0.55)]
    for name in ("window", "second window"):
        ways.append(_aim(draws.uniform(f"{name} yaw", -math.pi, math.pi), draws.uniform(f"{name} pitch", -0.2, 0.9)))
        tints.append(room * draws.uniform(f"{name} light", 0.0, 0.75)[:, None])
        widths.append(draws.uniform(f"{name} width", 0.0, 0.4))
    spots = lobes(torch.stack(ways, 1), torch.stack(tints, 1), torch.stack(widths, 1)) * 1.6
    spots[:, 0] += room * 0.62 / 0.282095 * 0.55
    return spots * level[:, None, None]


@dataclass(frozen=True)
class Placed:
    """Cameras in the world and lamps with them."""

    pose: Tensor
    calibration: Tensor
    light: Light


def place_camera(shots: Shots, target: Tensor, body_yaw: Tensor, size: int) -> Placed:
    """Cameras (B) that frame the head around ``target`` (B, 3, world); the shoulders are turned by ``body_yaw``."""
    focal = size * shots.focal_mm / 24.0
    distance = focal * FACE_METRES / (shots.fraction * size)
    toward = _aim(shots.azimuth - body_yaw, shots.elevation)
    eye = target + distance[:, None] * toward
    up = torch.stack((shots.roll.sin(), shots.roll.cos(), torch.zeros_like(shots.roll)), -1)
    yaw = shots.azimuth - body_yaw
    up = torch.stack((up[:, 0] * yaw.cos(), up[:, 1], -up[:, 0] * yaw.sin()), -1)
    pose = look_at(eye, target, up)
    calibration = torch.zeros(len(focal), 3, 3, device=focal.device)
    calibration[:, 0, 0] = calibration[:, 1, 1] = focal
    calibration[:, 0, 2] = size * (0.5 + shots.shift[:, 0])
    calibration[:, 1, 2] = size * (0.5 + shots.shift[:, 1])
    calibration[:, 2, 2] = 1.0
    # lamps stand around the photographer: their directions turn with the camera's azimuth
    cos, sin, zero, one = yaw.cos(), yaw.sin(), torch.zeros_like(yaw), torch.ones_like(yaw)
    spin = torch.stack((cos, zero, sin, zero, one, zero, -sin, zero, cos), -1).unflatten(-1, (3, 3))
    light = shots.light
    directions = normalise(light.directions @ spin.transpose(1, 2))
    return Placed(
        pose, calibration, Light(_spin_harmonics(light.surround, yaw), directions, light.colours, light.softness)
    )


def _spin_harmonics(surround: Tensor, yaw: Tensor) -> Tensor:
    """Spherical harmonics (B, 9, 3) turned about the vertical axis."""
    turned = surround.clone()
    cos, sin = yaw.cos()[:, None], yaw.sin()[:, None]
    cos2, sin2 = (2 * yaw).cos()[:, None], (2 * yaw).sin()[:, None]
    # order 1: 2 is z, 3 is x
    turned[:, 2], turned[:, 3] = (
        cos * surround[:, 2] - sin * surround[:, 3],
        sin * surround[:, 2] + cos * surround[:, 3],
    )
    # order 2: xy with yz; 3z^2 - 1, xz and x^2 - y^2 mix among themselves
    turned[:, 4], turned[:, 5] = (
        cos * surround[:, 4] + sin * surround[:, 5],
        cos * surround[:, 5] - sin * surround[:, 4],
    )
    root3 = math.sqrt(3.0)
    height = -0.5 * surround[:, 6] - 0.5 * root3 * surround[:, 8]  # y^2 part, untouched by the turn
    plane = 0.5 * root3 * surround[:, 6] - 0.5 * surround[:, 8]  # z^2 - x^2 part
    turned_plane = cos2 * plane - sin2 * surround[:, 7]
    turned[:, 7] = sin2 * plane + cos2 * surround[:, 7]
    turned[:, 6] = -0.5 * height + 0.5 * root3 * turned_plane
    turned[:, 8] = -0.5 * root3 * height - 0.5 * turned_plane
    return turned


def _cells(draws: Draws, name: str) -> Tensor:
    """White noise of the backdrop's size (B, 1, S, S)."""
    at = torch.arange(BACKDROP_SIZE**2, device=draws.seeds.device)
    return random.normal(draws.seeds[:, None], at, random.stream(name)).reshape(-1, 1, BACKDROP_SIZE, BACKDROP_SIZE)


def _textured(draws: Draws, picture: Tensor) -> Tensor:
    """Plaster, leaves, cloth: noise of two sizes in brightness."""
    noise = _cells(draws, "backdrop noise")
    coarse = blur_rows(noise, 4) * 9.0
    amount = (draws.uniform("backdrop texture") ** 2 * 0.22)[:, None, None, None]
    return picture * torch.exp(amount * (0.35 * blur_rows(noise, 1) * 3.0 + coarse))


def _outdoors(draws: Draws, picture: Tensor, row: Tensor) -> Tensor:
    """Sky over greens and stone for a share of the pictures."""
    outside = draws.chance("outdoors", 0.22)[:, None, None, None]
    leaves = blur_rows(_cells(draws, "leaves"), 2) * 5.0
    horizon = draws.uniform("horizon", 0.15, 0.75)[:, None, None, None] + 0.08 * blur_rows(leaves, 5)
    sky = picture.new_tensor([0.42, 0.55, 0.78])[:, None, None] * (0.7 + 0.5 * row)
    green = torch.stack(
        (
            draws.uniform("leaf red", 0.04, 0.2),
            draws.uniform("leaf green", 0.07, 0.2),
            draws.uniform("leaf blue", 0.02, 0.1),
        ),
        1,
    )
    ground = green[:, :, None, None] * torch.exp(0.8 * leaves)
    below = torch.sigmoid((row - horizon) * 18.0)
    return torch.where(outside, sky * (1 - below) + ground * below, picture)


BACKDROP_SIZE = 96
_SHAPES = 14


def draw_backdrops(shots: Shots, size: int) -> Tensor:
    """Backgrounds (B, 3, size, size), linear: plain, gradient, textured wall, blurred room, lights, or outdoors."""
    draws, device = Draws(shots.seeds), shots.seeds.device
    grid = (torch.arange(BACKDROP_SIZE, device=device) + 0.5) / BACKDROP_SIZE
    row, column = torch.meshgrid(grid, grid, indexing="ij")
    first, second = draws.colour("wall", 0.45), draws.colour("second wall", 0.6)
    way = draws.uniform("gradient way", 0.0, 2 * math.pi)[:, None, None]
    ramp = ((column - 0.5) * way.cos() + (row - 0.5) * way.sin() + 0.5).clamp(0, 1)
    near = (draws.uniform("gradient") ** 2 * 0.8)[:, None, None]
    share = (ramp * near)[:, None]
    picture = first[:, :, None, None] * (1 - share) + second[:, :, None, None] * share
    busy = draws.chance("room", 0.62) & ~draws.chance("outdoors", 0.22)
    picture = _outdoors(draws, picture, row)
    number = torch.arange(_SHAPES, device=device)

    def each(name: str) -> Tensor:
        return random.uniform(shots.seeds[:, None], number, random.stream(name))

    left, top = each("left") * 1.3 - 0.3, each("top") * 1.3 - 0.3
    wide, tall = 0.06 + 0.6 * each("wide") ** 2, 0.08 + 0.8 * each("tall") ** 2
    value = each("value") ** 1.6 * 0.9
    tint = 0.75 + 0.5 * random.uniform(shots.seeds[:, None, None], torch.arange(3, device=device), number[:, None], 79)
    bright = 1 + 5.0 * (each("lamp") > 0.88)
    for at in range(_SHAPES):
        box = [value_[:, at, None, None] for value_ in (left, top, wide, tall)]
        inside = ((column > box[0]) & (column < box[0] + box[2]) & (row > box[1]) & (row < box[1] + box[3])).float()
        mask = (inside * 0.85 * busy[:, None, None])[:, None]
        colour = (value[:, at, None] * tint[:, at] * bright[:, at, None])[:, :, None, None]
        picture = picture * (1 - mask) + colour * mask
    picture = _textured(draws, picture)
    soft = [blur_rows(picture, radius) for radius in (1, 3, 7)]
    level = draws.uniform("defocus") * 2
    low = (1 - (level - 0).abs()).clamp(0, 1), (1 - (level - 1).abs()).clamp(0, 1), (1 - (level - 2).abs()).clamp(0, 1)
    picture = sum(
        (share_[:, None, None, None] * soft_ for share_, soft_ in zip(low, soft, strict=True)),
        torch.zeros_like(picture),
    )
    picture = F.interpolate(picture, (size, size), mode="bicubic", align_corners=False).clamp_min(0.0)
    light = (0.35 + 0.75 * draws.uniform("background light"))[:, None, None, None]
    return picture * light * kelvin(4200 + 4200 * draws.uniform("temperature"))[:, :, None, None]
