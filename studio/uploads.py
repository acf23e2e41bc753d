"""What a given file is, read from its header alone, and the sentence where it is too large or of no kind that we read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from studio.settings import Limits

READABLE = {
    "format_whitelist": "mov,mp4,m4a,matroska,webm,avi,wav,ogg,mp3,flac,aac",
    "protocol_whitelist": "file",
}
"""Containers that are opened. Playlists and scripts of FFmpeg's, which can name other files and addresses, are not."""


class UploadRefused(ValueError):
    """An upload over a limit or of a wrong kind; the message says what is wanted."""


def inspect(file: Path, limits: Limits) -> dict[str, Any]:
    """What a file is, read from its header alone; a sentence where it is too large or of no kind that we read."""
    size = file.stat().st_size
    if size == 0:
        raise UploadRefused("The file is empty.")
    if size > limits.upload_megabytes * 2**20:
        raise UploadRefused(f"The file has {size / 2**20:.0f} MB; at most {limits.upload_megabytes} MB are taken.")
    facts = _inspect_picture(file, limits) or _inspect_stream(file, limits)
    if facts is None:
        raise UploadRefused(
            "This file is no picture, clip or sound that can be read. Wanted: PNG, JPEG, WebP, MP4, WebM, WAV."
        )
    return facts


def _inspect_picture(file: Path, limits: Limits) -> dict[str, Any] | None:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file) as opened:  # reads the header only
            kind, (width, height) = opened.format, opened.size
    except Image.DecompressionBombError as error:
        raise UploadRefused(f"The picture is far too large ({error}).") from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        return None
    if kind not in ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "MPO"):
        raise UploadRefused(f"{kind} pictures are not taken; wanted PNG, JPEG or WebP.")
    if width * height > limits.picture_megapixels * 1e6 or max(width, height) > limits.picture_side:
        raise UploadRefused(
            f"The picture has {width} x {height} pixels; at most {limits.picture_megapixels} million "
            f"and {limits.picture_side} on a side are taken. Make it smaller first."
        )
    return {"type": Image.MIME.get(kind, "image/png"), "width": width, "height": height}


def _inspect_stream(file: Path, limits: Limits) -> dict[str, Any] | None:
    import av

    try:
        with av.open(str(file), options=dict(READABLE), metadata_errors="ignore") as container:
            seconds = float(container.duration or 0) / av.time_base
            if container.streams.video:
                return _check_clip(container.streams.video[0], seconds, limits)
            if container.streams.audio:
                return _check_sound(seconds, limits)
    except av.FFmpegError:
        return None
    return None


def _check_clip(stream: Any, seconds: float, limits: Limits) -> dict[str, Any]:
    if seconds <= 0 and stream.frames <= 0:
        raise UploadRefused("The clip does not say how long it is; save it as MP4 first.")
    if seconds > limits.clip_seconds:
        raise UploadRefused(f"The clip runs {seconds:.0f} s; at most {limits.clip_seconds} s are taken. Cut it first.")
    if max(stream.width, stream.height) > limits.clip_side:
        raise UploadRefused(
            f"The clip is {stream.width} x {stream.height}; at most {limits.clip_side} on a side are taken."
        )
    return {"type": "video/mp4", "width": stream.width, "height": stream.height, "seconds": seconds}


def _check_sound(seconds: float, limits: Limits) -> dict[str, Any]:
    if seconds <= 0:
        raise UploadRefused("The sound is empty.")
    if seconds > limits.sound_seconds:
        raise UploadRefused(f"The sound runs {seconds:.0f} s; at most {limits.sound_seconds} s are taken.")
    return {"type": "audio/wav", "seconds": seconds}
