"""Muon: steps along momentum made orthogonal, for weights that are matrices; AdamW for all others.

Jordan 2024, "Muon: an optimizer for hidden layers in neural networks"; steps as long as AdamW's after Liu 2025, "Muon is
scalable for LLM training", so that both take one learning rate. A convolution's kernel is a matrix of outputs by all else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

MOMENTUM, LIKE_ADAM = 0.95, 0.2
"""Of gradients; and how far AdamW usually moves a weight, in learning rates."""
ITERATIONS, CURVE = 5, (3.4445, -4.7750, 2.0315)
"""Of Newton and Schulz, with numbers that bring singular values near one soonest (Jordan 2024)."""


class Muon(torch.optim.AdamW):
    """AdamW, but for ``matrices``."""

    def __init__(
        self,
        matrices: Sequence[nn.Parameter],
        others: Sequence[nn.Parameter],
        rate: float,
        betas: tuple[float, float],
        weight_decay: float,
    ) -> None:
        super().__init__(list(others), lr=rate, betas=betas, weight_decay=weight_decay)
        self._matrices = list(matrices)
        self.add_param_group({"params": self._matrices})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """One step of all; gradients of matrices are gone after it, so that AdamW leaves these alone."""
        group = self.param_groups[-1]
        rate, decay = float(group["lr"]), float(group["weight_decay"])
        for matrix in self._matrices:
            if matrix.grad is None:
                continue
            state = self.state[matrix]
            if "momentum" not in state:
                state["momentum"] = torch.zeros_like(matrix)
            state["momentum"].lerp_(matrix.grad, 1.0 - MOMENTUM)
            ahead = matrix.grad.lerp(state["momentum"], MOMENTUM).flatten(1)
            turned = orthogonal(ahead) * (LIKE_ADAM * max(ahead.shape) ** 0.5)
            matrix.mul_(1.0 - rate * decay).sub_(turned.view(matrix.shape), alpha=rate)
            matrix.grad = None
        return super().step(closure)


def orthogonal(matrix: Tensor) -> Tensor:
    """A matrix with the same singular vectors, and singular values between about 0.7 and 1.2."""
    tall = len(matrix) > matrix.shape[1]
    x = (matrix.T if tall else matrix).bfloat16()
    x = x / (x.norm() + 1e-7)
    plain, third, fifth = CURVE
    for _ in range(ITERATIONS):
        square = x @ x.T
        x = plain * x + (third * square + fifth * square @ square) @ x
    return (x.T if tall else x).to(matrix.dtype)
