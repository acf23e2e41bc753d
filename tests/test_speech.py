"""Sound to words, with voices made here."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from studio.settings import Limits
from studio.speech import RATE, Listener, NotHeard, read_sound
from studio.uploads import UploadRefused

ARPA = """\\data\\
ngram 1=7
ngram 2=8

\\1-grams:
-0.9 </s>
-99 <s> -0.3
-0.9 big -0.3
-0.9 eyes -0.3
-0.9 hair -0.3
-0.9 long -0.3
-0.9 short -0.3

\\2-grams:
-0.4 <s> big
-0.4 <s> long
-0.4 <s> short
-0.2 big eyes
-0.2 long hair
-0.2 short hair
-0.3 eyes long
-0.3 hair </s>

\\end\\
"""


@pytest.fixture
def listener(tmp_path: Path) -> Listener:
    (tmp_path / "words.arpa").write_text(ARPA)
    return Listener(tmp_path / "words.arpa")


@pytest.mark.skipif(shutil.which("flite") is None, reason="no flite on this machine (Debian: apt install flite)")
@pytest.mark.parametrize("words", ["big eyes long hair", "short hair"])
def test_a_spoken_phrase_is_understood_and_twice_the_same(tmp_path: Path, listener: Listener, words: str) -> None:
    path = tmp_path / "said.wav"
    subprocess.run(["flite", "-voice", "slt", "-t", words, "-o", str(path)], check=True)
    samples = read_sound(path)
    assert listener.hear(samples).text == words
    assert listener.hear(samples).text == words


def test_silence_and_too_little_sound_are_sentences(listener: Listener) -> None:
    for samples in (np.zeros(RATE, np.int16), np.zeros(0, np.int16), np.full(100, 9000, np.int16)):
        with pytest.raises(NotHeard, match="closer to the microphone"):
            listener.hear(samples)


def test_an_engine_that_does_not_exist_is_named(tmp_path: Path) -> None:
    loud = np.random.default_rng(0).integers(-9000, 9000, RATE).astype(np.int16)
    with pytest.raises(NotHeard, match="'parrot'"):
        Listener(tmp_path / "none", engine="parrot").hear(loud)


def test_sound_of_another_rate_and_two_channels_arrives_in_our_form(tmp_path: Path) -> None:
    import soundfile

    time = np.arange(44100) / 44100
    tone = 0.5 * np.sin(2 * np.pi * 440 * time)
    soundfile.write(tmp_path / "a.wav", np.stack((tone, tone), 1), 44100)
    samples = read_sound(tmp_path / "a.wav")
    assert abs(len(samples) - RATE) < 50
    spectrum = np.abs(np.fft.rfft(samples))
    assert np.argmax(spectrum) * RATE / len(samples) == pytest.approx(440, abs=2)


def test_a_sound_over_the_limit_and_a_file_that_is_none_are_sentences(tmp_path: Path) -> None:
    import soundfile

    soundfile.write(tmp_path / "a.wav", np.zeros(3 * RATE), RATE)
    with pytest.raises(UploadRefused, match="longer"):
        read_sound(tmp_path / "a.wav", Limits(sound_seconds=2))
    (tmp_path / "b.wav").write_bytes(b"RIFF no")
    with pytest.raises(UploadRefused, match=r"b\.wav"):
        read_sound(tmp_path / "b.wav")
