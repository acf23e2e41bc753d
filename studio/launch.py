"""The ``likeness`` command: sets what the memory allocator must know before Python starts, then hands over."""

from __future__ import annotations

import os
import sys

# glibc gives the pages of every large tensor back to the kernel and asks for them again; keeping them is 1.2-1.5x faster.
ALLOCATOR = {
    "THP_MEM_ALLOC_ENABLE": "1",
    "MALLOC_TRIM_THRESHOLD_": "8589934592",
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TOP_PAD_": "67108864",
}
QUIET = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    # OpenVINO's telemetry reports usage unless it believes that it runs on a build server; it has no other variable.
    "JENKINS_URL": "none: likeness reports nothing",
}
"""Nothing leaves the machine: the libraries we stand on are told not to ask or report anywhere."""


def environment(current: dict[str, str]) -> dict[str, str]:
    """The variables our processes are started with; what a person set themselves stays."""
    return {**ALLOCATOR, **QUIET, **current}


def main() -> None:
    """Start ``python -m studio`` with the variables in place."""
    wanted = environment(dict(os.environ))
    command = [sys.executable, "-m", "studio", *sys.argv[1:]]
    if os.name == "posix":
        os.execve(sys.executable, command, wanted)  # one process, so signals reach the server itself
    import subprocess

    sys.exit(subprocess.run(command, env=wanted, check=False).returncode)
