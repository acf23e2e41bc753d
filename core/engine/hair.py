"""Hair as strands: from a style's numbers and the roots on a head to curves with width and colour.

One tensor program for a batch of different styles. Strands grow point by point (a comb, gravity and lift pull on the direction,
head and shoulders push out), then locks gather and curls wind. How strands are lit is hairlight.py's. Metres, in the
head's frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from core.engine import random
from core.engine.hairzones import (
    HairStyle,
    Zones,
    comb_directions,
    cut_heights,
    find_zones,
    smooth_step,
    strand_chance,
    strand_lengths,
    unit,
)
from core.engine.random import stream
from core.engine.scalp import Obstacle, ScalpRoots

HEAD_RADIUS = 0.095
POINTS, STEPS = 26, 12
"""Points on a strand, and the steps in which its uncurled course is grown."""


@dataclass(frozen=True)
class Strands:
    """Curves (B, N, K, 3) with full width in metres (B, N, K; 0: not grown), colour and how open to light they lie."""

    points: Tensor
    width: Tensor
    albedo: Tensor
    """(B, N, K, 3), linear: what one strand reflects."""
    openness: Tensor
    """(B, N, K), 0 deep in the hair to 1 on top."""
    gloss_shift: Tensor
    """(B, N), radians by which this strand's highlight is off: what breaks the shine into streaks."""

    def tangents(self) -> Tensor:
        """Unit directions (B, N, K, 3), root to tip."""
        step = self.points[:, :, 1:] - self.points[:, :, :-1]
        both = torch.cat((step[:, :, :1], step), 2) + torch.cat((step, step[:, :, -1:]), 2)
        return F.normalize(both, dim=-1, eps=1e-9)


@dataclass(frozen=True)
class HairColour:
    """Colour of a batch's hair."""

    albedo: Tensor
    """(B, 3), linear."""
    grey: Tensor
    """(B,) share of strands without pigment."""
    spread: Tensor
    """(B,) how much strands differ, 0..1."""
    tips: Tensor
    """(B, 3) colour of the tips."""
    tip_start: Tensor
    """(B,) where along the strand the tips' colour begins (1: nowhere)."""


def _gather_point(style: HairStyle, obstacle: Obstacle) -> tuple[Tensor, Tensor]:
    """Where hair is tied (B, 3) and the direction out of the head there."""
    angle = style.get("gather_height")
    direction = torch.cat((torch.zeros_like(angle), torch.sin(angle), -torch.cos(angle)), 1)
    _, _, skin = obstacle.reach(obstacle.centre + 0.1 * direction, style.get("over_ears")[:, 0])
    return obstacle.centre + direction * (skin + 0.010), direction


@dataclass
class _Growth:
    """What one step needs besides the points."""

    style: HairStyle
    zones: Zones
    obstacle: Obstacle
    comb: Tensor
    normals: Tensor
    step: Tensor
    margin: Tensor
    cut: Tensor
    tied: Tensor
    tie: Tensor
    tie_out: Tensor
    jitter: Tensor
    drape: Tensor
    """Forwards or backwards (B, N, 3): which side of the shoulder hangs over."""
    lift: Tensor
    """(B, N, 1) how strongly roots stand up."""


def _pull(growth: _Growth, arc: Tensor, outward: Tensor) -> Tensor:
    """Direction that comb, lift and gravity want after ``arc`` metres (B, N, 1)."""
    style = growth.style
    comb_fades = torch.exp(-arc / style.get("comb_length")[..., None])
    lift_fades = torch.exp(-arc / style.get("lift_length")[..., None])
    along = growth.comb - (growth.comb * outward).sum(-1, keepdim=True) * outward
    # a straight step along the head ends above it
    along = along - outward * (growth.step / (2.0 * HEAD_RADIUS))
    gravity = style.get("gravity")[..., None] * (1.0 - comb_fades * 0.7) + 0.5 * growth.zones.fringe[..., None]
    down = torch.tensor([0.0, -1.0, 0.0], device=arc.device, dtype=arc.dtype)
    wish = along * comb_fades + growth.normals * growth.lift * lift_fades + down * gravity
    # hair that hangs clings to the neck: the more, the longer it is
    cling = 0.22 * gravity * smooth_step(arc, 0.08, 0.2) * smooth_step(outward[..., 2:], 0.5, 0.1)
    level = outward * torch.tensor([1.0, 0.0, 1.0], device=arc.device, dtype=arc.dtype)
    return wish - level * cling + growth.drape * smooth_step(arc, 0.12, 0.2) + growth.jitter


