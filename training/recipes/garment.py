"""How the garment room learns. ``generator``: stage 1, StyleGAN2 on cut-out garments on white, with little data.

``segmenter`` and ``encoders`` (stage 2) stand in garment_segmenter.py and garment_encoders.py.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from core import checkpoints, losses, stylegan2
from core.augment import Augment
from core.checkpoints import CheckpointMissing, Found
from core.garment.config import Config
from core.garment.networks import make_discriminator, make_generator
from core.image import contact_sheet, to_pixels, to_tensor
from core.perceptual import PerceptualDistance, load_distance
from core.stylegan2 import Generator
from training.garment_data import (
    VALIDATION_SEED,
    Drawn,
    align_garments,
    draw_flats,
    from_bytes,
    pool_of,
    sharper_more_often,
)
from training.garment_encoders import SHIPPED, EncodersRecipe
from training.garment_pictures import NoPictures, read_garments
from training.garment_segmenter import SegmenterRecipe
from training.garment_warm import Glance, redraw_terms, strays, told_apart
from training.growing import enlarge, tell_before
from training.recipe import Phase
from training.swd import sliced_distance
from training.task import cosine

if TYPE_CHECKING:
    from core.image import Pixels
    from training.spec import RunSpec

Schedule = Callable[[int], float]
PREVIEW_COUNT = 40
JOINED = 300
"""Steps in which generator and discriminator come to their full rates."""
MEASURED = 256
FLATS = 4096
KEPT_BACK = {"count": 64, "grow": 0, "first": VALIDATION_SEED}
DATA_SOURCES = {"garments_white256": "CC0 1.0, alexeygrigorev/clothing-dataset, cut out and masked"}


@dataclass(frozen=True)
class Settings:
    """What decides how the generator learns."""

    batch_size: int = 32
    learning_rate: float = 0.0025
    r1_weight: float = 1.0
    r1_every: int = 16
    path_weight: float = 2.0
    """0 leaves path-length regularisation out."""
    path_every: int = 4
    mixing: float = 0.9
    augment_target: float = 0.6
    augment_pictures: float = 200_000.0
    average_half_life: float = 10_000.0
    engine: float = 0.25
    """Share of engine garments among the pictures; the rest are real."""
    sampling: str = "random"
    """``sharp`` draws sharp pictures more often."""
    warm: float = 0.25
    """Share of the steps in which pictures are only drawn again from a glance's codes; 0 never does, 1 never meets the
    adversary."""
    warm_rate: float = 0.004
    said: float = 0.003
    """What a nat of a glance's code costs."""
    strays: float = 0.5
    """Weight of codes lying as random ones do."""
    keep: float = 0.3
    """Weight of drawing pictures again beside the adversary, every ``keep_every`` steps; it keeps rare kinds of garments."""
    keep_every: int = 4
    bfloat16: bool = False
    """Convolutions in bfloat16 on a CPU that has it; on CUDA the trainer always does so."""

    @classmethod
    def small(cls) -> Settings:
        """For one CPU: no path-length term, and augmentation that follows faster."""
        return cls(
            batch_size=16,
            learning_rate=0.002,
            r1_weight=0.2,
            path_weight=0.0,
            augment_pictures=60_000.0,
            average_half_life=4_000.0,
        )


