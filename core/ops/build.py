"""Builds an op's C++ (``NAME.cpp``) or CUDA (``NAME.cu``) by ninja on first use, and calls what was built.

Neither source includes torch, so it compiles in a second with or without a CUDA build of torch: it holds
``extern "C" int NAME_verb(float const* x, int64_t count, double gain, int64_t threads)``, which returns 0 or an error
number; ``NAME.h`` may hold what both share. From Python: ``if available("rasterise"): call("rasterise",
"rasterise_draw", x, count, gain)``. A tensor goes as its data pointer (the caller sees to type and layout), an int
as int64_t, a float as double, None as null; a CPU function takes the number of threads (int64_t) last, a CUDA function
the cudaStream_t. What is built lies in a folder named by a digest of source, flags, compiler and processor; without a
compiler ``why_not`` says so and the reference serves.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from torch import Tensor

SOURCES = Path(__file__).parent
CPU_FLAGS = ("-O3", "-std=c++17", "-march=native", "-fopenmp", "-fPIC", "-shared")
CUDA_FLAGS = ("-O3", "-std=c++17", "--use_fast_math", "-Xcompiler", "-fPIC", "-shared")


class OpUnavailable(RuntimeError):
    """An op has no compiled form here; the message says why and what would give it one."""


class _State:
    """Where libraries are kept, what is loaded, and why others are not."""

    cache: Path = Path.home() / ".likeness" / "ops"
    loaded: dict[tuple[str, str], ctypes.CDLL]
    refused: dict[tuple[str, str], str]

    def __init__(self) -> None:
        self.loaded, self.refused = {}, {}


_STATE = _State()


def set_cache(folder: Path) -> None:
    """Where compiled ops are kept from now on (default ``~/.likeness/ops``); what was refused is tried again."""
    _STATE.cache = folder
    _STATE.refused.clear()


def available(name: str, device: str = "cpu") -> bool:
    """Whether the op's compiled form can be used on this device; builds it if need be."""
    return not why_not(name, device)


def why_not(name: str, device: str = "cpu") -> str:
    """Empty if the op's compiled form can be used, else a sentence that says what is missing."""
    key = (name, device)
    if key not in _STATE.loaded and key not in _STATE.refused:
        try:
            load(name, device)
        except OpUnavailable as refused:
            _STATE.refused[key] = str(refused)
    return _STATE.refused.get(key, "")


def tracing() -> bool:
    """Whether a graph is being recorded, into which compiled ops cannot go."""
    return torch.compiler.is_compiling() or torch.jit.is_tracing()


def load(name: str, device: str = "cpu") -> ctypes.CDLL:
    """The op's library, built if this source was not built before; raises OpUnavailable."""
    key = (name, device)
    if key not in _STATE.loaded:
        library = library_path(name, device)
        if not library.exists():
            _build(name, device, library)
        try:
            _STATE.loaded[key] = ctypes.CDLL(str(library))
        except OSError as error:
            raise OpUnavailable(f"The compiled {name} in {library.parent} cannot be loaded ({error}).") from error
    return _STATE.loaded[key]


def call(name: str, function: str, *arguments: Tensor | int | float | None) -> None:
    """Calls a compiled function on the device of its tensors; the module's words say how arguments are handed over."""
    tensors = [argument for argument in arguments if isinstance(argument, Tensor)]
    device = tensors[0].device
    assert all(tensor.device == device for tensor in tensors), f"{function} was given tensors of several devices."
    compiled = getattr(load(name, device.type), function)
    handed = [_hand_over(argument) for argument in arguments]
    if device.type == "cuda":
        with torch.cuda.device(device):
            failed = compiled(*handed, ctypes.c_void_p(torch.cuda.current_stream(device).cuda_stream))
    else:
        failed = compiled(*handed, ctypes.c_int64(torch.get_num_threads()))
    if failed:
        raise RuntimeError(f"{function} on {device} failed with error number {failed}.")


def _hand_over(argument: Tensor | int | float | None) -> ctypes.c_void_p | ctypes.c_int64 | ctypes.c_double:
    if isinstance(argument, Tensor):
        return ctypes.c_void_p(argument.data_ptr())
    if argument is None:
        return ctypes.c_void_p(None)
    return ctypes.c_double(argument) if isinstance(argument, float) else ctypes.c_int64(argument)


