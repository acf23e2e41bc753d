"""How the verifier learns: pairs of engine photos of one person and of two, as the encoder reads them."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core import checkpoints
from core.engine.faces_cache import CacheConfig, FacesCache, fill_cache
from core.facefield.codes import FaceCodes
from core.facefield.config import Config
from core.facefield.networks import Field, PhotoEncoder
from core.facefield.verify import Verifier
from core.image import Pixels, contact_sheet, to_pixels
from training.facefield_data import Heads, frame_portraits
from training.recipe import Phase
from training.spec import RunSpec
from training.task import cosine

SHIPPED = Path(__file__).parents[1] / "assets" / "weights"
TRAIN_SEED, VALIDATION_SEED = 600_000_000, 910_000_000
PEOPLE, VALIDATED, SIZE = 768, 128, 128
"""Persons in the cache, each seen twice; pixels a side."""
NAMES = ("pixels", "segmentation", "depth", "pose", "camera", "calibration", "landmarks")


class VerifierRecipe:
    """Who is who, from descriptions of heads. Options: ``encoder`` and ``field`` (folders of checkpoints), ``people``."""

    subject, name = "facefield", "verifier"
    protocol = "pairs of 128 engine people of the validation band, each seen twice, as the encoder reads them, v1"
    round_size = 10_000
    published: tuple[str, ...] = ("verifier",)
    compiled: tuple[str, ...] = ()

    def __init__(self, request: RunSpec) -> None:
        torch.manual_seed(request.seed)
        self.seed, self.batch_size = request.seed, int(request.options.get("pairs", 128))
        self.sources: dict[str, str] = {"engine": "faces drawn by core/engine; none of these people exists"}
        self.config = Config.tiny() if request.preset == "tiny" else Config.small()
        self._folder = None if request.data is None else Path(request.data)
        self._size = int(request.options.get("size", SIZE))
        self._load(request)
        people = int(request.options.get("people", PEOPLE))
        self.described, _ = self._describe("pairs", TRAIN_SEED, people)
        validated = int(request.options.get("validated", VALIDATED))
        self.held_back, self._shown = self._describe("validation-pairs", VALIDATION_SEED, validated)
        self.verifier = Verifier()
        self.verifier.settle(self.described)
        self.modules: dict[str, nn.Module] = {"verifier": self.verifier}
        self.averaged = {"verifier": 8_000.0}
        steps = request.steps
        fall = {"weight_decay": 0.05, "schedule": lambda step: cosine(step, steps)}
        self.phases: tuple[Phase, ...] = (Phase("verifier", ("verifier",), 3e-3, **fall),)

    def _load(self, request: RunSpec) -> None:
        """The encoder and the codes' tables, frozen."""
        roots = [Path(root) for root in request.options.get("roots", [])]
        found = {
            name: _open(request.options.get(name)) or checkpoints.find_or_advise(
                "facefield", name, [*roots, SHIPPED], "which the verifier reads heads by"
            )
            for name in ("encoder", "field")
        }  # fmt: skip
        self.encoder = PhotoEncoder(Config.read(found["encoder"].card.config))
        checkpoints.fill(self.encoder, checkpoints.load(found["encoder"], ("encoder",))["encoder"], "the encoder")
        self.encoder.eval().requires_grad_(False)
        field = Field(Config.read(found["field"].card.config))
        checkpoints.fill(field, checkpoints.load(found["field"], ("field",))["field"], "the field")
        self.codes: FaceCodes = field.codes.requires_grad_(False)

    @torch.no_grad()
    def _describe(self, name: str, first: int, people: int) -> tuple[Tensor, Tensor]:
        """Descriptions (2 people, WIDTH), both of a person beside each other, and some of the portraits."""
        settings = CacheConfig(first, 2 * people, self._size, pictures_each=2, quick=True)
        rows, shown = [], []
        cache = None
        if self._folder is not None:
            cache = _filled(self._folder / name, settings)
        for start in range(0, 2 * people, 64):
            chosen = torch.arange(start, min(start + 64, 2 * people))
            heads = _take(cache, chosen, settings)
            portraits, _ = frame_portraits(heads, self.encoder.whole, None)
            shape, look, _ = self.encoder(portraits)
            rows.append(Verifier.describe(self.codes, shape @ self.codes.shape.white, look @ self.codes.look.white))
            shown.append(portraits[:16])
        return torch.cat(rows), torch.cat(shown)[:32]

    def batch(self, step: int, size: int, part: int) -> dict[str, Tensor]:
        """Pairs, half of them of one person."""
        draw = torch.Generator().manual_seed(hash((self.seed, step, 83)) & 0x7FFFFFFF)
        people = len(self.described) // 2
        who = torch.randint(people, (self.batch_size,), generator=draw)
        other = (who + torch.randint(1, max(people, 2), (self.batch_size,), generator=draw)) % people
        same = torch.arange(self.batch_size) % 2 == 0
        side = torch.randint(2, (self.batch_size,), generator=draw)
        second = torch.where(same, 2 * who + 1 - side, 2 * other + side)
        whole = {"first": self.described[2 * who + side], "second": self.described[second], "same": same.float()}
        noise = torch.randn(self.batch_size, whole["first"].shape[1], generator=draw) * 0.1 * self.verifier.spread.cpu()
        whole["first"] = whole["first"] + noise
        return {key: value[part * size : part * size + size] for key, value in whole.items()}

    def losses(self, phase: Phase, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """Cross-entropy of the verdicts."""
        del phase, step
        logit = self.verifier.logit(batch["first"], batch["second"])
        return {"verdict": F.binary_cross_entropy_with_logits(logit.float(), batch["same"])}

    @torch.no_grad()
    def measure(self) -> dict[str, float]:
        """How often verdicts are wrong, of as many pairs of one person as of two."""
        held = self.held_back.to(self.verifier.middle.device)
        first, second = held[0::2], held[1::2]
        chances = self.verifier(first[:, None].expand(-1, len(second), -1).flatten(0, 1), second.repeat(len(first), 1))
        table = chances.reshape(len(first), len(second))
        same = torch.eye(len(first), dtype=torch.bool, device=table.device)
        missed, mixed = (table[same] < 0.5).float().mean(), (table[~same] >= 0.5).float().mean()
        wrong = float((missed + mixed) / 2)
        return {"validation": wrong, "error_rate": wrong, "missed": float(missed), "mixed_up": float(mixed)}

    def preview(self) -> Pixels:
        """People seen twice."""
        return contact_sheet(list(to_pixels(self._shown)), 8)


def _open(folder: object) -> checkpoints.Found | None:
    if folder is None:
        return None
    path = Path(str(folder))
    return checkpoints.Found(path, checkpoints.read_card(path), path)


def _filled(folder: Path, settings: CacheConfig) -> FacesCache:
    if (folder / "cache.json").is_file() and len(cache := FacesCache(folder)) >= settings.count:
        return cache
    return fill_cache(folder, settings)


def _take(cache: FacesCache | None, chosen: Tensor, settings: CacheConfig) -> Heads:
    if cache is not None:
        found = cache.read(chosen, NAMES)
    else:
        from core.engine.faces import faces
        from core.engine.faces_cache import choose_people

        seeds = (settings.first_seed + chosen).tolist()
        drawn = faces(seeds, "cpu", settings.size, choose_people(seeds, settings.pictures_each))
        found = {name: getattr(drawn, name) for name in NAMES}
    nothing = torch.zeros(len(chosen), 0)
    pictures = found["pixels"], found["segmentation"], found["depth"].float()
    return Heads(chosen, *pictures, found["camera"], found["calibration"], found["landmarks"], nothing)
