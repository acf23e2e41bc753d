"""``likeness expression``: a picture or clip on the command line, by the page's own handlers."""

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
    from core.image import Pixels
    from studio.services import Services


def configure(parser: argparse.ArgumentParser) -> None:
    """The command's words."""
    parser.add_argument("file", type=Path, metavar="VIDEO|PICTURE")
    parser.add_argument(
        "-o", "--output", type=Path, action="append", required=True, metavar="OUT",
        help=".png .mp4 .webm .csv .json .live.csv (Live Link Face) .glb (animation); may be given several times",
    )  # fmt: skip
    parser.add_argument("--character", default="juno", help="who is driven: juno or fen")
    parser.add_argument("--ground", default="paper", help="paper, slate, teal, coral, night, white or #rrggbb")
    parser.add_argument("--light", default="studio", help="studio, warm, cool, flat or night")
    parser.add_argument("--framing", default="face", choices=("face", "bust"))
    parser.add_argument("--size", type=int, default=256, help="pixels a side of pictures and clips")
    parser.add_argument("--alpha", action="store_true", help="transparent ground: .png and .webm")
    parser.add_argument(
        "--as-converted", action="store_true", help="show what the network draws, not the drawn character"
    )
    parser.add_argument(
        "--read-from", default="photo", choices=("photo", "virtual"),
        help="what the numbers are read from: the photo, or what the converter draws of it (for a converter of your own)",
    )  # fmt: skip
    parser.add_argument("--raw", action="store_true", help="no smoothing over time")
    parser.set_defaults(profile=LOCAL_PROFILE)


def run(services: Services, asked: argparse.Namespace) -> int:
    """Read the file, write what was asked for."""
    from core.expression.rig import Smoothing
    from core.face.reader import NoFace
    from core.image import NotAPicture
    from core.ops import build
    from pages.expression.handlers import choose_character, choose_scene, open_predictor, read_input
    from pages.expression.takes import Driving, Show, ending_of, read_take, write_take

    build.set_cache(services.settings.home / "ops")
    endings = [ending_of(path) for path in asked.output]
    if not 16 <= asked.size <= 2048:
        raise BadRequest(f"Pictures are 16 to 2048 pixels a side, not {asked.size}.")
    if asked.alpha and ".mp4" in endings:
        raise BadRequest("An .mp4 cannot be transparent; with --alpha write a .webm, or .png.")
    scene = choose_scene("clear" if asked.alpha else asked.ground, asked.light, asked.framing)
    moving, given = read_input(services, asked.file)
    if not moving and {".mp4", ".webm"} & set(endings):
        raise BadRequest(f"{asked.file.name} is one picture; write a .png, a track or a .glb of it.")
    predictor = open_predictor(services, asked.profile, asked.read_from)
    choose_character(services, asked.profile, asked.character)
    how = Driving(asked.character, smoothing=None if asked.raw else Smoothing(), keep_virtual=asked.as_converted)
    try:
        take = read_take(predictor, _report(given) if moving else given, how)
    except NoFace as error:
        raise NotAPicture(f"{asked.file.name}: {error}") from error
    show = Show(scene, asked.size, asked.as_converted, services.settings.mark)
    for path in asked.output:
        write_take(take, path, show)
        print(f"{path}")
    if take.held:
        print(f"{take.held} of {take.frames} frames show no face; the pose before was held there.", file=sys.stderr)
    return 0


def _report(given: Iterator[tuple[float, Pixels]]) -> Iterator[tuple[float, Pixels]]:
    for number, (at, frame) in enumerate(given, 1):
        if number % 10 == 0:
            print(f"\r{number} frames", end="", file=sys.stderr, flush=True)
        yield at, frame
    print("\r", end="", file=sys.stderr)


COMMAND = Command(
    "expression",
    "drive a character with the face in a picture or clip",
    "likeness expression clip.mp4 -o juno.mp4 -o juno.live.csv -o juno.glb",
    configure,
    run,
)
