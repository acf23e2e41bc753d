"""The textedit room's editor: text encoder and fusion learn to move codes as the engine would change the people.

Text encoder, fusion and captioner learn together; what a text asks for is what the parser reads in it, and the captioner
keeps seeing true captions, so that the two cannot agree on a secret code.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from core.engine.attributes import ASKABLE, INDEX
from core.engine.parser import parse
from core.image import Pixels, contact_sheet, to_pixels
from core.textedit.caption import Captioner
from core.textedit.codes import TRUE_WIDTH, Standard
from core.textedit.config import Config
from core.textedit.losses import size_of
from core.textedit.networks import Fusion, TextEncoder
from core.textedit.requests import Request, ask_for, both_ways, draw_request
from core.textedit.vocabulary import UNKNOWN, number_words, stack_texts
from training.recipe import Phase, decay_every
from training.settling import Settling
from training.spec import RunSpec
from training.textedit_data import VALIDATED
from training.textedit_entrance import Entrance, choose_fuse
from training.textedit_tasks import (
    SOURCES,
    SUBJECT,
    load_generator,
    load_listener,
    open_data,
    read_config,
    tell,
    write_sentences,
)
from training.textedit_ways import PEOPLE, find_gains, find_ways, follow, go, raise_voice

FORGOTTEN = 0.02
"""Share of words that are learned as unknown ones, so that a strange word beside known ones does no harm."""


class EditorRecipe:
    """Text encoder, fusion and captioner together, on the frozen generator. Start it from the captioner's checkpoint.

    It has converged when ``restless`` (settling.py) stays in a band: ``stop_below`` of the request,
    for example ``{"restless": 0.02}``.
    Options: ``generator``; ``fuse``: where texts move codes, ``before`` the mapping network or ``behind`` it;
    ``pictures``: edited pictures a batch that are drawn for the captioner (0: codes alone, and no captioner comes of it);
    ``listener``: a captioner's checkpoint by whose word codes go further where the generator draws too little of a change
    (the one that ships; ``tiny`` has none); ``further``: how many times as far again, for judges of the validation band;
    ``ways``: people of whom the engine changes each attribute to find which way codes go; ``count``, ``varied``, ``batch``,
    ``rate``, ``rounds`` between two falls of the rate.
    """

    subject, name, round_size = SUBJECT, "editor", 2_000
    compiled = ()
    protocol = (
        "24 attributes both ways, plainly asked, on 16 codes of the validation band: share of edits that went less than a third "
        "of the engine's own way, as far as it shows and hair has colours, plus how far they went beside it"
    )

    def __init__(self, request: RunSpec) -> None:
        torch.manual_seed(request.seed)
        self.config: Config = choose_fuse(request, read_config(request))
        self.generator, self.standard = load_generator(request, self.config)
        _, self._reading = load_generator(request, self.config)
        self.entrance = Entrance.open(self.generator, self.config.fuse)
        if self.entrance.behind:
            self.protocol = f"{self.protocol}, behind the mapping"
        device = "cuda" if torch.cuda.is_available() and request.device != "cpu" else "cpu"
        self._ways = find_ways(self._reading, int(request.options.get("ways", PEOPLE)), device)
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
        learning = ("words", "fusion", *(("captioner",) if self._pictures else ()))
        self.phases = (Phase("edit", learning, rate, weight_decay=5e-4, clip=5.0, schedule=decay_every(fall)),)
        self.sources = dict(SOURCES)
        self.seed, self.data = request.seed, open_data(request, self.config.size)
        self._validated = int(request.options.get("validated", VALIDATED))
        listener = load_listener(request)
        further = float(request.options.get("further", 1.0))
        gains = torch.ones(self._ways.shape[:2]) if listener is None else self._listen(listener)
        self._gains = gains * further
        if further != 1.0:
            self.protocol = f"{self.protocol}, aims {further:g} times as far"

    def _listen(self, listener: Captioner) -> Tensor:
        """How much more than it is to draw the generator must be asked for, by the word of this captioner."""
        true = self.data.validate(self._validated)
        read = listener.grades(listener.see(true.pixels.float().cpu())[1]).float()
        return find_gains(self.generator, self._reading, listener, self._ways, follow(read, true.grades.cpu()))

    def batch(self, step: int, size: int, part: int) -> dict[str, Tensor]:
        """Codes, a text for each, what it asks of each, and true captions beside."""
        draw = torch.Generator().manual_seed(hash((self.seed, step, 61)) & 0x7FFFFFFF)
        width = self.config.generator.code_width
        codes = torch.randn(self.batch_size, width, generator=draw)
        numbers = torch.randint(2**40, (self.batch_size,), generator=draw).tolist()
        whole = self._show(step, codes, numbers) if self._pictures else {}
        requests = [draw_request(number) for number in numbers]
        goal, asked, grades = set_goals(self._reading, codes, requests)
        texts = stack_texts([number_words(one.text) for one in requests])
        silent = torch.rand(texts.shape, generator=draw) < FORGOTTEN
        texts = torch.where(silent & (texts > UNKNOWN), torch.full_like(texts, UNKNOWN), texts)
        whole |= {"codes": codes, "texts": texts, "goal": goal, "asked": asked, "grades": grades}
        if self._pictures:
            whole["told"] = write_sentences(grades, numbers)
        return {key: value[part * size : part * size + size] for key, value in whole.items()}

    def _show(self, step: int, codes: Tensor, numbers: list[int]) -> dict[str, Tensor]:
        """True portraits for the captioner; as many codes become theirs, half of all at the most."""
        found = self.data.learn(step, self._pictures)
        true = self._reading.encode(found.parameters.cpu(), found.seeds, codes.shape[1])[:, :TRUE_WIDTH]
        half = min(len(true), self.batch_size // 2)
        codes[:half, :TRUE_WIDTH] = true[:half]
        sentences = write_sentences(found.grades, numbers[: len(found.seeds)])
        return {
            "pixels": _repeat(found.pixels, self.batch_size),
            "sentences": _repeat(sentences, self.batch_size),
            "true_grades": _repeat(found.grades, self.batch_size),
        }

    def losses(self, phase: Phase, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """Wishes met, the rest kept, little moved; the captioner says of edited pictures what was asked for."""
        del phase
        codes = self.entrance.enter(self.generator, batch["codes"])
        moved = self._move(codes, batch["texts"])
        terms = {"wished": self.entrance.off(moved, codes, self._aim(batch["codes"], batch["goal"])).mean()}
        if self._pictures:
            terms |= self._check(batch, moved)
        terms["restless"] = self.settling.note(step, torch.stack(list(terms.values())).sum())
        return terms

    def _check(self, batch: dict[str, Tensor], moved: Tensor) -> dict[str, Tensor]:
        """The captioner sees true captions, and says of edited pictures what was asked for."""
        count = max(1, round(self._pictures * len(moved) / self.batch_size))
        said, read = tell(self.captioner, batch["pixels"][:count], batch["sentences"][:count])
        captions = 0.2 * said + 2.0 * (read - batch["true_grades"][:count]).square().mean()
        edited = self.entrance.draw(self.generator, moved[-count:])
        told, seen = tell(self.captioner, edited, batch["told"][-count:])
        asked = batch["asked"][-count:]
        missed = ((seen - batch["grades"][-count:]).square() * asked).sum() / asked.sum().clamp_min(1)
        return {"captions": captions, "size": 1e-2 * size_of(self.captioner), "told": 0.1 * told, "seen": 5.0 * missed}

    def _move(self, codes: Tensor, texts: Tensor, strength: float = 1.0) -> Tensor:
        return self.fusion(codes, self.words(texts), strength)

    @torch.no_grad()
    def _aim(self, codes: Tensor, goal: Tensor) -> Tensor:
        """Where what the fusion moves has to come: faces with these scores that are else as they were."""
        scores = self.standard.read(codes)
        louder = raise_voice(scores, goal - scores, self._gains.to(codes.device))
        return self.entrance.enter(self.generator, go(codes, self._ways.to(codes.device), louder))

    @torch.no_grad()
    def measure(self) -> dict[str, float]:
        """On codes alone: edits that went less than a third of the engine's own way, and how far they went beside it."""
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
            request = Request(text, "en", parse(text).wishes)
            goal = set_goals(self._reading, codes.cpu(), [request] * len(codes))[0].to(device)
            gone, beside = (value.cpu() for value in self.entrance.gone(moved, now, self._aim(codes, goal)))
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
