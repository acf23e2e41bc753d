"""What stands on a finished generator: the captioner, the editor (texts that move codes), and the inverter.

The captioner sees true captions first. In the editor's run text encoder, fusion and captioner learn together; what a text
asks for is what the parser reads in it, and the captioner keeps seeing true captions, so that the two cannot agree on a
secret code.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from core import checkpoints
from core.engine.attributes import ASKABLE, INDEX, KEYS
from core.engine.parser import parse
from core.image import Pixels, contact_sheet, to_pixels
from core.textedit.caption import Captioner
from core.textedit.codes import TRUE_WIDTH, Standard
from core.textedit.config import Config
from core.textedit.losses import kept, picture_terms, size_of, smallest, unlikelihood, wished
from core.textedit.networks import Fusion, PhotoEncoder, TextEncoder, make_generator
from core.textedit.requests import Request, ask_for, both_ways, draw_request
from core.textedit.vocabulary import UNKNOWN, number_words, read_numbers, stack_sentences, stack_texts
from training.recipe import Phase, decay_every
from training.settling import Settling
from training.spec import BadRequest, RunSpec
from training.task import cosine
from training.textedit_data import VALIDATED, PortraitData, write_captions
from training.textedit_entrance import BEHIND, Entrance, choose_fuse, reach

ASSETS = Path(__file__).resolve().parents[1] / "assets" / "weights"
SOURCES = {"engine": "faces drawn by core/engine; none of these people exists"}
SUBJECT, ROUND = "textedit", 10_000
MOST_WORDS = 56
FORGOTTEN = 0.02
"""Share of words that are learned as unknown ones, so that a strange word beside known ones does no harm."""


def read_config(request: RunSpec) -> Config:
    """The config of a request: of the weights it starts with, else of its preset."""
    if "config" in request.options:
        return Config.read(request.options["config"])
    return {"full": Config, "small": Config.small, "tiny": Config.tiny}[request.preset]()


def open_data(request: RunSpec, size: int) -> PortraitData:
    """Portraits of a request."""
    device = "cuda" if torch.cuda.is_available() and request.device != "cpu" else "cpu"
    folder = Path(request.data) if request.data else None
    return PortraitData(folder, int(request.options.get("count", 16_384)), size, request.seed, device)


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


def draw_codes(generator: Any, codes: Tensor, noise: str = "fixed") -> Tensor:
    """Pictures of codes by a frozen generator."""
    return generator.synthesis(generator.spread(generator.mapping(codes)), noise)


def tell(captioner: Captioner, pictures: Tensor, sentences: Tensor) -> tuple[Tensor, Tensor]:
    """How unlikely the captioner finds true sentences of pictures, and the scores it reads from them."""
    places, x = captioner.see(pictures)
    return unlikelihood(captioner.follow(places, x, sentences[:, :-1]), sentences), captioner.grades(x).float()


class CaptionerRecipe:
    """True captions of engine faces. Options: ``count``, ``batch``, ``rate``."""

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
        sentences = _caption(found.grades, [int(seed) * 8191 + step for seed in found.seeds])
        whole = {"pixels": found.pixels, "sentences": sentences, "grades": found.grades}
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
        """Unlikelihood, and error of the grades beside that of the mean face."""
        found = self.data.validate(self._validated)
        device = next(self.captioner.parameters()).device
        sentences = _caption(found.grades, found.seeds.tolist())
        said, grades = tell(self.captioner, found.pixels.to(device), sentences.to(device))
        true = found.grades.cpu()
        off, mean = (grades.cpu() - true).abs().mean(), (true.mean(0) - true).abs().mean()
        return {"validation": float(said), "grade_error": float(off), "grade_error_of_the_mean": float(mean)}

    def preview(self) -> Pixels:
        """The faces that are told of."""
        found = self.data.validate(self._validated)
        return contact_sheet(list(to_pixels(found.pixels[:8].float().cpu())), 8)

    def say(self, count: int = 4) -> list[str]:
        """Sentences about the first validation faces."""
        device = next(self.captioner.parameters()).device
        shown = self.data.validate(self._validated).pixels[:count].to(device)
        return [read_numbers(row, "en") for row in self.captioner.describe(shown)]


def _caption(grades: Tensor, seeds: list[int]) -> Tensor:
    texts, languages = write_captions(grades.cpu(), seeds)
    return stack_sentences(texts, languages)[:, :MOST_WORDS]


class InverterRecipe:
    """Faces to codes by what the code is and by what it draws.

    Options: ``generator``, ``count``, ``batch``, ``rate``; ``pictures``: how many of a batch are drawn again (all).
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


