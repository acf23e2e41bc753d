"""The few services that pages work with, made once by the composition root."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from studio.annotations import Annotations
from studio.jobs import Jobs
from studio.media import Media
from studio.models import Models
from studio.page import Offer, Page
from studio.people import People
from studio.runs import Runs
from studio.settings import Settings
from studio.store import Store


@dataclass(frozen=True)
class Services:
    """Everything a handler may need, passed to it first."""

    settings: Settings
    store: Store
    people: People
    media: Media
    annotations: Annotations
    models: Models
    jobs: Jobs
    runs: Runs
    offers: tuple[Offer, ...] = ()
    """What the pages offer to train."""
    systems: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Systems that have a page, and the weights that it wants."""

    @classmethod
    def open(cls, settings: Settings, pages: Sequence[Page] = ()) -> Services:
        """The services of a home folder, which is made where there is none."""
        settings.home.mkdir(parents=True, exist_ok=True)
        store = Store(settings.home / "studio.sqlite3")
        people = People(settings, store)
        return cls(
            settings=settings,
            store=store,
            people=people,
            media=Media(settings, store, people),
            annotations=Annotations(store),
            models=Models(),
            jobs=Jobs(store),
            runs=Runs(settings, store, people),
            offers=tuple(offer for page in pages for offer in page.offers),
            systems={page.system: page.wants for page in pages if page.system is not None},
        )

    def close(self) -> None:
        """Let go of what is held; runs go on by themselves."""
        self.jobs.close()
        self.models.forget()
        self.store.close()
