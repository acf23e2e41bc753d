"""The commands ``likeness engine SUBJECT``: a further subject is one entry of ``SUBJECTS``. Part of the composition root."""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from studio.page import Command
from studio.settings import BadSettings

if TYPE_CHECKING:
    from core.engine.scenes import Clip
    from studio.services import Services

MOST_ON_A_SHEET = 400


@dataclass(frozen=True)
class Subject:
    """What the engine can draw by seed."""

    purpose: str
    example: str
    draw: Callable[[argparse.Namespace], str]
    """Draws what was asked and says what was made; a ValueError's sentence is for the person."""
    export: str = ""
    """What ``--export DIR`` writes, where it can; every subject has seeds, size, device and output."""
    configure: Callable[[argparse.ArgumentParser], None] | None = None
    """Options of its own."""


def draw_faces(asked: argparse.Namespace) -> str:
    """People who do not exist, on a sheet, with labels, or both."""
    from core.engine import export, faces

    if asked.output is None and asked.export is None:
        raise BadSettings("Say where the faces go: -o SHEET.png, or --export DIR, or both.")
    seeds = export.read_seed_range(asked.seeds)
    faces.check_seeds(seeds)
    faces.check_size(asked.size)
    faces.check_device(asked.device)

    def report(done: int, whole: int) -> None:
        print(f"\r{done} of {whole} faces", end="" if done < whole else "\n", file=sys.stderr, flush=True)

    count = export.write_faces(seeds, asked.output, asked.export, asked.size, asked.device, report)
    return f"{count} people who do not exist: {' and '.join(str(p) for p in (asked.output, asked.export) if p)}"


def draw_garments(asked: argparse.Namespace) -> str:
    """Flat-lay garments on a sheet."""
    from core.engine.export import read_seed_range
    from core.engine.garments import garments
    from core.image import contact_sheet, to_pixels, write_picture

    if asked.output is None:
        raise BadSettings("Say where the garments go: -o SHEET.png")
    seeds = read_seed_range(asked.seeds)
    if len(seeds) > MOST_ON_A_SHEET:
        raise BadSettings(f"A sheet holds at most {MOST_ON_A_SHEET} garments, {len(seeds)} were asked for.")
    batch = garments(seeds, asked.device, asked.size)
    write_picture(asked.output, contact_sheet(list(to_pixels(batch.pixels)), max(1, round(len(seeds) ** 0.5))))
    return f"{len(seeds)} garments that nobody sewed: {asked.output}"


def draw_characters(asked: argparse.Namespace) -> str:
    """Characters at the moments of seeds on a sheet, a row or more each; and as GLB."""
    import torch

    from core.engine import characters
    from core.engine.export import read_seed_range
    from core.engine.glb import write_character
    from core.image import contact_sheet, to_pixels, write_picture

    if asked.output is None and asked.export is None:
        raise BadSettings("Say where the characters go: -o SHEET.png, or --export DIR for GLB files, or both.")
    torch.set_num_threads(1)  # the pieces are small: several threads mostly wait for each other
    names = characters.CHARACTERS if asked.character is None else (asked.character,)
    shown = [characters.load_character(name, asked.device) for name in names]
    made = []
    if asked.output is not None:
        seeds = read_seed_range(asked.seeds)
        if len(seeds) * len(names) > MOST_ON_A_SHEET:
            raise BadSettings(
                f"A sheet holds at most {MOST_ON_A_SHEET} pictures, {len(seeds) * len(names)} were asked for."
            )
        moments, turn = characters.character_moments(seeds)
        stage = characters.CharacterStage(turn, asked.light, asked.ground, asked.framing)
        drawn = [to_pixels(characters.draw_character(one, moments, stage, asked.size).pixels) for one in shown]
        asked.output.parent.mkdir(parents=True, exist_ok=True)
        write_picture(asked.output, contact_sheet([one for row in drawn for one in row], min(len(seeds), 8)))
        made.append(str(asked.output))
    if asked.export is not None:
        asked.export.mkdir(parents=True, exist_ok=True)
        for one in shown:
            write_character(one, asked.export / f"{one.name}.glb")
            made.append(str(asked.export / f"{one.name}.glb"))
    return f"{' and '.join(names)}: {', '.join(made)}"


def _configure_characters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--character", metavar="NAME", help="one of them; all without")
    parser.add_argument("--light", default="studio", help="studio, warm, cool, flat, night")
    parser.add_argument("--ground", default="paper", help="paper, slate, teal, coral, night, white, clear, or #rrggbb")
    parser.add_argument("--framing", default="face", help="face or bust")


def draw_figures(asked: argparse.Namespace) -> str:
    """People in garments on a sheet, with labels, or both."""
    from core.engine.export import read_seed_range
    from core.engine.figure_export import write_figures

    if asked.output is None and asked.export is None:
        raise BadSettings("Say where the figures go: -o SHEET.png, or --export DIR, or both.")
    seeds = read_seed_range(asked.seeds)

    def report(done: int, whole: int) -> None:
        print(f"\r{done} of {whole} figures", end="" if done < whole else "\n", file=sys.stderr, flush=True)

    count = write_figures(seeds, asked.output, asked.export, asked.size, asked.device, report)
    return f"{count} people in garments that nobody sewed: {' and '.join(str(p) for p in (asked.output, asked.export) if p)}"