def _tied_pull(growth: _Growth, at: Tensor, outward: Tensor, after: Tensor) -> Tensor:
    """Direction of tied hair: along the head to the knot, behind it out and down."""
    to_tie = growth.tie[:, None] - at
    away = to_tie.norm(dim=-1, keepdim=True)
    along = to_tie - (to_tie * outward).sum(-1, keepdim=True) * outward * smooth_step(away, 0.015, 0.04)
    down = torch.tensor([0.0, -1.0, 0.0], device=at.device, dtype=at.dtype)
    hanging = growth.tie_out[:, None] * 0.9 * torch.exp(-after / 0.05) + down + growth.jitter * 2.0
    return torch.where(after > 0, unit(hanging), unit(along) - outward * (growth.step / (2.0 * HEAD_RADIUS)))


def _keep_face_free(growth: _Growth, at: Tensor) -> Tensor:
    """Sideways push (B, N, 3) that keeps hair which is no fringe off the eyes and the mouth."""
    face = 0.060 * torch.sqrt((1.0 - ((at[..., 1] + 0.005) / 0.105) ** 2).clamp_min(0.0))
    throat = 0.046 * smooth_step(at[..., 1], -0.02, -0.05) * smooth_step(at[..., 1], -0.2, -0.15)
    wanted = torch.maximum(face, throat) * growth.style.get("face_free")
    missing = (wanted - at[..., 0].abs()).clamp_min(0.0) * smooth_step(at[..., 2], 0.02, 0.055)
    missing = missing * (growth.zones.fringe == 0) * smooth_step(at[..., 1], 0.1, 0.08)
    sign = torch.where(at[..., 0] * 8.0 + 0.01 * growth.zones.side >= 0, 1.0, -1.0)
    return torch.stack((missing * sign, torch.zeros_like(missing), -0.6 * missing), -1)


def _drape_push(growth: _Growth, at: Tensor, push: Tensor) -> Tensor:
    """On the shoulders hair gives way forwards or backwards rather than outwards."""
    low = smooth_step(at[..., 1:2], -0.1, -0.14)
    aside = push * torch.tensor([0.25, 0.7, 1.0], device=at.device, dtype=at.dtype)
    aside = aside + growth.drape * 6.0 * push.norm(dim=-1, keepdim=True)
    return push + (aside - push) * low


def _grow_centres(growth: _Growth, roots: ScalpRoots, points: int) -> tuple[Tensor, Tensor]:
    """The uncurled curves (B, N, K, 3), and how far behind the knot each point is (B, N, K)."""
    style, over_ears = growth.style, growth.style.get("over_ears")[:, 0]
    at, heading = roots.positions, unit(roots.normals * (0.12 + growth.lift) + growth.comb)
    after = torch.zeros_like(growth.step)
    # the same bend for the same length, however it is cut into steps
    stiff = style.get("stiffness")[..., None] ** (growth.step / 0.02).clamp(0.1, 4.0)
    path, behind = [at], [after]
    long = ((style.get("top") > 0.1) | (style.get("gather") > 0.5))[..., None]
    any_tied, any_long = bool(growth.tied.any()), bool(long.any())
    for number in range(1, points):
        outward = unit(at - growth.obstacle.centre[:, None])
        arc = growth.step * number
        wish = unit(_pull(growth, arc, outward))
        bent = unit(heading * stiff + wish * (1.0 - stiff))
        heading = torch.where(growth.tied, _tied_pull(growth, at, outward, after), bent) if any_tied else bent
        length = growth.step * (
            (at[..., 1:2] - growth.cut) / (growth.step * (-heading[..., 1:2]).clamp_min(1e-4))
        ).clamp(0, 1)
        length = torch.where(heading[..., 1:2] < 0, length, growth.step)
        new = at + heading * length
        rise = growth.margin * smooth_step(arc, 0.0, 0.05)
        pushed = growth.obstacle.push_out(new, rise, over_ears)
        if any_long:
            off_body = growth.obstacle.push_off_body(pushed, rise)
            laid = new + _drape_push(growth, new, off_body - new) + _keep_face_free(growth, new)
            pushed = torch.where(long, laid, pushed)
        heading = unit(pushed - at)
        # a cut strand stands still, all but: its tip keeps a direction to be lit by
        at = at + heading * length.clamp_min(2e-5)
        if any_tied:
            away = (growth.tie[:, None] - at).norm(dim=-1, keepdim=True)
            reached = growth.tied & (away < growth.step * 0.8 + 0.008)
            at = torch.where(reached & (after == 0), growth.tie[:, None] + growth.jitter * 0.02, at)
            after = torch.where(reached | (after > 0), after + growth.step, after)
        path.append(at)
        behind.append(after)
    return torch.stack(path, 2), torch.cat(behind, -1)


