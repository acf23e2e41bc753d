"""``make test``, ``make check`` and ``make soak``, the same on every system: python -m tests.suite test."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CORES = os.cpu_count() or 1
BESIDE = min(4, CORES)
"""How many files of tests run beside each other; more of them would only fight over browsers and memory."""
SHARED = ["-n", str(BESIDE), "--dist", "loadfile"]
WAYS = {
    "test": ["-m", "not soak", *SHARED],
    "check": ["-m", "not soak and not browser", *SHARED],
    "soak": ["-m", "soak", "--timeout", "3600"],
}


def main() -> int:
    """Style, types, import rules, tests: the first that fails ends it."""
    way = sys.argv[1] if len(sys.argv) == 2 else ""
    if way not in WAYS:
        sys.stderr.write(f"python -m tests.suite {' | '.join(WAYS)}\n")
        return 2
    steps = [] if way == "soak" else [["ruff", "check"], ["ruff", "format", "--check"], ["basedpyright"]]
    for step in [*steps, ["pytest", *WAYS[way]]]:
        began = time.monotonic()
        sys.stdout.write(f"== {' '.join(step)}\n")
        sys.stdout.flush()
        status = subprocess.run([sys.executable, "-m", *step], cwd=ROOT, check=False, env=_surroundings(way)).returncode
        sys.stdout.write(f"   {time.monotonic() - began:.0f} s\n")
        if status:
            return status
    return 0


def _surroundings(way: str) -> dict[str, str]:
    """Beside each other, tests have their share of the cores each: waiting threads would take them from the others."""
    threads = str(max(1, CORES // BESIDE))
    return dict(os.environ) | ({} if way == "soak" else {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads})


if __name__ == "__main__":
    sys.exit(main())
