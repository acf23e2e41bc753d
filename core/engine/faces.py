"""Faces by seed, with every label known: who (people.py), when (moments.py), how taken (shots.py), drawn (render.py).

``faces([1, 2, 3])`` gives pictures and labels. A picture is a function of its seeds alone, whatever the batch: the face's
seed gives person, moment and shot, unless ``Choices`` names other seeds for some of them, or grades at a wish.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from core.engine import controllers as names_of
from core.engine import render
from core.engine import shots as shooting
from core.engine.attributes import KEYS, Attributes
from core.engine.captions import Language, write_caption
from core.engine.head import Head, load_head, skin_measurements
from core.engine.moments import Moments, draw_moments
from core.engine.people import People, draw_people, set_grades
from core.engine.render import Drawn, Scene
from core.engine.sensor import develop
from core.engine.shots import Shots, draw_shots, place_camera
from core.engine.skin import base_colour
from core.engine.stage import FULL, SPARSE, THIN, Posed, build_scene, pose_people

SMALLEST, LARGEST = 32, 1024
LAST_SEED = 2**40
FINE_HAIR_FROM = 128
"""Pixels a side from which on hair is drawn with all its strands."""
CHUNK_PIXELS = {"cpu": 2 * 256**2, "cuda": 64 * 256**2}
"""How many pixels are drawn at once: on a CPU what fits its cache, on a GPU what fills it."""


@dataclass(frozen=True)
class Choices:
    """What of a face is not left to its own seed. All may be None."""

    person_seeds: Sequence[int] | None = None
    """Who: hold fixed for many pictures of one person."""
    moment_seeds: Sequence[int] | None = None
    """Expression, gaze and head turn."""
    shot_seeds: Sequence[int] | None = None
    """Camera, light and background."""
    controllers: Tensor | None = None
    """(N, 130) instead of the moment's own."""
    turn_degrees: Tensor | None = None
    """(N, 3) yaw to their left, pitch up, roll of the head instead of the moment's own; the shoulders then face the camera."""
    grades: Mapping[str, float | Tensor] = field(default_factory=dict)
    """Attributes at a wish (of those that people.py draws or measures), one number or (N,)."""
    sensor: bool = True
    """Whether lens and sensor leave their marks (blur, noise, JPEG)."""
    supersample: float = 1.5
    fine_hair: bool | None = None
    """Whether hair has the strands of a large picture; None: where the picture is large."""
    close: bool = False
    """Whether faces fill their pictures, wherever the shots' own framing would have them; hair then has few strands."""


@dataclass(frozen=True)
class FaceBatch:
    """Pictures and labels of N faces, on the device they were drawn on."""

    seeds: Tensor
    """(N,) int64."""
    pixels: Tensor
    """(N, 3, S, S) in [-1, 1]."""
    controllers: Tensor
    """(N, 130) in 0..1."""
    identity: Tensor
    """(N, 100) about standard normal."""
    pose: Tensor
    """(N, 4, 4) head to world."""
    camera: Tensor
    """(N, 4, 4) camera to world."""
    calibration: Tensor
    """(N, 3, 3) in pixels."""
    depth: Tensor
    """(N, S, S) metres along the camera's z, 0 where there is only background."""
    segmentation: Tensor
    """(N, S, S) uint8, place in render.SEGMENTS."""
    landmarks: Tensor
    """(N, 68, 2) column and row in pixels."""
    landmark_depth: Tensor
    """(N, 68) metres."""
    attributes: Tensor
    """(N, 26) grades."""
    femininity: Tensor
    """(N,) 0 masculine to 1 feminine."""
    vertices: Tensor
    """(N, V, 3) posed head in the world, metres."""

    def captions(self, language: Language = "en") -> list[str]:
        """One true sentence a face, ``en`` or ``zh``, the same for the same seed."""
        rows = zip(self.attributes.tolist(), self.seeds.tolist(), self.femininity.tolist(), strict=True)
        return [
            write_caption(Attributes.from_vector(grades), seed, language, "female" if woman > 0.5 else "male").text
            for grades, seed, woman in rows
        ]


def check_seeds(seeds: Sequence[int] | Tensor) -> Tensor:
    """Seeds as (N,) int64 on the CPU, or a sentence that says what is wrong."""
    listed = [int(seed) for seed in seeds]
    wrong = [seed for seed in listed if not 0 <= seed < LAST_SEED]
    if not listed or wrong:
        raise ValueError(
            f"Faces want at least one seed from 0 to {LAST_SEED - 1}, not {wrong[0] if wrong else 'none'}."
        )
    return torch.tensor(listed, dtype=torch.int64)


