"""How spoken Chinese is learned: requests said by espeak-ng's Mandarin in many voices, then treated as rooms and microphones do.

The voices are made while training; nothing of them is shipped. Two voices are kept for validation.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import wave

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.engine.captions import random_attributes, write_caption
from core.image import Pixels
from core.textedit.requests import draw_request
from core.textedit.speech_model import (
    BANDS,
    BLANK,
    RATE,
    Samples,
    SpeechConfig,
    SpeechNet,
    hear_bands,
    load_characters,
    number_characters,
    steps_of,
)
from core.textedit.words import SPOKEN_COMMANDS
from training.recipe import Phase
from training.spec import BadRequest, RunSpec
from training.task import cosine

VOICES = ("", "+f1", "+f2", "+f3", "+f5", "+m1", "+m2", "+m3", "+m4", "+m6", "+m7", "+croak", "+klatt2")
HELD_BACK = ("+f4", "+m5")
VALIDATION_SEED = 900_000_000
MOST_SECONDS = 7.0


class NoVoices(BadRequest):
    """espeak-ng is not installed; the message says how to get it."""


def say(text: str, voice: str, speed: int, pitch: int) -> Samples:
    """A sentence in Mandarin at 16,000 samples a second."""
    program = shutil.which("espeak-ng")
    if program is None:
        raise NoVoices(
            "Spoken Chinese is learned from espeak-ng's voices, and espeak-ng is not installed (Debian: apt install "
            "espeak-ng). Everything else of textedit learns without it."
        )
    command = [program, "-v", f"cmn{voice}", "-s", str(speed), "-p", str(pitch), "--stdout", text]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    if done.returncode or not done.stdout:
        raise NoVoices(
            f"espeak-ng could not say {text!r} in voice cmn{voice}: {done.stderr.decode(errors='replace')[:200]}"
        )
    with wave.open(io.BytesIO(done.stdout)) as sound:
        rate = sound.getframerate()
        samples = np.frombuffer(sound.readframes(10**8), dtype=np.int16)
    count = round(len(samples) * RATE / rate)
    at = np.arange(count) * rate / RATE
    return np.interp(at, np.arange(len(samples)), samples).astype(np.int16)


def choose_text(seed: int) -> str:
    """What is said: mostly requests, some descriptions, some commands."""
    if seed % 10 == 0:
        return SPOKEN_COMMANDS[(seed // 10) % len(SPOKEN_COMMANDS)]
    if seed % 10 in {1, 2}:
        parts = write_caption(random_attributes(seed), seed, "zh").text.replace("。", "").split("，")
        return "，".join(parts[:3])
    return draw_request(seed, "zh").text


def utter(seed: int, voices: tuple[str, ...] = VOICES) -> tuple[Samples, list[int]]:
    """A sentence's sound and characters; the same for the same seed."""
    draw = np.random.default_rng((seed, 0x5A))
    text = choose_text(seed)
    voice, speed, pitch = str(draw.choice(voices)), int(draw.integers(110, 210)), int(draw.integers(20, 85))
    return say(text, voice, speed, pitch)[: int(MOST_SECONDS * RATE)], number_characters(text)


