"""The way in: a frame to metres, two frames to a camera's motion, a clip to distances and a path."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core import checkpoints
from core.camera import Intrinsics
from core.checkpoints import Found
from core.depth import clip as clips
from core.depth import steady
from core.depth.align import align
from core.depth.clip import DepthClip, Metres, Point
from core.depth.config import Config
from core.depth.masks import MaskRule, static_mask
from core.depth.networks import DistanceNet, PoseNet, focal_of, to_metres, to_pose
from core.depth.trajectory import chain
from core.depth.warp import rebuild
from core.image import NotAPicture, Pixels, check_pixels, resize, to_tensor

GUESSED_DEGREES = 60.0
"""Across the longer side: a phone's main camera, where nobody says which lens it was."""
LARGER = 2
"""A clip is shown at so many times the size at which the networks read it."""
LONGEST = 480
"""Frames of a clip."""
AT_ONCE = 8
SMALLEST_SIDE, LARGEST_SIDE = 16, 16_384
NEIGHBOURS = (1, 2, 4)
"""How far before and after a frame is compared to say what stands still."""
MOVES = 0.14
"""Difference (of 1) from what both neighbours show above which a pixel moves by itself."""


class NotAFrame(NotAPicture):
    """What was given cannot be read as frames of one clip; the message says what was wanted."""