def check_size(size: int) -> int:
    """The size, if faces can be drawn at it."""
    if not SMALLEST <= size <= LARGEST or size != int(size):
        raise ValueError(f"A face is drawn at {SMALLEST} to {LARGEST} whole pixels a side, not {size}.")
    return int(size)


def check_device(device: str | torch.device) -> torch.device:
    """The device, if it is there."""
    try:
        wanted = torch.device(device)
    except RuntimeError as error:
        raise ValueError(f"There is no device {device!r}; use cpu or cuda.") from error
    if wanted.type not in {"cpu", "cuda"} or (wanted.type == "cuda" and not torch.cuda.is_available()):
        raise ValueError(
            f"Faces cannot be drawn on {wanted}; use cpu{'' if torch.cuda.is_available() else ' (no CUDA device is seen here)'}."
        )
    return wanted


@torch.no_grad()
def faces(
    seeds: Sequence[int] | Tensor, device: str | torch.device = "cpu", size: int = 256, choices: Choices | None = None
) -> FaceBatch:
    """Photo-look faces of these seeds with their labels."""
    wanted, where = choices or Choices(), check_device(device)
    every, size = check_seeds(seeds), check_size(size)
    chunk = max(1, min(128, CHUNK_PIXELS[where.type] // size**2))
    parts = []
    for start in range(0, len(every), chunk):
        part = slice(start, min(start + chunk, len(every)))
        parts.append(_draw_chunk(every[part].to(where), size, _slice(wanted, part, len(every))))
    joined = {item.name: torch.cat([getattr(part, item.name) for part in parts]) for item in fields(FaceBatch)}
    return FaceBatch(**joined)


def _slice(choices: Choices, part: slice, count: int) -> Choices:
    """The choices of one chunk."""

    def cut(value: Sequence[int] | Tensor | None) -> Tensor | None:
        if value is None:
            return None
        if len(value) != count:
            raise ValueError(f"Choices for {len(value)} faces were given with {count} seeds; each face wants its own.")
        return (value if isinstance(value, Tensor) else check_seeds(value))[part]

    grades = {}
    for key, value in choices.grades.items():
        if key not in KEYS:
            raise ValueError(f"There is no attribute {key!r}; the attributes are {', '.join(KEYS)}.")
        full = value if isinstance(value, Tensor) else torch.full((count,), float(value))
        grades[key] = cut(full)
    return replace(
        choices,
        person_seeds=cut(choices.person_seeds),
        moment_seeds=cut(choices.moment_seeds),
        shot_seeds=cut(choices.shot_seeds),
        controllers=cut(choices.controllers),
        turn_degrees=cut(choices.turn_degrees),
        grades=grades,
    )


def _draw_chunk(seeds: Tensor, size: int, choices: Choices) -> FaceBatch:
    head = load_head(seeds.device)
    people, moments, shots = _choose(head, seeds, choices)
    posed = pose_people(head, people, moments)
    placed = place_camera(shots, posed.middle, moments.body_yaw, size)
    scene = build_scene(head, people, moments, posed, placed, _strands(choices, size))
    drawn = render.draw(scene, size, choices.supersample)
    pixels = _develop(drawn, scene, shots, size, choices.sensor)
    return _label(seeds, (people, moments, posed), (scene, drawn), pixels, head)


def draw_subjects(
    seeds: Sequence[int] | Tensor, device: str | torch.device = "cpu", choices: Choices | None = None, chunk: int = 128
) -> Iterator[tuple[People, Moments, Shots]]:
    """Who the faces of these seeds show, when and how taken, some at a time and without drawing them."""
    where, every = check_device(device), check_seeds(seeds)
    for start in range(0, len(every), chunk):
        part = slice(start, min(start + chunk, len(every)))
        wanted = _slice(choices or Choices(), part, len(every))
        yield _choose(load_head(where), every[part].to(where), wanted)


def _choose(head: Head, seeds: Tensor, choices: Choices) -> tuple[People, Moments, Shots]:
    device = seeds.device

    def seeds_of(given: Sequence[int] | Tensor | None) -> Tensor:
        return seeds if given is None else torch.as_tensor(given, dtype=torch.int64, device=device)

    grades = {key: torch.as_tensor(value, device=device, dtype=torch.float32) for key, value in choices.grades.items()}
    people = draw_people(head, seeds_of(choices.person_seeds), grades)
    moments = _moments(seeds_of(choices.moment_seeds), choices, device)
    shots = draw_shots(seeds_of(choices.shot_seeds))
    return people, moments, shooting.come_close(shots) if choices.close else shots


def _strands(choices: Choices, size: int) -> tuple[int, int]:
    if choices.close:
        return SPARSE
    fine = size >= FINE_HAIR_FROM if choices.fine_hair is None else choices.fine_hair
    return FULL if fine else THIN


def _moments(seeds: Tensor, choices: Choices, device: torch.device) -> Moments:
    drawn = draw_moments(seeds)
    if choices.controllers is not None:
        drawn = replace(drawn, controllers=choices.controllers.to(device=device, dtype=torch.float32).clamp(0, 1))
    if choices.turn_degrees is not None:
        turn = torch.deg2rad(choices.turn_degrees.to(device=device, dtype=torch.float32))
        drawn = replace(drawn, turn=turn, body_yaw=torch.zeros_like(drawn.body_yaw))
    return drawn


def _develop(drawn: Drawn, scene: Scene, shots: Shots, size: int, sensor: bool) -> Tensor:
    """Background behind, then down to the picture's size, then the sensor."""
    backdrop = shooting.draw_backdrops(shots, drawn.coverage.shape[-1])
    full = drawn.colour + backdrop * (1 - drawn.coverage[:, None])
    exposure = shots.exposure * _meter(scene)
    full = full.clamp(0, 6.0)
    small = F.interpolate(full, (size, size), mode="bilinear", antialias=True, align_corners=False)
    look = shots.sensor if sensor else _no_marks(shots.sensor)
    return develop(small, exposure, look, shots.seeds)


def _meter(scene: Scene) -> Tensor:
    """Exposure (B) that puts a mid grey facing the camera at the right level."""
    light = scene.light
    towards = scene.pose[:, :3, 3] - scene.points[:, :8000:40].mean(1)
    towards = F.normalize(towards, dim=-1)
    from core.engine.light import harmonics

    soft = torch.einsum("bk,bkc->bc", harmonics(towards), light.soft_surround()).mean(1)
    lamps = ((light.directions * towards[:, None]).sum(-1).clamp_min(0) * 0.7 + 0.25) * light.colours.mean(-1)
    # a camera looks at the face too: a dark one is lifted a little, a pale one held back
    bright = base_colour(scene.skin.tone, scene.skin.warmth).mean(1)
    return (0.3 / bright) ** 0.4 / (soft + lamps.sum(1)).clamp_min(0.12)


def _no_marks(sensor: shooting.Sensor) -> shooting.Sensor:
    still = torch.zeros_like(sensor.blur)
    return replace(sensor, blur=still, noise=still, motion=still, vignette=still, sharpen=still, quality=still + 1)


def _label(
    seeds: Tensor, who: tuple[People, Moments, Posed], what: tuple[Scene, Drawn], pixels: Tensor, head: Head
) -> FaceBatch:
    (people, moments, posed), (scene, drawn) = who, what
    size, resolution = pixels.shape[-1], drawn.depth.shape[-1]
    pick = ((torch.arange(size, device=pixels.device) + 0.5) * resolution / size).long()
    marks = render.screen(posed.vertices[:, head.landmarks], scene, 1.0)
    return FaceBatch(
        seeds,
        pixels,
        moments.controllers,
        people.identity,
        posed.pose,
        scene.pose,
        scene.calibration,
        drawn.depth[:, pick][:, :, pick],
        drawn.segments[:, pick][:, :, pick],
        marks[..., :2],
        marks[..., 2],
        final_grades(head, people, moments, posed),
        people.femininity,
        posed.vertices,
    )


def final_grades(head: Head, people: People, moments: Moments, posed: Posed) -> Tensor:
    """The table with what the moment sets: eye openness, brow height, smile, mouth open, head turn."""
    made = moments.controllers

    def mean(*names: str) -> Tensor:
        return torch.stack([made[:, names_of.INDEX[name]] for name in names]).mean(0)

    mark = posed.upright[:, head.landmarks]
    gap = 0.25 * ((mark[:, [37, 38, 43, 44], 1] - mark[:, [41, 40, 47, 46], 1]).sum(1))
    parted = (mark[:, 62, 1] - mark[:, 66, 1]).clamp_min(0)
    raised = skin_measurements(mark)["brow_height"]
    smile = mean("mouth_smile_left", "mouth_smile_right") - 0.6 * mean("mouth_frown_left", "mouth_frown_right")
    away = moments.turn[:, 0] + moments.body_yaw
    return set_grades(
        people.grades,
        {
            "eye_openness": gap / 0.0165,
            "brow_height": (raised - 0.016) / 0.0175,
            "smile": smile,
            "mouth_open": parted / 0.036,
            "head_turn": 0.5 + away / torch.pi * 2.0,
        },
    )