class GeneratorRecipe:
    """A generator and a discriminator against each other (Karras 2020, 2020b), once the generator knows what garments are.

    Options: ``size``, ``channel_base``, ``channel_limit``; ``begin``: the result of a run at fewer or as many pixels to go on
    from; ``count`` and ``cache`` of drawn garments; and Settings.
    """

    subject = "garment"
    name = "generator"
    published = ("generator",)
    compiled = ()
    round_size = 10_000
    protocol = "aligned garments of senders kept back: sliced Wasserstein distance, mean of the pyramid's levels"

    def __init__(self, request: RunSpec, config: Config, settings: Settings) -> None:
        if request.data is None and settings.engine < 1:
            raise NoPictures(
                "The garment generator learns from pictures: give a folder with --data, or --option engine=1 for the "
                "engine's garments alone."
            )
        torch.manual_seed(request.seed)
        self.config, self.settings, self.seed = config, settings, request.seed
        self.batch_size = settings.batch_size
        self._open(request)
        self.generator, self.discriminator = make_generator(config), make_discriminator(config)
        self.generator.begin_straight()
        if "begin" in request.options:
            self.sources["before"] = begin_with(self.generator, Path(str(request.options["begin"])))
        self.glance = Glance(config.generator.size, config.generator.code_width)
        self._distance = _load_distance()
        self.augment = Augment(settings.augment_target, settings.augment_pictures)
        self.paths = nn.Module()
        self.paths.register_buffer("mean_length", torch.zeros(()))
        self.modules: dict[str, nn.Module] = {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "augment": self.augment,
            "paths": self.paths,
            "glance": self.glance,
        }
        self.averaged = {"generator": settings.average_half_life, "glance": settings.average_half_life}
        self._warm = round(settings.warm * request.steps)
        self.phases = make_phases(settings, self._warm, request.steps)

    def _open(self, request: RunSpec) -> None:
        size, pool = self.config.generator.size, pool_of(request, FLATS)
        self.flats = Drawn("flats", size, pool, draw_flats)
        self.sources: dict[str, str] = {"engine": "garments drawn by core/engine"} if self.settings.engine else {}
        self.garments, self._chances, self._pool = None, None, pool
        if request.data is not None:
            known = Path(request.data).name
            self.sources[known] = DATA_SOURCES.get(known, "a person's own pictures")
            self.garments = align_garments(read_garments(Path(request.data), size), size)
            if self.settings.sampling == "sharp":
                self._chances = sharper_more_often(self.garments.pictures[self.garments.learning])

    def batch(self, step: int, size: int, part: int) -> dict[str, Tensor]:
        """Garments, real and the engine's, mirrored at random."""
        draw = np.random.default_rng((self.seed, step, 0x6A5))
        engine = round(self.batch_size * self.settings.engine) if self.garments is not None else self.batch_size
        parts = []
        if self.garments is not None and engine < self.batch_size:
            chosen = draw.choice(self.garments.learning, self.batch_size - engine, p=self._chances)
            parts.append(to_tensor(self.garments.pictures[chosen]))
        if engine:
            chance = torch.Generator().manual_seed(int(draw.integers(2**31)))
            parts.append(from_bytes(self.flats.learn(step, engine, chance)["pixels"]))
        within = slice(part * size, part * size + size)
        order = torch.from_numpy(draw.permutation(self.batch_size))[within]
        pictures = torch.cat(parts)[order]
        turned = torch.from_numpy(draw.random(self.batch_size) < 0.5)[within, None, None, None]
        return {"real": torch.where(turned, pictures.flip(3), pictures)}

    def losses(self, phase: Phase, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """The terms of one phase."""
        if phase.name in ("redraw", "keep"):
            return self._redraw(batch["real"], 1.0 if step < self._warm else self.settings.keep)
        terms = {
            "generator": self._fool,
            "path": self._straighten,
            "discriminator": self._tell_apart,
            "r1": self._smooth,
        }
        device = batch["real"].device.type
        on_cpu = self.settings.bfloat16 and device == "cpu"
        with torch.autocast("cpu", torch.bfloat16) if on_cpu else contextlib.nullcontext():
            return terms[phase.name](batch["real"])

    def _redraw(self, real: Tensor, weight: float) -> dict[str, Tensor]:
        middle, spread = self.glance(real)
        z = middle + (0.5 * spread).exp() * torch.randn_like(middle)
        w = self.generator.mapping(z)
        self.generator.mapping.follow(w)
        distance = None if self._distance is None else self._distance.to(real.device)
        terms = redraw_terms(self.generator.synthesis(self.generator.spread(w)), real, distance)
        terms["said"] = self.settings.said * told_apart(middle, spread)
        terms["strays"] = self.settings.strays * strays(middle, spread)
        return {name: weight * value for name, value in terms.items()}

    def _draw(self, count: int, device: torch.device) -> tuple[Tensor, Tensor]:
        z = torch.randn(2 * count, self.config.generator.code_width, device=device)
        w = self.generator.mapping(z)
        self.generator.mapping.follow(w)
        codes = self.generator.mix(w[:count], w[count:], self.settings.mixing)
        return self.generator.synthesis(codes), codes

    def _fool(self, real: Tensor) -> dict[str, Tensor]:
        fake, _ = self._draw(len(real), real.device)
        return {"fool": losses.fool(self.discriminator(self.augment(fake)))}

    def _straighten(self, real: Tensor) -> dict[str, Tensor]:
        fake, codes = self._draw(max(1, len(real) // 2), real.device)
        mean_length = self.paths.get_buffer("mean_length")
        penalty, mean = losses.path_length_penalty(fake, codes, mean_length)
        mean_length.copy_(mean)
        return {"path": penalty * self.settings.path_weight * self.settings.path_every}

    def _tell_apart(self, real: Tensor) -> dict[str, Tensor]:
        with torch.no_grad():
            fake, _ = self._draw(len(real), real.device)
            shown = self.augment(torch.cat((fake, real)))
        fake_scores = self.discriminator(shown[: len(real)])
        real_scores = self.discriminator(shown[len(real) :])
        self.augment.observe(real_scores.detach())
        return {"tell_apart": losses.tell_apart(real_scores, fake_scores)}

    def _smooth(self, real: Tensor) -> dict[str, Tensor]:
        with torch.no_grad():
            shown = self.augment(real)
        shown.requires_grad_()
        penalty = losses.gradient_penalty(self.discriminator(shown), shown)
        return {"r1": penalty * self.settings.r1_weight * self.settings.r1_every}

    def preview(self) -> Pixels:
        """Garments, each drawn again from a glance where that is learned; then garments of fixed codes, slightly truncated."""
        shown: list[Pixels] = []
        if self._warm:
            real = self.batch(0, min(self.batch_size, 8), 0)["real"]
            device = next(self.generator.parameters()).device
            again = self.generator(self.glance(real.to(device))[0], None, 1.0, "fixed")
            shown = [*to_pixels(real), *to_pixels(again.float().cpu().clamp(-1, 1))]
        return contact_sheet([*shown, *self._draw_fixed(PREVIEW_COUNT, 0.8)], columns=8)

    def measure(self) -> dict[str, float]:
        """How alike drawn and kept-back real garments are; ``validation`` is the mean over the levels."""
        if self.garments is None:
            kept = Drawn("flats", self.config.generator.size, replace(self._pool, **KEPT_BACK), draw_flats)
            real = from_bytes(kept.take(torch.arange(KEPT_BACK["count"]))["pixels"])
        else:
            real = to_tensor(self.garments.pictures[self.garments.validating[:MEASURED]])
        drawn = to_tensor(self._draw_fixed(len(real), 1.0))
        levels = sliced_distance(drawn, real)
        scores = {f"swd_{size}": distance for size, distance in levels.items()}
        return {
            "validation": sum(levels.values()) / len(levels),
            "augment_chance": float(self.augment.chance),
            **scores,
        }

    @torch.no_grad()
    def _draw_fixed(self, count: int, truncation: float) -> Pixels:
        device = next(self.generator.parameters()).device
        noise = torch.Generator().manual_seed(self.seed)
        z = torch.randn(count, self.config.generator.code_width, generator=noise)
        drawn = [self.generator(part.to(device), None, truncation, "fixed") for part in z.split(16)]
        return to_pixels(torch.cat(drawn))


def make_phases(settings: Settings, warm: int, steps: int) -> tuple[Phase, ...]:
    """Drawing again alone; then generator and discriminator, each with its lazy penalty on the same optimiser (Karras 2020,
    appendix B), and drawing again now and then."""

    def adam(name: str, every: int, penalty: str) -> tuple[Phase, ...]:
        share = every / (every + 1) if penalty else 1.0
        # an optimiser that has seen nothing makes large steps
        turn = Phase(
            name,
            (name,),
            settings.learning_rate * share,
            (0.0, 0.99**share),
            schedule=lambda step: min(1.0, (step - warm + 1) / JOINED),
            begins=warm,
        )
        return (turn, replace(turn, name=penalty, every=every, shares=name)) if penalty else (turn,)

    drawn_again: tuple[Phase, ...] = ()
    if warm:
        both, rate = ("generator", "glance"), settings.warm_rate
        fall: Schedule = lambda step: 0.1 + 0.9 * cosine(step, warm)  # noqa: E731
        drawn_again = (
            Phase("redraw", both, rate, (0.9, 0.99), clip=10.0, schedule=fall, ends=warm),
            Phase("keep", both, 0.1 * rate, (0.9, 0.99), every=settings.keep_every, clip=10.0, begins=warm),
        )
    if warm >= steps:
        return drawn_again[:1]
    return (
        *drawn_again,
        *adam("generator", settings.path_every, "path" if settings.path_weight else ""),
        *adam("discriminator", settings.r1_every, "r1" if settings.r1_weight else ""),
    )


def begin_with(generator: Generator, folder: Path) -> str:
    """Goes on from a checkpoint of fewer or as many pixels; says what was seen before."""
    found = Found(folder, checkpoints.read_card(folder), folder)
    own = stylegan2.Config(**found.card.config["generator"])
    enlarge(generator, checkpoints.load(found)["generator"], own, str(folder))
    return tell_before(found.card, f"at {own.size} px")


def _load_distance() -> PerceptualDistance | None:
    try:
        return load_distance([SHIPPED])
    except CheckpointMissing:
        return None


def make_generator_recipe(request: RunSpec) -> GeneratorRecipe:
    """The recipe of a request; options may set ``size``, ``channel_base``, ``channel_limit`` and any of Settings."""
    config = {"full": Config, "small": Config.small, "tiny": Config.tiny}[request.preset]()
    settings = Settings() if request.preset == "full" else Settings.small()
    if request.preset == "tiny":
        settings = replace(settings, engine=0.0)
    shape = {key: request.options[key] for key in ("size", "channel_base", "channel_limit") if key in request.options}
    chosen = {key: value for key, value in request.options.items() if key in Settings.__dataclass_fields__}
    if "config" in request.options:  # the shape of weights that the run starts with
        config, shape = Config(stylegan2.Config(**request.options["config"]["generator"])), {}
    generator = replace(config.generator, **shape)
    return GeneratorRecipe(request, replace(config, generator=generator), replace(settings, **chosen))


def make_segmenter_recipe(request: RunSpec) -> SegmenterRecipe:
    """The room's own segmenter."""
    return SegmenterRecipe(request)


def make_encoders_recipe(request: RunSpec) -> EncodersRecipe:
    """Stage 2: both encoders before the frozen generator."""
    return EncodersRecipe(request)
