"""Frozen networks that the expression room's recipes lean on: regressors that read what a converter draws, and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from core import checkpoints
from core.expression.config import ConverterConfig, RegressorConfig
from core.expression.networks import Regressor, make_converter
from training.spec import BadRequest

if TYPE_CHECKING:
    from training.spec import RunSpec


def load_readers(request: RunSpec, config: ConverterConfig) -> dict[str, nn.Module]:
    """Frozen regressors by character, on the device that the run takes."""
    wanted = request.options.get("readers", {})
    if not isinstance(wanted, dict) or set(wanted) - set(config.characters):
        raise BadRequest(
            f"readers wants a checkpoint's folder by character ({', '.join(config.characters)}), not {wanted!r}."
        )
    device = "cuda" if torch.cuda.is_available() and request.device != "cpu" else "cpu"
    readers: dict[str, nn.Module] = {}
    for name, folder in wanted.items():
        path = Path(str(folder))
        card = checkpoints.read_card(path)
        shape = RegressorConfig(**card.config)
        if shape.size != config.size:
            raise checkpoints.CheckpointMismatch(
                f"{path} reads {shape.size} px, this converter draws {config.size} px."
            )
        network = Regressor(shape)
        checkpoints.fill(network, checkpoints.load(checkpoints.Found(path, card, path))["regressor"], str(path))
        readers[name] = network.eval().requires_grad_(False).to(device)
    return readers


def load_converter(folder: object, config: RegressorConfig) -> nn.Module | None:
    """Encoder and this character's decoder of a checkpoint, frozen."""
    if folder is None:
        return None
    path = Path(str(folder))
    card = checkpoints.read_card(path)
    shape = ConverterConfig(**card.config)
    if shape.size != config.size:
        raise checkpoints.CheckpointMismatch(f"{path} draws {shape.size} px, this regressor reads {config.size} px.")
    modules = make_converter(shape)
    weights = checkpoints.load(checkpoints.Found(path, card, path), ("encoder", config.character))
    for name in ("encoder", config.character):
        checkpoints.fill(modules[name], weights[name], f"{path} ({name})")
    return nn.Sequential(modules["encoder"], modules[config.character]).eval().requires_grad_(False)


@torch.no_grad()
def run_all(network: nn.Module, pictures: Tensor) -> Tensor:
    """A network on many pictures, a few at a time."""
    device = next(network.parameters()).device
    return torch.cat([network(part.to(device)).float().cpu() for part in pictures.split(32)])
