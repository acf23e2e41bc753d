"""The judges' own held-out scores: how far their word can be trusted, by attribute, by distortion and by group."""

from __future__ import annotations

import numpy as np
import torch

from core import checkpoints
from core.engine.attributes import ASKABLE, INDEX, KEYS
from core.engine.faces import faces
from core.engine.faces_cache import choose_people
from core.image import to_tensor
from training.face_data import PICTURES_EACH, SIZE
from training.garment_data import align_garments, draw_flats, from_bytes
from training.garment_pictures import read_garments
from training.judge_tasks import overlap, pair_cosines, prepare_crops, prepare_portraits, regions, run
from training.judges import SUBJECT, load_judge
from training.looks_task import WAYS, coarsen, make_cheaply
from training.measure import Asked, Found, Row, Values, face_groups
from training.perceptual_task import DISTORTIONS, distort
from training.true_edits import draw_true_edits, draw_unedited, moved

COUNT, GARMENTS = 320, 96
EDITED = 10
"""People of whom every attribute is edited both ways."""
MOVED, WELL_MOVED = 1 / 3, 0.4
"""By how much a reading has to move, and a true grade has to have moved, to count."""
SLIGHT, GRAVE = 0.3, 0.7
SLIGHT_KINDS, GRAVE_KINDS = ("shift", "fade"), ("blur", "pixelate")


