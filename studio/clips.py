"""Clips: their frames with times, and clips written with a note of what made them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.image import NotAPicture, Pixels, check_pixels
from studio.marks import SOFTWARE, mark, provenance
from studio.uploads import READABLE, UploadRefused


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
