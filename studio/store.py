"""The database: an index of files, and the few facts that are no files. SQLite in WAL mode through SQLAlchemy."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Connection, Engine, ForeignKey, Index, create_engine, event, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

LOCAL_PROFILE = "local"


class StoreTooNew(RuntimeError):
    """The database was written by a later version of the studio."""


class Row(DeclarativeBase):
    """A table's row."""

    type_annotation_map = {dict[str, Any]: JSON, list[str]: JSON}  # noqa: RUF012


class ProfileRow(Row):
    """One person who uses the studio."""

    __tablename__ = "profiles"
    name: Mapped[str] = mapped_column(primary_key=True)
    secret: Mapped[str] = mapped_column(default="")
    """Salted scrypt digest; empty for the local profile."""
    created: Mapped[float] = mapped_column(default=time.time)


class SessionRow(Row):
    """One browser that signed in; only the digest of its cookie is kept."""

    __tablename__ = "sessions"
    digest: Mapped[str] = mapped_column(primary_key=True)
    profile: Mapped[str] = mapped_column(ForeignKey("profiles.name", ondelete="CASCADE"))
    expires: Mapped[float]


class MediaRow(Row):
    """One upload or result; the file lies under the home folder."""

    __tablename__ = "media"
    id: Mapped[str] = mapped_column(primary_key=True)
    profile: Mapped[str] = mapped_column(ForeignKey("profiles.name", ondelete="CASCADE"))
    kind: Mapped[str]
    """``upload`` or ``result``."""
    room: Mapped[str]
    """Slug of the page it belongs to."""
    file: Mapped[str]
    """Path under the home folder."""
    type: Mapped[str]
    sha256: Mapped[str]
    parents: Mapped[list[str]] = mapped_column(default=list)
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Width, height, seconds; for results the settings that made them."""
    created: Mapped[float] = mapped_column(default=time.time)
    __table_args__ = (Index("media_of_profile", "profile", "room", "created"),)


class ConsentRow(Row):
    """That the person shown agreed to the use of their face, and to what."""

    __tablename__ = "consents"
    id: Mapped[int] = mapped_column(primary_key=True)
    profile: Mapped[str] = mapped_column(ForeignKey("profiles.name", ondelete="CASCADE"))
    media: Mapped[str] = mapped_column(ForeignKey("media.id", ondelete="CASCADE"))
    purpose: Mapped[str]
    person: Mapped[str] = mapped_column(default="")
    given: Mapped[float] = mapped_column(default=time.time)


class AnnotationRow(Row):
    """What a person says a picture shows, beside what was suggested to them."""

    __tablename__ = "annotations"
    id: Mapped[str] = mapped_column(primary_key=True)
    profile: Mapped[str] = mapped_column(ForeignKey("profiles.name", ondelete="CASCADE"))
    medium: Mapped[str] = mapped_column(ForeignKey("media.id", ondelete="CASCADE"))
    kind: Mapped[str]
    label: Mapped[dict[str, Any]] = mapped_column(default=dict)
    suggestion: Mapped[dict[str, Any]] = mapped_column(default=dict)
    suggested_by: Mapped[str] = mapped_column(default="")
    created: Mapped[float] = mapped_column(default=time.time)
    __table_args__ = (Index("annotations_of_profile", "profile", "kind", "created"),)


class JobRow(Row):
    """A piece of work over about a second."""

    __tablename__ = "jobs"
    id: Mapped[str] = mapped_column(primary_key=True)
    profile: Mapped[str] = mapped_column(ForeignKey("profiles.name", ondelete="CASCADE"))
    kind: Mapped[str]
    request: Mapped[dict[str, Any]] = mapped_column(default=dict)
    state: Mapped[str] = mapped_column(default="queued")
    share: Mapped[float] = mapped_column(default=0.0)
    message: Mapped[str] = mapped_column(default="")
    result: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created: Mapped[float] = mapped_column(default=time.time)
    updated: Mapped[float] = mapped_column(default=time.time)


class RunRow(Row):
    """An index entry of a run folder; the folder's files are the truth."""

    __tablename__ = "runs"
    id: Mapped[str] = mapped_column(primary_key=True)
    profile: Mapped[str] = mapped_column(ForeignKey("profiles.name", ondelete="CASCADE"))
    folder: Mapped[str]
    subject: Mapped[str]
    recipe: Mapped[str]
    published: Mapped[str] = mapped_column(default="")
    """Version that was published from it."""
    created: Mapped[float] = mapped_column(default=time.time)


def _first_version(connection: Connection) -> None:
    Row.metadata.create_all(connection)
    connection.execute(
        text("INSERT INTO profiles (name, secret, created) VALUES (:name, '', :now)"),
        {"name": LOCAL_PROFILE, "now": time.time()},
    )


def _add_annotations(connection: Connection) -> None:
    Row.metadata.create_all(connection, [Row.metadata.tables["annotations"]])


MIGRATIONS: tuple[Callable[[Connection], None], ...] = (_first_version, _add_annotations)
"""Step n brings a database of version n to n + 1. A released step is never changed."""


class Store:
    """Short transactions on the studio's database."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 30})
        event.listen(self._engine, "connect", _set_pragmas)
        _migrate(self._engine, path)
        self._sessions = sessionmaker(self._engine, expire_on_commit=False)

    @contextmanager
    def change(self) -> Iterator[Session]:
        """A session whose changes are kept when the block ends well and undone when it does not."""
        with self._sessions() as session, session.begin():
            yield session

    def close(self) -> None:
        """Give the database's file back."""
        self._engine.dispose()


def _set_pragmas(connection: Any, record: Any) -> None:  # noqa: ARG001 - SQLAlchemy passes both
    for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=NORMAL"):
        connection.execute(f"PRAGMA {pragma}")


def _migrate(engine: Engine, path: Path) -> None:
    with engine.begin() as connection:
        version = int(connection.execute(text("PRAGMA user_version")).scalar_one())
        if version > len(MIGRATIONS):
            raise StoreTooNew(
                f"{path} was written by a later version of the studio (schema {version}, this one knows {len(MIGRATIONS)}). "
                f"Update the studio, or point LIKENESS_HOME at another folder."
            )
        for step in MIGRATIONS[version:]:
            step(connection)
        connection.execute(text(f"PRAGMA user_version = {len(MIGRATIONS)}"))
