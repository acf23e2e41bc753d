"""What a person can choose about the whole studio, read once at the start and passed on as a value."""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LANGUAGES = ("en", "zh")


class BadSettings(ValueError):
    """Settings that would not be safe or cannot work; the message says what to change."""


@dataclass(frozen=True)
class Limits:
    """What an upload may be. Checked before anything is decoded."""

    upload_megabytes: int = 200
    picture_megapixels: int = 50
    picture_side: int = 16000
    clip_seconds: int = 300
    clip_side: int = 4096
    sound_seconds: int = 120


@dataclass(frozen=True)
class Settings:
    """The studio's settings."""

    home: Path = field(default_factory=lambda: Path("~/.likeness").expanduser())
    """Uploads, results, runs, published weights, database and compiled ops."""
    shipped: Path = ROOT / "assets"
    host: str = "127.0.0.1"
    port: int = 7860
    password: str | None = None
    """The house password: with it, people sign in by name, and other addresses than 127.0.0.1 may be served."""
    certificate: Path | None = None
    """PEM file; with ``key``, the studio speaks HTTPS (browsers refuse the camera elsewhere than on this machine without)."""
    key: Path | None = None
    language: str = "en"
    trainer: tuple[str, ...] = (sys.executable, "-m", "training")
    """Command that carries out a run."""
    mark: str = "corner"
    """Where the visible mark of generated pictures stands: corner, top or metadata (only in the file's metadata)."""
    speech: str = "offline"
    """Which recogniser hears: ours on this machine, or one of SpeechRecognition's by name."""
    desk: bool = True
    """Whether the annotation desk is started as well."""
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if not is_loopback(self.host) and not self.password:
            raise BadSettings(
                f"Serving {self.host} would show this studio to other machines, and no password is set. Set LIKENESS_PASSWORD "
                f"(or --password-file FILE), or serve 127.0.0.1."
            )
        if not 1 <= self.port <= 65535:
            raise BadSettings(f"{self.port} is not a port; choose one from 1 to 65535.")
        if self.language not in LANGUAGES:
            raise BadSettings(f"There is no language {self.language!r}; choose one of {', '.join(LANGUAGES)}.")
        if self.mark not in ("corner", "top", "metadata"):
            raise BadSettings(f"There is no place {self.mark!r} for the mark; choose corner, top or metadata.")
        if (self.certificate is None) != (self.key is None):
            raise BadSettings("HTTPS wants both a certificate and a key.")
        if self.password is not None and len(self.password) < 8:
            raise BadSettings("The password must have at least 8 characters.")

    @classmethod
    def read(cls, environment: Mapping[str, str], **chosen: object) -> Settings:
        """Settings from the environment (LIKENESS_HOME, LIKENESS_PASSWORD ...), then from what the command line says."""
        settings = cls(**_from_environment(environment))  # pyright: ignore[reportArgumentType]
        given = {key: value for key, value in chosen.items() if value is not None}
        return replace(settings, **given) if given else settings  # pyright: ignore[reportArgumentType]

    @property
    def weight_roots(self) -> tuple[Path, ...]:
        """Where weights are looked for: what this studio published, then what ships."""
        return (self.home / "weights", self.shipped / "weights")

    @property
    def named_profiles(self) -> bool:
        """Whether people sign in by name."""
        return self.password is not None


def _from_environment(environment: Mapping[str, str]) -> dict[str, object]:
    values: dict[str, object] = {}
    if environment.get("LIKENESS_HOME"):
        values["home"] = Path(environment["LIKENESS_HOME"]).expanduser().absolute()
    for name in ("host", "password", "language", "mark", "speech"):
        if environment.get(f"LIKENESS_{name.upper()}"):
            values[name] = environment[f"LIKENESS_{name.upper()}"]
    if environment.get("LIKENESS_PORT"):
        try:
            values["port"] = int(environment["LIKENESS_PORT"])
        except ValueError as error:
            raise BadSettings(f"LIKENESS_PORT is {environment['LIKENESS_PORT']!r}; wanted a number.") from error
    return values


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
