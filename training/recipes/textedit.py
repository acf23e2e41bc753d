"""How the textedit room learns: ``generator``, then ``captioner`` and ``inverter``, then ``editor``; ``speech`` apart.

The generator begins with true codes (a code and the very picture it stands for), so that it need not find out what a face is
made of, and meets an adversary only then.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from core import losses
from core.checkpoints import CheckpointMissing
from core.image import contact_sheet, to_pixels
from core.perceptual import load_distance
from core.textedit.codes import calm_codes
from core.textedit.config import Config
from core.textedit.losses import favour_people, picture_terms
from core.textedit.networks import make_discriminator, make_generator
from core.textedit.places import PlacedGenerator, PlacedSynthesis
from training.recipe import Phase
from training.speech_task import SpeechRecipe
from training.swd import sliced_distance
from training.task import cosine
from training.textedit_data import FITTED, VALIDATED, PortraitData, Wanted, fit_standard
from training.textedit_editor import EditorRecipe
from training.textedit_growing import choose_size, grow
from training.textedit_tasks import (
    ASSETS,
    SOURCES,
    CaptionerRecipe,
    InverterRecipe,
    load_listener,
    misread,
    read_config,
)

if TYPE_CHECKING:
    from core.image import Pixels
    from training.spec import RunSpec

SHOWN = 8


@dataclass(frozen=True)
class Settings:
    """What decides how the generator learns; each is an option of the recipe."""

    batch: int = 32
    rate: float = 0.0025
    warm: float = 0.5
    """Share of the steps with true codes alone; 1 never meets the adversary."""
    true_rate: float = 0.012
    """Where the adversary is never met: with momentum, and without a dance of two networks to keep in step."""
    pixels: float = 10.0
    """Weight of pixels, slopes and perceptual distance to the code's true picture while there is no adversary."""
    person: float = 3.0
    """How many times a pixel of the person counts as one of the background, which codes hardly know."""
    features: float = 6.0
    """And how many times one of brows, eyes, nose, mouth and glasses."""
    places: float = 5.0
    """Weight of where points of the head are, where the synthesis is told places."""
    undrawn: int = 256
    """Faces a step of which places alone are learned."""
    still: float = 3.0
    """The same beside the adversary."""
    r1_weight: float = 1.0
    r1_every: int = 16
    path_weight: float = 0.0
    """0 leaves path-length regularisation out."""
    path_every: int = 4
    half_life: float = 10_000.0
    told: float = 0.2
    """Weight of what a captioner reads in drawn pictures, beside what it reads in true ones; 0 asks none. Its slopes are steep:
    at 0.2 about those of all that looks at pixels."""
    perceptual: bool = True
    """Whether the perceptual distance is used, where its weights are there."""

    @classmethod
    def small(cls) -> Settings:
        """For one CPU."""
        return cls(batch=16, warm=0.8, r1_weight=0.3, half_life=4_000.0)

    @classmethod
    def tiny(cls) -> Settings:
        """For tests."""
        return cls(batch=4, r1_every=2, path_weight=1.0, path_every=2, half_life=100.0, perceptual=False)


