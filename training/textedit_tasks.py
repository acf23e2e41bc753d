"""What reads pictures of a finished generator: the captioner, which sees true captions first, and the inverter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core import checkpoints
from core.engine.attributes import KEYS
from core.image import Pixels, contact_sheet, to_pixels
from core.textedit.caption import Captioner
from core.textedit.codes import TRUE_WIDTH, Standard
from core.textedit.config import Config
from core.textedit.losses import picture_terms, size_of, unlikelihood
from core.textedit.networks import PhotoEncoder, make_generator
from core.textedit.vocabulary import read_numbers, stack_sentences
from training.recipe import Phase
from training.spec import BadRequest, RunSpec
from training.task import cosine
from training.textedit_data import VALIDATED, PortraitData, Wanted, write_captions

ASSETS = Path(__file__).resolve().parents[1] / "assets" / "weights"
SOURCES = {"engine": "faces drawn by core/engine; none of these people exists"}
SUBJECT, ROUND = "textedit", 10_000
MOST_WORDS = 56
SHAKEN, NOISE = 3, 0.06
"""Pixels by which pictures are moved before a captioner sees them, and noise with which a frozen one does."""


def read_config(request: RunSpec) -> Config:
    """The config of a request: of the weights it starts with, else of its preset."""
    if "config" in request.options:
        return Config.read(request.options["config"])
    return {"full": Config, "small": Config.small, "tiny": Config.tiny}[request.preset]()


def open_data(request: RunSpec, size: int) -> PortraitData:
    """Portraits of a request."""
    device = "cuda" if torch.cuda.is_available() and request.device != "cpu" else "cpu"
    folder = Path(request.data) if request.data else None
    return PortraitData(folder, Wanted.read(request.options, size), request.seed, device)


def load_generator(request: RunSpec, config: Config) -> tuple[nn.Module, Standard]:
    """The generator that codes are drawn with, frozen, and what its codes stand for."""
    if "generator" in request.options:
        folder = Path(str(request.options["generator"]))
        found = checkpoints.Found(folder, checkpoints.read_card(folder), folder)
    else:
        try:
            found = checkpoints.find(SUBJECT, "generator", [ASSETS])
        except checkpoints.CheckpointMissing as error:
            raise BadRequest(
                f"textedit {request.recipe} wants the generator it works with: train textedit generator, then give its "
                "result folder with --option generator=FOLDER."
            ) from error
    own = Config.read(found.card.config)
    if own.generator != config.generator:
        raise BadRequest(
            f"{found.folder} draws {own.size} px from {own.generator.code_width} numbers, this preset wants {config.size} px "
            f"from {config.generator.code_width}: choose the generator's preset."
        )
    weights = checkpoints.load(found, ("generator", "standard"))
    generator, standard = make_generator(own), Standard()
    checkpoints.fill(generator, weights["generator"], f"{found.folder} (generator)")
    checkpoints.fill(standard, weights["standard"], f"{found.folder} (standard)")
    return generator.eval().requires_grad_(False), standard.eval()


def load_listener(request: RunSpec) -> Captioner | None:
    """A finished captioner, frozen: that of option ``listener``, else the one in service; ``tiny`` has none by itself."""
    if "listener" in request.options:
        folder = Path(str(request.options["listener"]))
        found = checkpoints.Found(folder, checkpoints.read_card(folder), folder)
    elif request.preset == "tiny":
        return None
    else:
        try:
            found = checkpoints.find(SUBJECT, "captioner", [ASSETS])
        except checkpoints.CheckpointMissing:
            return None
    listener = Captioner(Config.read(found.card.config))
    checkpoints.fill(listener, checkpoints.load(found, ("captioner",))["captioner"], f"{found.folder} (captioner)")
    return listener.eval().requires_grad_(False)


def draw_codes(generator: Any, codes: Tensor, noise: str = "fixed") -> Tensor:
    """Pictures of codes by a frozen generator."""
    return generator.synthesis(generator.spread(generator.mapping(codes)), noise)


def tell(captioner: Captioner, pictures: Tensor, sentences: Tensor) -> tuple[Tensor, Tensor]:
    """How unlikely the captioner finds true sentences of pictures, and the scores it reads from them."""
    places, x = captioner.see(pictures)
    return unlikelihood(captioner.follow(places, x, sentences[:, :-1]), sentences), captioner.grades(x).float()


def misread(listener: Captioner, drawn: Tensor, true: Tensor, step: int) -> Tensor:
    """How differently a captioner reads drawn and true pictures: its grades and, less, all that it makes them from.

    Pixels of a glance, a lip or a rim are few; what reads attributes asks for just these (as perceptual losses do, Johnson
    2016). Both are moved a little, mirrored and made noisy alike, each step otherwise, so that no pattern of single pixels is
    learned that only this network takes for a beard.
    """
    draw = torch.Generator().manual_seed(step)
    down, across, mirrored = torch.randint(-SHAKEN, SHAKEN + 1, (3,), generator=draw).tolist()
    noise = NOISE * torch.randn(true.shape, generator=draw).to(true.device)

    def see(pictures: Tensor) -> Tensor:
        moved = (pictures.float() + noise).roll((down, across), (2, 3))
        return listener.see(moved.flip(3) if mirrored > 0 else moved)[1].float()

    with torch.no_grad():
        x = see(true)
        wanted = listener.grades(x).float()
    found = see(drawn)
    grades = (listener.grades(found).float() - wanted).square().mean()
    return 10.0 * grades + (found - x).abs().mean() / x.abs().mean().clamp_min(1e-6)


class CaptionerRecipe:
    """True captions of engine faces. Options: ``count``, ``varied``, ``batch``, ``rate``."""

    subject, name, round_size = SUBJECT, "captioner", ROUND
    published = ("captioner",)
    compiled = ()
    protocol = "128 engine faces of the validation band: unlikelihood of true captions, a word's mean"

    def __init__(self, request: RunSpec) -> None:
        torch.manual_seed(request.seed)
        self.config: Config = read_config(request)
        self.captioner = Captioner(self.config)
        self.modules: dict[str, nn.Module] = {"captioner": self.captioner}
        self.averaged = {"captioner": 3_000.0}
        self.batch_size = int(request.options.get("batch", 48))
        rate, steps = float(request.options.get("rate", 1e-3)), request.steps
        self.phases = (
            Phase("captioner", ("captioner",), rate, weight_decay=5e-4, clip=5.0, schedule=lambda s: cosine(s, steps)),
        )
        self.sources = dict(SOURCES)
        self.data = open_data(request, self.config.size)
        self._validated = int(request.options.get("validated", VALIDATED))

    def batch(self, step: int, size: int, part: int) -> dict[str, Tensor]:
        """Faces with a sentence each, another one every time."""
        found = self.data.learn(step, self.batch_size)
        pixels, grades = _look_again(found.pixels, found.grades, torch.Generator().manual_seed(step))
        sentences = write_sentences(grades, [int(seed) * 8191 + step for seed in found.seeds])
        whole = {"pixels": pixels, "sentences": sentences, "grades": grades}
        return {key: value[part * size : part * size + size] for key, value in whole.items()}

    def losses(self, phase: Phase, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """The sentence's unlikelihood with its L2 term, and the grades from x."""
        del phase, step
        said, grades = tell(self.captioner, batch["pixels"], batch["sentences"])
        return {
            "sentence": said,
            "size": 1e-2 * size_of(self.captioner),
            "grades": 10.0 * (grades - batch["grades"]).square().mean(),
        }

    def measure(self) -> dict[str, float]:
        """Unlikelihood, error of the grades beside that of the mean face, and how far each grade strays."""
        found = self.data.validate(self._validated)
        device = next(self.captioner.parameters()).device
        sentences = write_sentences(found.grades, found.seeds.tolist())
        said, _ = tell(self.captioner, found.pixels.to(device), sentences.to(device))
        true = found.grades.cpu()
        off, mean = self.captioner.read(found.pixels.to(device)).cpu() - true, (true.mean(0) - true).abs().mean()
        doubts = {f"doubt_{key}": float(off[:, place].square().mean().sqrt()) for place, key in enumerate(KEYS)}
        errors = {"grade_error": float(off.abs().mean()), "grade_error_of_the_mean": float(mean)}
        return {"validation": float(said), **errors, **doubts}

    def preview(self) -> Pixels:
        """The faces that are told of."""
        found = self.data.validate(self._validated)
        return contact_sheet(list(to_pixels(found.pixels[:8].float().cpu())), 8)

    def say(self, count: int = 4) -> list[str]:
        """Sentences about the first validation faces."""
        device = next(self.captioner.parameters()).device
        shown = self.data.validate(self._validated).pixels[:count].to(device)
        return [read_numbers(row, "en") for row in self.captioner.describe(shown)]


