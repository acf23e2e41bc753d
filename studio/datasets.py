"""Data set versions: pictures with what people said of them, as a folder that a run can be given and that never changes."""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.image import read_picture, write_picture

CARD, LABELS, PICTURES = "card.json", "labels.jsonl", "pictures"
FOLDER = "datasets"
"""Below a profile's own folder, so that they go when everything of a person goes."""


@dataclass(frozen=True)
class Labelled:
    """A picture and what is said of it."""

    picture: Path
    sha256: str
    """Of the file as it was given."""
    label: Mapping[str, Any]


@dataclass(frozen=True)
class Version:
    """A written version."""

    folder: Path
    card: dict[str, Any] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many pictures it holds."""
        return int(self.card["count"])


def read_version(folder: Path) -> Version:
    """A version by its folder."""
    return Version(folder, json.loads((folder / CARD).read_text(encoding="utf-8")))


def read_labels(version: Version) -> list[dict[str, Any]]:
    """Its rows; ``picture`` is a path below its folder."""
    text = (version.folder / LABELS).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def write_version(parent: Path, rows: Sequence[Labelled], facts: Mapping[str, Any]) -> Version:
    """A folder below ``parent`` named by what it holds: pictures as PNG, labels a line each, a card with ``facts``.

    The same pictures with the same labels are the same version, in whatever order, and are written once. The folder
    appears whole or not at all; a picture that comes twice is kept once, with both rows."""
    if not rows:
        raise ValueError("A data set wants at least one picture.")
    lines = {_line(row): row for row in rows}
    ordered = sorted(lines)
    digest = hashlib.sha256("\n".join(ordered).encode()).hexdigest()
    folder = parent / digest[:16]
    if (folder / CARD).is_file():
        return read_version(folder)
    partial = parent / f".{folder.name}.{secrets.token_hex(4)}.partial"
    try:
        (partial / PICTURES).mkdir(parents=True)
        for line in ordered:
            path = partial / json.loads(line)["picture"]
            if not path.is_file():
                write_picture(path, read_picture(lines[line].picture))
        (partial / LABELS).write_text("".join(f"{line}\n" for line in ordered), encoding="utf-8")
        card = {"version": folder.name, "sha256": digest, "count": len(ordered), **facts, "made": when(time.time())}
        (partial / CARD).write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        _put(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return read_version(folder)


def forget_picture(parent: Path, sha256: str) -> int:
    """Take away every version below ``parent`` that holds a picture. Returns how many went."""
    gone = [card.parent for card in parent.glob(f"*/*/{CARD}") if (card.parent / _place(sha256)).is_file()]
    for folder in gone:
        shutil.rmtree(folder)
    return len(gone)


def when(seconds: float) -> str:
    """A moment as text, in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _line(row: Labelled) -> str:
    said = {"picture": _place(row.sha256), **row.label}
    return json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _place(sha256: str) -> str:
    return f"{PICTURES}/{sha256[:24]}.png"


def _put(partial: Path, folder: Path) -> None:
    try:
        partial.rename(folder)
    except OSError:
        if not (folder / CARD).is_file():  # else another one wrote the same in the meantime
            raise
