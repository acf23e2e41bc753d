"""Work over about a second: queued, with progress and cancel, found again after a restart."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select, update

from studio.store import JobRow, Store

ENDED = ("done", "failed", "cancelled", "interrupted")
WRITE_SECONDS = 0.2
log = logging.getLogger(__name__)


class Cancelled(Exception):
    """The person took the work back; raised inside the work at its next word of progress."""


@dataclass(frozen=True)
class Job:
    """What is known of a job."""

    id: str
    profile: str
    kind: str
    state: str
    share: float
    """How much is done, 0 to 1."""
    message: str
    request: dict[str, Any] = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=dict)
    created: float = 0.0

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ENDED


class Progress:
    """What the work calls to say how far it is; this is also where it learns that it was cancelled."""

    def __init__(self, jobs: Jobs, job: str) -> None:
        self._jobs, self._job = jobs, job
        self._spoke = 0.0

    def say(self, share: float, message: str = "") -> None:
        """How far the work is, and at what."""
        if self._jobs.is_cancelled(self._job):
            raise Cancelled
        now = time.monotonic()
        if now - self._spoke >= WRITE_SECONDS:
            self._spoke = now
            self._jobs.note(self._job, share=min(max(share, 0.0), 1.0), message=message)


Work = Callable[[Progress], dict[str, Any]]


class Jobs:
    """The queue: rows with states, one worker, because all of it shares the same processor."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="job")
        self._cancelled: set[str] = set()
        self._lock = threading.Lock()

    def recover(self) -> None:
        """Called by the server when it starts: what an ended server left at work was interrupted."""
        with self._store.change() as session:
            session.execute(
                update(JobRow)
                .where(JobRow.state.in_(("queued", "running")))
                .values(state="interrupted", message="The studio was closed while this was at work. Start it again.")
            )

    def start(self, profile: str, kind: str, request: dict[str, Any], work: Work) -> Job:
        """Queue a piece of work. ``request`` is kept, so that a page can start it again."""
        job = secrets.token_hex(8)
        with self._store.change() as session:
            session.add(JobRow(id=job, profile=profile, kind=kind, request=request))
        self._pool.submit(self._carry_out, job, work)
        return self.get(job, profile)

    def get(self, job: str, profile: str) -> Job:
        """A job of this profile."""
        with self._store.change() as session:
            row = session.get(JobRow, job)
            if row is None or row.profile != profile:
                raise LookupError("There is no such job of yours.")
            return _job(row)

    def of(self, profile: str, kind: str | None = None, limit: int = 20) -> list[Job]:
        """The newest jobs of a profile."""
        wanted = select(JobRow).where(JobRow.profile == profile).order_by(JobRow.created.desc()).limit(limit)
        if kind is not None:
            wanted = wanted.where(JobRow.kind == kind)
        with self._store.change() as session:
            return [_job(row) for row in session.scalars(wanted)]

    def cancel(self, job: str, profile: str) -> Job:
        """Take a job back; one at work ends at its next word of progress."""
        found = self.get(job, profile)
        if not found.ended:
            with self._lock:
                self._cancelled.add(job)
            self.note(job, message="cancelling")
        return self.get(job, profile)

    def is_cancelled(self, job: str) -> bool:
        """Whether the person took the job back."""
        with self._lock:
            return job in self._cancelled

    def note(self, job: str, **values: Any) -> None:
        """Write what is known of a job."""
        with self._store.change() as session:
            session.execute(update(JobRow).where(JobRow.id == job).values(updated=time.time(), **values))

    def close(self) -> None:
        """Cancel what is queued or at work and wait for its end."""
        with self._lock, self._store.change() as session:
            waiting = session.scalars(select(JobRow.id).where(JobRow.state.in_(("queued", "running"))))
            self._cancelled.update(waiting)
        self._pool.shutdown(wait=True)

    def _carry_out(self, job: str, work: Work) -> None:
        if self.is_cancelled(job):
            self.note(job, state="cancelled", message="")
            return
        self.note(job, state="running")
        try:
            result = work(Progress(self, job))
        except Cancelled:
            self.note(job, state="cancelled", message="")
        except (ValueError, RuntimeError, LookupError, OSError) as error:
            log.exception("Job %s failed", job)
            self.note(job, state="failed", message=str(error))
        except BaseException as error:
            # Our own mistake: the person is told that it is one, the trace goes to the log, and it is raised on.
            self.note(job, state="failed", message=f"The studio made a mistake ({type(error).__name__}); see its log.")
            log.exception("Job %s broke", job)
            raise
        else:
            self.note(job, state="done", share=1.0, message="", result=result)


def _job(row: JobRow) -> Job:
    return Job(
        row.id,
        row.profile,
        row.kind,
        row.state,
        row.share,
        row.message,
        dict(row.request),
        dict(row.result),
        row.created,
    )
