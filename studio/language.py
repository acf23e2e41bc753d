"""What the studio says, in English and Chinese: one table per language, looked up by key."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path

from studio.settings import LANGUAGES, ROOT

TABLES = ROOT / "assets" / "words"


@dataclass(frozen=True)
class Language:
    """One language of the interface."""

    code: str
    table: dict[str, str]

    def __call__(self, key: str, **values: object) -> str:
        """The text of a key with its values filled in. A missing key is our mistake, and loud."""
        return self.table[key].format(**values) if values else self.table[key]

    @property
    def other(self) -> str:
        """Code of the language one can switch to."""
        return next(code for code in LANGUAGES if code != self.code)


def table_path(code: str) -> Path:
    """The file of a language's table."""
    return TABLES / f"interface.{code}.json"


@functools.cache
def speak(code: str) -> Language:
    """A language by its code."""
    return Language(code, json.loads(table_path(code).read_text(encoding="utf-8")))
