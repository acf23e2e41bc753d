"""Losses that more than one room uses: adversarial terms, gradient and path-length penalties, dissimilarity."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from core.ops.ssim import ssim


def fool(fake_scores: Tensor) -> Tensor:
    """The generator's non-saturating loss (Goodfellow 2014)."""
    return F.softplus(-fake_scores).mean()


def tell_apart(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """The discriminator's side of the same game."""
    return F.softplus(-real_scores).mean() + F.softplus(fake_scores).mean()


def gradient_penalty(real_scores: Tensor, real_pictures: Tensor) -> Tensor:
    """R1 (Mescheder 2018): half the squared slope of the scores at real pictures, which must require gradients."""
    (slope,) = torch.autograd.grad(real_scores.sum(), real_pictures, create_graph=True)
    return 0.5 * slope.square().sum(dim=(1, 2, 3)).mean()


def path_length_penalty(pictures: Tensor, codes: Tensor, mean_length: Tensor) -> tuple[Tensor, Tensor]:
    """Penalty and the new running mean of path lengths (Karras 2020, eq. 4). Codes: N x layers x width."""
    noise = torch.randn_like(pictures) / math.sqrt(pictures.shape[2] * pictures.shape[3])
    (slope,) = torch.autograd.grad((pictures * noise).sum(), codes, create_graph=True)
    lengths = slope.square().sum(dim=2).mean(dim=1).sqrt()
    mean = mean_length.lerp(lengths.mean().detach().to(mean_length.dtype), 0.01)
    return (lengths - mean).square().mean(), mean


def dissimilarity(picture: Tensor, target: Tensor) -> Tensor:
    """(1 - SSIM) / 2 per pixel and channel, 0 where pictures N x C x H x W in [-1, 1] are alike, at most 1."""
    return ((1 - ssim(picture * 0.5 + 0.5, target * 0.5 + 0.5)) / 2).clamp(0, 1)
