"""Which way a code goes where one attribute of its face changes and nothing else of the person: as the engine does it.

The nearest code whose grades read as wished is another thing: it is reached by a little of everything that comes along with
the attribute in the population, and draws somebody else. And how far to go: a generator that has not learned enough draws
less of a change than its code says, so it is asked for more, by what a captioner reads in its pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from core.engine.attributes import ASKABLE, INDEX, KEYS
from core.engine.changes import change, choose_own
from core.engine.faces import Choices
from core.engine.people import Draws
from core.textedit.caption import Captioner
from core.textedit.codes import TRUE_WIDTH, Standard, read_grades, read_parameters

PEOPLE, WAYS_SEED = 128, 710_000_000
"""People who are changed to find out; training's own band."""
RUNGS = (1.0, 1.4, 2.0, 2.8, 4.0)
"""How many times as far codes are tried to go; however little a generator draws of a change, no further."""
FARTHEST = {"hair_lightness": 3.0, "hair_redness": 3.0}
"""Scores beyond which colours are not asked for: one head in a thousand lies there, and further out white hair glows and hair
that is to be less red turns green. Shapes stay what they are."""
MORE = 0.15
"""The share by which a change must show more on the next rung for going there."""
PLAINNESS = 1.25
"""What is asked for is drawn a little more than it is: a captioner that a generator has learned to please hears too much."""
HEARD, FEWEST = 32, 0.15
"""Codes that a generator's answer is read on, and the least share of the truth that a reading must follow to count."""
LITTLE = 0.01
"""Mean square of changed grades under which there is nothing to hear, as when a hat is taken from people without."""
PLAINLY = 1.5
"""Scores by which attributes are raised and lowered to hear what is drawn of it."""


@torch.no_grad()
def find_ways(standard: Standard, count: int, device: str = "cpu") -> Tensor:
    """(2, 26, TRUE_WIDTH): how a code moves while an attribute's score grows by one, and how while it falls (then with the
    other sign), on average over ``count`` people; nothing for what cannot be asked for."""
    seeds = torch.arange(WAYS_SEED, WAYS_SEED + count)
    own, draws = choose_own(seeds.tolist()), Draws(seeds)

    def read(choices: Choices) -> tuple[Tensor, Tensor]:
        codes = standard.encode(read_parameters(seeds, device, choices), seeds, TRUE_WIDTH)
        return codes, standard.score_grades(read_grades(seeds, device, choices))

    before, scores = read(own)
    ways = torch.zeros(2, len(KEYS), TRUE_WIDTH)
    for key in ASKABLE:
        place = INDEX[key]
        after, now = read(change(own, key, draws.uniform(f"way of {key}")))
        gone = (now - scores)[:, place]
        for side, chosen in enumerate((gone.clamp_min(0), gone.clamp_max(0))):
            ways[side, place] = chosen @ (after - before) / chosen.square().sum().clamp_min(1e-6)
    return ways


def go(codes: Tensor, ways: Tensor, scores: Tensor) -> Tensor:
    """Codes (N, C) of the same faces with attributes' scores (N, 26) so much higher."""
    with torch.autocast(codes.device.type, enabled=False):
        moved, scores = codes.float().clone(), scores.float()
        moved[:, :TRUE_WIDTH] += scores.clamp_min(0) @ ways[0] + scores.clamp_max(0) @ ways[1]
    return moved


def raise_voice(scores: Tensor, grown: Tensor, gains: Tensor) -> Tensor:
    """How much higher scores (N, 26) are asked for where ``grown`` is meant: by the gains (2, 26), but of ``FARTHEST`` no
    further out, unless it was there or was plainly asked to be."""
    asked = grown.clamp_min(0) * gains[0] + grown.clamp_max(0) * gains[1]
    limits = scores.new_tensor([FARTHEST.get(key, torch.inf) for key in KEYS])
    farthest = torch.maximum(torch.maximum(scores.abs(), (scores + grown).abs()), limits)
    return (scores + asked).clamp(-farthest, farthest) - scores


@torch.no_grad()
def find_gains(generator: Any, standard: Standard, captioner: Captioner, ways: Tensor, slopes: Tensor) -> Tensor:
    """(2, 26), 1 or more: how many times as far codes must go until a change of grade shows plainly.

    ``slopes`` (26): how much of true changes the captioner reads; ``PLAINNESS`` times as much is wanted. A generator draws
    no more of some changes however far codes go, and less beyond: there it is asked for what shows most. What the captioner
    does not read is asked for as loudly as the rest is on the median.
    """
    draw = torch.Generator().manual_seed(11)
    codes = torch.randn(HEARD, generator.config.code_width, generator=draw)

    def read(z: Tensor) -> Tensor:
        drawn = [generator(part, None, 1.0, "fixed").float().clamp(-1, 1) for part in z.split(16)]
        return captioner.grades(captioner.see(torch.cat(drawn))[1]).float()

    before, scores = read(codes), standard.read(codes)
    grades, gains = standard.grades_of(scores), torch.full((2, len(KEYS)), torch.nan)
    for key in ASKABLE:
        place = INDEX[key]
        for side, step in enumerate((PLAINLY, -PLAINLY)):
            grown = torch.zeros_like(scores)
            grown[:, place] = step
            wanted = (standard.grades_of(scores + grown) - grades)[:, place]
            if slopes[place] <= FEWEST or wanted.square().mean() <= LITTLE:
                continue

            def hear(gain: float, grown: Tensor = grown, wanted: Tensor = wanted, place: int = place) -> float:
                louder = raise_voice(scores, grown, torch.full_like(gains, gain))
                shown = (read(go(codes, ways, louder)) - before)[:, place]
                return float((shown * wanted).sum() / wanted.square().sum().clamp_min(1e-6))

            gains[side, place] = climb(hear, PLAINNESS * float(slopes[place]))
    usual = gains.nanmedian() if not gains.isnan().all() else gains.new_ones(())
    return torch.where(gains.isnan(), usual, gains)


def climb(hear: Callable[[float], float], wanted: float) -> float:
    """The least gain on the ladder, or between two rungs of it, at which as much as wanted is heard; where louder is no longer
    heard as more, the rung before."""
    below, heard = RUNGS[0], hear(RUNGS[0])
    if heard >= wanted:
        return below
    for rung in RUNGS[1:]:
        louder = hear(rung)
        if louder >= wanted:
            return below + (rung - below) * (wanted - heard) / (louder - heard)
        if louder <= (1 + MORE) * heard:
            return below
        below, heard = rung, louder
    return below


def follow(read: Tensor, true: Tensor) -> Tensor:
    """(26) how much readings (N, 26) grow while the truth grows by one."""
    off = true - true.mean(0)
    return (off * (read - read.mean(0))).mean(0) / off.square().mean(0).clamp_min(1e-9)
