"""How both encoders learn: to make the frozen generator draw a garment again from its outline and a part of its cloth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from core import checkpoints, perceptual, stylegan2
from core.checkpoints import CheckpointMissing, Found
from core.garment.config import EncoderConfig
from core.garment.losses import outline_error, pixel_error
from core.garment.mix import draw, fuse, show_shape, show_texture
from core.garment.networks import digest_of, load_generator, make_encoders
from core.garment.segment import load_segmenter
from core.garment.weave import carry_on
from core.image import contact_sheet, to_pixels
from training.garment_data import (
    VALIDATION_SEED,
    Drawn,
    Pool,
    Rows,
    align_garments,
    draw_flats,
    from_bytes,
    pool_of,
    sharper_more_often,
)
from training.garment_pictures import GarmentPictures, read_garments
from training.garment_samples import Sway, crop_some, hide_some, move, sway
from training.recipe import Phase
from training.spec import BadRequest
from training.task import cosine

if TYPE_CHECKING:
    from core.image import Pixels
    from training.spec import RunSpec

FLATS, VALIDATED, SHOWN = 4096, 64, 8
SWAY = Sway(6.0, 0.88, 1.08, 0.03)
HIDDEN = 0.45
"""Share of samples whose texture is the original hidden in part; of the rest it is a crop. Crops stay where they were: a
print moved against its picture would teach that prints are not to be trusted."""
OUTLINED = 0.5
"""Share of a batch whose outlines are looked at: the segmenter is dear, and outlines are soon learned."""
SHIPPED = Path(__file__).parents[1] / "assets" / "weights"


@dataclass(frozen=True)
class Weights:
    """How much each loss counts; ``outline=0`` learns without the mask's loss."""

    pixels: float = 4.0
    perceptual: float = 1.0
    outline: float = 1.0


