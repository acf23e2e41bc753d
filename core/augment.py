"""Differentiable augmentations and the controller of their strength, for adversarial training on few pictures.

After Karras 2020b: every augmentation is applied with the same chance p to real and drawn pictures alike, so the
generator does not learn them, and p follows how far the discriminator over-fits. Resampling is bilinear.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ADJUST_AFTER = 64
MOST_CHANCE = 0.8
"""Above this, augmentations leak into what is drawn."""
GREY = (1 / math.sqrt(3.0),) * 3


class Augment(nn.Module):
    """Pictures to pictures, with the chance p that it keeps as state."""

    chance: Tensor
    signs: Tensor

    def __init__(self, target: float = 0.6, pictures_to_full: float = 100_000.0, most_degrees: float = 30.0) -> None:
        """``target``: mean sign of real scores to hold; ``pictures_to_full``: pictures in which p could rise by one."""
        super().__init__()
        self.target, self.pictures_to_full, self.most_radians = target, pictures_to_full, math.radians(most_degrees)
        self.register_buffer("chance", torch.zeros(()))
        self.register_buffer("signs", torch.zeros(2))  # sum of signs, and how many, since the last adjustment

    @torch.no_grad()
    def observe(self, real_scores: Tensor) -> None:
        """Counts how surely the discriminator calls real pictures real, and moves p after every 64 of them.

        Up while the discriminator over-fits, down while it does not (Karras 2020b, section 3).
        """
        self.signs.add_(torch.stack((real_scores.sign().sum(), real_scores.new_tensor(real_scores.numel()))).float())
        if float(self.signs[1]) < ADJUST_AFTER:
            return
        direction = torch.sign(self.signs[0] / self.signs[1] - self.target)
        self.chance.add_(direction * self.signs[1] / self.pictures_to_full).clamp_(0.0, MOST_CHANCE)
        self.signs.zero_()

    def forward(self, pictures: Tensor) -> Tensor:
        """N x 3 x H x W in [-1, 1]."""
        if float(self.chance) == 0.0:
            return pictures
        return self._recolour(self._move(pictures))

    def _happens(self, count: int, device: torch.device) -> Tensor:
        return (torch.rand(count, device=device) < self.chance).float()

    def _move(self, pictures: Tensor) -> Tensor:
        """Mirror, scale, rotation, stretch and shift in one resampling."""
        count, device = pictures.shape[0], pictures.device
        transform = torch.eye(3, device=device).repeat(count, 1, 1)
        flip = 1 - 2 * torch.randint(2, (count,), device=device).float() * self._happens(count, device)
        transform = scaling(flip, torch.ones_like(flip)) @ transform
        scale = torch.exp2(0.2 * torch.randn(count, device=device) * self._happens(count, device))
        transform = scaling(scale, scale) @ transform
        stretch = torch.exp2(0.2 * torch.randn(count, device=device) * self._happens(count, device))
        turns = self._turn(count, device), self._turn(count, device)
        transform = rotation(turns[1]) @ scaling(stretch, 1 / stretch) @ rotation(turns[0]) @ transform
        shift = 0.25 * torch.randn(count, 2, device=device) * self._happens(count, device)[:, None]
        transform = translation(shift) @ transform
        grid = F.affine_grid(transform[:, :2], list(pictures.shape), align_corners=False).to(pictures.dtype)
        return F.grid_sample(pictures, grid, mode="bilinear", padding_mode="reflection", align_corners=False)

    def _turn(self, count: int, device: torch.device) -> Tensor:
        """Radians of one of two rotations that together happen with chance p."""
        happens = torch.rand(count, device=device) < 1 - (1 - self.chance).sqrt()
        return (torch.rand(count, device=device) * 2 - 1) * self.most_radians * happens

    def _recolour(self, pictures: Tensor) -> Tensor:
        """Brightness, contrast, luma flip, hue and saturation as one matrix on colours."""
        count, device = pictures.shape[0], pictures.device
        eye = torch.eye(3, device=device).repeat(count, 1, 1)
        axis = torch.tensor(GREY, device=device)
        along = torch.outer(axis, axis)
        contrast = torch.exp2(0.5 * torch.randn(count, device=device) * self._happens(count, device))
        matrix = eye * contrast[:, None, None]
        flip = torch.randint(2, (count,), device=device).float() * self._happens(count, device)
        matrix = (eye - 2 * along * flip[:, None, None]) @ matrix
        angle = (torch.rand(count, device=device) * 2 - 1) * math.pi * self._happens(count, device)
        matrix = turn_around(axis, angle) @ matrix
        saturation = torch.exp2(torch.randn(count, device=device) * self._happens(count, device))
        matrix = (along + (eye - along) * saturation[:, None, None]) @ matrix
        brightness = 0.2 * torch.randn(count, device=device) * self._happens(count, device)
        colours = torch.einsum("nij,njhw->nihw", matrix.to(pictures.dtype), pictures)
        return colours + brightness[:, None, None, None].to(pictures.dtype)


def scaling(across: Tensor, along: Tensor) -> Tensor:
    """N x 3 x 3 matrices on plane coordinates."""
    return torch.diag_embed(torch.stack((across, along, torch.ones_like(across)), dim=1))


def rotation(radians: Tensor) -> Tensor:
    """N x 3 x 3 rotations of the plane."""
    cosine, sine, zero, one = (
        torch.cos(radians),
        torch.sin(radians),
        torch.zeros_like(radians),
        torch.ones_like(radians),
    )
    rows = (cosine, -sine, zero), (sine, cosine, zero), (zero, zero, one)
    return torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)


def translation(shift: Tensor) -> Tensor:
    """N x 3 x 3 shifts, in halves of the picture."""
    matrix = torch.eye(3, device=shift.device).repeat(shift.shape[0], 1, 1)
    matrix[:, :2, 2] = shift
    return matrix


def turn_around(axis: Tensor, radians: Tensor) -> Tensor:
    """N x 3 x 3 rotations around an axis (Rodrigues)."""
    x, y, z = axis.tolist()
    cross = torch.tensor([[0, -z, y], [z, 0, -x], [-y, x, 0]], device=axis.device)
    cosine, sine = torch.cos(radians)[:, None, None], torch.sin(radians)[:, None, None]
    return cosine * torch.eye(3, device=axis.device) + sine * cross + (1 - cosine) * torch.outer(axis, axis)
