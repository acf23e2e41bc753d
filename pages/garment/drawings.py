"""Files that outlines, cloths and garments are read from: one picture, a folder of them, or a template's name."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from core.engine.cuts import KINDS
from core.image import NotAPicture, Pixels
from studio.services import Services
from studio.uploads import inspect
from training.spec import BadRequest

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")


@dataclass(frozen=True)
class Given:
    """One thing that was named: a file, or a ready-made cut."""

    name: str
    path: Path | None
    """None: a template."""

    @property
    def sha256(self) -> tuple[str, ...]:
        """The file's digest, for what is made of it."""
        return () if self.path is None else (sha256(self.path.read_bytes()).hexdigest(),)


def list_given(text: str, templates: bool = False) -> list[Given]:
    """What a word of the command line names: a file, every picture of a folder, or a template."""
    path = Path(text)
    if path.is_file():
        return [Given(path.stem, path)]
    if path.is_dir():
        found = sorted(one for one in path.iterdir() if one.suffix.lower() in PICTURES and not one.name.startswith("."))
        if not found:
            raise BadRequest(f"The folder {path} holds no pictures; wanted files that end in {', '.join(PICTURES)}.")
        return [Given(one.stem, one) for one in found]
    if templates and text in KINDS:
        return [Given(text, None)]
    known = f", and no template of that name; the templates are {', '.join(KINDS)}" if templates else ""
    raise BadRequest(f"There is no file or folder {text}{known}.")


def read_drawing(services: Services, path: Path) -> Pixels:
    """A picture upright, with its transparency where it has any: H x W x 1 (a mask), 3 or 4."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    facts = inspect(path, services.settings.limits)
    if not facts["type"].startswith("image/"):
        raise NotAPicture(f"{path.name} is {facts['type']}, not a picture; wanted PNG, JPEG or WebP.")
    try:
        with Image.open(path) as opened:
            upright = ImageOps.exif_transpose(opened)
            if upright.mode.startswith("I") or upright.mode == "F":  # 16 bits a pixel: PIL would cut, not scale
                deep = np.asarray(upright, np.float64)
                return np.rint(deep * (255 / max(float(deep.max()), 255.0))).astype(np.uint8)[..., None]
            clear = "A" in upright.getbands() or "transparency" in upright.info
            mode = "RGBA" if clear else "L" if upright.mode in ("1", "L") else "RGB"
            pixels = np.array(upright.convert(mode), np.uint8)
            return pixels if pixels.ndim == 3 else pixels[..., None]
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise NotAPicture(f"{path.name} cannot be read as a picture ({error}); wanted PNG, JPEG or WebP.") from error


def with_colour(pixels: Pixels) -> Pixels:
    """A picture of three or four channels; a grey one becomes three alike."""
    return pixels.repeat(3, 2) if pixels.shape[2] == 1 else pixels
