"""Networks of the facefield room that learned nothing: their heads are the mean head, moved by the codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from core import checkpoints
from core.checkpoints import Card
from core.facefield.config import Config
from core.facefield.networks import Field, NeuralRenderer, PhotoEncoder
from core.facefield.verify import Verifier


def put_facefield_weights(root: Path, without: Sequence[str] = ()) -> Path:
    """Field, encoder and verifier of the tiny preset; ``without`` leaves some out."""
    torch.manual_seed(7)
    config = Config.tiny()
    field = Field(config)
    torch.nn.init.normal_(field.ground_features.weight, std=0.3)
    shelves: dict[str, tuple[dict[str, torch.nn.Module], dict[str, Any]]] = {
        "field": ({"field": field, "renderer": NeuralRenderer(config)}, asdict(config)),
        "encoder": ({"encoder": PhotoEncoder(config)}, asdict(config)),
        "verifier": ({"verifier": Verifier()}, {}),
    }
    for name, (modules, shape) in shelves.items():
        if name not in without:
            card = Card("facefield", name, config=shape, validation={"error_rate": 0.25})
            weights = {key: module.state_dict() for key, module in modules.items()}
            checkpoints.save(root / "facefield" / name, card, weights)
    return root
