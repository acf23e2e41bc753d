"""``likeness depth``: distances, the camera's way and points of a clip or picture, and learning on from a clip, as commands."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING

from studio.page import Command
from studio.store import LOCAL_PROFILE
from training.spec import BadRequest

if TYPE_CHECKING:
    from core.depth.clip import DepthClip
    from studio.services import Services

FORMS = ("film", "png16", "npz", "tum", "colmap", "ply")
STILL_FORMS = ("film", "png16", "npz", "ply")
"""Of a single picture, which has no way."""
ENDINGS = {".mp4": "film", ".npz": "npz", ".ply": "ply", ".txt": "tum", ".png": "png16"}
MOST_FRAMES = 240
TUNE_STEPS = 400


def configure(parser: argparse.ArgumentParser) -> None:
    """The words of ``likeness depth``."""
    parser.add_argument("clip", type=Path, metavar="CLIP", help="a clip, or a picture")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT",
        help="a folder for all forms, or one file: .mp4 coloured film, .npz metres, .ply points, .txt camera path (TUM), "
        ".png 16-bit depth of a picture",
    )  # fmt: skip
    parser.add_argument("--forms", metavar="FORMS", help=f"of a folder, out of {'+'.join(FORMS)}; all without")
    parser.add_argument("--lens", type=float, metavar="DEGREES", help="what the lens sees across the longer side (60)")
    parser.add_argument("--kind", choices=("auto", "tum", "kitti"), default="auto", help="scale of 16-bit depth")
    parser.add_argument("--rate", type=float, default=8.0, help="frames a second that are read")
    parser.set_defaults(profile=LOCAL_PROFILE)


def run(services: Services, asked: argparse.Namespace) -> int:
    """Read a clip or picture, and write every form that was asked for."""
    from core.depth.clip import describe
    from core.ops import build

    build.set_cache(services.settings.home / "ops")
    still = _is_still(services, asked.clip)
    forms = _forms(asked, still)
    clip = _read(services, asked, still)
    single = asked.output.suffix in ENDINGS
    target = asked.output.parent if single else asked.output
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".likeness-", dir=target) as made:
        written = _write(services, asked, clip, forms, Path(made))
        if single:
            written[0].replace(asked.output)
            print(asked.output)
        else:
            for path in sorted(Path(made).iterdir()):
                goal = target / path.name
                if goal.is_dir() and not goal.is_symlink():
                    shutil.rmtree(goal)
                path.replace(goal)
                print(goal)
    told = describe(clip)
    print(
        f"{told['frames']} frames, {told['near_metres']:.2f} to {told['far_metres']:.2f} m, the camera went "
        f"{told['way_metres']:.2f} m and turned by {told['turned_degrees']:.1f} degrees"
    )
    for note in clip.notes:
        print(note, file=sys.stderr)
    return 0


def _is_still(services: Services, path: Path) -> bool:
    from studio.uploads import inspect

    if not path.is_file():
        raise BadRequest(f"There is no file {path}.")
    return str(inspect(path, services.settings.limits)["type"]).startswith("image/")


def _forms(asked: argparse.Namespace, still: bool) -> tuple[str, ...]:
    """What is to be written, or a sentence where that cannot be."""
    known = STILL_FORMS if still else FORMS
    ending = asked.output.suffix
    if not ending:
        wanted = tuple(asked.forms.split("+")) if asked.forms else known
    elif ending not in ENDINGS:
        raise BadRequest(f"{asked.output.name}: one file is {', '.join(ENDINGS)}; without an ending it is a folder.")
    elif still and ending == ".mp4":
        raise BadRequest(f"{asked.clip.name} is one picture; name a folder, or a .png, .npz or .ply.")
    elif not still and ending == ".png":
        raise BadRequest(f"{asked.clip.name} is a clip and has a 16-bit PNG for every frame; name a folder.")
    else:
        wanted = (ENDINGS[ending],)
    unknown = [form for form in wanted if form not in known]
    if unknown:
        raise BadRequest(f"{asked.clip.name} cannot be written as {', '.join(unknown)}; there is {', '.join(known)}.")
    return wanted


def _read(services: Services, asked: argparse.Namespace, still: bool) -> DepthClip:
    from dataclasses import replace

    from core.depth.predict import lens_of_degrees
    from pages.depth.footage import read_footage, read_still
    from pages.depth.handlers import Asked, open_predictor

    Asked(asked.lens, asked.rate)  # refused before anything is read
    predictor = open_predictor(services, asked.profile)
    footage = read_still(asked.clip) if still else read_footage(asked.clip, asked.rate, MOST_FRAMES)
    height, width = footage.frames[0].shape[:2]
    lens = None if asked.lens is None else lens_of_degrees(asked.lens, width, height)
    try:
        clip = predictor.read_clip(footage.frames, footage.frames_per_second, lens, _tell)
    finally:
        print("\r     \r", end="", file=sys.stderr, flush=True)
    return replace(clip, notes=(*clip.notes, *footage.notes))


def _tell(share: float) -> None:
    print(f"\r{int(share * 100):3d} %", end="", file=sys.stderr, flush=True)


def _write(
    services: Services, asked: argparse.Namespace, clip: DepthClip, forms: tuple[str, ...], folder: Path
) -> list[Path]:
    """Every form's files; the first one named stands first."""
    from core.depth.exports import export

    others = tuple(form for form in forms if form != "film")
    written = export(clip, folder, others, asked.kind)
    files = {form: paths[0] for form, paths in written.items()}
    if "film" in forms:
        files["film"] = _write_film(services, asked, clip, folder)
    return [files[form] for form in forms]


