"""Held-out scores of the depth room on drawn clips: distances at true scale, the camera's turns and way, steadiness, masks."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from core.camera import Intrinsics
from core.checkpoints import Found as Shelved
from core.checkpoints import read_card
from core.depth.clip import DepthClip, no_parallax
from core.depth.predict import Predictor, find_static
from core.depth.trajectory import path_error_percent, steps_of
from core.engine.scenes import Clip, SceneChoices, frame_count, scene
from core.image import Pixels, resize, to_pixels, to_tensor, write_picture
from training.depth_terms import turn_degrees
from training.measure import Asked, Found, Row, Values

COUNT, FRAMES, RATE = 32, 16, 8
SIZE = (256, 320)
STILL_PIXELS = 0.25
"""Flow to all neighbours under which a pixel is truly static."""
TUNED_MOST = 4
"""Up to this many clips, asked for by count, there is time to tune on."""
TUNE_STEPS = 120
TUNED_LENS_DEGREES = 40.0
"""A longer lens than any that was trained on: the frames' middle, enlarged."""
Metres = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Read:
    """A true clip and what was read of it."""

    true: Clip
    found: DepthClip
    alone: Metres
    """Each frame by itself, unsteadied."""

    @property
    def metres(self) -> Metres:
        """True distances."""
        return self.true.depth.numpy()


def measure(asked: Asked) -> Found:
    """Every row on clips of two seconds, 8 frames a second, the lens known."""
    predictor = Predictor.load(asked.roots)
    reads = [read_true(predictor, draw_true(seed)) for seed in asked.seeds(COUNT)]
    truths = [read.metres for read in reads]
    rows_map = best_rows([truth[::4] for truth in truths])
    constant = np.array([relative_error(np.broadcast_to(rows_map[:, None], SIZE), truth) for truth in truths])
    own = np.array([relative_error(read.found.metres, read.metres) for read in reads])
    alone = np.array([relative_error(read.alone, read.metres) for read in reads])
    within = np.array([close_share(read.found.metres, read.metres) for read in reads])
    flat = np.array([close_share(np.broadcast_to(rows_map[:, None], SIZE), truth) for truth in truths])
    rows: dict[str, Row | None] = {
        "abs_rel": Row(own, constant),
        "delta1": Row(within, flat, better="high"),
        "depth_share": Row(np.stack((own, constant), 1), 1.0, middle=_ratio),
        "frame_abs_rel": Row(alone, constant),
        **_motion_rows(reads),
        "flicker_percent": Row(
            np.array([flicker(read.found.metres, read.true) for read in reads]),
            np.array([flicker(np.ones_like(read.metres), read.true) for read in reads]),
        ),
        "static_f1": _static_row(reads),
    }
    notes = [
        "do nothing: the one map, constant along each row, that fits all these clips best; a camera that never moves; "
        "everything called static",
        f"{FRAMES} frames a clip at {RATE} a second, {SIZE[1]} x {SIZE[0]}; read at "
        f"{predictor.config.width} x {predictor.config.height} and enlarged; frame_abs_rel: each frame by itself",
    ]
    rows["tuning_gain_percent"], note = _tuning_row(asked, predictor)
    return Found(rows, _groups(reads), (*notes, note))


def draw_true(seed: int, count: int = FRAMES) -> Clip:
    """Frames from the middle of a seed's clip."""
    choices = SceneChoices(frames_per_second=RATE)
    length = max(frame_count(seed, choices), count)
    first = (length - count) // 2
    return scene(seed, SIZE, replace(choices, frame_count=length, frames=(first, first + count)))


def lens_of_clip(clip: Clip) -> Intrinsics:
    """The clip's own lens."""
    matrix, (height, width) = clip.calibration, clip.depth.shape[1:]
    focal_x, focal_y, centre_x, centre_y = (float(matrix[at]) for at in ((0, 0), (1, 1), (0, 2), (1, 2)))
    return Intrinsics(focal_x, focal_y, centre_x, centre_y, width, height)


def read_true(predictor: Predictor, clip: Clip) -> Read:
    """A true clip read as the product reads it, at the truth's size."""
    frames, lens = list(to_pixels(clip.frames)), lens_of_clip(clip)
    found = predictor.read_clip(frames, RATE, lens)
    alone = np.stack([predictor.depth(frame, lens) for frame in frames])
    if found.metres.shape != tuple(clip.depth.shape):
        found = replace(found, metres=_at_size(found.metres, tuple(clip.depth.shape[1:])))
    return Read(clip, found, alone)


def _at_size(metres: Metres, size: tuple[int, ...]) -> Metres:
    logs = torch.from_numpy(metres).log()[:, None]
    return torch.nn.functional.interpolate(logs, size, mode="bilinear", align_corners=False)[:, 0].exp().numpy()


