"""Spoken Chinese to characters: a small recogniser of our own over what can be said of a face.

Log-mel bands, convolutions, a bidirectional GRU, a character or a blank each 40 ms (CTC, Graves 2006), and a prefix beam
search that knows by a character trigram what people ask for (Hannun 2014). English goes another way, outside this room.
"""

from __future__ import annotations

import functools
import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from core import checkpoints
from core.engine.captions import write_corpus
from core.textedit.requests import draw_request
from core.textedit.vocabulary import load_words
from core.textedit.words import SPOKEN_COMMANDS

RATE, BANDS, WINDOW, HOP = 16_000, 40, 400, 160
SHORTEST_SECONDS, LONGEST_SECONDS = 0.2, 20.0
QUIET = 60.0
"""Root mean square of 16-bit samples below which nothing was said."""
BLANK = 0
CORPUS = 3_000
Samples = npt.NDArray[np.int16]


class NothingHeard(ValueError):
    """No words came of a sound; the message says what to try."""


@dataclass(frozen=True)
class SpeechConfig:
    """The recogniser's shape."""

    characters: int
    width: int = 160
    layers: int = 2

    def __post_init__(self) -> None:
        if min(self.characters, self.width, self.layers) < 1:
            raise ValueError(f"A recogniser's numbers are positive, unlike in {self}.")

    @classmethod
    def tiny(cls) -> SpeechConfig:
        """For tests."""
        return cls(len(load_characters()), 8, 1)


@functools.cache
def load_characters() -> tuple[str, ...]:
    """Every Chinese character of the vocabulary and of the commands; the blank stands before them."""
    every = [*load_words(), *SPOKEN_COMMANDS]
    return tuple(sorted({letter for word in every for letter in word if "\u3400" <= letter <= "\u9fff"}))


@functools.cache
def _places() -> dict[str, int]:
    return {letter: place + 1 for place, letter in enumerate(load_characters())}


def number_characters(text: str) -> list[int]:
    """The characters of a text that can be heard, by number."""
    return [_places()[letter] for letter in text if letter in _places()]


def read_characters(numbers: Sequence[int]) -> str:
    """Numbers as text."""
    return "".join(load_characters()[number - 1] for number in numbers)


@functools.cache
def _filters() -> Tensor:
    """(257, BANDS) triangles, evenly spaced in mel from 60 Hz to 7.6 kHz."""

    def mel(hertz: float) -> float:
        return 2595 * math.log10(1 + hertz / 700)

    edges = 700 * (10 ** (torch.linspace(mel(60), mel(7600), BANDS + 2) / 2595) - 1)
    bins = torch.linspace(0, RATE / 2, 257)[:, None]
    rise = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return torch.minimum(rise, fall).clamp_min(0)


def hear_bands(sound: Tensor) -> Tensor:
    """Sound (samples in [-1, 1]) to T x BANDS log energies, each band brought to mean 0 and deviation 1."""
    padded = nn.functional.pad(sound, (0, max(0, WINDOW - len(sound))))
    window = torch.hann_window(WINDOW, device=sound.device)
    spectrum = torch.stft(padded, 512, HOP, WINDOW, window, return_complex=True).abs().square()
    bands = (spectrum.T @ _filters().to(sound.device)).clamp_min(1e-8).log()
    return (bands - bands.mean(0)) / bands.std(0, correction=0).clamp_min(0.3)


class SpeechNet(nn.Module):
    """Bands to a character or a blank each 40 ms."""

    def __init__(self, config: SpeechConfig) -> None:
        super().__init__()
        width = config.width
        self.enter = nn.Sequential(
            nn.Conv1d(BANDS, width, 5, 2, 2), nn.SiLU(), nn.Conv1d(width, width, 5, 2, 2), nn.SiLU(),
            nn.GroupNorm(1, width),
        )  # fmt: skip
        self.gru = nn.GRU(width, width, config.layers, batch_first=True, bidirectional=True)
        self.leave = nn.Linear(2 * width, config.characters + 1)

    def forward(self, bands: Tensor) -> Tensor:
        """N x T x BANDS to log probabilities N x T/4 x characters + 1."""
        with torch.autocast(bands.device.type, enabled=False):
            found, _ = self.gru(self.enter(bands.float().transpose(1, 2)).transpose(1, 2))
            return self.leave(found).log_softmax(2)


