"""``make test``, ``make check`` and ``make soak``, the same on every system: python -m tests.suite test."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WAYS = {
    "test": ["-m", "not soak"],
    "check": ["-m", "not soak and not browser"],
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
        status = subprocess.run([sys.executable, "-m", *step], cwd=ROOT, check=False).returncode
        sys.stdout.write(f"   {time.monotonic() - began:.0f} s\n")
        if status:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main())
