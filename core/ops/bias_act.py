"""Bias, activation, gain and clamp in one pass, with first and second gradients (the tail of a layer of Karras 2020).

Compiled where that wins: on CUDA for every activation, on CPU for the piecewise linear ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

from core.ops import build

if TYPE_CHECKING:
    from collections.abc import Callable

ACTIVATIONS: dict[str, tuple[Callable[[Tensor], Tensor], float]] = {
    "linear": (lambda x: x, 1.0),
    "relu": (torch.relu, math.sqrt(2.0)),
    "lrelu": (lambda x: F.leaky_relu(x, 0.2), math.sqrt(2.0)),
    "tanh": (torch.tanh, 1.0),
    "sigmoid": (torch.sigmoid, 1.0),
    "elu": (F.elu, 1.0),
    "selu": (F.selu, 1.0),
    "softplus": (F.softplus, 1.0),
    "swish": (lambda x: torch.sigmoid(x) * x, math.sqrt(2.0)),
}
"""Name to function and default gain, which keeps the variance; the order is that of the compiled sources."""
PIECEWISE_LINEAR = ("linear", "relu", "lrelu")
_TYPES = {torch.float32: 0, torch.float64: 1, torch.bfloat16: 2, torch.float16: 3}


def bias_act(
    x: Tensor, bias: Tensor | None = None, act: str = "lrelu", gain: float | None = None, clamp: float | None = None
) -> Tensor:
    """``act(x + bias) * gain`` held within +-clamp; the bias lies along dimension 1."""
    if act not in ACTIVATIONS:
        raise ValueError(f"{act!r} is no activation; choose one of {', '.join(ACTIVATIONS)}.")
    scale = ACTIVATIONS[act][1] if gain is None else float(gain)
    nothing_to_fuse = act == "linear" and clamp is None and (bias is None or scale == 1.0)
    if nothing_to_fuse or not _compiled(x, act, scale):
        return bias_act_reference(x, bias, act, scale, clamp)
    plain = x.contiguous(memory_format=_layout(x))
    return _BiasAct.apply(plain, None if bias is None else bias.to(x.dtype).contiguous(), _Tail(act, scale, clamp))


def bias_act_reference(
    x: Tensor, bias: Tensor | None = None, act: str = "lrelu", gain: float | None = None, clamp: float | None = None
) -> Tensor:
    """The same, one PyTorch operation after the other."""
    function, usual = ACTIVATIONS[act]
    scale = usual if gain is None else gain
    if bias is not None:
        x = x + bias.to(x.dtype).reshape(1, -1, *[1] * (x.ndim - 2))
    x = function(x)
    if scale != 1.0:
        x = x * scale
    return x if clamp is None else x.clamp(-clamp, clamp)


@dataclass(frozen=True)
class _Tail:
    """What the pass does, in the form in which the compiled code wants it."""

    act: str
    gain: float
    clamp: float | None

    def numbers(self, x: Tensor) -> tuple[int | float, ...]:
        last = x.is_contiguous() or x.ndim < 3
        channels = x.shape[1] if x.ndim > 1 else 1
        inner = math.prod(x.shape[2:]) if last else 1
        outer = x.numel() // max(channels * inner, 1)
        limit = -1.0 if self.clamp is None else float(self.clamp)
        return outer, channels, inner, list(ACTIVATIONS).index(self.act), self.gain, limit, _TYPES[x.dtype]


def _compiled(x: Tensor, act: str, gain: float) -> bool:
    if x.dtype not in _TYPES or x.numel() == 0 or x.ndim < 2:
        return False
    if x.device.type == "cpu":
        usable = act in PIECEWISE_LINEAR and gain > 0 and x.dtype in (torch.float32, torch.float64)
        return usable and not build.tracing() and build.available("bias_act", "cpu")
    usable = act not in PIECEWISE_LINEAR or gain > 0
    return usable and x.device.type == "cuda" and build.available("bias_act", "cuda")


def _layout(x: Tensor) -> torch.memory_format:
    """Channels-last pictures stay so, everything else is made contiguous."""
    nhwc = x.ndim == 4 and not x.is_contiguous() and x.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if nhwc else torch.contiguous_format


class _BiasAct(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, bias: Tensor | None, tail: _Tail) -> Tensor:
        y = torch.empty_like(x)
        build.call("bias_act", "bias_act_forward", x, bias, y, *tail.numbers(x))
        ctx.tail, ctx.biased = tail, bias is not None
        if tail.act in PIECEWISE_LINEAR:  # the result alone tells the derivative, so the argument need not be kept
            ctx.save_for_backward(y, None)
        else:
            ctx.save_for_backward(x, bias)
        return y

    @staticmethod
    def backward(ctx: Any, above: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        kept, bias = ctx.saved_tensors
        below = _BiasActGradient.apply(above, kept, bias, ctx.tail)
        along_bias = below.sum([0, *range(2, below.ndim)]) if ctx.biased and ctx.needs_input_grad[1] else None
        return below, along_bias, None


class _BiasActGradient(Function):
    """The first gradient; its own gradients are the second one's two parts."""

    @staticmethod
    def forward(ctx: Any, above: Tensor, kept: Tensor, bias: Tensor | None, tail: _Tail) -> Tensor:
        above = above.contiguous(memory_format=_layout(kept))
        below = torch.empty_like(kept)
        build.call("bias_act", "bias_act_gradient", kept, bias, above, None, below, *tail.numbers(kept))
        ctx.tail = tail
        ctx.save_for_backward(above, kept, bias)
        return below

    @staticmethod
    def backward(ctx: Any, twice: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        above, kept, bias = ctx.saved_tensors
        along_above = _BiasActGradient.apply(twice, kept, bias, ctx.tail)
        if ctx.tail.act in PIECEWISE_LINEAR or not (ctx.needs_input_grad[1] or ctx.needs_input_grad[2]):
            return along_above, None, None, None
        twice = twice.contiguous(memory_format=_layout(kept))
        bent = torch.empty_like(kept)
        build.call("bias_act", "bias_act_gradient", kept, bias, above, twice, bent, *ctx.tail.numbers(kept))
        along_bias = None if bias is None else bent.sum([0, *range(2, bent.ndim)])
        return along_above, bent, along_bias, None
