"""What every test may ask for."""

from __future__ import annotations

import os
from pathlib import Path

from studio.launch import QUIET

for name, value in QUIET.items():
    os.environ.setdefault(name, value)


def pytest_configure() -> None:
    """Compiled ops are kept where the studio keeps them."""
    from core.ops import build

    build.set_cache(Path(os.environ.get("LIKENESS_HOME") or "~/.likeness").expanduser() / "ops")
