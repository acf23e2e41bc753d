"""``python -m core.ops``: every op against its plain reference in values and gradients, with times; 1 on disagreement.

Runs on the CPU, and on the CUDA device where there is one.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from core.ops import build
from core.ops.bias_act import ACTIVATIONS, bias_act, bias_act_reference
from core.ops.rasterise import draw_strands, draw_triangles
from core.ops.ssim import ssim, ssim_reference
from core.ops.upfirdn2d import make_taps, upfirdn2d, upfirdn2d_reference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ALLOWED = {torch.float64: 1e-9, torch.float32: 2e-5, torch.bfloat16: 2e-2}
"""Largest difference as a share of the reference's largest value; for bfloat16 without the largest 3 % of differences,
where rounding put a value on the other side of a kink."""


@dataclass(frozen=True)
class Case:
    """One op in one mode: what is compared with what, on which input."""

    name: str
    ours: Callable[[Tensor], Tensor]
    plain: Callable[[Tensor], Tensor]
    shape: tuple[int, ...]
    twice: bool = True
    """Whether the op has second gradients of its own."""


def list_cases(device: str, size: int, channels: int) -> Iterator[Case]:
    """Every mode the networks use, at one picture size."""
    bias = torch.linspace(-1, 1, channels, dtype=torch.float64, device=device)
    shape = (4, channels, size, size)
    for act in ACTIVATIONS:
        for clamp in (None, 1.5):
            ours = partial(bias_act, bias=bias, act=act, clamp=clamp)
            plain = partial(bias_act_reference, bias=bias, act=act, clamp=clamp)
            yield Case(f"bias_act {act}{' clamped' if clamp else ''}", ours, plain, shape)
    taps = make_taps().to(device)
    modes = {
        "up 2": {"up": 2, "padding": (2, 1, 2, 1), "gain": 4.0},
        "down 2": {"down": 2, "padding": 1},
        "blur": {"padding": (2, 1, 2, 1)},
        "up 3 down 2": {"up": 3, "down": 2, "padding": (3, 1, 2, 2)},
        "cropping": {"up": 2, "padding": (-3, 2, 4, -2)},
        "across only": {"up": (2, 1), "down": (1, 2), "padding": 2},
    }
    for name, options in modes.items():
        ours = partial(upfirdn2d, taps=taps, **options)
        plain = partial(upfirdn2d_reference, taps=taps, **options)
        yield Case(f"upfirdn2d {name}", ours, plain, shape)
    target = torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).to(device)
    yield Case("ssim", partial(compare, ssim, target), partial(compare, ssim_reference, target), shape, twice=False)


def compare(function: Callable[[Tensor, Tensor], Tensor], target: Tensor, x: Tensor) -> Tensor:
    """Similarity with one fixed picture."""
    return function(x, target.to(x.dtype))


def differ(case: Case, x: Tensor) -> dict[str, float]:
    """Largest relative difference of value, first and second gradient."""
    found = []
    plain_type = torch.float32 if x.dtype == torch.bfloat16 else x.dtype
    for function, dtype in ((case.plain, plain_type), (case.ours, x.dtype)):
        given = x.detach().to(dtype).clone(memory_format=torch.preserve_format).requires_grad_()
        value = function(given)
        weight = torch.linspace(-1, 1, value.numel(), dtype=torch.float64, device=x.device)
        weight = weight.reshape(value.shape).to(dtype).requires_grad_()
        (first,) = torch.autograd.grad(value, given, weight, create_graph=case.twice)
        second = torch.autograd.grad(first.square().sum(), weight)[0] if case.twice else torch.zeros(1)
        found.append((value, first, second))
    names = ("value", "gradient", "second")
    return {name: _share(a.detach(), b.detach()) for name, a, b in zip(names, *found, strict=True)}


def _share(plain: Tensor, ours: Tensor) -> float:
    difference, size = plain.double() - ours.double(), plain.double()
    if ours.dtype == torch.bfloat16:
        return float(difference.abs().flatten().quantile(0.97) / size.abs().max().clamp_min(1e-12))
    return float(difference.abs().max() / size.abs().max().clamp_min(1e-12))


def run_forward(function: Callable[[Tensor], Tensor], x: Tensor) -> None:
    """The value alone, as when drawing."""
    with torch.no_grad():
        function(x)


def run_gradient(function: Callable[[Tensor], Tensor], x: Tensor) -> None:
    """Value and first gradient, as in a training step."""
    given = x.detach().requires_grad_()
    value = function(given)
    torch.autograd.grad(value, given, torch.ones_like(value))


def seconds(work: Callable[[], object], device: str, repeats: int = 7) -> float:
    """Median time of one call: by events on CUDA, processor time on the CPU."""
    taken = []
    for _ in range(repeats + 2):
        if device == "cuda":
            start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            start.record()
            work()
            end.record()
            torch.cuda.synchronize()
            taken.append(start.elapsed_time(end) / 1000)
        else:
            begun = time.process_time()
            work()
            taken.append(time.process_time() - begun)
    return sorted(taken[2:])[repeats // 2]


def check(device: str) -> bool:
    """Prints one line per op and mode; whether all agree."""
    for name in ("bias_act", "upfirdn2d", "ssim", "rasterise"):
        print(f"{device} {name}: {build.why_not(name, device) or 'compiled'}")
    print(f"{'op and mode':28} {'type':9} {'layout':7} {'value':>9} {'gradient':>9} {'second':>9}   forward  gradient")
    agree = True
    for case, fast in zip(list_cases(device, 9, 24), list_cases(device, *speed_size(device)), strict=True):
        for dtype in (torch.float64, torch.float32, torch.bfloat16):
            for layout in ("planes", "last"):
                torch.manual_seed(0)
                x = torch.randn(case.shape, dtype=torch.float64).to(device, dtype)
                x = x.contiguous(memory_format=torch.channels_last) if layout == "last" else x
                shares = differ(case, x)
                fine = max(shares.values()) <= ALLOWED[dtype]
                agree &= fine
                ratios = measure_ratios(fast, device, dtype, layout) if dtype != torch.float64 else ""
                line = " ".join(f"{share:9.1e}" for share in shares.values())
                kind = str(dtype).removeprefix("torch.")
                print(f"{case.name:28} {kind:9} {layout:7} {line} {ratios}{'' if fine else '  DISAGREES'}", flush=True)
    return check_rasterise(device) and agree


def check_rasterise(device: str) -> bool:
    """Triangles and strands at random: shares of pixels that differ from the reference, and how much quicker ours is.

    Which of two surfaces of equal depth is nearer hangs on rounding, so a thousandth of the pixels may differ.
    """
    draw, size = torch.Generator().manual_seed(0), 96
    walk = (torch.randn(2, 480, 3, generator=draw) * torch.tensor([9.0, 9.0, 0.1])).cumsum(dim=1)
    points = (walk.remainder(torch.tensor([size, size, 2.0])) + torch.tensor([0, 0, 0.5])).to(device)
    triangles = (torch.arange(478)[:, None] + torch.arange(3)).to(device)
    strands = points.reshape(2, 60, 8, 3)
    width = torch.rand(2, 60, 8, generator=draw).to(device) * 2
    colour = torch.rand(2, 60, 8, 4, generator=draw).to(device)
    wall = torch.full((2, size, size), 1.8, device=device)
    agree = True
    works: dict[str, Callable[[bool], Tensor]] = {
        "triangles": lambda plain: draw_triangles(points, triangles, size, size, reference=plain).number.double(),
        "strands": lambda plain: draw_strands(strands, width, colour, wall, reference=plain).colour.sum(dim=3).double(),
    }
    for name, work in works.items():
        apart = ((work(True) - work(False)).abs() > 5e-3).double().mean()
        plain, ours = seconds(partial(work, True), device, 3), seconds(partial(work, False), device, 3)
        fine = float(apart) <= 1e-3
        agree &= fine
        ratio = f"{plain / max(ours, 1e-9):8.1f}x"
        print(
            f"rasterise {name:18} {'float32':9} {'':7} {float(apart):9.1e} {ratio:>29}{'' if fine else '  DISAGREES'}"
        )
    return agree


def speed_size(device: str) -> tuple[int, int]:
    """Picture size and channels that are timed."""
    return (256, 128) if device == "cuda" else (96, 32)


def measure_ratios(case: Case, device: str, dtype: torch.dtype, layout: str) -> str:
    """How many times the plain form's time is ours: forward, and with first gradient."""
    memory = torch.channels_last if layout == "last" else torch.contiguous_format
    x = torch.randn(case.shape, device=device).to(dtype).contiguous(memory_format=memory)
    texts = []
    for run in (run_forward, run_gradient):
        plain = seconds(partial(run, case.plain, x), device)
        ours = seconds(partial(run, case.ours, x), device)
        texts.append(f"{plain / max(ours, 1e-9):8.1f}x")
    return " ".join(texts)


def main() -> int:
    """Checks every device that is here."""
    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    return 0 if min([check(device) for device in devices]) else 1


if __name__ == "__main__":
    sys.exit(main())
