"""How the room's segmenter learns: from figures, from engine garments and real cut-outs laid on busy grounds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.garment.config import CLOTH, REGIONS, SegmenterConfig
from core.garment.segment import Segmenter
from core.image import contact_sheet, to_pixels
from training.face_data import spoil
from training.garment_data import (
    ANY_CLOTH,
    VALIDATION_SEED,
    Drawn,
    Pool,
    Rows,
    align_garments,
    draw_flats,
    draw_worn,
    from_bytes,
    pool_of,
    regions_of,
)
from training.garment_pictures import GarmentPictures, read_garments
from training.garment_samples import PERSON, Sway, lay_on_ground, move, put_arms, sway
from training.recipe import Phase
from training.task import cosine

if TYPE_CHECKING:
    from core.image import Pixels
    from training.spec import RunSpec

FLATS, WORN, VALIDATED = 4096, 1024, 48
WORN_SHARE = 0.5
FLAT_SWAY = Sway(25.0, 0.45, 1.1, 0.2)
WORN_SWAY = Sway(8.0, 0.9, 1.6, 0.15)
SOURCES = {"engine": "figures and garments drawn by core/engine"}
SHOWN = 8


class SegmenterRecipe:
    """Cross entropy by pixel. Options: ``count`` of engine garments, ``worn`` of figures, ``cache`` for both, ``grow``,
    ``rate``, ``batch``, ``validated``; ``data`` is the folder of real cut-outs and may be missing."""

    subject, name, round_size = "garment", "segmenter", 10_000
    published = ("segmenter",)
    compiled = ("segmenter",)

    def __init__(self, request: RunSpec) -> None:
        torch.manual_seed(request.seed)
        given = request.options.get("config")
        preset = {"tiny": SegmenterConfig.tiny, "small": SegmenterConfig.small}.get(request.preset, SegmenterConfig)
        self.config: SegmenterConfig = SegmenterConfig(**given) if given is not None else preset()
        self.network = Segmenter(self.config)
        self.modules: dict[str, nn.Module] = {"segmenter": self.network}
        self.averaged = {"segmenter": 3_000.0}
        self.seed, self.batch_size = request.seed, int(request.options.get("batch", 24))
        steps, rate = request.steps, float(request.options.get("rate", 2e-3))
        fall = {"weight_decay": 1e-4, "clip": 2.0, "schedule": lambda step: cosine(step, steps)}
        self.phases = (Phase("segmenter", ("segmenter",), rate, **fall),)
        pool, size = pool_of(request, FLATS), self.config.size
        people = Pool(pool.folder, int(request.options.get("worn", WORN)), pool.grow * 2, pool.device)
        self.flats, self.worn = Drawn("flats", size, pool, draw_flats), Drawn("worn", size, people, draw_worn)
        self.sources = dict(SOURCES)
        self.real: GarmentPictures | None = None
        if request.data is not None:
            self.real = align_garments(read_garments(Path(request.data), size), size)
            self.sources[Path(request.data).name] = "real garments with their masks"
        self._regions = regions_of(self.real.labels) if self.real is not None else torch.zeros(0)
        count = int(request.options.get("validated", VALIDATED))
        self._kept = Pool(pool.folder, count, 0, pool.device, VALIDATION_SEED)
        self._validation: Rows | None = None
        real = " and real garments of senders kept back" if self.real is not None else ""
        self.protocol = f"{count} figures, as many garments{real}, on busy grounds: 1 minus the mean IoU of cloth"

    def batch(self, step: int, size: int, part: int) -> dict[str, Tensor]:
        """Figures, and flat garments on all sorts of grounds."""
        draw = torch.Generator().manual_seed(hash((self.seed, step, 51)) & 0x7FFFFFFF)
        worn = max(1, int(self.batch_size * WORN_SHARE))
        one = self._people(self.worn.learn(step, worn, draw), draw)
        other = self._laid(self._pick(step, self.batch_size - worn, draw), draw)
        whole = {key: torch.cat((one[key], other[key])) for key in one}
        whole["pictures"] = spoil(whole["pictures"], draw, cover=0.0, amount=0.5)
        order = torch.randperm(self.batch_size, generator=draw)  # parts of a batch are alike
        return {key: value[order][part * size : part * size + size] for key, value in whole.items()}

    def _pick(self, step: int, count: int, draw: torch.Generator) -> Rows:
        """Engine garments and, where there are any, as many real ones."""
        if self.real is None:
            return {key: value for key, value in self.flats.learn(step, count, draw).items() if key in _KEPT}
        drawn = self.flats.learn(step, max(1, count // 2), draw)
        chosen = torch.randint(len(self.real.learning), (count - len(drawn["pixels"]),), generator=draw)
        real = self._cut_outs(torch.from_numpy(self.real.learning)[chosen])
        return {key: torch.cat((drawn[key], real[key])) for key in _KEPT}

    def _cut_outs(self, places: Tensor) -> Rows:
        assert self.real is not None
        at = places.numpy()
        pixels = torch.from_numpy(self.real.pictures[at]).permute(0, 3, 1, 2)
        return {"pixels": pixels, "masks": torch.from_numpy(self.real.masks[at]), "region": self._regions[places]}

    def _laid(self, rows: Rows, draw: torch.Generator, learning: bool = True) -> Rows:
        pixels, masks = from_bytes(rows["pixels"]), rows["masks"].float()[:, None] / 255
        # only the middle of the others, which is cloth: a whole garment beneath would be a garment called ground
        low, high = pixels.shape[2] * 3 // 8, pixels.shape[2] * 5 // 8
        others = F.interpolate(pixels.roll(1, 0)[:, :, low:high, low:high], size=pixels.shape[2:], mode="bilinear")
        transforms = sway(len(pixels), FLAT_SWAY, draw)
        pixels, masks = move(pixels, transforms, 1.0), move(masks, transforms, 0.0)
        pictures = lay_on_ground(pixels, masks, others, draw)
        regions = torch.where(masks[:, 0] > 0.5, rows["region"][:, None, None], 0)
        if learning:
            pictures, regions = put_arms(pictures, regions, draw)
        return {"pictures": pictures.clamp(-1, 1), "regions": regions}

    def _people(self, rows: Rows, draw: torch.Generator) -> Rows:
        transforms = sway(len(rows["pixels"]), WORN_SWAY, draw)
        pictures = from_bytes(rows["pixels"])
        grid = F.affine_grid(transforms, list(pictures.shape), align_corners=False)
        pictures = F.grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)
        regions = F.grid_sample(
            rows["regions"].float()[:, None], grid, mode="nearest", padding_mode="reflection", align_corners=False
        )
        return {"pictures": pictures, "regions": regions[:, 0].long()}

    def losses(self, phase: Phase, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """How unlikely the true regions are."""
        del phase, step
        return {"regions": region_error(self.network(batch["pictures"]), batch["regions"])}

    def measure(self) -> dict[str, float]:
        """Intersection over union of cloth, whichever layer, and of people, pictures averaged."""
        whole = self._held_back()
        read = self._read(whole["pictures"]).argmax(1)
        cloth = overlaps(_is_cloth(read), _is_cloth(whole["regions"]))
        groups = {"worn": 0, "flat": 1, "real": 2}
        scores = {
            f"iou_{name}": float(cloth[whole["group"] == at].mean())
            for name, at in groups.items()
            if bool((whole["group"] == at).any())
        }
        worn = whole["group"] == 0
        person = overlaps((read == PERSON)[worn], (whole["regions"] == PERSON)[worn])
        layers = (read == whole["regions"])[worn][_is_cloth(whole["regions"][worn])]
        scores |= {"iou_person": float(person.mean()), "layers_right": float(layers.float().mean())}
        deciding = [scores[key] for key in scores if key in _DECIDES]
        return {"validation": 1 - sum(deciding) / len(deciding), **scores}

    def preview(self) -> Pixels:
        """Pictures above what is read from them: each region in a colour of its own."""
        whole = self._held_back()
        groups = [torch.nonzero(whole["group"] == at)[:SHOWN, 0] for at in range(3)]
        chosen = torch.cat([places for places in groups if len(places)])
        pictures = whole["pictures"][chosen]
        colours = torch.tensor([[-1, -1, -1], [1, 0.2, -0.6], [1, 1, -0.4], [-0.6, 0.2, 1], [0.2, 1, 0.2]])
        painted = colours[self._read(pictures).argmax(1)].permute(0, 3, 1, 2) * 0.5 + pictures * 0.5
        return contact_sheet([*to_pixels(pictures), *to_pixels(painted)], SHOWN)

    def _read(self, pictures: Tensor) -> Tensor:
        device = next(self.network.parameters()).device
        return torch.cat([self.network(part.to(device)).float().cpu() for part in pictures.split(16)])

    def _held_back(self) -> Rows:
        if self._validation is None:
            draw, size, pool = torch.Generator().manual_seed(0), self.config.size, self._kept
            places = torch.arange(pool.count)
            parts = [self._people(Drawn("worn", size, pool, draw_worn).take(places), draw)]
            parts.append(self._laid(Drawn("flats", size, pool, draw_flats).take(places), draw, learning=False))
            if self.real is not None:
                chosen = torch.from_numpy(self.real.validating[: 2 * pool.count])
                parts.append(self._laid(self._cut_outs(chosen), draw, learning=False))
            whole = {key: torch.cat([part[key] for part in parts]) for key in parts[0]}
            lengths = torch.tensor([len(part["pictures"]) for part in parts])
            self._validation = {**whole, "group": torch.arange(len(parts)).repeat_interleave(lengths)}
        return self._validation


_KEPT = ("pixels", "masks", "region")
_DECIDES = {"iou_worn", "iou_flat", "iou_real"}


def region_error(logits: Tensor, regions: Tensor) -> Tensor:
    """Cross entropy; where only "some garment" is known, of all garments together."""
    certain = logits.float().log_softmax(1)
    named = F.nll_loss(certain, regions.clamp_max(len(REGIONS) - 1), reduction="none")
    some = -certain[:, list(CLOTH)].logsumexp(1)
    return torch.where(regions == ANY_CLOTH, some, named).mean()


def _is_cloth(regions: Tensor) -> Tensor:
    return (regions > 0) & (regions != PERSON)


def overlaps(read: Tensor, true: Tensor) -> Tensor:
    """Intersection over union (N) of masks N x H x W; 1 where both are empty."""
    both, either = (read & true).sum((1, 2)), (read | true).sum((1, 2))
    return torch.where(either > 0, both / either.clamp_min(1), 1.0)
