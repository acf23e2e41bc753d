"""A trained network in its fastest form on this machine: PyTorch, as it is, frozen or in bfloat16, or OpenVINO in float,
bfloat16 or int8.

Every form is compared with the network itself on given pictures; of those accurate enough the quickest is taken, and the
choice is remembered in a folder, with the graph, so that the next start neither measures nor calibrates.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import io
import json
import logging
import os
import platform
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    import openvino

Forward = Callable[..., tuple[Tensor, ...]]
KINDS = ("eager", "frozen", "bfloat16", "openvino", "openvino_bfloat16", "openvino_int8")
"""Forms in the order in which they are tried."""
REPEATS = 9
WATCHED = 2
"""Calls after which TorchScript has made up its mind."""


@dataclass(frozen=True)
class Trial:
    """One form, measured."""

    kind: str
    milliseconds: float
    error: float
    """Root mean square difference from the network's own outputs, as a share of their deviation; the worst output."""


@dataclass(frozen=True)
class Exported:
    """A network ready for use; called with tensors as the network was, it always returns a tuple of float32 tensors."""

    trial: Trial
    trials: tuple[Trial, ...]
    """Everything that was measured when the form was chosen."""
    run: Forward

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Outputs for inputs of the example's shapes; eager and frozen forms take others too."""
        return self.run(*inputs)


def export_fastest(
    network: nn.Module,
    pictures: Sequence[tuple[Tensor, ...]],
    allowed_error: float,
    memory: Path,
    kinds: Sequence[str] = KINDS,
) -> Exported:
    """The quickest form whose error is allowed. ``pictures``: real inputs of one shape, several where int8 may be used.

    Every second of them calibrates, the others judge.
    """
    if not pictures or any(kind not in KINDS for kind in kinds):
        raise ValueError(
            f"Exporting wants pictures, and kinds out of {', '.join(KINDS)}; given {len(pictures)}, {kinds}."
        )
    network = copy.deepcopy(network).eval().requires_grad_(False)
    key = _digest(network, pictures[0], allowed_error, kinds)
    remembered = _recall(memory, key, network, pictures[0])
    if remembered is not None:
        return remembered
    judges = list(pictures[1::2]) or list(pictures)
    made = {kind: _make(kind, network, list(pictures[::2]), memory / f"{key}-{kind}.xml") for kind in kinds}
    forms = {kind: run for kind, run in made.items() if run is not None}
    taken = _time(list(forms.values()), pictures[0])
    trials = [
        Trial(kind, milliseconds, _error(network, run, judges))
        for (kind, run), milliseconds in zip(forms.items(), taken, strict=True)
    ]
    allowed = [trial for trial in trials if trial.error <= allowed_error]
    if not allowed:
        listed = ", ".join(f"{trial.kind} {trial.error:.4f}" for trial in trials)
        raise ValueError(
            f"No form of the network is as accurate as asked ({allowed_error}): {listed or 'none works here'}."
        )
    best = min(allowed, key=lambda trial: trial.milliseconds)
    _remember(memory, key, best, trials)
    return Exported(best, tuple(trials), forms[best.kind])


def as_it_is(network: nn.Module) -> Exported:
    """The network itself, for those who keep nothing on disk."""
    trial = Trial("eager", float("nan"), 0.0)
    return Exported(trial, (trial,), _eager(copy.deepcopy(network).eval().requires_grad_(False)))


def _make(kind: str, network: nn.Module, calibration: list[tuple[Tensor, ...]], graph: Path) -> Forward | None:
    """The form's callable, its graph written where it has one; None where this machine cannot have it."""
    if kind == "eager":
        return _eager(network)
    if kind == "frozen":
        return _frozen(network, calibration[0])
    if kind == "bfloat16":
        return _bfloat16(network) if _has_bfloat16() else None
    if kind == "openvino_bfloat16" and not _has_bfloat16():
        return None
    try:
        import openvino
    except ImportError:
        return None
    model = _convert(network, calibration[0])
    if kind == "openvino_int8":
        model = _quantise(model, calibration)
    graph.parent.mkdir(parents=True, exist_ok=True)
    openvino.save_model(model, graph, compress_to_fp16=False)
    return _compile(graph, kind)


def _eager(network: nn.Module) -> Forward:
    # dense float convolutions on CPU are quicker with neighbouring channels beside each other
    ready = copy.deepcopy(network).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    @torch.inference_mode()
    def run(*inputs: Tensor) -> tuple[Tensor, ...]:
        return _tuple(ready(*(_channels_last(x) for x in inputs)))

    return run


def _frozen(network: nn.Module, example: tuple[Tensor, ...]) -> Forward:
    """Without Python between its layers, and with all that no input changes worked out: much of the time of many small ones.
    Inputs of other shapes than the example's go through the network as it is."""
    ready = copy.deepcopy(network).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    shown, shapes = [_channels_last(x) for x in example], [x.shape for x in example]
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # tracing warns of shapes that become constants, which is what is wanted
        graph: Any = torch.jit.freeze(torch.jit.trace(ready, tuple(shown), check_trace=False))  # pyright: ignore
        for _ in range(WATCHED):
            graph(*shown)

    @torch.inference_mode()
    def run(*inputs: Tensor) -> tuple[Tensor, ...]:
        form = graph if [x.shape for x in inputs] == shapes else ready
        return _tuple(form(*(_channels_last(x) for x in inputs)))

    return run


