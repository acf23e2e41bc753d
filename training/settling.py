"""When a loss has converged: it stays inside a band over several reports. The band is the run's ``stop_below``.

The spread is told as a loss term that moves nothing, so the one loop can end on it and it stands in the log with the others;
what it remembers is buffers, so a resumed run goes on exactly.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

REPORTS = 5
UNKNOWN = 1.0
"""The spread that is told until there are enough reports: that of a loss that is still falling."""


class Settling(nn.Module):
    """Largest less smallest of the last reports' mean losses, over their mean."""

    total: Tensor
    count: Tensor
    report: Tensor
    means: Tensor

    def __init__(self, every: int, reports: int = REPORTS) -> None:
        """``every``: steps of one report."""
        super().__init__()
        if every < 1 or reports < 2:
            raise ValueError(f"Settling compares two reports or more of one step or more, not {reports} of {every}.")
        self.every = every
        self.register_buffer("total", torch.zeros(()))
        self.register_buffer("count", torch.zeros(()))
        self.register_buffer("report", torch.zeros(()))
        self.register_buffer("means", torch.full((reports,), -1.0))

    @torch.no_grad()
    def note(self, step: int, loss: Tensor) -> Tensor:
        """Take a step's loss (or a part's of it) in, and tell the spread."""
        report = step // self.every
        if report > int(self.report) and float(self.count):
            self.means.copy_(torch.cat((self.means[1:], (self.total / self.count)[None])))
            self.total.zero_()
            self.count.zero_()
        self.report.fill_(report)
        self.total += loss.detach().float()
        self.count += 1
        return self.spread()

    def spread(self) -> Tensor:
        """0: the last reports were alike."""
        if float(self.means.min()) < 0:
            return torch.full_like(self.total, UNKNOWN)
        return (self.means.max() - self.means.min()) / self.means.mean().clamp_min(1e-12)
