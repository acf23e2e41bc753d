"""Held-out scores of a subject, each beside the do-nothing answer's, with groups and 95 % intervals.

Seeds of 1,000,000,000 and above only measure: nothing is ever decided by what is found here.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

FIRST_SEED = 1_000_000_000
RESAMPLED = 1000
MOST_TURNED_DEGREES = 45
Values = npt.NDArray[np.float64]


class CannotMeasure(ValueError):
    """A measurement that was asked for wrongly; the message says what to change."""


@dataclass(frozen=True)
class Asked:
    """What a person asked to have measured."""

    subject: str
    count: int | None = None
    first_seed: int = FIRST_SEED
    data: Path | None = None
    device: str = "cpu"
    roots: tuple[Path, ...] = ()
    assets: Path = Path("assets")

    def seeds(self, default: int) -> list[int]:
        """The seeds to measure on."""
        return list(range(self.first_seed, self.first_seed + (self.count or default)))


@dataclass(frozen=True)
class Row:
    """One score: a value per item (NaN where an item has none), and the do-nothing answer's."""

    values: Values
    """(items,), or (items, columns) for ``middle`` to reduce."""
    baseline: Values | float | None = None
    better: str = "low"
    middle: str | Callable[[Values], float] = "mean"
    """How items become one number: mean, median, or a function of the items' rows."""
    grouped: bool = True
    """Whether its items are those that the groups tell apart."""

    def score(self, chosen: npt.NDArray[np.bool_] | None = None) -> float | None:
        """The number, over all items or some."""
        values = self.values if chosen is None else np.asarray(self.values[chosen], dtype=np.float64)
        return _middle(values, self.middle)

    def baseline_score(self) -> float | None:
        """The do-nothing answer's number."""
        if self.baseline is None or isinstance(self.baseline, (int, float)):
            return self.baseline
        return _middle(self.baseline, self.middle)


