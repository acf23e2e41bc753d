"""How fast a camera's picture becomes 130 numbers with what ships, and where the time goes; medians by the clock."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from core import checkpoints
from core.engine.faces import faces
from core.expression.config import ReaderConfig
from core.expression.predict import Predictor, cut_patches, has_reader, load_reader, load_transfer, squares_of
from core.face.reader import FaceReader
from core.image import Pixels, to_pixels

FRAME = (480, 640)
FRAMES = 60


def camera_frame(seed: int = 900_000_700) -> Pixels:
    """An engine person as a webcam sees one."""
    face = to_pixels(faces([seed], size=400).pixels)[0]
    frame = np.full((*FRAME, 3), 90, dtype=np.uint8)
    frame[40:440, 120:520] = face
    return frame


def median_milliseconds(work: Callable[[], object], repeats: int = FRAMES) -> float:
    """Median time of a call by the clock, after five that warm up."""
    taken = []
    for _ in range(repeats + 5):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return sorted(taken[5:])[repeats // 2] * 1000


def rate_live(roots: Sequence[Path], character: str = "juno") -> dict[str, float]:
    """Pictures a second of the whole live path, and milliseconds of its parts (parts as plain float32)."""
    frame = camera_frame()
    converter = checkpoints.find("expression", "converter", roots)
    network, _ = load_transfer(converter, character, roots)
    reader = FaceReader.load(roots)
    face = reader.find_one(frame)
    size = int(converter.card.config["size"])
    picture = torch.zeros(1, 3, size, size)
    with tempfile.TemporaryDirectory() as memory, torch.inference_mode():
        predictor = Predictor.load(roots, (character,), Path(memory))
        whole = median_milliseconds(lambda: predictor.read_face(frame, character, reader.follow(frame, face) or face))
        transfer = median_milliseconds(lambda: predictor.read_face(frame, character, face))
        features = network.encoder(picture)
        close: dict[str, float] = {}
        if face is not None and has_reader(roots):
            reading, found = load_reader(roots)
            patches = cut_patches(frame, squares_of(face), ReaderConfig(**found.card.config))
            close["live_read_ms"] = median_milliseconds(lambda: reading(*patches))
        return close | {
            "live_fps": 1000 / whole,
            "live_find_ms": median_milliseconds(lambda: reader.find_one(frame), 15),
            "live_follow_ms": median_milliseconds(lambda: reader.follow(frame, face)),
            "live_transfer_ms": transfer,
            "live_encode_ms": median_milliseconds(lambda: network.encoder(picture)),
            "live_decode_ms": median_milliseconds(lambda: network.decoder(features)),
            "live_regress_ms": median_milliseconds(lambda: network.regressor(picture)),
        }
