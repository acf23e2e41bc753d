"""What the garment door does: a cut in a cloth, what a person in a photo wears, and a garment on a figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.engine.cuts import KINDS
from core.engine.figure_choices import FigureChoices
from core.garment.cloth import NotACloth
from core.garment.outline import NotAnOutline
from core.garment.predict import Dressed, Predictor, Shape, Texture, find_weights
from core.garment.wear import wear
from core.garment.worn import NoGarment
from core.image import NotAPicture, Pixels, flatten
from pages.garment.drawings import Given, read_drawing, with_colour
from pages.garment.pieces import Made, read_part
from studio.services import Services
from training.spec import BadRequest

ROOM = "garment"


@dataclass(frozen=True)
class Laying:
    """How a cloth is laid."""

    scale: float = 1.0
    """1 is a print's usual size."""
    turn_degrees: float = 0.0
    in_place: bool = False
    """The cloth is a flat garment on the outline's own picture, transparent where something was in front."""

    def __post_init__(self) -> None:
        if not 0.1 <= self.scale <= 10:
            raise BadRequest(f"A cloth is laid at a scale of 0.1 to 10, where 1 is the usual size, not {self.scale}.")


def open_predictor(services: Services, profile: str) -> Predictor:
    """The networks in service for this person, or a sentence that says which are missing and how to train them."""
    roots = services.people.weight_roots(profile)
    for name in ("generator", "encoders"):
        find_weights(name, roots)
    return services.models.get(ROOM, "encoders", roots, lambda _: Predictor.load(roots))


def read_cut(services: Services, predictor: Predictor, given: Given, size: int = 512) -> Shape:
    """An outline's file or a template, as the generator understands it."""
    if given.path is None:
        return predictor.read_template(given.name, size)
    drawing = read_drawing(services, given.path)
    try:
        return predictor.read_shape(drawing)
    except NotAnOutline as error:
        raise NotAPicture(f"{given.path.name}: {error}") from error


def read_cloth(services: Services, predictor: Predictor, given: Given, laying: Laying) -> Texture:
    """A cloth's file, as the generator understands it."""
    assert given.path is not None
    try:
        return predictor.read_texture(
            with_colour(read_drawing(services, given.path)), None, laying.scale, laying.turn_degrees
        )
    except NotACloth as error:
        raise NotAPicture(f"{given.path.name}: {error}") from error


def read_occluded(services: Services, predictor: Predictor, given: Given, shape: Shape) -> Texture:
    """A flat garment behind something, where it lies on the outline's own picture."""
    assert given.path is not None
    pixels = with_colour(read_drawing(services, given.path))
    if pixels.shape[2] == 3:
        raise BadRequest(
            f"{given.path.name} shows all of its garment; with --in-place give a PNG that is transparent where something "
            "was in front of it."
        )
    try:
        return predictor.read_hidden(pixels[..., :3], pixels[..., 3], shape)
    except ValueError as error:
        raise NotAPicture(f"{given.path.name}: {error}") from error


def on_dress(
    services: Services, profile: str, photo: Path, cut: str | None, region: str | None
) -> tuple[Dressed, Made]:
    """What a person in a photo wears, as a garment of a template's cut."""
    if cut is not None and cut not in KINDS:
        raise BadRequest(f"There is no template {cut!r}; there is {', '.join(KINDS)}.")
    if not photo.is_file():
        raise BadRequest(f"There is no file {photo}.")
    pixels = flatten(with_colour(read_drawing(services, photo)))
    predictor = open_predictor(services, profile)
    try:
        garment = predictor.garment_of(pixels, cut, region)
    except NoGarment as error:
        raise NotAPicture(f"{photo.name}: {error}") from error
    parents = Given(photo.stem, photo).sha256
    return garment, Made(str(garment.facts["template"]), photo.name, parents, services.settings.mark)


def on_wear(
    services: Services, garment: Path, kind: str | None, seed: int, choices: FigureChoices, size: int = 512
) -> tuple[Pixels, dict[str, object]]:
    """A garment's file on the engine figure of a seed, and the settings that made the picture. Wants no weights."""
    part = read_part(services, garment, kind)
    try:
        drawn = wear(part, seed, choices, size)
    except ValueError as error:
        raise BadRequest(str(error)) from error
    return drawn, {"system": ROOM, "worn": part.kind, "figure": seed, "pose": choices.pose, "view": choices.view}


def check_names(given: Sequence[Given], what: str) -> None:
    """Files of one folder may differ in their endings alone; what is made of them is named without."""
    names = [one.name for one in given]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise BadRequest(f"Two {what} are called {twice}; rename one, as what is made is named after them.")