@dataclass(frozen=True)
class Found:
    """What a subject's measurement found."""

    rows: dict[str, Row | None]
    """None: not measured here."""
    groups: dict[str, npt.NDArray[np.bool_]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def measure(asked: Asked) -> dict[str, Any]:
    """The report of a subject, ready for JSON."""
    subjects: dict[str, Callable[[Asked], Found]] = {
        "engine": measure_engine,
        "head": measure_head,
        "face": measure_face,
        "judge": _elsewhere("measure_judge"),
        "expression": _elsewhere("measure_expression"),
        "facefield": _elsewhere("measure_facefield"),
        "textedit": _elsewhere("measure_textedit"),
        "garment": _elsewhere("measure_garment"),
        "depth": _elsewhere("measure_depth"),
    }
    if asked.subject not in subjects:
        raise CannotMeasure(f"There is nothing to measure of {asked.subject!r}; there is {', '.join(subjects)}.")
    if asked.count is not None and asked.count < 1:
        raise CannotMeasure(f"A count of {asked.count} measures nothing.")
    began = time.monotonic()
    found = subjects[asked.subject](asked)
    sizes = [len(row.values) for row in found.rows.values() if row is not None]
    return {
        "subject": asked.subject,
        "device": asked.device,
        "count": max(sizes, default=0),
        "first_seed": asked.first_seed,
        "seconds": round(time.monotonic() - began, 1),
        "scores": {key: None if row is None else row.score() for key, row in found.rows.items()},
        "baselines": {key: None if row is None else row.baseline_score() for key, row in found.rows.items()},
        "interval": {key: list(_interval(row)) for key, row in found.rows.items() if row is not None},
        "groups": {
            group: {key: row.score(chosen) for key, row in found.rows.items() if row is not None and row.grouped}
            for group, chosen in found.groups.items()
            if chosen.any()
        },
        "worst_group": _worst_groups(found),
        "notes": list(found.notes),
    }


def _elsewhere(module: str) -> Callable[[Asked], Found]:
    """The ``measure`` of a module of its own, imported when asked for."""

    def measure_there(asked: Asked) -> Found:
        return importlib.import_module(f"training.{module}").measure(asked)

    return measure_there


def table(report: dict[str, Any]) -> str:
    """The report as a person reads it."""
    lines = [f"{'':28}{'score':>10}{'do nothing':>12}   95 % interval        worst group"]
    for key, score in report["scores"].items():
        if score is None:
            lines.append(f"{key:28}{'not here':>10}")
            continue
        baseline = report["baselines"][key]
        low, high = report["interval"][key]
        beside = f"{baseline:12.4g}" if baseline is not None else f"{'-':>12}"
        worst = report["worst_group"].get(key, "")
        lines.append(f"{key:28}{score:10.4g}{beside}   {low:.4g} - {high:.4g}{'':6}{worst}")
    lines += [f"{report['count']} items from seed {report['first_seed']}, {report['seconds']} s", *report["notes"]]
    return "\n".join(lines)


def face_groups(attributes: npt.NDArray[np.floating], keys: Sequence[str]) -> dict[str, npt.NDArray[np.bool_]]:
    """The groups that every score of faces is told apart by."""
    at = {key: attributes[:, place] for place, key in enumerate(keys)}
    tone, age = at["skin_tone"], at["age"]
    return {
        "light skin": tone < 1 / 3,
        "medium skin": (tone >= 1 / 3) & (tone < 2 / 3),
        "dark skin": tone >= 2 / 3,
        "young": age < 1 / 3,
        "middle-aged": (age >= 1 / 3) & (age < 2 / 3),
        "old": age >= 2 / 3,
        "glasses": at["glasses"] >= 0.2,
        "no glasses": at["glasses"] < 0.2,
        "short hair": at["hair_length"] < 0.5,
        "long hair": at["hair_length"] >= 0.5,
    }


def measure_engine(asked: Asked) -> Found:
    """Whether captions come back as the attributes they were written from; whether both devices draw the same."""
    from core.engine.captions import random_attributes, write_caption
    from core.engine.parser import parse

    kept = []
    for seed in asked.seeds(2000):
        for language in ("en", "zh"):
            caption = write_caption(random_attributes(seed), seed, language)
            said = {key: (round(low, 6), round(high, 6)) for key, (low, high) in caption.says().items()}
            parsed = parse(caption.text)
            understood = {wish.key: (round(wish.low, 6), round(wish.high, 6)) for wish in parsed.wishes}
            kept.append(float(said == understood and not parsed.unknown and not parsed.contradictions))
    return Found(
        {
            "caption_round_trip": Row(np.array(kept), 0.0, better="high"),
            "device_difference": _device_difference(asked),
        }
    )


def _device_difference(asked: Asked) -> Row | None:
    import torch

    if not torch.cuda.is_available():
        return None
    from core.engine.faces import faces

    seeds = asked.seeds(2000)[:16]
    here, there = faces(seeds, "cpu").pixels, faces(seeds, "cuda").pixels.cpu()
    return Row((here - there).abs().mean((1, 2, 3)).double().numpy() * 127.5)


def measure_head(asked: Asked) -> Found:
    """How well the shipped head fits people of its source that it never saw; wants the source with ``data``."""
    if asked.data is None:
        return Found(
            {"fit_error_percent": None}, notes=("fit_error_percent wants --data DIR, the source it was fitted to",)
        )
    from training.recipes import head

    return Found(
        {
            "fit_error_percent": Row(
                np.array([head.measure(asked.data, asked.assets / "engine" / "head.npz")["fit_error_percent"]])
            )
        }
    )


def measure_face(asked: Asked) -> Found:
    """Faces found and landmarks read, on engine faces within 45 degrees, or found only on a folder of real pictures."""
    from core.face.find import Cascade
    from core.face.reader import FaceReader

    reader, cascade = FaceReader.load(asked.roots), Cascade()
    if asked.data is not None:
        pictures = read_folder(asked.data, asked.count)
        found = np.array([float(bool(reader.find(pixels))) for pixels in pictures])
        alone = np.array([float(bool(cascade.find(pixels))) for pixels in pictures])
        return Found({"found": Row(found, alone, better="high"), "landmark_error_percent": None})
    from core.engine.attributes import KEYS
    from core.engine.faces import faces
    from core.image import to_pixels

    rows: list[tuple[float, float, float, float]] = []
    attributes = []
    seeds = asked.seeds(200)
    for start in range(0, len(seeds), 8):
        batch = faces(seeds[start : start + 8], asked.device, 256)
        # Towards the camera: the head's own z against the reverse of the camera's.
        facing = -(batch.pose[:, :3, 2] * batch.camera[:, :3, 2]).sum(1)
        near = (facing >= np.cos(np.radians(MOST_TURNED_DEGREES))).cpu().numpy()
        attributes.append(batch.attributes.cpu().numpy()[near])
        for pixels, points in zip(to_pixels(batch.pixels)[near], batch.landmarks.cpu().numpy()[near], strict=True):
            rows.append(_score_face(reader, cascade, pixels, points))
    found, error, alone, guessed = np.array(rows, dtype=np.float64).T
    return Found(
        {
            "found": Row(found, alone, better="high"),
            "landmark_error_percent": Row(error, guessed, middle="median"),
        },
        face_groups(np.concatenate(attributes), KEYS),
        ("do nothing: the frontal cascade alone; the mean face laid into the true box",),
    )


MEAN_FACE: list[Values] = []


def _score_face(
    reader: Any, cascade: Any, pixels: Any, true: npt.NDArray[np.floating]
) -> tuple[float, float, float, float]:
    """Found, landmark error, found by the cascade, error of a face of average proportions in the true box."""
    from core.face.align import LEFT_EYE, RIGHT_EYE

    low, high = true.min(0), true.max(0)
    centre, extent = (low + high) / 2, float((high - low).max())
    eyes = float(np.linalg.norm(true[LEFT_EYE].mean(0) - true[RIGHT_EYE].mean(0)))

    def near(column: float, row: float) -> bool:
        return float(np.hypot(column - centre[0], row - centre[1])) < extent / 2

    read = [face for face in reader.find(pixels) if near(face.square.column, face.square.row)]
    alone = any(near(one.square.column, one.square.row) for one in cascade.find(pixels))
    error = float(np.linalg.norm(read[0].points - true, axis=1).mean()) / eyes * 100 if read else float("nan")
    guess = centre + extent * _average_face()
    return float(bool(read)), error, float(alone), float(np.linalg.norm(guess - true, axis=1).mean()) / eyes * 100


def _average_face() -> Values:
    """Landmarks of the average of sixteen training faces, centred, in units of the face's extent."""
    if not MEAN_FACE:
        from core.engine.faces import faces

        points = faces(range(16), size=64).landmarks.double().numpy()
        low, high = points.min(1, keepdims=True), points.max(1, keepdims=True)
        MEAN_FACE.append(((points - (low + high) / 2) / (high - low).max(2, keepdims=True)).mean(0))
    return MEAN_FACE[0]


def read_folder(folder: Path, most: int | None) -> list[Any]:
    """Real pictures of a folder or of the tar files in it."""
    import io
    import tarfile

    from core.image import NotAPicture, flatten, read_picture

    endings = (".png", ".jpg", ".jpeg", ".webp")
    pictures = []
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in endings:
            try:
                pictures.append(read_picture(path))
            except NotAPicture:
                continue
        elif path.suffix == ".tar":
            from PIL import Image

            with tarfile.open(path) as archive:
                for member in archive.getmembers():
                    content = archive.extractfile(member) if member.name.lower().endswith(endings) else None
                    if content is not None:
                        opened = Image.open(io.BytesIO(content.read())).convert("RGBA")
                        pictures.append(flatten(np.asarray(opened, dtype=np.uint8)))
    if not pictures:
        raise CannotMeasure(f"{folder} holds no pictures (PNG, JPEG or WebP, or a tar of them).")
    return pictures[:most]


def record(report: dict[str, Any], folder: Path) -> None:
    """The scores into a checkpoint's card, where its page reads them."""
    from core import checkpoints

    card = checkpoints.read_card(folder)
    whole = replace(
        card,
        scores={**card.scores, **report["scores"]},
        baselines={**card.baselines, **report["baselines"]},
        worst_group={**card.worst_group, **report["worst_group"]},
    )
    partial = folder / f".{checkpoints.CARD}.partial"
    partial.write_text(whole.to_json(), encoding="utf-8")
    partial.replace(folder / checkpoints.CARD)


def _middle(values: Values, how: str | Callable[[Values], float]) -> float | None:
    if callable(how):
        score = how(values) if len(values) else float("nan")
        return None if np.isnan(score) else score
    known = values[~np.isnan(values)]
    if not known.size:
        return None
    return float(np.median(known) if how == "median" else known.mean())


def _interval(row: Row) -> tuple[float, float]:
    draw = np.random.default_rng(0)
    if callable(row.middle):
        chosen = draw.integers(0, len(row.values), (RESAMPLED // 5, len(row.values)))
        low, high = np.nanpercentile([row.middle(row.values[at]) for at in chosen], (2.5, 97.5))
        return float(low), float(high)
    known = row.values[~np.isnan(row.values)]
    if not known.size:
        return float("nan"), float("nan")
    picked = known[draw.integers(0, len(known), (RESAMPLED, len(known)))]
    middles = np.median(picked, axis=1) if row.middle == "median" else picked.mean(1)
    low, high = np.percentile(middles, (2.5, 97.5))
    return float(low), float(high)


def _worst_groups(found: Found) -> dict[str, str]:
    worst = {}
    for key, row in found.rows.items():
        if row is None or not row.grouped:
            continue
        scores = {
            group: score
            for group, chosen in found.groups.items()
            if chosen.sum() >= 5 and (score := row.score(chosen)) is not None
        }
        if scores:
            group = (max if row.better == "low" else min)(scores, key=lambda name: scores[name])
            worst[key] = f"{group} {scores[group]:.4g}"
    return worst
