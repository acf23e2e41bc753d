"""Corrections become a data set version: the pictures put right, what was read of them, and what they show."""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from studio.page import Command
from studio.store import LOCAL_PROFILE
from training.spec import BadRequest

if TYPE_CHECKING:
    from studio.annotations import Annotation
    from studio.datasets import Labelled, Version
    from studio.media import Medium
    from studio.services import Services

DATA_SET = "expression-corrections"


def collect(services: Services, profile: str) -> list[Labelled]:
    """What can be learned from now: labels that stand, of pictures that are kept and whose person agreed; of several
    labels of one picture the newest."""
    from core.engine.controllers import NAMES
    from pages.expression.corrections import CONSENT, KIND
    from studio.datasets import Labelled

    agreed = {one.media for one in services.people.consents(profile) if one.purpose == CONSENT}
    newest: dict[str, tuple[Annotation, Medium]] = {}
    for label in services.annotations.of(profile, KIND):  # the newest first
        if label.medium in agreed and all(
            set(one.get("controllers", ())) >= set(NAMES) for one in (label.label, label.suggestion)
        ):
            medium = services.media.get(profile, label.medium)
            if medium.path.is_file():
                newest.setdefault(medium.sha256, (label, medium))
    return [Labelled(medium.path, medium.sha256, _row(label)) for label, medium in newest.values()]


def _row(label: Annotation) -> dict[str, object]:
    from core.engine.controllers import NAMES
    from studio.datasets import when

    read, corrected = label.suggestion, label.label
    return {
        "character": str(read.get("character", "")),
        "read": [read["controllers"][name] for name in NAMES],
        "corrected": [corrected["controllers"][name] for name in NAMES],
        "turn_degrees": corrected["turn_degrees"],
        "read_by": label.suggested_by,
        "when": when(label.created),
    }


def on_collect(services: Services, profile: str, parent: Path | None = None) -> Version:
    """A data set version of all corrections, below ``parent`` or with the profile's own files."""
    from core.engine.controllers import NAMES
    from pages.expression.corrections import CONSENT
    from studio.datasets import FOLDER, write_version

    rows = collect(services, profile)
    if not rows:
        raise BadRequest(
            'There is no correction to learn from yet. Read a face live or in a picture, press "Correct this", put the '
            "sliders right and keep it with the person's consent."
        )
    facts = {
        "name": DATA_SET, "profile": profile, "consent": CONSENT, "engine": engine_revision(), "controllers": list(NAMES),
    }  # fmt: skip
    return write_version(parent or services.people.folder(profile) / FOLDER / DATA_SET, rows, facts)


def engine_revision() -> str:
    """What the controllers' names mean: a digest of the names and of the head model that they move."""
    from core.engine.controllers import NAMES
    from core.engine.head import ASSET

    return hashlib.sha256(" ".join(NAMES).encode() + ASSET.read_bytes()).hexdigest()[:12]


def configure(parser: argparse.ArgumentParser) -> None:
    """The command's words."""
    parser.add_argument(
        "-o", "--output", type=Path, metavar="DIR",
        help="where the version's folder is made (default: with your files in the studio's home)",
    )  # fmt: skip
    parser.set_defaults(profile=LOCAL_PROFILE)


def run(services: Services, asked: argparse.Namespace) -> int:
    """Write the version and print its folder."""
    version = on_collect(services, asked.profile, asked.output)
    print(f"{version.folder}  ({version.count} corrected pictures)")
    return 0


COMMAND = Command(
    "expression corrections",
    "make a data set version of the frames and pictures put right",
    "likeness expression corrections -o corrections",
    configure,
    run,
)