class EditorRecipe:
    """Text encoder, fusion and captioner together, on the frozen generator. Start it from the captioner's checkpoint.

    It has converged when ``restless`` (settling.py) stays in a band: ``stop_below`` of the request,
    for example ``{"restless": 0.02}``.
    Options: ``generator``; ``fuse``: where texts move codes, ``before`` the mapping network or ``behind`` it;
    ``pictures``: edited pictures a batch that are drawn for the captioner (0: codes alone, and no captioner comes of it);
    ``count``, ``batch``, ``rate``, ``rounds`` between two falls of the rate.
    """

    subject, name, round_size = SUBJECT, "editor", 2_000
    compiled = ()
    protocol = (
        "24 attributes both ways, plainly asked, on 16 codes of the validation band: share that is missed, plus drift"
    )

    def __init__(self, request: RunSpec) -> None:
        torch.manual_seed(request.seed)
        self.config: Config = choose_fuse(request, read_config(request))
        self.generator, self.standard = load_generator(request, self.config)
        _, self._reading = load_generator(request, self.config)
        self.entrance = Entrance.open(self.generator, self.config.fuse)
        self.protocol = BEHIND if self.entrance.behind else self.protocol
        self.words, self.fusion = TextEncoder(self.config), Fusion(self.config)
        self.captioner = Captioner(self.config)
        self.modules: dict[str, nn.Module] = {
            "words": self.words, "fusion": self.fusion, "captioner": self.captioner,
            "generator": self.generator, "standard": self.standard,
        }  # fmt: skip
        self.averaged = {"words": 5_000.0, "fusion": 5_000.0, "captioner": 5_000.0}
        self.batch_size = int(request.options.get("batch", 64))
        self._pictures = min(int(request.options.get("pictures", 16)), self.batch_size)
        self.published = ("words", "fusion", *(("captioner",) if self._pictures else ()))
        fall = max(1, int(request.options.get("rounds", 50)) * self.round_size // self.batch_size)
        self.settling = self.modules["settling"] = Settling(max(1, self.round_size // self.batch_size))
        rate = float(request.options.get("rate", 1e-3))
        learning = ("words", "fusion", "captioner")
        self.phases = (Phase("edit", learning, rate, weight_decay=5e-4, clip=5.0, schedule=decay_every(fall)),)
        self.sources = dict(SOURCES)
        self.seed, self.data = request.seed, open_data(request, self.config.size)
        self._validated = int(request.options.get("validated", VALIDATED))

    def batch(self, step: int, size: int, part: int) -> dict[str, Tensor]:
        """Codes (half true, half of nobody), a text for each, what it asks of each, and true captions beside."""
        draw = torch.Generator().manual_seed(hash((self.seed, step, 61)) & 0x7FFFFFFF)
        found = self.data.learn(step, self._pictures or 1)
        width = self.config.generator.code_width
        codes = torch.randn(self.batch_size, width, generator=draw)
        true = self._reading.encode(found.parameters.cpu(), found.seeds, width)[:, :TRUE_WIDTH]
        half = min(len(true), self.batch_size // 2)
        codes[:half, :TRUE_WIDTH] = true[:half]
        numbers = torch.randint(2**40, (self.batch_size,), generator=draw).tolist()
        requests = [draw_request(number) for number in numbers]
        goal, asked, grades = set_goals(self._reading, codes, requests)
        texts = stack_texts([number_words(one.text) for one in requests])
        silent = torch.rand(texts.shape, generator=draw) < FORGOTTEN
        whole = {
            "codes": codes,
            "texts": torch.where(silent & (texts > UNKNOWN), torch.full_like(texts, UNKNOWN), texts),
            "goal": goal,
            "asked": asked,
            "grades": grades,
            "told": _caption(grades, numbers),
            "pixels": _repeat(found.pixels, self.batch_size),
            "sentences": _repeat(_caption(found.grades, numbers[: len(found.seeds)]), self.batch_size),
            "true_grades": _repeat(found.grades, self.batch_size),
        }
        return {key: value[part * size : part * size + size] for key, value in whole.items()}

    def losses(self, phase: Phase, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """Wishes met, the rest kept, little moved; the captioner says of edited pictures what was asked for."""
        del phase
        codes = self.entrance.enter(self.generator, batch["codes"])
        moved = self._move(codes, batch["texts"])
        if self.entrance.behind:
            terms = {"wished": self.entrance.off(moved, codes, self._aim(batch["codes"], batch["goal"])).mean()}
        else:
            scores, before = self.standard.read(moved), self.standard.read(codes)
            terms = {
                "wished": wished(scores, batch["goal"], batch["asked"]),
                "kept": 2.0 * kept(scores, before, batch["asked"]),
                "moved": 2.0 * smallest(moved, codes),
            }
        count = max(1, round(self._pictures * len(codes) / self.batch_size))
        said, read = tell(self.captioner, batch["pixels"][:count], batch["sentences"][:count])
        terms["captions"] = 0.2 * said + 2.0 * (read - batch["true_grades"][:count]).square().mean()
        terms["size"] = 1e-2 * size_of(self.captioner)
        if self._pictures:
            edited = self.entrance.draw(self.generator, moved[-count:])
            said, read = tell(self.captioner, edited, batch["told"][-count:])
            asked = batch["asked"][-count:]
            terms["told"] = 0.1 * said
            terms["seen"] = 5.0 * ((read - batch["grades"][-count:]).square() * asked).sum() / asked.sum().clamp_min(1)
        terms["restless"] = self.settling.note(step, torch.stack(list(terms.values())).sum())
        return terms

    def _move(self, codes: Tensor, texts: Tensor, strength: float = 1.0) -> Tensor:
        return self.fusion(codes, self.words(texts), strength)

    @torch.no_grad()
    def _aim(self, codes: Tensor, goal: Tensor) -> Tensor:
        """Where behind the mapping codes with these scores lie that are else as they were."""
        return self.entrance.enter(self.generator, reach(self.standard, codes, goal - self.standard.read(codes)))

    @torch.no_grad()
    def measure(self) -> dict[str, float]:
        """On codes alone: asked scores that moved less than a third of their range, and how far others moved."""
        device = self.standard.table.device
        draw = torch.Generator().manual_seed(0)
        codes = torch.randn(16, self.config.generator.code_width, generator=draw).to(device)
        now = self.entrance.enter(self.generator, codes)
        before = self._reading.grades(codes.cpu())
        missed, drift = [], []
        for place, (key, way) in enumerate(both_ways()):
            text = ask_for(key, way, place, "zh" if place % 2 else "en")
            asked = stack_texts([number_words(text)] * len(now)).to(device)
            moved = self._move(now, asked)
            opposite = (before[:, INDEX[key]] < 0.5) == (way > 0)
            if self.entrance.behind:
                request = Request(text, "en", parse(text).wishes)
                goal = set_goals(self._reading, codes.cpu(), [request] * len(codes))[0].to(device)
                gone, beside = (value.cpu() for value in self.entrance.gone(moved, now, self._aim(codes, goal)))
            else:
                change = (self._reading.grades(moved.cpu()) - before) * way
                gone = change[:, INDEX[key]]
                beside = change[:, [INDEX[other] for other in KEYS if other != key]].abs()
            missed += (gone[opposite] < 1 / 3).float().tolist()
            drift.append(float(beside.mean()))
        share, far = sum(missed) / max(len(missed), 1), sum(drift) / len(drift)
        still = float((self._move(now, stack_texts([[]]).expand(16, -1).to(device)) - now).abs().max())
        return {"validation": share + far, "missed": share, "drift": far, "empty_moves": still}

    @torch.no_grad()
    def preview(self) -> Pixels:
        """Faces of nobody, and each under six texts."""
        device = self.standard.table.device
        draw = torch.Generator().manual_seed(2)
        codes = (torch.randn(6, self.config.generator.code_width, generator=draw) * 0.8).to(device)
        rows = [self.entrance.enter(self.generator, codes)]
        for text in ("big smile", "long hair", "没有头发", "older", "戴眼镜", "a full beard"):
            asked = stack_texts([number_words(text)] * len(codes)).to(device)
            rows.append(self._move(rows[0], asked))
        drawn = [self.entrance.draw(self.generator, row).float().cpu().clamp(-1, 1) for row in rows]
        return contact_sheet([picture for row in drawn for picture in to_pixels(row)], len(codes))


def set_goals(standard: Standard, codes: Tensor, requests: list[Request]) -> tuple[Tensor, Tensor, Tensor]:
    """For each code: scores its text wants, which attributes are asked for (N, 26), and the grades that then hold."""
    scores = standard.read(codes)
    now = standard.grades_of(scores)
    grades, asked = now.clone(), torch.zeros_like(now)
    for row, request in enumerate(requests):
        for wish in request.wishes:
            place = INDEX[wish.key]
            if wish.key in ASKABLE:
                grades[row, place] = wish.apply(float(now[row, place]))
                asked[row, place] = 1.0
    goal = torch.where(asked > 0, standard.score_grades(grades), scores)
    return goal, asked, grades.clamp(0, 1)


def _repeat(rows: Tensor, count: int) -> Tensor:
    """Rows again and again, up to ``count`` of them."""
    return rows[torch.arange(count, device=rows.device) % len(rows)]
