"""From sound to words: one offline recogniser behind SpeechRecognition's door, others where a person chose them.

What the offline recogniser expects to hear is a trigram model (ARPA) that a page hands over: a recogniser that knows what is
likely to be said hears far better than one that expects everything.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from studio.settings import Limits
from studio.uploads import READABLE, UploadRefused

RATE = 16000
Samples = npt.NDArray[np.int16]
"""Sound as we use it: one channel, 16,000 samples a second."""
QUIET = 60
"""Root mean square below which nothing was said."""


class NotHeard(ValueError):
    """No words came of a sound; the message says what to try."""


@dataclass(frozen=True)
class Heard:
    """What a recogniser understood."""

    text: str
    engine: str


def read_sound(path: Path, limits: Limits | None = None) -> Samples:
    """A sound file, or the sound of a clip, in our form."""
    import av

    most = (limits or Limits()).sound_seconds
    parts: list[Samples] = []
    try:
        with av.open(str(path), options=dict(READABLE), metadata_errors="ignore") as container:
            resampler = av.AudioResampler("s16", "mono", RATE)
            for frame in container.decode(container.streams.audio[0]):
                parts += [out.to_ndarray()[0].astype(np.int16) for out in resampler.resample(frame)]
                if sum(map(len, parts)) > most * RATE:
                    raise UploadRefused(f"The sound runs longer than the {most} s that are taken.")
            parts += [out.to_ndarray()[0].astype(np.int16) for out in resampler.resample(None)]
    except (av.FFmpegError, IndexError) as error:
        raise UploadRefused(f"{path.name} cannot be read as a sound ({error}).") from error
    return np.concatenate(parts) if parts else np.zeros(0, np.int16)


class Listener:
    """Recognisers by name. The offline decoder is made once: making it costs far more than a phrase."""

    def __init__(self, language_model: Path, engine: str = "offline") -> None:
        self._model, self.engine = language_model, engine
        self._decoder: Any = None
        self._lock = threading.Lock()

    def hear(self, samples: Samples) -> Heard:
        """The words of a sound."""
        loudness = float(np.sqrt(np.mean(samples.astype(np.float64) ** 2))) if samples.size else 0.0
        if samples.size < RATE // 5 or loudness < QUIET:
            raise NotHeard("Nothing was heard. Speak closer to the microphone, or type instead.")
        text = self._decode(samples) if self.engine == "offline" else self._ask(samples)
        if not text.strip():
            raise NotHeard("No words were understood. Say it again, for example: big eyes, long hair.")
        return Heard(text.strip(), self.engine)

    def _decode(self, samples: Samples) -> str:
        from pocketsphinx import Decoder

        with self._lock:
            if self._decoder is None:
                self._decoder = Decoder(lm=str(self._model), samprate=RATE, loglevel="FATAL")
            self._decoder.start_utt()
            self._decoder.process_raw(samples.tobytes(), full_utt=True)
            self._decoder.end_utt()
            found = self._decoder.hyp()
            return found.hypstr if found is not None else ""

    def _ask(self, samples: Samples) -> str:
        """Another engine of SpeechRecognition's, by its name there: ``whisper``, ``vosk``, ``google`` ..."""
        import speech_recognition

        recogniser = speech_recognition.Recognizer()
        ask = getattr(recogniser, f"recognize_{self.engine}", None)
        if ask is None:
            raise NotHeard(f"There is no speech engine {self.engine!r}; set LIKENESS_SPEECH to offline.")
        try:
            return str(ask(speech_recognition.AudioData(samples.tobytes(), RATE, 2)))
        except speech_recognition.UnknownValueError:
            return ""
        except (speech_recognition.RequestError, ImportError, speech_recognition.exceptions.SetupError) as error:
            raise NotHeard(f"The speech engine {self.engine} cannot be used ({error}).") from error
