"""One visitor's live desk: newest frame in, numbers and pictures out. Its state is this connection's, never a predictor's."""

from __future__ import annotations

import io
import json
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from core.engine.characters import CHARACTERS
from core.engine.controllers import NAMES
from core.expression.predict import WAYS, Predictor
from core.expression.rig import Posing, Smoothed, Smoothing, Values, pose, smooth
from core.expression.scene import Scene, draw_scene
from core.face.reader import Face
from core.image import NotAPicture, Pixels, resize
from pages.expression.handlers import choose_scene
from pages.expression.health import GUIDE, MOST_REACH, judge
from pages.expression.senders import Sender, open_sender
from pages.expression.takes import pack
from training.spec import BadRequest

MOST_BYTES, MOST_SIDE = 2_000_000, 1920
DARK = 8
"""Mean brightness of 255 below which a frame shows nothing."""
NEUTRAL_READINGS = 12
"""A neutral face is the mean of so many readings."""
DRAWN_PIXELS = 224
MOST_GUIDED = 2400
"""A guided clip keeps so many readings at most, whatever the browser forgets to end."""
Turn = tuple[float, float, float]
Open = Callable[[str], Predictor]
"""By what controllers are read from."""


@dataclass(frozen=True)
class Wanted:
    """What a visitor has set."""

    character: str = "juno"
    posing: Posing = field(default_factory=Posing)
    smoothing: Smoothing | None = field(default_factory=Smoothing)
    scene: Scene = field(default_factory=Scene)
    virtual: bool = True
    """Whether the network's picture is sent."""
    drawn: bool = False
    """Whether the character drawn in the scene is sent."""
    way: str = WAYS[0]
    """What controllers are read from."""


def read_wanted(message: dict[str, Any]) -> Wanted:
    """Settings as the browser sends them; a sentence where they cannot be."""
    try:
        neutral, reach = message.get("neutral"), message.get("reach")
        if any(given is not None and len(given) != len(NAMES) for given in (neutral, reach)):
            raise BadRequest(f"A neutral face, and how far a face reaches, are {len(NAMES)} numbers.")
        smoothing = message.get("smoothing")
        posing = Posing(
            {str(part): min(max(float(gain), 0.0), 3.0) for part, gain in message.get("gains", {}).items()},
            frozenset(map(str, message.get("locked", ()))),
            {str(name): float(value) for name, value in message.get("hand", {}).items()},
            None if neutral is None else np.asarray(neutral, np.float32).clip(0, 1),
            None if reach is None else np.asarray(reach, np.float32).clip(0, MOST_REACH),
        )
        how = None if smoothing is None else Smoothing(min(max(float(smoothing), 0.1), 20.0))
        scene = choose_scene(str(message.get("ground", "paper")), str(message.get("light", "studio")))
    except (TypeError, ValueError, AttributeError) as error:
        raise BadRequest(str(error)) from error
    character = str(message.get("character", "juno"))
    if character not in CHARACTERS:
        raise BadRequest(f"There is no character {character!r}; there is {', '.join(CHARACTERS)}.")
    way = str(message.get("way", WAYS[0]))
    if way not in WAYS:
        raise BadRequest(f"Controllers are read from {' or '.join(WAYS)}, not {way!r}.")
    virtual, drawn = bool(message.get("virtual", True)), bool(message.get("drawn", False))
    return Wanted(character, posing, how, scene, virtual, drawn, way)


