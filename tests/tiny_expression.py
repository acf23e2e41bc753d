"""Random expression networks of the tiny preset in a home of their own, and a clip of an engine person to read."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from core import checkpoints
from core.engine.faces import Choices, faces
from core.expression.close import CloseReader
from core.expression.config import ConverterConfig, PainterConfig, ReaderConfig, RegressorConfig
from core.expression.networks import Painter, Regressor, make_converter
from core.image import Pixels, to_pixels

CHARACTERS = ("juno", "fen")


def put_weights(home: Path, reader: bool = True) -> None:
    """Converter, regressors and, if wanted, reader and painter that know nothing, as if this studio had trained them."""
    torch.manual_seed(3)
    converter = make_converter(ConverterConfig.tiny())
    modules = {name: module.state_dict() for name, module in converter.items()}
    card = checkpoints.Card("expression", "converter", config=asdict(ConverterConfig.tiny()))
    checkpoints.save(home / "weights" / "expression" / "converter", card, modules)
    for name in CHARACTERS:
        shape = RegressorConfig(32, 4, name)
        card = checkpoints.Card("expression", f"regressor_{name}", config=asdict(shape))
        whole = {"regressor": Regressor(shape).state_dict()}
        checkpoints.save(home / "weights" / "expression" / f"regressor_{name}", card, whole)
    if reader:
        card = checkpoints.Card("expression", "reader", config=asdict(ReaderConfig.tiny()))
        close = CloseReader(ReaderConfig.tiny())  # which says nothing before it has learned
        torch.nn.init.normal_(close.solver.tell.weight, std=0.1, generator=torch.Generator().manual_seed(3))
        checkpoints.save(home / "weights" / "expression" / "reader", card, {"reader": close.state_dict()})
        card = checkpoints.Card("expression", "painter", config=asdict(PainterConfig.tiny()))
        painters = {name: Painter(PainterConfig.tiny()).state_dict() for name in CHARACTERS}
        checkpoints.save(home / "weights" / "expression" / "painter", card, painters)


def draw_person(seed: int = 900_100_017, size: int = 192) -> Pixels:
    """An engine person looking at the camera."""
    still = Choices(turn_degrees=torch.zeros(1, 3), controllers=torch.zeros(1, 130))
    return to_pixels(faces([seed], size=size, choices=still).pixels)[0]


def write_frames(path: Path, frames: list[Pixels], rate: int = 10) -> Path:
    """Frames as a clip that nobody marked."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")))
        container.mux(stream.encode(None))
    return path
