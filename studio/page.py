"""What a page is: how it is laid out, where it stands, and the commands it brings."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.language import Language

if TYPE_CHECKING:
    from fastapi import FastAPI

    from studio.services import Services


@dataclass(frozen=True)
class Command:
    """A word of the command line, carried out by the same handlers as the page."""

    name: str
    """One or two words, for example ``textedit import``."""
    help: str
    example: str
    configure: Callable[[argparse.ArgumentParser], None]
    run: Callable[[Services, argparse.Namespace], int]


@dataclass(frozen=True)
class Offer:
    """A recipe that a person may start from a page."""

    subject: str
    recipe: str
    steps: int = 2000
    presets: tuple[str, ...] = ("small", "full")
    wants_data: bool = False
    """Whether the person must name a folder of their own pictures."""

    @property
    def key(self) -> str:
        """How it is chosen in a list."""
        return f"{self.subject} {self.recipe}"


@dataclass(frozen=True)
class Page:
    """One page of the studio. Its title and summary are the table's ``SLUG.title`` and ``SLUG.summary``."""

    slug: str
    build: Callable[[Services, Language], None]
    system: str | None = None
    """The room it shows, where it shows one."""
    wants: tuple[str, ...] = ()
    """Names of the room's weights without which it cannot work."""
    commands: tuple[Command, ...] = ()
    offers: tuple[Offer, ...] = ()
    attach: Callable[[FastAPI, Services], None] | None = None
    """Adds the page's own addresses (a socket, files made on demand); they stand behind the same guard."""
