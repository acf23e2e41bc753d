"""A print carried on beyond the crop that shows it: the cloth's own repeats are found, and laid on in both directions.

Where a cloth agrees best with itself when shifted is how far its print is from its next repeat (near-regular texture: Liu,
Collins and Tsin 2004; agreement over what is seen of both: Padfield 2012). What has no repeat is laid on beside itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

LEAST_OVERLAP = 0.1
"""Share of what is seen that must still overlap when it is shifted, or agreement means nothing."""
LEAST_SHIFT = 3.0
LONGER_COSTS = 0.12
"""What a shift of the whole side costs, where agreement is 0 and a stranger's is 1: of a repeat and its double the first."""
APART = 0.6
"""Sine of the angle between both repeats, at least."""
BESIDE = 0.45
"""A cloth without repeats is laid on this far at least, in sides of a square of its area."""
REACH = (1, 3, 9, 27)
"""With each of these multiples laid on to both sides, what is known triples."""
GAPS = 4
"""How often gaps that are left are gone over."""


@dataclass(frozen=True)
class Repeats:
    """How far a print is from its next repeat, in two directions."""

    shifts: Tensor
    """2 x 2: down and across, pixels."""
    apart: float
    """How much the cloth differs from itself there, in shares of what strangers differ by."""


def weave(cloth: Tensor, seen: Tensor) -> Tensor:
    """Cloths N x 3 x H x W all over their pictures, from where they are seen (N x 1 x H x W, 0 or 1)."""
    repeats = measure_repeats(cloth, seen)
    woven = [lay_on(*one) for one in zip(cloth, seen, repeats, strict=True)]
    return carry_on(torch.stack([filled for filled, _ in woven]), torch.stack([known for _, known in woven]))


def measure_repeats(cloth: Tensor, seen: Tensor) -> list[Repeats]:
    """The repeats of each of N cloths."""
    differences, valid = differ_from_self(cloth, seen)
    sides = seen.sum((1, 2, 3)).sqrt().tolist()
    return [find_repeats(*one) for one in zip(differences, valid, sides, strict=True)]


def fine_detail(cloth: Tensor, seen: Tensor, fine: Tensor, fine_seen: Tensor) -> Tensor:
    """What one cloth shows between the pixels of a coarse picture, carried on at the repeats found in that: 1 x 3 x F x F of
    differences, from the same cloth laid with F pixels a side."""
    finer = fine.shape[-1] // cloth.shape[-1]
    found = measure_repeats(cloth, seen)[0]
    sums, shares = (F.avg_pool2d(one, finer) for one in (fine * fine_seen, fine_seen))
    coarse = carry_on(sums / shares.clamp_min(1e-4) * (shares > 0), (shares > 0).float())
    smooth = F.interpolate(coarse, size=fine.shape[2:], mode="bilinear", align_corners=False)
    # differences are laid on, not colours: these would show where one copy ends
    own = (fine - smooth) * fine_seen
    return lay_on(own[0], fine_seen[0], Repeats(found.shifts * finer, found.apart))[0][None]


def carry_on(cloth: Tensor, seen: Tensor) -> Tensor:
    """Seen colours carried on smoothly over what is not, coarse to fine (pull-push, Gortler 1996)."""
    sums, shares = [cloth * seen], [seen]
    while min(sums[-1].shape[2:]) > 1:
        sums.append(F.avg_pool2d(sums[-1], 2))
        shares.append(F.avg_pool2d(shares[-1], 2))
    filled = sums[-1] / shares[-1].clamp_min(1e-4)
    for total, share in zip(reversed(sums[:-1]), reversed(shares[:-1]), strict=True):
        coarse = F.interpolate(filled, size=total.shape[2:], mode="bilinear", align_corners=False)
        # where little is known, what lies around says the rest
        filled = total + coarse * (1 - share)
    return filled


