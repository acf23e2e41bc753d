"""Which way a code goes where one attribute of its face changes and nothing else of the person: as the engine does it.

The nearest code whose grades read as wished is another thing: it is reached by a little of everything that comes along with
the attribute in the population, and draws somebody else.
"""

from __future__ import annotations

import torch
from torch import Tensor

from core.engine.attributes import ASKABLE, INDEX, KEYS
from core.engine.changes import change, choose_own
from core.engine.faces import Choices
from core.engine.people import Draws
from core.textedit.codes import TRUE_WIDTH, Standard, read_grades, read_parameters

PEOPLE, WAYS_SEED = 256, 710_000_000
"""People who are changed to find out; training's own band."""


@torch.no_grad()
def find_ways(standard: Standard, count: int, device: str = "cpu") -> Tensor:
    """(26, TRUE_WIDTH): how a code moves while an attribute's score grows by one, on average over ``count`` people; nothing for
    what cannot be asked for."""
    seeds = torch.arange(WAYS_SEED, WAYS_SEED + count)
    own, draws = choose_own(seeds.tolist()), Draws(seeds)

    def read(choices: Choices) -> tuple[Tensor, Tensor]:
        codes = standard.encode(read_parameters(seeds, device, choices), seeds, TRUE_WIDTH)
        return codes, standard.score_grades(read_grades(seeds, device, choices))

    before, scores = read(own)
    ways = torch.zeros(len(KEYS), TRUE_WIDTH)
    for key in ASKABLE:
        after, now = read(change(own, key, draws.uniform(f"way of {key}")))
        grown = (now - scores)[:, INDEX[key]]
        ways[INDEX[key]] = (grown @ (after - before)) / grown.square().sum().clamp_min(1e-6)
    return ways


def go(codes: Tensor, ways: Tensor, scores: Tensor) -> Tensor:
    """Codes (N, C) of the same faces with attributes' scores (N, 26) so much higher."""
    with torch.autocast(codes.device.type, enabled=False):
        moved = codes.float().clone()
        moved[:, :TRUE_WIDTH] += scores.float() @ ways
    return moved
