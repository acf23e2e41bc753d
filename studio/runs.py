"""Training runs as the app sees them: processes started and then followed through their folder's files."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from sqlalchemy import select

from core import checkpoints
from core.checkpoints import Found
from studio.launch import environment
from studio.people import People
from studio.settings import ROOT, Settings
from studio.store import LOCAL_PROFILE, RunRow, Store
from training import spec
from training.spec import RunSpec

MOST_AT_ONCE = 1
"""Runs at work at the same time; more would only slow each other down."""


class RunRefused(RuntimeError):
    """A run that cannot be started or changed now; the message says why."""


@dataclass(frozen=True)
class RunView:
    """What the files say of a run."""

    id: str
    folder: Path
    request: RunSpec
    state: str
    """queued (asked for, no process yet), running, stopping, stopped, done, failed, or killed (its process is gone)."""
    step: int = 0
    steps: int = 0
    seconds_left: float | None = None
    message: str = ""
    losses: dict[str, float] = field(default_factory=dict)
    validation: dict[str, float] = field(default_factory=dict)
    published: str = ""
    created: float = 0.0

    @property
    def alive(self) -> bool:
        """Whether a process is at work on it, or about to be."""
        return self.state in ("queued", "running", "stopping")


class Runs:
    """Start, follow, stop, resume and publish."""

    def __init__(self, settings: Settings, store: Store, people: People) -> None:
        self._settings, self._store, self._people = settings, store, people
        self._children: list[subprocess.Popen[bytes]] = []

    def start(self, profile: str, request: RunSpec) -> RunView:
        """A new run folder and a process at work on it."""
        self._refuse_if_busy(profile)
        name = f"{time.strftime('%Y%m%d-%H%M%S')}-{request.subject}-{request.recipe}-{secrets.token_hex(2)}"
        folder = self._settings.home / "runs" / name
        request = self._with_start(profile, replace(request, owner=profile))
        spec.write_request(folder, request)
        with self._store.change() as session:
            session.add(
                RunRow(id=name, profile=profile, folder=str(folder), subject=request.subject, recipe=request.recipe)
            )
        self._launch(folder)
        return self.get(profile, name)

    def resume(self, profile: str, run: str) -> RunView:
        """A process at work again on a run that ended or was killed."""
        found = self.get(profile, run)
        if found.alive:
            raise RunRefused("This run is at work already.")
        self._refuse_if_busy(profile)
        request = found.request
        if found.step >= request.steps:  # done: as many steps again
            spec.write_request(found.folder, replace(request, steps=found.step + request.steps))
        (found.folder / spec.STOP).unlink(missing_ok=True)
        self._launch(found.folder)
        return self.get(profile, run)

    def stop(self, profile: str, run: str) -> RunView:
        """Ask a run to save, export and end; it does so after the step it is at."""
        found = self.get(profile, run)
        if found.alive:
            (found.folder / spec.STOP).touch()
        return self.get(profile, run)

    def get(self, profile: str, run: str) -> RunView:
        """One run of this profile, as its files say now."""
        with self._store.change() as session:
            row = session.get(RunRow, run)
            if row is None or row.profile != profile:
                raise LookupError("There is no such run of yours.")
        return self._view(row)

    def of(self, profile: str) -> list[RunView]:
        """All runs of a profile, newest first. Runs whose folder is gone are left out."""
        self._index_strays(profile)
        wanted = select(RunRow).where(RunRow.profile == profile).order_by(RunRow.created.desc())
        with self._store.change() as session:
            rows = list(session.scalars(wanted))
        return [self._view(row) for row in rows if (Path(row.folder) / spec.REQUEST).is_file()]

    def losses(self, run: RunView, most: int = 400) -> dict[str, list[tuple[int, float]]]:
        """Loss curves, thinned to at most so many points each, and validation scores."""
        curves: dict[str, list[tuple[int, float]]] = {}
        for line in _lines(run.folder / spec.LOG):
            for key, value in {**line.get("losses", {}), **line.get("scores", {})}.items():
                curves.setdefault(key, []).append((int(line["step"]), float(value)))
        return {key: points[:: max(1, len(points) // most)] for key, points in curves.items()}

    def previews(self, run: RunView) -> list[Path]:
        """Sample sheets, oldest first."""
        return sorted((run.folder / spec.PREVIEWS).glob("[0-9]*.png"))

    def output(self, run: RunView, characters: int = 4000) -> str:
        """The end of what the process printed."""
        try:
            return (run.folder / spec.OUTPUT).read_text(encoding="utf-8", errors="replace")[-characters:]
        except OSError:
            return ""

    def publish(self, profile: str, run: str) -> Found:
        """The run's result becomes the version in service: for everybody on a studio of one, else for this profile."""
        found = self.get(profile, run)
        if found.alive:
            raise RunRefused("The run is still at work; stop it first, then publish what it learned.")
        roots = self._people.weight_roots(profile)
        root = roots[1] if profile == LOCAL_PROFILE else roots[0]
        published = checkpoints.publish(found.folder / spec.RESULT, root, roots)
        with self._store.change() as session:
            row = session.get(RunRow, run)
            assert row is not None
            row.published = published.card.version
        return published

    def roll_back(self, profile: str, subject: str, name: str) -> str | None:
        """The version before the one in service serves again."""
        roots = self._people.weight_roots(profile)
        serving = checkpoints.find(subject, name, roots)
        own = roots[1] if profile == LOCAL_PROFILE else roots[0]
        if serving.root != own:
            raise checkpoints.CheckpointMissing(
                f"The weights of {subject} {name} in service are not yours to roll back."
            )
        return checkpoints.roll_back(subject, name, own)

    def _with_start(self, profile: str, request: RunSpec) -> RunSpec:
        if request.start_from != "in service":
            return request
        try:
            serving = checkpoints.find(request.subject, request.recipe, self._people.weight_roots(profile))
        except checkpoints.CheckpointMissing:
            return replace(request, start_from=None)
        return replace(request, start_from=str(serving.folder))

    def _refuse_if_busy(self, profile: str) -> None:
        busy = [run for run in self.of(profile) if run.alive]
        if len(busy) >= MOST_AT_ONCE:
            raise RunRefused(
                f"{busy[0].request.subject} {busy[0].request.recipe} is still learning; stop it or wait for it."
            )

    def _launch(self, folder: Path) -> None:
        # A session of its own: closing the studio does not end it. Its lock, not its number, says whether it lives.
        with (folder / spec.OUTPUT).open("ab") as output:
            self._children = [child for child in self._children if child.poll() is None]
            child = subprocess.Popen(
                [*self._settings.trainer, "resume", str(folder)],
                cwd=ROOT,
                env=environment(dict(os.environ)) | {"LIKENESS_HOME": str(self._settings.home)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._children.append(child)
        (folder / "started").write_text(f"{time.time()}", encoding="utf-8")

    def _index_strays(self, profile: str) -> None:
        """Run folders that the index does not know (a run started by hand, an older database) are found again."""
        folders = {path.parent for path in (self._settings.home / "runs").glob(f"*/{spec.REQUEST}")}
        with self._store.change() as session:
            known = set(session.scalars(select(RunRow.id)))
            for folder in folders:
                if folder.name in known:
                    continue
                try:
                    request = spec.read_request(folder)
                except spec.BadRequest:
                    continue
                if request.owner == profile:
                    session.add(
                        RunRow(
                            id=folder.name,
                            profile=profile,
                            folder=str(folder),
                            subject=request.subject,
                            recipe=request.recipe,
                            created=(folder / spec.REQUEST).stat().st_mtime,
                        )
                    )

    def _view(self, row: RunRow) -> RunView:
        folder = Path(row.folder)
        request = spec.read_request(folder)
        try:
            status: dict[str, Any] = json.loads((folder / spec.STATUS).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            status = {}
        return RunView(
            id=row.id,
            folder=folder,
            request=request,
            state=self._state(folder, status),
            step=int(status.get("step", 0)),
            steps=request.steps,
            seconds_left=status.get("seconds_left"),
            message=str(status.get("message", "")),
            losses=status.get("losses", {}),
            validation=status.get("validation", {}),
            published=row.published,
            created=row.created,
        )

    def _state(self, folder: Path, status: dict[str, Any]) -> str:
        working = _is_locked(folder / spec.LOCK)
        stopping = (folder / spec.STOP).exists()
        if working:
            return "stopping" if stopping else "running"
        if self._is_starting(folder, status):
            return "queued"
        state = status.get("state", "killed")
        return state if state in spec.ENDED else "killed"

    def _is_starting(self, folder: Path, status: dict[str, Any]) -> bool:
        """A process was launched after the last word in the status file and has not taken its lock yet."""
        try:
            started = float((folder / "started").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return started > status.get("updated", 0.0) and time.time() - started < 60 and self._has_child(folder)

    def _has_child(self, folder: Path) -> bool:
        return any(
            child.poll() is None and isinstance(child.args, list) and str(folder) in child.args
            for child in self._children
        )


def _is_locked(path: Path) -> bool:
    if not path.exists():
        return False
    probe = FileLock(path, timeout=0)
    try:
        with probe:
            return False
    except Timeout:
        return True


def _lines(path: Path) -> list[dict[str, Any]]:
    lines = []
    try:
        content = path.read_text(encoding="utf-8")
    except OSError:
        return lines
    for line in content.splitlines():
        try:
            lines.append(json.loads(line))
        except ValueError:
            continue  # being written right now
    return lines
