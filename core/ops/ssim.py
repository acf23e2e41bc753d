"""Structural similarity (Wang 2004) per pixel over 3 x 3 windows, as photometric losses use it; fast first gradient.

All window sums are made in one pass, and the gradient is in closed form, so nothing in between is kept. The target gets
no gradient from the fast form; where one is wanted, or a second gradient, the plain form serves.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from core.ops import build

C1, C2 = 0.01**2, 0.03**2


def ssim(x: Tensor, target: Tensor) -> Tensor:
    """Similarity of N x C x H x W pictures in [0, 1], of the same shape; 1 where they are equal."""
    if x.shape != target.shape or x.ndim != 4 or min(x.shape[2:]) < 2:
        raise ValueError(f"Similarity compares pictures of one shape, not {tuple(x.shape)} and {tuple(target.shape)}.")
    fast = x.dtype == target.dtype == torch.float32 and x.numel() > 0 and not target.requires_grad
    if fast and not build.tracing() and build.available("ssim", x.device.type):
        return _Similarity.apply(x.contiguous(), target.contiguous())
    return ssim_reference(x, target)


def ssim_reference(x: Tensor, target: Tensor) -> Tensor:
    """The plain formulation: five pooled windows of reflected pictures."""
    x, y = F.pad(x, (1, 1, 1, 1), mode="reflect"), F.pad(target, (1, 1, 1, 1), mode="reflect")
    mean_x, mean_y = F.avg_pool2d(x, 3, 1), F.avg_pool2d(y, 3, 1)
    variance_x = F.avg_pool2d(x**2, 3, 1) - mean_x**2
    variance_y = F.avg_pool2d(y**2, 3, 1) - mean_y**2
    covariance = F.avg_pool2d(x * y, 3, 1) - mean_x * mean_y
    above = (2 * mean_x * mean_y + C1) * (2 * covariance + C2)
    return above / ((mean_x**2 + mean_y**2 + C1) * (variance_x + variance_y + C2))


class _Similarity(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, target: Tensor) -> Tensor:
        value = torch.empty_like(x)
        slopes = [torch.empty_like(x) if ctx.needs_input_grad[0] else None for _ in range(3)]
        build.call("ssim", "ssim_forward", x, target, value, *slopes, *_planes(x))
        ctx.save_for_backward(x, target, *slopes)
        return value

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, above: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        x, target, *slopes = ctx.saved_tensors
        along_x = torch.empty_like(x)
        build.call("ssim", "ssim_backward", x, target, above.contiguous(), *slopes, along_x, *_planes(x))
        return along_x, None


def _planes(x: Tensor) -> tuple[int, int, int]:
    return x.shape[0] * x.shape[1], x.shape[2], x.shape[3]
