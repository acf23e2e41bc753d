"""Learning from a person's own pictures of faces: kept with their consent, as a data set version that a run is given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core import checkpoints
from core.facefield.predict import find_weights
from pages.facefield.handlers import ROOM, read_photo
from pages.facefield.sitting import keep_once
from studio.datasets import FOLDER, Labelled, write_version
from studio.services import Services
from training.spec import BadRequest, RunSpec

DATA_SET = "facefield-faces"
CONSENT = "facefield: learning from this face"
FEWEST, MOST = 8, 2000
STEPS = 400


def on_learn(services: Services, profile: str, files: Sequence[str] | None, agreed: bool, steps: float = STEPS) -> str:
    """Start learning the field further from pictures of faces, with consent. Returns the run's number."""
    given = [Path(file) for file in files or ()]
    if not FEWEST <= len(given) <= MOST:
        raise BadRequest(f"Give {FEWEST} to {MOST:,} pictures with a face each; there are {len(given)}.")
    if not agreed:
        raise BadRequest("Everybody in the pictures must agree to learning from them: tick the box.")
    if not 1 <= steps <= 100_000:
        raise BadRequest(f"A run takes 1 to 100,000 steps, not {steps:g}.")
    find_weights("field", services.people.weight_roots(profile))
    for path in given:
        read_photo(services, path)
    media = [keep_once(services, profile, path) for path in given]
    known = {(one.media, one.purpose) for one in services.people.consents(profile)}
    for medium in media:
        if (medium.id, CONSENT) not in known:
            services.people.agree(profile, medium.id, CONSENT, profile)
    rows = [Labelled(medium.path, medium.sha256, {}) for medium in media]
    facts: dict[str, Any] = {"name": DATA_SET, "profile": profile, "consent": CONSENT}
    version = write_version(services.people.folder(profile) / FOLDER / DATA_SET, rows, facts)
    request = RunSpec(
        ROOM, "field", "small", steps=int(steps), data=str(version.folder), start_from=_serving(services, profile),
        save_every=max(1, int(steps) // 8),
    )  # fmt: skip
    return services.runs.start(profile, request).id


def _serving(services: Services, profile: str) -> str:
    return str(checkpoints.find(ROOM, "field", services.people.weight_roots(profile)).folder)
