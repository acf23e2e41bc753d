"""The facefield page: one photo becomes a head that is turned, changed, compared and taken away as a mesh."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pages.facefield.command import COMMANDS
from studio.page import Offer, Page

if TYPE_CHECKING:
    from fastapi import FastAPI

    from studio.language import Language
    from studio.services import Services


def build(services: Services, say: Language) -> None:
    """Lay the page out."""
    from pages.facefield.layout import build as lay_out

    lay_out(services, say)


def attach(app: FastAPI, services: Services) -> None:
    """Add the page's own addresses."""
    from pages.facefield.addresses import attach as add

    add(app, services)


PAGE = Page(
    slug="facefield",
    build=build,
    system="facefield",
    wants=("field", "encoder"),
    commands=COMMANDS,
    offers=(Offer("facefield", "field", steps=2000), Offer("facefield", "encoder", steps=2000)),
    attach=attach,
)
