"""How the facefield room learns: the field with its neural renderer, and the encoder that reads photos."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from core import checkpoints
from core.facefield import losses
from core.facefield.codes import SHAPE_WIDTH
from core.facefield.config import Config
from core.facefield.networks import Field, Prepared
from core.facefield.render import composite
from core.image import Pixels, contact_sheet, to_pixels
from training.facefield_data import HeadData, Heads, cast, choose_pixels, cross_box, shrink
from training.facefield_encoder import EncoderRecipe, EncoderSettings
from training.facefield_folder import FolderFaces, is_plain
from training.facefield_looks import measure_field, measure_pictures, show_field
from training.facefield_pictures import SHIPPED, Drawn, PictureWeights, PictureWork
from training.facefield_verifier import VerifierRecipe
from training.recipe import Phase
from training.spec import BadRequest, RunSpec
from training.task import cosine

SOURCES = {"engine": "faces drawn by core/engine; none of these people exists"}
FITTED = 4096
"""Faces by which codes are made standard."""
PRESETS = {"full": Config, "small": Config.small, "tiny": Config.tiny}


@dataclass(frozen=True)
class Settings:
    """How the field learns."""

    faces: int = 16
    """Faces a step."""
    rays: int = 256
    """Rays a face."""
    samples: int = 12
    """Samples a ray; half of them near the surface."""
    rate: float = 2e-3
    geometry: float = 1.0
    opacity: float = 0.2
    colour: float = 1.0
    whole: float = 0.1
    """How strongly a head is kept without holes."""
    pictures: int = 0
    """Of how many of a step's faces the whole picture is drawn; 0 learns along rays alone."""
    picture_rate: float = 1e-3
    pixels: float = 1.0
    edges: float = 1.0
    perceptual: float = 1.0
    identity: float = 0.1
    adversarial: float = 0.0
    """0 leaves the discriminator out."""
    r1: float = 10.0
    r1_every: int = 8

    @classmethod
    def tiny(cls) -> Settings:
        """For tests."""
        return cls(faces=2, rays=16, samples=6)


