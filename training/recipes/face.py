"""How faces in pictures are learned, all on engine faces: ``finder``, ``landmarks`` and ``parser``."""

from __future__ import annotations

from typing import TypeVar

import torch

from core.face.config import FinderConfig, LandmarkConfig, ParserConfig
from training.face_tasks import FinderTask, LandmarkTask, ParserTask
from training.spec import RunSpec
from training.task import TaskRecipe

Config = TypeVar("Config", FinderConfig, LandmarkConfig, ParserConfig)


def _config(request: RunSpec, kind: type[Config]) -> Config:
    """The shape of the weights that a run starts with, else the preset's."""
    if "config" in request.options:
        return kind(**request.options["config"])
    return kind.tiny() if request.preset == "tiny" else kind()


def make_finder_recipe(request: RunSpec) -> TaskRecipe:
    """Where faces are in a whole picture."""
    torch.manual_seed(request.seed)
    return TaskRecipe("face", request, FinderTask(_config(request, FinderConfig)))


def make_landmark_recipe(request: RunSpec) -> TaskRecipe:
    """Points of a face within its crop."""
    torch.manual_seed(request.seed)
    return TaskRecipe("face", request, LandmarkTask(_config(request, LandmarkConfig)))


def make_parser_recipe(request: RunSpec) -> TaskRecipe:
    """Which part of a face each pixel is."""
    torch.manual_seed(request.seed)
    return TaskRecipe("face", request, ParserTask(_config(request, ParserConfig)))