def relative_error(found: npt.NDArray[np.floating], true: npt.NDArray[np.floating]) -> float:
    """Mean of |found / true - 1| where there is a true distance."""
    known = true > 0
    if not known.any():
        return float("nan")
    return float((np.abs(found - true) / np.where(known, true, 1))[known].mean())


def close_share(found: npt.NDArray[np.floating], true: npt.NDArray[np.floating]) -> float:
    """Share of pixels within a factor of 1.25."""
    known = true > 0
    if not known.any():
        return float("nan")
    share = np.where(known, found / np.where(known, true, 1), 1)
    return float((np.maximum(share, 1 / np.maximum(share, 1e-9)) < 1.25)[known].mean())


def best_rows(truths: list[Metres]) -> npt.NDArray[np.float32]:
    """One distance a row with the least mean relative error over all clips: the median weighted by 1 / distance."""
    whole = np.concatenate(truths)
    best = np.ones(whole.shape[1], np.float32)
    for row in range(whole.shape[1]):
        known = np.sort(whole[:, row][whole[:, row] > 0])
        if known.size:
            weight = np.cumsum(1 / known.astype(np.float64))
            best[row] = known[int(np.searchsorted(weight, weight[-1] / 2))]
    return best


def _ratio(values: Values) -> float:
    """Mean of the first column over that of the second; not a number where there is nothing to compare with."""
    below = float(np.nanmean(values[:, 1]))
    return float(np.nanmean(values[:, 0])) / below if below > 1e-3 else float("nan")


def _motion_rows(reads: list[Read]) -> dict[str, Row]:
    turns, paths, nothing = [], [], []
    for read in reads:
        true, own = steps_of(read.true.poses), steps_of(torch.from_numpy(read.found.poses))
        still = torch.eye(4).expand_as(true)
        turns.append((float(turn_degrees(own, true).mean()), float(turn_degrees(still, true).mean())))
        path = read.true.poses.numpy()
        moved = read.true.camera_kind != "surveillance"
        paths.append(path_error_percent(read.found.poses, path) if moved else float("nan"))
        nothing.append(path_error_percent(np.tile(np.eye(4), (len(path), 1, 1)), path) if moved else float("nan"))
    return {
        "rotation_share": Row(np.array(turns), 1.0, middle=_ratio),
        "path_error_percent": Row(np.array(paths), np.array(nothing)),
    }


def flicker(found: Metres, clip: Clip) -> float:
    """Median change, in percent, of distances at true-static points from frame to frame, less their true change."""
    changes = []
    for at in range(len(clip.flow)):
        flow, true = clip.flow[at].numpy(), clip.depth.numpy()
        height, width = true.shape[1:]
        rows, columns = np.nonzero(clip.flow_valid[at].numpy() & ~clip.moving[at].numpy() & (true[at] > 0))
        to_column = np.rint(columns + flow[rows, columns, 0]).astype(int)
        to_row = np.rint(rows + flow[rows, columns, 1]).astype(int)
        inside = (to_column >= 0) & (to_row >= 0) & (to_column < width) & (to_row < height)
        rows, columns, to_row, to_column = (one[inside] for one in (rows, columns, to_row, to_column))
        after, before = true[at + 1, to_row, to_column], true[at, rows, columns]
        seen = (after > 0) & (np.abs(after / before - 1) < 0.2)
        share = found[at + 1, to_row, to_column] / found[at, rows, columns] * before / np.where(seen, after, 1)
        changes.append(np.abs(share - 1)[seen])
    whole = np.concatenate(changes) if changes else np.zeros(0)
    return float(np.median(whole)) * 100 if whole.size else float("nan")


def true_static(clip: Clip) -> npt.NDArray[np.bool_]:
    """(T, H, W): flow to the frames before and after is under a quarter of a pixel, and the same point is seen there."""
    small = ((clip.flow.norm(dim=3) < STILL_PIXELS) & clip.flow_valid).numpy()
    static = np.ones(tuple(clip.depth.shape), bool)
    static[:-1] &= small
    static[1:] &= small  # within a quarter of a pixel the point has the same pixel in the frame before
    return static


def _static_row(reads: list[Read]) -> Row:
    counts, nothing = [], []
    for read in reads:
        true, own = true_static(read.true), read.found.static
        if own.shape != true.shape:
            own = np.stack([resize(one.astype(np.uint8), *true.shape[:0:-1]) > 0 for one in own])
        counts.append(((own & true).sum(), (own & ~true).sum(), (~own & true).sum()))
        nothing.append((true.sum(), (~true).sum(), 0))
    return Row(np.array(counts, dtype=np.float64), f1(np.array(nothing, dtype=np.float64)), better="high", middle=f1)


