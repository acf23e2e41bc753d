"""What the expression page does: a picture, a clip or a recording in; the character's picture, numbers and files out."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from core import checkpoints
from core.engine.character_stage import GROUNDS, LIGHTS
from core.engine.characters import CHARACTERS
from core.engine.controllers import NAMES
from core.expression.predict import WAYS, Predictor, who_is_driven
from core.expression.scene import Scene, draw_scene
from core.expression.tracks import Track
from core.face.reader import NoFace
from core.image import NotAPicture, Pixels, read_picture
from pages.expression.takes import Driving, Show, Take, read_take, write_take
from studio.clips import frames
from studio.jobs import Progress
from studio.media import Medium, picture
from studio.services import Services
from studio.uploads import inspect
from training.spec import BadRequest, RunSpec

ROOM = "expression"
CLIP_FILES = ("clip.mp4", "track.csv", "track.json", "track.live.csv", "track.glb")
"""What a clip or a recording becomes."""
PERSONAL_STEPS = 300


@dataclass(frozen=True)
class Mimicked:
    """What came of a picture."""

    virtual: Pixels
    """As the network draws it."""
    drawn: Medium
    """The character with the same numbers in the chosen scene, kept."""
    controllers: dict[str, float]
    turn_degrees: tuple[float, float, float]
    given: Medium
    """The picture that was read, kept."""


def characters(services: Services, profile: str) -> tuple[str, ...]:
    """Characters whose weights are there."""
    return who_is_driven(services.people.weight_roots(profile))


def open_predictor(services: Services, profile: str, way: str = WAYS[0]) -> Predictor:
    """The networks in service for this person, in their fastest form; ``way``: what controllers are read from."""
    if way not in WAYS:
        raise BadRequest(f"Controllers are read from {' or '.join(WAYS)}, not {way!r}.")
    roots = services.people.weight_roots(profile)
    checkpoints.find(ROOM, "converter", roots)  # a sentence where there are none
    names = characters(services, profile)
    if not names:
        raise checkpoints.CheckpointMissing(
            "The converter has weights, but nothing reads faces yet. Train it: python -m training expression reader"
        )
    memory = services.settings.home / "graphs"
    return services.models.get(ROOM, "converter", roots, lambda _: Predictor.load(roots, names, memory, way), way)


def choose_scene(ground: str, light: str, framing: str = "face") -> Scene:
    """A scene whose words are known."""
    if ground != "clear" and ground not in GROUNDS and not ground.startswith("#"):
        raise BadRequest(f"There is no ground {ground!r}; the grounds are {', '.join(GROUNDS)}, clear, or #rrggbb.")
    if light not in LIGHTS:
        raise BadRequest(f"There is no light {light!r}; the lights are {', '.join(LIGHTS)}.")
    return Scene(ground, light, framing)


def choose_character(services: Services, profile: str, character: str) -> str:
    """A character that can be driven."""
    known = characters(services, profile)
    if known and character not in known:
        raise BadRequest(f"There is no character {character!r} to drive; there is {', '.join(known)}.")
    return character


def on_picture(
    services: Services, profile: str, file: str | None, character: str, ground: str, light: str, way: str = WAYS[0]
) -> Mimicked:
    """A face picture becomes the character's picture and 130 numbers."""
    if not file:
        raise BadRequest("Give a picture with a face first.")
    scene = choose_scene(ground, light)
    predictor = open_predictor(services, profile, way)
    choose_character(services, profile, character)
    given = services.media.keep_upload(profile, ROOM, Path(file))
    try:
        reading = predictor.read(picture(given), character)
    except NoFace as error:
        raise NotAPicture(str(error)) from error
    drawn = draw_scene(character, reading.controllers, reading.turn_degrees, scene, 512)
    numbers = {name: round(float(value), 4) for name, value in zip(NAMES, reading.controllers, strict=True)}
    made_by = {"system": ROOM, "character": character, "ground": ground, "light": light, "controllers": numbers}
    kept = services.media.keep_picture(profile, ROOM, drawn, made_by, [given])
    return Mimicked(reading.virtual, kept, numbers, reading.turn_degrees, given)


def on_clip(
    services: Services, profile: str, file: str | None, character: str, ground: str, light: str, way: str = WAYS[0]
) -> str:
    """A clip becomes a virtual clip, tracks and an animation, as a job. Returns its number."""
    if not file:
        raise BadRequest("Give a clip with a face first.")
    scene = choose_scene(ground, light)
    predictor = open_predictor(services, profile, way)
    choose_character(services, profile, character)
    given = services.media.keep_upload(profile, ROOM, Path(file))
    if not given.type.startswith("video/"):
        raise BadRequest("This is not a clip; for one picture use the picture tab.")

    def work(progress: Progress) -> dict[str, Any]:
        counted = _count_on(frames(given.path), float(given.facts.get("seconds", 0)), progress)
        take = read_take(predictor, counted, Driving(character))
        return _keep_take(services, profile, take, Show(scene, 384, mark=services.settings.mark), (given,), progress)

    return services.jobs.start(profile, "expression clip", {"medium": given.id, "character": character}, work).id


