"""Takes: what a face did in a picture, a clip or a recording, and every form in which it can be taken away."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from core.expression import tracks
from core.expression.predict import Predictor
from core.expression.rig import Posing, Smoothed, Smoothing, Values, pose, smooth
from core.expression.scene import Scene, draw_scene
from core.expression.tracks import Track
from core.face.reader import Face, NoFace
from core.image import Pixels, resize
from studio.clips import write_clear_clip, write_clip
from studio.marks import provenance, write_marked
from training.spec import BadRequest

ENDINGS = (".live.csv", ".csv", ".json", ".glb", ".mp4", ".webm", ".png")
"""What a take can be written as; ``.live.csv`` is Live Link Face, ``.csv`` all 130 controllers."""
FASTEST = 30.0
"""Frames a second of drawn clips at most."""
Tell = Callable[[float], None]
"""Told how far a piece of work is, 0 to 1."""


@dataclass(frozen=True)
class Take:
    """What a face did."""

    track: Track
    character: str
    frames: int = 1
    held: int = 0
    """Frames in which no face was found: the pose before was held."""
    virtual: tuple[bytes, ...] = ()
    """What the network drew, as JPEG, a frame each, where it was asked for."""


@dataclass(frozen=True)
class Show:
    """How a take is shown as a picture or clip."""

    scene: Scene = field(default_factory=Scene)
    size: int = 256
    as_converted: bool = False
    """The network's own pictures in place of the character drawn from the numbers."""
    mark: str = "corner"
    parents: tuple[str, ...] = ()


@dataclass(frozen=True)
class Driving:
    """Who is driven, and how."""

    character: str = "juno"
    posing: Posing = field(default_factory=Posing)
    smoothing: Smoothing | None = field(default_factory=Smoothing)
    """None: every frame as it is read."""
    keep_virtual: bool = False


def read_take(predictor: Predictor, frames: Iterable[tuple[float, Pixels]], how: Driving) -> Take:
    """Every frame in order, the face followed; where none is found the pose before is held, none at all is ``NoFace``."""
    face: Face | None = None
    state: Smoothed | None = None
    rest: Values = np.zeros(len(tracks.NAMES), np.float32)
    turn, posed, last = (0.0, 0.0, 0.0), rest, -1.0
    moments: list[tuple[float, Values, tuple[float, float, float]]] = []
    virtual: list[bytes] = []
    held = 0
    for at, frame in frames:
        last = max(at, last + 0.001)  # some clips repeat a time
        try:
            reading = predictor.read(frame, how.character, face)
            face, turn = reading.face, reading.turn_degrees
            state = smooth(reading.controllers, last, state, how.smoothing) if how.smoothing else None
            posed = pose(state.values if state is not None else reading.controllers, how.posing)
            if how.keep_virtual:
                virtual.append(pack(reading.virtual))
        except NoFace:
            held, face, state = held + 1, None, None
            if how.keep_virtual and virtual:
                virtual.append(virtual[-1])
        moments.append((last, posed, turn))
    if held == len(moments):
        raise NoFace(
            "No face was found in any frame. Use a clip in which a face is seen from the front or half from the side, in light."
            if len(moments) > 1
            else "No face was found. Use a picture in which a face is seen from the front or half from the side."
        )
    seconds, values, turns = zip(*moments, strict=True)
    track = Track(np.array(seconds, np.float32), np.stack(values), np.array(turns, np.float32))
    return Take(track, how.character, len(moments), held, tuple(virtual))


def pack(pixels: Pixels, quality: int = 92) -> bytes:
    """Pixels as JPEG."""
    from PIL import Image

    kept = io.BytesIO()
    Image.fromarray(pixels).save(kept, "JPEG", quality=quality)
    return kept.getvalue()


def unpack(content: bytes) -> Pixels:
    """A JPEG of ours as pixels."""
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"), dtype=np.uint8)


def ending_of(path: Path) -> str:
    """Which of the forms a file's name asks for."""
    found = next((ending for ending in ENDINGS if path.name.lower().endswith(ending)), None)
    if found is None:
        raise BadRequest(
            f"{path.name}: nothing is written as {path.suffix or 'that'}; choose from {', '.join(ENDINGS)}."
        )
    return found


def write_take(take: Take, path: Path, show: Show, tell: Tell = lambda _: None) -> None:
    """The take in the form that the file's ending asks for."""
    ending = ending_of(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if ending == ".png":
        write_marked(path, _draw_widest(take, show), describe(take, show), show.parents, show.mark)
    elif ending in (".mp4", ".webm"):
        _write_moving(take, path, show, tell)
    elif ending == ".glb":
        tracks.write_glb(take.track, take.character, path)
    elif ending == ".json":
        content = json.loads(tracks.write_json(take.track))
        path.write_text(json.dumps(content | provenance(describe(take, show), show.parents)), encoding="utf-8")
    else:
        written = tracks.write_live_link(take.track) if ending == ".live.csv" else tracks.write_csv(take.track)
        path.write_text(written, encoding="utf-8")
    tell(1.0)


def describe(take: Take, show: Show) -> dict[str, Any]:
    """The settings that made a file, for its metadata."""
    scene = {"ground": show.scene.ground, "light": show.scene.light, "framing": show.scene.framing}
    return {"system": "expression", "character": take.character, "frames": take.frames, "held": take.held} | scene


def widest(track: Track) -> int:
    """The moment furthest from rest."""
    return int(track.controllers.sum(1).argmax())


def _draw_widest(take: Take, show: Show) -> Pixels:
    at = widest(take.track)
    if show.as_converted and take.virtual:
        return resize(unpack(take.virtual[min(at, len(take.virtual) - 1)]), show.size, show.size)
    return _draw(take.track, at, take.character, show)


def _draw(track: Track, at: int, character: str, show: Show) -> Pixels:
    yaw, pitch, roll = (float(value) for value in track.turns[at])
    return draw_scene(character, track.controllers[at], (yaw, pitch, roll), show.scene, show.size)


def _write_moving(take: Take, path: Path, show: Show, tell: Tell) -> None:
    clear = show.scene.ground == "clear"
    if clear and path.suffix != ".webm":
        raise BadRequest(f"{path.name} cannot be transparent; write a .webm (or a .png) for film, or choose a ground.")
    rate = min(max(take.track.frames_per_second, 5.0), FASTEST)
    even = take.track.resample(rate)
    converted = show.as_converted and bool(take.virtual)

    def pictures() -> Iterator[Pixels]:
        for at in range(len(even.seconds)):
            tell(at / len(even.seconds))
            if converted:
                nearest = int(np.abs(take.track.seconds - even.seconds[at]).argmin())
                yield resize(unpack(take.virtual[min(nearest, len(take.virtual) - 1)]), show.size, show.size)
            else:
                yield _draw(even, at, take.character, show)

    write = write_clear_clip if clear and not converted else _write_webm if path.suffix == ".webm" else write_clip
    write(path, pictures(), rate, describe(take, show), show.parents, show.mark)


def _write_webm(
    path: Path, pictures: Iterator[Pixels], rate: float, settings: dict[str, Any], parents: tuple[str, ...], place: str
) -> int:
    opaque = (np.concatenate((one, np.full_like(one[..., :1], 255)), 2) for one in pictures)
    return write_clear_clip(path, opaque, rate, settings, parents, place)
