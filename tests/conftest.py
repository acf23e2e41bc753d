"""What every test may ask for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.launch import QUIET

for name, value in QUIET.items():
    os.environ.setdefault(name, value)


def pytest_configure() -> None:
    """Compiled ops are kept where the studio keeps them."""
    from core.ops import build

    build.set_cache(Path(os.environ.get("LIKENESS_HOME") or "~/.likeness").expanduser() / "ops")


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Tiny networks are quicker on one thread than on many."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