class Predictor:
    """Holds networks only."""

    system = "depth"

    def __init__(self, distance: DistanceNet, motion: PoseNet) -> None:
        self._distance, self._motion = distance.eval().requires_grad_(False), motion.eval().requires_grad_(False)
        # half the width is half the time where the processor has it, and a thousandth of the distance
        self._kind = torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() else torch.float32
        self._quick = copy.deepcopy(self._distance).to(self._kind).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.config: Config = distance.config
        self.cards: dict[str, Found] = {}
        self.roots: tuple[Path, ...] = ()
        """Where weights were looked for."""

    @classmethod
    def load(cls, roots: Sequence[Path]) -> Predictor:
        """The networks in service; missing ones are told in a sentence."""
        found = checkpoints.find_or_advise(
            cls.system, "network", roots, "which reads distances and the camera's motion"
        )
        predictor = cls.of(found)
        predictor.roots = tuple(roots)
        return predictor

    @classmethod
    def of(cls, found: Found) -> Predictor:
        """The networks of one checkpoint."""
        config = Config(**found.card.config)
        networks = {"distance": DistanceNet(config), "motion": PoseNet(config)}
        weights = checkpoints.load(found)
        for name, network in networks.items():
            checkpoints.fill(network, weights[name], f"{found.folder} ({name})")
        predictor = cls(networks["distance"], networks["motion"])  # pyright: ignore[reportArgumentType]
        predictor.cards = {"network": found}
        return predictor

    def depth(self, frame: Pixels, lens: Intrinsics | None = None) -> Metres:
        """Metres along z, float32 of the frame's size. Without a lens one of 60 degrees across the longer side is taken.

        Read at the trained size and brought to the frame's: logarithms between pixels linearly.
        """
        check_frame(frame)
        lens = lens_for(frame, lens)
        small, own = self._fit(frame[None], lens)
        return _enlarge(self._read(small, own), frame.shape[0], frame.shape[1])[0].numpy()

    def motion(self, first: Pixels, second: Pixels, lens: Intrinsics | None = None) -> np.ndarray:
        """4 x 4 pose of the second camera in the first's coordinates, in metres."""
        for frame in (first, second):
            check_frame(frame)
        if first.shape != second.shape:
            raise NotAFrame(f"Both frames are of one size, not {_size(first)} and {_size(second)}.")
        small, own = self._fit(np.stack((first, second)), lens_for(first, lens))
        return self._steps(small, self._read(small, own), own)[0].numpy()

    def read_clip(
        self,
        frames: Sequence[Pixels],
        frames_per_second: float,
        lens: Intrinsics | None = None,
        report: Callable[[float], None] | None = None,
    ) -> DepthClip:
        """Distances of every frame, made to agree with each other, and the camera's path.

        Each frame's scale is brought to its neighbours' (what all say together is kept), and where two frames see the same
        surface their distances are blended. ``report`` is told the share done; what it raises ends the reading.
        """
        tell = report or (lambda _: None)
        check_frames(frames, frames_per_second)
        notes = () if lens is not None else (f"Nobody said which lens: {GUESSED_DEGREES:.0f} degrees were taken.",)
        whole = lens_for(frames[0], lens)
        small, own = self._fit_all(frames, whole, lambda at: tell(0.1 * at))
        metres = self._read_all(small, own, lambda at: tell(0.1 + 0.3 * at))
        steps = self._steps_all(small, metres, own, lambda at: tell(0.4 + 0.35 * at))
        static, moving = find_static(small), find_moving(small, metres, steps, own)
        metres, steps = make_agree(metres, steps, own, ~moving)
        tell(0.85)
        height, width = self._clip_size(frames[0])
        shown = np.stack([resize(frame, width, height) for frame in frames])
        told = np.concatenate([_enlarge(part, height, width).numpy() for part in metres.split(AT_ONCE)])
        tell(1.0)
        return DepthClip(
            shown,
            told,
            chain(steps).numpy(),
            whole.scaled(width, height),
            frames_per_second,
            _enlarge_mask(moving, height, width),
            _enlarge_mask(static, height, width),
            (*notes, *_notes_of(frames, static)),
        )

    @staticmethod
    def measure(clip: DepthClip, frame: int, point_a: Point, point_b: Point) -> float:
        """Metres between what two pixels of a frame show."""
        return clips.measure(clip, frame, point_a, point_b)

    @staticmethod
    def rescale(
        clip: DepthClip, known_metres: float, first_point: Point, second_point: Point, frame: int = 0
    ) -> DepthClip:
        """Everything rescaled so that one length is the known one."""
        return clips.rescale(clip, known_metres, first_point, second_point, frame)

    @staticmethod
    def no_parallax(clip: DepthClip) -> str | None:
        """Why tuning on this clip is refused; None where it is not."""
        return clips.no_parallax(clip)

    def working_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width at which the networks read a frame: as many pixels as trained on, in the frame's shape."""
        area, shape = self.config.height * self.config.width, min(max(width / height, 0.4), 2.5)
        high, wide = math.sqrt(area / shape), math.sqrt(area * shape)
        return max(64, round(high / 16) * 16), max(64, round(wide / 16) * 16)

    def _clip_size(self, frame: Pixels) -> tuple[int, int]:
        """At which a clip is shown, never larger than it is."""
        height, width = self.working_size(*frame.shape[:2])
        times = LARGER if frame.shape[0] >= LARGER * height and frame.shape[1] >= LARGER * width else 1
        return height * times, width * times

    def _fit(self, frames: np.ndarray, lens: Intrinsics) -> tuple[Tensor, Tensor]:
        """Frames as the networks see them, and the lens's matrix (1, 3, 3) for that size."""
        height, width = self.working_size(*frames.shape[1:3])
        small = to_tensor(np.stack([resize(frame, width, height) for frame in frames]))
        return small, lens.scaled(width, height).matrix()[None].float()

    def _fit_all(
        self, frames: Sequence[Pixels], lens: Intrinsics, tell: Callable[[float], None]
    ) -> tuple[Tensor, Tensor]:
        parts: list[Tensor] = []
        own = lens.matrix()[None]
        for at in range(0, len(frames), AT_ONCE):
            part, own = self._fit(np.stack(frames[at : at + AT_ONCE]), lens)
            parts.append(part)
            tell((at + 1) / len(frames))
        return torch.cat(parts), own

    @torch.no_grad()
    def _read(self, small: Tensor, own: Tensor) -> Tensor:
        """N x H x W metres."""
        given = small.to(self._kind).contiguous(memory_format=torch.channels_last)
        return to_metres(self._quick(given), focal_of(own).expand(len(small)), self.config)

    def _read_all(self, small: Tensor, own: Tensor, tell: Callable[[float], None]) -> Tensor:
        parts: list[Tensor] = []
        for at in range(0, len(small), AT_ONCE):
            parts.append(self._read(small[at : at + AT_ONCE], own))
            tell(min(at + AT_ONCE, len(small)) / len(small))
        return torch.cat(parts)

    @torch.no_grad()
    def _steps(self, small: Tensor, metres: Tensor, own: Tensor) -> Tensor:
        """Poses (T - 1, 4, 4) of each next camera in the frame's coordinates: as told, then aligned."""
        lens = own.expand(len(small) - 1, 3, 3)
        told = self._motion(small[:-1], small[1:])
        guess = to_pose(told, focal_of(lens), self.config)
        return align(small[:-1], small[1:], metres[: len(small) - 1], guess, lens)

    def _steps_all(self, small: Tensor, metres: Tensor, own: Tensor, tell: Callable[[float], None]) -> Tensor:
        parts: list[Tensor] = [torch.zeros(0, 4, 4)]
        for at in range(0, len(small) - 1, AT_ONCE):
            end = at + AT_ONCE + 1
            parts.append(self._steps(small[at:end], metres[at:end], own))
            tell(min(end, len(small)) / len(small))
        return torch.cat(parts)


