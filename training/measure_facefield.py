"""Held-out scores of the facefield room: shape from one photo, novel views, looks swapped, one person or two."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.checkpoints import CheckpointMissing
from core.engine.attributes import KEYS
from core.face.align import Square, crop
from core.face.reader import NoFace
from core.facefield.camera import place
from core.facefield.heads import Effort, FaceCode
from core.facefield.mesh import EmptyField, cut_surface
from core.facefield.predict import Predictor
from core.image import Pixels, resize, to_tensor
from training.facefield_truth import (
    Points,
    Truth,
    draw_again,
    draw_truth,
    mean_face,
    surface_error,
    warp_over_mean_head,
)
from training.judges import REGIONS, load_judge
from training.measure import Asked, CannotMeasure, Found, Row, Values, face_groups

COUNT, SWAPS, PAIRS = 16, 16, 40
"""Faces whose head is found; looks swapped; pairs of photos, half of them of one person."""
YAWS = (-30.0, -15.0, 15.0, 30.0)
CHANGED = 10.0
"""By how much of 255 the mean colour must change for a swap of looks to count."""
FACE_CENTRE, FACE_HALF, CELLS = (0.0, 0.0, 0.075), (0.085, 0.125, 0.075), 100
GUESS = Effort(0, 0)


def measure(asked: Asked) -> Found:
    """Every row that the weights in service allow."""
    if asked.data is not None:
        raise CannotMeasure("Of real photos no true surface and no true view from the side is known; leave --data out.")
    rows: dict[str, Row | None] = {}
    groups: dict[str, npt.NDArray[np.bool_]] = {}
    notes: list[str] = []
    predictor = Predictor.load(asked.roots)
    parts: tuple[tuple[tuple[str, ...], Callable[[Predictor, Asked], Found]], ...] = (
        (("shape_share", "novel_view_gain"), _heads),
        (("swap_silhouette_iou",), _swaps),
        (("verification_accuracy",), _pairs),
    )
    for keys, part in parts:
        try:
            found = part(predictor, asked)
        except (CheckpointMissing, CannotMeasure) as error:
            rows |= dict.fromkeys(keys)
            notes.append(f"{', '.join(keys)}: {error.args[0]}")
            continue
        rows |= found.rows
        groups |= found.groups
        notes += found.notes
    return Found(rows, groups, tuple(notes))


def _share(pairs: Values) -> float:
    """The sum of the first column over that of the second."""
    known = pairs[~np.isnan(pairs).any(1)]
    return float(known[:, 0].sum() / known[:, 1].sum()) if len(known) else float("nan")


def _heads(predictor: Predictor, asked: Asked) -> Found:
    """Heads found in single photos, against the engine's own surface and the same moment seen from the side."""
    shares, gains, guessed, attributes = [], [], [], []
    for seed in asked.seeds(COUNT):
        truth = draw_truth(seed, YAWS)
        attributes.append(truth.batch.attributes[0].numpy())
        try:
            portrait, square = predictor.frame(truth.photo)
        except NoFace:
            shares.append((np.nan, np.nan))
            guessed.append((np.nan, np.nan))
            gains.append(np.nan)
            continue
        code, mean = predictor.find(portrait), surface_error(truth.surface, *mean_face())
        shares.append((face_error(predictor, code, truth), mean))
        guessed.append((face_error(predictor, predictor.find(portrait, GUESS), truth), mean))
        gains.append(float(np.mean([_gain(predictor, (code, portrait, square), truth, yaw) for yaw in YAWS])))
    missed = int(np.isnan(gains).sum())
    table = np.array(shares)
    note = (
        f"shape_share: mean error {np.nanmean(table[:, 0]):.2f} mm, the mean face's {np.nanmean(table[:, 1]):.2f} mm; "
        f"the encoder's guess alone {_share(np.array(guessed)):.3f}; in {missed} photos no face was found"
    )
    return Found(
        {
            "shape_share": Row(table, 1.0, middle=_share),
            "novel_view_gain": Row(np.array(gains), 0.0, better="high"),
        },
        face_groups(np.array(attributes), KEYS),
        (note, "do nothing: the mean face; the photo warped over the mean head by the same camera"),
    )


def face_error(predictor: Predictor, code: FaceCode, truth: Truth) -> float:
    """Millimetres between the true face and a found head's, laid over each other."""
    places, normals = face_surface(predictor, code)
    return surface_error(truth.surface, places, normals)


