"""Profiles, signing in, consents, and deleting everything of a person."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import shutil
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import delete, select

from studio.settings import Settings
from studio.store import (
    LOCAL_PROFILE,
    AnnotationRow,
    ConsentRow,
    JobRow,
    MediaRow,
    ProfileRow,
    RunRow,
    SessionRow,
    Store,
)  # fmt: skip

SESSION_SECONDS = 30 * 24 * 3600
TRIES, TRY_SECONDS = 8, 300
NAME = re.compile(r"[\w .\-]{1,40}")


class SignInRefused(PermissionError):
    """A name or password that does not let in; the message is for the person."""


@dataclass(frozen=True)
class Consent:
    """That the person shown agreed."""

    media: str
    purpose: str
    person: str
    given: float


class People:
    """Who uses the studio, and what is theirs."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings, self._store = settings, store
        self._failures: dict[str, list[float]] = {}
        self._lock = threading.Lock()

    def folder(self, profile: str) -> Path:
        """Where a profile's own files lie; the name is digested, so no name can point elsewhere."""
        return self._settings.home / "people" / hashlib.sha256(profile.encode()).hexdigest()[:20]

    def weight_roots(self, profile: str) -> tuple[Path, ...]:
        """Where this profile's weights are looked for: their own first."""
        return (self.folder(profile) / "weights", *self._settings.weight_roots)

    def names(self) -> list[str]:
        """All profiles."""
        with self._store.change() as session:
            return list(session.scalars(select(ProfileRow.name).order_by(ProfileRow.created)))

    def sign_in(self, name: str, password: str, house_password: str = "", address: str = "") -> str:
        """A new session's cookie for a known name; a new name is added if the house password is right."""
        name = name.strip()
        self._check_rate(address)
        if not NAME.fullmatch(name) or name == LOCAL_PROFILE:
            raise SignInRefused("A name has 1 to 40 letters, digits, spaces, dots or dashes.")
        with self._store.change() as session:
            row = session.get(ProfileRow, name)
            known = row is not None and bool(row.secret)
            if row is not None and known and not _fits(password, row.secret):
                self._remember_failure(address)
                raise SignInRefused("This name and password do not belong together.")
            if not known:
                if not self._settings.password or not hmac.compare_digest(
                    house_password.encode(), self._settings.password.encode()
                ):
                    self._remember_failure(address)
                    raise SignInRefused("This name is new here: the studio's password is needed to add it.")
                if len(password) < 8:
                    raise SignInRefused("Your own password must have at least 8 characters.")
                session.add(ProfileRow(name=name, secret=_digest(password)))
                session.flush()
            cookie = secrets.token_urlsafe(32)
            session.add(SessionRow(digest=_cookie_digest(cookie), profile=name, expires=time.time() + SESSION_SECONDS))
        return cookie

    def who(self, cookie: str | None) -> str | None:
        """The profile of a session's cookie; without named profiles, always the local one."""
        if not self._settings.named_profiles:
            return LOCAL_PROFILE
        if not cookie:
            return None
        with self._store.change() as session:
            row = session.get(SessionRow, _cookie_digest(cookie))
            return row.profile if row is not None and row.expires > time.time() else None

    def sign_out(self, cookie: str) -> None:
        """End one session."""
        with self._store.change() as session:
            session.execute(delete(SessionRow).where(SessionRow.digest == _cookie_digest(cookie)))

    def agree(self, profile: str, media: str, purpose: str, person: str = "") -> None:
        """Keep a consent with the picture it is for."""
        with self._store.change() as session:
            owned = session.get(MediaRow, media)
            if owned is None or owned.profile != profile:
                raise LookupError("There is no such picture of yours to consent for.")
            session.add(ConsentRow(profile=profile, media=media, purpose=purpose, person=person))

    def consents(self, profile: str) -> list[Consent]:
        """All consents kept by a profile."""
        with self._store.change() as session:
            rows = session.scalars(select(ConsentRow).where(ConsentRow.profile == profile).order_by(ConsentRow.id))
            return [Consent(row.media, row.purpose, row.person, row.given) for row in rows]

    def delete_everything(self, profile: str) -> int:
        """Every picture, result, run, code and personal checkpoint of a profile. Returns how many files went."""
        own = self.folder(profile)
        with self._store.change() as session:
            runs = list(session.scalars(select(RunRow.folder).where(RunRow.profile == profile)))
            for table in (AnnotationRow, ConsentRow, MediaRow, JobRow, RunRow):
                session.execute(delete(table).where(table.profile == profile))
            if profile != LOCAL_PROFILE:
                session.execute(delete(ProfileRow).where(ProfileRow.name == profile))
        folders = [own, *(Path(run) for run in runs)]
        files = sum(1 for folder in folders if folder.is_dir() for path in folder.rglob("*") if path.is_file())
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        return files

    def _check_rate(self, address: str) -> None:
        with self._lock:
            recent = [moment for moment in self._failures.get(address, []) if moment > time.time() - TRY_SECONDS]
            self._failures[address] = recent
            if len(recent) >= TRIES:
                raise SignInRefused(f"Too many tries; wait {TRY_SECONDS // 60} minutes.")

    def _remember_failure(self, address: str) -> None:
        with self._lock:
            self._failures.setdefault(address, []).append(time.time())


def _digest(password: str) -> str:
    salt = secrets.token_bytes(16)
    return f"{salt.hex()}:{_scrypt(password, salt).hex()}"


def _fits(password: str, secret: str) -> bool:
    salt, _, digest = secret.partition(":")
    return hmac.compare_digest(_scrypt(password, bytes.fromhex(salt)).hex(), digest)


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1)


def _cookie_digest(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
