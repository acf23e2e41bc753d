"""The commands that check: ``measure``, ``bench`` and ``sheets``. Part of the composition root."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from studio.page import Command
from studio.settings import BadSettings

if TYPE_CHECKING:
    from studio.services import Services
    from training.measure import Asked


def _configure_asked(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("subject", help="engine, head, face, judge, expression, facefield, textedit, garment, depth")
    parser.add_argument("--count", type=int, help="items to take (default: what takes minutes on a laptop)")
    parser.add_argument("--first-seed", type=int, default=1_000_000_000)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))


def _asked(services: Services, asked: argparse.Namespace) -> Asked:
    from training.measure import Asked

    roots, shipped = services.settings.weight_roots, services.settings.shipped
    return Asked(asked.subject, asked.count, asked.first_seed, asked.data, asked.device, roots, shipped)


def _configure_bench(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="rows to measure; all without")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report here as well")


def _bench(services: Services, asked: argparse.Namespace) -> int:
    from core.ops import build
    from training.bench import bench

    build.set_cache(services.settings.home / "ops")
    try:
        report = bench(asked.names)
    except ValueError as error:
        raise BadSettings(str(error)) from error
    for name, score in report["scores"].items():
        print(f"{name:28} {report['notes'].get(name, '')}" if score is None else f"{name:28} {score:10.3f}")
    if asked.json is not None:
        asked.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


def _configure_measure(parser: argparse.ArgumentParser) -> None:
    _configure_asked(parser)
    parser.add_argument("--data", type=Path, metavar="DIR", help="real pictures in place of seeds, or a fit's source")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report here as well")
    parser.add_argument(
        "--record", type=Path, metavar="CHECKPOINT", help="write the scores into this checkpoint's card"
    )


def _measure(services: Services, asked: argparse.Namespace) -> int:
    from core.ops import build
    from training import measure

    build.set_cache(services.settings.home / "ops")
    try:
        report = measure.measure(_asked(services, asked))
    except measure.CannotMeasure as error:
        raise BadSettings(str(error)) from error
    print(measure.table(report))
    if asked.json is not None:
        asked.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    if asked.record is not None:
        measure.record(report, asked.record)
    return 0


def _configure_sheets(parser: argparse.ArgumentParser) -> None:
    _configure_asked(parser)
    parser.add_argument("--data", type=Path, metavar="DIR", help="real pictures in place of seeds")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", required=True, help="folder for the sheets")


def _sheets(services: Services, asked: argparse.Namespace) -> int:
    from core.ops import build
    from training import measure
    from training.sheets import sheets

    build.set_cache(services.settings.home / "ops")
    try:
        for path in sheets(_asked(services, asked), asked.output):
            print(path)
    except measure.CannotMeasure as error:
        raise BadSettings(str(error)) from error
    return 0


COMMANDS = (
    Command("measure", "held-out scores beside doing nothing", "likeness measure face", _configure_measure, _measure),
    Command(
        "bench",
        "measure speeds in pairs",
        "likeness bench stylegan2_ratio --json speeds.json",
        _configure_bench,
        _bench,
    ),
    Command(
        "sheets", "draw the sheets that people look at", "likeness sheets face -o sheets", _configure_sheets, _sheets
    ),
)