def _bfloat16(network: nn.Module) -> Forward:
    ready = copy.deepcopy(network).to(torch.bfloat16).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    @torch.inference_mode()
    def run(*inputs: Tensor) -> tuple[Tensor, ...]:
        lowered = [_channels_last(x.to(torch.bfloat16) if x.is_floating_point() else x) for x in inputs]
        return tuple(x.float() for x in _tuple(ready(*lowered)))

    return run


def _convert(network: nn.Module, example: tuple[Tensor, ...]) -> openvino.Model:
    import openvino

    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # tracing warns of shapes that become constants, which is what is wanted
        shapes: Any = [list(x.shape) for x in example]
        given: Any = example if len(shapes) > 1 else example[0]  # pyright: ignore[reportGeneralTypeIssues]
        return openvino.convert_model(network, example_input=given, input=shapes)


def _quantise(model: openvino.Model, calibration: list[tuple[Tensor, ...]]) -> openvino.Model:
    """Weights and activations in int8, their ranges read off the given pictures."""
    import nncf

    logging.getLogger("nncf").setLevel(logging.ERROR)
    arrays = [[x.numpy() for x in inputs] for inputs in calibration]
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        return nncf.quantize(model, nncf.Dataset(arrays), subset_size=len(arrays))


def _compile(graph: Path, kind: str) -> Forward:
    """An OpenVINO graph as a callable; every thread has a request of its own."""
    import openvino

    precision = "bf16" if kind == "openvino_bfloat16" or (kind == "openvino_int8" and _has_bfloat16()) else "f32"
    options = {
        "INFERENCE_PRECISION_HINT": precision,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
    }
    compiled = openvino.Core().compile_model(graph, "CPU", options)
    requests = threading.local()

    def run(*inputs: Tensor) -> tuple[Tensor, ...]:
        if not hasattr(requests, "own"):
            requests.own = compiled.create_infer_request()
        answered = requests.own.infer([x.contiguous().numpy() for x in inputs], share_inputs=True)
        return tuple(torch.from_numpy(answered[output].copy()).float() for output in compiled.outputs)

    return run


def _time(runs: Sequence[Forward], inputs: tuple[Tensor, ...]) -> list[float]:
    """Median milliseconds of a call of each, in turns: what else the machine does meets all of them alike."""
    taken = [list[float]() for _ in runs]
    for _ in range(REPEATS + 2):
        for run, mine in zip(runs, taken, strict=True):
            began = time.perf_counter()
            run(*inputs)
            mine.append(time.perf_counter() - began)
    return [sorted(mine[2:])[REPEATS // 2] * 1000 for mine in taken]


@torch.no_grad()
def _error(network: nn.Module, run: Forward, judges: list[tuple[Tensor, ...]]) -> float:
    pairs = [(_tuple(network(*inputs)), run(*inputs)) for inputs in judges]
    worst = 0.0
    for place in range(len(pairs[0][0])):
        wanted = torch.cat([own[place].float().flatten() for own, _ in pairs])
        found = torch.cat([other[place].flatten() for _, other in pairs])
        spread = wanted.std(correction=0).clamp_min(1e-6)
        error = ((wanted - found).square().mean().sqrt() / spread).nan_to_num(nan=float("inf"))
        worst = max(worst, float(error))
    return worst


def _digest(network: nn.Module, example: tuple[Tensor, ...], allowed_error: float, kinds: Sequence[str]) -> str:
    """Everything on which the choice depends: weights, shapes, machine, library versions, threads, accuracy."""
    digest = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    shapes = [(tuple(x.shape), str(x.dtype)) for x in example]
    machine = (platform.machine(), _processor_name(), os.cpu_count(), torch.get_num_threads(), torch.__version__)
    digest.update(repr((str(network), shapes, machine, allowed_error, tuple(kinds))).encode())
    return digest.hexdigest()[:20]


def _recall(memory: Path, key: str, network: nn.Module, example: tuple[Tensor, ...]) -> Exported | None:
    """What was chosen before, if its graph still works."""
    try:
        held = json.loads((memory / f"{key}.json").read_text(encoding="utf-8"))
        best, trials = Trial(**held["best"]), tuple(Trial(**trial) for trial in held["trials"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    graph = memory / f"{key}-{best.kind}.xml"
    try:
        if best.kind.startswith("openvino"):
            run = _compile(graph, best.kind) if graph.is_file() else None
        else:
            run = _make(best.kind, network, [example], graph)
    except (ImportError, RuntimeError):
        return None
    return None if run is None else Exported(best, trials, run)


def _remember(memory: Path, key: str, best: Trial, trials: list[Trial]) -> None:
    """The choice beside its graph; graphs that were not chosen go."""
    memory.mkdir(parents=True, exist_ok=True)
    for trial in trials:
        if trial.kind != best.kind:
            for ending in (".xml", ".bin"):
                (memory / f"{key}-{trial.kind}{ending}").unlink(missing_ok=True)
    partial = memory / f".{key}.partial"
    held = {"best": asdict(best), "trials": [asdict(trial) for trial in trials]}
    partial.write_text(json.dumps(held, indent=2), encoding="utf-8")
    partial.replace(memory / f"{key}.json")


def _tuple(given: Any) -> tuple[Tensor, ...]:
    return (given,) if isinstance(given, Tensor) else tuple(given)


def _channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x


def _processor_name() -> str:
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text(errors="replace").splitlines() if listed.exists() else []
    return next((line for line in lines if line.startswith("model name")), platform.processor())


def _has_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 by itself; emulated it is slower than float."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
