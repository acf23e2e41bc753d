"""How a generated picture says that it is one: a note in its metadata and a visible mark."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.image import Pixels
from studio.uploads import READABLE

SOFTWARE = "Likeness"


def read_provenance(path: Path) -> dict[str, Any] | None:
    """What a file of ours says about how it was made; None for others' files."""
    try:
        if path.suffix in (".mp4", ".webm"):
            import av

            with av.open(str(path), options=dict(READABLE), metadata_errors="ignore") as container:
                text = container.metadata.get("comment") or container.metadata.get("COMMENT", "")
        else:
            from PIL import Image

            with Image.open(path) as opened:
                said = opened.info.get("likeness") or opened.info.get("comment", b"") * (opened.format == "GIF")
                text = said.decode() if isinstance(said, bytes) else str(said)
        return json.loads(text) if text else None
    except (OSError, ValueError):
        return None


def provenance(settings: dict[str, Any], parents: Sequence[str]) -> dict[str, Any]:
    """What a generated file says of itself: its parents' digests and the settings that made it."""
    return {"generated": f"by {SOFTWARE}", "parents": list(parents), "settings": settings}


def write_marked(path: Path, pixels: Pixels, settings: dict[str, Any], parents: Sequence[str], place: str) -> Pixels:
    """A PNG that says what made it, in its metadata and, where ``place`` says so, visibly. Returns what was written."""
    from PIL import Image, PngImagePlugin

    note = PngImagePlugin.PngInfo()
    note.add_text("Software", SOFTWARE)
    note.add_itxt("likeness", json.dumps(provenance(settings, parents), ensure_ascii=False))
    shown = mark(pixels, place)
    partial = path.with_name(f".{path.stem}.partial.png")
    Image.fromarray(shown).save(partial, pnginfo=note)
    partial.replace(path)
    return shown


def mark(pixels: Pixels, place: str) -> Pixels:
    """The visible mark that says a picture was generated; ``metadata`` leaves the pixels alone."""
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont

    if place == "metadata":
        return pixels
    height, width = pixels.shape[:2]
    size = max(9, min(width, height) // 28)
    label = SOFTWARE if min(width, height) >= 200 else ""
    whole = Image.fromarray(pixels)
    layer = Image.new("RGBA", whole.size, (0, 0, 0, 0))
    draw = ImageDraw.Draw(layer)
    font, pad = ImageFont.load_default(size), size // 2
    left, top, right, bottom = draw.textbbox((0, 0), label, font=font)
    half = 0.36 * size  # a diamond, drawn: fonts that come with libraries have none
    across, down = round(2 * half) + (pad // 2 + right - left if label else 0), max(round(2 * half), bottom - top)
    x = width - across - 2 * pad
    y = 0 if place == "top" else height - down - 2 * pad
    draw.rounded_rectangle((x, y, x + across + 2 * pad, y + down + 2 * pad), radius=pad, fill=(0, 0, 0, 110))
    middle, white = (x + pad + half, y + pad + down / 2), (255, 255, 255, 225)
    corners = ((-half, 0), (0, -half), (half, 0), (0, half))
    draw.polygon([(middle[0] + over, middle[1] + under) for over, under in corners], fill=white)
    draw.text((x + across + pad - right, middle[1] - (top + bottom) / 2), label, font=font, fill=white)
    marked = Image.alpha_composite(whole.convert("RGBA"), layer)
    return np.asarray(marked if pixels.shape[2] == 4 else marked.convert("RGB"), dtype=np.uint8)
