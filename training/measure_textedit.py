"""Held-out scores of the textedit room: edits seen by judges, words, captions, speech, and photos drawn again."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from core.checkpoints import CheckpointMissing
from core.engine.attributes import ASKABLE, ATTRIBUTES, INDEX, KEYS, Attributes
from core.engine.faces import faces
from core.engine.parser import parse
from core.image import to_pixels, to_tensor
from core.textedit.invert import Effort
from core.textedit.predict import LatentCode, Predictor
from core.textedit.requests import ask_for
from core.textedit.speech_model import NothingHeard, Recogniser
from training.face_data import Spread, cut, draw_squares
from training.judge_tasks import IDENTITY_ROOM, run
from training.judges import load_judge
from training.measure import Asked, Found, Row, Values, face_groups, read_folder
from training.speech_task import HELD_BACK, say
from training.textedit_phrases import SPOKEN_CHINESE, WORDINGS

COUNT = 16
"""Faces each attribute is asked of, both ways; only those that start in the opposite half count."""
MOVED = 1 / 3
INVERTED = 12
EFFORT = Effort(40, 40)
IDENTITY_FREE = tuple(key for key in ASKABLE if not ATTRIBUTES[INDEX[key]].identity)


def measure(asked: Asked) -> Found:
    """Every row that the weights in service allow; on a folder of real pictures only how well they are drawn again."""
    rows: dict[str, Row | None] = {}
    notes: list[str] = []
    predictor = Predictor.load(asked.roots)
    parts: tuple[tuple[tuple[str, ...], Callable[[Predictor, Asked], dict[str, Row | None]]], ...] = (
        (("inversion_share",), _inversion),
        *(
            (
                (("edit_success", "drift_percent", "identity_kept", "empty_change"), _edits),
                (("caption_f1",), _captions),
            )
            if asked.data is None
            else ()
        ),
    )
    for keys, part in parts:
        try:
            rows |= part(predictor, asked)
        except CheckpointMissing as error:
            rows |= dict.fromkeys(keys)
            notes.append(f"{', '.join(keys)}: {error}")
    if asked.data is None:
        rows["paraphrase_agreement"] = _paraphrases()
        heard = _speech(asked)
        rows |= heard
        if heard["speech_exact_zh"] is None:
            notes.append("speech_exact_zh wants the weights of textedit speech and espeak-ng")
        rows["speech_exact"] = None
        notes.append("speech_exact is measured where the English decoder stands, in the studio")
    attributes = faces(asked.seeds(COUNT), asked.device, 64).attributes.cpu().numpy()
    notes.append(f"groups of edited faces: {len(attributes)} engine faces; worst attribute beside edit_success")
    return Found(rows, notes=tuple(notes))


def _true_codes(predictor: Predictor, asked: Asked) -> list[LatentCode]:
    """Codes of nobody, of the asked seeds: as people meet them."""
    return [predictor.imagine(seed, 1.0) for seed in asked.seeds(COUNT)]


def _edits(predictor: Predictor, asked: Asked) -> dict[str, Row | None]:
    """One run at strength 1: what was asked moved, the rest kept, who it is kept; each attribute's own success."""
    grader, knower = load_judge("attributes", asked.roots), load_judge("identity", asked.roots)
    codes = _true_codes(predictor, asked)
    before = [predictor.draw(code) for code in codes]
    grades = _grade(grader, before)
    towards = _know(knower, before)
    strangers = float((towards * towards.roll(1, 0)).sum(1).mean())
    success: dict[str, list[float]] = {key: [] for key in ASKABLE}
    drift, kept, still = [], [], []
    for place, (key, way) in enumerate((key, way) for key in ASKABLE for way in (-1, 1)):
        chosen = [at for at in range(len(codes)) if (float(grades[at, INDEX[key]]) < 0.5) == (way > 0)]
        if not chosen:
            continue
        text = ask_for(key, way, place, "zh" if place % 2 else "en")
        pictures = [predictor.draw(predictor.steer(codes[at], text)) for at in chosen]
        gone = _grade(grader, pictures) - grades[chosen]
        success[key] += ((gone[:, INDEX[key]] * way) >= MOVED).float().tolist()
        others = [INDEX[other] for other in KEYS if other != key]
        drift += (100 * gone[:, others].abs().mean(1)).tolist()
        if key in IDENTITY_FREE:
            near = (_know(knower, pictures) * towards[chosen]).sum(1)
            kept += ((near - strangers) / max(1 - strangers, 1e-6)).tolist()
    for code, picture in zip(codes, before, strict=True):
        again = predictor.draw(predictor.steer(code, ""))
        still.append(float(np.abs(again.astype(np.float64) - picture).mean()))
    every = [value for values in success.values() for value in values]
    rows: dict[str, Row | None] = {
        "edit_success": Row(np.array(every), 0.0, "high", grouped=False),
        "drift_percent": Row(np.array(drift), 0.0, grouped=False),
        "identity_kept": Row(np.array(kept), 1.0, "high", grouped=False),
        "empty_change": Row(np.array(still), 0.0, grouped=False),
    }
    rows |= {
        f"edit_success_{key}": Row(np.array(values), 0.0, "high", grouped=False)
        for key, values in success.items()
        if values
    }
    return rows


