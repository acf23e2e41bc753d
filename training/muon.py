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
LONG = 4
"""How many times as long as there are of them rows are for which products of rows are the smaller work."""


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
    x = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    turned = _turn_long(x) if x.shape[1] > LONG * len(x) else _turn(x.bfloat16())
    return (turned.T if tall else turned).to(matrix.dtype)


def _turn(x: Tensor) -> Tensor:
    plain, third, fifth = CURVE
    for _ in range(ITERATIONS):
        square = x @ x.T
        x = plain * x + (third * square + fifth * square @ square) @ x
    return x


def _turn_long(x: Tensor) -> Tensor:
    """The same of rows much longer than there are of them: all is worked out on products of rows, which want more bits."""
    plain, third, fifth = CURVE
    square, turn = x @ x.T, None
    for _ in range(ITERATIONS):
        step = torch.addmm(square, square, square, beta=third, alpha=fifth)
        step.diagonal().add_(plain)
        turn = step if turn is None else step @ turn
        square = step @ square @ step
    assert turn is not None
    return turn.bfloat16() @ x.bfloat16()
