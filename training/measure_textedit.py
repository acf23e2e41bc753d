"""Held-out scores of the textedit room: edits seen by judges, words, captions, speech, and photos drawn again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.checkpoints import CheckpointMissing
from core.engine.attributes import ASKABLE, ATTRIBUTES, INDEX, KEYS, Attributes
from core.engine.faces import faces
from core.engine.parser import parse
from core.face.reader import NoFace
from core.image import Pixels, to_pixels, to_tensor
from core.textedit.invert import Effort
from core.textedit.predict import Predictor
from core.textedit.requests import ask_for, both_ways
from training.face_data import Spread, cut, draw_squares
from training.judge_tasks import IDENTITY_ROOM, run
from training.judges import AttributeJudge, load_judge
from training.measure import Asked, CannotMeasure, Found, Row, Values, face_groups, read_folder
from training.textedit_film import measure_flicker
from training.textedit_framing import frame_portraits
from training.textedit_hearing import measure_chinese, measure_english
from training.textedit_phrases import WORDINGS

COUNT = 16
"""Faces each attribute is asked of, both ways; only those that start in the opposite half count."""
MOVED = 1 / 3
INVERTED = 12
EFFORT = Effort(40, 40)
DRAWN = 256
"""Pixels of an engine picture in which a face is found and framed."""
AVERAGED = 64
"""Faces in the mean face."""
IDENTITY_FREE = tuple(key for key in ASKABLE if not ATTRIBUTES[INDEX[key]].identity)


def measure(asked: Asked) -> Found:
    """Every row that the weights in service allow; on a folder of real pictures only how well they are drawn again."""
    rows: dict[str, Row | None] = {}
    groups: dict[str, npt.NDArray[np.bool_]] = {}
    notes: list[str] = []
    predictor = Predictor.load(asked.roots)
    parts: tuple[tuple[tuple[str, ...], Callable[[Predictor, Asked], Found]], ...] = (
        (("inversion_share",), _inversion),
        *(
            (
                (("edit_success", "drift_percent", "identity_kept", "empty_change"), _edits),
                (("caption_f1",), _captions),
                (("edit_flicker",), measure_flicker),
                (("paraphrase_agreement",), _paraphrases),
                (("speech_exact",), measure_english),
                (("speech_exact_zh",), measure_chinese),
            )
            if asked.data is None
            else ()
        ),
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


@dataclass
class _Tally:
    """What came of every asked edit, an item each."""

    success: list[float] = field(default_factory=list)
    drift: list[float] = field(default_factory=list)
    kept: list[float] = field(default_factory=list)
    face: list[int] = field(default_factory=list)
    key: list[str] = field(default_factory=list)


@dataclass
class _Every:
    """How far the readings of every attribute went under every edit."""

    asked: list[tuple[str, int]] = field(default_factory=list)
    gone: list[Tensor] = field(default_factory=list)

    def add(self, key: str, way: int, gone: Tensor) -> None:
        """One edit of some faces."""
        self.asked.append((key, way))
        self.gone.append(gone)

    def by_chance(self) -> list[float]:
        """For each face of each edit: how often edits of other attributes moved the same reading as far the same way."""
        found: list[float] = []
        for (key, way), own in zip(self.asked, self.gone, strict=True):
            others = [gone for (other, _), gone in zip(self.asked, self.gone, strict=True) if other != key]
            moved = torch.cat([torch.zeros(1), *(gone[:, INDEX[key]] * way for gone in others)])[1:] >= MOVED
            found += [float(moved.float().mean()) if len(moved) else 0.0] * len(own)
        return found


def _edits(predictor: Predictor, asked: Asked) -> Found:
    """One run at strength 1: what was asked moved, the rest kept, who it is kept; each attribute's own success."""
    predictor.need("editor")
    grader, knower = load_judge("attributes", asked.roots), load_judge("identity", asked.roots)
    codes = [predictor.imagine(seed, 1.0) for seed in asked.seeds(COUNT)]  # of nobody: as people meet them
    before = [predictor.draw(code) for code in codes]
    grades, towards = _grade(grader, before), _know(knower, before)
    strangers = float((towards * towards.roll(1, 0)).sum(1).mean())
    tally, every = _Tally(), _Every()
    for place, (key, way) in enumerate(both_ways()):
        chosen = [at for at in range(len(codes)) if (float(grades[at, INDEX[key]]) < 0.5) == (way > 0)]
        if not chosen:
            continue
        text = ask_for(key, way, place, "zh" if place % 2 else "en")
        pictures = [predictor.draw(predictor.steer(codes[at], text)) for at in chosen]
        gone = _grade(grader, pictures) - grades[chosen]
        every.add(key, way, gone)
        others = [INDEX[other] for other in KEYS if other != key]
        tally.success += ((gone[:, INDEX[key]] * way) >= MOVED).float().tolist()
        tally.drift += (100 * gone[:, others].abs().mean(1)).tolist()
        near = (_know(knower, pictures) * towards[chosen]).sum(1)
        same = (near - strangers) / max(1 - strangers, 1e-6)
        tally.kept += (same if key in IDENTITY_FREE else torch.full_like(same, float("nan"))).tolist()
        tally.face += chosen
        tally.key += [key] * len(chosen)
    still = [
        float(np.abs(predictor.draw(predictor.steer(code, "")).astype(np.float64) - picture).mean())
        for code, picture in zip(codes, before, strict=True)
    ]
    return _tell_edits(tally, np.array(every.by_chance()), grades.double().numpy(), np.array(still))


