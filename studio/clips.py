"""Clips: their frames with times, clips written with a note of what made them, and the sound of one laid under another."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.image import NotAPicture, Pixels, check_pixels
from studio.marks import SOFTWARE, mark, provenance
from studio.uploads import READABLE, UploadRefused

KEPT_AS_THEY_ARE = ("aac", "mp3")
"""Sounds that every player takes in an MP4; others are written anew as AAC."""
PRIMING_SECONDS = 0.1
"""Sound this long before the first frame is kept: decoders want it, and players leave it out."""


class SoundLost(ValueError):
    """A clip's sound cannot be read; the message says why."""


@dataclass(frozen=True)
class Sounding:
    """A clip whose sound is wanted, and the time in it at which the new clip begins."""

    path: Path
    begins: float = 0.0


def frames(path: Path, most: int | None = None) -> Iterator[tuple[float, Pixels]]:
    """The frames of a clip, upright, with their own times in seconds (rates may vary)."""
    import av

    try:
        with av.open(str(path), options=dict(READABLE), metadata_errors="ignore") as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            for index, frame in enumerate(container.decode(stream)):
                if most is not None and index >= most:
                    return
                pixels = np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)
                turned = round(float(getattr(frame, "rotation", 0) or 0) / 90) % 4
                upright = np.ascontiguousarray(np.rot90(pixels, turned)) if turned else pixels
                yield float(frame.time or 0.0), upright
    except (av.FFmpegError, IndexError) as error:
        raise UploadRefused(f"{path.name} cannot be read as a clip ({error}).") from error


def write_clip(
    path: Path, pictures: Iterator[Pixels], rate: float, settings: dict[str, Any], parents: Sequence[str] = (),
    place: str = "corner",
) -> int:  # fmt: skip
    """Pictures as an MP4 that says what made it; appears whole or not at all. Returns how many frames."""
    from fractions import Fraction

    import av

    partial = path.with_name(f".{path.stem}.partial.mp4")
    count = 0
    with av.open(str(partial), "w", options={"movflags": "use_metadata_tags+faststart"}) as container:
        container.metadata["encoder_tool"] = SOFTWARE
        container.metadata["comment"] = json.dumps(provenance(settings, parents), ensure_ascii=False)
        stream = None
        for pixels in pictures:
            shown = mark(check_pixels(pixels), place)
            even = shown[: shown.shape[0] // 2 * 2, : shown.shape[1] // 2 * 2]
            if stream is None:
                stream = container.add_stream("libx264", rate=Fraction(rate).limit_denominator(1000))
                stream.height, stream.width = even.shape[:2]
                stream.pix_fmt = "yuv420p"
            container.mux(stream.encode(av.VideoFrame.from_ndarray(even, format="rgb24")))
            count += 1
        if stream is None:
            raise NotAPicture("A clip wants at least one picture.")
        container.mux(stream.encode(None))
    partial.replace(path)
    return count


def write_clear_clip(
    path: Path, pictures: Iterator[Pixels], rate: float, settings: dict[str, Any], parents: Sequence[str] = (),
    place: str = "corner",
) -> int:  # fmt: skip
    """Pictures with transparency as a WebM (VP9 with alpha), whole or not at all. Returns how many frames."""
    from fractions import Fraction

    import av

    partial = path.with_name(f".{path.stem}.partial.webm")
    count = 0
    with av.open(str(partial), "w") as container:
        container.metadata["encoder_tool"] = SOFTWARE
        container.metadata["comment"] = json.dumps(provenance(settings, parents), ensure_ascii=False)
        stream = None
        for pixels in pictures:
            shown = mark(pixels, place)
            even = np.ascontiguousarray(shown[: shown.shape[0] // 2 * 2, : shown.shape[1] // 2 * 2])
            if stream is None:
                stream = container.add_stream(
                    "libvpx-vp9", rate=Fraction(rate).limit_denominator(1000), options={"deadline": "realtime"}
                )
                stream.height, stream.width = even.shape[:2]
                stream.pix_fmt = "yuva420p"
            container.mux(stream.encode(av.VideoFrame.from_ndarray(even, format="rgba").reformat(format="yuva420p")))
            count += 1
        if stream is None:
            raise NotAPicture("A clip wants at least one picture.")
        container.mux(stream.encode(None))
    partial.replace(path)
    return count


def lay_sound(silent: Path, sounding: Sounding, path: Path) -> bool:
    """An MP4 with the pictures and notes of ``silent`` and the sound of another clip; False where that one has none."""
    import av

    partial = path.with_name(f".{path.stem}.partial.mp4")
    try:
        with (
            av.open(str(sounding.path), options=dict(READABLE), metadata_errors="ignore") as heard,
            av.open(str(silent)) as shown,
            av.open(str(partial), "w", options={"movflags": "use_metadata_tags+faststart"}) as container,
        ):
            if not heard.streams.audio:
                return False
            container.metadata.update({key: shown.metadata[key] for key in ("encoder_tool", "comment")})
            picture = container.add_stream_from_template(shown.streams.video[0])
            sound = _carry_sound(heard, container, sounding.begins)
            following = next(sound, None)
            for packet in shown.demux(shown.streams.video[0]):
                if packet.dts is None:
                    continue
                while following is not None and _start(following) <= _start(packet):
                    container.mux(following)
                    following = next(sound, None)
                packet.stream = picture
                container.mux(packet)
            while following is not None:
                container.mux(following)
                following = next(sound, None)
        partial.replace(path)
    except (av.FFmpegError, ValueError) as error:
        raise SoundLost(f"The sound of {sounding.path.name} cannot be read ({error}).") from error
    finally:
        partial.unlink(missing_ok=True)
    return True


def _start(packet: Any) -> float:
    return float(packet.dts * packet.time_base)


def _carry_sound(heard: Any, container: Any, begins: float) -> Iterator[Any]:
    """Packets of a clip's first sound for a new clip that begins at a time of it; the stream is added before the first."""
    source = heard.streams.audio[0]
    if source.codec_context.codec.canonical_name in KEPT_AS_THEY_ARE:
        target = container.add_stream_from_template(source)
        given = _copy_sound(heard, begins)
    else:
        target = container.add_stream(
            "aac", rate=min(source.rate, 48_000), layout="mono" if source.channels == 1 else "stereo"
        )
        given = _encode_sound(heard, target, begins)
    return _send(given, target)


def _send(packets: Iterator[Any], target: Any) -> Iterator[Any]:
    for packet in packets:
        if _start(packet) >= -PRIMING_SECONDS:
            packet.stream = target
            yield packet


def _copy_sound(heard: Any, begins: float) -> Iterator[Any]:
    for packet in heard.demux(heard.streams.audio[0]):
        if packet.dts is not None and packet.pts is not None:
            back = round(begins / packet.time_base)
            packet.pts, packet.dts = packet.pts - back, packet.dts - back
            yield packet


def _encode_sound(heard: Any, target: Any, begins: float) -> Iterator[Any]:
    import av

    resampler = av.AudioResampler(target.codec_context.format, target.codec_context.layout, target.rate)
    for frame in heard.decode(heard.streams.audio[0]):
        frame.pts = None if frame.pts is None else frame.pts - round(begins / frame.time_base)
        for even in resampler.resample(frame):
            yield from target.encode(even)
    for even in resampler.resample(None):
        yield from target.encode(even)
    yield from target.encode(None)
