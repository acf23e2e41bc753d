"""Losses of the textedit room: pictures alike, sentences likely, wishes met, the rest kept."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.face.config import PARTS
from core.textedit.vocabulary import PAD

FEATURES = ("brows", "eyes", "nose", "mouth", "glasses")


def slope_difference(drawn: Tensor, target: Tensor, counts: Tensor) -> Tensor:
    """Mean absolute difference of the slopes of pictures, at full and half size: edges in the right places."""
    total = drawn.new_zeros(())
    for _ in range(2):
        for dimension in (2, 3):
            off = (drawn.diff(dim=dimension) - target.diff(dim=dimension)).abs()
            total = total + (off * counts.narrow(dimension, 0, off.shape[dimension])).mean()
        drawn, target, counts = (F.avg_pool2d(one, 2) for one in (drawn, target, counts))
    return total / 4


def picture_terms(
    drawn: Tensor, target: Tensor, distance: nn.Module | None, counts: Tensor | None = None
) -> dict[str, Tensor]:
    """Pixels, slopes, and the perceptual distance where its network is there. ``counts`` (N x 1 x H x W): how much a pixel
    counts, 1 on average."""
    drawn, target = drawn.float(), target.float()
    counts = torch.ones_like(target[:, :1]) if counts is None else counts
    terms = {
        "pixels": ((drawn - target).abs() * counts).mean(),
        "slopes": 2.0 * slope_difference(drawn, target, counts),
    }
    if distance is not None:
        terms["looks"] = distance(drawn, target).mean()
    return terms


def favour_people(parts: Tensor, person: float, features: float) -> Tensor:
    """How much each pixel counts, 1 on average, by what it shows (N x 1 x H x W, places in PARTS): the background 1, the
    person ``person``, and brows, eyes, nose, mouth and glasses, which are small and what a face is known by, ``features``."""
    weights = torch.full((len(PARTS),), person)
    weights[PARTS.index("background")] = 1.0
    weights[[PARTS.index(name) for name in FEATURES]] = features
    counts = weights.to(parts.device)[parts.long()]
    return counts / counts.mean((1, 2, 3), keepdim=True)


def unlikelihood(logits: Tensor, sentences: Tensor) -> Tensor:
    """Negative joint log-likelihood of sentences N x T that begin with a start sign, a word's mean."""
    return F.cross_entropy(logits.flatten(0, 1), sentences[:, 1:].flatten(), ignore_index=PAD)


def size_of(network: nn.Module) -> Tensor:
    """The L2 term: mean square of a network's weights."""
    weights = [weight for weight in network.parameters() if weight.ndim > 1]
    total = torch.stack([weight.float().square().sum() for weight in weights]).sum()
    return total / sum(weight.numel() for weight in weights)