def f1(counts: Values) -> float:
    """Harmonic mean of precision and recall of (right, wrong, missed) counts."""
    right, wrong, missed = counts.sum(0)
    return float(2 * right / max(2 * right + wrong + missed, 1.0))


def tune_static(clips: list[Clip], size: tuple[int, int]) -> list[tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]]:
    """For choosing the rule's numbers on validation seeds: what is found and what is true, at the networks' size."""
    found = []
    for clip in clips:
        small = to_tensor(np.stack([resize(frame, size[1], size[0]) for frame in to_pixels(clip.frames)]))
        found.append((find_static(small).numpy(), true_static(clip)))
    return found


def _tuning_row(asked: Asked, predictor: Predictor) -> tuple[Row | None, str]:
    if asked.count is None or asked.count > TUNED_MOST:
        return None, f"tuning_gain_percent takes minutes a clip: ask for it with --count 1 to {TUNED_MOST}"
    gains = [gain for seed in asked.seeds(COUNT) if (gain := tuning_gain(predictor, seed)) is not None]
    row = Row(np.array(gains), 0.0, better="high", grouped=False) if gains else None
    return (
        row,
        f"tuning_gain_percent: {len(gains)} of {asked.count} clips show parallax; a lens longer than any learned",
    )


def tuning_gain(predictor: Predictor, seed: int, steps: int = TUNE_STEPS) -> float | None:
    """By how much learning on without labels from a clip of an unusual lens lowers its AbsRel; None: no parallax."""
    from training.depth_tuning import TuneRecipe
    from training.run import RunFolder
    from training.spec import RunSpec, write_request
    from training.trainer import Trainer

    clip = draw_true(seed, 24)
    frames, truth, degrees = long_lens(clip)
    lens = replace(lens_of_clip(clip), centre_x=SIZE[1] / 2, centre_y=SIZE[0] / 2)
    zoom = lens.width / 2 / np.tan(np.radians(degrees / 2)) / lens.focal_x
    lens = replace(lens, focal_x=lens.focal_x * zoom, focal_y=lens.focal_y * zoom)
    before = predictor.read_clip(frames, RATE, lens)
    if no_parallax(before) is not None:
        return None
    start = predictor.cards["network"].folder
    with tempfile.TemporaryDirectory() as folder:
        pictures = Path(folder) / "pictures"
        pictures.mkdir()
        for at, frame in enumerate(frames):
            write_picture(pictures / f"{at:04d}.png", frame)
        options = {"lens": float(degrees), "config": dict(read_card(start).config)}
        request = RunSpec(
            "depth", "tune", preset="small", steps=steps, data=str(pictures), start_from=str(start), options=options
        )
        write_request(Path(folder) / "run", request)
        trainer = Trainer(TuneRecipe(request), RunFolder(Path(folder) / "run"), torch.device("cpu"))
        trainer.start_from(Shelved(start, read_card(start), start))
        trainer.run()
        result = trainer.folder.result
        after = Predictor.of(Shelved(result, read_card(result), result)).read_clip(frames, RATE, lens)
    old, new = (relative_error(_at_size(one.metres, SIZE), truth) for one in (before, after))
    return (old - new) / old * 100


def long_lens(clip: Clip) -> tuple[list[Pixels], Metres, float]:
    """The middle of each frame enlarged, its true distances, and the degrees that it shows across."""
    focal = float(clip.calibration[0, 0])
    share = min(1.0, 2 * focal * np.tan(np.radians(TUNED_LENS_DEGREES / 2)) / SIZE[1])
    high, wide = round(SIZE[0] * share), round(SIZE[1] * share)
    top, left = (SIZE[0] - high) // 2, (SIZE[1] - wide) // 2
    window = slice(top, top + high), slice(left, left + wide)
    frames = [resize(frame[window], SIZE[1], SIZE[0]) for frame in to_pixels(clip.frames)]
    cut = clip.depth[:, window[0], window[1]][:, None]
    truth = torch.nn.functional.interpolate(cut, SIZE, mode="nearest")[:, 0].numpy()
    return frames, truth, float(np.degrees(2 * np.arctan(wide / 2 / focal)))


def _groups(reads: list[Read]) -> dict[str, npt.NDArray[np.bool_]]:
    kinds = [read.true.kind for read in reads]
    cameras = [read.true.camera_kind for read in reads]
    named = {f"place {kind}": [one == kind for one in kinds] for kind in sorted(set(kinds))}
    named |= {f"camera {kind}": [one == kind for one in cameras] for kind in sorted(set(cameras))}
    return {name: np.array(chosen) for name, chosen in named.items()}