def _coil(growth: _Growth, points: Tensor, behind: Tensor, seeds: Tensor) -> Tensor:
    """Tied hair behind the knot wound into a bun, where the style has one."""
    count = points.shape[1]
    size = 0.026 + 0.012 * random.uniform(seeds, stream("hair bun"))[:, None]
    out = growth.tie_out[:, None]
    core = growth.tie[:, None] + out * (0.75 * size)[..., None]
    # each strand runs on a circle of its own, tilted a little out of the bun's plane
    axis = unit(out + growth.jitter * 9.0)
    first = unit(torch.linalg.cross(axis, torch.tensor([1.0, 0.1, 0.0], device=points.device).expand_as(axis), dim=-1))
    second = torch.linalg.cross(axis, first, dim=-1)
    radius = (size * (0.55 + 0.45 * torch.sqrt(strand_chance(seeds, "hair bun ring", count))))[..., None]
    angle = behind / radius + 2 * math.pi * strand_chance(seeds, "hair bun phase", count)[..., None]
    ring = first[:, :, None] * torch.cos(angle)[..., None] + second[:, :, None] * torch.sin(angle)[..., None]
    lift = (axis * (strand_chance(seeds, "hair bun height", count)[..., None] - 0.35)) * size[..., None]
    wound = core[:, :, None] + ring * radius[..., None] + lift[:, :, None]
    share = smooth_step(behind, 0.0, 0.02)[..., None] * growth.style.get("bun")[..., None, None]
    return points + (wound - points) * share


def _refine(values: Tensor, count: int) -> Tensor:
    """``count`` numbers (..., count) on smooth curves through numbers (..., K) (Catmull and Rom 1974)."""
    held = values.shape[-1]
    at = torch.linspace(0.0, held - 1.0, count, device=values.device)
    low = at.floor().long().clamp_max(held - 2)
    t = (at - low)[:, None]
    basis = 0.5 * torch.cat((-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2), 1)
    rows = torch.zeros(count, held, device=values.device)
    for place in range(4):
        rows.scatter_add_(1, (low + place - 1).clamp(0, held - 1)[:, None], basis[:, place : place + 1])
    return F.linear(values, rows)


def _gather_locks(style: HairStyle, roots: ScalpRoots, zones: Zones, points: Tensor, seeds: Tensor) -> Tensor:
    """Strands drawn to the leader of their lock, more towards the tip."""
    along = torch.linspace(0.0, 1.0, points.shape[2], device=points.device)[:, None]
    lead = points[:, roots.locks]
    beside = (points[:, :, :1] - lead[:, :, :1]) * (1.0 - style.get("lock_taper")[..., None, None] * along)
    middle = points.shape[2] // 2
    same_way = (unit(points[:, :, middle] - points[:, :, 0]) * unit(lead[:, :, middle] - lead[:, :, 0])).sum(-1)
    same_side = (zones.side * zones.side[:, roots.locks] > -0.2) & (zones.fringe == zones.fringe[:, roots.locks])
    own = 0.35 + 0.65 * strand_chance(seeds, "hair lock own", points.shape[1])
    share = style.get("lock") * own * smooth_step(same_way, 0.6, 0.9) * same_side
    share = share[..., None, None] * smooth_step(along, 0.05, 0.6)
    return points + (lead + beside - points) * share


def _path_length(points: Tensor) -> Tensor:
    """Metres from the root to each point (B, N, K)."""
    return F.pad((points[:, :, 1:] - points[:, :, :-1]).norm(dim=-1), (1, 0)).cumsum(-1)


def _frame(points: Tensor, centre: Tensor) -> tuple[Tensor, Tensor]:
    """Two directions across each curve (B, N, K, 3): the first out of the head."""
    step = points[:, :, 1:] - points[:, :, :-1]
    tangent = unit(torch.cat((step, step[:, :, -1:]), 2))
    outward = points - centre[:, None, None] + 0.004
    first = unit(outward - (outward * tangent).sum(-1, keepdim=True) * tangent)
    (tx, ty, tz), (fx, fy, fz) = tangent.unbind(-1), first.unbind(-1)
    return first, torch.stack((ty * fz - tz * fy, tz * fx - tx * fz, tx * fy - ty * fx), -1)


