"""Pages of plain HTML, which work before anything else is loaded."""

from __future__ import annotations

from pathlib import Path
from string import Template

SHELL = Template(Path(__file__).with_name("plain.html").read_text(encoding="utf-8"))


def plain_page(code: str, body: str, head: str = "") -> str:
    """A whole page in a language, around ``body``."""
    return SHELL.substitute(code=code, body=body, head=head)
