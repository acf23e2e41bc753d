"""Held-out scores of the expression room: the whole chain on people, each regressor alone, and how steady readings are."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from core import checkpoints
from core.engine.attributes import KEYS
from core.engine.characters import draw_character, load_character
from core.engine.controllers import MIRROR, NAMES, PARTS, places
from core.engine.faces import Choices, FaceBatch, faces
from core.engine.head import load_head
from core.engine.moments import draw_alone, draw_moments
from core.expression.config import RegressorConfig
from core.expression.losses import MOVED_METRES
from core.expression.networks import Regressor
from core.expression.predict import Predictor, mirror
from core.face.reader import Face
from core.image import Pixels, to_pixels, to_tensor
from training.measure import Asked, CannotMeasure, Found, Row, Values, face_groups, read_folder

COUNT, PHOTO_SIZE, SMALL_SIZE = 240, 256, 192
"""What the engine draws by itself, in which a face has about as many pixels as before a webcam of 640 x 480 at arm's length
(53 from eye to eye), and three quarters of that."""
ALONE_EVERY = 3
"""Every third person moves one controller only."""
NOISE = 4.0 / 255
"""The still clip's noise at level 2: deviation of a pixel, twice a webcam's usual one."""
CLIP_PEOPLE, CLIP_FRAMES = 6, 10
CROP_SHIFT = 0.05


def measure(asked: Asked) -> Found:
    """All rows on engine people, or how steady readings are on a folder of real pictures."""
    characters = ("juno", "fen")
    predictor = Predictor.load(asked.roots, characters)
    if asked.data is not None:
        return _on_pictures(predictor, asked)
    seeds = asked.seeds(COUNT)
    people, moved = draw_people(seeds, asked.device, PHOTO_SIZE)
    pixels, faces_found = _find(predictor, people)
    rows: dict[str, Row | None] = {}
    converting = Predictor.load(asked.roots, characters, way="virtual")
    for name in characters:
        suffix = "" if name == characters[0] else f"_{name}"
        read, pictures = _read_all(predictor, name, pixels, faces_found, again=True)
        if name == characters[0]:
            rows |= _motion_rows("motion_kept", read, moved)
            live = _motion_rows(
                "motion_kept_live", _read_all(predictor, name, pixels, faces_found, again=False)[0], moved
            )
            rows |= {key: row for key, row in live.items() if key.endswith(("live", "worst_part"))}
            rows |= _small_rows(predictor, seeds, asked.device)
        rows[f"virtual_picture_psnr{suffix}"] = _psnr_row(name, pictures, moved)
        read, pictures = _read_all(converting, name, pixels, faces_found, again=False)
        kept = _motion_rows(f"converted_motion_kept{suffix}", read, moved)
        rows |= {key: row for key, row in kept.items() if key.endswith((f"kept{suffix}", "worst_part"))}
        rows[f"converted_picture_psnr{suffix}"] = _psnr_row(name, pictures, moved)
        rows |= _regressor_rows(asked, name, suffix, seeds)
    rows |= _steadiness_rows(predictor, pixels, faces_found)
    rows["noise_share"] = _noise_row(predictor, seeds[:CLIP_PEOPLE])
    rows["found"] = Row(np.array([float(face is not None) for face in faces_found]), 0.0, "high")
    notes = (
        f"motion_kept, virtual_picture: as the product reads and draws pictures and clips (from the {predictor.way}; it looks "
        "again where points lie); live: as the live desk reads a first frame; small: from pictures of "
        f"{SMALL_SIZE} pixels, others have {PHOTO_SIZE}; converted: through what the converter draws. "
        "A face that is not found keeps nothing. Do nothing: the face at rest.",
    )
    return Found(rows, face_groups(people.attributes.numpy(), KEYS), notes)


def draw_people(seeds: list[int], device: str, size: int) -> tuple[FaceBatch, Tensor]:
    """People of these seeds with expressions as in training, every third with one controller alone."""
    at = torch.tensor(seeds)
    alone = (torch.arange(len(seeds)) % ALONE_EVERY == ALONE_EVERY - 1)[:, None]
    moved = torch.where(alone, draw_alone(at), draw_moments(at).controllers)
    return faces(seeds, device, size, Choices(controllers=moved)), moved


def _small_rows(predictor: Predictor, seeds: list[int], device: str) -> dict[str, Row | None]:
    """The same people in smaller pictures."""
    people, moved = draw_people(seeds, device, SMALL_SIZE)
    read, _ = _read_all(predictor, predictor.characters[0], *_find(predictor, people), again=True)
    rows = _motion_rows("motion_kept_small", read, moved)
    return {key: row for key, row in rows.items() if key.endswith(("small", "worst_part"))}


def _find(predictor: Predictor, people: FaceBatch) -> tuple[Pixels, list[Face | None]]:
    pixels, marks = to_pixels(people.pixels), people.landmarks.double().cpu().numpy()
    return pixels, [_nearest(predictor, picture, true) for picture, true in zip(pixels, marks, strict=True)]


def _nearest(predictor: Predictor, picture: Pixels, true: Values) -> Face | None:
    middle = true.mean(0)
    found = predictor.reader.find(picture)
    extent = float((true.max(0) - true.min(0)).max())
    near = [face for face in found if np.hypot(*(face.points.mean(0) - middle)) < extent / 2]
    return near[0] if near else None


def _read_all(
    predictor: Predictor, name: str, pixels: Pixels, found: list[Face | None], again: bool
) -> tuple[Tensor, list[Pixels | None]]:
    read, pictures = torch.zeros(len(found), len(NAMES)), []
    for at, (picture, face) in enumerate(zip(pixels, found, strict=True)):
        reading = None if face is None else predictor.read_face(picture, name, face, again)
        pictures.append(None if reading is None else reading.virtual)
        if reading is not None:
            read[at] = torch.from_numpy(reading.controllers)
    return read, pictures


@functools.lru_cache(maxsize=1)
def _vertices_of_parts() -> Tensor:
    """(parts, V) whether a vertex is moved by a part's controllers."""
    head = load_head(torch.device("cpu"))
    alone = torch.eye(len(NAMES))
    moves = torch.cat(
        [
            (head.move(head.neutral.expand(len(rows), -1, -1), rows) - head.neutral).norm(dim=2)
            for rows in alone.split(16)
        ]
    )
    return torch.stack([moves[places(part)].amax(0) > MOVED_METRES for part in PARTS])