def draw_scenes(asked: argparse.Namespace) -> str:
    """Places that do not exist: a sheet, or film, coloured depth and labels by seed, or the depth room's files."""
    import torch

    from core.engine import scene_files
    from core.engine.export import read_seed_range
    from core.engine.scenes import SceneChoices, forget, scene

    if asked.output is None and asked.export is None:
        raise BadSettings("Say where the scenes go: -o FOLDER (or -o SHEET.webp), or --export DIR, or both.")
    if asked.device != "cpu":
        raise BadSettings("Scenes are drawn by the CPU; leave out --device, or give --device cpu.")
    seeds, size = read_seed_range(asked.seeds), (asked.size, asked.size * 5 // 8 * 2)
    choices = SceneChoices(asked.place, asked.camera)
    sheet = asked.output is not None and asked.output.suffix.lower() in (".png", ".webp", ".jpg")
    torch.set_num_threads(1)  # many small pictures: threads would only wait for each other
    if asked.output is not None and sheet:
        scene_files.write_sheet(seeds, asked.output, size, choices)
    films = None if sheet else asked.output
    for number, seed in enumerate(seeds if films is not None or asked.export is not None else []):
        clip = scene(seed, size, choices)
        if films is not None:
            _film(clip, films)
        if asked.export is not None:
            scene_files.export_clip(clip, asked.export / f"{seed:012d}")
        forget()
        print(f"\r{number + 1} of {len(seeds)} scenes", end="", file=sys.stderr, flush=True)
    return f"{len(seeds)} places that nobody built: {' and '.join(str(p) for p in (asked.output, asked.export) if p)}"


def _film(clip: Clip, folder: Path) -> None:
    """A clip as MP4, its depth as MP4 in colours, its labels as NPZ."""
    from core.engine import scene_files
    from core.image import to_pixels
    from studio.clips import write_clip

    folder.mkdir(parents=True, exist_ok=True)
    stem, made = (
        f"{clip.seed:012d}",
        {"engine": "scenes", "seed": clip.seed, "place": clip.kind, "camera": clip.camera_kind},
    )
    write_clip(folder / f"{stem}.mp4", iter(to_pixels(clip.frames)), clip.frames_per_second, made, place="metadata")
    shown = iter(scene_files.depth_pictures(clip))
    write_clip(folder / f"{stem}_depth.mp4", shown, clip.frames_per_second, made, place="metadata")
    scene_files.write_labels(clip, folder / f"{stem}.npz")


def _configure_scenes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--place", help="the kind of place, for example street; each seed's own without")
    parser.add_argument("--camera", help="handheld, driving or surveillance; each seed's own without")


SUBJECTS: dict[str, Subject] = {
    "faces": Subject(
        "draw people who do not exist, with labels",
        "likeness engine faces --seeds 0-15 -o sheet.png",
        draw_faces,
        export="pictures with all labels (JSON, NPZ, COCO, depth)",
    ),
    "characters": Subject(
        "draw virtual characters that the controllers drive",
        "likeness engine characters --seeds 0-7 -o characters.png --export characters/",
        draw_characters,
        export="characters as GLB files with 130 morph targets",
        configure=_configure_characters,
    ),
    "garments": Subject(
        "draw flat-lay garments", "likeness engine garments --seeds 0-15 -o garments.png", draw_garments
    ),
    "figures": Subject(
        "draw people who wear garments, with labels",
        "likeness engine figures --seeds 0-11 -o figures.png",
        draw_figures,
        export="pictures with all labels (masks, part map, surface map, depth, joints, anchors)",
    ),
    "scenes": Subject(
        "film places that do not exist, with depth, path and flow",
        "likeness engine scenes --seeds 0-3 -o scenes/",
        draw_scenes,
        export="pictures, 16-bit depth, TUM trajectory and intrinsics",
        configure=_configure_scenes,
    ),
}


def commands() -> tuple[Command, ...]:
    """One command a subject."""
    return tuple(
        Command(
            f"engine {name}",
            subject.purpose,
            subject.example,
            functools.partial(_configure, name, subject),
            functools.partial(_run, subject),
        )
        for name, subject in SUBJECTS.items()
    )


def _configure(name: str, subject: Subject, parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seeds", default="0-15", metavar="A-B", help=f"which {name}, for example 0-15")
    parser.add_argument("--size", type=int, default=256, help="pixels a side")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("-o", "--output", type=Path, metavar="SHEET.png", help="a contact sheet")
    if subject.export:
        parser.add_argument("--export", type=Path, metavar="DIR", help=subject.export)
    if subject.configure is not None:
        subject.configure(parser)


def _run(subject: Subject, services: Services, asked: argparse.Namespace) -> int:
    from core.ops import build

    build.set_cache(services.settings.home / "ops")
    try:
        print(subject.draw(asked))
    except ValueError as error:
        raise BadSettings(str(error)) from error
    return 0