def _tell_edits(tally: _Tally, chance: Values, grades: Values, still: Values) -> Found:
    success = np.array(tally.success)
    rows: dict[str, Row | None] = {
        "edit_success": Row(success, chance, "high"),
        "drift_percent": Row(np.array(tally.drift), 0.0),
        "identity_kept": Row(np.array(tally.kept), 1.0, "high"),
        "empty_change": Row(still, 0.0, grouped=False),
    }
    own = {key: success[np.array(tally.key) == key] for key in dict.fromkeys(tally.key)}
    rows |= {
        f"edit_success_{key}": Row(values, float(chance[np.array(tally.key) == key].mean()), "high", grouped=False)
        for key, values in own.items()
    }
    groups = {name: chosen[tally.face] for name, chosen in face_groups(grades, KEYS).items()}
    worst = min(own, key=lambda key: float(own[key].mean()))
    never = [key for key in ASKABLE if key not in own]
    note = f"edit_success: worst attribute {worst} ({float(own[worst].mean()):.2f}); groups as the judge sees the unedited faces"
    return Found(
        rows,
        groups,
        (note, *((f"never asked, as no face starts in the opposite half: {', '.join(never)}",) if never else ())),
    )


def _grade(grader: AttributeJudge, pictures: list[np.ndarray]) -> Tensor:
    """Grades on the true scale (``AttributeJudge.straighten``)."""
    return grader.straighten(run(grader, to_tensor(np.stack(pictures))))


def _know(knower: torch.nn.Module, pictures: list[np.ndarray]) -> Tensor:
    """Directions of who is seen; portraits of nobody have no labels, so the crop is where faces lie on average."""
    tensor = to_tensor(np.stack(pictures))
    side = tensor.shape[2]
    low, high = torch.tensor([0.274, 0.345]) * side, torch.tensor([0.726, 0.797]) * side
    corners = torch.stack((low, high))[None].expand(len(tensor), -1, -1)
    squares = draw_squares(corners, IDENTITY_ROOM, Spread(0, 0, 0), torch.Generator().manual_seed(0))
    return run(knower, cut(tensor, squares, side, torch.zeros(len(tensor), dtype=torch.bool)))


def _captions(predictor: Predictor, asked: Asked) -> Found:
    """F1 of sentences about engine faces: what is said is true, what is notable is said."""
    predictor.need("captioner")
    batch = faces(asked.seeds(64), asked.device, predictor.config.size)
    scores = []
    shown, _ = frame_portraits(batch.pixels, batch.segmentation, batch.landmarks)
    for place, (picture, row) in enumerate(zip(to_pixels(shown.cpu()), batch.attributes.tolist(), strict=True)):
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
    return Found({"caption_f1": row, "caption_f1_worst_group": Row(np.array([worst]), 0.0, "high", grouped=False)})


def _inversion(predictor: Predictor, asked: Asked) -> Found:
    """Photo to code to picture, against the mean face, by the judge of likeness."""
    predictor.need("inverter")
    judge = load_judge("distance", asked.roots)
    if asked.data is not None:
        photos = to_tensor(np.stack(frame_all(predictor, read_folder(asked.data, asked.count))))
    else:
        photos = _framed(predictor, asked.seeds(INVERTED)[:INVERTED], asked.device)
    mean = _framed(predictor, range(900_000_000, 900_000_000 + AVERAGED), asked.device).mean(0, keepdim=True)
    found = [predictor.draw(predictor.find(portrait, EFFORT)) for portrait in to_pixels(photos)]
    with torch.no_grad():
        mine = judge(to_tensor(np.stack(found)), photos)
        nothing = judge(mean.expand_as(photos).contiguous(), photos)
    both = torch.stack((mine, nothing), 1).double().numpy()
    return Found({"inversion_share": Row(both, 1.0, middle=_share, grouped=False)})


def _framed(predictor: Predictor, seeds: Sequence[int], device: str) -> Tensor:
    """Engine faces as the predictor frames photos."""
    return to_tensor(np.stack(frame_all(predictor, list(to_pixels(faces(seeds, device, DRAWN).pixels.cpu())))))


def frame_all(predictor: Predictor, photos: Sequence[Pixels]) -> list[Pixels]:
    """The portraits in photos; those in which no face is found are left out."""
    found = []
    for photo in photos:
        with contextlib.suppress(NoFace):
            found.append(predictor.frame(photo)[0])
    if not found:
        raise CannotMeasure(f"No face was found in any of the {len(photos)} pictures.")
    return found


def _share(rows: Values) -> float:
    return float(rows[:, 0].sum() / max(rows[:, 1].sum(), 1e-12))


def _paraphrases(predictor: Predictor, asked: Asked) -> Found:
    """Hand-written wordings outside of the grammar: the same attributes, each in the same direction."""
    del predictor, asked
    agreed = []
    for text, wanted in WORDINGS:
        found = {(wish.key, wish.direction) for wish in parse(text).wishes}
        agreed.append(float(found == set(wanted)))
    return Found({"paraphrase_agreement": Row(np.array(agreed), 0.0, "high", grouped=False)})
