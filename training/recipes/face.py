"""How faces in pictures are learned, all on engine faces: ``finder``, ``landmarks`` and ``parser``."""

from __future__ import annotations

from pathlib import Path
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
    """Points of a face within its crop. Option ``faces=photos``: learn from close-ups; option ``look``: the checkpoint of
    an expression reader, with whose way to look at whole faces it begins."""
    torch.manual_seed(request.seed)
    task = LandmarkTask(_config(request, LandmarkConfig))
    if "look" in request.options:
        task.begin_with(Path(str(request.options["look"])))
    return TaskRecipe("face", request, task, matrices=("trunk.stages", "locate.mix", "read."))


def make_parser_recipe(request: RunSpec) -> TaskRecipe:
    """Which part of a face each pixel is."""
    torch.manual_seed(request.seed)
    return TaskRecipe("face", request, ParserTask(_config(request, ParserConfig)))
