"""``likeness textedit``: a face edited by words, described in words, and words heard, on the command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from studio.page import Command
from studio.store import LOCAL_PROFILE
from training.spec import BadRequest

if TYPE_CHECKING:
    from pages.textedit.clip import Filmed
    from pages.textedit.handlers import Edited, Wanted
    from studio.services import Services

ENDINGS = (".png", ".mp4", ".json")


def configure(parser: argparse.ArgumentParser) -> None:
    """The words of ``likeness textedit``."""
    parser.add_argument("photo", type=Path, metavar="PHOTO|CLIP")
    parser.add_argument("text", metavar="TEXT", help='for example "big eyes, long hair" or 大眼睛长头发')
    parser.add_argument(
        "-o", "--output", type=Path, action="append", required=True, metavar="OUT",
        help=".png (a photo's face), .mp4 (a clip, with its sound), .json (what was understood); may be given several times",
    )  # fmt: skip
    parser.add_argument("--strength", type=float, default=1.0, help="0 leaves the face as it is, 1 is the whole edit")
    parser.add_argument(
        "--mine", type=float, default=1.0, help="1: as like the photo as can be; 0: the nearest face that edits well"
    )
    parser.add_argument("--steps", type=int, default=60, help="how long is looked for a new face's code, twice")
    parser.add_argument(
        "--whole", action="store_true", help="lay the edited face back into the photo, or into every frame"
    )
    parser.set_defaults(profile=LOCAL_PROFILE)


def run(services: Services, asked: argparse.Namespace) -> int:
    """Edit the photo or clip, write what was asked for, say what was understood."""
    from core.ops import build
    from core.textedit.invert import Effort
    from pages.textedit.clip import is_clip
    from pages.textedit.handlers import Wanted, language_of, on_edit, read_request, show_chips

    build.set_cache(services.settings.home / "ops")
    for path in asked.output:
        if path.suffix not in ENDINGS:
            raise BadRequest(
                f"{path.name}: nothing is written as {path.suffix or 'that'}; choose from {', '.join(ENDINGS)}."
            )
    if not 1 <= asked.steps <= 2000:
        raise BadRequest(f"A photo's code is looked for in 1 to 2000 steps, not {asked.steps}.")
    wanted = Wanted(asked.text, asked.strength, asked.mine, Effort(asked.steps, asked.steps))
    understood = read_request(asked.text)
    moving = is_clip(services, asked.photo)
    _check_fit(asked, moving)
    print(show_chips(understood, language_of(asked.text)), flush=True)
    if moving:
        return _film(services, asked, wanted)
    edited = on_edit(services, asked.profile, asked.photo, wanted)
    for path in asked.output:
        _write(edited, path, asked.whole, services.settings.mark)
        print(path)
    if edited.says:
        print(edited.says)
    return 0


def _check_fit(asked: argparse.Namespace, moving: bool) -> None:
    """A sentence where what is given cannot become what is asked for."""
    for path in asked.output:
        if moving and path.suffix == ".png":
            raise BadRequest(f"{asked.photo.name} is a clip; write an .mp4 of it, not {path.name}.")
        if not moving and path.suffix == ".mp4":
            raise BadRequest(f"{asked.photo.name} is one picture; write a .png of it, not {path.name}.")
    if moving and sum(path.suffix == ".mp4" for path in asked.output) != 1:
        raise BadRequest(f"{asked.photo.name} is a clip; say once where it goes, for example -o edited.mp4.")


def _film(services: Services, asked: argparse.Namespace, wanted: Wanted) -> int:
    from pages.textedit.clip import Filming, on_edit_clip

    goal = next(path for path in asked.output if path.suffix == ".mp4")
    try:
        filmed = on_edit_clip(services, asked.profile, Filming(asked.photo, wanted, asked.whole), goal, _tell())
    finally:
        print("\r     \r", end="", file=sys.stderr, flush=True)
    for path in asked.output:
        if path is not goal:
            _write_json(filmed, path)
        print(path)
    for note in filmed.notes:
        print(note, file=sys.stderr)
    if filmed.says:
        print(filmed.says)
    return 0


def _tell() -> Callable[[float], None]:
    """Shows how far a piece of work is, on one line."""
    shown = -1

    def tell(share: float) -> None:
        nonlocal shown
        if int(share * 100) != shown:
            shown = int(share * 100)
            print(f"\r{shown} %", end="", file=sys.stderr, flush=True)

    return tell


def _write(edited: Edited, path: Path, whole: bool, mark: str) -> None:
    from studio.marks import write_marked

    if path.suffix == ".json":
        return _write_json(edited, path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_marked(path, edited.whole if whole else edited.portrait, edited.settings, edited.parents, mark)
    return None


def _write_json(edited: Edited | Filmed, path: Path) -> None:
    import json
    from dataclasses import asdict

    from studio.marks import provenance

    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "understood": [asdict(chip) for chip in edited.understood.chips],
        "wishes": {
            wish.key: {"low": wish.low, "high": wish.high, "target": wish.target, "direction": wish.direction}
            for wish in edited.understood.wishes
        },
        "says": edited.says,
    }
    said = content | provenance(edited.settings, edited.parents)
    path.write_text(json.dumps(said, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _add_language(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--language", default="en", choices=("en", "zh"))
    parser.set_defaults(profile=LOCAL_PROFILE)


def _configure_describe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("photo", type=Path, metavar="PHOTO")
    _add_language(parser)


def _describe(services: Services, asked: argparse.Namespace) -> int:
    from core.ops import build
    from pages.textedit.handlers import on_describe

    build.set_cache(services.settings.home / "ops")
    print(on_describe(services, asked.profile, asked.photo, asked.language))
    return 0


def _configure_listen(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("sound", type=Path, metavar="SOUND", help="a sound file, or a clip with sound")
    _add_language(parser)


def _listen(services: Services, asked: argparse.Namespace) -> int:
    from pages.textedit.handlers import on_listen, show_chips

    text, understood = on_listen(services, asked.profile, asked.sound, asked.language)
    print(text)
    print(show_chips(understood, asked.language))
    note = understood.note(asked.language)
    if note:
        print(note)
    return 0


COMMANDS = (
    Command(
        "textedit",
        "change the face in a photo or clip by a sentence",
        'likeness textedit photo.jpg "big eyes, long hair" -o edited.png',
        configure,
        run,
    ),
    Command(
        "textedit describe",
        "say what a face in a photo looks like",
        "likeness textedit describe photo.jpg --language zh",
        _configure_describe,
        _describe,
    ),
    Command(
        "textedit listen",
        "hear what is asked for",
        "likeness textedit listen said.wav",
        _configure_listen,
        _listen,
    ),
)
