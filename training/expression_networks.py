"""Frozen networks that the expression room's recipes lean on: regressors that read what a converter draws, and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from core import checkpoints
from core.engine.controllers import NAMES
from core.expression.config import ConverterConfig, RegressorConfig
from core.expression.networks import Regressor, make_converter
from training.spec import BadRequest

if TYPE_CHECKING:
    from training.spec import RunSpec


READING_WIDTH = 512


class Reading(nn.Module):
    """What an encoder's features should say: controllers in 0..1, and further numbers such as points.

    It learns along and is thrown away. The norm before the activation matters: features are all positive, and without it
    the first steps push every unit below zero for good.
    """

    def __init__(self, inputs: int, further: int) -> None:
        super().__init__()
        self.mix = nn.Sequential(
            nn.Flatten(), nn.Linear(inputs, READING_WIDTH, bias=False), nn.BatchNorm1d(READING_WIDTH), nn.ReLU()
        )
        self.tell = nn.Linear(READING_WIDTH, len(NAMES))
        nn.init.constant_(self.tell.bias, -3.0)  # most controllers rest most of the time
        self.further = nn.Linear(READING_WIDTH, further)
        nn.init.normal_(self.further.weight, std=5e-4)

    def begin_with(self, numbers: Tensor) -> None:
        """Start from these further numbers, whatever the features."""
        with torch.no_grad():
            self.further.bias.copy_(numbers.flatten())

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """N x C x H x W to N x 130 and N x further."""
        mixed = self.mix(features)
        return self.tell(mixed).sigmoid(), self.further(mixed)


def begin_encoder(encoder: nn.Module, folder: object, config: ConverterConfig) -> None:
    """Start from the encoder of a checkpoint, whose pictures may have been of another size."""
    path = Path(str(folder))
    card = checkpoints.read_card(path)
    width = ConverterConfig(**card.config).width
    if width != config.width:
        raise checkpoints.CheckpointMismatch(f"{path} is {width} channels wide, this converter {config.width}.")
    weights = checkpoints.load(checkpoints.Found(path, card, path), ("encoder",))
    checkpoints.fill(encoder, weights["encoder"], f"{path} (encoder)")


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


def soften(pictures: Tensor, draw: torch.Generator) -> Tensor:
    """A little blurred and noisy, each picture by another amount, as decoders' pictures are."""
    half = nn.functional.avg_pool2d(pictures, 2)
    soft = nn.functional.interpolate(half, pictures.shape[2:], mode="bilinear", align_corners=False)
    blur, noise = (torch.rand(len(pictures), 1, 1, 1, generator=draw).to(pictures.device) for _ in range(2))
    grain = torch.randn(pictures.shape, generator=draw).to(pictures.device)
    return pictures.lerp(soft.to(pictures.dtype), blur.to(pictures.dtype)) + 0.06 * noise * grain


@torch.no_grad()
def run_all(network: nn.Module, pictures: Tensor) -> Tensor:
    """A network on many pictures, a few at a time."""
    device = next(network.parameters()).device
    return torch.cat([network(part.to(device)).float().cpu() for part in pictures.split(32)])


@torch.no_grad()
def read_all(reading: nn.Module, features: Tensor) -> tuple[Tensor, Tensor]:
    """Controllers and further numbers of all features, on the processor."""
    told, further = reading(features.to(next(reading.parameters()).device))
    return told.float().cpu(), further.float().cpu()
