"""The expression page: a face before a camera, in a picture or in a clip drives a character, live and as files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pages.expression.collection import COMMAND as COLLECT
from pages.expression.command import COMMAND
from studio.page import Offer, Page

if TYPE_CHECKING:
    from fastapi import FastAPI

    from studio.language import Language
    from studio.services import Services


def build(services: Services, say: Language) -> None:
    """Lay the page out."""
    from pages.expression.layout import build as lay_out

    lay_out(services, say)


def attach(app: FastAPI, services: Services) -> None:
    """The socket and the addresses of the live desk."""
    from pages.expression.addresses import attach as add

    add(app, services)


PAGE = Page(
    slug="expression",
    build=build,
    system="expression",
    wants=("converter", "reader", "regressor_juno", "regressor_fen"),
    commands=(COMMAND, COLLECT),
    offers=(Offer("expression", "reader", steps=2000), Offer("expression", "converter", steps=4000)),
    attach=attach,
)
