"""The pages in menu order, the start page first. A page is a module with ``build``, ``on_*`` handlers and ``PAGE``."""

from __future__ import annotations

from pages import expression, runs, start
from studio.page import Page

PAGES: tuple[Page, ...] = (start.PAGE, expression.PAGE, runs.PAGE)
