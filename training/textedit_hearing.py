"""How well spoken wishes are understood, offline: English by the decoder with our trigrams, Chinese by our recogniser."""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
import wave
from pathlib import Path

import numpy as np

from core.engine.parser import parse
from core.textedit.predict import Predictor, find_weights
from core.textedit.speech_model import RATE, NothingHeard, Recogniser, Samples
from core.textedit.trigrams import write_trigrams
from training.measure import Asked, CannotMeasure, Found, Row
from training.speech_task import HELD_BACK, say
from training.textedit_phrases import SPOKEN_CHINESE, SPOKEN_ENGLISH

ENGLISH_VOICES = ("awb", "kal16", "rms", "slt")


def measure_chinese(predictor: Predictor, asked: Asked) -> Found:
    """Phrases in voices kept back: the attribute list understood exactly."""
    del predictor
    _want("espeak-ng")
    find_weights("speech", asked.roots)
    recogniser = Recogniser.load(asked.roots)

    def hear(text: str, voice: str) -> str:
        try:
            return recogniser.hear(say(text, voice, 160, 50))
        except NothingHeard:
            return ""

    heard = {
        f"cmn{voice}": [(hear(text, voice), text) for text in SPOKEN_CHINESE[: asked.count]] for voice in HELD_BACK
    }
    return _tell("speech_exact_zh", heard)


def measure_english(predictor: Predictor, asked: Asked) -> Found:
    """The same of flite's voices, by the decoder that the studio uses."""
    del predictor
    _want("flite")
    from pocketsphinx import Decoder

    with tempfile.TemporaryDirectory() as folder:
        model = write_trigrams(Path(folder) / "trigrams-en.arpa")
        decoder = Decoder(lm=str(model), samprate=RATE, loglevel="FATAL")

    def hear(text: str, voice: str) -> str:
        decoder.start_utt()
        decoder.process_raw(say_english(text, voice).tobytes(), full_utt=True)
        decoder.end_utt()
        found = decoder.hyp()
        return found.hypstr if found is not None else ""

    heard = {voice: [(hear(text, voice), text) for text in SPOKEN_ENGLISH[: asked.count]] for voice in ENGLISH_VOICES}
    return _tell("speech_exact", heard)


def _want(program: str) -> None:
    if shutil.which(program) is None:
        raise CannotMeasure(f"{program}, which makes the voices, is not installed (Debian: apt install {program})")


def say_english(text: str, voice: str) -> Samples:
    """A sentence by one of flite's voices at 16,000 samples a second."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        done = subprocess.run(
            ["flite", "-voice", voice, "-t", text, "-o", str(path)], capture_output=True, check=False, timeout=60
        )
        if done.returncode or not path.is_file():
            raise CannotMeasure(f"flite has no voice {voice}: {done.stderr.decode(errors='replace')[:200]}")
        content = path.read_bytes()
    with wave.open(io.BytesIO(content)) as sound:
        rate, samples = sound.getframerate(), np.frombuffer(sound.readframes(10**8), dtype=np.int16)
    if rate == RATE:
        return samples.copy()
    count = round(len(samples) * RATE / rate)
    return np.interp(np.arange(count) * rate / RATE, np.arange(len(samples)), samples).astype(np.int16)


def _tell(key: str, heard: dict[str, list[tuple[str, str]]]) -> Found:
    exact = {voice: [float(means(one) == means(said)) for one, said in pairs] for voice, pairs in heard.items()}
    rows: dict[str, Row | None] = {
        key: Row(np.array([one for values in exact.values() for one in values]), 0.0, "high", grouped=False)
    }
    rows |= {f"{key}_{voice}": Row(np.array(values), 0.0, "high", grouped=False) for voice, values in exact.items()}
    worst = min(exact, key=lambda voice: sum(exact[voice]))
    return Found(rows, notes=(f"{key}: voices {', '.join(exact)}; the worst is {worst}",))


def means(text: str) -> set[tuple[str, float, float, int]]:
    """What a text asks for, order aside."""
    return {(wish.key, wish.low, wish.high, wish.direction) for wish in parse(text).wishes}
