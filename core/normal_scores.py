"""Numbers of any distribution as standard normal scores and back, by tables of their quantiles.

A column's table holds its values at evenly spread shares. Values that many rows share (a controller at rest) repeat in the
table; where in their share such a row stands is for the caller to say.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

ENTRIES = 257
"""Quantiles in each table."""
SHARED = 3
"""Table entries in a row that are equal: a value that many rows share."""
RIDGE = 0.02


def score_grid() -> Tensor:
    """The scores that a table's entries stand for."""
    return torch.special.ndtri((torch.arange(ENTRIES) + 0.5) / ENTRIES)


def quantile_table(values: Tensor) -> Tensor:
    """(P, ENTRIES) table of values (N, P)."""
    shares = (torch.arange(ENTRIES) + 0.5) / ENTRIES
    return torch.quantile(values, shares, dim=0, interpolation="nearest").T


def score_values(values: Tensor, table: Tensor, grid: Tensor, within: Tensor) -> Tensor:
    """Values (N, P) by tables (P, ENTRIES) to scores; where entries repeat, ``within`` says where in their share."""
    columns = values.T.contiguous()
    first = torch.searchsorted(table, columns)
    behind = torch.searchsorted(table, columns, right=True)
    low, high = (first - 1).clamp(0, ENTRIES - 1), first.clamp(0, ENTRIES - 1)
    left, right = table.gather(1, low), table.gather(1, high)
    part = ((columns - left) / (right - left).clamp_min(1e-9)).clamp(0, 1)
    between = grid[low] + part * (grid[high] - grid[low])
    share = (first + (behind - first) * within.T) / ENTRIES
    edge = 0.5 / ENTRIES
    tied = torch.special.ndtri(share.clamp(edge, 1 - edge))
    return torch.where(behind - first >= SHARED, tied, between).T.contiguous()


def interpolate_scores(scores: Tensor, grid: Tensor, table: Tensor) -> Tensor:
    """Scores (N, P) back to values by tables (P, ENTRIES)."""
    columns = scores.T.float().contiguous()
    high = torch.searchsorted(grid, columns.detach()).clamp(1, ENTRIES - 1)
    part = ((columns - grid[high - 1]) / (grid[high] - grid[high - 1])).clamp(0, 1)
    return (table.gather(1, high - 1) * (1 - part) + table.gather(1, high) * part).T.contiguous()


class NormalCode(nn.Module):
    """Rows of parameters to codes that look drawn from N(0, I), and back: scores, then their correlations taken out (ZCA)."""

    table: Tensor
    white: Tensor
    colour: Tensor
    grid: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.register_buffer("grid", score_grid(), persistent=False)
        self.register_buffer("table", score_grid().repeat(width, 1))
        self.register_buffer("white", torch.eye(width))
        self.register_buffer("colour", torch.eye(width))

    @torch.no_grad()
    def fit(self, parameters: Tensor, within: Tensor) -> None:
        """Tables and ties of these rows (N, width); ``within`` (N, width) in 0..1 breaks ties."""
        # half precision is what a checkpoint keeps: values that rows share must stay equal to the table's
        self.table.copy_(quantile_table(parameters.half().float()))
        scores, count = self.score(parameters, within), len(parameters)
        tie = scores.T @ scores / count
        slack = max(RIDGE, self.width / (count + self.width) * 0.5)
        spread, ways = torch.linalg.eigh(tie * (1 - slack) + slack * torch.eye(self.width))
        self.white.copy_(ways @ torch.diag(spread.rsqrt()) @ ways.T)
        self.colour.copy_(ways @ torch.diag(spread.sqrt()) @ ways.T)

    def score(self, parameters: Tensor, within: Tensor) -> Tensor:
        """Scores (N, width) of parameters; ``within`` breaks ties (0.5: the middle of the share)."""
        return score_values(parameters.half().float(), self.table, self.grid, within)

    def encode(self, parameters: Tensor, within: Tensor) -> Tensor:
        """Codes (N, width)."""
        return self.score(parameters, within) @ self.white

    def scores_of(self, codes: Tensor) -> Tensor:
        """Codes (N, width) to scores, correlations and all."""
        return codes.float() @ self.colour

    def decode(self, codes: Tensor) -> Tensor:
        """Parameters (N, width) of codes."""
        return interpolate_scores(self.scores_of(codes), self.grid, self.table)