def _wind(
    growth: _Growth, roots: ScalpRoots, centres: Tensor, behind: Tensor, points_wanted: int, seeds: Tensor
) -> Tensor:
    """Frizz, then smooth curves with curls: a helix along each curve, in step within a lock."""
    style, count = growth.style, centres.shape[1]
    first, second = _frame(centres, roots.obstacle.centre)
    arc = _path_length(centres)
    share = arc / arc[..., -1:].clamp_min(1e-5)
    own = 2 * math.pi * strand_chance(seeds, "hair frizz", count)[..., None]
    turns = 2.0 + 5.0 * strand_chance(seeds, "hair frizz turns", count)[..., None]
    fuzz = style.get("frizz")[..., None] * (0.3 + 1.4 * strand_chance(seeds, "hair fuzz", count)[..., None] ** 3)
    fuzz = fuzz * smooth_step(arc, 0.002, 0.05) * torch.where(growth.tied & (behind <= 0), 0.25, 1.0)
    fuzzy = centres + first * (fuzz * torch.sin(own + turns * share * 3.1))[..., None]
    fuzzy = fuzzy + second * (fuzz * torch.cos(own * 1.7 + turns * share * 4.3))[..., None]
    start = style.get("curl_start")[..., None]
    radius = style.get("curl") * (0.75 + 0.5 * strand_chance(seeds, "hair radius", count)[:, roots.locks])
    radius = radius[..., None] * smooth_step(share, start - 0.02, start + 0.35) * smooth_step(arc, 0.0, 0.02)
    # tied hair is pulled straight up to the knot
    radius = radius * torch.where(growth.tied, smooth_step(behind, 0.0, 0.06), torch.ones_like(behind))
    numbers = (*fuzzy.unbind(-1), *first.unbind(-1), *second.unbind(-1), radius, arc, behind)
    fine = _refine(torch.stack(numbers, 2), points_wanted).unbind(2)
    radius, arc, behind = fine[9].clamp_min(0.0), fine[10], fine[11].clamp_min(0.0)
    shortest = 4.6 * arc[..., -1] / (arc.shape[2] - 1)
    wave = style.get("curl_wave") * (0.8 + 0.4 * strand_chance(seeds, "hair wave", count)[:, roots.locks])
    # nearly in step over the head where waves are long, not at all where curls are tight
    apart = (0.045 / style.get("curl_wave")).clamp(0.3, 1.0)
    phase = apart * strand_chance(seeds, "hair phase", count)[:, roots.locks] + 0.1 * strand_chance(
        seeds, "hair phase own", count
    )
    angle = 2 * math.pi * (phase[..., None] + arc / torch.maximum(wave, shortest)[..., None])
    # never inwards: the helix lies on the curve, not about it
    out, aside = radius * (1.0 + torch.cos(angle)), radius * torch.sin(angle)
    points = torch.stack([fine[axis] + fine[3 + axis] * out + fine[6 + axis] * aside for axis in range(3)], -1)
    if bool((style.get("bun") > 0).any()):
        points = _coil(growth, points, behind, seeds)
    return points


def grow(
    style: HairStyle,
    roots: ScalpRoots,
    colour: HairColour,
    seeds: Tensor,
    points: int = POINTS,
    hat: Tensor | None = None,
) -> Strands:
    """A head of hair for each of a batch: styles (B), roots on B heads, seeds (B, int64); ``points`` on each strand.

    ``hat`` (B, bool) presses the hair of those who wear one down to the skull above its edge.
    """
    if points < 4:
        raise ValueError(f"A strand wants at least four points, not {points}.")
    steps = STEPS if points > 14 else STEPS - 3
    count = roots.rest.shape[0]
    zones = find_zones(style, roots.rest, roots.hairline, seeds)
    lengths = strand_lengths(style, zones, roots.rest, seeds)
    tied = (style.get("gather") > 0.5) & (zones.fringe == 0) & (strand_chance(seeds, "hair loose", count) > 0.004)
    tie, tie_out = _gather_point(style, roots.obstacle)
    reach = (roots.positions - tie[:, None]).norm(dim=-1) * 1.25
    lengths = torch.where(
        tied, reach + style.get("tail") * (0.8 + 0.35 * strand_chance(seeds, "hair tail", count)), lengths
    )
    layer = strand_chance(seeds, "hair layer", count)
    jitter = torch.stack([strand_chance(seeds, f"hair jitter {axis}", count) - 0.5 for axis in "xyz"], -1)
    ahead = torch.tanh(
        (roots.rest[None, :, 2] + 0.05 * (strand_chance(seeds, "hair drape", count)[:, roots.locks] - 0.5)) / 0.02
    )
    lift = style.get("lift") * (style.get("side_lift") + (1.0 - style.get("side_lift")) * zones.top)
    lift = lift * (1.0 - 0.7 * zones.fringe)
    growth = _Growth(
        style, zones, roots.obstacle, comb_directions(style, zones, roots), roots.normals, (lengths / (steps - 1))[..., None],
        (0.0015 + style.get("volume") * layer)[..., None], cut_heights(style, zones, roots.rest, tied, seeds)[..., None],
        tied[..., None], tie, tie_out, jitter * 0.18, F.pad(0.16 * ahead[..., None], (2, 0)),
        lift[..., None],
    )  # fmt: skip
    centres, behind = _grow_centres(growth, roots, steps)
    centres = _gather_locks(style, roots, zones, centres, seeds)
    curved = _wind(growth, roots, centres, behind, points, seeds)
    if hat is not None and bool(hat.any()):
        pressed = roots.obstacle.press_down(curved, style.get("over_ears")[:, 0])
        curved = torch.where(hat[:, None, None, None], pressed, curved)
    strays = _crosses_face(centres, zones) & (strand_chance(seeds, "hair stray", count) > 0.06)
    # stubble is fine, and the cap below it does most
    fine = 0.4 + 0.6 * smooth_step(lengths, 0.002, 0.03)
    return _finish(style, roots, colour, (curved, fine * zones.kept * ~strays, layer), seeds)


