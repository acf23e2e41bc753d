"""The request of a run, and the names of the files through which a run is followed.

No torch here: this is the only file of ``training`` that the app imports. A run is a folder; the files are the truth.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

REQUEST = "request.json"
STATUS = "status.json"
LOG = "log.jsonl"
STOP = "stop"
"""An empty file of this name asks the run to save, export and end."""
LOCK = "lock"
"""Held by the process for as long as it lives, so that nobody has to guess from process numbers."""
OUTPUT = "output.txt"
PREVIEWS = "previews"
RESULT = "result"

PRESETS = ("full", "small", "tiny")
DEVICES = ("auto", "cpu", "cuda")
ENDED = ("done", "stopped", "failed")
"""States of ``status.json`` after which no process works on the run any more."""


class BadRequest(ValueError):
    """A request that cannot be run; the message says what to change."""


@dataclass(frozen=True)
class RunSpec:
    """What a person asks for when a run is started."""

    subject: str
    recipe: str
    preset: str = "full"
    steps: int = 2000
    """Total number of steps; a resumed run goes on to this number."""
    minutes: float | None = None
    """Time budget of one stretch; the run saves, exports and stops when it is spent."""
    seed: int = 0
    device: str = "auto"
    data: str | None = None
    """Folder of pictures (a data set version, a catalogue, outside data); None where the recipe makes its own."""
    start_from: str | None = None
    """Folder of a checkpoint whose weights the run starts with; None starts fresh."""
    micro_batch: int | None = None
    """Pictures per forward pass; None lets the recipe decide. Halved when memory runs out."""
    save_every: int = 200
    measure_every: int | None = None
    """Steps between validation measures; None measures at the end only."""
    stop_below: dict[str, float] = field(default_factory=dict)
    """Loss term -> threshold; the run is done when the recent mean of every named term is under it."""
    owner: str = "local"
    """Profile that asked; a personal run is published for this profile only."""
    options: dict[str, Any] = field(default_factory=dict)
    """What only this recipe understands."""

    def __post_init__(self) -> None:
        if not self.subject or not self.recipe:
            raise BadRequest("A run wants a subject and a recipe, for example: garment generator.")
        if self.preset not in PRESETS:
            raise BadRequest(f"There is no preset {self.preset!r}; choose one of {', '.join(PRESETS)}.")
        if self.device not in DEVICES:
            raise BadRequest(f"There is no device {self.device!r}; choose one of {', '.join(DEVICES)}.")
        if self.steps < 1 or self.save_every < 1:
            raise BadRequest(f"Steps ({self.steps}) and save_every ({self.save_every}) must be 1 or more.")
        if self.minutes is not None and self.minutes <= 0:
            raise BadRequest(f"A time budget of {self.minutes} minutes leaves no time to learn.")

    def to_json(self) -> str:
        """The request as text, keys in order."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> RunSpec:
        """The request read back; unknown keys are named."""
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise BadRequest(f"The request is not JSON ({error}).") from error
        known = {entry.name for entry in fields(cls)}
        if not isinstance(values, dict) or set(values) - known:
            unknown = sorted(set(values) - known) if isinstance(values, dict) else [type(values).__name__]
            raise BadRequest(f"The request has keys that this version does not know: {', '.join(unknown)}.")
        return cls(**values)


def write_request(folder: Path, spec: RunSpec) -> None:
    """A new run folder with its request; the request appears whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".{REQUEST}.partial"
    partial.write_text(spec.to_json(), encoding="utf-8")
    partial.replace(folder / REQUEST)


def read_request(folder: Path) -> RunSpec:
    """The request of a run folder."""
    try:
        text = (folder / REQUEST).read_text(encoding="utf-8")
    except OSError as error:
        raise BadRequest(f"{folder} is not a run folder: its {REQUEST} cannot be read ({error.strerror}).") from error
    return RunSpec.from_json(text)