def _write_film(services: Services, asked: argparse.Namespace, clip: DepthClip, folder: Path) -> Path:
    """Distances in colours, all frames on one scale; of a picture a PNG."""
    from pages.depth.colours import MAPS
    from pages.depth.files import coloured
    from studio.clips import write_clip
    from studio.marks import write_marked

    with asked.clip.open("rb") as opened:
        parents = [file_digest(opened, "sha256").hexdigest()]
    settings = {"system": "depth", "degrees": asked.lens, "colours": MAPS[0]}
    pictures = coloured(clip, MAPS[0])
    if len(clip) == 1:
        write_marked(folder / "depth-colours.png", next(pictures), settings, parents, services.settings.mark)
        return folder / "depth-colours.png"
    path = folder / "depth-colours.mp4"
    write_clip(path, pictures, clip.frames_per_second, settings, parents, services.settings.mark)
    return path


def _configure_tune(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("clip", type=Path, metavar="CLIP", help="a clip in which the camera goes somewhere")
    parser.add_argument("--lens", type=float, metavar="DEGREES", help="what the lens sees across the longer side (60)")
    parser.add_argument("--steps", type=int, default=TUNE_STEPS)
    parser.add_argument("--minutes", type=float, help="stop and keep what was learned after this long")
    parser.set_defaults(profile=LOCAL_PROFILE)


def _tune(services: Services, asked: argparse.Namespace) -> int:
    """Start a run that learns on from the clip; the page and ``likeness runs`` show how it goes."""
    from core import checkpoints
    from pages.depth.handlers import Asked
    from training.spec import RunSpec

    Asked(asked.lens)
    if not asked.clip.exists():
        raise BadRequest(f"There is no clip {asked.clip}.")
    roots = services.people.weight_roots(asked.profile)
    serving = checkpoints.find_or_advise("depth", "network", roots, "which a tuning run begins with")
    request = RunSpec(
        subject="depth",
        recipe="tune",
        preset="small",
        steps=asked.steps,
        minutes=asked.minutes,
        data=str(asked.clip.resolve()),
        start_from=str(serving.folder),
        save_every=max(1, min(100, asked.steps // 4)),
        options={} if asked.lens is None else {"lens": asked.lens},
    )
    started = services.runs.start(asked.profile, request)
    print(started.folder)
    print("Follow and publish it on the page Runs (likeness studio).", file=sys.stderr)
    return 0


COMMANDS = (
    Command(
        "depth",
        "read distances and the camera's way from a clip",
        "likeness depth clip.mp4 -o depth/ --lens 65",
        configure,
        run,
    ),
    Command(
        "depth tune",
        "learn on from a clip of your own, without labels",
        "likeness depth tune clip.mp4 --steps 400",
        _configure_tune,
        _tune,
    ),
)