def library_path(name: str, device: str) -> Path:
    """Where the op's library for this source, compiler and processor lies once it is built."""
    source = _source(name, device)
    command = [_compiler(device), *_flags(device)]
    header = source.with_suffix(".h")
    shared = header.read_bytes() if header.exists() else b""
    parts = (
        source.read_bytes(),
        shared,
        " ".join(command).encode(),
        _version(command[0]).encode(),
        _processor().encode(),
    )
    digest = hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]
    return _STATE.cache / f"{name}-{device}-{digest}" / f"{name}.so"


def _source(name: str, device: str) -> Path:
    source = SOURCES / (f"{name}.cu" if device == "cuda" else f"{name}.cpp")
    if not source.exists():
        raise OpUnavailable(f"{name} has no {'CUDA' if device == 'cuda' else 'C++'} source; its PyTorch form serves.")
    return source


def _flags(device: str) -> tuple[str, ...]:
    if device == "cpu":
        return CPU_FLAGS
    if not torch.cuda.is_available():
        raise OpUnavailable("PyTorch sees no CUDA device here; the CPU form serves.")
    major, minor = torch.cuda.get_device_capability()
    return (*CUDA_FLAGS, f"-arch=sm_{major}{minor}")


@functools.cache
def _compiler(device: str) -> str:
    if device == "cuda":
        found = shutil.which("nvcc") or shutil.which("nvcc", path="/usr/local/cuda/bin")
        wanted = "nvcc (NVIDIA's CUDA toolkit)"
    else:
        found = shutil.which("g++") or shutil.which("clang++")
        wanted = "a C++ compiler (Debian: apt install g++)"
    if found is None:
        raise OpUnavailable(f"No compiler found; the PyTorch form serves. Install {wanted} for the fast one.")
    return found


@functools.cache
def _version(compiler: str) -> str:
    return subprocess.run([compiler, "--version"], capture_output=True, text=True, check=False).stdout


@functools.cache
def _processor() -> str:
    """What ``-march=native`` depends on."""
    listed = Path("/proc/cpuinfo")
    if not listed.exists():
        return f"{platform.machine()} {platform.processor()}"
    lines = listed.read_text(errors="replace").splitlines()
    return "\n".join(next((line for line in lines if line.startswith(word)), "") for word in ("model name", "flags"))


def _ninja() -> str:
    beside = Path(sys.executable).parent / "ninja"  # an environment's own ninja, even if its bin is not on PATH
    found = str(beside) if beside.exists() else shutil.which("ninja")
    if found is None:
        raise OpUnavailable("ninja is not installed (pip install ninja); the PyTorch form serves.")
    return found


def _build(name: str, device: str, library: Path) -> None:
    """Compiles in a folder of its own and moves it into place, so that two processes never see half a library."""
    try:
        _STATE.cache.mkdir(parents=True, exist_ok=True)
        workplace = Path(tempfile.mkdtemp(prefix=f"{name}-{device}-", dir=_STATE.cache))
    except OSError as error:
        raise OpUnavailable(f"Compiled ops cannot be kept in {_STATE.cache} ({error}).") from error
    command = " ".join([_compiler(device), *_flags(device), "$in", "-o", "$out"])
    source = str(_source(name, device)).replace("$", "$$").replace(" ", "$ ").replace(":", "$:")
    rules = f"rule compile\n  command = {command}\nbuild {name}.so: compile {source}\n"
    (workplace / "build.ninja").write_text(rules)
    done = subprocess.run([_ninja(), "-C", str(workplace)], capture_output=True, text=True, check=False)
    if done.returncode:
        shutil.rmtree(workplace, ignore_errors=True)
        said = [line for line in (done.stdout + done.stderr).splitlines() if "error" in line.lower()]
        raise OpUnavailable(f"{name} did not compile for {device}: {said[0] if said else 'no reason given'}")
    try:
        os.rename(workplace, library.parent)  # noqa: PTH104 - must fail, not replace, where another process was first
    except OSError:
        shutil.rmtree(workplace, ignore_errors=True)
        if not library.exists():
            raise OpUnavailable(f"The compiled {name} could not be moved to {library.parent}.") from None