def left_and_whole(read: Tensor, true: Tensor) -> Values:
    """(N, parts, 2): how far each part's vertices are from the truth, and how far the truth is from rest; metres summed."""
    head = load_head(torch.device("cpu"))
    chosen = _vertices_of_parts().float()
    rows = []
    for mine, yours in zip(read.split(8), true.split(8), strict=True):
        rest = head.neutral.expand(len(mine), -1, -1)
        wanted = head.move(rest, yours)
        left = (head.move(rest, mine) - wanted).norm(dim=2) @ chosen.T
        whole = (head.move(rest, torch.zeros_like(yours)) - wanted).norm(dim=2) @ chosen.T
        rows.append(torch.stack((left, whole), 2))
    return torch.cat(rows).double().numpy()


def _kept(part: int) -> Callable[[Values], float]:
    def of(rows: Values) -> float:
        both = rows.reshape(len(rows), len(PARTS), 2)[:, part].sum(0)
        return 1.0 - float(both[0] / max(both[1], 1e-9))

    return of


def _mean_kept(rows: Values) -> float:
    return float(np.mean([_kept(part)(rows) for part in range(len(PARTS))]))


def _worst_kept(rows: Values) -> float:
    return min(_kept(part)(rows) for part in range(len(PARTS)))


def _motion_rows(name: str, read: Tensor, true: Tensor) -> dict[str, Row | None]:
    sums = left_and_whole(read, true)
    flat = sums.reshape(len(sums), -1)
    rows: dict[str, Row | None] = {
        name: Row(flat, 0.0, "high", _mean_kept),
        f"{name}_worst_part": Row(flat, 0.0, "high", _worst_kept),
    }
    rows |= {f"{name}_{part}": Row(flat, 0.0, "high", _kept(at)) for at, part in enumerate(PARTS)}
    return rows


def _psnr_row(name: str, pictures: list[Pixels | None], moved: Tensor) -> Row:
    """Decibels that drawn characters are nearer to the true ones than the character at rest is, within its mask."""
    character = load_character(name)
    size = next((picture.shape[0] for picture in pictures if picture is not None), 128)
    resting = draw_character(character, torch.zeros(1, len(NAMES)), size=size).pixels[0]
    gains = []
    for picture, controllers in zip(pictures, moved, strict=True):
        true = draw_character(character, controllers[None], size=size)
        mask = true.mask[0] > 0.5
        if picture is None:
            gains.append(0.0)
            continue
        drawn = to_tensor(picture)[0]
        errors = [(one - true.pixels[0])[:, mask].square().mean() for one in (drawn, resting)]
        gains.append(float(10 * torch.log10(errors[1].clamp_min(1e-6) / errors[0].clamp_min(1e-6))))
    return Row(np.array(gains), 0.0, "high")