def steps_of(frames: int) -> int:
    """How many answers the network gives for so many frames."""
    return ((frames + 1) // 2 + 1) // 2


class Habits:
    """How likely a character follows two others, in what people ask for: a trigram, backing off (Brants 2007)."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._counts: list[Counter[tuple[int, ...]]] = [Counter(), Counter(), Counter()]
        self._before: list[dict[tuple[int, ...], int]] = [defaultdict(int), defaultdict(int), defaultdict(int)]
        for text in texts:
            row = [BLANK, BLANK, *number_characters(text)]
            for place in range(2, len(row)):
                for order in range(3):
                    key = tuple(row[place - order : place + 1])
                    self._counts[order][key] += 1
                    self._before[order][key[:-1]] += 1

    def weigh(self, before: tuple[int, ...], letter: int) -> float:
        """The logarithm of how likely it is."""
        history = ((BLANK, BLANK, *before))[-2:]
        for order in (2, 1, 0):
            key = (*history[len(history) - order :], letter)
            seen = self._counts[order].get(key, 0)
            if seen:
                return (2 - order) * math.log(0.4) + math.log(seen / self._before[order][key[:-1]])
        return math.log(1e-5)


@functools.cache
def load_habits() -> Habits:
    """What the caption grammar and requests say in Chinese."""
    texts = list(write_corpus(CORPUS // 3, "zh"))
    texts += [draw_request(seed, "zh").text for seed in range(CORPUS)]
    texts += [*SPOKEN_COMMANDS] * 20
    return Habits(texts)


def search(
    likely: npt.NDArray[np.float32], habits: Habits | None, beam: int = 16, weight: float = 0.5
) -> tuple[int, ...]:
    """The likeliest characters under log probabilities T x (characters + 1)."""
    beams: dict[tuple[int, ...], tuple[float, float, float]] = {(): (0.0, -math.inf, 0.0)}
    for row in likely:
        found: dict[tuple[int, ...], list[float]] = {}
        best = [int(letter) for letter in np.argsort(row)[::-1][:8]]
        for text, (blank, voiced, habit) in beams.items():
            both = float(np.logaddexp(blank, voiced))
            for letter in {BLANK, *best}:
                here = float(row[letter])
                if letter == BLANK:
                    _add(found, text, habit, blank=both + here)
                    continue
                more = (*text, letter)
                known = habit + (weight * habits.weigh(text, letter) + 1.0 if habits is not None else 0.0)
                if text and letter == text[-1]:
                    _add(found, text, habit, voiced=voiced + here)
                    _add(found, more, known, voiced=blank + here)
                else:
                    _add(found, more, known, voiced=both + here)
        ranked = sorted(found.items(), key=lambda pair: -(float(np.logaddexp(pair[1][0], pair[1][1])) + pair[1][2]))
        beams = {text: (values[0], values[1], values[2]) for text, values in ranked[:beam]}
    return next(iter(beams))


def _add(
    found: dict[tuple[int, ...], list[float]], text: tuple[int, ...], habit: float,
    blank: float = -math.inf, voiced: float = -math.inf,
) -> None:  # fmt: skip
    row = found.setdefault(text, [-math.inf, -math.inf, habit])
    row[0], row[1] = float(np.logaddexp(row[0], blank)), float(np.logaddexp(row[1], voiced))


class Recogniser:
    """The network in service with what people usually ask for."""

    def __init__(self, network: SpeechNet, habits: Habits | None = None) -> None:
        self._network, self._habits = network.eval().requires_grad_(False), habits

    @classmethod
    def load(cls, roots: Sequence[Path]) -> Recogniser:
        """The shipped recogniser; a missing one is told in a sentence."""
        found = checkpoints.find("textedit", "speech", roots)
        config = SpeechConfig(**found.card.config)
        if config.characters != len(load_characters()):
            raise checkpoints.CheckpointMismatch(
                f"{found.folder} hears {config.characters} characters, this vocabulary has {len(load_characters())}; "
                "train it again: training textedit speech."
            )
        network = SpeechNet(config)
        checkpoints.fill(network, checkpoints.load(found)["speech"], str(found.folder))
        return cls(network, load_habits())

    def hear(self, samples: Samples) -> str:
        """The characters of a sound of one channel at 16,000 samples a second."""
        seconds = len(samples) / RATE
        loudness = float(np.sqrt(np.mean(samples.astype(np.float64) ** 2))) if len(samples) else 0.0
        if seconds < SHORTEST_SECONDS or loudness < QUIET:
            raise NothingHeard("Nothing was heard. Speak closer to the microphone, or type instead.")
        if seconds > LONGEST_SECONDS:
            raise NothingHeard(
                f"The sound runs {seconds:.0f} s; say what you want within {LONGEST_SECONDS:.0f} s, for example: 大眼睛，长头发。"
            )
        sound = torch.from_numpy(samples.astype(np.float32) / 32768)
        likely = self._network(hear_bands(sound)[None])[0].numpy()
        text = read_characters(search(likely, self._habits))
        if not text:
            raise NothingHeard("No words were understood. Say it again, for example: 大眼睛，长头发。")
        return text
