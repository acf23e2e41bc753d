"""The garment page: a cut in a cloth, what a dressed person wears, and a garment on a figure; and the same as commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pages.garment.command import COMMANDS
from studio.page import Offer, Page

if TYPE_CHECKING:
    from studio.language import Language
    from studio.services import Services


def build(services: Services, say: Language) -> None:
    """Lay the page out."""
    from pages.garment.layout import build as lay_out

    lay_out(services, say)


PAGE = Page(
    slug="garment",
    build=build,
    system="garment",
    wants=("generator", "encoders", "segmenter"),
    commands=COMMANDS,
    offers=(Offer("garment", "encoders", steps=2000),),
)
