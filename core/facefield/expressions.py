"""Expressions by name, as moves of the 130 controllers."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from core.engine.controllers import INDEX, NAMES
from core.engine.moments import EXPRESSIONS


def read_expression(expression: str | Mapping[str, float]) -> dict[str, float]:
    """Controllers with their values at full strength; a name is a known expression's, a controller's, or both sides'."""
    asked: Mapping[str, float] = expression if isinstance(expression, Mapping) else EXPRESSIONS.get(
        expression, {expression: 1.0}
    )  # fmt: skip
    spread: dict[str, float] = {}
    for name, value in asked.items():
        sides = [full for full in (name, f"{name}_left", f"{name}_right") if full in INDEX]
        if not sides:
            raise ValueError(
                f"There is no expression or controller {name!r}. Expressions: {', '.join(EXPRESSIONS)}. "
                f"Controllers: {NAMES[0]}, {NAMES[1]} and {len(NAMES) - 2} more."
            )
        spread.update(dict.fromkeys(sides, float(value)))
    return spread


def move_controllers(controllers: Tensor, expression: str | Mapping[str, float], amount: float) -> Tensor:
    """Controllers (N, 130) moved towards an expression; amount 0 leaves them, 1 is the expression itself."""
    if not 0.0 <= amount <= 1.0:
        raise ValueError(f"An expression is put on by 0 to 1, not by {amount}.")
    goal = torch.zeros_like(controllers)
    named = torch.zeros_like(controllers)
    for name, value in read_expression(expression).items():
        if not 0.0 <= value <= 1.0:
            raise ValueError(f"A controller is set from 0 to 1; {name} cannot be {value}.")
        goal[:, INDEX[name]], named[:, INDEX[name]] = value, 1.0
    wanted = torch.where(named > 0, goal, controllers if isinstance(expression, Mapping) else goal)
    return controllers.lerp(wanted, amount).clamp(0, 1)
