"""Uploads and results: refused before decoding when too large, kept whole under the home folder, marked as made by us."""

from __future__ import annotations

import hashlib
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select

from core.image import Pixels, read_picture
from studio.datasets import FOLDER as DATASETS
from studio.datasets import forget_picture
from studio.marks import write_marked
from studio.people import People
from studio.settings import Settings
from studio.store import MediaRow, Store
from studio.uploads import inspect

MADE = {
    ".csv": "text/csv", ".json": "application/json", ".glb": "model/gltf-binary", ".mp4": "video/mp4",
    ".webm": "video/webm", ".png": "image/png", ".gif": "image/gif", ".svg": "image/svg+xml", ".zip": "application/zip",
    ".ply": "model/ply", ".obj": "model/obj", ".txt": "text/plain", ".npz": "application/x-npz",
    ".bin": "application/octet-stream",
}  # fmt: skip
"""Endings of generated files and their types."""


@dataclass(frozen=True)
class Medium:
    """A kept file."""

    id: str
    profile: str
    kind: str
    room: str
    path: Path
    type: str
    sha256: str
    parents: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    created: float = 0.0


class Media:
    """The kept files of all profiles; every question names the profile that asks."""

    def __init__(self, settings: Settings, store: Store, people: People) -> None:
        self._settings, self._store, self._people = settings, store, people

    def keep_upload(self, profile: str, room: str, file: Path) -> Medium:
        """A checked copy of a file that a person gave."""
        facts = inspect(file, self._settings.limits)
        return self._keep(profile, "upload", room, file, facts, ())

    def keep_picture(
        self, profile: str, room: str, pixels: Pixels, settings: dict[str, Any], parents: Sequence[Medium] = ()
    ) -> Medium:
        """A generated picture, marked in its metadata and, where the settings say so, visibly."""
        partial = self._folder(profile, "result") / f".{secrets.token_hex(8)}.png"
        shown = write_marked(partial, pixels, settings, [parent.sha256 for parent in parents], self._settings.mark)
        facts = {"width": shown.shape[1], "height": shown.shape[0], "settings": settings}
        try:
            return self._keep(profile, "result", room, partial, facts, parents)
        finally:
            partial.unlink(missing_ok=True)

    def keep_file(
        self, profile: str, room: str, file: Path, settings: dict[str, Any], parents: Sequence[Medium] = ()
    ) -> Medium:
        """A copy of a generated file that says of itself what made it, as far as its form allows."""
        facts = {"type": MADE[file.suffix], "settings": settings}
        return self._keep(profile, "result", room, file, facts, parents)

    def get(self, profile: str, medium: str) -> Medium:
        """A kept file of this profile."""
        with self._store.change() as session:
            row = session.get(MediaRow, medium)
            if row is None or row.profile != profile:
                raise LookupError("There is no such file of yours.")
            return self._medium(row)

    def of(self, profile: str, room: str | None = None, kind: str | None = None, limit: int = 50) -> list[Medium]:
        """The newest files of a profile."""
        wanted = select(MediaRow).where(MediaRow.profile == profile).order_by(MediaRow.created.desc()).limit(limit)
        if room is not None:
            wanted = wanted.where(MediaRow.room == room)
        if kind is not None:
            wanted = wanted.where(MediaRow.kind == kind)
        with self._store.change() as session:
            return [self._medium(row) for row in session.scalars(wanted)]

    def delete(self, profile: str, medium: str) -> None:
        """Forget a file; its consents and the data set versions that hold it go with it."""
        found = self.get(profile, medium)
        with self._store.change() as session:
            session.execute(delete(MediaRow).where(MediaRow.id == medium))
        found.path.unlink(missing_ok=True)
        forget_picture(self._people.folder(profile) / DATASETS, found.sha256)

    def _folder(self, profile: str, kind: str) -> Path:
        folder = self._people.folder(profile) / f"{kind}s"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _keep(
        self, profile: str, kind: str, room: str, file: Path, facts: dict[str, Any], parents: Sequence[Medium]
    ) -> Medium:
        identity = secrets.token_hex(12)
        target = self._folder(profile, kind) / f"{identity}{_ending(facts, file)}"
        partial = target.with_name(f".{target.name}")
        shutil.copyfile(file, partial)
        digest = hashlib.sha256(partial.read_bytes()).hexdigest()
        partial.replace(target)
        row = MediaRow(
            id=identity,
            profile=profile,
            kind=kind,
            room=room,
            file=str(target.relative_to(self._settings.home)),
            type=facts.get("type", "image/png"),
            sha256=digest,
            parents=[parent.id for parent in parents],
            facts=facts,
        )
        with self._store.change() as session:
            session.add(row)
        return self._medium(row)

    def _medium(self, row: MediaRow) -> Medium:
        path = self._settings.home / row.file
        parents = tuple(row.parents)
        return Medium(
            row.id, row.profile, row.kind, row.room, path, row.type, row.sha256, parents, dict(row.facts), row.created
        )


def _ending(facts: dict[str, Any], file: Path) -> str:
    # From what the file is, never from the name it came with.
    known = {
        "image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp", "image/gif": ".gif", "image/bmp": ".bmp",
        "image/tiff": ".tif", "audio/wav": ".wav", **{kind: ending for ending, kind in MADE.items()},
    }  # fmt: skip
    return known.get(facts.get("type", ""), ".png" if file.suffix == ".png" else ".bin")


def picture(medium: Medium) -> Pixels:
    """The pixels of a kept picture."""
    return read_picture(medium.path)
