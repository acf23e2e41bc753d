"""What the depth page does: a clip or a picture is read, lengths in it are measured, and one known length scales it all."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.depth.clip import DepthClip, describe, measure, no_parallax, rescale
from core.depth.predict import GUESSED_DEGREES, Predictor, lens_of_degrees
from pages.depth.footage import Footage, read_footage, read_still
from pages.depth.kept import read_reading, write_reading
from pages.depth.pack import write_pack
from studio.jobs import Job, Progress
from studio.media import Medium
from studio.services import Services
from training.spec import BadRequest

ROOM = "depth"
READ, SCALED = "depth read", "depth scale"
KINDS = (READ, SCALED)
"""Kinds of jobs whose result is a reading."""
MOST_FRAMES = 160
"""Frames that the page reads of a clip."""
SLOWEST, FASTEST = 1.0, 30.0
"""Frames a second that are taken."""
DECODED, UNDERSTOOD = 0.15, 0.85
"""Shares of the work after the clip is opened, and after it is read."""


@dataclass(frozen=True)
class Asked:
    """How a clip is to be read."""

    degrees: float | None = None
    """What the lens sees across the longer side; None: nobody knows, and 60 are taken."""
    rate: float = 8.0
    """Frames a second."""

    def __post_init__(self) -> None:
        if not SLOWEST <= self.rate <= FASTEST:
            raise BadRequest(f"{SLOWEST:g} to {FASTEST:g} frames a second are taken, not {self.rate:g}.")
        if self.degrees is not None:
            try:
                lens_of_degrees(self.degrees, 4, 3)
            except ValueError as error:
                raise BadRequest(
                    f"{error} Give 0 where you do not know; {GUESSED_DEGREES:.0f} are taken then."
                ) from error


@dataclass(frozen=True)
class Points:
    """Two places in a frame, in its pixels from the left and upper edge."""

    frame: int
    first: tuple[float, float]
    second: tuple[float, float]

    @classmethod
    def read(cls, text: str) -> Points:
        """Five numbers: the frame, then column and row of each place."""
        try:
            frame, *places = (float(one) for one in text.replace(",", " ").split())
            first_x, first_y, second_x, second_y = places
        except ValueError as error:
            raise BadRequest(
                "Press two places in the pictures first. (For programs: frame, column, row, column, row; "
                f"not {text[:60]!r}.)"
            ) from error
        return cls(int(frame), (first_x, first_y), (second_x, second_y))


def open_predictor(services: Services, profile: str) -> Predictor:
    """The networks in service for this person, or a sentence that says how to train them."""
    roots = services.people.weight_roots(profile)
    return services.models.get(ROOM, "network", roots, lambda _: Predictor.load(roots))


def on_clip(services: Services, profile: str, file: str | None, asked: Asked) -> str:
    """Read a clip, as a job. Returns its number."""
    if not file:
        raise BadRequest("Give a clip first: upload one, record one, or press an example.")
    given = _keep(services, profile, Path(file))
    if not given.type.startswith("video/"):
        raise BadRequest("This is not a clip; for one picture use the field for pictures.")
    return _start(services, profile, given, asked)


def on_picture(services: Services, profile: str, file: str | None, asked: Asked) -> str:
    """Read a single picture, as a job. Returns its number."""
    if not file:
        raise BadRequest("Give a picture first, or press an example.")
    given = _keep(services, profile, Path(file))
    if not given.type.startswith("image/"):
        raise BadRequest("This is not a picture; for a clip use the field for clips.")
    return _start(services, profile, given, asked)


def _keep(services: Services, profile: str, path: Path) -> Medium:
    open_predictor(services, profile)
    if not path.is_file():
        raise BadRequest(f"There is no file {path.name} any more; give it again.")
    return services.media.keep_upload(profile, ROOM, path)


def _start(services: Services, profile: str, given: Medium, asked: Asked) -> str:
    request = {"medium": given.id, "degrees": asked.degrees, "rate": asked.rate}

    def work(progress: Progress) -> dict[str, Any]:
        return _read(services, profile, given, asked, progress)

    return services.jobs.start(profile, READ, request, work).id


def _read(services: Services, profile: str, given: Medium, asked: Asked, progress: Progress) -> dict[str, Any]:
    still = given.type.startswith("image/")
    footage = _open(given, asked, progress)
    height, width = footage.frames[0].shape[:2]
    lens = None if asked.degrees is None else lens_of_degrees(asked.degrees, width, height)
    predictor = open_predictor(services, profile)

    def tell(share: float) -> None:
        progress.say(DECODED + (UNDERSTOOD - DECODED) * share)

    clip = predictor.read_clip(footage.frames, footage.frames_per_second, lens, tell)
    clip = replace(clip, notes=(*clip.notes, *footage.notes))
    progress.say(UNDERSTOOD)
    facts = {
        "given": given.id, "still": still, "degrees": asked.degrees, "scale": 1.0, "original": "",
        "weights": predictor.cards["network"].card.version,
    }  # fmt: skip
    return keep_reading(services, profile, clip, given, facts)


def _open(given: Medium, asked: Asked, progress: Progress) -> Footage:
    if given.type.startswith("image/"):
        return read_still(given.path)
    seconds = float(given.facts.get("seconds") or 0.0)
    return read_footage(given.path, asked.rate, MOST_FRAMES, seconds, lambda share: progress.say(DECODED * share))


def keep_reading(
    services: Services, profile: str, clip: DepthClip, given: Medium, facts: dict[str, Any]
) -> dict[str, Any]:
    """A reading kept for later clicks and for the viewer; what a job says of it."""
    settings = {"system": ROOM, **facts}
    with tempfile.TemporaryDirectory() as folder:
        reading, pack = Path(folder) / "reading.npz", Path(folder) / "pack.bin"
        write_reading(clip, reading)
        write_pack(clip, pack)
        kept = [services.media.keep_file(profile, ROOM, path, settings, [given]) for path in (reading, pack)]
    return {
        **facts,
        "reading": kept[0].id,
        "pack": kept[1].id,
        "facts": describe(clip),
        "tuning": no_parallax(clip) or "",
    }


def find_reading(services: Services, profile: str, number: str) -> Job:
    """A job of this profile that ended in a reading."""
    if not number:
        raise BadRequest("Nothing is read yet: give a clip or a picture first.")
    found = services.jobs.get(number, profile)
    if found.kind not in KINDS or found.state != "done":
        raise BadRequest("The clip is not read yet; wait until it is, or read it again.")
    return found


def open_reading(services: Services, profile: str, found: Job, pictures: bool = True) -> DepthClip:
    """What a job read."""
    return read_reading(services.media.get(profile, found.result["reading"]).path, pictures)


def on_measure(services: Services, profile: str, number: str, points: str) -> float:
    """Metres between two places of a frame."""
    found, asked = find_reading(services, profile, number), Points.read(points)
    try:
        return measure(open_reading(services, profile, found, pictures=False), asked.frame, asked.first, asked.second)
    except ValueError as error:
        raise BadRequest(str(error)) from error


def on_scale(services: Services, profile: str, number: str, points: str, known_metres: float | None) -> str:
    """Everything rescaled so that a length is the known one, as a job. Returns its number."""
    asked = Points.read(points)
    if not known_metres:
        raise BadRequest(
            "Say how many metres lie between the two places, for example 0.297 for the long side of A4 paper."
        )
    read = on_measure(services, profile, number, points)
    found = find_reading(services, profile, number)
    given = services.media.get(profile, found.result["given"])
    _scale(open_reading(services, profile, found, pictures=False), known_metres, asked)  # refused before it is queued

    def work(progress: Progress) -> dict[str, Any]:
        progress.say(0.1)
        clip = _scale(open_reading(services, profile, found), known_metres, asked)
        progress.say(0.5)
        told = {key: found.result[key] for key in ("given", "still", "degrees", "weights")}
        scale = float(found.result["scale"]) * known_metres / read
        facts = {**told, "scale": scale, "original": found.result["original"] or found.id}
        return keep_reading(services, profile, clip, given, facts)

    request = {"reading": number, "points": points, "metres": known_metres}
    return services.jobs.start(profile, SCALED, request, work).id


def _scale(clip: DepthClip, known_metres: float, asked: Points) -> DepthClip:
    try:
        return rescale(clip, known_metres, asked.first, asked.second, asked.frame)
    except ValueError as error:
        raise BadRequest(str(error)) from error


def on_original(services: Services, profile: str, number: str) -> str:
    """The number of the reading as it was before any known length."""
    found = find_reading(services, profile, number)
    return str(found.result["original"] or found.id)


def on_result(services: Services, profile: str, number: str) -> dict[str, Any]:
    """How far a job of this page is, and what came of it."""
    found = services.jobs.get(number, profile)
    return {"state": found.state, "share": found.share, "message": found.message, "result": found.result}


def newest_reading(services: Services, profile: str) -> str:
    """The number of the newest reading that is still there or at work; empty where there is none."""
    for found in services.jobs.of(profile, limit=10):
        if found.kind not in KINDS:
            continue
        if not found.ended:
            return found.id
        if found.state == "done" and _is_there(services, profile, found):
            return found.id
    return ""


def _is_there(services: Services, profile: str, found: Job) -> bool:
    try:
        return all(
            services.media.get(profile, found.result[key]).path.is_file() for key in ("reading", "pack", "given")
        )
    except LookupError:
        return False
