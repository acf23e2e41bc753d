"""``likeness facefield``: a photo to a head on the command line, and whether two photos show one person."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from studio.page import Command
from studio.store import LOCAL_PROFILE

if TYPE_CHECKING:
    from core.facefield.heads import FaceCode
    from core.facefield.predict import Predictor
    from studio.services import Services

OUTPUTS = ".glb .ply .obj (mesh) .mp4 .gif (turntable) .png .depth.png .cameras.json .json (codes)"


def configure(parser: argparse.ArgumentParser) -> None:
    """The words of ``likeness facefield``."""
    parser.add_argument("photo", type=Path, metavar="PHOTO", help="a photo with a face, or a head's codes (.json)")
    parser.add_argument(
        "-o", "--output", type=Path, action="append", required=True, metavar="OUT",
        help=f"{OUTPUTS}; may be given several times",
    )  # fmt: skip
    parser.add_argument("--yaw", type=float, default=0.0, metavar="DEGREES", help="from their left")
    parser.add_argument("--pitch", type=float, default=0.0, metavar="DEGREES", help="from above")
    parser.add_argument("--resolution", type=int, default=128, help="cells a side in which a mesh is looked for")
    parser.add_argument("--steps", type=int, default=None, help="how long the photo is looked at (default: 30)")
    parser.set_defaults(profile=LOCAL_PROFILE)


def run(services: Services, asked: argparse.Namespace) -> int:
    """Find the head of a photo, write it in every form that was asked for."""
    from core.ops import build
    from pages.facefield.handlers import open_predictor
    from pages.facefield.pieces import Made, check_view, ending_of, write_pieces

    build.set_cache(services.settings.home / "ops")
    for path in asked.output:
        ending_of(path)
    check_view(asked.yaw, asked.pitch)
    known = asked.photo.suffix.lower() == ".json"
    predictor = open_predictor(services, asked.profile, finds=not known)
    code, parents = _read(services, predictor, asked.photo, asked.steps)
    settings = {"system": "facefield", "photo": asked.photo.name, "difference": code.difference}
    made = Made(settings, parents, services.settings.mark, asked.yaw, asked.pitch, asked.resolution)
    write_pieces(predictor, code, asked.output, made)
    for path in asked.output:
        print(path)
    if code.difference is not None:
        print(f"drawn again it differs from the photo by {code.difference:.1f} of 255", file=sys.stderr)
    return 0


def _read(services: Services, predictor: Predictor, path: Path, steps: int | None) -> tuple[FaceCode, tuple[str, ...]]:
    """A photo's head, looked for, or a file's; and the digest of what it came from."""
    import hashlib

    from core.facefield.heads import Effort, FaceCode
    from pages.facefield.handlers import find_portrait, read_photo
    from training.spec import BadRequest

    if path.suffix.lower() == ".json":
        try:
            code = FaceCode.from_json(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise BadRequest(f"{path.name}: {error}") from error
        return code, (hashlib.sha256(path.read_bytes()).hexdigest(),)
    photo = read_photo(services, path)
    portrait, _ = find_portrait(predictor, photo, path.name)
    effort = Effort() if steps is None else Effort(steps=steps)
    return predictor.find(portrait, effort), (hashlib.sha256(path.read_bytes()).hexdigest(),)


def _configure_verify(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("first", type=Path, metavar="A", help="a photo, or a head's codes (.json)")
    parser.add_argument("second", type=Path, metavar="B")
    parser.set_defaults(profile=LOCAL_PROFILE)


def _verify(services: Services, asked: argparse.Namespace) -> int:
    """Say whether two show one person; the exit status is 0 for the same, 1 for different."""
    from core.ops import build
    from pages.facefield.handlers import open_predictor

    build.set_cache(services.settings.home / "ops")
    predictor = open_predictor(services, asked.profile)
    codes = [_read(services, predictor, path, None)[0] for path in (asked.first, asked.second)]
    verdict = predictor.verify(*codes)
    said = "the same person" if verdict.same else "different people"
    print(f"{said} ({100 * verdict.score:.0f} % for the same; {100 * verdict.error_rate:.0f} % of verdicts are wrong)")
    return 0 if verdict.same else 1


COMMANDS = (
    Command(
        "facefield",
        "turn one photo into a head: views, turntable, depth, mesh",
        "likeness facefield photo.jpg -o head.glb -o turn.mp4",
        configure,
        run,
    ),
    Command(
        "facefield verify",
        "tell whether two photos show one person",
        "likeness facefield verify a.jpg b.jpg",
        _configure_verify,
        _verify,
    ),
)