def _crosses_face(centres: Tensor, zones: Zones) -> Tensor:
    """Strands (B, N) that are no fringe and yet hang before the face or the throat, where people put them aside."""
    x, y, z = centres.unbind(-1)
    before = (x.abs() < 0.04) & (z > 0.045) & (y < 0.075) & (y > -0.075)
    throat = (x.abs() < 0.034) & (z > 0.0) & (y <= -0.075) & (y > -0.2)
    forehead = (x.abs() < 0.036) & (z > 0.07) & (y < 0.094) & (y >= 0.075)
    return (before | forehead | throat).any(-1) & (zones.fringe == 0)


def _finish(
    style: HairStyle, roots: ScalpRoots, colour: HairColour, curves: tuple[Tensor, Tensor, Tensor], seeds: Tensor
) -> Strands:
    """Width, colour, openness and gloss of grown curves (points, share of the style's width, layer)."""
    points, share, layer = curves
    count = points.shape[1]
    along = torch.linspace(0.0, 1.0, points.shape[2], device=points.device)[None, None, :]
    width = (
        style.get("width") * (5500.0 / count) ** 0.7 * share * (0.75 + 0.5 * strand_chance(seeds, "hair width", count))
    )
    openness = 0.25 + 0.75 * smooth_step(0.75 * layer[..., None] + 0.55 * along, 0.1, 0.95)
    shift = (strand_chance(seeds, "hair gloss", count) - 0.5) * 0.22
    shift = shift + (strand_chance(seeds, "hair gloss lock", count)[:, roots.locks] - 0.5) * 0.18
    taper = 1.0 - 0.7 * along**5
    return Strands(points, width[..., None] * taper, paint(colour, roots.locks, along, seeds), openness, shift)


def paint(colour: HairColour, locks: Tensor, along: Tensor, seeds: Tensor) -> Tensor:
    """Albedo (B, N, K, 3): strands and locks differ, some are grey, tips may be of another colour."""
    count = len(locks)
    own, lock = (
        strand_chance(seeds, "hair tone", count) - 0.5,
        strand_chance(seeds, "hair tone lock", count)[:, locks] - 0.5,
    )
    depth = colour.spread[:, None] * (0.9 * own + 0.45 * lock)
    base = colour.albedo[:, None] ** (1.0 + depth[..., None]).clamp(0.4, 1.8)
    # one strand drawn is several hairs: it is more or less grey, seldom all or nothing
    uneven = 0.9 * (strand_chance(seeds, "hair grey", count) - 0.5) + 0.3 * lock
    amount = colour.grey[:, None]
    grey = (amount + uneven * 2.0 * torch.sqrt((amount * (1.0 - amount)).clamp_min(0.0))).clamp(0.0, 1.0)[..., None]
    without = torch.tensor([0.50, 0.49, 0.47], device=base.device)
    base = base + (without - base) * grey
    if not bool((colour.tip_start < 1.0).any()):
        return base[:, :, None].expand(-1, -1, along.shape[-1], -1)
    share = smooth_step(along, colour.tip_start[:, None, None] - 0.15, colour.tip_start[:, None, None] + 0.15)
    share = share * (colour.tip_start < 1.0)[:, None, None]
    return base[:, :, None] + (colour.tips[:, None, None] - base[:, :, None]) * share[..., None]
