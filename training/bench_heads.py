"""How long a head takes with what ships: a feature picture beside the plain formulation, one view, a photo to a mesh."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from core.checkpoints import CheckpointMismatch, CheckpointMissing
from core.engine.faces import faces
from core.facefield.camera import cast_rays, place
from core.facefield.predict import Predictor
from core.facefield.render import Placed, view
from core.image import to_pixels
from training.bench import Pair, time_pair
from training.bench_edits import median_seconds
from training.plain import view_plain

SHIPPED = Path(__file__).parents[1] / "assets" / "weights"
SEED, FEATURES, VIEWED, CELLS = 900_000_300, 64, 256, 128


def bench_field(roots: Sequence[Path] = (SHIPPED,)) -> Pair:
    """A feature picture of 64 px of the shipped field, every sample through the network and our way."""
    predictor = Predictor.load(roots)
    code = predictor.imagine(1)
    pose, lens = place(code.camera.numbers())
    rays = cast_rays(pose[0], lens[0], FEATURES)
    with torch.no_grad():
        prepared = predictor.field.prepare(torch.from_numpy(code.shape)[None], torch.from_numpy(code.look)[None])
        return time_pair(
            lambda: view_plain(predictor.field, prepared, rays),
            lambda: view(predictor.field, [Placed(prepared)], rays),
            repeats=5,
        )


def rate_heads(roots: Sequence[Path]) -> Mapping[str, float | str]:
    """One view of 256 px; and a photo to a head's mesh, whole."""
    try:
        predictor = Predictor.load(roots)
        code = predictor.imagine(1)
        seconds: dict[str, float | str] = {
            "view_seconds": median_seconds(lambda: predictor.view(code, 20.0, size=VIEWED), 7)
        }
        photo = to_pixels(faces([SEED], size=VIEWED).pixels)[0]
        began = time.perf_counter()
        portrait, _ = predictor.frame(photo)
        predictor.mesh(predictor.find(portrait), CELLS)
        return {**seconds, "photo_to_3d_seconds": time.perf_counter() - began}
    except (CheckpointMissing, CheckpointMismatch) as error:
        return {"view_seconds": f"A head cannot be timed: {error}"}
