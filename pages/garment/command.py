"""``likeness garment``: outlines and cloths, photos of dressed people, and figures, on the command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from studio.page import Command
from studio.store import LOCAL_PROFILE
from training.spec import BadRequest

if TYPE_CHECKING:
    from core.garment.predict import Dressed
    from pages.garment.drawings import Given
    from pages.garment.handlers import Laying
    from pages.garment.pieces import Made
    from studio.services import Services

OUTPUTS = ".png (transparent ground) .mask.png .svg .overlay.png (what was invented) .json, or a folder for all of them"
MOST_GARMENTS = 400
"""Garments of one command: folders of outlines times folders of cloths."""


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o", "--output", type=Path, action="append", required=True, metavar="OUT",
        help=f"{OUTPUTS}; may be given several times",
    )  # fmt: skip
    parser.set_defaults(profile=LOCAL_PROFILE)


def configure(parser: argparse.ArgumentParser) -> None:
    """The words of ``likeness garment``."""
    parser.add_argument("outline", metavar="OUTLINE", help="a drawing or mask, a folder of them, or a template's name")
    parser.add_argument("cloth", metavar="CLOTH", help="a picture of cloth (transparent where it is none), or a folder")
    _add_output(parser)
    parser.add_argument("--scale", type=float, default=1.0, help="size of the print; 1 is the usual one")
    parser.add_argument("--turn", type=float, default=0.0, metavar="DEGREES", help="turn the cloth clockwise")
    parser.add_argument(
        "--in-place", action="store_true",
        help="CLOTH is a garment on OUTLINE's own picture, transparent where something was in front: fill that in",
    )  # fmt: skip
    parser.add_argument("--grid", type=Path, metavar="SHEET", help="all garments on one sheet as well (.png or .webp)")


def run(services: Services, asked: argparse.Namespace) -> int:
    """Every outline in every cloth; one of a folder that cannot be used is named and left out."""
    from core.ops import build
    from pages.garment.drawings import list_given
    from pages.garment.handlers import Laying, check_names

    build.set_cache(services.settings.home / "ops")
    laying = Laying(asked.scale, asked.turn, asked.in_place)
    outlines, cloths = list_given(asked.outline, templates=True), list_given(asked.cloth)
    check_names(outlines, "outlines")
    check_names(cloths, "cloths")
    if len(outlines) * len(cloths) > MOST_GARMENTS:
        raise BadRequest(
            f"{len(outlines)} outlines in {len(cloths)} cloths are {len(outlines) * len(cloths)} garments; "
            f"at most {MOST_GARMENTS} are made at once."
        )
    _check_outputs(asked.output, many=len(outlines) * len(cloths) > 1)
    if asked.grid is not None and asked.grid.suffix not in (".png", ".webp"):
        raise BadRequest(f"{asked.grid.name}: a sheet of all garments is a .png or a .webp.")
    refused: list[str] = []
    made = list(_draw_all(services, asked, (outlines, cloths, laying), refused))
    if asked.grid is not None:
        _write_grid(made, len(cloths), asked.grid)
        print(asked.grid)
    return 1 if refused else 0


def _check_outputs(outputs: list[Path], many: bool) -> None:
    from pages.garment.pieces import ending_of

    for path in outputs:
        if not _is_folder(path):
            if many:
                raise BadRequest(f"{path.name} is one file, and several garments are made; name a folder: -o garments/")
            ending_of(path)


def _is_folder(path: Path) -> bool:
    return path.is_dir() or not path.suffix


def _draw_all(
    services: Services,
    asked: argparse.Namespace,
    given: tuple[list[Given], list[Given], Laying],
    refused: list[str],
) -> Iterator[Dressed]:
    from core.image import NotAPicture
    from pages.garment.handlers import open_predictor, read_cloth, read_cut, read_occluded
    from pages.garment.pieces import Made

    outlines, cloths, laying = given
    alone = len(outlines) * len(cloths) == 1
    predictor = open_predictor(services, asked.profile)
    for outline in outlines:
        for cloth in cloths:
            try:
                shape = read_cut(services, predictor, outline)
                texture = (
                    read_occluded(services, predictor, cloth, shape)
                    if laying.in_place
                    else read_cloth(services, predictor, cloth, laying)
                )
            except NotAPicture as error:
                if alone:
                    raise
                refused.append(str(error))
                print(f"likeness: {error}", file=sys.stderr)
                continue
            garment = predictor.draw(shape, texture)
            parents = (*outline.sha256, *cloth.sha256)
            _take_away(
                garment,
                asked.output,
                f"{outline.name}-{cloth.name}",
                Made(outline.name, cloth.name, parents, services.settings.mark),
            )
            yield garment


def _take_away(garment: Dressed, outputs: list[Path], name: str, made: Made) -> None:
    """Write every file that was asked for and say what is worth knowing."""
    from pages.garment.pieces import write_all, write_piece

    for path in outputs:
        if _is_folder(path):
            for written in write_all(garment, path, name, made):
                print(written)
            continue
        write_piece(garment, path, made)
        print(path)
    for note in garment.facts["notes"]:
        print(f"{name}: {note}", file=sys.stderr)


def _write_grid(made: list[Dressed], columns: int, path: Path) -> None:
    from core.image import contact_sheet, flatten, write_picture
    from pages.garment.sheet import in_square

    if not made:
        raise BadRequest("No garment was made, so there is no sheet.")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_picture(path, contact_sheet([in_square(flatten(one.pixels)) for one in made], columns))


def _configure_dress(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("photo", type=Path, metavar="PHOTO", help="a photo of a dressed person")
    parser.add_argument("--cut", metavar="TEMPLATE", help="the cut it gets; guessed from what is seen if not named")
    parser.add_argument("--region", choices=("top", "outer", "bottom"), help="which of the garments worn")
    _add_output(parser)


def _dress(services: Services, asked: argparse.Namespace) -> int:
    from core.ops import build
    from pages.garment.handlers import on_dress

    build.set_cache(services.settings.home / "ops")
    _check_outputs(asked.output, many=False)
    garment, made = on_dress(services, asked.profile, asked.photo, asked.cut, asked.region)
    _take_away(garment, asked.output, f"{asked.photo.stem}-{made.cut}", made)
    return 0


def _configure_wear(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "garment", type=Path, metavar="GARMENT", help="a garment's .png, as the other commands write it"
    )
    parser.add_argument(
        "--figure", metavar="POSE", help='for example "walking" or "hands on hips"; the seed\'s own without'
    )
    parser.add_argument("--kind", help="tee, dress, trousers ...: for a garment that does not say so itself")
    parser.add_argument("--with", dest="others", metavar="KINDS", help="what else is worn, for example jeans+coat")
    parser.add_argument("--view", default="full", choices=("full", "half", "upper"))
    parser.add_argument("--seed", type=int, default=0, help="whose figure: build, hair, light, ground")
    parser.add_argument("--size", type=int, default=512, help="pixels a side")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.png")


def _wear(services: Services, asked: argparse.Namespace) -> int:
    from core.engine.figure_choices import FigureChoices
    from core.ops import build
    from pages.garment.handlers import on_wear
    from studio.marks import write_marked

    build.set_cache(services.settings.home / "ops")
    if asked.output.suffix != ".png":
        raise BadRequest(f"{asked.output.name}: a figure is written as .png.")
    choices = FigureChoices(pose=asked.figure, kind=asked.others, view=asked.view)
    drawn, settings = on_wear(services, asked.garment, asked.kind, asked.seed, choices, asked.size)
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    write_marked(asked.output, drawn, settings, (), services.settings.mark)
    print(asked.output)
    return 0


COMMANDS = (
    Command(
        "garment",
        "draw a cut, give it a cloth",
        "likeness garment outline.png cloth.jpg -o garment.png -o garment.svg",
        configure,
        run,
    ),
    Command(
        "garment dress",
        "make a garment of what a person in a photo wears",
        "likeness garment dress photo.jpg --cut tee -o tee.png -o tee.json",
        _configure_dress,
        _dress,
    ),
    Command(
        "garment wear",
        "put a garment on a figure in any pose",
        'likeness garment wear tee.png --figure "hands on hips" -o worn.png',
        _configure_wear,
        _wear,
    ),
)