def spoil_sound(samples: Samples, draw: np.random.Generator) -> Tensor:
    """Pace, silence around, room, tone, noise and loudness."""
    sound = samples.astype(np.float32) / 32768
    pace = draw.uniform(0.85, 1.2)
    sound = np.interp(np.arange(int(len(sound) / pace)) * pace, np.arange(len(sound)), sound)
    sound = np.concatenate((np.zeros(draw.integers(0, RATE // 2)), sound, np.zeros(draw.integers(0, RATE // 2))))
    count = len(sound)
    whole = 1 << (2 * count - 1).bit_length()  # a power of two: other lengths cost many times more
    spectrum, bins = np.fft.rfft(sound, whole), np.linspace(0, 1, whole // 2 + 1)
    if draw.random() < 0.6:  # a room: noise that dies away
        reach = int(RATE * draw.uniform(0.05, 0.5))
        echo = (
            draw.standard_normal(reach)
            * np.exp(-np.arange(reach) / reach * draw.uniform(4, 9))
            * draw.uniform(0.02, 0.2)
        )
        echo[0] = 1.0
        spectrum = spectrum * np.fft.rfft(echo, whole)
    tone = np.interp(bins, np.linspace(0, 1, 9), draw.normal(0, 5, 9))
    sound = np.fft.irfft(spectrum * 10 ** (tone / 20))[:count]
    colour = (1 + np.arange(whole // 4 + 1)) ** -draw.uniform(0, 0.6)
    hiss = np.fft.irfft(np.fft.rfft(draw.standard_normal(whole // 2)) * colour)[:count]
    level = np.sqrt(np.mean(sound**2)) / max(np.sqrt(np.mean(hiss**2)), 1e-9) * 10 ** (-draw.uniform(4, 40) / 20)
    sound = sound + hiss * level
    return torch.from_numpy((sound * 10 ** draw.uniform(-1.0, 0.3)).clip(-1, 1).astype(np.float32))


class SpeechRecipe:
    """CTC over characters. Options: ``count`` of different sentences, ``batch``, ``rate``, ``validated``."""

    subject, name, round_size = "textedit", "speech", 5_000
    published = ("speech",)
    compiled = ()
    protocol = (
        "120 sentences of seeds and voices kept back, lightly spoilt: share of characters heard wrongly, no habits"
    )

    def __init__(self, request: RunSpec) -> None:
        if shutil.which("espeak-ng") is None:
            say("你好", "", 150, 50)
        torch.manual_seed(request.seed)
        self.config = SpeechConfig.tiny() if request.preset == "tiny" else SpeechConfig(len(load_characters()))
        if "config" in request.options:
            self.config = SpeechConfig(**request.options["config"])
        self.network = SpeechNet(self.config)
        self.modules: dict[str, nn.Module] = {"speech": self.network}
        self.averaged = {"speech": 3_000.0}
        self.batch_size = int(request.options.get("batch", 24))
        rate, steps = float(request.options.get("rate", 1e-3)), request.steps
        self.phases = (Phase("speech", ("speech",), rate, clip=3.0, schedule=lambda s: cosine(s, steps)),)
        self.sources = {
            "espeak-ng": "synthetic Mandarin voices made while training; none is shipped (espeak-ng, GPL-3.0)"
        }
        self.seed, self._count = request.seed, int(request.options.get("count", 6_000))
        self._validated = int(request.options.get("validated", 120))
        self._kept: dict[int, tuple[Samples, list[int]]] = {}
        self._back: list[tuple[Tensor, list[int]]] = []

    def batch(self, step: int, size: int, part: int) -> dict[str, Tensor]:
        """Bands, padded behind, with the characters said."""
        draw = np.random.default_rng((self.seed, step, 0x73))
        seeds = draw.integers(0, self._count, self.batch_size).tolist()
        draws = [np.random.default_rng((self.seed, step, place, 0x74)) for place in range(self.batch_size)]
        rows = [
            (self._utter(seed), own)
            for seed, own in zip(seeds[part * size : part * size + size], draws[part * size :], strict=False)
        ]
        bands = [mask_bands(hear_bands(spoil_sound(said[0], own)), own) for said, own in rows]
        return stack_sounds(bands, [said[1] for said, _ in rows])

    def _utter(self, seed: int) -> tuple[Samples, list[int]]:
        if seed not in self._kept:
            self._kept[seed] = utter(seed)
        return self._kept[seed]

    def losses(self, phase: Phase, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """CTC."""
        del phase, step
        likely = self.network(batch["bands"]).transpose(0, 1)
        loss = F.ctc_loss(likely, batch["letters"], batch["steps"], batch["lengths"], BLANK, zero_infinity=True)
        return {"ctc": loss}

    def measure(self) -> dict[str, float]:
        """Character errors of greedy listening."""
        wrong, whole, exact = 0, 0, 0
        for heard, said in self._listen():
            wrong, whole = wrong + distance(heard, said), whole + len(said)
            exact += int(list(heard) == said)
        return {"validation": wrong / max(whole, 1), "exact": exact / max(len(self._back), 1)}

    def preview(self) -> Pixels:
        """The bands of eight sentences."""
        self._listen()
        rows = []
        for bands, _ in self._back[:8]:
            picture = torch.zeros(BANDS, 512)
            picture[:, : min(512, len(bands))] = bands[:512].T.flip(0)
            rows.append((picture * 40 + 128).clamp(0, 255))
        grey = torch.cat(rows).to(torch.uint8).numpy()
        return np.repeat(grey[:, :, None], 3, 2)

    def _listen(self) -> list[tuple[list[int], list[int]]]:
        if not self._back:
            for seed in range(VALIDATION_SEED, VALIDATION_SEED + self._validated):
                samples, said = utter(seed, HELD_BACK)
                draw = np.random.default_rng((seed, 1))
                noise = draw.normal(0, 0.003, len(samples)).astype(np.float32)
                self._back.append((hear_bands(torch.from_numpy(samples.astype(np.float32) / 32768 + noise)), said))
        device = next(self.network.parameters()).device
        found = []
        for bands, said in self._back:
            best = self.network(bands[None].to(device))[0].argmax(1).tolist()
            heard = [one for place, one in enumerate(best) if one != BLANK and (place == 0 or best[place - 1] != one)]
            found.append((heard, said))
        return found


def mask_bands(bands: Tensor, draw: np.random.Generator) -> Tensor:
    """Stretches of time and of pitch that cannot be heard (Park 2019)."""
    bands = bands.clone()
    for _ in range(2):
        start, wide = int(draw.integers(0, max(len(bands) - 12, 1))), int(draw.integers(0, 12))
        bands[start : start + wide] = 0
        low, high = int(draw.integers(0, BANDS - 8)), int(draw.integers(0, 8))
        bands[:, low : low + high] = 0
    return bands


def stack_sounds(bands: list[Tensor], said: list[list[int]]) -> dict[str, Tensor]:
    """Sounds of several lengths as one batch."""
    longest, most = max(map(len, bands)), max(1, *map(len, said)) if said else 1
    table, letters = torch.zeros(len(bands), longest, BANDS), torch.zeros(len(bands), most, dtype=torch.int64)
    for row, (sound, text) in enumerate(zip(bands, said, strict=True)):
        table[row, : len(sound)] = sound
        letters[row, : len(text)] = torch.tensor(text)
    steps = torch.tensor([steps_of(len(sound)) for sound in bands])
    return {"bands": table, "letters": letters, "steps": steps, "lengths": torch.tensor([len(text) for text in said])}


def distance(one: list[int], other: list[int]) -> int:
    """Fewest letters to change, add or take away (Levenshtein 1965)."""
    row = list(range(len(other) + 1))
    for place, letter in enumerate(one, 1):
        before, row[0] = row[0], place
        for at, wanted in enumerate(other, 1):
            before, row[at] = row[at], min(row[at] + 1, row[at - 1] + 1, before + (letter != wanted))
    return row[-1]
