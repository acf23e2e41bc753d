"""How the perceptual distance that rooms learn with is learned itself: ``features``."""

from __future__ import annotations

import torch

from core.perceptual import NAME, SUBJECT, PerceptualConfig
from training.perceptual_task import DistanceTask
from training.spec import RunSpec
from training.task import TaskRecipe


def make_feature_recipe(request: RunSpec) -> TaskRecipe:
    """How different two pictures look, for losses."""
    torch.manual_seed(request.seed)
    config = PerceptualConfig.tiny() if request.preset == "tiny" else PerceptualConfig()
    if "config" in request.options:
        config = PerceptualConfig(**request.options["config"])
    return TaskRecipe(SUBJECT, request, DistanceTask(NAME, config, 0))