def differ_from_self(cloth: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    """By shift (N x 2R+1 x 2R+1, from -R, -R on; R is half the side): mean square difference of cloths from themselves, in
    shares of what strangers differ by; and where enough overlaps to say so."""
    height, width = cloth.shape[2:]
    reach = max(height, width) // 2
    padded = (height + reach, width + reach)
    total = seen.sum((2, 3), keepdim=True).clamp_min(1.0)
    flat = (cloth - (cloth * seen).sum((2, 3), keepdim=True) / total) * seen
    power = flat.square().sum(1, keepdim=True)
    waves, powers, places = (torch.fft.rfft2(one, s=padded) for one in (flat, power, seen))

    def correlate(one: Tensor, other: Tensor) -> Tensor:
        found = torch.fft.irfft2((one.conj() * other).sum(1), s=padded)
        return torch.roll(found, (reach, reach), (1, 2))[:, : 2 * reach + 1, : 2 * reach + 1]

    overlap = correlate(places, places)
    squares = correlate(powers, places) + correlate(places, powers) - 2 * correlate(waves, waves)
    usual = 2 * power.sum((1, 2, 3)) / total[:, 0, 0, 0]
    apart = squares.clamp_min(0) / overlap.clamp_min(1.0) / usual.clamp_min(1e-6)[:, None, None]
    return apart, overlap > LEAST_OVERLAP * total[:, :, 0]


def find_repeats(apart: Tensor, valid: Tensor, side: float) -> Repeats:
    """The two repeats of one cloth, from its differences by shift; ``side`` is that of a square of its area."""
    reach = apart.shape[0] // 2
    axis = torch.arange(-reach, reach + 1, dtype=torch.float32)
    down, across = torch.meshgrid(axis, axis, indexing="ij")
    length = torch.hypot(down, across)
    half = (down > 0) | ((down == 0) & (across > 0))  # a shift and its opposite say the same
    held = torch.where(valid, apart, torch.full_like(apart, 9.0))
    around = -F.max_pool2d(-held[None], 5, 1, 2)[0]
    lowest = (held <= around) & valid & half & (length >= LEAST_SHIFT)
    far = valid & half & (length >= BESIDE * side)
    cost = held + LONGER_COSTS * length / (2 * reach)
    first = _cheapest(cost, lowest, far)
    first = torch.tensor([0.0, float(reach)]) if first is None else _refine(held, valid, first)
    sine = (down * first[1] - across * first[0]).abs() / (length * first.norm()).clamp_min(1e-6)
    second = _cheapest(cost, lowest & (sine > APART), far & (sine > APART))
    second = torch.stack((first[1], -first[0])) if second is None else _refine(held, valid, second)
    at = (first.round().long() + reach).tolist()
    return Repeats(torch.stack((first, second)), float(held[at[0], at[1]]))


def _cheapest(cost: Tensor, lowest: Tensor, far: Tensor) -> Tensor | None:
    """The shift that costs least among repeats; among all that are far enough where there is none that is near; None where
    nothing overlaps enough to say."""
    reach = cost.shape[0] // 2
    for allowed, most in ((lowest, 0.6), (far, math.inf), (lowest, math.inf)):
        held = torch.where(allowed, cost, torch.full_like(cost, math.inf))
        at = int(held.argmin())
        if float(held.flatten()[at]) < most:
            return torch.tensor([float(at // cost.shape[1] - reach), float(at % cost.shape[1] - reach)])
    return None


def _refine(held: Tensor, valid: Tensor, shift: Tensor) -> Tensor:
    """The shift to a fraction of a pixel: its multiples lie the further off the more it is wrong."""
    reach = held.shape[0] // 2
    times = 1
    while times < 12:
        middle = (shift * (times + 1) + reach).round().long().tolist()
        if not all(2 <= at < held.shape[0] - 2 for at in middle):
            break
        window = slice(middle[0] - 1, middle[0] + 2), slice(middle[1] - 1, middle[1] + 2)
        if not bool(valid[window].all()) or float(held[window].min()) > 0.5:
            break
        times += 1
        at = int(held[window].argmin())
        found = torch.tensor([float(middle[0] - 1 + at // 3 - reach), float(middle[1] - 1 + at % 3 - reach)])
        shift = found / times
    return shift


def lay_on(cloth: Tensor, seen: Tensor, repeats: Repeats) -> tuple[Tensor, Tensor]:
    """One cloth (3 x H x W) laid on at its repeats, the nearest copy first; and what is known then (1 x H x W)."""
    first, second = repeats.shifts
    woven = torch.cat((cloth * seen, seen))
    for times in REACH:
        for shift in (first, second):
            woven = _copy(woven, shift * times)
    # a crop narrower than its repeats leaves gaps, and corners that neither direction leads to: copies that are not quite in
    # step fill these
    across = first + second, first - second
    for shift in (*across, first / 2, second / 2, *(one / 2 for one in across), *repeats.shifts) * GAPS:
        if bool(woven[-1].all()):
            break
        woven = _copy(woven, shift)
    return woven[:-1], woven[-1:]


def _copy(woven: Tensor, shift: Tensor) -> Tensor:
    """A cloth and where it is known (4 x H x W), with copies of it at both sides where nothing is known yet."""
    down, across = shift.round().long().tolist()
    if max(abs(down), abs(across)) >= max(woven.shape[1:]) or (down, across) == (0, 0):
        return woven
    for sign in (1, -1):
        woven = woven + _shift(woven, sign * down, sign * across) * (1 - woven[-1:])
    return woven


def _shift(maps: Tensor, down: int, across: int) -> Tensor:
    """Maps moved by whole pixels, nothing where they came from."""
    height, width = maps.shape[1:]
    moved = torch.zeros_like(maps)
    to_rows, to_columns = slice(max(down, 0), height + min(down, 0)), slice(max(across, 0), width + min(across, 0))
    from_rows, from_columns = (
        slice(max(-down, 0), height - max(down, 0)),
        slice(max(-across, 0), width - max(across, 0)),
    )
    moved[:, to_rows, to_columns] = maps[:, from_rows, from_columns]
    return moved