def make_agree(metres: Tensor, steps: Tensor, own: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Distances whose scales and pixels agree with the neighbours', and the steps in the same scale."""
    if len(metres) < 2:
        return metres, steps
    added = steady.even_scales(steady.scale_steps(metres, steps, own, wanted))
    metres = metres * added.exp()[:, None, None]
    steps = steps.clone()
    steps[:, :3, 3] *= added[:-1].exp()[:, None]
    return steady.blend_along(metres, steps, own, wanted), steps


def find_static(small: Tensor, rule: MaskRule | None = None) -> Tensor:
    """T x H x W bool: pixels that stay the same over the frames around."""
    count = len(small)
    found = []
    for at in range(count):
        beside = sorted({min(max(at + way * far, 0), count - 1) for far in NEIGHBOURS for way in (-1, 1)} - {at})
        found.append(static_mask(small[at : at + 1], small[beside][None], rule)[0])
    return torch.stack(found)


def find_moving(small: Tensor, metres: Tensor, steps: Tensor, own: Tensor) -> Tensor:
    """T x H x W bool: pixels that neither neighbour explains by the camera's motion."""
    count = len(small)
    if count < 2:
        return torch.zeros(small.shape[0], *small.shape[2:], dtype=torch.bool)
    lens = own.expand(count - 1, 3, 3)
    after = rebuild(small[1:], metres[:-1], steps, lens)
    before = rebuild(small[:-1], metres[1:], torch.linalg.inv(steps), lens)
    apart = torch.full((count, *small.shape[2:]), 1.0)
    apart[:-1] = (after.pictures - small[:-1]).abs().mean(1) / 2
    apart[1:] = torch.minimum(apart[1:], (before.pictures - small[1:]).abs().mean(1) / 2)
    smooth = F.avg_pool2d(apart[:, None], 5, 1, 2, count_include_pad=False)
    return F.max_pool2d((smooth > MOVES).float(), 5, 1, 2)[:, 0] > 0.5


def lens_for(frame: Pixels, lens: Intrinsics | None) -> Intrinsics:
    """The lens in pixels of the frame: the one given, brought to its size, or the guessed one."""
    height, width = frame.shape[:2]
    if lens is None:
        return lens_of_degrees(GUESSED_DEGREES, width, height)
    if abs(math.log((lens.width / lens.height) / (width / height))) > 0.05:
        raise NotAFrame(
            f"The lens is one of {lens.width} x {lens.height} pixels and the frame is {_size(frame)}: not the same shape."
        )
    return lens.scaled(width, height)


def lens_of_degrees(degrees: float, width: int, height: int) -> Intrinsics:
    """A centred lens that sees so many degrees across the longer side."""
    if not 5.0 <= degrees <= 150.0:
        raise ValueError(f"A lens sees 5 to 150 degrees across the longer side, not {degrees:g}.")
    focal = 0.5 * max(width, height) / math.tan(math.radians(degrees) / 2)
    return Intrinsics(focal, focal, width / 2, height / 2, width, height)


def check_frame(frame: Pixels) -> None:
    """Refuses what is no frame, with a sentence."""
    check_pixels(frame, "The frame")
    if min(frame.shape[:2]) < SMALLEST_SIDE or max(frame.shape[:2]) > LARGEST_SIDE:
        raise NotAFrame(
            f"The frame is {_size(frame)} pixels; each side must be {SMALLEST_SIDE} to {LARGEST_SIDE} pixels."
        )


def check_frames(frames: Sequence[Pixels], frames_per_second: float) -> None:
    """Refuses what is no clip, with a sentence."""
    if not len(frames):
        raise NotAFrame("The clip holds no frame that can be read.")
    if len(frames) > LONGEST:
        raise NotAFrame(f"The clip has {len(frames)} frames; at most {LONGEST} are read at once. Cut it or take fewer.")
    if not (math.isfinite(frames_per_second) and frames_per_second > 0):
        raise NotAFrame(f"A clip has more than 0 frames a second, not {frames_per_second}.")
    for frame in frames:
        check_frame(frame)
        if frame.shape != frames[0].shape:
            raise NotAFrame(f"All frames of a clip are of one size; there are {_size(frames[0])} and {_size(frame)}.")


def _notes_of(frames: Sequence[Pixels], static: Tensor) -> list[str]:
    notes = []
    if len(frames) == 1:
        notes.append("One frame has no neighbour, so there is no path.")
    elif float(static.float().mean()) > 0.9:
        notes.append("The camera stands still.")
    if all(int(frame.max()) - int(frame.min()) < 8 for frame in frames):
        notes.append("The frames show nothing (one plain colour), so the distances mean nothing.")
    return notes


def _enlarge(metres: Tensor, height: int, width: int) -> Tensor:
    """N x H x W at another size, logarithms in between."""
    if tuple(metres.shape[1:]) == (height, width):
        return metres
    return F.interpolate(metres.log()[:, None], (height, width), mode="bilinear", align_corners=False)[:, 0].exp()


def _enlarge_mask(mask: Tensor, height: int, width: int) -> np.ndarray:
    return F.interpolate(mask.float()[:, None], (height, width), mode="nearest")[:, 0].numpy() > 0.5


def _size(frame: np.ndarray) -> str:
    return f"{frame.shape[1]} x {frame.shape[0]}"