class GeneratorRecipe:
    """A generator that draws the faces codes stand for.

    Options: ``count`` of cached faces, ``varied``: how many there are besides with attributes drawn anew, ``fitted``,
    ``size`` in pixels, ``grow``: a result to go on from, of these or other pixels, ``fine``: one to take finer blocks from
    that it has not, ``listener``: a captioner's checkpoint, to which drawn pictures must read as true ones do (the one that
    ships; ``tiny`` has none), and Settings.
    """

    subject, name, round_size = "textedit", "generator", 10_000
    published = ("generator", "standard")
    compiled = ()
    protocol = (
        "128 engine faces of the validation band and 128 of which attributes were drawn anew: mean absolute difference of the "
        "code's picture, of 255"
    )

    def __init__(self, request: RunSpec) -> None:
        torch.manual_seed(request.seed)
        self.config: Config = choose_size(request, read_config(request))
        self.settings = _settings(request)
        self.seed, self.batch_size = request.seed, self.settings.batch
        folder = Path(request.data) if request.data else None
        device = "cuda" if torch.cuda.is_available() and request.device != "cpu" else "cpu"
        self.standard = fit_standard(folder, int(request.options.get("fitted", FITTED)), device)
        self.generator, self.discriminator = make_generator(self.config), make_discriminator(self.config)
        self.generator.begin_straight()
        self.sources = dict(SOURCES)
        if "grow" in request.options:
            self.sources["before"] = grow(self.generator, self.standard, request.options)
        self.paths = nn.Module()
        self.paths.register_buffer("mean_length", torch.zeros(()))
        self.modules: dict[str, nn.Module] = {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "standard": self.standard,
            "paths": self.paths,
        }
        self.averaged = {"generator": self.settings.half_life}
        wanted = Wanted.read(request.options, self.config.size, self.config.points)
        self.data = PortraitData(folder, wanted, request.seed, device)
        if isinstance(self.generator, PlacedGenerator) and "grow" not in request.options:
            self.generator.synthesis.locate.begin(self.data.undrawn(0, self.settings.undrawn)[2])
        self._validated = int(request.options.get("validated", VALIDATED))
        self._warm = round(self.settings.warm * request.steps)
        self._distance = _load_distance() if self.settings.perceptual else None
        self._listener = load_listener(request) if self.settings.told else None
        self.phases = self._make_phases(request.steps)

    def _make_phases(self, steps: int) -> tuple[Phase, ...]:
        """True codes first; generator and discriminator with lazy penalties behind (Karras 2020, appendix B)."""
        wanted, warm = self.settings, self._warm
        if warm >= steps:
            return (
                Phase(
                    "true",
                    ("generator",),
                    wanted.true_rate,
                    clip=10.0,
                    schedule=lambda s: cosine(s, steps),
                ),
            )

        def joined(step: int) -> float:
            """Nothing before the adversary is met, then up: an optimiser that has seen nothing makes large steps."""
            return min(1.0, (step - warm) / 300)

        slow = wanted.r1_every / (wanted.r1_every + 1)
        told = Phase("discriminator", ("discriminator",), wanted.rate * slow, (0.0, 0.99**slow), schedule=joined)
        turns = [
            Phase("fool", ("generator",), wanted.rate, schedule=joined, shares="true"),
            Phase("path", ("generator",), wanted.rate, every=wanted.path_every, schedule=joined, shares="true"),
            told,
            replace(told, name="r1", every=wanted.r1_every, shares="discriminator"),
        ]
        kept = [turn for turn in turns if wanted.path_weight or turn.name != "path"]
        true = Phase("true", ("generator",), wanted.rate, (0.0, 0.99), clip=10.0)
        return (true, *(replace(turn, begins=warm) for turn in kept))

    def batch(self, step: int, size: int, part: int) -> dict[str, Tensor]:
        """Faces and their codes; what is free in a code is drawn anew each time."""
        found = self.data.learn(step, self.batch_size)
        here = slice(part * size, part * size + size)
        draw = torch.Generator().manual_seed(hash((self.seed, step, 57)) & 0x7FFFFFFF)
        free = torch.randn(self.batch_size, self.config.generator.code_width, generator=draw)
        batch = {"real": found.pixels[here], "parameters": found.parameters[here], "seeds": found.seeds[here],
                 "parts": found.parts[here], "free": free[here]}  # fmt: skip
        if self.config.points:
            share = slice(*(self.settings.undrawn * end // self.batch_size for end in (here.start, here.stop)))
            seeds, parameters, places = self.data.undrawn(step, self.settings.undrawn)
            codes = self.standard.encode(
                parameters.to(found.parameters.device), seeds.to(found.seeds.device), free.shape[1]
            )
            batch |= {"elsewhere": codes[share], "places": places[share]}
        return batch

    def losses(self, phase: Phase, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """The term of one phase."""
        if phase.name == "true":
            return self._draw_true(batch, step)
        if phase.name == "fool":
            return {"fool": losses.fool(self.discriminator(self._imagine(batch)[0]))}
        if phase.name == "path":
            picture, codes = self._imagine(batch, max(1, len(batch["real"]) // 2))
            mean_length = self.paths.get_buffer("mean_length")
            penalty, mean = losses.path_length_penalty(picture, codes, mean_length)
            mean_length.copy_(mean)
            return {"path": penalty * self.settings.path_weight * self.settings.path_every}
        if phase.name == "r1":
            shown = batch["real"].detach().clone().requires_grad_()
            penalty = losses.gradient_penalty(self.discriminator(shown), shown)
            return {"r1": penalty * self.settings.r1_weight * self.settings.r1_every}
        with torch.no_grad():
            drawn, _ = self._imagine(batch)
        return {"tell_apart": losses.tell_apart(self.discriminator(batch["real"]), self.discriminator(drawn))}

    def _codes(self, batch: dict[str, Tensor]) -> Tensor:
        width = self.config.generator.code_width
        with torch.no_grad(), torch.autocast(batch["real"].device.type, enabled=False):
            true = self.standard.encode(batch["parameters"], batch["seeds"], width)
        known = true.shape[1] - (width - self.standard.table.shape[0])
        return torch.cat((true[:, :known], batch["free"][:, known:]), 1)

    def _draw_true(self, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        w = self.generator.mapping(self._codes(batch))
        self.generator.mapping.follow(w)
        drawn = self._synthesise(self.generator.spread(w))
        weight = self.settings.pixels if step < self._warm else self.settings.still
        counts = favour_people(batch["parts"], self.settings.person, self.settings.features)
        terms = picture_terms(drawn, batch["real"], self._near(drawn.device), counts)
        terms = {name: weight * value for name, value in terms.items()}
        if self._listener is not None:
            listener = self._listener.to(drawn.device)
            terms["told"] = self.settings.told * misread(listener, drawn, batch["real"], step)
        if isinstance(self.generator, PlacedGenerator) and len(batch["elsewhere"]):
            found = self.generator.find_places(batch["elsewhere"])
            terms["places"] = self.settings.places * (found - batch["places"]).abs().mean()
        return terms

    def _imagine(self, batch: dict[str, Tensor], count: int | None = None) -> tuple[Tensor, Tensor]:
        """Pictures of true codes and of codes of nobody, half and half."""
        true = self._codes(batch)
        nobody = batch["free"]
        odd = (torch.arange(len(true), device=true.device) % 2 == 1)[:, None]
        w = self.generator.mapping(torch.where(odd, nobody, true)[:count])
        codes = self.generator.spread(w).contiguous()
        return self._synthesise(codes), codes

    def _synthesise(self, codes: Tensor) -> Tensor:
        """Pictures of spread codes. Places learn from places alone: what a picture would have of them drowns it."""
        synthesis = self.generator.synthesis
        if not isinstance(synthesis, PlacedSynthesis):
            return synthesis(codes)
        return synthesis(codes, spatial=synthesis.mark(synthesis.locate(codes[:, 0]).detach()))

    def _near(self, device: torch.device) -> nn.Module | None:
        return None if self._distance is None else self._distance.to(device)

    def measure(self) -> dict[str, float]:
        """True codes against their pictures, of people as they are and varied, and how alike faces of nobody and engine faces
        are as a crowd."""
        off = {}
        for name in ("varied", "ordinary"):
            found = self.data.validate(self._validated, name == "varied")
            pixels = found.pixels.float().cpu()
            drawn = self._draw(self._standard_codes(found.parameters.cpu(), found.seeds))
            off[name] = float((drawn - pixels).abs().mean() * 127.5)
        draw = torch.Generator().manual_seed(0)
        nobody = self._draw(torch.randn(len(pixels), self.config.generator.code_width, generator=draw))
        crowd = sliced_distance(nobody, pixels)
        mean = pixels.mean(0, keepdim=True)
        return {
            "validation": sum(off.values()) / len(off),
            **off,
            "mean_picture": float((mean - pixels).abs().mean() * 127.5),
            "crowd": sum(crowd.values()) / len(crowd),
        }

    def preview(self) -> Pixels:
        """Engine faces, the same drawn from their codes, and faces of nobody."""
        found = self.data.validate(self._validated)
        width = self.config.generator.code_width
        codes = self._standard_codes(found.parameters[:SHOWN].cpu(), found.seeds[:SHOWN])
        nobody = torch.randn(SHOWN, width, generator=torch.Generator().manual_seed(1))
        rows = [
            found.pixels[:SHOWN].float().cpu(),
            self._draw(codes),
            self._draw(nobody),
            self._draw(calm_codes(nobody, 0.7)),
        ]
        return contact_sheet([picture for row in rows for picture in to_pixels(row)], min(SHOWN, len(found.seeds)))

    def _standard_codes(self, parameters: Tensor, seeds: Tensor) -> Tensor:
        device = self.standard.table.device
        width = self.config.generator.code_width
        return self.standard.encode(parameters.to(device), seeds.to(device), width).cpu()

    @torch.no_grad()
    def _draw(self, codes: Tensor) -> Tensor:
        device = next(self.generator.parameters()).device
        drawn = [self.generator(part.to(device), None, 1.0, "fixed").float().cpu() for part in codes.split(16)]
        return torch.cat(drawn).clamp(-1, 1)


def _settings(request: RunSpec) -> Settings:
    wanted = {"full": Settings, "small": Settings.small, "tiny": Settings.tiny}[request.preset]()
    known = {entry.name for entry in fields(Settings)}
    return replace(wanted, **{key: value for key, value in request.options.items() if key in known})


def _load_distance() -> nn.Module | None:
    try:
        return load_distance([ASSETS])
    except CheckpointMissing:
        return None


def make_generator_recipe(request: RunSpec) -> GeneratorRecipe:
    """Codes to faces."""
    return GeneratorRecipe(request)


def make_captioner_recipe(request: RunSpec) -> CaptionerRecipe:
    """Faces to sentences."""
    return CaptionerRecipe(request)


def make_editor_recipe(request: RunSpec) -> EditorRecipe:
    """Texts to moved codes."""
    return EditorRecipe(request)


def make_inverter_recipe(request: RunSpec) -> InverterRecipe:
    """Faces to codes."""
    return InverterRecipe(request)


def make_speech_recipe(request: RunSpec) -> SpeechRecipe:
    """Chinese sound to words."""
    return SpeechRecipe(request)
