"""Draws characters: z-buffer at twice the size, then soft studio light per pixel; shadows come from what is read at rest."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from core.camera import normalise
from core.engine.character import FRONT_DEGREES, MATERIALS, Character, EyeLook
from core.engine.character_stage import (
    LIGHTS,
    CharacterStage,
    Frame,
    StudioLight,
    find_frame,
    one_for_each,
    paint_ground,
    read_turn,
)
from core.engine.controllers import NAMES
from core.engine.head import rotation
from core.engine.skin import to_srgb
from core.engine.stage import NECK_METRES
from core.ops.rasterise import Surface, draw_triangles, gather

SUPERSAMPLE = 2


@dataclass(frozen=True)
class CharacterPicture:
    """N drawn characters."""

    pixels: Tensor
    """(N, 3, S, S) in [-1, 1]."""
    mask: Tensor
    """(N, S, S) how much of each pixel the character covers, 0..1."""
    depth: Tensor
    """(N, S, S) metres from the camera, 0 for nothing."""
    landmarks: Tensor
    """(N, 68, 2) column and row in pixels."""


def draw_character(
    character: Character,
    controllers: Tensor,
    stage: CharacterStage | None = None,
    size: int = 256,
    device: torch.device | str | None = None,
) -> CharacterPicture:
    """Pictures of a character with controllers (N, 130); drawn where the character lives."""
    shown = stage or CharacterStage()
    where = character.rest.device
    if device is not None and torch.device(device).type != where.type:
        raise ValueError(f"{character.name} lives on {where.type}; load it with load_character(name, {str(device)!r}).")
    if controllers.ndim != 2 or controllers.shape[1] != len(NAMES):
        raise ValueError(f"Controllers are N x {len(NAMES)} numbers, not {tuple(controllers.shape)}.")
    if not 16 <= size <= 2048:
        raise ValueError(f"A character's picture is 16 to 2048 pixels a side, not {size}.")
    made = controllers.to(where, torch.float32)
    turn = read_turn(shown.turn, made)
    count = len(made)
    lights, grounds = one_for_each(shown.light, count, "light"), one_for_each(shown.ground, count, "ground")
    for name in lights:
        if name not in LIGHTS:
            raise ValueError(f"There is no light {name!r}; the lights are {', '.join(LIGHTS)}.")
    backdrop = torch.stack([paint_ground(name, size) for name in grounds]).to(where)
    frame = find_frame(character.rest, character.landmark_numbers, shown.framing)
    parts = [
        _draw(character, made[at : at + 1], turn[at : at + 1], LIGHTS[lights[at]], frame, size) for at in range(count)
    ]
    light, mask, depth, marks = (torch.cat([part[place] for part in parts]) for place in range(4))
    straight = to_srgb(_soften(light / mask[:, None].clamp_min(1e-4)))
    pixels = straight * mask[:, None] + backdrop * (1 - mask[:, None])
    clear = torch.tensor([name == "clear" for name in grounds], device=where)[:, None, None, None]
    pixels = torch.where(clear, straight * (mask[:, None] > 0), pixels)
    return CharacterPicture(pixels.clamp(0, 1) * 2 - 1, mask, depth, marks)


@dataclass(frozen=True)
class _Seen:
    """The P visible pixels of one picture."""

    material: Tensor
    normal: Tensor
    colour: Tensor
    fibre: Tensor
    sky: Tensor
    lit: Tensor


def _draw(
    character: Character, controllers: Tensor, turn: Tensor, light: StudioLight, frame: Frame, size: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """One picture: linear premultiplied colour (1, 3, S, S), coverage, depth and landmarks."""
    resolution = size * SUPERSAMPLE
    upright = character.vertices(controllers)
    spin = rotation(*turn.unbind(1))
    pivot = upright.new_tensor(NECK_METRES)
    still = character.still[:, None]
    turned = (upright - pivot) @ spin.transpose(1, 2) + pivot
    placed = turned + (upright - turned) * still
    facing = character.normals(upright)
    turned = facing @ spin.transpose(1, 2)
    normals = turned + (facing - turned) * still
    screen = frame.project(placed, resolution)
    near = float(spin[0, 2, 2]) >= math.cos(math.radians(FRONT_DEGREES))
    triangles, materials = _shown(character, near)
    surface = draw_triangles(screen, triangles, resolution, resolution)
    pixel = torch.nonzero(surface.number.reshape(-1) >= 0)[:, 0]
    key = normalise(normals.new_tensor(light.key_way))[None]
    lit = character.visibility.of_lamp(torch.cat((key @ spin[0], key)))  # as the head sees it, and as the shoulders do
    lit = lit[0] + (lit[1] - lit[0]) * character.still
    seen = _gather(character, surface, pixel, (triangles, materials), torch.cat((normals[0], lit[:, None]), 1))
    linear = torch.zeros(resolution * resolution, 3, device=upright.device)
    linear[pixel] = shade(character, seen, controllers, spin, light, upright)
    picture = linear.T.reshape(1, 3, resolution, resolution)
    covered = (surface.number >= 0).to(torch.float32)
    mask = F.avg_pool2d(covered[:, None], SUPERSAMPLE)[:, 0]
    depth = F.avg_pool2d(surface.depth[:, None], SUPERSAMPLE)[:, 0] / mask.clamp_min(1e-6) * (mask > 0)
    marks = frame.project(placed[:, character.landmark_numbers], size)[..., :2]
    return F.avg_pool2d(picture, SUPERSAMPLE), mask, depth, marks


@functools.lru_cache(maxsize=16)
def _shown(character: Character, near: bool) -> tuple[Tensor, Tensor]:
    """Triangles, as the rasteriser wants them, and their materials; fewer while the face looks this way."""
    chosen = character.front if near else torch.ones_like(character.front)
    return character.triangles[chosen].to(torch.int32).contiguous(), character.materials[chosen]


@functools.lru_cache(maxsize=16)
def _fixed(character: Character) -> Tensor:
    return torch.cat((character.colours, character.fibres, character.visibility.sky[:, None]), 1)


def _gather(
    character: Character, surface: Surface, pixel: Tensor, shown: tuple[Tensor, Tensor], moving: Tensor
) -> _Seen:
    found = gather(torch.cat((moving, _fixed(character)), 1)[None], shown[0], surface, pixel)
    material = shown[1][surface.number.reshape(-1)[pixel].long()]
    return _Seen(material, normalise(found[:, :3]), found[:, 4:7], found[:, 7:10], found[:, 10:11], found[:, 3:4])


#                 skin  mouth gums tongue teeth eyes  eyes  hair  cloth horn
_SOFT = (1.0, 0.5, 0.5, 0.6, 0.5, 0.2, 0.2, 0.35, 0.25, 0.3)
_GLOSS = (0.10, 0.05, 0.25, 0.18, 0.45, 0.0, 0.0, 0.05, 0.0, 0.25)
_SHEEN = (0.16, 0.0, 0.0, 0.02, 0.0, 0.0, 0.0, 0.20, 0.35, 0.1)
_WRAP = (0.42, 0.22, 0.16)


@functools.lru_cache(maxsize=4)
def _tables(device: str) -> Tensor:
    return torch.tensor([_SOFT, _GLOSS, _SHEEN], device=device).T.contiguous()


def shade(
    character: Character, seen: _Seen, controllers: Tensor, spin: Tensor, light: StudioLight, upright: Tensor
) -> Tensor:
    """Linear colour (P, 3) of the visible pixels."""
    normal, colour, sky, lit = seen.normal, seen.colour, seen.sky, seen.lit
    soft, gloss, sheen = _tables(str(normal.device))[seen.material].split(1, 1)
    key_way, rim_way = (normalise(normal.new_tensor(way)) for way in (light.key_way, light.rim_way))
    key, rim = normal.new_tensor(light.key), normal.new_tensor(light.rim)
    above, below = normal.new_tensor(light.sky), normal.new_tensor(light.ground)
    inner = ((seen.material >= 1) & (seen.material <= 4))[:, None]
    eye = (seen.material == MATERIALS.index("eye_left")) | (seen.material == MATERIALS.index("eye_right"))
    sky, lit = torch.where(inner, 0.75, sky), torch.where(inner, 0.7, lit)
    sky, lit = torch.where(eye[:, None], 0.9, sky), torch.where(eye[:, None], 0.85, lit)
    colour = colour.clone()
    eye_at = torch.nonzero(eye)[:, 0]
    bright = _paint_eyes(character, seen, eye_at, controllers, (spin, key_way, upright), colour)
    upward = 0.5 + 0.5 * normal[:, 1:2]
    # light that bounces in creases takes the surface's colour (Jimenez 2016)
    around = (below + (above - below) * upward) * sky * (1 + 0.6 * colour * (1 - sky))
    wrap = soft * normal.new_tensor(_WRAP)
    cosine = (normal @ key_way)[:, None]
    diffuse = ((cosine + wrap) / (1 + wrap)).clamp_min(0.0) * lit * (1 + wrap * (1 - lit))
    total = colour * (around + key * diffuse)
    half = normalise(key_way + normal.new_tensor([0.0, 0.0, 1.0]))
    facing = normal[:, 2].clamp(0, 1)
    shine = (normal @ half).clamp_min(0.0).square().square().square().square()[:, None]  # to the sixteenth
    shine = torch.where(gloss > 0.15, shine * shine, shine) * gloss * lit * (cosine > 0)
    away = (1 - facing)[:, None]
    edge = away * away * away * sky * ~inner  # no lamp from behind reaches into the mouth
    behind = ((normal @ rim_way + 0.25) / 1.25).clamp_min(0.0)[:, None] * edge
    total += key * shine + above * (edge * sheen) + rim * behind * (0.56 + 1.04 * colour)
    hair = torch.nonzero(seen.material == MATERIALS.index("hair"))[:, 0]
    total[hair] += _gleam(seen, hair, half, key, spin)
    total[eye_at] += bright
    return total


def _gleam(seen: _Seen, hair: Tensor, half: Tensor, key: Tensor, spin: Tensor) -> Tensor:
    """Two bands of light across hair (Kajiya and Kay 1989; the second takes the hair's colour, Marschner 2003)."""
    fibre = normalise(seen.fibre[hair] @ spin[0].T)
    normal = seen.normal[hair]
    first = normalise(fibre + 0.10 * normal) @ half
    second = normalise(fibre - 0.16 * normal) @ half
    facing = (normal @ half).clamp_min(0.0)[:, None]
    white = ((1 - first**2).clamp_min(0) ** 32)[:, None] * 0.16
    tinted = ((1 - second**2).clamp_min(0) ** 12)[:, None] * 0.55 * seen.colour[hair]
    return key * (white + tinted) * facing * seen.lit[hair] * seen.sky[hair]


def _step(value: Tensor, at: float, width: float) -> Tensor:
    return torch.sigmoid((value - at) * (4.0 / width))[:, None]


def paint_iris(look: EyeLook, ways: Tensor, fineness: float) -> Tensor:
    """Linear colour (Q, 3) of an eye at unit ways (Q, 3) in its own frame; ``fineness`` is how small a step can be seen."""

    def step(value: Tensor, at: float, width: float) -> Tensor:
        return _step(value, at, max(width, fineness))

    outer, inner, white = (ways.new_tensor(value) for value in (look.outer, look.inner, look.white))
    radius = ways[:, :2].norm(dim=1)
    hole = (ways[:, :2] * ways.new_tensor([look.slit, 1.0])).norm(dim=1)
    glow = step((0.9 * radius - ways[:, 1]) / look.iris, 0.55, 0.7)  # light gathers opposite to where it comes in
    angle = torch.atan2(ways[:, 1], ways[:, 0])
    iris = (outer + (inner - outer) * glow) * (1 + 0.13 * torch.sin(angle * 23) * torch.cos(angle * 9 + 1.3))[:, None]
    iris = iris * (1 - 0.7 * step(radius, 0.86 * look.iris, 0.13))
    iris = iris * (1 - 0.97 * (1 - step(hole, look.pupil, 0.03)))
    share = (1 - step(radius, look.iris, 0.025)) * (ways[:, 2:] > 0)
    return white * (1 - share) + iris * share


def _paint_eyes(
    character: Character,
    seen: _Seen,
    eye: Tensor,
    controllers: Tensor,
    around: tuple[Tensor, Tensor, Tensor],
    colour: Tensor,
) -> Tensor:
    """Iris, pupil and white into ``colour``; the light that mirrors in the eye is given back."""
    spin, key_way, upright = around
    side = (seen.material[eye] == MATERIALS.index("eye_right")).long()
    local = normalise(seen.fibre[eye])
    in_head = (character.eye_axes(controllers)[0][side] @ local[:, :, None])[:, :, 0]
    fine = 2.2 / max(1.0, float(len(eye)) ** 0.5)  # about a pixel of the eye
    lids = _lid_shade(character, upright, in_head, side)
    colour[eye] = paint_iris(character.eyes, local, fine) * lids
    shown = in_head @ spin[0].T
    half = normalise(key_way + key_way.new_tensor([0.0, 0.0, 1.6]))
    low = normalise(key_way * key_way.new_tensor([-1.5, -1.1, 0.0]) + key_way.new_tensor([0.0, 0.0, 1.9]))
    spot = _step(shown @ half, 0.985, max(0.004, 0.25 * fine**2))
    second = _step(shown @ low, 0.9955, max(0.003, 0.25 * fine**2))
    return (spot * 1.2 + second * 0.25) * (0.25 + 0.75 * lids) * 0.9


def _lid_shade(character: Character, upright: Tensor, in_head: Tensor, side: Tensor) -> Tensor:
    """(Q, 1) shadow of the upper lid on the eye: the higher on the ball, measured from where the lid now is, the darker."""
    marks = upright[0, character.landmark_numbers]
    upper = torch.stack((marks[[43, 44], 1].mean(), marks[[37, 38], 1].mean()))
    centre, radius = _balls(character)
    at = ((upper - centre[:, 1]) / radius)[side]
    return 0.34 + 0.66 * torch.sigmoid((at - 0.30 - in_head[:, 1]) * 9.0)[:, None]


@functools.lru_cache(maxsize=8)
def _balls(character: Character) -> tuple[Tensor, Tensor]:
    found = [character.rest[eye] for eye in character.head.eyes]
    centre = torch.stack([0.5 * (ball.amax(0) + ball.amin(0)) for ball in found])
    radius = torch.stack([0.5 * (ball[:, 1].amax() - ball[:, 1].amin()) for ball in found])
    return centre, radius


def _soften(light: Tensor) -> Tensor:
    """Highlights roll off instead of clipping."""
    knee = 0.7
    over = (light - knee).clamp_min(0.0)
    return light.clamp_max(knee) + (1 - knee) * (1 - torch.exp(-over / (1 - knee)))