class FieldRecipe:
    """The field, warm-started with true codes, along rays."""

    subject, name, protocol = (
        "facefield",
        "field",
        "128 engine faces of the validation band, true codes and cameras, v1",
    )
    round_size = 10_000
    published: tuple[str, ...] = ("field",)
    compiled: tuple[str, ...] = ()

    def __init__(self, request: RunSpec, config: Config, settings: Settings) -> None:
        torch.manual_seed(request.seed)
        self.config, self.settings, self.seed = config, settings, request.seed
        self.batch_size, self.sources = settings.faces, dict(SOURCES)
        count = int(request.options.get("count", 36_352))
        folder = Path(request.data) if request.data else None
        plain = folder is not None and is_plain(folder)
        drawn = None if plain else folder
        self.data = HeadData(drawn, count, request.seed, int(request.options.get("size", 160)))
        self.field = Field(config)
        if request.start_from is None:
            seeds, parameters = self.data.parameters(int(request.options.get("fitted", FITTED)))
            self.field.fit_codes(parameters, seeds)
        else:  # the tables of the weights that it starts with
            start = Path(request.start_from)
            known = checkpoints.load(checkpoints.Found(start, checkpoints.read_card(start), start), ("field",))
            checkpoints.fill(self.field, known["field"], f"{start} (field)")
        self.folder: FolderFaces | None = None
        if plain and folder is not None:
            self.folder = FolderFaces(folder, config, self.field.codes, [*roots_of(request), SHIPPED], request.seed)
            self.sources = {folder.name: "a person's own pictures"}
            self.protocol = f"pictures of {folder.name} that were kept back"
            if not self.folder.known and not settings.adversarial:
                raise BadRequest(
                    "Of these pictures neither codes nor cameras are known: train facefield encoder first, or learn "
                    "with a discriminator: --option adversarial=0.5"
                )
        self.modules: dict[str, nn.Module] = {"field": self.field}
        self.averaged = {"field": 8_000.0}
        self.work: PictureWork | None = None
        if settings.pictures:
            chosen = {key: getattr(settings, key) for key in PictureWeights.__dataclass_fields__}
            self.work = PictureWork(config, PictureWeights(**chosen), roots_of(request))
            self.modules |= self.work.modules
            self.averaged["renderer"] = 2_000.0
            self.published = ("field", "renderer")
        self.phases: tuple[Phase, ...] = self._make_phases(request.steps)
        self._validated = int(request.options.get("validated", 64))
        self._validation: Heads | None = None

    def _make_phases(self, steps: int) -> tuple[Phase, ...]:
        settings, fall = self.settings, {"clip": 1.0, "schedule": lambda step: cosine(step, steps)}
        phases = [Phase("rays", ("field",), settings.rate, (0.9, 0.99), **fall)]
        if self.folder is not None or not settings.rays:
            phases = []  # no ray of theirs has a known depth
        if self.work is not None:
            learning = tuple(name for name in ("field", *self.work.modules) if name != "discriminator")
            phases.append(Phase("pictures", learning, settings.picture_rate, (0.9, 0.99), **fall))
            if settings.adversarial:
                turn = {"learning_rate": settings.picture_rate, "betas": (0.0, 0.99)}
                phases.append(Phase("discriminator", ("discriminator",), **turn))
                phases.append(Phase("r1", ("discriminator",), **turn, every=settings.r1_every, shares="discriminator"))
        return tuple(phases)

    def batch(self, step: int, size: int, part: int) -> dict[str, Tensor]:
        """Rays of a step's faces; random numbers are those of the whole batch, whatever its parts."""
        if self.folder is not None:
            whole = self.folder.batch(step, self.batch_size)
            return {key: value[part * size : part * size + size] for key, value in whole.items()}
        heads = self.data.learn(step, self.batch_size)
        draw = torch.Generator().manual_seed(hash((self.seed, step, 73)) & 0x7FFFFFFF)
        whole = cast(heads, choose_pixels(heads.segmentation, self.settings.rays, draw))
        whole["travels"], whole["within"] = self._spread(whole, draw)
        whole["parameters"] = heads.parameters
        if self.work is not None:
            whole |= {
                "pixels": shrink(heads.pixels, self.config.size),
                "poses": heads.view,
                "lenses": heads.calibration[:, (0, 0, 1), (0, 2, 2)] / heads.size,
            }
        return {key: value[part * size : part * size + size] for key, value in whole.items()}

    def _spread(self, rays: dict[str, Tensor], draw: torch.Generator) -> tuple[Tensor, Tensor]:
        """Samples in order along rays (N, R, S), many of them near the surface, and which rays can learn from them."""
        near, far = cross_box(
            rays["origins"], rays["directions"], self.field.box_centre.cpu(), self.field.box_half.cpu()
        )
        met = (rays["surface"] > near) & (rays["surface"] < far)
        within = (near < far) & (met | (rays["surface"] <= 0))
        even = self.settings.samples // 2
        share = (torch.arange(even) + torch.rand(*near.shape, even, generator=draw)) / even
        spread = near[..., None] + (far - near).clamp_min(1e-3)[..., None] * share
        close = self.settings.samples - even
        noise = torch.randn(*near.shape, close, generator=draw) * 0.008
        noise[..., 0] = 0
        share = torch.rand(*near.shape, close, generator=draw)
        anywhere = near[..., None] + (far - near).clamp_min(1e-3)[..., None] * share
        around = torch.where(met[..., None], rays["surface"][..., None] + noise, anywhere)
        return torch.cat((spread, around), 2).sort(2).values, within

    def losses(self, phase: Phase, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """The terms of a phase."""
        del step
        if phase.name == "rays":
            return self._follow_rays(batch)
        assert self.work is not None
        shown = max(1, len(batch["pixels"]) * self.settings.pictures // self.batch_size)
        real = batch["pixels"][:shown]
        if phase.name == "r1":
            return self.work.smooth(real, self.settings.r1_every)
        if phase.name == "discriminator":
            return self.work.tell_apart(lambda: self._draw(batch, shown), real)
        drawn = self._draw(batch, shown)
        held = {} if self.folder is not None and not self.folder.known else self.work.terms(drawn, real)
        return {**held, **self.work.fool(drawn)}

    def _draw(self, batch: dict[str, Tensor], count: int) -> Drawn:
        assert self.work is not None
        prepared = self._prepare(batch["parameters"][:count])
        return self.work.draw(self.field, prepared, batch["poses"][:count], batch["lenses"][:count])

    def _prepare(self, parameters: Tensor) -> Prepared:
        return self.field.prepare_parameters(parameters[:, :SHAPE_WIDTH], parameters[:, SHAPE_WIDTH:])

    def _follow_rays(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        config, weight = self.config, self.settings
        prepared = self._prepare(batch["parameters"])
        features, opacity, distances = composite(
            self.field, prepared, batch["origins"], batch["directions"], batch["travels"]
        )
        ground = self.field.behind(prepared, batch["places"])
        drawn = features[..., :3] + (1 - opacity[..., None]) * ground[..., :3]
        within = batch["within"].float()
        surface = batch["surface"] * within
        distances = torch.where(batch["within"][..., None], distances, torch.full_like(distances, 1.0))
        met = (surface > 0).float()
        solid = torch.where(batch["within"], opacity, met)
        return {
            "colour": losses.colour(drawn, batch["colour"], within) * weight.colour,
            "geometry": losses.off_surface(distances, batch["travels"], surface, config.softness_metres)
            * weight.geometry,
            "opacity": losses.covered(solid, met) * weight.opacity,
            "whole": losses.strayed(distances, batch["travels"], surface, config.softness_metres) * weight.whole,
        }

    def measure(self) -> dict[str, float]:
        """Scores on the validation band."""
        if self.folder is not None:
            return self._measure_folder()
        scores = measure_field(self.field, self._held_back())
        if self.work is None:
            return scores
        deep = scores["depth_millimetres"]
        return {**scores, **measure_pictures(self.field, self.work, self._held_back(), deep)}

    def preview(self) -> Pixels:
        """Faces of the validation band: true, drawn, turned, and how deep."""
        if self.folder is not None:
            whole = self.folder.take(self.folder.validating[:8], torch.Generator().manual_seed(0))
            drawn = self._draw(self._moved(whole), len(whole["pixels"]))
            return contact_sheet(
                [*to_pixels(whole["pixels"]), *to_pixels(drawn.pictures.clamp(-1, 1))], len(whole["pixels"])
            )
        return show_field(self.field, self._held_back(), self.work, size=min(96, self.config.size))

    def _moved(self, whole: dict[str, Tensor]) -> dict[str, Tensor]:
        device = self.field.box_half.device
        return {key: value.to(device) for key, value in whole.items()}

    @torch.no_grad()
    def _measure_folder(self) -> dict[str, float]:
        """Pictures kept back, drawn again: mean absolute difference of 255, or of their colours alone where no more is known."""
        assert self.folder is not None
        whole = self._moved(self.folder.take(self.folder.validating[:32], torch.Generator().manual_seed(0)))
        drawn = self._draw(whole, len(whole["pixels"])).pictures.float()
        if self.folder.known:
            return {"validation": float((drawn - whole["pixels"]).abs().mean()) * 127.5}
        return {"validation": float((drawn.mean((0, 2, 3)) - whole["pixels"].mean((0, 2, 3))).abs().mean()) * 127.5}

    def _held_back(self) -> Heads:
        if self._validation is None:
            self._validation = self.data.validate(self._validated)
        return self._validation


def roots_of(request: RunSpec) -> list[Path]:
    """Where further weights are looked for first."""
    return [Path(root) for root in request.options.get("roots", [])]


def make_field_recipe(request: RunSpec) -> FieldRecipe:
    """The field of a request; options may set any of Settings."""
    config = PRESETS[request.preset]()
    if "config" in request.options:
        config = Config(**request.options["config"])
    settings = Settings.tiny() if request.preset == "tiny" else Settings()
    if request.data is not None and is_plain(Path(request.data)):
        settings = replace(settings, faces=min(settings.faces, 4), pictures=min(settings.faces, 4), picture_rate=3e-4)
    chosen = {key: value for key, value in request.options.items() if key in Settings.__dataclass_fields__}
    return FieldRecipe(request, config, replace(settings, **chosen))


def make_encoder_recipe(request: RunSpec) -> EncoderRecipe:
    """The encoder of a request; options may set any of EncoderSettings."""
    config = PRESETS[request.preset]()
    if "config" in request.options:
        config = Config(**request.options["config"])
    settings = EncoderSettings.tiny() if request.preset == "tiny" else EncoderSettings()
    chosen = {key: value for key, value in request.options.items() if key in EncoderSettings.__dataclass_fields__}
    return EncoderRecipe(request, config, replace(settings, **chosen))


def make_verifier_recipe(request: RunSpec) -> VerifierRecipe:
    """The verifier of a request."""
    return VerifierRecipe(request)
