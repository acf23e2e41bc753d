"""What this machine can do, what is missing, and how to get it."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from studio import web_packages
from studio.settings import Settings

NEEDED = ("gradio", "streamlit", "torch", "sqlalchemy", "av", "PIL", "cv2", "safetensors")
USEFUL = {
    "openvino": "without it live pictures are slower",
    "open3d": "without it point clouds and meshes cannot be exported",
    "pocketsphinx": "without it spoken words are not understood offline",
    "speech_recognition": "without it no other speech engine can be chosen",
}
PROGRAMS = {
    "c++": "ops are built with it; without, their slower reference serves (Debian: apt install g++)",
    "chromium": "only the browser tests need it (Debian: apt install chromium)",
    "espeak-ng": "only the speech tests need it (Debian: apt install espeak-ng)",
    "flite": "only the speech tests need it (Debian: apt install flite)",
    "nvcc": "only building our CUDA ops needs it",
}
ROOM_GIB = 3


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    what: str
    says: str
    level: str = "good"
    """good, lacks (works, but less of it), or fails (the studio cannot start)."""


def examine(settings: Settings) -> int:
    """Print the report. 1 if the studio could not start."""
    findings = list(look(settings))
    signs = {"good": "ok   ", "lacks": "lacks", "fails": "FAILS"}
    for finding in findings:
        sys.stdout.write(f"{signs[finding.level]}  {finding.what:22} {finding.says}\n")
    failing = [finding.what for finding in findings if finding.level == "fails"]
    if failing:
        sys.stdout.write(f"\nThe studio cannot start: mend {', '.join(failing)}.\n")
        return 1
    sys.stdout.write("\nThe studio can start: likeness studio\n")
    return 0


def look(settings: Settings) -> Iterator[Finding]:
    """Everything worth knowing, one finding at a time."""
    yield Finding("system", f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors")
    good = sys.version_info >= (3, 11)
    yield Finding("Python", platform.python_version(), "good" if good else "fails")
    yield from _look_at_packages()
    yield from _look_at_torch(settings)
    for name, purpose in PROGRAMS.items():
        path = shutil.which(name)
        yield Finding(name, path or purpose, "good" if path else "lacks")
    there = web_packages.find("three")
    yield Finding("three.js", str(there) if there else web_packages.HINT, "good" if there else "lacks")
    yield _look_at_home(settings.home)
    yield _look_at_port(settings)
    yield from _look_at_weights(settings)


def _look_at_packages() -> Iterator[Finding]:
    for name in NEEDED:
        there = importlib.util.find_spec(name) is not None
        yield Finding(
            name, _version(name) if there else "missing: run `make studio` again", "good" if there else "fails"
        )
    for name, purpose in USEFUL.items():
        there = importlib.util.find_spec(name) is not None
        yield Finding(name, _version(name) if there else purpose, "good" if there else "lacks")


def _version(module: str) -> str:
    names = {"PIL": "pillow", "cv2": "opencv-python-headless", "speech_recognition": "SpeechRecognition"}
    try:
        return version(names.get(module, module))
    except PackageNotFoundError:
        return "there"


def _look_at_torch(settings: Settings) -> Iterator[Finding]:
    if importlib.util.find_spec("torch") is None:
        return
    import torch

    if torch.cuda.is_available():
        yield Finding("GPU", torch.cuda.get_device_name(0))
    else:
        yield Finding("GPU", "none that PyTorch can use: everything runs on the processor, training is slow", "lacks")
    from core.ops import build

    build.set_cache(settings.home / "ops")
    for name in sorted(path.stem for path in Path(build.__file__).parent.glob("*.cpp")):
        reason = build.why_not(name)
        yield Finding(f"op {name}", reason or "compiled", "lacks" if reason else "good")


def _look_at_home(home: Path) -> Finding:
    try:
        home.mkdir(parents=True, exist_ok=True)
        probe = home / ".probe"
        probe.write_bytes(b"likeness")
        probe.unlink()
    except OSError as error:
        return Finding(
            "home", f"{home} cannot be written ({error.strerror}); choose another with LIKENESS_HOME", "fails"
        )
    free = shutil.disk_usage(home).free / 2**30
    level = "good" if free > ROOM_GIB else "lacks"
    return Finding("home", f"{home}, {free:.0f} GiB free", level)


def _look_at_port(settings: Settings) -> Finding:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            text = f"{settings.port} is taken ({error.strerror}); choose another with likeness studio --port"
            return Finding("port", text, "lacks")
    return Finding("port", f"{settings.port} is free")


def _look_at_weights(settings: Settings) -> Iterator[Finding]:
    from core import checkpoints

    try:
        found = checkpoints.list_all(settings.weight_roots)
    except checkpoints.CheckpointBroken as error:
        yield Finding("weights", str(error), "lacks")
        return
    if not found:
        yield Finding("weights", "none yet", "lacks")
    for one in found:
        size = sum(shard.size for shard in one.card.shards) / 2**20
        yield Finding("weights", f"{one.card.subject} {one.card.name}, step {one.card.step}, {size:.1f} MB")
