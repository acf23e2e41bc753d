"""What people wear: a top with its collar, glasses, a hat: meshes of one topology each, shaped by a few numbers.

Everything is built around the mean head (centimetres inside, metres out) and follows a person's own shape by the
displacement of the nearest places of the head. What is not worn is put behind the camera's reach (a point at infinity).
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from core.camera import normalise
from core.engine.head import Head

AROUND = 48
COLLARS = ("crew", "v", "shirt", "turtle", "scoop", "hood")
HATS = ("beanie", "cap", "brim")
_FAR_METRES = -50.0


@dataclass(frozen=True)
class Mesh:
    """Vertices (B, V, 3), their places at rest (B, V, 3, cm, for patterns) and triangles (F, 3)."""

    vertices: Tensor
    rest: Tensor
    triangles: Tensor


@dataclass(frozen=True)
class Wear:
    """Each (B,)."""

    collar: Tensor
    """Place in COLLARS."""
    shoulder: Tensor
    """-1 narrow to 1 broad."""
    glasses: Tensor
    """Grade 0..1; worn from 0.15 on, heavier with the grade."""
    glasses_round: Tensor
    glasses_width: Tensor
    hat: Tensor
    """Grade 0..1; worn from 0.15 on, bigger with the grade."""
    hat_kind: Tensor


def grid_triangles(rows: int, columns: int, closed: bool) -> Tensor:
    """Two triangles per cell of a grid of vertices, facing outwards when rows run down and columns to the left."""
    last = columns if closed else columns - 1
    row, column = torch.meshgrid(torch.arange(rows - 1), torch.arange(last), indexing="ij")
    after = (column + 1) % columns
    first, right = row * columns + column, row * columns + after
    below, across = first + columns, right + columns
    return torch.cat((torch.stack((first, below, across), -1), torch.stack((first, across, right), -1)), 0).reshape(
        -1, 3
    )


# rows from the collar down; each: (y front, y side, y back, half width, z front, z back), centimetres on the mean head
_TOP = (
    (-16.4, -11.9, -10.7, 6.3, 3.9, -7.9),
    (-16.1, -11.6, -10.4, 6.7, 4.3, -8.4),
    (-16.6, -12.0, -10.9, 7.0, 4.6, -8.8),
    (-17.6, -12.3, -11.4, 8.9, 5.3, -9.8),
    (-19.4, -13.2, -12.7, 12.3, 6.4, -10.8),
    (-22.0, -14.8, -15.0, 15.8, 7.8, -11.5),
    (-24.6, -17.8, -19.0, 18.2, 9.3, -11.6),
    (-28.0, -20.6, -22.5, 21.0, 10.6, -12.2),
    (-33.0, -25.5, -28.0, 22.6, 11.6, -12.8),
    (-40.0, -34.0, -37.0, 23.2, 11.8, -13.2),
    (-50.0, -46.0, -48.0, 23.4, 11.6, -13.4),
)


def _top_rest(wear: Wear) -> Tensor:
    """(B, rows x AROUND, 3) centimetres."""
    table = torch.tensor(_TOP, device=wear.collar.device)
    turn = 2 * math.pi * torch.arange(AROUND, device=table.device) / AROUND
    front = ((1 + turn.cos()) / 2) ** 1.3
    back = ((1 - turn.cos()) / 2) ** 1.3
    side = 1 - front - back
    rows = torch.arange(len(_TOP), device=table.device)

    def kind(name: str) -> Tensor:
        return (wear.collar == COLLARS.index(name)).to(torch.float32)[:, None, None]

    ring = torch.exp(-rows.float()[None, :, None] / 1.6)  # the neckline's own shape fades downwards
    near = (rows < 3).float()[None, :, None]
    height = table[:, :1] * front + table[:, 1:2] * side + table[:, 2:3] * back
    height = height[None].expand(len(wear.collar), -1, -1).clone()
    height -= ring * (kind("v") * 6.0 * front**3 + kind("scoop") * (3.2 * front + 1.1 * (1 - front)))
    height -= kind("shirt") * ring * 2.2 * front**4
    height += kind("turtle") * near * torch.tensor([5.2, 5.4, 2.0, *([0.0] * 8)], device=table.device)[:, None]
    height += kind("hood") * near * (1 - 0.6 * front) * 1.2 + kind("shirt") * near * 1.3 * (1 - 0.55 * front)
    wide = table[:, 3:4] + 0 * turn
    spread = (
        kind("scoop") * ring * 1.6
        - kind("turtle") * near * 0.75
        + kind("hood") * near * 1.2
        + kind("shirt") * near * 0.3
    )
    depth = torch.where(turn.cos() > 0, table[:, 4:5], -table[:, 5:6])
    lean = 0.35 * kind("v") * ring * front
    shoulders = 1 + 0.05 * wear.shoulder[:, None, None] * (rows.float() / 10)[None, :, None]
    x = (wide + spread) * turn.sin() * shoulders
    centre = -1.0
    z = centre + (depth - torch.where(turn.cos() > 0, 1.0, -1.0) * centre + spread + lean) * turn.cos()
    collar_roll = 0.5 * near * torch.tensor([-0.2, 0.7, 0.8, *([0.0] * 8)], device=table.device)[:, None]
    thick = 1 + (0.05 * kind("hood") + 0.03 * kind("turtle") + 0.03 * kind("shirt")) * collar_roll
    return torch.stack((x * thick, height, centre + (z - centre) * thick), -1).flatten(1, 2)


@functools.lru_cache(maxsize=8)
def _top_triangles() -> Tensor:
    return grid_triangles(len(_TOP), AROUND, closed=True)


def _follow(head: Head, at: Tensor, moved: Tensor, region: Tensor, reach: float) -> Tensor:
    """Displacements (B, N, 3) of places (B, N, 3, cm) as the head's vertices in ``region`` moved (B, V, 3, metres)."""
    own = torch.nonzero(region)[:, 0]
    own = own[:: max(1, len(own) // 160)]
    apart = torch.cdist(at, 100 * head.neutral[own].expand(len(at), -1, -1))
    weight = torch.softmax(-((apart / reach) ** 2), -1)
    return weight @ moved[:, own]


_SKIN_ROWS, _SKIN_TOP, _SKIN_STEP = 24, -8.0, 0.5


@functools.lru_cache(maxsize=4)
def _skin_reach(head: Head) -> Tensor:
    """How far skin reaches from the neck's axis (_SKIN_ROWS, AROUND), centimetres, by height and direction."""
    at = head.neutral[(head.part == 0) & (head.neutral[:, 1] < -0.075)] * 100
    x, z = at[:, 0], at[:, 2] + 1.0
    turn = 2 * math.pi * torch.arange(AROUND, device=at.device) / AROUND
    height = _SKIN_TOP - _SKIN_STEP * torch.arange(_SKIN_ROWS, device=at.device)
    apart = torch.remainder(torch.atan2(x, z)[:, None] - turn + math.pi, 2 * math.pi) - math.pi
    near = (apart.abs() < 0.16)[:, None] & ((at[:, 1:2] - height).abs() < 0.8)[:, :, None]
    return torch.where(near, torch.sqrt(x**2 + z**2)[:, None, None], torch.zeros_like(near, dtype=torch.float32)).amax(
        0
    )


def _over_skin(head: Head, rest: Tensor) -> Tensor:
    """Garment places (B, rows x AROUND, 3) moved out of the mean head's skin."""
    table = _skin_reach(head)
    column = torch.arange(rest.shape[1], device=rest.device) % AROUND
    row = ((_SKIN_TOP - rest[..., 1]) / _SKIN_STEP).clamp(0, _SKIN_ROWS - 1)
    low = row.long().clamp_max(_SKIN_ROWS - 2)
    skin = torch.maximum(table[low, column], table[low + 1, column])
    axis = rest.new_tensor([0.0, -1.0])
    away = (rest[..., [0, 2]] - axis).norm(dim=-1).clamp_min(1e-3)
    wanted = torch.where(row >= _SKIN_ROWS - 1, away, torch.maximum(away, skin + 0.35))
    grown = axis + (rest[..., [0, 2]] - axis) * (wanted / away)[..., None]
    return torch.stack((grown[..., 0], rest[..., 1], grown[..., 1]), -1)


def make_top(head: Head, wear: Wear, moved: Tensor) -> Mesh:
    """The top; ``moved`` (B, V, 3) is how the person's rest shape differs from the mean head."""
    rest = _over_skin(head, _top_rest(wear))
    follow = _follow(head, rest, moved, (head.fields["body"] > 0.3) & (head.part == 0), 3.0)
    return Mesh(0.01 * rest + follow, rest, _top_triangles().to(rest.device))


def tuck_skin(head: Head, wear: Wear, normals: Tensor) -> Tensor:
    """How far skin under the top is drawn in (B, V, 3), so that it never pokes through."""
    at = head.neutral * 100
    turn = torch.atan2(at[:, 0], at[:, 2] + 1.0)
    front, back = ((1 + turn.cos()) / 2) ** 1.3, ((1 - turn.cos()) / 2) ** 1.3
    line = -16.4 * front - 11.9 * (1 - front - back) - 10.7 * back

    def kind(name: str) -> Tensor:
        return (wear.collar == COLLARS.index(name)).to(torch.float32)[:, None]

    line = (
        line
        - kind("v") * 6.0 * front**3
        - kind("scoop") * (3.2 * front + 1.1 * (1 - front))
        - kind("shirt") * 2.2 * front**4
    )
    depth = ((line - 0.25 - at[:, 1]) / 0.9).clamp(0, 1) * (at[:, 1] < -9)
    inside = head.neutral.new_tensor([0.0, -0.19, -0.015]) - head.neutral
    return depth[..., None] * (0.55 * depth[..., None] * inside - 0.008 * normals)


_DOME_ROWS, _DOME_COLUMNS, _BRIM_ROWS = 14, 40, 4


def _dome(wear: Wear) -> Tensor:
    """Hat at rest (B, N, 3), centimetres: a dome over the skull, then a rim whose shape says what hat it is."""
    device = wear.hat.device
    big = wear.hat[:, None, None]
    beanie, cap, brim = ((wear.hat_kind == number).float()[:, None, None] for number in range(3))
    turn = 2 * math.pi * torch.arange(_DOME_COLUMNS, device=device) / _DOME_COLUMNS
    front = turn.cos()
    rise = torch.linspace(1, 0, _DOME_ROWS, device=device)[:, None] ** 0.8
    edge = 7.6 + 1.2 * front - 3.4 * (front < 0) * front.abs() + 0 * rise  # height of the lower edge
    edge = edge + beanie * 0.1 - beanie * 1.8 * (1 - front.abs()) - brim * 0.2
    angle = rise * (math.pi / 2)
    ring = torch.cos(angle).clamp_min(0.0) ** 0.72 + 1e-3
    wide, long_front, long_back = 8.15 + 0.45 * big, 10.4 + 0.35 * big, 9.8 + 0.4 * big
    top = 15.3 + 0.6 * big + beanie * (0.5 + 1.6 * big) + brim * 2.2
    flat = brim * 0.35 + cap * 0.12
    tall = edge + (top - edge) * (torch.sin(angle) ** (1 - flat))
    keep = 1 - 0.12 * brim * (1 - ring)
    depth = torch.where(front > 0, long_front, long_back)
    x = wide * ring * keep * turn.sin()
    z = 0.6 + depth * ring * keep * front
    dome = torch.stack((x, tall, z), -1)
    out = torch.arange(1, _BRIM_ROWS + 1, device=device, dtype=torch.float32)[:, None] / _BRIM_ROWS
    peak = front.clamp_min(0) ** 1.5 * (1 - 0.25 * turn.sin().abs())
    reach = (
        beanie * 0.35 * torch.sin(math.pi * out) + cap * (6.5 + 1.5 * big) * out * peak + brim * (4.0 + 4.0 * big) * out
    )
    fold = beanie * (2.2 + 0.6 * big) * out  # a beanie's rim is turned up
    drop = -cap * 1.1 * out * peak + brim * (0.7 * out**2 * (turn.sin() ** 2) - 0.5 * out * front.abs())
    scale_x, scale_z = (wide + reach + 0.45 * beanie) / wide, (depth + reach + 0.45 * beanie) / depth
    rim = torch.stack(
        (
            (dome[:, -1:, :, 0] * scale_x),
            dome[:, -1:, :, 1] + fold + drop,
            0.6 + (dome[:, -1:, :, 2] - 0.6) * scale_z,
        ),
        -1,
    )
    return torch.cat((dome, rim), 1).flatten(1, 2)


def make_hat(head: Head, wear: Wear, moved: Tensor) -> Mesh:
    """The hat, sitting on the person's skull; grade under 0.15: none."""
    rest = _dome(wear)
    skull = (head.part == 0) & (head.neutral[:, 1] > 0.07)
    vertices = 0.01 * rest + _follow(head, rest, moved, skull, 5.0)
    triangles = grid_triangles(_DOME_ROWS + _BRIM_ROWS, _DOME_COLUMNS, closed=True).to(rest.device)
    return Mesh(_hide(vertices, wear.hat < 0.15), rest, triangles)


def press_under_hat(points: Tensor, wear: Wear) -> Tensor:
    """Hair (B, N, K, 3, head's frame, metres) pressed to the skull where a hat sits; below its edge it may spread again."""
    centre = points.new_tensor([0.0, 0.074, 0.006])
    half = points.new_tensor([0.0775, 0.072, 0.098])
    at = (points - centre) / half
    over = points[..., 1:2] > centre[1]
    flat = torch.cat((at[..., :1], at[..., 1:2] * over, at[..., 2:]), -1)
    away = flat.norm(dim=-1, keepdim=True).clamp_min(1e-6)
    room = 0.96 + ((centre[1] - points[..., 1:2]) / 0.03).clamp(0.0, 8.0) * 0.28
    share = (room / away).clamp_max(1.0)
    pressed = centre + at * torch.cat((share, torch.where(over, share, torch.ones_like(share)), share), -1) * half
    return torch.where((wear.hat >= 0.15)[:, None, None, None], pressed, points)


def _hide(vertices: Tensor, hidden: Tensor) -> Tensor:
    return torch.where(hidden[:, None, None], torch.full_like(vertices, _FAR_METRES), vertices)


_RIM_STEPS, _TUBE_STEPS, _ARM_STEPS = 36, 6, 10


def _tube(line: Tensor, across: Tensor, up: Tensor, radius: Tensor) -> Tensor:
    """Rings of a tube around points (B, S, 3) with two unit directions (B, S, 3): (B, S, T, 3)."""
    turn = 2 * math.pi * torch.arange(_TUBE_STEPS, device=line.device) / _TUBE_STEPS
    ring = across[:, :, None] * turn.cos()[:, None] + up[:, :, None] * turn.sin()[:, None]
    return line[:, :, None] + radius[:, None, None, None] * ring


def make_glasses(head: Head, wear: Wear, rest: Tensor) -> Mesh:
    """Frames on a person at rest (B, V, 3): two rims, a bridge, two arms to the ears; grade under 0.15: none."""
    mark = rest[:, head.landmarks]
    eye = 0.5 * (mark[:, [36, 39, 42, 45]].reshape(len(rest), 2, 2, 3).sum(2))  # right, left
    middle = eye.mean(1)
    half = 0.5 * (eye[:, 1, 0] - eye[:, 0, 0])
    forward = torch.maximum(mark[:, 27, 2], mark[:, [18, 19, 20, 23, 24, 25], 2].mean(1) + 0.007)
    ear = rest[:, (head.fields["ear"] * (head.neutral[:, 0] > 0)).argmax()]
    size = half * (0.84 + 0.12 * wear.glasses_width)
    tall = size * (0.62 + 0.3 * wear.glasses_round)
    thick = 0.0005 + 0.0012 * wear.glasses
    turn = 2 * math.pi * torch.arange(_RIM_STEPS, device=rest.device) / _RIM_STEPS
    power = 0.55 + 0.45 * wear.glasses_round[:, None]
    round_x, round_y = (torch.sign(f) * f.abs() ** power for f in (turn.cos()[None], turn.sin()[None]))
    parts: list[Tensor] = []
    for sign in (1.0, -1.0):
        x = sign * (half * 1.02)[:, None] + size[:, None] * round_x
        y = middle[:, 1:2] - 0.002 + tall[:, None] * round_y * 0.86
        z = forward[:, None] + 0.003 - 0.35 * (x.abs() - 0.01).clamp_min(0) ** 2 / 0.03
        line = torch.stack((x, y, z), -1)
        out = normalise(torch.stack((round_x.expand_as(x), round_y.expand_as(x), 0 * x), -1))
        ahead = torch.zeros_like(out)
        ahead[..., 2] = 1.0
        parts.append(_tube(line, out, ahead, thick).flatten(1, 2))
        parts.append(_arm(line, sign, ear, thick))
    parts.append(_bridge(half * 1.02 - size, middle, tall, forward, thick))
    vertices = torch.cat(parts, 1)
    return Mesh(_hide(vertices, wear.glasses < 0.15), vertices * 100, _glasses_triangles().to(rest.device))


def _arm(rim: Tensor, sign: float, ear: Tensor, thick: Tensor) -> Tensor:
    outer = rim[:, 3 if sign > 0 else _RIM_STEPS // 2 - 3]
    at = torch.linspace(0, 1, _ARM_STEPS, device=rim.device)[None, :]
    back = torch.stack(
        (
            (outer[:, :1] * (1 - at) + sign * (ear[:, :1].abs() + 0.001) * at) + sign * 0.004 * torch.sin(math.pi * at),
            outer[:, 1:2] * (1 - at) + (ear[:, 1:2] + 0.028) * at - 0.03 * (at - 0.85).clamp_min(0) / 0.15,
            outer[:, 2:] * (1 - at) + (ear[:, 2:] - 0.012) * at,
        ),
        -1,
    )
    across, up = torch.zeros_like(back), torch.zeros_like(back)
    across[..., 0], up[..., 1] = 0.7, 1.3
    return _tube(back, across, up, thick * 0.9).flatten(1, 2)


def _bridge(gap: Tensor, middle: Tensor, tall: Tensor, forward: Tensor, thick: Tensor) -> Tensor:
    at = torch.linspace(-1, 1, _ARM_STEPS, device=gap.device)[None, :]
    line = torch.stack(
        (
            gap[:, None].clamp_min(0.006) * at * 1.05,
            (middle[:, 1] + 0.25 * tall)[:, None] + 0.003 * (1 - at**2),
            (forward + 0.004)[:, None] + 0 * at,
        ),
        -1,
    )
    up, ahead = torch.zeros_like(line), torch.zeros_like(line)
    up[..., 1], ahead[..., 2] = 1.0, 1.0
    return _tube(line, up, ahead, thick).flatten(1, 2)


@functools.lru_cache(maxsize=1)
def _glasses_triangles() -> Tensor:
    rim_rows = grid_triangles(_RIM_STEPS, _TUBE_STEPS, closed=True)
    last = torch.arange(_TUBE_STEPS) + (_RIM_STEPS - 1) * _TUBE_STEPS
    first = torch.arange(_TUBE_STEPS)
    turned = torch.roll(first, -1), torch.roll(last, -1)
    join = torch.cat((torch.stack((last, first, turned[0]), 1), torch.stack((last, turned[0], turned[1]), 1)))
    rim, arm = torch.cat((rim_rows, join)), grid_triangles(_ARM_STEPS, _TUBE_STEPS, closed=True)
    sizes, pieces, start = (_RIM_STEPS * _TUBE_STEPS, _ARM_STEPS * _TUBE_STEPS), [], 0
    for piece, size in ((rim, sizes[0]), (arm, sizes[1]), (rim, sizes[0]), (arm, sizes[1]), (arm, sizes[1])):
        pieces.append(piece + start)
        start += size
    return torch.cat(pieces)


def mesh_normals(vertices: Tensor, triangles: Tensor) -> Tensor:
    """Area-weighted unit normals (B, V, 3) of a small mesh."""
    corner = vertices[:, triangles]
    face = torch.linalg.cross(corner[:, :, 1] - corner[:, :, 0], corner[:, :, 2] - corner[:, :, 0])
    total = torch.zeros_like(vertices)
    for place in range(3):
        total.index_add_(1, triangles[:, place], face)
    return total / total.norm(dim=-1, keepdim=True).clamp_min(1e-12)