class EncodersRecipe:
    """L2, perceptual and the outline's L1 (through the room's segmenter, or by whiteness where there is none yet).

    Options: ``generator``, a checkpoint's folder (else the one in ``weights``, else the shipped one); ``pixels``,
    ``perceptual``, ``outline``, weights of the losses; ``sampling=sharp``; ``engine``, share of engine garments;
    ``count``, ``cache``, ``grow``, ``rate``, ``batch``, ``validated``.
    """

    subject, name, round_size = "garment", "encoders", 10_000
    published = ("shape", "texture")
    compiled = ()

    def __init__(self, request: RunSpec) -> None:
        torch.manual_seed(request.seed)
        options = request.options
        found, roots = _find_generator(request)
        shape = stylegan2.Config(**found.card.config["generator"])
        given = options.get("config", {})  # the shape of weights that the run starts with
        self.config = EncoderConfig(shape, float(given.get("share", options.get("share", 0.5))), digest_of(found))
        if given.get("drawn_by", self.config.drawn_by) != self.config.drawn_by:
            raise BadRequest("The encoders to start with were learned for another generator; give that one's folder.")
        self.generator = load_generator(found)
        self.modules: dict[str, nn.Module] = dict(make_encoders(self.config))
        self.averaged = dict.fromkeys(self.modules, 4_000.0)
        named = {key: float(options[key]) for key in Weights.__dataclass_fields__ if key in options}
        self.weights = Weights(**named)
        self._distance: Any = _optional(perceptual.load_distance, roots)
        self._segmenter: Any = _optional(load_segmenter, roots)
        self.seed, self.batch_size = request.seed, int(options.get("batch", 16 if request.preset != "full" else 32))
        steps, rate = request.steps, float(options.get("rate", 1e-3))
        fall = {"clip": 5.0, "schedule": lambda step: cosine(step, steps)}
        self.phases = (Phase("encoders", ("shape", "texture"), rate, (0.9, 0.99), **fall),)
        self._open(request)

    def _open(self, request: RunSpec) -> None:
        options, size = request.options, self.config.generator.size
        pool = pool_of(request, FLATS)
        self.flats = Drawn("flats", size, pool, draw_flats)
        self.sources = {"engine": "garments drawn by core/engine"}
        self.real: GarmentPictures | None = None
        self._chances: Tensor | None = None
        if request.data is not None:
            self.real = align_garments(read_garments(Path(request.data), size), size)
            self.sources[Path(request.data).name] = "real garments with their masks"
            if options.get("sampling") == "sharp":
                self._chances = torch.from_numpy(sharper_more_often(self.real.pictures[self.real.learning]))
        self._engine_share = float(options.get("engine", 0.5)) if self.real is not None else 1.0
        count = int(options.get("validated", VALIDATED))
        self._kept = Pool(pool.folder, count, 0, pool.device, VALIDATION_SEED)
        self._validation: Rows | None = None
        known = f" and {count} real ones of senders kept back" if self.real is not None else ""
        self.protocol = f"{count} engine garments{known}, partly hidden: mean absolute difference within them, of 255"

    def batch(self, step: int, size: int, part: int) -> dict[str, Tensor]:
        """Garments, their masks, and what is seen of their cloth."""
        chance = torch.Generator().manual_seed(hash((self.seed, step, 53)) & 0x7FFFFFFF)
        engine = round(self.batch_size * self._engine_share)
        parts: list[Rows] = []
        if engine:
            parts.append(_sample(self.flats.learn(step, engine, chance), chance))
        if engine < self.batch_size:
            parts.append(_sample(self._pick(self.batch_size - engine, chance), chance))
        whole = {key: torch.cat([rows[key] for rows in parts]) for key in parts[0]}
        order = torch.randperm(self.batch_size, generator=chance)
        return {key: value[order][part * size : part * size + size] for key, value in whole.items()}

    def _pick(self, count: int, chance: torch.Generator) -> Rows:
        assert self.real is not None
        if self._chances is None:
            chosen = torch.randint(len(self.real.learning), (count,), generator=chance)
        else:
            chosen = torch.multinomial(self._chances, count, replacement=True, generator=chance)
        return self._cut_outs(torch.from_numpy(self.real.learning)[chosen])

    def _cut_outs(self, places: Tensor) -> Rows:
        assert self.real is not None
        pixels = torch.from_numpy(self.real.pictures[places.numpy()]).permute(0, 3, 1, 2)
        return {"pixels": pixels, "masks": torch.from_numpy(self.real.masks[places.numpy()])}

    def losses(self, phase: Phase, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """Weighted terms; each can be a run's threshold."""
        del phase, step
        drawn = self._draw(batch).float()
        terms = {"pixels": self.weights.pixels * pixel_error(drawn, batch["target"])}
        if self._distance is not None and self.weights.perceptual:
            distance = self._distance.to(drawn.device)
            apart = distance(drawn.clamp(-1.2, 1.2), batch["target"]).mean()
            terms["perceptual"] = self.weights.perceptual * apart
        if self.weights.outline:
            segmenter = None if self._segmenter is None else self._segmenter.to(drawn.device)
            some = max(1, round(OUTLINED * len(drawn)))  # a batch is shuffled
            terms["outline"] = self.weights.outline * outline_error(drawn[:some], batch["mask"][:some], segmenter)
        return terms

    def _draw(self, batch: dict[str, Tensor]) -> Tensor:
        device = batch["mask"].device
        self.generator = self.generator.to(device)
        shape = self.modules["shape"](show_shape(batch["mask"]))
        texture = self.modules["texture"](batch["texture"])
        return draw(self.generator, fuse(shape, texture))

    def measure(self) -> dict[str, float]:
        """How far garments drawn again are from the truth; do nothing: the seen cloth carried on into the mask."""
        whole = self._held_back()
        drawn, mask = self._drawn(whole), whole["mask"]
        near = _difference(drawn, whole["target"], mask)
        carried = _difference(carry_on(whole["cloth"], whole["seen"]), whole["target"], mask)
        hidden = mask * (1 - whole["seen"])
        engine = self._kept.count
        scores = {
            "carried_on": float(carried.mean()),
            "hidden": float(_difference(drawn, whole["target"], hidden).mean()),
            "hidden_carried_on": float(
                _difference(carry_on(whole["cloth"], whole["seen"]), whole["target"], hidden).mean()
            ),
            "outline": float(outline_error(drawn, mask, None)),
            "engine": float(near[:engine].mean()),
        }
        if len(near) > engine:
            scores["real"] = float(near[engine:].mean())
        return {"validation": float(near.mean()), **scores}

    def preview(self) -> Pixels:
        """Outlines, seen cloth, what is drawn, and the truth."""
        whole = self._held_back()
        half = SHOWN // 2
        engine = self._kept.count
        real = torch.arange(engine, len(whole["mask"]))[:half]
        chosen = torch.cat((torch.arange(engine)[: SHOWN - len(real)], real))
        shown = {key: value[chosen] for key, value in whole.items()}
        rows = [
            (1 - 2 * shown["mask"]).expand(-1, 3, -1, -1),
            shown["cloth"] * shown["seen"] + (1 - shown["seen"]) * 0.6,
            self._drawn(shown),
            shown["target"],
        ]
        return contact_sheet([pixels for row in rows for pixels in to_pixels(row)], len(chosen))

    def _drawn(self, whole: Rows) -> Tensor:
        device = next(self.modules["shape"].parameters()).device
        parts = [
            self._draw({key: value[at].to(device) for key, value in whole.items()}).float().cpu()
            for at in torch.arange(len(whole["mask"])).split(16)
        ]
        return torch.cat(parts).clamp(-1, 1)

    def _held_back(self) -> Rows:
        if self._validation is None:
            chance = torch.Generator().manual_seed(0)
            kept = Drawn("flats", self.config.generator.size, self._kept, draw_flats)
            parts = [_hidden_in_part(kept.take(torch.arange(self._kept.count)), chance)]
            if self.real is not None:
                chosen = torch.from_numpy(self.real.validating[: self._kept.count])
                parts.append(_hidden_in_part(self._cut_outs(chosen), chance))
            self._validation = {key: torch.cat([rows[key] for rows in parts]) for key in parts[0]}
        return self._validation


def _hidden_in_part(rows: Rows, chance: torch.Generator) -> Rows:
    """Garments as they lie, with something in front."""
    target, mask = from_bytes(rows["pixels"]), (rows["masks"].float()[:, None] / 255 > 0.5).float()
    return _shown(target, mask, hide_some(mask, chance))


def _shown(target: Tensor, mask: Tensor, seen: Tensor) -> Rows:
    cloth = target * seen
    return {"target": target, "mask": mask, "cloth": cloth, "seen": seen, "texture": show_texture(cloth, seen)}


def _sample(rows: Rows, chance: torch.Generator) -> Rows:
    """Garments turned, scaled and mirrored with their cloths, so that prints keep size and direction; and what is seen:
    the garment but for what is in front, or a crop of any shape."""
    target, mask = from_bytes(rows["pixels"]), rows["masks"].float()[:, None] / 255
    count = len(target)
    transforms = sway(count, SWAY, chance)
    target, mask = move(target, transforms, 1.0), (move(mask, transforms, 0.0) > 0.5).float()
    inside = 1 - nn.functional.max_pool2d(1 - mask, 3, 1, 1)  # a mask's edge holds some white
    hidden = torch.rand(count, 1, 1, 1, generator=chance) < HIDDEN
    return _shown(target, mask, torch.where(hidden, hide_some(inside, chance), crop_some(inside, chance)))


def _difference(drawn: Tensor, target: Tensor, where: Tensor) -> Tensor:
    """Mean absolute difference (N) there, of 255."""
    return ((drawn - target).abs() * where).sum((1, 2, 3)) / (3 * where.sum((1, 2, 3))).clamp_min(1) * 127.5


def _find_generator(request: RunSpec) -> tuple[Found, list[Path]]:
    options = request.options
    roots = [*([Path(str(options["weights"]))] if "weights" in options else []), SHIPPED]
    if "generator" in options:
        folder = Path(str(options["generator"]))
        return Found(folder, checkpoints.read_card(folder), folder), roots
    try:
        return checkpoints.find("garment", "generator", roots), roots
    except CheckpointMissing as error:
        raise BadRequest(
            "The encoders speak to a trained generator: train one (garment generator), then give its folder with "
            "--option generator=DIR."
        ) from error


def _optional(load: Any, roots: list[Path]) -> Any:
    """A network that teaches along where it has been published, else None."""
    try:
        return load(roots)
    except CheckpointMissing:
        return None