@torch.no_grad()
def face_surface(predictor: Predictor, code: FaceCode) -> tuple[Points, Points]:
    """Places and normals of a found head's face."""
    field = predictor.field
    prepared = field.prepare(torch.from_numpy(code.shape)[None], torch.from_numpy(code.look)[None])

    def distances(at: Tensor) -> Tensor:
        return field.measure(prepared, at[None])[0][0]

    try:
        vertices, triangles = cut_surface(distances, CELLS, FACE_CENTRE, FACE_HALF)
    except EmptyField:
        return mean_face()
    corner = vertices[triangles].astype(np.float64)
    face = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    normals = np.zeros((len(vertices), 3))
    for side in range(3):
        np.add.at(normals, triangles[:, side], face)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    # what closes the box at its walls is no face
    inside = (np.abs(vertices - np.array(FACE_CENTRE)) < np.array(FACE_HALF) - 0.002).all(1)
    return vertices[inside].astype(np.float64), normals[inside]


def _gain(predictor: Predictor, found: tuple[FaceCode, Pixels, Square], truth: Truth, yaw: float) -> float:
    """Decibels by which the head seen from the side is nearer the truth than the photo warped over the mean head."""
    code, portrait, square = found
    size = predictor.config.size
    true = crop(truth.turned[yaw], square, size)
    mask = crop(truth.masks[yaw][..., None].repeat(3, 2).astype(np.uint8) * 255, square, size)[..., 0] > 127
    portrait = resize(portrait, size, size)
    if not mask.any():
        return float("nan")
    ours = predictor.view(code, yaw).pixels
    seen, lens = place(code.camera.numbers())
    swung = code.camera.numbers().clone()
    wanted, _ = place(swung + _yaw_step(yaw))
    plain = warp_over_mean_head(portrait, (seen[0], float(lens[0])), (wanted[0], float(lens[0])))
    return _psnr(ours, true, mask) - _psnr(plain, true, mask)


def _yaw_step(yaw_degrees: float) -> Tensor:
    from core.facefield.camera import Camera

    return Camera(yaw_degrees=yaw_degrees).numbers() - Camera().numbers()


def _psnr(drawn: Pixels, true: Pixels, mask: npt.NDArray[np.bool_]) -> float:
    apart = (drawn[mask].astype(np.float64) - true[mask]) ** 2
    return float(10 * np.log10(255.0**2 / max(apart.mean(), 1e-6)))


def _swaps(predictor: Predictor, asked: Asked) -> Found:
    """Outlines of imagined heads before and after they get another's look, as the judge of heads sees them."""
    judge = load_judge("head", asked.roots)
    head = REGIONS.index("head")
    kept = []
    for seed in asked.seeds(SWAPS):
        code, other = predictor.imagine(seed), predictor.imagine(seed + 500_000)
        before, after = predictor.view(code).pixels, predictor.view(predictor.swap(code, other)).pixels
        changed = np.abs(before.astype(np.float64).mean((0, 1)) - after.mean((0, 1))).mean()
        if changed < CHANGED:
            kept.append(np.nan)
            continue
        with torch.no_grad():
            masks = judge(to_tensor([before, after])).argmax(1) == head
        both, either = (masks[0] & masks[1]).sum(), (masks[0] | masks[1]).sum()
        kept.append(float(both / either) if either else np.nan)
    count = int((~np.isnan(kept)).sum())
    row = Row(np.array(kept), None, better="high", grouped=False)
    return Found({"swap_silhouette_iou": row}, notes=(f"swap_silhouette_iou: {count} swaps changed the look enough",))


def _pairs(predictor: Predictor, asked: Asked) -> Found:
    """Two photos of one person in other moments, cameras and light, and as many of two people."""
    codes: list[tuple[FaceCode, FaceCode] | None] = []
    for seed in asked.seeds(PAIRS // 2):
        person = seed + 10_000
        photos = draw_again(person, person + 1_000_000), draw_again(person, person + 2_000_000)
        try:
            first, second = (predictor.find(predictor.frame(photo)[0], GUESS) for photo in photos)
        except NoFace:
            codes.append(None)
            continue
        codes.append((first, second))
    right = []
    for at, pair in enumerate(codes):
        stranger = codes[(at + 1) % len(codes)]
        right.append(np.nan if pair is None else float(predictor.verify(*pair).same))
        if pair is None or stranger is None:
            right.append(np.nan)
            continue
        right.append(float(not predictor.verify(pair[0], stranger[1]).same))
    note = "verification_accuracy: heads as the encoder guesses them; half of the pairs are of one person"
    return Found({"verification_accuracy": Row(np.array(right), 0.5, better="high", grouped=False)}, notes=(note,))
