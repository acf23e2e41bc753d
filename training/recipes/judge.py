"""How the judges learn, on seeds of their own: one recipe a judge."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import torch

from training.judge_tasks import AttributeTask, GarmentTask, HeadTask, IdentityTask
from training.judges import SUBJECT, DistanceConfig, LooksConfig, ReaderConfig, SegmenterConfig
from training.looks_task import LooksTask
from training.perceptual_task import DistanceTask
from training.spec import RunSpec
from training.task import NoFaces, TaskRecipe, open_faces

Config = TypeVar("Config", ReaderConfig, SegmenterConfig, DistanceConfig, LooksConfig)
GARMENT_OFFSET = 50_000
TINY: dict[type[Any], dict[str, Any]] = {
    ReaderConfig: {"size": 32, "width": 4},
    SegmenterConfig: {"size": 32, "widths": (4, 8, 8)},
    DistanceConfig: {"width": 4},
    LooksConfig: {"size": 32, "width": 4},
}


def _config(request: RunSpec, made: Config) -> Config:
    """The shape of the weights that a run starts with, else the preset's."""
    if "config" in request.options:
        return type(made)(**request.options["config"])
    return replace(made, **TINY[type(made)]) if request.preset == "tiny" else made


def make_attribute_recipe(request: RunSpec) -> TaskRecipe:
    """Which grades a portrait shows."""
    torch.manual_seed(request.seed)
    return TaskRecipe(SUBJECT, request, AttributeTask(_config(request, ReaderConfig())), open_faces(request, "varied"))


def make_identity_recipe(request: RunSpec) -> TaskRecipe:
    """Whether two crops show one person."""
    torch.manual_seed(request.seed)
    return TaskRecipe(SUBJECT, request, IdentityTask(_config(request, ReaderConfig(size=96, outputs=128))))


def make_head_recipe(request: RunSpec) -> TaskRecipe:
    """Where head and body are."""
    torch.manual_seed(request.seed)
    return TaskRecipe(SUBJECT, request, HeadTask(_config(request, SegmenterConfig())))


def make_garment_recipe(request: RunSpec) -> TaskRecipe:
    """Where a garment is. Option ``garments``: a folder of real pictures and masks beside the engine's."""
    torch.manual_seed(request.seed)
    folder = request.options.get("garments")
    task = GarmentTask(_config(request, SegmenterConfig(classes=2)), Path(folder) if folder else None)
    return TaskRecipe(SUBJECT, request, task, NoFaces())


def make_looks_recipe(request: RunSpec) -> TaskRecipe:
    """What tells a garment from its cloth laid into its outline. Option ``garments`` as above."""
    torch.manual_seed(request.seed)
    folder = request.options.get("garments")
    task = LooksTask(_config(request, LooksConfig()), Path(folder) if folder else None)
    return TaskRecipe(SUBJECT, request, task, NoFaces())


def make_distance_recipe(request: RunSpec) -> TaskRecipe:
    """How different two pictures look."""
    torch.manual_seed(request.seed)
    return TaskRecipe(SUBJECT, request, DistanceTask("distance", _config(request, DistanceConfig()), GARMENT_OFFSET))
