"""Pictures and words that lie once on a chest: badges, landscapes, flowers, stars, hearts, short words."""

from __future__ import annotations

import torch
from torch import Tensor

from core.engine import motifs
from core.engine.motifs import WORDS, Design, cover, mix


def draw_emblems(job: Design, name: str) -> Tensor:
    """A picture or a word in a square, with its cover."""
    size = job.grid.shape[0]
    x, y = (job.grid[None, ..., at].expand(len(job.seeds), -1, -1) - 0.5 for at in (0, 1))
    pixel = 2.0 / size
    colour, share = job.colour(1).expand_as(job.ground()), torch.zeros_like(x)
    if name == "word":
        return torch.cat((colour, _write(job, x, y, 0.17)[:, None]), 1)
    far = torch.sqrt(x * x + y * y + 1e-9)
    design = job.whole("design", 0, 5)[:, None, None]
    badge = cover(far - 0.4, pixel)
    sun = cover(torch.sqrt((x - 0.06) ** 2 + (y + 0.1) ** 2) - 0.15, pixel)
    hills = cover(0.1 - y - 0.09 * torch.sin(x * 9 + job.uniform("hill", 0, 6)[:, None, None]), pixel)
    near = cover(0.22 - y - 0.06 * torch.sin(x * 14 + 2), pixel)
    scene = mix(
        mix(mix(job.colour(3).expand_as(colour), job.colour(4), sun), job.colour(2), hills), job.colour(1), near
    )
    rays = torch.cos(torch.atan2(y, x) * 12) > 0
    bloom = cover(motifs.blossom(x, y, 0.4, 4), pixel)
    flower = mix(
        mix(job.colour(1).expand_as(colour), job.colour(2), cover(motifs.blossom(x, y, 0.26, 4), pixel)),
        job.colour(4),
        cover(far - 0.09, pixel),
    )
    stripes = cover((torch.remainder(y * 11, 1) - 0.5).abs() - 0.28, 11 * pixel) * badge
    first = job.colour(1).expand_as(colour)
    ring = badge * cover(0.13 - far, pixel) + cover(far - 0.1, pixel)
    small_star, large_star = (cover(motifs.star(x, y, radius), pixel) for radius in (0.28, 0.42))
    named = mix(job.colour(2).expand_as(colour), job.colour(1), _write(job, x, y, 0.1))
    options = (
        (scene, badge),
        (mix(first, job.colour(2), rays.float()), ring),
        (flower, bloom),
        (first, stripes),
        (mix(first, job.colour(4), small_star), large_star),
        (named, cover(motifs.heart(x, y * 0.95, 0.36), pixel)),
    )
    for number, (paint, where) in enumerate(options):
        chosen = (design == number).float()
        colour, share = mix(colour, paint, chosen), share + where * chosen
    return torch.cat((colour, share[:, None].clamp(0, 1)), 1)


def _write(job: Design, x: Tensor, y: Tensor, high: float) -> Tensor:
    """One of the words, one line or two."""
    which = job.whole("word", 0, len(WORDS) - 1)
    share = torch.zeros_like(x)
    thick = job.uniform("thick", 0.08, 0.15)[:, None, None]
    for number in torch.unique(which).long().tolist():
        here = torch.nonzero(which == number)[:, 0]
        text = WORDS[number]
        wide = min(0.92, high * 1.05 * len(text))
        stroke = motifs.word(x[here] / wide + 0.5, y[here] / high + 0.5, text) - thick[here]
        share[here] = cover(stroke, 2.0 / (x.shape[-1] * high))
    return share
