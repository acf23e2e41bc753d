"""What the depth room's recipes share: their settings, the terms of a batch with labels and without, and scores."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from core.depth import losses
from core.depth.config import Config
from core.depth.masks import MaskRule, static_mask
from core.depth.networks import focal_of, to_metres, to_pose
from core.depth.warp import rebuild
from core.depth_files import colour_depth
from core.image import contact_sheet, to_pixels
from training.depth_data import Rows

if TYPE_CHECKING:
    from core.image import Pixels
    from training.spec import RunSpec


@dataclass(frozen=True)
class Settings:
    """What decides how the networks learn; each is an option of the recipe."""

    batch: int = 16
    rate: float = 1e-3
    labelled: float = 1.0
    """Share of each batch whose true distances and poses are used; 0 learns from pictures alone."""
    neighbours: int = 1
    """1: the frame before or after; 2: both, and each pixel is rebuilt from the one that fits better."""
    farthest: int = 2
    """A neighbour is at most this many frames away."""
    log_weight: float = 1.0
    slopes: float = 0.5
    sky: float = 0.05
    distance: float = 0.3
    """Weight of (a)."""
    plain_distance: bool = False
    motion: float = 0.15
    """Weight of the pose against the true one, in pixels."""
    photometric: float = 0.15
    """Weight of (b)."""
    ssim: float = 0.85
    """a in (b)."""
    plain_photometric: bool = False
    mask: str = "vote"
    """Kind of (c): vote, plain or none."""
    smooth: float = 0.01
    """Weight of (d)."""
    halvings: int = 1
    """How often pictures are halved before they are rebuilt."""
    learn_halved: int = 0
    """How often everything is halved while learning: four times the pictures in the same time, to begin with."""
    half_life: float = 4_000.0
    zoom: float = 1.6
    noise: float = 0.05

    def __post_init__(self) -> None:
        if not 0 <= self.labelled <= 1 or self.neighbours not in (1, 2) or self.batch < 1:
            raise ValueError(f"labelled is a share, neighbours 1 or 2, a batch at least 1, unlike {self}.")

    @classmethod
    def tiny(cls) -> Settings:
        """For tests."""
        return cls(batch=2, halvings=0, half_life=100.0)


def show(frames: Tensor, true: Tensor, found: Tensor) -> Pixels:
    """A row of frames, one of true distances, one of those read; both on the frame's own scale."""
    drawn: list[list[Pixels]] = [list(to_pixels(frames)), [], []]
    for one, other in zip(true, found, strict=True):
        known = one[one > 0]
        near, far = (float(known.quantile(share)) for share in (0.01, 0.95)) if len(known) else (1.0, 2.0)
        for row, metres in ((1, one), (2, other)):
            drawn[row].append(colour_depth(metres.numpy(), near, max(far, near * 1.01)))
    return contact_sheet([picture for row in drawn for picture in row], len(frames))


@dataclass(frozen=True)
class Found:
    """What the networks say of a batch."""

    metres: Tensor
    """N x H x W."""
    poses: list[Tensor]
    """For each neighbour, N x 4 x 4 in the frame's coordinates."""


def read_batch(distance: nn.Module, motion: nn.Module, batch: Rows) -> Found:
    """Distances of the frames and the poses of all their neighbours."""
    config = distance.config
    assert isinstance(config, Config)
    device = next(distance.parameters()).device
    seen = batch["seen"].to(device)
    focal = focal_of(batch["calibration"].to(device)) * (config.width / seen.shape[-1])  # smaller, it is the same lens
    told = distance(seen[:, 0])
    moved = [motion(seen[:, 0], seen[:, at]) for at in range(1, seen.shape[1])]
    with torch.autocast(device.type, enabled=False):  # eight bits of a pose would be pixels of error
        return Found(to_metres(told, focal, config), [to_pose(one, focal, config) for one in moved])


def labelled_terms(found: Found, batch: Rows, wanted: Settings) -> dict[str, Tensor]:
    """Terms that want true distances and poses, over the labelled part of a batch."""
    chosen = batch["labelled"]
    if wanted.labelled == 0 or not bool(chosen.any()):
        return {} if wanted.labelled == 0 else {key: found.metres.sum() * 0 for key in LABELLED}
    metres, true, lens = found.metres[chosen], batch["depth"][chosen], batch["calibration"][chosen]
    poses = [(own[chosen], batch["poses"][chosen, at]) for at, own in enumerate(found.poses)]
    # moved by the true pose: the read one's mistakes would be made good by wrong distances
    moved = [losses.distance_error(metres, true, losses.Views(real, lens), wanted.plain_distance) for _, real in poses]
    gone = [losses.motion_error(own, real, true, lens) for own, real in poses]
    return {
        "log": wanted.log_weight * losses.log_error(metres, true),
        "slopes": wanted.slopes * losses.slope_error(metres, true),
        "sky": wanted.sky * losses.sky_error(metres, true),
        "distance": wanted.distance * torch.stack(moved).mean(),
        "motion": wanted.motion * torch.stack(gone).mean(),
    }


LABELLED = ("log", "slopes", "sky", "distance", "motion")


