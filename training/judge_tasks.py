"""What the judges learn: from which crops, by which losses, and how their own held-out scores are found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.engine.attributes import ASKABLE, INDEX, KEYS
from core.face.config import LANDMARKS, PARTS
from core.image import Pixels, contact_sheet, to_pixels
from training.face_data import MILD, PICTURES_EACH, Spread, carry, cut, draw_squares, spoil
from training.judges import (
    CODES_READ,
    LEAST_SLOPE,
    AttributeJudge,
    IdentityJudge,
    ReaderConfig,
    SegmenterConfig,
    SegmentJudge,
    cells,
)
from training.textedit_framing import find_squares

IDENTITY_ROOM = 1.25
"""Side of the identity reader's crop over the landmarks' extent: little hair is seen."""
BODY = (PARTS.index("neck"), PARTS.index("cloth"))
HEAD = tuple(place for place, name in enumerate(PARTS) if name not in {"background", "neck", "cloth"})


def frame(found: dict[str, Tensor], draw: torch.Generator, learning: bool) -> tuple[Tensor, Tensor]:
    """Squares (N, 4) of about the whole picture, and which are mirrored."""
    count, side = len(found["pixels"]), found["pixels"].shape[-1]
    noise = torch.randn(count, 4, generator=draw).clamp(-2, 2) * learning
    centre = side / 2 * (1 + 0.06 * noise[:, :2])
    scale = side * (1 + 0.06 * noise[:, 2:3])
    squares = torch.cat((centre, scale, 0.05 * noise[:, 3:]), 1)
    return squares, torch.rand(count, generator=draw) < 0.5 * learning


def prepare_portraits(found: dict[str, Tensor], size: int, draw: torch.Generator, learning: bool) -> dict[str, Tensor]:
    """Portraits framed as the studio frames photos, with their grades, as the attribute reader meets them."""
    squares = find_squares(found["landmarks"])
    noise = torch.randn(len(squares), 4, generator=draw).clamp(-2, 2) * learning
    squares = squares + 0.03 * noise * torch.stack(
        (squares[:, 2], squares[:, 2], squares[:, 2], torch.ones(len(squares))), 1
    )
    mirrored = torch.rand(len(squares), generator=draw) < 0.5 * learning
    pictures = cut(found["pixels"], squares, size, mirrored)
    grades = found["attributes"].clone()
    turn = grades[:, INDEX["head_turn"]]
    grades[:, INDEX["head_turn"]] = torch.where(mirrored, 1 - turn, turn)
    points = carry(found["landmarks"], squares, mirrored)
    shown = spoil(pictures, draw, cover=0.0, amount=MILD) if learning else pictures
    return {"pictures": shown, "grades": grades, "points": points}


def prepare_crops(found: dict[str, Tensor], size: int, draw: torch.Generator, learning: bool) -> dict[str, Tensor]:
    """Tight crops with what is known of who they show, as the identity reader meets them."""
    spread = Spread(0.05, 0.06, 8.0) if learning else Spread(0, 0, 0)
    squares = draw_squares(found["landmarks"], IDENTITY_ROOM, spread, draw)
    mirrored = torch.rand(len(squares), generator=draw) < 0.5 * learning
    crops = cut(found["pixels"], squares, size, mirrored)
    tone_age = found["attributes"][:, [INDEX["skin_tone"], INDEX["age"]]] * 3 - 1.5
    known = torch.cat((found["identity"][:, :CODES_READ], tone_age), 1)
    points = carry(found["landmarks"], squares, mirrored)
    return {
        "crops": spoil(crops, draw, cover=0.0, amount=MILD) if learning else crops,
        "known": known,
        "points": points,
    }


def _points_head(features: int) -> nn.Linear:
    return nn.Linear(features, 2 * LANDMARKS)


def _points_error(read: Tensor, true: Tensor) -> Tensor:
    return (read.view(true.shape) - true).square().sum(2).add(1e-6).sqrt().mean()


class GradeSpread(nn.Module):
    """How far each grade strays among faces, as seen so far."""

    square: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("square", torch.full((len(KEYS),), 0.08))

    @torch.no_grad()
    def note(self, grades: Tensor, keep: float = 0.99) -> Tensor:
        """The mean squares (26) about the mean, with these faces."""
        self.square.copy_(grades.var(0).lerp(self.square, keep))
        return self.square


class AttributeTask:
    """Grades of framed portraits. Neighbours show one person with some attributes drawn anew, and how the readings of the two
    differ counts as much as the readings: an edit is such a difference."""

    protocol = (
        "512 framed engine faces of the validation band and as many of which attributes were drawn anew: 1 minus the mean "
        "correlation over attributes of what is read with what is so, and of the differences between neighbours"
    )
    name, batch_size = "attributes", 64

    def __init__(self, config: ReaderConfig) -> None:
        self.config, self.network = config, AttributeJudge(config)
        self._spread = GradeSpread()
        self.aids: dict[str, nn.Module] = {"points": _points_head(self.network.features), "spread": self._spread}
        self.sources: dict[str, str] = {}

    def prepare(self, found: dict[str, Tensor], draw: torch.Generator, learning: bool) -> dict[str, Tensor]:
        """Pictures a little moved and spoilt, with their grades."""
        return prepare_portraits(found, self.config.size, draw, learning)

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Squared error of the grades and of their differences, each against its own spread; where the landmarks are, which
        most follow from."""
        seen = self.network.see(batch["pictures"])
        off = self.network.grade(seen) - batch["grades"]
        spread = self._spread.note(batch["grades"]).clamp_min(1e-3)
        return {
            "grades": (off.square() / spread).mean(),
            "changes": 0.5 * (differ(off).square() / spread).mean(),
            "points": _points_error(self.aids["points"](seen), batch["points"]),
        }

    def measure(self, whole: dict[str, Tensor]) -> dict[str, float]:
        """Correlation of each attribute among people, and of its differences between two pictures of one person; and how
        readings follow true differences: slope, and what is read at grade 0."""
        read, true = run(self.network, whole["pictures"]), whole["grades"]
        crowd = len(read) // 2
        scores = {f"correlation_{key}": correlation(read[:crowd, i], true[:crowd, i]) for i, key in enumerate(KEYS)}
        gone, truly = differ(read[crowd:]), differ(true[crowd:])
        anew = [place for place, key in enumerate(KEYS) if key in ASKABLE]
        changes = {f"change_{KEYS[i]}": correlation(gone[:, i], truly[:, i]) for i in anew}
        slope = (gone * truly).mean(0) / truly.square().mean(0).clamp_min(1e-9)
        slope = torch.where(truly.square().mean(0) > 0, slope, 1.0)  # what never differs is taken at its word
        rest = read.mean(0) - slope.clamp_min(LEAST_SLOPE) * true.mean(0)
        lines = {f"slope_{key}": float(slope[i]) for i, key in enumerate(KEYS)}
        lines |= {f"rest_{key}": float(rest[i]) for i, key in enumerate(KEYS)}
        off = [1 - float(np.mean(list(each.values()))) for each in (scores, changes)]
        return {"validation": sum(off) / 2, "among_people": off[0], "between_two": off[1], **scores, **changes, **lines}

    def preview(self, whole: dict[str, Tensor]) -> Pixels:
        """Portraits in the order of the smile that is read."""
        read = run(self.network, whole["pictures"])[:, INDEX["smile"]]
        return contact_sheet(list(to_pixels(whole["pictures"][read.argsort()[:: len(read) // 16][:16]])), 8)


def differ(values: Tensor) -> Tensor:
    """What the second of each two neighbours (rows) has more than the first."""
    return values[1::PICTURES_EACH] - values[0::PICTURES_EACH]


class IdentityTask:
    """Who somebody is: both pictures of a person find each other among strangers (van den Oord 2018)."""

    protocol = "256 persons of the validation band twice, 256 pairs of strangers: error rate at the best threshold"
    name, batch_size = "identity", 96
    temperature = 0.08

    def __init__(self, config: ReaderConfig) -> None:
        self.config, self.network = config, IdentityJudge(config)
        self.aids: dict[str, nn.Module] = {
            "aid": nn.Linear(config.outputs, CODES_READ + 2),
            "points": _points_head(cells(config) * 8 * config.width),
        }
        self.sources: dict[str, str] = {}

    def prepare(self, found: dict[str, Tensor], draw: torch.Generator, learning: bool) -> dict[str, Tensor]:
        """Tight crops and what is known of who they show."""
        return prepare_crops(found, self.config.size, draw, learning)

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Each picture's other one among all, the engine's own code, and where the landmarks are."""
        seen = self.network.see(batch["crops"])
        towards = self.network.point(seen)
        near = towards @ towards.t() / self.temperature
        near = near.masked_fill(torch.eye(len(near), dtype=torch.bool, device=near.device), -1e4)
        other = torch.arange(len(near), device=near.device) ^ 1
        said = self.aids["aid"](towards * 3)
        return {
            "pairs": F.cross_entropy(near, other),
            "known": (said - batch["known"]).square().mean(),
            "points": 2 * _points_error(self.aids["points"](seen), batch["points"]),
        }

    def measure(self, whole: dict[str, Tensor]) -> dict[str, float]:
        """How well a threshold on the cosine tells pairs of one person from pairs of strangers."""
        same, strangers = pair_cosines(run(self.network, whole["crops"]))
        threshold, accuracy = best_threshold(same, strangers)
        return {
            "validation": 1 - accuracy,
            "threshold": threshold,
            "strangers_cosine": float(strangers.mean()),
            "same_cosine": float(same.mean()),
        }

    def preview(self, whole: dict[str, Tensor]) -> Pixels:
        """The first persons, both pictures above each other."""
        shown = to_pixels(whole["crops"][:32])
        return contact_sheet([*shown[0::2], *shown[1::2]], 16)


def pair_cosines(towards: Tensor) -> tuple[Tensor, Tensor]:
    """Cosines of both pictures of each person, and of each person's first with the next person's second."""
    one, other = towards[0::PICTURES_EACH], towards[1::PICTURES_EACH]
    return (one * other).sum(1), (one * other.roll(1, 0)).sum(1)


def best_threshold(same: Tensor, strangers: Tensor) -> tuple[float, float]:
    """The cosine that tells most pairs rightly, and the share that it does."""
    tried = torch.cat((same, strangers)).sort().values
    rates = [(((same > t).float().mean() + (strangers <= t).float().mean()) / 2).item() for t in tried]
    best = int(np.argmax(rates))
    return float(tried[best]), rates[best]


class HeadTask:
    """Where head and body are in a portrait."""

    protocol = "512 engine faces of the validation band: 1 minus the mean IoU of head, body and background"
    name, batch_size = "head", 32

    def __init__(self, config: SegmenterConfig) -> None:
        self.config, self.network = config, SegmentJudge(config)
        self.aids: dict[str, nn.Module] = {}
        self.sources: dict[str, str] = {}

    def prepare(self, found: dict[str, Tensor], draw: torch.Generator, learning: bool) -> dict[str, Tensor]:
        """Portraits with their regions."""
        squares, mirrored = frame(found, draw, learning)
        pictures = cut(found["pixels"], squares, self.config.size, mirrored)
        parts = cut(found["segmentation"][:, None], squares, self.config.size, mirrored, mode="nearest")[:, 0].long()
        return {
            "pictures": spoil(pictures, draw, cover=0.0, amount=MILD) if learning else pictures,
            "regions": regions(parts),
        }

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Cross entropy."""
        return {"regions": F.cross_entropy(self.network(batch["pictures"]), batch["regions"])}

    def measure(self, whole: dict[str, Tensor]) -> dict[str, float]:
        """Intersection over union, pictures averaged."""
        read = run(self.network, whole["pictures"]).argmax(1)
        head, body, back = (overlap(read == at, whole["regions"] == at).nanmean().item() for at in (1, 2, 0))
        return {"validation": 1 - (head + body + back) / 3, "iou_head": head, "iou_body": body}

    def preview(self, whole: dict[str, Tensor]) -> Pixels:
        """Portraits with what is not head darkened."""
        pictures = whole["pictures"][:16]
        read = run(self.network, pictures).argmax(1)[:, None]
        return contact_sheet(list(to_pixels(torch.where(read == 1, pictures, pictures * 0.3 - 0.7))), 8)


class GarmentTask:
    """The outline of a garment on its ground: engine garments and, where given, real cut-outs."""

    protocol = "engine garments of the validation band (and real ones held back by sender): 1 minus the mean IoU"
    name, batch_size = "garment", 32
    drawn, validated = 2048, 160

    def __init__(self, config: SegmenterConfig, folder: Path | None = None) -> None:
        self.config, self.network = config, SegmentJudge(config)
        self.aids: dict[str, nn.Module] = {}
        self.sources = {} if folder is None else {"garments": f"pictures and masks of {folder.name}"}
        self._folder = folder
        self._sets: dict[bool, tuple[Tensor, Tensor]] = {}

    def prepare(self, found: dict[str, Tensor], draw: torch.Generator, learning: bool) -> dict[str, Tensor]:
        """Garments a little moved; the faces that come along are not looked at."""
        pictures, masks = self._garments(learning)
        chosen = torch.randint(len(pictures), (len(found["pixels"]),), generator=draw) if learning else slice(None)
        pixels, mask = pictures[chosen].float() / 127.5 - 1, masks[chosen].float()[:, None] / 255
        squares, mirrored = frame({"pixels": pixels}, draw, learning)
        pixels = cut(pixels, squares, self.config.size, mirrored)
        mask = cut(mask, squares, self.config.size, mirrored)[:, 0] > 0.5
        return {"pictures": spoil(pixels, draw, cover=0.0, amount=MILD) if learning else pixels, "mask": mask.long()}

    def _garments(self, learning: bool) -> tuple[Tensor, Tensor]:
        if learning not in self._sets:
            from core.engine.garments import garments
            from training.face_data import TRAIN_SEED, VALIDATION_SEED

            first, count = (TRAIN_SEED, self.drawn) if learning else (VALIDATION_SEED, self.validated)
            batch = garments(range(first, first + count), size=self.config.size)
            pictures = [torch.from_numpy(to_pixels(batch.pixels)).permute(0, 3, 1, 2)]
            masks = [batch.mask.to(torch.uint8) * 255]
            if self._folder is not None:
                from training.garment_pictures import read_garments

                real = read_garments(self._folder, self.config.size)
                kept = real.learning if learning else real.validating
                pictures.append(torch.from_numpy(real.pictures[kept]).permute(0, 3, 1, 2))
                masks.append(torch.from_numpy(real.masks[kept]))
            self._sets[learning] = torch.cat(pictures), torch.cat(masks)
        return self._sets[learning]

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Cross entropy."""
        return {"outline": F.cross_entropy(self.network(batch["pictures"]), batch["mask"])}

    def measure(self, whole: dict[str, Tensor]) -> dict[str, float]:
        """Intersection over union, pictures averaged."""
        found = overlap(run(self.network, whole["pictures"]).argmax(1) == 1, whole["mask"] == 1)
        real = found[self.validated :]
        return {
            "validation": 1 - float(found.mean()),
            "iou_engine": float(found[: self.validated].mean()),
            **({"iou_real": float(real.mean())} if len(real) else {}),
        }

    def preview(self, whole: dict[str, Tensor]) -> Pixels:
        """Garments with what is outside of the outline darkened."""
        pictures = whole["pictures"][::20][:16]
        read = run(self.network, pictures).argmax(1)[:, None]
        return contact_sheet(list(to_pixels(torch.where(read == 1, pictures, pictures * 0.3 - 0.7))), 8)


def regions(parts: Tensor) -> Tensor:
    """The parser's parts as the head segmenter's regions."""
    table = torch.zeros(len(PARTS), dtype=torch.long, device=parts.device)
    table[list(HEAD)], table[list(BODY)] = 1, 2
    return table[parts]


def overlap(read: Tensor, true: Tensor) -> Tensor:
    """Intersection over union (N) of masks N x H x W; 1 where both are empty."""
    both, either = (read & true).sum((1, 2)), (read | true).sum((1, 2))
    return torch.where(either > 0, both / either.clamp_min(1), 1.0)


def correlation(one: Tensor, other: Tensor) -> float:
    """Pearson's correlation; 0 where either does not vary."""
    one, other = one - one.mean(), other - other.mean()
    return float((one * other).sum() / (one.norm() * other.norm()).clamp_min(1e-9))


@torch.no_grad()
def run(network: nn.Module, pictures: Tensor) -> Tensor:
    """What a network says of pictures on the CPU, some at a time."""
    device = next(network.parameters()).device
    return torch.cat([network(part.to(device)).float().cpu() for part in pictures.split(32)])