def _look_again(pixels: Tensor, grades: Tensor, draw: torch.Generator) -> tuple[Tensor, Tensor]:
    """The same faces, half of them mirrored, each framed a little otherwise: few faces last longer so."""
    mirrored = torch.rand(len(pixels), generator=draw) < 0.5
    aside = torch.randint(2 * SHAKEN + 1, (len(pixels), 2), generator=draw).tolist()
    height, width = pixels.shape[2:]
    wide = F.pad(pixels.float(), (SHAKEN,) * 4, mode="replicate")
    framed = torch.stack(
        [one[:, down : down + height, across : across + width] for one, (down, across) in zip(wide, aside, strict=True)]
    )
    turn, mirrored = KEYS.index("head_turn"), mirrored.to(pixels.device)
    grades = grades.clone()
    grades[:, turn] = torch.where(mirrored, 1.0 - grades[:, turn], grades[:, turn])
    return torch.where(mirrored[:, None, None, None], framed.flip(3), framed), grades


def write_sentences(grades: Tensor, seeds: list[int]) -> Tensor:
    """True sentences of faces as numbered words."""
    texts, languages = write_captions(grades.cpu(), seeds)
    return stack_sentences(texts, languages)[:, :MOST_WORDS]


class InverterRecipe:
    """Faces to codes by what the code is and by what it draws.

    Options: ``generator``, ``count``, ``varied``, ``batch``, ``rate``; ``pictures``: how many of a batch are drawn again (all).
    """

    subject, name, round_size = SUBJECT, "inverter", ROUND
    published = ("encoder",)
    compiled = ()
    protocol = "128 engine faces of the validation band: mean absolute difference of the picture drawn again, of 255"

    def __init__(self, request: RunSpec) -> None:
        torch.manual_seed(request.seed)
        self.config: Config = read_config(request)
        self.generator, self.standard = load_generator(request, self.config)
        self.encoder = PhotoEncoder(self.config)
        self.modules: dict[str, nn.Module] = {
            "encoder": self.encoder, "generator": self.generator, "standard": self.standard,
        }  # fmt: skip
        self.averaged = {"encoder": 3_000.0}
        self.batch_size = int(request.options.get("batch", 32))
        self._pictures = max(1, min(int(request.options.get("pictures", self.batch_size)), self.batch_size))
        rate, steps = float(request.options.get("rate", 1e-3)), request.steps
        self.phases = (
            Phase("encoder", ("encoder",), rate, weight_decay=1e-4, clip=5.0, schedule=lambda s: cosine(s, steps)),
        )
        self.sources = dict(SOURCES)
        self.data = open_data(request, self.config.size)
        self._validated = int(request.options.get("validated", VALIDATED))

    def batch(self, step: int, size: int, part: int) -> dict[str, Tensor]:
        """Faces with their parameters."""
        found = self.data.learn(step, self.batch_size)
        whole = {"pixels": found.pixels, "parameters": found.parameters, "seeds": found.seeds}
        return {key: value[part * size : part * size + size] for key, value in whole.items()}

    def losses(self, phase: Phase, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """The true code's numbers, the attributes they say, and the picture; what is free stays near rest."""
        del phase, step
        read = self.encoder(batch["pixels"])
        with torch.no_grad():
            true = self.standard.encode(batch["parameters"], batch["seeds"], TRUE_WIDTH)
        count = max(1, round(self._pictures * len(read) / self.batch_size))
        drawn = draw_codes(self.generator, read[:count])
        terms = {name: 4.0 * value for name, value in picture_terms(drawn, batch["pixels"][:count], None).items()}
        return {
            **terms,
            "code": (read[:, :TRUE_WIDTH] - true).square().mean(),
            "attributes": 0.5 * (self.standard.read(read) - self.standard.read(true)).square().mean(),
            "free": 0.01 * read[:, TRUE_WIDTH:].square().mean(),
        }

    def measure(self) -> dict[str, float]:
        """The picture drawn again, beside the mean picture."""
        pixels = self.data.validate(self._validated).pixels.float().cpu()
        again, mean = self._again(pixels), pixels.mean(0, keepdim=True)
        return {
            "validation": float((again - pixels).abs().mean() * 127.5),
            "mean_picture": float((mean - pixels).abs().mean() * 127.5),
        }

    def preview(self) -> Pixels:
        """Faces, and drawn again from the code that was read."""
        pixels = self.data.validate(self._validated).pixels[:8].float().cpu()
        return contact_sheet([*to_pixels(pixels), *to_pixels(self._again(pixels))], len(pixels))

    @torch.no_grad()
    def _again(self, pixels: Tensor) -> Tensor:
        device = next(self.encoder.parameters()).device
        parts = [draw_codes(self.generator, self.encoder(part.to(device))).float().cpu() for part in pixels.split(16)]
        return torch.cat(parts).clamp(-1, 1)