def picture_terms(found: Found, batch: Rows, wanted: Settings) -> dict[str, Tensor]:
    """Terms that pictures alone give: rebuilt from neighbours (b) outside what is static (c), and smooth (d)."""
    frames, times = batch["frames"], 2**wanted.halvings
    count, views = frames.shape[:2]
    small = losses.shrink(frames.flatten(0, 1), wanted.halvings).unflatten(0, (count, views))
    metres = losses.shrink(found.metres[:, None], wanted.halvings)[:, 0] if wanted.halvings else found.metres
    terms: dict[str, Tensor] = {}
    if wanted.photometric:
        rule = replace(MaskRule(), kind=wanted.mask)
        static = static_mask(small[:, 0], small[:, 1:], rule)
        lens = batch["calibration"].clone()
        lens[:, :2] /= times
        error = rebuild_error(small, metres, found.poses, lens, ~static, wanted)
        terms["photometric"] = wanted.photometric * error
    if wanted.smooth:
        terms["smooth"] = wanted.smooth * losses.roughness(metres, small[:, 0])
    return terms


def rebuild_error(
    frames: Tensor, metres: Tensor, poses: list[Tensor], lens: Tensor, wanted_pixels: Tensor, wanted: Settings
) -> Tensor:
    """(b) over the wanted pixels, each rebuilt from the neighbour that fits it best (Godard 2019, eq. 4).

    Pictures of which hardly anything is wanted are not rebuilt at all: that is the time the static mask saves.
    """
    worth = wanted_pixels.float().mean((1, 2)) > 0.01
    if not bool(worth.any()):
        return metres.sum() * 0
    frames, metres, lens, mask = frames[worth], metres[worth], lens[worth], wanted_pixels[worth]
    errors = []
    for at, pose in enumerate(poses):
        rebuilt = rebuild(frames[:, at + 1], metres, pose[worth], lens)
        error = losses.photometric_error(rebuilt.pictures, frames[:, 0], wanted.ssim, wanted.plain_photometric)
        errors.append(torch.where(rebuilt.seen, error, torch.full_like(error, 1.0)))
    best = torch.stack(errors).amin(0)
    return losses.mean_over(best.clamp_max(1.0), mask & (best < 1.0)) * worth.float().mean()


def score(metres: Tensor, poses: Tensor, whole: Rows) -> dict[str, float]:
    """Distance and turn against truth; ``validation`` is their sum with the turn at a fifth."""
    known = whole["depth"] > 0
    true = whole["depth"].clamp_min(1e-3)
    share = metres / true
    relative = torch.stack([(one[there] - 1).abs().mean() for one, there in zip(share, known, strict=True)])
    inside = torch.maximum(share, 1 / share) < 1.25
    delta = torch.stack([one[there].float().mean() for one, there in zip(inside, known, strict=True)])
    real = whole["poses"][:, 0]
    own, nothing = turn_degrees(poses, real), turn_degrees(torch.eye(4).expand_as(real), real)
    turn = float(own.sum() / nothing.sum().clamp_min(1e-6))
    gone = (poses[:, :3, 3] - real[:, :3, 3]).norm(dim=1).sum() / real[:, :3, 3].norm(dim=1).sum().clamp_min(1e-6)
    relative_mean = float(relative.nanmean())
    return {
        "validation": relative_mean + 0.2 * turn,
        "abs_rel": relative_mean,
        "delta1": float(delta.nanmean()),
        "rotation_share": turn,
        "way_share": float(gone),
    }


def turn_degrees(own: Tensor, other: Tensor) -> Tensor:
    """Angles (N) between the turns of poses."""
    apart = own[:, :3, :3].transpose(1, 2).double() @ other[:, :3, :3].double()
    sine = (apart - apart.transpose(1, 2)).square().sum((1, 2)).sqrt() / 8**0.5
    cosine = (apart.diagonal(dim1=1, dim2=2).sum(1) - 1) / 2
    return torch.atan2(sine, cosine).rad2deg().float()


def time_saved_percent(frames: Tensor, metres: Tensor, poses: list[Tensor], lens: Tensor, wanted: Settings) -> float:
    """How much less processor time (b) takes with the static mask than without, on the same samples, the finding of the
    mask left out: it depends on the frames alone and can be kept."""
    count, views = frames.shape[:2]
    small = losses.shrink(frames.flatten(0, 1), wanted.halvings).unflatten(0, (count, views))
    less = losses.shrink(metres[:, None], wanted.halvings)[:, 0]
    own = lens.clone()
    own[:, :2] /= 2**wanted.halvings
    changing = ~static_mask(small[:, 0], small[:, 1:], replace(MaskRule(), kind=wanted.mask))

    def seconds(mask: Tensor) -> float:
        return _seconds(lambda: rebuild_error(small, less, poses, own, mask, wanted))

    whole = seconds(torch.ones_like(changing))
    return 100.0 * (1 - seconds(changing) / max(whole, 1e-9))


def _seconds(work: Callable[[], object]) -> float:
    """The least processor time of three calls."""
    taken = []
    for _ in range(3):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return min(taken)


def read_config(request: RunSpec) -> Config:
    """The shape a request asks for: a preset, or a config given whole."""
    given = request.options.get("config")
    preset = {"tiny": Config.tiny, "small": Config.small}.get(request.preset, Config)
    return Config(**given) if given is not None else preset()


def read_settings(request: RunSpec) -> Settings:
    """The preset's settings with the options on top."""
    base = Settings.tiny() if request.preset == "tiny" else Settings()
    known = {entry.name: type(getattr(base, entry.name)) for entry in fields(Settings)}
    given = {key: known[key](value) for key, value in request.options.items() if key in known}
    return replace(base, **given)
