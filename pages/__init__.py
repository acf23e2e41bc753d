"""The pages in menu order, the start page first. A page is a module with ``build``, ``on_*`` handlers and ``PAGE``."""

from __future__ import annotations

from pages import depth, expression, facefield, garment, runs, start, textedit
from studio.page import Command, Page

PAGES: tuple[Page, ...] = (
    start.PAGE,
    expression.PAGE,
    facefield.PAGE,
    textedit.PAGE,
    depth.PAGE,
    garment.PAGE,
    runs.PAGE,
)
COMMANDS: tuple[Command, ...] = ()
"""Commands of rooms whose page is to come."""