def on_record(services: Services, profile: str, track: Track, character: str, scene: Scene) -> str:
    """A recording of numbers becomes the same files as a clip, as a job. Returns its number."""
    if character not in CHARACTERS:
        raise BadRequest(f"There is no character {character!r}; there is {', '.join(CHARACTERS)}.")
    take = Take(track, character, len(track.seconds))

    def work(progress: Progress) -> dict[str, Any]:
        return _keep_take(services, profile, take, Show(scene, 384, mark=services.settings.mark), (), progress, 0.0)

    return services.jobs.start(profile, "expression recording", {"character": character}, work).id


def on_keep(
    services: Services, profile: str, values: Sequence[float], turn: tuple[float, float, float], show: tuple[str, Scene]
) -> Medium:
    """A pose set by hand or by a face becomes a picture with its controllers as the label."""
    character, scene = show
    posed = np.asarray(values, np.float32)
    if posed.shape != (len(NAMES),) or not np.isfinite(posed).all() or character not in CHARACTERS:
        raise BadRequest(f"A pose is {len(NAMES)} numbers for one of {', '.join(CHARACTERS)}.")
    posed = posed.clip(0, 1)
    label = {name: round(float(value), 4) for name, value in zip(NAMES, posed, strict=True)}
    drawn = draw_scene(character, posed, turn, scene, 256)
    settings = {"system": ROOM, "character": character, "label": label, "turn_degrees": [round(v, 2) for v in turn]}
    return services.media.keep_picture(profile, ROOM, drawn, settings)


def on_personal(services: Services, profile: str, file: str | None, agreed: bool, preset: str = "small") -> str:
    """Start learning from one's own clip, with consent. Returns the run's number."""
    if not file:
        raise BadRequest("Give a clip of 20 to 60 seconds of your own face first.")
    if not agreed:
        raise BadRequest("The person in the clip must agree to learning from it: tick the box.")
    given = services.media.keep_upload(profile, ROOM, Path(file))
    if not given.type.startswith("video/"):
        raise BadRequest("Learning wants a clip of 20 to 60 seconds, not a picture.")
    services.people.agree(profile, given.id, "expression: learning from this face", profile)
    request = RunSpec(
        ROOM, "personal", preset, steps=PERSONAL_STEPS, data=str(given.path), start_from=_serving(services, profile),
        save_every=50,
    )  # fmt: skip
    return services.runs.start(profile, request).id


def _serving(services: Services, profile: str) -> str:
    return str(checkpoints.find(ROOM, "converter", services.people.weight_roots(profile)).folder)


def read_input(services: Services, path: Path) -> tuple[bool, Iterator[tuple[float, Pixels]]]:
    """Whether a file is a clip, and its frames; a picture is one frame."""
    if not path.is_file():
        raise BadRequest(f"There is no file {path}.")
    facts = inspect(path, services.settings.limits)
    if facts["type"].startswith("image/"):
        return False, iter([(0.0, read_picture(path))])
    return True, frames(path)


def _count_on(
    given: Iterator[tuple[float, Pixels]], seconds: float, progress: Progress
) -> Iterator[tuple[float, Pixels]]:
    for number, (at, frame) in enumerate(given):
        progress.say(0.5 * min(at / seconds, 1.0) if seconds else 0.0, f"{number + 1}")
        yield at, frame


def _keep_take(
    services: Services,
    profile: str,
    take: Take,
    show: Show,
    parents: tuple[Medium, ...],
    progress: Progress,
    begin: float = 0.5,
) -> dict[str, Any]:
    shown = replace(show, parents=tuple(parent.sha256 for parent in parents))
    files = []
    with tempfile.TemporaryDirectory() as folder:
        for name in CLIP_FILES:
            if name.endswith(".mp4") and show.scene.ground == "clear":
                name = name.removesuffix(".mp4") + ".webm"  # noqa: PLW2901 - only WebM holds transparency
            path = Path(folder) / name
            write_take(take, path, shown, lambda share: progress.say(begin + (0.95 - begin) * share))
            kept = services.media.keep_file(profile, ROOM, path, {"character": take.character}, parents)
            files.append({"name": f"{take.character}-{name}", "medium": kept.id, "type": kept.type})
    return {"files": files, "frames": take.frames, "held": take.held}
