"""What every test may ask for."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_OFFLINE", "1")


def pytest_configure() -> None:
    """Compiled ops are kept where the studio keeps them."""
    from core.ops import build

    build.set_cache(Path(os.environ.get("LIKENESS_HOME") or "~/.likeness").expanduser() / "ops")
