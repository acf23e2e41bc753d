"""Tuning without labels on a person's own clip: rebuilt neighbours, static mask and smoothness; some frames are held back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from core.checkpoints import Found as Shelved
from core.checkpoints import read_card
from core.depth.align import align
from core.depth.clip import no_parallax
from core.depth.networks import DistanceNet, PoseNet
from core.depth.predict import Predictor, lens_for, lens_of_degrees
from core.image import NotAPicture, flatten, read_picture, resize, to_tensor
from training.depth_terms import (
    Found,
    Settings,
    picture_terms,
    read_batch,
    read_config,
    read_settings,
    rebuild_error,
    show,
    time_saved_percent,
)
from training.recipe import Phase
from training.spec import BadRequest
from training.task import cosine

if TYPE_CHECKING:
    from core.camera import Intrinsics
    from core.image import Pixels
    from training.spec import RunSpec

FRAMES_PER_SECOND, MOST, FEWEST = 8.0, 240, 12
PICTURES = (".png", ".jpg", ".jpeg", ".webp")
HELD_BACK, BLOCK = 5, 4
"""Every fifth run of four frames is kept to decide on: neighbours are nearly the same picture."""
LARGEST_SIDE = 640
RATE = 5e-5
TOLERATED = 3
"""How many frames away a neighbour may be."""


class TuneRecipe:
    """Both networks learn on from one clip, without labels (b, c, d). Options: ``lens`` in degrees across the longer side,
    ``rate``, ``hold`` (how strongly the scale of what was read before is kept), and the settings of ``network``.

    The camera's steps are those that the pose network tells, aligned on the pictures; the pose network learns them.
    """

    subject, name, round_size = "depth", "network", 10_000
    published = ("distance", "motion")
    compiled = ()

    def __init__(self, request: RunSpec) -> None:
        torch.manual_seed(request.seed)
        if request.data is None or request.start_from is None:
            raise BadRequest("Tuning wants a clip (--data CLIP) and the weights to begin with (--start-from FOLDER).")
        self.config, self.settings = read_config(request), _settings(request)
        self.distance, self.motion = DistanceNet(self.config), PoseNet(self.config)
        self.modules: dict[str, nn.Module] = {"distance": self.distance, "motion": self.motion}
        self.seed, self.batch_size = request.seed, self.settings.batch
        self.averaged = dict.fromkeys(self.modules, 400.0)
        steps, rate = request.steps, float(request.options.get("rate", RATE))
        fall = {"clip": 1.0, "schedule": lambda step: cosine(step + 150, steps + 150)}
        self.phases = (Phase("both", ("distance", "motion"), rate, **fall),)
        self._hold = float(request.options.get("hold", 1.0))
        path = Path(request.data)
        self.sources = {path.name: "the person's own clip"}
        self.protocol = f"held-back frames of {path.name}: difference of the frame rebuilt from its neighbours"
        self._take(path, Path(request.start_from), request.options.get("lens"))

    def _take(self, path: Path, start: Path, degrees: object) -> None:
        """The clip, read once with the weights it begins with; refused where it shows no parallax."""
        frames = read_own_frames(path)
        lens = lens_of(frames[0], degrees)
        predictor = Predictor.of(Shelved(start, read_card(start), start))
        try:
            clip = predictor.read_clip(frames, FRAMES_PER_SECOND, lens)
        except NotAPicture as error:
            raise BadRequest(f"{path.name}: {error}") from error
        reason = no_parallax(clip)
        if reason is not None:
            raise BadRequest(f"Nothing can be learned from {path.name}. {reason}")
        height, width = predictor.working_size(*frames[0].shape[:2])
        self.frames = to_tensor(np.stack([resize(frame, width, height) for frame in frames]))
        self.lens = lens_for(frames[0], lens).scaled(width, height).matrix().float()
        step_down = clip.metres.shape[1] // height
        before = torch.from_numpy(np.ascontiguousarray(clip.metres[:, ::step_down, ::step_down]))
        self.before = before[:, :height, :width].log()
        held = torch.arange(len(frames)) // BLOCK % HELD_BACK == HELD_BACK - 1
        inner = torch.zeros(len(frames), dtype=torch.bool)
        inner[1:-1] = True
        if not bool((inner & held).any()):
            held[-1 - max(1, len(frames) // HELD_BACK) :] = True  # too short for a fifth run: its end
        self.learned = torch.nonzero(inner & ~held)[:, 0]
        self.back = torch.nonzero(inner & held)[:, 0]

    def batch(self, step: int, size: int, part: int) -> dict[str, Tensor]:
        """Frames with a neighbour on each side; frames held back are seen, if at all, only as neighbours."""
        draw = torch.Generator().manual_seed(hash((self.seed, step, 71)) & 0x7FFFFFFF)
        chosen = self.learned[torch.randint(len(self.learned), (self.batch_size,), generator=draw)]
        far = torch.randint(1, TOLERATED + 1, (self.batch_size,), generator=draw)
        whole = self._samples(chosen, far)
        return {key: value[part * size : part * size + size] for key, value in whole.items()}

    def _samples(self, chosen: Tensor, far: Tensor) -> dict[str, Tensor]:
        last = len(self.frames) - 1
        views = torch.stack((chosen, (chosen - far).clamp_min(0), (chosen + far).clamp_max(last)), 1)
        frames = self.frames[views]
        lens = self.lens.expand(len(chosen), 3, 3)
        return {"frames": frames, "seen": frames, "calibration": lens, "before": self.before[chosen]}

    def losses(self, phase: Phase, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """(b) outside (c), (d), the pose network against the aligned steps, and the scale as it was."""
        del phase, step
        found = read_batch(self.distance, self.motion, batch)
        with torch.autocast(found.metres.device.type, enabled=False):
            moved = _aligned(found, batch)
            terms = picture_terms(Found(found.metres, moved), batch, self.settings)
            apart = [(own - other).square().sum((1, 2)).mean() for own, other in zip(found.poses, moved, strict=True)]
            scale = (found.metres.log() - batch["before"]).flatten(1).median(1).values
        return {**terms, "motion": torch.stack(apart).mean(), "hold": self._hold * scale.square().mean()}

    def measure(self) -> dict[str, float]:
        """How badly held-back frames are rebuilt from their neighbours; lower is better."""
        whole = self._samples(self.back, torch.ones_like(self.back))
        found = read_batch(self.distance, self.motion, whole)
        moved = [pose.cpu() for pose in _aligned(found, whole)]
        metres, frames, lens = found.metres.cpu(), whole["frames"], whole["calibration"]
        everywhere = torch.ones(metres.shape, dtype=torch.bool)
        error = rebuild_error(frames, metres, moved, lens, everywhere, self.settings)
        saved = time_saved_percent(frames, metres, moved, lens, self.settings)
        return {"validation": float(error) * 100, "mask_saves_percent": saved}

    def preview(self) -> Pixels:
        """Held-back frames, what was read before, and what is read now."""
        chosen = self.back[:6]
        whole = self._samples(chosen, torch.ones_like(chosen))
        found = read_batch(self.distance, self.motion, whole)
        return show(whole["frames"][:, 0], whole["before"].exp(), found.metres.cpu())


def _aligned(found: Found, batch: dict[str, Tensor]) -> list[Tensor]:
    """The read poses, each made to fit the pictures at the present distances."""
    frames, metres = batch["frames"], found.metres.detach()
    lens = batch["calibration"]
    return [align(frames[:, 0], frames[:, at + 1], metres, pose.detach(), lens) for at, pose in enumerate(found.poses)]


def _settings(request: RunSpec) -> Settings:
    """Those of ``network`` with what suits a single clip, and the request's options on top."""
    given = {"labelled": 0.0, "neighbours": 2, "photometric": 1.0, "halvings": 0, "batch": 6, "smooth": 0.003}
    options = {**given, **{key: value for key, value in request.options.items() if key != "labelled"}}
    return read_settings(type(request)(**{**request.__dict__, "options": options}))


