"""Speeds measured in pairs: the plain formulation and ours, alternating in one process, medians of processor time.

A ratio is the plain form's time over ours: same weights, same inputs, same allocator. Each side gets its features in the
memory layout that its own network carries (the public code's planes, our channels-last).
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.ops.ssim import ssim, ssim_reference
from core.ops.upfirdn2d import make_taps, upfirdn2d, upfirdn2d_reference
from core.stylegan2 import Config, Generator
from training.plain import synthesis_plain

Work = Callable[[], object]
SHIPPED = Path(__file__).parents[1] / "assets" / "weights"
RESAMPLINGS: tuple[dict[str, Any], ...] = ({"up": 2, "padding": (2, 1, 2, 1), "gain": 4.0}, {"down": 2, "padding": 1})


@dataclass(frozen=True)
class Pair:
    """Median seconds of processor time of both forms."""

    plain: float
    ours: float

    @property
    def ratio(self) -> float:
        """How many times quicker ours is."""
        return self.plain / self.ours


def time_pair(plain: Work, ours: Work, repeats: int = 9) -> Pair:
    """Both in turn, so that what else the machine does falls on both; the first two turns warm up."""
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats + 2):
        for work, times in zip((plain, ours), taken, strict=True):
            began = time.process_time()
            work()
            times.append(time.process_time() - began)
    return Pair(*(sorted(times[2:])[repeats // 2] for times in taken))


def bench_stylegan2(size: int = 256) -> Pair:
    """Synthesis of one picture, its code found; fixed noise."""
    torch.manual_seed(0)
    generator = Generator(Config(size=size)).eval()
    with torch.no_grad():
        codes = generator.spread(generator.mapping(torch.randn(1, generator.config.code_width)))
        return time_pair(
            lambda: synthesis_plain(generator.synthesis, codes), lambda: generator.synthesis(codes, "fixed")
        )


def bench_upfirdn2d(channels: int = 64, size: int = 128) -> Pair:
    """Up 2 and down 2, forward and first gradient; the gradient from above is at hand, as in training."""
    plain, ours = _features(channels, size)
    above = [torch.ones_like(upfirdn2d(ours, make_taps(), **options)) for options in RESAMPLINGS]
    above_planes = [each.contiguous() for each in above]
    return time_pair(
        lambda: _gradients(upfirdn2d_reference, plain, above_planes), lambda: _gradients(upfirdn2d, ours, above)
    )


def bench_upfirdn2d_second(channels: int = 64, size: int = 128) -> Pair:
    """Up 2 and down 2, the gradient of the gradient alone; what it is taken of is prepared beforehand."""
    plain, ours = _features(channels, size)
    prepared = [_prepare_second(upfirdn2d_reference, plain), _prepare_second(upfirdn2d, ours)]
    return time_pair(lambda: _second(prepared[0]), lambda: _second(prepared[1]))


def _features(channels: int, size: int) -> tuple[Tensor, Tensor]:
    x = torch.randn(4, channels, size, size, generator=torch.Generator().manual_seed(0))
    return x.requires_grad_(), x.detach().to(memory_format=torch.channels_last).requires_grad_()


def _gradients(resample: Callable[..., Tensor], x: Tensor, above: list[Tensor]) -> None:
    for options, weight in zip(RESAMPLINGS, above, strict=True):
        torch.autograd.grad(resample(x, make_taps(), **options), x, weight)


def _prepare_second(resample: Callable[..., Tensor], x: Tensor) -> list[tuple[Tensor, Tensor]]:
    prepared = []
    for options in RESAMPLINGS:
        value = resample(x, make_taps(), **options)
        above = torch.ones_like(value, requires_grad=True)
        (first,) = torch.autograd.grad(value, x, above, create_graph=True)
        prepared.append((first, above))
    return prepared


def _second(prepared: list[tuple[Tensor, Tensor]]) -> None:
    for first, above in prepared:
        torch.autograd.grad(first, above, torch.ones_like(first), retain_graph=True)


def bench_ssim(height: int = 256, width: int = 320) -> Pair:
    """Mean dissimilarity of four pictures and its gradient."""
    draw = torch.Generator().manual_seed(0)
    x, target = (torch.rand(4, 3, height, width, generator=draw) for _ in range(2))
    x.requires_grad_()

    def learn(similarity: Callable[[Tensor, Tensor], Tensor]) -> None:
        loss = ((1 - similarity(x, target)) / 2).clamp(0, 1).mean()
        torch.autograd.grad(loss, x)

    return time_pair(lambda: learn(ssim_reference), lambda: learn(ssim))


def bench_facefield() -> Pair:
    """Feature pictures of a head; see bench_heads.py."""
    from training.bench_heads import bench_field

    return bench_field()


PAIRS: dict[str, Callable[[], Pair]] = {
    "facefield_ratio": bench_facefield,
    "stylegan2_ratio": bench_stylegan2,
    "upfirdn2d_ratio": bench_upfirdn2d,
    "upfirdn2d_second_ratio": bench_upfirdn2d_second,
    "ssim_ratio": bench_ssim,
}


def _draw_faces(task: tuple[int, int, int]) -> int:
    """In a process of its own, as a data loader would: one thread, because threads of one process wait on each other."""
    first, count, size = task
    torch.set_num_threads(1)
    from core.engine.faces import faces

    return len(faces(range(first, first + count), size=size).pixels)


def rate_faces(size: int, count: int) -> float:
    """Photo-look faces a second by the clock, one process per processor; starting them is not counted."""
    workers = os.cpu_count() or 1
    first = 900_000_000
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        pool.map(_draw_faces, [(first + index, 1, size) for index in range(workers)], chunksize=1)
        began = time.perf_counter()
        drawn = pool.map(_draw_faces, [(first + index * count, count, size) for index in range(workers)], chunksize=1)
        return sum(drawn) / (time.perf_counter() - began)


RATES: dict[str, Callable[[], float]] = {
    "faces_per_second": lambda: rate_faces(256, 16),
    "faces_per_second_96": lambda: rate_faces(96, 64),
}


Rows = Mapping[str, float | str]


def _live() -> Rows:
    from core.checkpoints import CheckpointMissing
    from training.bench_live import rate_live

    try:
        return rate_live((SHIPPED,))
    except CheckpointMissing as error:
        return {"live_fps": f"The live path cannot be timed: {error}"}


def _server() -> Rows:
    from training.bench_served import rate_server

    return rate_server()


def _browser() -> Rows:
    from training.bench_served import rate_browser

    return rate_browser()


def _text() -> Rows:
    from training.bench_edits import rate_text

    return rate_text((SHIPPED,))


def _garment() -> Rows:
    from training.bench_edits import rate_garment

    return rate_garment((SHIPPED,))


def _depth() -> Rows:
    from core.checkpoints import CheckpointMissing
    from training.bench_depth import rate_depth

    try:
        return rate_depth((SHIPPED,))
    except CheckpointMissing as error:
        return {"depth_fps": f"Distances cannot be timed: {error}"}


def _heads() -> Rows:
    from training.bench_heads import rate_heads

    return rate_heads((SHIPPED,))


GROUPS: dict[str, Callable[[], Rows]] = {
    "depth_fps": _depth,
    "live_fps": _live, "live_server_p95_ms": _server, "live_browser_p95_ms": _browser,
    "text_edit_seconds": _text, "garment_seconds": _garment, "view_seconds": _heads,
}  # fmt: skip
"""Rows that are measured together; asked for by the first one's name. A sentence says why one could not be measured."""


def bench(names: Sequence[str] = ()) -> dict[str, Any]:
    """The named rows, or all: scores by name, and the seconds behind each pair."""
    known = {**PAIRS, **RATES, **GROUPS}
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise ValueError(f"There is no speed row {', '.join(unknown)}; there are {', '.join(known)}.")
    began = time.perf_counter()
    wanted = names or list(known)
    pairs = {name: PAIRS[name]() for name in wanted if name in PAIRS}
    rates: dict[str, float | None] = {name: round(RATES[name](), 2) for name in wanted if name in RATES}
    notes: dict[str, str] = {}
    for name in (name for name in wanted if name in GROUPS):
        found = GROUPS[name]()
        notes |= {row: value for row, value in found.items() if isinstance(value, str)}
        rates |= {row: None if isinstance(value, str) else round(value, 3) for row, value in found.items()}
    return {
        "device": "cpu",
        "threads": torch.get_num_threads(),
        "seconds": round(time.perf_counter() - began, 2),
        "scores": {name: round(pair.ratio, 3) for name, pair in pairs.items()} | rates,
        "notes": notes,
        "pairs": {name: asdict(pair) for name, pair in pairs.items()},
    }
