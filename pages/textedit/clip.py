"""What the textedit door does with a clip: the face followed, one edit over every frame, the clip's own sound kept.

The clip is read twice: first to see where the face is, so that squares can be steadied over time, then to edit.
"""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import file_digest
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from core.face import align
from core.face.align import Square
from core.face.reader import Face
from core.image import NotAPicture, Pixels
from core.textedit.film import Edit, edit_frames
from core.textedit.predict import Predictor
from core.textedit.words import Understood
from pages.textedit.handlers import ROOM, Wanted, language_of, open_predictor, read_request, say_of
from studio.clips import Sounding, SoundLost, frames, lay_sound, write_clip
from studio.services import Services
from studio.uploads import UploadRefused, inspect
from training.spec import BadRequest

HELD_SECONDS = 0.4
"""A face lost for less is where it lies between before and after."""
JUMP = 0.5
"""A square that moves or grows by more than this share of its side from one frame to the next is on another face."""
STEADY = np.array([1, 4, 6, 4, 1]) / 16
"""Weights of a square's neighbours in time: landmarks tremble, and an edit that trembles is seen at once."""
FOLLOWING = 0.1
"""Share of the work that following the face is."""
SLOWEST, FASTEST = 1.0, 120.0
"""Frames a second of what is written."""
Tell = Callable[[float], None]
"""Told how far the work is, 0 to 1."""


@dataclass(frozen=True)
class Filming:
    """What is wanted of a clip."""

    file: Path
    wanted: Wanted
    whole: bool = False
    """The face laid back into every frame, in place of the framed portrait."""


@dataclass(frozen=True)
class Followed:
    """Where a face is in a clip."""

    seconds: tuple[float, ...]
    squares: tuple[Square | None, ...]
    """None in frames that stay as they are."""
    held: int = 0
    """Frames in which it was lost for a moment."""

    @property
    def left(self) -> int:
        """Frames that stay as they are."""
        return sum(square is None for square in self.squares)


@dataclass(frozen=True)
class Filmed:
    """What came of a clip."""

    understood: Understood
    says: str
    """What the captioner says of the first edited frame; empty without its weights."""
    settings: dict[str, Any]
    parents: tuple[str, ...]
    followed: Followed
    sound: str = ""
    """Why there is no sound; empty where it is there."""

    @property
    def notes(self) -> list[str]:
        """Sentences about what did not go as one may think."""
        count, held, left = len(self.followed.squares), self.followed.held, self.followed.left
        said = [
            f"In {held} of {count} frames the face was lost for a moment and is edited where it must be." * bool(held),
            f"{left} of {count} frames show no face and stay as they are." * bool(left),
            self.sound,
        ]
        return [sentence for sentence in said if sentence]


def is_clip(services: Services, file: Path) -> bool:
    """Whether a file within the limits is a clip."""
    if not file.is_file():
        raise BadRequest(f"There is no file {file}.")
    return str(inspect(file, services.settings.limits)["type"]).startswith("video/")


def on_edit_clip(
    services: Services, profile: str, filming: Filming, output: Path, report: Tell = lambda _: None
) -> Filmed:
    """A clip's face changed by a text in every frame, as an MP4 with the clip's sound; whole or not at all."""
    wanted, file = filming.wanted, filming.file
    understood = read_request(wanted.text)
    predictor = open_predictor(services, profile, "inverter", "editor")
    limit = services.settings.limits
    seconds = float(inspect(file, limit).get("seconds", 0.0)) or limit.clip_seconds
    given = _watch(frames(file), file.name, limit.clip_seconds, lambda at: report(FOLLOWING * min(at / seconds, 1.0)))
    followed = follow_clip(predictor, given, file.name)
    rate, repeats = pace(followed.seconds)
    settings = {"system": ROOM, "text": understood.text, "strength": wanted.strength, "mine": wanted.mine,
                "whole": filming.whole, "frames": len(repeats), "held": followed.held, "left": followed.left}  # fmt: skip
    with file.open("rb") as opened:
        parents = (file_digest(opened, "sha256").hexdigest(),)
    said: list[str] = []

    def pictures() -> Iterator[Pixels]:
        for at, (pixels, portrait) in enumerate(_edit(predictor, followed, filming, understood.text)):
            if portrait is not None and not said:
                said.append(say_of(predictor, portrait, language_of(wanted.text)))
            report(FOLLOWING + (1 - FOLLOWING) * (at + 1) / len(repeats))
            yield from [pixels] * repeats[at]

    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".likeness-", dir=output.parent) as folder:
        made, silent = Path(folder) / "made.mp4", Path(folder) / "silent.mp4"
        write_clip(silent, pictures(), rate, settings, parents, services.settings.mark)
        sound = ""
        try:
            if not lay_sound(silent, Sounding(file, followed.seconds[0]), made):
                made, sound = silent, f"{file.name} has no sound."
        except SoundLost as error:
            made, sound = silent, f"{error} The clip is written without."
        made.replace(output)
    return Filmed(understood, said[0] if said else "", settings, parents, followed, sound)


def _watch(given: Iterator[tuple[float, Pixels]], name: str, most: float, tell: Tell) -> Iterator[tuple[float, Pixels]]:
    """Frames as they are, while they keep to the time that the file promised."""
    begins: float | None = None
    for at, frame in given:
        begins = at if begins is None else begins
        if at - begins > most + 1:
            raise UploadRefused(f"{name} runs longer than the {most:.0f} s that are taken. Cut it first.")
        tell(at - begins)
        yield at, frame


