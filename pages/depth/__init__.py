"""The depth page: distances and the camera's way from a clip or a picture; and the same as commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pages.depth.command import COMMANDS
from studio.page import Offer, Page

if TYPE_CHECKING:
    from studio.language import Language
    from studio.services import Services


def build(services: Services, say: Language) -> None:
    """Lay the page out."""
    from pages.depth.layout import build as lay_out

    lay_out(services, say)


PAGE = Page(
    slug="depth",
    build=build,
    system="depth",
    wants=("network",),
    commands=COMMANDS,
    offers=(Offer("depth", "network", steps=2000),),
)
