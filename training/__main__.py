"""The command line of training: start a run, go on with one, or try one dry."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from training import spec
from training.spec import BadRequest, RunSpec

EXAMPLES = """examples:
  python -m training garment generator --data DIR --preset small --steps 2000
  python -m training garment generator --data DIR --preset tiny --dry-run
  python -m training head fit --data DIR --out assets/engine
  python -m training resume ~/.likeness/runs/20260101-120000-garment-generator
  python -m training ship ~/.likeness/runs/20260101-120000-garment-generator/result --precision int8
  python -m training blend assets/weights/textedit/captioner RUN/result --share 0.4 --out BLEND
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit status is 0 when the run ended as asked."""
    words = sys.argv[1:] if arguments is None else arguments
    try:
        if words[:1] == ["resume"]:
            return _resume(words[1:])
        if words[:1] == ["ship"]:
            from training import ship

            return ship.main(words[1:])
        if words[:1] == ["blend"]:
            from training import blend

            return blend.main(words[1:])
        return _start(words)
    except BadRequest as error:
        print(f"training: {error}", file=sys.stderr)
        return 2


def _resume(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m training resume", description="Go on with a run folder.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, help="a new total number of steps")
    parser.add_argument("--minutes", type=float, help="a new time budget")
    parser.add_argument("--out", type=Path, help="copy the exported checkpoint here as well")
    asked = parser.parse_args(words)
    request = spec.read_request(asked.folder)
    changed = {key: getattr(asked, key) for key in ("steps", "minutes") if getattr(asked, key) is not None}
    if changed:
        request = RunSpec.from_json(json.dumps({**json.loads(request.to_json()), **changed}))
        spec.write_request(asked.folder, request)
    return carry_out(asked.folder, asked.out)


def _start(words: list[str]) -> int:
    asked = _parser().parse_args(words)
    from training.recipes import FITS

    if asked.recipe in FITS.get(asked.subject, {}):
        return _fit(FITS[asked.subject][asked.recipe], asked)
    extra: dict[str, Any] = {}
    for word in asked.option:
        key, _, value = word.partition("=")
        extra[key] = _parse_value(value)
    request = RunSpec(
        subject=asked.subject,
        recipe=asked.recipe,
        preset=asked.preset,
        steps=asked.steps,
        minutes=asked.minutes,
        seed=asked.seed,
        device=asked.device,
        data=str(asked.data.resolve()) if asked.data is not None else None,
        start_from=str(asked.start_from.resolve()) if asked.start_from is not None else None,
        micro_batch=asked.micro_batch,
        save_every=asked.save_every,
        measure_every=asked.measure_every,
        stop_below=dict(_read_limit(word) for word in asked.stop_below),
        options=extra,
    )
    if asked.dry_run:
        return _try_dry(request)
    folder = asked.run or _default_home() / "runs" / f"{time.strftime('%Y%m%d-%H%M%S')}-{asked.subject}-{asked.recipe}"
    spec.write_request(folder, request)
    print(f"run folder: {folder}", flush=True)
    return carry_out(folder, asked.out)


def _fit(solve: Any, asked: argparse.Namespace) -> int:
    if asked.data is None or asked.out is None:
        raise BadRequest(f"{asked.subject} {asked.recipe} wants --data DIR to learn from and --out DIR to write to.")
    for name, value in solve(asked.data, asked.out).items():
        print(f"{name:28} {value:.4g}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training", description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("subject", help="garment, expression, ...")
    parser.add_argument("recipe", help="generator, regressor, ...")
    parser.add_argument("--preset", default="full", choices=spec.PRESETS)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--minutes", type=float, help="stop, save and export after this many minutes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto", choices=spec.DEVICES)
    parser.add_argument("--data", type=Path, help="folder of data, where the recipe wants one")
    parser.add_argument("--start-from", type=Path, help="folder of a checkpoint to begin with")
    parser.add_argument("--micro-batch", type=int)
    parser.add_argument("--save-every", type=int, default=200)
    parser.add_argument("--measure-every", type=int)
    parser.add_argument(
        "--stop-below", action="append", default=[], metavar="TERM=LIMIT",
        help="done when this loss term stays below, for example pixels=0.02, or restless=0.02 of a loss that has settled",
    )  # fmt: skip
    parser.add_argument("--run", type=Path, help="the run's folder (default: a new one under the studio's home)")
    parser.add_argument("--out", type=Path, help="copy the exported checkpoint here as well")
    parser.add_argument("--option", action="append", default=[], metavar="KEY=VALUE", help="for this recipe only")
    parser.add_argument(
        "--dry-run", action="store_true", help="build, take one step, print sizes and speed, keep nothing"
    )
    return parser


def _parse_value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _read_limit(text: str) -> tuple[str, float]:
    term, _, limit = text.partition("=")
    try:
        return term, float(limit)
    except ValueError:
        raise BadRequest(f"--stop-below wants TERM=LIMIT, for example pixels=0.02, not {text!r}.") from None


def _default_home() -> Path:
    return Path(os.environ.get("LIKENESS_HOME") or "~/.likeness").expanduser()


def carry_out(folder: Path, out: Path | None = None) -> int:
    """Start or go on with the run of a folder, in this process; the lock says that it is at work."""
    import shutil

    from training.run import RunFolder

    run = RunFolder(folder)
    try:
        with FileLock(folder / spec.LOCK, timeout=0):
            ending = _learn(run)
    except Timeout as error:
        raise BadRequest(f"Another process works on {folder} already.") from error
    if out is not None and run.result.is_dir():
        shutil.copytree(run.result, out, dirs_exist_ok=True)
    return 0 if ending in ("done", "stopped") else 1


def _learn(run: Any) -> str:
    import torch

    from core.ops import build

    build.set_cache(_default_home() / "ops")

    from core.checkpoints import Found, read_card
    from training.trainer import Trainer, choose_device

    threads = run.request.options.get("threads")
    if threads is not None:
        torch.set_num_threads(int(threads))
    try:
        request, start = run.request, Path(run.request.start_from or "")
        if request.start_from is not None and "config" not in request.options:
            # Networks take the shape of the weights they start with, whatever the preset; kept, so that resuming agrees.
            request = replace(request, options={**request.options, "config": read_card(start).config})
            spec.write_request(run.folder, request)
        trainer = Trainer(make_recipe(request), run, choose_device(request.device))
        if not trainer.resume() and request.start_from is not None:
            trainer.start_from(Found(start, read_card(start), start))
        return trainer.run()
    except (RuntimeError, ValueError, LookupError, OSError) as error:
        run.report("failed", _last_step(run), message=str(error), kind=type(error).__name__)
        print(f"training: {type(error).__name__}: {error}", file=sys.stderr)
        if not isinstance(error, (BadRequest, LookupError)):
            import traceback

            traceback.print_exc()
        return "failed"


def _last_step(run: Any) -> int:
    try:
        return int(json.loads((run.folder / spec.STATUS).read_text(encoding="utf-8"))["step"])
    except (OSError, ValueError, KeyError):
        return 0


def make_recipe(request: RunSpec) -> Any:
    """The recipe that a request names."""
    from training.recipes import RECIPES

    try:
        return RECIPES[request.subject][request.recipe](request)
    except KeyError as error:
        known = ", ".join(f"{subject} {name}" for subject, names in RECIPES.items() for name in names)
        raise BadRequest(f"There is no recipe {request.subject} {request.recipe}; there are: {known}.") from error


def _try_dry(request: RunSpec) -> int:
    import resource
    import tempfile

    import torch

    from training.run import RunFolder
    from training.trainer import Trainer, choose_device

    with tempfile.TemporaryDirectory() as scratch:
        spec.write_request(Path(scratch), request)
        device = choose_device(request.device)
        trainer = Trainer(make_recipe(request), RunFolder(Path(scratch)), device)
        for name, module in trainer.recipe.modules.items():
            print(f"{name:24} {sum(p.numel() for p in module.parameters()) / 1e6:8.2f} million weights")
        seconds = trainer.time_step()
        rate = trainer.recipe.batch_size / seconds
        memory = (
            torch.cuda.max_memory_allocated() / 2**30
            if device.type == "cuda"
            else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        )
        print(
            f"{device}: {seconds:.3f} s a step of {trainer.recipe.batch_size}, {rate:.1f} pictures/s, {memory:.1f} GiB"
        )
        print(f"{request.steps} steps would take about {request.steps * seconds / 60:.0f} minutes. Nothing was kept.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