def follow_clip(predictor: Predictor, given: Iterable[tuple[float, Pixels]], name: str) -> Followed:
    """The face of a clip, frame by frame; a sentence where there is none at all."""
    face: Face | None = None
    seconds: list[float] = []
    found: list[Square | None] = []
    for at, frame in given:
        face = predictor.follow(frame, face)
        seconds.append(at)
        found.append(None if face is None else align.portrait_square(face.points))
    if not seconds:
        raise UploadRefused(f"{name} holds no frame that can be read.")
    if not any(found):
        raise NotAPicture(
            f"{name}: No face was found in any frame. Use a clip in which a face is seen from the front or half from the side, "
            "in light."
        )
    squares = bridge(seconds, found)
    held = sum(one is None for one in found) - sum(one is None for one in squares)
    for run in stretches(squares):
        squares[run.start : run.stop] = steady([one for one in squares[run.start : run.stop] if one is not None])
    return Followed(tuple(seconds), tuple(squares), held)


def apart(one: Square, other: Square) -> bool:
    """Whether two squares, in frames that follow each other, are on different faces."""
    gone = max(abs(one.column - other.column), abs(one.row - other.row), abs(one.side - other.side))
    return gone > JUMP * min(one.side, other.side)


def bridge(seconds: list[float], found: list[Square | None]) -> list[Square | None]:
    """Squares with short gaps closed."""
    squares = list(found)
    known = [(at, one) for at, one in enumerate(found) if one is not None]
    for (first, before), (last, after) in pairwise(known):
        if seconds[last] - seconds[first] > HELD_SECONDS or apart(before, after):
            continue
        low, high = _numbers(before), _numbers(after)
        for at in range(first + 1, last):
            squares[at] = Square(*(low + (high - low) * ((at - first) / (last - first))).tolist())
    return squares


def stretches(squares: Sequence[Square | None]) -> list[range]:
    """Runs of frames in which one face is followed."""
    runs: list[range] = []
    before: Square | None = None
    for at, square in enumerate(squares):
        if square is not None:
            goes_on = before is not None and not apart(before, square)
            runs[-1:] = [range(runs[-1].start, at + 1)] if goes_on else [*runs[-1:], range(at, at + 1)]
        before = square
    return runs


def steady(squares: list[Square]) -> list[Square]:
    """The squares of one stretch without their trembling."""
    if len(squares) < 2:
        return squares
    values = np.stack([_numbers(one) for one in squares])
    values[:, 3] = np.unwrap(values[:, 3], period=360)
    reach = len(STEADY) // 2
    padded = np.pad(values, ((reach, reach), (0, 0)), mode="reflect", reflect_type="odd")
    even = np.stack([weight * padded[at : at + len(values)] for at, weight in enumerate(STEADY)]).sum(0)
    return [Square(*row) for row in even.tolist()]


def _numbers(square: Square) -> np.ndarray:
    return np.array([square.column, square.row, square.side, square.roll_degrees])


def pace(seconds: tuple[float, ...]) -> tuple[float, list[int]]:
    """Frames a second, and how often each frame is shown at that even rate (phones film at uneven ones)."""
    times = np.asarray(seconds) - seconds[0]
    gaps = np.diff(times)
    if not (gaps > 0).any():
        return 25.0, [1] * len(times)
    rate = float(np.clip(len(gaps) / times[-1], SLOWEST, FASTEST))
    if np.abs(np.arange(len(times)) / rate - times).max() * rate < 0.75:
        return rate, [1] * len(times)
    rate = float(np.clip(1 / np.median(gaps[gaps > 0]), SLOWEST, FASTEST))
    moments = np.arange(round(times[-1] * rate) + 1) / rate
    shown = np.searchsorted(times, moments + 0.5 / rate, side="right") - 1
    return rate, np.bincount(shown, minlength=len(times)).tolist()


def _edit(
    predictor: Predictor, followed: Followed, filming: Filming, text: str
) -> Iterator[tuple[Pixels, Pixels | None]]:
    """Every frame as it is written, with its edited portrait where there is one."""
    given = (frame for _, frame in frames(filming.file))
    wanted, size, count = filming.wanted, predictor.config.size, len(followed.squares)
    edit = Edit(text, wanted.strength, wanted.mine)
    last = next(one for one in followed.squares if one is not None)
    at = 0
    for run in (*stretches(followed.squares), range(count, count)):
        for frame in islice(given, run.start - at):
            yield (frame if filming.whole else align.crop(frame, last, size)), None
        squares = [one for one in followed.squares[run.start : run.stop] if one is not None]
        waiting: deque[Pixels] = deque()
        portraits = _cut(islice(given, len(squares)), squares, size, waiting)
        for square, portrait in zip(squares, edit_frames(predictor, portraits, edit, wanted.effort), strict=True):
            frame, last = waiting.popleft(), square
            yield (align.paste(frame, portrait, square) if filming.whole else portrait), portrait
        at = run.stop


def _cut(given: Iterator[Pixels], squares: list[Square], size: int, waiting: deque[Pixels]) -> Iterator[Pixels]:
    """Portraits out of frames, which are put by until the edited portrait comes back."""
    for frame, square in zip(given, squares, strict=True):
        waiting.append(frame)
        yield align.crop(frame, square, size)