class Desk:
    """What one connection remembers, and what it answers to a frame or to a pose."""

    def __init__(self, open_predictor: Open, device: threading.Lock) -> None:
        self._open, self._device = open_predictor, device
        self.wanted = Wanted()
        self._face: Face | None = None
        self._smoothed: Smoothed | None = None
        self._away: Values | None = None
        self._last: Values = np.zeros(len(NAMES), np.float32)
        self._turn: Turn = (0.0, 0.0, 0.0)
        self._read: deque[Values] = deque(maxlen=NEUTRAL_READINGS)
        self._senders: dict[str, Sender] = {}
        self._stage = ""
        self._guided: list[tuple[str, Values]] = []

    def change(self, message: dict[str, Any]) -> None:
        """Take settings over."""
        wanted = read_wanted(message)
        if (wanted.character, wanted.way) != (self.wanted.character, self.wanted.way):
            self._smoothed = self._away = None
            self._read.clear()
        self.wanted = wanted

    def guide(self, stage: str) -> dict[str, Any]:
        """Readings from now on answer this prompt of the guided clip; ``end`` says what came of it, ``off`` forgets it."""
        if stage not in ("end", "off", *(name for name, _ in GUIDE)):
            raise BadRequest(f"The guided clip has no prompt {stage!r}.")
        if stage in ("end", "off"):
            readings, self._guided, self._stage = self._guided, [], ""
            if stage == "off":
                return {}
            health = judge(readings)
            neutral, reach = ([round(float(one), 4) for one in values] for values in (health.neutral, health.reach))
            return {"neutral": neutral, "reach": reach, "parts": health.by_part(), "readings": health.readings}
        if stage == GUIDE[0][0]:
            self._guided = []
        self._stage = stage
        return {}

    def send_to(self, message: dict[str, Any]) -> dict[str, Any]:
        """Start or stop handing what is read to a program that listens; says to which address."""
        kind = str(message.get("kind"))
        new = open_sender(kind, str(message.get("host", "")), message.get("port")) if message.get("on") else None
        kept = {name: sender for name, sender in self._senders.items() if name != kind}
        old = self._senders.get(kind)
        self._senders = kept if new is None else {**kept, kind: new}  # a frame being answered keeps its own
        if old is not None:
            old.close()
        return {"kind": kind, "on": new is not None, "address": list(new.address[:2]) if new is not None else []}

    def close(self) -> None:
        """Send no more."""
        senders, self._senders = self._senders, {}
        for sender in senders.values():
            sender.close()

    def take_neutral(self) -> list[float] | None:
        """The mean of the last readings, before anything is taken off them; None before there are any."""
        return None if not self._read else [round(float(v), 4) for v in np.mean(self._read, 0)]

    def answer_pose(self, stamp: int, values: list[float], turn: list[float]) -> bytes:
        """The character drawn with numbers that a hand has set."""
        posed = np.asarray(values, np.float32)
        if posed.shape != (len(NAMES),) or len(turn) != 3 or not np.isfinite([*posed, *turn]).all():
            raise BadRequest(f"A pose is {len(NAMES)} numbers and three turns.")
        began = time.perf_counter()
        with self._device:
            drawn = self._draw(posed.clip(0, 1), (float(turn[0]), float(turn[1]), float(turn[2])))
        spent = {"draw": _since(began), "total": _since(began)}
        return _message({"type": "drawn", "stamp": stamp, "milliseconds": spent}, b"", pack(drawn, 85))

    def show_frame(self, frame: Pixels) -> tuple[str, Pixels, Values]:
        """The same without the socket: how the reading went, the character in its scene, and the numbers."""
        with self._device:
            state, _ = self._follow(frame, {})
            return state, self._draw(self._last, self._turn), self._last

    def answer_frame(self, stamp: int, content: bytes, dropped: int) -> bytes:
        """What the face in a frame does; where there is none, the pose before and why."""
        began = time.perf_counter()
        spent: dict[str, float] = {}
        frame = read_frame(content)
        spent["decode"] = _since(began)
        with self._device:
            state, virtual = self._follow(frame, spent)
            at = time.perf_counter()
            drawn = self._draw(self._last, self._turn) if self.wanted.drawn else None
            spent["draw"] = _since(at)
        at = time.perf_counter()
        pictures = (
            b"" if virtual is None or not self.wanted.virtual else pack(virtual, 85),
            b"" if drawn is None else pack(drawn, 85),
        )
        spent["encode"], spent["total"] = _since(at), _since(began)
        said: dict[str, Any] = {
            "type": "read", "stamp": stamp, "state": state, "milliseconds": spent, "dropped": dropped,
            "values": [round(float(value), 4) for value in self._last],
            "turn": [round(value, 2) for value in self._turn],
        }  # fmt: skip
        if self._senders and state == "ok":
            said |= self._send()
        if self._face is not None:
            square, (height, width) = self._face.square, frame.shape[:2]
            said["face"] = [round(v, 4) for v in (square.column / width, square.row / height, square.side / width)]
        return _message(said, *pictures)

    def _send(self) -> dict[str, Any]:
        senders = self._senders
        trouble = [told for sender in senders.values() if (told := sender.send(self._last, self._turn))]
        return {"sent": {kind: sender.count for kind, sender in senders.items()}, "trouble": " ".join(trouble)}

    def _follow(self, frame: Pixels, spent: dict[str, float]) -> tuple[str, Pixels | None]:
        if frame[::8, ::8].mean() < DARK:
            self._face = self._away = None
            return "black", None
        predictor = self._open(self.wanted.way)
        at = time.perf_counter()
        self._face = predictor.reader.follow(frame, self._face)
        spent["find"] = _since(at)
        if self._face is None:
            self._smoothed = self._away = None
            return "no_face", None
        at = time.perf_counter()
        reading = predictor.read_face(frame, self.wanted.character, self._face, away=self._away)
        self._away = reading.away
        spent["transfer"] = _since(at)
        self._read.append(reading.controllers)
        if self._stage and len(self._guided) < MOST_GUIDED:
            self._guided.append((self._stage, reading.controllers))
        values = reading.controllers
        if self.wanted.smoothing is not None:
            self._smoothed = smooth(values, time.monotonic(), self._smoothed, self.wanted.smoothing)
            values = self._smoothed.values
        self._last, self._turn = pose(values, self.wanted.posing), reading.turn_degrees
        return "ok", reading.virtual

    def _draw(self, values: Values, turn: Turn) -> Pixels:
        scene = self.wanted.scene if self.wanted.scene.ground != "clear" else replace(self.wanted.scene, ground="white")
        return draw_scene(self.wanted.character, values, turn, scene, DRAWN_PIXELS)


def read_frame(content: bytes) -> Pixels:
    """A JPEG of a camera as pixels, its size checked before anything is decoded."""
    from PIL import Image

    if len(content) > MOST_BYTES:
        raise NotAPicture(f"A frame has at most {MOST_BYTES} bytes.")
    try:
        with Image.open(io.BytesIO(content), formats=("JPEG",)) as opened:
            if max(opened.size) > MOST_SIDE or min(opened.size) < 16:
                raise NotAPicture(f"A frame is 16 to {MOST_SIDE} pixels a side, not {opened.size}.")
            pixels = np.asarray(opened.convert("RGB"), dtype=np.uint8)
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise NotAPicture("A frame is a JPEG picture.") from error
    return resize(pixels, 640, round(pixels.shape[0] * 640 / pixels.shape[1])) if pixels.shape[1] > 960 else pixels


def _since(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 2)


def _message(said: dict[str, Any], virtual: bytes, drawn: bytes) -> bytes:
    """Length of the JSON, the JSON with the pictures' lengths, the pictures."""
    head = json.dumps(said | {"virtual": len(virtual), "drawn": len(drawn)}, separators=(",", ":")).encode()
    return len(head).to_bytes(4, "big") + head + virtual + drawn