def lens_of(frame: Pixels, degrees: object) -> Intrinsics | None:
    """The lens of a request's ``lens`` option; None where nobody said."""
    if degrees is None:
        return None
    try:
        return lens_of_degrees(float(str(degrees)), frame.shape[1], frame.shape[0])
    except ValueError as error:
        raise BadRequest(f"lens={degrees}: {error}") from error


def read_own_frames(path: Path) -> list[Pixels]:
    """Frames of a clip at 8 a second, or the pictures of a folder in the order of their names."""
    frames = [_shrink(frame) for frame in (_pictures(path) if path.is_dir() else _frames(path))]
    if len(frames) < FEWEST:
        raise BadRequest(
            f"{path.name} gives {len(frames)} frames; at least {FEWEST} are wanted, a clip of 2 seconds or more in which "
            "the camera goes somewhere."
        )
    if any(frame.shape != frames[0].shape for frame in frames):
        raise BadRequest(f"The pictures of {path.name} are of several sizes; the frames of one clip are wanted.")
    return frames


def _pictures(folder: Path) -> Iterator[Pixels]:
    listed = sorted(one for one in folder.iterdir() if one.suffix.lower() in PICTURES)
    yield from (flatten(read_picture(one)) for one in listed[:MOST])


def _frames(path: Path) -> Iterator[Pixels]:
    import av

    try:
        with av.open(str(path), metadata_errors="ignore") as container:
            taken, wanted = 0, 0.0
            for frame in container.decode(container.streams.video[0]):
                if float(frame.time or 0.0) < wanted - 1e-3:
                    continue
                if taken >= MOST:
                    return
                taken, wanted = taken + 1, wanted + 1.0 / FRAMES_PER_SECOND
                pixels = np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)
                turned = round(float(getattr(frame, "rotation", 0) or 0) / 90) % 4
                yield np.ascontiguousarray(np.rot90(pixels, turned)) if turned else pixels
    except (av.FFmpegError, IndexError) as error:
        raise BadRequest(f"{path.name} cannot be read as a clip ({error}).") from error


def _shrink(frame: Pixels) -> Pixels:
    factor = min(1.0, LARGEST_SIDE / max(frame.shape[:2]))
    return resize(frame, max(1, round(frame.shape[1] * factor)), max(1, round(frame.shape[0] * factor)))
