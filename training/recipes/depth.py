"""How the depth room learns: ``network`` (distance and pose together) from drawn clips, with labels, without, or mixed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from core.depth.networks import DistanceNet, PoseNet
from training.depth_data import COUNT, VALIDATED, Asked, SceneData, Spread, halve, stray
from training.depth_terms import (
    labelled_terms,
    picture_terms,
    read_batch,
    read_config,
    read_settings,
    score,
    show,
    time_saved_percent,
)
from training.depth_tuning import TuneRecipe
from training.recipe import Phase
from training.task import cosine

if TYPE_CHECKING:
    from core.image import Pixels
    from training.spec import RunSpec

SOURCES = {"engine": "clips of places drawn by core/engine; none of them exists"}
SHOWN = 6


class NetworkRecipe:
    """Distance and pose of neighbouring frames. Options: ``count`` of clips, ``validated`` and Settings; ``data`` is the
    folder of drawn clips (``train`` and ``validation`` within; filled where empty)."""

    subject, name, round_size = "depth", "network", 10_000
    published = ("distance", "motion")
    compiled = ("distance",)

    def __init__(self, request: RunSpec) -> None:
        torch.manual_seed(request.seed)
        self.config = read_config(request)
        self.settings = read_settings(request)
        self.seed, self.batch_size = request.seed, self.settings.batch
        self.distance, self.motion = DistanceNet(self.config), PoseNet(self.config)
        self.modules: dict[str, nn.Module] = {"distance": self.distance, "motion": self.motion}
        self.averaged = dict.fromkeys(self.modules, self.settings.half_life)
        self.phases = (learn_both(request.steps, self.settings.rate),)
        self.sources = dict(SOURCES)
        folder = Path(request.data) if request.data else None
        count, self.validated = (
            int(request.options.get("count", COUNT)),
            int(request.options.get("validated", VALIDATED)),
        )
        self.data = SceneData(folder, count, request.seed, (self.config.height, self.config.width))
        self.spread = Spread(zoom=self.settings.zoom, noise=self.settings.noise)
        self.protocol = f"{self.validated} drawn clips of the validation band, the middle pair of each"

    def batch(self, step: int, size: int, part: int) -> dict[str, Tensor]:
        """Frames with neighbours, distances, poses and lenses; random numbers are those of the whole batch."""
        wanted = self.settings
        whole = halve(
            self.data.learn(step, self.batch_size, Asked(wanted.neighbours, wanted.farthest)), wanted.learn_halved
        )
        draw = torch.Generator().manual_seed(hash((self.seed, step, 67)) & 0x7FFFFFFF)
        whole = stray(whole, self.spread, draw)
        whole["labelled"] = torch.arange(self.batch_size) < round(wanted.labelled * self.batch_size)
        return {key: value[part * size : part * size + size] for key, value in whole.items()}

    def losses(self, phase: Phase, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """Terms with labels (a and its kin) and terms of pictures alone (b, c, d)."""
        del phase, step
        found = read_batch(self.distance, self.motion, batch)
        with torch.autocast(found.metres.device.type, enabled=False):
            return {**labelled_terms(found, batch, self.settings), **picture_terms(found, batch, self.settings)}

    def measure(self) -> dict[str, float]:
        """Distance and turn on the validation band."""
        whole = self.data.validate(1, self.validated)
        parts = [{key: value[at : at + 16] for key, value in whole.items()} for at in range(0, self.validated, 16)]
        found = [read_batch(self.distance, self.motion, {**part, "seen": part["frames"]}) for part in parts]
        metres = torch.cat([one.metres.cpu() for one in found])
        poses = torch.cat([one.poses[0].cpu() for one in found])
        saved = time_saved_percent(whole["frames"], metres, [poses], whole["calibration"], self.settings)
        return {**score(metres, poses, whole), "mask_saves_percent": saved}

    def preview(self) -> Pixels:
        """Frames, true distances and those read."""
        whole = self.data.validate(1, self.validated)
        few = {key: value[:SHOWN] for key, value in whole.items()}
        found = read_batch(self.distance, self.motion, {**few, "seen": few["frames"]})
        return show(few["frames"][:, 0], few["depth"], found.metres.cpu())


def learn_both(steps: int, rate: float) -> Phase:
    """Both networks in one phase."""
    return Phase(
        "both", ("distance", "motion"), rate, weight_decay=1e-4, clip=2.0, schedule=lambda step: cosine(step, steps)
    )


def make_network_recipe(request: RunSpec) -> NetworkRecipe:
    """``depth network``."""
    return NetworkRecipe(request)


def make_tune_recipe(request: RunSpec) -> TuneRecipe:
    """``depth tune``."""
    return TuneRecipe(request)
