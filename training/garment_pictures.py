"""Garment pictures with their masks, read once into memory: the cut-out data set, or any folder of pictures.

What is kept for validation is decided by who sent a picture, so that no room, style or near-duplicate is on both sides.
"""

from __future__ import annotations

import csv
import hashlib
import io
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.image import flatten, read_picture, resize

UNWANTED = ("Shoes", "Hat", "Not sure", "Other")
VALIDATION_BELOW = int(0.08 * 2**32)
"""A digest's first 32 bits under this keep a name for validation."""
PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".webp")
MASKS = "mask"
"""Name of a folder of masks."""
WHITE_FROM = 244


class NoPictures(LookupError):
    """The folder holds nothing to learn from; the message says what was looked for."""


@dataclass(frozen=True)
class GarmentPictures:
    """Pictures of one size with masks, and which of them learn and which validate."""

    pictures: npt.NDArray[np.uint8]
    """N x size x size x 3."""
    masks: npt.NDArray[np.uint8]
    """N x size x size, 0 to 255; where a folder has no masks, what is not white, or all of it on any other ground."""
    labels: tuple[str, ...]
    learning: npt.NDArray[np.int64]
    validating: npt.NDArray[np.int64]


def read_garments(folder: Path, size: int) -> GarmentPictures:
    """The data set where its index and tar lie in the folder, else every picture below the folder.

    Such a picture's mask is its own transparency, or lies beside its folder: ``img/coat.jpg`` and ``mask/coat.png``.
    """
    if (folder / "index.csv").is_file() and list(folder.glob("*.tar")):
        return _read_data_set(folder, size)
    return _read_folder(folder, size)


def _read_data_set(folder: Path, size: int) -> GarmentPictures:
    with (folder / "index.csv").open(newline="", encoding="utf-8") as opened:
        listed = [row for row in csv.DictReader(opened) if row["mask_tier"] == "A" and row["label"] not in UNWANTED]
    rows = {row["id"]: row for row in listed}
    pictures, masks = _unpack(sorted(folder.glob("*.tar"))[0], set(rows), size)
    kept = [name for name in rows if name in pictures and name in masks]
    if not kept:
        raise NoPictures(f"{folder} has an index but no picture of it in its tar file.")
    senders = hold_back({rows[name]["sender_id"] for name in kept})
    held_back = {name for name in kept if rows[name]["sender_id"] in senders}
    shared = {rows[name]["dup_group"] for name in held_back}
    learning = [i for i, name in enumerate(kept) if name not in held_back and rows[name]["dup_group"] not in shared]
    return GarmentPictures(
        np.stack([pictures[name] for name in kept]),
        np.stack([masks[name] for name in kept]),
        tuple(rows[name]["label"] for name in kept),
        np.asarray(learning, dtype=np.int64),
        np.asarray([i for i, name in enumerate(kept) if name in held_back], dtype=np.int64),
    )


def _unpack(
    tar: Path, wanted: set[str], size: int
) -> tuple[dict[str, npt.NDArray[np.uint8]], dict[str, npt.NDArray[np.uint8]]]:
    """Pictures and masks of the wanted names, brought to size while the tar is read through once."""
    from PIL import Image as PillowImage

    pictures: dict[str, npt.NDArray[np.uint8]] = {}
    masks: dict[str, npt.NDArray[np.uint8]] = {}
    with tarfile.open(tar) as opened:
        for member in opened:
            path = Path(member.name)
            content = opened.extractfile(member) if path.stem in wanted else None
            if content is None:
                continue
            with PillowImage.open(io.BytesIO(content.read())) as picture:
                if path.parts[0] == "mask":
                    masks[path.stem] = resize(np.asarray(picture.convert("L")), size, size)
                else:
                    pictures[path.stem] = resize(np.asarray(picture.convert("RGB")), size, size)
    return pictures, masks


def _read_folder(folder: Path, size: int) -> GarmentPictures:
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_ENDINGS)
    paths = [path for path in found if path.parent.name != MASKS]
    if not paths:
        raise NoPictures(
            f"{folder} holds no pictures ({', '.join(PICTURE_ENDINGS)}); give a folder of garments on white."
        )
    whole = [flatten(read_picture(path)) for path in paths]
    masks = [_mask_of(path, pixels) for path, pixels in zip(paths, whole, strict=True)]
    names = hold_back({path.stem for path in paths})
    held_back = np.asarray([path.stem in names for path in paths])
    return GarmentPictures(
        np.stack([resize(pixels, size, size) for pixels in whole]),
        np.stack([resize(mask, size, size) for mask in masks]),
        tuple(path.parent.name for path in paths),
        np.flatnonzero(~held_back),
        np.flatnonzero(held_back),
    )


def _mask_of(path: Path, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The mask beside a picture's folder, else its own transparency, else what differs from a white ground."""
    from PIL import Image as PillowImage

    beside = path.parent.parent / MASKS / f"{path.stem}.png"
    if beside.is_file():
        with PillowImage.open(beside) as opened:
            mask = np.asarray(opened.convert("L"))
        return mask if mask.shape == pixels.shape[:2] else resize(mask, pixels.shape[1], pixels.shape[0])
    with PillowImage.open(path) as opened:
        alpha = np.asarray(opened.convert("RGBA"))[..., 3]
    if int(alpha.min()) < 128 and alpha.shape == pixels.shape[:2]:
        return alpha
    edge = np.concatenate((pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]))
    if np.median(edge) < WHITE_FROM:
        return np.full(pixels.shape[:2], 255, np.uint8)
    return np.asarray((pixels.min(axis=2) < WHITE_FROM) * 255, np.uint8)


def hold_back(names: set[str]) -> set[str]:
    """Names kept for validation, the same in every run: a share of all by digest, at least one and not all."""
    by_digest = sorted(names, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    if len(names) < 2:
        raise NoPictures("One picture (or one sender's pictures) cannot both teach and validate; give more.")
    share = [name for name in by_digest if int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) < VALIDATION_BELOW]
    return set(share[: len(names) - 1] or by_digest[:1])
