"""Codes of photos, kept among a person's own files: looking for a code takes long, editing a known one does not."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np

from core.image import Pixels
from core.textedit.invert import Effort
from core.textedit.predict import LatentCode, Predictor
from studio.services import Services


def find_code(
    services: Services,
    profile: str,
    predictor: Predictor,
    portrait: Pixels,
    effort: Effort,
    report: Callable[[float], None] | None = None,
) -> LatentCode:
    """The code of a framed portrait, looked for once for these weights and this effort."""
    path = services.people.folder(profile) / "codes" / f"{_key(predictor, portrait, effort)}.npz"
    kept = _read(path)
    if kept is not None:
        return kept
    code = predictor.find(portrait, effort, report=report)
    held = io.BytesIO()
    own = np.zeros((0, 0), np.float32) if code.own is None else code.own
    np.savez_compressed(held, code=code.code, own=own, difference=np.float32(code.difference or 0.0))
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(held.getvalue())
    partial.replace(path)
    return code


def _read(path: Path) -> LatentCode | None:
    """A kept code; one that cannot be read is looked for again."""
    try:
        with np.load(path, allow_pickle=False) as found:
            own = found["own"]
            return LatentCode(found["code"], own if own.size else None, difference=float(found["difference"]))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _key(predictor: Predictor, portrait: Pixels, effort: Effort) -> str:
    shards = [shard.sha256 for name in ("generator", "inverter") for shard in predictor.cards[name].card.shards]
    said = json.dumps([shards, asdict(effort), portrait.shape]).encode()
    return hashlib.sha256(said + np.ascontiguousarray(portrait).tobytes()).hexdigest()[:32]
