"""The textedit room's door on the command line: a sentence changes a face, a face is described, a sound becomes words."""

from __future__ import annotations

from pages.textedit.command import COMMANDS

__all__ = ["COMMANDS"]