def _grade(grader: torch.nn.Module, pictures: list[np.ndarray]) -> Tensor:
    return run(grader, to_tensor(np.stack(pictures))).clamp(0, 1)


def _know(knower: torch.nn.Module, pictures: list[np.ndarray]) -> Tensor:
    """Directions of who is seen; portraits of nobody have no labels, so the crop is where faces lie on average."""
    tensor = to_tensor(np.stack(pictures))
    side = tensor.shape[2]
    low, high = torch.tensor([0.274, 0.345]) * side, torch.tensor([0.726, 0.797]) * side
    corners = torch.stack((low, high))[None].expand(len(tensor), -1, -1)
    squares = draw_squares(corners, IDENTITY_ROOM, Spread(0, 0, 0), torch.Generator().manual_seed(0))
    return run(knower, cut(tensor, squares, side, torch.zeros(len(tensor), dtype=torch.bool)))


def _captions(predictor: Predictor, asked: Asked) -> dict[str, Row | None]:
    """F1 of sentences about engine faces: what is said is true, what is notable is said."""
    batch = faces(asked.seeds(64), asked.device, predictor.config.size)
    scores = []
    for place, (picture, row) in enumerate(zip(to_pixels(batch.pixels.cpu()), batch.attributes.tolist(), strict=True)):
        true = Attributes.from_vector(row)
        said = {wish.key: wish for wish in parse(predictor.describe(picture, "zh" if place % 2 else "en")).wishes}
        right = [key for key, wish in said.items() if wish.low - 0.1 <= true[key] <= wish.high + 0.1]
        notable = true.notable()[:7]
        precision = len(right) / max(len(said), 1)
        recall = len([key for key in notable if key in right]) / max(len(notable), 1)
        scores.append(2 * precision * recall / max(precision + recall, 1e-9))
    groups = face_groups(batch.attributes.cpu().numpy(), KEYS)
    row = Row(np.array(scores), 0.0, "high", grouped=False)
    worst = min((float(row.score(chosen) or 0.0) for chosen in groups.values() if chosen.sum() >= 5), default=0.0)
    return {"caption_f1": row, "caption_f1_worst_group": Row(np.array([worst]), 0.0, "high", grouped=False)}


def _inversion(predictor: Predictor, asked: Asked) -> dict[str, Row | None]:
    """Photo to code to picture, against the mean face, by the judge of likeness."""
    judge = load_judge("distance", asked.roots)
    size = predictor.config.size
    if asked.data is not None:
        portraits = [predictor.frame(photo)[0] for photo in read_folder(asked.data, asked.count)]
        photos = to_tensor(np.stack(portraits))
    else:
        photos = faces(asked.seeds(INVERTED)[:INVERTED], asked.device, size).pixels.cpu()
    mean = faces(range(900_000_000, 900_000_064), asked.device, size).pixels.mean(0, keepdim=True).cpu()
    found = [predictor.draw(predictor.find(portrait, EFFORT)) for portrait in to_pixels(photos)]
    with torch.no_grad():
        mine = judge(to_tensor(np.stack(found)), photos)
        nothing = judge(mean.expand_as(photos).contiguous(), photos)
    both = torch.stack((mine, nothing), 1).double().numpy()
    return {"inversion_share": Row(both, 1.0, middle=_share, grouped=False)}


def _share(rows: Values) -> float:
    return float(rows[:, 0].sum() / max(rows[:, 1].sum(), 1e-12))


def _paraphrases() -> Row:
    """Hand-written wordings outside of the grammar: the same attributes, each in the same direction."""
    agreed = []
    for text, wanted in WORDINGS:
        found = {(wish.key, wish.direction) for wish in parse(text).wishes}
        agreed.append(float(found == set(wanted)))
    return Row(np.array(agreed), 0.0, "high", grouped=False)


def _speech(asked: Asked) -> dict[str, Row | None]:
    """Spoken phrases of voices kept back: the attribute list understood exactly."""
    if shutil.which("espeak-ng") is None:
        return {"speech_exact_zh": None}
    try:
        recogniser = Recogniser.load(asked.roots)
    except CheckpointMissing:
        return {"speech_exact_zh": None}
    rows: dict[str, Row | None] = {}
    every: list[float] = []
    for voice in HELD_BACK:
        exact = [float(_means(_heard(recogniser, text, voice)) == _means(text)) for text in SPOKEN_CHINESE]
        rows[f"speech_exact_zh_cmn{voice}"] = Row(np.array(exact), 0.0, "high", grouped=False)
        every += exact
    return {"speech_exact_zh": Row(np.array(every), 0.0, "high", grouped=False), **rows}


def _heard(recogniser: Recogniser, text: str, voice: str) -> str:
    try:
        return recogniser.hear(say(text, voice, 160, 50))
    except NothingHeard:
        return ""


def _means(text: str) -> set[tuple[str, float, float, int]]:
    return {(wish.key, wish.low, wish.high, wish.direction) for wish in parse(text).wishes}
