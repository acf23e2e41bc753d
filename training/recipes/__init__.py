"""Every recipe by subject and name. A factory takes the request of a run and returns the recipe, networks built."""

from __future__ import annotations

from collections.abc import Callable

from training.recipe import Recipe
from training.spec import RunSpec

Factory = Callable[[RunSpec], Recipe]

RECIPES: dict[str, dict[str, Factory]] = {}
