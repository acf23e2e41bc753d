"""Zero insertion, FIR filter and decimation in one, the resampling of Karras 2019 and 2020; gradients of every order.

The filter is convolved, as in the published op. Fast forms: on CPU C++ where many channels are raised and one depthwise
convolution elsewhere; kernels for both memory layouts on CUDA. The gradient is the same op with up and down exchanged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

from core.ops import build

_TYPES = {torch.float32: 0, torch.float64: 1, torch.bfloat16: 2, torch.float16: 3}


def make_taps(weights: tuple[float, ...] | list[float] = (1.0, 3.0, 3.0, 1.0)) -> Tensor:
    """A separable filter as a square of taps that sum to one."""
    line = torch.tensor(weights, dtype=torch.float32)
    square = torch.outer(line, line)
    return square / square.sum()


def upfirdn2d(
    x: Tensor,
    taps: Tensor,
    up: int | tuple[int, int] = 1,
    down: int | tuple[int, int] = 1,
    padding: int | tuple[int, int, int, int] = 0,
    gain: float = 1.0,
) -> Tensor:
    """Resamples N x C x H x W. Pairs are (across, down the picture); padding is (left, right, top, bottom), may crop.

    ``taps`` is one line (used both ways) or a square; it gets no gradient.
    """
    filtering = Filtering.of(taps, up, down, padding, gain)
    if build.tracing():
        return upfirdn2d_depthwise(x, _square(taps).to(x.device), filtering)
    return _Upfirdn2d.apply(
        x, _square(taps).to(x.device, torch.float64 if x.dtype == torch.float64 else None), filtering
    )


@dataclass(frozen=True)
class Filtering:
    """The numbers of one resampling, by axis."""

    up_x: int
    up_y: int
    down_x: int
    down_y: int
    left: int
    right: int
    top: int
    bottom: int
    gain: float

    @classmethod
    def of(
        cls,
        taps: Tensor,
        up: int | tuple[int, int],
        down: int | tuple[int, int],
        padding: int | tuple[int, int, int, int],
        gain: float,
    ) -> Filtering:
        """Checked, and with single numbers spread over both axes."""
        up_x, up_y = (up, up) if isinstance(up, int) else up
        down_x, down_y = (down, down) if isinstance(down, int) else down
        sides = (padding, padding, padding, padding) if isinstance(padding, int) else padding
        if min(up_x, up_y, down_x, down_y) < 1:
            raise ValueError(f"Factors of resampling are 1 or more, not up {up} and down {down}.")
        if taps.ndim not in (1, 2) or taps.numel() == 0:
            raise ValueError(f"Taps are a line or a square of numbers, not of shape {tuple(taps.shape)}.")
        return cls(up_x, up_y, down_x, down_y, *sides, float(gain))

    def size(self, height: int, width: int, taps: Tensor) -> tuple[int, int]:
        """Height and width of the result."""
        tall = height * self.up_y + self.top + self.bottom - taps.shape[0]
        wide = width * self.up_x + self.left + self.right - taps.shape[1]
        if min(tall, wide) < 0:
            raise ValueError(
                f"A {width} x {height} picture is too small for {tuple(taps.shape)} taps and this padding."
            )
        return tall // self.down_y + 1, wide // self.down_x + 1

    def adjoint(self, height: int, width: int, taps: Tensor) -> Filtering:
        """The resampling (with turned taps) that carries gradients back to a height x width input."""
        tall, wide = self.size(height, width, taps)
        return Filtering(
            self.down_x,
            self.down_y,
            self.up_x,
            self.up_y,
            taps.shape[1] - self.left - 1,
            width * self.up_x - wide * self.down_x + self.left - self.up_x + 1,
            taps.shape[0] - self.top - 1,
            height * self.up_y - tall * self.down_y + self.top - self.up_y + 1,
            self.gain,
        )


class _Upfirdn2d(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, taps: Tensor, filtering: Filtering) -> Tensor:
        ctx.filtering, ctx.size = filtering, x.shape[2:]
        ctx.save_for_backward(taps)
        if _compiled(x, filtering):
            return _run_compiled(x, taps, filtering)
        if x.device.type == "cpu" and x.dtype == torch.bfloat16:  # oneDNN's transposed depthwise is slow in bfloat16
            return upfirdn2d_depthwise(x.float(), taps, filtering).to(x.dtype)
        return upfirdn2d_depthwise(x, taps, filtering)

    @staticmethod
    def backward(ctx: Any, above: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        (taps,) = ctx.saved_tensors
        return _Upfirdn2d.apply(above, taps.flip(0, 1), ctx.filtering.adjoint(*ctx.size, taps)), None, None


def _square(taps: Tensor) -> Tensor:
    return torch.outer(taps, taps) if taps.ndim == 1 else taps


def _compiled(x: Tensor, filtering: Filtering) -> bool:
    if x.numel() == 0 or x.dtype not in _TYPES:
        return False
    if x.device.type == "cuda":
        return build.available("upfirdn2d", "cuda")
    # on CPU our C++ is twice as quick when raising many channels; oneDNN's depthwise convolution else
    raises = filtering.up_x * filtering.up_y > 1 and x.shape[1] >= 24
    known = x.dtype in (torch.float32, torch.float64)
    return raises and known and x.device.type == "cpu" and build.available("upfirdn2d", "cpu")


def _run_compiled(x: Tensor, taps: Tensor, filtering: Filtering) -> Tensor:
    last = not x.is_contiguous() and x.is_contiguous(memory_format=torch.channels_last)
    last = last or x.device.type == "cpu"
    layout = torch.channels_last if last else torch.contiguous_format
    x = x.contiguous(memory_format=layout)
    height, width = filtering.size(x.shape[2], x.shape[3], taps)
    y = torch.empty(x.shape[0], x.shape[1], height, width, dtype=x.dtype, device=x.device, memory_format=layout)
    wide = torch.float64 if x.dtype == torch.float64 else torch.float32
    shape = (*x.shape, height, width, *taps.shape)
    factors = (filtering.up_y, filtering.up_x, filtering.down_y, filtering.down_x, filtering.top, filtering.left)
    taps = taps.to(wide).contiguous()
    build.call("upfirdn2d", "upfirdn2d_run", x, taps, y, *shape, *factors, int(last), filtering.gain, _TYPES[x.dtype])
    return y


def upfirdn2d_depthwise(x: Tensor, taps: Tensor, filtering: Filtering) -> Tensor:
    """The same as one depthwise convolution: transposed when up-sampling, strided when down-sampling."""
    channels, wanted = x.shape[1], filtering.size(x.shape[2], x.shape[3], taps)
    kernel = (taps * filtering.gain).to(x.dtype).expand(channels, 1, *taps.shape)
    if channels > 1 and x.device.type == "cpu":
        x = x.contiguous(memory_format=torch.channels_last)  # 2.3-3 times cheaper for depthwise filters
    sides = filtering.left, filtering.right, filtering.top, filtering.bottom
    if filtering.up_x == filtering.up_y == 1:
        x, rest = _shared_padding(x, sides)
        stride = (filtering.down_y, filtering.down_x)
        return F.conv2d(x, kernel.flip(2, 3), stride=stride, padding=rest, groups=channels)
    y = F.conv_transpose2d(x, kernel, stride=(filtering.up_y, filtering.up_x), groups=channels)
    # place of the first wanted sample inside the transposed convolution's result
    before_x, before_y = taps.shape[1] - 1 - filtering.left, taps.shape[0] - 1 - filtering.top
    full_x = (wanted[1] - 1) * filtering.down_x + 1
    full_y = (wanted[0] - 1) * filtering.down_y + 1
    y = F.pad(y, (-before_x, full_x + before_x - y.shape[3], -before_y, full_y + before_y - y.shape[2]))
    return y[:, :, :: filtering.down_y, :: filtering.down_x]


def _shared_padding(x: Tensor, sides: tuple[int, int, int, int]) -> tuple[Tensor, tuple[int, int]]:
    """What a convolution can pad by itself (the same on both sides), and the picture with the rest added or cropped."""
    across, along = max(0, min(sides[0], sides[1])), max(0, min(sides[2], sides[3]))
    rest = (sides[0] - across, sides[1] - across, sides[2] - along, sides[3] - along)
    return (F.pad(x, rest) if any(rest) else x), (along, across)


def upfirdn2d_reference(
    x: Tensor,
    taps: Tensor,
    up: int | tuple[int, int] = 1,
    down: int | tuple[int, int] = 1,
    padding: int | tuple[int, int, int, int] = 0,
    gain: float = 1.0,
) -> Tensor:
    """The plain formulation of the papers' public code: insert zeros, pad, filter everything, keep every n-th."""
    f = Filtering.of(taps, up, down, padding, gain)
    count, channels, height, width = x.shape
    x = x.reshape(count, channels, height, 1, width, 1)
    x = F.pad(x, (0, f.up_x - 1, 0, 0, 0, f.up_y - 1)).reshape(count, channels, height * f.up_y, width * f.up_x)
    x = F.pad(x, (f.left, f.right, f.top, f.bottom))  # negative numbers crop
    kernel = (_square(taps) * f.gain).to(x.dtype).flip(0, 1).repeat(channels, 1, 1, 1)
    return F.conv2d(x, kernel, groups=channels)[:, :, :: f.down_y, :: f.down_x]