def measure(asked: Asked) -> Found:
    """All six judges; ``data`` (real garments with masks) adds what is found on those."""
    seeds = asked.seeds(COUNT)
    seeds = seeds[: max(PICTURES_EACH, len(seeds) // PICTURES_EACH * PICTURES_EACH)]
    found = _draw(seeds, asked.device)
    rows: dict[str, Row | None] = {}
    rows |= _attribute_rows(asked, found)
    rows |= _edit_rows(asked)
    rows |= _identity_rows(asked, found)
    read = run(load_judge("head", asked.roots), found["pixels"]).argmax(1)
    true = regions(found["segmentation"].long())
    everything = torch.ones_like(read, dtype=torch.bool)
    rows["head_iou"] = Row(
        overlap(read == 1, true == 1).double().numpy(), overlap(everything, true == 1).double().numpy(), "high"
    )
    small = torch.nn.functional.interpolate(found["pixels"], (96, 96), mode="bilinear", antialias=True)
    rows["distortions_ordered"] = _order(asked, small)
    rows["distortions_weighed"] = _weigh(asked, small)
    groups = face_groups(found["attributes"].numpy(), KEYS)
    whole = Found(
        rows,
        groups,
        ("do nothing: the mean grade; other edits; tossing a coin; the whole picture; mean squared difference",),
    )
    return _with_garments(asked, whole)


def _draw(seeds: list[int], device: str) -> dict[str, torch.Tensor]:
    batch = faces(seeds, device, SIZE, choose_people(seeds, PICTURES_EACH))
    names = ("pixels", "landmarks", "segmentation", "attributes", "identity")
    return {name: getattr(batch, name).float().cpu() for name in names}


def _attribute_rows(asked: Asked, found: dict[str, torch.Tensor]) -> dict[str, Row]:
    judge = load_judge("attributes", asked.roots)
    made = prepare_portraits(found, judge.size, torch.Generator(), learning=False)
    both = np.stack((run(judge, made["pictures"]).double().numpy(), found["attributes"].double().numpy()), -1)
    rows = {"attribute_correlation": Row(both.reshape(len(both), -1), 0.0, "high", _mean_correlation)}
    rows |= {f"correlation_{key}": Row(both[:, at], 0.0, "high", _correlation) for at, key in enumerate(KEYS)}
    return rows


def _edit_rows(asked: Asked) -> dict[str, Row | None]:
    """Whether it sees edits that truly happened, and how often it sees one that nobody made."""
    judge = load_judge("attributes", asked.roots)
    seeds = asked.seeds(EDITED)[:EDITED]
    pictures, before = draw_unedited(seeds, judge.size, asked.device)
    was = judge.straighten(run(judge, pictures))
    edits = list(draw_true_edits(seeds, judge.size, asked.device))
    gone = [judge.straighten(run(judge, edit.pictures)) - was for edit in edits]
    seen: dict[str, list[float]] = {key: [] for key in ASKABLE}
    wrong: dict[str, list[float]] = {key: [] for key in ASKABLE}
    for edit, change in zip(edits, gone, strict=True):
        place, true = INDEX[edit.key], moved(edit, before) >= WELL_MOVED
        seen[edit.key] += (change[true, place] * edit.way >= MOVED).double().tolist()
        others = torch.cat([other[:, place] for one, other in zip(edits, gone, strict=True) if one.key != edit.key])
        wrong[edit.key] += (others * edit.way >= MOVED).double().tolist()
    by_chance = {key: float(np.mean(wrong[key])) for key in ASKABLE}
    rows: dict[str, Row | None] = {
        f"edits_seen_{key}": Row(np.array(seen[key]), by_chance[key], "high", grouped=False) if seen[key] else None
        for key in ASKABLE
    }
    every = np.concatenate([seen[key] for key in ASKABLE])
    chance = np.concatenate([[by_chance[key]] * len(seen[key]) for key in ASKABLE])
    return {"edits_seen": Row(every, chance, "high", grouped=False), **rows}


def _correlation(pairs: Values) -> float:
    read, true = pairs[:, 0] - pairs[:, 0].mean(), pairs[:, 1] - pairs[:, 1].mean()
    size = float(np.linalg.norm(read) * np.linalg.norm(true))
    return float((read * true).sum()) / size if size > 1e-9 else float("nan")  # nothing varies: there is no answer


def _mean_correlation(rows: Values) -> float:
    both = rows.reshape(len(rows), -1, 2)
    known = np.array([_correlation(both[:, at]) for at in range(both.shape[1])])
    return float(np.nanmean(known))


def _identity_rows(asked: Asked, found: dict[str, torch.Tensor]) -> dict[str, Row]:
    judge = load_judge("identity", asked.roots)
    threshold = float(checkpoints.find(SUBJECT, "identity", asked.roots).card.validation["threshold"])
    made = prepare_crops(found, judge.size, torch.Generator(), learning=False)
    same, strangers = pair_cosines(run(judge, made["crops"]))
    right = ((same > threshold).double() + (strangers <= threshold).double()) / 2

    def each(values: torch.Tensor) -> Values:
        return values.double().repeat_interleave(PICTURES_EACH).numpy()

    return {
        "verification_accuracy": Row(each(right), 0.5, "high"),
        "same_cosine": Row(each(same), 0.0, "high"),
        "strangers_cosine": Row(each(strangers), None, "low"),
    }


def _weigh(asked: Asked, small: torch.Tensor) -> Row:
    """Whether a picture that is moved or lit otherwise by a little is nearer than one much blurred or coarsened, which is what
    people say and squared difference does not."""
    judge = load_judge("distance", asked.roots)
    place = torch.arange(len(small))
    harmless, harmful = (
        torch.where(place % 2 == 0, DISTORTIONS.index(one), DISTORTIONS.index(other))
        for one, other in (SLIGHT_KINDS, GRAVE_KINDS)
    )
    slight = distort(small, harmless, torch.full((len(small),), SLIGHT), 78)
    grave = distort(small, harmful, torch.full((len(small),), GRAVE), 79)
    far = [
        torch.cat([judge(a, b) for a, b in zip(small.split(32), made.split(32), strict=True)])
        for made in (slight, grave)
    ]
    plain = [(made - small).square().mean((1, 2, 3)) for made in (slight, grave)]
    return Row((far[1] > far[0]).double().numpy(), (plain[1] > plain[0]).double().numpy(), "high")


def _order(asked: Asked, small: torch.Tensor) -> Row:
    """Whether more of a distortion is further away, three strengths each; also by plain squared difference."""
    judge = load_judge("distance", asked.roots)
    kind = torch.arange(len(small)) % len(DISTORTIONS)
    by_judge, by_pixels = [], []
    for amount in (0.15, 0.45, 0.9):
        made = distort(small, kind, torch.full((len(small),), amount), 77)
        far = [judge(a, b) for a, b in zip(small.split(32), made.split(32), strict=True)]
        by_judge.append(torch.cat(far))
        by_pixels.append((made - small).square().mean((1, 2, 3)))
    ordered, plain = (((far[1] > far[0]).double() + (far[2] > far[1]).double()) / 2 for far in (by_judge, by_pixels))
    return Row(ordered.numpy(), plain.numpy(), "high")


def _with_garments(asked: Asked, found: Found) -> Found:
    from core.engine.garments import garments

    judge = load_judge("garment", asked.roots)
    batch = garments(asked.seeds(GARMENTS)[:GARMENTS], size=judge.size)
    kept = {"garment_iou": (batch.pixels, batch.mask)}
    if asked.data is not None:
        real = read_garments(asked.data, judge.size)
        chosen = real.validating[:GARMENTS]
        pictures = torch.cat([to_tensor(picture) for picture in real.pictures[chosen]])
        kept["garment_iou_real"] = (pictures, torch.from_numpy(real.masks[chosen]) > 127)
    rows: dict[str, Row | None] = dict(found.rows)
    for name, (pictures, mask) in kept.items():
        read = run(judge, pictures).argmax(1) == 1
        whole = overlap(torch.ones_like(mask), mask)
        rows[name] = Row(overlap(read, mask).double().numpy(), whole.double().numpy(), "high", grouped=False)
    rows.setdefault("garment_iou_real", None)
    rows |= _looks_rows(asked)
    return Found(rows, found.groups, found.notes)


def _looks_rows(asked: Asked) -> dict[str, Row | None]:
    """Whether it tells garments from their cloth laid into their outlines in cheaper ways."""
    rows: dict[str, Row | None] = {"looks_told": None, "looks_told_real": None}
    judge = load_judge("looks", asked.roots)
    parts = [draw_flats(asked.seeds(GARMENTS)[at : at + 16], judge.size, asked.device) for at in range(0, GARMENTS, 16)]
    sets = {"looks_told": (torch.cat([part[key] for part in parts]) for key in ("pixels", "masks"))}
    if asked.data is not None:
        real = align_garments(read_garments(asked.data, judge.size), judge.size)
        kept = real.validating[:GARMENTS]
        pictures = torch.from_numpy(real.pictures[kept]).permute(0, 3, 1, 2)
        sets["looks_told_real"] = (one for one in (pictures, torch.from_numpy(real.masks[kept])))
    for name, found in sets.items():
        pixels, masks = found
        draw, ways = torch.Generator().manual_seed(0), torch.arange(len(pixels)) % len(WAYS)
        made = coarsen(make_cheaply(from_bytes(pixels), masks[:, None].float() / 255, ways, draw), draw)
        right = run(judge, made).argmax(1) == ways
        rows[name] = Row(right.double().numpy(), 1 / len(WAYS), "high", grouped=False)
    return rows