def _regressor_rows(asked: Asked, name: str, suffix: str, seeds: list[int]) -> dict[str, Row | None]:
    """The regressor alone on virtual pictures nobody has seen."""
    found = checkpoints.find("expression", f"regressor_{name}", asked.roots)
    config = RegressorConfig(**found.card.config)
    network = Regressor(config)
    checkpoints.fill(network, checkpoints.load(found)["regressor"], str(found.folder))
    network.eval().requires_grad_(False)
    at = torch.tensor(seeds) + 1_000_000
    alone = (torch.arange(len(seeds)) % ALONE_EVERY == ALONE_EVERY - 1)[:, None]
    moved = torch.where(alone, draw_alone(at), draw_moments(at).controllers)
    character = load_character(name)
    read = torch.cat([network(draw_character(character, rows, size=config.size).pixels) for rows in moved.split(16)])
    rows = _motion_rows(f"regressor_motion_kept{suffix}", read, moved)
    kept = {key: row for key, row in rows.items() if key.endswith((f"kept{suffix}", "worst_part"))}
    return {
        key: Row(row.values, row.baseline, row.better, row.middle, grouped=False) for key, row in kept.items() if row
    }


def _steadiness_rows(
    predictor: Predictor, pixels: Pixels | list[Pixels], found: list[Face | None]
) -> dict[str, Row | None]:
    """How far readings of a mirrored picture are from mirrored readings, and of a moved crop from the crop's."""
    name = predictor.characters[0]
    mirrored, moved = [], []
    for picture, face in zip(pixels, found, strict=True):
        if face is None:
            mirrored.append(np.nan)
            moved.append(np.nan)
            continue
        read = predictor.read_face(picture, name, face).controllers
        flipped, there = mirror(picture, face)
        other = predictor.read_face(flipped, name, there).controllers[list(MIRROR)]
        mirrored.append(float(np.abs(other - read).mean()))
        aside = Face(face.points + np.float32(CROP_SHIFT * face.square.side), 1.0)
        moved.append(float(np.abs(predictor.read_face(picture, name, aside).controllers - read).mean()))
    return {"mirror_error": Row(np.array(mirrored)), "crop_error": Row(np.array(moved))}


def _noise_row(predictor: Predictor, seeds: list[int]) -> Row:
    """Deviation of controllers over a still but noisy clip, as a share of that over a moving one; no smoothing."""
    name, shares = predictor.characters[0], []
    for seed in seeds:
        many = [seed] * CLIP_FRAMES
        moments = [seed * 100 + frame for frame in range(CLIP_FRAMES)]
        clip = faces(
            many, size=PHOTO_SIZE, choices=Choices(moment_seeds=moments, turn_degrees=torch.zeros(CLIP_FRAMES, 3))
        )
        draw = torch.Generator().manual_seed(seed % 2**31)
        noise = torch.randn(clip.pixels.shape, generator=draw) * NOISE * 2
        still = clip.pixels[:1].expand(CLIP_FRAMES, -1, -1, -1) + noise
        spreads = []
        for frames in (still, clip.pixels):
            follow, read = None, []
            for picture in to_pixels(frames.clamp(-1, 1)):
                follow = predictor.reader.follow(picture, follow)
                if follow is not None:
                    read.append(predictor.read_face(picture, name, follow).controllers)
            spreads.append(float(np.std(read, axis=0).mean()) if len(read) > 2 else float("nan"))
        shares.append(spreads[0] / max(spreads[1], 1e-6))
    return Row(np.array(shares), 1.0, grouped=False)


def _on_pictures(predictor: Predictor, asked: Asked) -> Found:
    assert asked.data is not None
    pictures = read_folder(asked.data, asked.count)
    found = [next(iter(predictor.reader.find(picture)), None) for picture in pictures]
    if not any(found):
        raise CannotMeasure(f"No face was found in any of the {len(pictures)} pictures of {asked.data}.")
    rows = _steadiness_rows(predictor, pictures, found)
    rows["found"] = Row(np.array([float(face is not None) for face in found]), 0.0, "high")
    return Found(rows, notes=("do nothing has no error here: these rows say how steady readings are, not how good",))
