"""The garment room's door on the command line: a cut and a cloth, a dressed person, a figure that wears what was made."""

from __future__ import annotations

from pages.garment.command import COMMANDS

__all__ = ["COMMANDS"]
