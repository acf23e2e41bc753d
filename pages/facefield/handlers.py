"""What every door of the facefield room begins with: the networks in service, a photo within the limits, the face in it."""

from __future__ import annotations

from pathlib import Path

from core.face.align import Square
from core.face.reader import NoFace
from core.facefield.predict import Predictor, find_weights
from core.image import NotAPicture, Pixels, read_picture
from studio.services import Services
from studio.uploads import inspect
from training.spec import BadRequest

ROOM = "facefield"


def open_predictor(services: Services, profile: str, finds: bool = True) -> Predictor:
    """The networks in service for this person; a sentence where they are missing. ``finds``: also those that read photos."""
    roots = services.people.weight_roots(profile)
    for name in ("field", "encoder") if finds else ("field",):
        find_weights(name, roots)
    return services.models.get(ROOM, "field", roots, lambda _: Predictor.load(roots))


def read_photo(services: Services, path: Path) -> Pixels:
    """A photo within the limits."""
    if not path.is_file():
        raise BadRequest(f"There is no file {path}.")
    facts = inspect(path, services.settings.limits)
    if not facts["type"].startswith("image/"):
        raise NotAPicture(f"{path.name} is {facts['type']}, not a photo; wanted PNG, JPEG or WebP.")
    return read_picture(path)


def find_portrait(predictor: Predictor, photo: Pixels, name: str) -> tuple[Pixels, Square]:
    """The portrait in a photo and where it lies."""
    try:
        return predictor.frame(photo)
    except NoFace as error:
        raise NotAPicture(f"{name}: {error}") from error
