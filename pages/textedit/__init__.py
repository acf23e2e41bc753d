"""The textedit page: a sentence, typed or spoken, changes a face; and its door on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pages.textedit.command import COMMANDS
from studio.page import Offer, Page

if TYPE_CHECKING:
    from studio.language import Language
    from studio.services import Services


def build(services: Services, say: Language) -> None:
    """Lay the page out."""
    from pages.textedit.layout import build as lay_out

    lay_out(services, say)


PAGE = Page(
    slug="textedit",
    build=build,
    system="textedit",
    wants=("generator", "inverter", "editor"),
    commands=COMMANDS,
    offers=(
        Offer("textedit", "editor", steps=2000),
        Offer("textedit", "captioner", steps=2000),
        Offer("textedit", "inverter", steps=1000),
    ),
)
